"""node: one machine of the cluster: containerd and a kubelet in a mount namespace of their own.

The bed is the machine's power switch and its root: it starts, kills and reboots. What a node tells
the API server it tells with its own certificate, as system:node:NAME.
"""
import os
import shutil
import time

from . import cgroups, node_files
from .daemon import Daemon, joined
from .errors import BedError
from .system import PLAIN_ENV, read, run, wait_equal, wait_for

START_LIMIT_S = 60
READY_LIMIT_S = 180
STAMP = "%Y-%m-%dT%H:%M:%SZ"  # as the API server writes a time
NOT_READY = "node.kubernetes.io/not-ready"


class Node:
    """`bed` has the network, the control plane, the programs and the images. `size` is (CPUs, GiB)
    that the kubelet is to find, in place of what this machine has."""

    def __init__(self, bed, number, name, labels=None, taints=None, kubelet=None, size=None):
        self.bed, self.number, self.name = bed, number, name
        self.folder = os.path.join(bed.folder, f"n{number}")
        self.group = f"{bed.group}/n{number}"
        self.path = f"/api/v1/nodes/{name}"
        self.labels, self.taints, self.more = labels or {}, taints or [], kubelet or {}
        self.size = size
        self.heard = None
        self.extras = []

    def set_up(self):
        """Once, before the first start."""
        node_files.lay_out(self.folder)
        if self.size:
            node_files.size(self.folder, *self.size)
        self.address = self.bed.network.add_node(self.number)
        self.join = cgroups.make_for_daemons(self.group)
        cgroups.make(self.group)
        self.holder = Daemon(f"{self.name}: mounts", [*self.bed.network.enter, "unshare", "--mount",
                             "sh", "-c", node_files.MOUNTS, "sh", self.folder],
                             self.log("mounts"), self.join)
        self.containerd = self.daemon("containerd", [self.bed.programs["containerd"], "--config",
                                      node_files.containerd_config(self.folder, self.number,
                                                                   self.bed.oci_runtime)],
                                      {"PATH": f"{os.path.dirname(self.bed.programs['ctr'])}:"
                                               + PLAIN_ENV["PATH"]})
        self.kubelet = self.daemon("kubelet", self.kubelet_command())

    def kubelet_command(self):
        authority, plane = self.bed.authority, self.bed.control_plane
        self.certificate = authority.client(f"system:node:{self.name}", "system:nodes")
        user = plane.kubeconfig(f"node-{self.name}", self.certificate)
        serving = authority.server(f"kubelet-{self.name}", [self.address], [self.name])
        more = dict(self.more, registerWithTaints=self.taints) if self.taints else self.more
        config = node_files.kubelet_config(self.folder, self.address, self.group, authority,
                                           serving, more)
        labels = ",".join(f"{key}={value}" for key, value in self.labels.items())
        return [self.bed.programs["kubelet"], f"--config={config}", f"--kubeconfig={user}",
                f"--hostname-override={self.name}", f"--node-ip={self.address}",
                "--cert-dir=/var/lib/kubelet/pki", *([f"--node-labels={labels}"] if labels else [])]

    # ---- processes ----

    @property
    def enter(self):
        """In front of a command, runs it on the node."""
        return [*self.bed.network.enter, f"--mount=/proc/{self.holder.pid}/ns/mnt"]

    def log(self, name):
        return os.path.join(self.folder, "log", f"{name}.log")

    def daemon(self, name, command, env=None):
        """A process on the node, not yet started. Its group is the node's, so that it does not
        outlive a reboot. Paths must be absolute."""
        return NodeDaemon(self, name, command, env)

    def daemons(self):
        return [self.holder, self.containerd, self.kubelet, *self.extras]

    def spawn(self, name, command, env=None):
        """As daemon, started."""
        made = self.daemon(name, command, env)
        self.extras.append(made)
        return made.start()

    def run(self, command, env=None, timeout=240, check=True):
        """What a command on the node wrote to stdout, once it has ended."""
        return run(joined(self.join, [*self.enter, *command]), timeout, check,
                   env=dict(PLAIN_ENV, **(env or {})))

    def ctr(self, *words):
        return self.run([self.bed.programs["ctr"], "--namespace", "k8s.io", *words])

    # ---- life ----

    def boot(self):
        """The machine is up: its mounts, containerd, the images. Not yet its kubelet."""
        self.holder.start()
        self.holder.wait_until("has its mounts", lambda: self.command_of_holder() == "sleep", 20)
        self.start_containerd()
        if not self.has_images():
            self.ctr("images", "import", self.bed.images)

    def command_of_holder(self):
        return read(f"/proc/{self.holder.pid}/comm").strip() if self.holder.alive() else ""

    def has_images(self):
        return "localhost/" in self.ctr("images", "ls", "--quiet")

    def start_containerd(self):
        self.containerd.start()
        self.containerd.wait_until("serves", self.containerd_serves, START_LIMIT_S)

    def containerd_serves(self):
        try:
            return self.ctr("version")
        except BedError:
            return ""

    def start_kubelet(self):
        """Not in the second of the last heartbeat: they are whole seconds, and one that is the same
        would be taken for the word of the kubelet before it (is_ready)."""
        self.heard = self.heartbeat(self.object())
        wait_for(f"{self.name}: the second of its last heartbeat is over",
                 lambda: self.heard != time.strftime(STAMP, time.gmtime()), 5)
        self.kubelet.start()

    def heartbeat(self, found):
        """When a kubelet last said that the node is Ready; None when it said it is not."""
        for one in (found or {}).get("status", {}).get("conditions", []):
            if one["type"] == "Ready" and one["status"] == "True":
                return one["lastHeartbeatTime"]
        return None

    def is_ready(self):
        """Ready, said by the kubelet that runs now and not by the one before it, and pods may come."""
        found = self.object()
        heard = self.heartbeat(found)
        taints = [one["key"] for one in (found or {}).get("spec", {}).get("taints", [])]
        return heard is not None and heard != self.heard and NOT_READY not in taints

    def wait_ready(self, timeout=READY_LIMIT_S):
        self.kubelet.wait_until("says Ready", self.is_ready, timeout)

    def restart_kubelet(self):
        """As `systemctl restart kubelet`; returns when the node is Ready again."""
        self.kubelet.stop()
        self.start_kubelet()
        self.wait_ready()

    def restart_containerd(self):
        """As `systemctl restart containerd`: containers go on."""
        self.containerd.stop()
        self.start_containerd()

    def power_off(self):
        """Everything on the node ends at once: daemons, containers, mounts, the pods' networks."""
        cgroups.kill(self.group)
        for daemon in self.daemons():
            if daemon.process is not None:
                daemon.wait()
        # A real one starts with the groups that it has just made.
        cgroups.remove(f"{self.group}/kubepods")

    def tear_down(self):
        """The machine is gone for good; its logs lie in the bed's log/NAME then."""
        self.power_off()
        cgroups.remove(self.group)
        self.bed.network.remove_node(self.number)
        kept = os.path.join(self.bed.folder, "log", self.name)
        shutil.move(os.path.join(self.folder, "log"), kept)
        for daemon in self.daemons():
            daemon.log = os.path.join(kept, os.path.basename(daemon.log))
        shutil.rmtree(self.folder)

    def reboot(self):
        """Off and on again, without its kubelet: what runs before a kubelet may be run now.
        start_kubelet() and wait_ready() are the rest of the boot."""
        self.power_off()
        node_files.boot(self.folder)
        self.boot()

    # ---- what the API server knows of it ----

    def object(self):
        return self.bed.api.find(self.path)

    def conditions(self):
        """{type: status}"""
        return {c["type"]: c["status"] for c in self.object()["status"].get("conditions", [])}

    def allocatable(self, resource=None):
        """node.status.allocatable: all of it as text, or of a resource as a number, None where it
        is not listed."""
        found = self.object()["status"].get("allocatable", {})
        if resource is None:
            return found
        return int(found[resource]) if resource in found else None

    def wait_allocatable(self, resource, count, timeout=60):
        wait_equal(f"node {self.name}, allocatable {resource}", count,
                   lambda: self.allocatable(resource), timeout)


class NodeDaemon(Daemon):
    """Enters the namespaces that the node has when it is started: a reboot makes new ones."""

    def __init__(self, node, name, command, env=None):
        super().__init__(f"{node.name}: {name}", command, node.log(name), node.join, env=env)
        self.node = node

    def start(self):
        self.enter = self.node.enter
        return super().start()
