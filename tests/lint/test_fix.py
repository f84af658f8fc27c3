#!/usr/bin/env python3
"""`gpuslice lint --fix`, --fix-to and --diff on files: what is written, and what stays.

usage: test_fix.py GPUSLICE
"""
import glob
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
import tap  # pylint: disable=wrong-import-position

CORPUS = os.path.join(HERE, "..", "fuzz", "corpus", "lint")
WRONG = os.path.join(CORPUS, "a109.yaml")


def lint(*words, stdin=None, cwd=None):
    return subprocess.run([os.path.abspath(sys.argv[1]), "lint", *words], input=stdin, cwd=cwd,
                          capture_output=True, check=False, timeout=60)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def texts():
    """All files of the corpus, and the guides where they are."""
    folder = os.environ.get("GPUSLICE_TESTDATA") or "/nowhere"
    return sorted(glob.glob(os.path.join(CORPUS, "*")) + glob.glob(f"{folder}/guides/*.txt"))


def lint__fix_keeps_the_mode_and_a_second_time_changes_nothing():
    with tempfile.TemporaryDirectory(prefix="gs-lint-") as folder:
        path = shutil.copy(WRONG, folder)
        os.chmod(path, 0o640)
        done = lint("--fix", path)
        assert done.returncode == 0, done
        assert os.stat(path).st_mode & 0o777 == 0o640
        assert b"nvidia.com/gpu" not in read(path)
        before = os.stat(path)
        done = lint("--fix", path)
        after = os.stat(path)
        assert done.returncode == 0 and done.stdout.startswith(b"0 errors"), done
        assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
        assert os.listdir(folder) == [os.path.basename(path)], "something was left beside it"


def lint__fix_follows_a_link_and_leaves_it():
    with tempfile.TemporaryDirectory(prefix="gs-lint-") as folder:
        path = shutil.copy(WRONG, os.path.join(folder, "real.yaml"))
        os.symlink("real.yaml", os.path.join(folder, "link.yaml"))
        assert lint("--fix", os.path.join(folder, "link.yaml")).returncode == 0
        assert os.path.islink(os.path.join(folder, "link.yaml"))
        assert b"nvidia.com/gpu" not in read(path)


def lint__a_file_that_cannot_be_written_stays_as_it_was():
    done = lint("--fix-to", "/dev/full", WRONG)
    assert done.returncode not in (0, 1), done
    with tempfile.TemporaryDirectory(prefix="gs-lint-") as folder:
        path = shutil.copy(WRONG, folder)
        done = lint("--fix-to", os.path.join(folder, "no", "such", "folder.yaml"), path)
        assert done.returncode not in (0, 1), done
        assert read(path) == read(WRONG)


def lint__stdin_is_a_file_too():
    done = lint("--fix-to", "-", "-", stdin=read(WRONG))
    assert done.returncode == 0, done
    assert done.stdout == lint("--fix-to", "-", WRONG).stdout


def lint__patch_makes_of_the_difference_what_fix_writes():
    if not shutil.which("patch"):
        print("# SKIP: patch is not installed")
        return
    for path in texts():
        with tempfile.TemporaryDirectory(prefix="gs-lint-") as folder:
            name = os.path.basename(path)
            copy = shutil.copy(path, folder)
            os.chmod(copy, 0o644)
            fixed = lint("--fix-to", "-", name, cwd=folder).stdout
            diff = lint("--diff", name, cwd=folder).stdout
            assert (diff == b"") == (fixed == read(copy)), name
            if diff:
                subprocess.run(["patch", "-s", "-p0", "--no-backup-if-mismatch"], input=diff,
                               cwd=folder, check=True)
            assert read(copy) == fixed, f"{name}: patch makes another file"


if __name__ == "__main__":
    tap.run(tap.cases_of(sys.modules[__name__], "lint__"))
