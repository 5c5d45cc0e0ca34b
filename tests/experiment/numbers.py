#!/usr/bin/env python3
"""Ties numbers in prose to the rows that they were taken from.

    numbers.py RESULTS FILE.md..            RESULTS has a folder of rows per set: docs/results/full
    numbers.py --write RESULTS FILE.md..    puts the numbers of the rows in place of those that differ

A comment, which a reader does not see, says what the next number or table is of:

    <!-- number: mnist, w2a2, guided, accuracy -->98.71 [98.60, 98.82]
    <!-- number: mnist, w2a2, guided, blank_gradients, minus fp32 guided -->+3.1
    <!-- number: mnist, w2a2, guided, late-clips, accuracy, minus w2a2 guided -->-.1 [-.3, .1]
    <!-- number: mnist, w2a2, guided, accuracy, minus plain -->-.6 [-.9, -.3]    (of the same bits)
    <!-- number: mnist, w2a2, guided, accuracy, minus fp32 guided, minus that of plain -->-.5
    <!-- number: mnist, w2a2, guided, road, minus w4a4 guided, without blank maps -->+.02
    <!-- number: mnist, w4a4, plain, SmoothGrad, road -->.61
    <!-- verdict: mnist, B3, w2a2 -->mixed
    <!-- claim: mnist, D, guided w4a4 -->-.03 [-.05, -.01]
    <!-- claim: mnist, B2, w4a4, times smaller -->8.0
    <!-- gates: mnist, w2a2, guided, relu3, inside, blank -->0.0
    <!-- recipes: holdout-w4a4, minus holdout-fp32 -->+.85 [.14, 1.55]
    <!-- numbers: accuracy | fp32 | w4a4 | w2a2 -->
    | test accuracy, % | training | fp32 | w4a4 | w2a2 |
    |---|---|---|---|---|
    | MNIST | plain | 99.25 | 99.19 | 99.10 |

    <!-- claims: synthetic | mnist -->
    | | claim | built-in set | MNIST |
    |---|---|---|---|
    | B3, w2a2 | more interpretable | undecided | supported<br>.099 [.086, .111]<br>.046 |

Of a table the terms before the first bar hold for all cells, those after it for the last columns;
the others come from the first cells of a line, up to a colon or a bracket, and where these are
empty from the line above. A cell without a number is passed over. A term that is not known is a
fault: a number that is checked against other rows than a reader thinks is worse than none.
'minus that of plain' subtracts the same difference between networks that were trained so; 'without
blank maps' leaves out images on which either map is blank.

A claim and its verdict are found by the page's words; its number is the first difference, or that
of the measure which the last term names. In a table of claims the words stand in the first cell,
and each set has a verdict and, if they are given, all differences in the page's order. Gates are
shares of units (at_zero, inside, at_alpha) or of images (gone, gone_below), over explained images
that are blank, or the others, of all seeds.
Recipes are rows of recipes.jsonl, beside RESULTS, and their accuracy: of one row by its name, else
over seeds 1 to 3.
Accuracy, gates and what is blank are in percent, packed_megabytes in MB. A number may have as many
digits as it likes, and its 95 % interval after it; what --write puts there has as many. Every set
that has a report.md must have a number in the first FILE.
"""
import glob
import json
import os
import re
import sys

import recompute
from recompute import BITS, MEASURES, SETS, TRAININGS, Difference, Estimate, without_blank

PRINTED = r"[-+\u2212]?\d*\.?\d+"
CELL = re.compile(rf"\s*({PRINTED})(?:\s*\[({PRINTED}), *\s*({PRINTED})\])?")
MARK = re.compile(r"<!-- (numbers?|verdict|claims?|gates|recipes): (.*?) -->(?=(.*))")
NAMES = {**{t.removeprefix("the "): ("set", s) for s, t in SETS.items()},
         **{s: ("set", s) for s in SETS},
         **{b: ("bits", b) for b in BITS}, **{t: ("training", t) for t in TRAININGS[:3]},
         "equal compute": ("training", TRAININGS[3]), "saliency-guided": ("training", "guided"),
         **{v: ("variant", v) for v in ("pact-plus", "late-clips")},
         "PACT+": ("variant", "pact-plus"), "late clips": ("variant", "late-clips"),
         "SmoothGrad": ("prefix", "smoothgrad."), "leaky gradient": ("prefix", "leaky."),
         "integrated gradients": ("prefix", "integrated-gradients."),
         **{m: ("measure", m) for m in [*MEASURES, "accuracy", "packed_megabytes"]},
         **{title: ("measure", m) for m, (title, _) in MEASURES.items()},
         "advantage": ("measure", "masked_advantage")}
UNITS = ("", "%", "MB")
PERCENT = ("accuracy", "blank_maps", "blank_gradients")
COUNTED = ["times smaller", "times fewer bit operations"]
WITHOUT, THAT_OF = "without blank maps", "minus that of "
GATES = ["at_zero", "inside", "at_alpha", "gone", "gone_below"]


def named(text):
    """Of 'fp32 equal compute', or one name, what it names: {"bits": .., "training": ..}."""
    found = {}
    while text:
        name = max((n for n in NAMES if (text + " ").startswith(n + " ")), key=len, default=None)
        if name is None:
            raise LookupError(f"nothing is called '{text}'")
        kind, value = NAMES[name]
        if kind in found:
            raise LookupError(f"'{found[kind]}' and '{value}' in one place")
        found[kind] = value
        text = text[len(name):].strip()
    return found


def of_head(text):
    """The terms in the first cell of a line: 'accuracy, %', 'mass on ink: share of the map'."""
    text = re.split("[:(]", text)[0].strip()
    return [text] if text in NAMES else [t for t in map(str.strip, text.split(","))
                                         if t not in UNITS]


VERDICT = re.compile(r"[ *]*(supported|refuted|mixed|undecided|no verdict)")


def like(said, value):
    """The value in the form of a printed number: its digits, its signs, a zero before the point."""
    text = f"{abs(value):.{len(said.partition('.')[2])}f}"
    if text.startswith("0.") and re.match(r"[-+\u2212]?\.", said):
        text = text[1:]
    if float(text) == 0 or value >= 0:
        return ("+" if said.startswith("+") else "") + text
    return ("\u2212" if "\u2212" in said else "-") + text


def parts_of(claim):
    """[(measure or what is counted, estimate)] in the page's order."""
    if claim.rule == "counted":
        return [(what, Estimate([n])) for what, n in zip(COUNTED, (claim.smaller, claim.fewer))]
    return [(measure, difference.seeds) for measure, difference in claim.parts]


class Prose:
    def __init__(self, results, write=False):
        self.results, self.studies, self.faults, self.checked, self.sets = results, {}, [], 0, set()
        self.write = write

    def study(self, dataset):
        if dataset not in self.studies:
            folder = f"{self.results}/{dataset}"
            if not os.path.exists(folder + "/results.jsonl"):
                raise LookupError(f"no rows in {folder}")
            self.studies[dataset] = recompute.Study(folder)
        return self.studies[dataset]

    def arm(self, found):
        """The networks that are named, and their maps, as recompute.py knows them."""
        return (found["bits"], found["training"], found.get("prefix", ""),
                found.get("variant", ""))

    def look_up(self, terms):
        """The estimate that the terms name, and its scale."""
        found, minus, that_of, without = {}, None, None, WITHOUT in terms
        for term in terms:
            if term == WITHOUT:
                continue
            if term.startswith("minus ") and (that_of if term.startswith(THAT_OF) else minus):
                raise LookupError(f"too many differences in {terms}")
            if term.startswith(THAT_OF):
                that_of = named(term[len(THAT_OF):])
                continue
            if term.startswith("minus "):
                minus = named(term[len("minus "):])
                continue
            for kind, value in named(term).items():
                if found.setdefault(kind, value) != value:
                    raise LookupError(f"'{found[kind]}' and '{value}' in {terms}")
        if minus and "bits" in found:
            minus.setdefault("bits", found["bits"])
        for names, wanted in ((found, {"set", "bits", "training", "measure"}),
                              (minus or found, {"bits", "training"})):
            if wanted - set(names):
                raise LookupError(f"no {', '.join(sorted(wanted - set(names)))} in {terms}")
        if minus and {"set", "measure"} & set(minus):
            raise LookupError(f"only networks can follow 'minus', in {terms}")
        if (that_of or without) and not minus or set(that_of or ()) - {"training"}:
            raise LookupError(f"no difference of networks in {terms}")
        study, arm, measure = self.study(found["set"]), self.arm(found), found["measure"]
        self.sets.add(found["set"])
        for some in (arm, self.arm(minus)) if minus else (arm,):
            if not study.of(*some):
                raise LookupError(f"no network {', '.join(filter(None, some))} of {found['set']}")
        if measure in ("packed_megabytes", "accuracy", "blank_gradients") and without:
            raise LookupError(f"{measure} is not of the explained images, in {terms}")
        if measure == "packed_megabytes":
            if minus:
                raise LookupError(f"no difference of {measure}, in {terms}")
            return Estimate([study.of(*arm)[0].row["packed_bytes"]]), 1e-6
        if minus:
            arms = [(arm, self.arm(minus))]
            if that_of:
                arms += [tuple(self.arm({**n, **that_of}) for n in (found, minus))]
                if arms[1][0] == arms[1][1]:
                    raise LookupError(f"a network minus itself, in {terms}")
            estimate = self.difference(study, arms, measure, without)
        else:
            levels = study.by_seed(arm, measure)
            estimate = Estimate(levels) if levels else None
        if estimate is None:
            raise LookupError(f"{measure} was not measured, of {terms}")
        return estimate, 100 if measure in PERCENT else 1

    def difference(self, study, arms, measure, without):
        """The estimate of a - b, or of (a - b) - (c - d), over common seeds; None if not measured."""
        found = []
        for a, b in arms:
            pairs = study.pairs(a, b, measure)
            if not pairs:
                return None
            all_images = Difference(pairs, False).seeds  # also those without, where none is blank
            found.append((without and without_blank(study, a, b, pairs)) or all_images)
        if len(found) == 1:
            return found[0]
        if len({tuple(n.seed for n in study.of(*arm)) for pair in arms for arm in pair}) > 1:
            raise LookupError(f"{arms} do not have the same seeds")
        return Estimate([x - y for x, y in zip(found[0].by_seed, found[1].by_seed)])

    def claim_of(self, terms):
        """The page's only claim with this id whose words hold all others."""
        dataset, id, *words = terms
        self.sets.add(dataset)
        claims = [c for c in recompute.decided(self.study(dataset), False)[0]
                  if c.id == id and all(w in c.words for w in words)]
        if len(claims) != 1:
            raise LookupError(f"{len(claims)} claims {terms}")
        return claims[0]

    def look_up_claim(self, terms):
        wanted = [t if t in COUNTED else NAMES[t][1] for t in terms[-1:]
                  if t in COUNTED or NAMES.get(t, ("",))[0] == "measure"]
        parts = parts_of(self.claim_of(terms[:len(terms) - len(wanted)]))
        found = [part for part in parts if not wanted or part[0] in wanted]
        if not found:
            raise LookupError(f"no such number in {terms}")
        measure, estimate = found[0]
        return estimate, 100 if measure in PERCENT else 1

    def look_up_gates(self, terms):
        dataset, bits, training, layer, what, side = terms
        images, shares = recompute.pooled(self.study(dataset).of(bits, training), layer, side)
        self.sets.add(dataset)
        if not images or what not in GATES:
            raise LookupError(f"no such gates: {terms}")
        return Estimate([shares[GATES.index(what)]]), 100

    def look_up_recipes(self, terms):
        with open(f"{self.results}/../recipes.jsonl") as file:
            rows = {row["row"]: row["test_accuracy"] for row in map(json.loads, file)}
        names = [name.removeprefix("minus ") for name in terms]
        of = [[rows[name]] if name in rows else [rows[f"{name}-{seed}"] for seed in (1, 2, 3)]
              for name in names]
        if len(of) == 1:
            return Estimate(of[0]), 100
        if len(of) > 2 or not terms[1].startswith("minus "):
            raise LookupError(f"a name, or a name and 'minus' another, got {terms}")
        return Estimate([a - b for a, b in zip(*of)]), 100

    def fault(self, message):
        if not self.write:
            self.faults.append(message)

    def check(self, where, text, terms, look_up=None):
        """The text with the numbers of the rows."""
        cell = CELL.match(text)
        if not cell:
            self.faults.append(f"{where}: no number in '{text.strip()}'")
            return text
        estimate, scale = (look_up or self.look_up)(terms)
        values = (estimate.mean, estimate.low, estimate.high)
        for k, (said, value) in reversed(list(enumerate(zip(cell.groups(), values)))):
            if said is None:
                continue
            digits = len(said.partition(".")[2])
            printed, value = float(said.replace("\u2212", "-")), scale * value
            self.checked += 1
            if not abs(printed - value) <= 0.5 * 10 ** -digits + 1e-9:
                self.fault(f"{where}: {said} is {value:.{digits + 2}f} in the rows ("
                           + ", ".join(terms) + ")")
                text = text[:cell.start(k + 1)] + like(said, value) + text[cell.end(k + 1):]
        return text

    def check_verdict(self, where, text, terms):
        """The text with the verdict of the page."""
        claim, said = self.claim_of(terms), VERDICT.match(text)
        self.checked += 1
        if not said:
            raise LookupError(f"no verdict in '{text[:20]}'")
        if said[1] != claim.verdict:
            self.fault(f"{where}: the verdict of {terms} is {claim.verdict}")
        return text[:said.start(1)] + claim.verdict + text[said.end(1):]

    def check_claim(self, where, cell, terms):
        """A cell of a table of claims, with the verdict and the numbers of the page."""
        verdict, *numbers = cell.split("<br>")
        claim = self.claim_of(terms)
        parts = parts_of(claim)
        if len(numbers) not in (0, len(parts)):
            raise LookupError(f"{len(numbers)} numbers of {len(parts)} in '{cell}'")
        return "<br>".join([self.check_verdict(where, verdict, terms)] + [
            self.check(where, number, [*terms, measure], lambda _: (
                estimate, 100 if measure in PERCENT else 1))
            for number, (measure, estimate) in zip(numbers, parts)])

    def check_claims(self, where, lines, mark):
        """The lines of a table with a claim a line and a set a column."""
        return self.check_cells(lines, mark.split("|"), lambda heads, cell, column: self.check_claim(
            where, cell, [column.strip()] + [t.strip() for t in heads[0].split(",")]))

    def check_table(self, where, lines, mark):
        """The lines of a table with the numbers of the rows."""
        common, *columns = [[t.strip() for t in part.split(",")] for part in mark.split("|")]
        return self.check_cells(lines, columns, lambda heads, cell, column: self.check(
            where, cell, common + [t for head in heads for t in of_head(head)] + column))

    def check_cells(self, lines, columns, made_of):
        """The lines of a table, its last cells made_of(first cells, cell, column)."""
        lines = list(lines)
        above, before = [], self.checked
        for n, line in enumerate(lines):
            if n < 2:
                continue
            if not line.startswith("|"):
                break
            cells = [c.strip() for c in line.strip().strip("|").split("|")]
            heads = cells[:len(cells) - len(columns)]
            above = [c or a for c, a in zip(heads, above + [""] * len(heads))]
            made = [made_of(above, cell, column) if cell else ""  # there is no such network
                    for cell, column in zip(cells[len(heads):], columns)]
            if made != cells[len(heads):]:
                lines[n] = "|" + "|".join(f" {c} " if c else " " for c in heads + made) + "|"
        if self.checked == before:
            raise LookupError("no table with a number follows")
        return lines

    def read(self, path):
        with open(path, encoding="utf-8") as f:
            before = f.read()
        lines = before.split("\n")
        for n in range(len(lines)):
            # The last mark first, so that those before it stay where they are.
            for mark in reversed(list(MARK.finditer(lines[n]))):
                self.check_mark(f"{path}, line {n + 1}", mark, lines, n)
        if self.write and "\n".join(lines) != before:
            with open(path, "w", encoding="utf-8") as f:
                f.write("\n".join(lines))

    def check_mark(self, where, mark, lines, n):
        kind, what, text = mark.groups()
        terms = [t.strip() for t in what.split(",")]
        try:
            if kind in ("numbers", "claims"):
                check = self.check_table if kind == "numbers" else self.check_claims
                lines[n + 1:] = check(where, lines[n + 1:], what)
                return
            text = lines[n][mark.end():]  # with what later marks of the line have become
            if kind == "verdict":
                text = self.check_verdict(where, text, terms)
            else:
                look_up = {"claim": self.look_up_claim, "gates": self.look_up_gates,
                           "recipes": self.look_up_recipes}.get(kind)
                text = self.check(where, text, terms, look_up)
            lines[n] = lines[n][:mark.end()] + text
        except (LookupError, ValueError) as e:
            self.faults.append(f"{where}: {e}")


def main(results, files, write):
    prose = Prose(results, write)
    for n, file in enumerate(files):
        prose.read(file)
        for report in sorted(glob.glob(results + "/*/report.md")) if n == 0 else ():
            dataset = report.split("/")[-2]
            if dataset not in prose.sets:
                prose.faults.append(f"{file}: no number is tied to the rows of {dataset}")
    if not prose.checked:
        prose.faults.append("no number is tied to any row")
    if prose.faults:
        sys.exit("\n".join(prose.faults))
    print(f"{prose.checked} numbers in prose agree with the rows")


if __name__ == "__main__":
    arguments = [a for a in sys.argv[1:] if a != "--write"]
    if len(arguments) < 2:
        sys.exit(__doc__)
    main(arguments[0], arguments[1:], "--write" in sys.argv)
