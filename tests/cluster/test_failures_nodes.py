#!/usr/bin/env python3
"""What goes wrong with nodes that Karpenter makes, while pods wait for slices on them.
docs/internals/failures.md has the list.

usage: test_failures_nodes.py BUILD_DIR [CASE...]
"""
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
# pylint: disable=wrong-import-position
import tap
from bed import stand, system
from bed.bed import Bed
from bed.errors import BedError, Skip
from bed.karpenter import CLAIMS, POOLS, STARTUP_TAINT, condition
from bed.pods import pod

P4D = "p4d.24xlarge"
SMALL, LARGE = {"nvidia.com/mig-1g.5gb": 1}, {"nvidia.com/mig-3g.20gb": 1}
EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"


class Cases:
    """One bed for all of them, in the order of the file; each leaves no node."""

    def __init__(self, bed):
        self.bed = bed
        self.controller = stand.start_controller(bed, 0, ["--recut-limit", "6"])
        self.karpenter = bed.start_karpenter(types=[P4D])
        self.launcher = bed.start_launcher()
        bed.api.create(stand.SLICEPOOLS, stand.slicepool(
            "gpus", [P4D], ["1g.5gb", "3g.20gb"], limits={"gpus": 32}, startLimit="60s"))
        stand.namespace(bed, "default")

    # ---- helpers ----

    def end(self, *names):
        """The pods, and then the nodes."""
        for name in names:
            self.bed.pods.delete(name, grace=0)
        try:
            system.wait_for("the nodes go", lambda: not self.karpenter.claims()
                            and not self.launcher.living(), 90)
        except BedError as error:
            raise BedError(f"{error}\n{self.launcher.living()}\n" + self.bed.kubectl(
                "get", "nodeclaims,nodes,pods", "-A", "-o", "wide")) from error
        self.launcher.machines.clear()

    def alone(self, case):
        """A case, and nothing of it for the next, however it ended."""
        self.launcher.choose = lambda found: {}
        self.bed.kubectl("delete", "deployments,daemonsets,pods", "--all", "--grace-period=1",
                         "--namespace", "default")
        self.end()
        case()

    def claims(self):
        return {one["metadata"]["name"] for one in self.karpenter.claims()}

    def said_of(self, kind, reason):
        return [one for one in self.bed.api.list(EVENTS)
                if one["reason"] == reason and one["regarding"]["kind"] == kind]

    # ---- the cases ----

    def claim__deleted_while_its_gpus_are_cut_is_replaced(self):
        self.launcher.choose = lambda found: {"boot_delay_s": 5}
        self.bed.pods.create(pod("one", SMALL))
        first, = self.karpenter.wait_claims(1)
        # before that the test cloud forgets the Node that it is about to make
        self.karpenter.wait_condition(f"{CLAIMS}/{first['metadata']['name']}", "Registered", "True")
        self.bed.api.delete(f"{CLAIMS}/{first['metadata']['name']}")
        begun = time.monotonic()
        self.bed.pods.wait_phase("one", "Running")
        print(f"# it runs on another node {time.monotonic() - begun:.1f} s later")
        assert first["metadata"]["name"] not in self.claims()
        self.launcher.choose = lambda found: {}
        self.end("one")

    def gpu__that_is_missing_keeps_the_taint_and_the_node_is_ended(self):
        """The NodeOverlay promises eight GPUs; the machine has seven that work."""
        self.launcher.choose = lambda found: {"before_boot": [("lose", "--gpu", "7")]}
        self.bed.pods.create(pod("two", SMALL))
        first, = self.karpenter.wait_claims(1)
        name = first["metadata"]["name"]
        system.wait_for("the NodeClaim is ended", lambda: name not in self.claims(), 240)
        said = system.wait_for("its Event", lambda: self.said_of("NodeClaim", "NodeNeverReady"), 60)
        print(f"# {said[-1]['note']}")
        assert self.bed.pods.phase("two") == "Pending"
        self.launcher.choose = lambda found: {}
        self.bed.pods.wait_phase("two", "Running", 240)
        self.end("two")

    def layout__of_which_a_part_is_missing_is_made_whole_before_the_taint_goes(self):
        """The boot step has cut the GPUs; then slices go, before the kubelet comes."""
        before = []

        def lose(node):
            uuids = [one[3] for one in node.slices()]
            node.gpuslice("mig", "destroy", *uuids[:5])
            before[:] = [len(uuids), len(node.slices())]

        self.launcher.choose = lambda found: {"before_kubelet": lose}
        self.bed.pods.create(pod("part", SMALL))
        machine, = self.launcher.wait(1)
        system.wait_for("the taint goes", lambda: machine.node.object() is not None and
                        STARTUP_TAINT["key"] not in [one["key"] for one in machine.node.object()[
                            "spec"].get("taints", [])] and machine.node.is_ready(), 120)
        assert before[1] == before[0] - 5, before
        assert len(machine.node.slices()) == before[0], (before, machine.node.slices())
        self.bed.pods.wait_phase("part", "Running")
        assert len(self.claims()) == 1, self.claims()
        self.launcher.choose = lambda found: {}
        self.end("part")

    def agent__killed_after_the_node_is_ready_disturbs_nothing_and_buys_nothing(self):
        self.bed.pods.create(pod("three", SMALL))
        machine, = self.launcher.wait(1)
        found = self.bed.pods.wait_phase("three", "Running")
        before = self.claims()
        machine.node.agent.kill()
        time.sleep(15)
        assert self.bed.pods.find("three")["status"]["containerStatuses"] == \
            found["status"]["containerStatuses"]
        assert self.claims() == before, (before, self.claims())
        machine.node.agent.start()
        self.bed.pods.run(pod("four", SMALL))
        assert self.claims() == before, (before, self.claims())
        self.end("three", "four")

    def karpenter__away_lets_pods_wait_and_buys_one_node_when_it_is_back(self):
        self.karpenter.kill()
        for name in ("five", "six"):
            self.bed.pods.create(pod(name, SMALL))
        self.bed.pods.create(pod("seven", LARGE))
        time.sleep(5)
        assert all(self.bed.pods.phase(name) == "Pending" for name in ("five", "six", "seven"))
        # its pool is given 10 s to open
        system.wait_for("the gate goes: nobody would ever see it", lambda: not stand.gates_of(
            self.bed.pods.find("five")), 60)
        self.karpenter.restart()
        begun = time.monotonic()
        for name in ("five", "six", "seven"):
            self.bed.pods.wait_phase(name, "Running")
        print(f"# all run {time.monotonic() - begun:.1f} s after Karpenter is back; "
              f"{len(self.claims())} nodes")
        assert len(self.claims()) == 1, self.claims()
        self.end("five", "six", "seven")

    def gate_of_overlays__off_closes_the_pools_and_is_told(self):
        self.karpenter.restart(gates={"NodeOverlay": False})
        self.bed.api.delete(f"{stand.SLICEPOOLS}/gpus")
        system.wait_for("its pools go", lambda: not self.bed.api.list(POOLS), 90)
        self.bed.api.create(stand.SLICEPOOLS, stand.slicepool(
            "gpus", [P4D], ["1g.5gb", "3g.20gb"], limits={"gpus": 32}))
        self.bed.pods.create(pod("eight", SMALL))
        system.wait_for("a NodePool", lambda: self.bed.api.list(POOLS), 60)
        time.sleep(15)
        pool, = self.bed.api.list(POOLS)
        assert pool["spec"]["limits"]["nodes"] == "0", pool["spec"]["limits"]
        assert not self.claims(), "it would sell whole GPUs"
        is_open = lambda: condition(self.bed.api.find(f"{stand.SLICEPOOLS}/gpus"), "Open")
        system.wait_equal("Open of the SlicePool", "False", lambda: is_open()[0], 60)
        print("# Open={}, {}: {}".format(*is_open()))
        self.karpenter.restart(gates={"NodeOverlay": True})
        self.bed.pods.wait_phase("eight", "Running", 240)
        self.end("eight")

    def node__ended_with_pods_on_it_is_replaced_for_them(self):
        """As by a spot notice or the end of a Capacity Block: the NodeClaim is deleted, the node is
        drained, a ReplicaSet makes its pods anew."""
        labels = {"app": "many"}
        template = pod("x", SMALL)["spec"]
        template.update(restartPolicy="Always", terminationGracePeriodSeconds=1)
        path = "/apis/apps/v1/namespaces/default/deployments"
        self.bed.api.create(path, {"metadata": {"name": "many"}, "spec": {
            "replicas": 3, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": template}}})

        def run_without(node):
            found = self.bed.api.list("/api/v1/namespaces/default/pods", labelSelector="app=many")
            return len(found) == 3 and all(one["status"].get("phase") == "Running" and
                                           one["spec"]["nodeName"] != node for one in found)

        system.wait_for("three pods run", lambda: run_without(""), 120)
        first, = self.karpenter.claims()
        self.bed.api.delete(f"{CLAIMS}/{first['metadata']['name']}")
        begun = time.monotonic()
        system.wait_for("three pods run elsewhere",
                        lambda: run_without(first["status"]["nodeName"]), 180)
        print(f"# three others run {time.monotonic() - begun:.1f} s after their node was ended")
        self.bed.api.delete(f"{path}/many", propagationPolicy="Foreground")
        self.end()

    def daemon_set__that_does_not_tolerate_the_startup_taint_comes_after_it(self):
        """It is not in the way of the node; its pod is there once the agent has taken the taint off."""
        labels = {"app": "late"}
        template = pod("x")["spec"]
        template.update(restartPolicy="Always", terminationGracePeriodSeconds=1)
        path = "/apis/apps/v1/namespaces/default/daemonsets"
        self.bed.api.create(path, {"metadata": {"name": "late"}, "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": template}}})
        self.launcher.choose = lambda found: {"agent": False}
        self.bed.pods.create(pod("nine", SMALL))
        machine, = self.launcher.wait(1)
        system.wait_for("the taint is on the node", lambda: STARTUP_TAINT["key"] in [
            one["key"] for one in machine.node.object()["spec"].get("taints", [])], 30)
        time.sleep(2)
        of_it = lambda: self.bed.api.list("/api/v1/namespaces/default/pods",
                                          labelSelector="app=late", fieldSelector="status.phase=Running")
        assert not of_it()
        machine.start_agent()
        self.bed.pods.wait_phase("nine", "Running")
        system.wait_for("the pod of the DaemonSet", of_it, 60)
        self.bed.api.delete(f"{path}/late", propagationPolicy="Foreground")
        self.launcher.choose = lambda found: {}
        self.end("nine")


HELPERS = ("end", "alone", "claims", "said_of")


def cases_of(cases, only):
    names = [n for n, f in vars(type(cases)).items() if callable(f) and not n.startswith("_")
             and n not in HELPERS]
    return [(name, lambda case=getattr(cases, name): cases.alone(case))
            for name in names if not only or name in only]


if __name__ == "__main__":
    try:
        with Bed(nodes=0, also=("karpenter", "helm"), build_folder=sys.argv[1]) as the_bed:
            tap.run(cases_of(Cases(the_bed), sys.argv[2:]))
    except Skip as skipped:
        print(f"SKIP: {skipped}")
        sys.exit(77)
