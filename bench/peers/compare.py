#!/usr/bin/env python3
"""Measures sgq beside PyTorch, ONNX Runtime, oneDNN and OpenBLAS on this machine, and prints the
tables of docs/performance.md.

    apt-get install -y python3-torch python3-onnx libdnnl-dev libopenblas-dev
    npm install --ignore-scripts onnxruntime-node          # where this is called from
    cmake --preset release -D SGQ_BUILD_BENCH=ON && cmake --build --preset release
    bench/peers/compare.py build/release/bench [--threads 2] [--rounds 5] [--only step,infer,gemm,conv]

The implementations of a case take turns, each as a process of its own; a figure is the median of its
rounds, with the lowest and the highest. A peer that is not installed is shown as "-". Nothing else
should run: a busy core slows the OpenMP libraries by different amounts.
"""
import argparse
import json
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SHAPES = {"mnist_cnn": (64, 1, 28, 28), "resnet20": (128, 3, 32, 32)}
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable


# glibc gives large blocks back to the kernel, and a step of PyTorch takes them anew every time. Where
# page faults are dear, as on many virtual machines, that made it three times slower, and by a
# different factor in every run. So malloc keeps its memory, for everyone.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "4000000000", "MALLOC_TRIM_THRESHOLD_": "8000000000",
               "MALLOC_TOP_PAD_": "200000000"}


def output(command):
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | KEEP_MEMORY)
    return done.stdout if done.returncode == 0 else None


class Bench:
    def __init__(self, options):
        self.o = options
        self.folder = options.programs
        self.models_folder = tempfile.TemporaryDirectory()
        self.models = self.models_folder.name
        self.has_onnx = (output([PYTHON, os.path.join(HERE, "onnx_models.py"), self.models])
                         is not None and shutil.which("node") is not None
                         and output(["node", "-e", "require('onnxruntime-node')"]) is not None)
        self.has_torch = output([PYTHON, "-c", "import torch"]) is not None

    def sgq(self, program, *options):
        """The lines of a benchmark, each a dict."""
        text = output([os.path.join(self.folder, program), "--threads", str(self.o.threads),
                       "--rounds", "2", *options])
        if text is None:
            sys.exit(f"{program} failed: is {self.folder} the folder of the benchmarks?")
        return [json.loads(line) for line in text.splitlines()]

    def speed(self, program, *options):
        return float(self.sgq(program, *options)[0]["images_per_second"])

    def torch(self, net, bits, guided):
        text = output([PYTHON, os.path.join(HERE, "torch_step.py"), net, bits, guided,
                       str(self.o.threads)]) if self.has_torch else None
        return float(text) if text else None

    def onnx(self, net, kind):
        shape = [str(n) for n in SHAPES[net]]
        text = output(["node", os.path.join(HERE, "onnx_infer.js"),
                       os.path.join(self.models, f"{net}_{kind}.onnx"), str(self.o.threads),
                       *shape]) if self.has_onnx else None
        return float(text) if text else None

    def turns(self, contenders):
        """name -> figures of all rounds; the contenders take turns."""
        figures = {name: [] for name in contenders}
        for _ in range(self.o.rounds):
            for name, measure in contenders.items():
                value = measure()
                if value is not None:
                    figures[name].append(value)
        return figures


def shown(figures):
    if not figures:
        return "-"
    return f"{statistics.median(figures):,.0f} ({min(figures):,.0f}..{max(figures):,.0f})"


def ratio(ours, others):
    return f"{statistics.median(ours) / statistics.median(others):.2f}" if ours and others else "-"


def steps(bench):
    print("\n| training step, images/s | sgq | PyTorch | sgq / PyTorch | sgq / own fp32 |")
    print("|---|---:|---:|---:|---:|")
    for net in SHAPES:
        contenders = {}
        for bits in ("32", "4", "2"):
            for guided in ("0", "1"):
                case = bits, guided
                contenders["sgq", *case] = lambda b=bits, g=guided: bench.speed(
                    "bench_step", "--net", net, "--bits", b, "--guided", g)
                contenders["torch", *case] = lambda b=bits, g=guided: bench.torch(net, b, g)
        figures = bench.turns(contenders)
        for (who, bits, guided), ours in figures.items():
            if who == "torch":
                continue
            theirs, own = figures["torch", bits, guided], figures["sgq", "32", guided]
            kind = ("fp32" if bits == "32" else f"w{bits}a{bits}") + (", guided" if guided == "1" else "")
            print(f"| {net}, {kind} | {shown(ours)} | {shown(theirs)} | {ratio(ours, theirs)} | "
                  f"{ratio(ours, own)} |", flush=True)


def inference(bench):
    print("\n| inference, images/s | sgq | ONNX Runtime | sgq / ONNX Runtime |")
    print("|---|---:|---:|---:|")
    engines = {"fp32": "fp32", "int8": "int8", "int4": "int8", "int2": "int8"}
    words = {"fp32": "fp32", "int8": "w8a8", "int4": "w4a4 beside their int8",
             "int2": "w2a2 beside their int8"}
    for net in SHAPES:
        contenders = {}
        for engine in engines:
            contenders["sgq", engine] = lambda e=engine: bench.speed(
                "bench_infer", "--net", net, "--engine", e)
        for kind in ("fp32", "int8"):
            contenders["onnx", kind] = lambda k=kind: bench.onnx(net, k)
        figures = bench.turns(contenders)
        for engine, peer in engines.items():
            ours, theirs = figures["sgq", engine], figures["onnx", peer]
            print(f"| {net}, {words[engine]} | {shown(ours)} | {shown(theirs)} | "
                  f"{ratio(ours, theirs)} |", flush=True)


def kernels(bench, program, title):
    """The benchmark races its peers itself; here the median of the rounds of each case."""
    cases = {}
    for _ in range(bench.o.rounds):
        for line in bench.sgq(program):
            if line.get("passes") == "forward_codes":
                continue  # of bytes: no peer does it
            kind = [line[k] for k in ("trans", "net", "passes") if k in line]
            key = *kind, f"{line['m']}x{line['k']}x{line['n']}"
            cases.setdefault(key, {}).setdefault(line["impl"], []).append(line["gflops"])
    # oneDNN without the cost of reordering to its own layout is no choice for plain tensors.
    peers = sorted({impl for case in cases.values() for impl in case} - {"sgq", "sgq_float", "onednn_blocked"})
    print(f"\n| {title}, GFLOP/s | sgq | {' | '.join(peers)} | sgq / the best peer |")
    print("|---|---:|" + "---:|" * len(peers) + "---:|")
    ratios = {}
    for key, case in cases.items():
        medians = {impl: statistics.median(v) for impl, v in case.items()}
        best = max((medians[p] for p in peers if p in medians), default=None)
        if best:
            ratios[key] = medians["sgq"] / best
        cells = " | ".join(f"{medians[p]:.0f}" if p in medians else "-" for p in peers)
        print(f"| {' '.join(key)} | {medians['sgq']:.0f} | {cells} | "
              f"{f'{ratios[key]:.2f}' if best else '-'} |")
    print()
    for kind in sorted({key[:-1] for key in ratios}):
        of_kind = [r for key, r in ratios.items() if key[:-1] == kind]
        mean = math.exp(sum(map(math.log, of_kind)) / len(of_kind))
        print(f"{' '.join(kind)}: geometric mean of the ratios {mean:.2f}, "
              f"lowest {min(of_kind):.2f}.", flush=True)


def processor():
    try:
        with open("/proc/cpuinfo") as file:
            fields = dict(line.split(":", 1) for line in file.read().split("\n\n")[0].splitlines())
        fields = {k.strip(): v.strip() for k, v in fields.items()}
        return f"{fields['model name']} (family {fields['cpu family']}, model {fields['model']})"
    except (OSError, KeyError, ValueError):
        return platform.processor() or platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", help="the folder of bench_step, bench_infer, ..")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="step,infer,gemm,conv")
    bench = Bench(parser.parse_args())
    version = output([PYTHON, "-c", "import torch; print(torch.__version__)"])
    isa = os.environ.get("SGQ_ISA") or "the best instruction set"
    print(f"{processor()}, {bench.o.threads} threads, sgq on {isa}, medians of {bench.o.rounds} "
          f"rounds (lowest..highest); PyTorch {(version or 'not found').strip()}, ONNX Runtime "
          f"{'for node' if bench.has_onnx else 'not found'}, "
          f"load {os.getloadavg()[0]:.1f} at the start.")
    tables = {"step": steps, "infer": inference,
              "gemm": lambda b: kernels(b, "bench_gemm", "sgemm"),
              "conv": lambda b: kernels(b, "bench_conv", "convolution")}
    for name in bench.o.only.split(","):
        tables[name](bench)


if __name__ == "__main__":
    main()
