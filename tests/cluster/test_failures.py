#!/usr/bin/env python3
"""What goes wrong in a cluster while pods wait for slices: nothing is lost, nothing is given twice, and
all is well again without help. docs/internals/failures.md has the list, and who shows what.

Two nodes of 2 x A100; no Karpenter (test_failures_nodes.py has the cases with it).

usage: test_failures.py BUILD_DIR [CASE...]
"""
import base64
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
from bed.pods import pod
from load import Agent, document

GPUNODES = "/apis/gpuslice.dev/v1alpha1/gpunodes"
EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"
KINDS = ["1g.5gb", "2g.10gb", "3g.20gb", "4g.20gb"]
SKEW_S = 600
RECUT_LIMIT_S = 6


def slices(profile):
    return {f"nvidia.com/mig-{profile}": 1}


def gated(name, profile, **more):
    """As the webhook leaves it."""
    return pod(name, slices(profile), schedulingGates=[{"name": stand.GATE}], **more)


class Cases:
    """One bed for all of them, in the order of the file; each leaves no pod."""

    def __init__(self, bed):
        self.bed = bed
        for node in bed.nodes:
            node.start_agent("--control-socket", os.path.join(node.folder, "agent.sock"),
                             "--http-address", f"{node.address}:9400")
        self.first = stand.start_controller(bed, 0, [
            "--recut-limit", str(RECUT_LIMIT_S), "--webhook-certificate-life", "60"], bound=False)
        self.second = stand.make_controller(bed, 1, ["--recut-limit", str(RECUT_LIMIT_S)],
                                            webhook=False, bound=False)
        stand.namespace(bed, "default")

    # ---- helpers ----

    def cut(self, node, *layouts):
        """By hand, as an administrator."""
        agent = Agent(os.path.join(node.folder, "agent.sock"))
        system.wait_for("the agent answers", agent.is_up, 30)
        system.wait_equal("a cut by hand", "ok",  # a pod that has gone holds its slice a moment
                          lambda: agent.apply(document=document(layouts))["result"], 30)

    def cut_all(self, layout):
        for node in self.bed.nodes:
            self.cut(node, layout, layout)
        system.wait_for("slices are served", lambda: all(
            node.allocatable("nvidia.com/mig-" + layout.split("=")[0]) ==
            2 * int(layout.split("=")[1]) for node in self.bed.nodes), 30)

    def wait_running(self, names, timeout=90):
        for name in names:
            self.bed.pods.wait_phase(name, "Running", timeout)

    def end(self, names):
        for name in names:
            self.bed.api.delete(f"/api/v1/namespaces/default/pods/{name}", gracePeriodSeconds=1)
        for name in names:
            system.wait_for(f"{name} goes", lambda name=name: self.bed.pods.find(name) is None, 60)

    def gates(self, name):
        return stand.gates_of(self.bed.pods.find(name))

    def reasons(self, name):
        return [one["reason"] for one in self.bed.api.list(EVENTS)
                if one["regarding"].get("name") == name
                and one.get("reportingController") == "gpuslice.dev/controller"]

    def requests(self):
        return int(self.first.metrics()["gpuslice_controller_requests_total"])

    def is_gated(self):
        return stand.is_gated(self.bed, pod("asked", slices("1g.5gb")))

    def wait_gated(self, timeout=60):
        system.wait_for("pods are gated", self.is_gated, timeout)

    def none_is_held_twice(self, names):
        """Each pod holds a slice of its own, by the driver's word of who was given what."""
        held = []
        for name in names:
            node = self.bed.pods.find(name)["spec"]["nodeName"]
            devices = self.bed.pods.exec(name, "ls", "/dev/nvidia-caps").split()
            held.append((node, tuple(sorted(devices))))
        assert len(set(held)) == len(held), held

    # ---- the API server ----

    def api_server__restarted_while_gpus_are_cut_loses_no_pod(self):
        self.cut_all("1g.5gb=7")
        before = self.requests()
        names = [f"api-{k}" for k in range(6)]
        for k, name in enumerate(names):
            self.bed.pods.create(gated(name, KINDS[1 + k % 2]))
            if k % 2:
                time.sleep(0.15)
                with self.bed.api_server_away("stopped"):
                    time.sleep(1)
        begun = time.monotonic()
        self.wait_running(names)
        asked = self.requests() - before
        print(f"# three restarts; all run {time.monotonic() - begun:.1f} s after the last; "
              f"{asked} requests")
        assert asked < 150, "it asks for ever what it is refused"
        self.none_is_held_twice(names)
        self.end(names)

    def api_server__that_hangs_while_gpus_are_cut_loses_no_pod(self):
        self.cut_all("1g.5gb=7")
        names = [f"hang-{k}" for k in range(4)]
        for name in names:
            self.bed.pods.create(gated(name, "3g.20gb"))
        with self.bed.api_server_away("frozen"):
            time.sleep(8)  # longer than the Lease: nobody may decide when it is back
        begun = time.monotonic()
        self.wait_running(names)
        print(f"# all run {time.monotonic() - begun:.1f} s after it answers again")
        self.none_is_held_twice(names)
        self.end(names)

    # ---- two controllers ----

    def two_controllers__one_that_was_halted_does_not_decide_when_it_goes_on(self):
        """It was the leader; meanwhile the other is, and then halted itself: nobody may decide until a
        Lease has ended."""
        self.second.start()
        self.second.daemon.wait_until("it is ready", self.second.is_ready, 60)
        assert self.first.leads() and not self.second.leads()
        self.first.daemon.freeze()
        try:
            self.second.daemon.wait_until("the other leads", self.second.leads, 30)
            self.bed.pods.run(gated("by-the-other", "1g.5gb"), 60)
            self.second.daemon.freeze()
            self.bed.pods.create(gated("by-nobody", "1g.5gb"))
        finally:
            self.first.daemon.thaw()
        for _ in range(15):  # the Lease of the other has 6 s
            time.sleep(0.2)
            assert self.gates("by-nobody") == [stand.GATE], "decided by who does not lead"
        self.second.daemon.thaw()
        self.wait_running(["by-nobody"], 60)
        system.wait_for("one leads", lambda: self.first.leads() != self.second.leads(), 30)
        self.none_is_held_twice(["by-the-other", "by-nobody"])
        self.end(["by-the-other", "by-nobody"])
        self.second.daemon.stop()
        self.first.daemon.wait_until("the first leads", self.first.leads, 30)

    def two_controllers__whose_clocks_differ_do_not_take_turns(self):
        """One is ten minutes ahead, so the other is ten minutes behind."""
        self.second.daemon.env.update(LD_PRELOAD=os.path.join(self.bed.build, "tests/cluster/skew.so"),
                                      GPUSLICE_SKEW_S=str(SKEW_S))
        self.second.start()
        self.second.daemon.wait_until("it is ready", self.second.is_ready, 60)
        before = self.bed.api.get(stand.LEASE)["spec"]["leaseTransitions"]
        time.sleep(15)  # more than two durations
        assert self.first.leads() and not self.second.leads()
        assert self.bed.api.get(stand.LEASE)["spec"]["leaseTransitions"] == before
        self.first.daemon.freeze()
        try:
            self.second.daemon.wait_until("the one that is ahead leads", self.second.leads, 30)
        finally:
            self.first.daemon.thaw()
        time.sleep(15)
        assert self.second.leads() and not self.first.leads()

    def clock_skew__of_the_controller_does_not_matter_to_its_pods(self):
        """The one that is ahead decides, beside an agent that is ahead and one that is not."""
        agent = self.bed.nodes[0].agent
        agent.stop()
        agent.env.update(LD_PRELOAD=os.path.join(self.bed.build, "tests/cluster/skew.so"),
                         GPUSLICE_SKEW_S=str(SKEW_S))
        agent.start()
        self.cut_all("1g.5gb=7")
        names = [f"skewed-{k}" for k in range(6)]
        for k, name in enumerate(names):
            self.bed.pods.create(gated(name, KINDS[k % 3]))
        begun = time.monotonic()
        self.wait_running(names)
        print(f"# all run after {time.monotonic() - begun:.1f} s")
        self.none_is_held_twice(names)
        assert not any("RecutTakesLong" in self.reasons(name) for name in names)
        self.end(names)
        for one in (agent, self.second.daemon):
            one.stop()
            one.env.pop("LD_PRELOAD")
        agent.start()
        self.first.daemon.wait_until("the first leads", self.first.leads, 30)

    # ---- nodes ----

    def agent__that_hangs_holds_up_no_pod_for_longer_than_a_re_cut_may_take(self):
        self.cut_all("1g.5gb=7")
        for node in self.bed.nodes:
            node.agent.freeze()
        try:
            self.bed.pods.create(gated("patient", "3g.20gb"))
            begun = time.monotonic()
            system.wait_for("the gate goes", lambda: not self.gates("patient"), 4 * RECUT_LIMIT_S)
            print(f"# the gate went after {time.monotonic() - begun:.1f} s, limit {RECUT_LIMIT_S} s")
            system.wait_for("it is told why", lambda: "RecutTakesLong" in self.reasons("patient"), 20)
        finally:
            for node in self.bed.nodes:
                node.agent.thaw()
        self.wait_running(["patient"])
        self.end(["patient"])

    def node__deleted_during_its_re_cut_leaves_the_pod_to_another(self):
        self.cut_all("1g.5gb=7")
        for node in self.bed.nodes:
            node.agent.freeze()
        self.bed.pods.create(gated("homeless", "4g.20gb"))

        def wished():
            return [node for node in self.bed.nodes if "homeless" in str(
                self.bed.api.get(f"{GPUNODES}/{node.name}").get("spec", {}))]

        lost, = system.wait_for("a wish for it", wished, 30)
        other, = [node for node in self.bed.nodes if node is not lost]
        self.bed.remove_node(lost)
        self.bed.api.delete(lost.path)
        other.agent.thaw()
        begun = time.monotonic()
        self.wait_running(["homeless"])
        print(f"# it runs elsewhere {time.monotonic() - begun:.1f} s after its node was deleted")
        assert self.bed.pods.find("homeless")["spec"]["nodeName"] == other.name
        self.end(["homeless"])

    def node__that_goes_ends_the_bookings_on_it(self):
        """The scheduler is away, so that the booked pod is not bound when the node goes."""
        node = self.bed.add_node("2xA100-40GB", ["--mig"], "late")
        node.start_agent("--control-socket", os.path.join(node.folder, "agent.sock"),
                         "--http-address", f"{node.address}:9400")
        other, = [one for one in self.bed.nodes if one is not node]
        self.cut(node, "4g.20gb=1,3g.20gb=1", "4g.20gb=1,3g.20gb=1")
        node.wait_allocatable("nvidia.com/mig-4g.20gb", 2)
        self.cut(other, "1g.5gb=7", "1g.5gb=7")
        other.wait_allocatable("nvidia.com/mig-1g.5gb", 14)
        system.wait_for("its GpuNode", lambda: self.bed.api.find(f"{GPUNODES}/{node.name}"), 30)
        time.sleep(1)
        self.bed.control_plane.scheduler.kill()
        self.bed.pods.create(gated("booked", "4g.20gb"))
        system.wait_equal("where it is booked", node.name, lambda: self.bed.pods.find("booked")[
            "status"].get("nominatedNodeName"), 30)
        self.bed.remove_node(node)
        self.bed.api.delete(node.path)
        system.wait_for("the booking ends", lambda: self.bed.pods.find("booked")["status"].get(
            "nominatedNodeName") != node.name, 30)
        self.bed.control_plane.scheduler.start()
        self.wait_running(["booked"])
        assert "BookingEnded" in self.reasons("booked")
        self.end(["booked"])

    # ---- the webhook ----

    def certificate__that_is_wrong_keeps_no_pod_away_and_is_put_right(self):
        self.wait_gated()
        other = base64.b64encode(open(self.bed.authority.ca.crt, "rb").read()).decode()
        self.bed.api.patch(stand.WEBHOOK, [{
            "op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": other}], "json")
        begun = time.monotonic()
        system.wait_for("pods come ungated", lambda: not self.is_gated(), 10)
        self.wait_gated()
        print(f"# pods are gated again after {time.monotonic() - begun:.1f} s")


HELPERS = ("cut", "cut_all", "wait_running", "end", "gates", "reasons", "is_gated", "wait_gated", "requests",
           "none_is_held_twice")


def cases_of(cases, only):
    names = [n for n, f in vars(type(cases)).items() if callable(f) and not n.startswith("_")
             and n not in HELPERS]
    return [(name, getattr(cases, name)) for name in names if not only or name in only]


if __name__ == "__main__":
    try:
        with Bed(nodes=2, gpus="2xA100-40GB", sim=["--mig"], build_folder=sys.argv[1]) as the_bed:
            tap.run(cases_of(Cases(the_bed), sys.argv[2:]))
    except Skip as skipped:
        print(f"SKIP: {skipped}")
        sys.exit(77)
