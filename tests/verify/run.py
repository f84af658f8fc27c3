#!/usr/bin/env python3
"""Makes plans with the command, and has the checker judge them: whole, and changed in every place.

usage: run.py GPUSLICE CORRUPT

GPUSLICE is the program, CORRUPT the test that changes plans (corrupt.c). Prints TAP. $GPUSLICE_SEED
chooses the random problems; by default they are the same every time.
"""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
import tap  # pylint: disable=wrong-import-position
import worlds  # pylint: disable=wrong-import-position

PROGRAM, CORRUPT = map(os.path.abspath, sys.argv[1:3])
SEED = int(os.environ.get("GPUSLICE_SEED", "1"))
RANDOM_PLANS = 60
TIMEOUT_S = 120

# Every kind of problem and answer: what the options of `gpuslice plan` say.
PLANS = {
    "one-model": "-d 1g.5gb=12,2g.10gb=3 -m A100-40GB",
    "any-model": "-d 1g.10gb=12,3g.40gb=2,gpu:A100-80GB=1 -m A100-40GB,A100-80GB,H100-80GB-SXM5",
    "media": "-d 1g.5gb+me=3,1g.10gb=9,2g.10gb=4,7g.40gb=1,4g.20gb=2 -m A100-40GB --spare 10%",
    "graphics": "-d 1g.24gb=11,2g.48gb=3,1g.24gb+me=4,1g.24gb+gfx=2 -m RTX-PRO-6000-96GB",
    "existing": "-d 1g.5gb=12,2g.10gb=3,3g.20gb=5 -m A100-40GB --existing nodes.yaml",
    "unplaceable": "-d 1g.5gb=30,2g.12gb=1 -m A100-40GB",
    "services": "--services services.csv --profiles-dir measured -m A100-40GB",
    "services-and-slices": "--services services.csv --profiles-dir measured -d 1g.5gb=5 "
                           "-m A100-40GB --existing nodes.yaml",
    "uncut": "-d gpu:L4=2,gpu:T4=1,1g.6gb=3,gpu:A30-24GB=3 -m A30-24GB --existing other-nodes.yaml",
    "quick": "-d 1g.5gb=30,2g.10gb=7 -m A100-40GB --quick --timing",
    "instances": "-f pods.yaml -i p4d.24xlarge,g6.xlarge,p4de.24xlarge,p5.48xlarge "
                 "--region us-east-1",
    "types": "-f items.yaml --instances-file types.yaml",
    "types-and-nodes": "-d 1g.5gb=30,2g.10gb=7,gpu:A100-40GB=1 --instances-file types.yaml "
                       "--existing nodes.yaml",
    "free-slices": "-d gpu:L4=2,1g.6gb=13,gpu:T4=1 --instances-file types.yaml "
                   "--existing other-nodes.yaml",
    "search": "-f search-items.yaml --instances-file search-types.yaml",
    "filled": "-f filled-items.yaml --instances-file filled-types.yaml",
}


def plan(args, folder):
    """The plan of these arguments: its text, and whether everything has a place."""
    done = subprocess.run([PROGRAM, "plan", *args, "-o", "json"], capture_output=True, text=True,
                          cwd=folder, timeout=TIMEOUT_S, check=False)
    assert done.returncode in (0, 1) and done.stdout, f"{args}: {done.returncode} {done.stderr}"
    return done.stdout


def verify(path):
    return subprocess.run([PROGRAM, "plan", "--verify", path], capture_output=True, text=True,
                          timeout=TIMEOUT_S, check=False)


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def plan__verify_accepts_what_the_command_plans():
    """Random problems of all kinds."""
    print(f"# seed {SEED}")
    kinds = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(RANDOM_PLANS):
            files, args = worlds.make(SEED * 1000 + number)
            for name, text in files.items():
                write(folder, name, text)
            text = plan(args, folder)
            done = verify(write(folder, "plan.json", text))
            assert done.returncode == 0, f"world {SEED * 1000 + number}: {args}: {done.stderr}"
            made = json.loads(text)
            kind = made["minimises"], made["proven"], bool(made["unplaceable"])
            kinds[kind] = kinds.get(kind, 0) + 1
    for (minimises, proven, unplaceable), n in sorted(kinds.items()):
        print(f"# {n} plans of {minimises}{', proven' if proven else ', with a gap'}"
              f"{', some items without a place' if unplaceable else ''}")
    assert len(kinds) >= 3, "the random problems are too much alike"


def plan__verify_says_what_is_wrong_and_where():
    """Exit status 3 and one line."""
    with tempfile.TemporaryDirectory() as folder:
        made = json.loads(plan(PLANS["one-model"].split(), os.path.join(HERE, "cases")))
        made["layouts"][0]["placements"][0]["start"] = 7
        done = verify(write(folder, "plan.json", json.dumps(made)))
        assert done.returncode == 3 and done.stdout == "", done
        assert done.stderr.count("\n") == 1 and "plan.json: layouts[0]: " in done.stderr, done
        assert "does not fit an A100-40GB" in done.stderr, done


def plan__verify_goes_through_what_fills_a_node():
    """A leaf that is filled proves what its multipliers alone do not."""
    text = plan(PLANS["filled"].split(), os.path.join(HERE, "cases"))
    assert text.count('"filled": true') >= 1, "the certificate has no leaf that is filled"
    with tempfile.TemporaryDirectory() as folder:
        assert verify(write(folder, "plan.json", text)).returncode == 0
        plain = write(folder, "plain.json", text.replace('"filled": true', '"filled": false'))
        done = verify(plain)
        assert done.returncode == 3 and "leaves room for a load" in done.stderr, done.stderr


def plan__verify_lists_the_loads_that_a_search_must_look_at():
    """A search that does not know one of its loads is refused, but for loads that others contain or
    that the checker, whose bounds are a little tighter, knows to be of no use."""
    text = plan(PLANS["search"].split(), os.path.join(HERE, "cases"))
    made = json.loads(text)
    leaves = [node["leaf"] for node in made["certificate"]["tree"] if "leaf" in node]
    searches = [leaf["search"] for leaf in leaves if leaf["search"] is not None]
    assert searches, "no plan has a search in its certificate"
    refused = tried = 0
    with tempfile.TemporaryDirectory() as folder:
        for columns in (search["columns"] for search in searches):
            for number, column in enumerate(columns):
                # Its place stays, so that the tree says what it said.
                columns[number] = {"shape": column["shape"], "items": [[column["items"][0][0], 1]]}
                done = verify(write(folder, "plan.json", json.dumps(made)))
                refused += done.returncode == 3 and "which is in no column" in done.stderr
                tried += 1
                columns[number] = column
    print(f"# {tried} loads taken out, {refused} missed")
    assert refused * 2 > tried, "the checker does not list the loads"


def plan__verify_refuses_changed_plans():
    """Every change in every place, by corrupt.c."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [write(folder, name, plan(args.split(), os.path.join(HERE, "cases")))
                 for name, args in PLANS.items()]
        assert any('"columns"' in open(path, encoding="utf-8").read() for path in paths), \
            "no plan has a search in its certificate"
        done = subprocess.run([CORRUPT, *paths], capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    print("".join(f"# {line.removeprefix('ok ')}\n" for line in lines), end="")
    print(done.stderr, file=sys.stderr, end="")
    assert done.returncode == 0, "a change was judged wrongly: see above"


if __name__ == "__main__":
    tap.run(tap.cases_of(sys.modules[__name__], "plan__"))
