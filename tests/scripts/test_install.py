#!/usr/bin/env python3
"""`make install` brings programs that run from there, and what lets shells complete them.

usage: test_install.py SOURCE_DIR BUILD_DIR
"""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # pylint: disable=wrong-import-position

SOURCE, BUILD = (os.path.abspath(path) for path in sys.argv[1:3])
PROGRAMS = ["gpuslice", "gpuslice-agent", "gpuslice-boot", "gpuslice-controller", "gpuslice-history"]
COMPLETION = {"bash": "share/bash-completion/completions/{}",
              "zsh": "share/zsh/site-functions/_{}",
              "fish": "share/fish/vendor_completions.d/{}.fish"}


def run(*words, status=0):
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
    return done.stdout if status == 0 else done.stderr


def prefix():
    """Where this build folder installs to: another PREFIX would configure it anew, under other tests."""
    options = json.loads(run("meson", "introspect", BUILD, "--buildoptions"))
    return next(option["value"] for option in options if option["name"] == "prefix")


def install(folder):
    said = run(os.path.join(SOURCE, "scripts/install.sh"), BUILD, prefix(), folder)
    return os.path.join(folder, prefix().lstrip("/")), said


def install__brings_programs_that_run():
    with tempfile.TemporaryDirectory() as folder:
        there, said = install(folder)
        assert there in said, said
        for program in PROGRAMS:
            words = run(os.path.join(there, "bin", program), "--version").split()
            assert words[0] == program and len(words) == 2, words
        assert "1g.5gb" in run(os.path.join(there, "bin/gpuslice"), "profiles", "A100-40GB")


def install__brings_what_shells_complete_by():
    with tempfile.TemporaryDirectory() as folder:
        there, _ = install(folder)
        for program in PROGRAMS:
            for shell, place in COMPLETION.items():
                with open(os.path.join(there, place.format(program)), encoding="utf-8") as file:
                    assert file.read() == run(os.path.join(there, "bin", program), "completion", shell)


def install__brings_nothing_else():
    wanted = {f"bin/{program}" for program in PROGRAMS}
    wanted |= {place.format(program) for program in PROGRAMS for place in COMPLETION.values()}
    with tempfile.TemporaryDirectory() as folder:
        there, _ = install(folder)
        found = {os.path.relpath(os.path.join(at, name), there)
                 for at, _, names in os.walk(folder) for name in names}
        assert found == wanted, found ^ wanted


def install__wants_a_prefix_from_the_root():
    said = run(os.path.join(SOURCE, "scripts/install.sh"), BUILD, "here", status=2)
    assert said == "make install: PREFIX=here: expected a path from /, as /usr/local\n", said


tap.run([(name.replace("__", " ").replace("_", " "), case)
         for name, case in tap.cases_of(sys.modules[__name__], "install__")])
