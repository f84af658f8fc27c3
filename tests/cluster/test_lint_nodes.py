#!/usr/bin/env python3
"""A guide that was corrected by `gpuslice lint --fix` does what it promised: its pod, which asks for a
slice, runs on a node that Karpenter made from the guide's own NodePool.

usage: test_lint_nodes.py BUILD_DIR

Changed of what lint wrote is only what a machine without AWS lacks: the node class (Karpenter's kwok
provider has one of its own), and the image of the pod. NVIDIA's device plugin is left out, as the agent
offers the slices.
"""
import os
import subprocess
import sys
import time

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
# pylint: disable=wrong-import-position
import tap
from bed import images, system
from bed.bed import Bed
from bed.errors import Skip
from bed.karpenter import NODE_CLASS, OVERLAYS, POOLS
from bed.pods import IDLE
from test_lint import blocks, guides

TYPE = "p4d.24xlarge"


class Cases:
    """One bed; a guide after the other."""

    def __init__(self, bed):
        self.bed = bed
        self.karpenter = bed.start_karpenter(types=[TYPE])
        self.launcher = bed.start_launcher()

    def fixed(self, path):
        """The objects of the corrected guide, by kind."""
        program = os.path.join(self.bed.build, "bin", "gpuslice")
        done = subprocess.run([program, "lint", "--fix-to", "-", path], text=True,
                              capture_output=True, check=False, timeout=240)
        assert done.returncode in (0, 1), done.stderr
        found = {}
        for block in blocks(done.stdout):
            for one in yaml.safe_load_all(block):
                found.setdefault(one["kind"], []).append(one)
        return found

    def run(self, path):
        """From no node to the pod of the guide, and back."""
        found = self.fixed(path)
        pool, = found["NodePool"]
        overlay, = found["NodeOverlay"]
        pod = found["Pod"][0]
        pool["spec"]["template"]["spec"]["nodeClassRef"] = NODE_CLASS
        pool["spec"]["disruption"]["consolidateAfter"] = "0s"
        container, = pod["spec"]["containers"]
        container.update(image=images.WORK, command=IDLE)
        self.karpenter.apply(overlay, pool)
        name, begun = pod["metadata"]["name"], time.monotonic()
        self.bed.pods.create(pod | {"metadata": {"name": name, "namespace": "default"}})
        machine, = self.launcher.wait(1)
        self.bed.pods.wait_phase(name, "Running")
        print(f"# {name}: pending to running {time.monotonic() - begun:.1f} s, on {machine.name}")
        assert self.bed.pods.find(name)["spec"]["nodeName"] == machine.name
        labels = machine.node.object()["metadata"]["labels"]
        assert labels["karpenter.sh/nodepool"] == pool["metadata"]["name"], labels
        asked, = container["resources"]["limits"]
        assert asked.removeprefix("nvidia.com/mig-") in {one[1] for one in machine.node.slices()}
        self.bed.pods.delete(name)
        system.wait_for("the NodeClaims go", lambda: not self.karpenter.claims(), 120)
        self.launcher.wait_gone(machine)
        for kind, one in ((OVERLAYS, overlay), (POOLS, pool)):
            self.bed.api.delete(f"{kind}/{one['metadata']['name']}")


def main():
    """Every guide that is there."""
    if not guides():
        raise Skip("GPUSLICE_TESTDATA names no folder with guides/*.txt")
    with Bed(nodes=0, also=("karpenter", "helm", "kwok"), build_folder=sys.argv[1]) as bed:
        cases = Cases(bed)
        tap.run([(f"the pod of {name} runs on a node that Karpenter made",
                  lambda path=path: cases.run(path)) for name, path in guides().items()])


if __name__ == "__main__":
    try:
        main()
    except Skip as skipped:
        print(f"SKIP: {skipped}")
        sys.exit(77)
