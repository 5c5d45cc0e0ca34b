#!/usr/bin/env python3
"""Counts the instructions of the int8 inner loops on 64-bit ARM, in the disassembly, and prints the
table of docs/portability.md. Fails where a loop of the integer engine takes more than 1.3 instructions
per dot product.

    apt-get install -y g++-aarch64-linux-gnu
    bench/inner_loops.py [compiler and options]         default: aarch64-linux-gnu-g++ -O2
"""
import os
import re
import subprocess
import sys
import tempfile

INCLUDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "include")
MOST = 1.3  # instructions per dot, in the engine

# What is counted: title, the function to instantiate, what multiplies there, and whether MOST holds.
# A function is found by the kernel in its name.
KERNELS = [
    ("integer engine, neon-i8mm",
     "void detail::run_i8mm<u8s8_dot_neon<true>, const U8s8Dot&>(const U8s8Dot&)", "sudot", True),
    ("integer engine, neon-dotprod",
     "void detail::run_dotprod<u8s8_dot_neon<false>, const U8s8Dot&>(const U8s8Dot&)", "sdot", True),
    ("integer engine, neon", "void u8s8_dot_tile_words<4>(const U8s8Dot&, index_t, index_t)",
     "sadalp", False),
    ("training on codes, neon-i8mm",
     "void detail::run_i8mm<quad_8x12_neon<true, float, 3>, const QuadProduct<float>&>"
     "(const QuadProduct<float>&)", "usdot", False),
    ("training on codes, neon-dotprod",
     "void detail::run_dotprod<quad_8x12_neon<false, float, 3>, const QuadProduct<float>&>"
     "(const QuadProduct<float>&)", "sdot", False),
    ("training, float", "void outer_bytes16<float, 8, 8, 3>(const OuterProduct<float>&)", "fmla",
     False),
]


def run(command, text=None):
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def disassembly(compiler):
    """All kernels, compiled in one file: the name and the text of each function."""
    declarations = "".join(f"template {declaration};\n" for _, declaration, _, _ in KERNELS)
    source = ('#include "sgq/kernels/gemm/gemm.hpp"\n#include "sgq/kernels/int8/int8.hpp"\n'
              '#include "sgq/kernels/int8/quad_tiles.hpp"\n'
              f"namespace sgq::kernels {{\n{declarations}}}\n")
    with tempfile.TemporaryDirectory() as folder:
        object_file = os.path.join(folder, "kernel.o")
        run([*compiler, "-std=c++20", "-I", INCLUDE, "-c", "-x", "c++", "-", "-o", object_file],
            source)
        objdump = "aarch64-linux-gnu-objdump"
        text = run([objdump, "-d", "-C", "--no-show-raw-insn", object_file])
    return re.findall(r"^[0-9a-f]+ <(.*?)>:\n(.*?)(?:\n\n|\Z)", text, re.S | re.M)


def instructions(functions, declaration, dot):
    """The function of this kernel that multiplies most: address, mnemonic, operands."""
    kernel = re.search(r"(u8s8_dot|quad|outer)\w+<[^<>]*>", declaration)[0]
    bodies = [body for name, body in functions if kernel in re.sub(r"(?<=\d)[ul]+\b", "", name)]
    body = max(bodies, key=lambda b: len(re.findall(rf"\t{dot}\t", b)))
    found = re.findall(r"^\s*([0-9a-f]+):\s+(\S+)(.*)$", body, re.M)
    return [(int(address, 16), mnemonic, rest) for address, mnemonic, rest in found]


def innermost_loop(code, dot):
    """The instructions from the target of a backward branch to it: the loop with most dots that has
    no other inside."""
    loops = []
    for at, mnemonic, rest in code:
        target = re.search(r"\b([0-9a-f]+) <", rest)
        if re.match(r"b\.|cbn?z|tbn?z|b$", mnemonic) and target and int(target.group(1), 16) <= at:
            loops.append((int(target.group(1), 16), at))
    inner = [l for l in loops
             if not any(m != l and l[0] <= m[0] and m[1] <= l[1] for m in loops)]
    bodies = [[i for i in code if first <= i[0] <= last] for first, last in inner]
    return max(bodies, key=lambda body: sum(re.match(dot, i[1]) is not None for i in body))


def main():
    compiler = sys.argv[1:] or ["aarch64-linux-gnu-g++", "-O2"]
    failed = False
    print(run([compiler[0], "--version"]).splitlines()[0], *compiler[1:], "\n")
    print("| inner loop | instructions | dots | loads | per dot | multiply-adds per dot |")
    print("|---|---:|---:|---:|---:|---:|")
    functions = disassembly(compiler)
    for title, declaration, dot, limited in KERNELS:
        body = innermost_loop(instructions(functions, declaration, dot), dot)
        dots = sum(re.match(dot, i[1]) is not None for i in body)
        loads = sum(re.match(r"ld", i[1]) is not None for i in body)
        if dots == 0:
            sys.exit(f"{title}: no {dot} in its inner loop")
        terms = {"fmla": 4, "sadalp": 8}.get(dot, 16)
        print(f"| {title} | {len(body)} | {dots} `{dot}` | {loads} | {len(body) / dots:.2f} | {terms} |")
        failed |= limited and len(body) > MOST * dots
    if failed:
        sys.exit(f"more than {MOST} instructions per dot")


if __name__ == "__main__":
    main()
