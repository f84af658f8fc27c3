#!/usr/bin/env python3
"""Restarts on a real kubelet: whatever ends and comes back, agent, kubelet, containerd, driver, GPU
or node, the slices, the lists and node.status agree again without help, and what runs goes on.

usage: test_restarts.py BUILD_DIR [AGENT_PROGRAM]

GPUSLICE_KILLS (5) is how often the agent is killed in the middle of a re-cut, at points that
GPUSLICE_SEED (1) chooses.
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
from bed.bed import Bed
from bed.errors import BedError, Died, Skip
from bed.pods import pod
from load import LAYOUTS, Agent, Crowd, Watcher, document, resource

KILLS = int(os.environ.get("GPUSLICE_KILLS", "5"))
SEED = os.environ.get("GPUSLICE_SEED", "1")
GPUS = 3
RECOVER_S = "15"  # what is sick is so for long enough to be seen everywhere, on a busy machine, too
ALL_SMALL = LAYOUTS[11]
SMALL = resource("1g.5gb")
# Where a process of the driver's client may end while it re-cuts.
FATAL = ["nvmlDeviceCreateGpuInstanceWithPlacement", "nvmlGpuInstanceCreateComputeInstance",
         "nvmlComputeInstanceDestroy", "nvmlGpuInstanceDestroy"]
GONE = (OSError, ValueError)  # nobody at the control socket, or half an answer


def counts(slices):
    """{resource: count} of the machine's slices."""
    found = {}
    for _, profile, _, _ in slices:
        found[resource(profile)] = found.get(resource(profile), 0) + 1
    return found


def of_layouts(layouts):
    """{resource: count} of what load.document makes of them."""
    found = {}
    for layout in layouts:
        for name, count in (part.split("=") for part in layout.split(",")):
            found[resource(name)] = found.get(resource(name), 0) + int(count)
    return found


class Cases:
    """One bed for all of them, in the order of the file."""

    def __init__(self, bed):
        self.bed, self.node = bed, bed.nodes[0]
        self.random = random.Random(f"{SEED} restarts")
        self.path = os.path.join(self.node.folder, "agent.sock")
        self.agent = Agent(self.path)
        self.containers = {}

    # ---- helpers ----

    def start(self):
        if self.node.agent is not None:
            self.node.agent.start()
        else:
            program = sys.argv[2] if len(sys.argv) > 2 else None
            self.node.start_agent("--control-socket", self.path, "--metrics-interval-ms", "1000",
                                  "--recover-after-s", RECOVER_S,
                                  "--http-address", f"{self.node.address}:9400", program=program)
        self.node.agent.wait_until("answers", lambda: self.state().get("gpus"), 30)

    def state(self):
        try:
            return self.agent.state()
        except GONE as error:
            raise BedError(f"the agent's state: {error}") from error

    def condition(self, name):
        """(well, reason)"""
        one, = [c for c in self.state()["conditions"] if c["type"] == name]
        return one["ok"], one["reason"]

    def wait_condition(self, name, wanted, timeout=30):
        system.wait_equal(f"condition {name}", wanted, lambda: self.condition(name), timeout)

    def shown(self):
        """What node.status says of our resources, without those that there are none of."""
        return {key: int(value) for key, value in self.node.allocatable().items()
                if key.startswith("nvidia.com/") and value != "0"}

    def agree(self):
        """The machine, the agent's state, its lists and node.status; all the same: counts."""
        real, state = self.node.slices(), self.state()
        told = sorted(one["uuid"] for gpu in state["gpus"] for one in gpu["slices"])
        lists = {one["name"]: one["healthy"] for one in state["resources"] if one["healthy"]}
        bare = [gi for gpu in self.node.show()["gpus"] for gi in gpu["instances"]
                if not gi["compute_instances"]]
        if bare or told != sorted(uuid for _, _, _, uuid in real) or lists != counts(real) \
                or self.shown() != lists:
            raise BedError(f"machine {counts(real)}, half made {bare}, {len(told)} told, lists "
                           f"{lists}, node.status {self.shown()}")
        return lists or {"none": 0}

    def wait_agree(self, timeout=30):
        return system.wait_for("machine, lists and node.status agree", self.agree, timeout)

    def cut(self, layouts):
        """Until it is done: what the kubelet still remembers of pods that are gone is busy."""
        def order():
            answer = self.agent.apply(document=document(layouts))
            assert answer["result"] in ("ok", "busy"), answer
            if answer["result"] == "busy":
                raise BedError(answer["error"])
            return True
        system.wait_for("the layout", order, 30, every=0.5)

    def run(self, name, limits):
        self.containers[name] = self.container(self.bed.run_pod(name, limits))

    def container(self, found):
        one, = found["status"].get("containerStatuses") or [None]
        if one is None:
            raise BedError(f"{found['metadata']['name']} has no container: {found['status']}")
        return one["containerID"], one["restartCount"], sorted(one["state"])

    def undisturbed(self):
        for name, container in self.containers.items():
            assert self.container(self.bed.pods.find(name)) == container, name

    def serves(self, refusals=0):
        """A new pod gets its slice; `refusals`: of so many before it the kubelet may say that all
        are taken. It does while it has not seen all pods since its start, and counts those of its
        record that are long gone."""
        system.wait_for("the kubelet has the lists", lambda: self.state()["settled"], 30)
        for refused in range(refusals + 1):
            self.bed.pods.create(pod("probe", {SMALL: 1}))
            phase = system.wait_for("an end of the wait", lambda: (
                lambda now: now if now in ("Running", "Failed") else None)(
                    self.bed.pods.phase("probe")), 30)
            said = self.bed.pods.find("probe")["status"]
            if phase == "Running":
                break
            self.bed.pods.delete("probe", grace=0)
            assert refused < refusals and said["reason"] == "UnexpectedAdmissionError" \
                and "Available: 0" in said["message"], said
            print("# a pod that came before the kubelet had seen all pods: failed, by the kubelet")
        self.bed.pods.delete("probe", grace=0)
        system.wait_for("the slice is idle again", lambda: not any(
            one["holder"] and one["holder"]["pod"] == "probe"
            for gpu in self.state()["gpus"] for one in gpu["slices"]), 30)

    def gpu_of(self, name):
        """(number, UUID of its slice) of the GPU on which a pod is."""
        def look():
            return [(gpu["index"], one["uuid"]) for gpu in self.state()["gpus"]
                    for one in gpu["slices"] if one["holder"] and one["holder"]["pod"] == name]
        return system.wait_for(f"the slice of {name}", look, 30)[0]

    # ---- the agent ----

    def agent__killed_in_the_middle_of_a_recut_comes_back_to_a_right_state(self):
        self.start()
        self.cut([ALL_SMALL] * GPUS)
        self.wait_agree()
        self.run("stays", {SMALL: 1})
        kept, _ = self.gpu_of("stays")
        print(f"# seed {SEED}")
        length, before = 1.5, None
        for _ in range(KILLS):
            wanted = [None if k == kept else self.random.choice([one for one in LAYOUTS
                                                                 if one != before])
                      for k in range(GPUS)]
            before = wanted[(kept + 1) % GPUS]
            point = self.kill_within(wanted, length)
            self.node.sim("fault", "--clear")
            left = counts(self.node.slices())
            self.start()
            found = self.wait_agree()
            self.undisturbed()
            begun = time.monotonic()
            self.cut(wanted)
            length = max(0.7, time.monotonic() - begun)
            assert self.wait_agree() == of_layouts([one or ALL_SMALL for one in wanted])
            print(f"# killed {point}: left {sum(left.values())} slices, {sum(found.values())} "
                  "after the restart")
        self.undisturbed()

    def kill_within(self, wanted, length):
        """In words where."""
        def order():
            try:
                self.agent.apply(document=document(wanted))
            except GONE:
                pass
        function = self.random.choice(FATAL + [None] * 3)
        nth, after = self.random.randint(1, 3), self.random.uniform(0, length)
        if function:
            self.node.sim("fault", "--add", f"{function}:nth={nth},kill-after")
        thread = threading.Thread(target=order)
        thread.start()
        thread.join(60 if function else after)
        ended_first = not thread.is_alive()
        if self.node.agent.alive():
            time.sleep(0.05)  # one that is killed by the driver is seen so a moment later
        try:
            self.node.agent.kill()
            function = None
        except Died:
            pass
        self.node.agent.wait()
        thread.join()
        if function:
            return f"after {function} number {nth}"
        done = ", which was done" if ended_first else ""
        return f"{after * 1000:.0f} ms after the order{done}"

    def agent__replaced_under_load_fails_no_pod(self):
        self.cut([ALL_SMALL if k == self.gpu_of("stays")[0] else "3g.20gb=1,2g.10gb=1,1g.5gb=2"
                  if k % 2 else "4g.20gb=1,2g.10gb=1,1g.5gb=1" for k in range(GPUS)])
        watcher, crowd = Watcher(self.bed, self.node), Crowd(self.bed, SEED, most=14)
        watcher.start()
        crowd.start()
        ends = []
        for _ in range(3):
            time.sleep(self.random.uniform(1.5, 3))
            begun = time.monotonic()
            assert self.node.agent.stop() == 0
            ends.append(time.monotonic() - begun)
            self.start()
        time.sleep(2)
        system.wait_for("some of the pods run", lambda: len(watcher.running) > 5, 60)
        crowd.stopping = True
        crowd.join()
        watcher.stopping = True
        print(f"# {crowd.made} pods, {len(watcher.running)} ran; it took leave in "
              + ", ".join(f"{one:.2f}" for one in ends) + " s")
        assert watcher.failed == {}, watcher.failed
        assert watcher.disturbed == {}, watcher.disturbed
        self.undisturbed()
        self.wait_agree()

    # ---- the kubelet and containerd ----

    def kubelet__restarted_has_all_resources_again(self):
        self.node.restart_kubelet()
        self.wait_agree()
        self.undisturbed()
        self.serves(refusals=1)

    def kubelet__killed_and_away_for_a_while_has_all_resources_again(self):
        self.node.kubelet.kill()
        system.wait_equal("node.status meanwhile", {}, self.shown, 5)
        time.sleep(2)
        self.node.start_kubelet()
        self.node.wait_ready()
        self.wait_agree()
        self.undisturbed()
        self.serves(refusals=1)

    def kubelet__restarted_under_load_disturbs_nothing_that_runs(self):
        watcher, crowd = Watcher(self.bed, self.node), Crowd(self.bed, f"{SEED} kubelet", most=14)
        watcher.start()
        crowd.start()
        for restart in (self.node.kubelet.stop, self.node.kubelet.kill):
            time.sleep(1)
            restart()
            self.node.start_kubelet()
            self.node.wait_ready()
        time.sleep(2)
        crowd.stopping = True
        crowd.join()
        watcher.stopping = True
        print(f"# kubelet restarted under load, twice: {len(watcher.failed)} of {crowd.made} pods "
              f"failed before they ran, by the kubelet: {sorted(watcher.failed.values())}")
        # one that the kubelet was about to start when it was ended may be begun a second time
        assert watcher.interrupted == {}, watcher.interrupted
        assert set(watcher.running).isdisjoint(watcher.failed), watcher.failed
        self.undisturbed()
        self.wait_agree()

    def kubelet__away_during_a_recut_leaves_slices_in_the_way_and_then_the_order_is_done(self):
        kept, _ = self.gpu_of("stays")
        wanted = [None if k == kept else "3g.20gb=2" for k in range(GPUS)]
        before = self.node.slices()
        self.node.kubelet.kill()
        answer = self.agent.apply(document=document(wanted))
        assert answer["result"] != "ok", answer
        assert self.node.slices() == before, answer
        self.node.start_kubelet()
        self.node.wait_ready()
        self.wait_agree()
        self.cut(wanted)
        self.wait_agree()
        self.undisturbed()

    def containerd__restarted_disturbs_nothing(self):
        self.node.restart_containerd()
        self.undisturbed()
        self.wait_agree()
        self.serves()

    def kubelet__restarted_while_containerd_is_down_is_the_kubelets_own_affair(self):
        self.node.containerd.kill()
        self.node.kubelet.kill()
        self.node.start_kubelet()
        self.node.kubelet.wait()  # without a runtime it ends; systemd would start it again
        self.node.start_containerd()
        self.node.start_kubelet()
        self.node.wait_ready()
        self.wait_agree()
        failed = self.failed()
        print(f"# kubelet restarted while containerd was down: {failed} of {len(self.containers)} "
              "running pods failed, by the kubelet")
        self.renew()
        self.serves(refusals=1)

    def failed(self):
        return sum(self.bed.pods.phase(name) == "Failed" for name in self.containers)

    def renew(self):
        """Pods that the kubelet has failed are made again."""
        for name in list(self.containers):
            if self.bed.pods.phase(name) != "Running":
                self.bed.pods.delete(name, grace=0)
                self.run(name, {SMALL: 1})

    # ---- the driver and the GPUs ----

    def driver__that_goes_makes_slices_unhealthy_and_comes_back(self):
        before = self.wait_agree()
        self.node.sim("fault", "--add", "*:times=all,code=DRIVER_NOT_LOADED")
        self.wait_condition("Driver", (False, "DriverLost"), 45)
        system.wait_equal("node.status", {}, self.shown, 30)
        self.undisturbed()
        self.node.sim("fault", "--clear")
        self.wait_condition("Driver", (True, None), 60)
        assert self.wait_agree() == before
        self.undisturbed()
        self.serves()

    def driver__that_is_loaded_after_the_agent_is_found(self):
        before = self.wait_agree()
        self.node.agent.kill()
        self.node.sim("unload")
        self.node.agent.start()
        system.wait_equal("condition Driver", (False, "DriverLost"),
                          lambda: self.condition("Driver"), 30)
        self.undisturbed()
        self.node.sim("load")
        self.wait_condition("Driver", (True, None), 60)
        found = self.wait_agree()
        assert found == {"none": 0}, found  # a driver that is unloaded takes all slices with it
        print(f"# before the driver was unloaded: {before}")
        self.undisturbed()
        self.bed.pods.delete("stays", grace=0)  # it runs, on nothing
        self.cut([ALL_SMALL] * GPUS)
        self.wait_agree()
        self.run("stays", {SMALL: 1})

    def xid__makes_its_slice_sick_alone_and_it_is_well_again(self):
        self.cut_all_but_kept("1g.5gb=7")
        kept, _ = self.gpu_of("stays")
        sick = next(uuid for gpu, _, _, uuid in self.node.slices() if gpu != kept)
        before = self.wait_agree()
        self.node.sim("xid", "--slice", sick, "94")
        system.wait_equal("slices that are sick", [sick], self.sick, 10)
        self.node.wait_allocatable(SMALL, before[SMALL] - 1)
        self.wait_condition("Health", (False, "Sick"))
        system.wait_equal("slices that are sick", [], self.sick, 30)
        assert self.wait_agree() == before
        self.wait_condition("Health", (True, None), 10)
        self.undisturbed()

    def sick(self):
        return [one["uuid"] for gpu in self.state()["gpus"] for one in gpu["slices"]
                if one["health"] != "healthy"]

    def cut_all_but_kept(self, layout):
        kept, _ = self.gpu_of("stays")
        self.cut([None if k == kept else layout for k in range(GPUS)])
        self.wait_agree()

    def gpu__lost_takes_its_own_slices_only(self):
        kept, _ = self.gpu_of("stays")
        lost = (kept + 1) % GPUS
        mine = sorted(uuid for gpu, _, _, uuid in self.node.slices() if gpu == lost)
        before = self.wait_agree()
        self.node.sim("lose", "--gpu", str(lost))
        system.wait_equal("slices that are sick", mine, lambda: sorted(self.sick()), 45)
        self.node.wait_allocatable(SMALL, before[SMALL] - len(mine), 20)
        self.undisturbed()
        self.serves()

    # ---- the node ----

    def node__rebooted_is_cut_again_by_its_label(self):
        self.bed.api.patch(self.node.path,
                           {"metadata": {"labels": {"nvidia.com/mig.config": "all-1g.5gb"}}})
        self.node.reboot()
        assert self.node.slices() == []
        self.node.start_kubelet()
        self.node.wait_ready()
        self.start()
        found = self.wait_count({SMALL: 7 * GPUS})
        system.wait_equal("the state", "success", lambda: self.node.object()["metadata"]["labels"]
                          .get("nvidia.com/mig.config.state"), 30)
        system.wait_for("the kubelet looks at the pods from before", self.looked_at, 60)
        print(f"# after the reboot {found}; {self.failed()} of {len(self.containers)} pods failed, "
              "by the kubelet")
        for name in list(self.containers):
            self.bed.pods.delete(name, grace=0)
        self.serves()

    def looked_at(self):
        """Each pod has ended, or runs in another container than before."""
        return all(self.bed.pods.phase(name) == "Failed" or self.container(
            self.bed.pods.find(name))[0] != before[0] for name, before in self.containers.items())

    def wait_count(self, wanted):
        system.wait_equal("machine, lists and node.status", wanted, self.agree, 60)
        return wanted


def cases_of(cases):
    names = [n for n, f in vars(type(cases)).items() if "__" in n[1:] and callable(f)
             and not n.startswith("__")]
    return [(name, getattr(cases, name)) for name in names]


if __name__ == "__main__":
    try:
        with Bed(nodes=1, gpus=f"{GPUS}xA100-40GB", sim=["--mig"],
                 build_folder=sys.argv[1]) as the_bed:
            tap.run(cases_of(Cases(the_bed)))
    except Skip as skipped:
        print(f"SKIP: {skipped}")
        sys.exit(77)
