#!/bin/sh
# What people rely on in `cifar10`: which batches a protocol reads, that a residual net trains to the
# same bytes for any number of threads and after a kill, and that bad combinations are refused. On a
# made-up set: six files of forty images.
#
#   cifar10.sh PROGRAM
set -u
. "$(dirname "$0")/../support/contract.sh"
same() { cmp -s "$work/$1/model.safetensors" "$work/$2/model.safetensors"; }

mkdir -p "$work/data/cifar-10"
image=0 # every image is another one
for name in data_batch_1 data_batch_2 data_batch_3 data_batch_4 data_batch_5 test_batch; do
  for label in 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9; do
    printf "\\$(printf %03o "$label")"
    awk -v n="$image" 'BEGIN { for (i = 0; i < 3072; ++i) printf "%c", 65 + (i * 7 + n * (i % 13 + 1)) % 57 }'
    image=$((image + 1))
  done >"$work/data/cifar-10/$name.bin"
done

small="--data $work/data --epochs 1 --batch 20 --seed 3"
run 0 "" $small --validation --bits w2a2 --weights dorefa --out "$work/a" --threads 1
grep -q '"train_images": 120' "$work/a/metrics.json" || fail "--validation: not three batches"
grep -q '"test_images": 40' "$work/a/metrics.json" || fail "--validation: not one batch to test on"
grep -q '"tested_on": "validation images"' "$work/a/metrics.json" || fail "--validation: not told"
grep -q '"relu1": ' "$work/a/metrics.json" || fail "no alphas"
run 0 "" $small --validation --bits w2a2 --weights dorefa --out "$work/b" --threads 2
same a b || fail "one and two threads give different models"
# shellcheck disable=SC2086
kill_at_work "$work/killed" $small --validation --bits w2a2 --weights dorefa
run 0 "" $small --validation --bits w2a2 --weights dorefa --out "$work/killed" --resume
same a killed || fail "killed and resumed: another model"
run 0 "" $small --holdout --guided --bits w4a4 --out "$work/c"
grep -q '"train_images": 160' "$work/c/metrics.json" || fail "--holdout: not four batches"
grep -q '"protocol": "holdout"' "$work/c/metrics.json" || fail "the protocol is not told"
grep -q '"tested_on": "held-out images"' "$work/c/metrics.json" || fail "--holdout: not told"
run 2 "not trained on the validation images" $small --validation \
  --from-weights "$work/c/model.safetensors" --out "$work/no"
# Its integers are tested on the held-out batch: it needs no official test images.
mv "$work/data/cifar-10/test_batch.bin" "$work"
"$(dirname "$program")/integer_inference" --model "$work/c/model.safetensors" --data "$work/data" \
  --explain 0 --out "$work/integers" >"$work/said" 2>&1 || fail "held-out images: $(cat "$work/said")"
mv "$work/test_batch.bin" "$work/data/cifar-10"
held=$(sed -n 's/.*"test_accuracy": \([0-9.]*\).*/\1/p' "$work/c/metrics.json")
awk -v held="$held" '/^accuracy:/ { found = ($2 - 100 * held) ^ 2 < 1e-4 } END { exit !found }' \
  "$work/said" || fail "other images: $held, $(cat "$work/said")"
run 0 "" $small --net vgg_small --limit 20 --out "$work/d"
grep -q '"net": "vgg_small"' "$work/d/metrics.json" || fail "not the network that was asked for"
run 2 "exclude each other" --holdout --validation

# Statistics measured again: other ones, the same again from a finished run, and nothing else.
again="$small --validation --bits w2a2 --weights dorefa --reestimate --ema 0.5"
run 0 "" $again --out "$work/g" --threads 1
same a g && fail "--reestimate and --ema change nothing"
cp "$work/g/model.safetensors" "$work/first"
run 0 "" $again --out "$work/g" --threads 2 --resume
cmp -s "$work/first" "$work/g/model.safetensors" || fail "--reestimate twice: another model"

run 2 "vgg_small|resnet20, got 'alexnet'" --net alexnet
rm "$work/data/cifar-10/data_batch_5.bin"
run 0 "" $small --validation --out "$work/e" # which needs no batch 5
run 1 "data_batch_5.bin" $small --holdout --out "$work/f"
exit $failed
