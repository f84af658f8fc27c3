"""cleanup: nothing of a bed stays, however its harness ended.

A bed is a folder in BEDS, beside it a lock that its harness holds for as long as it lives, a cgroup of
the same name and a folder in memory. When the harness ends without having cleaned, a process that waits for
just that does so; and every new bed first removes those whose lock nobody holds. What is not in such
a folder or such a cgroup is not ours.

usage: python3 -m bed.cleanup [BED]     removes dead beds; with a BED, that one when stdin ends
"""
import fcntl
import os
import re
import secrets
import shutil
import subprocess
import sys

from . import cgroups
from .errors import BedError

BEDS = "/tmp/gpuslice-beds"
MEMORY = "/dev/shm"
NAME = re.compile(r"^gs-[0-9a-f]{8}$")


def folder_of(name):
    return os.path.join(BEDS, name)


def memory_of(name):
    """Where the bed's simulated machines lie: a memory file system is fastest."""
    if os.path.isdir(MEMORY) and os.access(MEMORY, os.W_OK):
        return os.path.join(MEMORY, name)
    return os.path.join(folder_of(name), "memory")


def lock_path(name):
    """Beside the folder: it is the first thing of a bed that there is, and the last that goes."""
    return folder_of(name) + ".lock"


def lock_of(name, wait=False):
    """The open lock of a bed; None while its harness lives (unless told to wait), or when the bed
    is gone."""
    path = lock_path(name)
    try:
        lock = open(path, "rb")
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        if os.path.samestat(os.stat(path), os.fstat(lock.fileno())):
            return lock
    except (BlockingIOError, FileNotFoundError):
        pass
    lock.close()
    return None


def check_owner():
    """Only root may write there, so that nobody else can name what is to be removed."""
    found = os.lstat(BEDS)
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise BedError(f"{BEDS} belongs to user {found.st_uid}, mode {found.st_mode & 0o777:o}: "
                       f"expected {os.geteuid()} and writable by nobody else; remove it")


def claim():
    """(name, its lock) of a new bed, with its folders."""
    while True:
        name = f"gs-{secrets.token_hex(4)}"
        try:
            os.makedirs(BEDS, mode=0o700, exist_ok=True)
            check_owner()
            os.close(os.open(lock_path(name), os.O_CREAT | os.O_EXCL, 0o600))
        except FileNotFoundError:  # the last bed went meanwhile, and BEDS with it
            continue
        lock = lock_of(name)  # None where another took it for a dead one's
        if lock:
            os.mkdir(folder_of(name), 0o700)
            os.makedirs(memory_of(name), exist_ok=True)
            return name, lock


def names():
    try:
        found = [file.removesuffix(".lock") for file in os.listdir(BEDS) if file.endswith(".lock")]
    except FileNotFoundError:
        return []
    return sorted(name for name in found if NAME.match(name))


def mounts_below(folder):
    """Of this process's mount namespace. There should be none: nodes have their own."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        points = [line.split()[4] for line in file]
    return [p for p in points if p == folder or p.startswith(folder + "/")]


def remove(name):
    """Ends and removes all of a bed whose lock the caller holds."""
    cgroups.kill(name)
    cgroups.remove(name)
    mounted = mounts_below(folder_of(name))
    if mounted:
        raise BedError(f"{folder_of(name)} has mounts in it, {mounted[0]}: not removed")
    for folder in (memory_of(name), folder_of(name)):
        if os.path.isdir(folder):
            shutil.rmtree(folder)
    os.unlink(lock_path(name))
    try:
        os.rmdir(BEDS)
    except OSError:  # other beds
        pass


def sweep():
    """Removes what dead harnesses left; the names of those beds."""
    removed = []
    try:
        check_owner()
    except FileNotFoundError:
        return removed
    for name in names():
        lock = lock_of(name)
        if lock:
            with lock:
                remove(name)
            removed.append(name)
    return removed


def left(name):
    """What there still is of a bed: [] when it is gone."""
    found = [f"process {pid}" for pid in sorted(cgroups.processes(name))]
    found += [f"cgroup {f}" for f in cgroups.folders(name)]
    found += [f"mount {m}" for m in mounts_below(folder_of(name))]
    found += [f"folder {f}" for f in (folder_of(name), memory_of(name)) if os.path.exists(f)]
    return found


class Watchman:
    """Cleans a bed up when its harness is gone, even by SIGKILL: then the pipe between them ends."""

    def __init__(self, name):
        here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
        self.process = subprocess.Popen([sys.executable, "-m", "bed.cleanup", name], cwd=here,
                                        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True)

    def dismiss(self):
        self.process.stdin.close()
        self.process.wait()


def main():
    if len(sys.argv) > 1:
        sys.stdin.buffer.read()
        lock = lock_of(sys.argv[1], wait=True)
        if lock:
            with lock:
                remove(sys.argv[1])
    else:
        for name in sweep():
            print(f"removed {name}")


if __name__ == "__main__":
    main()
