#!/usr/bin/env python3
"""Golden tests: what the command line prints, byte for byte.

usage: golden.py [--update] GPUSLICE GOLDEN_DIR

NAME.cmd holds one command line without the program's name, run in the root of the repository (and
read as a shell would split it; lines that start with # are for people). NAME.out holds what it
prints, then, where there is any, "--- stderr" with that text and "--- exit N" for a status that is
not 0. --update writes the .out files anew, to be reviewed as code.
"""
import difflib
import os
import shlex
import subprocess
import sys


def command_of(path):
    with open(path, encoding="utf-8") as source:
        lines = [line for line in source if not line.startswith("#")]
    return shlex.split(" ".join(lines))


def run(program, arguments, folder):
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TERM": "dumb", "NO_COLOR": "1"}
    env.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
    done = subprocess.run([program, *arguments], cwd=folder, env=env, capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=60, check=False)
    text = done.stdout.decode("utf-8", "backslashreplace")
    if done.stderr:
        text += "--- stderr\n" + done.stderr.decode("utf-8", "backslashreplace")
    if done.returncode != 0:
        text += f"--- exit {done.returncode}\n"
    return text


def compare(path, got):
    if not os.path.exists(path):
        return [f"{path} is missing: run `make golden` and review what it writes"]
    with open(path, encoding="utf-8", newline="") as source:
        expected = source.read()
    return list(difflib.unified_diff(expected.splitlines(), got.splitlines(), path, "printed now",
                                     lineterm="")) or ([] if expected == got else ["line ends"])


def main():
    arguments = [a for a in sys.argv[1:] if a != "--update"]
    if len(arguments) != 2:
        sys.exit(__doc__)
    program, folder = os.path.abspath(arguments[0]), arguments[1]
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    names = sorted(n[:-4] for n in os.listdir(folder) if n.endswith(".cmd"))
    if not names:
        sys.exit(f"{folder}: expected NAME.cmd files, found none")
    print(f"1..{len(names)}")
    failed = 0
    for number, name in enumerate(names, 1):
        got = run(program, command_of(os.path.join(folder, name + ".cmd")), root)
        path = os.path.join(folder, name + ".out")
        if "--update" in sys.argv:
            with open(path, "w", encoding="utf-8", newline="") as out:
                out.write(got)
        difference = compare(path, got)
        failed += bool(difference)
        print(f"{'not ' if difference else ''}ok {number} - golden {name}")
        for line in difference[:200]:
            print(f"# {line}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
