"""gpu_node: a node with simulated GPUs, and the program that serves them.

The machine (simdriver) has its GPUs in a folder; a process sees them when its environment has
GPUSLICE_SIM and, first on the loader's path, the simulated libnvidia-ml.so.1. That is how our agent
runs here, how NVIDIA's plugin does in its place, and how any tool looks at the node's GPUs.
"""
import json
import os

from . import rights
from .errors import BedError
from .node import Node
from .system import run


class GpuNode(Node):
    """`gpus` as gpuslice-sim create takes them ("8xA100-40GB", or a list of such); `sim` more of its
    options ("--mig", "--delays", "realistic")."""

    def __init__(self, bed, number, name, gpus, sim=(), **more):
        super().__init__(bed, number, name, **more)
        self.gpus = [gpus] if isinstance(gpus, str) else list(gpus)
        self.sim_options = list(sim)
        self.machine = os.path.join(bed.memory_folder, f"n{number}")
        self.agent = None
        self.credentials = None

    def set_up(self):
        super().set_up()
        words = [word for one in self.gpus for word in ("--gpus", one)]
        self.sim("create", "--seed", f"{self.bed.id} {self.name}", *words, *self.sim_options)

    def sim(self, command, *words):
        """gpuslice-sim COMMAND on this node's machine: "unload", "lose", "xid", "fault", …"""
        return run([os.path.join(self.bed.build, "bin", "gpuslice-sim"), command, self.machine,
                    *words])

    def show(self):
        """The truth: GPUs, slices and holders, as the machine's state says and not as NVML does."""
        return json.loads(self.sim("show", "-o", "json"))

    def slices(self):
        """[(GPU, profile, start, UUID)] of the compute instances that there are."""
        return [(number, ci["profile"], gi["start"], ci["uuid"])
                for number, gpu in enumerate(self.show()["gpus"]) for gi in gpu["instances"]
                for ci in gi["compute_instances"]]

    @property
    def gpu_env(self):
        return {"GPUSLICE_SIM": self.machine, "LD_LIBRARY_PATH": os.path.join(self.bed.build, "lib")}

    def spawn_with_gpus(self, name, command, env=None):
        """A process on the node that sees the GPUs; its output is in self.log(name)."""
        return self.spawn(name, command, dict(self.gpu_env, **(env or {})))

    def run_with_gpus(self, command, env=None, timeout=240, check=True):
        return self.run(command, dict(self.gpu_env, **(env or {})), timeout, check)

    def gpuslice(self, *words):
        """Our command line on this node, as an administrator has it there."""
        return self.run_with_gpus([os.path.join(self.bed.build, "bin", "gpuslice"), *words])

    # ---- what serves the GPUs ----

    def start_agent(self, *words, program=None, env=None, credentials=True):
        """Starts gpuslice-agent, or another program in its place, with its own rights: GPUSLICE_SIM,
        NODE_NAME, KUBECONFIG and KUBERNETES_SERVICE_* are in its environment, and a token that is
        bound to a pod of this node (rights.py). It is a Daemon: self.agent.kill(), .start() again
        with the same words, also after a reboot."""
        if self.agent is not None and self.agent.alive():
            raise BedError(f"the agent of {self.name} runs already, as process {self.agent.pid}")
        if self.agent is not None:
            self.extras.remove(self.agent)
        more = {"NODE_NAME": self.name}
        if credentials:
            if self.credentials is None:
                self.credentials = rights.give_agent(self.bed, self)
            more.update(self.credentials.env())
        program = program or os.path.join(self.bed.build, "bin", "gpuslice-agent")
        self.agent = self.spawn_with_gpus("agent", [program, *words], dict(more, **(env or {})))
        return self.agent

    def power_off(self):
        super().power_off()
        self.sim("reboot")

    def tear_down(self):
        super().tear_down()
        self.sim("destroy")
