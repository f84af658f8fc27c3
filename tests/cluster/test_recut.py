#!/usr/bin/env python3
"""Re-cuts under load, on a real kubelet: no pod is disturbed, none fails, no slice is lost.

usage: test_recut.py BUILD_DIR [AGENT_PROGRAM]

GPUSLICE_RECUT_SECONDS (20) is how long pods come and go while idle slices are re-cut at random, with
the driver's realistic delays; GPUSLICE_RECUT_RACES (25) how many shrinks race four pods of the same
resource within 30 ms. `make check-cluster FULL=1` takes 600 and 1000.

With AGENT_PROGRAM build/src/agent/gpuslice-agent-list-first, which tells the kubelet before
node.status, the races must fail pods: `ninja -C build src/agent/gpuslice-agent-list-first`.
"""
import os
import random
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
# pylint: disable=wrong-import-position
import tap
from bed import system
from bed.api import ApiError
from bed.bed import Bed
from bed.errors import Skip
from bed.pods import path_of, pod
from load import LAYOUTS, Agent, Crowd, Watcher, document, percentiles, resource

SECONDS = float(os.environ.get("GPUSLICE_RECUT_SECONDS", "20"))
RACES = int(os.environ.get("GPUSLICE_RECUT_RACES", "25"))
SEED = os.environ.get("GPUSLICE_SEED", "1")
GPUS = 8
RACE_S = 0.030
PODS = 4 # in each race


def start(bed, node, *more):
    """The agent, and its control socket where this side of the namespace sees it."""
    path = os.path.join(node.folder, "agent.sock")
    program = sys.argv[2] if len(sys.argv) > 2 else None
    node.start_agent("--control-socket", path, "--metrics-interval-ms", "1000",
                     "--http-address", f"{node.address}:9400", *more, program=program)
    agent = Agent(path)
    node.agent.wait_until("the agent", agent.is_up, 30)
    return agent


def order(agent, **what):
    """An order that was carried out, or as far as what is in use let it. Where the API server does
    not answer in time (a busy machine) nothing was touched, and it is asked again."""
    for _ in range(20):
        answer = agent.apply(**what)
        if answer["result"] in ("ok", "busy"):
            return answer
        assert answer["result"] in ("limit", "io") and not answer["changed"], answer
    raise AssertionError(answer)


def counts(slices):
    """{resource: count} of the machine's slices."""
    found = {}
    for _, profile, _, _ in slices:
        found[resource(profile)] = found.get(resource(profile), 0) + 1
    return found


class Load:
    """Random pods, random re-cuts."""

    def __init__(self, bed):
        self.bed, self.node = bed, bed.nodes[0]
        self.random = random.Random(f"{SEED} load")

    def pods__come_and_go_while_idle_slices_are_recut(self):
        agent = start(self.bed, self.node)
        watcher, crowd = Watcher(self.bed, self.node), Crowd(self.bed, SEED, most=12)
        watcher.start()
        assert order(agent, config="all-1g.5gb")["result"] == "ok"
        crowd.start()
        to_status, recuts, partly = [], 0, 0
        end = time.monotonic() + SECONDS
        # a machine that is slow needs longer for some of them
        while time.monotonic() < end or recuts < SECONDS / 20 and time.monotonic() < end + 300:
            gpu = self.random.randrange(GPUS)
            wanted = [self.random.choice(LAYOUTS) if k == gpu else None for k in range(GPUS)]
            held = self.held(agent)
            begun = time.monotonic()
            answer = order(agent, document=document(wanted), onlyIdle=True)
            recuts += answer["changed"]
            partly += answer["result"] == "busy"
            now = self.node.slices()
            gone = set(held) - {uuid for _, _, _, uuid in now}
            # of a pod that was ended meanwhile a slice may go
            gone = {uuid for uuid in gone if self.runs(held[uuid])}
            assert not gone, f"slices in use are gone: {gone}"
            if answer["changed"]:
                to_status.append(watcher.when_shown(counts(now), begun) - begun)
        crowd.stopping = True
        crowd.join()
        print(f"# {crowd.made} pods, {recuts} re-cuts, {partly} of them only of what was idle; from "
              f"the command to node.status, realistic delays of the driver in it: "
              f"{percentiles(to_status)}")
        self.judge(agent, watcher)
        assert recuts >= SECONDS / 20, "hardly any re-cut took place"

    def held(self, agent):
        """{UUID: pod} of what running pods hold, by the agent's last look; none of them may go."""
        return {one["uuid"]: one["holder"]["pod"]
                for gpu in agent.state()["gpus"] for one in gpu["slices"]
                if one["holder"] and self.runs(one["holder"]["pod"])}

    def runs(self, name):
        found = self.bed.pods.find(name) if name else None
        return bool(found) and "deletionTimestamp" not in found["metadata"] \
            and found["status"].get("phase") == "Running"

    def judge(self, agent, watcher):
        watcher.stopping = True
        assert watcher.failed == {}, watcher.failed
        assert watcher.disturbed == {}, watcher.disturbed
        real = {uuid for _, _, _, uuid in self.node.slices()}
        system.wait_equal("what the agent tells of", sorted(real), lambda: sorted(
            one["uuid"] for gpu in agent.state()["gpus"] for one in gpu["slices"]), 60)


class Races:
    """A shrink, and pods of the same resource at the same moment."""

    def __init__(self, bed):
        self.bed, self.node = bed, bed.nodes[1]
        self.random = random.Random(f"{SEED} races")
        self.full = document([LAYOUTS[11]] * GPUS)

    def shrinks__that_race_a_pod_fail_no_pod(self):
        agent = start(self.bed, self.node)
        watcher = Watcher(self.bed, self.node)
        watcher.start()
        shrunk, to_status, waits = 0, [], []
        for number in range(RACES):
            order(agent, document=self.full, onlyIdle=True)
            before = len(self.node.slices())
            self.node.wait_allocatable(resource("1g.5gb"), before)
            names = [f"race-{number}-{k}" for k in range(PODS)]
            answer, begun = self.race(agent, names)
            now = counts(self.node.slices())
            shrunk += now.get(resource("1g.5gb"), 0) < before
            if answer["changed"]:
                to_status.append(watcher.when_shown(now, begun) - begun)
            waits += self.settle(agent, watcher, names)
            for name in names:
                self.bed.api.delete(path_of(name), gracePeriodSeconds=0)
            assert watcher.failed == {}, watcher.failed
        print(f"# {shrunk} shrinks of {RACES}, each with {PODS} pods of the resource within "
              f"{RACE_S * 1000:.0f} ms; command to node.status, no delay of the driver: "
              f"{percentiles(to_status)}; pods that waited for their slice ran after "
              f"{percentiles(waits)}")
        assert shrunk > RACES / 2, "most orders found nothing to shrink"
        assert watcher.disturbed == {}, watcher.disturbed

    def race(self, agent, names):
        """Takes all but a few slices away, while pods ask for them. (answer, its begin)"""
        left = self.random.choice([0, 1, 2])
        wanted = [f"1g.5gb={left},3g.20gb=1" if left else "3g.20gb=2"] + ["3g.20gb=2"] * (GPUS - 1)
        begun = time.monotonic() + RACE_S
        comers = [threading.Thread(target=self.come, args=(name, begun)) for name in names]
        for comer in comers:
            comer.start()
        time.sleep(max(0, begun - time.monotonic()))
        answer = order(agent, document=document(wanted), onlyIdle=True)
        for comer in comers:
            comer.join()
        return answer, begun

    def come(self, name, around):
        """Creates a pod within RACE_S of that time."""
        at = around + self.random.uniform(-RACE_S, RACE_S)
        time.sleep(max(0, at - time.monotonic()))
        self.bed.pods.create(pod(name, {resource("1g.5gb"): 1}, node=self.node.name))

    def settle(self, agent, watcher, names):
        """Every pod runs; those that found no slice get one, and how long that took them."""
        done = lambda: [name for name in names if name in watcher.running or name in watcher.failed]
        deadline = time.monotonic() + 0.6
        while len(done()) < len(names) and time.monotonic() < deadline:
            time.sleep(0.02)
        waiting = set(names) - set(done())
        begun = time.monotonic()
        if waiting:
            order(agent, document=self.full, onlyIdle=True)
        system.wait_for("all pods run", lambda: len(done()) == len(names), 120)
        return [max(0, watcher.running[name] - begun) for name in waiting if name in watcher.running]


def cases_of(cases):
    names = [n for n, f in vars(type(cases)).items() if "__" in n[1:] and callable(f)
             and not n.startswith("__")]
    return [(name, getattr(cases, name)) for name in names]


if __name__ == "__main__":
    try:
        with Bed(nodes=1, gpus=f"{GPUS}xA100-40GB", sim=["--mig", "--delays", "realistic"],
                 build_folder=sys.argv[1]) as the_bed:
            the_bed.add_node(f"{GPUS}xA100-40GB", ["--mig"])
            the_bed.nodes[0].object()
            tap.run(cases_of(Load(the_bed)) + cases_of(Races(the_bed)))
    except Skip as skipped:
        print(f"SKIP: {skipped}")
        sys.exit(77)
