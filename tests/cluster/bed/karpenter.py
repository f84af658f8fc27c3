"""karpenter: the real Karpenter, with its kwok provider in place of EC2.

It decides as it does on EKS; what it "launches" is a Node object, which the launcher gives a machine.
Its instance types are the EC2 types of our table (data/ec2-instances.json), its rights those of its
chart: a service account, and nothing of the harness's.
"""
import json
import os
import shutil

from .daemon import Daemon
from .errors import BedError
from .system import PLAIN_ENV, read, run, wait_for, write

NAMESPACE = "karpenter"
ACCOUNT = "karpenter"
TOKEN_S = 24 * 3600
METRICS_PORT, HEALTH_PORT = 18080, 18081
READY_LIMIT_S = 60
GATES = {"NodeOverlay": True, "StaticCapacity": True, "NodeRepair": True}
# Those that give a right, of its chart.
RIGHTS = ("serviceaccount", "clusterrole", "clusterrole-kwok", "aggregate-clusterrole", "role",
          "rolebinding")

NODE_CLASS = {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"}
POOLS = "/apis/karpenter.sh/v1/nodepools"
CLAIMS = "/apis/karpenter.sh/v1/nodeclaims"
OVERLAYS = "/apis/karpenter.sh/v1alpha1/nodeoverlays"
NODE_CLASSES = "/apis/karpenter.kwok.sh/v1alpha1/kwoknodeclasses"
TYPE_LABEL = "node.kubernetes.io/instance-type"
POOL_LABEL = "karpenter.sh/nodepool"
STARTUP_TAINT = {"key": "gpuslice.dev/startup", "value": "true", "effect": "NoSchedule"}


def ec2_table(source):
    """{type: its entry in data/ec2-instances.json}"""
    found = json.loads(read(os.path.join(source, "data", "ec2-instances.json")))["instances"]
    return {one["type"]: one for one in found}


def offering(capacity_type, zone, price):
    return {"Price": price, "Available": True, "Requirements": [
        {"key": "karpenter.sh/capacity-type", "operator": "In", "values": [capacity_type]},
        {"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone]}]}


def instance_type(entry, region, zones, spot):
    """As the provider's file has it. `spot` is a price of the test's own, or None: our table has
    none."""
    offers = [offering("on-demand", zone, entry["usdPerHour"][region]) for zone in zones]
    if spot is not None:
        offers += [offering("spot", zone, spot) for zone in zones]
    return {"name": entry["type"], "architecture": entry["arch"], "operatingSystems": ["linux"],
            "resources": {"cpu": str(entry["vcpu"]), "memory": f"{entry['memoryGiB']}Gi",
                          "ephemeral-storage": "200Gi", "pods": str(entry["maxPods"]),
                          "nvidia.com/gpu": str(entry["gpus"])},
            "offerings": offers}


def instance_types(source, region, zones, only=None, spot=None):
    """All of the table whose price in the region and greatest number of pods are known, or only
    some: those must be."""
    table = ec2_table(source)
    known = [name for name, one in table.items() if region in one["usdPerHour"] and one["maxPods"]]
    missing = set(only or ()) - set(known)
    if missing:
        raise BedError(f"no price in {region}, or no number of pods, of {', '.join(sorted(missing))}")
    return [instance_type(table[name], region, zones, (spot or {}).get(name))
            for name in known if only is None or name in only]


def node_pool(name, types, labels=None, weight=None, taints=(), startup_taints=(STARTUP_TAINT,),
              limits=None, consolidate_after="0s", **spec):
    """A NodePool of some instance types. `labels` are its template's; `spec` goes over its spec."""
    template = {"metadata": {"labels": labels or {}}, "spec": {
        "nodeClassRef": NODE_CLASS, "expireAfter": "Never", "taints": list(taints),
        "startupTaints": list(startup_taints), "requirements": [
            {"key": TYPE_LABEL, "operator": "In", "values": list(types)},
            {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]}]}}
    made = {"template": template, "disruption": {
        "consolidationPolicy": "WhenEmpty", "consolidateAfter": consolidate_after,
        "budgets": [{"nodes": "100%"}]}}
    made.update({"weight": weight} if weight else {}, **({"limits": limits} if limits else {}))
    return {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": name},
            "spec": dict(made, **spec)}


def node_overlay(name, pool, type_name, capacity, weight):
    """What Karpenter shall take an instance type of a pool to have: {"nvidia.com/gpu": 0, ...}."""
    return {"apiVersion": "karpenter.sh/v1alpha1", "kind": "NodeOverlay", "metadata": {"name": name},
            "spec": {"weight": weight, "capacity": {k: str(v) for k, v in capacity.items()},
                     "requirements": [
                         {"key": POOL_LABEL, "operator": "In", "values": [pool]},
                         {"key": TYPE_LABEL, "operator": "In", "values": [type_name]}]}}


def condition(thing, kind):
    """(status, reason, message) of a condition, each "" where it is not there."""
    for one in (thing or {}).get("status", {}).get("conditions", []):
        if one["type"] == kind:
            return one["status"], one.get("reason", ""), one.get("message", "")
    return "", "", ""


class Karpenter:
    """`gates` goes over GATES; `types` names EC2 types, all with a known price if None; `spot` has
    prices for spot, {type: dollars}; `env` more of its settings ({"LOG_LEVEL": "debug"});
    `program`: "scarce" for a cloud that lacks what set_scarce says."""

    def __init__(self, bed, gates=None, types=None, region="us-east-1", zones=("us-east-1a",),
                 spot=None, env=None, program="karpenter"):
        self.bed, self.gates = bed, dict(GATES, **(gates or {}))
        self.folder = os.path.join(bed.folder, "karpenter")
        self.shipped = os.path.dirname(bed.programs["karpenter"])
        self.types_file = write(os.path.join(self.folder, "types.json"), json.dumps(
            instance_types(bed.source, region, zones, types, spot), indent=1))
        self.scarce_file = write(os.path.join(self.folder, "scarce"), "")
        self.token_file = os.path.join(self.folder, "token")
        plane = bed.control_plane
        self.daemon = Daemon("karpenter", [bed.programs[program]],
                             os.path.join(bed.folder, "log", "karpenter.log"), plane.join,
                             bed.network.enter, dict(self.settings(), **(env or {})))

    def settings(self):
        user = self.bed.control_plane.kubeconfig("karpenter", token_file=self.token_file)
        return {"KUBECONFIG": user, "SYSTEM_NAMESPACE": NAMESPACE, "DISABLE_LEADER_ELECTION": "true",
                "METRICS_PORT": str(METRICS_PORT), "HEALTH_PROBE_PORT": str(HEALTH_PORT),
                "FEATURE_GATES": self.gates_text(), "INSTANCE_TYPES_FILE_PATH": self.types_file,
                "BATCH_IDLE_DURATION": "1s", "BATCH_MAX_DURATION": "3s",
                "SCARCE_TYPES": self.scarce_file}

    def gates_text(self):
        return ",".join(f"{name}={str(on).lower()}" for name, on in self.gates.items())

    # ---- its life ----

    def start(self):
        """Returns when it works. What it needs in the cluster is made first."""
        self.install()
        self.daemon.start()
        self.wait_ready()
        return self

    def wait_ready(self):
        self.daemon.wait_until("is ready", lambda: self.page(HEALTH_PORT, "/readyz") == "ok",
                               READY_LIMIT_S)

    def stop(self):
        return self.daemon.stop()

    def kill(self):
        return self.daemon.kill()

    def restart(self, gates=None):
        """With other gates, if some are given."""
        if self.daemon.alive():
            self.daemon.stop()
        self.gates.update(gates or {})
        self.daemon.env["FEATURE_GATES"] = self.gates_text()
        self.daemon.start()
        self.wait_ready()

    def set_scarce(self, *types):
        """The cloud has nothing left of these."""
        write(self.scarce_file, "".join(f"{name}\n" for name in types))

    def page(self, port, path):
        """What one of its ports says; "" when nobody listens."""
        probe = ("import sys, urllib.request as u\n"
                 "sys.stdout.write(u.urlopen(sys.argv[1], timeout=30).read().decode())")
        return run([*self.bed.network.enter, shutil.which("python3"), "-c", probe,
                    f"http://127.0.0.1:{port}{path}"], check=False)

    def metrics(self):
        return self.page(METRICS_PORT, "/metrics")

    # ---- what it finds in the cluster ----

    def install(self):
        """Its kinds, its rights, a token, a node class. Twice does no harm."""
        kubectl = self.bed.kubectl
        kubectl("apply", "--server-side", "-f", os.path.join(self.shipped, "crds"))
        if self.bed.api.find(f"/api/v1/namespaces/{NAMESPACE}") is None:
            kubectl("create", "namespace", NAMESPACE)
        kubectl("apply", "-f", "-", stdin=self.rights())
        kubectl("wait", "--for=condition=Established", "--timeout=120s", "-f",
                os.path.join(self.shipped, "crds"))
        self.write_token()
        wait_for("the kind KWOKNodeClass", lambda: self.bed.api.ensure(NODE_CLASSES, {
            "apiVersion": "karpenter.kwok.sh/v1alpha1", "kind": "KWOKNodeClass",
            "metadata": {"name": NODE_CLASS["name"]}, "spec": {}}), 30)

    def rights(self):
        """What its chart gives it, as YAML."""
        words = [word for name in RIGHTS for word in ("--show-only", f"templates/{name}.yaml")]
        return run([self.bed.programs["helm"], "template", ACCOUNT,
                    os.path.join(self.shipped, "chart"), "--namespace", NAMESPACE, *words],
                   env=dict(PLAIN_ENV, HOME=self.folder))

    def write_token(self):
        answer = self.bed.api.create(
            f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{ACCOUNT}/token", {
                "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                "spec": {"expirationSeconds": TOKEN_S}})
        write(self.token_file, answer["status"]["token"], mode=0o600)

    # ---- what it makes of it ----

    def claims(self):
        return self.bed.api.list(CLAIMS)

    def wait_claims(self, count, timeout=60):
        """The NodeClaims, once there are so many."""
        wait_for(f"{count} NodeClaims", lambda: len(self.claims()) == count, timeout)
        return self.claims()

    def wait_condition(self, path, kind, status, timeout=60):
        """The object, once a condition of it has that status."""
        last = []

        def is_so():
            last[:] = [self.bed.api.find(path)]
            return condition(last[0], kind)[0] == status and last[0]

        try:
            return wait_for(f"{path}: {kind}={status}", is_so, timeout)
        except BedError as error:
            found = (last[0] or {}).get("status", {}).get("conditions") if last else "nothing"
            raise type(error)(f"{path}: {kind} is not {status}; found {found}") from error

    def apply(self, *things):
        """Pools and overlays: ready to be used when it returns."""
        for thing in things:
            self.bed.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(thing))
        for thing in things:
            name = thing["metadata"]["name"]
            if thing["kind"] == "NodePool":
                self.wait_condition(f"{POOLS}/{name}", "Ready", "True")
            elif thing["kind"] == "NodeOverlay" and self.gates["NodeOverlay"]:
                self.wait_condition(f"{OVERLAYS}/{name}", "Ready", "True")
