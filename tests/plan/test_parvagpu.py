#!/usr/bin/env python3
"""ParvaGPU's six scenarios (SC'24) by gpuslice plan: the fewest GPUs, each proven.

usage: test_parvagpu.py GPUSLICE

The data is looked for in $GPUSLICE_TESTDATA/parvagpu; without it the test is skipped.
"""
import json
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
import tap  # pylint: disable=wrong-import-position

GPUSLICE = os.path.abspath(sys.argv[1])
FOLDER = os.path.join(os.environ.get("GPUSLICE_TESTDATA") or ".", "parvagpu")
FEWEST = [2, 3, 5, 7, 12, 15]  # the paper's own answers: 2, 3, 5, 7, 13, 16


def scenarios():
    """The services of each scenario as CSV: columns are the measured models by alphabet."""
    names = sorted(name[:-4] for name in os.listdir(os.path.join(FOLDER, "prof_data")))
    tables = []
    for name in ("SLO_latency.csv", "SLO_req_rate.csv"):
        with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
            tables.append([line.strip().split(",") for line in file if line.strip()])
    for latencies, rates in zip(*tables):
        yield "name,rate_per_s,latency_ms\n" + "".join(
            f"{name},{rate},{latency}\n"
            for name, rate, latency in zip(names, rates, latencies) if latency != "N/A")


def plan(csv):
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        file.write(csv)
        file.flush()
        began = time.monotonic()
        done = subprocess.run([GPUSLICE, "plan", "--services", file.name, "--profiles-dir",
                               os.path.join(FOLDER, "prof_data"), "-m", "A100-80GB", "-o", "json"],
                              capture_output=True, text=True, check=False)
        spent = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stdout, spent


def parvagpu__six_scenarios_take_the_fewest_gpus_proven():
    spent = 0
    for csv, fewest in zip(scenarios(), FEWEST):
        answer, text, seconds = plan(csv)
        spent += seconds
        found = (answer["gpus_used"], answer["lower_bound"], answer["proven"])
        assert found == (fewest, fewest, True), (csv, found)
        checked = subprocess.run([GPUSLICE, "plan", "--verify", "-"], input=text, text=True,
                                 capture_output=True, check=False)
        assert checked.returncode == 0, checked.stderr
    print(f"# {spent:.3f} s for all six")


if __name__ == "__main__":
    if not os.path.isdir(FOLDER):
        print("SKIP: ParvaGPU's measurements are not in the folder of test data")
        sys.exit(77)
    tap.run(tap.cases_of(sys.modules[__name__], "parvagpu__"))
