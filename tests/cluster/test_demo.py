#!/usr/bin/env python3
"""make demo-cluster: it ends well, buys one node, and prints what the README shows.

usage: test_demo.py BUILD_DIR [--update]

--update writes the README's block anew.
"""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(HERE, "..", "..")
sys.path[:0] = [os.path.join(HERE, "..")]
# pylint: disable=wrong-import-position
import tap

README = os.path.join(SOURCE, "README.md")
BLOCK = re.compile(r"(    \$ make demo-cluster\n)((?:    .*\n)+)")
EVENTS = {"NeedsNode", "WaitsForRecut", "Recutting", "SliceBooked"}
LIMIT_S = 1000
# What differs from run to run. Which layout is planned follows from which pods were there.
VARIES = [(r"with the layout \S+", "with the layout L"), (r"\b(large|small)-[a-z0-9]+-[a-z0-9]{5}\b", r"\1-X"),
          (r"(kwok-)?gpus-p4d-24xlarge-[a-z0-9-]+", "NAME"), (r"\d+ x 3g\.20gb, |, \d+ x 3g\.20gb", ""),
          (r"\b(\d+[dhms])+\b", "N"), (r"(\d+[.])?\d+", "N"), (r" +", " ")]


class Demo:
    """One run of it, for all cases."""
    status, lines, errors = None, [], ""


def run():
    done = subprocess.run([sys.executable, os.path.join(HERE, "demo.py"), sys.argv[1]], text=True,
                          capture_output=True, check=False, stdin=subprocess.DEVNULL,
                          timeout=LIMIT_S, env=dict(os.environ, KEEP=""))
    if done.returncode == 77:
        print(f"SKIP: {done.stderr.strip()}")
        sys.exit(77)
    Demo.status, Demo.lines, Demo.errors = done.returncode, done.stdout.splitlines(), done.stderr


def steps(lines):
    """What is said at a time, with the lines below it; Events by themselves, as their order is
    chance."""
    found = []
    for line in lines:
        if re.match(r" *\d+\.\d s ", line):
            found.append(line.split(" s ", 1)[1].strip())
        else:
            found[-1] += "\n" + line.strip()
    events = [one for one in found if one.startswith("Event ")]
    return [one for one in found if one not in events], events


def shape(text):
    for pattern, by in VARIES:
        text = re.sub(pattern, by, text)
    return text


def shown():
    with open(README, encoding="utf-8") as file:
        return [line[4:] for line in BLOCK.search(file.read())[2].splitlines()]


def test_it_ends_well():
    assert Demo.status == 0, f"{Demo.errors}\n" + "\n".join(Demo.lines)
    print("".join(f"# {line}\n" for line in Demo.lines), end="")


def test_one_node_is_bought_for_all():
    bought = [line for line in Demo.lines if "Karpenter buys" in line]
    assert len(bought) == 1, bought


def test_each_kind_of_event_is_one_that_the_pages_tell_of():
    told = {one.split()[1] for one in steps(Demo.lines)[1]}
    assert {"NeedsNode", "SliceBooked"} & told and told <= EVENTS, told


def test_it_prints_what_the_readme_shows():
    found = [shape(one) for one in steps(Demo.lines)[0]]
    wanted = [shape(one) for one in steps(shown())[0]]
    assert found == wanted, "\n".join(["found", *found, "expected", *wanted])


def update():
    with open(README, encoding="utf-8") as file:
        page = file.read()
    block = "".join(f"    {line}\n" for line in Demo.lines)
    with open(README, "w", encoding="utf-8") as file:
        file.write(BLOCK.sub(lambda found: found[1] + block, page, count=1))


if __name__ == "__main__":
    run()
    if sys.argv[2:] == ["--update"]:
        assert Demo.status == 0, Demo.errors
        update()
    else:
        tap.run(tap.cases_of(sys.modules[__name__], "test_"))
