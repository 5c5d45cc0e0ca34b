#!/bin/sh
# Makes docs/results/integer.txt: the integer engine beside the trained networks that it came from, on
# whole test sets. Every layer's codes and the sums of the last are compared, image by image, on every
# instruction set that this processor has, with one thread and two, built with -O2 and with
# -O3 -march=native. A line that is there is not made again; delete the table to have all of it made
# anew.
#
#   docs/results/integer.sh BUILD [DATA]
#
# BUILD has examples/, DATA the data sets (data). The networks are those of docs/results/full.
set -eu
cd "$(dirname "$0")/../.."
build=$1
data=${2:-data}
table=docs/results/integer.txt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
touch "$table"

${CXX:-c++} -std=c++20 -O3 -march=native -fopenmp -Iinclude \
  examples/tools/integer_inference.cpp -o "$work/native"

has() { [ "$1" = generic ] || grep -q -w "$(echo "$1" | sed 's/avx512/avx512vl/')" /proc/cpuinfo; }
best=generic
for isa in avx2 avx512; do if has $isa; then best=$isa; fi; done

for cell in mnist.mnist_cnn.w4a4 mnist.mnist_cnn.w2a2 mnist.mnist_cnn.layerwise-4-2 \
  cifar-10.resnet20.w4a4 cifar-10.resnet20.w2a2; do
  dataset=${cell%%.*}
  model=docs/results/full/$dataset/networks/$cell.plain.seed-1.safetensors
  [ -e "$model" ] || { echo "there is no $model yet" >&2; continue; }
  for threads in 1 2; do
    for isa in avx512 avx2 generic native; do
      program=$build/examples/integer_inference
      line="$cell.plain.seed-1, threads $threads, $isa"
      case $isa in
      native) program=$work/native line="$line ($best, -O3 -march=native)" forced=$best ;;
      *) forced=$isa ;;
      esac
      { [ "$isa" = native ] || has $isa; } || continue
      grep -q -F "$line:" "$table" && continue
      SGQ_ISA=$forced "$program" --model "$model" --dataset "$dataset" \
        --data "$data" --threads $threads --explain 0 --out "$work/integer" >"$work/log"
      found=$(sed -n 's/^accuracy: //p; s/^verified: //p' "$work/log" | paste -sd' ')
      [ -n "$found" ] || { echo "$line: nothing is verified" >&2; exit 1; }
      echo "$line: $found" >>"$table"
    done
  done
done
