#!/bin/sh
# A run that stops early ends three epochs after its best one, and that one is in the file.
set -u
. "$(dirname "$0")/../support/contract.sh"
run 0 "" "$work/best.safetensors"
# shellcheck disable=SC2046
set -- $(sed -n 's/^stopped after epoch \([0-9]*\), best \([0-9]*\): validation accuracy \([0-9.]*\) %, of the file \([0-9.]*\) %$/\1 \2 \3 \4/p' "$work/stdout")
[ $# -eq 4 ] || fail "prints: $(cat "$work/stdout")"
[ "$1" -lt 40 ] && [ "$1" -eq $(($2 + 3)) ] || fail "stops at another epoch: $*"
[ "$3" = "$4" ] || fail "another network in the file: $*"
[ "${3%.*}" -ge 80 ] || fail "learns nothing: $*"
run 2 "expected MODEL"
run 1 "no/best.safetensors" "$work/no/best.safetensors"
exit $failed
