#!/bin/sh
# The metric of one's own: a mean of some pixels, inside its interval's brackets.
set -u
. "$(dirname "$0")/../support/contract.sh"
run 0 ""
grep -q -E '^[0-6]\.[0-9][0-9] pixels \[[0-6]\.[0-9][0-9], [0-6]\.[0-9][0-9]\], 200 images$' "$work/stdout" || fail "prints: $(cat "$work/stdout")"
tr -d '[],' <"$work/stdout" | awk '{ exit !($3 <= $1 && $1 <= $4 && $3 < $4) }' ||
  fail "not inside its interval: $(cat "$work/stdout")"
exit $failed
