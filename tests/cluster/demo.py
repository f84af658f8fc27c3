#!/usr/bin/env python3
"""make demo-cluster: pods that ask for slices, and a cluster without a GPU.

usage: demo.py BUILD_DIR

Real: API server, scheduler, kubelets, containerd, Karpenter with its test cloud in place of EC2, our
chart and our images. Not real: the GPUs. It ends by itself and leaves nothing; with KEEP=1 it stops
while the pods run, says how to look, and goes at Ctrl-C.
"""
import glob
import json
import os
import shlex
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
# pylint: disable=wrong-import-position
from bed import cgroups, cleanup, system
from bed.__main__ import node_wrapper
from bed.bed import SOURCE, Bed
from bed.errors import BedError, Skip, TimedOut
from bed.karpenter import STARTUP_TAINT, condition
from bed.network import CONTROL_PLANE

CHART, OBJECTS = "deploy/chart/gpuslice", "examples/demo-cluster.yaml"
SPACE, TEAM = "gpuslice-system", "team"
TYPE = "p4d.24xlarge"
LAYOUT = "nvidia.com/mig.config"
GATE = "gpuslice.dev/slice"
PODS = f"/api/v1/namespaces/{TEAM}/pods"
OURS = f"/api/v1/namespaces/{SPACE}/pods"
NODES = "/api/v1/nodes"
GPUS_AT = "/run/gpuslice-gpus"  # on every node, where its simulated GPUs lie
WANTED = 23
LIMIT_S = 240  # of each step


class Clock:
    """Lines for people: when, and what."""

    def __init__(self):
        self.begun = time.monotonic()

    def say(self, text):
        first, *more = text.splitlines()
        print(f"{time.monotonic() - self.begun:6.1f} s  {first}", *(f"{'':8}  {line}" for line in more),
              sep="\n", flush=True)


def counted(names):
    """20 x a, 3 x b"""
    return ", ".join(f"{names.count(name)} x {name}" for name in sorted(set(names)))


class Demo:
    def __init__(self, bed, clock):
        self.bed, self.clock, self.say = bed, clock, clock.say
        self.told, self.numbers = set(), {}
        self.images = sorted(glob.glob(os.path.join(bed.build, "images", "*.tar")))

    # ---- the parts of a cloud that stand in for others ----

    def prepare(self, node):
        """Of a machine before its kubelet: our images, since there is no registry; its GPUs at the
        path that all agents are told; mounts as systemd leaves them."""
        self.load(node, "gpuslice-agent")
        os.makedirs(os.path.join(node.folder, "run", "upper", os.path.basename(GPUS_AT)),
                    exist_ok=True)
        node.run(["mount", "--bind", node.machine, GPUS_AT])
        node.run(["mount", "--make-rshared", "/"])

    def load(self, node, name):
        path, = [one for one in self.images if os.path.basename(one).startswith(name)]
        node.ctr("images", "import", path)

    def values(self):
        """What differs from a user's values: simulated GPUs, all nodes in one network namespace, and no
        way from pods to the Service of the API server."""
        api = [{"name": "KUBERNETES_SERVICE_HOST", "value": CONTROL_PLANE},
               {"name": "KUBERNETES_SERVICE_PORT", "value": "6443"}]
        mounts = {"gpus": GPUS_AT, "build": self.bed.build}
        return {
            "agent": {
                "driverRoot": {"container": ""},
                "args": ["--http-address=$(HOST):9400"],
                "extraEnv": [{"name": "HOST",
                              "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}, *api,
                             {"name": "GPUSLICE_SIM", "value": GPUS_AT},
                             {"name": "LD_LIBRARY_PATH",
                              "value": os.path.join(self.bed.build, "lib")}],
                "extraVolumes": [{"name": name, "hostPath": {"path": path}}
                                 for name, path in mounts.items()],
                "extraVolumeMounts": [{"name": name, "mountPath": path}
                                      for name, path in mounts.items()]},
            "controller": {"region": "us-east-1", "extraEnv": api},
        }

    def helm(self, *words):
        env = dict(system.PLAIN_ENV, HOME=self.bed.folder,
                   KUBECONFIG=self.bed.control_plane.admin_config)
        return system.run([*self.bed.network.enter, self.bed.programs["helm"], *words], env=env,
                          cwd=SOURCE)

    # ---- waiting, with what happens meanwhile ----

    def once(self, key, text):
        """Says something the first time."""
        if key not in self.told:
            self.told.add(key)
            self.say(text)

    def wait(self, what, condition_of):
        try:
            return system.wait_for(what, condition_of, LIMIT_S, every=0.2)
        except TimedOut as error:
            shown = self.bed.kubectl("get", "pods,nodes,nodeclaims,slicepools", "--all-namespaces")
            raise BedError(f"{error}\n{shown}") from error

    def pods(self):
        return self.bed.api.list(PODS)

    def in_phase(self, phase):
        return [one for one in self.pods() if one["status"].get("phase") == phase]

    # ---- the steps ----

    def run(self):
        self.install()
        self.deploy()
        self.wait(f"{WANTED} pods run", self.all_run)
        self.show()
        if os.environ.get("KEEP", "0") not in ("", "0"):
            self.keep()
        else:
            self.scale_down()

    def install(self):
        node, = self.bed.nodes
        self.load(node, "gpuslice-controller")
        self.say(f"node {node.name} is Ready. It has no GPU, and there is no other node")
        self.bed.start_karpenter(types=[TYPE])
        self.bed.start_launcher(daemon_set=False, agent=False, sim=["--vm"],
                                before_kubelet=self.prepare)
        self.say("Karpenter runs, unpatched, with the gate NodeOverlay")
        values = system.write(os.path.join(self.bed.folder, "values.json"),
                              json.dumps(self.values()))
        self.say(f"$ helm install gpuslice {CHART} --namespace {SPACE} --create-namespace "
                 "--values simulated.yaml")
        self.helm("install", "gpuslice", CHART, "--namespace", SPACE, "--create-namespace",
                  "--values", values)
        self.wait("the controllers are ready", lambda: len([
            one for one in self.bed.api.list(OURS)
            if condition(one, "Ready")[0] == "True"]) == 2)
        self.wait("the webhook has its certificate", lambda: self.bed.api.get(
            "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/gpuslice")[
                "webhooks"][0]["clientConfig"].get("caBundle"))
        self.say("2 of 2 controllers are ready; of agents there are 0, as there is no GPU node")

    def deploy(self):
        self.say(f"$ kubectl apply -f {OBJECTS}")
        done = self.bed.kubectl("apply", "-f", os.path.join(SOURCE, OBJECTS))
        print(*(f"{'':10}{line}" for line in done.splitlines()), sep="\n", flush=True)
        found = self.wait(f"{WANTED} pods", lambda: len(self.pods()) == WANTED and self.pods())
        asked = [key.removeprefix("nvidia.com/") for one in found
                 for key in one["spec"]["containers"][0]["resources"]["limits"]]
        self.say(f"{WANTED} pods wait for slices: {counted(asked)}")

    def all_run(self):
        running = len(self.in_phase("Running"))  # of what is told below nothing comes later than that
        self.look_at_pods()
        self.look_at_nodes()
        if running == WANTED:
            self.say(f"all {WANTED} pods run, each on a slice of its own")
            return True
        return False

    def look_at_pods(self):
        for one in self.bed.api.list(f"/apis/events.k8s.io/v1/namespaces/{TEAM}/events"):
            if one.get("reportingController") == "gpuslice.dev/controller":
                self.once(("event", one["reason"]), f"Event {one['reason']} of pod "
                          f"{one['regarding']['name']}:\n{self.shorter(one['note'])}")

    def shorter(self, text):
        """Names of nodes that Karpenter's test cloud makes have a hundred letters."""
        for machine in self.bed.launcher.machines:
            text = text.replace(f"node {machine}", self.name_of(machine))
        return text

    def name_of(self, key):
        """Of a machine or a NodeClaim, for this talk."""
        return f"node {self.numbers.setdefault(key, len(self.numbers) + 1)}"

    def look_at_nodes(self):
        for one in self.bed.karpenter.claims():
            name = one.get("status", {}).get("nodeName")
            if name:
                self.once(("claim", name), f"Karpenter buys {self.name_of(name)}: {TYPE}, with the "
                          f"layout {one['metadata']['labels'][LAYOUT]}")
        for machine in list(self.bed.launcher.machines.values()):
            if ("claim", machine.name) in self.told:
                self.look_at_machine(machine, self.name_of(machine.name))

    def look_at_machine(self, machine, name):
        if machine.state == "failed":
            raise BedError(f"{machine!r}")
        if "cutting" in machine.times:
            self.once(("boots", name), f"{name} boots; before its kubelet starts its GPUs are cut")
        if "starting" not in machine.times:
            return
        self.once(("cut", name), f"{name} is cut into "
                  f"{counted([profile for _, profile, _, _ in machine.node.slices()])}; its kubelet "
                  "starts, and the DaemonSet its agent")
        found = self.bed.api.find(f"{NODES}/{machine.name}")
        if (found and condition(found, "Ready")[0] == "True" and
                STARTUP_TAINT["key"] not in [t["key"] for t in found["spec"].get("taints", [])]):
            self.once(("serves", name), f"{name} serves its slices: the agent has taken the startup "
                      "taint off")

    def show(self):
        for words in (["get", "slicepools"], ["get", "gpunodes"],
                      ["--namespace", TEAM, "get", "deployments"]):
            self.say(f"$ kubectl {' '.join(words)}")
            print(*(f"{'':10}{line}" for line in self.bed.kubectl(*words).splitlines()), sep="\n",
                  flush=True)

    def scale_down(self):
        self.say(f"$ kubectl --namespace {TEAM} scale deployment small large --replicas=0")
        self.bed.kubectl("--namespace", TEAM, "scale", "deployment", "small", "large",
                         "--replicas=0")
        self.wait("the pods go", lambda: not self.pods())
        self.say("the pods are gone")
        self.wait("the nodes go", lambda: not self.bed.karpenter.claims()
                  and not self.bed.launcher.living())
        self.say("the nodes are gone: Karpenter ends what is empty")

    def keep(self):
        kubectl = self.bed.kubectl.wrapper(os.path.join(self.bed.folder, "kubectl"))
        ours = shlex.join([*self.bed.network.enter, "env",
                           f"KUBECONFIG={self.bed.control_plane.admin_config}",
                           os.path.join(self.bed.build, "bin/gpuslice")])
        gpuslice = system.write(os.path.join(self.bed.folder, "gpuslice"),
                                f'#!/bin/sh\nexec {ours} "$@"\n', mode=0o755)
        print(f"\nIt stays until Ctrl-C. To look at it:\n\n    alias kubectl={kubectl}\n"
              f"    kubectl get slicepools,nodepools,nodeoverlays,nodeclaims,gpunodes\n"
              f"    kubectl --namespace {TEAM} get pods -o wide\n"
              f"    kubectl --namespace {TEAM} get events --field-selector "
              "reportingComponent=gpuslice.dev/controller\n"
              f"    kubectl --namespace {TEAM} scale deployment small --replicas=40\n"
              f"    {gpuslice} status --region us-east-1\n"
              f"    {gpuslice} why {TEAM}/POD --region us-east-1")
        for node in self.bed.nodes:
            if hasattr(node, "machine"):
                path = node_wrapper(self.bed, node)
                print(f"    {path} gpuslice gpu show    # on the node")
        print(flush=True)
        try:
            while True:
                signal.pause()
        except KeyboardInterrupt:
            print()


def stop(*_):
    raise KeyboardInterrupt


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    clock, bed = Clock(), None
    try:
        system.run([os.path.join(SOURCE, "scripts/images.py"), sys.argv[1]])
        clock.say("the images of agent and controller are made\na control plane and one node start")
        with Bed(nodes=1, name="system", also=("karpenter", "helm"), build_folder=sys.argv[1]) as bed:
            Demo(bed, clock).run()
    except KeyboardInterrupt:
        sys.exit("\nended early; the cluster is gone")
    except Skip as reason:
        print(f"no cluster here: {reason}", file=sys.stderr)
        sys.exit(77)
    except BedError as error:
        sys.exit(f"the demonstration failed: {error}")
    left = cleanup.left(bed.id)
    if left or cgroups.processes(bed.id):
        sys.exit(f"the cluster was ended and left {left}")
    clock.say("the cluster is gone, and nothing is left of it")


if __name__ == "__main__":
    main()
