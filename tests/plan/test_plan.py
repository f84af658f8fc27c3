#!/usr/bin/env python3
"""gpuslice plan as a program: what golden cases cannot show.

usage: test_plan.py GPUSLICE SOURCE_DIR [--update-page]

--update-page writes what the commands of docs/plan.md print into it, instead of testing.
"""
import json
import os
import random
import pty
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
import tap  # pylint: disable=wrong-import-position

GPUSLICE, SOURCE = os.path.abspath(sys.argv[1]), sys.argv[2]
EXAMPLES = os.path.join(SOURCE, "examples")
INPUTS = os.path.join(SOURCE, "tests", "golden", "plan")
CLUSTER = os.path.join(EXAMPLES, "cluster.yaml")
EXISTING = os.path.join(EXAMPLES, "existing.yaml")
SEED = 20261122
REGION = ["--region", "us-east-1"]

# Plans of every sort; each is verified, and made twice.
PLANS = [
    ["-d", "1g.5gb=12,2g.10gb=3,3g.20gb=5", "-m", "A100-40GB"],
    ["-d", "1g.6gb=7,2g.12gb+me=2,A30/gpu=1", "-m", "A30"],
    ["-d", "1g.24gb=9,2g.48gb=3,4g.96gb=2", "-m", "RTX-PRO-6000-96GB"],
    ["-d", "1g.10gb=9,gpu=3,1g.20gb=4", "-m", "A100-40GB,A100-80GB", "--spare", "20%"],
    ["-d", "1g.5gb=9,3g.20gb=3,gpu=2", "-m", "A100-40GB", "--existing", EXISTING],
    ["-d", "1g.5gb=9,3g.20gb=3,gpu=2", "-i", "p4d.24xlarge", "--existing", EXISTING] + REGION,
    ["-d", "1g.5gb=20,gpu:L4=2,2g.20gb=3", "-i", "p4d.24xlarge,p4de.24xlarge,g6.xlarge"] + REGION,
    ["--pods", os.path.join(EXAMPLES, "pods.json"), "-i", "all-mig"] + REGION,
    ["--pods", os.path.join(EXAMPLES, "pods.json"), "--nodes",
     os.path.join(EXAMPLES, "nodes.json"), "-i", "all-mig"] + REGION,
    ["--services", os.path.join(EXAMPLES, "services.csv"), "--profiles-dir",
     os.path.join(EXAMPLES, "measured"), "-m", "A100-80GB"],
    ["--demand-file", CLUSTER, "--instances-file", os.path.join(EXAMPLES, "instances.yaml")],
    ["--pods", os.path.join(INPUTS, "labels-pods.json"), "--existing",
     os.path.join(INPUTS, "labels-nodes.yaml"), "-i", "p4d.24xlarge"] + REGION,
    ["-d", "4g.20gb=3,1g.5gb=9,2g.10gb=5", "-m", "A100-40GB,A100-80GB", "--existing",
     os.path.join(INPUTS, "busy-nodes.yaml")],
]


def gpuslice(*args, stdin="", status=0):
    """stdout of `gpuslice plan ARGS`, which must end with this status."""
    done = subprocess.run([GPUSLICE, "plan", *args], input=stdin, capture_output=True, text=True,
                          check=False)
    assert done.returncode == status, (args, done.returncode, done.stderr)
    return done.stdout if status == 0 else done.stderr


def plan_of(items, *args):
    return json.loads(gpuslice("-f", "-", "-o", "json", *args, stdin=json.dumps({"items": items})))


def plan__is_accepted_by_verify():
    for args in PLANS:
        out = gpuslice("--verify", "-", stdin=gpuslice(*args, "-o", "json"))
        assert out.startswith("accepted: "), (args, out)


def plan__gives_the_same_bytes_twice():
    for args in PLANS:
        for form in ("json", "yaml", "table"):
            first, second = gpuslice(*args, "-o", form), gpuslice(*args, "-o", form)
            assert first == second, (args, form)


def plan__is_worth_the_same_whatever_the_order_of_items():
    draw = random.Random(SEED)
    print(f"# seed {SEED}")
    profiles = ["1g.5gb", "2g.10gb", "3g.20gb", "1g.10gb", "4g.20gb"]
    for supply in (["-m", "A100-40GB"], ["-i", "p4d.24xlarge"] + REGION):
        for _ in range(15):
            items = [{"name": f"i{n}", "profile": draw.choice(profiles),
                      "count": draw.randint(1, 30), "cpu": draw.randint(0, 6)} for n in range(5)]
            one = plan_of(items, *supply)
            draw.shuffle(items)
            other = plan_of(items, *supply)
            for key in ("gpus_used", "cost_usd_per_hour"):
                if one["proven"] and other["proven"]:
                    assert one[key] == other[key], (supply, items, one[key], other[key])


def plan__counts_equal_items_one_by_one_or_together():
    one = [{"name": "a", "profile": "1g.5gb", "cpu": 2}] * 40 + [{"profile": "2g.10gb"}] * 9
    two = [{"name": "a", "profile": "1g.5gb", "cpu": 2, "count": 40},
           {"profile": "2g.10gb", "count": 9}]
    for supply in (["-m", "A100-40GB"], ["-i", "p4d.24xlarge"] + REGION):
        a, b = plan_of(one, *supply), plan_of(two, *supply)
        assert a["gpus_used"] == b["gpus_used"] and a["layouts"] == b["layouts"]


def plan__gap_is_zero_exactly_when_proven():
    quick = 0
    for args in PLANS:
        for how in ([], ["--quick"]):
            plan = json.loads(gpuslice(*args, *how, "-o", "json"))
            value, bound = plan["gpus_used"], plan["lower_bound"]
            if plan["minimises"] != "gpus":
                value, bound = plan["cost_usd_per_hour"], plan["cost_lower_bound_usd_per_hour"]
            assert plan["proven"] == (plan["gap"] == 0) == (value == bound), args
            assert plan["certificate"] is not None or value == 0, args
            quick += 0 if plan["proven"] else 1
    assert quick < 2 * len(PLANS)


def plan__shows_the_same_figures_in_every_form():
    args = PLANS[6]
    plan = json.loads(gpuslice(*args, "-o", "json"))
    headline = gpuslice(*args).splitlines()[0]
    nodes = sum(i["count"] for i in plan["instances"])
    assert headline.startswith(f"${plan['cost_usd_per_hour']:.2f} an hour for {nodes} nodes"), headline


def plan__refuses_four_gigabytes_at_once():
    with tempfile.NamedTemporaryFile() as file:
        file.truncate(4 << 30)
        for option in ("--demand-file", "--pods", "--services", "--existing", "--instances-file",
                       "--verify"):
            rest = {"--pods": ["-m", "A30"], "--demand-file": ["-m", "A30"],
                    "--services": ["--profiles-dir", ".", "-m", "A30"],
                    "--existing": ["-d", "1g.6gb", "-m", "A30"],
                    "--instances-file": ["-d", "1g.6gb"], "--verify": []}[option]
            error = gpuslice(option, file.name, *rest, status=3)
            assert file.name in error and error.count("\n") == 1, error


def plan__reads_a_pipe_with_a_name():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "pipe")
        os.mkfifo(path)

        def feed():
            with open(path, "w", encoding="utf-8") as pipe:
                pipe.write("- {profile: 1g.5gb, count: 8}\n")

        writer = threading.Thread(target=feed)
        writer.start()
        out = gpuslice("-f", path, "-m", "A100-40GB")
        writer.join()
        assert out.startswith("2 GPUs: proven"), out


def plan__says_which_file_cannot_be_read():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "secret.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write("- {profile: 1g.5gb}\n")
        os.chmod(path, 0)
        if os.access(path, os.R_OK):  # root reads everything; a dangling link it cannot
            os.unlink(path)
            os.symlink("nowhere", path)
        error = gpuslice("-f", path, "-m", "A30", status=3)
        assert error.count("\n") == 1 and f"--demand-file: cannot open {path}" in error, error


def plan__takes_any_number_of_items_in_little_memory():
    many = 50000
    items = "".join(f'- {{name: pod-{i}, cpu: {i % 5 + 1}, profile: {2 if i % 3 else 1}g.'
                    f'{10 if i % 3 else 5}gb}}\n' for i in range(many))
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    plan = json.loads(gpuslice("-f", "-", "-m", "A100-40GB", "-o", "json", stdin=items))
    assert sum(i["count"] for i in plan["items"]) == many and plan["proven"]
    peak_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    sanitized = "ASAN_OPTIONS" in os.environ or before > 100000
    assert sanitized or peak_kib < 64 * 1024, peak_kib


def plan__explains_only_with_savings_that_are_there():
    """What --explain says of fewer items must come true."""
    out = gpuslice("-d", "1g.5gb=25,3g.20gb=11", "-m", "A100-40GB", "--explain")
    assert "  5 fewer of 1g.5gb: 1 GPU less\n" in out, out
    for count, gpus in ((20, 8), (21, 9)):
        plan = json.loads(gpuslice("-d", f"1g.5gb={count},3g.20gb=11", "-m", "A100-40GB", "-o",
                                   "json"))
        assert plan["gpus_used"] == gpus, (count, plan["gpus_used"])


def slow_demand(text, term, terminal=True):
    """What stderr gets, and the exit status, when the demand comes after more than a second."""
    ours, theirs = pty.openpty() if terminal else os.pipe()
    env = {**os.environ, "TERM": term}
    with subprocess.Popen([GPUSLICE, "plan", "-f", "-", "-m", "A100-40GB"], stdin=subprocess.PIPE,
                          stdout=subprocess.DEVNULL, stderr=theirs, env=env) as process:
        os.close(theirs)
        time.sleep(1.3)
        process.stdin.write(text.encode())
        process.stdin.close()
        said = b""
        try:
            while got := os.read(ours, 4096):
                said += got
        except OSError:  # how a terminal ends
            pass
        os.close(ours)
        return said.decode(), process.wait()


def plan__shows_on_a_terminal_what_takes_so_long_and_wipes_it_away():
    shown = "(\r" + r"gpuslice plan: [a-z ()-]+, \d+ s\033\[K)+" + "\r" + r"\033\[K"
    said, status = slow_demand("- {profile: 1g.5gb}\n", "xterm")
    assert re.fullmatch(shown, said) and status == 0, said
    said, status = slow_demand("- {profile: 1g.5}\n", "xterm")
    assert re.fullmatch(shown + "gpuslice: stdin:1: .*\r\n", said) and status == 3, said


def plan__shows_nothing_of_it_elsewhere():
    assert slow_demand("- {profile: 1g.5gb}\n", "xterm", terminal=False) == ("", 0)
    assert slow_demand("- {profile: 1g.5gb}\n", "dumb") == ("", 0)


PAGE = os.path.join(SOURCE, "docs", "plan.md")


def page_blocks():
    """(text of the block, command, lines); a first line "..." stands for lines not shown."""
    with open(PAGE, encoding="utf-8") as file:
        for part in file.read().split("```console\n")[1:]:
            block = part.split("```")[0]
            lines = block.rstrip("\n").split("\n")
            yield block, lines[0].removeprefix("$ "), lines[1:]


def run_line(command, folder):
    """As a user does who has the built program on the path."""
    path = os.path.dirname(os.path.abspath(GPUSLICE)) + os.pathsep + os.environ["PATH"]
    return subprocess.run(command, shell=True, capture_output=True, text=True, check=False,
                          cwd=folder, env={**os.environ, "PATH": path})


def printed(command):
    done = run_line(command, SOURCE)
    return (done.stdout + done.stderr).rstrip("\n").split("\n")


def plan__prints_what_the_users_page_shows():
    shown = 0
    for _, command, lines in page_blocks():
        found = printed(command)
        if lines[0] == "...":
            lines = lines[1:]
            found = found[-len(lines):]
        assert found == lines, (command, found)
        shown += 1
    assert shown >= 8


def readme_commands():
    """What the README tells to paste; `gpuslice bench` takes minutes and has tests of its own, what
    cuts GPUs is tested where there are some (tests/mig), and what speaks to a cluster where there
    is one (tests/cluster/test_cli.py, tests/top)."""
    elsewhere = ("bench", "gpu", "mig", "status", "top", "why", "ungate", "uninstall")
    with open(os.path.join(SOURCE, "README.md"), encoding="utf-8") as file:
        table = [line for line in file.read().split("\n") if line.startswith("| ")]
    for line in table:
        for command in re.findall("`(gpuslice [^`]*)`", line):
            if command.split()[1] not in elsewhere and "--cluster" not in command:
                yield command


def plan__does_what_the_readme_says_to_paste():
    """In a folder that has the examples and the manifests, as a fresh clone has."""
    done = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in ("examples", "deploy"):
            os.symlink(os.path.abspath(os.path.join(SOURCE, name)), os.path.join(folder, name))
        for command in readme_commands():
            said = run_line(command, folder)
            assert said.returncode == 0, (command, said.stderr)
            done += 1
    assert done >= 10


def update_page():
    with open(PAGE, encoding="utf-8") as file:
        page = file.read()
    for block, command, lines in page_blocks():
        found = printed(command)
        if lines[0] == "...":
            found = ["..."] + found[-(len(lines) - 1):]
        page = page.replace(block, "\n".join([f"$ {command}"] + found) + "\n", 1)
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(page)


if __name__ == "__main__":
    if sys.argv[3:] == ["--update-page"]:
        update_page()
        sys.exit()
    tap.run(tap.cases_of(sys.modules[__name__], "plan__"))
