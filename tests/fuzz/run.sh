#!/bin/sh
# Fuzzes every reader of foreign bytes, two at a time, and fails on any finding: another exception
# than sgq::error, a sanitizer's report, an input that takes 5 s, or 256 MB for inputs of kilobytes.
#
#   run.sh SECONDS [TARGET..]     for each; targets are the fuzz_TARGET.cpp beside this script
#
# Inputs that reach new code are kept in build/fuzz/corpus for the next run, findings in
# build/fuzz/findings: `build/fuzz/tests/fuzz/fuzz_TARGET FILE` shows one again.
set -eu
seconds=${1:-}
case $seconds in
  "" | *[!0-9]*)
    echo "usage: run.sh SECONDS [TARGET..]" >&2
    exit 2
    ;;
esac
shift
cd "$(dirname "$0")/../.."
cmake --preset fuzz
cmake --build --preset fuzz
cd build/fuzz
if [ $# -eq 0 ]; then
  # shellcheck disable=SC2046
  set -- $(ls tests/fuzz | sed -n 's/^fuzz_\([a-z0-9_]*\)$/\1/p')
fi
[ $# -gt 0 ] || {
  echo "no targets in build/fuzz/tests/fuzz"
  exit 1
}
mkdir -p findings
tests/fuzz/make_seeds seeds

fuzz_one() {
  mkdir -p "corpus/$1"
  if "tests/fuzz/fuzz_$1" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 \
    -malloc_limit_mb=256 -print_final_stats=1 -artifact_prefix="findings/$1-" \
    "corpus/$1" "seeds/$1" >"$1.log" 2>&1; then
    echo "$1: passed, $(sed -n 's/^stat::number_of_executed_units: *//p' "$1.log") inputs"
  else
    tail -n 40 "$1.log"
    echo "$1: failed, see build/fuzz/$1.log"
    echo "$1" >>failed
  fi
}

rm -f failed
all=$#
while [ $# -gt 0 ]; do
  fuzz_one "$1" &
  shift
  if [ $# -gt 0 ]; then
    fuzz_one "$1" &
    shift
  fi
  wait
done
failures=0
if [ -f failed ]; then failures=$(wc -l <failed); fi
echo "$((all - failures)) passed, $failures failed"
[ "$failures" -eq 0 ]
