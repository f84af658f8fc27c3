#!/usr/bin/env python3
"""What docs/guides tell to do in a cluster, done in one: a real API server, scheduler and kubelet, with
agent and controller, and simulated GPUs.

usage: test_guides.py BUILD_DIR

The blocks `sh cluster` of each guide run in its order, as somebody would paste them: a command that
fails ends the case. What the guides take for granted is there: a node NODE, and the pod guide/waits
that waits for a slice which no GPU has. Blocks of YAML are shown to the API server in a dry run.
"""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
# pylint: disable=wrong-import-position
import tap
from bed import controller, system
from bed.bed import SOURCE, Bed
from bed.errors import Skip
from bed.pods import pod
from guides import guide

SPACE = "guide"

# The pods that stand in for agent and controller belong to no DaemonSet and no Deployment here, so that
# a drain would refuse to go on for them; they are left out of it.
KUBECTL = """#!/bin/sh
case $1 in
drain) set -- "$@" --pod-selector='app.kubernetes.io/name notin (gpuslice-agent, gpuslice-controller)' ;;
esac
exec {program} "$@"
"""


class Cases:
    """One bed for all guides."""

    def __init__(self, bed):
        self.bed, self.node = bed, bed.nodes[0]
        self.node.start_agent("--http-address", f"{self.node.address}:9400")
        controller.apply_types(bed)
        self.controller = controller.Controller(bed, 0, ["--lease-duration", "6"]).start()
        self.controller.daemon.wait_until("the controller leads", self.controller.leads, 60)
        self.path = os.path.join(bed.folder, "guide-bin")
        os.makedirs(self.path, exist_ok=True)
        with open(os.path.join(self.path, "kubectl"), "w", encoding="utf-8",
                  opener=lambda path, flags: os.open(path, flags, 0o755)) as file:
            file.write(KUBECTL.format(program=bed.programs["kubectl"]))
        os.symlink(os.path.abspath(os.path.join(bed.build, "bin", "gpuslice")),
                   os.path.join(self.path, "gpuslice"))
        for name in (SPACE, "team-a"):
            bed.kubectl("create", "namespace", name)
        bed.pods.create(pod("waits", {"nvidia.com/mig-1g.23gb": 1}, namespace=SPACE))

    def shell(self, block):
        """A block, in the cluster's network and with its kubeconfig."""
        env = dict(system.PLAIN_ENV, KUBECONFIG=self.bed.control_plane.admin_config, HOME=self.path,
                   NODE=self.node.name, PATH=f"{self.path}:{system.PLAIN_ENV['PATH']}")
        done = subprocess.run([*self.bed.network.enter, "bash", "-euo", "pipefail", "-xc", block.text],
                              env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=900, check=False)
        print("".join(f"# {line}\n" for line in done.stdout.splitlines()[:40]), end="")
        assert done.returncode == 0, f"{block.where}: status {done.returncode}\n{done.stderr}"

    def run_guide(self, blocks):
        """Its blocks for a cluster, in their order."""
        for block in blocks:
            if block.kind == guide.CLUSTER:
                self.shell(block)

    def show_yaml(self, blocks):
        """The API server takes each object, where it knows the kind."""
        for block in blocks:
            if block.kind == guide.YAML:
                self.bed.kubectl("apply", "--server-side", "--dry-run=server", "--validate=strict",
                                 "-f", "-", stdin=block.text)


def cases_of(cases):
    """A guide is a case, and so is the YAML of all of them."""
    found = guide.guides(SOURCE)
    steps = [(f"{name} can be done as it is written", lambda blocks=blocks: cases.run_guide(blocks))
             for name, blocks in found.items()
             if any(block.kind == guide.CLUSTER for block in blocks)]
    everything = [block for blocks in found.values() for block in blocks]
    return steps + [("the API server takes the YAML of the guides",
                     lambda: cases.show_yaml(everything))]


if __name__ == "__main__":
    try:
        with Bed(nodes=1, gpus="2xA100-40GB", sim=["--mig"], build_folder=sys.argv[1]) as the_bed:
            tap.run(cases_of(Cases(the_bed)))
    except Skip as skipped:
        print(f"SKIP: {skipped}")
        sys.exit(77)
