#!/bin/sh
# The weights of weights.txt come out again, to the last bit: trained there on a machine with AVX-512,
# here on whatever this is, if it can multiply and add in one rounding.
#
#   committed_weights.sh MNIST              the program that trains
#   committed_weights.sh MNIST --record     writes the file anew, after a change of the numerics
set -u
case ${SGQ_ISA-} in generic) exit 77 ;; esac
grep -q ' fma .* avx2 ' /proc/cpuinfo 2>/dev/null || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
program=$1 file=tests/exactness/weights.txt

# digest OPTIONS..: SHA-256 of the numbers that the program trains, without the file's header, which
# also says the version.
digest() {
  "$program" "$@" --out "$work/net" >/dev/null || return 1
  header=$(od -An -t u8 -N 8 "$work/net/model.safetensors")
  tail -c +$((9 + header)) "$work/net/model.safetensors" | sha256sum | cut -d' ' -f1
}

failed=0
[ -s "$file" ] || { echo "no $file"; exit 1; }
while read -r expected options; do
  # shellcheck disable=SC2086
  got=$(digest $options) || exit 1
  echo "$got $options" >>"$work/weights.txt"
  [ "$got" = "$expected" ] || { echo "mnist $options: weights $got, $expected in $file"; failed=1; }
done <"$file"
if [ "${2-}" = --record ]; then
  cp "$work/weights.txt" "$file"
  exit
fi
exit $failed
