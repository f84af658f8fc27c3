"""client: the measuring client (client/*.go), from here."""
import json
import select
import subprocess
import threading

from bed import system

LIMIT_S = 150


class Client:
    """`node`: whose plugins and kubelet it speaks to. `lean`: the program of lean.c."""

    def __init__(self, program, lean, node):
        self.program, self.lean, self.node = program, lean, node

    def ids(self, socket):
        return system.run([self.program, "list", socket]).split()

    def answer(self, socket, *ids):
        return json.loads(system.run([self.program, "answer", socket, *ids]))

    def load(self, kind, socket, rate, seconds, ids, first=False):
        """`kind`: "grpc-go", which is what a kubelet calls with, or "lean". `first`: before whatever
        else this machine does, as figures.put_first."""
        command = [self.program, "load"] if kind == "grpc-go" else [self.lean]
        return json.loads(system.run([*(["chrt", "-f", "1"] if first else []), *command, socket,
                                      str(rate), str(seconds), *ids], timeout=seconds + LIMIT_S))

    def offered(self, resources):
        """A Wait for the node's kubelet to offer these: {resource: how many}."""
        socket = f"{self.node.folder}/kubelet/pod-resources/kubelet.sock"
        return Wait([self.program, "offered", socket, *wanted(resources)])

    def recorded(self, resources):
        """The same to the millisecond, from the kubelet's record, once it has been written anew."""
        path = f"{self.node.folder}/kubelet/device-plugins/kubelet_internal_checkpoint"
        return Wait([self.program, "recorded", path, *wanted(resources)])

    def registrations(self):
        """A kubelet of its own, for a node that has none."""
        return Lines([self.program, "registrations", f"{self.node.folder}/kubelet/device-plugins"])


def wanted(resources):
    return [f"{name}={n}" for name, n in resources.items()]


class Lines:
    """What a client prints, from when it is ready."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.timer = threading.Timer(LIMIT_S, self.process.kill)
        self.timer.start()
        line = self.process.stdout.readline()
        if line != "ready\n":
            raise system.BedError(f"{command[1]}: {self.process.communicate()[1].strip()}")

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise system.BedError(f"the client ended: {self.process.communicate()[1].strip()}")
        return line.split()

    def end(self):
        self.timer.cancel()
        self.process.kill()
        self.process.communicate()


class Wait(Lines):
    def is_so(self):
        """Whether it has come true; BedError when the client gave up."""
        return bool(select.select([self.process.stdout], [], [], 0)[0]) and bool(self.line())

    def when(self):
        """The time at which it was so, as time.monotonic() has it."""
        try:
            return float(self.line()[0])
        finally:
            self.end()
