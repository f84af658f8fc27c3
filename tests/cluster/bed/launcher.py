"""launcher: EC2 in small. For each Node that Karpenter's kwok provider makes, a machine boots.

As on EKS: the instance type says which GPUs it has; the user data has the node's labels; the boot step
cuts the GPUs by them; only when it succeeded does the kubelet start, with the node's certificate, and
then the agent. When the Node goes, the machine goes.

It reads Nodes with a right of its own to do so, and writes no API object. The agent's token is asked
for as a kubelet does it: with the node's certificate, bound to the DaemonSet's pod on that node.
"""
import os
import threading
import time

from . import cgroups, rights
from .errors import BedError, Died, TimedOut
from .karpenter import TYPE_LABEL, ec2_table
from .system import wait_for, write

SELECTOR = "kwok.x-k8s.io/node=fake"
HOSTNAME = "kubernetes.io/hostname"
USER = "gpuslice-bed-launcher"
NODES = "/api/v1/nodes"
WATCH_S = 5
BOOT_LIMIT_S = 300
END_LIMIT_S = 90
REBOOTS_MAX = 2
REBOOT_FLAG = "/run/gpuslice-reboot"

# What a machine goes through; from "up" and "failed" only its Node's end leads on.
STATES = ("waiting", "booting", "cutting", "starting", "up", "failed", "gone")

# As Karpenter makes it for Amazon Linux 2023: a MIME archive, its own part last.
USER_DATA = """MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="//"

--//
Content-Type: text/x-shellscript; charset="us-ascii"

#!/bin/bash
echo "the part of the node class"

--//
Content-Type: application/node.eks.aws

# Karpenter Generated NodeConfig
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster:
    name: bed
  kubelet:
    config:
      registerWithTaints:
      - effect: NoExecute
        key: karpenter.sh/unregistered
    flags:
    - --node-labels="{labels}"

--//--
"""


class Options:
    """What happens to a machine. Launcher(...) gives those of all; Launcher.choose those of one."""

    def __init__(self, **given):
        self.boot_delay_s = 0  # from the Node to the boot step: the machine and its image
        self.sim = []  # more of gpuslice-sim create: ["--vm"] for a reboot on Ampere
        self.before_boot = []  # gpuslice-sim commands before the boot step: [("unload",)]
        self.boot_step = True  # False: an image without it
        self.boot_words = ["--wait", "5"]
        self.before_kubelet = None  # called with the bed's node: mounts, images in place of a registry
        self.kubelet = True  # False: it never comes
        self.kubelet_config = {}
        self.agent = True
        self.agent_words = []
        self.change(given)

    def change(self, given):
        for name, value in given.items():
            if not hasattr(self, name):
                raise BedError(f"no option {name!r} of a machine; expected one of "
                               f"{', '.join(vars(self))}")
            setattr(self, name, value)
        return self


class Ended(BedError):
    """The machine is to go."""


class Machine:
    """The instance of one Node. `node` is the bed's GpuNode, once it boots; `state` one of STATES;
    `why` says why it failed; `times` has the seconds from its Node to each state."""

    def __init__(self, launcher, found, options):
        self.launcher, self.bed, self.options = launcher, launcher.bed, options
        self.name, self.labels = found["metadata"]["name"], found["metadata"]["labels"]
        self.type = self.labels[TYPE_LABEL]
        self.node, self.why = None, ""
        self.begun, self.times = time.monotonic(), {}
        self.ended = threading.Event()
        self.become("waiting")
        self.thread = threading.Thread(target=self.live, name=self.name, daemon=True)

    def __repr__(self):
        return f"<machine {self.name}: {self.state}{': ' if self.why else ''}{self.why}>"

    def become(self, state):
        self.state = state
        self.times[state] = time.monotonic() - self.begun

    def live(self):
        """Its thread: up, then as it is until its Node goes, then away."""
        try:
            self.come_up()
        except Ended:
            pass
        except Exception as error:  # pylint: disable=broad-except
            self.why = str(error)
            self.become("failed")
        self.ended.wait()
        if not self.launcher.abandoned:
            self.take_away()
        self.become("gone")

    def take_away(self):
        if self.node is not None and self.node in self.bed.nodes:
            try:
                self.bed.remove_node(self.node)
            except (BedError, OSError) as error:
                self.why = f"it cannot be removed: {error}"

    def check(self):
        if self.ended.is_set():
            raise Ended(self.name)

    # ---- the boot of an instance ----

    def come_up(self):
        self.ended.wait(self.options.boot_delay_s)
        self.check()
        self.become("booting")
        entry = self.launcher.table[self.type]
        # The Node says the NodeClaim's name as host name: a label takes no more than 63 characters.
        self.node = self.bed.add_node(
            f"{entry['gpus']}x{entry['gpu']}", self.options.sim, self.name, start_kubelet=False,
            labels={HOSTNAME: self.labels[HOSTNAME]}, size=(entry["vcpu"], entry["memoryGiB"]),
            kubelet=dict({"maxPods": entry["maxPods"]}, **self.options.kubelet_config))
        for words in self.options.before_boot:
            self.node.sim(*words)
        self.check()
        if self.options.boot_step:
            self.become("cutting")
            self.cut()
        self.check()
        self.become("starting")
        if self.options.before_kubelet:
            self.options.before_kubelet(self.node)
        if self.options.kubelet:
            # No look at the Node first: it is there, and was never Ready.
            self.node.kubelet.start()
        if self.options.agent:
            self.start_agent()
        if self.options.kubelet:
            self.node.kubelet.wait_until("runs", self.node.containerd.alive, 10)
            self.become("up")

    def user_data(self):
        """What the instance is given: the labels of its Node, as Karpenter hands them on."""
        said = ",".join(f"{key}={value}" for key, value in sorted(self.labels.items())
                        if not key.startswith("kubernetes.io/"))
        return write(os.path.join(self.node.folder, "etc", "user-data"),
                     USER_DATA.replace("{labels}", said))

    def cut(self):
        """The boot step, again after each reboot that it asks for, as the unit runs at each boot."""
        words = [os.path.join(self.bed.build, "bin", "gpuslice-boot"), "--label-file",
                 self.user_data(), "--label", self.launcher.label, "--reboot-command",
                 f": >{REBOOT_FLAG}", "--run-dir", "/run/gpuslice", "--state-dir",
                 "/var/lib/gpuslice", *self.options.boot_words]
        for _ in range(REBOOTS_MAX + 1):
            step = self.node.spawn_with_gpus("boot", words)
            status = self.wait_step(step)
            self.node.extras.remove(step)
            if status is not None:
                break
            self.node.reboot()
        if status != 0:
            raise Died(f"the boot step ended with status {status}: {self.last_line('boot')}")

    def wait_step(self, step):
        """Its exit status; None when it has asked for a reboot."""
        flag = os.path.join(self.node.folder, "run", "upper", os.path.basename(REBOOT_FLAG))

        def is_over():
            self.check()
            return os.path.exists(flag) or not step.alive()

        wait_for(f"the boot step of {self.name}", is_over, BOOT_LIMIT_S)
        return None if os.path.exists(flag) else step.status

    def last_line(self, log):
        with open(self.node.log(log), encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
        return lines[-1] if lines else "it said nothing"

    def start_agent(self):
        self.node.credentials = wait_for(
            f"the agent's pod on {self.name}", self.agent_credentials, BOOT_LIMIT_S)
        self.node.start_agent("--http-address", f"{self.node.address}:9400",
                              *self.options.agent_words)

    def agent_credentials(self):
        self.check()
        return rights.token_of_daemon_set(self.bed, self.node)


class Launcher:
    """Options as for Options, of all machines. `label` is the label that names a node's layout;
    `most` how many machines there may be at once; `choose(node_object)` gives options of that
    machine that go over those of all, {"boot_delay_s": 5}. `daemon_set`: the pods that agents' tokens
    are bound to; False where agents are pods themselves."""

    def __init__(self, bed, label="nvidia.com/mig.config", most=8, choose=None, daemon_set=True,
                 **options):
        self.bed, self.label, self.most = bed, label, most
        self.daemon_set = daemon_set
        self.choose = choose or (lambda found: {})
        self.options = options
        Options(**options)  # says at once what is wrong with them
        self.table = ec2_table(bed.source)
        self.machines, self.refused = {}, {}
        self.stopping = self.abandoned = False
        self.thread = None
        certificate = bed.authority.client(USER)
        self.api = bed.control_plane.as_user(certificate=certificate)

    def start(self):
        """What it may read, and the DaemonSet of agents, are made by the bed and not by it."""
        rights.give_launcher(self.bed, USER)
        if self.daemon_set:
            rights.apply_agent_daemon_set(self.bed, SELECTOR)
        self.stopping = False
        self.thread = threading.Thread(target=self.look, name="launcher", daemon=True)
        self.thread.start()
        return self

    def stop(self):
        """It sees no more Nodes come or go; the machines that there are go on."""
        self.stopping = True
        self.thread.join(WATCH_S + END_LIMIT_S)

    def abandon(self):
        """For the end of the bed: nothing is started any more. Machines are left to the bed."""
        self.stopping = self.abandoned = True
        living = [self.thread] if self.thread else []
        for machine in list(self.machines.values()):
            machine.ended.set()
            living.append(machine.thread)
        end = time.monotonic() + END_LIMIT_S
        while any(one.is_alive() for one in living) and time.monotonic() < end:
            for machine in list(self.machines.values()):
                machine_kill(machine)
            time.sleep(0.05)

    # ---- Nodes ----

    def look(self):
        """Its thread."""
        while not self.stopping:
            try:
                self.look_once()
            except BedError:  # the API server is away
                time.sleep(0.2)

    def look_once(self):
        """All Nodes, then what happens to them for some seconds."""
        found = self.api.get(NODES, labelSelector=SELECTOR)
        names = {one["metadata"]["name"] for one in found["items"]}
        for one in found["items"]:
            self.see(one)
        for name in set(self.machines) - names:
            self.end(name)
        for _, kind, thing in self.api.watch(NODES, WATCH_S, labelSelector=SELECTOR,
                                             resourceVersion=found["metadata"]["resourceVersion"]):
            if kind == "DELETED":
                self.end(thing["metadata"]["name"])
            elif kind == "ADDED":
                self.see(thing)
            elif kind == "ERROR":
                return
            if self.stopping:
                return

    def see(self, found):
        name = found["metadata"]["name"]
        if name in self.machines or name in self.refused or self.stopping:
            return
        if found["metadata"]["labels"].get(TYPE_LABEL) not in self.table:
            self.refused[name] = f"no type {found['metadata']['labels'].get(TYPE_LABEL)!r}"
        elif len(self.living()) >= self.most:
            self.refused[name] = f"there are {self.most} machines already"
        else:
            options = Options(**self.options).change(self.choose(found))
            self.machines[name] = Machine(self, found, options)
            self.machines[name].thread.start()

    def end(self, name):
        machine = self.machines[name] if name in self.machines else None
        if machine is not None and not machine.ended.is_set():
            machine.ended.set()
            machine_kill(machine)

    # ---- for tests ----

    def living(self):
        return [one for one in self.machines.values() if one.state != "gone"]

    def in_state(self, *states):
        return [one for one in self.machines.values() if one.state in states]

    def wait(self, count, state="up", timeout=180):
        """The machines in a state, once there are so many. A machine that failed ends the wait,
        unless just that is waited for."""

        def are_so():
            failed = self.in_state("failed")
            if failed and state != "failed":
                raise Died(f"{failed[0]!r}")
            found = self.in_state(state)
            return found if len(found) >= count else None

        try:
            return wait_for(f"{count} machines {state}", are_so, timeout)
        except TimedOut as error:
            raise TimedOut(f"{count} machines {state}: not so after {timeout} s; there are "
                           f"{list(self.machines.values())}, refused {self.refused}") from error

    def wait_gone(self, machine, timeout=120):
        """Its processes and files are gone."""
        wait_for(f"{machine!r} is gone", lambda: machine.state == "gone", timeout)
        if machine.node in self.bed.nodes:
            raise BedError(f"{machine!r}: {machine.why}")


def machine_kill(machine):
    """What runs on it, and so whatever its thread waits for, ends."""
    if machine.node is None:
        return
    try:
        cgroups.kill(machine.node.group)
    except (BedError, OSError):
        pass
