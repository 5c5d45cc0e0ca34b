#!/bin/sh
# The map of one's own is sparser than a constant one, whose Gini is 0, and defined.
set -u
. "$(dirname "$0")/../support/contract.sh"
run 0 ""
grep -q -E '^Gini of the Fisher information: 0\.[2-9][0-9][0-9]$' "$work/stdout" || fail "prints: $(cat "$work/stdout")"
exit $failed
