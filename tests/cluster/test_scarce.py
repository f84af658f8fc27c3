#!/usr/bin/env python3
"""A cloud that has nothing left of an instance type, under a real Karpenter.

Karpenter's test cloud always has everything. The only thing that is made here in its place is that
launching fails (programs/karpenter/scarce): what Karpenter does then is its own.

usage: test_scarce.py BUILD_DIR [CASE...]
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
from bed.errors import Skip
from bed.karpenter import POOLS, TYPE_LABEL, condition
from bed.pods import pod

P4DE, P5 = "p4de.24xlarge", "p5.48xlarge"
SMALL = {"nvidia.com/mig-1g.10gb": 1}
EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"
UNTIL = "gpuslice.dev/no-capacity-until"


class Cases:
    """One bed for all of them, in the order of the file."""

    def __init__(self, bed):
        self.bed = bed
        self.controller = stand.start_controller(bed, 0)
        self.karpenter = bed.start_karpenter(types=[P4DE, P5], program="scarce")
        self.launcher = bed.start_launcher()
        stand.namespace(bed, "default")

    # ---- helpers ----

    def slicepool(self, types):
        self.bed.api.create(stand.SLICEPOOLS, stand.slicepool("gpus", types, ["1g.10gb"]))

    def end(self, *names):
        """The pods, the nodes, the SlicePool: nothing is remembered then."""
        self.karpenter.set_scarce()
        for name in names:
            self.bed.pods.delete(name, grace=0)
        self.bed.api.delete(f"{stand.SLICEPOOLS}/gpus")
        system.wait_for("NodePools and nodes go", lambda: not self.bed.api.list(POOLS)
                        and not self.karpenter.claims() and not self.launcher.living(), 120)
        self.launcher.machines.clear()

    def capacity(self):
        return condition(self.bed.api.find(f"{stand.SLICEPOOLS}/gpus"), "Capacity")

    def wait_capacity(self, status):
        system.wait_equal("the condition Capacity", status, lambda: self.capacity()[0], 90)
        return self.capacity()[2]

    def wait_told(self, *words):
        """What the condition says, once these are in it."""
        return system.wait_for(f"Capacity: {words}", lambda: next((
            one for one in [self.capacity()[2]] if all(word in one for word in words)), None), 90)

    def type_of(self, name):
        node = self.bed.api.get(f"/api/v1/nodes/{self.bed.pods.find(name)['spec']['nodeName']}")
        return node["metadata"]["labels"][TYPE_LABEL]

    def pool_of(self, type_name):
        """The NodePool of an instance type, or None."""
        found = [one for one in self.bed.api.list(POOLS) for need in
                 one["spec"]["template"]["spec"]["requirements"]
                 if need["key"] == TYPE_LABEL and need["values"] == [type_name]]
        return found[0] if found else None

    def notes(self, kind, reason):
        return [one["note"] for one in self.bed.api.list(EVENTS)
                if one["reason"] == reason and one["regarding"]["kind"] == kind]

    # ---- the cases ----

    def the_cheapest__that_is_not_to_be_had_gives_way_to_the_next_and_all_is_told(self):
        self.karpenter.set_scarce(P4DE)
        self.slicepool([P4DE, P5])
        begun = time.monotonic()
        self.bed.pods.create(pod("one", SMALL))
        self.wait_capacity("False")
        said = self.wait_told(f"{P4DE}: no capacity", f"{P5} is bought instead")
        self.bed.pods.wait_phase("one", "Running", 240)
        print(f"# pending to running: {time.monotonic() - begun:.1f} s")
        print(f"# {said}")
        assert self.type_of("one") == P5
        system.wait_for("the cloud's words", lambda: "InsufficientInstanceCapacity" in
                        self.capacity()[2], 60)
        print(f"# {self.capacity()[2]}")
        system.wait_for("the Event of the SlicePool", lambda: any(
            P4DE in note for note in self.notes("SlicePool", "NoCapacity")), 60)
        system.wait_equal("the NodePool's limit", "0",
                          lambda: self.pool_of(P4DE)["spec"]["limits"]["nodes"], 60)
        assert len(self.karpenter.claims()) == 1, self.karpenter.claims()

    def a_controller__that_is_started_again_still_knows_it(self):
        """The rest lasts three minutes, of which this takes seconds."""
        until = self.pool_of(P4DE)["metadata"]["annotations"][UNTIL]
        self.controller.daemon.restart()
        self.controller.daemon.wait_until("it is ready", self.controller.is_ready, 60)
        self.controller.daemon.wait_until("it leads", self.controller.leads, 30)
        pool = self.pool_of(P4DE)
        assert pool["metadata"]["annotations"][UNTIL] == until, pool["metadata"]
        assert pool["spec"]["limits"]["nodes"] == "0", pool["spec"]
        assert self.capacity()[0] == "False", self.capacity()
        self.end("one")

    def the_only_one__stays_open_until_the_cloud_has_it_again(self):
        self.karpenter.set_scarce(P4DE)
        self.slicepool([P4DE])
        self.bed.pods.create(pod("two", SMALL))
        self.wait_capacity("False")
        print(f"# {self.wait_told('nothing else is in instanceTypes: add another')}")
        system.wait_for("the Event of the pod", lambda: any(
            "no capacity" in note for note in self.notes("Pod", "NeedsNode")), 90)
        assert self.bed.pods.phase("two") == "Pending"
        system.wait_for("it is tried again", lambda: "(tried 1 time" not in self.capacity()[2], 90)
        system.wait_for("the NodePool is open", lambda: self.pool_of(P4DE)["spec"]["limits"][
            "nodes"] != "0", 60)
        self.karpenter.set_scarce()
        self.bed.pods.wait_phase("two", "Running", 240)
        assert self.wait_capacity("True") == ""
        self.end("two")


def cases_of(cases, only):
    names = [n for n, f in vars(Cases).items() if "__" in n[1:] and callable(f)
             and not n.startswith("__")]
    return [(name, getattr(cases, name)) for name in names if not only or name in only]


if __name__ == "__main__":
    try:
        with Bed(nodes=0, also=("karpenter", "scarce", "helm"), build_folder=sys.argv[1]) as the_bed:
            tap.run(cases_of(Cases(the_bed), sys.argv[2:]))
    except Skip as skipped:
        print(f"SKIP: {skipped}")
        sys.exit(77)
