#!/bin/sh
# A network of one's own, written by `own_model`, classifies its own training images: the classes of
# the logits that own_model wrote. Files of another kind and images of another shape are refused.
#
#   classify.sh PROGRAM    (own_model lies beside it)
set -u
. "$(dirname "$0")/../support/contract.sh"
"$(dirname "$program")/own_model" "$work/own" >"$work/made" || fail "own_model: $(cat "$work/made")"
run 0 "" "$work/own/model.safetensors" "$work/own/images.npy"
[ "$(grep -c '^image [0-9]*: [0-6], probability [01]\.[0-9]*$' "$work/stdout")" -eq 70 ] ||
  fail "prints: $(cat "$work/stdout")"
# The bar's place, n % 7, is the class of image n; own_model says how many the net gets right.
right=$(awk -F'[ :,]+' '$2 % 7 == $3' "$work/stdout" | wc -l)
grep -q "accuracy $(((100 * right + 35) / 70)) %" "$work/made" || fail "$right right, but $(cat "$work/made")"
run 2 "expected MODEL.safetensors IMAGES.npy" "$work/own/model.safetensors"
{
  npy '|u1' '1, 3, 24, 41'
  head -c 2952 /dev/zero
} >"$work/own/wrong.npy"
run 1 "expected \[N, 3, 24, 40\], got" "$work/own/model.safetensors" "$work/own/wrong.npy"
run 1 "images.npy" "$work/own/images.npy" "$work/own/model.safetensors"
exit $failed
