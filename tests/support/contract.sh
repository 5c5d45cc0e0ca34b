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

# kill_at_work FOLDER ARGUMENTS..: starts the program with --out FOLDER, where no checkpoint is, and
# kills it when it has written a checkpoint there, in the middle of its work.
kill_at_work() {
  folder=$1
  shift
  "$program" "$@" --out "$folder" --checkpoint-every 0 >/dev/null 2>&1 &
  until [ -e "$folder/checkpoint.safetensors" ]; do
    kill -0 $! 2>/dev/null || break
    sleep 0.02 2>/dev/null || sleep 1
  done
  kill -9 $! 2>/dev/null
  wait $! 2>/dev/null
  [ $? -eq 137 ] || fail "$*: was not killed at work"
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
