#!/bin/sh
# Brings the image sets to DIR/SET/, where the programs look for them. See usage() below.
#
# Every file is checked against its SHA-256 before it is unpacked, and moved into place whole, so a
# run that was stopped leaves nothing half-done; the next run goes on where it stopped.
set -eu

usage() {
  cat <<'END'
usage: fetch.sh [mnist|fashion-mnist|cifar-10|cifar-100|all] [--from DIR] [--to DIR]

  SET         what to bring (default: all, the first three)
  --from DIR  take the packed files from DIR/SET/ or DIR instead of the network; they are checked
              against the SHA256SUMS beside them or, where there is none, the published sums
  --to DIR    unpack to DIR/SET/ (default: the folder of this script)

  SGQ_MIRROR=URL in the environment: download from URL/SET/FILE instead of the public mirrors
END
}

die() {
  echo "fetch.sh: $*" >&2
  exit 1
}

bad_option() {
  echo "fetch.sh: $* (see fetch.sh --help)" >&2
  exit 2
}

# ---- What there is to fetch.

mirrors() {
  case $1 in
    mnist)
      echo https://ossci-datasets.s3.amazonaws.com/mnist
      echo https://storage.googleapis.com/cvdf-datasets/mnist
      ;;
    fashion-mnist)
      echo http://fashion-mnist.s3-website.eu-central-1.amazonaws.com
      echo https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion
      ;;
    cifar-10)
      echo https://www.cs.toronto.edu/~kriz
      echo https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10
      ;;
    cifar-100) echo https://www.cs.toronto.edu/~kriz ;;
  esac
}

packed_files() {
  case $1 in
    cifar-*) echo "$1-binary.tar.gz" ;;
    *)
      echo train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz
      echo t10k-images-idx3-ubyte.gz t10k-labels-idx1-ubyte.gz
      ;;
  esac
}

# The published files' SHA-256, packed and unpacked.
published() {
  case $1 in
    mnist)
      cat <<'END'
440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609  train-images-idx3-ubyte.gz
3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c  train-labels-idx1-ubyte.gz
8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6  t10k-images-idx3-ubyte.gz
f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6  t10k-labels-idx1-ubyte.gz
ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db  train-images-idx3-ubyte
65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5  train-labels-idx1-ubyte
0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7  t10k-images-idx3-ubyte
ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2  t10k-labels-idx1-ubyte
END
      ;;
    fashion-mnist)
      cat <<'END'
3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84  train-images-idx3-ubyte.gz
a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845  train-labels-idx1-ubyte.gz
346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073  t10k-images-idx3-ubyte.gz
67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5  t10k-labels-idx1-ubyte.gz
c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888  train-images-idx3-ubyte
bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9  train-labels-idx1-ubyte
5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b  t10k-images-idx3-ubyte
0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34  t10k-labels-idx1-ubyte
END
      ;;
    cifar-10)
      cat <<'END'
c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd  cifar-10-binary.tar.gz
cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5  cifar-10-batches-bin/data_batch_1.bin
a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed  cifar-10-batches-bin/data_batch_2.bin
bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67  cifar-10-batches-bin/data_batch_3.bin
014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48  cifar-10-batches-bin/data_batch_4.bin
755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add  cifar-10-batches-bin/data_batch_5.bin
8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b  cifar-10-batches-bin/test_batch.bin
END
      ;;
    cifar-100)
      cat <<'END'
58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec  cifar-100-binary.tar.gz
f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29  cifar-100-binary/train.bin
d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a  cifar-100-binary/test.bin
END
      ;;
  esac
}

# ---- Checksums.

sha256() {
  if command -v sha256sum >/dev/null; then
    sha256sum <"$1" | cut -d ' ' -f 1
  else
    shasum -a 256 <"$1" | cut -d ' ' -f 1
  fi
}

# sum_of FILE < list in the format of sha256sum
sum_of() {
  awk -v file="$1" '$2 == file || $2 == "*" file { print $1; exit }'
}

# in_place SET FILE: true if what a packed file holds is already there, and as published.
in_place() {
  published "$1" | grep -v 'gz$' | {
    while read -r sum file; do
      case $2 in
        "$file.gz" | *.tar.gz)
          [ -f "$to/$1/$file" ] && [ "$(sha256 "$to/$1/$file")" = "$sum" ] || exit 1
          ;;
      esac
    done
  }
}

# ---- Getting one packed file.

# download URL FILE: goes on with a FILE that is already there in part.
download() {
  if command -v curl >/dev/null; then
    progress=-sS
    [ -t 2 ] && progress=--progress-bar
    curl -fL $progress --connect-timeout 5 --speed-limit 1000 --speed-time 20 -C - -o "$2" "$1"
  elif command -v wget >/dev/null; then
    wget -nv -c --tries=1 --dns-timeout=5 --connect-timeout=5 --read-timeout=20 -O "$2" "$1"
  else
    die "needs curl or wget"
  fi
}

# fetch SET FILE: leaves the checked file at $to/SET/FILE.part
fetch() {
  part=$to/$1/$2.part
  sum=$(published "$1" | sum_of "$2")
  [ -f "$part" ] && [ "$(sha256 "$part")" = "$sum" ] && return
  for mirror in ${SGQ_MIRROR:+"$SGQ_MIRROR/$1"} $([ -n "${SGQ_MIRROR:-}" ] || mirrors "$1"); do
    echo "$1: $mirror/$2"
    for attempt in 1 2; do
      resumed=no
      [ -s "$part" ] && resumed=yes
      if download "$mirror/$2" "$part"; then
        got=$(sha256 "$part")
        [ "$got" = "$sum" ] && return
        echo "fetch.sh: $mirror/$2: expected SHA-256 $sum, got $got" >&2
        rm -f "$part"
      else
        # 22, 33, 36 of curl and 8 of wget: the server did not accept to go on from there.
        case $resumed-$? in
          yes-22 | yes-33 | yes-36 | yes-8) rm -f "$part" ;;
          *) break ;;
        esac
      fi
      # Only what was begun in an earlier run is worth a second try from the start.
      if [ $resumed = no ] || [ $attempt = 2 ]; then break; fi
    done
  done
  [ -s "$part" ] || rm -f "$part"
  die "$1: could not download $2 from any mirror. Without a network, get the packed files by other" \
    "means and run: fetch.sh $1 --from DIR"
}

# The folder under --from that has the set's files. Not DIR itself if it bears another set's name,
# for MNIST and Fashion-MNIST name their files alike.
source_of() {
  first=$(packed_files "$1" | awk 'NR == 1 { print $1 }')
  for place in "$from/$1" "$from"; do
    case $(basename "$place") in
      mnist | fashion-mnist | cifar-10 | cifar-100) [ "$(basename "$place")" = "$1" ] || continue ;;
    esac
    if [ -f "$place/$first" ]; then
      echo "$place"
      return
    fi
  done
  die "$1: no $first in $from/$1 or $from"
}

# check_copy SET PLACE FILE: against the SHA256SUMS beside it, else the published sum.
check_copy() {
  [ -f "$2/$3" ] || die "$1: no $3 in $2"
  list=$2/SHA256SUMS
  official=$(published "$1" | sum_of "$3")
  sum=
  [ -f "$list" ] && sum=$(sum_of "$3" <"$list")
  if [ -z "$sum" ]; then
    list="the published sums"
    sum=$official
  fi
  got=$(sha256 "$2/$3")
  [ "$got" = "$sum" ] || die "$2/$3: expected SHA-256 $sum (by $list), got $got"
  [ "$got" = "$official" ] || echo "$1: $3 agrees with $list, but is not the published file"
}

# ---- Unpacking.

# only_file PATH: neither a pipe is waited for nor a device or folder replaced.
only_file() {
  [ ! -e "$1" ] || [ -f "$1" ] || die "$1: expected a file, or none, but it is something else"
}

# unpack SET PACKED FILE: PACKED is the path of a checked copy of FILE.
unpack() {
  case $3 in
    *.tar.gz)
      inner=$(published "$1" | awk -F '[ /]+' 'NF == 3 { print $2; exit }') # the folder in it
      tar -xzf "$2" -C "$temporary" "$inner" || die "$2: cannot be unpacked"
      mkdir -p "$to/$1/$inner"
      for unpacked in "$temporary/$inner"/*; do
        only_file "$to/$1/$inner/${unpacked##*/}"
      done
      mv -f "$temporary/$inner"/* "$to/$1/$inner/"
      rmdir "$temporary/$inner"
      ;;
    *)
      gzip -dc "$2" >"$temporary/${3%.gz}" || die "$2: cannot be unpacked"
      only_file "$to/$1/${3%.gz}"
      mv -f "$temporary/${3%.gz}" "$to/$1/${3%.gz}"
      ;;
  esac
}

bring() {
  place=
  if [ -n "$from" ]; then place=$(source_of "$1"); fi
  mkdir -p "$to/$1" || die "cannot write to $to"
  temporary=$(mktemp -d "$to/$1/.unpack.XXXXXX") || die "cannot write to $to/$1"
  trap 'rm -rf "$temporary"' EXIT
  trap 'exit 130' INT TERM
  for file in $(packed_files "$1"); do
    if [ -n "$place" ]; then
      check_copy "$1" "$place" "$file"
      unpack "$1" "$place/$file" "$file"
    elif ! in_place "$1" "$file"; then
      only_file "$to/$1/$file.part"
      fetch "$1" "$file"
      unpack "$1" "$to/$1/$file.part" "$file"
      rm -f "$to/$1/$file.part"
    fi
  done
  rm -rf "$temporary"
  echo "$1: complete in $to/$1"
}

# ---- The command line.

sets=
from=
to=
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help)
      usage
      exit 0
      ;;
    --from | --to)
      case ${2:-} in
        "" | --*) bad_option "$1 needs a folder" ;;
      esac
      if [ "$1" = --from ]; then from=$2; else to=$2; fi
      shift
      ;;
    mnist | fashion-mnist | cifar-10 | cifar-100) sets="$sets $1" ;;
    all) sets="$sets mnist fashion-mnist cifar-10" ;;
    *) bad_option "unknown option or set '$1'" ;;
  esac
  shift
done
[ -z "$from" ] || [ -d "$from" ] || die "$from: no such folder"
to=${to:-$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)}
for set in ${sets:-mnist fashion-mnist cifar-10}; do bring "$set"; done
