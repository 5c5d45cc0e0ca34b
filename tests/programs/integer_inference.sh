#!/bin/sh
# What scripts rely on in `integer_inference`: its files, its exit codes, that it refuses what has no
# integers, and that the C it writes gives the same logits, here and on an emulated Cortex-M.
#
#   integer_inference.sh PROGRAM    (the program `mnist` lies beside it)
set -u
. "$(dirname "$0")/../support/contract.sh"

run 0 "" --bits w2a2 --limit 40 --explain 2 --masks 20 --name lenet --out "$work/out"
grep -q " 0 differ" "$work/stdout" || fail "not verified: $(cat "$work/stdout")"
grep -q "DIFFERS" "$work/stdout" && fail "maps differ: $(cat "$work/stdout")"
for file in lenet.safetensors lenet.c lenet.h images.bin logits.bin occlusion.npy rise.npy score-cam.npy; do
  [ -s "$work/out/$file" ] || fail "no $file"
done

# ---- The C, on this machine and on an emulated one.
check_c "$work/out" lenet "$work/out"
"$(dirname "$0")/../../examples/cortex_m/run.sh" "$work/out" lenet >"$work/arm" 2>&1
case $? in
  0) ;;
  77) echo "not tried on a Cortex-M: $(cat "$work/arm")" ;;
  *) fail "Cortex-M: $(cat "$work/arm")" ;;
esac

# ---- A network that is committed has the accuracy of its row.
results=docs/results/full/synthetic
run 0 "" --model $results/networks/synthetic.lenet5.w2a2.guided.seed-1.safetensors \
  --dataset synthetic --explain 0 --out "$work/committed"
grep -q " of 2000 images, 0 differ" "$work/stdout" || fail "not verified: $(cat "$work/stdout")"
right=$(sed -n '/"cell":"synthetic.lenet5.w2a2.guided.seed-1"/s/.*"test_accuracy":\([0-9.]*\).*/\1/p' \
  $results/results.jsonl)
awk -v right="$right" '/^accuracy:/ { found = ($2 - 100 * right) ^ 2 < 1e-4 } END { exit !found }' \
  "$work/stdout" || fail "a committed network of accuracy $right: $(cat "$work/stdout")"

# ---- ONNX: the files, what each layer became, and nothing half-written.
"$(dirname "$program")/mnist" --dataset synthetic --net lenet5 --bits w4a4 --limit 100 --epochs 1 \
  --out "$work/w4a4" >/dev/null || fail "no w4a4 model"
onnx="--model $work/w4a4/model.safetensors --limit 20 --explain 0 --out $work/onnx"
for form in exact integer; do
  run 0 "" $onnx --onnx "$work/$form.onnx" --form $form --intermediate
  [ -s "$work/$form.onnx" ] || fail "no ONNX file"
  grep -q "form $form, opset" "$work/stdout" || fail "no form: $(cat "$work/stdout")"
done
grep -q "^relu2 *QLinearConv " "$work/stdout" || fail "no integer layer: $(cat "$work/stdout")"
run 1 "no/net.onnx" $onnx --onnx "$work/no/net.onnx"
run 1 "global average pooling" $onnx --onnx "$work/no.onnx" --saliency
run 1 "a quantised net has the forms" --model "$work/w4a4/model.safetensors" \
  --onnx "$work/no.onnx" --form float
run 2 "nothing else: leave out" $onnx --onnx "$work/no.onnx" --form float
run 2 "--form float: expected --bits fp32, .*, got w2a2" --onnx "$work/no.onnx" --form float
run 2 "with integers, got fp32 .*--form float" --bits fp32 --out "$work/no"
run 2 "--bits: bits: expected fp32, .*'w99'" --bits w99 --out "$work/no"
run 2 "--bits w4a32: .*an activation in fp32" --bits w4a32 --out "$work/no"
run 2 "--form" --form quick
run 2 "need --onnx" --saliency --out "$work/no"
[ -e "$work/no.onnx" ] && fail "an ONNX file after an error"
[ -e "$work/no" ] && fail "a refused run leaves files"

# ---- Errors.
"$(dirname "$program")/mnist" --dataset synthetic --net lenet5 --limit 100 --epochs 1 \
  --out "$work/fp32" >/dev/null || fail "no fp32 model"
run 1 "quantise" --model "$work/fp32/model.safetensors" --limit 10 --out "$work/no"
run 0 "" --model "$work/fp32/model.safetensors" --onnx "$work/fp32.onnx" --form float --out "$work/none"
[ -s "$work/fp32.onnx" ] || fail "no ONNX file of a network in fp32"
run 0 "" --bits fp32 --onnx "$work/small.onnx" --form float --out "$work/none"
[ -s "$work/small.onnx" ] || fail "no ONNX file of a small network in fp32"
[ -e "$work/none" ] && fail "a folder that nothing was asked for"
run 1 "nothing.safetensors" --model "$work/nothing.safetensors"
run 2 "its own" --model "$work/w4a4/model.safetensors" --bits w2a2 --out "$work/no"
run 2 "need --model" --dataset mnist --out "$work/no"
run 2 "is the network itself" --model "$work/w4a4/model.safetensors" --out "$work/w4a4" --name model
run 2 "leave out --dataset and --limit" --model "$work/w4a4/model.safetensors" --images a.npy --limit 3 --out "$work/no"
run 2 "an identifier" --name my-net --out "$work/no"
[ -e "$work/no/my-net.safetensors" ] && fail "a name was refused after the work"
run 2 "--limit" --limit many
exit $failed
