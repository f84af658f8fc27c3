"""Objects of a cluster for the tests of its dashboard and its history."""
import base64
import os
import socket
import ssl

import bed

NODES, PODS, GPUNODES = "/api/v1/nodes", "/api/v1/pods", "/apis/gpuslice.dev/v1alpha1/gpunodes"
KUBECONFIG = """apiVersion: v1
kind: Config
current-context: c
contexts: [{{name: c, context: {{cluster: c, user: u}}}}]
clusters: [{{name: c, cluster: {{server: "https://127.0.0.1:{port}", certificate-authority-data: {ca}}}}}]
users: [{{name: u, user: {{token: users-own-token}}}}]
"""
ASKS = "nvidia.com/mig-3g.20gb"


def write_kubeconfig(folder, api, pem):
    path = os.path.join(folder, "config")
    with open(f"{pem}.crt", "rb") as file:
        ca = base64.b64encode(file.read()).decode()
    with open(path, "w", encoding="ascii") as file:
        file.write(KUBECONFIG.format(port=api.server_address[1], ca=ca))
    return path


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def user(name, namespaces):
    return {"user": name, "audiences": ["gpuslice-dashboard"], "namespaces": namespaces, "in": True}


def node(name):
    """One A100 in place of the eight of its type: what it costs is what counts."""
    return {"kind": "Node", "apiVersion": "v1", "metadata": {"name": name, "uid": name, "labels": {
        "node.kubernetes.io/instance-type": "p4d.24xlarge",
        "topology.kubernetes.io/region": "us-east-1", "karpenter.sh/capacity-type": "on-demand",
        "nvidia.com/gpu.present": "true"}}, "spec": {}, "status": {
            "allocatable": {"cpu": "90", "memory": "1000Gi", "pods": "100", ASKS: "2"},
            "conditions": [{"type": "Ready", "status": "True"}]}}


def pod(space, name, where, owner, waits_for=None):
    """`waits_for`: the scheduler has found no node for it."""
    waits = {"phase": "Pending"}
    if waits_for:
        waits["conditions"] = [{"type": "PodScheduled", "status": "False",
                                "reason": "Unschedulable", "message": waits_for}]
    resources = {"limits": {ASKS: "1"}, "requests": {ASKS: "1"}}
    return {"kind": "Pod", "apiVersion": "v1", "metadata": {
        "namespace": space, "name": name, "uid": f"{space}-{name}",
        "creationTimestamp": "2026-01-02T03:04:05Z", "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": owner[0], "name": owner[1], "uid": "o",
             "controller": True}]},
            "spec": {"containers": [{"name": "c", "resources": resources}],
                     **({"nodeName": where} if where else {})},
            "status": {"phase": "Running"} if where else waits}


def gpunode(name, holders, wishes=(), decision=None):
    """A GPU in two slices, of which the holders have those that they name."""
    slices = [{"profile": "3g.20gb", "start": 4 * i, "size": 4, "plain": True,
               "state": "Held" if who else "Free", "resource": ASKS, "uuid": f"MIG-{name}-{i}",
               **({"holder": {"namespace": who[0], "name": who[1], "uid": "-".join(who)}}
                  if who else {})} for i, who in enumerate(holders)]
    gpu = {"index": 0, "uuid": f"GPU-{name}", "model": "A100-40GB",
           "product": "NVIDIA A100-SXM4-40GB", "mig": True, "healthy": True, "revision": 1,
           "slices": slices, **({"decision": decision} if decision else {})}
    return {"kind": "GpuNode", "apiVersion": "gpuslice.dev/v1alpha1",
            "metadata": {"name": name, "uid": f"g-{name}"}, "spec": {"gpus": list(wishes)},
            "status": {"agentVersion": "0.1.0", "gpus": [gpu]}}


class Direct(bed.Served):
    """The controller's own address."""

    def __init__(self, port, token):
        super().__init__(f"https://127.0.0.1:{port}/open/{token}")

    def connect(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return bed.http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=30)
