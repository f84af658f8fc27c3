"""system: commands, waiting, and whether this machine can carry a bed at all."""
import ctypes
import os
import shutil
import subprocess
import tempfile
import time

from .errors import BedError, Final, Skip, TimedOut

COMMAND_LIMIT_S = 240
# Of every wait: a machine may be slow and busy, and what comes soon costs no more for it.
LEAST_S = 120
CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)

# What daemons get of an environment: nothing of the user's, such as a proxy, reaches the cluster.
PLAIN_ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
             "HOME": "/root", "LANG": "C.UTF-8"}

# (what is needed, the Debian package that has it)
NEEDED = [("runc", "runc"), ("openssl", "openssl"), ("ip", "iproute2"), ("mount", "mount"),
          ("nsenter", "util-linux"), ("unshare", "util-linux")]
CNI_PLUGINS = "/usr/lib/cni"
BUSYBOX = "/bin/busybox"


def run(command, timeout=COMMAND_LIMIT_S, check=True, **options):
    """What the command wrote to stdout. BedError with its stderr when it fails and check is set."""
    try:
        done = subprocess.run(command, text=True, capture_output=True, timeout=timeout, check=False,
                              **({"stdin": subprocess.DEVNULL} if "input" not in options else {}),
                              **options)
    except subprocess.TimeoutExpired as error:
        raise TimedOut(f"{' '.join(command)}: no end after {timeout} s") from error
    if check and done.returncode != 0:
        raise BedError(f"{' '.join(command)}: exit status {done.returncode}: "
                       f"{(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout


def wait_for(what, condition, timeout, every=0.05):
    """What condition() returns, once that is true. A BedError of it counts as "not yet", a Final one
    ends the wait; TimedOut says what was seen last. `timeout` is LEAST_S or more."""
    timeout = max(timeout, LEAST_S)
    end = time.monotonic() + timeout
    while True:
        try:
            seen = condition()
            if seen:
                return seen
        except BedError as error:
            if isinstance(error, Final):
                raise
            seen = error
        if time.monotonic() > end:
            raise TimedOut(f"{what}: not so after {timeout} s; last seen: {seen!r}")
        time.sleep(every)


def wait_equal(what, wanted, look, timeout, every=0.05):
    """Waits until look() gives what is wanted; says what it gave last when it does not."""
    last = []

    def is_so():
        last[:] = [look()]
        return last[0] == wanted

    try:
        wait_for(what, is_so, timeout, every)
    except TimedOut as error:
        found = repr(last[0]) if last else "nothing"
        raise TimedOut(f"{what}: found {found}, expected {wanted!r}, after {timeout} s") from error


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w",
              encoding="utf-8") as file:
        file.write(text)
    return path


def tail(path, lines=30):
    try:
        return read(path).splitlines()[-lines:]
    except OSError as error:
        return [str(error)]


def busybox_is_static():
    """A container holds nothing but this one program."""
    try:
        with open(BUSYBOX, "rb") as file:
            return b"ld-linux" not in file.read(4096)
    except OSError:
        return False


def lacks():
    """The Debian packages whose programs are not here."""
    found = [package for name, package in NEEDED if shutil.which(name) is None]
    if not os.path.exists(os.path.join(CNI_PLUGINS, "bridge")):
        found.append("containernetworking-plugins")
    if not busybox_is_static():
        found.append("busybox-static")
    return sorted(set(found))


def may_isolate():
    """Root alone is not enough: in many containers it may make no namespace, mount or device."""
    with tempfile.TemporaryDirectory(prefix="gpuslice-bed-") as folder:
        for name in ("upper", "work", "low"):
            os.mkdir(os.path.join(folder, name))
        script = (f"cd {folder} && mount -t overlay overlay -o lowerdir=low,upperdir=upper,"
                  "workdir=work low && mknod low/device c 195 0")
        done = subprocess.run(["unshare", "--net", "--mount", "sh", "-c", script], text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, check=False)
        return "" if done.returncode == 0 else done.stderr.strip() or "no reason given"


def check():
    """Skips with the reason where this machine cannot carry a bed."""
    if os.geteuid() != 0:
        raise Skip("a cluster needs root: namespaces, mounts, cgroups and device nodes")
    missing = lacks()
    if missing:
        raise Skip(f"a cluster needs {', '.join(missing)}: scripts/deps.sh cluster installs them")
    refused = may_isolate()
    if refused:
        raise Skip(f"no namespaces, overlay mounts or device nodes for this root: {refused}")
