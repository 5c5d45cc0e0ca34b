#!/bin/sh
# 20 steps on 1 to 4 ranks of 1 and 2 threads: are the weights those of one process of one thread?
# Three nets, two optimisers. Takes some minutes, so ctest does not run it; docs/scaling.md has what
# it printed.
#
#   tests/programs/ranks_matrix.sh PROGRAMS DATA    (folders: of mnist and cifar10; of the data sets)
set -eu
programs=$1
data=$2
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
ranks="mpirun --allow-run-as-root --oversubscribe --bind-to none"
export OMP_WAIT_POLICY=passive
differ=0

# matrix NAME PROGRAM OPTIONS..
matrix() {
  name=$1
  program=$programs/$2
  shift 2
  for optimizer in adamw sgd; do
    lr=.002
    [ $optimizer = sgd ] && lr=.05
    run="$program $* --epochs 1 --data $data --optimizer $optimizer --lr $lr"
    $run --threads 1 --out "$out/one" >/dev/null
    digest=$(sha256sum <"$out/one/model.safetensors")
    for threads in 1 2; do
      for n in 1 2 3 4; do
        $ranks -n $n $run --threads $threads --out "$out/many" >/dev/null
        same=identical
        [ "$(sha256sum <"$out/many/model.safetensors")" = "$digest" ] || same=DIFFERENT
        [ $same = identical ] || differ=$((differ + 1))
        echo "$name, $optimizer: $n ranks x $threads threads: $same ($(echo "$digest" | cut -c1-8))"
      done
    done
  done
}

matrix "mnist_cnn w4a4 guided" mnist --limit 1280 --batch 64 --bits w4a4 --guided
matrix "resnet20 fp32" cifar10 --limit 640 --batch 32
matrix "resnet20 w4a4 guided" cifar10 --limit 640 --batch 32 --bits w4a4 --guided
echo "$differ differ"
[ $differ -eq 0 ]
