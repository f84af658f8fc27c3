#!/usr/bin/env python3
"""The test bed itself: a real cluster comes up, has real rights, breaks as told, leaves nothing.

usage: test_bed.py BUILD_DIR
"""
import json
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
# pylint: disable=wrong-import-position
import tap
from bed import build, cgroups, cleanup, images, pods, rights, system
from bed.api import ApiError, ApiGone
from bed.bed import Bed
from bed.errors import Skip
from bed.pki import Certificate
from bed.pods import pod

MACHINES = "2xA100-40GB"
NODE_CLAIM = "authentication.kubernetes.io/node-name"

# A harness that is killed: it starts a bed and something in it, and waits.
VICTIM = """
import sys, time
sys.path.insert(0, sys.argv[1])
from bed.bed import Bed
bed = Bed(nodes=int(sys.argv[2]), gpus="1xA30-24GB", build_folder=sys.argv[3])
bed.start()
if bed.nodes:
    bed.run_pod("victim")
print(bed.id, bed.watchman.process.pid, flush=True)
time.sleep(3600)
"""


def refused(status, call, *words, **more):
    try:
        call(*words, **more)
    except ApiError as error:
        assert error.status == status, f"expected {status}: {error}"
        return
    raise AssertionError(f"expected {status}, but it was allowed")


def container(found):
    """(its id, how often it was started anew)"""
    status = found["status"]["containerStatuses"][0]
    return status["containerID"], status["restartCount"]


class Cases:
    """One bed for all of them, in the order of the file."""

    def __init__(self, bed):
        self.bed, self.node = bed, bed.nodes[0]

    def node__is_ready_and_says_what_it_has(self):
        found = self.node.object()
        assert self.node.conditions()["Ready"] == "True"
        assert found["status"]["nodeInfo"]["kubeletVersion"] == f"v{build.KUBERNETES}"
        assert found["status"]["nodeInfo"]["containerRuntimeVersion"].startswith("containerd://")
        assert self.node.allocatable("pods") == 250
        assert self.node.allocatable("nvidia.com/gpu") is None

    def machine__is_left_as_it_was(self):
        for name in ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops"):
            assert system.read(f"/proc/sys/{name}") == SYSCTLS[name], name
        assert os.path.exists("/var/lib/kubelet") == HAD_KUBELET

    def pod__runs_and_can_be_looked_into(self):
        self.bed.run_pod("looked-into", command=["sh", "-c", "echo hello; sleep infinity"])
        assert self.bed.pods.exec("looked-into", "id", "-u") == "0\n"
        system.wait_equal("its log", "hello\n", lambda: self.bed.pods.logs("looked-into"), 20)
        self.bed.pods.delete("looked-into", grace=0)

    def pod__that_asks_for_what_is_not_there_waits_and_says_why(self):
        self.bed.pods.create(pod("waits", {"nvidia.com/gpu": 1}))
        said = system.wait_for("why it waits", lambda: [
            one for one in [pods.why(self.bed.pods.find("waits"))] if "Insufficient" in one], 60)
        assert "Insufficient nvidia.com/gpu" in said[0] and said[0].startswith("Pending"), said
        self.bed.pods.delete("waits")

    def watch__tells_changes_as_they_come(self):
        seen = []
        self.bed.pods.create(pod("watched"))
        for _, kind, found in self.bed.api.watch("/api/v1/namespaces/default/pods", 60,
                                                 fieldSelector="metadata.name=watched"):
            seen.append(kind)
            if found["status"].get("phase") == "Running" and kind == "MODIFIED":
                break
            if kind == "ADDED":
                self.bed.api.patch(pods.path_of("watched"), [
                    {"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}], kind="json")
        assert seen[0] == "ADDED" and len(seen) > 2, seen
        self.bed.pods.delete("watched")

    def image__that_asks_for_every_gpu_is_there(self):
        said = self.bed.pods.finish(pod("asks", image=images.WANTS_ALL_GPUS,
                                        command=["sh", "-c", "echo $NVIDIA_VISIBLE_DEVICES"]))
        assert said == "all\n", said

    def gpus__are_seen_on_the_node(self):
        listed = json.loads(self.node.gpuslice("gpu", "list", "-o", "json"))
        assert len(listed["gpus"]) == 2, listed
        self.node.gpuslice("mig", "create", "3g.20gb")
        assert [s[1] for s in self.node.slices()] == ["3g.20gb"], self.node.slices()

    def cdi__devices_become_nodes_in_a_container(self):
        """With numbers in the file those, else the ones of what the path leads to: on simulated
        machines the null device's."""
        dev = os.path.join(self.node.machine, "root/dev")
        given = [{"path": "/dev/nvidia0", "type": "c", "major": 195, "minor": 0,
                  "hostPath": f"{dev}/nvidia0"},
                 {"path": "/dev/nvidia-caps/nvidia-cap12", "type": "c", "major": 237, "minor": 12},
                 {"path": "/dev/nvidiactl", "hostPath": f"{dev}/nvidiactl"}]
        system.write(os.path.join(self.node.folder, "cdi", "test.json"), json.dumps({
            "cdiVersion": "0.5.0", "kind": "test.gpuslice/slice",
            "devices": [{"name": "one", "containerEdits": {"deviceNodes": given}}]}))
        said = self.node.ctr("run", "--rm", "--runc-binary", self.bed.oci_runtime, "--device",
                             "test.gpuslice/slice=one", images.WORK, "cdi", "stat", "-c",
                             "%n %t:%T", *(one["path"] for one in given))
        assert said.splitlines() == ["/dev/nvidia0 c3:0", "/dev/nvidia-caps/nvidia-cap12 ed:c",
                                     "/dev/nvidiactl 1:3"], said

    def kubelet__may_change_its_own_node_and_no_other(self):
        self.bed.api.create("/api/v1/nodes", {"metadata": {"name": "other"}})
        key = Certificate(self.bed.authority.folder, f"system-node-{self.node.name}")
        kubelet = self.bed.control_plane.as_user(certificate=key)
        change = {"metadata": {"annotations": {"test": "yes"}}}
        kubelet.patch(self.node.path, change)
        refused(403, kubelet.patch, "/api/v1/nodes/other", change)
        refused(403, kubelet.patch, "/api/v1/nodes/other/status", {"status": {"capacity": {}}})
        refused(403, kubelet.patch, self.node.path,
                {"metadata": {"labels": {"node-restriction.kubernetes.io/x": "y"}}})
        refused(403, kubelet.list, "/api/v1/secrets")
        self.bed.api.delete("/api/v1/nodes/other")

    def agent__is_known_by_its_node_and_has_few_rights(self):
        given = rights.give_agent(self.bed, self.node)
        review = self.bed.api.create("/apis/authentication.k8s.io/v1/tokenreviews", {
            "kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1",
            "spec": {"token": given.token}})
        user = review["status"]["user"]
        assert user["username"] == "system:serviceaccount:gpuslice-system:gpuslice-agent", user
        assert user["extra"][NODE_CLAIM] == [self.node.name], user
        api = given.api
        amount = {"status": {"capacity": {"example.com/thing": "3"}}}
        api.patch(self.node.path + "/status", amount, kind="strategic")
        api.patch(self.node.path, {"metadata": {"labels": {"nvidia.com/mig.config": None}}})
        assert isinstance(api.list("/api/v1/pods"), list)
        for path in ("/api/v1/secrets", "/api/v1/configmaps", "/api/v1/namespaces"):
            refused(403, api.list, path)
        refused(403, api.delete, self.node.path)
        refused(403, api.create, "/api/v1/namespaces/default/pods", pod("no"))

    def agent__without_its_pod_is_nobody(self):
        given = rights.give_agent(self.bed, self.node)
        self.bed.pods.delete(f"{rights.AGENT}-{self.node.name}", rights.NAMESPACE, grace=0)

        def is_refused():
            try:
                given.api.get(self.node.path)
            except ApiError as error:
                return error.status == 401
            return False

        system.wait_for("the token is refused", is_refused, 60)

    def agent__runs_on_the_node_with_the_gpus_and_its_rights(self):
        """A shell in its place says what an agent finds."""
        agent = self.node.start_agent("-c", "echo $NODE_NAME; ls /var/lib/kubelet/device-plugins; "
                                      "gpuslice gpu list | grep -c A100; sleep infinity", program="/bin/sh",
                                      env={"PATH": f"{self.bed.build}/bin:/usr/bin:/bin"})
        said = [self.node.name, "kubelet.sock", "2"]
        system.wait_equal("what it says", said, lambda: system.tail(agent.log), 30)
        assert agent.memory_kib()["Rss"] > 0 and agent.cpu_seconds() >= 0
        assert agent.kill() == -signal.SIGKILL

    def api_server__away_and_back_disturbs_no_pod(self):
        before = container(self.bed.run_pod("stays"))
        for how in ("stopped", "frozen"):
            with self.bed.api_server_away(how):
                self.bed.api.forget()
                if how == "stopped":
                    try:
                        self.bed.api.text("/readyz")
                    except ApiGone:
                        pass
                    else:
                        raise AssertionError("it answers")
                time.sleep(1)
            assert container(self.bed.pods.find("stays")) == before
        self.bed.run_pod("after-away")

    def kubelet__killed_and_back_finds_its_pods(self):
        before = container(self.bed.pods.find("stays"))
        self.node.kubelet.kill()
        self.node.start_kubelet()
        self.node.wait_ready()
        self.bed.run_pod("after-kubelet")
        assert container(self.bed.pods.find("stays")) == before

    def containerd__killed_and_back_loses_no_container(self):
        before = container(self.bed.pods.find("stays"))
        self.node.containerd.kill()
        self.node.start_containerd()
        self.bed.run_pod("after-containerd")
        assert container(self.bed.pods.find("stays")) == before
        assert self.bed.pods.exec("stays", "echo", "here") == "here\n"

    def node__rebooted_has_lost_its_slices_and_its_containers(self):
        before = self.node.object()["status"]["nodeInfo"]["bootID"]
        assert self.node.slices() != []
        self.node.reboot()
        assert self.node.slices() == []
        assert not os.path.exists(os.path.join(self.node.folder, "cdi", "test.json"))
        self.node.start_kubelet()
        self.node.wait_ready()
        system.wait_for("another boot", lambda:
                        self.node.object()["status"]["nodeInfo"]["bootID"] != before, 60)
        self.bed.run_pod("after-reboot")
        system.wait_for("the pod from before is no longer Running",
                        lambda: self.bed.pods.phase("stays") != "Running", 120)

    def second_node__joins_and_pods_can_be_sent_there(self):
        late = self.bed.add_node(name="late", labels={"example.com/kind": "late"},
                                 taints=[{"key": "example.com/not-yet", "effect": "NoSchedule"}])
        found = late.object()
        assert found["metadata"]["labels"]["example.com/kind"] == "late"
        assert "example.com/not-yet" in [t["key"] for t in found["spec"]["taints"]]
        self.bed.run_pod("on-late", node="late", tolerations=[{"operator": "Exists"}])
        assert self.bed.pods.find("on-late")["spec"]["nodeName"] == "late"

    def harness__killed_leaves_nothing(self):
        victim, name, _ = start_victim(self.bed, nodes=0)
        victim.kill()
        victim.wait()
        system.wait_equal("what is left of its bed", [], lambda: everything_left(name), 60)

    def harness__killed_with_its_watchman_is_cleaned_by_the_next(self):
        victim, name, watchman = start_victim(self.bed, nodes=1)
        os.kill(watchman, signal.SIGKILL)
        victim.kill()
        victim.wait()
        assert cgroups.processes(name), "nothing was left to clean"
        assert name in cleanup.sweep()
        assert everything_left(name) == [], everything_left(name)
        assert self.node.kubelet.alive() and self.bed.pods.phase("after-reboot") == "Running"


def start_victim(bed, nodes):
    """(the harness, its bed's name, the pid of its watchman)"""
    victim = subprocess.Popen([sys.executable, "-c", VICTIM, HERE, str(nodes), bed.build],
                              stdout=subprocess.PIPE, text=True)
    line = victim.stdout.readline().split()
    assert len(line) == 2, f"the harness ended with status {victim.wait()}"
    victim.stdout.close()
    return victim, line[0], int(line[1])


def everything_left(name):
    """Of a bed, and whatever else on this machine speaks of it."""
    found = cleanup.left(name)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            for kind in ("cmdline", "environ", "mountinfo", "cgroup"):
                if int(pid) != os.getpid() and name in system.read(f"/proc/{pid}/{kind}"):
                    found.append(f"{kind} of process {pid}")
        except OSError:
            continue
    return found


def run_all():
    begin = time.monotonic()
    with Bed(nodes=1, gpus=MACHINES, sim=["--mig"], build_folder=sys.argv[1]) as bed:
        print(f"# to a node that is Ready: {time.monotonic() - begin:.1f} s", flush=True)
        cases = Cases(bed)
        names = [n for n, f in vars(Cases).items() if "__" in n[1:] and not n.startswith("__")]
        made = [(name, getattr(cases, name)) for name in names]

        def leaves_nothing():
            bed.stop()
            left = everything_left(bed.id)
            assert left == [], left

        tap.run(made + [("bed__ended_leaves_nothing", leaves_nothing)])


SYSCTLS = {name: system.read(f"/proc/sys/{name}")
           for name in ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops")}
HAD_KUBELET = os.path.exists("/var/lib/kubelet")

if __name__ == "__main__":
    try:
        run_all()
    except Skip as skipped:
        print(f"SKIP: {skipped}")
        sys.exit(77)
