#!/bin/sh
# What scripts and people rely on in `mnist`: its files, its exit codes, and that a run that was
# killed goes on with --resume to the same bytes.
#
#   mnist.sh PROGRAM
set -u
. "$(dirname "$0")/../support/contract.sh"

small="--dataset synthetic --net lenet5 --limit 300 --epochs 2 --batch 32 --seed 5"

# ---- Options.
run 2 "mnist|fashion-mnist|synthetic|DIR, got 'imagenet'" --dataset imagenet
run 2 "--epochs.*got '0'" --epochs 0
run 2 "--batch.*got '-4'" --batch -4
run 2 "--lr.*got 'fast'" --lr fast
run 2 "--lr.*got 'inf'" --lr inf
run 2 "--seed.*got '1.5'" --seed 1.5
run 2 "--threads.*got '2 '" --threads "2 "
run 2 "--out" --out
run 2 "--resume.*got '1'" --resume=1
run 2 "unknown option 'surplus'" surplus
run 2 "--out.*got '--resume'" --out --resume # a folder was forgotten
run 2 "--lr.*got '--seed'" --lr --seed 1
run 2 "--share: expected 0 to 1, got 1.0000001" --guided --share 1.0000001
run 2 "--alpha: expected 0, or .* to .*, got 1e-300" --alpha 1e-300
(cd "$work" && "$program" $small --limit 65 --epochs 1 --out=--x >"$work/stdout")
[ -e "$work/--x/metrics.json" ] || fail "--out=--x makes no folder of that name"

# ---- Results.
run 0 "" $small --out "$work/whole" --threads 1
for key in dataset net parameters seed epochs train_images tested_on test_images test_accuracy \
  seconds images_per_second version; do
  grep -q "^  \"$key\": " "$work/whole/metrics.json" || fail "metrics.json lacks $key"
done
run 0 "" $small --out "$work/threads" --threads 3
cmp -s "$work/whole/model.safetensors" "$work/threads/model.safetensors" ||
  fail "one and three threads give different models"
run 0 "" $small --out "$work/whole" --resume # finished long ago
cmp -s "$work/whole/model.safetensors" "$work/threads/model.safetensors" ||
  fail "resuming a finished run changes its model"

# ---- A network that the run reads is not replaced by it.
for option in --from-weights --teacher; do
  run 2 "$option: expected a file that this run does not replace" $small \
    $option "$work/threads/../whole/model.safetensors" --out "$work/whole"
done
cmp -s "$work/whole/model.safetensors" "$work/threads/model.safetensors" ||
  fail "a refused run changes the model that it was to read"

# ---- Waiting threads sleep soon, unless the user has chosen otherwise.
# environment SPINCOUNT VARIABLE=VALUE..: GOMP_SPINCOUNT of a run that has begun to train.
environment() {
  expected=$1
  shift
  rm -rf "$work/spin"
  # shellcheck disable=SC2086
  env -u OMP_WAIT_POLICY -u GOMP_SPINCOUNT "$@" "$program" $small --epochs 1000 --out "$work/spin" >/dev/null &
  until [ -e "$work/spin/checkpoint.safetensors" ]; do
    kill -0 $! 2>/dev/null || break
    sleep_for 0.1
  done
  got=$(tr '\0' '\n' <"/proc/$!/environ" | sed -n 's/^GOMP_SPINCOUNT=//p')
  kill -9 $! 2>/dev/null
  wait $! 2>/dev/null
  [ "$got" = "$expected" ] || fail "$*: GOMP_SPINCOUNT is '$got', not '$expected'"
}
if grep -q libgomp "$program"; then # linked with GCC's OpenMP
  environment 1000
  environment 5 GOMP_SPINCOUNT=5
  environment "" OMP_WAIT_POLICY=passive
fi

# ---- One run at a time in a folder.
if command -v flock >/dev/null; then
  (
    flock 9
    exec sleep 600
  ) 9>"$work/whole/.lock" &
  while flock -n "$work/whole/.lock" true; do sleep_for 0.1; done # until that one has it
  run 1 "no other run writes to, got one at work" $small --out "$work/whole"
  kill $!
  wait $! 2>/dev/null
  [ -e "$work/whole/metrics.json" ] || fail "a refused run removes the files of another"
fi

# ---- One process needs no MPI, whatever has started it.
if ! ldd "$program" 2>/dev/null | grep -q libmpi; then
  tiny="$small --limit 65 --epochs 1 --out $work/launched"
  unset OMPI_COMM_WORLD_SIZE PMI_SIZE SLURM_STEP_NUM_TASKS
  export PMIX_RANK=0
  run 2 "built with MPI" $tiny
  export SLURM_STEP_NUM_TASKS=1
  run 0 "" $tiny
  export PMI_SIZE=2
  run 2 "built with MPI" $tiny
  unset PMIX_RANK SLURM_STEP_NUM_TASKS PMI_SIZE
fi

# ---- Data that are not there.
mkdir "$work/empty"
run 1 "train-images-idx3-ubyte in $work/empty/mnist or $work/empty" \
  --dataset mnist --data "$work/empty" --out "$work/none"
[ ! -e "$work/none" ] || fail "a run without data leaves files"
run 1 "$work/stdout/sub" $small --out "$work/stdout/sub" # below a file

# ---- What stands where a file should.
mkdir -p "$work/pipes/mnist" "$work/modes"
mkfifo "$work/pipes/mnist/train-images-idx3-ubyte"
run 1 "expected a regular file, got a named pipe" \
  --dataset mnist --data "$work/pipes" --out "$work/none"
run 0 "" $small --limit 65 --epochs 1 --out "$work/modes"
chmod 600 "$work/modes/model.safetensors"
run 0 "" $small --limit 65 --epochs 1 --out "$work/modes"
[ "$(stat -c %a "$work/modes/model.safetensors")" = 600 ] ||
  fail "a model that only its owner could read can now be read by others"
chmod 400 "$work/modes/model.safetensors"
run 1 "expected a file that may be written, got a read-only one" \
  $small --limit 65 --epochs 1 --out "$work/modes"
! grep -q "epoch 1/1" "$work/stdout" || fail "trains before it looks whether it can write"

# ---- Killed again and again: the same model in the end.
# shellcheck disable=SC2086
kill_again 2 "0.05 0.1 0.2 0.3 0.4" $small --out "$work/killed"
run 0 "" $small --out "$work/killed" --threads 2 --resume
cmp -s "$work/whole/model.safetensors" "$work/killed/model.safetensors" ||
  fail "killed and gone on with: another model"
# shellcheck disable=SC2086
kill_at_work "$work/at_work" $small --threads 1
run 1 "no unfinished run" $small --out "$work/at_work" # --resume was forgotten
run 0 "" $small --out "$work/at_work" --threads 2 --resume
cmp -s "$work/whole/model.safetensors" "$work/at_work/model.safetensors" ||
  fail "killed at work and resumed: another model"
run 0 "" $small --out "$work/at_work" # finished: trained anew
[ -e "$work/at_work/metrics.json" ] || fail "a finished run is not replaced"

# ---- Nothing of an earlier run stays beside one that begins anew, with --resume or without.
cp -r "$work/whole" "$work/anew"
rm "$work/anew/checkpoint.safetensors"
# shellcheck disable=SC2086
kill_at_work "$work/anew" $small --threads 1 --resume
[ ! -e "$work/anew/metrics.json" ] || fail "an unfinished run has the metrics of an earlier one"
[ -s "$work/anew/model.safetensors" ] || fail "an unfinished run has removed a model"
run 1 "no unfinished run" $small --out "$work/anew"

# ---- Checkpoints that must not be gone on from.
run 1 "a checkpoint of this run, lr 0.5, got lr" $small --lr 0.5 --out "$work/killed" --resume
printf 'x' | dd of="$work/killed/checkpoint.safetensors" bs=1 seek=50000 conv=notrunc 2>/dev/null
run 1 "checkpoint.safetensors" $small --out "$work/killed" --resume
: >"$work/killed/checkpoint.safetensors"
run 1 "checkpoint.safetensors" $small --out "$work/killed" --resume
exit $failed
