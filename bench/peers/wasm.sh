#!/bin/sh
# wasm.sh BENCH_INFER_JS BENCH_STEP_JS BENCH_STEP: sgq in WebAssembly on one thread of node. Prints the
# integer engine's images per second on LeNet beside onnxruntime-web's, on the faster of its two files of
# the same net (fp32 and int8), and a guided training step beside the native one on AVX2. Medians of
# five rounds in turns.
#
#     apt-get install -y emscripten nodejs python3-onnx
#     npm install --ignore-scripts onnxruntime-web           # where this is called from
set -eu
infer=$1 step=$2 native=$3 here=$(dirname "$0")
models=$(mktemp -d)
trap 'rm -rf "$models"' EXIT
/usr/bin/python3 "$here/onnx_models.py" "$models"

images() { # of a benchmark's line
  sed -n 's/.*"images_per_second": \([0-9.e+]*\).*/\1/p'
}
median() {
  sort -g "$models/$1" | sed -n 3p
}
for _ in 1 2 3 4 5; do
  for engine in int4 int2; do
    node "$infer" --net lenet5 --engine $engine --rounds 8 | images >>"$models/$engine"
  done
  for kind in fp32 int8; do
    node "$here/onnx_infer.js" "$models/lenet5_$kind.onnx" 1 64 1 28 28 onnxruntime-web >>"$models/$kind"
  done
  node "$step" --net lenet5 --bits 4 --guided 1 --rounds 8 | images >>"$models/step"
  SGQ_ISA=avx2 "$native" --net lenet5 --bits 4 --guided 1 --rounds 8 --threads 1 | images >>"$models/native"
done
best=$( (median fp32; median int8) | sort -g | tail -1)
for engine in int4 int2; do
  awk -v ours="$(median $engine)" -v theirs="$best" -v bits=${engine#int} 'BEGIN {
    printf "LeNet w%da%d: %.0f images/s, onnxruntime-web %.0f: %.2f\n", bits, bits, ours, theirs, ours / theirs }'
done
awk -v fp32="$(median fp32)" -v int8="$(median int8)" 'BEGIN {
  printf "onnxruntime-web: fp32 %.0f, int8 %.0f images/s\n", fp32, int8 }'
awk -v wasm="$(median step)" -v native="$(median native)" 'BEGIN {
  printf "guided step, batch 50: %.1f ms, native AVX2 %.1f ms: %.2f times\n", 50000 / wasm, 50000 / native,
    native / wasm }'
