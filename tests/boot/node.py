"""A node that boots, for tests of gpuslice-boot: a simulated machine, and what lies on its disk.

Each test program is run with BIN_DIR LIB_DIR.
"""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # pylint: disable=wrong-import-position,unused-import

BIN, LIB = (os.path.abspath(path) for path in sys.argv[1:3])
ALL = os.environ.get("GPUSLICE_TORTURE") == "all"

# What changes GPUs, as NVML calls it.
CHANGES = ("nvmlDeviceSetMigMode", "nvmlDeviceCreateGpuInstanceWithPlacement",
           "nvmlGpuInstanceDestroy", "nvmlGpuInstanceCreateComputeInstance",
           "nvmlGpuInstanceCreateComputeInstanceWithPlacement", "nvmlComputeInstanceDestroy")


class Node:
    """A simulated machine in a folder that goes with it."""

    def __init__(self, *options):
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.dir = tempfile.mkdtemp(prefix="gpuslice-boot-", dir=base)
        self.machine = self.path("machine")
        self.asked = self.path("asked-for-a-reboot")
        self.started = []
        self.env = {"PATH": os.environ["PATH"], "GPUSLICE_SIM": self.machine,
                    "LD_LIBRARY_PATH": LIB,
                    **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}}
        self.sim("create", self.machine, *options)
        self.new_boot_id()

    # ---- its disk ----

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def report(self):
        return json.loads(self.read("machine/run/boot.json"))

    def flag(self):
        return os.path.exists(self.path("machine/run/var/reboot-asked"))

    def reboots_asked(self):
        return len(self.read(self.asked).splitlines()) if os.path.exists(self.asked) else 0

    def new_boot_id(self):
        self.write("machine/root/proc/sys/kernel/random/boot_id", f"{uuid.uuid4()}\n")

    # ---- its machine ----

    def sim(self, *words):
        done = subprocess.run([os.path.join(BIN, "gpuslice-sim"), *words], env=self.env, text=True,
                              capture_output=True, check=False)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    def show(self):
        return json.loads(self.sim("show", "-o", "json"))

    def cut(self):
        """What each GPU is cut into, None with MIG off: counts by profile."""
        found = []
        for gpu in self.show()["gpus"]:
            names = [i["profile"] for i in gpu["instances"]]
            assert all(len(i["compute_instances"]) == 1 for i in gpu["instances"]), gpu
            found.append({n: names.count(n) for n in names} if gpu["mig"] else None)
        return found

    def reboot(self):
        self.sim("reboot")
        self.new_boot_id()

    def count_changes(self):
        """Begins to count the calls that change GPUs."""
        self.sim("fault", "--clear", *[word for name in CHANGES for word in
                                       ("--add", f"{name}:nth=1000000,code=IN_USE")])

    def changes(self):
        return sum(fault["seen"] for fault in self.show()["faults"])

    # ---- the boot step ----

    def start(self, *words, env=None):
        """As the unit does; a reboot that is asked for is a line in a file."""
        process = subprocess.Popen(
            [os.path.join(BIN, "gpuslice-boot"), *with_presets(words, self.asked)],
            env={**self.env, **(env or {})}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        self.started.append(process)
        return process

    def boot(self, *words, status=0, says="", env=None):
        """Runs to its end; returns what it said."""
        process = self.start(*words, env=env)
        _, said = process.communicate(timeout=240)
        assert process.returncode == status and says in said, (words, process.returncode, said)
        return said

    def boot_until_reboot(self, *words):
        """Runs until it has asked for a reboot, and sees that it does not end by itself."""
        before = self.reboots_asked()
        process = self.start(*words)
        wait_for(lambda: self.reboots_asked() > before or process.poll() is not None)
        assert process.poll() is None, process.communicate()
        time.sleep(0.3)
        assert process.poll() is None, "it ended after it asked for a reboot"
        process.send_signal(signal.SIGTERM) # as systemd does when the machine goes down
        _, said = process.communicate(timeout=120)
        assert process.returncode == 1, (process.returncode, said)
        return said

    def hold(self, *what):
        """A process on a slice or a GPU, for as long as the node is there."""
        process = subprocess.Popen(
            [os.path.join(BIN, "gpuslice-sim"), "run", *what, "--", "sleep", "600"], env=self.env,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.started.append(process)
        wait_for(lambda: self.show()["processes"])

    def close(self):
        for process in self.started:
            if process.poll() is None:
                process.terminate()
            process.communicate()
        with contextlib.suppress(AssertionError):
            self.sim("destroy", "--force")
        shutil.rmtree(self.dir, ignore_errors=True)


def with_presets(words, asked):
    """The options of every test, but for those that it gives itself."""
    for name, value in (("--wait", "20"), ("--reboot-command", f"echo please >>{asked}")):
        if not any(word.split("=")[0] == name for word in words):
            yield from (name, value)
    yield from words


def wait_for(condition, limit_s=120):
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)


@contextlib.contextmanager
def node(*options):
    made = Node(*options)
    try:
        yield made
    finally:
        made.close()
