#!/bin/sh
# `own_data` trains on a set that it makes up and on .npy files, and says what is wrong with others.
#
#   own_data.sh PROGRAM
set -u
. "$(dirname "$0")/../support/contract.sh"

# codes SHAPE COUNT MODULUS: an NPY file of COUNT bytes, cycling below MODULUS.
codes() {
  npy '|u1' "$1"
  awk -v n="$2" -v m="$3" 'BEGIN { for (i = 0; i < n; ++i) printf "%c", 65 + i % m }' | tr 'A-Z' '\000-\031'
}

run 0 ""
accuracy=$(sed -n 's/^corners: 640 training images, 4 classes, test accuracy \([0-9]*\).*/\1/p' "$work/stdout")
[ "${accuracy:-0}" -ge 90 ] || fail "learns nothing: $(cat "$work/stdout")"

codes '20, 1, 8, 8' 1280 26 >"$work/images.npy"
codes '20,' 20 3 >"$work/labels.npy"
codes '19,' 19 3 >"$work/short.npy"
run 0 "" "$work/images.npy" "$work/labels.npy"
grep -q "images.npy: 16 training images, 3 classes" "$work/stdout" || fail "$(cat "$work/stdout")"
run 1 "one image per label" "$work/images.npy" "$work/short.npy"
run 1 "nothing.npy" "$work/nothing.npy" "$work/labels.npy"
run 2 "images.npy" "$work/images.npy"
exit $failed
