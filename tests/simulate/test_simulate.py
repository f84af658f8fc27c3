#!/usr/bin/env python3
"""gpuslice simulate and gpuslice report as programs: what golden cases cannot show.

usage: test_simulate.py GPUSLICE SOURCE_DIR [--update-page]

--update-page writes what the commands of docs/savings.md print into it, instead of testing.
"""
import gzip
import html.parser
import itertools
import json
import os
import pty
import random
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
import tap  # pylint: disable=wrong-import-position
sys.path.insert(0, HERE)
import coverage  # pylint: disable=wrong-import-position

GPUSLICE, SOURCE = os.path.abspath(sys.argv[1]), sys.argv[2]
JOBS = os.path.join(SOURCE, "examples", "jobs.csv")
SEED = 20261122


def run(*args, stdin=b"", status=0):
    done = subprocess.run([GPUSLICE, *args], input=stdin, capture_output=True, check=False,
                          timeout=120)
    assert done.returncode == status, (args, done.returncode, done.stderr)
    return done.stdout if status == 0 else done.stderr.decode()


def report_of(*args, stdin=b""):
    return json.loads(run("simulate", "-o", "json", *args, stdin=stdin))


def of(report, name):
    return next(p for p in report["policies"] if p["name"] == name)


def csv(rows, head="arrival,duration,milli_gpu"):
    return (head + "\n" + "".join(",".join(str(c) for c in row) + "\n" for row in rows)).encode()


# ---- the same bytes

def simulate__gives_the_same_bytes_whatever_the_threads():
    few = ["-p", "gpuslice+moves,first-fit", "--what-if", "no"]
    for args in (["-t", "csv:" + JOBS, "--draws", "100"],
                 ["-t", "csv:" + JOBS, "--draws", "100", "-w", "elastic", "--spot", "2h"] + few,
                 ["-t", "synthetic:rate=30/h,duration=lognormal(900s,1),mix=1g:2+gpu:1,jobs=80",
                  "--draws", "100", "--seeds", "3"] + few):
        first = run("simulate", *args, "-o", "json", "--threads", "1")
        for threads in ("2", "5"):
            assert run("simulate", *args, "-o", "json", "--threads", threads) == first, args
        assert run("simulate", *args, "-o", "html", "--threads", "3") == \
            run("simulate", *args, "-o", "html", "--threads", "1"), args


def simulate__draws_other_jobs_with_another_seed():
    one, two = (report_of("-t", "csv:" + JOBS, "--draws", "100", "--seed", s) for s in "12")
    assert of(one, "gpuslice")["saving_pct"] == of(two, "gpuslice")["saving_pct"]
    assert one["sliceable_share_ci_pct"] != two["sliceable_share_ci_pct"]


def simulate__shows_means_over_seeds():
    law = "synthetic:rate=30/h,duration=lognormal(900s,1),mix=1g:2+2g:1+gpu:1,jobs=80"
    few = ["-t", law, "--draws", "0", "-p", "gpuslice", "--what-if", "no"]
    alone = [report_of(*few, "--seed", str(seed)) for seed in (5, 6, 7)]
    together = report_of(*few, "--seed", "5", "--seeds", "3")
    for policy in ("whole", "gpuslice"):
        mean = sum(of(one, policy)["gpu_hours"] for one in alone) / 3
        assert abs(of(together, policy)["gpu_hours"] - mean) < 0.002, policy
    assert together["events"] == sum(one["events"] for one in alone)
    assert any("means of 3 runs" in line for line in together["world"]["rules"])


def simulate__claims_nothing_of_slices_where_none_were_cut():
    report = report_of("-t", "csv:" + JOBS, "--draws", "0", "-p", "small-gpu", "-w", "elastic",
                       "-i", "p4d.24xlarge", "--small-gpu", "g6.xlarge", "--region", "us-east-1")
    assert report["ours"] is None and "there is nothing to claim" in report["claim"]


def simulate__tells_times_only_when_asked():
    assert "timing" not in report_of("-t", "csv:" + JOBS, "--draws", "0")
    assert report_of("-t", "csv:" + JOBS, "--draws", "0", "--timing")["timing"]["total_s"] > 0


# ---- the keys of the JSON

KEYS = ("whole_gpu_hours ideal_saving_pct bound_saving_pct sliceable_share_pct policies events "
        "whole_gpu_cost_usd input_rows skipped_rows claim map world trace timeline").split()
POLICY_KEYS = ("name gpu_hours node_gpu_hours saving_pct saving_ci_pct wait_p50_s wait_p95_s moves "
               "recuts peak_gpus cost_usd node_saving_pct slowdown_p95 lost_pods "
               "delayed_pods").split()


def simulate__has_the_documented_keys():
    priced = ["-w", "elastic", "-i", "p4d.24xlarge", "--region", "us-east-1"]
    report = report_of("-t", "csv:" + JOBS, "--draws", "100", *priced)
    assert set(KEYS) <= set(report) and report["policies"][0]["name"] == "whole"
    for policy in report["policies"]:
        assert set(POLICY_KEYS) <= set(policy)
        lo, hi = policy["saving_ci_pct"]
        assert lo <= hi and policy["cost_usd"] > 0
        assert len(policy["gpus_on"]) == report["timeline"]["steps"]
        area = sum(policy["gpus_on"]) * report["timeline"]["step_s"] / 3600
        assert abs(area - policy["gpu_hours"]) < 0.01 * policy["gpu_hours"] + 0.1, policy["name"]
    bound = sum(report["timeline"]["bound_gpus"]) * report["timeline"]["step_s"] / 3600
    whole = of(report_of("-t", "csv:" + JOBS, "--draws", "0"), "whole")["gpu_hours"]
    assert abs(100 - 100 * bound / whole - report["bound_saving_pct"]) < 0.5


# ---- what may be claimed

def simulate__saves_nothing_on_whole_gpus():
    """The control: whole GPUs only, also many of one job."""
    draw = random.Random(SEED)
    rows = [(draw.randint(0, 100000), draw.randint(60, 40000), draw.choice([1, 1, 2, 4, 8]))
            for _ in range(400)]
    for how in (["--map", "strict"], ["--map", "lenient"], ["-w", "elastic"],
                ["-w", "queue", "--gpus", "64"], ["-w", "loss", "--gpus", "64"]):
        report = report_of("-t", "csv:-", "--draws", "100", *how,
                           stdin=csv(rows, "arrival,duration,gpus"))
        assert report["sliceable_share_pct"] == 0 and report["bound_saving_pct"] == 0
        for policy in report["policies"]:
            if how[0] == "-w" and how[1] != "elastic" and policy["name"].startswith("static"):
                continue  # half of its nodes are cut, and nothing here can use them
            fixed = how[1] in ("queue", "loss")
            assert policy["saving_pct"] == 0, (how, policy)
            assert policy["node_saving_pct"] == (None if fixed else 0), (how, policy)
            assert policy["saving_ci_pct"] == [0, 0], (how, policy)
        assert report["claim"].startswith(("No saving may be claimed", "No gain may be claimed")), report["claim"]


def simulate__never_beats_the_bound_of_what_it_did():
    draw = random.Random(SEED)
    print(f"# seed {SEED}")
    for _ in range(6):
        rows = [(draw.randint(0, 20000), draw.randint(10, 9000),
                 draw.choice([100, 142, 250, 430, 470, 500, 600, 1000])) for _ in range(150)]
        for how in (["-w", "instant"], ["-w", "elastic"], ["-w", "queue", "--gpus", "16"],
                    ["-w", "loss", "--gpus", "16"]):
            report = report_of("-t", "csv:-", "--draws", "0", "--what-if", "no", *how,
                               stdin=csv(rows))
            for policy in report["policies"]:
                least = policy["bound_gpu_hours"]
                assert least is None or policy["gpu_hours"] >= least - 0.001, (how, policy)
            if how[1] == "instant":
                assert all(p["saving_pct"] <= report["bound_saving_pct"] + 0.001
                           for p in report["policies"])


def simulate__charges_lost_work_as_whole_gpus():
    """A fleet of one node that loses most of the work must not look cheap."""
    rows = [(i, 3600, 430) for i in range(200)]
    report = report_of("-t", "csv:-", "-w", "loss", "--gpus", "8", "--draws", "0", "--recut",
                       "0", stdin=csv(rows))
    ours = of(report, "gpuslice")
    assert ours["lost_pods"] == 200 - 16 and report["whole_gpu_hours"] == 200
    assert ours["lost_gpu_hours"] == 184 and abs(ours["gpu_hours"] - 192) < 0.01, ours["gpu_hours"]
    assert abs(ours["saving_pct"] - 4) < 0.01, ours["saving_pct"]


def simulate__has_the_truth_in_its_intervals():
    """Of work with one job at a time, and with ten: those that miss it lie on both sides or below,
    and of 24 that should hold it 95 times of a hundred no more than four do. (coverage.py tries
    more.)"""
    for law in ("1", "10"):
        truth, counts, width = coverage.cover(GPUSLICE, law, 24, 100, 150)["saving"]
        print(f"# {law} at one time: truth {truth:.2f} %, {counts}, {width:.1f} points wide")
        assert counts["none"] == 0 and counts["held"] >= 20 and counts["above"] <= 2, counts


def simulate__has_the_truth_in_its_intervals_where_work_changes_slowly():
    """Five mixes, one after the other: as good as that, and wide."""
    truth, counts, width = coverage.cover(GPUSLICE, "regimes-5", 24, 100)["saving"]
    print(f"# truth {truth:.2f} %, {counts}, {width:.1f} points wide")
    assert counts["held"] + counts["none"] >= 20 and counts["none"] <= 8 and width > 15, counts


def simulate__claims_nothing_of_work_of_two_projects():
    """Small jobs, then whole GPUs: what comes next is in no interval. Of many such changes it is."""
    draw = random.Random(SEED)
    print(f"# seed {SEED}")
    for every, many in ((150, False), (3, True)):
        at = itertools.accumulate(int(draw.expovariate(1 / 60.0)) + 1 for _ in range(300))
        rows = [(when, 900, 140 if i // every % 2 == 0 else 1000) for i, when in enumerate(at)]
        report = report_of("-t", "csv:-", "-p", "gpuslice", "--what-if", "no", stdin=csv(rows))
        parts = report["intervals"]["independent_parts"]
        if many:
            assert parts >= 15 and report["claim"].startswith("For work like this"), report["claim"]
            assert any("tenths" in note and "thirds" not in note for note in report["notes"])
            continue
        assert parts < 5 and report["intervals"]["draws"] == 0, report["intervals"]
        assert of(report, "gpuslice")["saving_ci_pct"] is None
        assert "nothing may be claimed beyond it" in report["claim"], report["claim"]
        assert f"no more than {parts} which do not depend" in report["claim"], report["claim"]
        assert "times as long may do" in report["claim"], report["claim"]
    rows = [(i * 60, 900, 140 if i // 60 % 2 == 0 else 1000) for i in range(300)]
    report = report_of("-t", "csv:-", "-p", "gpuslice", "--what-if", "no", stdin=csv(rows))
    parts, ours = report["intervals"]["independent_parts"], of(report, "gpuslice")
    assert 5 <= parts <= 15 and ours["saving_ci_pct"][0] < 0, (parts, ours["saving_ci_pct"])
    assert any("fifths, quarters and thirds" in note for note in report["notes"]), report["notes"]
    assert any(f"say as much as {parts} would" in note for note in report["notes"]), report["notes"]


def served(report, name):
    ours = of(report, name)
    return ours["lost_gpu_hours"], ours["job_mean_s"], ours["wait_p95_s"]


def simulate__finds_the_fewest_nodes_that_do_as_well():
    """Beside a run with each number of nodes. Of a random queue and a random fleet that loses."""
    draw = random.Random(SEED)
    print(f"# seed {SEED}")
    rows, at = [], 0
    for _ in range(150):
        at += int(draw.expovariate(1 / 300.0)) + 1
        rows.append((at, int(draw.expovariate(1 / 1500.0)) + 1, draw.choice([140, 140, 280, 460, 1000])))
    rows = csv(rows)
    for world in ("queue", "loss"):
        how = ["-t", "csv:-", "--draws", "0", "-p", "gpuslice", "--what-if", "no", "-w", world, "--node-gpus", "1",
               "--recut", "0"]
        all_nodes = report_of(*how, "--gpus", "6", stdin=rows)
        goal = served(all_nodes, "whole")
        reports = {n: report_of(*how, "--gpus", str(n), stdin=rows) for n in range(1, 7)}
        compared = slice(0, 1) if world == "loss" else slice(0, 3)
        for name in ("whole", "gpuslice"):
            do = {n: all(a <= b for a, b in zip(served(r, name)[compared], goal[compared])) and
                     of(r, name)["lost_pods"] <= of(all_nodes, "whole")["lost_pods"] for n, r in reports.items()}
            fewest = of(all_nodes, name)["fewest_nodes"]
            print(f"# {world}, {name}: {do}, {fewest}")
            assert do[fewest] and not do.get(fewest - 1, False), (world, name, do, fewest)
        assert f" {of(all_nodes, 'gpuslice')['fewest_nodes']} of the 6 nodes would have done as well with slices, " \
               f"{of(all_nodes, 'whole')['fewest_nodes']} with whole GPUs" in all_nodes["claim"], all_nodes["claim"]


def simulate__pays_a_fixed_fleet_for_the_same_time_on_all_sides():
    """Two jobs of a seventh each on one GPU, one hour: one after the other, or side by side."""
    rows = csv([(0, 3600, 140), (0, 3600, 140)])
    report = report_of("-t", "csv:-", "--draws", "0", "-w", "queue", "--gpus", "1", "--node-gpus", "1", "--recut", "0",
                       "-p", "gpuslice", "--what-if", "no", stdin=rows)
    whole, ours = of(report, "whole"), of(report, "gpuslice")
    assert whole["node_gpu_hours"] == ours["node_gpu_hours"] == 2, (whole, ours)
    assert (whole["last_end_s"], ours["last_end_s"]) == (7200, 3600)
    assert ours["node_saving_pct"] is None and ours["saving_pct"] == 50
    assert (whole["job_mean_s"], ours["job_mean_s"], ours["sooner_pct"]) == (5400, 3600, 33.333)
    claim = report["claim"]
    assert claim.startswith("On this trace alone, on the same 1 node, jobs are done 33.3 % sooner on average; "), claim
    assert "The nodes are paid on both sides for the same time" in claim, claim
    assert "The last job ends after 60.0 min, with whole GPUs after 2.0 h" in claim, claim
    assert "GPU-hours (" not in claim and "saves" not in claim, claim
    priced = report_of("-t", "csv:-", "--draws", "0", "-w", "queue", "--gpus", "8", "-i", "p4d.24xlarge", "--region",
                       "us-east-1", "--what-if", "no", stdin=rows)
    assert len({p["cost_usd"] for p in priced["policies"]}) == 1 and priced["policies"][0]["cost_usd"] > 0


def simulate__says_what_a_fleet_that_loses_work_loses_less():
    """Twelve jobs at a time on eight GPUs, of which each holds seven: whole GPUs lose a third."""
    rows = csv([(7200 * i, 3600, 140) for i in range(60) for _ in range(12)])
    how = ["-t", "csv:-", "-w", "loss", "--gpus", "8", "-p", "gpuslice", "--what-if", "no"]
    report = report_of(*how, "--draws", "0", stdin=rows)
    whole, ours = of(report, "whole"), of(report, "gpuslice")
    assert report["asked_gpu_hours"] == 720 and whole["lost_gpu_hours"] == 240 and ours["lost_gpu_hours"] == 0
    assert ours["less_lost_pct"] == 33.333 and whole["less_lost_pct"] == 0, ours
    assert report["claim"].startswith("On this trace alone, on the same 1 node, 33.3 % less of the work is lost; "), \
        report["claim"]
    draw = random.Random(SEED)
    print(f"# seed {SEED}")
    at = list(itertools.accumulate(int(draw.expovariate(1 / 300.0)) + 1 for _ in range(300)))
    rows = csv([(when, 3600, 140) for when in at])
    report = report_of(*how, stdin=rows)
    ours = of(report, "gpuslice")
    lo, hi = ours["less_lost_ci_pct"]
    assert 0 < lo <= ours["less_lost_pct"] <= hi, ours
    assert report["claim"].startswith(
        f"For work like this you may claim that with slices, on the same 1 node, {lo:.1f} to {hi:.1f} % less of the "
        f"work is lost (95 % interval; {ours['less_lost_pct']:.1f} % on this trace); {ours['lost_gpu_hours']:.1f} of "
        "300 GPU-hours are lost with slices, "), report["claim"]
    few = report_of(*how, "--draws", "100", stdin=rows)["claim"]
    assert few.startswith("No gain may be claimed of 100 draws, 500 are the least: "), few


def simulate__meets_no_copies_of_a_job():
    """Work so thin that hardly two jobs meet saves nearly nothing, also in its draws."""
    draw = random.Random(SEED)
    print(f"# seed {SEED}")
    rows, at = [], 0
    for _ in range(300):
        at += int(draw.expovariate(1 / 6000.0)) + 1
        rows.append((at, 300, 140))
    ours = of(report_of("-t", "csv:-", "-p", "gpuslice", "--what-if", "no", stdin=csv(rows)), "gpuslice")
    lo, hi = ours["saving_ci_pct"]
    assert lo <= ours["saving_pct"] <= hi and hi < 6, ours  # 63 % of jobs were drawn with copies


def simulate__claims_nothing_that_the_interval_does_not_hold():
    claim = report_of("-t", "csv:" + JOBS, "--draws", "0")["claim"]
    assert "nothing may be claimed beyond it" in claim
    rows = [(i * 100, 1000, 1000) for i in range(90)] + [(9100, 10, 100), (9100, 10, 100)]
    claim = report_of("-t", "csv:-", "--draws", "500", stdin=csv(rows))["claim"]
    assert claim.startswith("No saving may be claimed"), claim
    report = report_of("-t", "csv:-", "--draws", "500", stdin=csv([(i, 900, 120) for i in range(90)]))
    assert report["claim"].startswith("For work like this you may claim"), report["claim"]
    lo, hi = of(report, "gpuslice")["saving_ci_pct"]
    assert f"{lo:.1f} to {hi:.1f} %" in report["claim"]
    assert any("this workload has it" in line for line in report["for_whom"])


def simulate__claims_nothing_of_fewer_than_500_draws():
    rows = csv([(i, 900, 120) for i in range(90)])
    for draws in (100, 499, 500):
        report = report_of("-t", "csv:-", "--draws", str(draws), "-p", "gpuslice", "--what-if", "no", stdin=rows)
        lo, hi = of(report, "gpuslice")["saving_ci_pct"]
        assert 0 < lo <= hi, report
        assert report["claim"].startswith("For work like this" if draws == 500 else
                                          f"No saving may be claimed of {draws} draws, 500 are the least: "), \
            report["claim"]
        assert any("as wide as the draws make it" in note for note in report["notes"]), report["notes"]
    report = report_of("-t", "csv:-", "--draws", "0", stdin=rows)
    assert not any("as wide as" in note for note in report["notes"]), report["notes"]


# Jobs that run at one time, each by what it asks for; the ideal, in GPU-hours of one hour, is what
# holds their memory and their compute. 3g has 4 of 8 units of memory and 3 of 7 of compute.
IDEAL = [("3g.20gb 4g.20gb", 1.0), ("4g.20gb 4g.20gb", 8 / 7), ("3g.20gb 3g.20gb", 1.0),
         (" ".join(["1g.5gb"] * 7), 1.0), ("1g.5gb", 1 / 7), ("3g.20gb 3g.20gb 3g.20gb", 1.5),
         ("1g.10gb 1g.10gb 1g.10gb 1g.10gb", 1.0), ("7g.40gb 3g.20gb", 1.5), ("460 460", 0.92),
         ("3g.20gb 460", 0.96), ("900 100", 1.0)]


def simulate__ideal_is_what_memory_and_compute_need_and_never_above_the_bound():
    for jobs, gpus in IDEAL:
        names = jobs.split()
        rows = "".join(f"0,3600,{'' if n.isdigit() else n},{n if n.isdigit() else ''}\n" for n in names)
        report = report_of("-t", "csv:-", "--draws", "0", "-p", "gpuslice", "--what-if", "no",
                           stdin=("arrival,duration,profile,milli_gpu\n" + rows).encode())
        assert abs(report["ideal_saving_pct"] - 100 * (1 - gpus / len(names))) < 0.001, (jobs, report)
        assert report["ideal_saving_pct"] >= report["bound_saving_pct"], jobs
    for rate, seed in ((20, 1), (200, 2)):
        law = (f"synthetic:rate={rate}/h,duration=lognormal(900s,1),"
               "mix=1g:2+2g:1+3g:1+4g:1+gpu:1+bert_train2:1,jobs=400")
        for how in ([], ["--map", "strict", "--tolerance", "15"]):
            report = report_of("-t", law, "--seed", str(seed), "--draws", "0", "-p", "gpuslice", *how)
            assert report["ideal_saving_pct"] >= report["bound_saving_pct"] > 0, (law, how)


def simulate__names_a_row_that_fits_no_node():
    rows = b"arrival,duration,gpus\n" + b"".join(b"%d,900,1\n" % i for i in range(60)) + b"70,10,16\n80,10,12\n"
    report = report_of("-t", "csv:-", "--draws", "0", "-p", "gpuslice", stdin=rows)
    assert report["claim"].startswith("No saving may be claimed: jobs not finished: 2 "), report["claim"]
    said = [note for note in report["notes"] if "fit" in note]
    assert said[0] == "stdin:62: fits no node: it asks for 16 GPUs, and a node has 8", said
    assert said[1].endswith("nothing is claimed: 2 (--node-gpus says how many GPUs a node has; or leave "
                            "them out of the trace)"), said
    wider = report_of("-t", "csv:-", "--draws", "0", "-p", "gpuslice", "--node-gpus", "16", stdin=rows)
    assert not any("fits no node" in note for note in wider["notes"]), wider["notes"]


def simulate__claims_nothing_where_the_draws_are_not_like_the_trace():
    """Jobs that keep to a timetable and never meet: where blocks of it are joined, some do."""
    jobs = csv([(k * 7200, 6600, 140) for k in range(100)])
    report = report_of("-t", "csv:-", "-p", "gpuslice", "--draws", "500", "--what-if", "no", stdin=jobs)
    assert report["bound_saving_pct"] == of(report, "gpuslice")["saving_pct"] == 0
    assert of(report, "gpuslice")["saving_ci_pct"][0] > 0, "the draws are like the trace: no case"
    assert report["claim"].startswith("No saving may be claimed: 0.0 %"), report["claim"]


def simulate__claims_nothing_where_work_was_not_finished():
    """A row that no node holds, beside others."""
    jobs = csv([(k, 1000, 1) for k in range(12)] + [(12, 1000, 16)], "arrival,duration,gpus")
    report = report_of("-t", "csv:-", "-w", "queue", "--gpus", "8", "-p", "gpuslice", "--draws", "100", stdin=jobs)
    assert report["claim"].startswith(
        "No saving may be claimed: jobs not finished: 1 with whole GPUs, 1 with slices"), report["claim"]


def simulate__says_why_there_is_no_interval():
    for rows, draws, why in (([(0, 10, 100)], "500", "fewer than ten jobs"),
                             ([(0, 10, 100)] * 9, "50", "fewer than 100 draws"),
                             ([(i * 60, 50, 100) for i in range(50)] + [(3000, 90000, 100)], "500",
                              "the trace is too short")):
        report = report_of("-t", "csv:-", "--draws", draws, stdin=csv(rows))
        assert why in report["intervals"]["none_because"]
        assert of(report, "gpuslice")["saving_ci_pct"] is None
        assert any(why in note for note in report["notes"])
    table = run("simulate", "-t", "csv:-", "--draws", "0", stdin=csv([(0, 10, 100)])).decode()
    assert ": 1 row, 0 of them not usable, 1 job;" in table, table


def simulate__keeps_no_more_jobs_than_it_says():
    """Over a million are streamed, each policy anew."""
    report = report_of("-t", "synthetic:rate=100000/h,duration=60s,mix=1g:1,jobs=1048600",
                       "-p", "gpuslice", "--what-if", "no")
    assert report["trace"]["jobs"] == 1048600
    assert "more jobs than are kept in memory" in report["intervals"]["none_because"]
    assert of(report, "gpuslice")["saving_pct"] > 80


# ---- bad input

BAD_ROWS = b"""arrival,duration,milli_gpu
0,100,250
10,-5,250
20,99999999999999999999,250
30,100,5000
40,nan,100
x,100,100
50,100
60,100,250
"""


def simulate__names_each_row_that_it_does_not_use():
    report = report_of("-t", "csv:-", "--draws", "0", stdin=BAD_ROWS)
    assert report["input_rows"] == 8 and report["skipped_rows"] == 6, report["trace"]
    lines = [int(re.match(r"stdin:(\d+): ", text).group(1)) for text in report["trace"]["skipped"]]
    assert lines == [3, 4, 5, 6, 7, 8], report["trace"]["skipped"]
    assert any("could not be used" in note for note in report["notes"])
    assert "stdin:3: " in run("simulate", "-t", "csv:-", "--draws", "0", stdin=BAD_ROWS).decode()


def simulate__refuses_what_is_no_trace_with_one_line():
    draw = random.Random(SEED)
    packed = gzip.compress(b"".join(
        [b"arrival,duration,milli_gpu\n"] +
        [b"%d,%d,250\n" % (i * 7 % 9999, draw.randrange(9999)) for i in range(5000)]))
    for bad in (packed[:len(packed) // 2], packed[:20], b"", b"\0" * 5000, b"a" * 200000,
                b"arrival,duration\n\xff\xfe,1\n", b"arrival\n1\n", BAD_ROWS[:30] + b"x,y,z\n"):
        error = run("simulate", "-t", "csv:-", "--draws", "0", stdin=bad, status=3)
        assert error.startswith("gpuslice: stdin") and error.count("\n") == 1, (bad[:40], error)


def simulate__counts_no_work_as_saved_that_waits_behind_the_window():
    """Two jobs of a whole GPU each: there is nothing to save, whenever they run."""
    said = run("simulate", "-t", "csv:-", "-w", "queue", "--gpus", "2", "--window", "0..1000",
               stdin=csv([(0, 1000, 1000)] * 2), status=2)
    assert "moves out of the window" in said, said


def simulate__does_all_work_of_a_window_on_nodes_that_boot():
    """Who waits for a node longer must not do less of the work in the window for that."""
    rows = [(k * 400, 1000, 430) for k in range(200)]
    for window in ("0..20000", "30000..50000", "20000s"):
        report = report_of("-t", "csv:-", "-w", "elastic", "--boot", "2h", "--idle", "0", "--draws",
                           "0", "--window", window, "-p", "gpuslice", "--what-if", "no",
                           stdin=csv(rows))
        for policy in report["policies"]:
            least = report["whole_gpu_hours"] if policy["name"] == "whole" else \
                policy["bound_gpu_hours"]
            assert policy["gpu_hours"] >= least and policy["lost_pods"] == 0, (window, policy)
        work = 20000 / 400 * 1000 / 3600  # GPU-hours of jobs that come and go in the window
        assert of(report, "whole")["gpu_hours"] >= 0.99 * work, (window, report["whole_gpu_hours"])


def simulate__says_of_the_bound_what_holds_in_its_world():
    said = {}
    for world in ("instant", "elastic", "queue", "loss"):
        fleet = ["--gpus", "16"] if world in ("queue", "loss") else []
        args = ["-t", "csv:" + JOBS, "-w", world, *fleet, "--draws", "0", "-p", "gpuslice"]
        said[world] = [run("simulate", *args, "-o", form).decode() for form in ("table", "html")]
    for table, page in said.values():
        nobody = "nobody saves more with these profiles"
        assert (nobody in table) == (nobody in page) == (table == said["instant"][0])
        assert ("bound: nobody saves more" in page) == (table == said["instant"][0])
    assert all("bounds nobody" in text for text in said["queue"] + said["loss"])


def simulate__says_which_options_do_not_go_together():
    for args, says in ((["--boot", "1s"], "--world elastic"), (["-w", "queue"], "--gpus"),
                       (["--gpus", "8"], "--world queue"), (["-p", "no"], "expected whole"),
                       (["--map", "x"], "--map"), (["--window", "9x"], "--window"),
                       (["--window", "9..2"], "earlier one first"), (["--tolerance", "16"], "15"),
                       (["-i", "p4d.24xlarge"], "--region"), (["-i", "g6.xlarge"], "--instance"),
                       (["-w", "queue", "--gpus", "9"], "whole nodes"), (["--seeds", "0"], "1 to"),
                       (["-m", "L4"], "--gpu"), (["--slo", "0.5"], "--slo")):
        error = run("simulate", "-t", "csv:" + JOBS, *args, status=2)
        assert says in error and error.count("\n") == 1, (args, error)


# ---- the report

class Page(html.parser.HTMLParser):
    """What a page has; every element that is opened is closed."""
    VOID = {"meta", "br"}

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attrs, self.ids, self.text = [], set(), [], [], ""
        self.feed(text)
        assert self.open == [], self.open

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attrs += attrs
        self.ids += [value for name, value in attrs if name == "id"]
        self.open += [] if tag in self.VOID else [tag]

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)
        self.attrs += attrs

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()

    def handle_data(self, data):
        self.text += data


def report__is_a_page_of_its_own():
    text = run("simulate", "-t", "csv:" + JOBS, "--draws", "100", "-o", "html").decode()
    page = Page(text)
    assert not page.tags & {"script", "img", "link", "iframe", "object", "base", "form"}, page.tags
    assert not any(name.startswith("on") or name in ("href", "src") for name, _ in page.attrs)
    assert "http" not in text.replace("http-equiv", "") and "@import" not in text
    assert len(page.ids) == len(set(page.ids)) and text.count("<svg class=\"plot\"") >= 6
    assert text.count("<svg class=\"plot\"") == text.count("<desc id=") == text.count("role=\"img\"")
    assert "prefers-color-scheme:dark" in text and "nan" not in text.lower().replace("finance", "")


def report__escapes_names_of_others():
    evil = "<script>alert(1)</script>\"'&\u202e\x1b[31m"
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, evil.replace("/", "_") + ".csv")
        os.symlink(os.path.abspath(JOBS), path)
        page = Page(run("simulate", "-t", "csv:" + path, "--draws", "0", "-o", "html").decode())
        assert "script" not in page.tags and "<script>alert(1)<_script>" in page.text
        table = run("simulate", "-t", "csv:" + path, "--draws", "0").decode()
        assert "\x1b" not in table and "\u202e" not in table
        saved = run("simulate", "-t", "csv:" + path, "--draws", "0", "-o", "json")
        again = Page(run("report", "-", "-o", "html", stdin=saved).decode())
        assert "script" not in again.tags


def report__shows_a_saved_report_as_the_simulation_did():
    for how in (["--draws", "100", "-p", "gpuslice"], ["--draws", "0"], ["-w", "elastic", "--draws", "0", "-i",
                                                       "p4d.24xlarge", "--region", "us-east-1"]):
        args = ["simulate", "-t", "csv:" + JOBS, *how]
        saved = run(*args, "-o", "json")
        for form in ("table", "json", "yaml", "html"):
            assert run("report", "-", "-o", form, stdin=saved) == run(*args, "-o", form), (how, form)


def paths_of(tree, path=()):
    """Every place in a JSON tree, but few of long lists."""
    yield path
    items = tree.items() if isinstance(tree, dict) else \
        list(enumerate(tree))[:3] if isinstance(tree, list) else ()
    for key, value in items:
        yield from paths_of(value, path + (key,))


def changed(tree, path, value):
    copy = json.loads(json.dumps(tree))
    at = copy
    for key in path[:-1]:
        at = at[key]
    if value is KeyError:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return copy


def report__says_what_is_wrong_with_a_report():
    """Each key away or of another kind: shown, or refused with one line; never anything else."""
    draw = random.Random(SEED)
    print(f"# seed {SEED}")
    saved = report_of("-t", "csv:" + JOBS, "--draws", "100", "-p", "gpuslice")
    places = [path for path in paths_of(saved) if path]
    refused = 0
    for path in draw.sample(places, 120):
        value = draw.choice([KeyError, None, -1, 1e300, "x" * 5000, [], {}, True, [[]] * 3])
        done = subprocess.run([GPUSLICE, "report", "-", "-o", draw.choice(["table", "html"])],
                              input=json.dumps(changed(saved, path, value)).encode(),
                              capture_output=True, check=False)
        assert done.returncode in (0, 3), (path, value, done)
        if done.returncode == 3:
            refused += 1
            error = done.stderr.decode()
            assert error.startswith("gpuslice: stdin: not a report") and error.count("\n") == 1
    assert refused > 60, refused
    for text in (b"", b"{", b"[]", b"[" * 100000, b'{"format": "x"}', b"\0\xff"):
        assert "not a report" in run("report", "-", stdin=text, status=3)


def report__writes_all_of_a_file_or_nothing():
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "r.html")
        assert run("simulate", "-t", "csv:" + JOBS, "--draws", "0", "-o", "html", "--out", out) == b""
        with open(out, "rb") as file:
            assert file.read() == run("simulate", "-t", "csv:" + JOBS, "--draws", "0", "-o", "html")
        run("simulate", "-t", "csv:" + JOBS, "--draws", "0", "--out", folder + "/no/r", status=4)


# ---- who waits

def simulate__shows_how_far_it_is():
    parent, child = pty.openpty()
    with subprocess.Popen([GPUSLICE, "simulate", "-t", "csv:" + JOBS, "--draws", "100000"],
                          stdout=subprocess.DEVNULL, stderr=child,
                          env={**os.environ, "TERM": "xterm"}) as running:
        os.close(child)
        said = b""
        while b" of 100000" not in said and len(said) < 10000:
            said += os.read(parent, 1000)
        running.terminate()  # SIGINT is ignored by what runs in the background of a shell
        running.wait(timeout=120)
    os.close(parent)
    assert re.search(rb"gpuslice simulate: draws \[#*-*\] \d+ of 100000, \d+ s", said), said


# ---- the page for users

PAGE = os.path.join(SOURCE, "docs", "savings.md")


def page_blocks():
    """(text of the block, what it should be)"""
    with open(PAGE, encoding="utf-8") as file:
        for part in file.read().split("```console\n")[1:]:
            block = part.split("```")[0]
            command = block.split("\n")[0].removeprefix("$ ")
            path = os.path.dirname(GPUSLICE) + os.pathsep + os.environ["PATH"]
            done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True,
                                  cwd=SOURCE, env={**os.environ, "PATH": path})
            yield block, f"$ {command}\n" + done.stdout


def simulate__prints_what_the_users_page_shows():
    blocks = list(page_blocks())
    assert blocks
    for block, wanted in blocks:
        assert block == wanted, (block, wanted)


def update_page():
    with open(PAGE, encoding="utf-8") as file:
        page = file.read()
    for block, wanted in page_blocks():
        page = page.replace(block, wanted, 1)
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(page)


if __name__ == "__main__":
    if sys.argv[3:] == ["--update-page"]:
        update_page()
        sys.exit()
    tap.run(tap.cases_of(sys.modules[__name__], "simulate__") +
            tap.cases_of(sys.modules[__name__], "report__"))
