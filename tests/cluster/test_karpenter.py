#!/usr/bin/env python3
"""The whole way on a real cluster: a pod that asks for a slice waits, Karpenter makes a node, the boot
step cuts its GPUs, a real kubelet joins, the agent lifts the startup taint, the pod runs; and back.

usage: test_karpenter.py BUILD_DIR
"""
import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
# pylint: disable=wrong-import-position
import tap
from bed import cgroups, cleanup, system
from bed.api import ApiError
from bed.bed import Bed
from bed.errors import Skip
from bed.karpenter import CLAIMS, OVERLAYS, POOLS, STARTUP_TAINT, condition, node_overlay, node_pool
from bed.pods import path_of, pod

P4D, G7E = "p4d.24xlarge", "g7e.2xlarge"
SMALL, RTX = "nvidia.com/mig-1g.5gb", "nvidia.com/mig-1g.24gb"
LAYOUT = "nvidia.com/mig.config"
TIMES = ("booting", "cutting", "starting", "up")


def refused(call, *words):
    try:
        call(*words)
    except ApiError as error:
        assert error.status == 403, error
        return
    raise AssertionError(f"{words} was allowed")


def seconds(machine):
    return ", ".join(f"{state} {machine.times[state]:.1f}" for state in TIMES)


class Cases:
    """One bed for all of them, in the order of the file."""

    def __init__(self, bed):
        self.bed = bed
        self.karpenter = bed.start_karpenter(types=[P4D, G7E])
        self.launcher = bed.start_launcher()

    # ---- helpers ----

    def offer(self, pool, type_name, layout, resource, count, weight):
        """The pool and overlay of a layout, as one writes them by hand."""
        self.karpenter.apply(
            node_overlay(pool, pool, type_name, {resource: count, "nvidia.com/gpu": 0}, weight),
            node_pool(pool, [type_name], {LAYOUT: layout}, weight=weight))

    def withdraw(self, pool):
        self.bed.api.delete(f"{OVERLAYS}/{pool}")
        self.bed.api.delete(f"{POOLS}/{pool}")
        system.wait_for(f"pool {pool} goes", lambda: self.bed.api.find(f"{POOLS}/{pool}") is None, 60)

    def only_claim(self):
        claim, = self.karpenter.claims()
        return claim

    def wait_claim(self, claim, kind, status):
        return self.karpenter.wait_condition(f"{CLAIMS}/{claim['metadata']['name']}", kind, status, 120)

    def taints(self, machine):
        return [one["key"] for one in machine.node.object()["spec"].get("taints", [])]

    def events_of(self, name):
        """What Karpenter said of a pod."""
        found = self.bed.api.list("/api/v1/namespaces/default/events",
                                  fieldSelector=f"involvedObject.name={name}")
        return [one["message"] for one in found
                if one.get("source", {}).get("component") == "karpenter"
                or one.get("reportingComponent") == "karpenter"]

    def wait_empty(self, machine):
        """Nothing of the machine is left: no claim, Node, process, group, folder, address."""
        system.wait_for("the NodeClaims go", lambda: not self.karpenter.claims(), 120)
        self.launcher.wait_gone(machine)
        assert self.bed.api.find(f"/api/v1/nodes/{machine.name}") is None
        assert not cgroups.processes(machine.node.group) and not cgroups.folders(machine.node.group)
        assert not os.path.exists(machine.node.folder) and not os.path.exists(machine.node.machine)
        assert machine.node.address not in self.bed.network.ip("addr")

    def stuck_and_ended(self, machine, name):
        """The node of a waiting pod stays as it is, until somebody deletes its NodeClaim."""
        claim = self.wait_claim(self.only_claim(), "Registered", "True")
        path = f"{CLAIMS}/{claim['metadata']['name']}"
        system.wait_equal("why it is not initialized", "NodeNotReady",
                          lambda: condition(self.bed.api.find(path), "Initialized")[1], 60)
        time.sleep(5)  # longer than a batch of Karpenter's: it neither ends this one nor starts another
        assert self.only_claim()["metadata"]["uid"] == claim["metadata"]["uid"]
        assert machine.node.conditions().get("Ready") != "True"
        assert self.bed.pods.phase(name) == "Pending"
        self.bed.api.delete(path_of(name), gracePeriodSeconds=0)
        self.bed.api.delete(path)
        self.wait_empty(machine)

    # ---- the cases ----

    def launcher__may_read_nodes_and_nothing_else(self):
        system.wait_equal("Nodes that it sees", [],
                          lambda: self.launcher.api.list("/api/v1/nodes"), 60)
        for method, path in (("list", "/api/v1/pods"), ("list", CLAIMS)):
            refused(getattr(self.launcher.api, method), path)
        refused(self.launcher.api.create, "/api/v1/nodes", {"metadata": {"name": "mine"}})
        refused(self.launcher.api.patch, "/api/v1/nodes/mine", {"metadata": {"labels": {"a": "b"}}})
        refused(self.launcher.api.delete, "/api/v1/nodes/mine")

    def pod__that_asks_for_a_slice_runs_on_a_node_that_karpenter_made(self):
        """On A100 in a VM: the boot step needs a reboot."""
        self.launcher.choose = lambda found: {"sim": ["--vm"]}
        self.offer("p4d", P4D, "all-1g.5gb", SMALL, 56, 100)
        begun = time.monotonic()
        self.bed.pods.create(pod("one", {SMALL: 1}))
        machine, = self.launcher.wait(1)
        self.bed.pods.wait_phase("one", "Running")
        took = time.monotonic() - begun
        print(f"# pending to running: {took:.1f} s; from the Node on: {seconds(machine)}")
        claim = self.wait_claim(self.only_claim(), "Initialized", "True")
        found = machine.node.object()
        assert self.bed.pods.find("one")["spec"]["nodeName"] == machine.name
        assert claim["status"]["nodeName"] == machine.name
        assert found["spec"]["providerID"] == claim["status"]["providerID"] == f"kwok://{machine.name}"
        assert STARTUP_TAINT["key"] not in self.taints(machine)
        assert found["status"]["allocatable"][SMALL] == "56", found["status"]["allocatable"]
        assert [one[1] for one in machine.node.slices()] == ["1g.5gb"] * 56
        report = json.loads(machine.node.run(["cat", "/run/gpuslice/boot.json"]))
        assert (report["state"], report["layout"], report["rebooted"]) == ("cut", "all-1g.5gb", True)
        assert "/dev/nvidia-caps" in self.bed.pods.exec("one", "sh", "-c", "ls -d /dev/nvidia*")

    def second_pod__takes_a_slice_of_the_same_node(self):
        self.bed.run_pod("two", {SMALL: 7}, 60)
        assert len(self.karpenter.claims()) == 1
        self.bed.pods.delete("two")

    def node__goes_when_its_last_pod_has_gone(self):
        machine, = self.launcher.wait(1)
        self.bed.pods.delete("one")
        begun = time.monotonic()
        self.wait_empty(machine)
        print(f"# from the last pod's end until the machine is gone: {time.monotonic() - begun:.1f} s")
        self.withdraw("p4d")

    def node__keeps_its_startup_taint_until_an_agent_has_seen_all_slices(self):
        self.launcher.choose = lambda found: {"agent": False}
        self.offer("g7e", G7E, "all-1g.24gb", RTX, 4, 50)
        self.bed.pods.create(pod("rtx", {RTX: 1}))
        machine, = self.launcher.wait(1)
        claim = self.wait_claim(self.only_claim(), "Registered", "True")
        system.wait_for("the kubelet is Ready", machine.node.is_ready, 120)
        system.wait_equal(
            "why it is not initialized", "StartupTaintsExist",
            lambda: condition(self.bed.api.find(f"{CLAIMS}/{claim['metadata']['name']}"),
                              "Initialized")[1], 60)
        assert STARTUP_TAINT["key"] in self.taints(machine)
        assert self.bed.pods.phase("rtx") == "Pending"
        machine.start_agent()
        self.bed.pods.wait_phase("rtx", "Running")
        assert STARTUP_TAINT["key"] not in self.taints(machine)
        self.wait_claim(claim, "Initialized", "True")

    def node__whose_claim_is_deleted_is_drained_and_goes(self):
        machine, = self.launcher.wait(1)
        self.bed.api.delete(f"{CLAIMS}/{self.only_claim()['metadata']['name']}")
        system.wait_for("the pod goes", lambda: self.bed.pods.find("rtx") is None, 60)
        self.wait_empty(machine)

    def node__whose_boot_step_fails_never_gets_ready_and_its_claim_stays(self):
        self.launcher.choose = lambda found: {"before_boot": [
            ("fault", "--add", "nvmlDeviceCreateGpuInstanceWithPlacement:times=all,code=UNKNOWN",
             "--add", "nvmlDeviceCreateGpuInstance:times=all,code=UNKNOWN")]}
        self.bed.pods.create(pod("unlucky", {RTX: 1}))
        machine, = self.launcher.wait(1, "failed")
        print(f"# {machine.why[:300]}")
        assert "the boot step ended with status 1" in machine.why, machine.why
        assert machine.node.kubelet.process is None and machine.node.agent is None
        self.stuck_and_ended(machine, "unlucky")

    def node__whose_kubelet_never_comes_is_the_same_to_karpenter(self):
        self.launcher.choose = lambda found: {"kubelet": False, "agent": False, "boot_delay_s": 1}
        self.bed.pods.create(pod("lonely", {RTX: 1}))
        machine, = self.launcher.wait(1, "starting")
        assert machine.times["booting"] >= 1 and len(machine.node.slices()) == 4
        self.stuck_and_ended(machine, "lonely")

    def pod__waits_for_ever_where_the_gate_of_overlays_is_off(self):
        self.launcher.choose = lambda found: {}
        self.karpenter.restart(gates={"NodeOverlay": False})
        self.bed.pods.create(pod("waits", {RTX: 1}))
        said = system.wait_for("what Karpenter says", lambda: [
            one for one in self.events_of("waits")
            if "no instance type has enough resources" in one], 60)
        print(f"# {said[0][:300]}")
        time.sleep(5)
        assert self.karpenter.claims() == [] and self.bed.pods.phase("waits") == "Pending"

    def pod__that_waited_runs_once_the_gate_is_on_also_when_karpenter_was_killed(self):
        self.karpenter.kill()
        self.karpenter.restart(gates={"NodeOverlay": True})
        machine, = self.launcher.wait(1)
        self.bed.pods.wait_phase("waits", "Running")
        print(f"# from the Node on: {seconds(machine)}; resident: " + ", ".join(
            f"{one.name} {one.memory_kib()['Rss'] // 1024} MB" for one in (
                self.karpenter.daemon, machine.node.kubelet, machine.node.containerd,
                machine.node.agent)))

    def fake_nodes__are_ready_and_take_pods_that_nothing_runs(self):
        fake = self.bed.start_fake_kubelets()
        fake.wait_ready(fake.add(10, {"cpu": 96, "memory": "1152Gi", "pods": 250, SMALL: 56}))
        self.bed.run_pod("nowhere", {SMALL: 56})
        assert self.bed.pods.find("nowhere")["spec"]["nodeName"].startswith("fake-")
        assert len(self.launcher.machines) == len(self.launcher.in_state("gone")) + 1
        self.bed.pods.delete("nowhere")

    def bed__leaves_nothing_of_a_machine_that_is_up(self):
        self.bed.stop()
        assert cleanup.left(self.bed.id) == [], cleanup.left(self.bed.id)


def cases_of(cases):
    names = [n for n, f in vars(type(cases)).items() if "__" in n[1:] and callable(f)
             and not n.startswith("__")]
    return [(name, getattr(cases, name)) for name in names]


if __name__ == "__main__":
    try:
        with Bed(nodes=0, also=("karpenter", "helm", "kwok"), build_folder=sys.argv[1]) as the_bed:
            tap.run(cases_of(Cases(the_bed)))
    except Skip as skipped:
        print(f"SKIP: {skipped}")
        sys.exit(77)
