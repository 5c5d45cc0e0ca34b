#!/bin/sh
# What people rely on in `reproduce`: the same rows for any number of threads, after any number of
# kills and however the grid was split; errors that lose no finished row; a page without requests;
# and that the command in a row makes the same weights again.
#
#   reproduce.sh PROGRAM    (the program `mnist` lies beside it)
set -u
. "$(dirname "$0")/../support/contract.sh"

# The rows of a folder without what may differ between equal runs.
rows() { sed 's/,"run":{[^}]*}//' "$1/results.jsonl"; }
same() {
  rows "$work/$1" >"$work/a"
  rows "$work/$2" >"$work/b"
  cmp -s "$work/a" "$work/b" || fail "$3: other rows: $(diff "$work/a" "$work/b" | head -c 2000)"
}

tiny="--scale smoke --dataset synthetic --limit 60 --epochs 1 --seeds 1"

# ---- Nothing to go by.
mkdir "$work/empty"
run 1 "train-images-idx3-ubyte in $work/empty/mnist" $tiny --dataset mnist --data "$work/empty" \
  --out "$work/none"
[ ! -e "$work/none" ] || fail "a run without data leaves files"
run 1 "$work/stdout/sub" $tiny --out "$work/stdout/sub" # below a file
run 2 "--dataset.*'imagenet'" $tiny --dataset mnist,imagenet --out "$work/none"
for shard in 0/2 3/2 1 1/2x; do run 2 "--shard" $tiny --shard $shard --out "$work/none"; done

# ---- One and two threads.
run 0 "" $tiny --threads 1 --out "$work/whole"
[ "$(tail -n 1 "$work/stdout")" = "$work/whole/report.html" ] || fail "the path is not printed"
[ "$(wc -l <"$work/whole/results.jsonl")" -eq 6 ] || fail "not six rows"
run 0 "" $tiny --threads 2 --out "$work/threads"
same whole threads "one and two threads"

# ---- The report.
page=$work/whole/report.html
for words in "Paper A" "Paper B" "blank maps, share" "reproduce --paper all" "data:image/png"; do
  grep -q "$words" "$page" || fail "report.html lacks $words"
done
for words in "<script" "<link rel=.stylesheet" "url(" "@import" 'src="[^d]' 'href="[^d]'; do
  grep -q "$words" "$page" && fail "report.html has $words"
done
[ "$(wc -c <"$page")" -lt 5000000 ] || fail "report.html has 5 MB or more"
grep -o 'figures/[^)]*' "$work/whole/report.md" | while read -r figure; do
  [ -s "$work/whole/$figure" ] || echo "$figure"
done >"$work/missing"
[ ! -s "$work/missing" ] || fail "report.md shows figures that are not there: $(cat "$work/missing")"
grep -q 'figures/' "$work/whole/report.md" || fail "report.md shows no figure"

grep -q '"masked_accuracy":{[^}]*"without_blank":{' "$work/whole/results.jsonl" ||
  fail "rows lack measures without blank maps"
grep -q "6 cells in [0-9]* \(s\|min\) on" "$work/whole/report.md" || fail "report.md lacks the time"

row=$(grep '"cell":"synthetic/lenet5/w4a4/guided/seed-1"' "$work/whole/results.jsonl")
right=$(echo "$row" | sed 's/.*"test_accuracy":\([0-9.e-]*\).*/\1/' | awk '{printf "%.2f", 100 * $1}')
for file in report.md report.html; do # of one seed: the table has the row's own number
  grep -q "w4a4.*$right" "$work/whole/$file" || fail "$file lacks the accuracy $right of w4a4, guided"
done

# ---- The command in a row, in the program that trains.
command=$(echo "$row" | sed 's/.*"command":"mnist \([^"]*\)".*/\1/')
# shellcheck disable=SC2086
"$(dirname "$program")/mnist" $command --out "$work/again" >/dev/null || fail "mnist $command"
sum=$(sha256sum <"$work/again/model.safetensors" | cut -d' ' -f1)
echo "$row" | grep -q "\"model.safetensors\":\"$sum\"" || fail "mnist $command: other weights"

# ---- Killed again and again.
start() {
  # shellcheck disable=SC2086
  "$program" $tiny --threads 1 --out "$work/killed" --checkpoint-every 0 --resume >/dev/null 2>&1 &
}
checkpoint() { find "$work/killed" -name checkpoint.safetensors 2>/dev/null; }
for pause in 0.2 0.5 0.9 1.4; do
  start
  sleep $pause 2>/dev/null || sleep 1
  kill -9 $! 2>/dev/null
  wait $! 2>/dev/null
done
# Once more while a cell is under way, however slow the machine is.
start
while [ -z "$(checkpoint)" ] && kill -0 $! 2>/dev/null; do sleep 0.1 2>/dev/null || sleep 1; done
kill -9 $! 2>/dev/null
wait $! 2>/dev/null
[ -n "$(checkpoint)" ] || fail "no kill hit a cell that was under way"
run 0 "" $tiny --threads 2 --out "$work/killed" --resume
same whole killed "killed and gone on with"

# ---- Shards, then the whole.
run 0 "" $tiny --out "$work/shards" --shard 1/2
[ ! -e "$work/shards/results.jsonl" ] || fail "a shard writes the whole's file"
run 0 "" $tiny --out "$work/shards" --shard 2/2
[ "$(cat "$work/shards"/results.*-of-2.jsonl | wc -l)" -eq 6 ] || fail "shards overlap, or lack"
run 0 "" $tiny --out "$work/shards" --resume
same whole shards "shards"
grep -q "^\[" "$work/stdout" && fail "merging runs cells again: $(cat "$work/stdout")"

# ---- Nothing finished is lost.
run 2 "--resume" $tiny --out "$work/whole"
run 1 "needs another --out" $tiny --limit 70 --out "$work/whole" --resume
run 1 "another net needs another --out" $tiny --net mnist_cnn --out "$work/whole" --resume
run 2 "of --scale smoke" --scale quick --dataset synthetic --out "$work/whole" --report
run 2 "a folder" $tiny --out ""
run 2 "--resume" $tiny --out "$work/shards" # has rows of shards
flock "$work/whole/cells/.lock" sleep 3 &
sleep 0.5 2>/dev/null || sleep 1
run 1 "one at work" $tiny --out "$work/whole" --resume
run 1 "one at work" $tiny --out "$work/whole" --resume --shard 1/2
wait $!
cp "$work/whole/results.jsonl" "$work/rows"
sed '3s/"measures":/"measures"/' "$work/rows" >"$work/whole/results.jsonl"
cp "$work/whole/results.jsonl" "$work/corrupted"
run 1 "results.jsonl, line 3" $tiny --out "$work/whole" --resume
cmp -s "$work/whole/results.jsonl" "$work/corrupted" || fail "a corrupted file is changed"
head -n 5 "$work/rows" >"$work/whole/results.jsonl"
tail -n 1 "$work/rows" | head -c 300 >>"$work/whole/results.jsonl" # was being written
(
  trap '' XFSZ # a file may not grow: as on a full disk
  ulimit -f 64
  run 1 "stored" $tiny --out "$work/whole" --resume
  exit $failed
) || failed=1
head -n 5 "$work/rows" >"$work/a"
head -n 5 "$work/whole/results.jsonl" | cmp -s - "$work/a" || fail "a full disk loses rows"
run 0 "" $tiny --out "$work/whole" --resume
same whole threads "after a full disk"

# ---- Evidence: what is left when the networks and maps are gone.
says() { grep -q "$1" "$work/stdout" || fail "no '$1' in: $(cat "$work/stdout")"; }
mkdir "$work/left"
cp -r "$work/threads/results.jsonl" "$work/threads/evidence" "$work/left"
run 0 "" $tiny --out "$work/left" --report
cmp -s "$work/threads/report.html" "$work/left/report.html" || fail "evidence gives another page"
cmp -s "$work/threads/results.jsonl" "$work/left/results.jsonl" || fail "--report changes rows"
run 0 "" $tiny --out "$work/left" --resume
says "0 of 6 cells"
rm "$work/left/evidence/synthetic.lenet5.w2a2.plain.seed-1.safetensors"
run 0 "" $tiny --out "$work/left" --report
says "want of a row, evidence.*: synthetic/lenet5/w2a2/plain/seed-1"
run 0 "" $tiny --out "$work/left" --resume
says "2 of 6 cells" # it, and the fp32 one that it is compared with
cmp -s "$work/threads/report.html" "$work/left/report.html" || fail "made again: another page"
cmp -s "$work/threads/results.jsonl" "$work/left/results.jsonl" || fail "made again: other rows"
sed '/w2a2.plain/s/"test_accuracy":0/"test_accuracy":1/' "$work/threads/results.jsonl" \
  >"$work/left/results.jsonl"
rm -r "$work/left/cells"
run 1 "w2a2/plain/seed-1, made again" $tiny --out "$work/left" --resume
cp "$work/threads/results.jsonl" "$work/left" # as if it had been the machine that erred
run 0 "" $tiny --out "$work/left" --resume
cmp -s "$work/threads/report.html" "$work/left/report.html" || fail "after a mismatch: another page"
run 1 "needs another --out" $tiny --limit 70 --out "$work/left" --report
mkdir "$work/old" # rows of older numbers are not shown beside today's
sed 's/"numerics":[0-9]*/"numerics":1/' "$work/rows" >"$work/old/results.jsonl"
run 1 "numerics version.*another --out" $tiny --out "$work/old" --report
cp "$work/left/report.html" "$work/a"
mv "$work/left/evidence" "$work/left/cells" "$work"
run 1 "evidence/ or cells/" $tiny --out "$work/left" --report
cmp -s "$work/left/report.html" "$work/a" || fail "a page is lost to an empty one"
mv "$work/evidence" "$work/cells" "$work/left"
head -n 5 "$work/rows" >"$work/left/results.jsonl"
tail -n 1 "$work/rows" | head -c 300 >>"$work/left/results.jsonl" # being written by another process
cp "$work/left/results.jsonl" "$work/a"
run 0 "" $tiny --out "$work/left" --report
cmp -s "$work/left/results.jsonl" "$work/a" || fail "--report writes rows"
run 2 "--report" $tiny --out "$work/nothing" --report
run 2 "--report" $tiny --out "$work/left" --report --shard 1/2
damage() {
  printf '%s' "$2" | dd of="$1" bs=1 seek="$3" conv=notrunc 2>/dev/null
}
evidence=$work/threads/evidence/synthetic.lenet5.w2a2.plain.seed-1.safetensors
damage "$evidence" x $(($(wc -c <"$evidence") - 9))
run 1 "w2a2.plain.seed-1.safetensors.*SHA-256" $tiny --out "$work/threads" --report
rm "$evidence"
damage "$work/threads/cells/synthetic.lenet5.w2a2.plain.seed-1/maps.npy" x 5000
run 1 "maps.npy.*SHA-256" $tiny --out "$work/threads" --resume
exit $failed
