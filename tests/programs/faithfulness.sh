#!/bin/sh
# What scripts rely on in `faithfulness`: its table, its file, its exit codes, and that networks are
# as good as themselves.
#
#   faithfulness.sh PROGRAM    (the program `mnist` lies beside it)
set -u
. "$(dirname "$0")/../support/contract.sh"

for seed in 1 2 3; do
  "$(dirname "$program")/mnist" --dataset synthetic --net lenet5 --limit 300 --epochs 1 \
    --bits w4a4 --seed $seed --out "$work/seed$seed" >/dev/null || fail "no model"
done
one=$work/seed1/model.safetensors two=$work/seed2/model.safetensors
three=$work/seed3/model.safetensors

"$program" --a "this=$one,$two,$three" --b "same=$one,$two,$three" --images synthetic:0-39 \
  --out "$work/out" \
  >"$work/stdout" || fail "exit code $?"
for key in blank_maps gini relevance_mass_on_evidence pointing_at_evidence deletion insertion \
  masked_accuracy masked_accuracy_of_random_ranking masked_advantage road accuracy; do
  grep -q "^$key .* 0.000 \[0.000, 0.000\], other images \[0.000, 0.000\]  not decided" "$work/stdout" ||
    fail "$key: networks differ from themselves"
  grep -q "\"$key\": " "$work/out/metrics.json" || fail "metrics.json lacks $key"
done
[ "$(grep -c '"without_blank": ' "$work/out/metrics.json")" -eq "$(grep -c '"this": ' \
  "$work/out/metrics.json" | awk '{print $1 / 2}')" ] ||
  fail "not every measure is given without blank maps, too"
"$program" --a "this=$one,$two" --b "other=$two,$one" --images synthetic:0-39 >"$work/stdout" ||
  fail "exit code $?"
grep -q "^gini .* -\{0,1\}0.000, other images .*  no verdict below three seeds" "$work/stdout" ||
  fail "two seeds decide: $(cat "$work/stdout")"
grep -q "^warning: pair 1 was trained from seeds 1 and 2" "$work/stdout" ||
  fail "nothing is said of other seeds: $(cat "$work/stdout")"
run 2 "--b: expected another name" --a "x=$one" --b "x=$two" --images synthetic:0
run 2 "--b: expected a name .*, got difference" --a "x=$one" --b "difference=$two" --images synthetic:0

"$(dirname "$program")/mnist" --dataset synthetic --net lenet5 --limit 300 --epochs 1 --bits w2a2 \
  --alpha 0.001 --alpha-lr 1e-9 --lr 1e-9 --out "$work/dead" >/dev/null || fail "no dead model"
"$program" --a "blank=$work/dead/model.safetensors" --b "other=$one" --images synthetic:0-39 \
  --no-deletion >"$work/stdout" || fail "exit code $?"
grep -q "^blank_maps  *0.[1-9]" "$work/stdout" || fail "$(cat "$work/stdout")"
[ "$(grep -c "^  where neither map is blank" "$work/stdout")" -ge 5 ] ||
  fail "no line without blank maps: $(cat "$work/stdout")"

# One network three times is not three seeds, nor is a copy of it.
cp "$one" "$work/copy.safetensors"
for copies in "$one,$two,$one" "$one,$two,$work/copy.safetensors"; do
  run 2 "which are equal" --a "x=$copies" --b "y=$one,$two,$three" --images synthetic:0-9
done
# Verdicts are corrected for the number of measures: the smallest p counts so many times.
few=""
for seed in 1 2 3; do
  "$(dirname "$program")/mnist" --dataset synthetic --net lenet5 --limit 300 --epochs 1 \
    --bits w2a2 --seed $seed --out "$work/few$seed" >/dev/null || fail "no model"
  few=$few${few:+,}$work/few$seed/model.safetensors
done
"$program" --a "x=$one,$two,$three" --b "y=$few" --images synthetic:0-9 --no-deletion \
  --out "$work/holm" >/dev/null || fail "exit code $?"
awk -F'[:,]' '/"p": / { p = $2 + 0 }
  /"adjusted_p": / { adjusted = $2 + 0; if (!n++ || p < low) { low = p; of_low = adjusted } }
  /"verdict": / { if (adjusted >= 0.05 && !/not decided/) wrong = 1 }
  END { product = n * low < 1 ? n * low : 1
        exit wrong || n < 6 || low >= 0.1 || (of_low - product) ^ 2 > 1e-12 }' \
  "$work/holm/metrics.json" || fail "verdicts are not corrected: $(grep 'p": ' "$work/holm/metrics.json")"

run 2 "as many networks as --a, 1, got 2" --a "x=$one" --b "y=$one,$two" --images synthetic:0
run 2 "--images is needed" --a "x=$one" --b "y=$one"
run 2 "--a: expected NAME=FILE" --a "$one" --b "y=$one" --images synthetic:0
run 2 "each image once, got 5 again" --a "x=$one" --b "y=$two" --images synthetic:5,5,5
touch "$work/file"
run 1 "a folder" --a "x=$one" --b "y=$one" --images synthetic:0 --out "$work/file"
exit $failed
