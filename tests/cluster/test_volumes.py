#!/usr/bin/env python3
"""Pods with volumes: gpuslice-controller books where the real scheduler takes them.

usage: test_volumes.py BUILD_DIR

Two nodes in two zones, PersistentVolumes that are folders of theirs, bound by the cluster's own
controllers. The node in zone a is the better choice each time, but for the volume.
"""
import json
import os
import random
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
# pylint: disable=wrong-import-position
import tap
from bed import controller, system
from bed.api import ApiError
from bed.bed import Bed
from bed.errors import Skip
from bed.pods import pod

SEED = os.environ.get("GPUSLICE_SEED", "1")
GATE = "gpuslice.dev/slice"
ZONE = "topology.kubernetes.io/zone"
HOST = "kubernetes.io/hostname"
A, B = "us-east-1a", "us-east-1b"
PVCS = "/api/v1/namespaces/default/persistentvolumeclaims"
PVS = "/api/v1/persistentvolumes"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
ROLE = "/apis/rbac.authorization.k8s.io/v1/clusterroles/gpuslice-controller"


def gated(name, profile, *claims):
    """A pod as the webhook leaves it, with these claims."""
    return pod(name, {f"nvidia.com/mig-{profile}": 1}, schedulingGates=[{"name": GATE}], volumes=[
        {"name": f"v{k}", "persistentVolumeClaim": {"claimName": claim}}
        for k, claim in enumerate(claims)])


def volume(name, key=ZONE, values=(B,), claim=None, **spec):
    made = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/tmp"}, "storageClassName": "", "nodeAffinity": {"required": {
                "nodeSelectorTerms": [{"matchExpressions": [
                    {"key": key, "operator": "In", "values": list(values)}]}]}}}
    if claim:
        made["claimRef"] = {"namespace": "default", "name": claim}
    return {"metadata": {"name": name}, "spec": dict(made, **spec)}


def claim_for(name, volume_name=None, of_class="", modes=("ReadWriteOnce",)):
    spec = {"accessModes": list(modes), "storageClassName": of_class,
            "resources": {"requests": {"storage": "1Gi"}}}
    if volume_name:
        spec["volumeName"] = volume_name
    return {"metadata": {"name": name, "namespace": "default"}, "spec": spec}


def storage_class(name, mode, **more):
    return {"metadata": {"name": name}, "provisioner": "example.com/nobody",
            "volumeBindingMode": mode, **more}


class Cases:
    def __init__(self, bed):
        self.bed = bed
        self.a, self.b = bed.nodes
        for node, zone in ((self.a, A), (self.b, B)):
            bed.kubectl("label", "node", node.name, f"{ZONE}={zone}")
            node.start_agent("--control-socket", os.path.join(node.folder, "agent.sock"),
                             "--http-address", f"{node.address}:9400")
        controller.apply_types(bed)
        self.controller = controller.Controller(bed, 0, ["--lease-duration", "6",
                                                          "--recut-limit", "120"]).start()
        self.controller.daemon.wait_until("it is ready", self.controller.is_ready, 60)
        self.controller.daemon.wait_until("it leads", self.controller.leads, 60)
        self.cut(self.a, "3g.20gb=1,1g.5gb=3", "1g.5gb=7")
        self.cut(self.b, "1g.5gb=7", "1g.5gb=7")
        bed.pods.run(pod("holder", {"nvidia.com/mig-1g.5gb": 1}, node=self.a.name))

    def cut(self, node, *layouts):
        from load import Agent, document, resource
        agent = Agent(os.path.join(node.folder, "agent.sock"))
        system.wait_for(f"{node.name} is cut", lambda: agent.apply(
            document=document(layouts))["result"] == "ok", 60, every=0.5)
        wanted = {}
        for part in ",".join(layouts).split(","):
            name, count = part.split("=")
            wanted[resource(name)] = wanted.get(resource(name), 0) + int(count)
        for name, count in wanted.items():
            node.wait_allocatable(name, count)

    def make(self, kind, thing):
        return self.bed.api.create(kind, thing)

    def bound(self, name, **affinity):
        """A claim that is bound to a volume of that name."""
        self.make(PVS, volume(name, claim=name, **affinity))
        self.make(PVCS, claim_for(name, volume_name=name))
        self.wait_bound(name)

    def wait_bound(self, name):
        """Kubernetes looks at a claim that has changed, and at all every 15 s."""
        def is_bound():
            found = self.bed.api.patch(f"{PVCS}/{name}", {"metadata": {"annotations": {
                "example.com/touched": str(time.monotonic())}}})
            return found["status"].get("phase") == "Bound"
        system.wait_for(f"claim {name} is bound", is_bound, 120, every=0.3)

    def events(self, name):
        """[(reason, note)] of our Events of a pod."""
        found = self.bed.api.list("/apis/events.k8s.io/v1/namespaces/default/events")
        mine = [one for one in found if one["regarding"].get("name") == name
                and one.get("reportingController") == "gpuslice.dev/controller"]
        return [(one["reason"], one["note"]) for one in sorted(mine, key=lambda e: e["eventTime"])]

    def note(self, name, reason):
        """What the last Event of that reason says, once there is one."""
        return system.wait_for(f"an Event {reason} of {name}", lambda: next(
            (note for said, note in reversed(self.events(name)) if said == reason), None), 60)

    def end(self, *names):
        for name in names:
            self.bed.pods.delete(name, grace=0)

    def runs_where_it_was_booked(self, name, *nodes):
        found = self.bed.pods.wait_phase(name, "Running", 120)
        there = found["spec"]["nodeName"]
        assert found["metadata"].get("annotations", {}).get("gpuslice.dev/booked") == there, found
        assert there in [node.name for node in nodes], (there, self.events(name))
        return found

    def document(self, *words):
        """What `gpuslice` says to an administrator."""
        command = [*self.bed.network.enter, os.path.join(self.bed.build, "bin", "gpuslice"),
                   *words, "-o", "json"]
        env = dict(system.PLAIN_ENV, HOME="/nowhere", KUBECONFIG=self.bed.control_plane.admin_config)
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120,
                              check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def may_read(self, path):
        try:
            self.controller.credentials.api.get(path)
        except ApiError as error:
            return error.status != 403
        return True

    # ---- volumes that are there ----

    def a_pod_is_booked_and_bound_in_the_zone_of_its_volume(self):
        self.bound("data")
        self.bed.pods.create(gated("zonal", "1g.5gb", "data"))
        self.runs_where_it_was_booked("zonal", self.b)
        assert self.note("zonal", "SliceBooked").endswith(f"; its volume data is in zone {B}")
        self.end("zonal")

    def a_slice_is_cut_where_the_volume_is_though_one_is_free_elsewhere(self):
        self.bound("far")
        self.bed.pods.create(gated("recut", "3g.20gb", "far"))
        self.runs_where_it_was_booked("recut", self.b)
        said = self.note("recut", "Recutting")
        assert "1 not allowed by its volumes" in said and f"volume far is in zone {B}" in said, said
        self.end("recut")
        self.cut(self.b, "1g.5gb=7", "1g.5gb=7")

    def a_disk_of_a_node_is_there_and_nowhere_else(self):
        self.bound("disk", key=HOST, values=[self.b.name])
        self.bed.pods.create(gated("local", "1g.5gb", "disk", "data"))
        self.runs_where_it_was_booked("local", self.b)
        self.end("local")

    def volumes_of_two_zones_leave_no_node_and_why_says_so(self):
        self.bound("near", values=[A])
        self.bed.pods.create(gated("torn", "1g.5gb", "near", "data"))
        said = self.note("torn", "NoSlice")
        assert f"its volume near is in zone {A}; its volume data is in zone {B}" in said, said
        system.wait_for("the gate goes", lambda: not self.bed.pods.find("torn")["spec"].get(
            "schedulingGates"), 60)
        assert self.bed.pods.find("torn")["spec"].get("nodeName") is None
        told = self.document("why", "default/torn")
        assert told["decision"]["what"] == "wait", told
        assert f"its volume data is in zone {B}" in told["decision"]["why"], told
        assert {node["says"] for node in told["nodes"]} == {"not allowed by its volumes"}, told
        planned = self.document("plan", "--cluster", "--instances", "p4d.24xlarge", "--region",
                                "us-east-1")
        assert f"pod default/torn: its volume near is in zone {A}; its volume data is in zone {B}" \
            in planned["volumes"], planned
        self.end("torn")

    # ---- volumes that are not there yet ----

    def a_pod_waits_until_its_claim_is_bound_and_goes_on_then(self):
        self.make(CLASSES, storage_class("at-once", "Immediate"))
        self.make(PVCS, claim_for("late", of_class="at-once"))
        self.bed.pods.create(gated("patient", "1g.5gb", "late"))
        said = self.note("patient", "WaitsForVolume")
        assert "PersistentVolumeClaim late is not bound to a volume yet (StorageClass at-once" in said
        found = self.bed.pods.find("patient")
        assert "nominatedNodeName" not in found["status"] and not found["spec"].get("nodeName")
        assert [reason for reason, _ in self.events("patient")] == ["WaitsForVolume"]
        assert "late is not bound to a volume yet" in self.document("why", "default/patient")["decision"][
            "why"]
        self.make(PVS, volume("late", claim="late", storageClassName="at-once"))
        self.wait_bound("late")
        found = self.bed.pods.wait_phase("patient", "Running", 180)
        assert found["spec"]["nodeName"] == self.b.name, found["spec"]["nodeName"]
        self.end("patient")

    def a_claim_that_is_not_there_is_named(self):
        self.bed.pods.create(gated("early", "1g.5gb", "absent"))
        assert "PersistentVolumeClaim absent is not there" in self.note("early", "WaitsForVolume")
        self.bound("absent")
        found = self.bed.pods.wait_phase("early", "Running", 180)
        assert found["spec"]["nodeName"] == self.b.name, found["spec"]["nodeName"]
        self.end("early")

    def a_volume_is_made_where_its_class_allows_it(self):
        """Who makes volumes is played here: it does as the scheduler says, once that has chosen."""
        self.make(CLASSES, storage_class("later", "WaitForFirstConsumer", allowedTopologies=[
            {"matchLabelExpressions": [{"key": ZONE, "values": [B]}]}]))
        self.make(PVCS, claim_for("fresh", of_class="later"))
        self.bed.pods.create(gated("first", "1g.5gb", "fresh"))
        chosen = system.wait_for("the scheduler chooses", lambda: self.bed.api.get(
            f"{PVCS}/fresh")["metadata"].get("annotations", {}).get(
                "volume.kubernetes.io/selected-node"), 60)
        assert chosen == self.b.name, chosen
        assert f"its volume fresh is made only in zone {B}" in self.note("first", "SliceBooked")
        self.make(PVS, volume("fresh", claim="fresh", storageClassName="later"))
        self.wait_bound("fresh")
        self.runs_where_it_was_booked("first", self.b)
        self.end("first")

    def a_volume_for_one_pod_is_waited_for_until_that_has_gone(self):
        self.make(PVS, volume("single", claim="single", accessModes=["ReadWriteOncePod"]))
        self.make(PVCS, claim_for("single", "single", modes=["ReadWriteOncePod"]))
        self.wait_bound("single")
        self.bed.pods.run(gated("has-it", "1g.5gb", "single"))
        self.bed.pods.create(gated("wants-it", "1g.5gb", "single"))
        said = self.note("wants-it", "WaitsForVolume")
        assert "(ReadWriteOncePod), and pod default/has-it has it" in said, said
        assert not self.bed.pods.find("wants-it")["spec"].get("nodeName")
        self.end("has-it")
        found = self.bed.pods.wait_phase("wants-it", "Running", 180)
        assert found["spec"]["nodeName"] == self.b.name, found["spec"]["nodeName"]
        self.end("wants-it")

    # ---- the scheduler has the last word ----

    def pods_with_volumes_at_random_are_bound_where_they_are_booked(self):
        dice, names = random.Random(f"{SEED} volumes"), [f"any-{k}" for k in range(6)]
        for name in names:
            key, values = dice.choice([(ZONE, [A]), (ZONE, [B]), (ZONE, [A, B]),
                                       (HOST, [self.a.name]), (HOST, [self.b.name])])
            self.make(PVS, volume(name, key=key, values=values, claim=name))
            self.make(PVCS, claim_for(name, volume_name=name))
        for name in names:
            self.wait_bound(name)
        for name in names:
            self.bed.pods.create(gated(name, "1g.5gb", name))
        for name in names:
            self.runs_where_it_was_booked(name, self.a, self.b)
        self.end(*names)

    # ---- rights ----

    def the_controller_may_read_single_claims_volumes_and_classes_and_list_none(self):
        for path, name in ((PVCS, "data"), (PVS, "data"), (CLASSES, "later")):
            assert self.may_read(f"{path}/{name}") and not self.may_read(path), path

    def without_the_right_to_read_claims_a_pod_is_not_held_and_told(self):
        role = self.bed.api.get(ROLE)
        kept = [rule for rule in role["rules"]
                if "persistentvolumeclaims" not in rule.get("resources", [])]
        assert len(kept) < len(role["rules"])
        self.bed.api.patch(ROLE, {"rules": kept})
        self.bound("hidden", values=[A, B])
        system.wait_for("the right is gone", lambda: not self.may_read(f"{PVCS}/data"), 60)
        self.bed.pods.create(gated("blind", "1g.5gb", "hidden"))
        self.runs_where_it_was_booked("blind", self.a, self.b)
        said = self.note("blind", "SliceBooked")
        assert "where its volumes are was not to be read: " in said and "403" in said, said
        self.end("blind")
        self.bed.api.patch(ROLE, {"rules": role["rules"]})


def cases_of(cases):
    helpers = ("cut", "make", "bound", "wait_bound", "events", "note", "end", "document", "may_read",
               "runs_where_it_was_booked")
    names = [n for n, f in vars(type(cases)).items() if callable(f) and not n.startswith("_")]
    return [(name, getattr(cases, name)) for name in names if name not in helpers]


if __name__ == "__main__":
    try:
        with Bed(nodes=2, gpus="2xA100-40GB", sim=["--mig"], build_folder=sys.argv[1]) as the_bed:
            tap.run(cases_of(Cases(the_bed)))
    except Skip as skipped:
        print(f"SKIP: {skipped}")
        sys.exit(77)
