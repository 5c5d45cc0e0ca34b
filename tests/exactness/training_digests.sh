#!/bin/sh
# Trained weights, maps and logits are those of training_digests.txt, to the last bit: for every
# compiler, its flags, instruction set and thread count.
#
#   training_digests.sh PROGRAM...             builds of training_digests
#   training_digests.sh --record PROGRAM       writes the file anew, after a change of the numerics;
#                                              the program must be built for a processor without FMA
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
here=$(dirname "$0")
failed=0
runs=0

if [ "$1" = --record ]; then
  SGQ_ISA=generic "$2" >"$work/all" && SGQ_ISA=avx2 "$2" >>"$work/all" || exit 1
  cp "$work/all" "$here/training_digests.txt"
  exit 0
fi
for program in "$@"; do
  for isa in generic avx2 avx512 neon neon-dotprod neon-i8mm; do
    SGQ_ISA=$isa "$program" $((runs % 3 + 1)) >"$work/got" 2>"$work/errors" || {
      grep -q "SGQ_ISA" "$work/errors" && continue # not on this machine
      cat "$work/errors"
      exit 1
    }
    runs=$((runs + 1))
    arithmetic=$(head -1 "$work/got" | cut -d' ' -f1)
    case $isa in # with the flags of a plain x86-64 build, generic code is separate
      generic) ;;
      *) [ "$arithmetic" = fused ] || { echo "$program on $isa: arithmetic '$arithmetic'"; failed=1; } ;;
    esac
    grep "^$arithmetic " "$here/training_digests.txt" >"$work/expected"
    [ -s "$work/expected" ] || { echo "$program on $isa: no digests of '$arithmetic'"; failed=1; }
    cmp -s "$work/expected" "$work/got" && continue
    echo "$(basename "$program") on $isa differs:"
    diff "$work/expected" "$work/got"
    failed=1
  done
done
needed=$# # generic code runs everywhere
grep -q ' fma .* avx2 ' /proc/cpuinfo 2>/dev/null && needed=$((2 * $#))
[ $runs -ge $needed ] || {
  echo "only $runs runs of $needed"
  failed=1
}
exit $failed
