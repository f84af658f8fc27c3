#!/usr/bin/env python3
"""The golden tests' runner (tests/golden/run.py): a difference must never be lost.

usage: test_golden.py
"""
import contextlib
import functools
import io
import os
import stat
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "golden")]
import run as golden  # pylint: disable=wrong-import-position
import tap  # pylint: disable=wrong-import-position

# A program that says what it is told: its arguments are stdout, stderr and status.
SAYS = '#!/bin/sh\n[ "$1" = -o ] && shift 2\nprintf "$1"; printf "$2" >&2; exit ${3:-0}\n'
# One whose YAML is not its JSON.
FORKED = '#!/bin/sh\n[ "$2" = json ] && echo \'{"a": 1}\' || echo "a: 2"\n'

SAY = "$ says 'out\\n' 'err\\n' 3\n"
# Case files, and whether the runner must find something wrong.
CASES = [
    ("what_is_as_expected", SAY + "= 3\n> out\n! err\n", False),
    ("the_status", SAY + "= 0\n> out\n! err\n", True),
    ("stdout", SAY + "= 3\n> ouch\n! err\n", True),
    ("stdout_that_was_not_expected", SAY + "= 3\n! err\n", True),
    ("stdout_that_did_not_come", SAY + "= 3\n> out\n> more\n! err\n", True),
    ("stderr", SAY + "= 3\n> out\n! error\n", True),
    ("stderr_that_was_not_expected", SAY + "= 3\n> out\n", True),
    ("a_newline_at_the_end", SAY + "= 3\n> out\n\\ no newline\n! err\n", True),
    ("what_is_not_compared", SAY + "@ any-stdout\n@ any-stderr\n= 3\n", False),
    ("nothing_where_something_must_be", "$ says ''\n@ any-stdout\n= 0\n", True),
    ("a_line_without_sign", SAY + "= 3\nout\n! err\n", True),
    ("a_line_before_the_first_command", "= 3\n" + SAY, True),
    ("a_program_that_is_not_there", "$ says-not\n= 0\n", True),
    ("json", "$ gpuslice -o json '{\"a\": 1}\\n'\n= 0\n> {\"a\": 1}\n", False),
    ("json_that_is_none", "$ gpuslice -o json '{a: 1}\\n'\n= 0\n> {a: 1}\n", True),
]


def failures(text, update=False):
    """(failed cases, text of the case file afterwards)"""
    with tempfile.TemporaryDirectory() as folder:
        for name, script in (("says", SAYS), ("gpuslice", SAYS), ("forked", FORKED)):
            path = os.path.join(folder, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write(script)
            os.chmod(path, stat.S_IRWXU)
        path = os.path.join(folder, "x.case")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        report = golden.Report()
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                golden.run_file(path, folder, update, report)
            except golden.Wrong:
                report.failed += 1
        with open(path, encoding="utf-8") as file:
            return report.failed, file.read()


def judge(text, minds):
    failed, _ = failures(text)
    assert (failed > 0) == minds, f"{failed} failed in:\n{text}"


def golden__refuses_yaml_that_is_another_tree():
    if golden.yaml is None:
        print("# no module yaml: not looked at")
        return
    assert failures("$ forked -o yaml\n= 0\n> a: 2\n")[0] == 1


def golden__writes_what_came_when_told_to():
    failed, text = failures("# why\n\n$ says 'a\\n\\nb' 'c\\n' 2\n", update=True)
    assert failed == 0
    assert text == "# why\n\n$ says 'a\\n\\nb' 'c\\n' 2\n= 2\n> a\n>\n> b\n\\ no newline\n! c\n", text
    assert failures(text)[0] == 0


if __name__ == "__main__":
    tap.run([(f"golden__{'minds' if minds else 'lets_pass'}_{name}",
              functools.partial(judge, text, minds)) for name, text, minds in CASES] +
            tap.cases_of(sys.modules[__name__], "golden__"))
