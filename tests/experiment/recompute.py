#!/usr/bin/env python3
"""Computes every number of a report.md again, from the rows and the evidence that lie beside it.

    recompute.py FOLDER [--choices DIR] [--data DIR] [--no-bootstrap]

FOLDER is the --out of `reproduce`. All tables and all sentences with numbers are written anew and
compared word by word; a number may differ only where it lies on the edge between two printed ones,
and one that is neither computed here nor part of a phrase that never changes is an error.
report.html, where it is there, must say the same as report.md. It shares no code with the library:
Student's t comes from a continued fraction, Philox from its paper. The labels of the test images,
which intervals of accuracy over other images and the accuracy on blank images need, come from
DIR/SET (`data`); without them, as on the built-in set, these are not looked at, and the last line
says so. Takes about a minute for 10,000 images, two seconds with --no-bootstrap.
"""
import argparse
import array
import glob
import gzip
import hashlib
import json
import math
import os
import re
import struct
import sys

from compare_report import (NUMBER, command_of, compare_command, compare_pages, compare_tables,
                            compare_texts, tables_of)

NAN = float("nan")
FEWEST_SEEDS = 3
MAIN_BITS = ["fp32", "w4a4", "w2a2"]
BITS = ["fp32", "w4a4", "w4a2", "w2a4", "layerwise-4-2", "w2a2"]
TRAININGS = ["plain", "guided", "random-mask", "plain, equal compute"]
SETS = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST", "cifar-10": "CIFAR-10",
        "cifar-100": "CIFAR-100", "synthetic": "the built-in set"}
# Names, and +1 where more is better.
MEASURES = {
    "relevance_mass_on_evidence": ("mass on evidence", 1),
    "relevance_mass_on_ink": ("mass on ink", 1),
    "masked_advantage": ("masked-accuracy advantage", 1),
    "masked_accuracy": ("masked accuracy", -1),
    "masked_accuracy_of_random_ranking": ("masked accuracy, random ranking", 0),
    "road": ("ROAD", 1), "deletion": ("deletion", -1), "insertion": ("insertion", 1),
    "gini": ("Gini", 0), "normalized_entropy": ("entropy, relative", 0),
    "max_sensitivity": ("max-sensitivity", -1), "blank_maps": ("blank maps", 0),
    "blank_gradients": ("blank gradients", 0)}
SIMILARITIES = ["spearman", "pearson", "cosine", "ssim", "top_10_iou"]


# ---- Statistics ---------------------------------------------------------------------------------

def beta_fraction(a, b, x):
    """The continued fraction of the incomplete beta function, by Lentz's method."""
    tiny = 1e-300
    c, d = 1.0, 1 / max(1 - (a + b) * x / (a + 1), tiny)
    h = d
    for m in range(1, 10000):
        for up in (m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                   -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))):
            d, c = 1 + up * d, 1 + up / c
            d = 1 / (d if abs(d) > tiny else tiny)
            c = c if abs(c) > tiny else tiny
            h *= d * c
        if abs(d * c - 1) < 1e-16:
            break
    return h


def incomplete_beta(a, b, x):
    if x <= 0 or x >= 1:
        return float(x >= 1)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
                     + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * beta_fraction(a, b, x) / a
    return 1 - front * beta_fraction(b, a, 1 - x) / b


def two_sided(t, dof):
    return 0.0 if math.isinf(t) else incomplete_beta(dof / 2, 0.5, dof / (dof + t * t))


def upper(t, dof):
    return two_sided(t, dof) / 2 if t >= 0 else 1 - two_sided(t, dof) / 2


def t_quantile(p, dof, known={}):
    if (p, dof) not in known:
        low, high = 0.0, 1e9
        while high - low > 1e-14 * high:
            middle = (low + high) / 2
            low, high = (middle, high) if upper(middle, dof) > 1 - p else (low, middle)
        known[p, dof] = high
    return known[p, dof]


class Estimate:
    """The mean of numbers, one per seed; NaN ones are left out."""

    def __init__(self, by_seed):
        self.by_seed = list(by_seed)
        x = [v for v in self.by_seed if not math.isnan(v)]
        self.seeds, self.low, self.high, self.p = len(x), NAN, NAN, NAN
        self.mean = NAN if not x else x[0] if min(x) == max(x) else sum(x) / len(x)
        squares = sum((v - self.mean) ** 2 for v in x)
        self.deviation = math.sqrt(squares / (len(x) - 1)) if len(x) > 1 else NAN
        if self.seeds < FEWEST_SEEDS:
            return
        self.error = self.deviation / math.sqrt(self.seeds)
        half = t_quantile(0.975, self.seeds - 1) * self.error
        self.low, self.high = self.mean - half, self.mean + half
        self.p = two_sided(self.statistic(self.mean), self.seeds - 1)

    def statistic(self, distance):
        if distance == 0:
            return 0.0
        return distance / self.error if self.error > 0 else math.copysign(math.inf, distance)

    def sign(self):
        return 1 if self.low > 0 else -1 if self.high < 0 else 0


def holm(p):
    adjusted, largest = [0.0] * len(p), 0.0
    for rank, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        largest = max(largest, min(1.0, (len(p) - rank) * p[i]))
        adjusted[i] = largest
    return adjusted


def seeds_needed(mean, deviation, confidence):
    def enough(n):
        t = t_quantile((1 + confidence) / 2, n - 1) + t_quantile(0.8, n - 1)
        return abs(mean) * math.sqrt(n) >= t * deviation
    if mean == 0 or not enough(1000):
        return None
    low, high = FEWEST_SEEDS - 1, 1000
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def pseudo_values(quantised, reference):
    """Drift with each seed left out in both roles, as one number per seed."""
    n = len(quantised)

    def mean(without):
        d = [quantised[i][j] - reference[i][j] for i in range(n) for j in range(n)
             if i != j and without not in (i, j)]
        return sum(d) / len(d) if d else NAN
    whole = mean(-1)
    if n < FEWEST_SEEDS:
        return [whole] + [NAN] * (n - 1)
    return [n * whole - (n - 1) * mean(k) for k in range(n)]


# ---- The bootstrap over images ------------------------------------------------------------------

def philox(counter, seed):
    a, b, c, d = counter
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        x, y = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (y >> 32) ^ b ^ k0, y & 0xFFFFFFFF, (x >> 32) ^ d ^ k1, x & 0xFFFFFFFF
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return a, b, c, d


def resamples(n, known={}):
    """Which of n images each of 2,000 resamples draws."""
    if n not in known:
        known[n] = []
        for r in range(2000):
            s = philox((r, 0x73706C69, 0x626F6F74, 0), 0)
            stream, seed = (s[3], s[2]), s[0] << 32 | s[1]
            words = array.array("I")
            for block in range((n + 3) // 4):
                words.extend(philox((block, 0) + stream, seed))
            known[n].append(array.array("H", (w * n >> 32 for w in words[:n])))
    return known[n]


def bootstrap(by_image):
    x = [v for v in by_image if not math.isnan(v)]
    if len(x) < 2:
        return (NAN, NAN)
    means = sorted(sum(map(x.__getitem__, draw)) / len(x) for draw in resamples(len(x)))

    def quantile(q):
        at = q * (len(means) - 1)
        i = int(at)
        return means[i] + (at - i) * (means[min(i + 1, len(means) - 1)] - means[i])
    return quantile(0.025), quantile(0.975)


# ---- Rows and evidence --------------------------------------------------------------------------

def rows_of(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f if line.strip()]


def checked(path, sum_of_row):
    with open(path, "rb") as f:
        data = f.read()
    if hashlib.sha256(data).hexdigest() != sum_of_row:
        sys.exit(f"{path}: not the file of its row")
    return data


def numbers_of_evidence(data):
    """NAME -> one float per image; "blank_gradients" are of all test images."""
    size = struct.unpack("<Q", data[:8])[0]
    found = {}
    for name, what in json.loads(data[8:8 + size]).items():
        if name.startswith("number."):
            begin, end = (8 + size + at for at in what["data_offsets"])
            found[name[7:]] = list(struct.unpack(f"<{(end - begin) // 4}f", data[begin:end]))
        elif name == "blank_gradients":
            begin, end = (8 + size + at for at in what["data_offsets"])
            found[name] = [float(b) for b in data[begin:end]]
    return found


def labels_of(folder, dataset, count):
    """The first test labels of a set, or None."""
    for name in glob.glob(f"{folder}/{dataset}/t10k-labels-idx1-ubyte*"):
        with (gzip.open if name.endswith(".gz") else open)(name, "rb") as f:
            return f.read()[8:8 + count]
    for name in glob.glob(f"{folder}/{dataset}/**/data_batch_5.bin", recursive=True):
        with open(name, "rb") as f:
            return f.read()[::3073][:count]
    return None


class Network:
    def __init__(self, folder, row, measured, data):
        self.row, self.measured = row, measured
        self.bits, self.training, self.seed = row["bits"], row["training"], row["seed"]
        self.variant = row["variant"]
        file = row["cell"].replace("/", ".")
        self.numbers = numbers_of_evidence(
            checked(f"{folder}/evidence/{file}.safetensors", measured["files"]["evidence"]))
        npy = checked(f"{folder}/predictions/{file}.npy", row["files"]["predictions.npy"])
        said = npy[-row["test_images"]:]
        confusion = row["confusion"]
        for c in range(len(confusion)):
            if said.count(bytes([c])) != sum(line[c] for line in confusion):
                sys.exit(f"{row['cell']}: confusion and predictions do not agree")
        self.accuracy = sum(confusion[c][c] for c in range(len(confusion))) / len(said)
        if self.accuracy != row["test_accuracy"]:
            sys.exit(f"{row['cell']}: test_accuracy and confusion do not agree")
        self.right = None
        if data and (labels := labels_of(data, row["dataset"], len(said))):
            self.right = [float(a == b) for a, b in zip(said, labels)]
            if sum(self.right) / len(said) != self.accuracy:
                sys.exit(f"{row['cell']}: other labels in {data}")
        blank = self.numbers["blank_gradients"]
        if (sum(blank), len(blank)) != (measured["blank_gradients"], row["test_images"]):
            sys.exit(f"{row['cell']}: blank_gradients are not those of the evidence")
        self.check_summaries()

    def check_summaries(self):
        for name, found in self.measured["measures"].items():
            x = self.numbers[name]
            prefix = name[:name.find(".") + 1]
            blank = self.numbers.get(prefix + "blank_maps", self.numbers["blank_maps"])
            for what, keep in (("mean", x), ("mean_without_blank",
                                             [v for v, b in zip(x, blank) if b == 0])):
                mean = mean_of(keep)
                same = found[what] is None if math.isnan(mean) else \
                    found[what] is not None and abs(found[what] - mean) <= 1e-12
                if not same:
                    sys.exit(f"{self.row['cell']}: {what} of {name} is not that of the evidence")
            if name.endswith("masked_advantage"):
                by_chance = self.numbers["masked_accuracy_of_random_ranking"]
                by_map = self.numbers[name.replace("advantage", "accuracy")]
                if not len(x) == len(by_chance) == len(by_map) or not all(
                        abs(v - (c - m)) <= 1e-6 for v, c, m in zip(x, by_chance, by_map)):
                    sys.exit(f"{self.row['cell']}: {name} is not how far masking by the map falls "
                             "below masking by chance")


def mean_of(x):
    x = [v for v in x if not math.isnan(v)]
    return sum(x) / len(x) if x else NAN


class Study:
    def __init__(self, folder, choices="", data=""):
        self.networks = []
        measures = {row["cell"]: row for row in rows_of(folder + "/measures.jsonl")}
        for row in rows_of(folder + "/results.jsonl"):
            m = measures.get(row["cell"])
            if m and m["network"] == row["files"]["model.safetensors"]:
                self.networks.append(Network(folder, row, m, data))
        self.dataset = self.networks[0].row["dataset"]
        drift = folder + "/drift.jsonl"
        self.drift = [row for row in (rows_of(drift) if os.path.exists(drift) else [])
                      if row["seeds"] == self.drift_seeds(row)]
        choice = f"{choices}/{self.dataset}/results.jsonl"
        self.choice = rows_of(choice) if os.path.exists(choice) else []
        self.second = {"mnist": "relevance_mass_on_ink", "fashion-mnist": "relevance_mass_on_ink",
                       "synthetic": "relevance_mass_on_evidence"}.get(self.dataset, "road")

    def of(self, bits, training, _prefix="", variant=""):
        """The networks of an arm: bits, training, the prefix of its maps, variant."""
        return sorted((n for n in self.networks
                       if (n.bits, n.training, n.variant) == (bits, training, variant)),
                      key=lambda n: n.seed)

    def drift_seeds(self, row):
        """Those that a row of drift has if it is of this page: others wait for their networks."""
        real = {n.seed for n in self.of("fp32", row["training"])}
        return [n.seed for n in self.of(row["bits"], row["training"]) if n.seed in real]

    def arms(self):
        return [(b, t) for t in TRAININGS for b in BITS if self.of(b, t)]

    def by_seed(self, arm, measure):
        """The mean of every seed; [] where it was not measured."""
        prefix = (arm + ("",))[2]
        networks = self.of(*arm)
        if measure == "accuracy":
            return [n.accuracy for n in networks]
        name = prefix + measure
        if any(name not in n.numbers for n in networks):
            return []
        return [mean_of(n.numbers[name]) for n in networks]

    def pairs(self, a, b, measure):
        """[(numbers of a, numbers of b)] of common seeds, image by image; accuracies without."""
        b_of = {n.seed: n for n in self.of(*b)}
        common = [(n, b_of[n.seed]) for n in self.of(*a) if n.seed in b_of]
        if measure == "accuracy":
            if all(n.right and m.right for n, m in common):
                return [(n.right, m.right) for n, m in common]
            return [([n.accuracy], [m.accuracy]) for n, m in common]
        name_a, name_b = (a + ("",))[2] + measure, (b + ("",))[2] + measure
        if any(name_a not in n.numbers or name_b not in m.numbers for n, m in common):
            return []
        return [(n.numbers[name_a], m.numbers[name_b]) for n, m in common]


def without_blank(study, a, b, pairs):
    """The same of the images on which neither map is blank; None if these are all."""
    blank = study.pairs(a, b, "blank_maps")
    if not any(any(side) for pair in blank for side in pair):
        return None
    return Estimate([mean_of([x - y for x, y, p, q in zip(*pair, *flags) if p == q == 0])
                     for pair, flags in zip(pairs, blank)])


class Difference:
    without_blank = None

    def __init__(self, pairs, with_bootstrap):
        rows = [[x - y for x, y in zip(*pair)] for pair in pairs]
        self.seeds = Estimate([mean_of(row) for row in rows])
        self.by_image = [mean_of(column) for column in zip(*rows)]
        self.images = None  # not looked at
        if len(self.by_image) > 1 and with_bootstrap:
            self.images = bootstrap(self.by_image)
        both = [[(x, y) for x, y in zip(*pair) if not math.isnan(x - y)] for pair in pairs]
        sides = [Estimate([mean_of([p[k] for p in pair]) for pair in both]) for k in (0, 1)]
        spread = math.hypot(sides[0].deviation, sides[1].deviation) / math.sqrt(2)
        self.effect = (sides[0].mean - sides[1].mean) / spread if spread > 0 else NAN
        if sides[0].seeds < FEWEST_SEEDS:
            self.effect = NAN


# ---- Claims -------------------------------------------------------------------------------------

class Claim:
    def __init__(self, id, words, rule, a, b, claimed=1, measure="accuracy"):
        self.id, self.words, self.rule, self.a, self.b = id, words, rule, a, b
        self.claimed, self.measure, self.note = claimed, measure, ""
        self.parts, self.margin, self.verdict, self.needed = [], 0, "no verdict", None
        self.tests = {}  # "for", "against" -> p

    def ask(self, study, with_bootstrap):
        """False where there are no networks."""
        measures = [study.second, "masked_advantage"] if self.rule == "maps" else [self.measure]
        for measure in measures:
            pairs = study.pairs(self.a, self.b, measure)
            if not pairs:
                return False
            self.parts.append((measure, Difference(pairs, with_bootstrap)))
            if self.rule == "maps":
                self.parts[-1][1].without_blank = without_blank(study, self.a, self.b, pairs)
        self.n = min(d.seeds.seeds for _, d in self.parts)
        if self.rule == "counted":
            few, real = (study.of(*arm[:2])[0].row for arm in (self.a, self.b))
            self.smaller, self.fewer = (real[what] / few[what]
                                        for what in ("packed_bytes", "bit_operations"))
            self.verdict = "supported" if self.smaller > 1 and self.fewer > 1 else "refuted"
        elif self.n >= FEWEST_SEEDS:
            self.test(study.dataset)
        return True

    def test(self, dataset):
        if self.rule == "kept":
            e = self.parts[0][1].seeds
            self.margin = 0.003 if dataset == "mnist" else 0.01
            self.bound = e.mean - t_quantile(0.95, e.seeds - 1) * e.error
            self.tests["for"] = upper(e.statistic(e.mean + self.margin), e.seeds - 1)
            self.tests["against"] = 1 - self.tests["for"]
        elif self.rule == "maps":
            for side, sign in (("for", self.claimed), ("against", -self.claimed)):
                agree = [d.seeds.p if (d.seeds.mean * self.claimed > 0) == (side == "for") else 1.0
                         for _, d in self.parts]
                self.tests[side] = max(agree)
        else:
            e = self.parts[0][1].seeds
            self.tests["for" if e.mean * self.claimed > 0 else "against"] = e.p

    def decide(self, corrected, tests):
        self.p = min(corrected.values())
        if self.p < 0.05:
            self.verdict = "supported" if corrected.get("for", 1) < 0.05 else "refuted"
        elif self.rule == "maps" and len({d.seeds.sign() > 0 for _, d in self.parts}) > 1:
            self.verdict = "mixed"
        else:
            self.verdict = "undecided"
            sides = 2 if self.rule == "kept" else 1
            needs = [seeds_needed(d.seeds.mean + self.margin, d.seeds.deviation,
                                  1 - sides * 0.05 / tests) for _, d in self.parts]
            self.needed = None if None in needs else max(needs)


def questions(dataset):
    plain, real = ("fp32", "plain"), ("fp32", "guided")
    few = [("w4a4", "guided"), ("w2a2", "guided")]
    four, two = few
    yield from (Claim("B1", "accuracy is kept, " + a[0], "kept", a, plain) for a in few)
    yield from (Claim("B2", "smaller, fewer operations, " + a[0], "counted", a, plain) for a in few)
    yield from (Claim("B3", "more interpretable, " + a[0], "maps", a, plain) for a in few)
    yield from (Claim("A1", "quantising costs accuracy, " + a[0], "measure", a, real, -1)
                for a in few)
    yield Claim("A2", "two bits cost more accuracy than four", "measure", two, four, -1)
    yield from (Claim("A3", "quantising costs interpretability, " + a[0], "maps", a, real, -1)
                for a in few)
    yield Claim("A4", "two bits cost more interpretability than four", "maps", two, four, -1)
    for bits in ("fp32", "w4a4"):
        yield Claim("C1", "the gain comes from saliency, not from masking, " + bits, "maps", (bits, "guided"),
                    (bits, "random-mask"))
    if dataset == "fashion-mnist":
        yield Claim("C1", "the gain comes from saliency, not from longer training, fp32", "maps", real,
                    ("fp32", "plain, equal compute"))
    for rival in ("SmoothGrad", "integrated gradients"):
        yield Claim("C2", f"better than {rival} of plain networks", "maps", real,
                    plain + (rival.lower().replace(" ", "-") + ".",))
    for training in ("plain", "guided"):
        for bits in ("w4a4", "w2a2"):
            yield Claim("E", f"quantising makes maps blank, {training} {bits}", "measure",
                        (bits, training), ("fp32", training), 1, "blank_gradients")
    yield Claim("E", "integrated gradients leave fewer maps blank, guided w2a2", "measure",
                two + ("integrated-gradients.",), two, -1, "blank_maps")
    yield Claim("E", "a leaky gradient leaves fewer maps blank, guided w2a2", "measure",
                two + ("leaky.",), two, -1, "blank_maps")
    for cure, variant in (("PACT+ leaves", "pact-plus"), ("late clips leave", "late-clips")):
        yield Claim("E", cure + " fewer maps blank, guided w2a2", "measure", two + ("", variant),
                    two, -1, "blank_gradients")


NOTES = [("accuracy is kept",
          "the choice of the recipe allows a loss of 0.5 points, more than this margin"),
         ("more interpretable", "no ground truth: both measures perturb images, which training on "
          "masked pixels may favour; C1 is the control, in fp32 only"),
         ("quantising costs interpretability",
          "by gradients, which in a quantised network are straight-through estimates"),
         ("not from masking",
          "the recipe was chosen for guided training; the control uses it as it is"),
         ("a leaky gradient",
          "almost none can be blank, by construction; its deciding measures stand under Maps")]
OF_RIVAL = {"relevance_mass_on_ink": "by construction their map, (x \u2212 0) g, is exactly 0 on black "
                                     "pixels, which nearly decides mass on ink",
            "relevance_mass_on_evidence": "their map, (x \u2212 0) g, is large where the image is "
                                          "bright, and the digit is brighter than most of the ground",
            "road": "their maps have a sign, so pixels that speak against the class rank lowest; the "
                    "gradient's have none"}


def notes_of(c, study):
    if c.words.startswith("better than integrated"):
        yield from [OF_RIVAL[study.second]] if study.second in OF_RIVAL else []
    for part, note in NOTES:
        if part in c.words and (c.id != "B1" or study.dataset == "mnist") and \
                (c.id != "B3" or study.second == "road"):
            yield note
    clips = clips_text(study, [c.b[0], c.a[0]])
    if c.id[0] == "A" and clips:
        yield "clips start at other quantiles: " + clips
    if c.rule == "maps":
        levels = [(arm, study.by_seed(arm, "masked_advantage")) for arm in (c.a, c.b)]
        below = [arm_text(arm) for arm, v in levels if v and Estimate(v).high < 0]
        if below:
            yield "below 0 is the advantage of " + " and of ".join(below) + \
                ": a random map would do better"
    if c.id == "C1":
        without = measures_without_gain(study, c.a[0])
        if without:
            yield "no gain over plain networks is shown in " + " and ".join(without)
        if gained_nothing(study):
            yield "on validation images the recipe gained nothing"


def clips_text(study, of_bits):
    """Where clips start, if not all at the same quantile."""
    found = [(float(n.row["options"]["alpha_quantile"]), bits) for bits in of_bits if bits != "fp32"
             for n in [n for n in study.networks if n.bits == bits][:1]]
    if len({q for q, _ in found}) < 2:
        return ""
    said = [f"{text(100 * q, 1)} % in {bits}" for q, bits in found]
    return ", ".join(said)


def gain_of(study, arm, measure):
    return Difference(study.pairs(arm, (arm[0], "plain"), measure), False).seeds


def measures_without_gain(study, bits):
    gains = [(m, gain_of(study, (bits, "guided"), m)) for m in (study.second, "masked_advantage")]
    return [title(m) for m, e in gains if not math.isnan(e.low) and e.sign() <= 0]


def gained_nothing(study):
    scores = choice_scores(study.choice, 2)
    return bool(scores) and scores[0][2] <= 0


def decided(study, with_bootstrap):
    claims = [c for c in questions(study.dataset) if c.ask(study, with_bootstrap)]
    for c in claims:
        notes = "; ".join(notes_of(c, study))
        c.note = f" ({notes})" if notes else ""
    for row in study.drift:
        bits, training = row["bits"], row["training"]
        c = Claim("D", f"quantised networks look elsewhere, {training} {bits}", "drift",
                  (bits, training), ("fp32", training), -1, "spearman")
        d = Difference([], False)
        s = row["similarity"]["spearman"]
        if any(i != j and None in (s["quantised"][i][j], s["reference"][i][j])
               for i in range(len(s["quantised"])) for j in range(len(s["quantised"]))):
            continue  # two seeds have no image in common
        d.seeds, d.images, d.effect = \
            Estimate(pseudo_values(s["quantised"], s["reference"])), (NAN, NAN), NAN
        c.parts, c.n = [("spearman", d)], len(s["quantised"])
        if c.n >= FEWEST_SEEDS:
            c.test(study.dataset)
        d.seeds.seeds = c.n
        claims.append(c)
    tests = [(c, side) for c in claims for side in c.tests]
    adjusted = dict(zip(((id(c), side) for c, side in tests),
                        holm([c.tests[side] for c, side in tests])))
    for c in claims:
        if c.tests:
            c.decide({side: adjusted[id(c), side] for side in c.tests}, len(tests))
    return claims, len(tests)


# ---- Words --------------------------------------------------------------------------------------

EDGE = 0  # -1, +1: numbers a hair smaller or larger than they are


def text(v, digits, sign=False):
    if math.isnan(v):
        return "-"
    out = "%.*f" % (digits, v + EDGE * (1e-11 * abs(v) + 1e-13))
    if out.startswith("-") and not out.strip("-0."):
        out = out[1:]
    if sign and out[0] != "-":
        out = "+" + out
    return out.replace("-", "\u2212")


PERCENT, POINTS, RATIO, CHANGE = (100, 2, False), (100, 2, True), (1, 3, False), (1, 3, True)


def styled(v, style):
    return text(style[0] * v, style[1], style[2])


def in_percent(measure):
    return measure in ("accuracy", "blank_maps", "blank_gradients")


def change_style(measure):
    return POINTS if in_percent(measure) else CHANGE


def change_text(change, measure):
    return styled(change, change_style(measure)) + " points" * in_percent(measure)


def interval(low, high, style):
    return "" if math.isnan(low) else f"[{styled(low, style)},\u00a0{styled(high, style)}]"


def title(measure):
    return MEASURES[measure][0] if measure in MEASURES else \
        {"spearman": "Spearman correlation"}.get(measure, measure)


def head_title(measure):
    return title(measure) + ", %" * in_percent(measure) + {1: " (high)", -1: " (low)", 0: ""}[MEASURES[measure][1]]


def p_text(p):
    if p < 0.001:
        return "p < .001"
    number = text(p, 3)
    return "p = " + (number[1:] if number.startswith("0") else number)


def duration(s):
    if s < 59.5:
        return text(s, 0) + " s"
    return text(s / 60, 0) + " min" if s < 59.5 * 60 else text(s / 3600, 1) + " h"


def cell_of(e, style):
    if e.seeds == 0:
        return "-"
    return (styled(e.mean, style) + " " + interval(e.low, e.high, style)).rstrip(" ")


def no_spread(e):
    return e.seeds > 1 and e.mean != 0 and e.deviation <= 1e-12 * abs(e.mean)


def part_text(measure, d):
    style = change_style(measure)
    small = [interval(d.seeds.low, d.seeds.high, style)] if not math.isnan(d.seeds.low) else []
    if d.images is None:
        small.append("resampled images [*,\u00a0*]")
    elif not math.isnan(d.images[0]):
        small.append("resampled images " + interval(*d.images, style))
    if not math.isnan(d.effect):
        small.append("effect " + text(d.effect, 1, True))
    if no_spread(d.seeds):
        small.append("no spread between seeds")
    if d.without_blank:
        e = d.without_blank
        small.append(f"without blank maps {styled(e.mean, style)} "
                     f"{interval(e.low, e.high, style)}".rstrip(" "))
    return f"{title(measure)} {change_text(d.seeds.mean, measure)} {'; '.join(small)}".rstrip(" ")


def mixed_words(c):
    said = {1: " is better", -1: " is worse", 0: " is open"}
    return ", ".join(title(m) + said[d.seeds.sign()] for m, d in c.parts)


def points_both_ways(c):
    return len(c.parts) == 2 and c.parts[0][1].seeds.mean * c.parts[1][1].seeds.mean < 0


def verdict_text(c):
    if c.rule == "counted":
        return c.verdict
    if c.verdict == "undecided" and all(d.seeds.mean == d.seeds.deviation == 0
                                        for _, d in c.parts):
        return "undecided the same in every network"
    p = "corrected " + p_text(c.p) if c.tests else ""
    small = {"undecided": lambda: p + ("; the measures point opposite ways" if points_both_ways(c)
                                       else f"; would need about {c.needed} seeds" if c.needed
                                       else "; would need more than 1000 seeds"),
             "mixed": lambda: mixed_words(c),
             "no verdict": lambda: f"{c.n} of 3 seeds or more"}
    return c.verdict + " " + small.get(c.verdict, lambda: p)()


def arm_text(arm):
    bits, training, prefix, variant = arm + ("", "")[len(arm) - 2:]
    return ", ".join(filter(None, (bits, training, prefix[:-1], variant)))


def claim_cells(c):
    cells = [f"{c.id}: {c.words}{c.note}", verdict_text(c),
             f"{arm_text(c.a)} \u2212 {arm_text(c.b)} {c.n} seed{'s' * (c.n != 1)}"]
    if c.rule == "counted":
        cells[2] = f"{arm_text(c.a)} beside {arm_text(c.b)} the same for every seed"
        return cells + [f"{text(c.smaller, 1)} times smaller "
                        f"{text(c.fewer, 0)} times fewer bit operations", ""]
    found = [part_text(*part) for part in c.parts]
    if c.rule == "kept" and c.tests:
        found[0] += f"; one-sided bound {styled(c.bound, POINTS)}, margin " \
                    f"{styled(-c.margin, POINTS)}"
    return cells + (found + [""])[:2]


# ---- Tables -------------------------------------------------------------------------------------

def accuracy_table(study):
    yield ["network", "seeds", "accuracy", "\u2212 plain fp32", "\u2212 fp32, same training"]
    for arm in study.arms():
        def minus(other):
            pairs = study.pairs(arm, other, "accuracy")
            if other == arm:
                return ""
            return cell_of(Difference(pairs, False).seeds, POINTS) if pairs else "-"
        values = study.by_seed(arm, "accuracy")
        yield [arm_text(arm), str(len(values)), cell_of(Estimate(values), PERCENT),
               minus(("fp32", "plain")), minus(("fp32", arm[1]))]


def gains_table(study):
    measures = ["accuracy", study.second, "masked_advantage"]
    yield ["network \u2212 plain, same bits", "seeds"] + [title(m) for m in measures]
    for bits, training in study.arms():
        n = len(study.pairs((bits, training), (bits, "plain"), "accuracy"))
        if training != "plain" and n:
            gains = [gain_of(study, (bits, training), m) for m in measures]
            yield [arm_text((bits, training)), str(n)] + \
                  [cell_of(e, change_style(m)) for m, e in zip(measures, gains)]


def variant_table(study):
    measures, base = ["accuracy", "blank_gradients", study.second, "masked_advantage"], \
        ("w2a2", "guided")
    yield ["network", "seeds"] + [head for m in measures
                                  for head in (title(m) + ", %" * in_percent(m), "difference")]
    for variant in ("pact-plus", "late-clips"):
        arm = base + ("", variant)
        if not study.of(*arm):
            continue
        cells = []
        for measure in measures:
            pairs = study.pairs(arm, base, measure)
            cells += [cell_of(Estimate(study.by_seed(arm, measure)),
                              PERCENT if in_percent(measure) else RATIO),
                      cell_of(Difference(pairs, False).seeds, change_style(measure))
                      if pairs else "-"]
        yield [arm_text(arm), str(len(study.of(*arm)))] + cells


def variant_caption(study, tests):
    for row in list(variant_table(study))[1:2]:
        n = int(row[1])
        if n >= FEWEST_SEEDS:
            needed = t_quantile(1 - 0.05 / tests / 2, n - 1) / math.sqrt(n)
            yield f"With {n} seeds a verdict, as the first test in Holm's order, needs a mean " \
                  f"difference of about {text(needed, 0)} standard deviations."


def blank_table(study):
    """Accuracies are "*" where labels are not known."""
    yield ["network", "seeds", "blank gradients, %", "accuracy on blank images, %",
           "accuracy on the others, %"]
    for arm in study.arms():
        networks = study.of(*arm)
        cells = []
        for of_blank in (1.0, 0.0):
            images = [(n, i) for n in networks
                      for i, blank in enumerate(n.numbers["blank_gradients"]) if blank == of_blank]
            if not images:
                cells.append("-")
            elif any(n.right is None for n in networks):
                cells.append(f"* * of {len(images):,}")
            else:
                right = sum(n.right[i] for n, i in images)
                cells.append(f"{text(100 * right / len(images), 2)} {int(right):,} of "
                             f"{len(images):,}")
        yield [arm_text(arm), str(len(networks)),
               cell_of(Estimate(study.by_seed(arm, "blank_gradients")), PERCENT)] + cells


def deciding(study):
    return [study.second, "masked_advantage", "masked_accuracy",
            "masked_accuracy_of_random_ranking"]


def maps_table(study, prefix, wanted):
    shown = [m for m in wanted if any(prefix + m in n.numbers for n in study.networks)
             and not (m == "blank_maps" and none_is_blank(study))]
    if shown:
        yield ["network"] + [head_title(m) for m in shown]
    for arm in study.arms():
        levels = [study.by_seed(arm + (prefix,), m) for m in shown]
        if any(levels):
            yield [arm_text(arm)] + [cell_of(Estimate(v), PERCENT if in_percent(m) else RATIO)
                                     if v else "-" for m, v in zip(shown, levels)]


def pooled(networks, layer, side):
    """The images of one side, and its five shares over them."""
    found = [gate[side] for n in networks for gate in n.measured["gates"] if gate["layer"] == layer]
    found = [g for g in found if g["images"]]
    images = sum(g["images"] for g in found)
    return images, [sum(g["images"] * g[what] for g in found) / images if images else NAN
                    for what in ("at_zero", "inside", "at_alpha", "gone", "gone_below")]


def layers_of(study, arm):
    """Those of an arm that has blank maps."""
    layers = [gate["layer"] for n in study.of(*arm)[:1] for gate in n.measured["gates"]]
    return [layer for layer in layers if pooled(study.of(*arm), layer, "blank")[0]]


def gates_table(study, arm):
    yield ["layer", "units at 0", "inside", "at alpha", "gone above", "gone below"]
    for layer in layers_of(study, arm):
        blank, others = (pooled(study.of(*arm), layer, side)[1] for side in ("blank", "others"))
        yield [layer] + [f"{text(100 * b, 1)} others {text(100 * o, 1)}"
                         for b, o in zip(blank, others)]


def gates_caption(study, arm):
    """How many maps are blank, and the last layer that loses their gradients."""
    networks = study.of(*arm)
    layers = layers_of(study, arm)
    blank, others = (pooled(networks, layers[0], side)[0] for side in ("blank", "others"))
    if blank != sum(sum(n.numbers["blank_maps"]) for n in networks):
        sys.exit(f"{arm_text(arm)}: the blank maps of gates are not those of the evidence")
    said = f"{arm_text(arm)}: {blank:,} of {blank + others:,} explained images of all seeds have " \
           "blank maps."
    for layer in reversed(layers):
        blank, others = (pooled(networks, layer, side)[1] for side in ("blank", "others"))
        inside_a_block = layer.startswith("layer") and layer.endswith(".relu1")
        if blank[4] > 0 and not inside_a_block:
            said += f" Seen from the score, their gradient ends at {layer}: gone above its gates " \
                    f"for {text(100 * blank[3], 1)} %, below them for {text(100 * blank[4], 1)} %; " \
                    f"{text(100 * blank[1], 1)} % of its units are inside, " \
                    f"{text(100 * others[1], 1)} % for the others."
            break
    return said


def direction_text(claims):
    words = {1: "better", -1: "worse", 0: "open"}
    parts = [(c, m, d) for c in claims for m, d in c.parts
             if d.without_blank and not math.isnan(d.seeds.low)]
    if not parts:
        return ""
    changed = [f"{c.id}, {arm_text(c.a)} \u2212 {arm_text(c.b)}: {title(m)} is "
               f"{words[d.seeds.sign()]}, without them {words[d.without_blank.sign()]}."
               for c, m, d in parts if d.seeds.sign() != d.without_blank.sign()]
    return "Without the images on which a compared map is blank, " + \
        ("the direction changes. " + " ".join(changed) if changed else
         "no claim about maps changes direction.")


def drift_table(study):
    def mean(matrix, diagonal):
        return mean_of([v for i, line in enumerate(matrix) for j, v in enumerate(line)
                        if (i == j) == diagonal and v is not None])
    yield ["network", "Spearman", "Pearson", "cosine", "SSIM", "top-10 % IoU", "left out, %"]
    for row in study.drift:
        cells = [f"{row['bits']}, {row['training']}"]
        for s in (row["similarity"][name] for name in SIMILARITIES):
            q, f = s["quantised"], s["reference"]
            drift = "" if any(i != j and None in (q[i][j], f[i][j])
                              for i in range(len(q)) for j in range(len(q))) else \
                " " + cell_of(Estimate(pseudo_values(q, f)), RATIO)
            cells.append(f"{text(mean(q, False), 3)} / {text(mean(f, False), 3)}{drift}")
        yield cells + [text(100 * mean(row["left_out"], False) / row["images"], 1)]
    for row in study.drift:
        yield [f"{row['bits']}, {row['training']}, same seed"] + \
              [text(mean(row["similarity"][name]["quantised"], True), 3)
               for name in SIMILARITIES] + [""]
    for training in ("plain", "guided"):
        levels = [study.by_seed(("fp32", training), "floor." + s) for s in SIMILARITIES]
        if any(levels):
            yield ["random weights, fp32, " + training] + \
                  [cell_of(Estimate(v), RATIO) if v else "-" for v in levels] + [""]


def commas(v):
    return f"{int(text(v, 0)):,}"


def speed(networks):
    """The median, and the range."""
    v = sorted(n.row["run"].get("integer_images_per_second",
                                n.row["run"]["evaluation_images_per_second"]) for n in networks)
    half = len(v) // 2
    return f"{commas((v[half] + v[-1 - half]) / 2)} {commas(v[0])} to {commas(v[-1])}"


def cost_table(study):
    real = study.of("fp32", "plain")
    yield ["network", "parameters", "packed bytes", "smaller", "integer file, bytes",
           "bit operations", "fewer", "images/s", "equal logits"]
    for bits in BITS if real else ():
        networks = study.of(bits, "plain")
        if not networks:
            continue
        row, first = networks[0].row, real[0].row
        run = row["run"]
        whole = "integer_file_bytes" in run
        yield [f"{row['net']} {bits}", commas(row["parameters"]), commas(row["packed_bytes"]),
               text(first["packed_bytes"] / row["packed_bytes"], 1) + "\u00d7",
               commas(run["integer_file_bytes"]) if whole else "-", commas(row["bit_operations"]),
               text(first["bit_operations"] / row["bit_operations"], 1) + "\u00d7",
               speed(networks),
               text(100 * row["integer_logits_equal"], 1) + " %" if whole else "-"]


def confusion_table(study, arm, names):
    networks = study.of(*arm)
    yield ["class"] + names
    for c, name in enumerate(names):
        line = [sum(n.row["confusion"][c][k] for n in networks) for k in range(len(names))]
        yield [name] + ["" if v == 0 else text(100 * v / sum(line), 1) for v in line]


def choice_scores(rows, stage, fewest=4):
    """[(recipe, loss, gain, networks)], the best first."""
    head = f"stage-{stage}"
    plain = {(r["bits"], r["seed"]): r for r in rows if r["variant"] == head}
    found = {}
    for r in rows:
        base = plain.get((r["bits"], r["seed"]))
        if base and r["variant"].startswith(head + "-"):
            found.setdefault(r["variant"][len(head) + 1:], []).append(
                (base["validation_accuracy"] - r["validation_accuracy"],
                 r["second_measure"]["mean"] - base["second_measure"]["mean"]))
    scores = [(name, mean_of([v[0] for v in x]), mean_of([v[1] for v in x]), len(x))
              for name, x in sorted(found.items()) if len(x) >= (1 if stage == 1 else fewest)]
    kept = [s for s in scores if s[1] <= 0.005 + 1e-9]
    rest = [s for s in scores if s[1] > 0.005 + 1e-9]
    return sorted(kept, key=lambda s: -s[2]) + sorted(rest, key=lambda s: s[1])


def choice_table(study, stage):
    if study.choice:
        yield ["recipe", "accuracy lost, points",
               title(study.choice[0]["second_measure"]["name"]) + " gained", "networks"]
    of_fp32 = {name: (loss, gain) for name, loss, gain, _ in
               choice_scores([r for r in study.choice if r["bits"] == "fp32"], stage, 2)}
    for name, loss, gain, networks in choice_scores(study.choice, stage):
        alone = [""] * 2 if stage == 1 else \
            [f" fp32 alone {text(v, digits, True)}" for v, digits in
             zip((100 * of_fp32[name][0], of_fp32[name][1]), (2, 4))]
        yield [name, text(100 * loss, 2, True) + alone[0], text(gain, 4, True) + alone[1],
               str(networks)]


def recipe_of(row):
    """The name of a recipe, from the options of a network that was trained so."""
    o = row["options"]
    late = (round(float(o["guided.start"]), 6), float(o["guided.rate"])) == (0.666667, 0.25)
    if not late and (float(o["guided.start"]), float(o["guided.rate"])) != (0, 1):
        sys.exit(f"{row['cell']}: neither guided from the start nor late")
    return f"lambda-{float(o['guided.lambda']):g}-{o['guided.kl']}-share-" \
           f"{float(o['guided.share']):g}-{'late' if late else 'whole'}"


def recipe_text(study):
    """What the page says of the recipe; every network must have been trained by it."""
    trained = {recipe_of(n.row): n.row["cell"] for n in study.networks
               if n.training in ("guided", "random-mask")}
    scores = choice_scores(study.choice, 2)
    chosen = len(scores) > 1
    named = scores[0][0] if chosen else min(trained, default="")
    for name, cell in trained.items():
        if name != named:
            sys.exit(f"{cell}: trained by {name}, not by {named}")
    if not named:
        return ""
    _, weight, kl, _, share, when = named.split("-")
    words = f"`{named}`, that is, the KL term weighs {weight}, and its gradient reaches " + \
        {"attached": "both predictions",
         "detached": "only the prediction of the masked image"}[kl] + \
        f"; {float(share) * 100:g} % of the pixels are hidden; " + \
        {"late": "guided in the last third, at a quarter of the rate",
         "whole": "guided from the first step"}[when] + "."
    if not chosen:
        return "The recipe of guided training is the default of this program, " + words + \
            " It was not chosen for this set."
    second = title(study.second)
    words = "The recipe of guided training, the same for all precisions, was chosen on " \
            f"validation images with `{study.choice[0]['net']}`: " + words
    gain = scores[0][2]
    words += f" There it gained {text(gain, 3) if gain > 0 else 'nothing'} in {second}."
    if second in measures_without_gain(study, "fp32"):
        words += f" On test images no gain in {second} is shown in fp32."
    return words


def cell_table(study):
    yield ["cell", "accuracy, %", "training", "weights", "command"]
    for n in study.networks:
        yield [n.row["cell"], styled(n.accuracy, PERCENT),
               duration(n.row["run"]["training_seconds"]),
               n.row["files"]["model.safetensors"][:16], f"`{n.row['command']}`"]


def found_words(c):
    if c.rule == "counted":
        return text(c.smaller, 1) + " times smaller"
    if c.rule == "maps":
        differ = len({d.seeds.sign() for _, d in c.parts}) > 1
        said = {1: ", better", -1: ", worse", 0: ", open"} if differ else {1: "", -1: "", 0: ""}
        return "; ".join(f"{title(m)} {change_text(d.seeds.mean, m)}{said[d.seeds.sign()]}"
                         for m, d in c.parts)
    measure, d = c.parts[0]
    style = change_style(measure)
    return " ".join(filter(None, (styled(d.seeds.mean, style),
                                  interval(d.seeds.low, d.seeds.high, style),
                                  "points" if in_percent(measure) else "")))


def verdict_words(c):
    leans = ""
    if c.verdict == "undecided":
        leans = ", leaning yes" if c.tests.get("for", 1) < 0.05 else \
            ", leaning no" if c.tests.get("against", 1) < 0.05 else ""
    return f"**{c.verdict}**{leans}"


def none_is_blank(study):
    return not any(any(numbers) for n in study.networks for name, numbers in n.numbers.items()
                   if name.endswith("blank_maps") or name == "blank_gradients")


def answers(study, claims):
    for ids in "BACED":
        lines = {}
        for c in claims:
            if c.id[0] != ids:
                continue
            question, arm = c.words, ""
            if c.words.endswith(tuple(MAIN_BITS)) and ", " in c.words:
                question, arm = c.words.rsplit(", ", 1)
            lines.setdefault((verdict_words(c), question), []).append((arm, found_words(c)))
        if ids == "E" and none_is_blank(study):
            yield "- There are none: no map of any network is exactly 0."
        elif not lines:
            yield "- Nothing here answers this yet."
        else:
            for (verdict, question), said in lines.items():
                yield f"- {verdict}: {question}" + ", " * bool(said[0][0]) + \
                    ", ".join(f"{arm} ({found})" for arm, found in said)


# What measures say with numbers; of the others the page must say nothing with a digit.
DEFINED = {"masked accuracy (low)": "mean accuracy while the pixels that the map ranks highest are "
                                    "hidden, 0 to 90 %",
           "blank maps, %": "maps that are exactly 0", "Gini": "sparseness: 0 for a constant map",
           "entropy, relative": "spread: 1 for a constant map"}


def claims_table(study, claims):
    yield ["claim", "verdict", "compared", "found", "second measure"]
    told = False
    for c in claims:
        if c.id == "E" and none_is_blank(study):
            if not told:
                yield [f"E: blank maps, {sum(c.id == 'E' for c in claims)} claims",
                       "undecided no map is blank", "", "", ""]
            told = True
        else:
            yield claim_cells(c)


def expected_tables(study, claims, names):
    """[(name, rows)], a head first, in the order of the report; without tables that have no rows."""
    first = deciding(study)
    beside = [m for m in MEASURES if m not in first and m != "blank_gradients"]
    tables = [("claims", claims_table(study, claims)), ("accuracy", accuracy_table(study)),
              ("maps", maps_table(study, "", first)), ("gains", gains_table(study)),
              ("maps, other measures", maps_table(study, "", beside))]
    for prefix in ("smoothgrad.", "integrated-gradients.", "leaky."):
        tables.append((prefix + "maps", maps_table(study, prefix, first + ["blank_maps"])))
    blank = not none_is_blank(study)
    if blank:
        tables.append(("blank gradients", blank_table(study)))
    tables.append(("variants", variant_table(study)))
    tables += [(f"gates, {arm_text(arm)}", gates_table(study, arm)) for arm in GATED if blank]
    tables += [("drift", drift_table(study)), ("cost", cost_table(study))]
    tables += [(f"confusion, {arm_text(arm)}", confusion_table(study, arm, names))
               for arm in (("fp32", "plain"), ("w2a2", "guided")) if study.of(*arm)]
    shown = [head_title(m) for m in first + beside if m in study.networks[0].numbers
             and not (m == "blank_maps" and not blank)]
    tables.append(("definitions", [["measure", "what it says"]] +
                   [[head, DEFINED.get(head)] for head in shown]))
    tables += [(f"choice, stage {s}", choice_table(study, s)) for s in (2, 1)]
    tables = [(name, list(rows)) for name, rows in tables + [("cells", cell_table(study))]]
    return [(name, rows) for name, rows in tables if len(rows) > 1]


GATED = [(b, t) for b in MAIN_BITS[1:] for t in TRAININGS[:2]]


def terms(study):
    """Sentences about what was trained, where there are such networks."""
    bits = {n.bits for n in study.networks if not n.variant}
    if {"w4a2", "w2a4"} <= bits:
        yield "**w4a2** has weights of 4 bits and activations of 2, **w2a4** the reverse. "
    if "layerwise-4-2" in bits:
        yield "**layerwise-4-2** is w4a4 in the first half of the layers between, and w2a2 in " \
              "the second. "
    longer = study.of("fp32", "plain, equal compute")
    if longer:
        yield "**Plain, equal compute**, in charts \"longer\", is plain training for as many " \
              "forward passes as guided training. "
    passes = [study.of("fp32", t)[0].row["run"]["forward_passes"] if study.of("fp32", t) else NAN
              for t in TRAININGS[:3]]
    guided, control = (text(p / passes[0], 1) for p in passes[1:])
    if guided != "-":
        yield (f"Guided and random-mask training cost {guided} times" if guided == control else
               f"Guided training costs {guided} times" +
               f", random-mask training {control} times" * (control != "-")) + \
            " the forward passes of plain training" + \
            (". " if longer else "; this set has no control for that. ")


def epochs(row):
    return f"{row['epochs']} epoch" + "s" * (row["epochs"] != 1)


def facts(study):
    row = next(n.row for n in study.networks if n.training != "plain, equal compute")
    longer = study.of("fp32", "plain, equal compute")
    yield f"{len(study.networks)} networks (`{row['net']}`, {epochs(row)}, " \
          f"{row['train_images']:,} training and {row['test_images']:,} test images" + \
          (f"; those of equal compute {epochs(longer[0].row)}" if longer else "") + \
          f") on {SETS[study.dataset]}, "
    if row["options"].get("protocol") == "holdout":
        yield " Trained on batches 1 to 4, tested on batch 5; the official test images are not " \
              "used."


def planned(study, command):
    """The networks that the plan of the page's command has: bits, training, variant, seed."""
    photos, built_in = study.dataset in ("cifar-10", "cifar-100"), study.dataset == "synthetic"
    scale = command.get("scale")
    both = [(b, t, "") for b in MAIN_BITS for t in TRAININGS[:2] if (scale, b) != ("smoke", "w4a4")]
    kinds = dict.fromkeys(both, {"smoke": 1, "quick": 3}.get(scale, 5))
    if scale != "smoke":
        kinds["fp32", "random-mask", ""] = kinds["fp32", "plain", ""]
    if scale in ("full", "paper"):
        few = [("w4a4", "random-mask", ""), ("w2a2", "guided", "pact-plus"),
               ("w2a2", "guided", "late-clips")] * (not photos)
        if not photos and not built_in:
            few += [(b, t, "") for b in BITS if b not in MAIN_BITS for t in TRAININGS[:2]]
        if study.dataset == "fashion-mnist":
            few.append(("fp32", "plain, equal compute", ""))
        kinds.update(dict.fromkeys(few, 3))
    return {(*kind, seed) for kind, seeds in kinds.items()
            for seed in range(1, int(command.get("seeds", seeds)) + 1)}


def expected_texts(study, claims, tests, command):
    """[(name, text)] that stand in the report's sentences."""
    first, seconds = study.networks[0], sum(
        n.row["run"]["training_seconds"] + n.measured["run"]["measuring_seconds"]
        for n in study.networks)
    yield from (("facts", part) for part in facts(study))
    yield from (("terms", part) for part in terms(study))
    yield from ((f"answer {i}", line) for i, line in enumerate(answers(study, claims)))
    missing = len(planned(study, command)
                  - {(n.bits, n.training, n.variant, n.seed) for n in study.networks})
    if missing:
        yield "plan", f"**Unfinished:** {missing} networks of the plan are not made or not " \
            "measured yet."
    idle = sum(len(c.tests) for c in claims if c.id == "E") if none_is_blank(study) else 0
    yield "tests", f"Holm's correction over all {tests} tests of this page" + \
        (f", {idle} of them about blank maps, though no map is blank;" if idle else ";")
    yield "coverage", "Where seeds' differences are normal, 95 % of such intervals contain the " \
        "true value; where uniform, 92 % (3 seeds) or 93 % (5); where skewed like an exponential, 88 %."
    if not none_is_blank(study):
        yield "directions", direction_text(claims)
        yield from (("gates", gates_caption(study, arm)) for arm in GATED if layers_of(study, arm))
        if first.row["net"].startswith("resnet"):
            yield "gates", "Inside a residual block the gradient may still pass beside."
    yield from (("variants", part) for part in variant_caption(study, tests))
    yield "SmoothGrad", "The deciding measures of SmoothGrad, 25 samples."
    yield "integrated gradients", "The deciding measures of integrated gradients, 50 steps."
    shown = [n.seed for t in TRAININGS[:2] for b in MAIN_BITS for n in study.of(b, t)[:1]][:1]
    yield from (("maps", f"logit, seed {seed}. ") for seed in shown)
    yield "explained", f" logit on {len(first.numbers['blank_maps'])} test images, spread evenly"
    yield "recipe", recipe_text(study)
    clips = clips_text(study, [b for b in BITS if any(n.bits == b for n in study.networks)])
    if clips:
        yield "clips", "PACT's clips start at a quantile of what they get that was chosen on " \
            f"validation images for two-bit activations: {clips}."
    for stage in (2, 1):
        if choice_scores(study.choice, stage):
            yield f"choice, stage {stage}", \
                f"Stage {stage} of the choice, on validation images, best first: what a recipe " \
                "of guided training loses and gains beside plain training, means over so few " \
                "networks that there is no interval. At most half a point may be lost; of those " \
                "the one that gains most is taken."
    yield "time", f"{len(study.networks)} networks in {duration(seconds)} of training and " \
        "measuring."


def recompute(folder, choices, data, with_bootstrap):
    global EDGE
    with open(folder + "/report.md", encoding="utf-8") as f:
        report = f.read()
    study = Study(folder, choices, data)
    claims, tests = decided(study, with_bootstrap)
    names = next((rows[0][1:] for rows in tables_of(report) if rows[0][0] == "class"), [])
    command = command_of(report)
    tables, texts = [], []
    for EDGE in (-1, 1):
        tables.append(expected_tables(study, claims, names))
        texts.append(list(expected_texts(study, claims, tests, command)))
    EDGE = 0
    faults = [*compare_tables(report, *tables), *compare_texts(report, *texts),
              *compare_command(command, study.networks[0].row)]
    if faults:
        print("\n".join(faults))
        sys.exit(f"{folder}/report.md: {len(faults)} differ from the rows")
    if os.path.exists(folder + "/report.html"):
        with open(folder + "/report.html", encoding="utf-8") as f:
            faults = list(compare_pages(report, f.read()))
    if faults:
        print("\n".join(faults))
        sys.exit(f"{folder}/report.html: {len(faults)} differ from report.md")
    numbers = sum(len(NUMBER.findall(cell or "")) for _, rows in tables[0] for row in rows
                  for cell in row)
    unseen = sum(d.images is None for c in claims for _, d in c.parts)
    print(f"{folder}: {len(study.networks)} networks, {tests} tests, {numbers} numbers agree"
          + (f"; {unseen} intervals over images not looked at" if unseen else "")
          + ("; accuracy on blank images not looked at" if "* * of" in str(tables[0]) else ""))


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--choices", default=here + "/../../docs/results/choose")
    parser.add_argument("--data", default=here + "/../../data")
    parser.add_argument("--no-bootstrap", action="store_true")
    o = parser.parse_args()
    recompute(o.folder, o.choices, o.data, not o.no_bootstrap)


if __name__ == "__main__":
    main()
