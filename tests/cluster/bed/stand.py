"""stand: the controller as a whole beside Karpenter: SlicePool, webhook, namespaces that opted in.

For tests of what all of it does together; the controller is a process, so that a test can end it.
"""
import os

from . import controller, rights
from .karpenter import NODE_CLASS
from .system import wait_for, write

GATE = "gpuslice.dev/slice"
BOOKED = "gpuslice.dev/booked"
SLICEPOOLS = "/apis/gpuslice.dev/v1alpha1/slicepools"
WEBHOOK = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/gpuslice"
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{rights.NAMESPACE}/leases/gpuslice-controller"
WORDS = ["--lease-duration", "6", "--region", "us-east-1"]


def slicepool(name, types, profiles, **spec):
    made = {"nodeClassRef": NODE_CLASS, "instanceTypes": types, "profiles": profiles,
            "emptyAfter": "3s"}
    return {"apiVersion": "gpuslice.dev/v1alpha1", "kind": "SlicePool", "metadata": {"name": name},
            "spec": dict(made, **spec)}


def make_controller(bed, number=0, words=(), webhook=True, bound=True):
    """Not started. Its token is bound to a pod of the first node; to none where there is no node, or
    where nodes are to go."""
    made = controller.Controller(bed, number, [*WORDS, *words], webhook=webhook)
    bed.others.append(made.daemon)
    if not bound or not bed.nodes:
        token = bed.api.create(
            f"/api/v1/namespaces/{rights.NAMESPACE}/serviceaccounts/{controller.CONTROLLER}/token",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
             "spec": {"expirationSeconds": rights.TOKEN_S}})["status"]["token"]
        write(made.credentials.token_file, token, mode=0o600)
    return made


def start_controller(bed, number=0, words=(), bound=True):
    """It leads, and the API server asks it about pods."""
    controller.apply_types(bed)
    made = make_controller(bed, number, words, bound=bound)
    bed.kubectl("apply", "-f", os.path.join(bed.source, "deploy", "webhook.yaml"))
    ask(bed, made)
    made.start()
    made.daemon.wait_until("it is ready", made.is_ready, 60)
    made.daemon.wait_until("it leads", made.leads, 30)
    wait_for("the webhook's certificate", lambda: "caBundle" in client_of(bed), 30)
    return made


def client_of(bed):
    return bed.api.get(WEBHOOK)["webhooks"][0]["clientConfig"]


def ask(bed, one):
    """The API server asks this controller from now on: there is no proxy of Services here."""
    client = {"url": f"https://{one.host}:{one.webhook_port}/admit"}
    client.update({key: value for key, value in client_of(bed).items() if key == "caBundle"})
    bed.api.patch(WEBHOOK, [{"op": "replace", "path": "/webhooks/0/clientConfig", "value": client}],
                  "json")


def namespace(bed, name, opted_in=True):
    """Made, or changed; pods can come."""
    labels = {"gpuslice.dev/gate": "enabled" if opted_in else None}
    if bed.api.find(f"/api/v1/namespaces/{name}") is None:
        bed.api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    bed.api.patch(f"/api/v1/namespaces/{name}", {"metadata": {"labels": labels}})
    wait_for("its service account", lambda: bed.api.find(
        f"/api/v1/namespaces/{name}/serviceaccounts/default"), 30)


def gates_of(pod):
    return [gate["name"] for gate in pod["spec"].get("schedulingGates", [])]


def is_gated(bed, manifest):
    """Whether it would be: asked without making it."""
    space = manifest["metadata"]["namespace"]
    return GATE in gates_of(bed.api.ask("POST", f"/api/v1/namespaces/{space}/pods",
                                        {"dryRun": "All"}, manifest))
