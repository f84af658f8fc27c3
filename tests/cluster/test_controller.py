#!/usr/bin/env python3
"""gpuslice-controller on a real API server and scheduler, with agents that re-cut simulated GPUs.

usage: test_controller.py BUILD_DIR

GPUSLICE_ARRIVALS (40) is how many pods come in the case of the bookings.
"""
import os
import random
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
# pylint: disable=wrong-import-position
import tap
from bed import controller, system
from bed.bed import Bed
from bed.errors import Skip
from bed.pods import path_of, pod

SEED = os.environ.get("GPUSLICE_SEED", "1")
ARRIVALS = int(os.environ.get("GPUSLICE_ARRIVALS", "40"))
ROUNDS = 5
GATE = "gpuslice.dev/slice"
OTHER_GATE = "example.com/later"


def slice_of(profile, count=1):
    return {f"nvidia.com/mig-{profile}": count}


def gated(name, wants, gates=(GATE,), **more):
    """As the webhook leaves it."""
    return pod(name, wants, schedulingGates=[{"name": gate} for gate in gates], **more)


def labelled(manifest, app, **more):
    manifest["metadata"]["labels"] = {"app": app, **more}
    return manifest


def required(*terms):
    return {"requiredDuringSchedulingIgnoredDuringExecution": list(terms)}


def booked_on(found):
    return found["metadata"].get("annotations", {}).get("gpuslice.dev/booked")


def draw_rules(dice, turn):
    """Parts of a pod's spec: a rule about other pods of this turn, or a host port."""
    asked = {"key": "app", "operator": dice.choice(["In", "NotIn"]), "values": [dice.choice("abc")]}
    term = {"topologyKey": "kubernetes.io/hostname",
            "labelSelector": {"matchLabels": {"turn": str(turn)}, "matchExpressions": [asked]}}
    kind = dice.choice(["apart", "beside", "spread", "port", "apart"])
    if kind == "apart":
        return {"affinity": {"podAntiAffinity": required(term)}}
    if kind == "beside":
        return {"affinity": {"podAffinity": required(term)}}
    if kind == "spread":
        return {"topologySpreadConstraints": [
            {**term, "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}]}
    made = pod("x", slice_of("1g.5gb"))["spec"]["containers"][0]
    return {"containers": [{**made, "ports": [
        {"containerPort": 9, "hostPort": 18000 + 2 * turn + dice.randrange(2)}]}]}


class Cases:
    def __init__(self, bed):
        self.bed = bed
        for node in bed.nodes:
            node.start_agent("--control-socket", os.path.join(node.folder, "agent.sock"),
                             "--http-address", f"{node.address}:9400")
        controller.apply_types(bed)
        self.first = controller.Controller(bed, 0, ["--lease-duration", "6"]).start()
        self.first.daemon.wait_until("the controller is ready", self.first.is_ready, 60)
        self.first.daemon.wait_until("it leads", self.first.leads, 30)

    def cut(self, node, *layouts):
        """By hand, as an administrator: what each GPU of the node is to hold, once pods have given
        back what is in the way."""
        from load import Agent, document, resource
        agent = Agent(os.path.join(node.folder, "agent.sock"))
        node.agent.wait_until("the agent", agent.is_up, 60)
        system.wait_equal(f"{node.name} is cut", "ok", lambda: agent.apply(
            document=document(layouts))["result"], 60, every=0.5)
        wanted = {}
        for layout in layouts:
            for part in layout.split(","):
                name, count = part.split("=")
                wanted[resource(name)] = wanted.get(resource(name), 0) + int(count)
        for name, count in wanted.items():
            node.wait_allocatable(name, count)

    def reasons(self, name):
        """Of the Events of a pod, in their order."""
        found = self.bed.api.list("/apis/events.k8s.io/v1/namespaces/default/events")
        mine = [one for one in found if one["regarding"].get("name") == name
                and one.get("reportingController") == "gpuslice.dev/controller"]
        return [one["reason"] for one in sorted(mine, key=lambda one: one["eventTime"])]

    def wait_reason(self, name, reason):
        system.wait_for(f"an Event {reason} of {name}", lambda: reason in self.reasons(name), 20)

    def end(self, *names):
        for name in names:
            self.bed.pods.delete(name, grace=0)

    # ---- what a pod gets ----

    def a_gated_pod_is_booked_where_a_slice_is_free_and_runs_there(self):
        self.cut(self.bed.nodes[0], "1g.5gb=7", "1g.5gb=7")
        self.cut(self.bed.nodes[1], "3g.20gb=2", "3g.20gb=2")
        begun = time.monotonic()
        found = self.bed.pods.run(gated("booked", slice_of("3g.20gb")))
        print(f"# created to Running: {time.monotonic() - begun:.2f} s")
        assert found["spec"]["nodeName"] == self.bed.nodes[1].name, found["spec"]["nodeName"]
        assert found["metadata"]["annotations"]["gpuslice.dev/booked"] == found["spec"]["nodeName"]
        assert not found["spec"].get("schedulingGates")
        self.wait_reason("booked", "SliceBooked")
        self.end("booked")

    def a_pod_that_finds_no_slice_has_idle_ones_cut_anew(self):
        before = {uuid for _, _, _, uuid in self.bed.nodes[1].slices()}
        holder = self.bed.pods.run(pod("holder", slice_of("1g.5gb")))
        begun = time.monotonic()
        found = self.bed.pods.run(gated("recut", slice_of("4g.20gb")))
        print(f"# created to Running by a re-cut: {time.monotonic() - begun:.2f} s")
        self.wait_reason("recut", "Recutting")
        assert self.bed.pods.phase("holder") == "Running"
        assert holder["status"].get("startTime") == self.bed.pods.find("holder")["status"]["startTime"]
        there = found["spec"]["nodeName"]
        assert any(profile == "4g.20gb" for node in self.bed.nodes if node.name == there
                   for _, profile, _, _ in node.slices())
        assert before, "nothing was cut before"
        self.end("recut", "holder")

    def a_pod_without_the_gate_gets_its_re_cut_too(self):
        found = self.bed.pods.run(pod("ungated", slice_of("7g.40gb")))
        assert found["spec"]["nodeName"]
        self.end("ungated")

    def a_pod_that_nothing_holds_loses_its_gate_and_is_told_why(self):
        self.bed.pods.create(gated("never", slice_of("1g.23gb")))
        system.wait_for("the gate goes", lambda: not self.bed.pods.find("never")["spec"].get(
            "schedulingGates"), 20)
        self.wait_reason("never", "NoSlice")
        self.end("never")

    def a_pod_with_another_gate_is_let_go_and_not_booked(self):
        self.bed.pods.create(gated("later", slice_of("1g.5gb"), gates=(GATE, OTHER_GATE)))
        gates = lambda: [one["name"] for one in
                         self.bed.pods.find("later")["spec"].get("schedulingGates", [])]
        system.wait_for("ours goes", lambda: gates() == [OTHER_GATE], 20)
        time.sleep(1)
        assert "nominatedNodeName" not in self.bed.pods.find("later")["status"]
        self.end("later")

    def many_at_once_all_run_and_none_twice_on_a_slice(self):
        names = [f"many-{k}" for k in range(12)]
        kinds = ["1g.5gb", "2g.10gb", "3g.20gb"]
        for k, name in enumerate(names):
            self.bed.pods.create(gated(name, slice_of(kinds[k % 2])))
        begun = time.monotonic()
        for name in names:
            self.bed.pods.wait_phase(name, "Running", 90)
        print(f"# {len(names)} pods at once: {time.monotonic() - begun:.2f} s until all run")
        self.end(*names)

    def booked_pods_land_where_they_were_booked_though_others_compete(self):
        """A third of the pods comes without the gate and takes what it finds."""
        dice, alive, landed, elsewhere = random.Random(f"{SEED} arrivals"), {}, set(), []
        begun = time.monotonic()
        for k in range(ARRIVALS):
            name = f"arrival-{k}"
            wants = slice_of(dice.choice(["1g.5gb"] * 3 + ["2g.10gb", "3g.20gb"]))
            free = dice.random() < 1 / 3
            self.bed.pods.create(pod(name, wants) if free else gated(name, wants))
            alive[name] = free
            time.sleep(dice.uniform(0.05, 0.4))
            if len(alive) == 8 or k == ARRIVALS - 1:
                for one in list(alive):
                    found = self.bed.pods.wait_phase(one, "Running", 90)
                    booked = found["metadata"].get("annotations", {}).get("gpuslice.dev/booked")
                    if booked and booked != found["spec"]["nodeName"]:
                        elsewhere.append((one, booked, found["spec"]["nodeName"]))
                    elif booked:
                        landed.add(one)
                gone = list(alive) if k == ARRIVALS - 1 else dice.sample(list(alive), 5)
                self.end(*gone)
                for one in gone:
                    alive.pop(one)
        print(f"# {ARRIVALS} arrivals in {time.monotonic() - begun:.0f} s: {len(landed)} were booked "
              f"and landed there, {len(elsewhere)} landed elsewhere")
        assert elsewhere == [], elsewhere
        assert len(landed) > ARRIVALS / 3, "hardly any pod was booked"

    # ---- rules that hang on other pods: the scheduler has the last word ----

    def pods_that_are_to_be_apart_are_booked_apart(self):
        for node in self.bed.nodes:
            self.cut(node, "1g.5gb=7", "1g.5gb=7")
        rule = {"podAntiAffinity": required({"topologyKey": "kubernetes.io/hostname",
                                             "labelSelector": {"matchLabels": {"app": "apart"}}})}
        for name in ("apart-a", "apart-b"):
            self.bed.pods.create(labelled(gated(name, slice_of("1g.5gb"), affinity=rule), "apart"))
        found = [self.bed.pods.wait_phase(name, "Running", 60) for name in ("apart-a", "apart-b")]
        there = [one["spec"]["nodeName"] for one in found]
        assert len(set(there)) == 2, there
        assert there == [booked_on(one) for one in found], there
        assert "BookingEnded" not in self.reasons("apart-a") + self.reasons("apart-b")
        self.end("apart-a", "apart-b")

    def the_scheduler_takes_what_is_booked_by_such_rules_and_has_no_place_where_we_have_none(self):
        """Rounds, as what has just ended may still be there for one of the two: pods of a round know
        of each other only."""
        dice, counts = random.Random(f"{SEED} rules"), {"booked": 0, "none": 0}
        for turn in range(ROUNDS):
            alive = []
            for k in range(6):
                name, app = f"ruled-{turn}-{k}", dice.choice("abc")
                wanted = gated(name, slice_of("1g.5gb"), **draw_rules(dice, turn))
                self.bed.pods.create(labelled(wanted, app, turn=str(turn)))
                found = system.wait_for(f"{name} is bound or has no place",
                                        lambda: self.is_placed(name), 60)
                booked = booked_on(found)
                assert found["spec"].get("nodeName") == booked, (found["spec"], booked)
                assert "BookingEnded" not in self.reasons(name), found["spec"]
                counts["booked" if booked else "none"] += 1
                if booked:
                    alive.append(name)
                else:
                    self.end(name)
            self.end(*alive)
        print(f"# {counts['booked']} pods with rules were booked and taken there, for "
              f"{counts['none']} the scheduler had no place either")
        assert counts["booked"] > ROUNDS, counts

    def is_placed(self, name):
        """The pod, once the scheduler has bound it or said that it cannot; else None. One that is
        booked is bound, at once or when the scheduler, too, has seen that its place is free."""
        found = self.bed.pods.find(name)
        said = [one for one in found["status"].get("conditions", [])
                if one["type"] == "PodScheduled" and one.get("reason") == "Unschedulable"]
        return found if found["spec"].get("nodeName") or said and not booked_on(found) else None

    # ---- who decides ----

    def another_controller_takes_over_when_one_is_killed(self):
        second = controller.Controller(self.bed, 1, ["--lease-duration", "6"]).start()
        second.daemon.wait_until("the other is ready", second.is_ready, 60)
        system.wait_for("the first leads, and it alone",
                        lambda: self.first.leads() and not second.leads(), 60)
        self.first.daemon.kill()
        begun = time.monotonic()
        second.daemon.wait_until("the other leads", second.leads, 30)
        print(f"# the other leads after {time.monotonic() - begun:.1f} s")
        self.bed.pods.run(gated("heir", slice_of("2g.10gb")))
        self.end("heir")
        second.daemon.stop()
        self.first.start()
        begun = time.monotonic()
        self.first.daemon.wait_until("it leads again", self.first.leads, 30)
        print(f"# a Lease that was given up is taken after {time.monotonic() - begun:.1f} s")

    def a_controller_that_is_killed_at_any_moment_leaves_no_pod_behind(self):
        for k in range(6):
            name = f"killed-{k}"
            self.bed.pods.create(gated(name, slice_of(["1g.5gb", "3g.20gb", "4g.20gb"][k % 3])))
            time.sleep(0.004 * (k + 1) ** 2)
            self.first.daemon.kill()
            self.first.start()
            self.bed.pods.wait_phase(name, "Running", 60)
            self.end(name)

    def it_takes_little_memory(self):
        kib = self.first.daemon.memory_kib()["Rss"]
        print(f"# {kib} KiB resident")
        assert kib < 20 << 10


def cases_of(cases):
    names = [n for n, f in vars(type(cases)).items() if callable(f) and not n.startswith("_")]
    return [(name, getattr(cases, name)) for name in names
            if name not in ("cut", "reasons", "wait_reason", "end", "is_placed")]


if __name__ == "__main__":
    try:
        with Bed(nodes=2, gpus="2xA100-40GB", sim=["--mig"], build_folder=sys.argv[1]) as the_bed:
            tap.run(cases_of(Cases(the_bed)))
    except Skip as skipped:
        print(f"SKIP: {skipped}")
        sys.exit(77)
