# Sourced by the scripts that make a table row by row, from the repository's root, with
#
#   SCRIPT PROGRAMS OUT [THREADS [ROWS]]
#
# PROGRAMS is the folder of the programs, OUT takes the networks; ROWS is a pattern of the rows to
# make. A row that is there is not made again, and a run that was killed goes on.
programs=$1
out=$2
threads=${3:-1}
rows=${4:-.}

# wanted NAME: whether the row is asked for and not in $table yet.
wanted() {
  touch "$table"
  echo "$1" | grep -Eq "$rows" && ! grep -q "\"row\": \"$1\"" "$table"
}

# train NAME SHOWN OPTIONS..: runs cifar10 with the options and adds its row, whose command is SHOWN.
# A script that has a function `measured` adds what it prints, as members of an object: `, "a": 1`.
train() {
  name=$1
  shown=$2
  shift 2
  "$programs/cifar10" "$@" --threads "$threads" --out "$out/$name" --resume
  more=""
  if command -v measured >/dev/null; then more=$(measured "$out/$name"); fi
  metrics=$(tr -d '\n' <"$out/$name/metrics.json" | sed 's/^{ *//; s/  */ /g; s/ *} *$//')
  [ -n "$metrics" ] || { echo "no metrics in $out/$name" >&2; exit 1; }
  printf '{"row": "%s", "command": "cifar10 %s", %s%s}\n' "$name" "$shown" "$metrics" "$more" >>"$table"
  rm -f "$out/$name/checkpoint.safetensors" # the row is safe
}
