#!/bin/sh
# What scripts rely on in `compare`: its files and exit codes, and that a network is like itself.
#
#   compare.sh PROGRAM    (the program `mnist` lies beside it)
set -u
. "$(dirname "$0")/../support/contract.sh"

for seed in 1 2 3 4; do
  "$(dirname "$program")/mnist" --dataset synthetic --net lenet5 --limit 300 --epochs 1 \
    --seed $seed --out "$work/seed$seed" >/dev/null || fail "no model to compare"
done
one=$work/seed1/model.safetensors two=$work/seed2/model.safetensors
three=$work/seed3/model.safetensors four=$work/seed4/model.safetensors

"$program" --models "$one,again=$one,other=$two" --null "$two,$three,$four" --images synthetic:0-5 \
  --out "$work/out" >"$work/stdout" || fail "exit code $?"
grep -q "compared with those of seed1 (lenet5 fp32)" "$work/stdout" || fail "$(cat "$work/stdout")"
grep -q "^again .* 1.000 \[1.000, 1.000\]" "$work/stdout" || fail "a net is not like itself"
grep -q "^other - between-seed baseline: .*, other images .*; no drift" "$work/stdout" ||
  fail "one of the other seeds drifts: $(cat "$work/stdout")"
run 2 "which are equal" --models "$one,other=$two" --null "$two,$three,$two" --images synthetic:0
run 2 "which are equal" --models "$one,other=$two" --null "$two,$three,$one" --images synthetic:0
for key in reference images blank with_sign magnitude spearman ssim top_10_iou spearman_minus_null; do
  grep -q "\"$key\": " "$work/out/metrics.json" || fail "metrics.json lacks $key"
done
[ "$(head -c 4 "$work/out/maps.png" | tail -c 3)" = PNG ] || fail "maps.png is no PNG"

"$program" --models "$one" --images synthetic:0 --out "$work/alone" >"$work/stdout" ||
  fail "one model: exit code $?"
grep -q "without --null" "$work/stdout" || fail "nothing is said about the missing baseline"

"$program" --models "$one,other=$two" --null "$two" --images synthetic:0 --out "$work/one" \
  >"$work/stdout" || fail "one image: exit code $?"
grep -q "^other - between-seed baseline: .*; no verdict below three other seeds" "$work/stdout" ||
  fail "one other seed decides: $(cat "$work/stdout")"

# A black image: hiding parts of it with black changes nothing, so no map can be compared.
{
  npy '|u1' '1, 1, 28, 28'
  head -c 784 /dev/zero
} >"$work/black.npy"
run 0 "" --models "$one,other=$two" --null "$two,$three,$four" --images "$work/black.npy" \
  --method occlusion --out "$work/black"
grep -q "^other - between-seed baseline: -; no verdict: maps are constant" "$work/stdout" ||
  fail "three other seeds with constant maps: $(cat "$work/stdout")"

# A file without a folder has its own name; other seeds are those of the first network.
(cd "$work/seed1" && "$program" --models model.safetensors --images synthetic:0 --out "$work/here") \
  >"$work/stdout" || fail "exit code $?"
grep -q "compared with those of model (lenet5 fp32)" "$work/stdout" || fail "$(cat "$work/stdout")"
"$(dirname "$program")/mnist" --dataset synthetic --net lenet5 --limit 65 --epochs 1 --bits w4a4 \
  --out "$work/w4a4" >/dev/null || fail "no model"
run 2 "--null: expected networks like the first .*lenet5 fp32, got .*lenet5 w4a4" \
  --models "$one" --null "$two,$work/w4a4/model.safetensors" --images synthetic:0

run 2 "--images is needed" --models "$one"
run 2 "--models NAME=FILE,.. is needed" --images synthetic:0
run 2 "up to 1999, .*got '9999'" --models "$one" --images synthetic:9999
exit $failed
