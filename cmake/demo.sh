#!/bin/sh
# The demo: the experiment in about a minute, on MNIST, where the files are there or can be fetched,
# else on the built-in set. Four networks, of 32 and of 2 bits, plain and guided, their accuracy, bytes
# and maps, and a page that shows them. One seed of each decides nothing, and the page says so.
#
#   demo.sh PROGRAM OUT      PROGRAM is the built `reproduce`; OUT takes the results
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
    fi
  fi
fi

rm -f "$out"/*.jsonl "$out"/cells/*/checkpoint.safetensors # of an earlier demo
exec "$program" --dataset "$dataset" --data "$data" --scale smoke --out "$out" \
  ${SGQ_DEMO_LIMIT:+--limit "$SGQ_DEMO_LIMIT"}
