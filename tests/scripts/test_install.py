#!/usr/bin/env python3
"""`make install` brings programs that run from there, and what lets shells complete them.

usage: test_install.py SOURCE_DIR BUILD_DIR
"""
import json
import os
import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # pylint: disable=wrong-import-position

SOURCE, BUILD = (os.path.abspath(path) for path in sys.argv[1:3])
SCRIPT = os.path.join(SOURCE, "scripts/install.sh")
PROGRAMS = ["gpuslice", "gpuslice-agent", "gpuslice-boot", "gpuslice-controller", "gpuslice-history"]
COMPLETION = {"bash": "share/bash-completion/completions/{}",
              "zsh": "share/zsh/site-functions/_{}",
              "fish": "share/fish/vendor_completions.d/{}.fish"}


def run(*words, status=0, **more):
    done = subprocess.run(words, capture_output=True, text=True, check=False, **more)
    assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
    return done.stdout if status == 0 else done.stderr


def install(folder, prefix="/usr/local", **more):
    said = run(SCRIPT, BUILD, prefix, folder, **more)
    return folder + prefix, said


def files_below(folder):
    return {os.path.relpath(os.path.join(at, name), folder)
            for at, _, names in os.walk(folder) for name in names}


def wanted():
    return {f"bin/{program}" for program in PROGRAMS} | {
        place.format(program) for program in PROGRAMS for place in COMPLETION.values()}


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


def install__brings_nothing_else_also_a_second_time_and_below_any_prefix():
    with tempfile.TemporaryDirectory() as folder:
        for prefix in "/usr", "/usr", "/opt/two words":
            there, _ = install(folder, prefix)
            assert files_below(there) == wanted(), files_below(there) ^ wanted()


def install__is_for_everybody_whoever_installs():
    with tempfile.TemporaryDirectory() as folder:
        there, _ = install(folder, umask=0o077)
        for at, folders, names in os.walk(there):
            for name in folders + names:
                path = os.path.join(at, name)
                mode = stat.S_IMODE(os.stat(path).st_mode)
                runs = os.path.isdir(path) or "/bin/" in path
                assert mode == (0o755 if runs else 0o644), (path, oct(mode))


def install__writes_nothing_into_the_build_folder():
    """With sudo it would be root's there, and the next make of who built it would fail."""
    with tempfile.TemporaryDirectory() as folder:
        build = os.path.join(folder, "build")
        os.makedirs(os.path.join(build, "bin"))
        for program in PROGRAMS:
            os.symlink(os.path.join(BUILD, "bin", program), os.path.join(build, "bin", program))
        before = files_below(build)
        run(SCRIPT, build, "/usr", "out", cwd=folder)
        assert files_below(build) == before, files_below(build) ^ before
        assert files_below(os.path.join(folder, "out/usr")) == wanted()


def install__by_meson_brings_the_same():
    options = json.loads(run("meson", "introspect", BUILD, "--buildoptions"))
    prefix = next(option["value"] for option in options if option["name"] == "prefix")
    with tempfile.TemporaryDirectory() as folder:
        run("meson", "install", "-C", BUILD, "--no-rebuild", "--tags", "runtime", "--destdir", folder)
        assert files_below(folder + prefix) == wanted(), files_below(folder + prefix) ^ wanted()


def install__says_what_it_cannot_write():
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "usr"), "w", encoding="utf-8"):
            pass
        said = run(SCRIPT, BUILD, "/usr", folder, status=1)
        assert os.path.join(folder, "usr") in said and "Traceback" not in said, said


def install__wants_a_prefix_from_the_root():
    said = run(SCRIPT, BUILD, "here", status=2)
    assert said == "make install: PREFIX=here: expected a path from /, as /usr/local\n", said


tap.run([(name.replace("__", " ").replace("_", " "), case)
         for name, case in tap.cases_of(sys.modules[__name__], "install__")])
