#!/usr/bin/env python3
"""What a bad world gets: each thing that may be wrong is said by a condition of its own, pods that
run go on, what can be served is served, and all is well again by itself once the cause is gone.

usage: test_bad_world.py BUILD_DIR [AGENT_PROGRAM]

The API server is away for 15 s, with GPUSLICE_LONG=1 for ten minutes.
"""
import contextlib
import os
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
# pylint: disable=wrong-import-position
import tap
from bed import system
from bed.api import ApiError
from bed.bed import Bed
from bed.errors import BedError, Skip
from bed.pods import pod
from load import Agent, document, resource

AWAY_S = 600 if os.environ.get("GPUSLICE_LONG") == "1" else 15
GPUS = 2
SMALL, MIDDLE, BIG = (resource(name) for name in ("1g.5gb", "2g.10gb", "3g.20gb"))
GONE = (OSError, ValueError)
WELL = (True, None)

CONFIG = """version: v1
flags:
  migStrategy: {strategy}
agent:
  metricsIntervalMs: {interval}
  stateDir: /var/lib/gpuslice-test
  cdiDir: /run/cdi
"""


class Cases:
    """One bed for all of them, in the order of the file."""

    def __init__(self, bed):
        self.bed, self.node = bed, bed.nodes[0]
        self.path = os.path.join(self.node.folder, "agent.sock")
        self.config = os.path.join(self.node.folder, "agent.yaml")
        self.agent = Agent(self.path)
        self.program = sys.argv[2] if len(sys.argv) > 2 else os.path.join(bed.build, "bin",
                                                                          "gpuslice-agent")

    # ---- helpers ----

    def write_config(self, strategy="mixed", interval=1000, more=""):
        system.write(self.config, CONFIG.format(strategy=strategy, interval=interval) + more)

    def state(self):
        try:
            return self.agent.state()
        except GONE as error:
            raise BedError(f"the agent's state: {error}") from error

    def condition(self, name):
        one, = [c for c in self.state()["conditions"] if c["type"] == name]
        return one

    def wait_condition(self, name, reason, timeout=30):
        """Until it is not well for this reason (None: until it is well); its message."""
        def is_so():
            one = self.condition(name)
            if one["ok"] != (reason is None) or one["reason"] != reason:
                raise BedError(f"{name}: {one}")
            return one
        return system.wait_for(f"condition {name}: {reason or 'well'}", is_so, timeout)["message"]

    def others_are_well(self, *names):
        """All conditions but these; one that a busy machine brought goes by itself."""
        system.wait_equal("other conditions that are not well", [], lambda: [
            c for c in self.state()["conditions"] if not c["ok"] and c["type"] not in names], 60)

    def label(self, name):
        return self.node.object()["metadata"]["labels"].get(name)

    def want(self, layout):
        self.bed.api.patch(self.node.path,
                           {"metadata": {"labels": {"nvidia.com/mig.config": layout}}})

    def wait_state(self, wanted, timeout=30):
        system.wait_equal("nvidia.com/mig.config.state", wanted,
                          lambda: self.label("nvidia.com/mig.config.state"), timeout)

    def event(self, reason, words):
        """Waits for an Event of the node with this reason whose note has these words."""
        def look():
            found = self.bed.api.list("/apis/events.k8s.io/v1/events")
            return [one for one in found if one.get("reason") == reason
                    and words in one.get("note", "")]
        return system.wait_for(f"an Event {reason}: {words}", look, 15)

    def runs_on(self, name="stays"):
        one, = self.bed.pods.find(name)["status"]["containerStatuses"]
        assert "running" in one["state"] and one["restartCount"] == 0, one

    def serves(self, timeout=30):
        """A new pod gets its slice."""
        try:
            self.bed.run_pod("probe", {SMALL: 1}, timeout)
        except BedError:
            self.bed.pods.delete("probe", grace=0)
            raise
        self.bed.pods.delete("probe", grace=0)

    def cut(self, *layouts):
        return self.agent.apply(document=document(list(layouts)))

    # ---- the configuration ----

    def config__that_is_wrong_is_refused_with_its_line(self):
        self.write_config(more="  layuot: all-balanced\n")
        begun = self.node.spawn_with_gpus("refused", [self.program, "--config-file", self.config])
        assert begun.wait() == 2, begun.status
        said = system.read(self.node.log("refused"))
        assert f"{self.config}:8:" in said and "layuot" in said, said

    def config__that_becomes_wrong_changes_nothing_in_the_running_agent(self):
        self.write_config()
        self.node.start_agent("--config-file", self.config, "--control-socket", self.path,
                              "--http-address", f"{self.node.address}:9400", program=self.program)
        self.node.agent.wait_until("answers", lambda: self.state().get("gpus"), 30)
        system.wait_equal("the first cut", "ok",
                          lambda: self.cut("1g.5gb=7", "1g.5gb=7")["result"], 60, every=0.5)
        self.node.wait_allocatable(SMALL, 14)
        self.bed.run_pod("stays", {SMALL: 1})
        self.write_config(strategy="mixd")
        self.node.agent.signal(signal.SIGHUP)
        message = self.wait_condition("Config", "NotTakenOver")
        assert f"{self.config}:3:" in message and "mixd" in message, message
        self.others_are_well("Config")
        self.serves()

    def config__that_is_right_again_is_taken_over_and_no_pod_is_disturbed(self):
        self.write_config(interval=1100)
        self.node.agent.signal(signal.SIGHUP)
        self.wait_condition("Config", None)
        self.node.wait_allocatable(SMALL, 14)
        self.runs_on()
        self.serves()

    # ---- the layout ----

    def layout__that_nobody_knows_is_said_and_nothing_is_touched(self):
        before = self.node.slices()
        self.want("all-9g.99gb")
        self.wait_state("failed")
        message = self.wait_condition("Layout", "UnknownLayout")
        assert "all-9g.99gb" in message, message
        self.event("LayoutFailed", "all-9g.99gb")
        assert self.node.slices() == before
        self.others_are_well("Layout")
        self.serves()

    def layout__that_does_not_fit_is_said_and_nothing_is_touched(self):
        before = self.node.slices()
        answer = self.cut("3g.20gb=3", None)
        assert answer["result"] == "infeasible", answer
        assert self.node.slices() == before
        path = system.write(os.path.join(self.node.folder, "layouts.yaml"),
                            document(["3g.20gb=3", "3g.20gb=3"]))
        self.write_config(more=f"  layoutFile: {path}\n")
        self.node.agent.signal(signal.SIGHUP)
        time.sleep(1)
        self.want("wanted")
        self.wait_state("failed")
        self.wait_condition("Layout", "DoesNotFit")
        self.event("LayoutFailed", "3g.20gb")
        assert self.node.slices() == before
        self.write_config()
        self.want("all-1g.5gb")
        self.node.agent.signal(signal.SIGHUP)
        self.wait_state("success")
        self.wait_condition("Layout", None)
        self.node.wait_allocatable(SMALL, 14)
        self.runs_on()

    def layout__whose_slices_are_in_use_comes_true_by_itself_when_the_pod_goes(self):
        before = self.node.slices()
        self.want("all-3g.20gb")
        self.wait_state("failed")
        message = self.wait_condition("Layout", "InUse")
        assert "default/stays" in message and "tried again" in message, message
        self.event("LayoutFailed", "default/stays")
        assert self.node.slices() == before
        self.node.wait_allocatable(SMALL, 14)
        time.sleep(2)  # over a try or two
        self.runs_on()
        self.others_are_well("Layout")
        begun = time.monotonic()
        self.bed.pods.delete("stays", grace=0)
        self.wait_state("success", 60)
        print(f"# from the end of the pod to the layout: {time.monotonic() - begun:.1f} s")
        self.wait_condition("Layout", None)
        self.node.wait_allocatable(BIG, 2 * GPUS)
        self.want("all-1g.5gb")
        self.node.wait_allocatable(SMALL, 7 * GPUS)
        self.wait_state("success")
        self.bed.run_pod("stays", {SMALL: 1})

    # ---- rights ----

    def rights__to_node_status_taken_away_are_missed_and_pods_still_served(self):
        role = "/apis/rbac.authorization.k8s.io/v1/clusterroles/gpuslice-agent"
        rules = self.bed.api.get(role)["rules"]
        self.bed.api.patch(role, {"rules": [one for one in rules
                                            if one["resources"] != ["nodes/status"]]})
        system.wait_for("the right is gone", self.may_not_write_status, 60)
        before = self.node.slices()
        answer = self.beside("3g.20gb=2")
        assert answer["result"] != "ok" and "nodes/status" in answer["error"], answer
        message = self.wait_condition("API", "StatusNotWritten")
        assert "forbidden" in message.lower() and "nodes/status" in message, message
        assert self.node.slices() == before
        self.runs_on()
        self.serves()
        self.bed.api.patch(role, {"rules": rules})
        self.wait_condition("API", None)
        self.cut_beside("3g.20gb=2")
        self.node.wait_allocatable(BIG, 2)
        self.node.wait_allocatable(SMALL, 7)

    def may_not_write_status(self):
        """As the API server sees the agent: it learns of roles a moment after they are changed."""
        try:
            self.node.credentials.api.patch(f"{self.node.path}/status?dryRun=All", {
                "status": {"allocatable": {BIG: "0"}}}, kind="strategic")
        except ApiError as error:
            return error.status == 403
        return False

    def gpu_of_stays(self):
        def look():
            return [gpu["index"] + 1 for gpu in self.state()["gpus"] for one in gpu["slices"]
                    if one["holder"] and one["holder"]["pod"] == "stays"]
        return system.wait_for("the slice of stays", look, 30)[0] - 1

    # ---- disks ----

    @contextlib.contextmanager
    def full_disk(self, path, before_it_is_full=lambda: None):
        """A file system at this path of the node, without a byte left."""
        self.node.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", path])
        try:
            before_it_is_full()
            self.node.run(["sh", "-c", f"dd if=/dev/zero of={path}/full bs=4k 2>/dev/null; true"])
            yield
        finally:
            self.node.run(["umount", "--lazy", path])

    def cdi_is_there(self):
        """All slices are in the file that the node has now, and containerd reads it."""
        def look():
            text = self.node.run(["sh", "-c", "cat /run/cdi/*.json"], check=False)
            return all(uuid in text for _, _, _, uuid in self.node.slices())
        system.wait_for("the CDI file is as the slices are", look, 20)
        self.node.restart_containerd()

    def beside(self, layout):
        """Cuts the GPUs on which the pod is not."""
        kept = self.gpu_of_stays()
        return self.cut(*[None if k == kept else layout for k in range(GPUS)])

    def cut_beside(self, layout):
        """The same, until it is done: a pod that has just gone may hold its slice for a moment."""
        system.wait_equal(f"{layout} beside the pod", "ok", lambda: self.beside(layout)["result"],
                          30, every=0.5)

    def disk__full_at_the_journal_refuses_the_recut_before_anything_is_touched(self):
        self.cut_beside("3g.20gb=2")
        self.node.wait_allocatable(BIG, 2)
        before = self.node.slices()
        with self.full_disk("/var/lib/gpuslice-test"):
            answer = self.beside("2g.10gb=3,1g.5gb=1")
            assert answer["result"] == "io" and not answer["changed"], answer
            assert "/var/lib/gpuslice-test" in answer["error"], answer
            self.want("all-1g.5gb.never")
            self.wait_condition("Layout", "UnknownLayout")
            self.want("all-1g.5gb")
            self.wait_state("failed")
            message = self.wait_condition("Layout", "Failed")
            assert "space" in message and "tried again" in message, message
            assert self.node.slices() == before
            self.node.wait_allocatable(BIG, 2)
            self.runs_on()
            self.serves()
            self.node.run(["rm", "/var/lib/gpuslice-test/full"])
            self.wait_state("success", 60)
        self.wait_condition("Layout", None)
        self.node.wait_allocatable(SMALL, 7 * GPUS)

    def disk__full_at_the_cdi_file_is_a_condition_until_there_is_space(self):
        with self.full_disk("/run/cdi", self.cdi_is_there):
            self.cut_beside("2g.10gb=3,1g.5gb=1")
            message = self.wait_condition("CDI", "NotWritten")
            assert "/run/cdi" in message and "space" in message, message
            system.wait_equal("whether it is ready", False, lambda: self.state()["ready"], 60)
            self.others_are_well("CDI")
            self.bed.pods.create(pod("late", {MIDDLE: 1}))
            time.sleep(2)
            assert self.bed.pods.phase("late") == "Pending", self.bed.pods.phase("late")
            self.runs_on()
            self.node.run(["rm", "/run/cdi/full"])
            self.wait_condition("CDI", None)
            self.bed.pods.wait_phase("late", "Running", 60)
        self.cdi_is_there()
        self.serves()
        self.bed.pods.delete("late", grace=0)

    # ---- the API server ----

    def api__away_stops_nothing_that_is_local_and_all_follows_when_it_is_back(self):
        self.cut_beside("3g.20gb=2")
        self.node.wait_allocatable(BIG, 2)
        self.gpu_of_stays()
        before = self.node.slices()
        with self.bed.api_server_away():
            begun = time.monotonic()
            self.wait_condition("API", "Unreachable", 20)
            shrink = self.beside("1g.5gb=7")
            assert shrink["result"] != "ok" and not shrink["changed"], shrink
            assert self.node.slices() == before
            self.others_are_well("API", "Labels", "GpuNode")
            system.wait_for("it is ready", lambda: self.state()["ready"], 60)
            while time.monotonic() < begun + AWAY_S:
                time.sleep(0.5)
                self.node.agent.must_live()
        print(f"# the API server was away for {time.monotonic() - begun:.0f} s")
        self.wait_condition("API", None, 60)
        self.node.wait_ready()
        self.runs_on()
        self.want("all-1g.5gb.again")
        self.wait_state("failed", 60)
        self.want("all-1g.5gb")
        self.wait_state("success", 60)
        self.node.wait_allocatable(SMALL, 7 * GPUS)
        self.serves(120)  # the scheduler tries again with back-off, too


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
