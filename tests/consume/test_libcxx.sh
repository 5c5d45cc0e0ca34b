#!/bin/sh
# A program that includes everything compiles with libc++ 13, the oldest standard library that we
# support (that of Debian's emscripten 3.1.6), and runs; em++, where it is installed, reads it too.
#
#     apt-get install clang libc++-13-dev libc++abi-13-dev
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
source=$PWD/tests/consume/everything.cpp
llvm=/usr/lib/llvm-13
flags="-std=c++20 -O0 -Wall -Wextra -Wpedantic -Werror -I$PWD/include"

tried=0
if command -v clang++ >/dev/null && [ -f "$llvm/include/c++/v1/version" ]; then
  clang++ $flags -nostdinc++ -isystem "$llvm/include/c++/v1" -nostdlib++ "-L$llvm/lib" \
    "-Wl,-rpath,$llvm/lib" "$source" -lc++ -lc++abi -o "$work/everything"
  (cd "$work" && ./everything)
  tried=1
fi
if command -v em++ >/dev/null; then
  em++ $flags -fsyntax-only -fexceptions "$source"
  tried=1
fi
[ "$tried" = 1 ] || { echo "skipped: neither libc++ 13 with clang++ nor em++ is here"; exit 77; }
