#!/bin/sh
# tests/learn/outputs.sh sees what it must not let pass.
set -u
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# A program that prints three lines and draws a figure.
cat >"$work/show" <<'END'
#!/bin/sh
printf 'first 1.50\nsecond 2e-07\nthird\n'
[ "${1:-}" != --svg ] || printf '<svg a="1">\n</svg>\n' >"$2"
END
printf '#!/bin/sh\nexit 1\n' >"$work/wrong"
printf '<svg a="1">\n</svg>\n' >"$work/figure.svg"
chmod +x "$work/show" "$work/wrong"

# page MARK LINE..: a page with one output of these lines.
page() {
  printf '<!-- %s -->\n```\n' "$1"
  shift
  printf '%s\n' "$@" '```'
}

# expect RESULT NAME EXERCISE..: outputs.sh must end so for the page from standard input.
expect() {
  cat >"$work/page.md"
  result=$1 name=$2
  shift 2
  sh "$root/tests/learn/outputs.sh" "$work/page.md" "$work" "$@" >"$work/said" 2>&1
  got=$?
  if [ "$got" -ne "$result" ]; then
    echo "$name: exit code $got, not $result: $(cat "$work/said")"
    failed=1
  fi
}

page "output of show" "first 1.50" "second 2e-07" "third" | expect 0 "equal"
page "output of show" "first 1.5" "second 2e-07" "third" | expect 1 "another number"
page "output of show" "first 1.50" "second 2e-07" | expect 1 "a line less"
page "output of show" "first 1.50" "..." "third" | expect 0 "a gap"
page "output of show" "..." "second 2e-07" "..." | expect 0 "gaps at both ends"
page "output of show" "..." "second 2e-07" | expect 1 "the end missing"
page "output of show, figures vary" "first 9" "second   -3.1" "third" | expect 0 "other figures"
page "output of show, figures vary" "first 9" "second x" "third" | expect 1 "other words"
peer="output of show, figures vary, Peer may be missing"
page "$peer" "first 9" "second 8" "Peer 7" "third" | expect 0 "a peer that is missing"
page "$peer" "first 9" "Peer 8" "third" | expect 1 "a line less beside it"
peer="output of show, figures vary, second may be missing"
page "$peer" "first 9" "second x" "third" | expect 1 "a peer that is there"
page "output of missing" "first" | expect 1 "no such program"
echo "no mark" | expect 1 "no output at all"
page "output of show" "..." "third" | expect 1 "an exercise that fails" wrong
page "output of show" "..." "third" | expect 0 "an exercise that succeeds" show
printf '<!-- figure of show -->\n![a](figure.svg)\n' | expect 0 "a figure"
sed -i 's/1/2/' "$work/figure.svg"
printf '<!-- figure of show -->\n![a](figure.svg)\n' | expect 1 "another figure"
printf '<!-- figure of show, figures vary -->\n![a](figure.svg)\n' | expect 0 "a varying figure"
printf '<!-- figure of show -->\n![a](none.svg)\n' | expect 1 "no figure"
exit $failed
