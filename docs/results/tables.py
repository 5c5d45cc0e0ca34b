#!/usr/bin/env python3
"""Tables of docs/quantisation.md and docs/experiment.md, in Markdown, from the rows in this folder.

    tables.py recipes                 recipes.jsonl
    tables.py allocation              allocation.jsonl
    tables.py choices                 choose/SET/results.jsonl
    tables.py check FILE..            whether the files show all of them
    tables.py measures FOLDER SEED    members of a row of allocation.jsonl: what faithfulness and
                                      compare wrote to FOLDER
"""
import json
import math
import os
import re
import statistics
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "../../tests/experiment"))
sys.dont_write_bytecode = True
from recompute import choice_scores  # the rule is written down there

T = {2: 4.303, 4: 2.776}  # Student's t, 97.5 %, by degrees of freedom
MEASURES = [("test_accuracy", "accuracy, %", 100, 2), ("road", "ROAD", 1, 3),
            ("masked_advantage", "masked-accuracy advantage", 1, 4),
            ("change", "change", 1, 4), ("drift", "agreement lost", 1, 4)]
SHARES = ("0.85", "0.75")
CHOSEN = ("by-loss", "by-maps", "by-both")


def cosines(folder, other):
    """Mean cosine of gradient maps with those of the fp32 network of a seed, by model."""
    with open(os.path.join(folder, f"compare-{other}", "metrics.json")) as file:
        return {entry["model"]: entry["cosine"]["mean"] for entry in json.load(file)["with_sign"]}


def measures(folder, seed):
    with open(os.path.join(folder, "faithfulness", "metrics.json")) as file:
        maps = json.load(file)["measures"]
    found = {name: maps[name]["net"]["mean"] for name in ("road", "masked_advantage", "blank_maps")}
    found["change"] = 1 - cosines(folder, seed)["net"]
    others = [cosines(folder, other) for other in (1, 2, 3) if other != seed]
    found["drift"] = statistics.mean(c["start"] - c["net"] for c in others)
    return "".join(f', "{name}": {value:.17g}' for name, value in found.items())


def cell(values, scale, digits, single=False):
    """Mean and Student's t-interval: of the mean, or of a further single value."""
    n = len(values)
    half = T[n - 1] * statistics.stdev(values) * math.sqrt(1 / n + single)
    mean = statistics.mean(values)
    ends = [f"{scale * x:.{digits}f}" for x in (mean, mean - half, mean + half)]
    return f"{ends[0]} [{ends[1]}, {ends[2]}]"


class Table:
    def __init__(self, head, columns):
        self.lines = []
        self.line(head, [name for name, _ in columns])
        self.lines.append("|---|" + "|".join(rule for _, rule in columns) + "|")

    def line(self, title, cells):
        self.lines.append("| " + " | ".join([title, *cells]) + " |")

    def __str__(self):
        return "\n".join(self.lines) + "\n"


TITLES = {"synthetic": "built-in", "mnist": "MNIST", "fashion-mnist": "Fashion-MNIST",
          "cifar-10": "CIFAR-10"}


def rows_of(name):
    with open(os.path.join(HERE, name)) as file:
        return {row["row"]: row for row in map(json.loads, file)}


# What is told of the rows of recipes.sh.
CAUSES = {"choose-fp32": "`fp32`", "choose-w4a4-only": "`w4a4`",
          "cause-w2a32": "`w2a32`: weights of two bits",
          "cause-w32a2": "`w32a2`: activations of two bits", "choose-w2a2-only": "`w2a2`",
          "cause-plus": "`w2a2`, PACT+: alpha learns from every positive input",
          "cause-alpha-lr": "`w2a2`, rate of alpha x 0.1",
          "cause-quantile": "`w2a2`, alpha starts at the 99.9 % quantile",
          "cause-dorefa": "`w2a2`, DoReFa weights"}
RECIPES = {"only": "nothing else", "start": "`--progressive fp32:0.6`",
           "plus": "the same, `--pact plus`", "teacher": "the same, `--teacher`",
           "teacher-reestimate": "the same, `--teacher --reestimate`",
           "teacher-average": "the same, `--teacher --ema 0.99 --reestimate`",
           "stages": "`--progressive fp32:0.5,w4a4:0.2 --teacher`",
           "plus-teacher": "`--progressive fp32:0.6 --pact plus --teacher`",
           "plus-teacher-reestimate": "the same, `--reestimate`"}


def recipes():
    accuracy = {name: row["test_accuracy"] for name, row in rows_of("recipes.jsonl").items()}

    def chosen_with_seed_101(head, rows):
        table = Table(head, [("accuracy, %", "---:"), ("minus fp32", "---:")])
        for name, title in rows.items():
            minus = accuracy[name] - accuracy["choose-fp32"]
            table.line(title, [f"{100 * accuracy[name]:.2f}",
                               f"{100 * minus:.2f}" if name != "choose-fp32" else ""])
        return table

    held_out = Table("batch 5 held out", [(f"seed {seed}", "---:") for seed in (1, 2, 3)] + [("minus fp32", "---")])
    for bits in ("fp32", "w4a4", "w2a2"):
        of = {name: [accuracy[f"holdout-{name}-{seed}"] for seed in (1, 2, 3)]
              for name in ("fp32", bits)}
        minus = [a - b for a, b in zip(of[bits], of["fp32"])]
        held_out.line(f"`{bits}`", [f"{100 * a:.2f}" for a in of[bits]] +
                      [cell(minus, 100, 2) if bits != "fp32" else ""])
    longest = Table("60 epochs with this recipe and teacher, batch 5 held out, one seed",
                    [("accuracy, %", "---:"), ("minus fp32", "---:")])
    for name in ("long-fp32", "long-w4a4", "long-w2a2"):
        if name in accuracy:
            minus = 100 * (accuracy[name] - accuracy["long-fp32"])
            longest.line(f"`{name[5:]}`", [f"{100 * accuracy[name]:.2f}",
                                           f"{minus:.2f}" if name != "long-fp32" else ""])
    return [longest] * ("long-fp32" in accuracy) + [held_out, chosen_with_seed_101("six epochs from the start", CAUSES),
            chosen_with_seed_101("`--bits w2a2 --alpha-quantile 0.95` and",
                                 {"choose-w2a2-" + name: title for name, title in RECIPES.items()})]


def allocation():
    rows = rows_of("allocation.jsonl")

    def values(policy, name):
        return [rows[f"{policy}-{seed}"][name] for seed in (1, 2, 3)]

    def sizes(row):
        return [f"{row['packed_bytes']:,}", f"{row['bit_operations'] / 1e6:.0f}"]

    def difference(title, a, b):
        three.line(title, sizes(rows[a + "-1"]) + [
            cell([x - y for x, y in zip(values(a, name), values(b, name))], scale, digits)
            for name, _, scale, digits in MEASURES])

    def header(title):
        return Table(title, [("bytes", "---:"), ("bit operations, M", "---:")] +
                     [(measure, "---") for _, measure, _, _ in MEASURES])

    three = header("three seeds")
    three.line("`w4a4`", sizes(rows["1-w4a4-1"]) + [
        f"{scale * statistics.mean(values('1-w4a4', name)):.{digits}f}"
        for name, _, scale, digits in MEASURES])
    for share in SHARES:
        for policy in CHOSEN:
            difference(f"{policy} minus `w4a4`, {share}", f"{share}-{policy}", "1-w4a4")
        for policy in CHOSEN[1:]:
            difference(f"{policy} minus by-loss, {share}", f"{share}-{policy}", f"{share}-by-loss")
    one = header("seed 1")
    for share in SHARES:
        for policy in CHOSEN:
            row = rows[f"{share}-{policy}-1"]
            one.line(f"{policy}, {share}", sizes(row) + [
                f"{scale * row[name]:.{digits}f}" for name, _, scale, digits in MEASURES])
        drawn = [row for name, row in rows.items() if re.match(f"{share}-random-", name)]
        size, work = ([f"{scale * min(row[name] for row in drawn):,.0f} to "
                       f"{scale * max(row[name] for row in drawn):,.0f}"]
                      for name, scale in (("packed_bytes", 1), ("bit_operations", 1e-6)))
        one.line(f"five random ones, {share}", size + work +
             [cell([row[name] for row in drawn], scale, digits, True)
              for name, _, scale, digits in MEASURES])
    return [three, one]


def choices():
    """The winner of each complete choice of a guided recipe; both seeds, validation images."""
    table = Table("set", [("recipe", "---"), ("plain fp32, %", "---"),
                          ("guided - plain, points", "---"), ("the same at w4a4", "---"),
                          ("second measure gained", "---:")])
    for name in ("synthetic", "mnist", "fashion-mnist", "cifar-10"):
        path = os.path.join(HERE, "choose", name, "results.jsonl")
        if not os.path.exists(path):
            continue
        with open(path) as file:
            rows = list(map(json.loads, file))
        scores = choice_scores(rows, 2)
        if len(scores) < 2:
            continue  # not all rows are made yet
        chosen, _, gained, _ = scores[0]
        of = {(row["variant"], row["bits"], row["seed"]): row["validation_accuracy"]
              for row in rows}

        def points(bits):
            return [100 * (of["stage-2-" + chosen, bits, seed] - of["stage-2", bits, seed])
                    for seed in (101, 102)]
        table.line(TITLES[name], [f"`{chosen}`", ", ".join(
            f"{100 * of['stage-2', 'fp32', seed]:.2f}" for seed in (101, 102))] +
            [", ".join(f"{p:+.2f}" for p in points(bits)) for bits in ("fp32", "w4a4")] +
            [f"{gained:+.3f}"])
    return [table]


def lacking(paths):
    """The tables that none of the pages shows."""
    pages = ""
    for path in paths:
        with open(path) as file:
            pages += "\n" + file.read()
    return [table for table in recipes() + allocation() + choices()
            if "\n" + str(table) not in pages]


if sys.argv[1:2] == ["measures"]:
    print(measures(sys.argv[2], int(sys.argv[3])))
elif sys.argv[1:2] == ["check"]:
    faults = lacking(sys.argv[2:])
    if faults:
        sys.exit(f"{', '.join(sys.argv[2:])}: no such table\n\n" + "\n".join(map(str, faults)))
else:
    print(*{"recipes": recipes, "allocation": allocation, "choices": choices}[sys.argv[1]](),
          sep="\n", end="")
