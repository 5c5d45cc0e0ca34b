"""Writes optimizers.hpp beside this file: what PyTorch's optimisers and schedules do to six weights
and two biases, for tests/train/.

Weights start at w[i] = cos(i), biases at b[i] = 0.5 - i; the gradient of element i in step t is
sin(1 + 0.7 i + 1.3 t), t = 0, 1, ...; weights and biases have their own rate and decay.
Usage: python3 make_optimizers.py    (PyTorch 1.13 made the committed file)
"""

import math
import pathlib

import torch

STEPS = 7


def run(make, weight, bias):
    w = torch.tensor([math.cos(i) for i in range(6)], dtype=torch.float64, requires_grad=True)
    b = torch.tensor([0.5 - i for i in range(2)], dtype=torch.float64, requires_grad=True)
    optimizer = make([dict(params=[w], **weight), dict(params=[b], **bias)])
    for t in range(STEPS):
        for p in (w, b):
            p.grad = torch.tensor([math.sin(1 + 0.7 * i + 1.3 * t) for i in range(len(p))],
                                  dtype=torch.float64)
        optimizer.step()
    return w.tolist() + b.tolist()


def two(lr, scale, decay, bias_decay):
    return dict(lr=lr, weight_decay=decay), dict(lr=lr * scale, weight_decay=bias_decay)


optim = torch.optim
results = {
    "sgd": run(lambda p: optim.SGD(p, lr=1), *two(0.1, 1, 0, 0)),
    "sgd_momentum": run(lambda p: optim.SGD(p, lr=1, momentum=0.9), *two(0.1, 0.5, 0.02, 0.3)),
    "sgd_nesterov": run(lambda p: optim.SGD(p, lr=1, momentum=0.8, nesterov=True),
                        *two(0.05, 2, 0.1, 0)),
    "adamw": run(lambda p: optim.AdamW(p, betas=(0.9, 0.99), eps=1e-6), *two(0.03, 0.5, 0.2, 0.1)),
    "adadelta": run(lambda p: optim.Adadelta(p, rho=0.8, eps=1e-4), *two(0.7, 2, 0.05, 0)),
}


def schedule(make, steps):
    p = torch.zeros(1, requires_grad=True)
    optimizer = optim.SGD([p], lr=1)
    course = make(optimizer, steps)
    factors = []
    for _ in range(steps):
        factors.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        course.step() if len(factors) < steps else None
    return factors


def one_cycle(optimizer, steps):
    return optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1, total_steps=steps, pct_start=0.3,
                                         cycle_momentum=False)


results["one_cycle"] = schedule(one_cycle, 20)
results["milestones"] = schedule(
    lambda o, n: optim.lr_scheduler.MultiStepLR(o, milestones=[6, 12], gamma=0.1), 20)
results["cosine"] = schedule(lambda o, n: optim.lr_scheduler.CosineAnnealingLR(o, T_max=n), 20)

lines = [
    "// Made by make_optimizers.py with PyTorch; do not edit.",
    "#pragma once",
    "",
    "namespace golden {",
    "",
    f"inline constexpr int optimizer_steps = {STEPS};",
]
for name, values in results.items():
    lines += [f"inline constexpr double {name}[] = {{"]
    lines += [f"    {v!r}," for v in values]
    lines += ["};"]
lines += ["", "} // namespace golden", ""]
pathlib.Path(__file__).with_name("optimizers.hpp").write_text("\n".join(lines))
