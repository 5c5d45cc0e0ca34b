#!/usr/bin/python3
"""Writes road.hpp: removed pixels by a dense solve, and ROAD of a linear model without noise, with
NumPy. It shares nothing with the library but the formulas.

    python3 tests/golden/make_road.py > tests/golden/road.hpp
"""
import numpy as np

rng = np.random.RandomState(20240702)


def solve(plane, removed):
    """The removed pixels, and how far a residual of 1e-6 may lie from them."""
    height, width = plane.shape
    unknown = {int(at): u for u, at in enumerate(removed)}
    A = np.zeros((len(removed), len(removed)))
    right = np.zeros(len(removed))
    for at, u in unknown.items():
        y, x = divmod(at, width)
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                if (dy, dx) == (0, 0) or not (0 <= y + dy < height and 0 <= x + dx < width):
                    continue
                weight = 1 / 6 if dy == 0 or dx == 0 else 1 / 12
                neighbour = (y + dy) * width + x + dx
                A[u, u] += weight
                if neighbour in unknown:
                    A[u, unknown[neighbour]] -= weight
                else:
                    right[u] += weight * plane[y + dy, x + dx]
    bound = 1e-6 * np.linalg.norm(right) / np.linalg.eigvalsh(A)[0]
    return np.linalg.solve(A, right), bound


# -- planes ----------------------------------------------------------------------------------------
sizes = [(7, 6, 37), (5, 9, 44), (1, 8, 5), (8, 1, 5), (12, 11, 60), (2, 2, 2)]
planes = [rng.randint(0, 256, (h, w)) for h, w, _ in sizes]
removed = [rng.permutation(h * w)[:k] for h, w, k in sizes]
solved = [solve(p, r) for p, r in zip(planes, removed)]

# -- ROAD of a linear model ------------------------------------------------------------------------
M, C, h, w, K = 6, 2, 7, 6, 3
scale, zero = 1 / 32, np.array([120, 136])[:, None, None]
codes = rng.randint(0, 256, (M, C, h, w))
weight = np.round(rng.randn(K, C * h * w) * 64) / 256
bias = np.round(rng.randn(K) * 64) / 64
scores = np.array([rng.permutation(h * w) + 1 for _ in range(M)]).reshape(M, h, w) / 4
scores *= rng.choice([-1, 1], scores.shape)  # no ties, in magnitude neither


def logits(image):
    return weight @ (scale * (image - zero)).ravel() + bias


labels = rng.randint(0, K, M)
labels[:5] = [logits(image).argmax() for image in codes[:5]]


def hit(n, first):
    image, doubt = codes[n].astype(float), 0
    if len(first):
        for c in range(C):
            values, bound = solve(codes[n, c], first)
            image[c].ravel()[first] = np.clip(np.rint(values), 0, 255)
            near = abs(values - np.floor(values) - 0.5) < bound  # may be rounded otherwise
            largest = abs(weight.reshape(K, C, -1)[:, c, first]).max(0)
            doubt += 2 * scale * largest[near].sum()
    z = np.sort(logits(image))
    assert z[-1] - z[-2] > doubt + 1e-6
    return logits(image).argmax() == labels[n]


def curve(sign):
    order = [np.argsort(-sign * abs(s).ravel()) for s in scores]
    return np.array([[hit(n, order[n][:h * w * t // 10]) for n in range(M)]
                     for t in range(10)]).astype(int)


most, least = curve(1), curve(-1)
road = np.trapz(least - most, dx=0.1, axis=0) / 0.9


# -- output ----------------------------------------------------------------------------------------
def emit(kind, name, values):
    def one(v):
        return repr(float(v)) + ("f" if kind == "float" else "") if kind in ("float", "double") else str(int(v))

    line = ""
    print(f"inline constexpr {kind} {name}[] = {{")
    for v in np.concatenate([np.ravel(v) for v in values]):
        if len(line) + len(one(v)) > 94:
            print("    " + line.rstrip())
            line = ""
        line += one(v) + ", "
    print("    " + line.rstrip(", ") + "};")


print("""// Made by make_road.py; not to be edited.
#pragma once

#include <cstdint>

// clang-format off
namespace golden::road {

// Planes, one after the other: height, width, removed pixels; the numbers; the removed positions;
// the solution there; how far an approximate solution may lie from it.""")
emit("std::int64_t", "sizes", sizes)
emit("double", "planes", planes)
emit("std::int32_t", "removed", removed)
emit("double", "solved", [s for s, _ in solved])
emit("double", "bounds", [b for _, b in solved])
print(f"// Linear model: codes [{M},{C},{h},{w}], weight [{K},{C * h * w}], bias, labels; maps [{M},{h},{w}].")
print(f"// The grid has scale 1/32 and zero points {zero[0].item()}, {zero[1].item()}.")
emit("std::uint8_t", "codes", codes)
emit("float", "weight", weight)
emit("float", "bias", bias)
emit("std::uint8_t", "labels", labels)
emit("float", "scores", scores)
print("// Most and least relevant first, by |scores|: correct [10,M]; ROAD [M].")
emit("std::uint8_t", "most", most)
emit("std::uint8_t", "least", least)
emit("double", "road", road)
print("""
} // namespace golden::road""")
