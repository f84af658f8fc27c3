#!/usr/bin/env python3
"""A peer for `gpuslice bench --peer`: HiGHS on an integer program in an MPS file.

usage: highs_peer.py FILE.mps SECONDS

Prints one JSON object: solver, seconds and cpu_seconds of the solving alone (no start, no reading),
value, bound, status; or {"skipped": reason}. One thread, gap 0: what is asked for is a proof.
"""
import json
import sys
import time


def answer(path, limit):
    if not path.endswith(".mps"):
        return {"solver": "HiGHS", "skipped": "it solves integer programs and reads no demands"}
    try:
        import highspy
    except ImportError:
        return {"solver": "HiGHS", "skipped": "the Python package highspy is missing: "
                                              "pip install highspy, in a virtual environment"}
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("threads", 1)
    highs.setOptionValue("time_limit", limit)
    highs.setOptionValue("mip_rel_gap", 0.0)
    status = highs.readModel(path)
    if status != highspy.HighsStatus.kOk:
        return {"solver": "HiGHS", "skipped": f"it does not read the program: {status}"}
    wall, cpu = time.monotonic(), time.process_time()
    highs.run()
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    info = highs.getInfo()
    found = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    result = {
        "solver": f"HiGHS {highs.version()}",
        "seconds": wall,
        "cpu_seconds": cpu,
        "status": highs.modelStatusToString(highs.getModelStatus()).lower(),
    }
    if found:
        result["value"] = info.objective_function_value
    if abs(info.mip_dual_bound) < 1e30:
        result["bound"] = info.mip_dual_bound
    return result


if __name__ == "__main__":
    print(json.dumps(answer(sys.argv[1], float(sys.argv[2]))))
