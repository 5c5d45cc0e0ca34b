#!/bin/sh
# Label smoothing learns as much, and makes a network less sure of its predictions.
set -u
. "$(dirname "$0")/../support/contract.sh"
run 0 ""
set -- $(sed -n 's/^epsilon 0\.[01]: test accuracy \([0-9]*\)\..*, confidence \([0-9]*\)\..*$/\1 \2/p' "$work/stdout")
[ $# -eq 4 ] || fail "prints: $(cat "$work/stdout")"
[ "$1" -ge 67 ] && [ "$3" -ge 67 ] || fail "learns nothing: $(cat "$work/stdout")"
[ "$4" -lt "$2" ] || fail "is as sure as before: $(cat "$work/stdout")"
exit $failed
