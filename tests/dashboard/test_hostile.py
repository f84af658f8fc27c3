#!/usr/bin/env python3
"""Names that are markup, the whole way: an API server that has them, the controller, the tunnel, and
Chromium. No real API server would take such names; what is told by agents is any text.

usage: test_hostile.py GPUSLICE GPUSLICE_SIM SOURCE_DIR GPUSLICE_CONTROLLER
"""
import os
import shutil
import subprocess
import sys

import bed
import test_cluster as cluster

sys.path.insert(0, os.path.join(bed.HERE, "..", "web"))
import run as chromium  # pylint: disable=wrong-import-position

NAME = "<img src=x onerror=alert(1)><b>&amp;'\"`${1}"


def fill(api):
    """The same hostile text wherever a text goes. Of pods that wait the controller takes legal names
    only: those are tried on a recorded cluster (tests/web)."""
    api.put(cluster.NODES, cluster.node("n1", **{"gpuslice.dev/slicepool": NAME}))
    api.put(cluster.PODS, cluster.pod("team-b", NAME, "n1", ("Job", NAME)))
    found = cluster.gpunode("n1", [("team-b", NAME), None])
    found["status"]["gpus"][0].update(
        healthy=False, decision={"id": "d", "result": "Failed", "message": NAME})
    api.put(cluster.GPUNODES, found)


def main():
    node, env = chromium.browser()
    if shutil.which("openssl") is None:
        chromium.skip("openssl is not installed: it makes the API server's certificate")
    world = cluster.Cluster()
    try:
        fill(world.api)
        with cluster.Tunnel(world) as tunnel:
            address = f"http://127.0.0.1:{tunnel.port}{tunnel.way_in}"
            return subprocess.run([node, os.path.join(bed.HERE, "..", "web", "hostile.mjs"), address,
                                   NAME], env=env, check=False).returncode
    finally:
        world.end()


if __name__ == "__main__":
    try:
        STATUS = main()
    finally:
        bed.end()
    sys.exit(STATUS)
