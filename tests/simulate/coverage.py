#!/usr/bin/env python3
"""How often the intervals of gpuslice simulate hold the truth.

usage: coverage.py GPUSLICE [LOADS [TRIES [JOBS [DRAWS]]]]

Work is drawn from one law at each load (jobs that run at one time, on average), TRIES times, and
simulated with DRAWS draws; the truth is what one run of 200,000 jobs of that law saves. Prints a
line a load: how many intervals hold it, and how many lie below and above it.
"""
import concurrent.futures
import json
import os
import subprocess
import sys

LAW = "synthetic:rate={rate}/h,duration=lognormal(1800s,0.8),mix=1g:2+2g:2+3g:1+gpu:3,jobs={jobs}"
TRUTH_JOBS = 200000
MOST_ALIKE = 0.06  # points: figures are rounded to a tenth when they are told


def simulate(gpuslice, rate, jobs, seed, draws):
    out = subprocess.run([gpuslice, "simulate", "-t", LAW.format(rate=rate, jobs=jobs), "--seed",
                          str(seed), "--draws", str(draws), "-p", "gpuslice", "--what-if", "no",
                          "--threads", "1", "-o", "json"], check=True, capture_output=True).stdout
    report = json.loads(out)
    return report, next(p for p in report["policies"] if p["name"] == "gpuslice")


def rate_of(gpuslice, load):
    """Jobs an hour, so that `load` of them run at one time."""
    report, _ = simulate(gpuslice, 60, 20000, 1, 0)
    return round(load * 20000 / report["whole_gpu_hours"], 4)


def cover(gpuslice, load, tries, jobs, draws):
    """(truth, {"held", "below", "above", "none"}, mean width) of the saving of GPU-hours."""
    rate = rate_of(gpuslice, load)
    truth = simulate(gpuslice, rate, TRUTH_JOBS, 424242, 0)[1]["saving_pct"]
    counts, width = {"held": 0, "below": 0, "above": 0, "none": 0}, 0.0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as threads:
        runs = threads.map(lambda seed: simulate(gpuslice, rate, jobs, seed, draws)[1],
                           range(1, tries + 1))
        for ours in runs:
            if ours["saving_ci_pct"] is None:
                counts["none"] += 1
                continue
            lo, hi = ours["saving_ci_pct"]
            width += hi - lo
            counts["below" if hi < truth - MOST_ALIKE else
                   "above" if lo > truth + MOST_ALIKE else "held"] += 1
    return truth, counts, width / max(1, tries - counts["none"])


def main():
    loads = [float(x) for x in (sys.argv[2] if len(sys.argv) > 2 else "0.3,1,3,10,100").split(",")]
    tries, jobs, draws = ([int(x) for x in sys.argv[3:6]] + [100, 400, 500][len(sys.argv[3:6]):])
    for load in loads:
        truth, counts, width = cover(os.path.abspath(sys.argv[1]), load, tries, jobs, draws)
        print(f"{load:g} at one time, {jobs} jobs: truth {truth:.2f} %, held {counts['held']} of "
              f"{tries - counts['none']}, below it {counts['below']}, above it {counts['above']}, "
              f"no interval {counts['none']}; {width:.1f} points wide", flush=True)


if __name__ == "__main__":
    main()
