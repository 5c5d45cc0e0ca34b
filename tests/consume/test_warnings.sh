#!/bin/sh
# A program that includes everything compiles without a warning under the flags that careful
# projects use, by GCC and by Clang as far as they are installed, and runs.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
source=$PWD/tests/consume/everything.cpp
flags="-std=c++20 -O0 -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow
  -Woverloaded-virtual -Werror -I$PWD/include"

tried=0
for compiler in "g++ -fopenmp" clang++; do # Clang's OpenMP is a package of its own
  command -v ${compiler%% *} >/dev/null || continue
  $compiler $flags "$source" -o "$work/everything"
  (cd "$work" && ./everything)
  tried=1
done
[ "$tried" = 1 ] || { echo "skipped: neither g++ nor clang++ is here"; exit 77; }
