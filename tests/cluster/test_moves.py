#!/usr/bin/env python3
"""Pods that make way, on a real API server with real kubelets: a slice of 3g is asked for on a node
where a 1g of a Deployment stands in the way.

usage: test_moves.py BUILD_DIR
"""
import os
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
from bed.pods import path_of, pod

GATE, MOVE, NOTE = "gpuslice.dev/slice", "gpuslice.dev/move", "gpuslice.dev/moving"
STAY = "karpenter.sh/do-not-disrupt"
POOL = "/apis/gpuslice.dev/v1alpha1/slicepools"
PODS = "/api/v1/namespaces/default/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
WORDS = ["--lease-duration", "6", "--move-rest", "0", "--moves-per-hour", "3600"]


def slice_of(profile):
    return {f"nvidia.com/mig-{profile}": 1}


def asks(name, node):
    """For half of a GPU of that node, with the gate as the webhook leaves it."""
    return pod(name, slice_of("3g.20gb"), node=node.name, schedulingGates=[{"name": GATE}])


def deployment(name):
    """One pod with a 1g that may be moved."""
    made = pod(name, slice_of("1g.5gb"), restartPolicy="Always")
    labels = {"app": name}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels},
                     "template": {"metadata": {"labels": labels, "annotations": {MOVE: "allow"}},
                                  "spec": made["spec"]}}}


class Cases:
    """One bed for all of them, in the order of the file: the 1g goes back and forth."""

    def __init__(self, bed):
        self.bed = bed
        for node in bed.nodes:
            node.start_agent("--control-socket", os.path.join(node.folder, "agent.sock"),
                             "--http-address", f"{node.address}:9400")
        controller.apply_types(bed)
        bed.kubectl("apply", "-f", os.path.join(bed.source, "deploy", "policy-pods.yaml"))
        bed.api.create(POOL, {
            "apiVersion": "gpuslice.dev/v1alpha1", "kind": "SlicePool",
            "metadata": {"name": "gpus"},
            "spec": {"nodeClassRef": {"name": "gpus"}, "instanceTypes": ["p4d.24xlarge"],
                     "moves": "optIn"}})
        for node in bed.nodes:
            bed.api.patch(f"/api/v1/nodes/{node.name}",
                          {"metadata": {"labels": {"gpuslice.dev/slicepool": "gpus"}}})
        self.fill()
        self.controller = controller.Controller(bed, 0, WORDS).start()
        self.wait_leads()

    def wait_leads(self):
        self.controller.daemon.wait_until("the controller is ready", self.controller.is_ready, 60)
        self.controller.daemon.wait_until("it leads", self.controller.leads, 30)

    def fill(self):
        """On each node a half that stays; on the first the 1g, on the second room for another one
        that is not cut yet, and not for a 3g."""
        from load import Agent, document
        layouts = ["4g.20gb=1,1g.5gb=1", "4g.20gb=1,2g.10gb=1,1g.5gb=1"]
        for node, layout in zip(self.bed.nodes, layouts):
            agent = Agent(os.path.join(node.folder, "agent.sock"))
            node.agent.wait_until("the agent", agent.is_up, 60)
            system.wait_equal(f"{layout} of {node.name}", "ok", lambda agent=agent, layout=layout:
                              agent.apply(document=document([layout]))["result"], 60, every=0.5)
            node.wait_allocatable("nvidia.com/mig-4g.20gb", 1)
            node.wait_allocatable("nvidia.com/mig-1g.5gb", 1)
            self.bed.pods.run(pod(f"half-{node.name}", slice_of("4g.20gb"), node=node.name))
        self.bed.pods.run(pod("corner", slice_of("1g.5gb"), node=self.bed.nodes[1].name))
        self.bed.api.create(DEPLOYMENTS, deployment("web"))
        self.wait_web(self.bed.nodes[0])

    def webs(self):
        return [one for one in self.bed.api.list("/api/v1/namespaces/default/pods")
                if one["metadata"].get("labels", {}).get("app") == "web"]

    def web(self):
        """The one that runs; None while another takes its place."""
        found = [one for one in self.webs() if "deletionTimestamp" not in one["metadata"]]
        return found[0] if len(found) == 1 else None

    def wait_web(self, node):
        """The Deployment's pod, once it runs on that node."""
        def runs():
            one = self.web()
            return one and one["status"].get("phase") == "Running" \
                and one["spec"].get("nodeName") == node.name and one

        return system.wait_for(f"web runs on {node.name}", runs, 60)

    def events(self, name):
        found = self.bed.api.list("/apis/events.k8s.io/v1/namespaces/default/events")
        mine = [one for one in found if one["regarding"].get("name") == name
                and one.get("reportingController") == "gpuslice.dev/controller"]
        return [(one["reason"], one["note"])
                for one in sorted(mine, key=lambda one: one["eventTime"])]

    def wait_reason(self, name, reason):
        system.wait_for(f"an Event {reason} of {name}",
                        lambda: reason in [one for one, _ in self.events(name)], 40)

    def annotate(self, key, value):
        name = self.web()["metadata"]["name"]
        self.bed.api.patch(path_of(name), {"metadata": {"annotations": {key: value}}})

    def set_moves(self, moves):
        self.bed.api.patch(f"{POOL}/gpus", {"spec": {"moves": moves}})

    def end(self, *names):
        for name in names:
            self.bed.pods.delete(name, grace=0)

    # ---- cases ----

    def notes_are_the_controllers_alone(self):
        """Whoever may create pods could keep slices free for nobody."""
        def refused(call):
            try:
                call()
            except ApiError as error:
                assert error.status in (403, 422) and "gpuslice-controller only" in str(error), error
                return True
            return False

        def noted(key):
            made = pod("noted", slice_of("3g.20gb"), schedulingGates=[{"name": "example.com/x"}])
            made["metadata"]["annotations"] = {key: "{}"}
            return made

        system.wait_for("the policy in force", lambda: refused(
            lambda: self.bed.api.create(f"{PODS}?dryRun=All", noted(NOTE))), 30)
        system.wait_for("the other note, too", lambda: refused(
            lambda: self.bed.api.create(f"{PODS}?dryRun=All", noted("gpuslice.dev/warm"))), 60)
        self.bed.pods.create(noted(MOVE))
        for where in ("", "/status"):
            system.wait_for(f"a change is refused{where}", lambda where=where: refused(
                lambda: self.bed.api.patch(f"{path_of('noted')}{where}?dryRun=All",
                                           {"metadata": {"annotations": {NOTE: "{}"}}})), 60)
        self.bed.api.patch(path_of("noted"), {"metadata": {"annotations": {"a": "b"}}})
        self.end("noted")

    def a_slice_in_the_way_moves_once_there_is_room_for_it(self):
        first, second = self.bed.nodes
        old = self.wait_web(first)["metadata"]
        begun = time.monotonic()
        found = self.bed.pods.run(asks("large", first))
        print(f"# created to Running by a re-cut, a move and a re-cut: {time.monotonic() - begun:.1f} s")
        assert found["spec"]["nodeName"] == first.name
        self.wait_web(second)
        self.wait_reason("large", "SliceBooked")
        reasons = [reason for reason, _ in self.events("large")]
        assert reasons[:2] == ["RecutForMove", "Moving"], reasons
        assert reasons[-1] == "SliceBooked", reasons
        told = system.wait_for("the Event of the one that moves", lambda: [
            note for reason, note in self.events(old["name"]) if reason == "MovesAway"], 60)
        assert "default/large" in told[0] and second.name in told[0], told
        assert NOTE not in found["metadata"]["annotations"], found["metadata"]["annotations"]
        # an eviction whose answer came too late is asked for again
        assert self.controller.metric('gpuslice_controller_actions_total{action="evict"}') >= 1
        self.end("large", "corner")

    def a_budget_is_kept_and_asked_again_later(self):
        first, second = self.bed.nodes
        self.wait_web(second)
        self.bed.api.create(BUDGETS, {
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}})
        system.wait_for("the budget counts", lambda: self.bed.api.find(f"{BUDGETS}/web")
                        .get("status", {}).get("currentHealthy") == 1, 30)
        self.bed.pods.create(asks("second", second))
        self.wait_reason("second", "MoveRefused")
        self.wait_reason("second", "NoSlice")
        said = dict(self.events("second"))["MoveRefused"]
        assert "disruption budget" in said, said
        system.wait_for("the gate goes", lambda: not self.bed.pods.find("second")["spec"].get(
            "schedulingGates"), 60)
        system.wait_for("the note goes", lambda: NOTE not in self.bed.pods.find("second")[
            "metadata"].get("annotations", {}), 60)
        self.wait_web(second)
        self.bed.api.delete(f"{BUDGETS}/web")
        # asked again after 30 s; where that was before the budget went, 60 s later
        self.bed.pods.wait_phase("second", "Running", 240)
        self.wait_web(first)
        self.end("second")

    def who_is_not_to_be_disrupted_stays(self):
        first, second = self.bed.nodes
        self.annotate(STAY, "true")
        before = self.wait_web(first)["metadata"]["uid"]
        self.bed.pods.create(asks("third", first))
        self.wait_reason("third", "NoSlice")
        assert self.wait_web(first)["metadata"]["uid"] == before
        self.annotate(STAY, None)
        self.bed.pods.wait_phase("third", "Running", 60)
        self.wait_web(second)
        self.end("third")

    def nothing_moves_where_the_slicepool_does_not_opt_in(self):
        first, second = self.bed.nodes
        self.set_moves("never")
        before = self.wait_web(second)["metadata"]["uid"]
        self.bed.pods.create(asks("fourth", second))
        self.wait_reason("fourth", "NoSlice")
        assert self.wait_web(second)["metadata"]["uid"] == before
        self.set_moves("optIn")
        self.bed.pods.wait_phase("fourth", "Running", 60)
        self.wait_web(first)
        self.end("fourth")

    def a_controller_that_is_killed_at_any_moment_moves_it_once(self):
        for k, delay in enumerate((0.05, 0.4, 1.0, 1.6, 2.5, 4.0)):
            here, there = self.bed.nodes[k % 2], self.bed.nodes[1 - k % 2]
            name, seen = f"killed-{k}", {self.wait_web(here)["metadata"]["uid"]}
            self.bed.pods.create(asks(name, here))
            until = time.monotonic() + delay
            while time.monotonic() < until:
                seen |= {one["metadata"]["uid"] for one in self.webs()}
            self.controller.daemon.kill()
            self.controller.start()
            self.bed.pods.wait_phase(name, "Running", 90)
            seen.add(self.wait_web(there)["metadata"]["uid"])
            assert len(seen) == 2, f"killed after {delay} s: {len(seen) - 1} moves"
            self.end(name)


def cases_of(cases):
    names = [n for n, f in vars(type(cases)).items() if callable(f) and not n.startswith("_")]
    helpers = ("wait_leads", "fill", "webs", "web", "wait_web", "events", "wait_reason", "annotate",
               "set_moves", "end")
    return [(name, getattr(cases, name)) for name in names if name not in helpers]


if __name__ == "__main__":
    try:
        with Bed(nodes=2, gpus="1xA100-40GB", sim=["--mig"], build_folder=sys.argv[1]) as the_bed:
            tap.run(cases_of(Cases(the_bed)))
    except Skip as skipped:
        print(f"SKIP: {skipped}")
        sys.exit(77)
