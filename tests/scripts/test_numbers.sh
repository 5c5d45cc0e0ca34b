#!/bin/sh
# Numbers in prose and on pages are those of the rows in docs/results. Skipped without Python.
set -u
if ! command -v python3 >/dev/null; then
  echo "skipped: no python3"
  exit 77
fi
export PYTHONDONTWRITEBYTECODE=1
full=docs/results/full
failed=0
# A page is committed when all its networks are there.
unfinished() { grep -l '^\*\*Unfinished:\*\*' "$@"; }
echo '**Unfinished:** 3 networks' | unfinished - >/dev/null ||
  { echo "an unfinished page passes"; failed=1; }
[ -e "$full/synthetic/report.md" ] || { echo "no page of the built-in set"; failed=1; }
for report in "$full"/*/report.md; do
  unfinished "$report" && failed=1
  # Without the intervals over images: these take a minute.
  python3 tests/experiment/recompute.py "${report%/report.md}" --no-bootstrap || failed=1
done
python3 tests/experiment/numbers.py "$full" README.md docs/*.md docs/learn/*.md || failed=1
# Tables that are printed from rows; one digit of a table must not pass.
python3 docs/results/tables.py check docs/quantisation.md docs/experiment.md README.md || failed=1
wrong=$(mktemp)
sed '/^| by-maps, 0.85 /s/[0-9] |$/x |/' docs/quantisation.md >"$wrong"
python3 docs/results/tables.py check "$wrong" docs/experiment.md 2>&1 | grep -q "no such table" ||
  { echo "tables.py check passes another digit"; failed=1; }
rm -f "$wrong"
# Rows that were made again: equal to themselves, and one digit must not pass.
again=$(mktemp -d)
for name in results measures; do
  tail -n 3 "$full/synthetic/$name.jsonl" | sed 's/"run":{/"run":{"other":1,/' >"$again/$name.jsonl"
done
docs/results/same_rows.py "$full/synthetic" "$again" | grep -q "^6 rows are equal" ||
  { echo "same_rows.py: equal rows differ"; failed=1; }
sed -i '1s/"explained":500/"explained":501/' "$again/measures.jsonl"
docs/results/same_rows.py "$full/synthetic" "$again" 2>&1 | grep -q "differs in explained" ||
  { echo "same_rows.py passes another digit"; failed=1; }
rm -rf "$again"
exit $failed
