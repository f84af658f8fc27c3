"""load: pods that come and go on a node, everything that happens to them, and the agent's ear.

For tests that re-cut GPUs under load (test_recut.py). Verdicts come from the API server's watch and
from the machine's own state, never from the agent.
"""
import http.client
import json
import random
import socket
import threading
import time

from bed.api import ApiError, ApiGone
from bed.pods import path_of, pod

PROFILES = {"1g.5gb": 1, "2g.10gb": 2, "3g.20gb": 3, "4g.20gb": 4, "7g.40gb": 7}
# Multisets of the plain profiles of an A100 that fill it, and some that do not.
LAYOUTS = ["7g.40gb=1", "4g.20gb=1,3g.20gb=1", "4g.20gb=1,2g.10gb=1,1g.5gb=1", "4g.20gb=1,1g.5gb=3",
           "3g.20gb=2", "3g.20gb=1,2g.10gb=2", "3g.20gb=1,2g.10gb=1,1g.5gb=2",
           "3g.20gb=1,1g.5gb=4", "2g.10gb=3,1g.5gb=1", "2g.10gb=2,1g.5gb=3", "2g.10gb=1,1g.5gb=5",
           "1g.5gb=7", "3g.20gb=1", "2g.10gb=1,1g.5gb=2"]


def resource(profile):
    return f"nvidia.com/mig-{profile}"


def document(layouts):
    """A mig-parted document: layouts[k] is what GPU k is cut into, None: left as it is."""
    entries = []
    for number, layout in enumerate(layouts):
        if layout is not None:
            devices = {name: int(count) for name, count in
                       (part.split("=") for part in layout.split(",") if part)}
            entries.append({"devices": [number], "mig-enabled": True, "mig-devices": devices})
    return json.dumps({"version": "v1", "mig-configs": {"wanted": entries}})


class Agent:
    """The agent's control socket; one connection a thread, made anew when the agent was."""

    def __init__(self, path):
        self.path = path

    def ask(self, method, path, body=None, timeout=180):
        connection = http.client.HTTPConnection("agent", timeout=timeout)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(timeout)
        try:
            connection.sock.connect(self.path)
            connection.request(method, path, None if body is None else json.dumps(body),
                               {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def state(self):
        return json.loads(self.ask("GET", "/debug/state")[1])

    def is_up(self):
        """It answers, and has read its GPUs."""
        try:
            return bool(self.state()["gpus"])
        except (OSError, ValueError):
            return False

    def apply(self, **order):
        """The answer; `document`, `config`, `onlyIdle`."""
        return json.loads(self.ask("POST", "/v1/apply", order)[1])


class Watcher(threading.Thread):
    """Sees every state of every pod, and of the node's allocatable, with the time."""

    def __init__(self, bed, node):
        super().__init__(daemon=True)
        self.bed, self.node = bed, node
        self.lock = threading.Lock()
        self.failed = {}    # pod: what the API server says of it
        self.disturbed = {}
        self.interrupted = {}  # those of them that had been seen Running before
        self.running = {}   # pod: time it was first seen Running
        self.restarts = {}  # pod: how often its container had been begun anew by then
        self.allocatable = []  # (time, {resource: count})
        self.stopping = False

    def run(self):
        threading.Thread(target=self.watch_node, daemon=True).start()
        while not self.stopping:
            try:
                for when, _, found in self.bed.api.watch("/api/v1/namespaces/default/pods", 30):
                    self.see(when, found)
            except (ApiError, ApiGone):
                time.sleep(0.1)

    def see(self, when, found):
        name, status = found["metadata"]["name"], found.get("status", {})
        with self.lock:
            if status.get("phase") == "Failed" and "deletionTimestamp" not in found["metadata"]:
                self.failed[name] = f"{status.get('reason')}: {status.get('message')}"
            if status.get("phase") == "Running":
                self.running.setdefault(name, when)
                self.restarts.setdefault(name, sum(one["restartCount"] for one in
                                                   status.get("containerStatuses", [])))
            for one in status.get("containerStatuses", []):
                ended = "terminated" in one.get("state", {}) or one["restartCount"] > 0
                if ended and "deletionTimestamp" not in found["metadata"]:
                    self.disturbed[name] = str(one)
                    if name in self.running and ("terminated" in one.get("state", {}) or
                                                 one["restartCount"] > self.restarts[name]):
                        self.interrupted.setdefault(name, str(one))

    def watch_node(self):
        while not self.stopping:
            try:
                query = {"fieldSelector": f"metadata.name={self.node.name}"}
                for when, _, found in self.bed.api.watch("/api/v1/nodes", 30, **query):
                    shown = {key: int(value)
                             for key, value in found["status"].get("allocatable", {}).items()
                             if key.startswith("nvidia.com/")}
                    with self.lock:
                        self.allocatable.append((when, shown))
            except (ApiError, ApiGone):
                time.sleep(0.1)

    def when_shown(self, wanted, since, limit=120):
        """The time at which node.status first had these counts, and none of ours beside them."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            with self.lock:
                for when, shown in self.allocatable:
                    if when >= since and {k: v for k, v in shown.items() if v} == wanted:
                        return when
                if self.allocatable:
                    when, shown = self.allocatable[-1]
                    if {k: v for k, v in shown.items() if v} == wanted:
                        return max(when, since)
            time.sleep(0.005)
        raise AssertionError(f"node.status has not become {wanted} within {limit} s: "
                             f"{self.allocatable[-1] if self.allocatable else 'nothing was seen'}")


class Crowd(threading.Thread):
    """Pods that come and go, `most` at a time."""

    def __init__(self, bed, seed, most):
        super().__init__(daemon=True)
        self.bed, self.most = bed, most
        self.random = random.Random(seed)
        self.alive = {}  # pod: when it is to go
        self.made = 0
        self.stopping = False

    def run(self):
        while not self.stopping:
            now = time.monotonic()
            for name in [name for name, end in self.alive.items() if end < now]:
                self.end(name)
            if len(self.alive) < self.most:
                self.begin()
            time.sleep(self.random.uniform(0.02, 0.3))
        for name in list(self.alive):
            self.end(name)

    def begin(self):
        profile = self.random.choice(["1g.5gb"] * 4 + ["2g.10gb"] * 2 + ["3g.20gb", "4g.20gb"])
        name = f"crowd-{self.made}"
        self.made += 1
        try:
            self.bed.pods.create(pod(name, {resource(profile): 1}))
            self.alive[name] = time.monotonic() + self.random.uniform(1, 12)
        except (ApiError, ApiGone):
            pass

    def end(self, name):
        try:
            self.bed.api.delete(path_of(name), gracePeriodSeconds=1)
            self.alive.pop(name)
        except (ApiError, ApiGone):
            pass


def percentiles(times):
    """"p50 1.2 p95 3.4 p99 5.6 ms (n)" of seconds."""
    if not times:
        return "none"
    ordered = sorted(times)
    at = lambda share: ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000
    return f"p50 {at(.5):.0f} p95 {at(.95):.0f} p99 {at(.99):.0f} ms ({len(ordered)})"
