"""rights: what our programs may do in the cluster, given to them as a cluster gives it.

The agent's account and roles come from deploy/rbac-agent.yaml, the file that users apply. Its token
is bound to a pod of its node, as the kubelet's own request makes it for a DaemonSet's pod: so the API
server knows on which node it is used (authentication.kubernetes.io/node-name), and refuses it once
the pod is gone.
"""
import os

from . import images
from .network import CONTROL_PLANE
from .system import read, wait_for, write

NAMESPACE = "gpuslice-system"
AGENT = "gpuslice-agent"
TOKEN_S = 24 * 3600


class Credentials:
    """A folder with token, ca.crt and namespace as in a pod, and a kubeconfig that points there."""

    def __init__(self, bed, name, token):
        plane = bed.control_plane
        self.folder = os.path.join(bed.folder, "credentials", name)
        self.token = token
        self.token_file = write(os.path.join(self.folder, "token"), token, mode=0o600)
        write(os.path.join(self.folder, "namespace"), NAMESPACE)
        write(os.path.join(self.folder, "ca.crt"), read(bed.authority.ca.crt))
        self.kubeconfig = plane.kubeconfig(name, token_file=self.token_file)
        self.api = plane.as_user(token=token)

    def env(self):
        return {"KUBECONFIG": self.kubeconfig, "KUBERNETES_SERVICE_HOST": CONTROL_PLANE,
                "KUBERNETES_SERVICE_PORT": "6443"}


def bound_token(api, namespace, account, pod, seconds=TOKEN_S, audience=None):
    """A token of the account, for as long as the pod is there; for the API server, or `audience`."""
    answer = api.create(f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token", {
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"expirationSeconds": seconds,
                 "audiences": [audience] if audience else [],
                 "boundObjectRef": {"apiVersion": "v1", "kind": "Pod",
                                    "name": pod["metadata"]["name"],
                                    "uid": pod["metadata"]["uid"]}}})
    return answer["status"]["token"]


def stand_in(node):
    """The pod whose token the agent has. The agent itself runs beside it, as a process of the node,
    so that a test can kill it."""
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": f"{AGENT}-{node.name}", "namespace": NAMESPACE,
                         "labels": {"app.kubernetes.io/name": AGENT}},
            "spec": {"nodeName": node.name, "serviceAccountName": AGENT,
                     "automountServiceAccountToken": False, "terminationGracePeriodSeconds": 0,
                     "tolerations": [{"operator": "Exists"}],
                     "containers": [{"name": "agent", "image": images.PAUSE}]}}


def apply_agent_roles(bed):
    """Twice does no harm."""
    bed.kubectl("apply", "-f", os.path.join(bed.source, "deploy", "rbac-agent.yaml"))
    apply_crds(bed)


def apply_crds(bed):
    """GpuNode and SlicePool, and what the API server has to serve them."""
    bed.kubectl("apply", "-f", os.path.join(bed.source, "deploy", "crds"))
    bed.kubectl("wait", "--for=condition=Established", "--timeout=120s",
                "crd/gpunodes.gpuslice.dev", "crd/slicepools.gpuslice.dev")


def give_agent(bed, node):
    """The credentials of the agent of a node."""
    apply_agent_roles(bed)
    wait_for(f"service account {AGENT}", lambda: bed.api.find(
        f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{AGENT}"), 30)
    pod = bed.api.ensure(f"/api/v1/namespaces/{NAMESPACE}/pods", stand_in(node))
    return Credentials(bed, f"{AGENT}-{node.name}", bound_token(bed.api, NAMESPACE, AGENT, pod))


# ---- nodes that Karpenter makes ----

def give_launcher(bed, user):
    """Nodes, to read."""
    bed.api.ensure("/apis/rbac.authorization.k8s.io/v1/clusterroles", {
        "metadata": {"name": user},
        "rules": [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]}]})
    bed.api.ensure("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
        "metadata": {"name": user},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": user},
        "subjects": [{"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}]})


def apply_agent_daemon_set(bed, selector):
    """A pod of the agent's account on each node with that label, as a DaemonSet has it: Karpenter
    counts such a node as empty, and drains it without them. The agents run beside these pods."""
    apply_agent_roles(bed)
    key, _, value = selector.partition("=")
    labels = {"app.kubernetes.io/name": f"{AGENT}-token"}
    container = {"name": "agent", "image": images.PAUSE}
    bed.api.ensure(f"/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets", {
        "metadata": {"name": AGENT, "namespace": NAMESPACE},
        "spec": {"selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels},
            # with a token mounted: a node may ask for no token that its pods do not mount
            "spec": {"serviceAccountName": AGENT, "automountServiceAccountToken": True,
                     "terminationGracePeriodSeconds": 0, "nodeSelector": {key: value},
                     "tolerations": [{"operator": "Exists"}], "containers": [container]}}}})


def token_of_daemon_set(bed, node):
    """The credentials of the agent of a node, asked for by the node itself: None while its pod is
    not there."""
    api = bed.control_plane.as_user(certificate=node.certificate)
    for pod in api.list(f"/api/v1/namespaces/{NAMESPACE}/pods",
                        fieldSelector=f"spec.nodeName={node.name}"):
        if pod["spec"].get("serviceAccountName") == AGENT:
            return Credentials(bed, f"{AGENT}-{node.name}",
                               bound_token(api, NAMESPACE, AGENT, pod))
    return None
