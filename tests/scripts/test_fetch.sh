#!/bin/sh
# data/fetch.sh on small made-up files, without a network.
set -eu
fetch=$PWD/data/fetch.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() {
  echo "$1"
  [ ! -f log ] || cat log
  exit 1
}
# says STATUS TEXT ARGUMENTS: fetch.sh ends with that status and a message that holds that text.
says() {
  status=0
  expected=$1 text=$2
  shift 2
  "$fetch" "$@" >log 2>&1 || status=$?
  [ "$status" = "$expected" ] || fail "fetch.sh $*: exit status $status, not $expected"
  grep -qF -- "$text" log || fail "fetch.sh $*: no '$text' in the message"
}
nothing_left() {
  [ -z "$(find to ! -type d 2>/dev/null)" ] || fail "left behind: $(find to)"
}

idx="train-images-idx3-ubyte train-labels-idx1-ubyte t10k-images-idx3-ubyte t10k-labels-idx1-ubyte"
mkdir -p from/mnist from/cifar-10 cifar-10-batches-bin plain content
for file in $idx; do
  echo "content of $file" >"content/$file"
  gzip -c "content/$file" >"from/mnist/$file.gz"
done
for i in 1 2 3 4 5; do echo "batch $i" >"cifar-10-batches-bin/data_batch_$i.bin"; done
echo test >cifar-10-batches-bin/test_batch.bin
tar -czf from/cifar-10/cifar-10-binary.tar.gz cifar-10-batches-bin
(cd from/mnist && sha256sum -- *.gz >SHA256SUMS)
(cd from/cifar-10 && sha256sum -- *.gz >SHA256SUMS)
cp from/mnist/* plain

# From DIR/SET and from DIR itself; twice is as good as once.
for from in from plain; do
  for run in first second; do
    says 0 "mnist: complete in to/mnist" mnist --from $from --to to
    for file in $idx; do cmp "content/$file" "to/mnist/$file" || fail "$run: $file"; done
    [ "$(find to/mnist | wc -l)" = 5 ] || fail "$run: more than the four files: $(ls -A to/mnist)"
  done
  rm -r to
done
grep -q "is not the published file" log || fail "nothing said of files that are not the real ones"
says 0 "cifar-10: complete" cifar-10 --from from --to to
diff -r cifar-10-batches-bin to/cifar-10/cifar-10-batches-bin || fail "CIFAR-10 differs"
rm -r to
mkdir -p from/cifar-100 cifar-100-binary
for file in train.bin test.bin fine_label_names.txt; do echo $file >cifar-100-binary/$file; done
tar -czf from/cifar-100/cifar-100-binary.tar.gz cifar-100-binary
says 1 "expected SHA-256 58a81ae192c23a4b" cifar-100 --from from --to to
nothing_left
(cd from/cifar-100 && sha256sum -- *.gz >SHA256SUMS)
says 0 "cifar-100: complete" cifar-100 --from from --to to
diff -r cifar-100-binary to/cifar-100/cifar-100-binary || fail "CIFAR-100 differs"
rm -r to

# The default place is beside the script.
mkdir source
cp "$fetch" source/fetch.sh
fetch=$work/source/fetch.sh says 0 "complete" mnist --from from
cmp content/t10k-labels-idx1-ubyte source/mnist/t10k-labels-idx1-ubyte || fail "not beside the script"

# A set that was named is not taken from another's folder.
says 1 "fashion-mnist: no train-images-idx3-ubyte.gz in" fashion-mnist --from from --to to
says 1 "fashion-mnist: no train-images-idx3-ubyte.gz in" fashion-mnist --from from/mnist --to to
nothing_left

# A copy that is damaged, missing, or not vouched for.
cp -r from damaged
printf x >>damaged/mnist/train-images-idx3-ubyte.gz
says 1 "damaged/mnist/train-images-idx3-ubyte.gz: expected SHA-256" mnist --from damaged --to to
nothing_left
cp -r from unlisted
rm unlisted/mnist/SHA256SUMS
says 1 "expected SHA-256 440fcabf73cc546f" mnist --from unlisted --to to
nothing_left
cp -r from partial
rm partial/mnist/t10k-labels-idx1-ubyte.gz
says 1 "mnist: no t10k-labels-idx1-ubyte.gz in partial/mnist" mnist --from partial --to to
rm -rf to
cp -r from unpackable
echo "not gzip" >unpackable/mnist/train-images-idx3-ubyte.gz
(cd unpackable/mnist && sha256sum -- *.gz >SHA256SUMS)
says 1 "cannot be unpacked" mnist --from unpackable --to to
nothing_left
says 1 "nowhere: no such folder" mnist --from nowhere --to to

# A pipe or a folder in the place of a file: neither waited for, nor replaced, nor filled.
mkdir -p to/mnist/train-images-idx3-ubyte
says 1 "to/mnist/train-images-idx3-ubyte: expected a file" mnist --from from --to to
rmdir to/mnist/train-images-idx3-ubyte
mkfifo to/mnist/train-images-idx3-ubyte
says 1 "to/mnist/train-images-idx3-ubyte: expected a file" mnist --from from --to to
[ -p to/mnist/train-images-idx3-ubyte ] || fail "the pipe was replaced"
rm -r to

# Bad options.
says 2 "unknown option or set 'emnist'" emnist
says 2 "--from needs a folder" mnist --from
says 2 "--from needs a folder" mnist --from --to to
says 0 "usage: fetch.sh" --help

# Downloads. A mirror with wrong files: nothing is kept. No mirror at all: a message, at once.
if ! command -v curl >/dev/null; then exit 0; fi
export SGQ_MIRROR="file://$work/from"
says 1 "expected SHA-256 440fcabf73cc546f" mnist --to to
nothing_left
export SGQ_MIRROR=http://127.0.0.1:9
says 1 "could not download train-images-idx3-ubyte.gz" mnist --to to
nothing_left
# What was begun is kept for the next run; what is no file is not begun with.
mkdir -p to/mnist
mkfifo to/mnist/train-images-idx3-ubyte.gz.part
says 1 "gz.part: expected a file" mnist --to to
rm to/mnist/train-images-idx3-ubyte.gz.part
echo begun >to/mnist/train-images-idx3-ubyte.gz.part
says 1 "could not download" mnist --to to
[ "$(cat to/mnist/train-images-idx3-ubyte.gz.part)" = begun ] || fail "the part is gone"

# A mirror with the right files: those made up here, by sums that a copy of the script has. What is in
# place needs no mirror.
fetch=$work/source/fetch.sh
{ (cd from/mnist && sha256sum -- *.gz) && (cd content && sha256sum -- *); } | while read -r sum name; do
  sed -i "s/^[0-9a-f]*  $name\$/$sum  $name/" "$fetch"
done
rm -r to
for mirror in "file://$work/from" http://127.0.0.1:9; do
  export SGQ_MIRROR="$mirror"
  says 0 "mnist: complete in to/mnist" mnist --to to
  for file in $idx; do cmp "content/$file" "to/mnist/$file" || fail "$mirror: $file"; done
  [ "$(find to/mnist | wc -l)" = 5 ] || fail "more than the four files: $(ls -A to/mnist)"
done
echo x >>to/mnist/t10k-images-idx3-ubyte
says 1 "could not download t10k-images-idx3-ubyte.gz" mnist --to to
# What was begun and cannot be gone on from, or leads to another file, is got anew.
export SGQ_MIRROR="file://$work/from"
for bytes in 5000 5; do
  echo x >>to/mnist/t10k-images-idx3-ubyte
  head -c $bytes /dev/zero >to/mnist/t10k-images-idx3-ubyte.gz.part
  says 0 "mnist: complete" mnist --to to
  cmp content/t10k-images-idx3-ubyte to/mnist/t10k-images-idx3-ubyte || fail "$bytes bytes begun"
done
