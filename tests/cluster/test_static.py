#!/usr/bin/env python3
"""A SlicePool with `scaling: static` on a real Karpenter that has no NodeOverlay.

usage: test_static.py BUILD_DIR
"""
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
# pylint: disable=wrong-import-position
import tap
from bed import controller, rights, system
from bed.api import ApiError
from bed.bed import Bed
from bed.errors import Skip
from bed.karpenter import NODE_CLASS, condition
from bed.pods import pod
from bed.system import write

SMALL, WHOLE = "nvidia.com/mig-1g.5gb", 56
P4D = "p4d.24xlarge"
SLICEPOOLS = "/apis/gpuslice.dev/v1alpha1/slicepools"
POOLS = "/apis/karpenter.sh/v1/nodepools"
LEAVING = "gpuslice.dev/leaving"


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
        self.karpenter = bed.start_karpenter(types=[P4D], gates={"NodeOverlay": False})
        self.launcher = bed.start_launcher()
        self.controller.daemon.wait_until("the controller is ready", self.controller.is_ready, 90)
        bed.api.create(SLICEPOOLS, {
            "apiVersion": "gpuslice.dev/v1alpha1", "kind": "SlicePool", "metadata": {"name": "gpus"},
            "spec": {"nodeClassRef": NODE_CLASS, "instanceTypes": [P4D], "emptyAfter": "8s",
                     "profiles": ["1g.5gb"], "limits": {"gpus": 16}, "scaling": "static"}})

    def pool(self):
        found, = self.bed.api.list(POOLS)
        return found["spec"]

    def wait_replicas(self, count):
        system.wait_equal("spec.replicas", count, lambda: self.pool()["replicas"], 60)

    # ---- cases ----

    def a_pod__gets_a_node_without_an_overlay(self):
        begun = time.monotonic()
        self.bed.pods.create(pod("first", {SMALL: WHOLE}))
        self.launcher.wait(1)
        self.bed.pods.wait_phase("first", "Running")
        print(f"# pending to running: {time.monotonic() - begun:.1f} s")
        assert self.pool()["replicas"] == 1, self.pool()
        assert "weight" not in self.pool()
        assert self.bed.api.list("/apis/karpenter.sh/v1alpha1/nodeoverlays") == []
        ready = [one for one in self.bed.api.find(f"{SLICEPOOLS}/gpus")["status"]["conditions"]
                 if one["type"] == "Ready"]
        assert ready[0]["status"] == "True", ready

    def the_next_one__gets_another_node(self):
        self.bed.pods.create(pod("second", {SMALL: 1}))
        self.launcher.wait(2)
        self.bed.pods.wait_phase("second", "Running")
        assert self.pool()["replicas"] == 2, self.pool()

    def limits__are_kept(self):
        self.bed.pods.create(pod("third", {SMALL: WHOLE}))
        time.sleep(8)
        assert self.pool()["replicas"] == 2, self.pool()
        assert len(self.karpenter.claims()) == 2
        self.bed.pods.delete("third", grace=0)

    def the_node__that_is_empty_goes_and_not_the_other(self):
        stays = self.bed.pods.find("second")["spec"]["nodeName"]
        gone = self.bed.pods.find("first")["spec"]["nodeName"]
        machine, = [one for one in self.launcher.wait(2) if one.node.name == gone]
        self.bed.pods.delete("first", grace=0)
        begun = time.monotonic()
        system.wait_for("one NodeClaim is left", lambda: len(self.karpenter.claims()) == 1, 90)
        print(f"# from the last pod's end until its NodeClaim is gone: "
              f"{time.monotonic() - begun:.1f} s")
        self.wait_replicas(1)
        self.launcher.wait_gone(machine)
        time.sleep(5)
        assert [one["status"]["nodeName"] for one in self.karpenter.claims()] == [stays]
        assert self.bed.pods.phase("second") == "Running"

    def a_node__that_is_about_to_leave_stays_for_a_pod_that_comes(self):
        self.bed.pods.delete("second", grace=0)
        machine, = self.launcher.wait(1)
        cordoned = lambda: (LEAVING in machine.node.object()["metadata"].get("annotations", {}),
                            machine.node.object()["spec"].get("unschedulable", False))
        system.wait_equal("the cordon", (True, True), cordoned, 60)
        self.bed.pods.create(pod("late", {SMALL: 1}))
        self.bed.pods.wait_phase("late", "Running")
        assert self.bed.pods.find("late")["spec"]["nodeName"] == machine.node.name
        assert cordoned() == (False, False), cordoned()
        self.bed.pods.delete("late", grace=0)

    def the_last_one__goes_too(self):
        system.wait_for("the NodeClaims go", lambda: not self.karpenter.claims(), 90)
        self.wait_replicas(0)

    def a_node__that_does_not_hold_the_pod_is_not_bought_again(self):
        """Its zone has no machine: a static NodePool's nodes come where they come."""
        self.bed.pods.create(pod("picky", {SMALL: 1}, nodeSelector={
            "topology.kubernetes.io/zone": "us-east-1z"}))
        system.wait_for("the Event of the pod", lambda: any(
            one["reason"] == "NodeDidNotHelp" for one in self.bed.api.list(
                "/apis/events.k8s.io/v1/namespaces/default/events")), 180)
        said = condition(self.bed.api.find(f"{SLICEPOOLS}/gpus"), "Open")
        print(f"# {said[2]}")
        assert "1 pod is not bought for again; default/picky: node" in said[2], said
        most = 0
        for _ in range(40):
            most = max(most, len(self.karpenter.claims()))
            time.sleep(1)
        assert most <= 1, "there was another"
        self.wait_replicas(0)
        self.bed.pods.delete("picky", grace=0)

    def a_karpenter_without_the_kind__serves_static_slicepools_and_the_others_say_so(self):
        """As before 1.7."""
        self.bed.kubectl("delete", "crd", "nodeoverlays.karpenter.sh")
        self.controller.daemon.restart()  # it never saw the kind
        self.controller.daemon.wait_until("the controller is ready", self.controller.is_ready, 90)
        self.bed.api.create(SLICEPOOLS, {
            "apiVersion": "gpuslice.dev/v1alpha1", "kind": "SlicePool", "metadata": {"name": "more"},
            "spec": {"nodeClassRef": NODE_CLASS, "instanceTypes": [P4D], "profiles": ["1g.5gb"]}})
        said = lambda name: condition(self.bed.api.find(f"{SLICEPOOLS}/{name}"), "Ready")
        system.wait_equal("Ready of the one with overlays", ("False", "KarpenterNotThere"),
                          lambda: said("more")[:2], 120)
        print(f"# {said('more')[2]}")
        assert "NodeOverlay" in said("more")[2], said("more")
        self.bed.pods.create(pod("again", {SMALL: 1}))
        self.launcher.wait(1)
        self.bed.pods.wait_phase("again", "Running")
        assert said("gpus")[0] == "True", said("gpus")
        self.bed.pods.delete("again", grace=0)

    def scaling__cannot_be_changed(self):
        try:
            self.bed.api.patch(f"{SLICEPOOLS}/gpus", {"spec": {"scaling": "overlay"}})
        except ApiError as error:
            assert "make another SlicePool" in str(error), error
        else:
            raise AssertionError("it was taken")


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
