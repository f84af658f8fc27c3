#!/usr/bin/env python3
"""Pods that come and go at random, beside a real Karpenter that would buy a node for each that finds
no slice at once.

There is one p4d, 8 x A100. At most 12 pods are there at a time; each stands in the way of one half of
a GPU at most, and there are 16 halves: a re-cut makes room for each of them, so that every node beyond
the first is one too many.

usage: test_arrivals.py BUILD_DIR

GPUSLICE_ARRIVALS (40) pods come, by GPUSLICE_SEED (1).
"""
import os
import random
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
# pylint: disable=wrong-import-position
import tap
from bed import stand, system
from bed.bed import Bed
from bed.errors import Skip
from bed.karpenter import CLAIMS
from bed.pods import pod

SEED = os.environ.get("GPUSLICE_SEED", "1")
ARRIVALS = int(os.environ.get("GPUSLICE_ARRIVALS", "40"))
P4D = "p4d.24xlarge"
# What comes, each for eight pods and then the next: so that slices are never cut as they are wanted.
KINDS = [["1g.5gb"] * 4 + ["2g.10gb", "3g.20gb"], ["2g.10gb"] * 4 + ["1g.5gb"],
         ["3g.20gb"] * 4 + ["1g.5gb", "2g.10gb"]]
SPACES = [f"team-{k}" for k in range(6)]
UNGATED = 2  # of the six: a third
MOST = 12
WAIT_S = 120


class Arrivals:
    """One sequence: who is there, what became of them."""

    def __init__(self, bed, name):
        self.bed, self.name = bed, name
        self.dice = random.Random(f"{SEED} {name}")
        self.alive = set()  # (namespace, name)
        self.gated = self.booked = 0
        self.elsewhere, self.claims = [], set()

    def play(self):
        for number in range(ARRIVALS):
            self.come(f"{self.name}-{number}", KINDS[number // 8 % len(KINDS)])
            time.sleep(self.dice.uniform(0.05, 0.5))
            if len(self.alive) == MOST or self.dice.random() < 0.1:
                self.go(self.dice.randint(1, 6))
        self.go(len(self.alive))
        return self

    def come(self, name, kinds):
        space = self.dice.choice(SPACES)
        made = self.bed.pods.create(pod(name, {f"nvidia.com/mig-{self.dice.choice(kinds)}": 1},
                                        namespace=space))
        self.gated += stand.GATE in stand.gates_of(made)
        self.alive.add((space, name))
        self.look()

    def look(self):
        self.claims |= {one["metadata"]["uid"] for one in self.bed.api.list(CLAIMS)}

    def go(self, count):
        """Some end, once they have run; all that end are gone when this returns."""
        going = self.dice.sample(sorted(self.alive), min(count, len(self.alive)))
        for space, name in going:
            self.see(self.bed.pods.wait_phase(name, "Running", WAIT_S, space))
            self.alive.remove((space, name))
            self.bed.api.delete(f"/api/v1/namespaces/{space}/pods/{name}", gracePeriodSeconds=1)
            self.look()
        for space, name in going:
            system.wait_for(f"{name} goes", lambda space=space, name=name:
                            self.bed.pods.find(name, space) is None, WAIT_S)

    def see(self, found):
        where = found["spec"]["nodeName"]
        booked = found["metadata"].get("annotations", {}).get(stand.BOOKED)
        self.booked += booked is not None
        if booked not in (None, where):
            self.elsewhere.append((found["metadata"]["name"], booked, where))

    @property
    def surplus(self):
        return len(self.claims) - 1

    def __str__(self):
        return (f"{ARRIVALS} arrivals, {self.gated} gated, {self.booked} booked, "
                f"{len(self.elsewhere)} of these elsewhere; {self.surplus} surplus nodes "
                f"(seed {SEED})")


class Cases:
    """One bed for all of them, in the order of the file."""

    def __init__(self, bed):
        self.bed = bed
        self.controller = stand.start_controller(bed)
        bed.start_karpenter(types=[P4D])
        bed.start_launcher(most=6, sim=["--delays", "realistic"])
        bed.api.create(stand.SLICEPOOLS, stand.slicepool(
            "gpus", [P4D], ["1g.5gb", "2g.10gb", "3g.20gb"], limits={"gpus": 80}))
        for space in SPACES:
            stand.namespace(bed, space)
        # one that stays, so that the node does
        bed.pods.create(pod("anchor", {"nvidia.com/mig-1g.5gb": 1}))
        bed.launcher.wait(1)
        bed.pods.wait_phase("anchor", "Running")

    def recuts(self):
        return int(self.controller.metrics()['gpuslice_controller_decisions_total{what="recut"}'])

    def with_the_gate__no_node_is_bought_that_was_not_needed(self):
        for space in SPACES[:UNGATED]:
            stand.namespace(self.bed, space, opted_in=False)
        before = self.recuts()
        played = Arrivals(self.bed, "gated").play()
        print(f"# {played}; {self.recuts() - before} re-cuts")
        assert played.gated > ARRIVALS / 3, played.gated
        assert played.booked > 0 and played.elsewhere == [], played.elsewhere
        assert played.surplus == 0, self.bed.kubectl("get", "nodeclaims,nodepools")

    def without_the_gate__all_run_and_surplus_nodes_are_counted(self):
        """How many there are is a figure, not a promise."""
        for space in SPACES:
            stand.namespace(self.bed, space, opted_in=False)
        before = self.recuts()
        played = Arrivals(self.bed, "free").play()
        print(f"# {played}; {self.recuts() - before} re-cuts")
        assert played.gated == 0


def cases_of(cases):
    return [(n, getattr(cases, n)) for n, f in vars(type(cases)).items()
            if "__" in n[1:] and callable(f) and not n.startswith("__")]


if __name__ == "__main__":
    try:
        with Bed(nodes=0, also=("karpenter", "helm"), build_folder=sys.argv[1]) as the_bed:
            tap.run(cases_of(Cases(the_bed)))
    except Skip as skipped:
        print(f"SKIP: {skipped}")
        sys.exit(77)
