#!/usr/bin/env python3
"""scripts/build.sh says what there is to build, and nothing where there is nothing.

usage: test_build.py SOURCE_DIR
"""
import os
import subprocess
import sys
import tempfile

BUILD = os.path.join(os.path.abspath(sys.argv[1]), "scripts/build.sh")


def build(folder):
    done = subprocess.run([BUILD, folder], capture_output=True, text=True, check=False,
                          env={**os.environ, "JOBS": "2"})
    return done.returncode, done.stdout


def make(folder, n, command="touch $out"):
    with open(os.path.join(folder, "build.ninja"), "w", encoding="utf-8") as file:
        file.write(f"rule r\n  command = {command}\n")
        file.writelines(f"build out{i}: r\n" for i in range(n))


def main():
    with tempfile.TemporaryDirectory() as folder:
        make(folder, 1)
        assert build(folder) == (0, f"building in {folder}: 1 step\n")
        assert build(folder) == (0, ""), "there is nothing to build"
        make(folder, 21)
        assert build(folder) == (0, f"building in {folder}: 20 steps\n"), "one was there"
        make(folder, 50)
        status, out = build(folder)
        assert status == 0 and "29 steps" in out and "some minutes" in out, out
        make(folder, 51, "false")
        status, out = build(folder)
        assert status != 0 and "FAILED" in out, (status, out)


if __name__ == "__main__":
    main()
