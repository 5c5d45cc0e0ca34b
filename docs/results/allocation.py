#!/usr/bin/env python3
"""Measures of a row of allocation.jsonl, and the tables of docs/quantisation.md from all rows.

    allocation.py measures FOLDER     members of a row: what faithfulness and compare wrote there
    allocation.py table               two tables in Markdown
"""
import json
import math
import os
import re
import statistics
import sys

T = {2: 4.303, 4: 2.776}  # Student's t, 97.5 %, by degrees of freedom
MEASURES = [("test_accuracy", "accuracy, %", 100, 2), ("road", "ROAD", 1, 4),
            ("masked_advantage", "masked advantage", 1, 4), ("drift", "drift", 1, 4)]


def measures(folder):
    with open(os.path.join(folder, "faithfulness", "metrics.json")) as file:
        maps = json.load(file)["measures"]
    with open(os.path.join(folder, "compare", "metrics.json")) as file:
        similar = json.load(file)["with_sign"][0]
    found = {name: maps[name]["net"]["mean"] for name in ("road", "masked_advantage", "blank_maps")}
    found["drift"] = 1 - similar["cosine"]["mean"]
    return "".join(f', "{name}": {value:.17g}' for name, value in found.items())


def interval(values, scale, digits):
    """Mean and Student's t-interval."""
    half = T[len(values) - 1] * statistics.stdev(values) / math.sqrt(len(values))
    mean = statistics.mean(values)
    ends = [scale * x for x in (mean - half, mean + half)]
    return f"{scale * mean:+.{digits}f} [{ends[0]:+.{digits}f}, {ends[1]:+.{digits}f}]"


def table():
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "allocation.jsonl")) as file:
        rows = {row["row"]: row for row in map(json.loads, file)}
    at = lambda share, policy, name: [
        rows[f"{share}-{policy}-{seed}"][name] for seed in (1, 2, 3)]
    print("| bits | packed bytes | " + " | ".join(title for _, title, _, _ in MEASURES) + " |")
    print("|---|---:|" + "---|" * len(MEASURES))
    cells = [f"{scale * statistics.mean(at('1', 'w4a4', name)):.{digits}f}"
             for name, _, scale, digits in MEASURES]
    print(f"| w4a4 | {rows['1-w4a4-1']['packed_bytes']:,} | " + " | ".join(cells) + " |")
    for share in ("0.85", "0.75"):
        for policy in ("by-loss", "by-maps", "by-both"):
            cells = [interval([a - b for a, b in zip(at(share, policy, name), at("1", "w4a4", name))],
                              scale, digits) for name, _, scale, digits in MEASURES]
            size = [rows[f"{share}-{policy}-{seed}"]["packed_bytes"] for seed in (1, 2, 3)]
            print(f"| {policy}, {share} | {min(size):,} to {max(size):,} | " + " | ".join(cells) + " |")
    print("\n| seed 1 | " + " | ".join(title for _, title, _, _ in MEASURES) + " |")
    print("|---|" + "---|" * len(MEASURES))
    for share in ("0.85", "0.75"):
        for policy in ("by-loss", "by-maps", "by-both"):
            cells = [f"{scale * rows[f'{share}-{policy}-1'][name]:.{digits}f}"
                     for name, _, scale, digits in MEASURES]
            print(f"| {policy}, {share} | " + " | ".join(cells) + " |")
        drawn = [row for name, row in rows.items() if re.match(f"{share}-random-", name)]
        cells = [interval([row[name] for row in drawn], scale, digits).replace("+", "")
                 for name, _, scale, digits in MEASURES]
        print(f"| five random ones, {share} | " + " | ".join(cells) + " |")


if sys.argv[1] == "measures":
    print(measures(sys.argv[2]))
else:
    table()
