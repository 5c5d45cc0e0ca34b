#!/bin/sh
# Makes docs/results/allocation.jsonl: bits for ResNet-20's layers chosen by loss, by maps and by
# both, and five random choices of the same bytes, each fine-tuned for two epochs; then the measures
# of its maps on 500 test images, and how far they are from the fp32 network's. Needs the fp32
# networks that recipes.sh made (OUT/holdout-fp32-SEED), Python 3, and the programs cifar10,
# allocate, faithfulness and compare.
#
#   docs/results/allocation.sh PROGRAMS OUT [THREADS [ROWS]]    (docs/results/rows.sh)
#   docs/results/allocation.py table                            prints the tables of docs/quantisation.md
set -eu
cd "$(dirname "$0")/../.."
table=docs/results/allocation.jsonl
. docs/results/rows.sh

# measured FOLDER, for rows.sh
measured() {
  images="--images cifar-10:0-499 --threads $threads"
  # shellcheck disable=SC2086
  {
    "$programs/faithfulness" --a "fp32=$start" --b "net=$1/model.safetensors" $images \
      --no-deletion --out "$1/faithfulness"
    "$programs/compare" --models "fp32=$start,net=$1/model.safetensors" $images --out "$1/compare"
  } >"$1/measures.txt"
  docs/results/allocation.py measures "$1"
}

# row SHARE POLICY SEED
row() {
  wanted "$1-$2-$3" || return 0
  start=$out/holdout-fp32-$3/model.safetensors
  bits=$out/bits-$1-$3
  if [ "$2" = w4a4 ]; then # the reference
    mkdir -p "$bits"
    echo w4a4 >"$bits/w4a4.txt"
  fi
  [ -s "$bits/$2.txt" ] || "$programs/allocate" --model "$start" --share "$1" --random 5 \
    --threads "$threads" --out "$bits"
  options="--holdout --seed $3 --epochs 2 --lr 0.02 --pact plus --alpha-quantile 0.95"
  # shellcheck disable=SC2086
  train "$1-$2-$3" "$options --bits $(head -1 "$bits/$2.txt")" $options --bits "$bits/$2.txt" \
    --from-weights "$start"
}

for seed in 1 2 3; do row 1 w4a4 $seed; done
for share in 0.85 0.75; do
  for seed in 1 2 3; do
    for policy in by-loss by-maps by-both; do row $share $policy $seed; done
  done
  for i in 1 2 3 4 5; do row $share random-$i 1; done
done
