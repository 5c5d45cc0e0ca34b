#!/bin/sh
# Makes docs/results/choose/SET and docs/results/full/SET (docs/experiment.md): the recipe of guided
# training first, then all networks, their measures and the page. May be stopped and started at
# will; give each process sets of its own.
#
#   docs/results/experiment.sh REPRODUCE [THREADS [SETS [STAGE]]]
#
# REPRODUCE is the program; build it in a clone without changes, since rows name its commit. STAGE
# is all, train, measure or page.
set -eu
cd "$(dirname "$0")/../.."
results=$PWD/docs/results
reproduce=$1
threads=${2:-1}
stage=${4:-all}

for set in ${3:-synthetic mnist fashion-mnist cifar-10}; do
  "$reproduce" --scale choose --dataset "$set" --threads "$threads" --resume \
    --out "$results/choose/$set"
  "$reproduce" --scale full --dataset "$set" --threads "$threads" --resume --only "$stage" \
    --recipes "$results/choose" --out "$results/full/$set"
done
