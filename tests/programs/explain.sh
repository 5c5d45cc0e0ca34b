#!/bin/sh
# What scripts rely on in `explain`: its files, its exit codes, and that an NPY of pixel codes and a
# data set give the same maps.
#
#   explain.sh PROGRAM    (the program `mnist` lies beside it)
set -u
. "$(dirname "$0")/../support/contract.sh"

# zeros DESCR SHAPE BYTES: an NPY file.
zeros() { npy "$1" "$2" && head -c "$3" /dev/zero; }

"$(dirname "$program")/mnist" --dataset synthetic --net lenet5 --limit 300 --epochs 1 \
  --out "$work" >/dev/null || fail "no model to explain"
model="--model $work/model.safetensors"
quick="--samples 2 --steps 2 --masks 20"

# ---- Results.
# shellcheck disable=SC2086
run 0 "" $model $quick --images synthetic:0,2-4 --faithfulness --out "$work/all"
for method in gradient gradient-x-input smoothgrad smoothgrad-squared vargrad \
  integrated-gradients expected-gradients guided_backprop grad-cam grad-cam-plus-plus layer-cam \
  hires-cam score-cam occlusion rise; do
  size=$(wc -c <"$work/all/$method.npy")
  [ "$size" -eq $((128 + 4 * 4 * 28 * 28)) ] || fail "$method.npy has $size bytes"
  grep -q "\"$method\": {" "$work/all/metrics.json" || fail "metrics.json lacks $method"
done
for key in model net bits targets labels completeness_error blank_maps without_blank gini deletion insertion \
  masked_accuracy masked_advantage road relevance_mass_on_evidence zero_share_of_gradients version; do
  grep -q "\"$key\": " "$work/all/metrics.json" || fail "metrics.json lacks $key"
done
[ "$(wc -c <"$work/all/logits.npy")" -eq $((128 + 4 * 4 * 10)) ] || fail "logits.npy"
[ "$(head -c 4 "$work/all/maps.png" | tail -c 3)" = PNG ] || fail "maps.png is no PNG"

# shellcheck disable=SC2086
run 0 "" $model --images synthetic:4 --method gradient --targets 7 --overlay --out "$work/one"
[ "$(ls "$work/one")" = "gradient.npy
logits.npy
maps.png
metrics.json" ] || fail "one method leaves $(ls "$work/one")"

# ---- A network with all its clips near 0, untrained: half of its maps are exactly 0.
"$(dirname "$program")/mnist" --dataset synthetic --net lenet5 --limit 300 --epochs 1 --bits w2a2 \
  --alpha 0.001 --alpha-lr 1e-9 --lr 1e-9 --out "$work/dead" >/dev/null || fail "no dead model"
run 0 "" --model "$work/dead/model.safetensors" --images synthetic:0-99 --method gradient \
  --out "$work/blank"
grep -q "blank  *[1-9][0-9.]* %" "$work/stdout" || fail "no blank map: $(cat "$work/stdout")"
grep -q '"blank": [1-9]' "$work/blank/metrics.json" || fail "metrics.json counts no blank maps"

# ---- Images from files.
zeros '|u1' '2, 1, 28, 28' 1568 >"$work/codes.npy"
zeros '<f4' '2, 1, 28, 28' 6272 >"$work/input.npy"
zeros '<f4' '2, 1, 28, 29' 6496 >"$work/wide.npy"
zeros '<f8' '2, 1, 28, 28' 12544 >"$work/double.npy"
zeros '|u1' '1568' 1568 >"$work/flat.npy"
for images in codes input; do
  # shellcheck disable=SC2086
  run 0 "" $model $quick --images "$work/$images.npy" --out "$work/$images"
done
# ---- Baselines of one's own: where all are black, expected gradients are of another place.
expected="$model --images synthetic:0,2-4 --method expected-gradients --samples 2"
# shellcheck disable=SC2086
{
  run 0 "" $expected --out "$work/set"
  cmp -s "$work/set/expected-gradients.npy" "$work/all/expected-gradients.npy" ||
    fail "expected gradients differ from run to run"
  run 0 "" $expected --baselines "$work/codes.npy" --out "$work/black"
  cmp -s "$work/set/expected-gradients.npy" "$work/black/expected-gradients.npy" &&
    fail "--baselines has no effect"
  run 1 "\[1, 1, 28, 28\] each" $expected --baselines "$work/wide.npy"
  run 2 "FILE.npy, got 'synthetic:0'" $expected --baselines synthetic:0
  # Of all maps, one that does not apply is left out; baselines that cannot be read end the program.
  run 0 "" $model $quick --images synthetic:0 --baselines "$work/codes.npy" --out "$work/all_black"
  run 1 "\[1, 1, 28, 28\] each" $model $quick --images synthetic:0 --baselines "$work/wide.npy"
}

# shellcheck disable=SC2086
{
  run 1 "\[1, 1, 28, 28\] each" $model --images "$work/wide.npy"
  run 1 "uint8 pixel codes or float32" $model --images "$work/double.npy"
  run 1 "images \[N, C, H, W\]" $model --images "$work/flat.npy"
  run 1 "missing.npy" $model --images "$work/missing.npy"
  run 2 "not known" $model --images "$work/codes.npy" --targets true

  # ---- Options.
  run 2 "--net.*lenet5, got mnist_cnn" $model --images synthetic:0 --net mnist_cnn
  run 2 "--bits.*fp32, got w4a4" $model --images synthetic:0 --bits w4a4
  run 2 "--bits.*got 'w9'" $model --images synthetic:0 --bits w9
  run 2 "up to 1999" $model --images synthetic:2000
  run 2 "'3-1'" $model --images synthetic:3-1
  run 2 "each image once, got 4 again" $model --images synthetic:4,2-5
  run 0 "" $model --images synthetic:4,4 --targets 3,7 --method gradient --out "$work/two" # classes
  run 2 "each image once for a class, got 4 again" $model --images synthetic:4,4 --targets 3,3
  run 2 "'x'" $model --images synthetic:0,x
  run 2 "FILE.npy" $model --images imagenet:0
  run 2 "up to 9" $model --images synthetic:0 --targets 10
  run 2 "one class, or 2, got 3" $model --images synthetic:0,1 --targets 1,2,3
  run 2 "--method" $model --images synthetic:0 --method lime
  run 2 "--images" $model
  run 2 "--samples: .*smoothgrad.*, got gradient" $model --images synthetic:0 --method gradient --samples 5
  run 2 "--steps: .*, got rise" $model --images synthetic:0 --method rise --steps 5
  run 2 "--masks: .* rise, got occlusion" $model --images synthetic:0 --method occlusion --masks 5
  run 2 "--baselines: .*, got gradient" $model --images synthetic:0 --method gradient \
    --baselines "$work/codes.npy"
  run 2 "--overlay: .* no sign, got rise" $model --images synthetic:0 --method rise --overlay
}
run 2 "--model" --images synthetic:0
run 1 "nothing.safetensors" --model "$work/nothing.safetensors" --images synthetic:0
exit $failed
