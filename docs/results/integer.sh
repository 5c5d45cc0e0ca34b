#!/bin/sh
# Makes docs/results/integer.txt: the integer engine beside the trained networks that it came from, on
# whole test sets. Every layer's codes and the sums of the last are compared, image by image, on every
# instruction set, with one thread and two, built with -O2 and with -O3 -march=native. A line that is
# there is not made again.
#
#   docs/results/integer.sh BUILD OUT
#
# BUILD has examples/, OUT has the networks, OUT/NAME/model.safetensors by the names below.
set -eu
cd "$(dirname "$0")/../.."
build=$1
out=$2
table=docs/results/integer.txt
touch "$table"
native=$out/integer_inference_native
[ -x "$native" ] || ${CXX:-c++} -std=c++20 -O3 -march=native -fopenmp -Iinclude -Iexamples \
  examples/integer_inference.cpp -o "$native"

for net in mnist-w4a4-1 mnist-w2a2-1 mnist-layerwise-4-2-1 cifar-w4a4-1 cifar-w2a2-1; do
  case $net in mnist-*) dataset=mnist ;; *) dataset=cifar-10 ;; esac
  for threads in 1 2; do
    for isa in avx512 avx2 generic native; do
      program=$build/examples/integer_inference
      line="$net, $threads thread, $isa"
      if [ $isa = native ]; then program=$native line="$net, $threads thread, avx512, -O3 -march=native"; fi
      grep -q "^$line:" "$table" && continue
      SGQ_ISA=$(echo $isa | sed 's/native/avx512/') "$program" --model "$out/$net/model.safetensors" \
        --dataset $dataset --threads $threads --explain 0 --out "$out/integer" >"$out/integer.log"
      echo "$line: $(sed -n 's/^accuracy: //p; s/^verified: //p' "$out/integer.log" | paste -sd' ')" >>"$table"
    done
  done
done
