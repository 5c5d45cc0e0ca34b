#!/bin/sh
# The course of one's own trains, and its factors are those of its formula.
set -u
. "$(dirname "$0")/../support/contract.sh"
run 0 ""
grep -q -E '^training accuracy (6[7-9]|[7-9][0-9]|100)\.[0-9] %; factors of steps 10, 20, 80: 0\.50 1\.00 0\.50$' "$work/stdout" || fail "prints: $(cat "$work/stdout")"
exit $failed
