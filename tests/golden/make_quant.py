"""Writes quant.hpp for tests/quant: quantisers' codes and gradients by PyTorch's autograd.

Each quantiser is written here from its paper, with straight-through rounding as the only gradient
of its own, so nothing is shared with the C++ code. All arithmetic is in float64, on inputs that are
exact in float32, so that both precisions can be tested.

Usage: python3 make_quant.py    (torch 1.13 made the committed file)
"""

import pathlib
import textwrap

import torch

torch.manual_seed(20240117)
torch.set_default_dtype(torch.float64)


class Ste(torch.autograd.Function):
    """Rounds forward, passes the gradient backward."""

    @staticmethod
    def forward(ctx, x):
        return torch.round(x)

    @staticmethod
    def backward(ctx, g):
        return g


ste = Ste.apply


def pact(x, alpha, bits, plus):
    n = 2**bits - 1
    y = torch.where(x >= alpha, alpha, torch.where(x > 0, x, torch.zeros_like(x)))
    if plus:  # only the rounding is straight-through: alpha learns through the step as well
        q = ste(y * n / alpha)
        return q, q * alpha / n
    q = torch.round(y * n / alpha).detach()
    return q, y + (q * alpha / n - y).detach()


def dorefa(w, bits, rescaled):
    n = 2**bits - 1
    if bits == 1:
        sign = torch.where(w >= 0, 1.0, -1.0)
        size = w.pow(2).mean().sqrt() if rescaled else w.abs().mean()
        return sign, size, w + (sign * size - w).detach()
    t = torch.tanh(w)
    q = ste((t / (2 * t.abs().max().detach()) + 0.5) * n)
    v = (2 * q - n) / n
    ratio = (w.pow(2).mean().sqrt() / v.pow(2).mean().sqrt()).detach() if rescaled else 1.0
    return 2 * q - n, torch.as_tensor(ratio / n), v * ratio


SAWB = {  # (bits, has a zero): c1, c2
    (2, False): (3.12, 2.064),
    (2, True): (2.6, 1.71),
    (3, False): (7.509, 6.892),
    (4, False): (12.68, 12.80),
    (4, True): (12.035, 12.03),
    (5, False): (17.74, 18.64),
}


def uniform(w, a, bits, zero):
    """The nearest level of the grid over [-a, a]: codes and values."""
    u = torch.clamp(w / a, -1, 1)
    if zero:
        h = 2 ** (bits - 1) - 1
        c = torch.round(u * h)
        return c, a / h, c * a / h
    n = 2**bits - 1
    c = 2 * torch.round((u + 1) * n / 2) - n
    return c, a / n, c * a / n


def sawb(w, bits, zero, clipped):
    if (bits, zero) in SAWB:
        c1, c2 = SAWB[bits, zero]
        a = (c1 * w.pow(2).mean().sqrt() - c2 * w.abs().mean()).detach()
    else:
        a = w.abs().max().detach()
    if a <= 0:
        a = w.abs().max().detach()
    c, s, v = uniform(w.detach(), a, bits, zero)
    path = torch.where(w.abs() <= a, w, torch.sign(w.detach()) * a) if clipped else w
    return c, s, path + (v - path).detach()


def symmetric(w):
    a = w.abs().max().detach()
    c, s, v = uniform(w.detach(), a, 8, True)
    return c, s, w + (v - w).detach()


def lsq(w, step, bits):
    qn, qp = 2 ** (bits - 1), 2 ** (bits - 1) - 1
    g = 1 / (w.numel() * qp) ** 0.5
    s = step * g + (step - step * g).detach()  # the paper's gradient scale
    u = w / s
    c = ste(torch.clamp(u, -qn, qp))
    return c, c * s


vectors = []


def put(name, values):
    values = torch.atleast_1d(values.detach()).flatten().tolist()
    whole = all(v == int(v) for v in values)
    text = ", ".join(str(int(v)) if whole else v.hex() for v in values)
    body = textwrap.fill(text, 100, initial_indent="      ", subsequent_indent="      ")
    vectors.append(f'    {{"{name}",\n     {{\n{body}}}}},\n')


def main():
    single = lambda t: t.to(torch.float32).to(torch.float64)
    count = 48
    x = single(torch.randn(count) * 1.2)
    dy = single(torch.randn(count))
    put("pact.x", x)
    put("pact.dy", dy)
    for bits in (1, 2, 4, 8):
        for plus in (False, True):
            xs = x.clone().requires_grad_()
            alpha = single(torch.tensor(1.3)).requires_grad_()
            q, y = pact(xs, alpha, bits, plus)
            y.backward(dy)
            key = f"pact.{bits}.{'plus' if plus else 'paper'}"
            put(key + ".codes", q)
            put(key + ".dx", xs.grad)
            put(key + ".dalpha", alpha.grad)

    w = single(torch.randn(count) * 0.3)
    dwq = single(torch.randn(count))
    put("w", w)
    put("dwq", dwq)

    def weights(key, quantise):
        ws = w.clone().requires_grad_()
        codes, scale, value = quantise(ws)
        value.backward(dwq)
        put(key + ".codes", codes)
        put(key + ".scale", scale)
        put(key + ".dw", ws.grad)

    for bits in (1, 2, 4, 8):
        weights(f"dorefa.{bits}", lambda v: dorefa(v, bits, False))
        weights(f"dorefa-rescaled.{bits}", lambda v: dorefa(v, bits, True))
    for bits in (2, 3, 4, 5, 8):
        for zero in (False, True):
            for clipped in (False, True):
                key = f"{'sawb-clipped' if clipped else 'sawb'}.{bits}.{'zero' if zero else 'odd'}"
                weights(key, lambda v: sawb(v, bits, zero, clipped))
    weights("symmetric.8", symmetric)
    for bits in (2, 4, 8):
        step = single(2 * w.abs().mean() / (2 ** (bits - 1) - 1) ** 0.5)
        leaf = step.clone().requires_grad_()
        put(f"lsq.{bits}.step", step)

        def quantise(v):
            codes, value = lsq(v, leaf, bits)
            return codes, step, value

        weights(f"lsq.{bits}", quantise)
        put(f"lsq.{bits}.dstep", leaf.grad)

    path = pathlib.Path(__file__).with_name("quant.hpp")
    path.write_text(
        "// Made by make_quant.py; not to be edited.\n#pragma once\n\n#include <map>\n"
        "#include <string>\n#include <vector>\n\n// clang-format off\nnamespace golden {\n\n"
        "/// By name: \"pact.4.paper.dx\", \"sawb.2.odd.codes\", ..\n"
        "inline const std::map<std::string, std::vector<double>> quant = {\n"
        + "".join(vectors)
        + "};\n\n} // namespace golden\n"
    )


if __name__ == "__main__":
    main()
