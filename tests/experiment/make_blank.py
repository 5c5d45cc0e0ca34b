#!/usr/bin/env python3
"""Makes some maps of w2a2 networks blank, in the rows and evidence of a run of `reproduce`.

    make_blank.py FOLDER

Short runs have no blank maps, so that a page about them could be tested on long ones alone. The
first 2 + S images of seed S become blank: their flags are set, means and counts follow, and gates get
shares for them. FOLDER needs no training afterwards: `reproduce --only page` makes the page.
"""
import hashlib
import json
import struct
import sys

SHARES = ("at_zero", "inside", "at_alpha", "gone", "gone_below")


def read(path):
    """Header, NAME -> bytes."""
    with open(path, "rb") as f:
        data = f.read()
    begin = 8 + struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:begin])
    return header, {name: bytearray(data[begin + what["data_offsets"][0]:
                                         begin + what["data_offsets"][1]])
                    for name, what in header.items() if name != "__metadata__"}


def write(path, arrays):
    """Only contents change: the header stays as it is. Returns the SHA-256."""
    with open(path, "r+b") as f:
        begin = 8 + struct.unpack("<Q", f.read(8))[0]
        header = json.loads(f.read(begin - 8))
        for name, content in arrays.items():
            f.seek(begin + header[name]["data_offsets"][0])
            f.write(content)
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def floats(content):
    return list(struct.unpack(f"<{len(content) // 4}f", content))


def mean(x):
    x = [v for v in x if v == v]
    return sum(x) / len(x) if x else None


def make_blank(folder, row):
    path = f"{folder}/evidence/{row['cell'].replace('/', '.')}.safetensors"
    _, arrays = read(path)
    count = 2 + row["seed"]
    for name in ("number.blank_maps", "number.smoothgrad.blank_maps"):
        arrays[name][:4 * count] = struct.pack(f"<{count}f", *[1.0] * count)
    arrays["blank_gradients"][:count] = bytes([1]) * count
    row["files"]["evidence"] = write(path, arrays)
    row["blank_gradients"] = count
    for name, found in row["measures"].items():
        x = floats(arrays["number." + name])
        flags = f"number.{name[:name.find('.') + 1]}blank_maps"
        blank = floats(arrays[flags if flags in arrays else "number.blank_maps"])
        found["mean"] = mean(x)
        found["mean_without_blank"] = mean([v for v, b in zip(x, blank) if b == 0])
        found["blank"] = sum(b != 0 for _, b in zip(x, blank))
    for depth, gate in enumerate(row["gates"]):
        gate["blank"] = dict(zip(SHARES, (0.75 + depth / 64, 0.125, 0.125 - depth / 64, 0.5, 0.25)))
        gate["blank"]["images"] = count
        gate["others"]["images"] -= count


def main():
    folder = sys.argv[1]
    with open(folder + "/measures.jsonl", encoding="utf-8") as f:
        rows = [json.loads(line) for line in f]
    for row in rows:
        if row["bits"] == "w2a2":
            make_blank(folder, row)
    with open(folder + "/measures.jsonl", "w", encoding="utf-8") as f:
        f.writelines(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)


if __name__ == "__main__":
    main()
