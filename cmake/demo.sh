#!/bin/sh
# The demo: trains the small CNN on MNIST, where the files are there or can be fetched, else on the
# built-in set, and tells the accuracy.
#
#   demo.sh PROGRAM OUT      PROGRAM is the built `mnist`; OUT takes metrics and weights
#   SGQ_DATA=DIR             take the files from DIR, packed or not
#   SGQ_DEMO_LIMIT=N         train and test on N images only
set -eu
cd "$(dirname "$0")/.."
program=$1
out=$2

# Prints the folder to pass as --data, if MNIST is in it.
look_in() {
  for dir in "$1/mnist" "$1"; do
    if [ -f "$dir/train-images-idx3-ubyte" ]; then
      echo "$1"
      return
    fi
  done
}

dataset=mnist
epochs=1
if [ -n "${SGQ_DATA:-}" ]; then
  data=$(look_in "$SGQ_DATA")
  if [ -z "$data" ]; then
    data/fetch.sh mnist --from "$SGQ_DATA"
    data=data
  fi
else
  data=$(look_in data)
  if [ -z "$data" ]; then
    echo "MNIST is not in data/mnist; trying to fetch it."
    data=data
    if ! data/fetch.sh mnist; then
      echo "No MNIST: the demo goes on with the built-in synthetic set."
      dataset=synthetic
      epochs=3 # it is a sixth of the size
    fi
  fi
fi

exec "$program" --dataset "$dataset" --data "$data" --epochs $epochs --out "$out" \
  ${SGQ_DEMO_LIMIT:+--limit "$SGQ_DEMO_LIMIT"}
