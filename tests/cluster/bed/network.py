"""network: one namespace for the whole cluster. Nothing listens on, or talks to, anything outside.

The namespace lives as long as the process that holds it, and has no name that would have to be
removed. A bridge without ports carries the addresses of the control plane and of the nodes, since a
kubelet takes no loopback address.
"""
import contextlib
import ctypes
import os
import socket

from .daemon import Daemon
from .errors import BedError
from .system import CLONE_NEWNET, LIBC, run

CONTROL_PLANE = "10.99.0.1"
FIRST_NODE = 11
NODES_MAX = 200


def node_address(number):
    """Of the node with that number, from 0."""
    if number >= NODES_MAX:
        raise BedError(f"node {number}: a bed has addresses for {NODES_MAX} nodes")
    return f"10.99.0.{FIRST_NODE + number}"


def pod_subnet(number):
    """(the subnet of a node's pods, their way out of it)"""
    return f"10.100.{number}.0/24", f"10.100.{number}.1"


def pod_bridge(number):
    return f"pods{number}"


def name_of(namespace):
    try:
        return os.readlink(namespace)
    except OSError:
        return ""


class Network:
    def __init__(self, folder, join):
        self.holder = Daemon("network", ["unshare", "--net", "sleep", "infinity"],
                             os.path.join(folder, "log", "network.log"), join)

    def start(self):
        self.holder.start()
        ours = name_of("/proc/self/ns/net")
        self.holder.wait_until("has a namespace",
                               lambda: name_of(self.path) not in ("", ours), 10)
        self.ip("link", "set", "lo", "up")
        self.ip("link", "add", "d0", "type", "bridge")
        self.ip("addr", "add", f"{CONTROL_PLANE}/24", "dev", "d0")
        self.ip("link", "set", "d0", "up")
        self.ip("route", "add", "default", "dev", "d0")

    def add_node(self, number):
        """The node's address."""
        address = node_address(number)
        self.ip("addr", "add", f"{address}/24", "dev", "d0")
        return address

    def remove_node(self, number):
        """Its address, and the bridge of its pods' network, which outlives the node's processes."""
        self.ip("addr", "del", f"{node_address(number)}/24", "dev", "d0")
        run([*self.enter, "ip", "link", "del", pod_bridge(number)], check=False)

    @property
    def path(self):
        return f"/proc/{self.holder.pid}/ns/net"

    @property
    def enter(self):
        """In front of a command, runs it there. Not `ip netns exec`: that mounts /sys anew, and a
        kubelet then finds no cgroups."""
        return ["nsenter", f"--net={self.path}"]

    def ip(self, *words):
        return run([*self.enter, "ip", *words])

    @contextlib.contextmanager
    def entered(self):
        """The calling thread, and no other, is in the namespace meanwhile."""
        with open("/proc/thread-self/ns/net", "rb") as back, open(self.path, "rb") as there:
            move(there)
            try:
                yield
            finally:
                move(back)

    def connect(self, address, timeout):
        """A TCP socket of the namespace; it stays there."""
        with self.entered():
            try:
                return socket.create_connection(address, timeout)
            except OSError as error:
                raise BedError(f"{address[0]}:{address[1]}: {error}") from error


def move(namespace):
    if LIBC.setns(namespace.fileno(), CLONE_NEWNET) != 0:
        raise BedError(f"setns to {namespace.name}: {os.strerror(ctypes.get_errno())}")
