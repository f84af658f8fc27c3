#!/usr/bin/env python3
"""What was, as a user has it: the chart with history.enabled, its images, its own arguments, rights and
volume; samples through the controller, after a kill of each.

usage: test_history.py BUILD_DIR

A Node with GPUs and what is on it are objects alone; the programs run in pods on another one.
"""
import http.client
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
# pylint: disable=wrong-import-position
import tap
from bed import system
from bed.bed import SOURCE, Bed
from bed.daemon import Daemon
from bed.errors import BedError, Skip
from bed.network import CONTROL_PLANE

CHART = os.path.join(SOURCE, "deploy/chart/gpuslice")
SPACE = "slices"
PODS = f"/api/v1/namespaces/{SPACE}/pods"
HISTORY, CONTROLLER = "gpuslice-history", "gpuslice-controller"
USER = 65532  # of the images
BILL = 21957642  # of a p4d.24xlarge, millionths of a dollar an hour
GPUNODES = "/apis/gpuslice.dev/v1alpha1/gpunodes"


class Cases:
    """One installation for all of them, in the order of the file."""

    def __init__(self, bed):
        self.bed, self.node, self.api = bed, bed.nodes[0], bed.api
        # what a cluster's DNS would say of the Service, which nothing on a bed passes on
        self.hosts = system.write(os.path.join(bed.folder, "hosts"), "127.0.0.1 localhost\n", mode=0o644)
        self.volume = os.path.join(bed.folder, "volume")
        os.makedirs(self.volume)
        os.chown(self.volume, USER, USER)
        self.last = ""  # what gpuslice cost said

    # ---- helpers ----

    def values(self):
        api = [{"name": "KUBERNETES_SERVICE_HOST", "value": CONTROL_PLANE},
               {"name": "KUBERNETES_SERVICE_PORT", "value": "6443"}]
        return {"agent": {"enabled": False}, "webhook": {"enabled": False},
                "dashboard": {"enabled": True},
                "controller": {"replicas": 1, "extraEnv": api,
                               "extraVolumes": [{"name": "hosts", "hostPath": {"path": self.hosts}}],
                               "extraVolumeMounts": [{"name": "hosts", "mountPath": "/etc/hosts"}]},
                "history": {"enabled": True, "args": ["--every=1"], "extraEnv": api}}

    def helm(self, *words):
        env = dict(system.PLAIN_ENV, HOME=self.bed.folder,
                   KUBECONFIG=self.bed.control_plane.admin_config)
        values = system.write(os.path.join(self.bed.folder, "values.json"), json.dumps(self.values()))
        return system.run([*self.bed.network.enter, self.bed.programs["helm"], *words, "--values",
                           values], 300, env=env)

    def said(self, name):
        """What is known of its pods, for a case that failed."""
        of = ["--namespace", SPACE, "-l", f"app.kubernetes.io/name={name}"]
        try:
            return (self.bed.kubectl("describe", "pods", *of) +
                    self.bed.kubectl("logs", "--tail=30", *of))
        except BedError as none:
            return str(none)

    def wait_ready(self, name, but=None):
        """Its one pod, once it is ready and not the one that was."""
        def ready():
            found = [one for one in self.api.list(PODS, labelSelector=f"app.kubernetes.io/name={name}")
                     if one["metadata"]["uid"] != but and any(
                         c["type"] == "Ready" and c["status"] == "True"
                         for c in one["status"].get("conditions", []))]
            return len(found) == 1 and found[0]
        try:
            made = system.wait_for(f"a pod of {name} that is ready", ready, 180)
        except BedError as error:
            raise BedError(f"{error}\n{self.said(name)}") from error
        if name == HISTORY:
            with open(self.hosts, "w", encoding="ascii") as file:  # the same file: it is mounted
                file.write(f"127.0.0.1 localhost\n{made['status']['podIP']} {HISTORY}.{SPACE}.svc\n")
        return made

    def cost(self, *words):
        """What `gpuslice cost` says in JSON; None while it cannot."""
        program = os.path.join(self.bed.build, "bin", "gpuslice")
        done = subprocess.run(
            [*self.bed.network.enter, program, "cost", "--since", "2h", "-o", "json", *words],
            env=system.PLAIN_ENV, capture_output=True, text=True, timeout=240, check=False)
        self.last = done.stderr
        return json.loads(done.stdout) if done.returncode == 0 else None

    def through(self, by="part"):
        return self.cost("--by", by, "--namespace", SPACE, "--kubeconfig",
                         self.bed.control_plane.admin_config)

    def known(self, by="part"):
        """The same, once there is an answer that has something: a busy machine may be late."""
        def look():
            found = self.through(by)
            if not found or not found["total"]:
                raise BedError(f"{found} {self.last}")
            return found
        return system.wait_for("what gpuslice cost says", look, 60)

    # ---- cases ----

    def images__are_taken_by_the_node(self):
        folder = os.path.join(self.bed.folder, "images")
        system.run([os.path.join(SOURCE, "scripts/images.py"), self.bed.build, "-o", folder])
        for name in (CONTROLLER, HISTORY):
            self.node.ctr("images", "import", os.path.join(folder, f"{name}.tar"))

    def release__with_a_history_is_installed_and_ready(self):
        self.bed.kubectl("create", "-f", "-", stdin=json.dumps({
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "history"},
            "spec": {"capacity": {"storage": "5Gi"}, "accessModes": ["ReadWriteOnce"],
                     "hostPath": {"path": self.volume, "type": "Directory"}}}))
        self.helm("install", "gpuslice", CHART, "--namespace", SPACE, "--create-namespace")
        made = self.wait_ready(HISTORY)
        self.wait_ready(CONTROLLER)
        args = made["spec"]["containers"][0]["args"]
        assert "--file=/var/lib/gpuslice/history.db" in args and "--listen=:9744" in args, args
        found = self.api.get(f"/api/v1/namespaces/{SPACE}/configmaps/{HISTORY}-ca")
        assert found["data"]["ca.crt"].startswith("-----BEGIN CERTIFICATE-----"), found

    def account__of_the_history_may_do_nothing_else(self):
        as_it = ["--namespace", SPACE, "--as", f"system:serviceaccount:{SPACE}:{HISTORY}"]
        asks = {"patch configmap/gpuslice-history-ca": "yes", "list pods": "yes",
                "get configmap/gpuslice-history-ca": "no", "patch configmap/kube-root-ca.crt": "no",
                "create configmaps": "no", "get secrets": "no", "patch pods": "no",
                "patch nodes": "no", "create pods": "no"}
        for words, wanted in asks.items():
            try:
                found = self.bed.kubectl("auth", "can-i", *words.split(), *as_it).strip()
            except BedError as error:  # "no" is an exit status, too
                found = "no" if "no" in str(error) else str(error)
            assert found == wanted, (words, found)

    def samples__are_taken_and_read_with_gpuslice_cost(self):
        self.api.create("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {
            "name": "gpu-1", "labels": {"node.kubernetes.io/instance-type": "p4d.24xlarge",
                                        "karpenter.sh/initialized": "true",
                                        "topology.kubernetes.io/region": "us-east-1"}},
            # nobody runs what is put there
            "spec": {"taints": [{"key": "nvidia.com/gpu", "effect": "NoExecute"}]}})
        self.api.patch("/api/v1/nodes/gpu-1/status", {"status": {part: {
            "cpu": "96", "memory": "1100Gi", "pods": "110", "nvidia.com/mig-3g.20gb": "2"}
            for part in ("capacity", "allocatable")}})
        self.api.create(GPUNODES, {"apiVersion": "gpuslice.dev/v1alpha1", "kind": "GpuNode",
                                   "metadata": {"name": "gpu-1"}})
        self.api.patch(f"{GPUNODES}/gpu-1/status", {"status": {"agentVersion": "0.1.0", "gpus": [
            {"index": 0, "uuid": "GPU-1", "model": "A100-40GB", "product": "A100", "mig": True,
             "healthy": True, "revision": 1, "slices": [
                 {"profile": "3g.20gb", "start": 4 * i, "size": 4, "plain": True, "state": "Free",
                  "resource": "nvidia.com/mig-3g.20gb", "uuid": f"MIG-{i}"} for i in range(2)]}]}})
        def has_a_bill():
            found = self.through()
            total = found and found["total"]  # null: nothing is known yet
            return total and total["uusd"] > 0 and found
        try:
            system.wait_for("a bill", has_a_bill, 120)
        except BedError as error:
            raise BedError(f"{error}\n{self.last}\n{self.said(HISTORY)}") from error
        for by in ("namespace", "workload", "pool"):
            found = self.known(by)
            assert sum(one["cents"] for one in found["rows"]) == found["total"]["cents"]

    def numbers__are_what_the_view_time_asks_for(self):
        program = os.path.join(self.bed.build, "bin", "gpuslice")
        log = os.path.join(self.bed.folder, "log", "tunnel.log")
        tunnel = Daemon("tunnel", [program, "dashboard", "--no-browser", "--namespace", SPACE,
                                   "--kubeconfig", self.bed.control_plane.admin_config],
                        log, self.bed.control_plane.join, self.bed.network.enter).start()
        try:
            address = tunnel.wait_until("the address", lambda: [
                line for line in system.read(log).splitlines() if line.startswith("http://")], 60)[0]
            port, code = int(address.split(":")[2].split("/")[0]), address.split("/")[-1]
            self.wait_for_said("a bill in the series", lambda: self.ask(
                port, code, "/api/v1/history?series=bill_usd_h,held_percent&step=15"), has_a_bill)
            for path, has in (("/api/v1/fleet", lambda found: found["source"]["series"] is True),
                              ("/api/v1/gpus/GPU-1/history", lambda found: "events" in found)):
                self.wait_for_said(path, lambda path=path: self.ask(port, code, path), has)
        finally:
            tunnel.stop()

    def wait_for_said(self, what, ask, has):
        """The page asks again, too, while a machine is too busy to answer."""
        said = []
        def look():
            try:
                said.append(ask())
            except (AssertionError, OSError, http.client.HTTPException) as error:
                said.append(error)
                return None
            return has(said[-1])
        try:
            system.wait_for(what, look, 60, every=0.5)
        except BedError as error:
            raise BedError(f"{error}\n{said[-1]}\n{self.said(HISTORY)}\n{self.said(CONTROLLER)}"
                           ) from error
        for early in said[:-1]:
            print(f"# not at once: {str(early)[:500]}", flush=True)

    def ask(self, port, code, path):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.sock = self.bed.network.connect(("127.0.0.1", port), 30)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {code}"})
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, (path, answer.status, body[:300])
            return json.loads(body)
        finally:
            connection.close()

    def kill(self, name):
        (old,) = self.api.list(PODS, labelSelector=f"app.kubernetes.io/name={name}")
        self.bed.kubectl("delete", "pod", old["metadata"]["name"], "--namespace", SPACE,
                         "--grace-period=0", "--force")
        self.wait_ready(name, but=old["metadata"]["uid"])

    def controller__that_is_killed_is_followed_by_one_that_reads_the_same(self):
        before = self.known()
        self.kill(CONTROLLER)
        self.goes_on_from(before)

    def history__that_is_killed_goes_on_where_it_was_and_is_believed(self):
        """Its certificate is of another CA than before."""
        before = self.known()
        self.kill(HISTORY)
        self.goes_on_from(before)

    def goes_on_from(self, before):
        """More is known than before, and what came since is what the node costs."""
        def more():
            found = self.through()
            return found and found["total"] and found["known_s"] > before["known_s"] and found
        try:
            found = system.wait_for("gpuslice cost says more", more, 120)
        except BedError as error:
            raise BedError(f"{error}\n{self.last}\n{self.said(HISTORY)}\n{self.said(CONTROLLER)}"
                           ) from error
        def exact(bill):
            return bill["total"]["uusd"] * 3600 + bill["total"]["rest"]
        assert exact(found) - exact(before) == BILL * (found["known_s"] - before["known_s"]), (
            before, found)
        assert found["left_out"] == {"count": 0, "first": []}, found

    def file__of_the_volume_says_the_same_as_the_controller(self):
        before = self.known("pool")
        found = self.cost("--by", "pool", "--file", os.path.join(self.volume, "history.db"))
        assert found and found["known_s"] >= before["known_s"], (found, self.last)
        assert [one["name"] for one in found["rows"]] == [one["name"] for one in before["rows"]]


def has_a_bill(found):
    """In the series; what was not known is null."""
    return any(value and value > 0 for one in found["series"] if one["name"] == "bill_usd_h"
               for _, value in one["points"])


def cases_of(cases):
    return [(n, getattr(cases, n)) for n, f in vars(type(cases)).items()
            if "__" in n[1:] and callable(f) and not n.startswith("__")]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        with Bed(nodes=1, build_folder=sys.argv[1], also=("helm",)) as bed:
            tap.run(cases_of(Cases(bed)))
    except Skip as why:
        print(f"SKIP: {why}")
        sys.exit(77)


if __name__ == "__main__":
    main()
