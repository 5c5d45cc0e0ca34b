#!/bin/sh
# The library where a size_t has 32 bits: everything compiles without a warning, and every kind of
# file is written and read. Without SSE's arithmetic, whose sums are rounded, it is refused. Skipped without a compiler that takes -m32 (Debian's g++-12-multilib). A
# kernel without 32-bit programs runs it in qemu-i386, if there is one.
set -eu
compiler=${CXX:-g++}
# Where the kernel's headers are: Debian links them to where -m32 looks by a package, g++-multilib,
# that excludes the compilers for other processors.
headers="-idirafter /usr/include/x86_64-linux-gnu"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo '#include <cerrno>
#include <vector>
int main() {}' >"$work/trivial.cpp"
# shellcheck disable=SC2086
if ! "$compiler" -m32 $headers "$work/trivial.cpp" -o "$work/trivial" 2>/dev/null; then
  echo "skipped: $compiler -m32 does not work"
  exit 77
fi
run=
if ! "$work/trivial" 2>/dev/null; then run=qemu-i386; fi
# shellcheck disable=SC2086
"$compiler" -m32 -msse2 -mfpmath=sse $headers -std=c++20 -O1 -Wall -Wextra -Wpedantic -Wconversion -Werror -Wno-restrict \
  -Wno-unknown-pragmas -Iinclude tests/io/files_32bit.cpp -o "$work/program"
# shellcheck disable=SC2086
if "$compiler" -m32 -mfpmath=387 $headers -std=c++20 -fsyntax-only -Iinclude tests/io/files_32bit.cpp \
  2>"$work/said" || ! grep -q "compile with -msse2" "$work/said"; then
  echo "sums of 80 bits are not refused"
  cat "$work/said"
  exit 1
fi
if ! $run "$work/trivial" 2>/dev/null; then
  echo "skipped: compiled, but 32-bit programs do not run here"
  exit 77
fi
cd "$work"
$run ./program
