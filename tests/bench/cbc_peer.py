#!/usr/bin/env python3
"""A peer for `gpuslice bench --peer`: COIN-OR CBC on an integer program in an MPS file.

usage: cbc_peer.py FILE.mps SECONDS

Prints one JSON object as highs_peer.py does. CBC's own clock has hundredths of a second, so the
times are those of its process: its start and reading, some milliseconds, count.
"""
import json
import re
import resource
import shutil
import subprocess
import sys
import time


def number(pattern, text):
    found = re.findall(pattern + r"\s*([-+0-9.eE]+)", text)
    return float(found[-1]) if found else None


def answer(path, limit):
    if not path.endswith(".mps"):
        return {"solver": "CBC", "skipped": "it solves integer programs and reads no demands"}
    if shutil.which("cbc") is None:
        return {"solver": "CBC", "skipped": "cbc is missing: apt-get install coinor-cbc"}
    wall = time.monotonic()
    run = subprocess.run(["cbc", path, "-sec", str(limit), "-ratio", "0", "-allow", "0", "-solve",
                          "-quit"], capture_output=True, text=True, check=False)
    wall = time.monotonic() - wall
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    text = run.stdout
    if run.returncode != 0 or "errors on input" in text:
        return {"solver": "CBC", "skipped": "it does not read the program"}
    version = re.search(r"Version:\s*(\S+)", text)
    status = re.search(r"Result - (.*)", text)
    result = {
        "solver": f"CBC {version.group(1) if version else ''} (process)",
        "seconds": wall,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "status": status.group(1).strip().lower() if status else "not known",
    }
    value = number(r"Objective value:", text)
    bound = number(r"Lower bound:", text)
    if value is not None:
        result["value"] = value
    if bound is not None:
        result["bound"] = bound
    elif value is not None and result["status"].startswith("optimal"):
        result["bound"] = value
    return result


if __name__ == "__main__":
    print(json.dumps(answer(sys.argv[1], float(sys.argv[2]))))
