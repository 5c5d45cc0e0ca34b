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

# kill_at_work CHECKPOINT ARGUMENTS..: starts the program and kills it when it has written the
# checkpoint anew, in the middle of its work.
kill_at_work() {
  checkpoint=$1
  shift
  touch "$work/since"
  "$program" "$@" >/dev/null 2>&1 &
  until [ "$checkpoint" -nt "$work/since" ]; do
    kill -0 $! 2>/dev/null || break
    sleep 0.02 2>/dev/null || sleep 1
  done
  kill -9 $! 2>/dev/null
  wait $! 2>/dev/null && fail "$*: ended before it was killed"
  [ -e "$checkpoint" ] || fail "$*: leaves no $checkpoint"
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
