#!/bin/sh
# Makes docs/results/integer.txt: the integer engine beside the trained networks that it came from, on
# whole test sets. Every layer's codes and the sums of the last are compared, image by image, on every
# instruction set, with one thread and two, built with -O2 and with -O3 -march=native. A line that is
# there is not made again; delete the table to have all of it made anew.
#
#   docs/results/integer.sh BUILD ROWS [DATA]
#
# BUILD has examples/. ROWS has the folders of `reproduce --scale full`, mnist and cifar-10, with
# their networks in cells/; DATA has the data sets (data).
set -eu
cd "$(dirname "$0")/../.."
build=$1
rows=$2
data=${3:-data}
table=docs/results/integer.txt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
touch "$table"

${CXX:-c++} -std=c++20 -O3 -march=native -fopenmp -Iinclude \
  examples/tools/integer_inference.cpp -o "$work/native"

for cell in mnist.mnist_cnn.w4a4 mnist.mnist_cnn.w2a2 mnist.mnist_cnn.layerwise-4-2 \
  cifar-10.resnet20.w4a4 cifar-10.resnet20.w2a2; do
  dataset=${cell%%.*}
  model=$rows/$dataset/cells/$cell.plain.seed-1/model.safetensors
  for threads in 1 2; do
    for isa in avx512 avx2 generic native; do
      program=$build/examples/integer_inference
      line="$cell.plain.seed-1, threads $threads, $isa"
      if [ $isa = native ]; then program=$work/native line="$line (avx512, -O3 -march=native)"; fi
      grep -q -F "$line:" "$table" && continue
      SGQ_ISA=$(echo $isa | sed 's/native/avx512/') "$program" --model "$model" --dataset "$dataset" \
        --data "$data" --threads $threads --explain 0 --out "$work/integer" >"$work/log"
      echo "$line: $(sed -n 's/^accuracy: //p; s/^verified: //p' "$work/log" | paste -sd' ')" >>"$table"
    done
  done
done
