#!/usr/bin/env python3
"""gpuslice-controller in a large cluster: a real API server, etcd and scheduler; nodes, pods and agents
are objects.

usage: cluster_bench.py BUILD_DIR [--sizes 100,1000,10000] [--pods 10] [--arrivals 300] [--json FILE]

For each size the cluster grows to so many nodes of 8 x A100 with --pods bound pods each; the controller
is started anew; then pods come one by one. What an agent would do with a wish is done here. The
controller-manager is stopped: no kubelet renews anything, and nobody would believe the nodes.
"""
import argparse
import base64
import http.client
import json
import os
import sys
import threading
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "..", "cluster")]
# pylint: disable=wrong-import-position
from bed import controller, stand, system
from bed.bed import Bed
from bed.errors import BedError, Skip
from bed.pods import pod

GPUNODES = "/apis/gpuslice.dev/v1alpha1/gpunodes"
NODES = "/api/v1/nodes"
SIZES = {"1g.5gb": 1, "2g.10gb": 2, "3g.20gb": 4, "4g.20gb": 4, "7g.40gb": 8}
ONES = [("1g.5gb", k) for k in range(7)]
THREES = [("3g.20gb", 0), ("3g.20gb", 4)]
MIXED = [("2g.10gb", 0), ("1g.5gb", 2), ("1g.5gb", 3), ("3g.20gb", 4)]
LAYOUTS = [ONES] * 3 + [THREES] * 3 + [MIXED] * 2  # of the GPUs of a node
BOUND = ["1g.5gb"] * 6 + ["3g.20gb"] * 3 + ["2g.10gb"]  # the pods of a node, again from the first
COME = ["1g.5gb"] * 3 + ["2g.10gb", "3g.20gb", "4g.20gb"]
SPACE, ARRIVALS = "work", "arrivals"
BATCH = 90  # objects a transaction; 128 and 1.5 MB are etcd's limits
WAIT_S = 60


def held_of(count):
    """{profile: how many slices pods of a node hold}"""
    names = [BOUND[k % len(BOUND)] for k in range(count)]
    return {name: names.count(name) for name in set(names)}


def gpus_of(name, count):
    left, found = held_of(count), []
    for index, layout in enumerate(LAYOUTS):
        slices = []
        for profile, start in layout:
            held = left.get(profile, 0) > 0
            left[profile] = left.get(profile, 0) - held
            slices.append(slice_of(profile, start, "Held" if held else "Free"))
        found.append({"uuid": f"GPU-{name}-{index}", "index": index, "model": "A100-40GB",
                      "mig": True, "healthy": True, "revision": 1, "slices": slices})
    return found


def slice_of(profile, start, state):
    return {"profile": profile, "start": start, "size": SIZES[profile], "state": state,
            "plain": True, "resource": f"nvidia.com/mig-{profile}"}


def allocatable_of(gpus):
    found = {"cpu": "96", "memory": "1100Gi", "pods": "250"}
    for profile in SIZES:
        count = sum(one["profile"] == profile for gpu in gpus for one in gpu["slices"])
        found[f"nvidia.com/mig-{profile}"] = str(count)
    return found


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def percentile(values, share):
    found = sorted(values)
    return found[min(len(found) - 1, int(len(found) * share))] if found else None


def kept(version, kind, name, namespace=None, labels=None, **more):
    """An object as the API server keeps it in etcd; it reads JSON there too."""
    meta = {"name": name, "uid": str(uuid.uuid4()), "creationTimestamp": now()}
    if namespace:
        meta["namespace"] = namespace
    if labels:
        meta["labels"] = labels
    return dict({"apiVersion": version, "kind": kind, "metadata": meta}, **more)


class Etcd:
    """Its HTTP gateway."""

    def __init__(self, network):
        self.connection = http.client.HTTPConnection("127.0.0.1", 2379, timeout=60)
        self.connection.sock = network.connect(("127.0.0.1", 2379), 60)

    def put(self, pairs):
        """All of them, in one transaction."""
        text = lambda value: base64.b64encode(value.encode()).decode()
        self.connection.request("POST", "/v3/kv/txn", json.dumps({"success": [
            {"requestPut": {"key": text(key), "value": text(json.dumps(value))}}
            for key, value in pairs]}))
        answer = self.connection.getresponse()
        said = answer.read()
        if answer.status != 200 or not json.loads(said).get("succeeded"):
            raise BedError(f"etcd: {answer.status} {said[:300]}")


class Agents:
    """What the agents of all nodes do with wishes."""

    def __init__(self, api):
        self.api, self.ended = api, False
        self.answered = 0
        self.thread = threading.Thread(target=self.look, daemon=True)

    def look(self):
        at = self.api.get(GPUNODES, limit="1")["metadata"]["resourceVersion"]
        while not self.ended:
            for _, kind, thing in self.api.watch(GPUNODES, 5, resourceVersion=at):
                at = thing["metadata"].get("resourceVersion", at)
                if kind == "MODIFIED":
                    self.carry_out(thing)

    def carry_out(self, thing):
        gpus = {one["uuid"]: one for one in thing.get("status", {}).get("gpus", [])}
        fresh = [one for one in thing.get("spec", {}).get("gpus", [])
                 if gpus[one["uuid"]].get("decision", {}).get("id") != one["id"]]
        if not fresh:
            return
        for wish in fresh:
            gpu = gpus[wish["uuid"]]
            there = {(one["profile"], one["start"]): one for one in gpu["slices"]}
            wanted = [(profile, int(start)) for profile, _, start in
                      (part.partition("@") for part in wish["layout"].split(",") if part)]
            gpu["slices"] = [there.get(one) or slice_of(*one, "Free") for one in sorted(
                wanted, key=lambda one: one[1])]
            gpu["revision"] += 1
            gpu["decision"] = {"id": wish["id"], "result": "Done"}
            self.answered += 1
        name, all_gpus = thing["metadata"]["name"], list(gpus.values())
        self.api.patch(f"{NODES}/{name}/status", {"status": {
            "capacity": allocatable_of(all_gpus), "allocatable": allocatable_of(all_gpus)}})
        self.api.patch(f"{GPUNODES}/{name}/status", {"status": {"seen": now(), "gpus": all_gpus}})


class Arrivals:
    """When each pod of the namespace lost its gate, and when it was bound."""

    def __init__(self, api):
        self.api, self.ended = api, False
        self.lifted, self.bound = {}, {}
        self.at = api.get(f"/api/v1/namespaces/{ARRIVALS}/pods")["metadata"]["resourceVersion"]
        self.thread = threading.Thread(target=self.look, daemon=True)

    def look(self):
        while not self.ended:
            for when, _, thing in self.api.watch(f"/api/v1/namespaces/{ARRIVALS}/pods", 5,
                                                 resourceVersion=self.at):
                self.at = thing["metadata"].get("resourceVersion", self.at)
                name = thing["metadata"].get("name")
                if name and not thing["spec"].get("schedulingGates"):
                    self.lifted.setdefault(name, when)
                if name and thing["spec"].get("nodeName"):
                    self.bound.setdefault(name, when)


class Bench:
    def __init__(self, bed, arguments):
        self.bed, self.arguments, self.nodes, self.number = bed, arguments, 0, 0
        controller.apply_types(bed)
        for space in (SPACE, ARRIVALS):
            stand.namespace(bed, space, opted_in=False)
        bed.control_plane.manager.stop()
        self.controller = stand.make_controller(bed, webhook=False)

    def tell(self, text):
        print(f"# {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)

    # ---- the cluster ----

    def objects_of(self, number):
        """{key of etcd: object}: a node, its GpuNode and its pods, as the API server keeps them."""
        name, pods = f"node-{number}", self.arguments.pods
        gpus = gpus_of(name, pods)
        has = allocatable_of(gpus)
        beat = {"lastHeartbeatTime": now(), "lastTransitionTime": now()}
        found = {
            f"/registry/minions/{name}": kept("v1", "Node", name, labels={
                "kubernetes.io/hostname": name, "topology.kubernetes.io/zone": f"z{number % 3}",
                "node.kubernetes.io/instance-type": "p4d.24xlarge"}, status={
                    "capacity": has, "allocatable": has,
                    "conditions": [dict(beat, type="Ready", status="True", reason="Bench")]}),
            f"/registry/gpuslice.dev/gpunodes/{name}": kept(
                "gpuslice.dev/v1alpha1", "GpuNode", name,
                status={"agent": "bench", "seen": now(), "gpus": gpus})}
        for k in range(pods):
            made = pod(f"{name}-{k}", dict(self.cpu(), **{f"nvidia.com/mig-{BOUND[k % len(BOUND)]}": 1}),
                       nodeName=name)
            found[f"/registry/pods/{SPACE}/{name}-{k}"] = kept(
                "v1", "Pod", f"{name}-{k}", namespace=SPACE, spec=made["spec"],
                status={"phase": "Running"})
        return found

    def cpu(self):
        return {"cpu": "500m", "memory": "1Gi"}

    def grow(self, count):
        """Into etcd, past the API server's admission: 120,000 requests would take half an hour. The
        API server sees them by its watch of etcd, and serves them as any others."""
        begun, plane, puts = time.monotonic(), self.bed.control_plane, []
        plane.scheduler.stop()
        etcd = Etcd(self.bed.network)
        for number in range(self.nodes, count):
            puts += self.objects_of(number).items()
            if len(puts) >= BATCH or number == count - 1:
                etcd.put(puts)
                puts = []
        self.nodes = count
        plane.scheduler.start()
        last = f"{NODES}/node-{count - 1}"
        system.wait_for("the API server has the last", lambda: self.bed.api.find(last), 120)
        self.tell(f"{count} nodes and {count * self.arguments.pods} pods are there after "
                  f"{time.monotonic() - begun:.0f} s; the API server has "
                  f"{plane.apiserver.memory_kib()['Rss'] >> 10} MiB, etcd "
                  f"{plane.etcd.memory_kib()['Rss'] >> 10} MiB")

    # ---- what is measured ----

    def start(self):
        """(seconds until all lists are read, seconds until it decides, CPU seconds, KiB resident)"""
        begun = time.monotonic()
        self.controller.start()
        daemon = self.controller.daemon
        daemon.wait_until("it is ready", self.controller.is_ready, 300)
        ready = time.monotonic() - begun
        daemon.wait_until("it leads", self.controller.leads, 60)
        leads = time.monotonic() - begun
        time.sleep(2)
        return ready, leads, daemon.cpu_seconds(), daemon.memory_kib()["Rss"]

    def arrive(self, watch):
        """Seconds from created until the gate went, by name; those that took longer than the limit
        are not there."""
        took = {}
        for _ in range(self.arguments.arrivals):
            name, profile = f"pod-{self.number}", COME[self.number % len(COME)]
            self.number += 1
            begun = time.monotonic()
            self.bed.api.create(f"/api/v1/namespaces/{ARRIVALS}/pods", pod(
                name, dict(self.cpu(), **{f"nvidia.com/mig-{profile}": 1}), namespace=ARRIVALS,
                schedulingGates=[{"name": stand.GATE}]))
            system.wait_for(f"{name} is decided", lambda name=name: name in watch.lifted, WAIT_S,
                            every=0.002)
            took[name] = profile, watch.lifted[name] - begun
        return took

    def size(self, count):
        self.grow(count)
        ready, leads, start_cpu, rss = self.start()
        self.tell(f"ready after {ready:.1f} s, {rss // 1024} MiB")
        agents, watch = Agents(self.bed.api), Arrivals(self.bed.api)
        agents.thread.start()
        watch.thread.start()
        before, cpu = self.controller.metrics(), self.controller.daemon.cpu_seconds()
        took = self.arrive(watch)
        after = self.controller.metrics()
        cpu = self.controller.daemon.cpu_seconds() - cpu
        agents.ended = watch.ended = True
        booked = [one for profile, one in took.values() if profile != "4g.20gb"]
        recut = [one for profile, one in took.values() if profile == "4g.20gb"]
        asked = lambda name: after[name] - before[name]
        row = {
            "nodes": count, "pods": count * self.arguments.pods, "ready_s": ready, "leads_s": leads,
            "start_cpu_s": start_cpu, "rss_mib": rss / 1024,
            "rss_after_mib": self.controller.daemon.memory_kib()["Rss"] / 1024,
            "booked_ms": {"p50": 1e3 * percentile(booked, .5), "p99": 1e3 * percentile(booked, .99)},
            "recut_ms": {"p50": 1e3 * percentile(recut, .5), "p99": 1e3 * percentile(recut, .99)},
            "longest_decision_ms": 1e3 * after["gpuslice_controller_longest_decision_seconds"],
            "requests_a_pod": asked("gpuslice_controller_requests_total") / len(took),
            "cpu_ms_a_pod": 1e3 * cpu / len(took), "recuts": agents.answered,
            "bound": len(watch.bound), "arrivals": len(took)}
        self.controller.daemon.stop()
        return row


HEAD = ("nodes", "pods", "ready", "RSS", "RSS after", "booked p50 / p99", "re-cut p50 / p99",
        "longest decision", "requests a pod", "CPU a pod", "bound")


def cells(row):
    booked, recut = row["booked_ms"], row["recut_ms"]
    return (f"{row['nodes']:,}", f"{row['pods']:,}", f"{row['ready_s']:.1f} s",
            f"{row['rss_mib']:.0f} MiB", f"{row['rss_after_mib']:.0f} MiB",
            f"{booked['p50']:.0f} / {booked['p99']:.0f} ms", f"{recut['p50']:.0f} / {recut['p99']:.0f} ms",
            f"{row['longest_decision_ms']:.1f} ms", f"{row['requests_a_pod']:.1f}",
            f"{row['cpu_ms_a_pod']:.1f} ms", f"{row['bound']} of {row['arrivals']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("build")
    parser.add_argument("--sizes", default="100,1000,10000")
    parser.add_argument("--pods", type=int, default=10)
    parser.add_argument("--arrivals", type=int, default=300)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    rows = []
    print("| " + " | ".join(HEAD) + " |\n|" + " --- |" * len(HEAD), flush=True)
    try:
        with Bed(nodes=0, build_folder=arguments.build) as bed:
            bench = Bench(bed, arguments)
            for size in sorted(int(one) for one in arguments.sizes.split(",")):
                rows.append(bench.size(size))
                print("| " + " | ".join(cells(rows[-1])) + " |", flush=True)
    except Skip as reason:
        print(f"SKIP: {reason}")
        sys.exit(77)
    if arguments.json:
        system.write(os.path.abspath(arguments.json), json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
