#!/usr/bin/env python3
"""The counting of test cases in scripts/check.py: a failure must never be lost.

usage: test_check.py SOURCE_DIR
"""
import functools
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(sys.argv[1], "scripts")]
import check  # pylint: disable=wrong-import-position
import tap  # pylint: disable=wrong-import-position

PASSED, FAILED, SKIPPED = ("OK", 0), ("FAIL", 1), ("SKIP", 77)
CRASHED, LATE = ("FAIL", -11), ("TIMEOUT", -15)

# What a program printed and how it ended; passed, failed, skipped cases.
RUNS = [
    ("each_case_of_tap", "1..2\nok 1 - a\nok 2 - b\n", PASSED, (2, 0, 0)),
    ("a_failed_case", "1..2\nok 1 - a\nnot ok 2 - b\n# 1 != 2\n# not ok - tests\n", FAILED, (1, 1, 0)),
    ("a_failed_case_though_the_status_is_0", "1..1\nnot ok 1 - a\n", PASSED, (0, 1, 0)),
    ("a_skip_as_cmocka_writes_it", "1..1\nSKIP: no data\nnot ok 1 # SKIP a\n", PASSED, (0, 0, 1)),
    ("a_skip_as_tap_has_it", "1..1\nok 1 - a # SKIP no data\n", PASSED, (0, 0, 1)),
    ("a_program_that_skips_wholly", "SKIP: no data\n", SKIPPED, (0, 0, 1)),
    ("a_program_without_tap", "fine\n", PASSED, (1, 0, 0)),
    ("a_program_without_tap_that_fails", "bad\n", FAILED, (0, 1, 0)),
    ("a_crash_behind_good_cases", "1..2\nok 1 - a\n", CRASHED, (1, 1, 0)),
    ("a_crash_after_the_last_case", "1..1\nok 1 - a\n", CRASHED, (1, 1, 0)),
    ("cases_that_never_ran", "1..3\nok 1 - a\n", PASSED, (1, 1, 0)),
    ("a_program_that_takes_too_long", "1..1\n", LATE, (0, 1, 0)),
    ("a_plan_and_no_case", "1..2\n", PASSED, (0, 1, 0)),
]


def counts(output, ending, expected):
    tally = check.Tally()
    result, status = ending
    check.count({"name": "gpuslice:unit / x", "stdout": output, "result": result,
                 "returncode": status}, tally)
    got = (tally.passed, len(tally.failed), len(tally.skipped))
    assert got == expected, f"expected {expected}, got {got}: {vars(tally)}"


def check__gives_the_reason_of_a_skip():
    tally = check.Tally()
    check.count({"name": "gpuslice:unit / x", "result": "OK", "returncode": 0,
                 "stdout": "SKIP: no traces\nnot ok 1 # SKIP replays\nok 2 - b # SKIP no GPU\n"}, tally)
    assert tally.skipped == ["unit/x: replays: no traces", "unit/x: b: no GPU"], tally.skipped


def check__a_script_that_is_ended_clears_up():
    script = ("import sys, time, tap\n"
              "try:\n"
              "    tap.run([('waits', lambda: (print('waiting', flush=True), time.sleep(60)))])\n"
              "finally:\n"
              "    print('cleared up')\n")
    with subprocess.Popen([sys.executable, "-c", script], cwd=os.path.join(HERE, ".."), text=True,
                          stdout=subprocess.PIPE) as child:
        assert [child.stdout.readline() for _ in range(2)] == ["1..1\n", "waiting\n"]
        child.terminate()
        assert (child.stdout.read(), child.wait()) == ("cleared up\n", 143)


def once(name, ending):
    result, status = ending
    said = "1..1\nok 1 - a\n" if ending == PASSED else "1..1\nnot ok 1 - a\n"
    return {"name": f"gpuslice:x / {name}", "stdout": said, "result": result, "returncode": status}


def check__runs_again_only_what_waits_for_others():
    """(what fails first, what is known to wait, what fails again) -> (run again, passed then)"""
    for first, known, second, expected in (
            ("", "a b", "", ("", "")),
            ("a", "a b", "", ("a", "a")),
            ("a", "a b", "a", ("a", "")),
            ("a b", "a b", "b", ("a b", "a")),
            ("a c", "a b", "", ("", "")),
            ("a b d e", "a b d e", "", ("", ""))):
        asked = []

        def run(names, asked=asked, second=second):
            asked.extend(names)
            return [once(name, FAILED if name in second.split() else PASSED) for name in names]

        tests = [once(name, FAILED if name in first.split() else PASSED) for name in "abcde"]
        after, passed = check.run_again(tests, set(known.split()), run)
        got = " ".join(asked), " ".join(check.short_name(test)[-1] for test in passed)
        assert got == expected, f"{first}, {known}, {second}: expected {expected}, got {got}"
        failing = {check.short_name(test)[-1] for test in after if test["result"] == "FAIL"}
        assert failing == set(first.split()) - set(passed and expected[1].split()), failing


def main():
    cases = [(f"check__counts_{name}", functools.partial(counts, output, ending, expected))
             for name, output, ending, expected in RUNS]
    tap.run(cases + tap.cases_of(sys.modules[__name__], "check__"))


if __name__ == "__main__":
    main()
