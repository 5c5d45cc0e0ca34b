#!/bin/sh
# What people rely on in `reproduce`: the same rows for any number of threads, after any number of
# kills and however the grid was split; errors that lose no finished row; a page without requests;
# that the command in a row makes the same weights again; and that a recipe is chosen before it is used.
#
#   reproduce.sh PROGRAM    (the program `mnist` lies beside it)
set -u
. "$(dirname "$0")/../support/contract.sh"

# The rows of a folder without what may differ between equal runs.
rows() { sed 's/,"run":{[^}]*}//' "$1/results.jsonl" "$1/measures.jsonl" "$1/drift.jsonl"; }
same() {
  rows "$work/$1" >"$work/a" && rows "$work/$2" >"$work/b" || fail "$3: a file of rows is missing"
  cmp -s "$work/a" "$work/b" || fail "$3: other rows: $(diff "$work/a" "$work/b" | head -c 2000)"
}
says() { grep -q -e "$1" "$work/stdout" || fail "no '$1' in: $(cat "$work/stdout")"; }

tiny="--scale smoke --dataset synthetic --limit 60 --epochs 1 --recipes $work/none"

# ---- Nothing to go by.
mkdir "$work/empty"
run 1 "train-images-idx3-ubyte in $work/empty/mnist" $tiny --dataset mnist --data "$work/empty" \
  --out "$work/none"
[ ! -e "$work/none" ] || fail "a run without data leaves files"
run 1 "$work/stdout/sub" $tiny --out "$work/stdout/sub" # below a file
for stage in measure page; do
  run 1 "expected networks that are trained, got none" $tiny --only $stage --out "$work/none"
done
[ ! -e "$work/none" ] || fail "a stage without networks leaves files"
run 2 "--dataset.*'imagenet'" $tiny --dataset imagenet --out "$work/none"
run 2 "settings of the other scales" --scale choose --dataset synthetic --only page --out "$work/none"
run 2 "settings of the other scales" --scale choose --dataset synthetic --seeds 9 --out "$work/none"
run 2 "integer from 0 to 100, got '101'" $tiny --seeds 101 --out "$work/none"
run 2 "no --shard" $tiny --only page --shard 1/2 --out "$work/none"
for shard in 0/2 3/2 1 1/2x; do run 2 "--shard" $tiny --shard $shard --out "$work/none"; done
run 2 "--scale choose" --scale full --dataset synthetic --recipes "$work/none" --out "$work/none"

# ---- One and two threads, and the vectors of an older processor.
run 0 "" $tiny --plan --out "$work/whole"
says "4 of 4 networks left, about"
says "^--recipes $work/none: no complete table for synthetic, so the recipe is the default, lambda-"
says "4 of 4 networks to measure, about .*, by a rough count of passes"
for folder in docs/results/choose "$PWD/docs/results/choose/" docs/../docs/results/choose; do
  run 0 "" --scale smoke --limit 60 --plan --recipes "$folder" --out "$work/whole"
  says "^reproduce --scale smoke --dataset synthetic --limit 60: 4 of 4 networks left"
  grep -q "no complete table" "$work/stdout" && fail "$folder is not read: $(cat "$work/stdout")"
done
run 0 "" $tiny --plan --shard 2/3 --out "$work/whole"
says "^reproduce --scale smoke .*--shard 2/3: 1 of 1 networks left"
says "1 of 1 networks to measure"
run 0 "" $tiny --plan --shard 9/9 --out "$work/whole"
says "0 of 0 networks left"
run 0 "" $tiny --net mnist_cnn --plan --out "$work/whole"
says "^reproduce --scale smoke --dataset synthetic --net mnist_cnn --limit 60 --epochs 1 --recipes"
run 0 "" $tiny --plan --only train --out "$work/whole"
grep -q "to measure" "$work/stdout" && fail "--plan --only train measures: $(cat "$work/stdout")"
run 0 "" $tiny --plan --only measure --out "$work/whole"
grep -q "networks left" "$work/stdout" && fail "--plan --only measure trains: $(cat "$work/stdout")"
run 2 "--plan: expected .*, got --only page" $tiny --plan --only page --out "$work/whole"
run 0 "" $tiny --threads 1 --out "$work/whole"
[ "$(tail -n 1 "$work/stdout")" = "$work/whole/report.html" ] || fail "the path is not printed"
for file in results measures; do
  [ "$(wc -l <"$work/whole/$file.jsonl")" -eq 4 ] || fail "not four rows in $file.jsonl"
done
run 0 "" $tiny --threads 2 --out "$work/threads"
same whole threads "one and two threads"
if grep -q avx512f /proc/cpuinfo 2>/dev/null && [ -z "${SGQ_ISA:-}" ]; then
  export SGQ_ISA=avx2
  run 0 "" $tiny --out "$work/avx2"
  unset SGQ_ISA
  same whole avx2 "AVX-512 and AVX2"
fi
run 0 "" $tiny --plan --out "$work/whole"
says "0 of 4 networks left"
says "0 of 4 networks to measure, about 0 s, by those that are measured"

# ---- The page.
page=$work/whole/report.html
for words in "Paper A" "Paper B" "no verdict" "blank maps" "data:image/png" "<nav>" \
  "reproduce --scale smoke --dataset synthetic --limit 60 --epochs 1 --recipes $work/none" \
  "prefers-color-scheme:dark"; do
  grep -q "$words" "$page" || fail "report.html lacks $words"
done
for words in "<script" "<link rel=.stylesheet" "url(" "@import" 'src="[^d]'; do
  grep -q "$words" "$page" && fail "report.html has $words"
done
[ "$(wc -c <"$page")" -lt 5000000 ] || fail "report.html has 5 MB or more"
grep -o 'figures/[^)]*' "$work/whole/report.md" | while read -r figure; do
  [ -s "$work/whole/$figure" ] || echo "$figure"
done >"$work/missing"
[ ! -s "$work/missing" ] || fail "report.md shows figures that are not there: $(cat "$work/missing")"
grep -q 'figures/' "$work/whole/report.md" || fail "report.md shows no figure"
grep "supported\*\*\|refuted\*\*" "$work/whole/report.md" | grep -v "times smaller" &&
  fail "one seed decides"

row=$(grep '"cell":"synthetic/lenet5/w2a2/guided/seed-1"' "$work/whole/results.jsonl")
right=$(echo "$row" | sed 's/.*"test_accuracy":\([0-9.e-]*\).*/\1/' | awk '{printf "%.2f", 100 * $1}')
for file in report.md report.html; do # of one seed: the table has the row's own number
  grep -q "w2a2.*$right" "$work/whole/$file" || fail "$file lacks the accuracy $right of w2a2, guided"
done

# ---- A page that is committed comes out of its rows and evidence again. (The PNG is stb's, and the
# link is as far as the folder.)
committed=docs/results/full/synthetic
cp -r $committed "$work/committed"
rm -r "$work/committed/figures" "$work/committed/report.md"
run 0 "" --scale full --dataset synthetic --recipes docs/results/choose --only page --resume \
  --out "$work/committed"
shown() { sed 's/([^()]*experiment\.md)//' "$1/report.md" && (cd "$1/figures" && ls && cat ./*.svg); }
shown $committed >"$work/a"
shown "$work/committed" >"$work/b"
cmp -s "$work/a" "$work/b" || fail "$committed is another page: $(diff "$work/a" "$work/b" | head -c 2000)"

# ---- The command in a row, in the program that trains.
command=$(echo "$row" | sed 's/.*"command":"mnist \([^"]*\)".*/\1/')
# shellcheck disable=SC2086
"$(dirname "$program")/mnist" $command --out "$work/again" >/dev/null || fail "mnist $command"
cmp -s "$work/again/model.safetensors" \
  "$work/whole/cells/synthetic.lenet5.w2a2.guided.seed-1/model.safetensors" ||
  fail "mnist $command: other weights"

# ---- Every number of the page again, by another program; one digit of any table must not pass.
if command -v python3 >/dev/null; then
  choices=$work/none
  recompute() {
    PYTHONDONTWRITEBYTECODE=1 python3 "$(dirname "$0")/../experiment/recompute.py" "$@" \
      --choices "$choices" >"$work/said" 2>&1
  }
  # recompute.py must not pass FOLDER with a file that sed has changed: wrong FOLDER FILE SED WORDS
  wrong() {
    cp "$work/$1/$2" "$work/right"
    sed "$3" "$work/right" >"$work/$1/$2"
    cmp -s "$work/right" "$work/$1/$2" && fail "$3 changes nothing in $1/$2"
    recompute "$work/$1" --no-bootstrap && fail "recompute.py passes $1/$2 after $3"
    grep -q "$4" "$work/said" || fail "recompute.py after $3: $(cat "$work/said")"
    cp "$work/right" "$work/$1/$2"
  }
  wrong_page() { wrong "$1" report.md "$2" "report.md: [0-9]* differ from the rows"; }
  # Changes a digit in the first line that begins so: of its first fraction, or else of the first
  # number after that beginning.
  wrong_digit() {
    cp "$work/$1/report.md" "$work/report.md"
    awk -v where="$2" '!done && index($0, where) == 1 {
      before = 0
      if (!match($0, /\.[0-9]+/)) {
        before = length(where)
        match(substr($0, before + 1), /[0-9]+/)
      }
      at = before + RSTART + RLENGTH - 1
      d = substr($0, at, 1)
      $0 = substr($0, 1, at - 1) (d == 9 ? 8 : d + 1) substr($0, at + 1)
      done = 1
    } { print } END { exit !done }' "$work/report.md" >"$work/$1/report.md" ||
      fail "no line '$2' to change in report.md"
    recompute "$work/$1" --no-bootstrap &&
      fail "recompute.py passes a report with another digit in '$2'"
    grep -q "differ from the rows" "$work/said" || fail "recompute.py: $(cat "$work/said")"
    cp "$work/report.md" "$work/$1/report.md"
  }
  run 0 "" $tiny --seeds 3 --out "$work/three"
  cp -r "$work/three" "$work/blank" # short runs have no blank maps; here are some
  PYTHONDONTWRITEBYTECODE=1 python3 "$(dirname "$0")/../experiment/make_blank.py" "$work/blank"
  run 0 "" $tiny --seeds 3 --only page --out "$work/blank" --resume
  for folder in whole three blank; do
    recompute "$work/$folder" || fail "recompute.py: $(cat "$work/said")"
  done
  for where in '| B1: ' '| A3: ' '| D: ' '| w2a2, guided | 3 ' '| w2a2, plain | 0' \
    '| random weights, fp32, guided' '| lenet5 w2a2 ' '| 7 | ' '| synthetic/lenet5/fp32/plain' \
    '- **undecided**'; do
    wrong_digit three "$where"
  done
  for where in '| E: ' '| relu1 ' '*w2a2, guided: ' \
    '- **undecided**, leaning yes: quantising makes maps blank'; do
    wrong_digit blank "$where"
  done
  for change in 's/`lambda-0.3-/`lambda-0.1-/' 's/50 % of the pixels/30 % of the pixels/' \
    's/logit on [0-9]* test/logit on 900 test/' 's/SmoothGrad, 25/SmoothGrad, 99/' \
    's/ plain fp32 |/ plain w4a4 |/' 's/costs [0-9.]* times/costs 9.9 times/' \
    's/where uniform, 92/where uniform, 90/' 's/^\(| fp32, guided | 3 | [^0-9.]*\)[0-9]/\1x/' \
    's/^12 networks in/13 networks in/' 's/--seeds 3/--seeds 4/' 's/--limit 60/--limit 70/'; do
    wrong_page three "$change"
  done
  for change in 's/without blank maps \([^0-9]*[0-9]\.\)/without blank maps \11/' \
    's/^Without the images/&, 2 of them,/' 's/ends at relu/ends at relu9/' 's/gates for [0-9.]* %/gates for 77.7 %/' \
    's/^\(| w2a2, guided | 3 | [0-9]*\)\(\.[0-9]*<br>.* of \)/\19\2/' \
    's/explained images of all seeds have/of 9 seeds have/'; do
    wrong_page blank "$change"
  done
  wrong three report.html 's/seeds<.th>/seed<\/th>/' "report.html: [0-9]* differ from report.md"
  wrong three report.html 's/Large dots are means/Large dots are medians/' "in one alone: .*medians"
  # A page is made of rows of the other arithmetic, too, unless it needs networks for its drift.
  cp -r "$work/three" "$work/other"
  sed -i 's/"fused":true/"fused":0/; s/"fused":false/"fused":true/; s/"fused":0/"fused":false/' \
    "$work/other/results.jsonl" "$work/other/measures.jsonl"
  run 0 "" $tiny --seeds 3 --only page --out "$work/other" --resume
  rm "$work/other/drift.jsonl"
  run 1 "a row of the other arithmetic" $tiny --seeds 3 --only page --out "$work/other" --resume
  run 0 "" $tiny --seeds 4 --only page --out "$work/three" --resume
  recompute "$work/three" --no-bootstrap || fail "recompute.py: $(cat "$work/said")"
  wrong_page three 's/Unfinished:\*\* 4/Unfinished:** 3/'
  # Drift of all three seeds waits while a network of them is not measured.
  cp "$work/three/measures.jsonl" "$work/measures"
  sed '/w2a2.plain.seed-3/d' "$work/measures" >"$work/three/measures.jsonl"
  run 0 "" $tiny --seeds 3 --only page --out "$work/three" --resume
  grep -q 'Unfinished:\*\* 1 ' "$work/three/report.md" || fail "one of 12 networks is not missed"
  recompute "$work/three" --no-bootstrap || fail "recompute.py: $(cat "$work/said")"
  [ "$(grep -c w2a2/plain "$work/three/drift.jsonl")" -eq 2 ] || fail "drift of three seeds is lost"
  cp "$work/measures" "$work/three/measures.jsonl"
  run 0 "" $tiny --seeds 3 --only page --out "$work/three" --resume
  [ "$(grep -c w2a2/plain "$work/three/drift.jsonl")" -eq 1 ] || fail "drift of two seeds is left"
  # Numbers in prose, by a comment that says what they are of.
  mkdir "$work/tied"
  cp "$work/report.md" "$work/three/report.md"
  ln -s "$work/three" "$work/tied/synthetic"
  said=$(sed -n 's/^| w2a2, guided | 3 | \([0-9.]*\)<br>.*/\1/p' "$work/report.md")
  numbers() {
    PYTHONDONTWRITEBYTECODE=1 python3 "$(dirname "$0")/../experiment/numbers.py" "$@" \
      "$work/tied" "$work/prose.md" >"$work/said" 2>&1
  }
  prose() {
    printf '%s\n' '<!-- numbers: synthetic, guided | accuracy -->' '| network | accuracy |' \
      '|---|---|' "| w2a2 | $1 |" >"$work/prose.md"
    numbers
  }
  prose "$said" || fail "numbers.py: $(cat "$work/said")"
  prose "1$said" && fail "numbers.py passes 1$said for $said"
  grep -q "1$said is" "$work/said" || fail "numbers.py: $(cat "$work/said")"
  numbers --write || fail "numbers.py --write: $(cat "$work/said")"
  grep -q "^| w2a2 | $said |\$" "$work/prose.md" || fail "--write puts $(tail -n 1 "$work/prose.md")"
else
  echo "no python3: the page's numbers are not computed again"
fi

# ---- Killed again and again.
# Ten times, at moments that nobody chose; a failure says which they were.
pauses=$(awk 'BEGIN { srand(); for (i = 0; i < 10; ++i) printf "%.2f ", 0.05 + 0.5 * rand() }')
# shellcheck disable=SC2086
kill_again 5 "$pauses" $tiny --out "$work/killed"
run 0 "" $tiny --threads 2 --out "$work/killed" --resume
same whole killed "killed after $pauses s and gone on with"

# ---- Stages and shards, then the whole.
for part in 1/2 2/2; do run 0 "" $tiny --only train --out "$work/shards" --shard $part; done
[ ! -e "$work/shards/results.jsonl" ] || fail "a shard writes the whole's file"
[ "$(cat "$work/shards"/results.*-of-2.jsonl | wc -l)" -eq 4 ] || fail "shards overlap, or lack"
ls "$work/shards"/measures* 2>/dev/null && fail "--only train measures"
run 0 "" $tiny --only measure --out "$work/shards" --resume
run 0 "" $tiny --only page --out "$work/shards" --resume
same whole shards "shards"
grep -q "^\[" "$work/stdout" && fail "--only page trains or measures: $(cat "$work/stdout")"
ls "$work/shards"/results.*-of-2.jsonl 2>/dev/null && fail "shards' rows are left"

# ---- Nothing finished is lost.
run 2 "--resume" $tiny --out "$work/whole"
run 1 "needs another --out" $tiny --limit 70 --out "$work/whole" --resume
run 1 "another net needs another --out" $tiny --net mnist_cnn --out "$work/whole" --resume
run 2 "of --scale quick" --scale quick --dataset synthetic --out "$work/whole" --resume
run 2 "a folder" $tiny --out ""
(
  flock 9
  exec sleep 600
) 9>"$work/whole/cells/.lock" &
while flock -n "$work/whole/cells/.lock" true; do sleep 1; done # until that one has it
run 1 "one at work" $tiny --out "$work/whole" --resume
kill $!
wait $! 2>/dev/null
cp "$work/whole/results.jsonl" "$work/rows"
sed '3s/"training":/"training"/' "$work/rows" >"$work/whole/results.jsonl"
cp "$work/whole/results.jsonl" "$work/corrupted"
run 1 "results.jsonl, line 3" $tiny --out "$work/whole" --resume
cmp -s "$work/whole/results.jsonl" "$work/corrupted" || fail "a corrupted file is changed"
head -n 3 "$work/rows" >"$work/whole/results.jsonl"
tail -n 1 "$work/rows" | head -c 300 >>"$work/whole/results.jsonl" # was being written
(
  trap '' XFSZ # a file may not grow: as on a full disk
  ulimit -f 64
  run 1 "stored" $tiny --out "$work/whole" --resume
  exit $failed
) || failed=1
head -n 3 "$work/rows" >"$work/a"
head -n 3 "$work/whole/results.jsonl" | cmp -s - "$work/a" || fail "a full disk loses rows"
run 0 "" $tiny --out "$work/whole" --resume
same whole threads "after a full disk"

# ---- When cells/ is gone, the page is made of rows and evidence, measures of kept networks, and
# fp32 networks are trained again.
mkdir "$work/left"
for part in results.jsonl measures.jsonl drift.jsonl evidence predictions networks; do
  cp -r "$work/threads/$part" "$work/left"
done
run 0 "" $tiny --only page --out "$work/left" --resume
cmp -s "$work/threads/report.html" "$work/left/report.html" || fail "evidence gives another page"
rm "$work/left/evidence/synthetic.lenet5.w2a2.guided.seed-1.safetensors"
run 0 "" $tiny --seeds 2 --only train --shard 8/8 --out "$work/other"
kept=networks/synthetic.lenet5.w2a2.guided.seed-1.safetensors
mv "$work/left/$kept" "$work/kept"
cp "$work/other/networks/synthetic.lenet5.w2a2.guided.seed-2.safetensors" "$work/left/$kept"
run 1 "delete $work/left/$kept to have" $tiny --out "$work/left" --resume
mv "$work/kept" "$work/left/$kept"
run 0 "" $tiny --out "$work/left" --resume
says "1/4.*w2a2/guided\|[234]/4.*w2a2/guided"
[ ! -e "$work/left/cells/synthetic.lenet5.w2a2.guided.seed-1/model.safetensors" ] ||
  fail "a network that was kept is trained again"
rm "$work/left/evidence/synthetic.lenet5.fp32.plain.seed-1.safetensors"
run 0 "" $tiny --out "$work/left" --resume
says "^synthetic/lenet5/fp32/plain/seed-1: its network is gone, so it is trained again"
same threads left "measured again"
again=$work/left/cells/synthetic.lenet5.fp32.plain.seed-1
[ -e "$again/model.safetensors" ] || fail "no network is made again in $again"
[ ! -e "$again/checkpoint.safetensors" ] || fail "a network that is made again leaves a checkpoint"
sed 's/"measures_version":[0-9]*/"measures_version":0/' "$work/threads/measures.jsonl" \
  >"$work/left/measures.jsonl"
cp "$work/left/measures.jsonl" "$work/older"
run 2 "--only page.*run --only measure" $tiny --only page --out "$work/left" --resume
run 0 "" $tiny --only train --out "$work/left" --resume
cmp -s "$work/older" "$work/left/measures.jsonl" || fail "measures are lost where none are made"
run 0 "" $tiny --out "$work/left" --resume
same threads left "measures of another version"
rm -r "$work/left/cells" "$work/left/evidence"
sed '/fp32.plain/s/"test_accuracy":0/"test_accuracy":1/' "$work/threads/results.jsonl" \
  >"$work/left/results.jsonl"
said=$work/left/predictions/synthetic.lenet5.fp32.plain.seed-1.npy
echo "what the row speaks of" >"$said"
run 1 "fp32/plain/seed-1, made again.*rows in results.jsonl and measures.jsonl" $tiny --out "$work/left" --resume
[ "$(cat "$said")" = "what the row speaks of" ] || fail "a refused network leaves its predictions"
mkdir "$work/others" # rows of other images
cp -r "$work/threads/." "$work/others"
sed -i 's/"test_sha256":"[^"]*"/"test_sha256":"0"/' "$work/others/results.jsonl"
for stage in measure page; do
  rm -rf "$work/others/evidence"
  [ $stage = measure ] || cp -r "$work/threads/evidence" "$work/others"
  run 1 "the set's SHA-256" $tiny --only $stage --out "$work/others" --resume
done
mkdir "$work/old" # rows of older numbers are not shown beside today's
sed 's/"numerics":[0-9]*/"numerics":1/' "$work/rows" >"$work/old/results.jsonl"
run 1 "numerics version.*another --out" $tiny --out "$work/old" --resume
cp -r "$work/threads" "$work/foreign" # what is not of its row
printf x >>"$work/foreign/predictions/synthetic.lenet5.w2a2.plain.seed-1.npy"
run 1 "the predictions of its row" $tiny --only page --out "$work/foreign" --resume
cp "$work/threads/predictions/"* "$work/foreign/predictions"
sed '1s/"network":"/&0/' "$work/threads/measures.jsonl" >"$work/foreign/measures.jsonl"
run 0 "" $tiny --only page --out "$work/foreign" --resume
grep -q 'Unfinished:\*\* 1 ' "$work/foreign/report.md" || fail "measures of another network count"
damage() {
  printf '%s' "$2" | dd of="$1" bs=1 seek="$3" conv=notrunc 2>/dev/null
}
evidence=$work/threads/evidence/synthetic.lenet5.w2a2.plain.seed-1.safetensors
damage "$evidence" x $(($(wc -c <"$evidence") - 9))
run 1 "w2a2.plain.seed-1.safetensors.*SHA-256" $tiny --out "$work/threads" --resume
rm "$evidence"
kept=$work/threads/cells/synthetic.lenet5.w2a2.plain.seed-1/model.safetensors
damage "$kept" x $(($(wc -c <"$kept") - 9))
run 1 "model.safetensors.*SHA-256" $tiny --out "$work/threads" --resume

# ---- The choice of a recipe.
choose="--scale choose --dataset synthetic --limit 40 --epochs 1"
run 0 "" $choose --plan --out "$work/choices/synthetic"
says "25 of 25 networks left"
run 0 "" $choose --plan --shard 1/5 --out "$work/choices/synthetic"
says "5 of 5 networks left"
run 0 "" $choose --out "$work/choices/synthetic"
says "chosen for synthetic: lambda-"
chosen=$(sed -n 's/^chosen for synthetic: //p' "$work/stdout")
[ "$(wc -l <"$work/choices/synthetic/results.jsonl")" -eq 37 ] || fail "not 25 and 12 networks"
run 0 "" $tiny --only train --recipes "$work/choices" --out "$work/with"
lambda=$(echo "$chosen" | sed 's/lambda-\([0-9.]*\)-.*/\1/')
grep -q "\"guided.lambda\":\"$lambda\"" "$work/with/results.jsonl" || fail "not trained by $chosen"
run 0 "" $tiny --recipes "$work/choices" --out "$work/with" --resume
grep -q "chosen on validation images with .lenet5." "$work/with/report.md" || fail "no choice told"
grep -q "It was not chosen for this set" "$work/whole/report.md" || fail "a default is not told"
run 1 "or recipe needs another --out" $tiny --only page --out "$work/with" --resume
if command -v python3 >/dev/null; then
  choices=$work/choices
  recompute "$work/with" || fail "recompute.py: $(cat "$work/said")"
  for change in 's/At most half a point/At most two points/' 's/fp32 alone \(.\)0/fp32 alone \19/' \
    's/^\*Stage 2/*Stage 3/'; do
    wrong_page with "$change"
  done
  wrong with results.jsonl "/guided/s/\"guided.lambda\":\"$lambda\"/\"guided.lambda\":\"0.7\"/" \
    "trained by lambda-0.7-"
fi
mkdir -p "$work/half/mnist" # twelve training images, and no test images
{
  printf '\000\000\010\003\000\000\000\014\000\000\000\034\000\000\000\034'
  head -c 9408 /dev/zero
} >"$work/half/mnist/train-images-idx3-ubyte"
{
  printf '\000\000\010\001\000\000\000\014'
  head -c 12 /dev/zero
} >"$work/half/mnist/train-labels-idx1-ubyte"
run 0 "" --scale choose --dataset mnist --data "$work/half" --shard 99/99 --out "$work/unseen"
says "stage 2 waits for the other shards' rows"
full="--scale full --dataset synthetic --recipes $work/choices --plan --out $work/with2"
run 1 "expected 8 epochs, got 1" $full
run 1 "expected no --limit, got 40" $full --epochs 1
run 1 "expected --limit 50 or more, got 40" $full --epochs 1 --limit 50
run 1 "expected the net mnist_cnn, got \"lenet5\"" $full --epochs 1 --limit 40 --net mnist_cnn
run 0 "" $full --epochs 1 --limit 40
says "44 of 44 networks left"
exit $failed
