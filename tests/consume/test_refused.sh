#!/bin/sh
# What cannot work is refused by one sentence that names the remedy, not by a hundred errors.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo '#include "sgq/sgq.hpp"' >"$work/program.cpp"
# What a system header defines after the standard library was seen, as windows.h does.
printf '%s\n' '#include <algorithm>' '#define max(a, b) ((a) < (b) ? (b) : (a))' \
  '#include "sgq/core/shape.hpp"' >"$work/macro.cpp"
# A header of its own, without the rest.
echo '#include "sgq/io/sha256.hpp"' >"$work/one.cpp"

compile() { # file flags...
  file=$1 && shift
  "$compiler" -std=c++20 "-I$PWD/include" -fsyntax-only "$@" "$work/$file.cpp" >"$work/log" 2>&1
}
# refused SENTENCE file flags...: fails with that sentence and the end of the compilation.
refused() {
  sentence=$1 && shift
  if compile "$@"; then
    echo "$compiler: compiles: $*" && exit 1
  fi
  if [ "$(grep -c 'error:' "$work/log")" != 2 ] || ! grep -q "error: .*$sentence" "$work/log" ||
    ! grep -q 'fatal error: .*see the error above' "$work/log"; then
    echo "$compiler: expected one error, \"$sentence\": $*" && cat "$work/log" && exit 1
  fi
}

tried=0
for compiler in g++ clang++; do
  command -v "$compiler" >/dev/null || continue
  tried=1
  refused 'compile with -std=c++20' program -std=c++17
  refused 'compile without -fno-exceptions' program -fno-exceptions
  for flag in -ffast-math -Ofast -ffinite-math-only; do
    refused 'compile without -ffast-math or its parts' program "$flag"
    refused 'compile without -ffast-math or its parts' one "$flag"
  done
  refused '#undef the macros min and max' macro
  refused '#undef the macros min and max' one '-Dmin(a, b)=((b) < (a) ? (b) : (a))'
  compile one -ffast-math -fno-fast-math || { cat "$work/log" && exit 1; } # the remedy
  compile one -fno-math-errno -fno-trapping-math || { cat "$work/log" && exit 1; } # harmless
done
compiler=g++ # Clang defines nothing for these
if command -v g++ >/dev/null; then
  refused 'compile without -ffast-math or its parts' one -funsafe-math-optimizations
  refused 'compile without -ffast-math or its parts' one -freciprocal-math
fi
[ "$tried" = 1 ] || { echo "skipped: neither g++ nor clang++ is here"; exit 77; }
