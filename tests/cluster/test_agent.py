#!/usr/bin/env python3
"""The agent on a real kubelet: pods get the slices that they ask for, and nobody else's.

usage: test_agent.py BUILD_DIR
"""
import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, ".."), os.path.join(HERE, "..", "peers", "grpc")]
# pylint: disable=wrong-import-position
import pb
import tap
from bed import images, system
from bed.bed import Bed
from bed.errors import BedError, Skip
from bed.pods import pod

GPUS = "2xA100-40GB"
SMALL = "nvidia.com/mig-1g.5gb"
BIG = "nvidia.com/mig-3g.20gb"


def agent_words(*more):
    return ["--http-address", "127.0.0.1:9400", "--log-level", "debug", *more]


class Cases:
    """One bed for all of them, in the order of the file."""

    wants_agent = True

    def __init__(self, bed):
        self.bed, self.node = bed, bed.nodes[0]
        self.agent_program = os.path.join(bed.build, "bin", "gpuslice-agent")

    # ---- helpers ----

    def ask_agent(self, *words):
        return self.node.run_with_gpus([self.agent_program, *words])

    def state(self):
        return json.loads(self.ask_agent("state"))

    def apply(self, name, *more):
        """The answer, whatever it is: "result" says. Where the API server is too slow for the agent,
        nothing was touched, and it is asked again."""
        def ask():
            answer = json.loads(self.node.run_with_gpus(
                [self.agent_program, "apply", "-c", name, "-o", "json", *more], check=False))
            if answer["result"] in ("limit", "io") and not answer["changed"]:
                raise BedError(f"{name}: {answer}")
            return answer

        return system.wait_for(f"an answer to {name}", ask, 120)

    def apply_once_idle(self, name):
        """Until it is carried out: the kubelet takes a moment to forget what a pod had."""
        def ask():
            answer = self.apply(name)
            if answer["result"] == "busy":
                raise BedError(f"{name}: {answer}")
            return answer

        answer = system.wait_for(f"{name} is cut", ask, 120)
        assert answer["result"] == "ok", answer
        return answer

    def page(self, path):
        return self.node.run(["/usr/bin/python3", "-c",
                              "import urllib.request as u;"
                              f"print(u.urlopen('http://127.0.0.1:9400{path}').read().decode())"])

    def nodes_of(self, name):
        """Names of the device nodes of NVIDIA in the container."""
        listed = self.bed.pods.exec(name, "sh", "-c",
                                    "ls -d /dev/nvidia[0-9]* /dev/nvidia-caps/* 2>/dev/null || true")
        return set(listed.split())

    def minors_of(self, uuid):
        """Device nodes that a slice has, from the machine itself."""
        for gpu in self.node.show()["gpus"]:
            for gi in gpu["instances"]:
                for ci in gi["compute_instances"]:
                    if ci["uuid"] == uuid:
                        root = os.path.join(self.node.machine, "root/proc/driver/nvidia/capabilities",
                                            f"gpu{gpu['minor']}", "mig", f"gi{gi['id']}")
                        return {f"/dev/nvidia{gpu['minor']}",
                                f"/dev/nvidia-caps/nvidia-cap{minor(os.path.join(root, 'access'))}",
                                "/dev/nvidia-caps/nvidia-cap"
                                + minor(os.path.join(root, f"ci{ci['id']}", "access"))}
        raise AssertionError(f"no slice {uuid}")

    def held(self):
        """{"pod": [UUID]} as the agent knows it."""
        found = {}
        for gpu in self.state()["gpus"]:
            for item in gpu["slices"] + [gpu]:
                if item.get("holder"):
                    found.setdefault(item["holder"]["pod"], []).append(item["uuid"])
        return found

    def wait_held(self, name, count):
        return system.wait_for(f"{count} devices held by {name}",
                               lambda: (lambda have: have if len(have) == count else None)(
                                   self.held().get(name, [])), 60)

    # ---- the cases ----

    def agent__starts_on_a_node_whose_gpus_are_not_cut(self):
        self.node.start_agent(*agent_words("--metrics-interval-ms", "1000"))
        self.node.agent.wait_until(
            "an agent that answers",
            lambda: self.node.run_with_gpus([self.agent_program, "state"], check=False), 30)
        system.wait_equal("MIG of its GPUs", ["on", "on"],
                          lambda: [gpu["mig"] for gpu in self.state()["gpus"]], 60)

    def layout__is_allocatable_within_a_second_of_the_order(self):
        begun = time.monotonic()
        result = self.apply("all-1g.5gb")
        assert result["result"] == "ok" and result["changed"], result
        self.node.wait_allocatable(SMALL, 14)
        print(f"# from the order to node.status: {time.monotonic() - begun:.3f} s, "
              f"the re-cut {result['tookUs'] / 1e6:.3f} s")

    def pod__gets_one_slice_and_sees_its_device_nodes_only(self):
        self.bed.run_pod("one", {SMALL: 1})
        uuid, = self.wait_held("one", 1)
        assert self.nodes_of("one") == self.minors_of(uuid), (self.nodes_of("one"), uuid)
        environment = self.bed.pods.exec("one", "env")
        assert "NVIDIA_VISIBLE_DEVICES=void" in environment, environment

    def pod__whose_image_wants_all_gpus_gets_its_own_slice_only(self):
        self.bed.run_pod(pod("greedy", {SMALL: 1}, image=images.WANTS_ALL_GPUS))
        uuid, = self.wait_held("greedy", 1)
        assert self.nodes_of("greedy") == self.minors_of(uuid)
        assert "NVIDIA_VISIBLE_DEVICES=void" in self.bed.pods.exec("greedy", "env")

    def slices__in_use_stand_in_the_way_of_a_layout_and_nothing_is_touched(self):
        before = self.node.slices()
        result = self.apply("all-7g.40gb")
        assert result["result"] == "busy", result
        assert "pod default/" in result["error"], result
        assert self.node.slices() == before
        self.node.wait_allocatable(SMALL, 14)

    def recut__of_idle_slices_beside_running_pods_disturbs_none(self):
        before = {name: self.wait_held(name, 1) for name in ("one", "greedy")}
        restarts = [self.bed.pods.find(name)["status"]["containerStatuses"][0]["restartCount"]
                    for name in before]
        result = self.apply("all-3g.20gb", "--only-idle")
        assert result["result"] == "busy" and result["changed"], result
        big = len([one for one in self.node.slices() if one[1] == "3g.20gb"])
        assert big >= 2, self.node.slices()
        self.node.wait_allocatable(BIG, big)
        assert {name: self.wait_held(name, 1) for name in before} == before
        for name in before:
            assert self.nodes_of(name) == self.minors_of(before[name][0])
        assert restarts == [self.bed.pods.find(name)["status"]["containerStatuses"][0]["restartCount"]
                            for name in before]

    def pod__may_ask_two_profiles_at_once(self):
        system.wait_for("small slices", lambda: (self.node.allocatable(SMALL) or 0) >= 3, 60)
        self.bed.run_pod("two", {SMALL: 1, BIG: 1})
        uuids = self.wait_held("two", 2)
        assert self.nodes_of("two") == set.union(*map(self.minors_of, uuids))

    def pod__that_waits_runs_as_soon_as_its_slice_is_cut(self):
        self.bed.pods.create(pod("waits", {"nvidia.com/mig-2g.10gb": 1}))
        time.sleep(1)
        assert self.bed.pods.phase("waits") == "Pending"
        for name in ("one", "greedy", "two"):
            self.bed.pods.delete(name)
        system.wait_equal("holders", {}, self.held, 30)
        begun = time.monotonic()
        result = self.apply_once_idle("all-2g.10gb")
        self.bed.pods.wait_phase("waits", "Running", 60)
        print(f"# from the order to the waiting pod's container: {time.monotonic() - begun:.3f} s, "
              f"the re-cut {result['tookUs'] / 1e6:.3f} s")
        self.node.wait_allocatable(SMALL, 0)
        self.node.wait_allocatable("nvidia.com/mig-2g.10gb", 6)

    def label__is_obeyed_and_its_state_kept(self):
        self.bed.pods.delete("waits", grace=0)
        self.bed.api.patch(f"/api/v1/nodes/{self.node.name}",
                           {"metadata": {"labels": {"nvidia.com/mig.config": "all-balanced"}}})
        label = lambda name: self.node.object()["metadata"]["labels"].get(name)
        system.wait_equal("the state", "success", lambda: label("nvidia.com/mig.config.state"), 60)
        self.node.wait_allocatable(BIG, 2)
        self.node.wait_allocatable(SMALL, 4)
        system.wait_equal("the label of feature discovery", "2",
                          lambda: label("nvidia.com/mig-3g.20gb.count"), 5)
        self.bed.api.patch(f"/api/v1/nodes/{self.node.name}",
                           {"metadata": {"labels": {"nvidia.com/mig.config": "all-9g.99gb"}}})
        system.wait_equal("the state", "failed", lambda: label("nvidia.com/mig.config.state"), 60)
        self.node.wait_allocatable(BIG, 2)

    def metrics__name_the_pod_of_a_slice(self):
        self.bed.run_pod("measured", {BIG: 1})
        system.wait_for("the pod in /metrics", lambda: 'pod="measured"' in self.page("/metrics"), 30)
        assert "ok" in self.page("/healthz")

    def slice__that_was_just_granted_is_not_cut_though_no_pod_shows_it_yet(self):
        """As the kubelet asks, a moment before anything else knows of it."""
        try:
            import grpc  # pylint: disable=import-outside-toplevel
        except ImportError:
            print("# not tried: apt-get install python3-grpcio")
            return
        path = os.path.join(self.node.folder, "kubelet", "device-plugins", "nvidia-mig-3g.20gb.sock")
        free = next(ci["uuid"] for gpu in self.node.show()["gpus"] for gi in gpu["instances"]
                    for ci in gi["compute_instances"] if ci["profile"] == "3g.20gb"
                    and ci["uuid"] not in self.held().get("measured", []))
        channel = grpc.insecure_channel(f"unix:{path}",
                                        options=[("grpc.default_authority", "localhost")])
        allocate = channel.unary_unary("/v1beta1.DevicePlugin/Allocate",
                                       request_serializer=lambda request: request,
                                       response_deserializer=lambda answer: answer)
        assert allocate(pb.write((1, [(1, free)])), timeout=60)
        channel.close()
        answer = self.apply("all-2g.10gb", "--only-idle")
        assert free in {uuid for _, _, _, uuid in self.node.slices()}, answer
        # Grants are the agent's own memory: what it does not know any more is in the kubelet's.
        self.node.agent.kill()
        self.node.agent.start()
        answer = system.wait_for("an agent that answers", lambda: self.node.run_with_gpus(
            [self.agent_program, "state"], check=False), 30)
        self.apply("all-balanced", "--only-idle")
        self.node.wait_allocatable(BIG, 2)

    def agent__leaves_slices_and_pods_as_they_are(self):
        before = self.node.slices()
        started = self.bed.pods.find("measured")["status"]["containerStatuses"][0]["state"]
        assert self.node.agent.stop() == 0, "exit status of the agent"
        assert self.node.slices() == before
        self.node.agent.start()
        self.node.wait_allocatable(BIG, 2)
        assert self.bed.pods.find("measured")["status"]["containerStatuses"][0]["state"] == started


class Single:
    """Strategy single, and whole GPUs."""

    wants_agent = False

    def __init__(self, bed):
        self.bed, self.node = bed, bed.nodes[0]

    def cut_by_hand(self, text):
        """The kubelet takes a moment to forget what a pod had; until then that is in use."""
        words = ["mig", "apply", "-f", write(self.node, text), "-c", "cut"]

        def done():
            try:
                self.node.gpuslice(*words)
                return True
            except BedError as error:
                if "to which the kubelet gave it" not in str(error):
                    raise
                return False

        system.wait_for("a cut by hand", done, 60)

    def single__offers_slices_as_gpus(self):
        self.node.agent.stop()
        self.bed.pods.delete("measured", grace=0)
        self.cut_by_hand(ALL_1G)
        self.node.start_agent(*agent_words("--mig-strategy", "single"))
        self.node.wait_allocatable("nvidia.com/gpu", 14)
        self.bed.run_pod("slice", {"nvidia.com/gpu": 1})
        self.bed.pods.delete("slice", grace=0)

    def whole__gpus_are_offered_where_mig_is_off(self):
        self.node.agent.stop()
        self.cut_by_hand(ALL_OFF)
        self.node.start_agent(*agent_words())
        self.node.wait_allocatable("nvidia.com/gpu", 2)
        self.bed.run_pod("whole", {"nvidia.com/gpu": 1})
        listed = self.bed.pods.exec("whole", "sh", "-c", "ls -d /dev/nvidia[0-9]*").split()
        assert len(listed) == 1, listed


ALL_1G = """version: v1
mig-configs:
  cut:
  - {devices: all, mig-enabled: true, mig-devices: {"1g.5gb": 7}}
"""
ALL_OFF = """version: v1
mig-configs:
  cut:
  - {devices: all, mig-enabled: false}
"""


def write(node, text):
    path = os.path.join(node.folder, "layouts.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def minor(path):
    """Of an access file of the driver."""
    return system.read(path).split("DeviceFileMinor:")[1].split()[0]


def alive(cases, case):
    """Without an agent each case would wait for its end in vain."""
    def run():
        if cases.node.agent is not None and not cases.node.agent.alive() and cases.wants_agent:
            raise AssertionError("the agent is not running")
        case()
    return run


def cases_of(cases):
    names = [n for n, f in vars(type(cases)).items() if "__" in n[1:] and callable(f)
             and not n.startswith("__")]
    return [(name, alive(cases, getattr(cases, name))) for name in names]


if __name__ == "__main__":
    try:
        with Bed(nodes=1, gpus=GPUS, sim=["--mig"], build_folder=sys.argv[1]) as the_bed:
            tap.run(cases_of(Cases(the_bed)) + cases_of(Single(the_bed)))
    except Skip as skipped:
        print(f"SKIP: {skipped}")
        sys.exit(77)
