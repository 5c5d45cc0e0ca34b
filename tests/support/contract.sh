# The frame of the scripts in tests/programs, which read it with `.` and end with `exit $failed`:
# $program under test, a folder $work that goes away, fail() and run(), and what several of them do.
program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

fail() {
  echo "$*"
  failed=1
}

sleep_for() { sleep "$1" 2>/dev/null || sleep 1; }

# kill_again LEAST PAUSES ARGUMENTS..: starts the program and kills it, after each of these pauses in
# seconds. All runs go on with --resume; at least so many must be at work when they are killed.
kill_again() {
  least=$1 pauses=$2 killed=0
  shift 2
  for pause in $pauses; do
    "$program" "$@" --threads 1 --checkpoint-every 0 --resume >/dev/null 2>&1 &
    sleep_for "$pause"
    kill -9 $! 2>/dev/null
    wait $! 2>/dev/null
    [ $? -ne 137 ] || killed=$((killed + 1))
  done
  [ $killed -ge "$least" ] || fail "$*: $killed runs were at work when they were killed ($pauses s)"
}

# kill_at_work FOLDER ARGUMENTS..: starts the program with --out FOLDER, where no checkpoint is, and
# kills it when it has written a checkpoint there, in the middle of its work.
kill_at_work() {
  folder=$1
  shift
  "$program" "$@" --out "$folder" --checkpoint-every 0 >/dev/null 2>&1 &
  until [ -e "$folder/checkpoint.safetensors" ]; do
    kill -0 $! 2>/dev/null || break
    sleep_for 0.02
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

# npy DESCR SHAPE: the header of an NPY file; its bytes follow.
npy() {
  header="{'descr': '$1', 'fortran_order': False, 'shape': ($2), }"
  printf '\223NUMPY\001\000\166\000%-117s\n' "$header"
}

# check_c FOLDER NAME RESULTS: where there is a C compiler, the net FOLDER/NAME.c gives the logits in
# RESULTS, which integer_inference wrote. The harness of the Cortex-M serves any machine.
check_c() {
  command -v cc >/dev/null || return 0
  upper=$(echo "$2" | tr '[:lower:]' '[:upper:]')
  cc -std=c99 -Wall -Wextra -Werror -I"$1" -DNET_H="\"$2.h\"" -DNET_RUN="${2}_run" \
    -DNET_TEST="${2}_self_test" -DNET_PIXELS="${upper}_PIXELS" -DNET_CLASSES="${upper}_CLASSES" \
    "$(dirname "$0")/../../examples/cortex_m/main.c" "$1/$2.c" -o "$work/net" ||
    fail "$2.c does not compile"
  (cd "$3" && "$work/net" >/dev/null && cmp logits.bin logits_arm.bin) || fail "$2.c: other logits"
}
