#!/bin/sh
# `own_layer` trains a net that has a layer of its own: the layer's parameters move, and their
# gradients are those of finite differences.
#
#   own_layer.sh PROGRAM
set -u
. "$(dirname "$0")/../support/contract.sh"

run 0 ""
set -- $(sed -n 's/^test accuracy \([0-9]*\).*, slopes from \(.*\) to \(.*\), gradient error [0-9]e-1[0-9]$/\1 \2 \3/p' "$work/stdout")
[ "${1:-0}" -ge 50 ] || fail "learns nothing: $(cat "$work/stdout")"
[ "${2:-0.25}" != "${3:-0.25}" ] || fail "the slopes did not move: $(cat "$work/stdout")"
exit $failed
