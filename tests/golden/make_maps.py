"""Writes maps/*.safetensors for tests/saliency/test_maps_golden.cpp: attribution maps of two images,
nets in evaluation mode, computed by PyTorch's autograd in double.

The nets, weights and images are those of make_nets.py. Guided backpropagation clips the gradient
that arrives at every rectifier; Grad-CAM reads the last one.

Usage: python3 make_maps.py    (torch 1.13 made the committed files)
"""

import pathlib

import torch
import torch.nn.functional as F

from make_nets import MnistCnn, Quantised, ResNet20, batch, values, write_safetensors

IMAGES, SAMPLES, FRACTION, STEPS, BASELINE = 2, 4, 0.15, 6, -0.75


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
    return {"smoothgrad": g.mean(0), "smoothgrad_squared": g.square().mean(0)}


def integrated_gradients(net, x, classes):
    base = torch.full_like(x, BASELINE)
    along = [base + (t + 0.5) / STEPS * (x - base) for t in range(STEPS)]
    maps = (x - base) * torch.stack([gradient(net, p, classes) for p in along]).mean(0)
    with torch.no_grad():
        rise = score(net, x, classes) - score(net, base, classes)
    return {"integrated": maps, "completeness_error": (maps.sum((1, 2, 3)) - rise).abs()}


def grad_cam(net, x, classes):
    with Rectifiers() as outputs:
        s = score(net, x.clone().requires_grad_(), classes).sum()
        a = [y for y in outputs.values() if y.dim() == 4][-1]
        w = torch.autograd.grad(s, a)[0].mean((2, 3), keepdim=True)
    cam = F.relu((w * a.detach()).sum(1, keepdim=True))
    return F.interpolate(cam, x.shape[2:], mode="bilinear", align_corners=False)


def maps(net, name):
    x, classes = batch(net, 0, IMAGES)
    g = gradient(net, x, classes)
    out = {"gradient": g, "zero_share": (g == 0).double().mean().reshape(1)}
    with Rectifiers(guided=True):
        out["guided"] = gradient(net, x, classes)
    out["grad_cam"] = grad_cam(net, x, classes)
    if name.startswith("mnist_cnn"):
        out |= integrated_gradients(net, x, classes)
    if name == "mnist_cnn":
        out["gradient_log_probability"] = gradient(net, x, classes, log_probability=True)
        out |= smoothgrad(net, x, classes)
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
        write_safetensors(here / (name + ".safetensors"), {n: t.detach() for n, t in out.items()})
        print(name, {n: "%.3g" % t.abs().max() for n, t in out.items()})


main()
