#!/usr/bin/env python3
"""Whether networks that were trained and measured again are equal to those of a folder.

    same_rows.py FOLDER AGAIN       docs/results/full/SET and what `reproduce --out AGAIN` made

Compares results*.jsonl and measures*.jsonl, cell by cell, all but `run`, which holds what may differ
between equal runs (times, threads, machine). AGAIN may have fewer cells.
"""
import glob
import json
import os
import sys


def rows(folder, name):
    """Those of all shards: results.jsonl, results.1-of-2.jsonl."""
    found = []
    for path in glob.glob(os.path.join(folder, name + "*.jsonl")):
        with open(path) as file:
            found += [json.loads(line) for line in file]
    for row in found:
        row.pop("run", None)
    return {row["cell"]: row for row in found}


def main(folder, again):
    compared, faults = 0, []
    for name in ("results", "measures"):
        published = rows(folder, name)
        for cell, row in rows(again, name).items():
            compared += 1
            if cell not in published:
                faults.append(f"{name}: {cell} is not in {folder}")
            elif row != published[cell]:
                differ = [key for key in row.keys() | published[cell].keys()
                          if row.get(key) != published[cell].get(key)]
                faults.append(f"{name}: {cell} differs in {', '.join(sorted(differ))}")
    if not compared:
        faults.append(f"no rows in {again}")
    if faults:
        sys.exit("\n".join(faults))
    print(f"{compared} rows are equal")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
