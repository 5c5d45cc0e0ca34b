#!/bin/sh
# ONNX Runtime must compute the library's codes: small nets with random numbers, at three levels of
# optimisation in node, and in its WebAssembly build.
#
#   run.sh ONNX_VECTORS IMAGES
#
# $ONNX_RUNTIME is the folder where the packages were installed. Skipped (77) without them.
set -u
vectors=$1 images=$2
here=$(cd "$(dirname "$0")" && pwd)
skip() {
  echo "skipped: $1"
  echo "to run it: (mkdir -p DIR && cd DIR && npm install --ignore-scripts onnxruntime-node" \
    "onnxruntime-web), then set ONNX_RUNTIME=DIR"
  exit 77
}
command -v node >/dev/null || skip "no node"
cd "${ONNX_RUNTIME:-$here}" || exit 1
node -e 'require.resolve("onnxruntime-node", { paths: [process.cwd()] })' 2>/dev/null ||
  skip "no onnxruntime-node"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$vectors" "$work" "$images" || exit 1
node "$here/verify.js" "$work" --runtime node || exit 1
node -e 'require.resolve("onnxruntime-web", { paths: [process.cwd()] })' 2>/dev/null ||
  skip "no onnxruntime-web; node agrees"
node "$here/verify.js" "$work" --runtime web --levels all --images 100
