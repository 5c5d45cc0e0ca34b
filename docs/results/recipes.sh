#!/bin/sh
# Makes docs/results/recipes.jsonl: what each recipe for few bits gives ResNet-20 on CIFAR-10 in six
# epochs in all. A recipe is chosen on the validation split with seed 101; batch 5, held out, then
# says what the chosen one reaches with three other seeds, and one of them in 60 epochs. May be
# stopped and started at will.
#
#   docs/results/recipes.sh PROGRAMS OUT [THREADS [ROWS]]    (docs/results/rows.sh)
set -eu
cd "$(dirname "$0")/../.."
table=docs/results/recipes.jsonl
. docs/results/rows.sh

epochs=6
# row NAME OPTIONS..
row() {
  wanted "$1" || return 0
  row=$1
  shift
  train "$row" "--epochs $epochs $(echo "$*" | sed "s|$out/|OUT/|g")" --epochs $epochs "$@"
}

# What the candidates have in common: 3.6 epochs in fp32 first, clips where two bits like them.
start="--progressive fp32:0.6 --alpha-quantile 0.95"
choose() { # NAME OPTIONS..
  name=$1
  shift
  row "choose-$name" --validation --seed 101 "$@"
}
teacher="--teacher $out/choose-fp32/model.safetensors"
choose fp32
# shellcheck disable=SC2086
{
  choose w2a2-start --bits w2a2 $start
  choose w2a2-teacher --bits w2a2 $start $teacher
  choose w2a2-teacher-reestimate --bits w2a2 $start $teacher --reestimate
  choose w2a2-teacher-average --bits w2a2 $start $teacher --ema 0.99 --reestimate
  choose w2a2-plus-teacher --bits w2a2 $start $teacher --pact plus
  choose w2a2-stages --bits w2a2 --progressive fp32:0.5,w4a4:0.2 --alpha-quantile 0.95 $teacher
  choose w2a2-only --bits w2a2 --alpha-quantile 0.95
  choose w2a2-plus --bits w2a2 $start --pact plus
  choose w2a2-plus-teacher-reestimate --bits w2a2 $start $teacher --pact plus --reestimate
  choose w4a4-only --bits w4a4
  choose w4a4-plus-teacher --bits w4a4 --progressive fp32:0.6 $teacher --pact plus
}

# Where the loss of two bits comes from: from the start, without a recipe.
low="--alpha-quantile 0.95"
cause() { # NAME OPTIONS..
  name=$1
  shift
  row "cause-$name" --validation --seed 101 "$@"
}
# shellcheck disable=SC2086
{
  cause w2a32 --bits w2a32
  cause w32a2 --bits w32a2 $low
  cause plus --bits w2a2 $low --pact plus
  cause dorefa --bits w2a2 $low --weights dorefa
  cause alpha-lr --bits w2a2 $low --alpha-lr 0.1
  cause quantile --bits w2a2
}

# What the chosen recipe reaches, on images that chose nothing; seeds 1 to 3.
for seed in 1 2 3; do
  held="--holdout --seed $seed"
  teacher="--teacher $out/holdout-fp32-$seed/model.safetensors"
  # shellcheck disable=SC2086
  {
    row holdout-fp32-$seed $held
    row holdout-w4a4-$seed $held --bits w4a4 --progressive fp32:0.6 $teacher --pact plus
    row holdout-w2a2-$seed $held --bits w2a2 $start $teacher --pact plus
  }
done

# The chosen recipe at 60 epochs, to stand beside PACT's own table (arXiv 1805.06085: 200 epochs on
# 50,000 images leave 2.7 points at w2a2 and 0.8 at w4a4, with first and last layer at 8 bits). Few
# bits here have a teacher, PACT+ and a first part in fp32, so this is not PACT's experiment.
epochs=60
teacher="--teacher $out/long-fp32/model.safetensors"
held="--holdout --seed 1"
# shellcheck disable=SC2086
{
  row long-fp32 $held
  row long-w4a4 $held --bits w4a4 --progressive fp32:0.6 $teacher --pact plus
  row long-w2a2 $held --bits w2a2 $start $teacher --pact plus
}
