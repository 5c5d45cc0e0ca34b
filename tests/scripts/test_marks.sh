#!/bin/sh
# numbers.py passes a number that is in the rows, and nothing that it does not understand. Skipped
# without Python.
set -u
if ! command -v python3 >/dev/null; then
  echo "skipped: no python3"
  exit 77
fi
export PYTHONDONTWRITEBYTECODE=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/full"
ln -s "$PWD/docs/results/full/synthetic" "$work/full/synthetic"
cp docs/results/recipes.jsonl "$work"
prose=$work/prose.md
failed=0

# check STATUS TEXT..: the lines of a document, and whether they must pass.
check() {
  want=$1
  shift
  printf '%s\n' "$@" >"$prose"
  said=$(python3 tests/experiment/numbers.py "$work/full" "$prose" 2>&1)
  status=$?
  if [ $status -ne "$want" ]; then
    printf '%s\n' "status $status, not $want, for:" "$@" "$said"
    failed=1
  fi
}

number='synthetic, w4a4, guided'
check 0 "<!-- number: $number, accuracy -->98.58 [98.39, 98.77]"
check 1 "<!-- number: $number, accuracy -->98.57"
check 0 "<!-- number: $number, accuracy, minus fp32 random-mask -->-.21"
check 0 "<!-- number: $number, relevance_mass_on_evidence, minus plain -->.060"
check 1 "<!-- number: $number, relevance_mass_on_evidence, minus plain -->.009" # of fp32
check 0 '<!-- number: synthetic, w2a2, guided, PACT+, accuracy -->97.37'
check 1 '<!-- number: synthetic, w2a2, guided, accuracy -->97.37'
check 0 "<!-- number: synthetic, fp32, guided, relevance_mass_on_evidence, minus fp32 plain SmoothGrad -->.065"
# What few bits cost guided networks beyond what they cost plain ones: .64 in w2a2's A1, .19 there.
of_plain='minus fp32 guided, minus that of plain'
check 0 "<!-- number: $number, masked_advantage, $of_plain -->.064 [.011, .118]"
check 1 "<!-- number: $number, masked_advantage, $of_plain -->-.090"
check 1 "<!-- number: $number, masked_advantage, minus that of plain -->.064"
check 1 "<!-- number: $number, masked_advantage, minus fp32 guided, minus that of fp32 plain -->.064"
check 1 "<!-- number: $number, masked_advantage, minus fp32 guided, minus that of random-mask -->.064"
check 1 "<!-- number: $number, accuracy, without blank maps -->98.58"
check 0 '<!-- claim: synthetic, B2, w2a2, times smaller -->14.4'
check 1 '<!-- claim: synthetic, B2, w2a2, times fewer bit operations -->14.4'
check 0 '<!-- claim: synthetic, D, guided w4a4 -->-.054 [-.076, -.032]'
check 1 '<!-- claim: synthetic, D, guided w4a4 -->-.055'
check 0 '<!-- claim: synthetic, A3, w4a4, masked_advantage -->-.090'
check 0 '<!-- verdict: synthetic, C2, SmoothGrad, better -->**mixed**'
check 1 '<!-- verdict: synthetic, C2, SmoothGrad, better -->supported'
check 1 '<!-- verdict: synthetic, C2 -->mixed' # two claims
check 0 '<!-- gates: synthetic, w2a2, guided, relu3, at_zero, others -->51.3'
check 1 '<!-- gates: synthetic, w2a2, guided, relu3, at_zero, blank -->52.1' # no image is blank
check 0 "<!-- number: $number, accuracy -->98.58" \
  '<!-- recipes: holdout-w4a4, minus holdout-fp32 -->+.85 [.14, 1.55]'
check 1 "<!-- number: $number, accuracy -->98.58" '<!-- recipes: holdout-w4a4, minus holdout-fp32 -->-9.58'
check 1 "<!-- number: $number, accuracy -->98.58" '<!-- recipes: holdout-w4a4, holdout-fp32 -->80'
check 1 "<!-- number: $number, accuracy -->98.58" '<!-- recipes: holdout-w5a5 -->80'

claims='<!-- claims: synthetic -->
| | claim | built-in set |
|---|---|---|'
check 0 "$claims" '| A2 | two bits cost more | undecided<br>-.60 [-1.11, -.09] |'
check 0 "$claims" '| C2, SmoothGrad | better | mixed<br>.065 [.047, .084]<br>-.100 |' '| D, plain w4a4 | | undecided |'
check 0 "$claims" '| B2, w2a2 | smaller | supported<br>14.4<br>49 |' '| A2 | | undecided |'
check 1 "$claims" '| B2, w2a2 | smaller | supported<br>14.4<br>50 |'
check 1 "$claims" '| A2 | two bits cost more | undecided<br>-.61 |'
check 1 "$claims" '| A2 | two bits cost more | supported<br>-.60 |'
check 1 "$claims" '| C2, SmoothGrad | better | mixed<br>-.100<br>.065 |'
check 1 "$claims" '| C2, SmoothGrad | better | mixed<br>.065 |' # of two measures
check 1 "$claims" '| C2 | better | mixed |' # two claims
check 1 "$claims" '| B1, w8a8 | accuracy is kept | supported |'

# Nothing is passed over, and nothing is taken for something else.
check 1 "<!-- number: $number, accuracy, of five seeds -->98.58"
check 1 "<!-- number: $number, plain, accuracy -->98.58"
check 1 "<!-- number: $number, accuracy, minus fp32 -->-.04"
check 1 "<!-- number: $number, accuracy, minus fp32 plain, equal compute -->.32"
check 1 "<!-- number: $number, accuracy, minus fp32 plain road -->.32"
check 1 "<!-- number: $number, relevance_mass_on_ink -->nan"
check 1 "<!-- number: $number, equal compute, accuracy -->98.58"
table='<!-- numbers: synthetic, w2a2 | accuracy -->'
check 0 "$table" '| | accuracy |' '|---|---|' '| guided, PACT+ (fewer blank maps) | 97.37 |'
check 1 "$table" '| | accuracy |' '|---|---|' '| guided, PACT* | 97.98 |'
exit $failed
