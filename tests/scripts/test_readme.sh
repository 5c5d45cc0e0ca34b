#!/bin/sh
# The program on README's first screen compiles with the line under it and prints what stands there;
# without fused multiply-add, which rounds differently, accuracies may be some points off. The
# snippets further down go on where it ends, in their order, and print what stands under them.
set -eu
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
  echo "README.md: $1"
  exit 1
}

# block N LANGUAGE: the N-th block of code in that language.
block() {
  awk -v n="$1" -v fence="\`\`\`$2" '
    $0 == fence && !on { on = ++found == n ? 1 : 2; next }
    /^```/ { on = on ? 0 : 3; next }
    on == 1' README.md
}

block 1 cpp >"$work/first.cpp"
[ "$(tail -n 1 "$work/first.cpp")" = "}" ] || fail "the first block of C++ is no program"
{ sed '$d' "$work/first.cpp" && block 2 cpp && block 3 cpp && echo "}"; } >"$work/lenet.cpp"
[ -n "$(block 3 cpp)" ] && [ -z "$(block 4 cpp)" ] || fail "expected three blocks of C++"
command=$(sed -n 's/^\$ \(g++ .*\)$/\1/p' README.md | head -n 1)
case $command in
  "g++ -std=c++20 -O2 -fopenmp -Iinclude "*) ;;
  *) fail "unexpected compile line: $command" ;;
esac
{ sed -n '/^\$ g++ /{n;p;q}' README.md && grep '^w4a4.* %$' README.md; } >"$work/expected"
[ "$(wc -l <"$work/expected")" -eq 3 ] || fail "expected three lines of output"

cd "$work"
ln -s "$root/include" include
OMP_WAIT_POLICY=passive sh -c "$command" >output || fail "failed: $command"
points=0
if [ "$(uname -m)" = x86_64 ] && { ! grep -qw fma /proc/cpuinfo || [ "${SGQ_ISA:-}" = generic ]; }; then
  points=3
fi
# Line by line the same words, and an accuracy within so many points.
if ! paste -d '|' output expected | awk -F '|' -v points=$points '
  { split($1, got, " "); n = split($2, want, " "); shown = $1; wanted = $2
    gsub(/[0-9.]+ %/, "", shown); gsub(/[0-9.]+ %/, "", wanted)
    a = got[n - 1]; b = want[n - 1]
    if (shown != wanted || a < 50 || (a - b) ^ 2 > points ^ 2) bad = 1 }
  END { exit bad || NR != 3 }'; then
  fail "printed \"$(cat output)\" instead of \"$(cat expected)\""
fi
