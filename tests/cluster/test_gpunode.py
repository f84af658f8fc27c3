#!/usr/bin/env python3
"""GpuNode and SlicePool on a real API server: what the agent says of its GPUs, what it does when the
controller wants one cut anew, and who may write where.

usage: test_gpunode.py BUILD_DIR
"""
import json
import os
import sys
import time
from unittest import mock

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
# pylint: disable=wrong-import-position
import tap
from bed import rights, system
from bed.api import ApiError
from bed.bed import Bed
from bed.errors import Skip

GROUP = "/apis/gpuslice.dev/v1alpha1"
SMALL = "nvidia.com/mig-1g.5gb"
MIDDLE = "nvidia.com/mig-2g.10gb"
BIG = "nvidia.com/mig-3g.20gb"
DRY = "?dryRun=All"
WORDS = ["--http-address", "127.0.0.1:9400", "--log-level", "debug", "--metrics-interval-ms", "1000"]

LABELLED = {"all-1g.5gb": ["1g.5gb"] * 7, "all-balanced": ["1g.5gb"] * 2 + ["2g.10gb", "3g.20gb"]}


def pool(name="gpu", **more):
    spec = {"nodeClassRef": {"name": "gpu"}, "instanceTypes": ["p4d.24xlarge"]}
    return {"apiVersion": "gpuslice.dev/v1alpha1", "kind": "SlicePool", "metadata": {"name": name},
            "spec": dict(spec, **more)}


WRONG_POOLS = [
    ({"instanceTypes": []}, "should have at least 1 items"),
    ({"instanceTypes": ["a", "a"]}, "an instance type is listed twice"),
    ({"capacityTypes": ["Spot"]}, 'supported values: "reserved", "spot", "on-demand"'),
    ({"profiles": ["mig-1g.5gb"]}, "write it as NVIDIA does, such as 1g.5gb"),
    ({"profiles": ["1g.5gb", "1g.5gb"]}, "a profile is listed twice"),
    ({"profiles": ["1g.5gb"], "warm": {"2g.10gb": 1}},
     "each profile under warm has to be among profiles"),
    ({"warm": {"small": 1}}, "the keys of warm are profiles of slices"),
    ({"limits": {"usdPerHour": "$5"}}, 'expected dollars as a decimal in quotes, such as "200"'),
    ({"limits": {"gpus": -1}}, "should be greater than or equal to 0"),
    ({"moves": "always"}, 'supported values: "never", "optIn"'),
    ({"emptyAfter": "10"}, "expected a duration such as 90s, 10m or 1h30m"),
    ({"expireAfter": "never"}, "expected a duration such as 720h, or Never"),
    ({"labels": {"nvidia.com/gpu": "x"}}, "are set by the programs that own them"),
    ({"taints": [{"key": "gpuslice.dev/startup", "effect": "NoSchedule"}]},
     "the taint gpuslice.dev/startup is set and removed by gpuslice itself"),
    ({"emptyAfter": "999999h"}, "87600h (ten years) at most"),
    ({"expireAfter": "999999h"}, "87600h (ten years) at most"),
    ({"expireAfter": "0s"}, "at least a second"),
    ({"startLimit": "0s"}, "at least a second"),
    ({"startLimit": "999999h"}, "87600h (ten years) at most"),
    ({"profiles": ["1g.10gb+me,me"]}, "write it as NVIDIA does"),
    ({"profiles": ["1g.10gb+" + "a" * 41]}, "write it as NVIDIA does"),
    ({"profiles": ["1g.10gb+me."]}, "write it as NVIDIA does"),
    ({"warm": {"1g.10gb+me,me": 1}}, "the keys of warm are profiles of slices"),
    ({"zones": ["a\nb"]}, "should match"),
    ({"labels": {"a\u0001b": "x"}}, "the keys of labels are names"),
    ({"taints": [{"key": "a\u0001b", "effect": "NoSchedule"}]}, "should match"),
    ({"taints": [{"key": "a", "value": "\u0001", "effect": "NoSchedule"}]}, "should match"),
    ({"nodeClassRef": {"name": "a\u0001b"}}, "should match"),
    ({"nodeClassRef": {"name": "a", "kind": "a\u0001b"}}, "should match"),
    ({"nodeClassRef": {"name": "a", "group": "a\nb"}}, "should match"),
]


class Cases:
    """One bed for all of them, in the order of the file."""

    def __init__(self, bed):
        self.bed, (self.node, self.other) = bed, bed.nodes
        self.agent_program = os.path.join(bed.build, "bin", "gpuslice-agent")
        self.wishes = 0

    # ---- helpers ----

    def object(self):
        return self.bed.api.find(f"{GROUP}/gpunodes/{self.node.name}")

    def gpu(self, index=0):
        return self.object()["status"]["gpus"][index]

    def slices(self, index=0):
        return [(s["profile"], s["start"], s["state"]) for s in self.gpu(index).get("slices", [])]

    def wait_slices(self, wanted, index=0):
        system.wait_equal(f"slices of GPU {index}", sorted(wanted, key=lambda s: s[1]),
                          lambda: self.slices(index), 30)

    def wish(self, layout, based_on=None, index=0, name=None):
        """What the controller writes; the id, and when it was sent."""
        gpu = self.gpu(index)
        self.wishes += 1
        name = name or f"wish-{self.wishes}"
        self.bed.api.patch(
            f"{GROUP}/gpunodes/{self.node.name}",
            {"spec": {"gpus": [{"uuid": gpu["uuid"], "id": name, "layout": layout,
                                "basedOn": based_on or gpu["revision"], "reason": "a test"}]}})
        return name, time.monotonic()

    def answer(self, name, index=0, timeout=60):
        """The answer that is no Running."""
        def look():
            decision = self.gpu(index).get("decision", {})
            done = decision.get("id") == name and decision["result"] != "Running"
            return decision if done else None
        return system.wait_for(f"an answer to {name}", look, timeout)

    def empty(self):
        """GPU 0, by hand."""
        uuids = [u for g, _, _, u in self.node.slices() if g == 0]
        if uuids:
            self.node.gpuslice("mig", "destroy", *uuids)
        system.wait_equal("no slices", [], self.slices, 60)

    def state(self):
        return json.loads(self.node.run_with_gpus([self.agent_program, "state"]))

    def condition(self):
        return next(c for c in self.state()["conditions"] if c["type"] == "GpuNode")

    # ---- without the CRD ----

    def agent__works_without_the_crd_and_says_so(self):
        with mock.patch.object(rights, "apply_crds"):
            self.node.credentials = rights.give_agent(self.bed, self.node)
        self.node.start_agent(*WORDS)
        self.node.agent.wait_until(
            "an agent that answers",
            lambda: self.node.run_with_gpus([self.agent_program, "state"], check=False), 30)
        self.node.wait_allocatable(SMALL, 2)
        system.wait_equal("its condition", "NotInstalled", lambda: self.condition()["reason"], 30)
        assert "deploy/crds/gpunodes.yaml" in self.condition()["message"], self.condition()

    def agent__publishes_its_gpus_once_there_is_the_crd(self):
        rights.apply_crds(self.bed)
        system.wait_for("a GpuNode with GPUs", lambda: len((self.object() or {}).get(
            "status", {}).get("gpus", [])) == 2, 90)
        node = self.object()
        owner, = node["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"]) == ("Node", self.node.object()["metadata"]["uid"])
        assert [(g["index"], g["mig"], g["model"]) for g in node["status"]["gpus"]] == [
            (0, True, "A100-40GB"), (1, True, "A100-40GB")], node["status"]
        self.wait_slices([("1g.5gb", 0, "Free"), ("1g.5gb", 1, "Free")])
        first = self.gpu()["slices"][0]
        assert first["plain"] and first["resource"] == SMALL, first
        # the object is there a moment before the agent has read the answer that says so
        system.wait_for("its condition", lambda: self.condition()["ok"], 30)

    # ---- the status ----

    def status__follows_what_pods_hold(self):
        before = self.gpu()["revision"]
        self.bed.run_pod("one", {SMALL: 1})
        held = system.wait_for("a holder", lambda: [
            s for s in self.gpu()["slices"] if s.get("holder", {}).get("name") == "one"], 30)
        assert held[0]["state"] == "Held" and held[0]["holder"]["namespace"] == "default", held
        assert self.gpu()["revision"] > before
        self.bed.pods.delete("one")
        self.wait_slices([("1g.5gb", 0, "Free"), ("1g.5gb", 1, "Free")])

    def status__follows_a_cut_by_hand(self):
        before = self.gpu(1)["revision"]
        self.node.gpuslice("mig", "create", "2g.10gb", "-g", "1")
        system.wait_for("the new slice", lambda: any(
            s[0] == "2g.10gb" for s in self.slices(1)), 40)
        assert self.gpu(1)["revision"] > before

    def status__is_written_again_when_somebody_removes_the_object(self):
        revision, uid = self.gpu()["revision"], self.object()["metadata"]["uid"]
        self.bed.api.delete(f"{GROUP}/gpunodes/{self.node.name}")
        node = system.wait_for("another one", lambda: (lambda o: o if o and o.get(
            "status") and o["metadata"]["uid"] != uid else None)(self.object()), 30)
        assert node["status"]["gpus"][0]["revision"] >= revision, node

    # ---- wishes ----

    def wish__is_carried_out_exactly_and_node_status_shows_it(self):
        others = self.gpu(1)["slices"]
        name, begun = self.wish("1g.5gb@0,1g.5gb@3,3g.20gb@4")
        decision = self.answer(name)
        took = time.monotonic() - begun
        assert decision["result"] == "Done", decision
        self.node.wait_allocatable(BIG, 1)
        assert sorted((p, s) for g, p, s, _ in self.node.slices() if g == 0) == [
            ("1g.5gb", 0), ("1g.5gb", 3), ("3g.20gb", 4)], self.node.slices()
        assert [s["uuid"] for s in self.gpu(1)["slices"]] == [s["uuid"] for s in others]
        print(f"# from the wish to Done: {took:.3f} s")

    def wish__that_only_adds_is_answered_quickly(self):
        self.wish_and_wait("1g.5gb@0,3g.20gb@4")
        name, begun = self.wish("1g.5gb@0,1g.5gb@1,3g.20gb@4")
        assert self.answer(name)["result"] == "Done"
        print(f"# from a wish that adds one slice to Done: {time.monotonic() - begun:.3f} s")
        self.wait_slices([("1g.5gb", 0, "Free"), ("1g.5gb", 1, "Free"), ("3g.20gb", 4, "Free")])

    def wish_and_wait(self, layout):
        name, _ = self.wish(layout)
        assert self.answer(name)["result"] == "Done"
        self.wait_slices([(p, int(s), "Free") for p, s in
                          (part.split("@") for part in layout.split(",") if part)])

    def wish__that_is_stale_is_refused_with_nothing_changed(self):
        before = self.node.slices()
        name, _ = self.wish("7g.40gb@0", based_on=1)
        decision = self.answer(name)
        assert decision["result"] == "Stale" and "revision 1" in decision["message"], decision
        assert self.node.slices() == before

    def wish__that_the_gpu_cannot_have_is_refused(self):
        before = self.node.slices()
        for layout, says in (("3g.20gb@1", "3g.20gb"), ("9g.99gb@0", "9g.99gb")):
            name, _ = self.wish(layout)
            decision = self.answer(name)
            assert decision["result"] == "Refused" and says in decision["message"], decision
        assert self.node.slices() == before

    def wish__in_whose_way_a_pod_stands_is_busy_with_nothing_changed(self):
        self.bed.run_pod("big", {BIG: 1})
        system.wait_for("its holder", lambda: any(s[2] == "Held" for s in self.slices()), 30)
        before = self.node.slices()
        name, _ = self.wish("7g.40gb@0")
        decision = self.answer(name)
        assert decision["result"] == "Busy" and "big" in decision["message"], decision
        assert self.node.slices() == before
        self.node.wait_allocatable(SMALL, 2)

    def wish__leaves_slices_in_use_as_they_are(self):
        uuid = next(u for g, p, _, u in self.node.slices() if g == 0 and p == "3g.20gb")
        name, _ = self.wish("2g.10gb@2,3g.20gb@4")
        assert self.answer(name)["result"] == "Done"
        assert uuid in [s[3] for s in self.node.slices()]
        assert self.bed.pods.phase("big") == "Running"
        self.node.wait_allocatable(MIDDLE, 2)

    def wish__that_was_answered_is_not_carried_out_again(self):
        wish = self.object()["spec"]["gpus"][0]
        self.bed.pods.delete("big")
        system.wait_for("all free", lambda: all(s[2] == "Free" for s in self.slices()), 30)
        self.empty()
        self.node.agent.restart()
        time.sleep(3)
        decision = self.gpu()["decision"]
        assert (decision["id"], decision["result"]) == (wish["id"], "Done"), decision
        assert self.slices() == [], self.slices()

    def wish__is_answered_although_the_agent_is_killed_in_the_middle(self):
        revision = self.gpu()["revision"]
        for delay in (0.01, 0.03, 0.06, 0.12, 0.25):
            self.empty()
            name, _ = self.wish("1g.5gb@0,1g.5gb@1,1g.5gb@2,1g.5gb@3,3g.20gb@4")
            time.sleep(delay)
            self.node.agent.kill()
            self.node.agent.start()
            decision = self.answer(name)
            print(f"# killed after {delay} s: {decision['result']} {decision.get('message', '')}")
            assert decision["result"] in ("Done", "Stale"), decision
            if decision["result"] == "Done":
                assert len([s for s in self.node.slices() if s[0] == 0]) == 5, self.node.slices()
            assert self.gpu()["revision"] > revision
            revision = self.gpu()["revision"]

    def wish__and_its_answer_are_in_the_state_of_the_agent(self):
        def both():
            told = self.gpu()
            gpu = next(g for g in self.state()["gpuNode"]["gpus"] if g["uuid"] == told["uuid"])
            return gpu["wish"]["id"] == gpu["decision"]["id"], gpu["revision"] == told["revision"]
        system.wait_equal("wish and answer, and the revision, in both", (True, True), both, 60)

    # ---- the label ----

    def label__that_wishes_have_overtaken_is_not_carried_out_by_the_next_agent(self):
        self.label("all-1g.5gb")
        name, _ = self.wish("3g.20gb@4")
        assert self.answer(name)["result"] == "Done"
        note = "gpuslice.dev/overtaken-layout"
        system.wait_for("its note", lambda: self.node.object()["metadata"]["annotations"].get(
            note, "").startswith("all-1g.5gb "), 30)
        self.node.agent.restart()
        system.wait_for("an agent that has read it", lambda: "it stays so" in system.read(
            self.node.log("agent")).split("starts")[-1], 30)
        assert [s for s in self.node.slices() if s[0] == 0][0][1] == "3g.20gb", self.node.slices()
        self.label("all-balanced")
        system.wait_for("the note goes", lambda: note not in self.node.object()["metadata"][
            "annotations"], 60)

    def label(self, value):
        self.bed.api.patch(f"/api/v1/nodes/{self.node.name}",
                           {"metadata": {"labels": {"nvidia.com/mig.config": value}}})
        system.wait_equal("slices of the label", [LABELLED[value]] * 2, lambda: [
            sorted(p for g, p, _, _ in self.node.slices() if g == gpu) for gpu in (0, 1)], 60)
        system.wait_equal("the GpuNode", [LABELLED[value]] * 2, lambda: [
            sorted(p for p, _, _ in self.slices(gpu)) for gpu in (0, 1)], 60)
        system.wait_equal("the label's state", "success", lambda: self.node.object()["metadata"][
            "labels"].get("nvidia.com/mig.config.state"), 60)

    # ---- the API server ----

    def slicepool__of_a_user_is_taken_and_has_its_defaults(self):
        made = self.bed.api.create(f"{GROUP}/slicepools", pool(
            capacityTypes=["spot", "on-demand"], profiles=["1g.5gb", "3g.20gb"],
            limits={"gpus": 64, "usdPerHour": "200"}, moves="optIn", warm={"1g.5gb": 4}))["spec"]
        assert made["nodeClassRef"] == {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass",
                                        "name": "gpu"}, made
        assert (made["scaling"], made["emptyAfter"], made["startLimit"], made["expireAfter"]) == (
            "overlay", "10m", "20m", "720h"), made

    def slicepool__that_is_wrong_is_refused_with_what_to_do(self):
        for change, says in WRONG_POOLS:
            try:
                self.bed.api.create(f"{GROUP}/slicepools", pool("wrong", **change))
            except ApiError as error:
                assert error.status == 422 and says in error.message, (change, error.message)
            else:
                raise AssertionError(f"taken: {change}")

    def kubectl__explains_every_field(self):
        for what in ("gpunode", "slicepool"):
            text = self.bed.kubectl("explain", f"{what}.spec", "--recursive")
            assert "VERSION:    v1alpha1" in text, text
        text = self.bed.kubectl("explain", "slicepool.spec.limits.usdPerHour")
        assert "Dollars an hour" in text, text
        for name in ("gpunodes", "slicepools"):
            crd = self.bed.api.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"
                                   f"{name}.gpuslice.dev")
            schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
            missing = [path for path in undescribed(schema, "")
                       if path not in (".apiVersion", ".kind", ".metadata")]
            assert not missing, missing

    def kubectl__shows_columns(self):
        text = self.bed.kubectl("get", "gn")
        assert "A100-40GB" in text and "SLICES" in text, text
        assert "USD/H" in self.bed.kubectl("get", "sp")

    # ---- rights ----

    def policy__holds_an_agent_to_its_own_node(self):
        self.bed.kubectl("apply", "-f",
                         os.path.join(self.bed.source, "deploy", "policy-agent.yaml"))
        stranger = rights.give_agent(self.bed, self.other).api
        own = self.node.credentials.api
        node, other = self.node.name, self.other.name
        label = {"metadata": {"labels": {"nvidia.com/x": "y"}}}
        system.wait_for("the policy in force", lambda: refused(
            lambda: stranger.patch(f"/api/v1/nodes/{node}{DRY}", label), "own node only"), 30)
        status = {"status": {"allocatable": {SMALL: "77"}}}
        foreign = {"status": {"allocatable": {"cpu": "77"}}}
        gpunode = {"apiVersion": "gpuslice.dev/v1alpha1", "kind": "GpuNode",
                   "metadata": {"name": node}, "spec": {"gpus": []}}
        mine = f"/api/v1/nodes/{node}{DRY}"
        for what, says in (
                (lambda: stranger.patch(f"/api/v1/nodes/{node}/status{DRY}", status), "own node only"),
                (lambda: stranger.patch(f"{GROUP}/gpunodes/{node}{DRY}", {"spec": {}}), "own node only"),
                (lambda: stranger.patch(f"{GROUP}/gpunodes/{node}/status{DRY}",
                                        {"status": {"agent": "x"}}), "own node only"),
                (lambda: stranger.create(f"{GROUP}/gpunodes{DRY}", dict(
                    gpunode, metadata={"name": "nobody"})), "own node only"),
                (lambda: own.patch(mine, {"metadata": {"labels": {"a": "b"}}}), "labels of nvidia.com"),
                (lambda: own.patch(mine, {"metadata": {"annotations": {"a": "b"}}}), "annotations of"),
                (lambda: own.patch(mine, {"spec": {"unschedulable": True}}), "does not cordon"),
                (lambda: own.patch(mine, {"spec": {"taints": [
                    {"key": "a", "effect": "NoSchedule"}]}}), "gpuslice.dev/startup"),
                (lambda: own.patch(f"/api/v1/nodes/{node}/status{DRY}", foreign, kind="strategic"),
                 "allocatable of resources of nvidia.com")):
            wait_refused(what, says)
        own.patch(f"/api/v1/nodes/{node}", label)
        stranger.patch(f"/api/v1/nodes/{other}", label)

    def policy__leaves_an_agent_nothing_of_its_node_but_what_it_writes(self):
        own, node = self.node.credentials.api, f"/api/v1/nodes/{self.node.name}"
        self.bed.api.patch(node, {"metadata": {"finalizers": ["example.com/keep"]}})
        ports = {"daemonEndpoints": {"kubeletEndpoint": {"Port": 1}}}
        owner = {"apiVersion": "v1", "kind": "Namespace", "name": "default", "uid": "x"}
        for below, body, says in (
                ("", {"metadata": {"finalizers": []}}, "neither finalizers nor"),
                ("", {"metadata": {"ownerReferences": [owner]}}, "neither finalizers nor"),
                ("", {"spec": {"providerID": "aws:///x/i-1"}}, "no field of a node's spec"),
                ("", {"metadata": {"labels": {"gpuslice.dev/slicepool": "x"}}}, "labels of nvidia"),
                ("", {"metadata": {"labels": {"nvidia.com/mig.config": "x"}}}, "labels of nvidia"),
                ("", {"metadata": {"annotations": {"gpuslice.dev/leaving": "x"}}}, "no annotations"),
                ("", {"metadata": {"annotations": {"gpuslice.dev/held": "x"}}}, "no annotations"),
                ("/status", {"metadata": {"finalizers": []}}, "neither finalizers nor"),
                ("/status", {"status": {"conditions": [{"type": "Ready", "status": "False"}]}},
                 "no field of a node's status"),
                ("/status", {"status": {"addresses": [
                    {"type": "InternalIP", "address": "127.9.9.9"}]}}, "no field of a node's status"),
                ("/status", {"status": ports}, "no field of a node's status"),
                ("/status", {"status": {"nodeInfo": {"kernelVersion": "x"}}},
                 "no field of a node's status")):
            wait_refused(lambda b=below, o=body: own.patch(node + b + DRY, o), says)
        self.bed.api.patch(node, {"metadata": {"finalizers": []}})

    def policy__leaves_an_agent_the_status_of_its_gpunode_only(self):
        own, path = self.node.credentials.api, f"{GROUP}/gpunodes/{self.node.name}"
        for body, says in (
                ({"spec": {"gpus": []}}, "the spec is the controller's"),
                ({"metadata": {"finalizers": ["example.com/keep"]}}, "sets no finalizers"),
                ({"metadata": {"labels": {"a": "b"}}}, "sets no finalizers"),
                ({"metadata": {"ownerReferences": [
                    {"apiVersion": "v1", "kind": "Namespace", "name": "default", "uid": "x"}]}},
                 "belong to its node")):
            wait_refused(lambda b=body: own.patch(path + DRY, b), says)

    def policy__leaves_an_agent_events_of_its_own_node_only(self):
        own = self.node.credentials.api
        for name, regarding, taken in (
                ("mine", {"kind": "Node", "name": self.node.name}, True),
                ("other", {"kind": "Node", "name": self.other.name}, False),
                ("pod", {"kind": "Pod", "name": self.node.name, "namespace": "default"}, False)):
            event = {"apiVersion": "events.k8s.io/v1", "kind": "Event",
                     "metadata": {"name": f"policy-{name}", "namespace": "default"},
                     "eventTime": "2026-01-01T00:00:00.000000Z", "action": "Test", "reason": "Test",
                     "reportingController": "gpuslice.dev/agent", "reportingInstance": "test",
                     "type": "Normal", "note": "a test", "regarding": dict(regarding, apiVersion="v1")}
            says = "Events of its own node only"
            make = lambda dry, e=event: own.create(
                f"/apis/events.k8s.io/v1/namespaces/default/events{dry}", e)
            _ = make("") if taken else wait_refused(lambda make=make: make(DRY), says)
        assert self.bed.api.find("/apis/events.k8s.io/v1/namespaces/default/events/policy-mine")

    def policy__does_not_keep_the_agent_from_its_work(self):
        self.wish_again()
        self.node.wait_allocatable(BIG, sum(s[1] == "3g.20gb" for s in self.node.slices()))
        node = f"/api/v1/nodes/{self.node.name}"
        self.bed.api.patch(node, {"spec": {"taints": [
            {"key": "gpuslice.dev/startup", "effect": "NoExecute"},
            {"key": "example.com/other", "effect": "PreferNoSchedule"}]}})
        system.wait_equal("taints but the startup taint", ["example.com/other"], lambda: [
            t["key"] for t in self.node.object()["spec"].get("taints", [])
            if "kubernetes.io/" not in t["key"]], 60)
        self.bed.api.patch(node, {"metadata": {"labels": {"nvidia.com/gpu.count": "77"}}})
        system.wait_equal("the label of its GPUs", "2", lambda: self.node.object()[
            "metadata"]["labels"]["nvidia.com/gpu.count"], 60)
        system.wait_equal("conditions that are not well", [], lambda: [
            c for c in self.state()["conditions"] if not c["ok"]], 60)

    def wish_again(self):
        name, _ = self.wish("1g.5gb@2,3g.20gb@4")
        assert self.answer(name)["result"] == "Done"

    def gpunode__goes_with_its_node(self):
        self.node.agent.stop()
        self.node.kubelet.kill()
        self.bed.api.delete(f"/api/v1/nodes/{self.node.name}")
        system.wait_for("the GpuNode gone", lambda: self.object() is None, 60)


def refused(what, says):
    """Whether the API server refuses it with these words."""
    try:
        what()
    except ApiError as error:
        return error.status in (403, 422) and says in error.message
    return False


def wait_refused(what, says):
    """Each policy is in force by itself, a moment after it was made: `what` is a dry run."""
    system.wait_for(f"it is refused: {says}", lambda: refused(what, says), 60)


def undescribed(schema, path):
    """Fields of the schema that `kubectl explain` has nothing to say of."""
    for name, field in schema.get("properties", {}).items():
        here = f"{path}.{name}"
        if not field.get("description"):
            yield here
        yield from undescribed(field, here)
        yield from undescribed(field.get("items", {}), here)


def cases_of(cases):
    return [(n, getattr(cases, n)) for n, f in vars(type(cases)).items()
            if "__" in n[1:] and callable(f) and not n.startswith("__")]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        with Bed(nodes=2, gpus="2xA100-40GB", sim=["--mig", "--delays", "realistic"],
                 build_folder=sys.argv[1]) as bed:
            for start in ("0", "1"):
                bed.nodes[0].gpuslice("mig", "create", "1g.5gb", "-g", "0", "--start", start)
            tap.run(cases_of(Cases(bed)))
    except Skip as why:
        print(f"SKIP: {why}")
        sys.exit(77)


if __name__ == "__main__":
    main()
