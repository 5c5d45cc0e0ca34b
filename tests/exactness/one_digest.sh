#!/bin/sh
# Weights, maps and logits of one_digest are those of one_digest.txt, and integer nets have the logits
# that stand there, for every build of the program and every instruction set of its machine.
#
#   [IMAGES=1000] one_digest.sh MAKER COMMAND...
#
# MAKER is a build for x86-64 without FMA; it makes the nets. A command runs a build, as
# "qemu-aarch64 FILE". The file knows the logits of 20 and of 1,000 images.
set -u
here=$(dirname "$0")
maker=$1
shift
images=${IMAGES:-20}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
runs=0

for net in mnist_cnn resnet20; do
  SGQ_ISA=generic "$maker" make $net w4a4 "$work/$net" || exit 1
done
# The commands are split into words on purpose.
# shellcheck disable=SC2086
for program in "$@"; do
  for isa in generic avx2 avx512 neon neon-dotprod neon-i8mm simd128; do
    export SGQ_ISA=$isa
    $program >"$work/got" 2>"$work/errors" || {
      grep -q "SGQ_ISA" "$work/errors" && continue # not on this machine
      cat "$work/errors"
      exit 1
    }
    runs=$((runs + 1))
    arithmetic=$(head -1 "$work/got" | cut -d' ' -f1)
    for net in mnist_cnn resnet20; do
      echo "integer $net $images $($program run "$work/$net" $images)" >>"$work/got"
    done
    case $isa in # generic code is fused where the compiler's flags say so
      generic | simd128) ;;
      *) [ "$arithmetic" = fused ] || { echo "$program on $isa: arithmetic '$arithmetic'"; failed=1; } ;;
    esac
    grep -E "^$arithmetic |^integer [a-z0-9_]* $images " "$here/one_digest.txt" >"$work/expected"
    if cmp -s "$work/expected" "$work/got"; then
      echo "$isa, $program: equal ($arithmetic)"
    else
      echo "$isa, $program: other digests than those of '$arithmetic'"
      diff "$work/expected" "$work/got"
      failed=1
    fi
  done
done
[ $runs -ge $# ] || {
  echo "only $runs runs of $#"
  failed=1
}
exit $failed
