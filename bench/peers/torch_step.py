"""Images per second of a training step in PyTorch, for the nets and settings of bench_step.

    torch_step.py NET BITS GUIDED THREADS     mnist_cnn|resnet20, 32|4|2, 0|1

The layers are those of bench_step: first and last layer in fp32, DoReFa weights, PACT with alpha 8,
no dropout, SGD with momentum .9. A guided step needs three forward passes here; sgq shares one.
Prints the median of 9 steps.
"""
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


class RoundedClip(torch.autograd.Function):
    """PACT, arXiv 1805.06085: codes 0..n of [0, alpha]; alpha learns where x is clipped."""

    @staticmethod
    def forward(ctx, x, alpha, n):
        ctx.save_for_backward(x, alpha)
        clipped = torch.minimum(torch.clamp(x, min=0), alpha)
        return torch.round(clipped * (n / alpha)) * (alpha / n)

    @staticmethod
    def backward(ctx, dy):
        x, alpha = ctx.saved_tensors
        above = x >= alpha
        return dy * ((x > 0) & ~above), (dy * above).sum().reshape(1), None


class StraightThrough(torch.autograd.Function):
    """Rounding with the gradient of the identity."""

    @staticmethod
    def forward(ctx, x):
        return torch.round(x)

    @staticmethod
    def backward(ctx, dy):
        return dy


def dorefa(w, bits):
    """DoReFa weights, arXiv 1606.06160; the gradient passes the rounding and the maximum."""
    if bits == 32:
        return w
    n = 2**bits - 1
    t = torch.tanh(w)
    unit = t / (2 * t.abs().max().detach()) + 0.5
    return 2 * StraightThrough.apply(unit * n) / n - 1


class Activation(nn.Module):
    def __init__(self, bits):
        super().__init__()
        self.n = float(2**bits - 1)
        self.alpha = nn.Parameter(torch.tensor([8.0])) if bits < 32 else None

    def forward(self, x):
        return F.relu(x) if self.alpha is None else RoundedClip.apply(x, self.alpha, self.n)


class Conv(nn.Conv2d):
    def __init__(self, *args, bits=32, **kwargs):
        super().__init__(*args, **kwargs)
        self.bits = bits

    def forward(self, x):
        return F.conv2d(x, dorefa(self.weight, self.bits), self.bias, self.stride, self.padding)


class Linear(nn.Linear):
    def __init__(self, *args, bits=32):
        super().__init__(*args)
        self.bits = bits

    def forward(self, x):
        return F.linear(x, dorefa(self.weight, self.bits), self.bias)


def mnist_cnn(bits):
    return nn.Sequential(
        Conv(1, 32, 3), Activation(bits), Conv(32, 64, 3, bits=bits), Activation(bits),
        nn.MaxPool2d(2), nn.Flatten(), Linear(9216, 128, bits=bits), Activation(bits),
        Linear(128, 10))


class Residual(nn.Module):
    """Two convolutions beside a shortcut without parameters (option A, arXiv 1512.03385)."""

    def __init__(self, before, after, bits):
        super().__init__()
        self.stride, self.added = after // before, (after - before) // 2
        self.body = nn.Sequential(
            Conv(before, after, 3, stride=self.stride, padding=1, bias=False, bits=bits),
            nn.BatchNorm2d(after), Activation(bits),
            Conv(after, after, 3, padding=1, bias=False, bits=bits), nn.BatchNorm2d(after))
        self.activation = Activation(bits)

    def forward(self, x):
        shortcut = x
        if self.stride > 1:
            pad = (0, 0, 0, 0, self.added, self.added)
            shortcut = F.pad(x[:, :, ::self.stride, ::self.stride], pad)
        return self.activation(self.body(x) + shortcut)


def resnet20(bits):
    layers = [Conv(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), Activation(bits)]
    channels = 16
    for width in (16, 32, 64):
        for _ in range(3):
            layers.append(Residual(channels, width, bits))
            channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), Linear(64, 10))


NETS = {"mnist_cnn": (mnist_cnn, (64, 1, 28, 28)), "resnet20": (resnet20, (128, 3, 32, 32))}


def masked(net, x, y):
    """x with the half of its pixels refilled that has the smallest gradient, arXiv 2111.14338."""
    images, channels, pixels = x.shape[0], x.shape[1], x.shape[2] * x.shape[3]
    probe = x.clone().requires_grad_(True)
    score = net(probe).gather(1, y[:, None]).sum()
    gradient, = torch.autograd.grad(score, probe)
    low = gradient.mean(1).flatten(1).argsort(1)[:, :pixels // 2]
    flat = x.reshape(images, channels, pixels).clone()
    least, most = flat.amin(2, keepdim=True), flat.amax(2, keepdim=True)
    fill = least + (most - least) * torch.rand(images, channels, low.shape[1])
    return flat.scatter_(2, low[:, None].expand_as(fill), fill).view_as(x)


def main():
    name, bits, guided, threads = sys.argv[1], *map(int, sys.argv[2:5])
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    make, shape = NETS[name]
    net = make(bits)
    x, y = torch.rand(*shape), torch.randint(0, 10, (shape[0],))
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9)

    def step():
        other = masked(net, x, y) if guided else None
        optimizer.zero_grad()
        logits = net(x)
        loss = F.cross_entropy(logits, y)
        if guided:
            loss = loss + F.kl_div(F.log_softmax(net(other), 1), F.log_softmax(logits, 1),
                                   reduction="batchmean", log_target=True)
        loss.backward()
        optimizer.step()

    for _ in range(3):
        step()
    seconds = []
    for _ in range(9):
        begin = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - begin)
    print(f"{shape[0] / sorted(seconds)[4]:.1f}")


if __name__ == "__main__":
    main()
