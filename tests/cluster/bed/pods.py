"""pods: manifests for tests, and what to wait for."""
from . import images
from .system import wait_for

# busybox as process 1 leaves SIGTERM alone: without this each end of a pod takes its grace period.
IDLE = ["sh", "-c", "trap 'exit 0' TERM; sleep infinity & wait"]


def pod(name, limits=None, command=None, image=images.WORK, node=None, namespace="default", **spec):
    """A pod of one container that asks for `limits` ({"nvidia.com/mig-1g.5gb": 1}) and runs
    `command`, else waits for its end. `spec` goes over the pod's spec."""
    container = {"name": "main", "image": image, "command": command or IDLE}
    if limits:
        container["resources"] = {"limits": {k: str(v) for k, v in limits.items()}}
    made = {"containers": [container], "restartPolicy": "Never", "enableServiceLinks": False,
            "automountServiceAccountToken": False, "terminationGracePeriodSeconds": 2}
    if node:
        made["nodeSelector"] = {"kubernetes.io/hostname": node}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace},
            "spec": dict(made, **spec)}


def path_of(name, namespace="default"):
    return f"/api/v1/namespaces/{namespace}/pods/{name}"


def why(found):
    """A pod's state in a few words: phase, and what its conditions and containers give as reason."""
    if found is None:
        return "there is no such pod"
    status = found["status"]
    words = [status.get("phase", "no phase"), status.get("reason", ""), status.get("message", "")]
    words += [c.get("message", "") for c in status.get("conditions", []) if c["status"] != "True"]
    for one in status.get("containerStatuses", []):
        for state in one.get("state", {}).values():
            words += [state.get("reason", ""), state.get("message", "")]
    return "; ".join(dict.fromkeys(w for w in words if w))


class Pods:
    """Those of a bed, by name."""

    def __init__(self, api, kubectl):
        self.api, self.kubectl = api, kubectl

    def create(self, manifest):
        space = manifest["metadata"].get("namespace", "default")
        return self.api.create(f"/api/v1/namespaces/{space}/pods", manifest)

    def find(self, name, namespace="default"):
        return self.api.find(path_of(name, namespace))

    def phase(self, name, namespace="default"):
        """None when there is no such pod."""
        found = self.find(name, namespace)
        return found and found["status"].get("phase")

    def wait_phase(self, name, phase, timeout=120, namespace="default"):
        """The pod, once it is in that phase."""
        last = []

        def is_so():
            last[:] = [self.find(name, namespace)]
            return last[0] is not None and last[0]["status"].get("phase") == phase and last[0]

        try:
            return wait_for(f"pod {name}: {phase}", is_so, timeout)
        except Exception as error:
            found = why(last[0]) if last else "nothing"
            raise type(error)(f"{error.args[0].split(';')[0]}; found: {found}") from error

    def run(self, manifest, timeout=120):
        """Creates it and waits until it is Running; the pod."""
        made = self.create(manifest)["metadata"]
        return self.wait_phase(made["name"], "Running", timeout, made["namespace"])

    def finish(self, manifest, timeout=120):
        """Creates it, waits until it has Succeeded, and removes it; what it wrote."""
        made = self.create(manifest)["metadata"]
        self.wait_phase(made["name"], "Succeeded", timeout, made["namespace"])
        said = self.logs(made["name"], made["namespace"])
        self.delete(made["name"], made["namespace"])
        return said

    def delete(self, name, namespace="default", grace=None, timeout=120):
        """Returns when it is gone: its containers have ended. `grace` in seconds; 0 does not wait
        for the kubelet."""
        options = {} if grace is None else {"gracePeriodSeconds": grace}
        self.api.delete(path_of(name, namespace), **options)
        wait_for(f"pod {name} goes", lambda: self.find(name, namespace) is None, timeout)

    def logs(self, name, namespace="default"):
        return self.api.text(path_of(name, namespace) + "/log")

    def exec(self, name, *command, namespace="default", timeout=240):
        """What a command in the pod wrote to stdout."""
        return self.kubectl("--namespace", namespace, "exec", name, "--", *command, timeout=timeout)
