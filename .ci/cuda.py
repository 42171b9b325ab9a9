#!/usr/bin/env python3
"""Compiles CUDA texts for the architectures of data centre cards, without a card, and holds what the assembler says of registers,
shared memory and spills to a budget.

    cuda.py NVRTC TEXTS BUDGET [--write]

NVRTC is the compiler's library, TEXTS a folder of whole texts (`cargo run --example kernel_texts -- cuda TEXTS`), BUDGET a table with
a line for each entry and architecture. Nothing may take more than its line allows, spill, or be without a line; a warning fails too.
--write makes the table anew from what is found.
"""

import argparse
import csv
import ctypes
import pathlib
import re
import sys

ARCHITECTURES = ["sm_80", "sm_90", "sm_100"]
# As the back end compiles them: backend/cuda/nvrtc.rs.
OPTIONS = ["--std=c++17", "--fmad=false", "--ptxas-options=-v"]
# A driver of CUDA 13.0 must take what it makes.
VERSION = (13, 0)
COLUMNS = ["kernel", "entry", "arch", "registers", "shared_bytes"]


class Compiler:
    def __init__(self, path):
        # It looks for its builtins where the loader looks, so they are loaded from beside it first.
        folder = pathlib.Path(path).resolve().parent
        for builtins in sorted(folder.glob("libnvrtc-builtins.so.*")):
            ctypes.CDLL(str(builtins), mode=ctypes.RTLD_GLOBAL)
        self.library = ctypes.CDLL(str(path))
        major, minor = ctypes.c_int(), ctypes.c_int()
        self.call("nvrtcVersion", ctypes.byref(major), ctypes.byref(minor))
        if (major.value, minor.value) != VERSION:
            sys.exit(f"NVRTC is {major.value}.{minor.value}, and not {VERSION[0]}.{VERSION[1]}")

    def call(self, name, *arguments):
        status = getattr(self.library, name)(*arguments)
        if status != 0:
            raise RuntimeError(f"{name}: status {status}")

    def compile(self, name, text, arch):
        """The log of a compilation and the bytes of machine code it gave, 0 if it failed."""
        program = ctypes.c_void_p()
        self.call("nvrtcCreateProgram", ctypes.byref(program), text, name.encode(), 0, None, None)
        options = [option.encode() for option in [f"--gpu-architecture={arch}", *OPTIONS]]
        failed = self.library.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
        size = ctypes.c_size_t()
        self.call("nvrtcGetProgramLogSize", program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        self.call("nvrtcGetProgramLog", program, log)
        size.value = 0
        if not failed:
            self.call("nvrtcGetCUBINSize", program, ctypes.byref(size))
        self.call("nvrtcDestroyProgram", ctypes.byref(program))
        return log.value.decode(), size.value


def figures(log):
    """Of each entry in a log: registers, bytes of shared memory, bytes spilled or on the stack."""
    found = {}
    for part in log.split("Compiling entry function 'kernel_")[1:]:
        entry = part[: part.index("'")]
        stack, stores, loads = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", part).groups()
        registers = re.search(r"Used (\d+) registers", part)[1]
        shared = re.search(r"(\d+) bytes smem", part)
        found[entry] = (int(registers), int(shared[1]) if shared else 0, int(stack) + int(stores) + int(loads))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nvrtc", type=pathlib.Path)
    parser.add_argument("texts", type=pathlib.Path)
    parser.add_argument("budget", type=pathlib.Path)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    compiler = Compiler(given.nvrtc)
    budget = {}
    if not given.write:
        with given.budget.open(newline="") as table:
            for line in csv.DictReader(table):
                budget[line["kernel"], line["entry"], line["arch"]] = (int(line["registers"]), int(line["shared_bytes"]))
    lines, failures = [], []
    for path in sorted(given.texts.glob("*.cu")):
        for arch in ARCHITECTURES:
            log, code_bytes = compiler.compile(path.name, path.read_bytes(), arch)
            if code_bytes == 0 or re.search(r"\bwarning\b", log):
                failures.append(f"{path.name} for {arch}:\n{log}")
                continue
            for entry, (registers, shared_bytes, spilled) in sorted(figures(log).items()):
                key = (path.stem, entry, arch)
                lines.append([*key, registers, shared_bytes])
                allowed = (registers, shared_bytes) if given.write else budget.pop(key, None)
                if spilled > 0:
                    failures.append(f"{key}: {spilled} bytes of stack and spills")
                if allowed is None:
                    failures.append(f"{key}: not in the budget")
                elif registers > allowed[0] or shared_bytes > allowed[1]:
                    failures.append(f"{key}: {registers} registers and {shared_bytes} bytes shared, allowed {allowed}")
    failures += [f"{key}: in the budget, but there is no such entry" for key in budget]
    if not lines:
        failures.append(f"no text in {given.texts}")
    if given.write:
        with given.budget.open("w", newline="") as table:
            csv.writer(table, lineterminator="\n").writerows([COLUMNS, *lines])
    print(f"{len(lines)} entries compiled for {', '.join(ARCHITECTURES)}")
    sys.exit("\n".join(failures) or None)


if __name__ == "__main__":
    main()
