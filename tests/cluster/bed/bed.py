"""bed: a whole cluster for a test, or for a person (make cluster).

    with Bed(nodes=1, gpus="8xA100-40GB") as bed:
        node = bed.nodes[0]
        node.start_agent("--config", path)
        node.wait_allocatable("nvidia.com/gpu", 8)
        bed.run_pod("one", {"nvidia.com/gpu": 1})
"""
import contextlib
import os
import shutil
import sys
import threading

from . import (build, cgroups, cleanup, fake_nodes, images, karpenter, launcher, pki, pods,
               system)
from .control_plane import ControlPlane
from .errors import BedError
from .gpu_node import GpuNode
from .network import Network
from .node import Node

SOURCE = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))


class Bed:
    """`nodes`: how many. `gpus`: what each has, None for none. `sim`: more options for
    gpuslice-sim create. `build`: the folder of our programs. `also`: groups of programs beyond
    those of every cluster ("karpenter", "kwok", "helm"). More options as for add_node."""

    def __init__(self, nodes=1, gpus=None, sim=(), build_folder=None, oci_runtime="/usr/sbin/runc",
                 also=(), **node_options):
        self.source = SOURCE
        self.build = os.path.abspath(build_folder or os.environ.get("GPUSLICE_BUILD")
                                     or os.path.join(SOURCE, "build"))
        self.oci_runtime = oci_runtime
        self.wanted = [dict(node_options, gpus=gpus, sim=sim) for _ in range(nodes)]
        self.groups = [*build.ALWAYS, *also]
        self.nodes, self.gone, self.others = [], [], []
        self.numbers = threading.Lock()
        self.karpenter = self.launcher = None
        self.lock = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop(failed=True)
            raise
        return self

    def __exit__(self, kind, error, _):
        ended_well = kind in (None, KeyboardInterrupt) or (kind is SystemExit and not error.code)
        self.stop(failed=not ended_well)

    # ---- start and end ----

    def start(self):
        """Returns when all nodes are Ready. errors.Skip where there can be no bed."""
        system.check()
        self.programs = build.programs(self.groups)
        cleanup.sweep()
        self.id, self.lock = cleanup.claim()
        self.watchman = cleanup.Watchman(self.id)
        self.folder, self.memory_folder = cleanup.folder_of(self.id), cleanup.memory_of(self.id)
        self.group = self.id
        cgroups.make(self.group)
        join = cgroups.make_for_daemons(self.group)
        self.authority = pki.Authority(os.path.join(self.folder, "pki"))
        self.network = Network(self.folder, join)
        self.network.start()
        self.control_plane = ControlPlane(self.folder, self.programs, self.network, self.authority,
                                          join)
        self.api, self.kubectl = self.control_plane.api, self.control_plane.kubectl
        self.pods = pods.Pods(self.api, self.kubectl)
        self.images = images.archive(os.path.join(self.folder, "images.tar"))
        self.control_plane.start()
        for options in self.wanted:
            self.add_node(wait=False, **options)
        for node in self.nodes:
            node.wait_ready()
        system.wait_for("the default service account", lambda: self.api.find(
            "/api/v1/namespaces/default/serviceaccounts/default"), 60)

    def stop(self, failed=False):
        """Ends and removes all of it. What the logs end with is shown when something failed."""
        if self.lock is None:
            return
        if failed:
            self.show_logs()
        if self.launcher is not None:
            self.launcher.abandon()
        for daemon in self.daemons():
            if daemon.process is not None:
                daemon.process.kill()  # parents first would be slower, not cleaner
        cleanup.remove(self.id)
        for daemon in self.daemons():
            if daemon.process is not None:
                daemon.process.wait()
        self.watchman.dismiss()
        self.lock.close()
        self.lock = None

    def daemons(self):
        if not hasattr(self, "control_plane"):
            return [self.network.holder] if hasattr(self, "network") else []
        plane = self.control_plane
        found = [self.network.holder, plane.etcd, plane.apiserver, plane.scheduler, plane.manager]
        return found + self.others + [daemon for node in list(self.nodes) for daemon in node.daemons()]

    def show_logs(self):
        """The end of each log to stderr; all of them into $GPUSLICE_CLUSTER_LOGS, where that is a
        folder."""
        kept = os.environ.get("GPUSLICE_CLUSTER_LOGS")
        for daemon in [*self.daemons(), *(d for node in self.gone for d in node.daemons())]:
            end = [line[:400] for line in system.tail(daemon.log, 12)]
            print(f"---- {daemon!r}: {daemon.log}", *end, sep="\n", file=sys.stderr)
            if kept and os.path.exists(daemon.log):
                name = os.path.relpath(daemon.log, self.folder).replace(os.sep, "-")
                shutil.copy(daemon.log, os.path.join(kept, name))

    def add_node(self, gpus=None, sim=(), name=None, wait=True, start_kubelet=True, **more):
        """A machine joins. `labels`, `taints` (as in a Node's spec) and `kubelet` (over its
        configuration) are what its kubelet is started with. Without start_kubelet it is only
        booted, as for a step before the kubelet."""
        node = self.new_node(gpus, sim, name, more)
        node.set_up()
        node.boot()
        if start_kubelet:
            node.start_kubelet()
            if wait:
                node.wait_ready()
        return node

    def new_node(self, gpus, sim, name, more):
        """With the lowest number that is free: its address and folder follow from that."""
        with self.numbers:
            taken = {node.number for node in self.nodes}
            number = min(n for n in range(len(taken) + 1) if n not in taken)
            name = name or f"node-{number}"
            node = (GpuNode(self, number, name, gpus, sim, **more) if gpus
                    else Node(self, number, name, **more))
            self.nodes.append(node)
            return node

    def remove_node(self, node):
        """The machine is taken away: its processes end at once, its files go, but for the logs. The
        Node object is left to whoever made it."""
        node.tear_down()
        with self.numbers:
            self.nodes.remove(node)
            self.gone.append(node)

    def start_karpenter(self, **options):
        """Karpenter, for the EC2 types of our table: karpenter.Karpenter has the options."""
        self.karpenter = karpenter.Karpenter(self, **options)
        self.others.append(self.karpenter.daemon)
        return self.karpenter.start()

    def start_launcher(self, **options):
        """A machine for each Node that Karpenter makes: launcher.Launcher has the options."""
        self.launcher = launcher.Launcher(self, **options)
        return self.launcher.start()

    def start_fake_kubelets(self):
        """kwok, for Nodes without machines: fake_nodes.FakeKubelets."""
        made = fake_nodes.FakeKubelets(self)
        self.others.append(made.daemon)
        return made.start()

    # ---- pods ----

    def run_pod(self, name, limits=None, timeout=120, **more):
        """Creates a pod (pods.pod) and waits until it is Running. A manifest in place of the name
        is taken as it is."""
        manifest = name if isinstance(name, dict) else pods.pod(name, limits, **more)
        return self.pods.run(manifest, timeout)

    # ---- what happens to a control plane ----

    @contextlib.contextmanager
    def api_server_away(self, how="stopped"):
        """Meanwhile nobody reaches the API server: "stopped" refuses connections, "frozen" takes them
        and does not answer. etcd keeps what there is."""
        server = self.control_plane.apiserver
        if how not in ("stopped", "frozen"):
            raise BedError(f"the API server away: {how!r}: expected 'stopped' or 'frozen'")
        if how == "frozen":
            server.freeze()
        else:
            server.kill()
        try:
            yield
        finally:
            if how == "frozen":
                server.thaw()
            else:
                server.start()
            self.control_plane.wait_ready()
