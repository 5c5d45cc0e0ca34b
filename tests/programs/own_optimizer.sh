#!/bin/sh
# The optimiser of one's own trains: two thirds of the images at least.
set -u
. "$(dirname "$0")/../support/contract.sh"
run 0 ""
grep -q -E '^training accuracy (6[7-9]|[7-9][0-9]|100)\.[0-9] %$' "$work/stdout" || fail "prints: $(cat "$work/stdout")"
exit $failed
