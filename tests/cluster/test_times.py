#!/usr/bin/env python3
"""How long a re-cut takes, heard where it counts: on ListAndWatch, in node.status, by a pod.

usage: test_times.py BUILD_DIR

GPUSLICE_TIMES (8) is how often each is measured, on a node whose driver takes the times of a real
one ("realistic") and on one whose driver takes none, so that what is ours can be told apart. Nothing
here fails for being slow: a machine that is shared says little. It fails where an order, a list, a
number or a pod does not come.
"""
import os
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, ".."), os.path.join(HERE, "..", "peers", "grpc")]
# pylint: disable=wrong-import-position
import pb
import tap
from bed import system
from bed.bed import Bed
from bed.errors import Skip
from bed.pods import pod
from load import Agent, Watcher, document, percentiles, resource

TIMES = int(os.environ.get("GPUSLICE_TIMES", "8"))
LARGE, SMALL = resource("3g.20gb"), resource("1g.5gb")


class Ear(threading.Thread):
    """A second listener beside the kubelet: [(time, healthy devices)] of a resource's list."""

    def __init__(self, node, name):
        super().__init__(daemon=True)
        try:
            import grpc  # pylint: disable=import-outside-toplevel
        except ImportError as error:
            raise Skip(f"this Python has no grpcio ({error}): "
                       "apt-get install python3-grpcio") from error
        socket = os.path.join(node.folder, "kubelet", "device-plugins",
                              name.replace("/", "-").replace(".com", "") + ".sock")
        system.wait_for(f"the socket {socket}", lambda: os.path.exists(socket), 30)
        self.channel = grpc.insecure_channel(f"unix:{socket}",
                                             options=[("grpc.default_authority", "localhost")])
        self.call = self.channel.unary_stream("/v1beta1.DevicePlugin/ListAndWatch",
                                              request_serializer=lambda request: request,
                                              response_deserializer=lambda answer: answer)
        self.heard, self.error = [], grpc.RpcError
        self.start()

    def run(self):
        try:
            for answer in self.call(b""):
                devices = [pb.read(device) for device in pb.read(answer).get(1, [])]
                healthy = sum(device[2] == [b"Healthy"] for device in devices)
                self.heard.append((time.monotonic(), healthy))
        except self.error:
            pass

    def when(self, count, since):
        """The time at which it first had so many after `since`."""
        def first():
            return next((at for at, n in list(self.heard) if at >= since and n == count), None)
        return system.wait_for(f"{count} devices in the list", first, 30)


class Times:
    """One node; `delays` is what its driver takes, for people."""

    def __init__(self, bed, node, delays):
        self.bed, self.node, self.delays = bed, node, delays
        path = os.path.join(node.folder, "agent.sock")
        self.agent = Agent(path)
        node.start_agent("--control-socket", path, "--http-address", f"{node.address}:9400")
        node.agent.wait_until("the agent", self.agent.is_up, 30)
        self.watcher = Watcher(bed, node)
        self.watcher.start()
        # A resource that is there all along, so that no registration is measured.
        self.order("1g.5gb=7", "3g.20gb=1")
        node.wait_allocatable(LARGE, 1)
        self.ear = Ear(node, LARGE)

    def order(self, *layouts):
        answer = self.agent.apply(document=document(layouts), onlyIdle=True)
        assert answer["result"] == "ok", answer
        return answer

    def shown(self, count, since):
        """When node.status had so many of the large ones."""
        def first():
            with self.watcher.lock:
                return next((at for at, there in self.watcher.allocatable
                             if at >= since and there.get(LARGE) == count), None)
        return system.wait_for(f"{count} in node.status", first, 30)

    def grow(self, name):
        """A slice is added, which a pod waits for: (to the list, to node.status, to Running)."""
        self.bed.pods.create(pod(name, {LARGE: 2}, node=self.node.name))
        system.wait_for(f"{name} waits", lambda: any(
            one["type"] == "PodScheduled" and one.get("reason") == "Unschedulable"
            for one in self.bed.pods.find(name)["status"].get("conditions", [])), 30)
        begun = time.monotonic()
        self.order("1g.5gb=7", "3g.20gb=2")
        in_list = self.ear.when(2, begun) - begun
        in_status = self.shown(2, begun) - begun
        system.wait_for(f"{name} runs", lambda: name in self.watcher.running, 60)
        runs = self.watcher.running[name] - begun
        self.bed.pods.delete(name, grace=0)
        return in_list, in_status, runs

    def shrink(self):
        """An idle one is taken: (to node.status, to the end)."""
        def done():
            """(begin, end); while the pod's end is not known yet the order changes nothing."""
            begun = time.monotonic()
            answer = self.agent.apply(document=document(["1g.5gb=7", "3g.20gb=1"]), onlyIdle=True)
            return answer["result"] == "ok" and (begun, time.monotonic())

        begun, end = system.wait_for("a slice less", done, 60)
        return self.shown(1, begun) - begun, end - begun

    def measure(self):
        grown, shrunk = [], []
        for k in range(TIMES):
            grown.append(self.grow(f"times-{self.node.name}-{k}"))
            shrunk.append(self.shrink())
        for what, at in (("ListAndWatch", 0), ("node.status", 1), ("a waiting pod's container", 2)):
            print(f"# {self.delays}: a slice more, command to {what}: "
                  f"{percentiles([one[at] for one in grown])}")
        for what, at in (("node.status lowered", 0), ("the end", 1)):
            print(f"# {self.delays}: a slice less, command to {what}: "
                  f"{percentiles([one[at] for one in shrunk])}")


def cases(bed):
    return [("a_driver_that_takes_no_time",
             lambda: Times(bed, bed.nodes[0], "no delay of the driver").measure()),
            ("a_driver_that_takes_its_time",
             lambda: Times(bed, bed.nodes[1], "realistic delays").measure())]


if __name__ == "__main__":
    try:
        with Bed(nodes=1, gpus="2xA100-40GB", sim=["--mig"], build_folder=sys.argv[1]) as the_bed:
            the_bed.add_node("2xA100-40GB", ["--mig", "--delays", "realistic"])
            tap.run(cases(the_bed))
    except Skip as skipped:
        print(f"SKIP: {skipped}")
        sys.exit(77)
