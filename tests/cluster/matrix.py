#!/usr/bin/env python3
"""make check-matrix: the core of the tests on a cluster, over versions of Kubernetes and Karpenter.

usage: matrix.py BUILD_DIR [KUBERNETES[/KARPENTER][:TEST,TEST...] ...]

Without more words it runs all columns, else those named ("1.34", "1.35/1.11", "1.35:agent,chart"). What
is missing is built first: minutes for each Kubernetes. BUILD_DIR/matrix.json keeps what was found, from
run to run, and the table of all of it is printed at the end. Exits 1 when a case failed.
"""
import json
import os
import re
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
# pylint: disable=wrong-import-position
from bed import versions
from bed.errors import BedError

LIMIT_S = 3600  # of one test, with the programs that it may have to build
SKIPPED = 77
NODES = ("agent", "gpunode", "controller", "webhook", "chart")
POOLS = ("karpenter", "pools", "static")

# (Kubernetes, Karpenter, tests): of Karpenter the one of all tests and the oldest that keeps to
# limits.nodes (docs/versions.md); the test `static` has one without NodeOverlay
COLUMNS = [
    ("1.36", "1.14", NODES + POOLS),
    ("1.35", "1.14", NODES + POOLS),
    ("1.35", "1.11", POOLS),
    ("1.34", "1.14", NODES + POOLS),
]


def counted(text, status):
    """What a test printed, as counts; a reason where it ran nothing."""
    found = {"passed": 0, "failed": [], "skipped": 0, "of": 0}
    for line in text.splitlines():
        plan = re.match(r"1\.\.(\d+)$", line)
        case = re.match(r"(not )?ok \d+ - (.*?)( # SKIP.*)?$", line)
        if plan:
            found["of"] = int(plan[1])
        elif case and case[1]:
            found["failed"].append(case[2])
        elif case:
            found["skipped" if case[3] else "passed"] += 1
    if status == SKIPPED:
        found["why"] = (re.findall(r"^SKIP: (.*)$", text, re.MULTILINE) or ["no reason"])[-1]
    return found


def verdict(found):
    """A cell of the table."""
    ran = found["passed"] + len(found["failed"]) + found["skipped"]
    if "why" in found:
        return f"not run: {found['why']}"
    if found["of"] == 0:
        return "did not start"
    said = [str(found["passed"]) + (f" of {found['of']}" if found["passed"] < found["of"] else "")]
    said += [f"{len(found['failed'])} failed"] if found["failed"] else []
    said += [f"{found['skipped']} left out"] if found["skipped"] else []
    return ", ".join(said + (["ended early"] if ran < found["of"] else []))


class Kept:
    """What was found so far, in a file: {"KUBERNETES KARPENTER": {test: counts}}."""

    def __init__(self, path):
        self.path, self.columns = path, {}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                self.columns = json.load(file)

    def add(self, kubernetes, karpenter, test, found):
        self.columns.setdefault(f"{kubernetes} {karpenter}", {})[test] = found
        with open(f"{self.path}.new", "w", encoding="utf-8") as file:
            json.dump(self.columns, file, indent=1)
        os.rename(f"{self.path}.new", self.path)

    def table(self):
        """Markdown: a row for each test, a column for each pair of versions; numbers are cases that
        passed."""
        names = sorted(self.columns, key=lambda name: [versions.numbers(v) for v in name.split()],
                       reverse=True)
        order = dict.fromkeys(test for name in names for test in self.columns[name])
        rows = [["", *(" / ".join(name.split()) for name in names)], ["---"] * (len(names) + 1)]
        rows += [[test, *(verdict(self.columns[name][test]) if test in self.columns[name] else "–"
                          for name in names)] for test in order]
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def wanted(words):
    """The columns that the words name; all of them without words."""
    made = []
    for word in words:
        pair, _, tests = word.partition(":")
        kubernetes, _, karpenter = pair.partition("/")
        fits = [one for one in COLUMNS if one[0] == ".".join(kubernetes.split(".")[:2])
                and (not karpenter or one[1] == ".".join(karpenter.split(".")[:2]))]
        if tests:
            fits = [(kubernetes, karpenter or "1.14", tuple(tests.split(",")))]
        if not fits:
            raise SystemExit(f"{word}: found no such column, expected one of "
                             f"{', '.join('/'.join(one[:2]) for one in COLUMNS)}, or with tests, as "
                             "1.35:agent,chart")
        made += fits
    return made or COLUMNS


def run_test(name, build, environment):
    """(what it printed, its exit status). Its output is also shown as it comes."""
    said = []
    with subprocess.Popen([sys.executable, os.path.join(HERE, f"test_{name}.py"), build],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          env=environment) as process:
        signal.signal(signal.SIGALRM, lambda *_: process.terminate())  # the bed removes itself
        signal.alarm(LIMIT_S)
        for line in process.stdout:
            print(f"    {line}", end="", flush=True)
            said.append(line)
        status = process.wait()
        signal.alarm(0)
    return "".join(said), status


def run_column(build, kept, kubernetes, karpenter, tests):
    """Whether nothing failed."""
    chosen = [versions.chosen(group, asked)[0] for group, asked in
              (("kubernetes", kubernetes), ("karpenter", karpenter))]
    environment = dict(os.environ, GPUSLICE_CLUSTER="fetch", PYTHONUNBUFFERED="1")
    environment.update(zip((versions.VARIABLES[group] for group in ("kubernetes", "karpenter")),
                           chosen))
    well = True
    for name in tests:
        print(f"Kubernetes {chosen[0]}, Karpenter {chosen[1]}: {name}", flush=True)
        begun = time.monotonic()
        found = counted(*run_test(name, build, environment))
        print(f"  {verdict(found)} ({time.monotonic() - begun:.0f} s)", flush=True)
        kept.add(*chosen, name, found)
        ran = found["passed"] + found["skipped"]
        well = well and "why" not in found and ran == found["of"] != 0
    return well


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    build = os.path.abspath(sys.argv[1])
    kept = Kept(os.path.join(build, "matrix.json"))
    try:
        well = [run_column(build, kept, *column) for column in wanted(sys.argv[2:])]
    except BedError as error:
        sys.exit(str(error))
    print("\nCases that passed, by test, Kubernetes and Karpenter:\n")
    print(kept.table())
    sys.exit(0 if all(well) else 1)


if __name__ == "__main__":
    main()
