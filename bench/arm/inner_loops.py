#!/usr/bin/env python3
"""Counts the instructions of innermost loops in a disassembly of AArch64 code, and the multiply-accumulates that they do.

    inner_loops.py OBJECT [--objdump PROGRAM] [--function REGEX]

For every function that matches, the innermost loop with the most multiply-accumulates is printed: its instructions, the multiply-accumulates
among them, the loads, and instructions for each 16 multiply-accumulates. No Arm board is needed: a figure to compare loops by, not a time.
"""

import argparse
import re
import subprocess
import sys

# Multiply-accumulates of one instruction, by mnemonic and the arrangement of its first operand.
PRODUCTS = {
    "fmla": {"4s": 4, "2s": 2, "8h": 8, "2d": 2},
    "fmul": {"4s": 4, "2s": 2},
    "sdot": {"4s": 16, "2s": 8},
    "udot": {"4s": 16, "2s": 8},
    "usdot": {"4s": 16},
    "smmla": {"4s": 32},
    "ummla": {"4s": 32},
    "usmmla": {"4s": 32},
    "smull": {"8h": 8, "4s": 4},
    "umull": {"8h": 8, "4s": 4},
    "smull2": {"8h": 8, "4s": 4},
    "umull2": {"8h": 8, "4s": 4},
    "smlal": {"8h": 8, "4s": 4},
    "umlal": {"8h": 8, "4s": 4},
    "smlal2": {"8h": 8, "4s": 4},
    "umlal2": {"8h": 8, "4s": 4},
}
HEAD = re.compile(r"^[0-9a-f]+ <(.*)>:$")
LINE = re.compile(r"^\s*([0-9a-f]+):\s+[0-9a-f]{8}\s+(\S+)\s*(.*)$")
BRANCH = re.compile(r"^(b\.\w+|b|cbn?z|tbn?z)$")
TARGET = re.compile(r"\b([0-9a-f]+) <")


def functions(text):
    """Yields (name, [(address, mnemonic, operands)])."""
    name, body = None, []
    for line in text.splitlines():
        head = HEAD.match(line)
        if head:
            if name:
                yield name, body
            name, body = head.group(1), []
            continue
        m = LINE.match(line)
        if m:
            body.append((int(m.group(1), 16), m.group(2), m.group(3)))
    if name:
        yield name, body


def products(mnemonic, operands):
    shapes = PRODUCTS.get(mnemonic)
    if not shapes:
        return 0
    m = re.match(r"v\d+\.(\w+)", operands)
    return shapes.get(m.group(1), 0) if m else 0


def inner_loops(body):
    """Loops that hold no other: pairs of positions in body."""
    position = {address: i for i, (address, _, _) in enumerate(body)}
    loops = []
    for i, (address, mnemonic, operands) in enumerate(body):
        if not BRANCH.match(mnemonic):
            continue
        target = TARGET.search(operands)
        if target and int(target.group(1), 16) <= address and int(target.group(1), 16) in position:
            loops.append((position[int(target.group(1), 16)], i))
    return [a for a in loops if not any(a != b and a[0] <= b[0] and b[1] <= a[1] for b in loops)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("object")
    parser.add_argument("--objdump", default="aarch64-linux-gnu-objdump")
    parser.add_argument("--function", default=".", help="regular expression for demangled names")
    arguments = parser.parse_args()
    text = subprocess.run([arguments.objdump, "-dC", arguments.object], check=True,
                          capture_output=True, text=True).stdout
    wanted, found = re.compile(arguments.function), 0
    print(f"{'instructions':>12} {'products':>9} {'loads':>6} {'per 16 products':>16}  function")
    for name, body in functions(text):
        if not wanted.search(name):
            continue
        best = None
        for first, last in inner_loops(body):
            loop = body[first:last + 1]
            count = sum(products(m, o) for _, m, o in loop)
            if count and (best is None or count > best[1]):
                best = (len(loop), count, sum(m.startswith("ld") for _, m, _ in loop))
        if best:
            found += 1
            print(f"{best[0]:12} {best[1]:9} {best[2]:6} {16 * best[0] / best[1]:16.2f}  {name.split('(')[0]}")
    if not found:
        sys.exit(f"{arguments.object}: no function that matches {arguments.function} has a loop with products")


if __name__ == "__main__":
    main()
