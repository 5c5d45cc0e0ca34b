#!/bin/sh
# The metric of one's own: a mean of at most some pixels, inside its interval's brackets.
set -u
. "$(dirname "$0")/../support/contract.sh"
run 0 ""
grep -q -E '^[0-6]\.[0-9][0-9] pixels \[[0-6]\.[0-9][0-9], [0-6]\.[0-9][0-9]\], 200 images$' "$work/stdout" || fail "prints: $(cat "$work/stdout")"
exit $failed
