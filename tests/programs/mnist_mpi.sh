#!/bin/sh
# `mnist` under mpirun: the files of one process for any number of ranks, killed and gone on with or
# not; and what a difference between ranks, or the death of one, leads to.
#
#   mnist_mpi.sh PROGRAM    (skipped without mpirun, or where the program was built without MPI)
set -u
. "$(dirname "$0")/../support/contract.sh"

command -v mpirun >/dev/null || exit 77
ldd "$program" 2>/dev/null | grep -q libmpi || exit 77

# Ranks on this machine, whatever its cores. Not a function: $! must be mpirun, which passes a signal
# on to its ranks.
ranks="mpirun --allow-run-as-root --oversubscribe --bind-to none"

# pids WORD..: the processes that were started with these words, one after the other.
pids() {
  grep -lsaz -e "$work" /proc/[0-9]*/cmdline | while IFS=/ read -r _ _ pid _; do
    { tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -q -e "$*" && echo "$pid"
  done
}

same() {
  cmp -s "$work/whole/$2" "$work/$1/$2" || fail "$1: $2 is not that of one process"
}

# Batches of 32 are four blocks; the last one, of 12 images, is two. So the last step leaves two of
# four ranks without images.
small="--dataset synthetic --limit 300 --batch 32 --seed 5 --bits w4a4 --guided --progressive fp32"
small="$small --net lenet5 --epochs 4 --ema .9 --threads 1"

# ---- The same files.
run 0 "" $small --out "$work/whole"
$ranks -n 4 "$program" $small --out "$work/four" >"$work/stdout" 2>"$work/stderr" ||
  fail "4 ranks: $(cat "$work/stderr")"
for file in model.safetensors alpha.npy; do same four $file; done
[ "$(grep -c "4 ranks of 1 threads" "$work/stdout")" -eq 1 ] || fail "not one line at the start"
[ "$(grep -c "results are in" "$work/stdout")" -eq 1 ] || fail "not one line at the end"
[ ! -s "$work/stderr" ] || fail "4 ranks print to stderr: $(cat "$work/stderr")"

# ---- All killed at 4 ranks, gone on with at 2, killed, gone on with by one process.
for n in 4 2; do
  touch "$work/since"
  $ranks -n $n "$program" $small --out "$work/killed" --checkpoint-every 0 --resume \
    >/dev/null 2>&1 &
  launcher=$!
  until [ "$work/killed/checkpoint.safetensors" -nt "$work/since" ]; do
    kill -0 $launcher 2>/dev/null || break
    sleep 0.05
  done
  # shellcheck disable=SC2046
  kill -9 $(pids --out "$work/killed") $launcher 2>/dev/null
  wait $launcher 2>/dev/null
  while [ -n "$(pids --out "$work/killed")" ]; do sleep 0.05; done # they hold the folder's lock
done
[ ! -e "$work/killed/model.safetensors" ] || fail "the runs to be killed had ended"
run 0 "" $small --out "$work/killed" --resume
for file in model.safetensors alpha.npy; do same killed $file; done

# ---- One rank killed: the others end, and the checkpoint is whole.
$ranks -n 3 "$program" $small --epochs 1000 --out "$work/lost" --checkpoint-every 0 \
  >/dev/null 2>&1 &
launcher=$!
until [ -e "$work/lost/checkpoint.safetensors" ]; do
  kill -0 $launcher 2>/dev/null || break
  sleep 0.05
done
victim=$(pids "$program" $small --epochs 1000 --out "$work/lost" | while read -r pid; do
  [ "$(readlink "/proc/$pid/exe")" = "$(readlink -f "$program")" ] && echo "$pid"
done | tail -1)
kill -9 "$victim" || fail "no rank to kill"
seconds=0
while [ -n "$(pids --out "$work/lost")" ] && [ $seconds -lt 30 ]; do
  sleep 1
  seconds=$((seconds + 1))
done
[ $seconds -lt 30 ] || fail "one rank was killed, and the others went on for 30 s"
wait $launcher && fail "one rank was killed, and mpirun ended well"
$ranks -n 2 "$program" $small --epochs 1000 --out "$work/lost" --checkpoint-every 0 --resume \
  >"$work/stdout" 2>&1 &
launcher=$!
until grep -q "resuming after epoch" "$work/stdout" || ! kill -0 $launcher 2>/dev/null; do
  sleep 0.1
done
kill $launcher 2>/dev/null
wait $launcher 2>/dev/null
grep -q "resuming after epoch" "$work/stdout" || fail "no whole checkpoint: $(cat "$work/stdout")"

# ---- Ranks that differ, and other mistakes: the first line says it.
# refuses WORDS ARGUMENTS OF MPIRUN..
refuses() {
  words=$1
  shift
  # shellcheck disable=SC2086
  $ranks "$@" >"$work/stdout" 2>"$work/stderr" &&
    fail "$words: ends well"
  grep -q -e "^mnist: rank [0-9]: .*$words" "$work/stderr" || fail "$words: $(cat "$work/stderr")"
}
refuses "rank 1, option lr: expected 0.002, as on rank 0, got 0.1" \
  -n 1 "$program" $small --out "$work/whole" : -n 1 "$program" $small --out "$work/whole" --lr 0.1
[ -e "$work/whole/metrics.json" ] || fail "a refused run removes the files of one that is over"
refuses "rank 1, arithmetic: expected .*, as on rank 0, got no fused multiply-add" \
  -n 1 "$program" $small --out "$work/none" : \
  -n 1 env SGQ_ISA=generic "$program" $small --out "$work/none"
refuses "ranks that share a batch of 16 images: expected 1 to 2, .* got 3" \
  -n 3 "$program" $small --batch 16 --out "$work/none"
refuses "--epochs.*got '0'" -n 2 "$program" --epochs 0
exit $failed
