#!/bin/sh
# What a chapter of docs/learn shows is what its programs print and draw.
#
#   outputs.sh PAGE FOLDER EXERCISE...
#
# The programs are in FOLDER. Marks on the page say what follows them:
#
#   <!-- output of PROGRAM ARGUMENTS -->    a fenced block: what the program prints
#   <!-- figure of PROGRAM ARGUMENTS -->    a line ![..](FILE): what it draws with --svg FILE
#
# `, figures vary` before the end of a mark is for numbers that depend on the machine's speed: then
# digits may differ, and of a figure only its kind counts. `, NAME may be missing` after that is for
# a peer that not every machine has: where no line printed starts with NAME, none shown counts.
# A line `...` in a block stands for any number of lines. Every command runs once. Every EXERCISE
# must end with 0.
set -u
page=$1 folder=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
fail() {
  echo "$page: $*"
  failed=1
}

# Processors without fused multiply-add round differently (docs/learn/8-same-bits.md).
masked=0
if [ "$(uname -m)" = x86_64 ] && { ! grep -qw fma /proc/cpuinfo || [ "${SGQ_ISA:-}" = generic ]; }; then
  masked=1
fi

# matches BLOCK OUTPUT VARY: is the block what was printed?
matches() {
  awk -v vary="$3" '
    function plain(line) {
      sub(/[ \t]+$/, "", line)
      if (!vary) return line
      gsub(/[-+]?[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?/, "#", line)
      gsub(/ +/, " ", line)
      return line
    }
    function same(at, first, count,   i) {
      for (i = 0; i < count; ++i) if (printed[at + i] != shown[first + i]) return 0
      return 1
    }
    FNR == NR { shown[++lines] = $0 == "..." ? $0 : plain($0); next }
    { printed[++total] = plain($0) }
    END {
      at = 1 # the first printed line that is still free
      for (i = 1; i <= lines + 1; i = last + 1) {
        for (last = i; last <= lines && shown[last] != "..."; ++last) continue
        count = last - i
        if (i == 1) { if (!same(1, 1, count)) exit 1 }
        else {
          if (last > lines && total - count + 1 > at) at = total - count + 1 # the end: no gap
          while (at + count - 1 <= total && !same(at, i, count)) ++at
          if (at + count - 1 > total) exit 1
        }
        at += count
        if (last > lines && at != total + 1 && shown[lines] != "...") exit 1
      }
    }' "$1" "$2"
}

# Marks, one a line: kind, vary, peer that may be missing or -, number, command.
awk '/^<!-- (output|figure) of .* -->$/ {
       kind = $2
       text = $0
       sub(/^<!-- (output|figure) of /, "", text)
       sub(/ -->$/, "", text)
       peer = "-"
       if (match(text, /, [A-Za-z]+ may be missing$/)) {
         split(substr(text, RSTART + 2), words, " ")
         peer = words[1]
         text = substr(text, 1, RSTART - 1)
       }
       vary = sub(/, figures vary$/, "", text)
       print kind, vary, peer, NR, text
     }' "$page" >"$work/marks"
[ -s "$work/marks" ] || fail "shows no output of a program"

cut -d ' ' -f 5- "$work/marks" | sort -u >"$work/commands"
number=0
while read -r program arguments; do
  number=$((number + 1))
  figure=
  if grep -q "^figure [01] [^ ]* [0-9]* $program${arguments:+ $arguments}\$" "$work/marks"; then
    figure="--svg $work/$number.svg"
  fi
  # shellcheck disable=SC2086 # words of their own
  if ! "$folder/$program" $arguments $figure >"$work/$number.out" 2>"$work/$number.err" </dev/null; then
    fail "$program $arguments: failed: $(cat "$work/$number.err")"
  fi
done <"$work/commands"

while read -r kind vary peer line command; do
  number=$(grep -nxF "$command" "$work/commands" | head -n 1 | cut -d : -f 1)
  [ "$masked" -eq 0 ] || vary=1
  if [ "$kind" = output ]; then
    awk -v from="$line" 'NR == from + 1 && !/^```/ { exit }
                         NR > from + 1 && /^```/ { exit }
                         NR > from + 1' "$page" >"$work/block"
    [ -s "$work/block" ] || fail "line $line: no block under the mark"
    if [ "$peer" != - ] && ! grep -q "^$peer" "$work/$number.out"; then
      grep -v "^$peer" "$work/block" >"$work/rest"
      mv "$work/rest" "$work/block"
    fi
    matches "$work/block" "$work/$number.out" "$vary" ||
      fail "line $line: $command prints
$(diff "$work/block" "$work/$number.out")"
  else
    file=$(sed -n "$((line + 1))s/^!\[.*\](\(.*\))\$/\1/p" "$page")
    shown=$(dirname "$page")/$file
    drawn=$work/$number.svg
    if [ ! -f "$shown" ] || [ ! -s "$drawn" ]; then
      fail "line $line: no figure"
    elif [ "$vary" -eq 1 ]; then
      for one in "$shown" "$drawn"; do
        head -n 1 "$one" | grep -q '^<svg ' && tail -n 1 "$one" | grep -q '</svg>$' ||
          fail "line $line: $one is no SVG"
      done
    else
      cmp -s "$shown" "$drawn" || fail "line $line: $file is not what $command --svg draws"
    fi
  fi
done <"$work/marks"

for exercise in "$@"; do
  "$folder/$exercise" >"$work/out" 2>&1 </dev/null || fail "exercise $exercise: $(cat "$work/out")"
done
exit $failed
