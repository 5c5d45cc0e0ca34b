#!/bin/sh
# A network of one's own, written by `own_model`, is read by the other programs from its file alone:
# the same logits, the same map, the same C, whose logits are the integer engine's.
#
#   own_model.sh PROGRAM    (the other programs lie beside it)
set -u
. "$(dirname "$0")/../support/contract.sh"
others=$(dirname "$program")

run 0 "" "$work/own"
grep -q "^own net w4a4: accuracy [0-9]" "$work/stdout" || fail "says $(cat "$work/stdout")"
own=$work/own/model.safetensors images=$work/own/images.npy

"$others/explain" --model "$own" --images "$images" --targets predicted --method gradient \
  --out "$work/explain" >"$work/explained" 2>&1 || fail "explain: $(cat "$work/explained")"
grep -q "^own net w4a4, 70 images" "$work/explained" || fail "explain: $(cat "$work/explained")"
cmp "$work/own/logits.npy" "$work/explain/logits.npy" || fail "explain: other logits"
[ -s "$work/explain/maps.png" ] || fail "explain: no picture"

# Nobody knows its training images: of all maps, expected gradients are left out, or asked for alone
# an error, until they are given.
"$others/explain" --model "$own" --images "$images" --targets predicted --samples 2 --steps 2 \
  --masks 4 --out "$work/all" >"$work/explained" 2>&1 || fail "explain: $(cat "$work/explained")"
grep -q "^expected-gradients is left out: .*--baselines" "$work/explained" ||
  fail "explain: $(cat "$work/explained")"
[ -s "$work/all/score-cam.npy" ] || fail "explain: no score-cam.npy"
expected="--targets predicted --method expected-gradients --out $work/expected"
mkdir "$work/expected"
touch "$work/expected/metrics.json" # of an earlier run
# shellcheck disable=SC2086
"$others/explain" --model "$own" --images "$images" $expected >"$work/explained" 2>&1 &&
  fail "explain: expected gradients without baselines"
[ ! -e "$work/expected/metrics.json" ] || fail "explain: another run's metrics beside new files"
# shellcheck disable=SC2086
"$others/explain" --model "$own" --images "$images" $expected --baselines "$images" \
  >"$work/explained" 2>&1 || fail "explain: $(cat "$work/explained")"

"$others/compare" --models "a=$own,b=$own" --images "$images" --targets predicted \
  --out "$work/compare" >"$work/compared" 2>&1 || fail "compare: $(cat "$work/compared")"

"$others/integer_inference" --model "$own" --images "$images" --explain 2 --masks 20 --name bars \
  --out "$work/integer" >"$work/verified" 2>&1 || fail "integer: $(cat "$work/verified")"
grep -q " of 70 images, 0 differ" "$work/verified" || fail "not verified: $(cat "$work/verified")"
cmp "$work/own/bars.c" "$work/integer/bars.c" || fail "another bars.c"
cmp "$work/own/bars.h" "$work/integer/bars.h" || fail "another bars.h"
check_c "$work/own" bars "$work/integer"
exit $failed
