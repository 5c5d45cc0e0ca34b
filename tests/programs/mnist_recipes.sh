#!/bin/sh
# What people rely on in the recipes of `mnist`: that a run with all of them ends with the same files
# after any number of kills, that each changes the net, that the history goes on, and that bad
# combinations are refused.
#
#   mnist_recipes.sh PROGRAM
set -u
. "$(dirname "$0")/../support/contract.sh"
says() { grep -q -e "$2" "$1" || fail "$1 lacks $2"; }
same() { cmp -s "$work/$1/$3" "$work/$2/$3" || fail "$1 and $2 differ in $3"; }
other() { cmp -s "$work/$1/model.safetensors" "$work/$2/model.safetensors" && fail "$1 is $2"; }
rows() { sed 's/,"seconds":[^}]*//' "$work/$1/history.jsonl"; }

small="--dataset synthetic --net lenet5 --limit 300 --epochs 3 --batch 32 --seed 5"
run 0 "" $small --epochs 1 --out "$work/teacher"
teacher=$work/teacher/model.safetensors

# ---- Each by itself changes the net, and says so.
run 0 "" $small --bits w2a2 --out "$work/plain"
run 0 "" $small --bits w2a2 --ema 0.9 --out "$work/ema"
run 0 "" $small --bits w2a2 --teacher "$teacher" --out "$work/distilled"
run 0 "" $small --bits w2a2 --progressive fp32:0.4,w4a4 --out "$work/progressive"
for name in ema distilled progressive; do other $name plain; done
says "$work/ema/metrics.json" '"ema": "0.9"'
says "$work/distilled/metrics.json" "\"teacher\": \"$(sha256sum <"$teacher" | cut -d' ' -f1)\""
says "$work/progressive/metrics.json" '"progressive": "fp32:0.4,w4a4"'
says "$work/progressive/metrics.json" '"policy": "w2a2'
says "$work/progressive/model.safetensors" '"bits":"w2a2"'
grep -q -e '"ema"' -e '"progressive"' -e '"teacher"' "$work/plain/metrics.json" &&
  fail "a plain run speaks of recipes"
cp "$teacher" "$work/copy"
run 0 "" $small --bits w2a2 --teacher "$work/copy" --out "$work/elsewhere"
same distilled elsewhere model.safetensors # where the teacher lies does not matter
run 1 "distil.temperature 4" $small --bits w2a2 --out "$work/distilled" --resume

# ---- History: a row an epoch, the numbers of the others.
[ "$(wc -l <"$work/plain/history.jsonl")" -eq 3 ] || fail "not three rows"
for key in epoch train_loss train_accuracy test_loss test_accuracy learning_rate seconds; do
  says "$work/plain/history.jsonl" "\"$key\":"
done
last=$(tail -n 1 "$work/plain/history.jsonl" | sed 's/.*"test_accuracy":\([^,]*\),.*/\1/')
says "$work/plain/metrics.json" "\"test_accuracy\": $last"
says "$work/plain/training.svg" "accuracy, %"

# ---- All together, killed again and again.
all="$small --bits w2a2 --guided --start 0.5 --rate 0.5 --ema 0.9 --teacher $teacher \
  --distil-weight 0.5 --temperature 2 --progressive fp32,w8a8 --validation"
run 0 "" $all --out "$work/whole" --threads 1
says "$work/stdout" "validation accuracy"
says "$work/whole/history.jsonl" '"validation_accuracy":'
says "$work/whole/metrics.json" '"protocol": "validation"'
# shellcheck disable=SC2086
kill_again 2 "0.1 0.15 0.2 0.3 0.4 0.5" $all --out "$work/killed"
# shellcheck disable=SC2086
kill_at_work "$work/at_work" $all --threads 1
run 0 "" $all --out "$work/at_work" --threads 2 --resume
same whole at_work model.safetensors
run 0 "" $all --out "$work/killed" --threads 2 --resume
for file in model.safetensors alpha.npy alpha.svg training.svg; do same whole killed $file; done
rows whole >"$work/a"
rows killed >"$work/b"
cmp -s "$work/a" "$work/b" || fail "killed and gone on with: another history"
run 0 "" $all --out "$work/killed" --resume # finished already
same whole killed model.safetensors
run 1 "got ema 0.9" $small --bits w2a2 --ema 0.5 --out "$work/ema" --resume
rm "$work/killed/history.jsonl"
run 1 "history.jsonl" $all --out "$work/killed" --resume

# ---- What cannot be.
run 2 "--ema: expected 0 or more, below 1, got 1" $small --ema 1
run 2 "need --teacher" $small --temperature 2
run 2 "--temperature: expected above 0, got 0" $small --teacher "$teacher" --temperature 0
run 1 "$work/none" $small --teacher "$work/none" --out "$work/no"
run 2 "--progressive: expected --bits, the policy it ends with, got none" $small --progressive w8a8
run 2 "--progressive: .*'w9a8'" $small --bits w2a2 --progressive w9a8
run 2 "add up to less than 1" $small --bits w2a2 --progressive w8a8:1
run 2 "a step of training for each policy" $small --limit 32 --epochs 2 --bits w2a2 \
  --progressive w8a8,w4a4 --out "$work/no"
run 1 "one of the layers conv1.*got 'conv9'" $small --bits w2a2,conv9=w4a4 --progressive w8a8 \
  --out "$work/no"
run 2 "quantised already" --dataset synthetic --progressive w4a4 --bits w2a2 \
  --from-weights "$work/plain/model.safetensors" --out "$work/no"
run 2 "--reestimate: expected a net with batch norm, got lenet5" $small --reestimate --out "$work/no"
run 2 "unknown option '--tuning'" --tuning
[ ! -e "$work/no" ] || fail "a refused run leaves files"
exit $failed
