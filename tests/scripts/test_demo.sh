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

# The data are found in SGQ_DATA/mnist and in SGQ_DATA itself.
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

# A folder that was named is never replaced by the built-in set.
rm "$work/arguments"
mkdir "$work/empty"
if SGQ_DATA="$work/empty" cmake/demo.sh "$work/program" "$work/out" >"$work/log" 2>&1; then
  fail "SGQ_DATA without data was accepted: $(cat "$work/log")"
fi
[ ! -e "$work/arguments" ] || fail "trained without the data that were asked for"
