"""measures: memory and CPU when idle, Allocate under load, time from start to registered.

Each adds one round of figures for one stand to the book; whoever calls them takes turns.
"""
import itertools
import threading
import time

import figures
import layouts
from bed import system
from stands import Ours

SCRAPE_S = 15
SCRAPE_IDLE = "idle, scraped every 15 s"
GONE_LIMIT_S = 60
STATUS_LIMIT_S = 60
START_LIMIT_S = 60
ATTEMPTS, LATE_US = 8, 250
CLIENTS = ("lean", "grpc-go")
KEYS = ("p50_us", "p90_us", "p99_us", "max_us", "scheduled_p99_us", "late_p99_us", "rate")


def wait_offered(client, stand, resources):
    """Started, and known to the kubelet."""
    waits = client.offered(resources)
    try:
        stand.server().wait_until("serves the kubelet", waits.is_so, START_LIMIT_S)
    finally:
        waits.end()


def wait_gone(client, resources):
    """The kubelet and node.status have forgotten them."""
    client.offered({name: 0 for name in resources}).when()
    node = client.node
    for name in resources:
        system.wait_for(f"{name} gone from node.status", lambda n=name: not node.allocatable(n),
                        GONE_LIMIT_S, 0.1)


# ---- idle ----

def scrape(stand, seconds):
    """As Prometheus does; the last page."""
    end, page = time.monotonic() + seconds, ""
    while time.monotonic() < end:
        if isinstance(stand, Ours):
            page = stand.page("/metrics")
        time.sleep(min(SCRAPE_S, max(0, end - time.monotonic())))
    return page


def idle(book, client, stand, settle_s, window_s):
    """Memory and CPU of each process after a while, and all of them together."""
    wait_offered(client, stand, layouts.SMALL)
    scrape(stand, settle_s)
    before = {name: figures.cpu_seconds(d.pid) for name, d in stand.processes.items()}
    begun = time.monotonic()
    scrape(stand, window_s)
    took = time.monotonic() - begun
    total = dict.fromkeys((*figures.MEMORY, "cpu"), 0)
    for name, daemon in stand.processes.items():
        daemon.must_live()
        cpu = (figures.cpu_seconds(daemon.pid) - before[name]) * 60 / took
        memory = figures.memory_kib(daemon.pid)
        book.add("threads", name, figures.threads(daemon.pid))
        book.add("idle CPU, ms in 60 s", name, cpu * 1000)
        for kind, kib in memory.items():
            book.add(f"{kind}, MB", name, kib * 1024 / 1e6)
            total[kind] += kib
        total["cpu"] += cpu
    if len(stand.processes) > 1:
        book.add("idle CPU, ms in 60 s", "all of them", total["cpu"] * 1000)
        for kind in figures.MEMORY:
            book.add(f"{kind}, MB", "all of them", total[kind] * 1024 / 1e6)


# ---- load ----

def timed(stand, run):
    """(what it gave, CPU seconds of the server meanwhile, seconds)"""
    before, begun = figures.cpu_seconds(stand.server().pid), time.monotonic()
    found = run()
    return found, figures.cpu_seconds(stand.server().pid) - before, time.monotonic() - begun


def undisturbed(run):
    """Neighbours of this machine delay whoever runs, by milliseconds at times. When the client itself
    came late to its schedule, what it saw says nothing of the server: it is done again. The last
    attempt counts whatever it was; how many went before it is the fourth value."""
    for again in range(ATTEMPTS):
        found, cpu, took = run()
        if found["late_p99_us"] < LATE_US:
            break
    return found, cpu, took, again


def load(book, client, stand, devices, plan, first=False):
    """`plan`: [(calls a second, seconds)]; `first`: as figures.put_first, for both sides."""
    resource = next(iter(layouts.SMALL))
    wait_offered(client, stand, layouts.SMALL)
    socket = stand.socket(resource)
    ids = sorted(client.ids(socket))
    given = client.answer(socket, ids[0])
    if first:
        figures.put_first(stand.server().pid)
    for kind, (rate, seconds) in itertools.product(CLIENTS, plan):
        what = f"Allocate {rate}/s, {devices}, {kind}"
        found, cpu, took, again = undisturbed(
            lambda k=kind, r=rate, s=seconds: timed(stand, lambda: client.load(
                k, socket, r, s, ids, first)))
        book.add(f"{what}: disturbed before", stand.name, again)
        for key in KEYS:
            book.add(f"{what}: {key}", stand.name, found[key])
        book.add(f"{what}: CPU, %", stand.name, 100 * cpu / took)
        book.add(f"{what}: CPU a call, us", stand.name, 1e6 * cpu / (found["calls"] + 200))
    book.add(f"private dirty after Allocate, {devices}, MB", stand.name,
             figures.memory_kib(stand.server().pid)["Private_Dirty"] * 1024 / 1e6)
    return {"ids": ids, "answer": given}


# ---- start ----

class StatusWatch:
    """When node.status had what was wanted, by a watch of the API server."""

    def __init__(self, node, wanted):
        self.node, self.wanted, self.when = node, wanted, None
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def look(self):
        for seen, _, found in self.node.bed.api.watch(
                "/api/v1/nodes", STATUS_LIMIT_S, fieldSelector=f"metadata.name={self.node.name}"):
            have = found.get("status", {}).get("allocatable", {})
            if all(have.get(name) == str(n) for name, n in self.wanted.items()):
                self.when = seen
                return

    def wait(self):
        self.thread.join(STATUS_LIMIT_S)
        if self.when is None:
            raise system.TimedOut(f"node.status has not got {self.wanted} in {STATUS_LIMIT_S} s")
        return self.when


def start(book, client, stand, resources, name):
    """From the start of the process until the real kubelet offers all, and node.status says so."""
    wait_gone(client, resources)
    recorded, status = client.recorded(resources), StatusWatch(client.node, resources)
    begun = time.monotonic()
    stand.start()
    book.add(f"start to the kubelet's offer, {name}, ms", stand.name,
             1000 * (recorded.when() - begun))
    book.add(f"start to node.status, {name}, ms", stand.name, 1000 * (status.wait() - begun))


def start_alone(book, client, stand, resources, name):
    """From the start of the process until a kubelet that we stand in for has each resource's
    registration and list."""
    kubelet = client.registrations()
    try:
        begun = time.monotonic()
        stand.start(alone=True)
        registered, listed = {}, {}
        while listed != resources:
            words = kubelet.line()
            if words[0] == "registered":
                registered[words[1]] = float(words[2])
            else:
                listed[words[1]] = int(words[2])
                last = float(words[3])
        book.add(f"start to the last registration, {name}, ms", stand.name,
                 1000 * (max(registered.values()) - begun))
        book.add(f"start to the last list, {name}, ms", stand.name, 1000 * (last - begun))
    finally:
        kubelet.end()
