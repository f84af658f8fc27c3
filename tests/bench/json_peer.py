#!/usr/bin/env python3
"""A peer for `gpuslice bench --peer`: Python's json.load of a demand, and nothing more.

usage: json_peer.py FILE.json SECONDS
"""
import json
import platform
import resource
import sys
import time


def answer(path):
    solver = f"json.load of Python {platform.python_version()}"
    if not path.endswith(".json"):
        return {"solver": solver, "skipped": "it reads demands and solves no programs"}
    wall, cpu = time.monotonic(), time.process_time()
    with open(path, encoding="utf-8") as file:
        items = len(json.load(file)["items"])
    return {
        "solver": solver,
        "seconds": time.monotonic() - wall,
        "cpu_seconds": time.process_time() - cpu,
        "value": items,
        "status": f"read, {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB at its peak",
    }


if __name__ == "__main__":
    print(json.dumps(answer(sys.argv[1])))
