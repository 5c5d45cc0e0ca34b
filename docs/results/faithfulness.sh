#!/bin/sh
# Makes docs/results/faithfulness-*.json: the maps of guided networks beside those of plain ones, on
# the first 1,000 test images of MNIST, from the networks that accuracy.sh trained.
#
#   docs/results/faithfulness.sh BUILD OUT [THREADS]
#
# BUILD has examples/, OUT has the networks.
set -eu
cd "$(dirname "$0")/../.."
build=$1
out=$2
threads=${3:-1}

# networks PREFIX SEED..: their files, with commas.
networks() {
  prefix=$1 list=
  shift
  for seed in "$@"; do list="$list,$out/$prefix-$seed/model.safetensors"; done
  echo "${list#,}"
}

# compare NAME GUIDED PLAIN SEED..
compare() {
  name=$1 guided=$2 plain=$3
  shift 3
  "$build/examples/faithfulness" --no-deletion --images mnist:0-999 --threads "$threads" \
    --a "guided=$(networks "$guided" "$@")" --b "plain=$(networks "$plain" "$@")" \
    --out "$out/faithfulness"
  mv "$out/faithfulness/metrics.json" "docs/results/faithfulness-$name.json"
}

for bits in fp32 w4a4 w2a2; do compare $bits "mnist-$bits-guided" "mnist-$bits" 1 2 3; done
compare fp32-magnitude mnist-fp32-guided-magnitude mnist-fp32 1
