"""cgroups: the folders that a bed's processes are kept in, and found by.

Everything of a bed lies under one group, named as the bed is: daemons in NAME/daemons and
NAME/NODE/daemons, containers where the kubelet puts them, under NAME/NODE. A process cannot leave its
group by dying early, changing its name or clearing its environment, so that what is in it is ours
and what is not in it is not.
"""
import os
import signal
import time

from .errors import BedError
from .system import wait_for

ROOT = "/sys/fs/cgroup"
TRACKED = ("pids", "freezer", "memory")  # version 1: the hierarchy whose groups tell who is ours
DEATH_LIMIT_S = 60


def is_v2():
    return os.path.exists(os.path.join(ROOT, "cgroup.controllers"))


def hierarchies():
    """The folders below which groups are made: one with version 2; with 1 one a controller, and
    beside them often an empty one of version 2, in which runc makes groups too."""
    found = {}
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        for line in file:
            fields = line.split()
            if fields[fields.index("-") + 1] in ("cgroup", "cgroup2"):
                found.setdefault(fields[2], fields[4])  # some are mounted twice
    return sorted(found.values())


def tracked():
    """The hierarchy that daemons are put into."""
    if is_v2():
        return ROOT
    for name in TRACKED:
        for folder in hierarchies():
            if name in os.path.basename(folder).split(","):
                return folder
    raise BedError(f"no cgroup hierarchy of {', '.join(TRACKED)} is mounted in {ROOT}")


def make(group):
    """In each hierarchy. A new group of cpuset has no CPU and takes no process until it gets some."""
    for folder in hierarchies():
        path = folder
        for part in group.split("/"):
            above, path = path, os.path.join(path, part)
            os.makedirs(path, exist_ok=True)
            for name in ("cpuset.cpus", "cpuset.mems"):
                file = os.path.join(path, name)
                if not is_v2() and os.path.exists(file):
                    with open(os.path.join(above, name), encoding="ascii") as given:
                        value = given.read()
                    with open(file, "w", encoding="ascii") as taken:
                        taken.write(value)


def make_for_daemons(group):
    """The file to write one's own pid into."""
    path = os.path.join(tracked(), group, "daemons")
    os.makedirs(path, exist_ok=True)
    return os.path.join(path, "cgroup.procs")


def folders(group):
    """Of the group and all below it, deepest first, in every hierarchy."""
    found = []
    for folder in hierarchies():
        for path, _, _ in os.walk(os.path.join(folder, group), topdown=False):
            found.append(path)
    return found


def alive(pid):
    """Whether a process is more than what its parent has not asked about yet."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def processes(group):
    """The living ones of the group and all below it."""
    found = set()
    for folder in folders(group):
        try:
            with open(os.path.join(folder, "cgroup.procs"), encoding="ascii") as file:
                found.update(int(line) for line in file)
        except OSError:  # gone meanwhile
            continue
    return {pid for pid in found if alive(pid)}


def kill(group):
    """Kills all that lives there, and what it starts meanwhile, until nothing does."""

    def none_left():
        living = processes(group)
        for pid in living:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return not living

    wait_for(f"the processes of cgroup {group} end", none_left, DEATH_LIMIT_S, every=0.02)


def remove(group):
    """Removes the group and all below it. Nothing may live in it."""
    end = time.monotonic() + DEATH_LIMIT_S
    while True:
        busy = ""
        for folder in folders(group):
            try:
                os.rmdir(folder)
            except FileNotFoundError:
                pass
            except OSError as error:  # a dying process is still leaving
                busy = str(error)
        if not busy:
            return
        if time.monotonic() > end:
            raise BedError(f"cgroup {group} cannot be removed: {busy}")
        time.sleep(0.05)
