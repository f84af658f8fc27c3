"""systemd itself, as a manager of units in namespaces of its own: what a node does when it boots.

It is a user's manager, which needs no machine of its own; order, requirements and failures of units
are the same. /etc/systemd/system, /usr/local and /run are of the namespace.
"""
import contextlib
import os
import shutil
import subprocess
import tempfile
import time

SYSTEMD = "/lib/systemd/systemd"

OUTER = """
mount -t cgroup2 none {dir}/cgroup && mkdir {dir}/cgroup/{name} || exit 77
echo $$ >{dir}/cgroup/{name}/cgroup.procs || exit 77
exec unshare --mount --pid --fork --kill-child --cgroup --mount-proc sh {dir}/inner.sh
"""

AFTER = """
mount -t cgroup2 none {dir}/cgroup || exit 1
for try in $(seq 50); do
    [ -d {dir}/cgroup/{name} ] || exit 0
    find {dir}/cgroup/{name} -depth -type d -exec rmdir {{}} + 2>/dev/null
    sleep 0.1
done
exit 1
"""

INNER = """
set -e
mount -t cgroup2 none /sys/fs/cgroup
mount -t tmpfs none /run
mount -t tmpfs none /usr/local
mount --bind {dir}/units /etc/systemd/system
mkdir -p /run/systemd/system /run/gpuslice /run/user/0 /usr/local/bin
cp {dir}/systemctl /usr/local/bin/
export PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin XDG_RUNTIME_DIR=/run/user/0 HOME={dir}/home
export SYSTEMD_UNIT_PATH=/etc/systemd/system:/usr/lib/systemd/user
touch {dir}/ready
mkfifo {dir}/orders
{systemd} --user --unit=multi-user.target >/dev/null 2>&1 &
while read -r order <{dir}/orders && [ "$order" != bye ]; do
    sh -c "$order" >{dir}/answer.new 2>&1 && echo 0 >>{dir}/answer.new || echo 1 >>{dir}/answer.new
    mv {dir}/answer.new {dir}/answer
done
"""


def unshare(script):
    return subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True)


def why_not():
    """What it lacks on this machine; None: nothing."""
    if os.geteuid() != 0:
        return "systemd in namespaces of its own needs root"
    for path in (SYSTEMD, "/usr/lib/systemd/user/basic.target"):
        if not os.path.exists(path):
            return f"{path} is not here"
    try:
        with manager({}) as made:
            made.start()
    except AssertionError as error:
        return f"systemd does not start in namespaces of its own: {error}"
    return None


class Manager:
    """A folder, and the manager that is started on it."""

    def __init__(self, units):
        self.dir = tempfile.mkdtemp(prefix="gpuslice-units-")
        self.process = None
        self.words = {"dir": self.dir, "name": os.path.basename(self.dir), "systemd": SYSTEMD}
        for folder in ("cgroup", "home", "units/multi-user.target.wants"):
            os.makedirs(os.path.join(self.dir, folder))
        self.write("systemctl", "#!/bin/sh\nexec /usr/bin/systemctl --user \"$@\"\n", 0o755)
        self.write("units/multi-user.target", "[Unit]\nDescription=all\n")
        for name, text in units.items():
            self.write("units/" + name, text)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text, mode=0o644):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), mode)

    def want(self, *names):
        """Started at boot."""
        for name in names:
            os.symlink(f"../{name}", self.path(f"units/multi-user.target.wants/{name}"))

    def lines(self):
        """What units have written into {dir}/order."""
        try:
            with open(self.path("order"), encoding="utf-8") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def start(self):
        """Boots."""
        self.write("inner.sh", INNER.format(**self.words))
        self.process = unshare(OUTER.format(**self.words))
        self.wait_until(lambda: self.ask("systemctl show --property Version")[0])

    def wait_until(self, condition, limit_s=120):
        end = time.monotonic() + limit_s
        while not condition():
            assert self.process.poll() is None, self.process.stderr.read()
            assert time.monotonic() < end, f"it did not come; seen: {self.lines()}"
            time.sleep(0.02)

    def ask(self, order):
        """(whether it succeeded, what it said) of a command line in there."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path("answer"))
        self.write_order(order)
        self.wait_until(lambda: os.path.exists(self.path("answer")))
        with open(self.path("answer"), encoding="utf-8") as file:
            lines = file.read().splitlines()
        return lines[-1] == "0", "\n".join(lines[:-1])

    def write_order(self, order):
        """To who reads orders, as soon as it does."""
        pipes = []

        def is_open():
            with contextlib.suppress(OSError):  # nobody reads yet
                pipes.append(os.open(self.path("orders"), os.O_WRONLY | os.O_NONBLOCK))
            return bool(pipes)

        self.wait_until(is_open)
        os.write(pipes[0], (order + "\n").encode())
        os.close(pipes[0])

    def settled(self):
        """Waits until nothing is being started any more."""
        self.wait_until(lambda: self.ask("systemctl list-jobs --no-legend") == (True, ""))

    def close(self):
        """With the first process of a namespace all others of it end."""
        if self.process is not None:
            with contextlib.suppress(AssertionError, OSError):
                self.write_order("bye")
                self.process.wait(timeout=60)
            self.process.kill()
            self.process.communicate()
            after = unshare(AFTER.format(**self.words))
            assert after.wait(timeout=120) == 0, after.stderr.read()
        shutil.rmtree(self.dir, ignore_errors=True)


@contextlib.contextmanager
def manager(units):
    made = Manager(units)
    try:
        yield made
    finally:
        made.close()
