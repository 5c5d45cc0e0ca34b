"""Writes nets/*.safetensors for tests/nn/test_golden.cpp: nets computed by PyTorch in double.

Nothing of sgq is used: forward passes are written with torch.nn.functional, quantisers and their
straight-through gradients after the papers. Weights and images are not stored; both sides compute
them from values(name, ..), an integer formula.

Usage: python3 make_nets.py    (torch 1.13 made the committed files)
"""

import json
import pathlib
import struct

import numpy as np
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

BATCH, STEPS, MOMENTUM, DECAY = 8, 10, 0.9, 1e-3


def mixed(name, count):
    """32 mixed bits for each of 0..count-1, another sequence for every name."""
    seed = 2166136261  # FNV-1a of the name
    for byte in name.encode():
        seed = (seed ^ byte) * 16777619 % 2**32
    x = (np.arange(count, dtype=np.uint64) * 0x9E3779B9 + seed) % 2**32
    for shift, factor in (16, 0x85EBCA6B), (13, 0xC2B2AE35):  # MurmurHash3's finaliser
        x = (x ^ x >> np.uint64(shift)) * np.uint64(factor) % 2**32
    return x ^ x >> np.uint64(16)


def values(name, shape):
    """Multiples of 2^-24 in [-1/2, 1/2): exact in float and in double."""
    x = (mixed(name, int(np.prod(shape))) >> np.uint64(8)).astype(np.int64) - 2**23
    return torch.from_numpy(x.astype(np.float64) / 2**24).reshape(shape)


def weight(name, shape):
    """Uniform, its deviation that of He et al. to a power of two."""
    fan, scale = int(np.prod(shape[1:])), 4.0
    while scale * scale * fan > 24:
        scale /= 2
    return values(name, shape) * scale


class Params(dict):
    """Parameters by the names they have in sgq."""

    def weight(self, name, *shape):
        self[name] = weight(name, shape)

    def bias(self, name, n):
        self[name] = values(name, (n,)) / 4

    def norm(self, name, n):
        self[name + ".weight"] = 1 + values(name + ".weight", (n,)) / 2
        self[name + ".bias"] = values(name + ".bias", (n,)) / 2


# ---- quantisers: definitions.md 2 to 4 ----------------------------------------------------------


class Pact(torch.autograd.Function):
    """Codes times alpha/n; gradients are equations 1 and 3 of arXiv 1805.06085."""

    @staticmethod
    def forward(ctx, x, alpha, n):
        ctx.save_for_backward(x, alpha)
        return torch.round(x.clamp(min=0).minimum(alpha) * (n / alpha)) * (alpha / n)

    @staticmethod
    def backward(ctx, dy):
        x, alpha = ctx.saved_tensors
        inside = (x > 0) & (x < alpha)
        return dy * inside, (dy * (x >= alpha)).sum().reshape(1), None


def straight_through(x, quantised):
    return x + (quantised - x).detach()


def symmetric8(w):
    scale = w.detach().abs().max() / 127
    return straight_through(w, torch.round(w / scale).clamp(-127, 127) * scale), scale


def sawb_plus(w, bits):
    """4 levels without a zero at 2 bits; 15 levels around zero at 4."""
    c1, c2 = {2: (3.12, 2.064), 4: (12.035, 12.03)}[bits]
    d = w.detach()
    clip = c1 * d.square().mean().sqrt() - c2 * d.abs().mean()
    assert clip > 0
    u = (d / clip).clamp(-1, 1)
    if bits == 2:
        codes = 2 * torch.round((u + 1) * 1.5) - 3
        scale = clip / 3
    else:
        codes = torch.round(u * 7)
        scale = clip / 7
    return straight_through(w, codes * scale), scale


def pixels(x, scale, zero):
    """The nearest pixel code's value, gradient 1 everywhere."""
    z = torch.tensor(zero, dtype=torch.float64).reshape(1, -1, 1, 1)
    codes = (torch.round(x / scale) + z).clamp(0, 255)
    return straight_through(x, (codes - z) * scale)


class Quantised:
    """How a quantised net computes; bits 32 leaves everything real."""

    def __init__(self, bits, channels):
        self.bits = bits
        self.scale, self.zero = 2.0**-6, [100, 128, 140][:channels]
        self.last_scale = None  # of the signal that enters the last layer

    def input(self, x):
        if self.bits == 32:
            return x
        self.last_scale = self.scale
        return pixels(x, self.scale, self.zero)

    def weight(self, w, edge):
        if self.bits == 32:
            return w, 1.0
        return symmetric8(w) if edge else sawb_plus(w, self.bits)

    def conv(self, p, name, x, edge=False, **kw):
        return F.conv2d(x, self.weight(p[name + ".weight"], edge)[0], p.get(name + ".bias"), **kw)

    def linear(self, p, name, x, last=False):
        w, s = self.weight(p[name + ".weight"], last)
        b = p[name + ".bias"]
        if last and self.bits != 32:  # the bias is a multiple of s_w s_x
            unit = s * self.last_scale
            b = straight_through(b, torch.round(b.detach() / unit) * unit)
        return F.linear(x, w, b)

    def average(self, x):
        if self.bits != 32:  # codes are summed; the divisor joins their scale
            self.last_scale = self.last_scale / (x.shape[2] * x.shape[3])
        return x.mean((2, 3))

    def relu(self, p, name, x):
        if self.bits == 32:
            return F.relu(x)
        n = 2**self.bits - 1
        alpha = p[name + ".alpha"]
        self.last_scale = alpha.detach() / n
        return Pact.apply(x, alpha, n)

    def max_pool(self, x, v):
        """x = relu(v). Of equal codes the first with the largest v gets the gradient. That is where v
        is largest, for a code grows with v. Sums of codes that are equal differ here by rounding,
        about 1e-16, and others by at least 1e-3: 30 binary places decide."""
        if self.bits == 32:
            return F.max_pool2d(x, 2)
        v, where = F.max_pool2d(torch.round(v.detach() * 2**30), 2, return_indices=True)
        return x.flatten(2).gather(2, where.flatten(2)).reshape(v.shape)


# ---- nets ---------------------------------------------------------------------------------------


class MnistCnn:
    image, width, rate, input_modes = (1, 28, 28), 4, 0.002, ()

    def __init__(self, bits):
        self.bits, w, p = bits, self.width, Params()
        p.weight("conv1.weight", w, 1, 3, 3), p.bias("conv1.bias", w)
        p.weight("conv2.weight", 2 * w, w, 3, 3), p.bias("conv2.bias", 2 * w)
        p.weight("fc1.weight", 4 * w, 2 * w * 144), p.bias("fc1.bias", 4 * w)
        p.weight("fc2.weight", 10, 4 * w), p.bias("fc2.bias", 10)
        self.params, self.pact = p, ["relu1", "relu2", "relu3"]

    def forward(self, p, x, mode):
        q = Quantised(self.bits, 1)
        x = q.relu(p, "relu1", q.conv(p, "conv1", q.input(x), edge=True))
        v = q.conv(p, "conv2", x)
        x = q.max_pool(q.relu(p, "relu2", v), v).flatten(1)
        x = q.relu(p, "relu3", q.linear(p, "fc1", x))
        return q.linear(p, "fc2", x, last=True)


class ResNet20:
    """Mode: "batch" uses the batch's statistics; "train" also moves the running ones; "constant"
    takes the batch's as constants in the gradient; "eval" uses the running ones."""

    image, width, rate, input_modes = (3, 32, 32), 4, 0.02, ("constant",)

    def __init__(self, bits):
        self.bits, p = bits, Params()
        p.weight("conv1.weight", self.width, 3, 3, 3), p.norm("bn1", self.width)
        self.pact, self.blocks, c_in = ["relu1"], [], self.width
        for stage in range(3):
            for block in range(3):
                c, name = self.width << stage, f"layer{stage + 1}.{block}."
                p.weight(name + "conv1.weight", c, c_in, 3, 3), p.norm(name + "bn1", c)
                p.weight(name + "conv2.weight", c, c, 3, 3), p.norm(name + "bn2", c)
                self.pact += [name + "relu1", name + "relu2"]
                self.blocks.append((name, c_in, c))
                c_in = c
        p.weight("fc.weight", 10, c_in), p.bias("fc.bias", 10)
        self.params, self.running = p, {}

    def norm(self, p, name, x, mode):
        mean, var = self.running.setdefault(
            name, (torch.zeros(x.shape[1]), torch.ones(x.shape[1]))
        )
        gamma, beta = p[name + ".weight"], p[name + ".bias"]
        if mode == "batch":
            return F.batch_norm(x, None, None, gamma, beta, True, 0, 1e-5)
        if mode != "constant":
            return F.batch_norm(x, mean, var, gamma, beta, mode == "train", 0.1, 1e-5)
        d = x.detach()
        mean, var = d.mean((0, 2, 3)), d.var((0, 2, 3), unbiased=False)
        return F.batch_norm(x, mean, var, gamma, beta, False, 0, 1e-5)

    def forward(self, p, x, mode):
        q = Quantised(self.bits, 3)
        x = q.conv(p, "conv1", q.input(x), edge=True, padding=1)
        x = q.relu(p, "relu1", self.norm(p, "bn1", x, mode))
        for name, c_in, c in self.blocks:
            stride = 1 if c == c_in else 2
            y = q.conv(p, name + "conv1", x, stride=stride, padding=1)
            y = q.relu(p, name + "relu1", self.norm(p, name + "bn1", y, mode))
            y = q.conv(p, name + "conv2", y, padding=1)
            y = self.norm(p, name + "bn2", y, mode)
            if stride == 2:  # option A
                before = (c - c_in) // 2
                x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, before, c - c_in - before))
            x = q.relu(p, name + "relu2", y + x)
        return q.linear(p, "fc", q.average(x), last=True)


# ---- what is stored -----------------------------------------------------------------------------


def batch(net, first, count):
    """Images first .. first + count of an endless row of them, in [-2, 2), and their labels."""
    images = values("images", (first + count, *net.image))[first:] * 4
    return images, torch.from_numpy((mixed("labels", first + count)[first:] % 10).astype(np.int64))


def gradients(net):
    """Logits and gradients of the cross-entropy of three images, batch statistics."""
    out = {}
    for mode in net.input_modes + ("batch",):
        p = {name: v.clone().requires_grad_() for name, v in net.params.items()}
        x, y = batch(net, 0, 3)
        x.requires_grad_()
        logits = net.forward(p, x, mode)
        F.cross_entropy(logits, y).backward()
        out["dx" if mode == "batch" else "dx_" + mode] = x.grad
    return out | {"logits": logits.detach()} | {"grad." + name: v.grad for name, v in p.items()}


def training(net):
    """Losses of ten steps of SGD with momentum and decay (of weights and alphas), and the logits of
    three images in evaluation mode afterwards."""
    p = {name: v.clone().requires_grad_() for name, v in net.params.items()}
    decayed = [v for v in p.values() if v.dim() > 1] + [p[n] for n in p if n.endswith("alpha")]
    others = [v for v in p.values() if not any(v is d for d in decayed)]
    sgd = torch.optim.SGD(
        [{"params": decayed, "weight_decay": DECAY}, {"params": others}], net.rate, MOMENTUM
    )
    losses = []
    for step in range(STEPS):
        x, y = batch(net, step * BATCH, BATCH)
        loss = F.cross_entropy(net.forward(p, x, "train"), y)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        losses.append(loss.item())
    with torch.no_grad():
        logits = net.forward(p, batch(net, 0, 3)[0], "eval")
    return {"losses": torch.tensor(losses), "eval_logits": logits}


def write_safetensors(path, tensors, **metadata):
    header, data = {"__metadata__": metadata | {"torch": torch.__version__}}, b""
    for name, t in tensors.items():
        raw = t.contiguous().numpy().astype("<f8").tobytes()
        offsets = [len(data), len(data) + len(raw)]
        header[name] = {"dtype": "F64", "shape": list(t.shape), "data_offsets": offsets}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    assert path.stat().st_size < 200_000, path


def main():
    here = pathlib.Path(__file__).parent / "nets"
    for kind in MnistCnn, ResNet20:
        for bits in 32, 4, 2:
            net = kind(bits)
            if bits != 32:
                net.params.update({n + ".alpha": torch.tensor([2.0]) for n in net.pact})
            name = {MnistCnn: "mnist_cnn", ResNet20: "resnet20"}[kind]
            name += "" if bits == 32 else f"_w{bits}a{bits}"
            out = gradients(net)
            parts = {name: {n: t for n, t in out.items() if not n.startswith("dx")}}
            parts[name].update(training(net))
            parts[name + "_dx"] = {n: t for n, t in out.items() if n.startswith("dx")}
            for file, tensors in parts.items():
                write_safetensors(here / (file + ".safetensors"), tensors, rate=str(net.rate))
            print(name, ["%.4f" % v for v in parts[name]["losses"]])


if __name__ == "__main__":
    main()
