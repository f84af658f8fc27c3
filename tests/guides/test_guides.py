#!/usr/bin/env python3
"""The guides say nothing that was not tried, or they say so.

usage: test_guides.py SOURCE_DIR BIN_DIR

Blocks of commands are run, linted or at least read by a shell, as docs/guides/README.md says; those
for a cluster are run by tests/cluster/test_guides.py.
"""
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # pylint: disable=wrong-import-position
from guides import guide  # pylint: disable=wrong-import-position

SOURCE, BIN = (os.path.abspath(argument) for argument in sys.argv[1:3])
GUIDES = guide.guides(SOURCE)


def blocks(*kinds):
    """Of all guides, those of these kinds."""
    return [block for of_guide in GUIDES.values() for block in of_guide if block.kind in kinds]


def environment():
    """As a user's who has built gpuslice."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("GPUSLICE")}
    return env | {"PATH": f"{BIN}:{env['PATH']}", "KUBECONFIG": "/nowhere"}


def shell(script, cwd, name):
    """Runs a script as somebody who pastes it, and fails where a line fails."""
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=cwd, env=environment(),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                          check=False)
    assert done.returncode == 0, f"{name}: status {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_each_block_says_how_it_is_checked():
    """A block that says nothing would be checked by nobody."""
    for of_guide in GUIDES.values():
        for block in of_guide:
            assert block.kind in guide.KINDS, f"{block.where}: found \"{block.kind}\"; expected " \
                                              f"one of {', '.join(guide.KINDS)}"


def test_commands_for_here_run_in_the_order_of_their_guide():
    """One folder a guide, as for a reader."""
    for name, of_guide in GUIDES.items():
        script = "\n".join(block.text for block in of_guide if block.kind == guide.HERE)
        with tempfile.TemporaryDirectory(prefix="gs-guide-") as folder:
            shell(script, folder, name)


def test_a_shell_can_read_the_others():
    """Those for AWS and for a cluster, which are not run here."""
    for block in blocks(guide.AWS, guide.CLUSTER):
        done = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True,
                              check=False)
        assert done.returncode == 0 and not done.stderr, f"{block.where}: {done.stderr}"


def test_commands_of_ours_are_there_with_these_options():
    """Also in blocks that are not run, and in the text: each `gpuslice ...` and each option."""
    for block in blocks(guide.AWS, guide.CLUSTER):
        for command, rest in re.findall(r"^ *gpuslice ((?:[a-z]+ ?)+)(.*)$", block.text, re.M):
            words = command.split()
            help_text = shell(f"gpuslice {words[0]} --help", "/", block.where)
            if len(words) > 1 and re.search(rf"^  {words[1]}\b", help_text, re.M):
                help_text = shell(f"gpuslice {words[0]} {words[1]} --help", "/", block.where)
            for option in re.findall(r"--[a-z-]+", rest):
                assert option in help_text, f"{block.where}: {option} is no option of {command}"


def test_yaml_is_accepted_by_lint():
    """What a guide shows is what we would tell others to write."""
    with tempfile.TemporaryDirectory(prefix="gs-guide-") as folder:
        for number, block in enumerate(blocks(guide.YAML)):
            path = os.path.join(folder, f"{number}.yaml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(block.text)
            shell(f"gpuslice lint {path}", folder, block.where)


def test_values_of_the_chart_are_there():
    """Each --set of our chart names a value that the chart has, or one beneath a table of it."""
    with open(os.path.join(SOURCE, "deploy/chart/gpuslice/values.yaml"), encoding="utf-8") as file:
        values = file.read()
    for block in blocks(guide.AWS, guide.CLUSTER):
        for command in re.findall(r"helm [^\n]*deploy/chart/gpuslice(?:[^\n]*\\\n)*[^\n]*",
                                  block.text):
            for name in re.findall(r"--set(?:-file)? ([a-zA-Z.]+)", command):
                top, _, below = name.partition(".")
                section = re.search(rf"^{top}:.*?(?=^\S|\Z)", values, re.M | re.S)
                assert section, f"{block.where}: the chart has no value {top}"
                first = below.split(".")[0]
                assert not first or re.search(rf"^  {first}:", section.group(0), re.M), \
                    f"{block.where}: the chart has no value {top}.{first}"


def test_variables_of_a_guide_are_set_in_it():
    """Or asked for, as ${NAME:?what it is}: an unset one is an empty word."""
    for of_guide in GUIDES.values():
        known = {"HOME", "PATH", "PWD", "NODE"}  # NODE: tests/cluster gives it, and the text says so
        for block in of_guide:
            if block.kind == guide.YAML:
                continue
            known |= set(re.findall(r"\b([A-Z_]+)=", block.text))
            known |= set(re.findall(r"\$\{([A-Z_]+):\?", block.text))
            for name in re.findall(r"\$\{?([A-Z_]+)", block.text):
                assert name in known, f"{block.where}: nobody has set ${name}"


def test_files_of_a_guide_are_written_in_it():
    """Each file that a command takes was written by one before, or is shown with its name."""
    for name, of_guide in GUIDES.items():
        with open(os.path.join(SOURCE, "docs", "guides", name), encoding="utf-8") as file:
            known = set(re.findall(r"[Ss]ave (?:this|it|that) as `([^`]+)`", file.read()))
        for block in of_guide:
            if block.kind == guide.YAML:
                continue
            known |= set(re.findall(r"(?:>|--helm-values|-o) ([a-z][a-z0-9.-]*)", block.text))
            for taken in re.findall(r" (?:-f|--filename|--values|file://) ?([a-z][a-z0-9-]*\.[a-z]+)",
                                    block.text):
                assert taken in known, f"{block.where}: nobody has written {taken}"


def test_links_lead_somewhere():
    """Between pages of the documentation; those to the outside are not followed."""
    pages = [os.path.join(top, name) for top, _, names in os.walk(os.path.join(SOURCE, "docs"))
             for name in names if name.endswith(".md")] + [os.path.join(SOURCE, "README.md")]
    for page in pages:
        with open(page, encoding="utf-8") as file:
            text = file.read()
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
            if re.match(r"[a-z]+:", target):
                continue
            path = os.path.normpath(os.path.join(os.path.dirname(page), target))
            assert os.path.exists(path), f"{os.path.relpath(page, SOURCE)}: {target} is not there"


tap.run(tap.cases_of(sys.modules[__name__], "test_"))
