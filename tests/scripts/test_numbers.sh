#!/bin/sh
# Numbers in prose and on pages are those of the rows in docs/results/full. Skipped while there are none.
set -u
if ! command -v python3 >/dev/null; then
  echo "skipped: no python3"
  exit 77
fi
export PYTHONDONTWRITEBYTECODE=1
full=docs/results/full
failed=0
for report in "$full"/*/report.md; do
  [ -e "$report" ] || continue
  # Without the intervals over images: these take a minute.
  python3 tests/experiment/recompute.py "${report%/report.md}" --no-bootstrap || failed=1
done
python3 tests/experiment/numbers.py "$full" README.md docs/*.md docs/learn/*.md
result=$?
[ $result -ne 77 ] || echo "skipped: no rows in $full, and no number is tied to them"
[ $failed -eq 0 ] || result=1
exit $result
