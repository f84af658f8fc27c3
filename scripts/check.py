#!/usr/bin/env python3
"""Runs the tests of a build folder and counts test cases.

usage: check.py [--plus OTHER_BUILD_DIR] BUILD_DIR [meson test argument ...]

Prints which suites were left out (--no-suite), what failed (with its output), what was skipped and
why, and last of all
    N passed, N failed, N skipped
A test is an executable; its cases are the lines of TAP that it prints (cmocka is told to). One that
prints no TAP is one case, and exit status 77 is a skip. A test says why it skips in a line
"SKIP: reason". With --plus the last line counts what ran last in the other folder too. Exits 1 when
a case failed, or when nothing ran.

Tests that drive daemons of others in real time (AGAIN) are run once more when they fail, alone: what
passes then is counted as passed, and named as "passed only when run again", with its first output.
"""
import json
import os
import re
import subprocess
import sys

CASE = re.compile(r"^(not )?ok \d+ *(?:- )?(.*)$")
SKIP = re.compile(r"^(.*?) *# SKIP\b *(.*)$", re.IGNORECASE)
SKIPPED = 77
# Suites that wait for kubelets, browsers and the like. More failures than that are no accident.
AGAIN = {"cluster", "cluster-long", "web", "monitoring"}
AGAIN_MOST = 3


class Tally:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, [], []


def run_meson(build, arguments):
    """One JSON object a test, as meson logs them."""
    log = os.path.join(build, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.unlink(log)
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP")
    command = ["meson", "test", "-C", build, "--no-rebuild", "--quiet", *arguments]
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, encoding="utf-8", errors="replace",
                          check=False)
    if not os.path.exists(log):
        sys.exit(f"{' '.join(command)} ran nothing:\n{done.stdout}")
    with open(log, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def may_fail_by_accident(build):
    """The names of the tests that are worth a second run."""
    asked = subprocess.run(["meson", "introspect", build, "--tests"], check=True, text=True,
                           stdout=subprocess.PIPE)
    return {test["name"] for test in json.loads(asked.stdout)
            if AGAIN & {suite.rpartition(":")[2] for suite in test["suite"]}}


def run_again(tests, known, run):
    """The tests, and those that passed only now, as they were: run(names) runs what failed, if it is
    little and all of it known to wait for others."""
    failed = {test["name"]: test for test in tests if count(test, Tally())}
    names = {full.rpartition(" / ")[2] for full in failed}
    if not names or len(names) > AGAIN_MOST or not names <= known:
        return tests, []
    good = {test["name"]: test for test in run(sorted(names)) if not count(test, Tally())}
    return ([good.get(test["name"], test) for test in tests],
            [failed[name] for name in sorted(failed) if name in good])


def short_name(test):
    """"gpuslice:unit / view" is unit/view."""
    return test["name"].split(":", 1)[-1].replace(" / ", "/")


def count(test, tally):
    """Adds the cases of one executable. Returns true when its output is worth showing."""
    name, status = short_name(test), test["returncode"]
    output = (test.get("stdout") or "").splitlines()
    failed_before, cases, reason = len(tally.failed), 0, ""
    for line in output:
        if line.startswith("SKIP:"):
            reason = line[len("SKIP:"):].strip()
        case = CASE.match(line)
        if not case:
            continue
        cases += 1
        bad, title = case.groups()
        skip = SKIP.match(title)
        if skip:
            tally.skipped.append(f"{name}: {skipped_case(skip, reason)}")
            reason = ""
        elif bad:
            tally.failed.append(f"{name}: {title}")
        else:
            tally.passed += 1
    failed_here = len(tally.failed) > failed_before
    if cases == 0 and status == SKIPPED:
        tally.skipped.append(f"{name}: {reason or 'no reason given'}")
    elif cases == 0 and test["result"] == "OK" and planned(output, 0):
        tally.passed += 1
    elif test["result"] not in ("OK", "SKIP") and not failed_here:
        tally.failed.append(f"{name}: {test['result']}, exit status {status}")
        failed_here = True
    elif not planned(output, cases):
        tally.failed.append(f"{name}: ended before all of its cases had run")
        failed_here = True
    return failed_here


def skipped_case(skip, reason):
    """cmocka writes "# SKIP name" (the reason came before it), TAP "name # SKIP reason"."""
    before, after = skip.groups()
    title, why = (before, after) if before else (after, "")
    return f"{title}: {why or reason or 'no reason given'}"


def planned(output, cases):
    """False when a TAP plan promised more cases than there were."""
    plans = [line for line in output if re.match(r"^1\.\.\d+$", line)]
    return cases >= sum(int(plan[3:]) for plan in plans)


def show(test, before=""):
    """What it wrote; each line after `before`, so that a quoted one is not taken for a result."""
    print(f"---- {short_name(test)}: {' '.join(test['command'])}")
    for stream in ("stdout", "stderr"):
        text = (test.get(stream) or "").rstrip()
        for line in text[-20000:].splitlines():
            print(before + line)
    print()


def remember(build, numbers):
    with open(os.path.join(build, ".tally"), "w", encoding="ascii") as out:
        out.write(" ".join(str(n) for n in numbers))


def remembered(build):
    with open(os.path.join(build, ".tally"), encoding="ascii") as source:
        return [int(n) for n in source.read().split()]


def report(build, tests, tally, again, plus, left_out):
    for suite in left_out:
        print(f"not run: the suite {suite}")
    for test in again:
        print(f"passed only when run again: {short_name(test)}")
    for title, cases in (("failed", tally.failed), ("skipped", tally.skipped)):
        for case in cases:
            print(f"{title}: {case}")
    slowest = max(tests, key=lambda t: t["duration"])
    print(f"{build}: {len(tests)} test programs, the slowest {short_name(slowest)} "
          f"({slowest['duration']:.1f} s)")
    numbers = [tally.passed, len(tally.failed), len(tally.skipped)]
    remember(build, numbers)
    for other in plus:
        numbers = [a + b for a, b in zip(numbers, remembered(other))]
    print("{} passed, {} failed, {} skipped".format(*numbers), flush=True)


def main():
    arguments = sys.argv[1:]
    plus = []
    if len(arguments) > 2 and arguments[0] == "--plus":
        plus, arguments = [arguments[1]], arguments[2:]
    if not arguments or arguments[0].startswith("-"):
        sys.exit(__doc__)
    build = arguments[0]
    tests = run_meson(build, arguments[1:])
    if not tests:
        sys.exit(f"{build}: no test ran")
    times = [f"-t{arguments[arguments.index('-t') + 1]}"] if "-t" in arguments else []
    tests, again = run_again(tests, may_fail_by_accident(build),
                             lambda names: run_meson(build, times + names))
    tally = Tally()
    for test in again:
        show(test, "first run: ")
    for test in sorted(tests, key=short_name):
        if count(test, tally):
            show(test)
    left_out = [suite for word, suite in zip(arguments, arguments[1:]) if word == "--no-suite"]
    report(build, tests, tally, again, plus, left_out)
    sys.exit(1 if tally.failed or tally.passed == 0 else 0)


if __name__ == "__main__":
    main()
