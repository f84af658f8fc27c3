"""figures: what the kernel knows of a process, and middles and spreads of it."""
import os
import statistics
import time

CPU_CLOCK_OF_PROCESS = 2  # CPUCLOCK_SCHED: what it ran, in nanoseconds, all threads, also ended ones
MEMORY = ("Rss", "Private_Dirty")


def cpu_seconds(pid):
    """Finer than the ticks of /proc/PID/stat: the CPU-time clock of a process (clock_getcpuclockid)."""
    return time.clock_gettime((~pid << 3) | CPU_CLOCK_OF_PROCESS)


def memory_kib(pid):
    """{name: KiB} of smaps_rollup."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file if line.rstrip().endswith("kB"))
    return {name: int(fields[name].split()[0]) for name in MEMORY}


def cpu_by_thread(pid):
    """{name: CPU seconds} of the threads that there are; those of one name together."""
    found = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        folder = f"/proc/{pid}/task/{thread}"
        with open(f"{folder}/comm", encoding="utf-8", errors="replace") as file:
            name = file.read().strip()
        with open(f"{folder}/schedstat", encoding="ascii") as file:
            found[name] = found.get(name, 0) + int(file.read().split()[0]) / 1e9
    return found


def threads(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        return int(next(line for line in file if line.startswith("Threads:")).split()[1])


def put_first(pid):
    """All threads of a process before whatever else this machine does: it is shared, and what a wait
    for the CPU adds says nothing about who waited. Threads to come inherit it."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        os.sched_setscheduler(int(thread), os.SCHED_FIFO, os.sched_param(1))


class Series:
    """Figures of one thing over the rounds."""

    def __init__(self):
        self.values = []

    def add(self, value):
        self.values.append(value)

    def summary(self):
        return {"median": statistics.median(self.values), "min": min(self.values),
                "max": max(self.values), "n": len(self.values)}

    def text(self, shape="{:.3g}"):
        if not self.values:
            return "not measured"
        s = self.summary()
        return f"{shape.format(s['median'])} ({shape.format(s['min'])} to {shape.format(s['max'])})"


class Book:
    """{what: {who: Series}}, in the order in which they first came."""

    def __init__(self):
        self.rows = {}

    def add(self, what, who, value):
        self.rows.setdefault(what, {}).setdefault(who, Series()).add(value)

    def median(self, what, who):
        found = self.rows.get(what, {}).get(who)
        return found.summary()["median"] if found else None

    def ratios(self, what, one, other):
        """Of the rounds, pair by pair: both ran beside the same neighbours."""
        pair = self.rows.get(what, {})
        if one not in pair or other not in pair:
            return None
        made = Series()
        for a, b in zip(pair[one].values, pair[other].values):
            if b:
                made.add(a / b)
        return made

    def as_dict(self):
        return {what: {who: {**series.summary(), "values": series.values}
                       for who, series in row.items()} for what, row in self.rows.items()}
