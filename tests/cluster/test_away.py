#!/usr/bin/env python3
"""The controller at 0 replicas: what then comes runs as without us, what waited is found again.

usage: test_away.py BUILD_DIR

GPUSLICE_LONG=1: for ten minutes in place of one.
"""
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
# pylint: disable=wrong-import-position
import tap
from bed import stand
from bed.bed import Bed
from bed.errors import Skip
from bed.pods import pod
from load import Agent, document

AWAY_S = 600 if os.environ.get("GPUSLICE_LONG") else 60
SMALL, LARGE = {"nvidia.com/mig-1g.5gb": 1}, {"nvidia.com/mig-4g.20gb": 1}


def container(found):
    status = found["status"]["containerStatuses"][0]
    return status["containerID"], status["restartCount"], found["metadata"]["uid"]


class Cases:
    """One bed for all of them, in the order of the file."""

    def __init__(self, bed):
        self.bed, self.node = bed, bed.nodes[0]
        socket = os.path.join(self.node.folder, "agent.sock")
        self.node.start_agent("--control-socket", socket)
        self.controller = stand.start_controller(bed)
        stand.namespace(bed, "default")
        answer = Agent(socket).apply(document=document(["1g.5gb=7", "1g.5gb=7"]))
        assert answer["result"] == "ok", answer
        self.node.wait_allocatable("nvidia.com/mig-1g.5gb", 14)
        self.running, self.came = {}, 0

    def is_gated(self):
        return stand.is_gated(self.bed, pod("asked", SMALL))

    def pods_that_run_are_booked_while_it_is_there(self):
        for k in range(4):
            found = self.bed.pods.run(pod(f"stays-{k}", SMALL))
            assert stand.BOOKED in found["metadata"]["annotations"], found["metadata"]
            self.running[f"stays-{k}"] = container(found)

    def while_it_is_away_pods_come_ungated_and_run(self):
        """And one that has the gate, and one whose slice is not cut, wait."""
        self.controller.daemon.stop()
        self.bed.pods.create(pod("gated", LARGE, schedulingGates=[{"name": stand.GATE}]))
        self.bed.pods.create(pod("no-slice", {"nvidia.com/mig-2g.10gb": 1}))
        end = time.monotonic() + AWAY_S
        while time.monotonic() < end:
            name = f"comes-{self.came}"
            begun = time.monotonic()
            made = self.bed.pods.create(pod(name, SMALL))
            assert stand.gates_of(made) == [], made["spec"]
            self.bed.pods.wait_phase(name, "Running", 30)
            self.bed.pods.delete(name, grace=1)
            self.came += 1
            time.sleep(max(0, min(5 - (time.monotonic() - begun), end - time.monotonic())))
        print(f"# away for {AWAY_S} s; {self.came} pods came, and all ran")
        assert stand.gates_of(self.bed.pods.find("gated")) == [stand.GATE]
        assert self.bed.pods.phase("no-slice") == "Pending"

    def when_it_is_back_what_waited_runs(self):
        begun = time.monotonic()
        self.controller.start()
        for name in ("gated", "no-slice"):
            self.bed.pods.wait_phase(name, "Running", 60)
        print(f"# started until both run: {time.monotonic() - begun:.1f} s")
        self.controller.daemon.wait_until("pods are gated", self.is_gated, 30)

    def what_ran_was_not_disturbed(self):
        now = {name: container(self.bed.pods.find(name)) for name in self.running}
        assert now == self.running, (now, self.running)

    def a_replica_that_does_not_decide_gates_nothing_once_the_lease_is_stale(self):
        """The one that decides hangs; the other may not write the Lease, and so cannot take over."""
        other = stand.make_controller(self.bed, 1)
        role = "/apis/rbac.authorization.k8s.io/v1/namespaces/gpuslice-system/roles/" \
               "gpuslice-controller"
        kept = self.bed.api.get(role)["rules"]
        other.start()
        other.daemon.wait_until("it is ready", other.is_ready, 60)
        stand.ask(self.bed, other)
        other.daemon.wait_until("pods are gated", self.is_gated, 30)
        readable = [dict(rule, verbs=["get"]) if "leases" in rule["resources"] else rule
                    for rule in kept]
        assert readable != kept
        try:
            self.bed.api.patch(role, {"rules": readable})
            self.controller.daemon.freeze()
            begun = time.monotonic()
            other.daemon.wait_until("pods come ungated", lambda: not self.is_gated(), 30)
            print(f"# the Lease of one that hangs is stale after {time.monotonic() - begun:.1f} s")
            self.bed.run_pod("ungated", SMALL)
        finally:
            self.bed.api.patch(role, {"rules": kept})
            self.controller.daemon.thaw()
        other.daemon.wait_until("pods are gated", self.is_gated, 30)


def cases_of(cases):
    names = [n for n, f in vars(type(cases)).items() if callable(f) and not n.startswith("_")]
    return [(name, getattr(cases, name)) for name in names if name != "is_gated"]


if __name__ == "__main__":
    try:
        with Bed(nodes=1, gpus="2xA100-40GB", sim=["--mig"], build_folder=sys.argv[1]) as the_bed:
            tap.run(cases_of(Cases(the_bed)))
    except Skip as skipped:
        print(f"SKIP: {skipped}")
        sys.exit(77)
