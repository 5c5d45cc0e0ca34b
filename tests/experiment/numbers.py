#!/usr/bin/env python3
"""Ties numbers in prose to the rows that they were taken from.

    numbers.py RESULTS FILE.md..            RESULTS has a folder of rows per set: docs/results/full
    numbers.py --write RESULTS FILE.md..    puts the numbers of the rows in place of those that differ

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
it likes, and its 95 % interval behind it; what --write puts there has as many. Every set that has a report.md must have a number in the
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


VERDICT = re.compile(r"[ *]*(supported|refuted|mixed|undecided|no verdict)")


def like(said, value):
    """The value in the form of a printed number: its digits, its signs, a zero before the point."""
    text = f"{abs(value):.{len(said.partition('.')[2])}f}"
    if text.startswith("0.") and re.match(r"[-+\u2212]?\.", said):
        text = text[1:]
    if float(text) == 0 or value >= 0:
        return ("+" if said.startswith("+") else "") + text
    return ("\u2212" if "\u2212" in said else "-") + text


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

    def fault(self, message):
        if not self.write:
            self.faults.append(message)

    def check(self, where, text, terms):
        """The text with the numbers of the rows."""
        cell = CELL.match(text)
        if not cell:
            self.faults.append(f"{where}: no number in '{text.strip()}'")
            return text
        estimate, scale = self.look_up(terms)
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
        dataset, id, words = (terms + [""])[:3]
        self.sets.add(dataset)
        claims = [c for c in recompute.decided(self.study(dataset), False)[0]
                  if c.id == id and words in c.words]
        self.checked += 1
        said = VERDICT.match(text)
        if len(claims) != 1 or not said:
            self.faults.append(f"{where}: {len(claims)} claims {terms}, and '{text[:20]}'")
            return text
        if said[1] != claims[0].verdict:
            self.fault(f"{where}: the verdict of {terms} is {claims[0].verdict}")
        return text[:said.start(1)] + claims[0].verdict + text[said.end(1):]

    def check_table(self, where, lines, mark):
        """The lines with the numbers of the rows."""
        lines = list(lines)
        common, *columns = [[t.strip() for t in part.split(",")] for part in mark.split("|")]
        above = []
        for n, line in enumerate(lines):
            if n < 2:
                continue
            if not line.startswith("|"):
                break
            cells = [c.strip() for c in line.strip().strip("|").split("|")]
            heads = cells[:len(cells) - len(columns)]
            above = [c or a for c, a in zip(heads, above + [""] * len(heads))]
            terms = [t.strip() for head in above for t in [head, *re.split("[,:(]", head)]]
            made = [self.check(where, cell, common + [t for t in terms if t in NAMES] + column)
                    if cell else ""  # there is no such network
                    for cell, column in zip(cells[len(heads):], columns)]
            if made != cells[len(heads):]:
                lines[n] = "|" + "|".join(f" {c} " if c else " " for c in heads + made) + "|"
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
            if kind == "numbers":
                lines[n + 1:] = self.check_table(where, lines[n + 1:], what)
                return
            check = self.check_verdict if kind == "verdict" else self.check
            text = lines[n][mark.end():]  # with what later marks of the line have become
            lines[n] = lines[n][:mark.end()] + check(where, text, terms)
        except LookupError as e:
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
    main(arguments[0], arguments[1:], "--write" in sys.argv)
