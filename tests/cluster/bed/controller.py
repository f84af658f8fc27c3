"""controller: gpuslice-controller in the bed, a process with the rights of deploy/rbac-controller.yaml.

It runs where the control plane does, and its token is bound to a pod that stands in for it, so that a
test can kill it, freeze it, and start two.
"""
import http.client
import os

from . import images, rights
from .daemon import Daemon
from .errors import BedError
from .network import CONTROL_PLANE
from .system import wait_for

CONTROLLER = "gpuslice-controller"


def stand_in(name, node):
    """The pod whose token a controller has."""
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": rights.NAMESPACE,
                         "labels": {"app.kubernetes.io/name": CONTROLLER}},
            "spec": {"nodeName": node, "serviceAccountName": CONTROLLER,
                     "automountServiceAccountToken": False, "terminationGracePeriodSeconds": 0,
                     "tolerations": [{"operator": "Exists"}],
                     "containers": [{"name": "controller", "image": images.PAUSE}]}}


def apply_types(bed):
    """The CRDs, until the API server serves them."""
    folder = os.path.join(bed.source, "deploy", "crds")
    bed.kubectl("apply", "-f", folder)
    for kind in ("gpunodes", "slicepools"):
        wait_for(f"the API of {kind}", lambda kind=kind: bed.api.find(
            f"/apis/gpuslice.dev/v1alpha1/{kind}") is not None, 30)


def credentials(bed, name, node=None):
    bed.kubectl("apply", "-f", os.path.join(bed.source, "deploy", "rbac-controller.yaml"))
    wait_for(f"service account {CONTROLLER}", lambda: bed.api.find(
        f"/api/v1/namespaces/{rights.NAMESPACE}/serviceaccounts/{CONTROLLER}"), 30)
    pod = bed.api.ensure(f"/api/v1/namespaces/{rights.NAMESPACE}/pods",
                         stand_in(name, node or (bed.nodes[0].name if bed.nodes else "nowhere")))
    token = rights.bound_token(bed.api, rights.NAMESPACE, CONTROLLER, pod)
    return rights.Credentials(bed, name, token)


class Controller:
    """`number`: of several. The daemon is .daemon: kill(), start(), freeze(). `webhook`: it answers
    the API server at https://HOST:WEBHOOK_PORT/admit. `node`: of the pod that stands in for it; without
    it the first of the bed."""

    def __init__(self, bed, number=0, words=(), webhook=False, node=None):
        self.bed, self.name = bed, f"{CONTROLLER}-{number}"
        self.credentials = credentials(bed, self.name, node)
        self.host, self.port = CONTROL_PLANE, 18100 + number
        self.webhook_port = 18200 + number
        at = f"{self.host}:{self.webhook_port}" if webhook else ""
        program = os.path.join(bed.build, "bin", CONTROLLER)
        env = dict(self.credentials.env(), POD_NAME=self.name, POD_NAMESPACE=rights.NAMESPACE)
        self.daemon = Daemon(self.name, [program, "--http-address", f"{self.host}:{self.port}",
                                         "--webhook-address", at, "--webhook-names", self.host,
                                         *words],
                             os.path.join(bed.folder, "log", f"{self.name}.log"),
                             bed.control_plane.join, bed.network.enter, env)

    def start(self):
        self.daemon.start()
        return self

    def page(self, path):
        """(status, text) of one of its pages; (0, why) where it does not answer."""
        connection = http.client.HTTPConnection(self.host, timeout=30)
        try:
            connection.sock = self.bed.network.connect((self.host, self.port), 30)
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, BedError, http.client.HTTPException) as error:
            return 0, str(error)
        finally:
            connection.close()

    def is_ready(self):
        return self.page("/readyz")[0] == 200

    def metrics(self):
        """{name with labels: value}; nothing where it does not answer."""
        status, text = self.page("/metrics")
        rows = [line.rsplit(" ", 1) for line in text.splitlines()
                if status == 200 and line and line[0] != "#"]
        return {name: float(value) for name, value in rows}

    def metric(self, name):
        """One of them, waited for: a busy machine may not answer at once."""
        return wait_for(f"{name} of {self.name}", lambda: {
            one: value for one, value in self.metrics().items() if one == name}, 60)[name]

    def leads(self):
        return self.metrics().get("gpuslice_controller_leads") == 1
