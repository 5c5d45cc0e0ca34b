#!/bin/sh
# What people rely on in `mnist` beyond plain training: bits, fine-tuning, guided training, what its
# files say about them, and that bad combinations are refused.
#
#   mnist_quantised.sh PROGRAM
set -u
. "$(dirname "$0")/../support/contract.sh"
says() { grep -q -e "$2" "$1" || fail "$1 lacks $2"; }

small="--dataset synthetic --net lenet5 --limit 300 --epochs 2 --batch 32 --seed 5"

# ---- Bits: printed by the long name, in the metrics, in the model; alphas as array and picture.
run 0 "" $small --bits 4/2 --out "$work/mixed" --threads 1
says "$work/stdout" "lenet5, layerwise-4-2, sawb weights, first and last 8bit: test accuracy"
says "$work/mixed/metrics.json" '"policy": "layerwise-4-2, sawb weights, first and last 8bit"'
says "$work/mixed/metrics.json" '"packed_bytes": [1-9]'
says "$work/mixed/metrics.json" '"bit_operations": [1-9]'
says "$work/mixed/metrics.json" '"relu4": [0-9]'
says "$work/mixed/model.safetensors" '"bits":"layerwise-4-2"'
says "$work/mixed/alpha.svg" "relu4"
for bits in w9a4 0 -1 w4 4/ fp33 "w4a4,conv2"; do
  run 2 "bits: expected fp32, w4a4" $small --bits "$bits" --out "$work/none"
done
run 1 "one of the layers conv1.*got 'conv9'" $small --bits w4a4,conv9=w2a2 --out "$work/none"
[ ! -e "$work/none" ] || fail "a refused run leaves files"
run 0 "" $small --bits w4a4 --weights dorefa --limit 32 --epochs 1 --out "$work/dorefa"
says "$work/stdout" "warning: layer 'conv2': dorefa"
run 0 "" $small --limit 32 --epochs 1 --out "$work/dorefa" # without clips
[ ! -e "$work/dorefa/alpha.svg" ] || fail "the clips of an earlier run are left"

# ---- Killed and gone on with: the same network, and the same course of the alphas.
# shellcheck disable=SC2086
kill_again 1 "0.1 0.3" $small --bits w4a4 --guided --out "$work/killed"
# shellcheck disable=SC2086
kill_at_work "$work/at_work" $small --bits w4a4 --guided
run 0 "" $small --bits w4a4 --guided --out "$work/at_work" --threads 2 --resume
run 0 "" $small --bits w4a4 --guided --out "$work/killed" --threads 2 --resume
run 0 "" $small --bits w4a4 --guided --out "$work/whole" --threads 1
for file in model.safetensors alpha.npy alpha.svg; do
  for folder in killed at_work; do
    cmp -s "$work/$folder/$file" "$work/whole/$file" || fail "$folder, gone on with: another $file"
  done
done
says "$work/whole/model.safetensors" '"guided":"yes"'
run 1 "guided no" $small --bits w4a4 --out "$work/whole" --resume

# ---- Fine-tuning.
run 0 "" $small --out "$work/real"
real=$work/real/model.safetensors
fine="--dataset synthetic --limit 300 --epochs 1"
run 0 "" $fine --from-weights "$real" --bits w2a2 --weights lsq --out "$work/fine"
says "$work/fine/metrics.json" '"net": "lenet5"'
says "$work/fine/metrics.json" '"policy": "w2a2, lsq weights'
quantised=$work/fine/model.safetensors
run 0 "" $fine --from-weights "$quantised" --out "$work/finer"
says "$work/finer/metrics.json" '"policy": "w2a2, lsq weights'
run 2 "expected that of $real, lenet5, got mnist_cnn" $fine --net mnist_cnn --from-weights "$real"
run 2 "expected those of $quantised, w2a2, got w4a4" $fine --bits w4a4 --from-weights "$quantised"
run 2 "need --bits" $fine --weights lsq --from-weights "$real"
run 2 "quantised already" $fine --weights dorefa --from-weights "$quantised"
run 1 "$work/stdout" $fine --from-weights "$work/stdout"

# ---- Guided training's options.
run 2 "--share.*got '*1.5" $small --guided --share 1.5
run 2 "--authors" $small --authors
run 2 "--rank" $small --guided --rank entropy
run 2 "need --guided" $small --start 0.5
run 2 "--authors fixes" $small --guided --authors --share 0.1
run 2 "needs no saliency" $small --guided --rank random --target logit
run 0 "" $small --limit 32 --epochs 1 --guided --start 0.5 --out "$work/unguided"
says "$work/stdout" "warning: --start 0.5 comes after the last of 1 steps: nothing is guided"

# ---- Options that would do nothing.
for option in "--weights lsq" "--pact plus" "--alpha 3" "--first-last same" "--alpha-lr 0.1" \
  "--alpha-quantile 0.5" "--alpha-decay 0"; do
  run 2 "need --bits" $small $option
done
run 2 "one of them, got both" $small --bits w4a4 --alpha 2 --alpha-quantile 0.5
run 2 "--start.*less than 1, got 1" $small --guided --start 1
run 2 "at most 1 together, got 0.8 and 0.3" $small --guided --start 0.8 --ramp 0.3
exit $failed
