"""ctk: nvidia-ctk cdi generate, which describes devices for container runtimes, as a judge.

It looks for /proc/driver/nvidia-caps and character devices where the kernel has them. So it runs in a
mount namespace of its own, where /proc shows the files of the simulated machine, on a copy of the
machine's root with real device nodes: that takes root, and leaves nothing behind.
"""
import json
import os
import shutil
import stat
import subprocess

import tools

# $1: the copy of the machine's root, $2: a folder to work in. What a process needs of the real /proc
# is linked into a small one of our own, which is then put over it.
ENTER = r"""
set -eu
root=$1 work=$2
shift 2
mount --make-rprivate /
mkdir -p "$work/real" "$work/view"
mount --rbind /proc "$work/real"
mount -t tmpfs none "$work/view"
for name in self thread-self mounts; do ln -s "$work/real/$name" "$work/view/$name"; done
ln -s "$work/real/$$" "$work/view/$$"
ln -s "$root/proc/driver" "$work/view/driver"
mount --bind "$work/view" /proc
if [ -d /sys/bus/pci ]; then mount --bind "$root/sys/bus/pci" /sys/bus/pci; fi
exec "$@"
"""

# As /proc/devices of the machine has them.
NVIDIA_MAJOR, CAPS_MAJOR, UVM_MAJOR = 195, 237, 510
NUMBERS = {"nvidiactl": (NVIDIA_MAJOR, 255), "nvidia-uvm": (UVM_MAJOR, 0),
           "nvidia-uvm-tools": (UVM_MAJOR, 1)}


def can_enter():
    done = subprocess.run(["unshare", "-m", "sh", "-c", "mount --make-rprivate / && "
                           "mount -t tmpfs none /mnt"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return done.returncode == 0


def make_node(path, major, minor, mode=0o666):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.mknod(path, mode | stat.S_IFCHR, os.makedev(major, minor))
    os.chmod(path, mode)


def copy_root(machine, root):
    """The machine's files, with the device nodes that a driver would have instead of those that only
    stand for them."""
    shutil.copytree(os.path.join(machine.dir, "root"), root, symlinks=True)
    for path, _, names in os.walk(os.path.join(root, "dev")):
        for name in names:
            digits = "".join(c for c in name if c.isdigit())
            is_cap = name.startswith("nvidia-cap")
            major, minor = NUMBERS.get(name) or (CAPS_MAJOR if is_cap else NVIDIA_MAJOR, int(digits))
            os.unlink(os.path.join(path, name))
            make_node(os.path.join(path, name), major, minor, 0o444 if is_cap else 0o666)


class Ctk:
    def __init__(self, program, bed):
        if os.geteuid() != 0 or not shutil.which("unshare") or not can_enter():
            raise tools.Skip("nvidia-ctk reads /proc/driver: a mount namespace takes root")
        self.program, self.bed = program, bed

    def generate(self, machine, root, work, *options):
        """The specification, as text of JSON; `root` is a copy of the machine's."""
        env = dict(os.environ, LD_LIBRARY_PATH=self.bed.libraries, GPUSLICE_SIM=machine.dir)
        command = ["unshare", "-m", "sh", "-c", ENTER, "sh", root, work, self.program, "cdi",
                   "generate", "--mode", "nvml", "--format", "json", "--driver-root", root,
                   "--dev-root", root, *options]
        done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=120, check=False)
        wrong = [line for line in done.stderr.splitlines() if "level=error" in line]
        assert done.returncode == 0 and not wrong, f"nvidia-ctk: {(wrong or [done.stderr])[-1]}"
        return done.stdout

    def see(self, machine):
        """The specification, as JSON."""
        work = os.path.join(machine.folder, "ctk")
        root = os.path.join(work, "root")
        try:
            copy_root(machine, root)
            return json.loads(self.generate(machine, root, work))
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def end(self):
        pass


def nodes_of(device):
    return {node["path"] for node in device["containerEdits"].get("deviceNodes") or []}


def cap(minor):
    return f"/dev/nvidia-caps/nvidia-cap{minor}"


def expected(truth):
    """{name of a device: its nodes}: GPUs, cut or not, by index and UUID; MIG devices by GPU:index
    and UUID, with the capabilities of their instances."""
    found = {}
    for gpu in truth["gpus"]:
        node = f"/dev/nvidia{gpu['minor']}"
        found[str(gpu["index"])] = found[gpu["uuid"]] = {node}
        for gi in gpu["instances"]:
            first = 3 + 135 * gpu["minor"] + 9 * gi["id"]
            for ci in gi["compute_instances"]:
                nodes = {node, cap(first), cap(first + 1 + ci["id"])}
                found[f"{gpu['index']}:{ci['mig_index']}"] = nodes
                found[ci["uuid"]] = nodes
    if found:
        found["all"] = set().union(*found.values())
    return found


def check(_judge, _bed, seen, truth):
    real = expected(truth)
    devices = {device["name"]: nodes_of(device) for device in seen["devices"]}
    assert sorted(devices) == sorted(real), (
        f"devices: found {sorted(devices)}, expected {sorted(real)}")
    for name, nodes in real.items():
        assert devices[name] == nodes, f"{name}: found {devices[name]}, expected {nodes}"
