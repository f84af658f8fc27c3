#!/usr/bin/env python3
"""Which Kubernetes and Karpenter a bed gets, by what is asked for; nothing is built or started."""
import json
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
# pylint: disable=wrong-import-position
import matrix
import tap
from bed import versions
from bed.errors import BedError

# (what the variable says, what is found); the folders below are there
CHOICES = [(None, "1.36.3"), ("", "1.36.3"), ("1.36", "1.36.3"), ("1.35", "1.35.10"),
           ("1.35.4", "1.35.4"), ("v1.35.4", "1.35.4"), ("1", "1.36.3")]
NOT_THERE = ["1.3", "1.35.1", "1.37", "latest", "1.35.", "..", "1.36.3/../x"]


def folders(where):
    """Modules of three versions, as in programs/."""
    for name, line in (("kubernetes", "\tk8s.io/kubernetes v1.36.3 // indirect"),
                       ("kubernetes-1.35.4", "\tk8s.io/kubernetes v1.35.4"),
                       ("kubernetes-1.35.10", "require k8s.io/kubernetes v1.35.10"),
                       ("kubernetes-next", "")):
        os.mkdir(os.path.join(where, name))
        with open(os.path.join(where, name, "go.mod"), "w", encoding="utf-8") as file:
            file.write(f"module x\n\nreplace k8s.io/kubernetes => k8s.io/kubernetes v1.0.0\n{line}\n")
    return where


def version__is_the_default_one_or_the_newest_that_begins_so():
    with tempfile.TemporaryDirectory() as where:
        folders(where)
        for asked, wanted in CHOICES:
            found, folder = versions.chosen("kubernetes", asked, where)
            assert found == wanted, f"{asked!r}: found {found}, expected {wanted}"
            assert versions.in_module(folder, "k8s.io/kubernetes") == wanted


def version__that_is_not_there_is_refused_with_those_that_are():
    with tempfile.TemporaryDirectory() as where:
        folders(where)
        for asked in NOT_THERE:
            try:
                found = versions.chosen("kubernetes", asked, where)
            except BedError as error:
                assert "GPUSLICE_KUBERNETES=" in str(error) and "1.35.10, 1.35.4" in str(error), error
            else:
                raise AssertionError(f"{asked!r} was taken: {found}")


def folders__are_named_by_what_their_modules_require():
    for group in versions.MODULES:
        for version, folder in versions.known(group).items():
            name = os.path.basename(folder)
            assert name in (group, f"{group}-{version}"), f"{folder} has {version}"
            sums = versions.module_sum(folder, versions.MODULES[group], version)
            assert sums.startswith("h1:"), sums


def matrix__has_versions_that_can_be_built_and_tests_that_are_there():
    for column in matrix.COLUMNS:
        for group, asked in zip(("kubernetes", "karpenter"), column[:2]):
            versions.chosen(group, asked)
        for name in column[2]:
            assert os.path.exists(os.path.join(HERE, f"test_{name}.py")), name


def matrix__counts_what_a_test_printed():
    said = "1..4\nok 1 - a\nnot ok 2 - b\n# why\nok 3 - c # SKIP no kernel\nok 4 - d\n"
    assert matrix.counted(said, 1) == {"passed": 2, "failed": ["b"], "skipped": 1, "of": 4}
    # one that ends before its last case has not passed
    assert matrix.verdict(matrix.counted("1..3\nok 1 - a\n", 1)) == "1 of 3, ended early"
    assert matrix.verdict(matrix.counted("SKIP: no Go\n", 77)) == "not run: no Go"
    assert matrix.verdict(matrix.counted(said, 1)) == "2 of 4, 1 failed, 1 left out"
    assert matrix.verdict(matrix.counted("1..1\nok 1 - a\n", 0)) == "1"
    assert matrix.verdict(matrix.counted("", 1)) == "did not start"


def matrix__results_are_kept_by_column_and_test():
    with tempfile.TemporaryDirectory() as where:
        path = os.path.join(where, "matrix.json")
        kept = matrix.Kept(path)
        kept.add("1.35.4", "1.14.1", "agent", {"passed": 3, "failed": [], "skipped": 0, "of": 3})
        with open(path, encoding="utf-8") as file:
            assert json.load(file) == {"1.35.4 1.14.1": {"agent": {
                "passed": 3, "failed": [], "skipped": 0, "of": 3}}}
        assert "| agent | 3 |" in matrix.Kept(path).table()


if __name__ == "__main__":
    tap.run([(name, case) for name, case in list(globals().items())
             if "__" in name[1:] and not name.startswith("__") and callable(case)])
