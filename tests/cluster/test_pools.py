#!/usr/bin/env python3
"""SlicePools on a real cluster with a real Karpenter: pods that ask for slices, and no node at first.

usage: test_pools.py BUILD_DIR [CASE...]
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
from bed.karpenter import (CLAIMS, NODE_CLASS, OVERLAYS, POOLS, STARTUP_TAINT, condition,
                           node_overlay)
from bed.pods import pod
from bed.system import write

P4D = "p4d.24xlarge"
SMALL, LARGE = "nvidia.com/mig-1g.5gb", "nvidia.com/mig-3g.20gb"
LAYOUT, OURS = "nvidia.com/mig.config", "gpuslice.dev/slicepool"
SLICEPOOLS = "/apis/gpuslice.dev/v1alpha1/slicepools"
GATE = "gpuslice.dev/slice"
EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"


def slicepool(name, **spec):
    made = {"nodeClassRef": NODE_CLASS, "instanceTypes": [P4D], "emptyAfter": "3s",
            "profiles": ["1g.5gb", "3g.20gb"], "limits": {"gpus": 16}}
    return {"apiVersion": "gpuslice.dev/v1alpha1", "kind": "SlicePool", "metadata": {"name": name},
            "spec": dict(made, **spec)}


class Cases:
    """One bed for all of them, in the order of the file."""

    def __init__(self, bed):
        self.bed = bed
        controller.apply_types(bed)
        self.controller = controller.Controller(bed, 0, ["--lease-duration", "6",
                                                         "--region", "us-east-1"])
        write(self.controller.credentials.token_file, self.token(), mode=0o600)
        self.controller.start()
        self.controller.daemon.wait_until("the controller is ready", self.controller.is_ready, 60)

    def token(self):
        """Bound to no pod: there is no node that one could stand on."""
        return self.bed.api.create(
            f"/api/v1/namespaces/{rights.NAMESPACE}/serviceaccounts/{controller.CONTROLLER}/token",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
             "spec": {"expirationSeconds": 24 * 3600}})["status"]["token"]

    # ---- helpers ----

    def condition(self, name, kind):
        return condition(self.bed.api.find(f"{SLICEPOOLS}/{name}"), kind)

    def wait_said(self, name, kind, status, reason, timeout=60):
        system.wait_equal(f"{kind} of SlicePool {name}", (status, reason),
                          lambda: self.condition(name, kind)[:2], timeout)

    def pools(self):
        return {one["metadata"]["name"]: one for one in self.bed.api.list(POOLS)}

    def limit_of(self, name):
        return self.bed.api.find(f"{POOLS}/{name}")["spec"]["limits"]["nodes"]

    def wait_empty(self):
        system.wait_for("the NodeClaims go", lambda: not self.karpenter.claims(), 180)

    def clear(self):
        """The nodes go now: Karpenter itself needs half a minute to see that they are empty."""
        for one in self.karpenter.claims():
            path = f"{CLAIMS}/{one['metadata']['name']}"
            self.karpenter.wait_condition(path, "Initialized", "True", 120)
            self.bed.api.delete(path)
        self.wait_empty()

    # ---- the cases ----

    def a_slicepool__says_so_where_karpenter_is_not_there(self):
        self.bed.api.create(SLICEPOOLS, slicepool("gpus"))
        self.wait_said("gpus", "Ready", "False", "KarpenterNotThere")
        self.karpenter = self.bed.start_karpenter(types=[P4D])
        self.launcher = self.bed.start_launcher()
        self.wait_said("gpus", "Ready", "True", "AllUnderstood", 90)
        assert self.condition("gpus", "Open")[0] == "True"
        assert self.pools() == {}

    def what_render_writes__is_taken_by_the_api_server(self):
        """By the schema of EC2NodeClass that Karpenter for AWS ships, and by ours; nothing is kept."""
        crd = os.path.join(self.karpenter.shipped, "aws-crds",
                           "karpenter.k8s.aws_ec2nodeclasses.yaml")
        self.bed.kubectl("apply", "--server-side", "-f", crd)
        self.bed.kubectl("wait", "--for=condition=Established", "--timeout=120s", "-f", crd)
        base = ["render", "eks", "--cluster", "prod", "--role", "nodes", "--region", "us-east-1",
                "--name", "rendered"]
        for words in (
                ["--instance-types", "p4d.24xlarge", "--profiles", "1g.5gb,3g.20gb",
                 "--limit-gpus", "64", "--limit-usd-per-hour", "180", "--boot-url",
                 "https://example.com/gpuslice-boot", "--boot-sha256", "0" * 64],
                ["--instance-types", "p5.48xlarge,g7e.2xlarge", "--boot-in-image", "-o", "json",
                 "--capacity-types", "spot,on-demand", "--zones", "us-east-1a"],
                ["--instance-types", "p4d.24xlarge", "--family", "bottlerocket", "--profiles",
                 "1g.5gb"]):
            made = system.run([os.path.join(self.bed.build, "bin", "gpuslice"), *base, *words])
            said = system.wait_for("the kind EC2NodeClass", lambda made=made: self.bed.kubectl(
                "apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-",
                stdin=made), 30)
            assert said.count("serverside-applied (server dry run)") == 2, said

    def a_pod__gets_a_node_of_a_pool_that_was_made_for_it(self):
        begun = time.monotonic()
        self.bed.pods.create(pod("one", {SMALL: 1}))
        machine, = self.launcher.wait(1)
        self.bed.pods.wait_phase("one", "Running")
        print(f"# pending to running: {time.monotonic() - begun:.1f} s")
        (name, pool), = self.pools().items()
        overlay = self.bed.api.find(f"{OVERLAYS}/{name}")
        assert overlay["spec"]["capacity"] == {SMALL: "56", "nvidia.com/gpu": "0"}
        assert pool["spec"]["limits"] == {"nodes": pool["spec"]["limits"]["nodes"]}
        assert machine.labels[LAYOUT] == "all-1g.5gb" and machine.labels[OURS] == "gpus"
        assert STARTUP_TAINT["key"] not in [
            one["key"] for one in machine.node.object()["spec"].get("taints", [])]
        system.wait_equal("GPUs of the SlicePool", 8, lambda: self.bed.api.find(
            f"{SLICEPOOLS}/gpus")["status"]["gpus"], 30)
        status = self.bed.api.find(f"{SLICEPOOLS}/gpus")["status"]
        assert status["usdPerHour"].startswith("21.9"), status

    def nothing__is_sent_while_nothing_changes(self):
        """The pool is closed some seconds after its last need, which is said; then nothing is."""
        sent = lambda: self.controller.metric("gpuslice_controller_pool_requests_total")

        def is_quiet(seconds=16):
            before, end = sent(), time.monotonic() + seconds
            while time.monotonic() < end:
                time.sleep(1)
                if sent() != before:
                    return False
            return True

        system.wait_for("the pool is settled, and nothing is sent", is_quiet, 120)

    def a_node__goes_when_its_last_pod_has_gone(self):
        machine, = self.launcher.wait(1)
        self.bed.pods.delete("one")
        begun = time.monotonic()
        self.wait_empty()
        self.launcher.wait_gone(machine)
        print(f"# from the last pod's end until the machine is gone: {time.monotonic() - begun:.1f} s")
        system.wait_equal("GPUs of the SlicePool", 0, lambda: self.bed.api.find(
            f"{SLICEPOOLS}/gpus")["status"]["gpus"], 30)

    def a_spec__that_cannot_be_read_buys_nothing_and_says_why(self):
        """The schema refuses such; here it is an older one, that did not."""
        crd = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/slicepools.gpuslice.dev"
        field = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/emptyAfter"
        self.bed.api.patch(crd, [{"op": "remove", "path": f"{field}/x-kubernetes-validations"}],
                           kind="json")

        def takes_it():
            try:
                return self.bed.api.patch(f"{SLICEPOOLS}/gpus", {"spec": {"emptyAfter": "999999h"}})
            except ApiError as error:
                assert error.status == 422, error
                return None

        changed = system.wait_for("the older schema", takes_it, 60)
        self.wait_said("gpus", "Ready", "False", "SpecNotUnderstood")
        self.wait_said("gpus", "Open", "False", "SpecNotUnderstood")
        assert '"emptyAfter" is "999999h"' in self.condition("gpus", "Ready")[2]
        status = self.bed.api.find(f"{SLICEPOOLS}/gpus")["status"]
        assert status["observedGeneration"] == changed["metadata"]["generation"], status
        system.wait_for("its NodePools are closed or gone", lambda: all(
            one["spec"]["limits"]["nodes"] == "0" for one in self.pools().values()), 60)
        self.bed.pods.create(pod("later", {SMALL: 1}))
        time.sleep(5)
        assert not self.karpenter.claims()
        self.bed.api.patch(f"{SLICEPOOLS}/gpus", {"spec": {"emptyAfter": "3s"}})
        self.wait_said("gpus", "Ready", "True", "AllUnderstood")
        self.bed.pods.wait_phase("later", "Running", 120)
        self.bed.pods.delete("later")
        self.clear()
        rights.apply_crds(self.bed)

    def a_pool__is_closed_while_its_overlay_is_not_valid(self):
        (name, _), = self.pools().items()
        self.karpenter.stop()
        overlay = self.bed.api.find(f"{OVERLAYS}/{name}")
        others = [dict(one, status="False", reason="Conflict", message="by the test",
                       observedGeneration=overlay["metadata"]["generation"])
                  if one["type"] == "ValidationSucceeded" else one
                  for one in overlay["status"]["conditions"]]
        self.bed.api.patch(f"{OVERLAYS}/{name}/status", {"status": {"conditions": others}})
        system.wait_equal("the pool's limit", "0", lambda: self.limit_of(name), 60)
        self.wait_said("gpus", "Ready", "False", "NodeOverlayRefused")
        self.karpenter.restart()
        self.wait_said("gpus", "Ready", "True", "AllUnderstood", 90)

    def an_overlay__of_somebody_else_with_the_weight_of_ours_makes_ours_take_another(self):
        """Karpenter itself refuses one of two that say the same resource with the same weight."""
        (name, _), = self.pools().items()
        ours = self.bed.api.find(f"{OVERLAYS}/{name}")
        self.bed.api.create(OVERLAYS, node_overlay("foreign", name, P4D, {SMALL: 3},
                                                   ours["spec"]["weight"]))
        system.wait_for("another weight", lambda: self.bed.api.find(f"{OVERLAYS}/{name}")["spec"][
            "weight"] != ours["spec"]["weight"], 60)
        for one in (name, "foreign"):
            self.karpenter.wait_condition(f"{OVERLAYS}/{one}", "ValidationSucceeded", "True", 90)
        self.wait_said("gpus", "Ready", "True", "AllUnderstood", 90)
        self.bed.api.delete(f"{OVERLAYS}/foreign")

    def a_node__that_never_starts_is_ended_and_told(self):
        self.bed.api.patch(f"{SLICEPOOLS}/gpus", {"spec": {"startLimit": "15s"}})
        self.launcher.choose = lambda found: {"kubelet": False, "agent": False}
        self.bed.pods.create(pod("unlucky", {SMALL: 1}))
        claim, = self.karpenter.wait_claims(1)
        uid = claim["metadata"]["uid"]
        system.wait_for("the NodeClaim goes", lambda: all(
            one["metadata"]["uid"] != uid for one in self.bed.api.list(CLAIMS)), 240)
        said = system.wait_for("its Event", lambda: [
            one for one in self.bed.api.list(EVENTS) if one["reason"] == "NodeNeverReady"], 60)
        assert said[0]["regarding"]["kind"] == "NodeClaim", said
        print(f"# {said[0]['note']}")
        system.wait_for("NodesStart is False", lambda: self.condition(
            "gpus", "NodesStart")[0] == "False", 30)
        print(f"# {self.condition('gpus', 'NodesStart')[2]}")

    def after_three_failed_starts__the_pool_rests(self):
        self.wait_said("gpus", "NodesStart", "False", "ThreeStartsFailed", 480)
        (name, _), = self.pools().items()
        system.wait_equal("the pool's limit", "0", lambda: self.limit_of(name), 60)
        system.wait_equal("starts that failed", "3", lambda: self.bed.api.find(
            f"{POOLS}/{name}")["metadata"]["annotations"].get("gpuslice.dev/failed-starts"), 60)
        self.bed.pods.delete("unlucky", grace=0)
        self.wait_empty()

    def a_slicepool__takes_its_pools_with_it(self):
        self.bed.api.delete(f"{SLICEPOOLS}/gpus")
        system.wait_for("nothing of it is left", lambda: not self.pools() and
                        not self.bed.api.list(OVERLAYS), 120)

    def two_kinds_of_slices__share_a_node_where_one_is_enough(self):
        self.launcher.choose = lambda found: {}
        self.bed.api.create(SLICEPOOLS, slicepool("both", limits={"gpus": 8}))
        self.wait_said("both", "Ready", "True", "AllUnderstood", 90)
        self.controller.daemon.stop()
        self.bed.pods.create(pod("small", {SMALL: 2}))
        self.bed.pods.create(pod("large", {LARGE: 1}))
        for name in ("small", "large"):
            system.wait_for(f"{name} is unschedulable", lambda name=name: any(
                one.get("reason") == "Unschedulable"
                for one in self.bed.pods.find(name)["status"].get("conditions", [])), 60)
        self.controller.start()
        machine, = self.launcher.wait(1)
        self.bed.pods.wait_phase("small", "Running")
        self.bed.pods.wait_phase("large", "Running")
        assert "_" in machine.labels[LAYOUT], machine.labels[LAYOUT]
        print(f"# layout {machine.labels[LAYOUT]}")
        assert len(self.karpenter.claims()) == 1
        said = lambda: [one["reason"] for one in self.bed.api.list(EVENTS)
                        if one["regarding"].get("name") in ("small", "large")
                        and one.get("reportingController") == "gpuslice.dev/controller"]
        system.wait_for("the Event of their node", lambda: "NeedsNode" in said(), 60)
        assert "NoSlice" not in said(), said()
        self.bed.pods.delete("small")
        self.bed.pods.delete("large")
        self.clear()

    def pods_at_the_gate__are_let_go_once_the_pool_is_open(self):
        """Before that Karpenter would find no pool, and look again ten seconds later."""
        self.bed.api.create(SLICEPOOLS, slicepool("gated", limits={"gpus": 8}))
        self.bed.api.delete(f"{SLICEPOOLS}/both")
        self.wait_said("gated", "Ready", "True", "AllUnderstood", 90)
        system.wait_for("only its own pools are left", lambda: not self.pools(), 120)
        names = ("held-0", "held-1", "held-2")
        begun = time.monotonic()
        for name in names:
            self.bed.pods.create(pod(name, {SMALL: 1}, schedulingGates=[{"name": GATE}]))
        system.wait_for("the gates go", lambda: not any(
            self.bed.pods.find(name)["spec"].get("schedulingGates") for name in names), 60)
        held = time.monotonic() - begun
        (name, pool), = self.pools().items()
        print(f"# gates gone after {held:.1f} s")
        if held < 9:  # else this machine is too slow for the limit that a gate has
            assert pool["spec"]["limits"]["nodes"] != "0", pool["spec"]["limits"]
            assert condition(self.bed.api.find(f"{OVERLAYS}/{name}"),
                             "ValidationSucceeded")[0] == "True"
        self.karpenter.wait_claims(1)
        print(f"# NodeClaim after {time.monotonic() - begun:.1f} s")
        for name in names:
            self.bed.pods.wait_phase(name, "Running")
            self.bed.pods.delete(name)
        self.clear()

    def layouts_that_are_much_cheaper__take_the_place_of_young_ones(self):
        """A layout for each kind of slice was chosen while nothing could be bought; both together
        fit one node."""
        self.bed.api.delete(f"{SLICEPOOLS}/gated")
        system.wait_for("nothing of it is left", lambda: not self.pools(), 120)
        self.karpenter.stop()
        self.bed.api.create(SLICEPOOLS, slicepool("young", limits={"gpus": 32}))
        for count, (name, slices) in enumerate((("small", SMALL), ("large", LARGE)), 1):
            self.bed.pods.create(pod(name, {slices: 1}, schedulingGates=[{"name": GATE}]))
            system.wait_equal("layouts", count, lambda: len(self.pools()), 60)
            self.bed.pods.delete(name, grace=0)
        self.karpenter.restart()
        system.wait_for("both overlays are valid", lambda: all(condition(
            one, "ValidationSucceeded")[0] == "True" for one in self.bed.api.list(OVERLAYS)), 60)
        self.controller.daemon.stop()
        for name, slices in (("small", SMALL), ("large", LARGE)):
            self.bed.pods.create(pod(name, {slices: 1}, schedulingGates=[{"name": GATE}]))
        self.controller.start()
        machine, = self.launcher.wait(1)
        self.bed.pods.wait_phase("small", "Running")
        self.bed.pods.wait_phase("large", "Running")
        assert "_" in machine.labels[LAYOUT], machine.labels[LAYOUT]
        assert len(self.karpenter.claims()) == 1
        self.bed.pods.delete("small")
        self.bed.pods.delete("large")
        self.clear()


def cases_of(cases, only):
    names = [n for n, f in vars(type(cases)).items() if "__" in n[1:] and callable(f)
             and not n.startswith("__")]
    return [(name, getattr(cases, name)) for name in names if not only or name in only]


if __name__ == "__main__":
    try:
        with Bed(nodes=0, also=("karpenter", "helm"), build_folder=sys.argv[1]) as the_bed:
            tap.run(cases_of(Cases(the_bed), sys.argv[2:]))
    except Skip as skipped:
        print(f"SKIP: {skipped}")
        sys.exit(77)
