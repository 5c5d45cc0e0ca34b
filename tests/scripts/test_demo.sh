#!/bin/sh
# cmake/demo.sh with a stand-in for the program, which writes down its arguments.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
  echo "$1"
  exit 1
}

cat >"$work/program" <<'END'
#!/bin/sh
echo "$@" >"$(dirname "$0")/arguments"
END
chmod +x "$work/program"

# The data are found in SGQ_DATA/mnist and in SGQ_DATA itself. What an earlier demo left is removed.
mkdir -p "$work/out/cells/a"
touch "$work/out/results.jsonl" "$work/out/cells/a/checkpoint.safetensors"
mkdir -p "$work/data/mnist"
touch "$work/data/mnist/train-images-idx3-ubyte"
for data in "$work/data" "$work/data/mnist"; do
  SGQ_DATA="$data" SGQ_DEMO_LIMIT=500 cmake/demo.sh "$work/program" "$work/out"
  arguments=$(cat "$work/arguments")
  case $arguments in
    "--dataset mnist --data $data "*"--out $work/out --limit 500") ;;
    *) fail "unexpected arguments: $arguments" ;;
  esac
done

[ -z "$(find "$work/out" -type f)" ] || fail "left of an earlier demo: $(find "$work/out" -type f)"

# Where nothing was named and MNIST is not there, it is fetched, or else the built-in set serves.
mkdir -p "$work/tree/cmake" "$work/tree/data"
cp cmake/demo.sh "$work/tree/cmake"
for fetched in true false; do
  printf '#!/bin/sh\n%s\n' $fetched >"$work/tree/data/fetch.sh"
  chmod +x "$work/tree/data/fetch.sh"
  dataset=mnist
  $fetched || dataset=synthetic
  env -u SGQ_DATA "$work/tree/cmake/demo.sh" "$work/program" "$work/out" >"$work/log"
  case $(cat "$work/arguments") in
    "--dataset $dataset --data data "*) ;;
    *) fail "fetched: $fetched, arguments: $(cat "$work/arguments")" ;;
  esac
done

# A folder that was named is never replaced by the built-in set.
rm "$work/arguments"
mkdir "$work/empty"
if SGQ_DATA="$work/empty" cmake/demo.sh "$work/program" "$work/out" >"$work/log" 2>&1; then
  fail "SGQ_DATA without data was accepted: $(cat "$work/log")"
fi
[ ! -e "$work/arguments" ] || fail "trained without the data that were asked for"
