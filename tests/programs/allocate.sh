#!/bin/sh
# What scripts rely on in `allocate`: its table, its files, that `mnist --bits` takes them, and its
# exit codes.
#
#   allocate.sh PROGRAM    (the program `mnist` lies beside it)
set -u
. "$(dirname "$0")/../support/contract.sh"

mnist="$(dirname "$program")/mnist --dataset synthetic --limit 300 --epochs 1"
$mnist --net lenet5 --out "$work/fp32" >/dev/null || fail "no model"
model=$work/fp32/model.safetensors
"$program" --model "$model" --images 100 --explained 20 --random 2 --out "$work/bits" \
  >"$work/stdout" || fail "exit code $?"
for layer in conv2 fc1 fc2 bytes; do
  grep -q "^$layer " "$work/stdout" || fail "no row for $layer: $(cat "$work/stdout")"
done
grep -q "^conv1 " "$work/stdout" && fail "the first layer has a row"
for name in by-loss by-maps by-both random-1 random-2; do
  grep -q "^w4a4" "$work/bits/$name.txt" || fail "$name.txt has no policy"
  grep -q "\"$name\": " "$work/bits/allocation.json" || fail "allocation.json lacks $name"
done

[ "$(cat "$work/bits/by-loss.txt")" != "$(cat "$work/bits/by-maps.txt")" ] ||
  fail "loss and maps choose alike: choose another net for this test"
"$program" --model "$model" --images 50 --explained 10 --random 1 --cost bit-operations \
  --out "$work/ops" >"$work/ops.txt" || fail "exit code $?"
grep -q "^bit-operations  *[1-9][0-9]" "$work/ops.txt" || fail "no bit operations: $(cat "$work/ops.txt")"

# A smaller share costs less; all of them fit; a file of the policy trains. Random policies of an
# earlier run go away.
size() { awk '/^bytes / { print $3 }' "$1"; } # by-maps
cp -r "$work/bits" "$work/small"
"$program" --model "$model" --images 100 --explained 20 --random 0 --share 0.7 --out "$work/small" \
  >"$work/less" || fail "exit code $?"
ls "$work/small"/random-* 2>/dev/null && fail "policies of another run are left"
[ "$(size "$work/less")" -lt "$(size "$work/stdout")" ] || fail "a share of 0.7 is not smaller"
$mnist --bits "$work/small/by-maps.txt" --from-weights "$model" --out "$work/tuned" >/dev/null ||
  fail "mnist refuses the policy"
policy=$(cat "$work/small/by-maps.txt")
grep -q "\"policy\": \"$policy" "$work/tuned/metrics.json" || fail "trained with another policy"

"$program" --model "$model" --images 100 --explained 20 --random 2 --threads 1 --out "$work/again" \
  >"$work/stdout2" || fail "exit code $?"
cmp -s "$work/stdout" "$work/stdout2" || fail "another number of threads, another table"

# Files from elsewhere: Windows' line ends, the mark of UTF-8.
printf '\357\273\277w2a2\r\nmore\r\n' >"$work/windows.txt"
$mnist --net lenet5 --bits "$work/windows.txt" --out "$work/windows" >/dev/null ||
  fail "Windows' line ends are refused"

run 2 "above 0, and at most 100" --model "$model" --share 1e30 --out "$work/no"
run 1 "a budget of at least" --model "$model" --images 50 --explained 10 --share 0.1 \
  --out "$work/none"
run 2 "--model and --out are needed" --model "$model"
run 2 "a real-valued network" --model "$work/tuned/model.safetensors" --out "$work/no"
run 2 "--dataset.*'imagenet'" --model "$model" --dataset imagenet --out "$work/no"
[ ! -e "$work/no" ] || fail "a refused run leaves files"
printf 'w4a4,conv9\n' >"$work/bad.txt"
$mnist --bits "$work/bad.txt" --out "$work/no" >/dev/null 2>"$work/stderr" && fail "bad policy taken"
grep -q "bad.txt: bits: expected" "$work/stderr" || fail "bad policy: $(cat "$work/stderr")"
exit $failed
