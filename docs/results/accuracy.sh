#!/bin/sh
# Makes docs/results/accuracy.jsonl: what plain and saliency-guided training reach at each precision.
# A row that is there is not made again, a run that was killed goes on, so this may be stopped and
# started at will.
#
#   docs/results/accuracy.sh BUILD OUT [THREADS [ROWS]]
#
# BUILD has examples/, OUT takes the networks; ROWS is a pattern of the rows to make, so that several
# processes can share the work.
set -eu
cd "$(dirname "$0")/../.."
build=$1
out=$2
threads=${3:-1}
rows=${4:-.}
table=docs/results/accuracy.jsonl
commit=$(git rev-parse --short HEAD)
touch "$table"

# row NAME PROGRAM OPTIONS..
row() {
  name=$1 program=$2
  shift 2
  echo "$name" | grep -Eq "$rows" || return 0
  grep -q "\"row\": \"$name\"" "$table" && return 0
  echo "== $name: $program $*"
  "$build/examples/$program" "$@" --threads "$threads" --out "$out/$name" --resume
  rm -f "$out/$name/checkpoint.safetensors"
  command=$(echo "$program $*" | sed "s|$out/|OUT/|g")
  printf '{"row": "%s", "commit": "%s", "command": "%s", %s\n' "$name" "$commit" "$command" \
    "$(tr -d '\n' <"$out/$name/metrics.json" | sed 's/^{ *//; s/  */ /g')" >>"$table"
}

digits() { # NAME OPTIONS..: three epochs
  name=$1
  shift
  row "mnist-$name" mnist --epochs 3 "$@"
}

# Quantisation.
for seed in 1 2; do
  for bits in fp32 w4a4 w2a2; do digits "$bits-$seed" --bits $bits --seed $seed; done
done
for bits in w4a2 w2a4 layerwise-4-2; do digits "$bits-1" --bits $bits --seed 1; done
for bits in fp32 w4a4 w2a2; do
  row "fashion-$bits-1" mnist --dataset fashion-mnist --epochs 3 --bits $bits --seed 1
done

# CIFAR-10, batch 5 held out, six epochs: at once, and four epochs in fp32 at a constant rate, then two
# with few bits. Rate, clips and the length of the start were chosen with --tuning.
for bits in fp32 w4a4; do row "cifar-$bits-1" cifar10 --holdout --epochs 6 --bits $bits --seed 1; done
row cifar-w2a2-1 cifar10 --holdout --epochs 6 --bits w2a2 --alpha-quantile 0.95 --seed 1
row cifar-start-1 cifar10 --holdout --epochs 4 --schedule constant --lr 0.05 --bits fp32 --seed 1
warm() { # BITS OPTIONS..
  bits=$1
  shift
  row "cifar-warm-$bits-1" cifar10 --holdout --epochs 2 --schedule cosine --lr 0.05 --bits "$bits" \
    "$@" --from-weights "$out/cifar-start-1/model.safetensors" --seed 1
}
warm w4a4 --alpha-quantile 0.99
warm w2a2 --alpha-quantile 0.95 --pact plus

# Saliency-guided training, KL moving the masked prediction only; once as its authors have it, and
# once by the size of the gradient.
for bits in fp32 w4a4 w2a2; do digits "$bits-3" --bits $bits --seed 3; done
for seed in 1 2 3; do
  for bits in fp32 w4a4 w2a2; do
    digits "$bits-guided-$seed" --bits $bits --guided --kl detached --seed $seed
  done
done
digits fp32-guided-attached-1 --bits fp32 --guided --seed 1
digits fp32-guided-magnitude-1 --bits fp32 --guided --kl detached --rank magnitude --seed 1
