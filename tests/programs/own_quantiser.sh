#!/bin/sh
# `own_quantiser` trains a net with ternary weights, and the integer engine says the same.
#
#   own_quantiser.sh PROGRAM
set -u
. "$(dirname "$0")/../support/contract.sh"

run 0 ""
accuracy=$(sed -n 's/^test accuracy \([0-9]*\).*/\1/p' "$work/stdout")
[ "${accuracy:-0}" -ge 50 ] || fail "learns nothing: $(cat "$work/stdout")"
for who in "loaded net" "integer engine"; do
  grep -q "$who's logits are the same" "$work/stdout" || fail "$who: $(cat "$work/stdout")"
done
exit $failed
