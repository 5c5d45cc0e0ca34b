#!/bin/sh
# Makes docs/results/allocation.jsonl: bits for ResNet-20's layers chosen by loss, by maps and by
# both, and five random choices of the same bytes, each fine-tuned for two epochs. Needs the
# fp32 networks that recipes.sh made (OUT/holdout-fp32-SEED). Resumable as recipes.sh is.
#
#   docs/results/allocation.sh PROGRAMS OUT [THREADS [ROWS]]
set -eu
cd "$(dirname "$0")/../.."
programs=$1
out=$2
threads=${3:-1}
rows=${4:-.}
table=docs/results/allocation.jsonl
touch "$table"

# row SHARE POLICY SEED
row() {
  name=$1-$2-$3
  echo "$name" | grep -Eq "$rows" || return 0
  grep -q "\"row\": \"$name\"" "$table" && return 0
  bits=$out/bits-$1-$3
  if [ "$2" = w4a4 ]; then # the reference
    mkdir -p "$bits"
    echo w4a4 >"$bits/w4a4.txt"
  fi
  [ -s "$bits/$2.txt" ] || "$programs/allocate" --model "$out/holdout-fp32-$3/model.safetensors" \
    --share "$1" --random 5 --threads "$threads" --out "$bits"
  options="--holdout --seed $3 --epochs 2 --lr 0.02 --pact plus --alpha-quantile 0.95"
  # shellcheck disable=SC2086
  "$programs/cifar10" $options --bits "$bits/$2.txt" --threads "$threads" --out "$out/$name" --resume \
    --from-weights "$out/holdout-fp32-$3/model.safetensors"
  rm -f "$out/$name/checkpoint.safetensors"
  printf '{"row": "%s", "command": "cifar10 %s --bits %s", %s\n' "$name" "$options" \
    "$(head -1 "$bits/$2.txt")" \
    "$(tr -d '\n' <"$out/$name/metrics.json" | sed 's/^{ *//; s/  */ /g')" >>"$table"
}

for seed in 1 2 3; do row 1 w4a4 $seed; done
for share in 0.85 0.75; do
  for seed in 1 2 3; do
    for policy in by-loss by-maps by-both; do row $share $policy $seed; done
  done
  for i in 1 2 3 4 5; do row $share random-$i 1; done
done
