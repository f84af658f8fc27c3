"""measures: memory and CPU when idle, Allocate under load, time from start to registered.

Each adds one round of figures for one stand to the book; whoever calls them takes turns.
"""
import itertools
import threading
import time

import figures
import layouts
from bed import system
from stands import Floor, Ours

SCRAPE_S = 15
FRESH_S = 5
GONE_LIMIT_S = 60
STATUS_LIMIT_S = 60
START_LIMIT_S = 60
ATTEMPTS, LATE_US = 3, 250
CLIENTS = ("lean", "grpc-go")
KEYS = ("p50_us", "p90_us", "p99_us", "max_us", "scheduled_p99_us", "late_p99_us")
IN_TURN = (0, 10)  # as lean.c has it: 10,000 calls
OF_NOBODY = [f"MIG-00000000-0000-0000-0000-{n:012d}" for n in range(56)]


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


def note_memory(book, stand, when):
    """Of each process, and of all together where there are several."""
    total = dict.fromkeys(figures.MEMORY, 0)
    for name, daemon in stand.processes.items():
        daemon.must_live()
        for kind, kib in figures.memory_kib(daemon.pid).items():
            book.add(f"{kind} {when}, MB", name, kib * 1024 / 1e6)
            total[kind] += kib
    for kind, kib in total.items() if len(stand.processes) > 1 else ():
        book.add(f"{kind} {when}, MB", "all of them", kib * 1024 / 1e6)


def note_cpu(book, stand, what, run):
    """What each process used while `run` did, as if it had been a minute."""
    pids = {name: daemon.pid for name, daemon in stand.processes.items()}
    before = {name: (figures.cpu_seconds(pid), figures.cpu_by_thread(pid))
              for name, pid in pids.items()}
    begun = time.monotonic()
    run()
    share, total = 60 / (time.monotonic() - begun), 0
    for name, pid in pids.items():
        ms = 1000 * share * (figures.cpu_seconds(pid) - before[name][0])
        book.add(f"{what}, ms in 60 s", name, ms)
        total += ms
        for thread, seconds in figures.cpu_by_thread(pid).items() if isinstance(stand, Ours) else ():
            used = seconds - before[name][1].get(thread, 0)
            book.add(f"{what}, ms in 60 s, thread {thread}", name, 1000 * share * used)
    if len(pids) > 1:
        book.add(f"{what}, ms in 60 s", "all of them", total)


def idle(book, client, stand, quiet_s, window_s):
    """Memory after the start and after a window with scrapes, CPU without and with them."""
    wait_offered(client, stand, layouts.SMALL)
    time.sleep(FRESH_S)
    note_memory(book, stand, "after the start")
    note_cpu(book, stand, "idle CPU", lambda: time.sleep(quiet_s))
    note_cpu(book, stand, f"idle CPU, scraped every {SCRAPE_S} s", lambda: scrape(stand, window_s))
    note_memory(book, stand, f"scraped every {SCRAPE_S} s")
    for name, daemon in stand.processes.items():
        book.add("threads", name, figures.threads(daemon.pid))


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


def asked(client, stand, devices):
    """{"ids": [...], "answer": ...} of a plugin that serves."""
    wait_offered(client, stand, layouts.SMALL)
    socket = stand.socket(next(iter(layouts.SMALL)))
    ids = sorted(client.ids(socket))
    return {"ids": ids, "answer": client.answer(socket, ids[0]), "devices": devices}


def load(book, client, stand, ids, plan, first=False):
    """`plan`: [(calls a second, seconds)]; `first`: as figures.put_first, for both sides."""
    socket = stand.socket(next(iter(layouts.SMALL)))
    if first:
        figures.put_first(stand.server().pid)
    for kind, (rate, seconds) in [*itertools.product(CLIENTS, plan), ("lean", IN_TURN)]:
        what = f"Allocate {rate}/s, {kind}" if rate else f"Allocate one after the other, {kind}"
        found, cpu, took, again = undisturbed(
            lambda k=kind, r=rate, s=seconds: timed(stand, lambda: client.load(
                k, socket, r, s, ids, first)))
        book.add(f"{what}: disturbed before", stand.name, again)
        for key in KEYS:
            book.add(f"{what}: {key}", stand.name, found[key])
        book.add(f"{what}: CPU, %", stand.name, 100 * cpu / took)
        book.add(f"{what}: CPU a call, us", stand.name, 1e6 * cpu / (found["calls"] + 200))
    if not isinstance(stand, Floor):
        note_memory(book, stand, "after Allocate")


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
