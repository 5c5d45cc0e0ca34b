#!/usr/bin/env python3
"""Measures exported nets in ONNX Runtime beside sgq's engine and beside int8 QDQ graphs of the same
nets, and prints the table of docs/onnx.md.

    apt-get install -y python3-onnx
    npm install --ignore-scripts onnxruntime-node          # where this is called from
    cmake --preset release -D SGQ_BUILD_BENCH=ON && cmake --build --preset release
    bench/peers/onnx_export.py build/release MODEL.safetensors .. [--threads 1,2] [--rounds 5]
        [--qdq RESNET20_INT8.onnx]

MODEL is a quantised mnist_cnn or resnet20. The contenders take turns, each as a process of its own;
a figure is the median of its rounds, with the lowest and the highest. The int8 graph is the one that
onnx_models.py writes; --qdq adds another of ResNet-20, float [N, 3, 32, 32] in. Nothing else should
run.
"""
import argparse
import os
import re
import sys
import tempfile

import numpy as np

from compare import HERE, PYTHON, SHAPES, output, processor, ratio, shown


ENGINES = {"w2a2": "int2", "w4a4": "int4", "w8a8": "int8", "layerwise-4-2": "4/2"}


def export(programs, model, form, folder):
    """(file, name of the net, bits) of a model in a form."""
    images, file = os.path.join(folder, "images.npy"), os.path.join(folder, f"{form}.onnx")
    for shape in SHAPES.values():  # the program verifies on an image, which has to fit
        np.save(images, np.zeros((1, *shape[1:]), np.uint8))
        text = output([os.path.join(programs, "examples", "integer_inference"), "--model", model,
                       "--images", images, "--explain", "0", "--out", folder, "--onnx", file,
                       "--form", form])
        if text:
            return file, *re.search(r"^(\w+) (\S+), 1 images of", text, re.M).groups()
    sys.exit(f"{model} is no quantised mnist_cnn or resnet20")


def turns(contenders, rounds):
    figures = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            value = measure()
            if value is None:
                sys.exit(f"{name} failed: is onnxruntime-node installed here?")
            figures[name].append(value)
    return figures


def contenders_of(o, model, threads, folder):
    """name -> a function that measures images per second; and "resnet20 w4a4"."""
    exact, net, bits = export(o.build, model, "exact", folder)
    integer = export(o.build, model, "integer", folder)[0]
    qdq = os.path.join(folder, f"{net}_int8.onnx")
    shape = [str(n) for n in SHAPES[net]]

    def engine():
        text = output([os.path.join(o.build, "bench", "bench_infer"), "--net", net, "--engine",
                       ENGINES[bits], "--threads", str(threads), "--rounds", "2"])
        return float(re.search(r'"images_per_second": *([0-9.e+]+)', text).group(1))

    def runtime(file):
        text = output(["node", os.path.join(HERE, "onnx_infer.js"), file, str(threads), *shape])
        return float(text) if text else None

    contenders = {"sgq engine": engine, "exact": lambda: runtime(exact),
                  "integer": lambda: runtime(integer), "QDQ int8": lambda: runtime(qdq)}
    if o.qdq and net == "resnet20":
        contenders["other QDQ int8"] = lambda: runtime(o.qdq)
    return contenders, f"{net} {bits}"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", help="the build folder")
    parser.add_argument("models", nargs="+")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--qdq", help="another int8 graph of ResNet-20")
    o = parser.parse_args()
    print(f"{processor()}, medians of {o.rounds} rounds (lowest..highest), load "
          f"{os.getloadavg()[0]:.1f} at the start.\n")
    print("| net, images/s | threads | sgq engine | exact | integer | QDQ int8 | other QDQ int8 | "
          "integer / QDQ | integer / other QDQ |\n|---|---|" + "---:|" * 7)
    with tempfile.TemporaryDirectory() as folder:
        if output([PYTHON, os.path.join(HERE, "onnx_models.py"), folder]) is None:
            sys.exit("onnx_models.py failed: is python3-onnx installed?")
        for model in o.models:
            for threads in o.threads.split(","):
                contenders, name = contenders_of(o, model, threads, folder)
                f = turns(contenders, o.rounds)
                other = f.get("other QDQ int8", [])
                cells = [shown(f[k]) for k in ("sgq engine", "exact", "integer", "QDQ int8")]
                print(f"| {name} | {threads} | {' | '.join(cells)} | {shown(other)} | "
                      f"{ratio(f['integer'], f['QDQ int8'])} | {ratio(f['integer'], other)} |",
                      flush=True)


if __name__ == "__main__":
    main()
