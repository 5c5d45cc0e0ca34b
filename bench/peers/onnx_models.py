"""Writes the nets of bench_infer as ONNX files with random weights: fp32, and int8 as QDQ pairs.

    onnx_models.py FOLDER

Batch norm is folded into the convolutions, as every exporter for inference does. The int8 files have
u8 activations and s8 weights at every convolution, linear layer and addition.
"""
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SCALE = 0.05  # of activations; speed does not depend on it


class Graph:
    """Nodes, one after the other; each method returns the name of its result."""

    def __init__(self, quantised):
        self.quantised, self.nodes, self.constants = quantised, [], []
        self.random = np.random.default_rng(0)

    def name(self):
        return f"v{len(self.nodes) + len(self.constants)}"

    def constant(self, array):
        name = self.name()
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def node(self, kind, inputs, **attributes):
        name = self.name()
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def coded(self, x):
        """x through 8-bit codes, where the graph has them."""
        if not self.quantised:
            return x
        grid = [self.constant(np.float32(SCALE)), self.constant(np.uint8(0))]
        return self.node("DequantizeLinear", [self.node("QuantizeLinear", [x, *grid]), *grid])

    def weights(self, shape):
        w = self.random.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape).astype(np.float32)
        bias = np.zeros(shape[0], np.float32)
        if not self.quantised:
            return self.constant(w), self.constant(bias)
        scale = np.float32(np.abs(w).max() / 127)
        codes = np.rint(w / scale).astype(np.int8)
        return (self.node("DequantizeLinear", [self.constant(codes), self.constant(scale),
                                               self.constant(np.int8(0))]),
                self.node("DequantizeLinear", [self.constant(bias.astype(np.int32)),
                                               self.constant(np.float32(scale * SCALE)),
                                               self.constant(np.int32(0))]))

    def conv(self, x, before, after, stride=1, pad=1, kernel=3):
        return self.node("Conv", [self.coded(x), *self.weights((after, before, kernel, kernel))],
                         kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4)

    def linear(self, x, before, after):
        return self.node("Gemm", [self.coded(x), *self.weights((after, before))], transB=1)

    def relu(self, x):
        return self.node("Relu", [x])


def mnist_cnn(g, x):
    x = g.relu(g.conv(x, 1, 32, pad=0))
    x = g.relu(g.conv(x, 32, 64, pad=0))
    x = g.node("MaxPool", [g.coded(x)], kernel_shape=[2, 2], strides=[2, 2])
    x = g.node("Flatten", [x])
    return g.linear(g.relu(g.linear(x, 9216, 128)), 128, 10)


def lenet5(g, x):
    for before, after, pad in ((1, 6, 2), (6, 16, 0)):
        x = g.relu(g.conv(x, before, after, pad=pad, kernel=5))
        x = g.node("MaxPool", [g.coded(x)], kernel_shape=[2, 2], strides=[2, 2])
    x = g.node("Flatten", [x])
    return g.linear(g.relu(g.linear(g.relu(g.linear(x, 400, 120)), 120, 84)), 84, 10)


def resnet20(g, x):
    x = g.relu(g.conv(x, 3, 16))
    before = 16
    for after in (16, 32, 64):
        for _ in range(3):
            y = g.conv(g.relu(g.conv(x, before, after, stride=after // before)), after, after)
            shortcut = g.coded(x)
            if after != before:  # every second row and column; new channels are 0
                ends = [g.constant(np.array(v, np.int64))
                        for v in ([0, 0], [1 << 30] * 2, [2, 3], [2, 2])]
                shortcut = g.node("Slice", [shortcut, *ends])
                side = (after - before) // 2
                pads = g.constant(np.array([0, side, 0, 0, 0, side, 0, 0], np.int64))
                shortcut = g.node("Pad", [shortcut, pads])
            x = g.relu(g.node("Add", [g.coded(y), shortcut]))
            before = after
    return g.linear(g.node("Flatten", [g.node("GlobalAveragePool", [g.coded(x)])]), 64, 10)


NETS = {"mnist_cnn": (mnist_cnn, (64, 1, 28, 28)), "resnet20": (resnet20, (128, 3, 32, 32)),
        "lenet5": (lenet5, (64, 1, 28, 28))}


def write(folder, name, quantised):
    build, shape = NETS[name]
    g = Graph(quantised)
    y = build(g, "x")
    graph = helper.make_graph(
        g.nodes, name, [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(y, TensorProto.FLOAT, (shape[0], 10))], g.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, os.path.join(folder, f"{name}_{'int8' if quantised else 'fp32'}.onnx"))


if __name__ == "__main__":
    os.makedirs(sys.argv[1], exist_ok=True)
    for net in NETS:
        for quantised in (False, True):
            write(sys.argv[1], net, quantised)
