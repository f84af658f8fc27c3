#!/usr/bin/env python3
"""How often the intervals of gpuslice simulate hold the truth.

usage: coverage.py GPUSLICE [LAWS [TRIES [DRAWS]]]

Work is drawn from each law (a comma between names; all without them), TRIES times, and simulated
with DRAWS draws; the truth is what one run of 100,000 jobs of that law gains, 200,000 where its
work changes slowly. Prints a line for each figure of a law (saved, saved by whole nodes of 8; in a
fixed fleet what is gained there): how many intervals hold it, how many lie below and above it, how
many traces get none.
"""
import concurrent.futures
import json
import math
import os
import random
import subprocess
import sys

PROFILES = {"1g": "1g.5gb", "2g": "2g.10gb", "3g": "3g.20gb", "gpu": ""}
MIX = [2, 2, 1, 3]  # of 1g, 2g, 3g and whole GPUs
SMALL, LARGE = [4, 4, 2, 1], [0.3, 0.3, 0.3, 4]
MOST_ALIKE = 0.06  # points: figures are rounded to a tenth when they are told
FLEET = ["--gpus", "8", "--node-gpus", "1", "--recut", "0"]

# load: jobs that run at one time, on average. run: lognormal with this sigma, or Pareto with this
# exponent. Each `every` jobs (geometric: on average) the work changes: "any" mix of the four, "two"
# mixes by a coin, "rate": a fifth, one or three times as many jobs an hour.
LAWS = {
    "0.3": {"load": 0.3, "jobs": 400},
    "1": {"load": 1, "jobs": 400},
    "3": {"load": 3, "jobs": 400},
    "10": {"load": 10, "jobs": 400},
    "100": {"load": 100, "jobs": 2000},
    "heavy-3": {"load": 3, "jobs": 400, "sigma": 2},
    "heavy-100": {"load": 100, "jobs": 2000, "sigma": 2},
    "pareto-3": {"load": 3, "jobs": 400, "pareto": 1.5},
    "pareto-10": {"load": 10, "jobs": 1000, "pareto": 1.3},
    "regimes-5": {"load": 3, "jobs": 400, "every": 80, "what": "any"},
    "regimes-15": {"load": 3, "jobs": 1200, "every": 80, "what": "any"},
    "regimes-7": {"load": 10, "jobs": 400, "every": 60, "what": "any", "geometric": True},
    "regimes-20": {"load": 10, "jobs": 2000, "every": 100, "what": "two", "geometric": True},
    "rates-10": {"load": 3, "jobs": 600, "every": 60, "what": "rate"},
    "two-kinds-5": {"load": 3, "jobs": 400, "every": 80, "what": "two"},
    "two-halves": {"load": 3, "jobs": 400, "every": 200, "what": "any"},
    "queue": {"load": 7.5, "jobs": 1000, "args": ["-w", "queue", *FLEET], "figures": ["sooner"]},
    "loss": {"load": 8, "jobs": 1000, "args": ["-w", "loss", *FLEET], "figures": ["less_lost"]},
}
FIGURES = ["saving", "node_saving"]  # keys of the report, less _pct


def mean_run(law):
    if "pareto" in law:
        return 600 * law["pareto"] / (law["pareto"] - 1)
    return 1800 * math.exp(law.get("sigma", 0.8) ** 2 / 2)


def draw_run(law, draw):
    if "pareto" in law:
        return 600 * (1 - draw.random()) ** (-1 / law["pareto"])
    return 1800 * math.exp(law.get("sigma", 0.8) * draw.gauss(0, 1))


def change(law, draw):
    """(mix, jobs an hour beside the mean's)"""
    what = law["what"]
    if what == "any":
        return [draw.expovariate(1) for _ in MIX], 1
    if what == "two":
        return SMALL if draw.random() < 0.5 else LARGE, 1
    return MIX, draw.choice([0.2, 1, 3])


def trace_of(name, jobs, seed):
    law, draw = LAWS[name], random.Random(f"{name}/{seed}")
    rows, at, left, mix, rate = ["arrival,duration,profile,gpus"], 0, 0, MIX, 1
    for _ in range(jobs):
        if "every" in law and left <= 0:
            left = max(1, int(draw.expovariate(1 / law["every"]))) if law.get("geometric") else law["every"]
            mix, rate = change(law, draw)
        left -= 1
        at += draw.expovariate(law["load"] / mean_run(law)) / rate
        size = draw.choices(list(PROFILES), mix)[0]
        rows.append(f"{at:.3f},{max(1, draw_run(law, draw)):.3f},{PROFILES[size]},{1 if size == 'gpu' else ''}")
    return ("\n".join(rows) + "\n").encode()


def simulate(gpuslice, name, jobs, seed, draws):
    """{figure: (what is gained, its interval or None)}"""
    law = LAWS[name]
    out = subprocess.run([gpuslice, "simulate", "-t", "csv:-", "--draws", str(draws), "-p", "gpuslice", "--what-if",
                          "no", "--threads", "1", "-o", "json", *law.get("args", [])],
                         input=trace_of(name, jobs, seed), check=True, capture_output=True).stdout
    ours = next(p for p in json.loads(out)["policies"] if p["name"] == "gpuslice")
    return {figure: (ours[figure + "_pct"], ours[figure + "_ci_pct"]) for figure in law.get("figures", FIGURES)}


def count(truth, intervals):
    """({"held", "below", "above", "none"}, mean width)"""
    counts, width = {"held": 0, "below": 0, "above": 0, "none": 0}, 0.0
    for ci in intervals:
        if ci is None:
            counts["none"] += 1
            continue
        lo, hi = ci
        width += hi - lo
        counts["below" if hi < truth - MOST_ALIKE else "above" if lo > truth + MOST_ALIKE else "held"] += 1
    return counts, width / max(1, len(intervals) - counts["none"])


def cover(gpuslice, name, tries, draws, jobs=None):
    """{figure: (truth, {"held", "below", "above", "none"}, mean width)}"""
    law = LAWS[name]
    truths = simulate(gpuslice, name, 200000 if "every" in law else 100000, "truth", 0)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as threads:
        runs = list(threads.map(lambda seed: simulate(gpuslice, name, jobs or law["jobs"], seed, draws),
                                range(1, tries + 1)))
    return {figure: (truth, *count(truth, [run[figure][1] for run in runs]))
            for figure, (truth, _) in truths.items()}


def main():
    names = (sys.argv[2] if len(sys.argv) > 2 else ",".join(LAWS)).split(",")
    tries, draws = ([int(x) for x in sys.argv[3:5]] + [100, 500][len(sys.argv[3:5]):])
    for name in names:
        for figure, (truth, counts, width) in cover(os.path.abspath(sys.argv[1]), name, tries, draws).items():
            print(f"{name}, {LAWS[name]['jobs']} jobs, {figure}: truth {truth:.2f} %, held {counts['held']} of "
                  f"{tries - counts['none']}, below it {counts['below']}, above it {counts['above']}, "
                  f"no interval {counts['none']}; {width:.1f} points wide", flush=True)


if __name__ == "__main__":
    main()
