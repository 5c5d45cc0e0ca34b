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
failed=0

# pass LINE.. and refuse LINE..: marks with what follows them, which must pass, or must not.
pass() { printf '%s\n' "$@" >>"$work/pass.md"; }
refuse() { printf '%s\n' "$@" >>"$work/refuse.md"; }

number='synthetic, w4a4, guided'
pass "<!-- number: $number, accuracy -->98.58 [98.39, 98.77]"
refuse "<!-- number: $number, accuracy -->98.57"
pass "<!-- number: $number, accuracy, minus fp32 random-mask -->-.21"
pass "<!-- number: $number, relevance_mass_on_evidence, minus plain -->.060"
refuse "<!-- number: $number, relevance_mass_on_evidence, minus plain -->.009" # of fp32
pass '<!-- number: synthetic, w2a2, guided, PACT+, accuracy -->97.37'
refuse '<!-- number: synthetic, w2a2, guided, accuracy -->97.37'
pass "<!-- number: synthetic, fp32, guided, relevance_mass_on_evidence, minus fp32 plain SmoothGrad -->.065"
# What few bits cost guided networks beyond what they cost plain ones.
of_plain='minus fp32 guided, minus that of plain'
pass "<!-- number: $number, masked_advantage, $of_plain -->.064 [.011, .118]"
refuse "<!-- number: $number, masked_advantage, $of_plain -->-.090"
refuse "<!-- number: $number, masked_advantage, minus that of plain -->.266"
refuse "<!-- number: $number, masked_advantage, minus fp32 guided, minus that of fp32 plain -->.064"
refuse "<!-- number: $number, masked_advantage, minus fp32 guided, minus that of random-mask -->.094" # of fewer seeds
refuse "<!-- number: $number, accuracy, without blank maps -->98.58"
refuse "<!-- number: $number, accuracy, minus fp32 guided, without blank maps -->-.04"
refuse "<!-- number: $number, packed_megabytes, minus fp32 plain -->.02"
refuse "<!-- number: $number, accuracy, minus random-mask, minus plain -->.41"
refuse "<!-- number: synthetic, fp32, guided, accuracy, minus plain, minus that of random-mask -->.36"
pass "<!-- number: $number, masked_advantage, minus fp32 guided, without blank maps -->-.090" # none is
pass '<!-- claim: synthetic, B2, w2a2, times smaller -->14.4'
refuse '<!-- claim: synthetic, B2, w2a2, times fewer bit operations -->14.4'
pass '<!-- claim: synthetic, D, guided w4a4 -->-.054 [-.076, -.032]'
refuse '<!-- claim: synthetic, D, guided w4a4 -->-.055'
pass '<!-- claim: synthetic, A3, w4a4, masked_advantage -->-.090'
pass '<!-- verdict: synthetic, C2, SmoothGrad, better -->**mixed**'
refuse '<!-- verdict: synthetic, C2, SmoothGrad, better -->supported'
refuse '<!-- verdict: synthetic, C2 -->mixed' # two claims
pass '<!-- gates: synthetic, w2a2, guided, relu3, at_zero, others -->51.3'
refuse '<!-- gates: synthetic, w2a2, guided, relu3, at_zero, blank -->52.1' # no image is blank
pass '<!-- recipes: holdout-w4a4, minus holdout-fp32 -->+.85 [.14, 1.55]'
refuse '<!-- recipes: holdout-w4a4, minus holdout-fp32 -->-9.58'
refuse '<!-- recipes: holdout-w4a4, holdout-fp32 -->80'
refuse '<!-- recipes: holdout-w5a5 -->80'

claims='<!-- claims: synthetic -->
| | claim | built-in set |
|---|---|---|'
pass "$claims" '| A2 | two bits cost more | undecided<br>-.60 [-1.11, -.09] |'
pass "$claims" '| C2, SmoothGrad | better | mixed<br>.065 [.047, .084]<br>-.100 |' '| D, plain w4a4 | | undecided |'
pass "$claims" '| B2, w2a2 | smaller | supported<br>14.4<br>49 |' '| A2 | | undecided |'
refuse "$claims" '| B2, w2a2 | smaller | supported<br>14.4<br>50 |'
refuse "$claims" '| A2 | two bits cost more | undecided<br>-.61 |'
refuse "$claims" '| A2 | two bits cost more | supported<br>-.60 |'
refuse "$claims" '| C2, SmoothGrad | better | mixed<br>-.100<br>.065 |'
refuse "$claims" '| C2, SmoothGrad | better | mixed<br>.065 |' # of two measures
refuse "$claims" '| C2 | better | mixed |' # two claims
refuse "$claims" '| B1, w8a8 | accuracy is kept | supported |'

# Nothing is passed over, and nothing is taken for something else.
refuse "<!-- number: $number, accuracy, of five seeds -->98.58"
refuse "<!-- number: $number, plain, accuracy -->98.58"
refuse "<!-- number: $number, accuracy, minus fp32 -->-.04"
refuse "<!-- number: $number, accuracy, minus fp32 plain, equal compute -->.32"
refuse "<!-- number: $number, accuracy, minus fp32 plain road -->.32"
refuse "<!-- number: $number, relevance_mass_on_ink -->nan"
refuse "<!-- number: $number, equal compute, accuracy -->98.58"
table='<!-- numbers: synthetic, w2a2 | accuracy -->'
pass "$table" '| | accuracy |' '|---|---|' '| guided, PACT+ (fewer blank maps) | 97.37 |'
refuse "$table" '| | accuracy |' '|---|---|' '| guided, PACT* | 97.98 |'
refuse "$table" ''

# One process reads them all: it says the line of each mark that it refuses.
numbers="python3 tests/experiment/numbers.py $work/full"
said=$($numbers "$work/pass.md" 2>&1) || { echo "$said"; failed=1; }
if said=$($numbers "$work/refuse.md" 2>&1); then
  echo "nothing is refused"
  failed=1
fi
for line in $(grep -n '^<!--' "$work/refuse.md" | cut -d: -f1); do
  case $said in *"refuse.md, line $line: "*) continue ;; esac
  echo "passes: $(sed -n "${line}p" "$work/refuse.md")"
  failed=1
done
exit $failed
