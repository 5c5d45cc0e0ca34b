#!/bin/sh
# A run that stopped after two epochs ends with the weights of one that never stopped. A file that
# is no checkpoint is refused.
set -u
. "$(dirname "$0")/../support/contract.sh"
run 0 "" "$work/whole" 3
whole=$(sed -n 's/^epochs found 0, trained 3: \(.*, weights [0-9a-f]*\)$/\1/p' "$work/stdout")
[ -n "$whole" ] || fail "prints: $(cat "$work/stdout")"
run 0 "" "$work/parts" 2
run 0 "" "$work/parts" 3
grep -q -F "epochs found 2, trained 1: $whole" "$work/stdout" || fail "not $whole but $(cat "$work/stdout")"
run 2 "expected CHECKPOINT EPOCHS" "$work/parts" none
echo damaged >"$work/none"
run 1 "$work/none" "$work/none" 3
exit $failed
