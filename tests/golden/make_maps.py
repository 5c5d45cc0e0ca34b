"""Writes maps/*.safetensors for tests/saliency/test_maps_golden.cpp: attribution maps of two images,
nets in evaluation mode, computed by PyTorch's autograd in double. NAME.safetensors has the maps that
came first; NAME_more.safetensors was made later, on another processor.

The nets, weights and images are those of make_nets.py. Guided backpropagation clips the gradient
that arrives at every rectifier; CAMs read the last one.

Usage: python3 make_maps.py    (torch 1.13 made the committed files)
"""

import pathlib

import torch
import torch.nn.functional as F

from make_nets import MnistCnn, Quantised, ResNet20, batch, mixed, values, write_safetensors

IMAGES, SAMPLES, FRACTION, STEPS, BASELINE, BASELINES = 2, 4, 0.15, 6, -0.75, 3


class Rectifiers:
    """What goes through the rectifiers of the passes made inside `with`."""

    def __init__(self, guided=False):
        self.guided, self.plain, self.outputs = guided, Quantised.relu, {}

    def __enter__(self):
        def relu(q, p, name, x):
            y = self.outputs[name] = self.plain(q, p, name, x)
            if self.guided:
                y.register_hook(lambda g: g.clamp(min=0))
            return y

        Quantised.relu = relu
        return self.outputs

    def __exit__(self, *_):
        Quantised.relu = self.plain


def score(net, x, classes, log_probability=False):
    z = net.forward(net.params, x, "eval")
    s = F.log_softmax(z, 1) if log_probability else z
    return s.gather(1, classes[:, None]).squeeze(1)


def gradient(net, x, classes, log_probability=False):
    x = x.clone().requires_grad_()
    return torch.autograd.grad(score(net, x, classes, log_probability).sum(), x)[0]


def smoothgrad(net, x, classes):
    spread = FRACTION * (x.amax((1, 2, 3), True) - x.amin((1, 2, 3), True))
    noise = 4 * values("noise", (SAMPLES, *x.shape))
    g = torch.stack([gradient(net, x + spread * e, classes) for e in noise])
    return {
        "smoothgrad": g.mean(0),
        "smoothgrad_squared": g.square().mean(0),
        "vargrad": g.var(0, unbiased=False),
    }


def integrated_gradients(net, x, classes):
    base = torch.full_like(x, BASELINE)
    along = [base + (t + 0.5) / STEPS * (x - base) for t in range(STEPS)]
    maps = (x - base) * torch.stack([gradient(net, p, classes) for p in along]).mean(0)
    with torch.no_grad():
        rise = score(net, x, classes) - score(net, base, classes)
    return {"integrated": maps, "completeness_error": (maps.sum((1, 2, 3)) - rise).abs()}


def expected_gradients(net, x, classes):
    """Sample s of image n starts at one of BASELINES images after those that are explained."""
    after = batch(net, IMAGES, BASELINES)[0]
    drawn = mixed("baseline", SAMPLES * IMAGES).astype("int64") % BASELINES
    share = values("share", (SAMPLES, IMAGES, 1, 1, 1)) + 0.5
    maps = []
    for s in range(SAMPLES):
        base = after[drawn[s * IMAGES : (s + 1) * IMAGES]]
        maps.append((x - base) * gradient(net, base + share[s] * (x - base), classes))
    return {"expected": torch.stack(maps).mean(0)}


def enlarge(maps, x):
    return F.interpolate(maps, x.shape[2:], mode="bilinear", align_corners=False)


def score_cam(net, x, classes, a):
    cams = []
    for image, c, own in zip(x.split(1), classes, a.split(1)):
        own = own[:, own.amin((0, 2, 3)) < own.amax((0, 2, 3))]
        m = enlarge(own, image)
        low, high = m.amin((2, 3), True), m.amax((2, 3), True)
        m = ((m - low) / (high - low)).transpose(0, 1)
        with torch.no_grad():
            z = net.forward(net.params, BASELINE + m * (image - BASELINE), "eval")
        w = F.softmax(z[:, c], 0)
        cams.append(F.relu((w[None, :, None, None] * own).sum(1, keepdim=True)))
    return enlarge(torch.cat(cams), x)


def cams(net, x, classes):
    """Grad-CAM++ as its paper has it: a_ij of positive gradients, which are elsewhere 0/0."""
    with Rectifiers() as outputs:
        s = score(net, x.clone().requires_grad_(), classes).sum()
        a = [y for y in outputs.values() if y.dim() == 4][-1]
        g = torch.autograd.grad(s, a)[0]
    a = a.detach()
    alpha = g**2 / (2 * g**2 + a.sum((2, 3), keepdim=True) * g**3)
    plus = torch.where(g > 0, alpha * g, torch.zeros_like(g)).sum((2, 3), keepdim=True)
    products = {
        "grad_cam": g.mean((2, 3), keepdim=True) * a,
        "grad_cam_plus_plus": plus * a,
        "layer_cam": F.relu(g) * a,
        "hires_cam": g * a,
    }
    out = {n: enlarge(F.relu(p.sum(1, keepdim=True)), x) for n, p in products.items()}
    return out | {"score_cam": score_cam(net, x, classes, a)}


FIRST = ["gradient", "zero_share", "guided", "grad_cam", "integrated", "completeness_error"]
FIRST += ["gradient_log_probability", "smoothgrad", "smoothgrad_squared"]


def maps(net, name):
    x, classes = batch(net, 0, IMAGES)
    g = gradient(net, x, classes)
    out = {"gradient": g, "zero_share": (g == 0).double().mean().reshape(1)}
    with Rectifiers(guided=True):
        out["guided"] = gradient(net, x, classes)
    out |= cams(net, x, classes)
    if name.startswith("mnist_cnn"):
        out |= integrated_gradients(net, x, classes)
    if name == "mnist_cnn":
        out["gradient_log_probability"] = gradient(net, x, classes, log_probability=True)
        out |= smoothgrad(net, x, classes)
    if name.startswith("mnist_cnn"):
        out |= expected_gradients(net, x, classes)
    return out


def main():
    here = pathlib.Path(__file__).parent / "maps"
    here.mkdir(exist_ok=True)
    for kind, bits in (MnistCnn, 32), (MnistCnn, 4), (ResNet20, 32):
        net = kind(bits)
        if bits != 32:
            net.params.update({n + ".alpha": torch.tensor([2.0]) for n in net.pact})
        for bn in [n[: -len(".weight")] for n in net.params if "bn" in n and n.endswith("weight")]:
            mean = values(bn + ".running_mean", net.params[bn + ".bias"].shape) / 4
            net.running[bn] = mean, 1 + values(bn + ".running_var", mean.shape) / 2
        name = {MnistCnn: "mnist_cnn", ResNet20: "resnet20"}[kind]
        name += "" if bits == 32 else f"_w{bits}a{bits}"
        out = maps(net, name)
        for file, first in (name, True), (name + "_more", False):
            part = {n: t.detach() for n, t in out.items() if (n in FIRST) == first}
            write_safetensors(here / (file + ".safetensors"), part)
        print(name, {n: "%.3g" % t.abs().max() for n, t in out.items()})


main()
