#!/usr/bin/env python3
"""The Helm chart and the images, as a user has them: lint, what a real API server says of every object,
an installation that serves slices from its own images, and what is left when it is gone.

usage: test_chart.py BUILD_DIR
"""
import glob
import json
import os
import re
import sys
import tarfile

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
# pylint: disable=wrong-import-position
import tap
from bed import build, system
from bed.bed import SOURCE, Bed
from bed.errors import BedError, Skip
from bed.network import CONTROL_PLANE
from bed.pods import pod

CHART = os.path.join(SOURCE, "deploy/chart/gpuslice")
PLAIN_SPACE = "gpuslice-system"  # of the plain files
SPACE = "slices"  # of the installation: any will do
SMALL = "nvidia.com/mig-1g.5gb"
PODS = f"/api/v1/namespaces/{SPACE}/pods"
TAKEN_WITH = ("part-of", "instance", "version", "managed-by")  # of labels that only a release has

# (values, what the refusal has to name)
WRONG = [
    ({"agnt": {"enabled": True}}, "agnt"),
    ({"agent": {"port": 0}}, "port"),
    ({"agent": {"driverRoot": {"host": "run/nvidia"}}}, "driverRoot"),
    ({"agent": {"maxUnavailable": "0%"}}, "maxUnavailable"),
    ({"agent": {"config": {"flags": {}, "version": None}}}, "version"),
    ({"agent": {"extraEnv": [{"value": "x"}]}}, "name"),
    ({"agent": {"config": {"version": "v2"}}}, "version"),
    ({"agent": {"config": {"version": "v1", "flags": {"migStrategy": "mixd"}}}}, "'mixed'"),
    ({"agent": {"config": {"version": "v1", "flags": {"migStrategie": "mixed"}}}}, "migStrategie"),
    ({"agent": {"config": {"version": "v1", "flags": {"gdsEnabled": "no"}}}}, "gdsEnabled"),
    ({"agent": {"config": {"version": "v1", "flags": {"plugin": {
        "deviceListStrategy": ["envvar", "cdi"]}}}}}, "'cdi-cri'"),
    ({"agent": {"config": {"version": "v1", "agent": {"settleMs": -1}}}}, "settleMs"),
    ({"agent": {"layouts": "all-1g.5gb"}}, "mig-configs"),
    ({"agent": {"layouts": "version: v1\n mig-configs: ["}}, "mig-configs"),
    ({"agent": {"config": {"version": "v1", "agent": {
        "layoutFile": "/etc/gpuslice/layouts.yaml"}}}}, "set agent.layouts"),
    ({"agent": {"affinity": {"nodeSelectorTerms": []}}}, "nodeSelectorTerms"),
    ({"agent": {"tolerations": [{"op": "Exists"}]}}, "'op'"),
    ({"agent": {"priorityClassName": "Very High"}}, "priorityClassName"),
    ({"agent": {"extraEnv": [{"name": "A", "value": 1}]}}, "value"),
    ({"controller": {"resources": {"limits": {"memory": "lots"}}}}, "memory"),
    ({"controller": {"resources": {"limit": {}}}}, "limit"),
    ({"controller": {"args": ["log-level=debug"]}}, "args"),
    ({"history": {"existingClaim": "My Claim"}}, "existingClaim"),
    ({"image": {"pullSecrets": [{"nome": "mine"}]}}, "name"),
    ({"region": "us-east-1"}, "region"),
    ({"controller": {"replicas": -1}}, "replicas"),
    ({"controller": {"region": "virginia"}}, "region"),
    ({"image": {"pullPolicy": "Sometimes"}}, "pullPolicy"),
    ({"image": {"registry": ""}}, "registry"),
    ({"networkPolicy": {"apiServerPorts": []}}, "apiServerPorts"),
    ({"serviceMonitor": {"interval": "often"}}, "interval"),
    ({"webhook": "off"}, "webhook"),
    ({"history": {"size": "much"}}, "size"),
    ({"history": {"prometheus": "prometheus:9090"}}, "prometheus"),
    ({"history": {"enabled": True, "prometheus": "http://prometheus:9090"}}, "one of them"),
    ({"cleanup": {"pools": True}}, "pools"),
]

# Every switch the other way round, and every value set.
ODD = [
    {"agent": {"enabled": False}},
    {"controller": {"enabled": False}},
    {"webhook": {"enabled": False}, "policy": {"enabled": False},
     "networkPolicy": {"enabled": False}, "controller": {"replicas": 1, "region": "us-east-1"}},
    {"serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
     "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
     "dashboards": {"enabled": True}, "dashboard": {"enabled": True, "names": ["gpus.example"],
                                                    "viewer": {"allPods": False}}, "cleanup": {"enabled": True, "nodes": False}},
    {"dashboard": {"enabled": True}, "history": {
        "enabled": True, "size": "20Gi", "storageClassName": "gp3", "keepVolume": False,
        "args": ["--every=30"], "podAnnotations": {}, "priorityClassName": "system-cluster-critical",
        "extraEnv": [{"name": "A", "value": "b"}]}},
    {"history": {"enabled": True, "existingClaim": "mine"}, "networkPolicy": {"enabled": False}},
    {"dashboard": {"enabled": True}, "history": {"prometheus": "http://prometheus.monitoring:9090"}},
    {"image": {"registry": "registry.example:5000/team", "tag": "1.2.3", "pullPolicy": "Always",
               "pullSecrets": [{"name": "mine"}]},
     "agent": {"config": {"version": "v1", "agent": {"layout": "mine", "layoutFile":
                                                     "/etc/gpuslice/layouts.yaml"}},
               "layouts": "version: v1\nmig-configs:\n  mine:\n  - devices: all\n"
                          "    mig-enabled: true\n    mig-devices: {\"1g.5gb\": 7}\n",
               "args": ["--log-format=json"], "port": 9500, "kubeletDir": "/data/kubelet",
               "driverRoot": {"host": "/run/nvidia/driver", "container": "/driver"},
               "nodeSelector": {"pool": "gpu"}, "affinity": {}, "tolerations": [],
               "priorityClassName": "", "maxUnavailable": 1, "podAnnotations": {},
               "extraEnv": [{"name": "A", "value": "b"}],
               "extraVolumes": [{"name": "more", "emptyDir": {}}],
               "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}]},
     "controller": {"args": ["--log-level=debug"], "nodeSelector": {"pool": "system"},
                    "tolerations": [{"key": "system", "operator": "Exists"}],
                    "affinity": {"nodeAffinity": {}}, "priorityClassName": "",
                    "podAnnotations": {}, "extraEnv": [{"name": "A", "value": "b"}],
                    "extraVolumes": [{"name": "more", "emptyDir": {}}],
                    "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}]}},
]

# The operator's kinds as far as an API server has to know them.
OPERATOR_KINDS = [{
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": f"{kind.lower()}s.monitoring.coreos.com"},
    "spec": {"group": "monitoring.coreos.com", "scope": "Namespaced",
             "names": {"kind": kind, "plural": f"{kind.lower()}s"},
             "versions": [{"name": "v1", "served": True, "storage": True, "schema": {
                 "openAPIV3Schema": {"type": "object",
                                     "x-kubernetes-preserve-unknown-fields": True}}}]}}
    for kind in ("ServiceMonitor", "PrometheusRule")]


def objects(text):
    """{(kind, name): object} of YAML documents; what belongs into namespace default is default/NAME."""
    def name(meta):
        return ("default/" if meta.get("namespace") == "default" else "") + meta["name"]
    return {(one["kind"], name(one["metadata"])): one for one in yaml.safe_load_all(text) if one}


def plain(thing):
    """An object without what only a release has: as a user's plain file has it."""
    meta = thing["metadata"]
    labels = {key: value for key, value in meta.pop("labels", {}).items()
              if key not in ["helm.sh/chart", *(f"app.kubernetes.io/{one}" for one in TAKEN_WITH)]}
    if labels:
        meta["labels"] = labels
    if thing["kind"] == "DaemonSet":
        thing["spec"]["template"]["metadata"]["annotations"].pop("checksum/config", None)
    if thing["kind"] == "ConfigMap":  # files in it: what they say, not how it is written
        thing["data"] = {key: yaml.safe_load(text) for key, text in thing["data"].items()}
    return thing


class Cases:
    """One bed for all of them, in the order of the file."""

    def __init__(self, bed):
        self.bed, self.node = bed, bed.nodes[0]
        self.helm_command = [*bed.network.enter, bed.programs["helm"]]
        self.env = dict(system.PLAIN_ENV, HOME=bed.folder,
                        KUBECONFIG=bed.control_plane.admin_config)
        self.karpenter_crds = os.path.join(os.path.dirname(bed.programs["karpenter"]), "crds")
        self.before = None

    # ---- helpers ----

    def helm(self, *words, values=None, timeout=600):
        more = []
        if values is not None:
            more = ["--values", system.write(os.path.join(self.bed.folder, "values.json"),
                                             json.dumps(values))]
        return system.run([*self.helm_command, *words, *more], timeout, env=self.env)

    def template(self, values=None, space=PLAIN_SPACE):
        return self.helm("template", "gpuslice", CHART, "--namespace", space,
                         "--kube-version", build.KUBERNETES, values=values)

    def values(self):
        """For simulated GPUs, and for a cluster whose services have no way to pods."""
        machine, made = self.node.machine, self.bed.build
        api = [{"name": "KUBERNETES_SERVICE_HOST", "value": CONTROL_PLANE},
               {"name": "KUBERNETES_SERVICE_PORT", "value": "6443"}]
        mounts = {"machine": machine, "build": made}
        return {
            "agent": {
                "driverRoot": {"container": ""},
                "args": ["--log-level=debug"],
                "extraEnv": [*api, {"name": "GPUSLICE_SIM", "value": machine},
                             {"name": "LD_LIBRARY_PATH", "value": os.path.join(made, "lib")}],
                "extraVolumes": [{"name": name, "hostPath": {"path": path}}
                                 for name, path in mounts.items()],
                # at the same path: what a CDI file says is read on the host
                "extraVolumeMounts": [{"name": name, "mountPath": path}
                                      for name, path in mounts.items()]},
            "controller": {"extraEnv": api},
        }

    def pods_of(self, name):
        return self.bed.api.list(PODS, labelSelector=f"app.kubernetes.io/name={name}")

    def is_ready(self, found):
        return any(one["type"] == "Ready" and one["status"] == "True"
                   for one in found["status"].get("conditions", []))

    def wait_ready(self, name, count):
        """Its pods, once so many are ready; what they say where they do not get there."""
        def ready():
            found = [one for one in self.pods_of(name) if self.is_ready(one)]
            return len(found) == count and found

        try:
            return system.wait_for(f"{count} pods of {name}", ready, 90)
        except BedError as error:
            raise BedError(f"{error}\n{self.said(name)}") from error

    def said(self, name):
        """What is known of its pods, for a case that failed."""
        of = ["--namespace", SPACE, "-l", f"app.kubernetes.io/name={name}"]
        said = self.bed.kubectl("describe", "pods", *of)
        try:
            return said + self.bed.kubectl("logs", "--tail=30", *of)
        except BedError as none:
            return said + str(none)

    def wait_slices(self, count):
        try:
            self.node.wait_allocatable(SMALL, count)
        except BedError as error:
            raise BedError(f"{error}\n{self.said('gpuslice-agent')}") from error

    def of_the_release(self):
        """Everything in the cluster with its label, and what the programs made in its namespace."""
        kinds = self.bed.kubectl("api-resources", "--verbs=list", "-o", "name").split()
        found = self.bed.kubectl("get", ",".join(kinds), "--all-namespaces", "-o", "name",
                                 "-l", "app.kubernetes.io/part-of=gpuslice")
        return found.split()

    # ---- the chart by itself ----

    def chart__has_nothing_that_lint_finds(self):
        self.helm("lint", "--strict", CHART)
        for values in ODD:
            self.helm("lint", "--strict", CHART, values=values)

    def chart__says_what_the_plain_files_say(self):
        rendered = objects(self.template())
        for path in sorted(glob.glob(os.path.join(SOURCE, "deploy/*.yaml"))):
            for key, wanted in objects(system.read(path)).items():
                if wanted["kind"] == "Namespace":  # helm's to make
                    continue
                assert key in rendered, f"{path}: {key} is not in the chart"
                found, wanted = plain(rendered.pop(key)), plain(wanted)
                assert found == wanted, f"{path}, {key}: found {found}, expected {wanted}"
        # what is there only while it is uninstalled
        hooks = {key for key, one in rendered.items()
                 if one["metadata"].get("annotations", {}).get("helm.sh/hook") == "pre-delete"}
        assert ("Job", "gpuslice-cleanup") in hooks and set(rendered) == hooks, sorted(rendered)

    def chart__is_of_one_namespace_whichever(self):
        text = self.template(space="elsewhere", values=ODD[3])
        assert PLAIN_SPACE not in text
        policy = objects(text)["ValidatingAdmissionPolicy", "gpuslice-agent"]
        assert policy["spec"]["matchConditions"][0]["expression"].endswith(
            "== 'system:serviceaccount:elsewhere:gpuslice-agent'")

    def chart__packed_has_the_same_crds_byte_for_byte(self):
        folder = os.path.join(self.bed.folder, "packed")
        self.helm("package", CHART, "--destination", folder)
        archive, = glob.glob(os.path.join(folder, "gpuslice-*.tgz"))
        with tarfile.open(archive) as tar:
            found = {os.path.basename(one.name): tar.extractfile(one).read() for one in tar
                     if "/crds/" in one.name and one.isfile()}
        wanted = {os.path.basename(path): open(path, "rb").read()
                  for path in glob.glob(os.path.join(SOURCE, "deploy/crds/*.yaml"))}
        assert wanted and found == wanted

    def values__that_are_wrong_are_refused_by_name(self):
        for values, named in WRONG:
            try:
                self.template(values)
            except BedError as error:
                by_us = "schema" in str(error) or "execution error at (gpuslice/" in str(error)
                assert by_us and named in str(error), error
            else:
                raise AssertionError(f"{values} was taken")

    def values__of_prices_are_the_same_for_the_history_and_the_controller(self):
        for region in ("eu-west-1", ""):
            found = objects(self.template({"controller": {"region": region},
                                           "dashboard": {"enabled": True}, "history": {"enabled": True}}))
            for name in ("gpuslice-controller", "gpuslice-history"):
                container, = found["Deployment", name]["spec"]["template"]["spec"]["containers"]
                env = {one["name"]: one.get("value") for one in container["env"]}
                assert env.get("AWS_REGION", "") == region, (name, env)

    def values__are_all_in_the_schema(self):
        values = yaml.safe_load(system.read(os.path.join(CHART, "values.yaml")))
        schema = json.loads(system.read(os.path.join(CHART, "values.schema.json")))
        for name, value in values.items():
            found = schema["properties"][name]
            if "$ref" in found:
                found = schema["definitions"][found["$ref"].rsplit("/", 1)[1]]
            assert set(found["properties"]) == set(value), name

    def values__of_the_agents_file_are_those_that_the_agent_has(self):
        """By the table of docs/agent-config.md, which the agent itself prints."""
        schema = json.loads(system.read(os.path.join(CHART, "values.schema.json")))
        known = {}
        for line in system.read(os.path.join(SOURCE, "docs/agent-config.md")).splitlines():
            row = re.match(r"\| `((?:flags|imex|agent)\.[\w.]+)` \|.*\| (.*) \|$", line)
            words = row and re.search(r"one of ([\w, -]+)$", row.group(2))
            if row:
                known[row.group(1)] = sorted(words.group(1).split(", ")) if words else None
        found = {}

        def walk(at, path):
            for name, one in at["properties"].items():
                if "$ref" in one:
                    items = schema["definitions"]["deviceLists"]["oneOf"][-1]["items"]
                    found[f"{path}{name}"] = sorted(items["enum"])
                elif "properties" in one:
                    walk(one, f"{path}{name}.")
                else:
                    found[f"{path}{name}"] = sorted(one["enum"]) if "enum" in one else None

        walk(schema["definitions"]["config"], "")
        for name in ("version", "resources", "sharing"):
            del found[name]
        assert len(known) > 40 and found == known, set(found.items()) ^ set(known.items())

    def monitoring__is_what_is_shipped_beside_the_chart(self):
        """That its queries have data is seen in tests/monitoring."""
        shipped = os.path.join(SOURCE, "deploy", "monitoring")
        found = objects(self.template({"prometheusRule": {"enabled": True},
                                       "dashboards": {"enabled": True}}))
        rules = yaml.safe_load(system.read(os.path.join(shipped, "rules.yaml")))
        assert found["PrometheusRule", "gpuslice"]["spec"] == rules
        boards = found["ConfigMap", "gpuslice-dashboard"]["data"]
        assert sorted(boards) == sorted(os.listdir(os.path.join(shipped, "boards")))
        for name, text in boards.items():
            path = os.path.join(shipped, "boards", name)
            assert json.loads(text) == json.loads(system.read(path)), name

    # ---- on the API server ----

    def api_server__takes_every_object_of_every_variant(self):
        self.bed.kubectl("create", "namespace", PLAIN_SPACE)
        self.bed.kubectl("apply", "-f", os.path.join(SOURCE, "deploy/crds"))
        kinds = [f"crd/{one['metadata']['name']}" for one in OPERATOR_KINDS]
        for one in OPERATOR_KINDS:
            self.bed.kubectl("apply", "-f", "-", stdin=json.dumps(one))
        self.bed.kubectl("wait", "--for=condition=Established", "--timeout=120s", *kinds)
        for values in [{}, *ODD]:
            text = self.template(values)
            said = system.wait_for("the API server takes it", lambda text=text: self.bed.kubectl(
                "apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=text), 60)
            assert len(said.splitlines()) == len(objects(text)), said
        self.bed.kubectl("delete", *kinds)
        self.bed.kubectl("delete", "-f", os.path.join(SOURCE, "deploy/crds"))
        self.bed.kubectl("delete", "namespace", PLAIN_SPACE)

    # ---- images, an installation ----

    def images__are_taken_by_containerd_and_run(self):
        folder = os.path.join(self.bed.folder, "images")
        system.run([os.path.join(SOURCE, "scripts/images.py"), self.bed.build, "-o", folder])
        for archive in sorted(glob.glob(os.path.join(folder, "*.tar"))):
            self.node.ctr("images", "import", archive)
        listed = self.node.ctr("images", "ls", "--quiet").split()
        for name in ("gpuslice-agent", "gpuslice-controller"):
            image, = [one for one in listed if one.startswith(f"localhost/{name}:")]
            said = self.bed.pods.finish(pod(f"{name}-version", image=image,
                                            command=[f"/usr/bin/{name}", "--version"]))
            assert said.startswith(f"{name} {image.split(':')[1]}"), said

    def release__is_installed_and_ready(self):
        self.before = self.node.object()
        # as systemd leaves a machine's root: what is mounted on the host later shows in the agent's pod
        self.node.run(["mount", "--make-rshared", "/"])
        self.helm("install", "gpuslice", CHART, "--namespace", SPACE, "--create-namespace",
                  values=self.values())
        self.wait_ready("gpuslice-agent", 1)
        self.wait_ready("gpuslice-controller", 2)

    def agent__of_the_daemon_set_cuts_and_serves(self):
        self.bed.kubectl("label", "node", self.node.name, "nvidia.com/mig.config=all-1g.5gb")
        self.wait_slices(7)
        self.bed.run_pod("one", {SMALL: 1})
        system.wait_for("the GpuNode names the pod", lambda: '"one"' in self.bed.kubectl(
            "get", "gpunode", self.node.name, "-o", "json"), 30)

    def controller__has_one_leader_and_no_root(self):
        lease = system.wait_for("the Lease", lambda: self.bed.api.find(
            f"/apis/coordination.k8s.io/v1/namespaces/{SPACE}/leases/gpuslice-controller"), 30)
        names = [one["metadata"]["name"] for one in self.pods_of("gpuslice-controller")]
        assert lease["spec"]["holderIdentity"] in names, (lease["spec"], names)
        for one in self.pods_of("gpuslice-controller"):
            assert one["spec"]["securityContext"]["runAsUser"] == 65532

    def webhook__is_reached_through_its_service_and_gates_pods_that_opted_in(self):
        self.bed.api.create("/api/v1/namespaces", {"metadata": {
            "name": "opted-in", "labels": {"gpuslice.dev/gate": "enabled"}}})
        gated, tries = [], 0

        def is_gated():
            """It is, from when a replica has made the certificate and the others have read it."""
            nonlocal tries
            tries += 1
            made = self.bed.api.create("/api/v1/namespaces/opted-in/pods",
                                       pod(f"asks-{tries}", {SMALL: 1}, namespace="opted-in"))
            gated[:] = [one["name"] for one in made["spec"].get("schedulingGates", [])]
            self.bed.pods.wait_phase(f"asks-{tries}", "Running", namespace="opted-in")
            self.bed.pods.delete(f"asks-{tries}", "opted-in", grace=0)
            return gated == ["gpuslice.dev/slice"]

        system.wait_for("a pod that is gated as it is created", is_gated, 60)
        left = pod("ours", {SMALL: 1})
        assert "schedulingGates" not in self.bed.api.create(
            "/api/v1/namespaces/default/pods", left)["spec"]
        self.bed.pods.delete("ours", grace=0)
        self.bed.api.delete("/api/v1/namespaces/opted-in")

    def certificate(self):
        """(the Secret's, the CA that the API server is told)"""
        secret = self.bed.api.get(f"/api/v1/namespaces/{SPACE}/secrets/gpuslice-webhook-tls")
        told = self.bed.api.get("/apis/admissionregistration.k8s.io/v1/"
                                "mutatingwebhookconfigurations/gpuslice")
        return secret.get("data"), told["webhooks"][0]["clientConfig"].get("caBundle")

    def upgrade__replaces_the_agent_while_a_pod_runs_on_its_slice(self):
        (old,), certificate = self.pods_of("gpuslice-agent"), self.certificate()
        assert None not in certificate
        values = self.values()
        values["agent"]["config"] = {"version": "v1", "flags": {"migStrategy": "mixed"},
                                     "agent": {"logFormat": "json"}}
        self.helm("upgrade", "gpuslice", CHART, "--namespace", SPACE, values=values)
        system.wait_for("another agent", lambda: [
            one for one in self.pods_of("gpuslice-agent")
            if one["metadata"]["uid"] != old["metadata"]["uid"] and self.is_ready(one)], 90)
        self.wait_slices(7)
        assert self.bed.pods.phase("one") == "Running"
        assert self.certificate() == certificate, "helm took the controller's certificate away"
        self.bed.run_pod("two", {SMALL: 1})

    def halt_controller(self):
        """As if it had been gone for long, in the middle of its work."""
        self.bed.kubectl("scale", "deployment/gpuslice-controller", "--namespace", SPACE,
                         "--replicas=0")
        system.wait_equal("controllers", [], lambda: self.pods_of("gpuslice-controller"), 60)
        gates = [{"name": "gpuslice.dev/slice"}]
        for name, more in (("held", []), ("later", [{"name": "example.com/later"}])):
            self.bed.pods.create(pod(name, {SMALL: 1}, schedulingGates=more + gates))
        self.bed.kubectl("annotate", "pod", "later", f"gpuslice.dev/booked={self.node.name}")
        self.bed.kubectl("patch", "pod", "later", "--subresource=status", "--type=merge", "-p",
                         json.dumps({"status": {"nominatedNodeName": self.node.name}}))
        self.bed.kubectl("annotate", "node", self.node.name, "gpuslice.dev/held=true",
                         "karpenter.sh/do-not-disrupt=true")
        # one that was about to be ended: of it there is no more than its object
        self.bed.kubectl("create", "-f", "-", stdin=json.dumps({
            "apiVersion": "v1", "kind": "Node", "metadata": {
                "name": "leaving", "annotations": {"gpuslice.dev/leaving": "true", "a": "b"}},
            "spec": {"unschedulable": True}}))
        self.bed.kubectl("apply", "-f", "-", stdin=json.dumps({
            "apiVersion": "gpuslice.dev/v1alpha1", "kind": "SlicePool",
            "metadata": {"name": "pool"}, "spec": {"nodeClassRef": {"name": "gpu"},
                                                   "instanceTypes": ["p4d.24xlarge"]}}))
        self.make_nodepools()

    def make_nodepools(self):
        """Karpenter's kinds without Karpenter, and objects of them as the controller makes them; one
        of each is somebody else's."""
        for name in ("nodepools", "nodeoverlays"):
            self.bed.kubectl("apply", "--server-side", "-f",
                             os.path.join(self.karpenter_crds, f"karpenter.sh_{name}.yaml"))
            self.bed.kubectl("wait", "--for=condition=Established", "--timeout=120s",
                             f"crd/{name}.karpenter.sh")
        template = {"spec": {"requirements": [], "nodeClassRef": {
            "group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "gpu"}}}
        for name, labels in (("pool-a", {"gpuslice.dev/slicepool": "pool"}), ("theirs", {})):
            for version, kind, spec in (("v1", "NodePool", {"template": template}),
                                        ("v1alpha1", "NodeOverlay", {
                                            "requirements": [], "weight": 1,
                                            "capacity": {"nvidia.com/mig-1g.5gb": "7"}})):
                self.bed.kubectl("create", "-f", "-", stdin=json.dumps({
                    "apiVersion": f"karpenter.sh/{version}", "kind": kind, "spec": spec,
                    "metadata": {"name": name, "labels": labels}}))

    def release__leaves_nothing_when_it_is_uninstalled(self):
        for name in ("one", "two"):
            self.bed.pods.delete(name, grace=0)
        self.halt_controller()
        try:
            self.helm("uninstall", "gpuslice", "--namespace", SPACE, "--wait")
        except BedError as error:
            raise BedError(f"{error}\n{self.said('gpuslice-cleanup')}") from error
        held, later = (self.bed.pods.find(name) for name in ("held", "later"))
        assert "schedulingGates" not in held["spec"]
        system.wait_for("the scheduler looks at it", lambda: not any(
            one.get("reason") == "SchedulingGated"
            for one in self.bed.pods.find("held")["status"].get("conditions", [])), 60)
        assert later["spec"]["schedulingGates"] == [{"name": "example.com/later"}]
        assert "gpuslice.dev/booked" not in later["metadata"].get("annotations", {})
        assert "nominatedNodeName" not in later["status"]
        assert not self.bed.api.list("/apis/gpuslice.dev/v1alpha1/slicepools")
        for name in ("held", "later"):
            self.bed.pods.delete(name, grace=0)
        for path in ("v1/nodepools", "v1alpha1/nodeoverlays"):
            found = self.bed.api.list(f"/apis/karpenter.sh/{path}")
            assert [one["metadata"]["name"] for one in found] == ["theirs"], (path, found)
        system.wait_equal("what is left", [], self.of_the_release, 60)
        system.wait_equal("its pods", [], lambda: [
            one["metadata"]["name"] for one in self.bed.api.list(PODS)], 60)
        left = self.node.object()
        assert left["spec"].get("taints", []) == self.before["spec"].get("taints", [])
        leaving = self.bed.api.find("/api/v1/nodes/leaving")
        assert not leaving["spec"].get("unschedulable"), leaving["spec"]
        assert "gpuslice.dev/leaving" not in leaving["metadata"]["annotations"], leaving["metadata"]
        self.bed.api.delete("/api/v1/nodes/leaving")
        for key in left["metadata"].get("annotations", {}):
            assert "gpuslice.dev" not in key and "karpenter.sh" not in key, key
        system.wait_equal("slices in node.status", 0,
                          lambda: self.node.allocatable(SMALL) or 0, 30)
        labels = set(left["metadata"]["labels"]) - set(self.before["metadata"]["labels"])
        assert all(key.startswith("nvidia.com/") for key in labels), labels

    def crds__go_by_hand_and_the_namespace_with_what_programs_made_there(self):
        self.bed.kubectl("delete", "-f", os.path.join(SOURCE, "deploy/crds"))
        self.bed.kubectl("delete", "namespace", SPACE)
        found = self.bed.kubectl("get", "crds,clusterroles,clusterrolebindings,"
                                 "validatingadmissionpolicies,mutatingwebhookconfigurations",
                                 "-o", "name").split()
        left = [one for one in found if "gpuslice" in one]
        assert not left, left


def cases_of(cases):
    return [(n, getattr(cases, n)) for n, f in vars(type(cases)).items()
            if "__" in n[1:] and callable(f) and not n.startswith("__")]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        with Bed(nodes=1, gpus="1xA100-40GB", sim=["--mig"], build_folder=sys.argv[1],
                 also=("helm", "karpenter"), labels={"nvidia.com/gpu.present": "true"}) as bed:
            tap.run(cases_of(Cases(bed)))
    except Skip as why:
        print(f"SKIP: {why}")
        sys.exit(77)


if __name__ == "__main__":
    main()
