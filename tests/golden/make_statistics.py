#!/usr/bin/python3
"""Writes statistics.hpp: Student's t, intervals over seeds, Holm's correction and the jackknife by
SciPy and by their definitions. It shares nothing with the library but the formulas.

    python3 tests/golden/make_statistics.py > tests/golden/statistics.hpp
"""
import itertools

import numpy as np
from scipy import integrate, optimize, special, stats

rng = np.random.RandomState(20240701)

# -- the distribution ------------------------------------------------------------------------------
dof = [1, 2, 3, 4, 5, 7, 10, 29, 100, 1000]
t = [0.1, 0.5, 1.0, 1.414, 1.415, 2.5, 4.0, 10.0, 40.0, 1000.0]


def outside(u, v):
    """P(|T| >= u)."""
    return special.betainc(v / 2, 0.5, v / (v + u * u))


def quantile(q, v):
    """stats.t.ppf has 9 digits only."""
    if q < 0.5:
        return -quantile(1 - q, v)
    return optimize.brentq(lambda u: outside(u, v) / (2 * (1 - q)) - 1, 0, 1e7, xtol=1e-15, rtol=4e-15)


two_sided = [[outside(u, v) for u in t] for v in dof]
p = [0.001, 0.025, 0.2, 0.6, 0.9, 0.95, 0.975, 0.995, 0.999999]
quantiles = [[quantile(q, v) for q in p] for v in dof]

# -- seeds -----------------------------------------------------------------------------------------
S = 5
a = rng.randn(S) * 0.02 + 0.9
b = rng.randn(S) * 0.01 + 0.88
difference = a - b
test = stats.ttest_1samp(difference, 0)
half = quantile(0.975, S - 1) * stats.sem(difference)
low, high = difference.mean() - half, difference.mean() + half
margin = 0.01
lower = difference.mean() - quantile(0.95, S - 1) * stats.sem(difference)
worse = stats.ttest_1samp(difference, -margin, alternative="greater").pvalue
effect = difference.mean() / np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)


def power(seeds, size):
    """Of the two-sided test at 5 %, exactly: over all deviations that seeds may show."""
    v, shift = seeds - 1, size * np.sqrt(seeds)
    cut = quantile(0.975, v)

    def given(squares):
        reach = cut * np.sqrt(squares / v)
        return (stats.norm.sf(reach - shift) + stats.norm.cdf(-reach - shift)) * stats.chi2.pdf(squares, v)

    return integrate.quad(given, 0, v + 20 * np.sqrt(2 * v) + 40, limit=500)[0]


sizes = [0.3, 0.5, 0.8, 1.2, 2.0, 3.0]
needed = [next(n for n in itertools.count(3) if power(n, size) >= 0.8) for size in sizes]

# -- Holm ------------------------------------------------------------------------------------------
tests = np.array([0.011, 0.04, 0.0004, 0.5, 0.013, 0.04, 0.9, 0.0201])


def rejected(alpha):
    """The step-down procedure as it is defined: stop at the first that is not rejected."""
    out = np.zeros(len(tests), bool)
    for step, i in enumerate(np.argsort(tests, kind="stable")):
        if tests[i] > alpha / (len(tests) - step):
            break
        out[i] = True
    return out


# The adjusted p is the lowest alpha at which a test is rejected.
adjusted = [optimize.bisect(lambda alpha: rejected(alpha)[i] - 0.5, 0, 2, xtol=1e-14)
            for i in range(len(tests))]
adjusted = np.minimum(adjusted, 1)

# -- drift -----------------------------------------------------------------------------------------
quantised = rng.uniform(0.3, 0.7, (S, S))
reference = rng.uniform(0.4, 0.8, (S, S))


def drift(seeds):
    return np.mean([quantised[i, j] - reference[i, j] for i, j in itertools.permutations(seeds, 2)])


D = drift(range(S))
leave_one_out = [drift([i for i in range(S) if i != k]) for k in range(S)]
spread = np.sqrt((S - 1) / S * np.sum((leave_one_out - np.mean(leave_one_out)) ** 2))
half = quantile(0.975, S - 1) * spread
drift_p = 2 * stats.t.sf(abs(D) / spread, S - 1)


# -- output ----------------------------------------------------------------------------------------
def emit(name, values, kind="double"):
    print(f"inline constexpr {kind} {name}[] = {{")
    line = ""
    for v in np.asarray(values).ravel():
        one = str(int(v)) if kind != "double" else repr(float(v))
        if len(line) + len(one) > 94:
            print("    " + line.rstrip())
            line = ""
        line += one + ", "
    print("    " + line.rstrip(", ") + "};")


print("""// Made by make_statistics.py; not to be edited.
#pragma once

#include <cstdint>

// clang-format off
namespace golden::statistics {
""")
emit("dof", dof, "std::int64_t")
emit("t", t)
print("// [dof, t]: P(|T| >= t).")
emit("two_sided", two_sided)
emit("p", p)
print("// [dof, p]")
emit("quantiles", quantiles)
print("// Two conditions of the same seeds: mean, low, high, p, deviation of a - b.")
emit("a", a)
emit("b", b)
emit("interval", [difference.mean(), low, high, test.pvalue, difference.std(ddof=1)])
print("// Margin, lower bound, p.")
emit("non_inferiority", [margin, lower, worse])
emit("effect", [effect])
print("// Mean / deviation, and the seeds that show it with 80 %, exactly.")
emit("sizes", sizes)
emit("needed", needed, "std::int64_t")
emit("tests", tests)
emit("adjusted", adjusted)
print("// Similarities [S,S], then D, low, high, p.")
emit("quantised", quantised)
emit("reference", reference)
emit("drift", [D, D - half, D + half, drift_p])
print("""
} // namespace golden::statistics""")
