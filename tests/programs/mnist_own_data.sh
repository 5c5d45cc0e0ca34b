#!/bin/sh
# `mnist` learns a folder of IDX files with dots in their names, labels from 1 up and images that are
# not square, and says what it found.
#
#   mnist_own_data.sh PROGRAM    (`explain` and `integer_inference` lie beside it)
set -u
. "$(dirname "$0")/../support/contract.sh"

# number N: 32 bits, most significant byte first (N < 256).
number() { printf "\\000\\000\\000\\$(printf %03o "$1")"; }

# split NAME COUNT: images of height x width, dark but for a row at the height of the class; labels 1
# to 3. `dot` stands before "idx".
height=14 width=20 dot=.
split() {
  {
    printf '\000\000\010\003' && number "$2" && number $height && number $width
    awk -v count="$2" -v height=$height -v width=$width 'BEGIN {
      for (n = 0; n < count; ++n)
        for (y = 0; y < height; ++y)
          for (x = 0; x < width; ++x) printf "%c", y == 3 + 4 * (n % 3) ? 66 + x % 20 : 65
    }' | tr 'A-V' '\000\200-\224'
  } >"$set/$1-images${dot}idx3-ubyte"
  {
    printf '\000\000\010\001' && number "$2"
    awk -v count="$2" 'BEGIN { for (n = 0; n < count; ++n) printf "%c", 65 + n % 3 }' |
      tr 'A-C' '\001-\003'
  } >"$set/$1-labels${dot}idx1-ubyte"
}

set=$work/rows
mkdir "$set"
split train 240
split t10k 60
run 0 "" --dataset "$set" --net lenet5 --epochs 3 --batch 20 --seed 5 --out "$work/out"
grep -q "rows: images of 1 x 14 x 20, background: black, 3 classes: 1, 2, 3" "$work/stdout" ||
  fail "says nothing of the set: $(cat "$work/stdout")"
grep -q "rows: labels 1 to 3 of the files are classes 0 to 2" "$work/stdout" ||
  fail "says nothing of the labels: $(cat "$work/stdout")"
accuracy=$(sed -n 's/^  "test_accuracy": \([0-9.]*\),*$/\1/p' "$work/out/metrics.json")
[ "$accuracy" = 1 ] || [ "$accuracy" = 1.0 ] || fail "learns nothing: $accuracy"
grep -q '"background":"black"' "$work/out/model.safetensors" || fail "the model forgets its background"
"$(dirname "$program")/explain" --model "$work/out/model.safetensors" --images "$set:0-5" \
  --method gradient --out "$work/explain" >"$work/said" 2>&1 || fail "explain: $(cat "$work/said")"
grep -q "3 classes: 1, 2, 3" "$work/said" || fail "explain: $(cat "$work/said")"
grep -q '"relevance_mass_on_ink"' "$work/explain/metrics.json" || fail "nothing about the ink"

# ---- Nets that the images are too small for, and sets that are none.
run 2 "mnist|fashion-mnist|synthetic|DIR" --dataset "$work/nowhere"
run 1 "expected train.npy, .* got none" --dataset "$work/out" --out "$work/no"
for name in train t10k; do
  dd if=/dev/null of="$set/$name-images.idx3-ubyte" bs=1 seek=100 2>/dev/null
done
run 1 "train-images.idx3-ubyte: at byte 16: expected 67200 bytes of data" --dataset "$set" --out "$work/no"
[ ! -e "$work/no" ] || fail "a refused run leaves files"

# ---- A run does not go on with other images of the same name.
set=$work/data/mnist height=28 width=28 dot=-
mkdir -p "$set"
split train 64
split t10k 32
named="--dataset mnist --data $work/data --net lenet5 --limit 60 --out $work/named"
run 0 "" $named --epochs 1
run 0 "" $named --epochs 1 --resume
printf x | dd of="$set/train-images-idx3-ubyte" bs=1 seek=500 conv=notrunc 2>/dev/null
run 1 "the training images: expected SHA-256" $named --epochs 1 --resume

# ---- Integers are tested on what the network has not seen of its set.
# tests_on TEXT OPTIONS..
tests_on() {
  text=$1
  shift
  "$(dirname "$program")/integer_inference" "$@" --explain 0 --out "$work/integer" >"$work/said" 2>&1 ||
    fail "integer_inference: $(cat "$work/said")"
  grep -q "$text" "$work/said" || fail "expected $text: $(cat "$work/said")"
}
run 0 "" $named --epochs 1 --bits w4a4
tests_on "32 test images of mnist" --model "$work/named/model.safetensors" --data "$work/data"
set=$work/mine
mkdir "$set"
split train 66
split t10k 32
run 0 "" --dataset "$set" --validation --net lenet5 --epochs 1 --bits w4a4 --out "$work/tuned"
grep -q '"train_images": 55,' "$work/tuned/metrics.json" || fail "--validation: other images"
tests_on "11 validation images of mine" --model "$work/tuned/model.safetensors" --dataset "$set"
run 2 "leave it out, the set is in" --dataset "$set" --data "$work/data" --out "$work/no"

# ---- Nor does it start from a network, or learn from one, that has seen the images held out.
run 0 "" --dataset "$set" --limit 65 --net lenet5 --epochs 1 --out "$work/real"
held="--dataset $set --validation --net lenet5 --epochs 1"
for option in --from-weights --teacher; do
  run 2 "$option: expected a network that was not trained on the validation images" $held \
    $option "$work/real/model.safetensors" --out "$work/no"
done
run 0 "" $held --from-weights "$work/tuned/model.safetensors" --out "$work/finer"

# ---- Bits are allocated on images that fit: of the set that the network names, or of one that is given.
run 0 "" $named --epochs 1
cp -r "$work/data/mnist" "$work/data/fashion-mnist"
# allocates CODE TEXT OPTIONS..
allocates() {
  code=$1 text=$2
  shift 2
  "$(dirname "$program")/allocate" "$@" --data "$work/data" --images 20 --explained 2 --random 0 \
    --out "$work/bits" >"$work/said" 2>&1
  got=$?
  [ $got -eq "$code" ] || fail "allocate $*: exit code $got, not $code: $(cat "$work/said")"
  grep -q -e "$text" "$work/said" || fail "allocate $*: no '$text' in: $(cat "$work/said")"
}
allocates 2 "--dataset: expected the set .* got none" --model "$work/real/model.safetensors"
allocates 1 "other names" --model "$work/named/model.safetensors" --dataset fashion-mnist
[ ! -e "$work/bits" ] || fail "a refused run leaves files"
allocates 0 "the network was trained on mnist" --model "$work/named/model.safetensors" \
  --dataset synthetic

# ---- Expected gradients start at images that it was trained on: one that was held back may change.
expected() {
  "$(dirname "$program")/explain" --model "$work/tuned/model.safetensors" --images "$set:0,1" \
    --method expected-gradients --samples 500 --out "$work/$1" >"$work/said" 2>&1 ||
    fail "expected gradients: $(cat "$work/said")"
}
expected before
cp "$set/train-images-idx3-ubyte" "$work/images"
held="" used=""
for k in 0 3 6 9 12 15 18 21 24 27 30 33 36 39 42; do # of one class
  [ -z "$held" ] || [ -z "$used" ] || break
  {
    head -c $((16 + 784 * k)) "$work/images"
    head -c 784 /dev/zero | tr '\000' '\377'
    tail -c +$((16 + 784 * (k + 1) + 1)) "$work/images"
  } >"$set/train-images-idx3-ubyte"
  cmp -s "$work/images" "$set/train-images-idx3-ubyte" && fail "image $k is as it was"
  expected after
  if cmp -s "$work/before/expected-gradients.npy" "$work/after/expected-gradients.npy"; then
    held=$k
  else
    used=$k
  fi
done
[ -n "$held" ] || fail "expected gradients start at images that were held back"
[ -n "$used" ] || fail "expected gradients do not depend on their baselines"
exit $failed
