#!/usr/bin/env python3
"""Slices that a SlicePool keeps free, on a real cluster with a real Karpenter and no pod at all.

usage: test_warm.py BUILD_DIR
"""
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
# pylint: disable=wrong-import-position
import tap
from bed import controller, rights, system
from bed.bed import Bed
from bed.errors import Skip
from bed.karpenter import NODE_CLASS
from bed.pods import pod
from bed.system import write

SMALL, LARGE = "nvidia.com/mig-1g.5gb", "nvidia.com/mig-3g.20gb"
P4D = "p4d.24xlarge"
SLICEPOOLS = "/apis/gpuslice.dev/v1alpha1/slicepools"
STAND_INS = f"/api/v1/namespaces/{rights.NAMESPACE}/pods"
HELD = "karpenter.sh/do-not-disrupt"


class Cases:
    """One bed for all of them, in the order of the file."""

    def __init__(self, bed):
        self.bed = bed
        controller.apply_types(bed)
        self.controller = controller.Controller(bed, 0, ["--lease-duration", "6",
                                                         "--region", "us-east-1"])
        token = bed.api.create(
            f"/api/v1/namespaces/{rights.NAMESPACE}/serviceaccounts/{controller.CONTROLLER}/token",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
             "spec": {"expirationSeconds": 24 * 3600}})["status"]["token"]
        write(self.controller.credentials.token_file, token, mode=0o600)
        self.controller.start()
        self.karpenter = bed.start_karpenter(types=[P4D])
        self.launcher = bed.start_launcher()
        self.controller.daemon.wait_until("the controller is ready", self.controller.is_ready, 90)

    def stand_ins(self):
        return [one["metadata"]["name"] for one in self.bed.api.list(STAND_INS)
                if one["metadata"]["name"].startswith("warm-")]

    def annotations(self, machine):
        return machine.node.object()["metadata"].get("annotations", {})

    def set_warm(self, warm):
        self.bed.api.patch(f"{SLICEPOOLS}/gpus", {"spec": {"warm": warm}})

    def condition(self, kind):
        found = self.bed.api.get(f"{SLICEPOOLS}/gpus").get("status", {}).get("conditions", [])
        return next(((one["status"], one["reason"], one["message"]) for one in found
                     if one["type"] == kind), None)

    # ---- cases ----

    def a_node__is_bought_before_any_pod_comes(self):
        self.bed.api.create(SLICEPOOLS, {
            "apiVersion": "gpuslice.dev/v1alpha1", "kind": "SlicePool", "metadata": {"name": "gpus"},
            "spec": {"nodeClassRef": NODE_CLASS, "instanceTypes": [P4D], "emptyAfter": "3s",
                     "profiles": ["1g.5gb", "3g.20gb"], "limits": {"gpus": 16},
                     "warm": {"1g.5gb": 4}}})
        begun = time.monotonic()
        machine, = self.launcher.wait(1)
        system.wait_for("the stand-ins go", lambda: not self.stand_ins(), 60)
        system.wait_equal("its hold", "true", lambda: self.annotations(machine).get(HELD), 30)
        print(f"# from the SlicePool to a node with free slices: {time.monotonic() - begun:.1f} s")
        time.sleep(12)
        assert len(self.karpenter.claims()) == 1, "an empty node with warm slices has gone"

    def a_pod__runs_at_once(self):
        begun = time.monotonic()
        self.bed.pods.run(pod("first", {SMALL: 1}))
        print(f"# created to Running: {time.monotonic() - begun:.1f} s")
        assert len(self.karpenter.claims()) == 1
        assert not self.stand_ins()
        self.bed.pods.delete("first", grace=0)

    def another_controller__buys_nothing_twice(self):
        self.controller.daemon.kill()
        self.controller.start()
        self.controller.daemon.wait_until("it leads", self.controller.leads, 30)
        time.sleep(5)
        assert len(self.karpenter.claims()) == 1
        assert not self.stand_ins()

    def slices__out_of_reach_are_said_to_be(self):
        system.wait_equal("Warm of the SlicePool", ("True", "AllThere"),
                          lambda: (self.condition("Warm") or ("", ""))[:2], 60)
        self.bed.api.patch(f"{SLICEPOOLS}/gpus", {"spec": {"limits": {"gpus": 8}}})
        self.set_warm({"1g.5gb": 60})  # one node has 56
        full = "limits.gpus is 8, 8 are there or on their way, 8 more are needed"
        system.wait_equal("what is missing", ("False", "OutOfReach", f"4 of 60 free 1g.5gb missing: {full}"),
                          lambda: self.condition("Warm"), 60)
        system.wait_equal("Open of the SlicePool", ("False", "LimitsReached", full),
                          lambda: self.condition("Open"), 60)
        assert len(self.karpenter.claims()) == 1

    def idle_slices__are_cut_for_what_is_to_be_warm(self):
        self.set_warm({"1g.5gb": None, "3g.20gb": 2})
        machine, = self.launcher.wait(1)
        machine.node.wait_allocatable(LARGE, 2)
        assert len(self.karpenter.claims()) == 1
        system.wait_equal("its hold", "true", lambda: self.annotations(machine).get(HELD), 60)

    def a_node__goes_when_nothing_is_to_be_warm(self):
        machine, = self.launcher.wait(1)
        self.set_warm(None)
        system.wait_for("the NodeClaims go", lambda: not self.karpenter.claims(), 120)
        self.launcher.wait_gone(machine)
        assert not self.stand_ins()


def cases_of(cases):
    names = [n for n, f in vars(type(cases)).items() if "__" in n[1:] and callable(f)
             and not n.startswith("__")]
    return [(name, getattr(cases, name)) for name in names]


if __name__ == "__main__":
    try:
        with Bed(nodes=0, also=("karpenter", "helm"), build_folder=sys.argv[1]) as the_bed:
            tap.run(cases_of(Cases(the_bed)))
    except Skip as skipped:
        print(f"SKIP: {skipped}")
        sys.exit(77)
