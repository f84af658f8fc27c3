#!/usr/bin/env python3
"""The dashboard's pages in Chromium over a live cluster: three nodes with simulated GPUs, agents that
re-cut them, a controller, a history beside it, and `gpuslice dashboard` as a person starts it.

usage: test_web.py BUILD_DIR    screenshots are left in BUILD_DIR/web-pictures/live

What the pages have to show is in tests/web/live.mjs, which asks for what is to happen.
"""
import json
import os
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
WEB = os.path.join(HERE, "..", "web")
sys.path[:0] = [HERE, WEB]
# pylint: disable=wrong-import-position
import run as chromium
from bed import controller, rights, system
from bed.bed import Bed
from bed.daemon import Daemon
from bed.errors import BedError, Skip
from bed.network import CONTROL_PLANE
from bed.pods import pod
from load import Agent, document, resource

PORT, HISTORY_PORT = 9743, 9744
HISTORY = "gpuslice-history"
GATE = "gpuslice.dev/slice"
PODS = f"/api/v1/namespaces/{rights.NAMESPACE}/pods"
# What the GPUs of a node are cut into, and whose node it is said to be.
CUTS = [("1g.5gb=7", "serving"), ("3g.20gb=2", "training"), ("4g.20gb=1,1g.5gb=3", "serving")]


def slices(wants):
    return {f"nvidia.com/mig-{profile}": count for profile, count in wants.items()}


class World:
    """What a test of the pages can have done, by name."""

    def __init__(self, bed):
        self.bed = bed
        for node in bed.nodes:
            node.start_agent("--control-socket", os.path.join(node.folder, "agent.sock"),
                             "--http-address", f"{node.address}:9400")
        controller.apply_types(bed)
        # the API server's proxy goes to the address of the pod whose name the Lease has: the node's,
        # where the controller listens too, as all nodes are in one network
        system.wait_for(f"namespace {rights.NAMESPACE}", lambda: bed.api.find(
            f"/api/v1/namespaces/{rights.NAMESPACE}/serviceaccounts/default"), 60)
        bed.kubectl("apply", "-f", os.path.join(bed.source, "deploy", "rbac-controller.yaml"))
        system.wait_for("the controller's account", lambda: bed.api.find(
            f"/api/v1/namespaces/{rights.NAMESPACE}/serviceaccounts/{controller.CONTROLLER}"), 30)
        stand_in = controller.stand_in(f"{controller.CONTROLLER}-0", bed.nodes[0].name)
        stand_in["spec"]["hostNetwork"] = True
        bed.api.ensure(PODS, stand_in)
        self.start_history()
        self.controller = controller.Controller(
            bed, 0, ["--lease-duration", "6", "--dashboard-address", f"0.0.0.0:{PORT}",
                     "--history", f"https://{CONTROL_PLANE}:{HISTORY_PORT}",
                     "--history-token", self.token_for_history(stand_in)])
        bed.kubectl("apply", "-f", os.path.join(bed.source, "deploy/dashboard/rights.yaml"))
        self.start()
        for node, (layout, pool) in zip(bed.nodes, CUTS):
            self.say_what_it_is(node, pool)
            self.cut(node, [layout] * 8)
        system.wait_for("the controller behind its Service", lambda: any(
            one.get("addresses") for one in bed.api.get(
                f"/api/v1/namespaces/{rights.NAMESPACE}/endpoints/gpuslice-dashboard").get("subsets", [])),
            120)

    def start_history(self):
        """gpuslice-history with the rights of deploy/history, a sample a second."""
        bed = self.bed
        bed.kubectl("apply", "-f", os.path.join(bed.source, "deploy", "history", "rights.yaml"))
        system.wait_for("the history's account", lambda: bed.api.find(
            f"/api/v1/namespaces/{rights.NAMESPACE}/serviceaccounts/{HISTORY}"), 30)
        made = controller.stand_in(f"{HISTORY}-0", bed.nodes[0].name)
        made["metadata"]["labels"]["app.kubernetes.io/name"] = HISTORY
        made["spec"]["serviceAccountName"] = HISTORY
        token = rights.bound_token(bed.api, rights.NAMESPACE, HISTORY, bed.api.ensure(PODS, made))
        env = dict(rights.Credentials(bed, HISTORY, token).env(), POD_NAMESPACE=rights.NAMESPACE)
        log = os.path.join(bed.folder, "log", "history.log")
        program = os.path.join(bed.build, "bin", HISTORY)
        bed.others.append(Daemon(
            HISTORY, [program, "--file", os.path.join(bed.folder, "history.db"), "--every", "1",
                      "--listen", f"{CONTROL_PLANE}:{HISTORY_PORT}", "--names", CONTROL_PLANE,
                      "--http-address="],
            log, bed.control_plane.join, bed.network.enter, env).start())

    def token_for_history(self, pod_of):
        """A file with the controller's token for the history alone, as a projected volume has it."""
        found = self.bed.api.get(f"{PODS}/{pod_of['metadata']['name']}")
        token = rights.bound_token(self.bed.api, rights.NAMESPACE, controller.CONTROLLER, found,
                                   audience=HISTORY)
        return system.write(os.path.join(self.bed.folder, "credentials", "for-history"), token,
                            mode=0o600)

    def say_what_it_is(self, node, pool):
        """The labels that a cloud would put there."""
        self.bed.api.patch(f"/api/v1/nodes/{node.name}", {"metadata": {"labels": {
            "node.kubernetes.io/instance-type": "p4d.24xlarge", "karpenter.sh/nodepool": pool,
            "karpenter.sh/initialized": "true",
            "karpenter.sh/capacity-type": "on-demand", "topology.kubernetes.io/zone": "us-east-1a",
            "topology.kubernetes.io/region": "us-east-1"}}})

    def cut(self, node, layouts):
        answer = Agent(os.path.join(node.folder, "agent.sock")).apply(document=document(layouts))
        assert answer["result"] == "ok", answer
        wanted = {}
        for name, count in (part.split("=") for one in layouts for part in one.split(",")):
            wanted[resource(name)] = wanted.get(resource(name), 0) + int(count)
        for name, count in wanted.items():
            node.wait_allocatable(name, count)

    def tunnel(self):
        """`gpuslice dashboard`, and the address that it prints."""
        log = os.path.join(self.bed.folder, "log", "tunnel.log")
        made = Daemon("tunnel", [os.path.join(self.bed.build, "bin", "gpuslice"), "dashboard",
                                 "--no-browser", "--kubeconfig", self.bed.control_plane.admin_config],
                      log, self.bed.control_plane.join, self.bed.network.enter).start()
        self.bed.others.append(made)
        return made.wait_until("the address", lambda: [
            line for line in system.read(log).splitlines() if line.startswith("http://")], 60)[0]

    # ---- what can be asked for ----

    def run(self, name, wants):
        """The node that it runs on."""
        return self.bed.pods.run(pod(name, slices(wants)))["spec"]["nodeName"]

    def create(self, name, wants):
        """As the webhook leaves it."""
        self.bed.pods.create(pod(name, slices(wants), schedulingGates=[{"name": GATE}]))

    def running(self, name):
        self.bed.pods.wait_phase(name, "Running")

    def delete(self, name):
        self.bed.pods.delete(name, grace=0)

    def freeze(self):
        for node in self.bed.nodes:
            node.agent.freeze()

    def thaw(self):
        for node in self.bed.nodes:
            node.agent.thaw()

    def kill(self):
        self.controller.daemon.kill()

    def start(self):
        self.controller.start()
        self.controller.daemon.wait_until("it leads", self.controller.leads, 60)

    def do(self, line):
        """One line of live.mjs; the line back."""
        what, *words = json.loads(line)
        try:
            return json.dumps({"is": getattr(self, what)(*words)})
        except (BedError, AssertionError, OSError) as error:
            return json.dumps({"error": str(error)})


def drive(world, node, env):
    """Runs live.mjs in the cluster's network; its status."""
    pictures = os.path.join(world.bed.build, "web-pictures", "live")
    words = [*world.bed.network.enter, node, os.path.join(WEB, "live.mjs"), world.tunnel(), pictures]
    with subprocess.Popen(words, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as child:
        try:
            for line in child.stdout:
                if line.startswith("> "):
                    child.stdin.write(world.do(line[2:]) + "\n")
                    child.stdin.flush()
                else:
                    print(line, end="", flush=True)
            return child.wait(60)
        finally:
            if child.poll() is None:
                child.terminate()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    node, env = chromium.browser()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # as meson ends it
    try:
        with Bed(nodes=len(CUTS), gpus="8xA100-40GB", sim=["--mig"],
                 build_folder=sys.argv[1]) as bed:
            sys.exit(drive(World(bed), node, env))
    except Skip as why:
        print(f"SKIP: {why}")
        sys.exit(77)


if __name__ == "__main__":
    main()
