#!/usr/bin/env python3
"""What gpuslice simulate makes of its inputs, and what gpuslice report believes.

usage: test_inputs.py GPUSLICE SOURCE_DIR
"""
import json
import os
import pty
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

import test_simulate as base
from test_simulate import GPUSLICE, JOBS, SOURCE, changed, csv, of, report_of, run, tap

FEW = ["--draws", "0", "-p", "gpuslice", "--what-if", "no"]
PARTS = "rows_used rows_without_gpu rows_never_ran rows_whole rows_unmapped".split()


def parts(report):
    return [report["skipped_rows"], *(report["trace"][key] for key in PARTS)]


# ---- every row is in one sum

def pod(name, limits, **status):
    return {"kind": "Pod",
            "metadata": {"name": name, "namespace": "n", "creationTimestamp": "2026-01-02T03:00:00Z"},
            "spec": {"nodeName": "n", "containers": [{"name": "c", "resources": {"limits": limits}}]},
            "status": status}


def pods(*items):
    return json.dumps({"kind": "List", "apiVersion": "v1", "items": items})


def ranges(**series):
    return json.dumps({"status": "success", "data": {"result": [
        {"metric": {"pod": name}, "values": [[t, str(value)] for t, value in values]}
        for name, values in series.items()]}})


RUNS = {"phase": "Running", "startTime": "2026-01-02T03:01:00Z"}
LATER = {"phase": "Succeeded", "startTime": "2026-01-02T03:09:00Z", "containerStatuses": [
    {"state": {"terminated": {"finishedAt": "2026-01-02T03:05:00Z"}}}]}
OPENB = ("name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,"
         "deletion_time,scheduled_time\n")
SAMPLES = "timestamp_anon,value,container_ip\n"
# format, files, more arguments, (skipped, used, without a GPU, never ran, whole, fit no rule), jobs,
# how the first row that fits no rule is named
SUMS = [
    ("csv", ["arrival,duration,milli_gpu,profile,count\n1,9,500,,3\n2,9,0,,\n3,x,500,,\n"
             "4,9,,5g.99gb,2\n5,9,1000,,\n"], [], (1, 2, 1, 0, 0, 1), 4, ":5: A100-40GB has no prof"),
    ("csv", ["arrival,duration,gpus,milli_gpu\n1,9,1,500\n2,9,4,\n3,9,0,\n"],
     ["--fractional-only"], (0, 1, 1, 0, 1, 0), 1, None),
    ("jsonl", ['{"arrival":1,"duration":9,"milli_gpu":0}\n[]\n'
               '{"arrival":1,"duration":9,"model":"nothing_like_it"}\n'
               '{"arrival":1,"duration":9,"gpus":2}\n'], [], (1, 1, 1, 0, 0, 1), 1, ":3: "),
    ("openb", [OPENB + "a,1,1,1,460,,LS,Running,5,105,7\nb,1,1,0,0,,LS,Running,5,105,7\n"
                       "c,1,1,1,500,,LS,Pending,5,105,\nd,1,1,1,500,,LS,Running,50,40,50\n"],
     [], (1, 1, 1, 1, 0, 0), 1, None),
    # One pod of two kinds of slices, one of a slice that is not there, one that ends too early.
    ("pods", [pods(pod("two", {"nvidia.com/mig-1g.5gb": "2", "nvidia.com/mig-2g.10gb": "1"}, **RUNS),
                   pod("cpu", {"cpu": "1"}, **RUNS), pod("odd", {"nvidia.com/mig-5g.99gb": "1"}, **RUNS),
                   pod("late", {"nvidia.com/gpu": "1"}, **LATER))], [], (1, 1, 1, 0, 0, 1), 3,
     ": pod 3: A100-40GB has no profile"),
    # Series: two of a, one of b that needs too much, one of c with one sample only.
    ("prometheus", [ranges(a=[(1, 5), (9, 7)], b=[(1, 99000), (9, 1)], c=[(1, 5)]),
                    ranges(a=[(1, 5), (9, 7)])], [], (1, 2, 0, 0, 0, 1), 1, ": series 2: needs 99000"),
    ("gentd26", [SAMPLES + "1,5,a\n9,5,a\n1,5,b\n2,x,a\n", SAMPLES + "1,5,a\n9,5,a\n"], [],
     (2, 4, 0, 0, 0, 0), 1, None),
    ("miso", ['{"0":1,"1":-2,"2":4}', '{"0":"bert_train2","1":"bert_train2","2":"no_such_work"}'], [],
     (1, 1, 0, 0, 0, 1), 1, "trace_100.json: job number 3: the speed"),
    ("synthetic", "rate=60/h,duration=60s,mix=1g,jobs=7", [], (0, 7, 0, 0, 0, 0), 7, None),
]
FOLDERS = {"gentd26": ["pod_gpu_memory_used_bytes_anon.tar.gz", "pod_gpu_duty_cycle_anon.tar.gz"],
           "miso": ["trace_100.json", "job_models.json"]}


def spec_of(kind, files, folder):
    if isinstance(files, str):
        return f"{kind}:{files}"
    names = [os.path.join(folder, name) for name in FOLDERS.get(kind, [f"f{i}" for i in range(len(files))])]
    for name, text in zip(names, files):
        with open(name, "w", encoding="utf-8") as file:
            file.write(text)
    return f"{kind}:{folder if kind in FOLDERS else ','.join(names)}"


def inputs__rows_add_up_in_every_format():
    for kind, files, more, wanted, jobs, names in SUMS:
        with tempfile.TemporaryDirectory() as folder:
            spec = spec_of(kind, files, folder)
            report = report_of("-t", spec, *FEW, *more)
            shown = run("simulate", "-t", spec, *FEW, *more).decode()
        assert parts(report) == list(wanted), (kind, parts(report), wanted)
        assert report["input_rows"] == sum(wanted) and report["trace"]["jobs"] == jobs, (kind, report)
        line = re.search(r"^trace .*", shown, re.M)[0]
        says = ["of them not usable", "", "that asks? for no GPU", "that never ran",
                "that asks? for whole GPUs", "that fits? no rule"]
        for rows, words in zip(wanted, says):
            assert not words or (rows == 0 and says.index(words)) or re.search(f"{rows} {words}", line), line
        if names:
            assert any(names in text for text in report["trace"]["skipped"]), report["trace"]["skipped"]
            assert len(report["trace"]["skipped"]) == wanted[0] + wanted[5], report["trace"]["skipped"]


def inputs__rows_are_sorted_as_the_page_says():
    """The command of docs/traces.md, on a file that is too far out of order."""
    with open(os.path.join(SOURCE, "docs", "traces.md"), encoding="utf-8") as file:
        command = re.search(r"^    (.*\bsort .*)$", file.read(), re.M)[1]
    rows = [(f"j{i}", i % 70001 * 10, 5, 500) for i in range(0, 70000)]
    random.Random(base.SEED).shuffle(rows)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "jobs.csv")
        with open(path, "wb") as file:
            file.write(csv(rows, "name,arrival,duration,milli_gpu"))
        before = report_of("-t", "csv:" + path, *FEW)
        assert before["skipped_rows"] > 0 and "out of order" in before["trace"]["skipped"][0]
        subprocess.run(command, shell=True, check=True, cwd=folder)
        after = report_of("-t", "csv:" + os.path.join(folder, "sorted.csv"), *FEW)
        assert after["skipped_rows"] == 0 and after["input_rows"] == 70000


def inputs__seconds_and_dates_in_one_file_are_refused_with_the_line():
    said = run("simulate", "-t", "csv:-", status=3,
               stdin=b"arrival,duration,gpus\n1,60,1\n2026-01-02T03:04:05Z,60,1\n")
    assert said == ("gpuslice: stdin:3: found 2026-01-02T03:04:05Z, a date, where stdin:2 has seconds; "
                    "expected the same in all rows\n"), said


# ---- what is not known

def inputs__nothing_is_claimed_of_a_list_of_pods():
    slices = [pod(f"p{i}", {"nvidia.com/mig-1g.5gb": "1"}, **RUNS) for i in range(20)]
    whole = pod("w", {"nvidia.com/gpu": "1"}, phase="Running", startTime="2026-01-02T03:11:00Z")
    report = report_of("-t", "pods:-", "--draws", "100", "-p", "gpuslice",
                       stdin=pods(*slices, whole).encode())
    assert report["claim"].startswith("No saving may be claimed: a list of pods is one moment"), \
        report["claim"]
    assert of(report, "gpuslice")["saving_pct"] > 0


def inputs__nothing_is_claimed_where_only_the_memory_is_known():
    draw = random.Random(base.SEED)
    begins = {f"p{i}": draw.randint(0, 40000) for i in range(60)}
    memory = ranges(**{name: [(t, 3000), (t + 3000, 3000)] for name, t in begins.items()})
    use = ranges(**{name: [(t, 5), (t + 3000, 9)] for name, t in begins.items()})
    with tempfile.TemporaryDirectory() as folder:
        one = report_of("-t", spec_of("prometheus", [memory], folder), "--draws", "100", "-p", "gpuslice")
        both = report_of("-t", spec_of("prometheus", [memory, use], folder), "--draws", "100", "-p",
                         "gpuslice")
        told = report_of("-t", spec_of("prometheus", [memory], folder), "--draws", "100", "-p",
                         "gpuslice", "--util-by", "none")
    assert one["map"]["compute_unknown_pct"] == 100
    assert "memory is known and the compute is not" in one["claim"], one["claim"]
    for report in (both, told):
        assert report["map"]["compute_unknown_pct"] == 0, report["map"]
        assert "compute is not" not in report["claim"], report["claim"]
        assert of(report, "gpuslice")["saving_pct"] == of(one, "gpuslice")["saving_pct"] > 0


def inputs__one_gpu_that_nobody_measured_is_not_said_to_be_needed():
    """nvidia.com/gpu: 1 says nothing of what is used."""
    plain = report_of("-t", "csv:-", *FEW, stdin=csv([(i, 900, 1) for i in range(9)], "arrival,duration,gpus"))
    assert plain["map"]["use_unknown_pct"] == 100 and plain["sliceable_share_pct"] == 0
    assert any("Measure that" in line and "-t prometheus:memory.json,util.json" in line
               for line in plain["for_whom"]), plain["for_whom"]
    assert not any("not for you" in line for line in plain["for_whom"]), plain["for_whom"]
    asked = report_of("-t", "csv:-", *FEW, stdin=csv([(i, 900, 1000) for i in range(9)]))
    assert asked["map"]["use_unknown_pct"] == 0
    assert any("not for you" in line for line in asked["for_whom"]), asked["for_whom"]


def inputs__a_window_is_advised_only_where_it_can_be_had():
    one = report_of("-t", "csv:-", *FEW, stdin=csv([(0, 60, 500)]))
    assert not any("--window" in note for note in one["notes"]), one["notes"]
    rows = csv([(0, 9000, 500), (10, 3000, 500), (5000, 9000, 500)])
    two = report_of("-t", "csv:-", *FEW, stdin=rows)
    assert any("--window observed" in note for note in two["notes"]), two["notes"]
    assert report_of("-t", "csv:-", *FEW, "--window", "observed", stdin=rows)["trace"]["jobs"] == 3
    queue = report_of("-t", "csv:-", *FEW, "-w", "queue", "--gpus", "8", stdin=rows)
    assert not any("--window" in note for note in queue["notes"]), queue["notes"]


# ---- options that would be silently something else

def simulate__refuses_what_it_would_not_do():
    for args, says in ((["-p", "small-gpu"], "small-gpu needs --small-gpu TYPE"),
                       (["-p", "whole,small-gpu", "-w", "elastic"], "small-gpu needs --small-gpu"),
                       (["--threads", "0"], "--threads: expected 1 to"),
                       (["-w", "elastic", "--spot", "0s"], "--spot: expected more than 0"),
                       (["-w", "elastic", "--checkpoint", "0"], "--checkpoint: expected more than 0")):
        error = run("simulate", "-t", "csv:" + JOBS, *args, status=2)
        assert says in error and error.count("\n") == 1, (args, error)
    error = run("simulate", "-t", "csv:" + JOBS, "-p", "shared", status=3)
    assert "shared needs work of which it is known" in error, error


def simulate__ends_as_shells_tell_signals():
    for number, status in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        parent, child = pty.openpty()
        with tempfile.TemporaryDirectory() as folder:
            with subprocess.Popen([GPUSLICE, "simulate", "-t", "csv:" + JOBS, "--draws", "100000", "--out",
                                   os.path.join(folder, "r.json")], stderr=child,
                                  env={**os.environ, "TERM": "xterm"}) as running:
                os.close(child)
                said = b""
                while b" of 100000" not in said:  # it works, and so it listens
                    said += os.read(parent, 1000)
                running.send_signal(number)
                assert running.wait(timeout=100) == status, (number, running.returncode)
            assert os.listdir(folder) == []
        os.close(parent)


signal.signal(signal.SIGHUP, signal.SIG_DFL)  # though nohup may have begun all this
LISTENS = sum(1 << number - 1 for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM))


def await_listening(running, signals=LISTENS):
    """Until it catches these signals."""
    deadline = time.monotonic() + 100
    while True:
        assert running.poll() is None and time.monotonic() < deadline, "it does not listen"
        with open(f"/proc/{running.pid}/status", encoding="ascii") as file:
            caught = int(re.search(r"SigCgt:\s*(\w+)", file.read())[1], 16)
        if caught & signals == signals:
            return
        time.sleep(0.01)


# ---- where the report goes

def simulate__never_puts_the_report_in_the_place_of_an_input():
    rows = csv([(i, 60, 500) for i in range(9)])
    with tempfile.TemporaryDirectory() as folder:
        at = lambda name: os.path.join(folder, name)
        for name, text in (("k.csv", rows), ("r.json", run("simulate", "-t", "csv:-", *FEW, "-o", "json",
                                                           stdin=rows))):
            with open(at(name), "wb") as file:
                file.write(text)
        os.symlink("k.csv", at("link"))
        os.link(at("r.json"), at("hard"))
        samples = [SAMPLES + "1,5,a\n9,5,a\n"] * 2
        served = spec_of("gentd26", samples, folder)
        kept = {name: open(at(name), "rb").read() for name in os.listdir(folder)}
        cases = [("simulate", "-t", "csv:" + at("k.csv"), "--out", at("k.csv")),
                 ("simulate", "-t", "csv:" + at("k.csv"), "--out", at("link")),
                 ("simulate", "-t", served, "--out", at(FOLDERS["gentd26"][1])),
                 ("report", at("r.json"), "--out", at("r.json")),
                 ("report", at("r.json"), "--out", at("hard"), "-o", "html"),
                 ("lint", at("k.csv"), "--fix-to", at("k.csv"))]
        for args in cases:
            error = run(*args, status=3)
            assert "which it would replace; expected another file" in error and error.count("\n") == 1, error
            assert {name: open(at(name), "rb").read() for name in os.listdir(folder)} == kept, args
        with open(at("k.csv"), "rb") as stdin:
            said = subprocess.run([GPUSLICE, "simulate", "-t", "csv:-", "--out", at("k.csv")], stdin=stdin,
                                  capture_output=True, text=True)
        assert said.returncode == 3 and "is the input stdin" in said.stderr, said
        run("report", at("r.json"), "--out", at("page.html"), "-o", "html")


def simulate__says_by_its_status_that_the_report_could_not_be_written():
    rows = csv([(i, 60, 500) for i in range(9)])
    saved = run("simulate", "-t", "csv:-", *FEW, "-o", "json", stdin=rows)
    for args, stdin in ((["simulate", "-t", "csv:-", *FEW], rows), (["report", "-"], saved),
                        (["lint", "-"], b"version: v1\nmig-configs: {}\n")):
        option = "--fix-to" if args[0] == "lint" else "--out"
        error = run(*args, option, "/dev/full", status=4, stdin=stdin)
        assert f"{option}: cannot write /dev/full: No space" in error and error.count("\n") == 1, error
    with open("/dev/full", "wb") as full:
        said = subprocess.run([GPUSLICE, "simulate", "-t", "csv:-", *FEW], input=rows, stdout=full,
                              stderr=subprocess.PIPE)
    assert said.returncode == 4 and said.stderr.count(b"\n") == 1, said


def report__names_a_file_once():
    error = run("report", "/dev/zero", status=3)
    assert error == "gpuslice: /dev/zero: expected a file of 67108864 bytes at most\n", error


def simulate__can_be_stopped_while_it_waits_for_a_pipe():
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        with tempfile.TemporaryDirectory() as folder:
            pipe, out = os.path.join(folder, "pipe"), os.path.join(folder, "r.json")
            os.mkfifo(pipe)
            with subprocess.Popen([GPUSLICE, "simulate", "-t", "csv:" + pipe, "--out", out],
                                  stderr=subprocess.PIPE, text=True) as running:
                with open(pipe, "w", encoding="ascii") as file:
                    file.write("arrival,duration,gpus\n1,2,1\n")
                    file.flush()
                    await_listening(running)
                    running.send_signal(number)
                    said = running.communicate(timeout=100)[1]
            assert running.returncode == 128 + number, (number, running.returncode)
            assert said == "gpuslice: stopped; nothing was written\n", said
            assert os.listdir(folder) == ["pipe"]


def simulate__goes_on_where_nohup_ignores_the_end_of_the_terminal():
    with subprocess.Popen([GPUSLICE, "simulate", "-t", "csv:-", "-p", "gpuslice"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True,
                          preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as running:
        await_listening(running, LISTENS & ~(1 << signal.SIGHUP - 1))
        running.send_signal(signal.SIGHUP)
        said = running.communicate("arrival,duration,gpus\n1,2,1\n", timeout=100)[0]
    assert running.returncode == 0 and "1 row, 0 of them not usable, 1 job" in said, said


# ---- inputs that never end, windows beside the trace

def simulate__ends_what_never_ends():
    for trace in ("csv:/dev/zero", "jsonl:/dev/zero", "openb:/dev/zero"):
        error = run("simulate", "-t", trace, status=3)
        assert "found no row that can be used in 256 MiB" in error and error.count("\n") == 1, error
    for trace in ("pods:/dev/zero", "prometheus:/dev/zero", "csv:/dev/urandom"):
        assert run("simulate", "-t", trace, status=3).count("\n") == 1, trace
    error = run("simulate", "-t", "csv:-", stdin=b"arrival,duration,gpus\n" + b"?\n" * 1100000, status=3)
    assert "1048576 rows one after the other that cannot be used" in error, error


def simulate__refuses_a_window_beside_the_trace():
    for window, says in (("30d..40d", "lies wholly behind the end of the trace, whose work is there from 6.5 min to"),
                         ("0..1min", "lies wholly before the trace, whose work is there from 6.5 min to"),
                         ("2026-01-01..2026-01-02", "lies wholly behind the end of the trace")):
        error = run("simulate", "-t", "csv:" + JOBS, "--window", window, status=3)
        assert f"--window: {window} {says}" in error and error.count("\n") == 1, error
    for window in ("2026-01-01..2026-13-01", "2026-01-02..2026-01-01"):
        assert "expected two times" in run("simulate", "-t", "csv:" + JOBS, "--window", window, status=2)


def simulate__takes_dates_as_a_window():
    rows = b"arrival,duration,gpus\n2026-11-20T00:00:00Z,1h,1\n2026-11-21T12:00:00Z,2h,1\n"
    for window, hours in (("2026-11-20..2026-11-21", 1), ("2026-11-21..2026-11-22", 2),
                          ("2026-11-20T00:30:00Z..2026-11-21T13:00:00Z", 1.5)):
        report = report_of("-t", "csv:-", *FEW, "--window", window, stdin=rows)
        assert abs(report["whole_gpu_hours"] - hours) < 1e-6, (window, report["whole_gpu_hours"])
    error = run("simulate", "-t", "csv:-", "--window", "1d..2d", status=3, stdin=rows)
    assert "before the trace, whose work is there from 2026-11-20T00:00:00Z to 2026-11-21T14:00:00Z" in error, error


def simulate__says_when_no_work_fits_the_rule():
    for trace, says in (("synthetic:rate=60/h,duration=60s,mix=5g:1,jobs=9",
                         "none of 9 pieces of work fits the rule; of rows that are not used the first: "
                         "synthetic:1: A100-40GB has no profile"),
                        ("synthetic:rate=60/h,duration=60s,mix=5g:1,jobs=1", "none of 1 piece of work fits")):
        error = run("simulate", "-t", trace, status=3)
        assert says in error and error.count("\n") == 1, error


# ---- words that go with their numbers

def simulate__counts_one_as_one():
    one = b"arrival,duration,gpus\n1,2,1\n1,2\n1,2,0\n"
    for args in (["-o", "table"], ["-o", "html"], ["-o", "json"]):
        said = run("simulate", "-t", "csv:-", *FEW, *args, "-w", "queue", "--gpus", "8", stdin=one).decode()
        wrong = re.findall(r"\b(?<![.,\d])1 (?:nodes|rows|jobs|pieces|GPUs|that ask|fields)\b", said)
        assert not wrong, (args, wrong)
        assert "1 node of 8 x A100-40GB, always on" in said, said
        assert "1 of 3 rows could not be used, and is in no figure" in said, said
    assert b"1 that asks for no GPU" in run("simulate", "-t", "csv:-", *FEW, stdin=one)


def simulate__never_shows_hours_that_are_there_as_none():
    for seconds, gpus, shown in ((1, 1, "under 0.001"), (60, 2, "0.033"), (3600, 1, "1.0"), (3600, 60, "60.0")):
        rows = csv([(0, seconds, gpus)], "arrival,duration,gpus")
        table, page = (run("simulate", "-t", "csv:-", *FEW, "-o", form, stdin=rows).decode()
                       for form in ("table", "html"))
        assert re.search(rf"^whole GPUs +{shown}  GPU-hours", table, re.M), table
        assert re.search(rf"^whole +{shown} ", table, re.M), table
        assert shown in page, shown


def simulate__names_the_option_that_wants_a_region():
    for option, instance in (("--small-gpu", "g6.xlarge"), ("--instance", "p4d.24xlarge")):
        error = run("simulate", "-t", "csv:" + JOBS, option, instance, status=2)
        assert f"--region: expected with {option} {instance}, as us-east-1" in error, error


# ---- a saved report that cannot be true

WORLDS = [["-w", "instant"], ["-w", "elastic"], ["-w", "queue", "--gpus", "8"],
          ["-w", "loss", "--gpus", "8"], ["-w", "elastic", "--spot", "2h"],
          ["-w", "elastic", "-i", "p4d.24xlarge", "--region", "us-east-1", "--small-gpu", "g6.xlarge"]]


def report__believes_what_simulate_writes():
    laws = ["synthetic:rate=30/h,duration=lognormal(900s,1),mix=1g:2+2g:1+gpu:1,jobs=60",
            "synthetic:rate=9/h,duration=exp(900s),mix=bert_train2:1+resnet_train64:1+4gpu:1,jobs=40"]
    for how in WORLDS:
        for trace, more in (("csv:" + JOBS, []), (laws[0], ["--seeds", "3"]), (laws[1], ["--map", "strict"])):
            saved = run("simulate", "-o", "json", "-t", trace, *how, "--draws", "100", *more)
            assert run("report", "-", "-o", "json", stdin=saved) == saved, (how, trace)


def altered(saved):
    """(what is altered, what it says)"""
    ours = next(i for i, policy in enumerate(saved["policies"]) if policy["name"] == saved["ours"])
    policy = saved["policies"][ours]
    lo, hi = policy["saving_ci_pct"]
    at = ("policies", ours)
    lies = saved["claim"].replace(f"{lo:.1f}", "91.0")
    assert lies != saved["claim"]
    yield ("claim",), lies, "claim: it does not follow"
    yield ("claim",), "You may claim 90 %.", "claim: it does not follow"
    yield ("for_whom", 0), "Everybody saves 90 %.", "for_whom: it does not follow"
    yield (*at, "saving_ci_pct"), [90, 95], "claim: it does not follow"
    yield (*at, "saving_ci_pct"), [hi, lo], "the lower of two numbers first"
    yield (*at, "saving_pct"), policy["saving_pct"] + 0.5, "saving_pct: it is not what its GPU-hours"
    yield (*at, "node_saving_pct"), 88.0, "node_saving_pct: it is not what its GPU-hours"
    yield (*at, "gpu_hours"), policy["gpu_hours"] / 2, "saving_pct: it is not what its GPU-hours"
    yield (*at, "bound_gpu_hours"), policy["gpu_hours"] + 1, "fewer than the bound"
    yield (*at, "lost_gpu_hours"), policy["gpu_hours"] + 1, "more than all of its GPU-hours"
    yield (*at, "saving_pct"), None, "saving_ci_pct: an interval of a saving"
    yield (*at, "node_saving_pct"), None, "saving_ci_pct: an interval of a saving"
    yield (*at, "lost_pods"), 3, "lost_gpu_hours: none, and jobs were lost"
    yield ("bound_peak_gpus",), saved["whole_peak_gpus"] + 1, "bound_peak_gpus: more than whole GPUs"
    yield ("ideal_saving_pct",), saved["bound_saving_pct"] - 0.001, "ideal_saving_pct: it is below the bound"
    yield (*at, "wait_p95_s"), 12345.0, "wait_percentiles_s"
    yield (*at, "wait_percentiles_s", 100), -1.0, "wait_percentiles_s: a negative value"
    yield (*at, "gpus_on", 3), -2.0, "gpus_on: a negative value"
    other = next(i for i in range(len(saved["policies"])) if i not in (0, ours))
    yield ("policies", other, "name"), "whole", "name: it is there twice"
    yield (*at, "cost_usd"), -5.0, "cost_usd: its value is out of the range"
    for key in ("moves", "recuts", "restarts", "peak_gpus", "peak_nodes", "lost_pods", "delayed_pods"):
        yield (*at, key), -1, f"{key}: its value is out of the range"
    yield ("policies", 0, "name"), "other", "the first is not"
    yield ("policies", 0, "gpu_hours"), 1.0, ""
    yield ("policies",), [], "the first is not"
    yield ("ours",), "nobody", "ours: it names no policy"
    yield ("ours",), "whole", "ours: it names no policy"
    yield ("whole_gpu_hours",), saved["whole_gpu_hours"] * 2, ""
    yield ("whole_peak_gpus",), 1, "whole_peak_gpus: it is not that"
    yield ("sliceable_share_pct",), 100.5, "sliceable_share_pct: its value is out of the range"
    yield ("bound_saving_pct",), 101, "bound_saving_pct: its value is out of the range"
    yield ("input_rows",), saved["input_rows"] + 1, "input_rows: it is not the sum"
    yield ("skipped_rows",), -1, "skipped_rows: its value is out of the range"
    yield ("skipped_rows",), 3, "input_rows: it is not the sum"
    yield ("events",), -1, "events: its value is out of the range"
    yield ("trace", "jobs"), -60, "jobs: its value is out of the range"
    yield ("trace", "jobs"), 0, "trace.jobs: rows without jobs"
    yield ("trace", "skipped"), ["x:1: y"], "trace.skipped: it names rows"
    yield ("trace", "window_to_s"), -1.0, "window_to_s"
    yield ("trace", "format"), "excel", "trace.format: there is no such format"
    yield ("map", "name"), "wishful", "map.name: there is no such map"
    yield ("map", "tolerance_pct"), 50.0, "map.tolerance_pct"
    yield ("map", "use_unknown_pct"), 101.0, "use_unknown_pct: its value is out of the range"
    yield ("map", "use_unknown_pct"), 50.0, "for_whom: it does not follow"
    yield ("world", "name"), "heaven", "world.name: there is no such world"
    yield ("world", "node_gpus"), 0, ""
    yield ("intervals", "draws"), 0, "an interval without draws"
    yield ("timeline", "step_s"), 1.0, "timeline.steps"
    yield ("timeline", "bound_gpus", 0), -1.0, "timeline.bound_gpus: a negative value"
    yield ("what_if", 1, "tolerance_pct"), 0.0, "what_if[1].tolerance_pct"
    yield ("what_if", 2, "sliceable_share_pct"), 120.0, "what_if[2].sliceable_share_pct"


def report__refuses_numbers_that_cannot_be_true_and_sentences_that_do_not_follow():
    saved = report_of("-t", "csv:-", "--draws", "500", "-p", "gpuslice,first-fit",
                      stdin=csv([(i * 60, 5400, 470 if i % 3 else 120) for i in range(300)]))
    assert saved["claim"].startswith("For work like this you may claim"), saved["claim"]
    assert run("report", "-", stdin=json.dumps(saved).encode())
    for path, value, says in altered(saved):
        error = run("report", "-", stdin=json.dumps(changed(saved, path, value)).encode(), status=3)
        assert error.startswith("gpuslice: stdin: not a report") and says in error, (path, value, error)
        assert error.count("\n") == 1, error


if __name__ == "__main__":
    tap.run(tap.cases_of(sys.modules[__name__], ("inputs__", "simulate__", "report__")))
