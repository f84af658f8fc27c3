#!/usr/bin/env python3
"""`gpuslice top` as people meet it: in a real terminal (tmux) of 80 columns.

usage: test_top.py GPUSLICE GPUSLICE_SIM SOURCE_DIR
"""
import base64
import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import unicodedata

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "dashboard"))
import api as apis  # pylint: disable=wrong-import-position
import bed  # pylint: disable=wrong-import-position
from bed import expect, tap  # pylint: disable=wrong-import-position

LIMIT = 60
KUBECONFIG = """apiVersion: v1
kind: Config
current-context: c
contexts: [{{name: c, context: {{cluster: c, user: u}}}}]
clusters: [{{name: c, cluster: {{server: "https://127.0.0.1:{port}", certificate-authority-data: {ca}}}}}]
users: [{{name: u, user: {{token: users-own-token}}}}]
"""
NODES, PODS, GPUNODES = "/api/v1/nodes", "/api/v1/pods", "/apis/gpuslice.dev/v1alpha1/gpunodes"
P4D = "8xA100-40GB"  # what one has
PRICED = ("--instance-type", "p4d.24xlarge", "--region", "us-east-1")


def width_of(text):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


class Terminal:
    """A shell in tmux that runs top; a server of our own, with a socket in our own folder."""
    made = 0

    def __init__(self, *words, columns=80, rows=24, **env):
        Terminal.made += 1
        self.socket = os.path.join(bed.WORK, f"tmux{Terminal.made}")
        self.status = os.path.join(bed.WORK, f"status{Terminal.made}")
        command = shlex.join([bed.GPUSLICE, "top", *words])
        script = f"trap : INT; stty -a > {self.status}.before; echo before; {command} 2>{self.status}.errors; " \
                 f"echo $? > {self.status}; stty -a > {self.status}.after; echo after; sleep 600"
        wanted = bed.clean_env(LC_ALL="C.UTF-8", **env)
        wanted.pop("TMUX", None)
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows),
                  f"sh -c {shlex.quote(script)}", env=wanted)

    def tmux(self, *words, env=None):
        return subprocess.run(["tmux", "-S", self.socket, *words], check=True, capture_output=True,
                              text=True, env=env, timeout=LIMIT).stdout

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(subprocess.CalledProcessError):
            self.tmux("kill-server")

    def screen(self, *options):
        return self.tmux("capture-pane", "-p", *options)

    def type(self, *keys):
        self.tmux("send-keys", *keys)

    def until(self, holds, what):
        deadline = time.monotonic() + LIMIT
        while True:
            found = self.screen()
            if holds(found):
                return found
            assert time.monotonic() < deadline, f"{what} is not seen in\n{found}"
            time.sleep(0.1)

    def until_shows(self, text):
        return self.until(lambda found: text in found, text)

    def pid(self):
        shell = int(self.tmux("display-message", "-p", "#{pane_pid}"))
        with open(f"/proc/{shell}/task/{shell}/children", encoding="ascii") as file:
            for child in map(int, file.read().split()):
                with open(f"/proc/{child}/comm", encoding="ascii") as name:
                    if name.read().startswith("gpuslice"):
                        return child
        raise AssertionError("top does not run")

    def ended(self):
        """After it: the exit status; the terminal is as it was."""
        self.until(lambda found: "before" in found and "after" in found, "the first screen")
        states = []
        for name in ("before", "after"):
            with open(f"{self.status}.{name}", encoding="utf-8") as file:
                states.append(file.read())
        expect(states[1], states[0])
        expect(self.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag}").split(), ["0", "1"])
        with open(f"{self.status}.errors", encoding="utf-8") as file:
            expect(file.read(), "")
        with open(self.status, encoding="ascii") as file:
            return int(file.read())


@contextlib.contextmanager
def machine(gpus="2xA100-40GB"):
    Terminal.made += 1
    folder = os.path.join(bed.WORK, f"machine{Terminal.made}")
    bed.sim("create", folder, "--gpus", gpus, "--mig")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def once(*words, **env):
    return subprocess.run([bed.GPUSLICE, "top", *words], capture_output=True, text=True,
                          env=bed.clean_env(**env), timeout=LIMIT, check=False)


def fits(found, columns):
    for line in found.splitlines():
        assert width_of(line) <= columns, line


# ---- one machine ----

def top__shows_slices_that_are_made_and_go():
    with machine(P4D) as folder, Terminal("--node", *PRICED, GPUSLICE_SIM=folder) as terminal:
        found = terminal.until_shows("8 x A100-40GB")
        fits(found, 80)
        expect(len(found.splitlines()), 24)
        assert "$21.96/h" in found, found
        bed.cut(folder, {"1g.5gb": 7})
        found = terminal.until_shows("│1g │1g │1g │1g │1g │1g │1g │ x │")
        assert "stranded" in found, found
        bed.cut(folder, {"3g.20gb": 1})
        terminal.until(lambda found: "3g.20gb" in found and "1g │" not in found, "only 3g.20gb")
        terminal.type("q")
        expect(terminal.ended(), 0)


def top__a_process_is_seen_and_cannot_command_the_terminal():
    with machine() as folder, Terminal("--node", GPUSLICE_SIM=folder) as terminal:
        bed.cut(folder, {"7g.40gb": 1})
        with bed.holder(folder, "a\x1b[2J中b"):
            found = terminal.until_shows("7g.40gb!")
            assert "a?[2J" in found and "HELD" in found, found
            fits(found, 80)
        terminal.until(lambda found: "7g.40gb!" not in found, "the end of the process")
        terminal.type("q")
        expect(terminal.ended(), 0)


def top__gives_the_terminal_back_on_every_way_out():
    with machine() as folder:
        for number in (None, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            with Terminal("--node", GPUSLICE_SIM=folder) as terminal:
                terminal.until_shows("2 x A100-40GB")
                if number is None:
                    terminal.type("C-c")
                else:
                    os.kill(terminal.pid(), number)
                expect(terminal.ended(), 0)


def top__gives_the_terminal_back_when_it_crashes():
    with machine() as folder, Terminal("--node", GPUSLICE_SIM=folder) as terminal:
        terminal.until_shows("2 x A100-40GB")
        os.kill(terminal.pid(), signal.SIGSEGV)
        terminal.until(lambda found: "after" in found, "the first screen")
        expect(terminal.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag}").split(), ["0", "1"])


def top__follows_the_size_of_its_window():
    with machine("8xA100-40GB") as folder, Terminal("--node", GPUSLICE_SIM=folder) as terminal:
        terminal.until_shows("8 x A100-40GB")
        for columns, rows in ((120, 40), (40, 12), (80, 24), (10, 3), (80, 24)):
            terminal.tmux("resize-window", "-x", str(columns), "-y", str(rows))
            terminal.until(lambda found, n=rows: found.startswith("gpuslice") and len(found.splitlines()) <= n,
                           f"a frame of {columns} x {rows}")
            fits(terminal.screen(), columns)
        terminal.until_shows("q quit")
        terminal.type("q")
        expect(terminal.ended(), 0)


def top__keys_turn_pages_filter_and_pause():
    with machine(P4D) as folder, Terminal("--node", *PRICED, GPUSLICE_SIM=folder) as terminal:
        terminal.until_shows("[1 Fleet]")
        terminal.type("3")
        terminal.until_shows("NAMESPACE")
        terminal.type("b")
        terminal.until_shows("WORKLOAD")
        terminal.type("Left")
        terminal.until_shows("[2 Waiting]")
        terminal.type("1")
        terminal.type("/")
        terminal.type("nothing-is-called-so")
        terminal.until(lambda found: "x A100" not in found and "matches the filter" in found, "an empty page")
        terminal.type("Escape")
        terminal.until_shows("8 x A100-40GB")
        terminal.type("h")
        terminal.until_shows("stands still")
        terminal.type("h")
        terminal.type("s")
        terminal.until_shows("by held")
        terminal.type("p")
        terminal.until_shows("paused")
        bed.cut(folder, {"3g.20gb": 1})
        terminal.type("p")
        terminal.until_shows("3g.20gb")
        terminal.type("q")
        expect(terminal.ended(), 0)


def top__has_a_frame_for_files_and_a_document_for_programs():
    with machine(P4D) as folder:
        bed.cut(folder, {"3g.20gb": 1})
        found = once("--node", *PRICED, GPUSLICE_SIM=folder, LC_ALL="C")
        expect((found.returncode, found.stderr), (0, ""))
        assert found.stdout.isascii() and "\x1b" not in found.stdout, found.stdout
        assert "|3g.20gb" in found.stdout, found.stdout
        fits(found.stdout, 80)
        document = json.loads(once("--node", "-o", "json", GPUSLICE_SIM=folder).stdout)
        expect(sorted(document), ["fleet", "money", "waiting"])
        expect(len(document["fleet"]["nodes"][0]["gpus"][0]["slices"]), 1)
        wrong = once("--instance-type", "p4d.24xlarge")
        expect((wrong.returncode, wrong.stdout), (2, ""))
        assert "--node" in wrong.stderr, wrong.stderr


def top__colours_are_left_out_where_they_are_not_wanted():
    with machine() as folder:
        bed.cut(folder, {"3g.20gb": 1})
        for env, wanted in (({}, True), ({"NO_COLOR": "1"}, False)):
            with Terminal("--node", GPUSLICE_SIM=folder, **env) as terminal:
                terminal.until_shows("3g.20gb")
                expect("\x1b[33m" in terminal.screen("-e"), wanted)


# ---- a cluster ----

def node(name):
    return {"kind": "Node", "apiVersion": "v1", "metadata": {"name": name, "uid": name, "labels": {
        "node.kubernetes.io/instance-type": "p4d.24xlarge",
        "topology.kubernetes.io/region": "us-east-1", "topology.kubernetes.io/zone": "us-east-1a",
        "karpenter.sh/capacity-type": "on-demand", "nvidia.com/gpu.present": "true"}},
            "spec": {}, "status": {
                "allocatable": {"cpu": "90", "memory": "1000Gi", "pods": "100",
                                "nvidia.com/mig-3g.20gb": "2"},
                "conditions": [{"type": "Ready", "status": "True"}]}}


def pod(name, where=""):
    spec = {"containers": [{"name": "c", "resources": {"limits": {"nvidia.com/mig-3g.20gb": "1"},
                                                       "requests": {"nvidia.com/mig-3g.20gb": "1"}}}]}
    if where:
        spec["nodeName"] = where
    waits = {"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}
    return {"kind": "Pod", "apiVersion": "v1",
            "metadata": {"namespace": "team", "name": name, "uid": name,
                         "creationTimestamp": "2026-01-02T03:04:05Z"},
            "spec": spec, "status": {"phase": "Running"} if where else waits}


def gpunode(name, holders):
    slices = [{"profile": "3g.20gb", "start": 4 * i, "size": 4, "plain": True,
               "state": "Held" if who else "Free", "resource": "nvidia.com/mig-3g.20gb",
               "uuid": f"MIG-{name}-{i}",
               **({"holder": {"namespace": "team", "name": who, "uid": who}} if who else {})}
              for i, who in enumerate(holders)]
    return {"kind": "GpuNode", "apiVersion": "gpuslice.dev/v1alpha1",
            "metadata": {"name": name, "uid": f"g-{name}"}, "spec": {},
            "status": {"agentVersion": "0.1.0", "gpus": [
                {"index": 0, "uuid": f"GPU-{name}", "model": "A100-40GB",
                 "product": "NVIDIA A100-SXM4-40GB", "mig": True, "healthy": True, "revision": 1,
                 "slices": slices}]}}


@contextlib.contextmanager
def cluster():
    """An API server of ours with two nodes; and the words that lead to it."""
    pem = apis.certificate(bed.WORK)
    with open(f"{pem}.crt", "rb") as file:
        ca = base64.b64encode(file.read()).decode()
    server = apis.Api(pem)
    config = os.path.join(bed.WORK, "kubeconfig")
    with open(config, "w", encoding="ascii") as file:
        file.write(KUBECONFIG.format(port=server.server_port, ca=ca))
    for name, holders in (("node-a", ["web-0", None]), ("node-b", ["web-1", "web-2"])):
        server.put(NODES, node(name))
        server.put(GPUNODES, gpunode(name, holders))
        for who in filter(None, holders):
            server.put(PODS, pod(who, name))
    try:
        yield server, ("--kubeconfig", config)
    finally:
        server.shutdown()
        server.server_close()


def top__follows_a_cluster():
    with cluster() as (server, words), Terminal(*words) as terminal:
        found = terminal.until_shows("team/web-2")
        assert "2 GPUs on 2 nodes" in found and "$43.92/h" in found, found
        server.put(PODS, pod("late"))
        terminal.until_shows("2 Waiting (1)")
        terminal.type("2")
        found = terminal.until(lambda text: "team/late" in text and " book " in text, "what it gets")
        assert "node-a" in found, found
        fits(found, 80)
        server.put(PODS, pod("late"), "DELETED")
        terminal.until_shows("no pod waits for slices")
        terminal.type("1")
        server.put(GPUNODES, gpunode("node-a", ["web-0", "late"]))
        terminal.until_shows("team/late")
        terminal.type("q")
        expect(terminal.ended(), 0)
        expect({method for method, _, _ in server.seen}, {"GET"})


def top__one_frame_of_a_cluster_says_what_waits_and_why():
    with cluster() as (server, words):
        server.put(PODS, pod("late"))
        found = once("--view", "waiting", *words)
        expect((found.returncode, found.stderr), (0, ""))
        assert "team/late" in found.stdout and " book " in found.stdout, found.stdout
        fits(found.stdout, 80)
        document = json.loads(once("-o", "json", *words).stdout)
        waiting = document["waiting"]
        expect([(one["name"], one["decision"]) for one in waiting["pods"]], [("late", "book")])
        money = document["money"]
        expect(money["used"] + money["idle"] + money["stranded"] + money["starting"], money["bill"])


def top__a_cluster_that_does_not_answer_is_said():
    with cluster() as (_, words):
        pass
    found = once(*words)
    expect((found.returncode, found.stdout), (3, ""))
    assert "nobody listens there" in found.stderr, found.stderr


if __name__ == "__main__":
    if shutil.which("tmux") is None:
        print("1..0 # SKIP: tmux is not here (apt-get install tmux)")
        sys.exit(0)
    try:
        tap.run(tap.cases_of(sys.modules[__name__], "top__"))
    finally:
        bed.end()
