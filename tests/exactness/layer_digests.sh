#!/bin/sh
# The codes of every layer on 1,000 images are the same bytes, whatever compiler flags, instruction
# set and thread count: every build of layer_digests must print the same.
#
#   layer_digests.sh small|large PROGRAM...    the first one makes the nets
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
runs=0

# compare NET BITS WEIGHTS
compare() {
  net=$work/net.safetensors
  "$first" make "$1" "$2" "$3" "$net" || exit 1
  rm -f "$work/expected"
  for program in $programs; do
    for isa in generic avx2 avx512 neon neon-dotprod neon-i8mm; do
      for threads in 1 2 3; do
        # A thread count matters as much as an instruction set, but not in every pairing.
        [ "$isa" = generic ] && [ "$threads" != 2 ] && continue
        SGQ_ISA=$isa "$program" show "$net" $threads >"$work/got" 2>"$work/errors" || {
          grep -q "SGQ_ISA" "$work/errors" && continue # not on this machine
          cat "$work/errors"
          exit 1
        }
        [ -s "$work/got" ] || { echo "$program on $isa prints nothing"; exit 1; }
        runs=$((runs + 1))
        [ -f "$work/expected" ] || cp "$work/got" "$work/expected"
        cmp -s "$work/expected" "$work/got" && continue
        echo "$1 $2 $3: $(basename "$program") on $isa with $threads threads differs"
        diff "$work/expected" "$work/got"
        failed=1
      done
    done
  done
}

nets=$1
shift
first=$1
programs=$*
case $nets in
  small)
    compare mnist_cnn w4a4 sawb
    compare lenet5 layerwise-4-2 lsq
    compare lenet5 w8a8 dorefa-rescaled
    ;;
  large)
    compare resnet20 w2a2 sawb
    compare vgg_small w2a4 dorefa
    ;;
esac
[ $runs -ge 6 ] || {
  echo "only $runs runs: nothing was compared"
  failed=1
}
exit $failed
