#!/usr/bin/env python3
"""gpuslice simulate on public traces, beside the figures that were computed of them elsewhere.

usage: test_published.py GPUSLICE SOURCE_DIR

The traces are looked for in $GPUSLICE_TESTDATA/traces; without them the test is skipped.
"""
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
import tap  # pylint: disable=wrong-import-position

GPUSLICE, SOURCE = os.path.abspath(sys.argv[1]), sys.argv[2]
FOLDER = os.path.join(os.environ.get("GPUSLICE_TESTDATA") or ".", "traces")
POINT = 0.1 + 0.05  # a tenth of a point, of figures that are rounded to a tenth
OBSERVED = ["--window", "observed"]
FRACTIONAL = ["--fractional-only"]


def report_of(trace, *args):
    out = subprocess.run([GPUSLICE, "simulate", "-t", trace, "--draws", "0", "--what-if", "no",
                          "-o", "json", *args], check=True, capture_output=True).stdout
    return json.loads(out)


def openb(population):
    return f"openb:{FOLDER}/openb/openb_pod_list_{population}.csv"


def of(report, name):
    return next(p for p in report["policies"] if p["name"] == name)


def near(found, wanted, within, *what):
    assert abs(found - wanted) <= within, (*what, found, wanted)


# population, more arguments, whole GPU-hours, ideal, (bound, online) strict, the same lenient
OPENB = [
    ("default", OBSERVED, 34212, 14.0, (3.7, 3.7), (11.1, 10.1)),
    ("default", OBSERVED + FRACTIONAL, 9044, 52.8, (14.0, 14.0), (42.2, 38.1)),
    ("gpushare20", OBSERVED, 34387, 9.7, (2.6, 2.5), (7.4, 6.9)),
    ("gpushare40", OBSERVED, 32735, 20.6, (4.5, 4.5), (16.9, 16.3)),
]
# The whole files: bound and online; on the way to it, nodes of 8 GPUs.
WHOLE_FILES = [
    ("default", [], 59612, 13.7, (2.3, None), (10.4, 9.8)),
    ("default", FRACTIONAL, None, 53.5, (9.2, None), (40.6, 38.2)),
]
# On nodes of 8 GPUs. Published is 9.3 for gpushare40, lenient, where of equally full nodes the one
# with the lowest number comes first and numbers are used again; by age, as here, it is 9.47, and the
# others are the same (docs/internals/traces.md).
NODES = [("default", 1.2, 5.3), ("gpushare40", 2.6, 9.47)]


def check_openb(rows):
    for population, args, whole, ideal, strict, lenient in rows:
        for rule, (bound, online) in (("strict", strict), ("lenient", lenient)):
            report = report_of(openb(population), "--map", rule, "-p", "best-fit", *args)
            what = (population, rule, *args)
            if whole is not None:
                near(report["whole_gpu_hours"], whole, whole * 0.0005, *what, "whole")
            near(report["ideal_saving_pct"], ideal, POINT, *what, "ideal")
            near(report["bound_saving_pct"], bound, POINT, *what, "bound")
            if online is not None:
                near(of(report, "best-fit")["saving_pct"], online, POINT, *what, "online")
            assert all(p["saving_pct"] <= report["bound_saving_pct"] for p in report["policies"])


def published__openb_in_its_observed_window():
    check_openb(OPENB)


def published__openb_over_the_whole_file():
    check_openb(WHOLE_FILES)


def published__openb_by_nodes_of_eight():
    for population, strict, lenient in NODES:
        for rule, wanted in (("strict", strict), ("lenient", lenient)):
            report = report_of(openb(population), "--map", rule, "-p", "best-fit")
            near(of(report, "best-fit")["node_saving_pct"], wanted, POINT, population, rule)


def published__openb_peaks():
    for population, whole, bound in (("default", 71, 67), ("gpushare20", 88, 84),
                                     ("gpushare40", 68, 63)):
        report = report_of(openb(population), "-p", "best-fit", *OBSERVED)
        assert (report["whole_peak_gpus"], report["bound_peak_gpus"]) == (whole, bound), population


def published__openb_ends_816_hours_after_its_first_end():
    report = report_of(openb("default"), "-p", "best-fit", "--window", "816h")
    near(report["whole_gpu_hours"], 34212, 10, "816h")


# memory by, utilisation by; saving with free repacking on an 80 GB part, and on a 141 GB part as
# published and as it is. The published sizes of that part were estimates: 32.5 GiB for a quarter, of
# which the driver leaves 32.25 (33024 MiB). The last column is of another program with that one size
# changed; with 32.5 it gives the published figures (docs/internals/traces.md).
GENTD26 = [("peak", "none", 27.7, 52.6, 51.7), ("p99", "none", 41.9, 63.6, 61.3),
           ("peak", "p95", 25.0, 43.1, 42.5), ("p99", "p95", 36.5, 52.4, 50.5),
           ("peak", "peak", 4.8, 4.8, 4.8)]


def published__gentd26_within_a_tenth_of_a_point():
    for memory, util, small, published, large in GENTD26:
        for model, saving in (("A100-80GB", small), ("H200-141GB", large)):
            report = report_of(f"gentd26:{FOLDER}/gentd26", "--map", "strict", "-m", model,
                               "--memory-by", memory, "--util-by", util, "-p", "best-fit")
            near(report["whole_gpu_hours"], 2571, 2, model)
            near(report["bound_saving_pct"], saving, POINT, model, memory, util)
        assert 0 <= published - large < 2.35, (memory, util)


def published__gentd26_hangs_on_the_map_only_where_peaks_of_compute_count():
    for memory, util, rule, saving in (("peak", "p95", "lenient", 25.0), ("p99", "none", "lenient", 41.9),
                                       ("peak", "peak", "lenient", 5.1), ("peak", "peak", "strict", 4.8)):
        report = report_of(f"gentd26:{FOLDER}/gentd26", "--map", rule, "-m", "A100-80GB",
                           "--memory-by", memory, "--util-by", util, "-p", "best-fit")
        assert report["map"]["name"] == rule
        near(report["bound_saving_pct"], saving, POINT, rule, memory, util)


def miso(*args):
    """Mean from coming to being done, by policy, where no job was lost."""
    report = report_of(f"miso:{FOLDER}/miso_a100", "-w", "queue", "--gpus", "8", "--node-gpus", "1",
                       "--seeds", "100", *args)
    return {p["name"]: p["job_mean_s"] for p in report["policies"] if p["lost_pods"] == 0}


def published__miso_jobs_end_sooner_on_slices():
    """MISO's 100 jobs on 8 GPUs. The paper: 49 % below whole GPUs and 16 % below the best static
    layout; why not the same, is in docs/savings.md."""
    static = [jobs[name] for share in (13, 25, 38, 50, 63, 75, 88, 100)  # of 8 GPUs, 1 to 8
              for jobs in [miso("-p", "static-1g,static-balanced", "--static-share", str(share))]
              for name in ("static-1g", "static-balanced") if name in jobs]
    jobs = miso()
    whole, ours, best = jobs["whole"], jobs["gpuslice+moldable"], min(static)
    print(f"# whole {whole:.0f} s, best static {best:.0f} s, ours {ours:.0f} s")
    assert ours < 0.51 * whole and ours < 0.84 * best  # as the paper, and better
    assert jobs["gpuslice+moves"] <= jobs["gpuslice"] < whole
    with open(os.path.join(SOURCE, "docs", "savings.md"), encoding="utf-8") as file:
        page = file.read()
    assert f"{best:,.0f} s" in page, best
    for args in ("--move 0 --recut 0", "--move 1min", "--move 1min --recut 1min", "--slo 2", "--slo 1.5"):
        mean = miso("-p", "gpuslice+moldable", *args.split())["gpuslice+moldable"]
        row = f"(`{args}`) | {mean:,.0f} s | {100 - 100 * mean / whole:.0f} % |"
        assert row in page, row


def published__the_page_has_what_the_commands_say():
    """Seconds of MISO's jobs and dollars, as docs/savings.md tells them."""
    with open(os.path.join(SOURCE, "docs", "savings.md"), encoding="utf-8") as file:
        page = file.read()
    jobs = miso()
    for name in ("whole", "gpuslice", "gpuslice+moves", "gpuslice+moldable"):
        assert f"{jobs[name]:,.0f} s" in page, (name, jobs[name])
    report = report_of(openb("default"), "-w", "elastic", "-i", "p4d.24xlarge", "--region",
                       "us-east-1", "--small-gpu", "g6.xlarge", *OBSERVED)
    for name in ("whole", "gpuslice", "gpuslice+moves", "small-gpu"):
        cost = of(report, name)["cost_usd"]
        assert f"${cost:,.0f}" in page, (name, cost)


def published__the_readme_has_what_the_command_says():
    """The statement of the README is what the command beside it prints."""
    with open(os.path.join(SOURCE, "README.md"), encoding="utf-8") as file:
        readme = file.read()
    for rule in ("lenient", "strict"):
        shown = subprocess.run(
            [GPUSLICE, "simulate", "-t", openb("default"), "--window", "observed", "--map", rule,
             "-p", "gpuslice", "--what-if", "no", "-o", "json"],
            check=True, capture_output=True).stdout
        ours = of(json.loads(shown), "gpuslice")
        lo, hi = ours["saving_ci_pct"]
        said = f"{ours['saving_pct']:.1f} % ({lo:.1f} to {hi:.1f})"
        assert said in readme, (rule, said, re.findall(r"[\d.]+ % \([\d.]+ to [\d.]+\)", readme))


if __name__ == "__main__":
    if not os.path.isdir(FOLDER):
        print(f"1..0 # SKIP no traces in {FOLDER}: they are not shipped")
        sys.exit(0)
    tap.run(tap.cases_of(sys.modules[__name__], "published__"))
