#!/bin/sh
# Makes docs/results/allocation.jsonl: bits for ResNet-20's layers chosen by loss, by maps and by
# both, and five random choices of the same bytes, each fine-tuned for two epochs on three seeds
# (random ones on one); then the measures of its maps on 500 test images, and how far they are from
# those of fp32 networks. The choices are made once, on the validation split, with the network
# choose-fp32 of recipes.sh; the fine-tuning starts from its holdout-fp32-SEED. Needs Python 3
# and the programs cifar10, allocate, faithfulness and compare.
#
#   docs/results/allocation.sh PROGRAMS OUT [THREADS [ROWS]]    (docs/results/rows.sh)
#   docs/results/tables.py allocation                           prints the tables of docs/quantisation.md
set -eu
cd "$(dirname "$0")/../.."
table=docs/results/allocation.jsonl
. docs/results/rows.sh

fp32() { echo "$out/holdout-fp32-$1/model.safetensors"; }

# measured FOLDER, for rows.sh: compare once with the network that the row started from, and once
# with each fp32 network of another seed.
measured() {
  images="--images cifar-10:0-499 --threads $threads"
  net=net=$1/model.safetensors
  # shellcheck disable=SC2086
  {
    "$programs/faithfulness" --a "fp32=$(fp32 $seed)" --b "$net" $images --no-deletion \
      --out "$1/faithfulness"
    for other in 1 2 3; do
      models="fp32=$(fp32 $other),$net"
      [ $other = $seed ] || models="$models,start=$(fp32 $seed)"
      "$programs/compare" --models "$models" $images --out "$1/compare-$other"
    done
  } >"$1/measures.txt"
  docs/results/tables.py measures "$1" $seed
}

# row SHARE POLICY SEED
row() {
  wanted "$1-$2-$3" || return 0
  seed=$3
  bits=$out/bits-$1
  if [ "$2" = w4a4 ]; then # the reference
    mkdir -p "$bits"
    echo w4a4 >"$bits/w4a4.txt"
  fi
  [ -s "$bits/$2.txt" ] || "$programs/allocate" --model "$out/choose-fp32/model.safetensors" \
    --share "$1" --random 5 --threads "$threads" --out "$bits"
  options="--holdout --seed $seed --epochs 2 --lr 0.02 --pact plus --alpha-quantile 0.95"
  # shellcheck disable=SC2086
  train "$1-$2-$seed" "$options --bits $(head -1 "$bits/$2.txt")" $options --bits "$bits/$2.txt" \
    --from-weights "$(fp32 $seed)"
}

for i in 1 2 3; do row 1 w4a4 $i; done
for share in 0.85 0.75; do
  for policy in by-loss by-maps by-both; do
    for i in 1 2 3; do row $share $policy $i; done
  done
  for i in 1 2 3 4 5; do row $share random-$i 1; done
done
