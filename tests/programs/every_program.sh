#!/bin/sh
# What scripts rely on, for one program: --help prints to stdout and succeeds; an unknown option is
# one line on stderr and exit code 2.
program=$1
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
failed=0
fail() {
  echo "$(basename "$program") $1"
  failed=1
}

output=$("$program" --help 2>"$errors") || fail "--help: exit code $?"
case $output in
  *--help*) ;;
  *) fail "--help: does not list --help but prints: $output" ;;
esac
[ ! -s "$errors" ] || fail "--help: prints to stderr: $(cat "$errors")"

output=$("$program" --no-such-option 2>"$errors")
code=$?
[ "$code" -eq 2 ] || fail "--no-such-option: exit code $code, not 2"
[ -z "$output" ] || fail "--no-such-option: prints to stdout: $output"
[ "$(wc -l <"$errors")" -eq 1 ] || fail "--no-such-option: not one line: $(cat "$errors")"
grep -q -e --no-such-option "$errors" || fail "--no-such-option: not named in: $(cat "$errors")"
exit $failed
