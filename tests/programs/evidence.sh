#!/bin/sh
# `evidence` refuses a policy that is none before it makes a folder, and judges both networks.
#
#   evidence.sh PROGRAM
set -u
. "$(dirname "$0")/../support/contract.sh"

run 2 "--bits: .*got 'w99'" --bits w99 --out "$work/none"
[ ! -e "$work/none" ] || fail "a refused run leaves files"
run 0 "" --images 50 --epochs 1 --bits w2a2 --out "$work/out"
for network in plain guided; do
  grep -q "^$network, w2a2: accuracy" "$work/stdout" || fail "no $network in: $(cat "$work/stdout")"
done
[ "$(grep "relevance mass on evidence" "$work/stdout" | sort -u | wc -l)" -eq 2 ] ||
  fail "one network twice: $(cat "$work/stdout")"
[ -s "$work/out/evidence.png" ] || fail "no picture"
exit $failed
