#!/bin/sh
# The weights of a network in docs/results come out again, to the last bit: trained there on a machine
# with AVX-512, here on whatever this is, if it can multiply and add in one rounding. Skipped while the
# rows there are of other numerics than the program's.
#
#   committed_weights.sh MNIST    the program that trains
set -u
case ${SGQ_ISA-} in generic) exit 77 ;; esac
grep -q ' fma .* avx2 ' /proc/cpuinfo 2>/dev/null || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

row=$(grep '"cell":"synthetic/lenet5/w4a4/plain/seed-1"' docs/results/full/synthetic/results.jsonl)
numerics=$(sed -n 's/.*numerics_version = \([0-9]*\);.*/\1/p' examples/common/experiment/cell.hpp)
echo "$row" | grep -q "\"numerics\":$numerics," || exit 77
command=$(echo "$row" | sed 's/.*"command":"mnist \([^"]*\)".*/\1/')
expected=$(echo "$row" | sed 's/.*"model.safetensors":"\([0-9a-f]*\)".*/\1/')
# shellcheck disable=SC2086
"$1" $command --out "$work/net" >/dev/null || exit 1
got=$(sha256sum <"$work/net/model.safetensors" | cut -d' ' -f1)
[ "$got" = "$expected" ] || {
  echo "mnist $command: weights $got, $expected in docs/results/full/synthetic/results.jsonl"
  exit 1
}
