"""A cluster for a person to play with, until Ctrl-C. usage: python3 -m bed [NODES [GPUS]]"""
import json
import os
import shlex
import signal
import sys
import time

from . import controller
from .bed import Bed
from .errors import BedError, Skip
from .images import WORK
from .system import write

EXAMPLE = {"spec": {"containers": [{"name": "one", "image": WORK, "command": ["sleep", "600"],
                                    "resources": {"limits": {"nvidia.com/mig-1g.5gb": 1}}}]}}


def node_wrapper(bed, node):
    """A script that runs a command on the node, seeing its GPUs."""
    path = ":".join([os.path.join(bed.build, "bin"), os.path.dirname(bed.programs["ctr"]),
                     os.environ.get("PATH", "/usr/bin:/bin")])
    env = [f"{key}={value}" for key, value in dict(node.gpu_env, PATH=path).items()]
    return write(os.path.join(bed.folder, node.name),
                 f"#!/bin/sh\nexec {shlex.join([*node.enter, 'env', *env])} \"$@\"\n", mode=0o755)


def welcome(bed, seconds):
    kubectl = bed.kubectl.wrapper(os.path.join(bed.folder, "kubectl"))
    nodes = [node_wrapper(bed, node) for node in bed.nodes]
    print(f"""
The cluster is up ({seconds:.0f} s). It lives in a network namespace of its own: kubectl has to enter it.

    export KUBECONFIG={bed.control_plane.admin_config}
    alias kubectl={kubectl}
    kubectl get nodes

A command on a node, which sees that node's GPUs, and the node's logs:
""")
    for path, node in zip(nodes, bed.nodes):
        print(f"    {path} gpuslice gpu list          {os.path.dirname(node.log(''))}")
    print(f"""
There is one image for pods, {WORK}. Cut a node, and run a pod on a slice:

    kubectl label node {bed.nodes[0].name if bed.nodes else 'NODE'} nvidia.com/mig.config=all-balanced
    kubectl run one --image={WORK} --overrides='{json.dumps(EXAMPLE)}' -- sleep 600
    kubectl get pods,gpunodes

A pod that asks for a slice which is not there (3g.20gb and so on) has idle ones cut anew by the
controller. An agent that was killed does not come back by itself here: it is no pod.

Ctrl-C ends it and removes everything.""", flush=True)


def start_agents(bed):
    program = os.path.join(bed.build, "bin", "gpuslice-agent")
    if not os.path.exists(program):
        print("There is no gpuslice-agent in this build: the nodes have GPUs and offer none.")
        return
    for node in bed.nodes:
        node.start_agent("--http-address", f"{node.address}:9400")


def start_controller(bed):
    """Without it slices are cut by label and by hand only."""
    if bed.nodes and os.path.exists(os.path.join(bed.build, "bin", controller.CONTROLLER)):
        controller.apply_types(bed)
        controller.Controller(bed).start()


def stop(*_):
    raise KeyboardInterrupt


def main():
    nodes = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    gpus = sys.argv[2] if len(sys.argv) > 2 else "8xA100-40GB"
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    begin = time.monotonic()
    try:
        with Bed(nodes=nodes, gpus=gpus.split("+"), sim=["--mig"]) as bed:
            start_agents(bed)
            start_controller(bed)
            welcome(bed, time.monotonic() - begin)
            while True:
                signal.pause()
    except KeyboardInterrupt:
        print("\nThe cluster is gone.")
    except Skip as reason:
        sys.exit(f"no cluster here: {reason}")
    except BedError as error:
        sys.exit(f"the cluster failed: {error}")


if __name__ == "__main__":
    main()
