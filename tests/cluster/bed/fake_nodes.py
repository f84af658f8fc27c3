"""fake_nodes: nodes without machines, by the thousand: kwok says for them what kubelets would say.

Such a node is Ready and renews its lease; a pod on it is Running as soon as it is bound, and nothing
runs. What a device plugin or an agent would do there, somebody else has to.
"""
import os

from .daemon import Daemon
from .system import write

NAMESPACE, ACCOUNT = "kube-system", "kwok-controller"
MARK = {"kwok.x-k8s.io/node": "fake"}
TOKEN_S = 24 * 3600
ADDRESS = "10.99.0.2"  # nobody has it
LEASE_S = 40
# What happens to Nodes and pods, and when.
STAGES = ("node/fast/node-initialize", "node/heartbeat-with-lease/node-heartbeat-with-lease",
          "pod/fast/pod-ready", "pod/fast/pod-complete", "pod/fast/pod-delete")


class FakeKubelets:
    """One process for all Nodes with the annotation MARK. Its rights are those of kwok's manifests."""

    def __init__(self, bed):
        self.bed, plane = bed, bed.control_plane
        self.shipped = os.path.dirname(bed.programs["kwok"])
        self.token_file = os.path.join(bed.folder, "kwok", "token")
        user = plane.kubeconfig("kwok", token_file=self.token_file)
        self.daemon = Daemon("kwok", [
            bed.programs["kwok"], f"--kubeconfig={user}", "--manage-all-nodes=false",
            "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
            *(f"--config={os.path.join(self.shipped, 'stages', one)}.yaml" for one in STAGES),
            f"--node-ip={ADDRESS}", f"--node-lease-duration-seconds={LEASE_S}"],
            os.path.join(bed.folder, "log", "kwok.log"), plane.join, bed.network.enter,
            {"HOME": os.path.join(bed.folder, "kwok")})

    def start(self):
        self.bed.kubectl("apply", "-k", os.path.join(self.shipped, "rbac"))
        answer = self.bed.api.create(
            f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{ACCOUNT}/token", {
                "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                "spec": {"expirationSeconds": TOKEN_S}})
        write(self.token_file, answer["status"]["token"], mode=0o600)
        self.daemon.start()
        return self

    def add(self, count, capacity, labels=None, prefix="fake", taints=()):
        """So many Nodes that have this: {"cpu": 96, "memory": "1152Gi", "pods": 250, ...}. Names."""
        has = {key: str(value) for key, value in capacity.items()}
        names = [f"{prefix}-{number}" for number in range(count)]
        for name in names:
            self.bed.api.create("/api/v1/nodes", {
                "apiVersion": "v1", "kind": "Node", "spec": {"taints": list(taints)},
                "metadata": {"name": name, "annotations": MARK,
                             "labels": {"kubernetes.io/hostname": name, **(labels or {})}},
                "status": {"capacity": has, "allocatable": has}})
        return names

    def wait_ready(self, names, timeout=120):
        """All of them are Ready, and pods may come."""
        self.daemon.wait_until(f"{len(names)} Nodes are Ready",
                               lambda: set(names) <= self.ready(), timeout)

    def ready(self):
        return {one["metadata"]["name"] for one in self.bed.api.list("/api/v1/nodes")
                if not one["spec"].get("taints") and any(
                    c["type"] == "Ready" and c["status"] == "True"
                    for c in one["status"].get("conditions", []))}
