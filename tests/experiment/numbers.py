#!/usr/bin/env python3
"""Ties numbers in prose to the rows that they were taken from.

    numbers.py RESULTS FILE.md..        RESULTS has a folder of rows per set: docs/results/full

A comment, which a reader does not see, says what the next number or table is of:

    <!-- number: mnist, w2a2, guided, accuracy -->98.71 [98.60, 98.82]
    <!-- number: mnist, w2a2, guided, blank_gradients, minus fp32 guided -->+3.1
    <!-- verdict: mnist, B3, w2a2 -->mixed
    <!-- numbers: accuracy | fp32 | w4a4 | w2a2 -->
    | test accuracy, % | training | fp32 | w4a4 | w2a2 |
    |---|---|---|---|---|
    | MNIST | plain | 99.25 | 99.19 | 99.10 |

Of a table the terms before the first bar hold for all cells, those after it for the last columns;
the others come from the first cells of a line, and where these are empty from the line above. A
cell without a number is passed over.
Accuracy and what is blank are in percent, packed_megabytes in MB; a number may have as many digits as
it likes, and its 95 % interval behind it. Every set that has a report.md must have a number in the
first FILE.
"""
import glob
import os
import re
import sys

import recompute
from recompute import BITS, MEASURES, SETS, TRAININGS, Difference, Estimate

PRINTED = r"[-+\u2212]?\d*\.?\d+"
CELL = re.compile(rf"\s*({PRINTED})(?:\s*\[({PRINTED}), *\s*({PRINTED})\])?")
MARK = re.compile(r"<!-- (numbers?|verdict): (.*?) -->(?=(.*))")
NAMES = {**{t: ("set", s) for s, t in SETS.items()}, **{s: ("set", s) for s in SETS},
         **{b: ("bits", b) for b in BITS}, **{t: ("training", t) for t in TRAININGS[:3]},
         "equal compute": ("training", TRAININGS[3]), "saliency-guided": ("training", "guided"),
         **{m: ("measure", m) for m in [*MEASURES, "accuracy", "packed_megabytes"]},
         **{title: ("measure", m) for m, (title, _) in MEASURES.items()}}


class Prose:
    def __init__(self, results):
        self.results, self.studies, self.faults, self.checked, self.sets = results, {}, [], 0, set()

    def study(self, dataset):
        if dataset not in self.studies:
            folder = f"{self.results}/{dataset}"
            if not os.path.exists(folder + "/results.jsonl"):
                raise LookupError(f"no rows in {folder}")
            self.studies[dataset] = recompute.Study(folder)
        return self.studies[dataset]

    def look_up(self, terms):
        """The estimate that the terms name, and its scale."""
        found = {}
        for term in terms:
            if term.startswith("minus "):
                found["minus"] = tuple(term.split(" ", 2)[1:])
            elif term in NAMES:
                kind, value = NAMES[term]
                found[kind] = value
        lacking = {"set", "bits", "training", "measure"} - set(found)
        if lacking:
            raise LookupError(f"no {', '.join(sorted(lacking))} in {terms}")
        study, arm, measure = (self.study(found["set"]), (found["bits"], found["training"]),
                               found["measure"])
        self.sets.add(found["set"])
        if not study.of(*arm):
            raise LookupError(f"no network {', '.join(arm)} of {found['set']}")
        if measure == "packed_megabytes":
            return Estimate([study.of(*arm)[0].row["packed_bytes"]]), 1e-6
        if "minus" in found:
            estimate = Difference(study.pairs(arm, found["minus"], measure), False).seeds
        else:
            estimate = Estimate(study.by_seed(arm, measure))
        return estimate, 100 if measure in ("accuracy", "blank_maps", "blank_gradients") else 1

    def check(self, where, text, terms):
        cell = CELL.match(text)
        if not cell:
            self.faults.append(f"{where}: no number in '{text.strip()}'")
            return
        estimate, scale = self.look_up(terms)
        for said, value in zip(cell.groups(), (estimate.mean, estimate.low, estimate.high)):
            if said is None:
                continue
            digits = len(said.partition(".")[2])
            printed, value = float(said.replace("\u2212", "-")), scale * value
            self.checked += 1
            if not abs(printed - value) <= 0.5 * 10 ** -digits + 1e-9:
                self.faults.append(f"{where}: {said} is {value:.{digits + 2}f} in the rows ("
                                   + ", ".join(terms) + ")")

    def check_verdict(self, where, text, terms):
        dataset, id, words = (terms + [""])[:3]
        self.sets.add(dataset)
        claims = [c for c in recompute.decided(self.study(dataset), False)[0]
                  if c.id == id and words in c.words]
        self.checked += 1
        if len(claims) != 1 or not text.strip(" *").startswith(claims[0].verdict):
            self.faults.append(f"{where}: the verdict of {terms} is "
                               + str([c.verdict for c in claims]))

    def check_table(self, where, lines, mark):
        common, *columns = [[t.strip() for t in part.split(",")] for part in mark.split("|")]
        above = []
        for line in lines[2:]:
            if not line.startswith("|"):
                break
            cells = [c.strip() for c in line.strip().strip("|").split("|")]
            heads = cells[:len(cells) - len(columns)]
            above = [c or a for c, a in zip(heads, above + [""] * len(heads))]
            terms = [t.strip() for head in above for t in [head, *re.split("[,:(]", head)]]
            for cell, column in zip(cells[len(heads):], columns):
                if cell:  # empty: there is no such network
                    self.check(where, cell, common + [t for t in terms if t in NAMES] + column)

    def read(self, path):
        with open(path, encoding="utf-8") as f:
            lines = f.read().split("\n")
        for n, line in enumerate(lines):
            where = f"{path}, line {n + 1}"
            for mark in MARK.finditer(line):
                self.check_mark(where, mark, lines[n + 1:])

    def check_mark(self, where, mark, below):
        kind, what, text = mark.groups()
        terms = [t.strip() for t in what.split(",")]
        try:
            if kind == "numbers":
                self.check_table(where, below, what)
            elif kind == "verdict":
                self.check_verdict(where, text, terms)
            else:
                self.check(where, text, terms)
        except LookupError as e:
            self.faults.append(f"{where}: {e}")


def main(results, files):
    prose = Prose(results)
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
    main(sys.argv[1], sys.argv[2:])
