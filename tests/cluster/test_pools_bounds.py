#!/usr/bin/env python3
"""SlicePools that ask for what cannot be had, or bound what their nodes are cut into, on a real
cluster with a real Karpenter.

usage: test_pools_bounds.py BUILD_DIR [CASE...]
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
# pylint: disable=wrong-import-position
import tap
import test_pools
from bed import system
from bed.bed import Bed
from bed.errors import Skip
from bed.karpenter import CLAIMS, NODE_CLASS, NODE_CLASSES
from bed.pods import pod
from test_pools import EVENTS, GATE, LARGE, P4D, SLICEPOOLS, SMALL, cases_of, slicepool


class Cases(test_pools.Cases):
    """One bed for all of them, in the order of the file."""

    def __init__(self, bed):
        super().__init__(bed)
        self.karpenter = bed.start_karpenter(types=[P4D])
        self.launcher = bed.start_launcher()

    def notes(self, name):
        return [one["note"] for one in self.bed.api.list(EVENTS)
                if one["regarding"].get("name") == name]

    def wait_noted(self, name, words):
        return system.wait_for(f"an Event of {name} with \"{words}\"", lambda: [
            note for note in self.notes(name) if words in note], 60)[0]

    def ready(self, name):
        return self.condition(name, "Ready")[2]

    def ready_since(self, name):
        return next(one["lastTransitionTime"] for one in self.bed.api.find(
            f"{SLICEPOOLS}/{name}")["status"]["conditions"] if one["type"] == "Ready")

    # ---- the cases ----

    def a_profile__that_nobody_makes_is_named_and_the_rest_is_served(self):
        self.bed.api.create(SLICEPOOLS, slicepool("gpus", profiles=["1g.5gb", "9g.99gb"]))
        self.wait_said("gpus", "Ready", "False", "ProfilesLeftOut", 90)
        said = self.ready("gpus")
        print(f"# {said}")
        assert "no GPU has 9g.99gb; p4d.24xlarge has 1g.5gb, 1g.5gb+me, 1g.10gb" in said, said
        assert self.condition("gpus", "Open")[0] == "True"
        self.bed.pods.create(pod("one", {SMALL: 1}))
        self.bed.pods.wait_phase("one", "Running")
        self.bed.api.patch(f"{SLICEPOOLS}/gpus", {"spec": {"profiles": ["1g.5gb", "1g.18gb"]}})
        system.wait_for("the other profile is named", lambda: "none of its instance types has "
                        "1g.18gb (it is a profile of p5e.48xlarge" in self.ready("gpus"), 60)
        self.bed.api.patch(f"{SLICEPOOLS}/gpus", {"spec": {"profiles": ["1g.5gb"]}})
        self.wait_said("gpus", "Ready", "True", "AllUnderstood", 60)

    def a_node__is_cut_into_what_its_slicepool_allows(self):
        """It has room for the large slice; the SlicePool says no, and then yes."""
        self.bed.api.patch(f"{SLICEPOOLS}/gpus", {"spec": {"recut": "profiles",
                                                           "limits": {"gpus": 8}}})
        machine, = self.launcher.wait(1)
        self.bed.pods.create(pod("large", {LARGE: 1}, schedulingGates=[{"name": GATE}]))
        note = self.wait_noted("large", f"node {machine.node.name} could be cut for it, but "
                                        "SlicePool gpus allows only 1g.5gb (recut: profiles)")
        print(f"# {note}")
        self.bed.pods.create(pod("two", {SMALL: 1}, schedulingGates=[{"name": GATE}]))
        self.bed.pods.wait_phase("two", "Running")
        assert self.bed.pods.find("large")["status"]["phase"] == "Pending"
        self.bed.api.patch(f"{SLICEPOOLS}/gpus", {"spec": {"recut": "anyProfile"}})
        self.bed.pods.wait_phase("large", "Running", 120)
        assert self.bed.pods.find("large")["spec"]["nodeName"] == machine.node.name
        assert len(self.bed.api.list(CLAIMS)) == 1
        for name in ("one", "two", "large"):
            self.bed.pods.delete(name)
        self.wait_empty()

    def a_node_class__that_is_not_there_is_said_and_another_slicepool_serves(self):
        self.bed.api.delete(f"{SLICEPOOLS}/gpus")
        system.wait_for("nothing of it is left", lambda: not self.pools(), 120)
        lost = dict(NODE_CLASS, name="lost")
        self.bed.api.create(SLICEPOOLS, slicepool("lost", nodeClassRef=lost))
        self.wait_said("lost", "Ready", "True", "AllUnderstood", 60)
        self.bed.pods.create(pod("one", {SMALL: 1}, schedulingGates=[{"name": GATE}]))
        self.wait_said("lost", "Ready", "False", "NodeClassNotReady", 90)
        since = self.ready_since("lost")
        print(f"# {self.ready('lost')}")
        assert ("Karpenter cannot use KWOKNodeClass lost (spec.nodeClassRef): NodeClassNotFound: "
                "NodeClass not found on cluster") in self.ready("lost"), self.ready("lost")
        self.wait_said("lost", "Open", "False", "NodeClassNotReady")
        (name, _), = self.pools().items()
        system.wait_equal("the pool's limit", "0", lambda: self.limit_of(name), 60)
        system.wait_for("the gate goes", lambda: not self.bed.pods.find("one")["spec"].get(
            "schedulingGates"), 60)
        assert not self.bed.api.list(CLAIMS)
        self.bed.api.create(SLICEPOOLS, slicepool("found"))
        self.bed.pods.wait_phase("one", "Running", 120)
        assert all(one.startswith("found-") for one in (
            claim["metadata"]["labels"]["karpenter.sh/nodepool"]
            for claim in self.bed.api.list(CLAIMS)))
        assert self.ready_since("lost") == since, "it was Ready for a time"

    def a_node_class__that_comes_later_opens_the_slicepool(self):
        self.bed.api.delete(f"{SLICEPOOLS}/found")
        self.bed.pods.delete("one")
        self.bed.api.create(NODE_CLASSES, {"apiVersion": "karpenter.kwok.sh/v1alpha1",
                                           "kind": "KWOKNodeClass", "metadata": {"name": "lost"},
                                           "spec": {}})
        self.wait_said("lost", "Ready", "True", "AllUnderstood", 90)
        self.bed.pods.create(pod("two", {SMALL: 1}, schedulingGates=[{"name": GATE}]))
        self.bed.pods.wait_phase("two", "Running", 180)
        self.bed.pods.delete("two")


if __name__ == "__main__":
    try:
        with Bed(nodes=0, also=("karpenter", "helm"), build_folder=sys.argv[1]) as the_bed:
            tap.run(cases_of(Cases(the_bed), sys.argv[2:]))
    except Skip as skipped:
        print(f"SKIP: {skipped}")
        sys.exit(77)
