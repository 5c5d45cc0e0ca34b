#!/usr/bin/python3
"""Writes metrics.hpp: saliency metrics computed from their definitions with NumPy, and SSIM
with PyTorch's conv2d. It shares nothing with the library but the formulas.

    python3 tests/golden/make_metrics.py > tests/golden/metrics.hpp
"""
import numpy as np
import torch

rng = np.random.RandomState(20240611)


def sixty_fourths(*shape):
    """Normal numbers rounded to multiples of 1/64: exact as float, with ties."""
    return np.round(rng.randn(*shape) * 64) / 64


# -- maps ------------------------------------------------------------------------------------------
N, H, W = 5, 9, 11
a = sixty_fourths(N, H, W)
b = sixty_fourths(N, H, W)
b[0] = np.round((a[0] + 0.5 * b[0]) * 64) / 64  # alike
a[2] = np.where(rng.rand(H, W) < 0.6, 0, np.round(a[2]))  # sparse, full of ties
a[3] = 0.75  # constant
a[4] = np.where(a[4] < 0, -1, 1)  # constant in magnitude
masks = (rng.rand(N, H, W) < 0.2).astype(int)
masks[1] = 0


def average_ranks(v):
    values, inverse, counts = np.unique(v, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]


def pearson(p, q):
    return np.corrcoef(p, q)[0, 1]


def cosine(p, q):
    return p @ q / np.linalg.norm(p) / np.linalg.norm(q)


ties = np.random.RandomState(1)


def top(v, k):
    """The k largest; ties fall at random."""
    return set(np.lexsort((ties.rand(v.size), -v))[:k])


def iou(p, q):
    """Its mean over the ties, by simulation."""
    k = p.size // 10
    draws = []
    for _ in range(20000):
        p_top, q_top = top(p, k), top(q, k)
        draws.append(len(p_top & q_top) / len(p_top | q_top))
    return draws[0] if np.ptp(draws) == 0 else np.mean(draws)


def expected_hits(v, s, k):
    """How many of the k largest v lie in s, on average over the ties at the cut."""
    cut = np.sort(v)[-k]
    return s[v > cut].sum() + (k - (v > cut).sum()) * s[v == cut].mean()


def ssim(p, q, magnitude):
    g = np.exp(-np.arange(-3, 4) ** 2 / (2 * 1.5**2))
    window = torch.tensor(np.outer(g, g) / g.sum() ** 2)[None, None]
    blur = lambda z: torch.nn.functional.conv2d(z, window)
    x = torch.tensor(p / abs(p).max()).reshape(1, 1, H, W)
    y = torch.tensor(q / abs(q).max()).reshape(1, 1, H, W)
    L = 1 if magnitude else 2
    c1, c2 = (0.01 * L) ** 2, (0.03 * L) ** 2
    mx, my = blur(x), blur(y)
    vx, vy, cov = blur(x * x) - mx**2, blur(y * y) - my**2, blur(x * y) - mx * my
    s = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    return s.mean().item()


def similarities(magnitude):
    rows = []
    for p, q in zip(a.reshape(N, -1), b.reshape(N, -1)):
        if magnitude:
            p, q = abs(p), abs(q)
        if np.ptp(p) == 0 or np.ptp(q) == 0:
            rows.append([np.nan] * 5)
            continue
        rows.append([pearson(average_ranks(p), average_ranks(q)), pearson(p, q), cosine(p, q),
                     ssim(p, q, magnitude), iou(p, q)])
    return np.array(rows).T  # [metric, image]


def gini(v):
    """Half the relative mean absolute difference of all pairs, the textbook definition."""
    v = abs(v)
    return abs(v[:, None] - v[None, :]).mean() / (2 * v.mean())


def entropy(v):
    p = abs(v) / abs(v).sum()
    p = p[p > 0]
    return -(p * np.log(p)).sum()


flat = a.reshape(N, -1)
localization = np.full((3, N), np.nan)
for n in range(N):
    v, s = flat[n], masks[n].ravel() == 1
    if not s.any():
        continue
    localization[0, n] = s[v == v.max()].mean()
    localization[1, n] = expected_hits(v, s, s.sum()) / s.sum()
    localization[2, n] = np.clip(v[s], 0, None).sum() / np.clip(v, 0, None).sum()

# -- a linear model --------------------------------------------------------------------------------
M, C, h, w, K = 6, 2, 6, 5, 3
x = sixty_fourths(M, C, h, w)
weight = sixty_fourths(K, C * h * w) / 4
bias = sixty_fourths(K)
labels = rng.randint(0, K, M)
scores = np.array([rng.permutation(h * w) + 1 for _ in range(M)]).reshape(M, h, w) / 4
scores *= rng.choice([-1, 1], scores.shape)  # no ties, in magnitude neither
background = np.array([-0.5, 0.25])


def logits(images):
    return images.reshape(len(images), -1) @ weight.T + bias


labels[:4] = logits(x)[:4].argmax(1)  # most predictions are right


def replace(image, other, score, k):
    order = np.argsort(-score.ravel())[:k]
    out = image.reshape(C, -1).copy()
    out[:, order] = other.reshape(C, -1)[:, order]
    return out.reshape(C, h, w)


empty = np.broadcast_to(background[:, None, None], (C, h, w))
correct = np.array([[logits(replace(x[n], empty, abs(scores[n]), h * w * t // 10)[None]).argmax()
                     == labels[n] for n in range(M)] for t in range(10)]).astype(int)
masked_area = np.trapz(correct, dx=0.1, axis=0) / 0.9

counts = [0, 8, 16, 24, 30]  # four steps of ceil(30 / 4), the last narrower


def probability(images, n):
    c = logits(x[n][None]).argmax()
    z = torch.tensor(logits(images[None]))
    return torch.softmax(z, 1)[0, c].item()


deletion = np.array([[probability(replace(x[n], empty, scores[n], k), n) for n in range(M)]
                     for k in counts])
insertion = np.array([[probability(replace(empty, x[n], scores[n], k), n) for n in range(M)]
                      for k in counts])
share = np.array(counts) / (h * w)


def area(curve):
    return np.trapz(curve, share, axis=0)


# -- output ----------------------------------------------------------------------------------------
def emit(kind, name, values):
    def one(v):
        if np.isnan(v):
            return "undefined"
        return str(int(v)) if kind == "std::uint8_t" else repr(float(v)) + ("f" if kind == "float" else "")

    line = ""
    print(f"inline constexpr {kind} {name}[] = {{")
    for v in np.asarray(values).ravel():
        if len(line) + len(one(v)) > 94:
            print("    " + line.rstrip())
            line = ""
        line += one(v) + ", "
    print("    " + line.rstrip(", ") + "};")


print("""// Made by make_metrics.py; not to be edited.
#pragma once

#include <cstdint>
#include <limits>

// clang-format off
namespace golden::metrics {

inline constexpr double undefined = std::numeric_limits<double>::quiet_NaN();
""")
print(f"// Maps [{N},{H},{W}], masks of the same shape.")
emit("float", "a", a)
emit("float", "b", b)
emit("std::uint8_t", "masks", masks)
print("// [5 metrics, N]: Spearman, Pearson, cosine, SSIM, top-10 % IoU (its mean over ties).")
emit("double", "similarity_signed", similarities(False))
emit("double", "similarity_magnitude", similarities(True))
emit("double", "gini_of_a", [gini(v) for v in flat])
emit("double", "entropy_of_a", [entropy(v) for v in flat])
print("// [3 metrics, N]: pointing game, relevance rank (its mean over ties), relevance mass of a.")
emit("double", "localization_of_a", localization)
print(f"// Linear model: x [{M},{C},{h},{w}], weight [{K},{C * h * w}], bias, labels; maps [{M},{h},{w}].")
emit("float", "x", x)
emit("float", "weight", weight)
emit("float", "bias", bias)
emit("std::uint8_t", "labels", labels)
emit("float", "scores", scores)
print("// Masked accuracy by |scores|: correct [10,M], area [M].")
emit("std::uint8_t", "correct", correct)
emit("double", "masked_area", masked_area)
print("// Deletion and insertion by signed scores in four steps: [5,M], area [M].")
emit("double", "deletion", deletion)
emit("double", "deletion_area", area(deletion))
emit("double", "insertion", insertion)
emit("double", "insertion_area", area(insertion))
print("""
} // namespace golden::metrics""")
