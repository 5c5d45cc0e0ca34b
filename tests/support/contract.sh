# The frame of the scripts in tests/programs, which read it with `.` and end with `exit $failed`:
# $program under test, a folder $work that goes away, fail() and run().
program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

fail() {
  echo "$*"
  failed=1
}

# run CODE WORDS ARGUMENTS..: the exit code must be CODE; success says nothing on stderr, an error
# one line with these words.
run() {
  code=$1 words=$2
  shift 2
  "$program" "$@" >"$work/stdout" 2>"$work/stderr"
  got=$?
  [ "$got" -eq "$code" ] || fail "$*: exit code $got, not $code: $(cat "$work/stderr")"
  if [ "$code" -eq 0 ]; then
    [ ! -s "$work/stderr" ] || fail "$*: prints to stderr: $(cat "$work/stderr")"
  else
    [ "$(wc -l <"$work/stderr")" -eq 1 ] || fail "$*: not one line: $(cat "$work/stderr")"
    grep -q -e "$words" "$work/stderr" || fail "$*: no '$words' in: $(cat "$work/stderr")"
  fi
}
