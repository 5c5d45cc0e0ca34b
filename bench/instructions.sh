#!/bin/sh
# instructions.sh BENCH_STEP: counts the instructions of training steps on the AVX2 path under
# callgrind and compares them with instructions.txt. A count does not depend on how busy or how fast
# the machine is, so this finds a step that has become dearer where no clock could be trusted.
#
# Fails where a step takes over 3 % more than recorded. To record new numbers, say --record as a
# second argument; they hold for GCC 12 at -O2.
set -eu
program=$1
table=$(dirname "$0")/instructions.txt

if ! command -v valgrind >/dev/null; then
  echo "skipped: no valgrind"
  exit 77
fi
if ! grep -q avx2 /proc/cpuinfo; then
  echo "skipped: no AVX2"
  exit 77
fi

# Instructions of one step, in thousands.
count() {
  SGQ_ISA=avx2 OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive valgrind --tool=callgrind --callgrind-out-file=/dev/null \
    --toggle-collect='*counted_steps*' "$program" --threads 1 --steps 1 --net "$1" --bits "$2" \
    --guided "$3" --batch "$4" 2>&1 >/dev/null |
    awk '$2 == "Collected" { printf "%d", $4 / 1000 }'
}

if [ "${2-}" = --record ]; then
  {
    echo "# net bits guided batch: thousand instructions of a step (instructions.sh --record)"
    for setting in "mnist_cnn 32 0 4" "mnist_cnn 4 0 4" "resnet20 32 0 2" "resnet20 4 1 2"; do
      # shellcheck disable=SC2086
      now=$(count $setting)
      [ -n "$now" ] || {
        echo "not counted: $setting" >&2
        exit 1
      }
      echo "$setting $now"
    done
  } >"$table.new"
  mv "$table.new" "$table"
  exit 0
fi

failed=0
while read -r net bits guided batch expected; do
  case $net in '#'*) continue ;; esac
  now=$(count "$net" "$bits" "$guided" "$batch")
  line="$net, $bits bits, guided $guided: $now thousand instructions, $expected recorded"
  if [ -z "$now" ] || [ "$now" -gt $((expected * 103 / 100)) ]; then
    echo "$line: over 3 % more"
    failed=1
  elif [ "$now" -lt $((expected * 97 / 100)) ]; then
    echo "$line: better; record it"
  else
    echo "$line"
  fi
done <"$table"
exit $failed
