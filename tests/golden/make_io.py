"""Writes io.hpp beside this file: bytes of small files made without sgq, for the tests of io/.

NPY files come from numpy; safetensors files are laid out here by hand, after the format's text.
Usage: python3 make_io.py    (numpy 1.24 made the committed file)
"""

import hashlib
import io
import json
import pathlib
import struct

import numpy as np


def npy(array, version=(1, 0)):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version=version)
    return stream.getvalue()


def safetensors(header, data, pad=b""):
    text = json.dumps(header).encode() + pad
    return struct.pack("<Q", len(text)) + text + data


def literal(data):
    """C++ string literals, 24 bytes a line; octal escapes end after three digits."""
    lines = []
    for i in range(0, len(data), 24):
        text = ""
        for b in data[i : i + 24]:
            plain = 32 <= b < 127 and chr(b) not in "\"\\?"
            text += chr(b) if plain else f"\\{b:03o}"
        lines.append(f'    "{text}"')
    return "\n".join(lines)


f4 = np.array([[1.5, -2.0, np.nan], [np.inf, 1e-40, 0.1]], np.float32)
f8 = np.array(0.1, np.float64)
i8 = np.array([-(2**63), 2**63 - 1, -1], np.int64)
u1 = np.arange(5, dtype=np.uint8) * 60
b1 = np.array([True, False, True])

files = {
    "npy_f4": npy(f4),
    "npy_f4_v2": npy(f4, (2, 0)),
    "npy_f8_scalar": npy(f8),
    "npy_u1": npy(u1),
    "npy_i4": npy(np.array([[[1, -2]], [[3, 2**31 - 1]]], np.int32)),
    "npy_i8": npy(i8),
    "npy_b1": npy(b1),
    "npy_empty": npy(np.zeros((0, 3), np.float32)),
    "npy_fortran": npy(np.asfortranarray(f4)),
    "npy_big_endian": npy(f4.astype(">f4")),
    "npy_object": npy(np.array([None, 1], object)),
    "npy_struct": npy(np.zeros(2, [("a", "<f4"), ("b", "<i4")])),
    "npy_rank5": npy(np.zeros((1, 1, 1, 1, 2), np.float32)),
    # As other writers do it: not in order of offsets, odd header length, rank 5, NaN.
    "safetensors_foreign": safetensors(
        {
            "odd": {"dtype": "U8", "shape": [5], "data_offsets": [24, 29]},
            "__metadata__": {"format": "pt", "\u00e9\u4e16\U0001f600": "a\n\"b\"\\"},
            "f4": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
            "deep": {"dtype": "I64", "shape": [1, 3, 1, 1, 1], "data_offsets": [29, 53]},
            "none": {"dtype": "F64", "shape": [0, 7], "data_offsets": [29, 29]},
            "flags": {"dtype": "BOOL", "shape": [3], "data_offsets": [61, 64]},
            "scalar": {"dtype": "F64", "shape": [], "data_offsets": [53, 61]},
        },
        f4.tobytes() + u1.tobytes() + i8.tobytes() + f8.tobytes() + b1.tobytes(),
        pad=b"   ",
    ),
}

message = bytes(i * 7 % 256 for i in range(300))
chained = hashlib.sha256()
for n in range(len(message)):
    chained.update(hashlib.sha256(message[:n]).hexdigest().encode())

out = ["// Made by make_io.py; do not edit.", "#pragma once", "", "#include <string>", ""]
out += ["namespace golden {", ""]
for name, data in files.items():
    out += [f"inline const std::string {name}(", literal(data) + ",", f"    {len(data)});", ""]
out += ["// SHA-256 of the digests of the first 0, 1, .. 299 bytes of i * 7 % 256, put together."]
out += [f'inline const std::string sha256_chain =\n    "{chained.hexdigest()}";', ""]
out += ["} // namespace golden", ""]
pathlib.Path(__file__).with_name("io.hpp").write_text("\n".join(out))
