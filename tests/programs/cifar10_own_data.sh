#!/bin/sh
# A set of one's own, in a folder of NPY files, goes through every program: `cifar10` learns it at
# four bits with guidance, `explain`, `compare` and `faithfulness` show and measure maps,
# `integer_inference` proves every code of the integers equal, and so do the logits of the C. The set
# is made up here: 24 x 40 colour images of 7 classes, a coloured bar on noise.
#
#   cifar10_own_data.sh PROGRAM [TRAINING-IMAGES [EPOCHS]]    (the other programs lie beside it)
set -u
. "$(dirname "$0")/../support/contract.sh"
others=$(dirname "$program") count=${2:-224} epochs=${3:-1}

# images COUNT SEED: class n % 7 is a bar 5 pixels wide at column 2 + 5 (n % 7), in one of three
# colours, on noise; codes 33 to 126, so that any awk can print them.
images() {
  npy '|u1' "$1, 3, 24, 40"
  LC_ALL=C awk -v count="$1" -v state="$2" 'BEGIN {
    for (n = 0; n < count; ++n)
      for (c = 0; c < 3; ++c)
        for (y = 0; y < 24; ++y)
          for (x = 0; x < 40; ++x) {
            state = (state * 1103 + 12345) % 1048576
            bar = int((x - 2) / 5) == n % 7 && x >= 2 && y > 3 && y < 20 && c != n % 3
            printf "%c", 33 + int(state / 1048576 * 50) + (bar ? 40 : 0)
          }
  }'
}
# labels COUNT: 0 1 .. 6 0 1 ..
labels() {
  npy '|u1' "$1,"
  awk -v count="$1" 'BEGIN { for (n = 0; n < count; ++n) printf "%c", 65 + n % 7 }' |
    tr 'A-G' '\000-\006'
}

set=$work/bars tests=$((count / 5))
mkdir "$set"
images "$count" 1 >"$set/train.npy"
images "$tests" 2 >"$set/test.npy"
labels "$count" >"$set/train_labels.npy"
labels "$tests" >"$set/test_labels.npy"
printf '%s\n' left "left of it" third middle fifth sixth right >"$set/classes.txt"

# ---- Guided training at four bits.
train="--dataset $set --no-augmentation --epochs $epochs --batch 32 --lr 0.05 --seed 5"
run 0 "" $train --bits w4a4 --guided --out "$work/guided"
[ $# -lt 2 ] || cat "$work/stdout"
grep -q "bars: images of 3 x 24 x 40, background: the mean, 7 classes: left, left of it, third" \
  "$work/stdout" || fail "says nothing of the set: $(cat "$work/stdout")"
model=$work/guided/model.safetensors
for pair in '"image_shape":"3 24 40"' '"classes":"7"' '"dataset":"bars"' '"background":"mean"' \
  '"class_names":"left\\nleft of it\\n'; do
  grep -q "$pair" "$model" || fail "the model file lacks $pair"
done
run 0 "" $train --bits w4a4 --guided --out "$work/guided" --resume
run 0 "" $train --from-weights "$model" --out "$work/finer"
run 2 "which may have been" $train --from-weights "$model" --validation --out "$work/no"

# ---- Maps.
"$others/explain" --model "$model" --images "$set:0-3" --method gradient --out "$work/explain" \
  >"$work/said" 2>&1 || fail "explain: $(cat "$work/said")"
grep -q "7 classes: left, left of it, third" "$work/said" || fail "explain: no classes"
grep -q '"class_names": ' "$work/explain/metrics.json" || fail "explain: no class names"
[ "$(wc -c <"$work/explain/gradient.npy")" -eq $((128 + 4 * 4 * 24 * 40)) ] || fail "other maps"
"$others/explain" --model "$model" --images "$set:0-1" --method expected-gradients --samples 2 \
  --out "$work/expected" >"$work/said" 2>&1 || fail "expected gradients: $(cat "$work/said")"
"$others/compare" --models "a=$model,b=$work/finer/model.safetensors" --images "$set:0-3" \
  --out "$work/compare" >"$work/said" 2>&1 || fail "compare: $(cat "$work/said")"
grep -q "7 classes: left" "$work/said" || fail "compare: no classes"
"$others/faithfulness" --a "a=$model" --b "b=$work/finer/model.safetensors" --images "$set:0-3" \
  --no-deletion --out "$work/faithfulness" >"$work/said" 2>&1 ||
  fail "faithfulness: $(cat "$work/said")"
grep -q "7 classes: left" "$work/said" || fail "faithfulness: no classes"

# ---- Integers, and their C.
"$others/integer_inference" --model "$model" --dataset "$set" --explain 2 --masks 20 --name bars \
  --out "$work/integer" >"$work/said" 2>&1 || fail "integer_inference: $(cat "$work/said")"
[ $# -lt 2 ] || grep "verified" "$work/said"
grep -q " codes and sums of $tests images, 0 differ" "$work/said" || fail "not verified"
grep -q "7 classes: left" "$work/said" || fail "integer_inference: no classes"
check_c "$work/integer" bars "$work/integer"

# ---- A net of this set and another set do not go together.
"$others/explain" --model "$model" --images synthetic:0 --out "$work/no" >"$work/said" 2>&1 &&
  fail "explains images of another shape"
grep -q "\[1, 3, 24, 40\] each, got \[1, 1, 28, 28\]" "$work/said" || fail "$(cat "$work/said")"
printf '%s\n' a b >"$set/classes.txt"
run 1 "train_labels.npy: at byte 130: expected a label of one of the 2 classes" $train --out "$work/no"
rm "$set/classes.txt"
labels $((count - 1)) >"$set/train_labels.npy"
run 1 "$count labels, one per image of .*train.npy, got $((count - 1))" $train --out "$work/no"
rm "$set/test.npy"
labels "$count" >"$set/train_labels.npy"
run 1 "test.npy" $train --out "$work/no"
run 1 "held-out protocol" $train --holdout --out "$work/no"
[ ! -e "$work/no" ] || fail "a refused run leaves files"
exit $failed
