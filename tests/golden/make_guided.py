"""Writes guided.hpp for tests/train/test_saliency_guided.cpp: ten losses of saliency-guided training
(arXiv 2111.14338), computed by PyTorch's autograd in double.

The nets, weights, images and the optimiser are those of make_nets.py. Where training would fill
masked positions at random, these runs use the image's mean or a constant, so that both sides agree.

Usage: python3 make_guided.py    (torch 1.13 made the committed file)
"""

import pathlib

import torch
import torch.nn.functional as F

from make_nets import BATCH, DECAY, MOMENTUM, STEPS, MnistCnn, ResNet20, batch

nearest_cut = float("inf")  # smallest relative gap between the last position masked and the next


def saliency(net, p, x, y, case):
    """dS/dx of the true class, from a training pass (batch norm's statistics as constants) or one in
    evaluation mode."""
    x = x.clone().requires_grad_()
    z = net.forward(p, x, "eval" if case["separate"] else "constant")
    s = F.log_softmax(z, 1) if case["log_probability"] else z
    return torch.autograd.grad(s.gather(1, y[:, None]).sum(), x)[0]


def masked(x, dx, case, grid):
    """x with the lower half of its positions, by mean gradient, replaced in all channels."""
    global nearest_cut
    score = (dx.abs() if case["magnitude"] else dx).mean(1).flatten(1)
    k = score.shape[1] // 2
    order = torch.argsort(score, dim=1, stable=True)
    edge = score.gather(1, order[:, k - 1 : k + 1])
    nearest_cut = min(nearest_cut, ((edge[:, 1] - edge[:, 0]) / score.abs().amax(1)).min().item())
    mask = torch.zeros_like(score, dtype=torch.bool).scatter(1, order[:, :k], True)
    fill = x.mean((2, 3), keepdim=True) if case["fill"] is None else torch.tensor(case["fill"])
    if grid:  # pixel codes
        scale, zero = grid
        fill = ((torch.round(fill / scale) + zero).clamp(0, 255) - zero) * scale
    return torch.where(mask.view(-1, 1, *x.shape[2:]), fill.expand_as(x), x)


def losses(net, case, grid):
    p = {name: v.clone().requires_grad_() for name, v in net.params.items()}
    decayed = [v for n, v in p.items() if v.dim() > 1 or n.endswith("alpha")]
    others = [v for v in p.values() if not any(v is d for d in decayed)]
    sgd = torch.optim.SGD(
        [{"params": decayed, "weight_decay": DECAY}, {"params": others}], net.rate, MOMENTUM
    )
    out = []
    for step in range(STEPS):
        x, y = batch(net, step * BATCH, BATCH)
        x_masked = masked(x, saliency(net, p, x, y, case), case, grid)
        z = net.forward(p, x, "train")
        z_masked = net.forward(p, x_masked, "train" if case["both"] else "batch")
        log_p, log_q = F.log_softmax(z, 1), F.log_softmax(z_masked, 1)
        if not case["attached"]:
            log_p = log_p.detach()
        kl = F.kl_div(log_q, log_p, reduction="batchmean", log_target=True)
        loss = F.cross_entropy(z, y) + case["lambda"] * kl
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        out.append(loss.item())
    with torch.no_grad():
        return out, net.forward(p, batch(net, 0, 1)[0], "eval").flatten().tolist()


DEFAULTS = {
    "magnitude": False,
    "lambda": 1.0,
    "fill": None,
    "log_probability": True,
    "attached": True,
    "separate": False,
    "both": True,
}
CASES = {
    "mnist_cnn": {"fill": -0.75},
    "mnist_cnn_magnitude_detached": {"magnitude": True, "attached": False, "lambda": 0.5},
    "mnist_cnn_w4a4": {},
    "resnet20": {"fill": -0.75},
    "resnet20_separate": {"separate": True, "log_probability": False, "both": False, "lambda": 2.0},
}


def numbers(name, values):
    text = ",\n    ".join("%.17g" % v for v in values)
    return f"inline constexpr double {name}[] = {{\n    {text}}};\n"


def main():
    parts = []
    for name, changes in CASES.items():
        quantised = "w4a4" in name
        net = (ResNet20 if name.startswith("resnet") else MnistCnn)(4 if quantised else 32)
        if quantised:
            net.params.update({n + ".alpha": torch.tensor([2.0]) for n in net.pact})
        found, logits = losses(net, DEFAULTS | changes, (2.0**-6, 100) if quantised else None)
        parts += [numbers(name, found), numbers(name + "_logits", logits)]
        print(name, ["%.4f" % v for v in found])
    print("nearest cut: %.1e" % nearest_cut)
    head = (
        "// Made by make_guided.py with torch %s.\n// clang-format off\n#pragma once\n\n"
        "namespace golden::guided {\n\n" % torch.__version__
    )
    path = pathlib.Path(__file__).parent / "guided.hpp"
    path.write_text(head + "\n".join(parts) + "\n} // namespace golden::guided\n")


main()
