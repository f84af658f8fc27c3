#!/usr/bin/env python3
"""Sizes, as a feel: the longest functions and files, the programs, their memory.

usage: sizes.py BUILD_DIR
"""
import glob
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

SHOWN = 10
EXAMPLE = ["plan", "--demand-file", "examples/cluster.yaml", "--instances", "all-mig", "--region",
           "us-east-1"]


def functions(path):
    """(lines, name) of each function: clang-format puts its braces into the first column."""
    with open(path, encoding="utf-8") as source:
        lines = source.read().splitlines()
    found, head, opened = [], 0, None
    for number, line in enumerate(lines):
        if line == "{":
            opened = number
        elif line.startswith("}") and opened is not None:
            name = re.search(r"(\w+)\(", " ".join(lines[head:opened]))
            found.append((number - head + 1, name.group(1) if name else "?"))
            opened = None
        if opened is None and (line.startswith("}") or line == "" or line.endswith((";", "*/"))):
            head = number + 1
    return found


def print_table(title, rows):
    print(f"\n{title}")
    for row in rows:
        print("  " + row)


def source_sizes():
    files, all_functions = [], []
    for path in sorted(glob.glob("src/**/*.[ch]", recursive=True)):
        with open(path, encoding="utf-8") as source:
            files.append((sum(1 for _ in source), path))
        all_functions += [(n, f"{name} ({path})") for n, name in functions(path)]
    lengths = sorted(n for n, _ in all_functions)
    print_table("longest functions (past 80 lines look for the hidden step)",
                [f"{n:5} {what}" for n, what in sorted(all_functions, reverse=True)[:SHOWN]])
    print_table("longest files (past 500 lines look for the second module)",
                [f"{n:5} {path}" for n, path in sorted(files, reverse=True)[:SHOWN]])
    print_table("in all", [
        f"{len(lengths)} functions, half under {statistics.median_high(lengths) + 1} lines, "
        f"nine in ten under {lengths[len(lengths) * 9 // 10] + 1}",
        f"{len(files)} files, {sum(n for n, _ in files)} lines"])


def stripped_size(path):
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "program")
        shutil.copyfile(path, copy)
        subprocess.run(["strip", copy], check=True)
        return os.path.getsize(copy)


def peaks(commands):
    """Peak resident memory of each in KiB; None where the command fails."""
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peak.c")
    with tempfile.TemporaryDirectory() as folder:
        peak = os.path.join(folder, "peak")
        subprocess.run(["cc", "-D_GNU_SOURCE", "-O2", source, "-o", peak], check=True)
        for command in commands:
            done = subprocess.run([peak, *command], capture_output=True, text=True, check=False)
            yield int(done.stdout) if done.returncode == 0 else None


def program_sizes(build):
    rows = []
    for path in sorted(glob.glob(os.path.join(build, "bin", "*"))):
        rows.append(f"{stripped_size(path) / 1024:8.0f} KiB {os.path.basename(path)}, stripped")
        commands = [[path, "--version"]]
        commands += [[path, *EXAMPLE]] if os.path.basename(path) == "gpuslice" else []
        for command, peak in zip(commands, peaks(commands)):
            words = " ".join([os.path.basename(path), *command[1:]])
            rows.append(f"{peak:8} KiB peak: {words}" if peak else f"  failed: {words}")
    print_table("programs", rows)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    source_sizes()
    program_sizes(sys.argv[1])


if __name__ == "__main__":
    main()
