#!/usr/bin/env python3
"""What the commands that change GPUs say: dry runs, documents, checkpoints that are kept, progress.

usage: test_change.py GPUSLICE GPUSLICE_SIM SOURCE_DIR
"""
import contextlib
import json
import os
import pty
import random
import re
import select
import subprocess
import time

from bed import GPUSLICE, ONE, SIM, WORK, expect, machine, main, parted, run, sim, write

CONFIG = """version: v1
mig-configs:
  old: [{devices: all, mig-enabled: true, mig-devices: {3g.20gb: 1, 2g.10gb: 1, 1g.5gb: 2}}]
  small: [{devices: all, mig-enabled: true, mig-devices: {1g.5gb: 7}}]
  parts: [{devices: all, mig-enabled: true, mig-devices: {1c.3g.20gb: 1, 2c.3g.20gb: 1, 2g.10gb: 1}}]
  off: [{devices: all, mig-enabled: false}]
  bad: [{devices: all, mig-enabled: true, mig-devices: {1g.5gb: 8}}]
"""


def doc(*words, status=0, **more):
    """The document of a command."""
    got = run(*words, "-o", "json", **more)
    assert got[0] == status, (words, got)
    assert (got[2] == "") or status != 0 or "changed" in got[2] or "GPU" in got[2], got
    return json.loads(got[1])


def cut(side):
    """What a GPU is cut into, without ids, as a text that can be compared."""
    if side is None:
        return None
    return side["mig_mode"], [(gi["profile"], gi["start"], gi["size"],
                               sorted(ci["profile"] for ci in gi["compute_instances"]))
                              for gi in side["gpu_instances"]]


def checkpoints(node):
    folder = os.path.join(node, "run", "checkpoints")
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


@contextlib.contextmanager
def holding(node, *words):
    holder = subprocess.Popen([SIM, "run", node, *words, "--", "sleep", "60"],
                              stdin=subprocess.DEVNULL)
    try:
        while not json.loads(sim("show", node, "-o", "json"))["processes"]:
            assert holder.poll() is None, words
            time.sleep(0.01)
        yield
    finally:
        holder.terminate()
        holder.wait()


def case_a_dry_run_draws_before_and_after():
    node = machine("drawn", "--gpus", "3xA100-40GB", "--mig")
    write("c.yaml", CONFIG)
    for words in (["create", "3g.20gb", "--gpu", "0", "--start", "4", "--compute", "2c,1c"],
                  ["create", "1g.5gb", "--gpu", "1", "--start", "6"],
                  ["disable", "--gpu", "2"]):
        assert run(*words, sim=node)[0] == 0, words
    before = json.loads(sim("show", node, "-o", "json"))["gpus"]
    status, out, err = run("apply", "-f", "c.yaml", "-c", "small", "--dry-run", sim=node)
    assert (status, err) == (0, ""), (status, err)
    steps, *drawings = out.split("\n\n")
    assert steps.splitlines()[0].startswith("GPU 2: turn MIG on"), steps
    assert steps.splitlines()[-1] == "3 GPUs: 2 slices destroyed, 20 created, 1 kept", steps
    assert drawings == [
        f"GPU {gpu}: NVIDIA A100-SXM4-40GB\n"
        "        0   1   2   3   4   5   6   7\n"
        f"before  {bar}\n"
        "after   |1g |1g |1g |1g |1g |1g |1g | x |" for gpu, bar in (
            (0, "| . | . | . | . |2c.3g.20gb:1c  |"), (1, "| . | . | . | . | . | . |1g | x |"),
            (2, "MIG off"))] + ["x free, but no slice can take it, : between compute instances of a "
                                "slice\n"], out
    assert json.loads(sim("show", node, "-o", "json"))["gpus"] == before
    assert len(checkpoints(node)) == 1  # of disable
    for words, drawing in ((["create", "2g.10gb", "--gpu", "1", "--start", "0"],
                            "after   |2g.10gb| . | . | . | . |1g | x |"),
                           (["destroy", "0:2:0"], "after   | . | . | . | . | .        :1c  |"),
                           (["disable", "--gpu", "1"], "after   MIG off")):
        status, out, err = run(*words, "--dry-run", sim=node)
        assert (status, err) == (0, "") and drawing in out and out.count("before") == 1, (words, out)
    status, out, _ = run("enable", "--gpu", "1", "--dry-run", sim=node)
    assert status == 0 and "before" not in out, out


def slices_of(model):
    profiles = json.loads(subprocess.run([GPUSLICE, "profiles", model, "-o", "json"], check=True,
                                         capture_output=True).stdout)["profiles"]
    return profiles


def draw_wish(dice, profiles):
    """Some slices, which may or may not fit, some of them as parts."""
    wish = {}
    for _ in range(dice.randint(0, 5)):
        profile = dice.choice(profiles)
        name = profile["name"]
        if profile["compute_slices"] > 1 and dice.random() < 0.3:
            name = f"{dice.randint(1, profile['compute_slices'])}c." + name
        wish[name] = wish.get(name, 0) + 1
    return wish


def case_what_a_dry_run_foresees_is_what_comes():
    seed = int(os.environ.get("GPUSLICE_SEED", "20261122"))
    print(f"# GPUSLICE_SEED={seed}")
    dice = random.Random(seed)
    compared = unknown = refused = 0
    for model in ("A100-40GB", "A30-24GB", "H100-80GB-SXM5", "A100-80GB"):
        node = machine("foreseen", "--gpus", f"2x{model}", "--mig")
        profiles = slices_of(model)
        for turn in range(14):
            wish = json.dumps(draw_wish(dice, profiles))
            mode = ", mig-devices: " + wish if dice.random() < 0.9 else ""
            write("w.yaml", "version: v1\nmig-configs: {a: [{devices: "
                  + dice.choice(("all", "[0]", "[1]")) + ", mig-enabled: "
                  + ("true" if mode else "false") + mode + "}]}\n")
            words = ["apply", "-f", "w.yaml", *(["--only-idle"] if turn % 3 == 0 else [])]
            busy = contextlib.nullcontext()
            there = json.loads(sim("show", node, "-o", "json"))["gpus"][0]["instances"]
            if there and there[0]["compute_instances"] and turn % 2:
                ci = there[0]["compute_instances"][0]["id"]
                busy = holding(node, "--slice", f"0:{there[0]['id']}:{ci}")
            with busy:
                status = run(*words, "--dry-run", sim=node)[0]
                plan = doc(*words, "--dry-run", sim=node, status=status)
                real = doc(*words, sim=node, status=status)
            refused += status != 0
            for planned, done in zip(plan["gpus"], real["gpus"]):
                assert cut(planned["before"]) == cut(done["before"]), (wish, planned, done)
                if status == 0 and planned["after"] is None:
                    unknown += 1
                elif status == 0:
                    assert cut(planned["after"]) == cut(done["after"]), (model, wish, planned, done)
                    compared += 1
            if status == 0:
                assert plan["slices"] == real["slices"] or unknown, (plan["slices"], real["slices"])
    assert compared > 30 and unknown == 0, (compared, unknown, refused)
    print(f"# {compared} GPUs compared, {refused} wishes refused, {unknown} not foreseen")


def case_what_other_dry_runs_foresee_is_what_comes():
    node = machine("others", "--gpus", "2xA100-40GB", "--mig")
    assert run("checkpoint", "-f", "empty.json", sim=node)[0] == 0
    write("c.yaml", CONFIG)
    for words in (["create", "3g.20gb"], ["create", "1c.2g.10gb"], ["create", "1c.2g.10gb"],
                  ["create", "3g.20gb", "--compute", "1c,2c"], ["destroy", "0:3:0"],
                  ["destroy", "0:3", "1:2:0"], ["restore", "-n", "1"], ["disable", "--gpu", "0"],
                  ["enable"], ["restore", "-f", "empty.json"], ["disable"],
                  ["apply", "-f", "c.yaml", "-c", "parts"], ["restore", "-n", "2"]):
        plan = run(*words, "--dry-run", "-o", "json", sim=node)
        real = run(*words, "-o", "json", sim=node)
        assert plan[0] == real[0], (words, plan, real)
        plan, real = json.loads(plan[1]), json.loads(real[1])
        assert [cut(gpu["after"]) for gpu in plan["gpus"]] == [
            cut(gpu["after"]) for gpu in real["gpus"]], (words, plan["gpus"], real["gpus"])


def case_what_is_hidden_until_mig_is_on_is_not_foreseen():
    node = machine("hidden", "--gpus", "1xA100-40GB", "--driver", "535")
    write("c.yaml", CONFIG)
    status, out, _ = run("apply", "-f", "c.yaml", "-c", "small", "--dry-run", sim=node)
    assert status == 0 and "after   not known before it is done: " in out, out
    plan = doc("apply", "-f", "c.yaml", "-c", "small", "--dry-run", sim=node)
    assert plan["gpus"][0]["after"] is None and plan["slices"] == {"destroyed": None,
                                                                  "created": None}, plan


def case_a_change_is_a_document():
    node = machine("document", "--gpus", "2xA100-40GB", "--gpus", "1xT4", "--mig")
    write("c.yaml", CONFIG)
    first = doc("apply", "-f", "c.yaml", "-c", "old", sim=node)
    assert list(first) == ["command", "dry_run", "ok", "error", "checkpoint", "notes", "steps",
                           "made", "slices", "gpus"], list(first)
    assert (first["command"], first["dry_run"], first["ok"], first["error"]) == (
        "mig apply", False, True, None)
    assert os.path.basename(first["checkpoint"]) == checkpoints(node)[0]
    assert first["slices"] == {"destroyed": 0, "created": 8} and first["steps"], first
    assert [gpu["changes"] for gpu in first["gpus"]] == [True, True, False], first["gpus"]
    assert [gpu["condition"] for gpu in first["gpus"]] == ["as wanted"] * 2 + ["untouched"], first
    uuids = [ci["uuid"] for gi in first["gpus"][0]["after"]["gpu_instances"]
             for ci in gi["compute_instances"]]
    assert len(set(uuids)) == 4 and all(re.match("MIG-", uuid) for uuid in uuids), uuids
    again = doc("apply", "-f", "c.yaml", "-c", "old", sim=node)
    assert again["slices"] == {"destroyed": 0, "created": 0} and again["checkpoint"] is None
    assert not any(gpu["changes"] for gpu in again["gpus"]), again
    made = doc("create", "1c.3g.20gb", "--dry-run", sim=node, status=1)
    assert not made["ok"] and "room" in made["error"] and made["made"] == [], made
    doc("destroy", "0:3", sim=node)
    made = doc("create", "1g.5gb", "--gpu", "0", sim=node)["made"]
    assert len(made) == 1 and made[0]["gpu"] == 0 and made[0]["uuid"].startswith("MIG-"), made
    assert doc("disable", "--gpu", "1", sim=node)["gpus"][1]["after"]["mig_mode"] == "off"
    failed = doc("apply", "-f", "c.yaml", "-c", "bad", sim=node, status=1)
    assert not failed["ok"] and "GPU 0" in failed["error"], failed
    assert doc("apply", "-f", "none.yaml", sim=node, status=1)["gpus"] == []
    assert "libnvidia-ml" in doc("apply", "-f", "c.yaml", "-c", "old", status=1,
                                 env={"GPUSLICE_NVML": "/none/libnvidia-ml.so.1"})["error"]


def case_an_assertion_is_a_document_with_the_same_status():
    node = machine("asserted", "--gpus", "2xA100-40GB", "--gpus", "1xT4", "--mig")
    write("one.yaml", ONE)
    assert run("create", "3g.20gb", "--gpu", "0", "--start", "4", sim=node)[0] == 0
    assert run("create", "1g.5gb", "--gpu", "0", sim=node)[0] == 0
    said = doc("assert", "-f", "one.yaml", "-c", "first", sim=node)
    assert (said["ok"], said["configuration"], said["looked_at"]) == (True, "first", "slices")
    assert [gpu["met"] for gpu in said["gpus"]] == [True, None, None], said
    assert said["gpus"][0]["found"] == {"mig_mode": "on", "slices": {"1g.5gb": 1, "3g.20gb": 1}}
    said = doc("assert", "-f", "one.yaml", "-c", "all-1g.5gb", sim=node, status=1)
    assert [gpu["met"] for gpu in said["gpus"]] == [False, False, None], said
    assert said["gpus"][1]["difference"] == "GPU 1 has nothing; expected 7x 1g.5gb", said
    assert said["gpus"][1]["expected"] == {"mig_mode": "on", "slices": {"1g.5gb": 7}}, said
    said = doc("assert", "-m", "-f", "one.yaml", "-c", "off", sim=node, status=1)
    assert said["looked_at"] == "mode" and said["gpus"][0]["found"]["slices"] is None, said
    assert doc("assert", "-a", "-f", "one.yaml", "-c", "off")["looked_at"] == "file"
    said = doc("assert", "-a", "-f", "-", stdin="version: v2\n", status=1)
    assert said["configuration"] is None and "found \"v2\"" in said["error"], said
    sim("lose", node, "--gpu", "1")
    said = doc("assert", "-f", "one.yaml", "-c", "first", sim=node)
    assert said["gpus"][1]["error"] and said["gpus"][1]["uuid"] is None, said


def case_a_checkpoint_is_kept_before_each_change():
    node = machine("kept", "--gpus", "2xA100-40GB", "--mig")
    write("c.yaml", CONFIG)
    apply = ["apply", "-f", "c.yaml", "-c"]
    for words, kept in ((apply + ["bad"], 0), (apply + ["old", "--dry-run"], 0), (apply + ["old"], 1),
                        (apply + ["old"], 1), (["create", "1g.5gb", "--gpu", "1"], 1),
                        (["destroy", "1:9"], 1), (apply + ["small", "--no-checkpoint"], 1),
                        (apply + ["parts"], 2), (["disable"], 3), (["enable"], 4)):
        run(*words, sim=node)
        assert len(checkpoints(node)) == kept, (words, checkpoints(node))
    assert [name.split("Z-")[1] for name in checkpoints(node)] == [
        "apply.json", "apply.json", "disable.json", "enable.json"]
    rows = doc("restore", "--list", sim=node)["checkpoints"]
    assert [(row["number"], row["before"], row["slices"], row["gpus"]) for row in rows] == [
        (1, "enable", 0, 2), (2, "disable", 6, 2), (3, "apply", 14, 2), (4, "apply", 0, 2)], rows
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", rows[0]["when"]), rows
    status, out, err = run("restore", "--list", sim=node)
    assert status == 0 and out.splitlines()[0].split()[:3] == ["NUMBER", "WHEN", "BEFORE"], out
    status, out, err = run("restore", "-n", "3", sim=node)
    assert (status, out) == (0, "MIG configuration restored successfully\n"), err
    expect(0, "Selected MIG configuration currently applied\n", "assert", "-f", "c.yaml", "-c",
           "small", sim=node)
    for number in ("9", "24"):
        status, out, err = run("restore", "-n", number, sim=node)
        assert status == 1 and f"no kept checkpoint {number}: " in err and "has 5" in err, err
    for number in ("0", "25", "-1"):
        assert run("restore", f"-n={number}", sim=node) == (
            1, "", f"gpuslice: --number cannot be \"{number}\"; it is a whole number from 1 to 24\n")
    status, out, err = run("restore", "-f", rows[3]["file"], sim=node)
    assert status == 0, err


def case_of_kept_checkpoints_the_newest_24_stay():
    node = machine("many", "--gpus", "1xA100-40GB", "--mig")
    folder = os.path.join(node, "run", "checkpoints")
    os.makedirs(folder)
    for second in range(40):  # of a clock that was wrong
        path = os.path.join(folder, f"20990101T0000{second:02}.000Z-apply.json")
        with open(path, "w", encoding="ascii") as file:
            file.write("{}")
        os.utime(path, (4070908800 + second, 4070908800 + second))
    for other in ("mine.json", "20990101T000000.000Z-UP.json", "20990101T000000.000Z-.json"):
        with open(os.path.join(folder, other), "w", encoding="ascii"):
            pass
    write("c.yaml", CONFIG)
    for name in ("old", "small"):
        assert run("apply", "-f", "c.yaml", "-c", name, sim=node)[0] == 0
    names = [name for name in checkpoints(node) if re.match(r".{19}Z-[a-z]+\.json", name)]
    assert len(names) == 24 and names[0].startswith("20990101T000018"), names
    # behind those of a clock that was set back
    assert [name[:19] for name in names[-2:]] == ["20990101T000039.001", "20990101T000039.002"]
    assert len(checkpoints(node)) == 27, checkpoints(node)
    rows = json.loads(run("restore", "--list", "-o", "json", sim=node)[1])["checkpoints"]
    assert rows[0]["slices"] == 4 and rows[1]["slices"] == 0, rows[:2]
    assert rows[2]["slices"] is None and "version" in rows[2]["error"].lower(), rows[2]
    assert all(row["to_come"] for row in rows), rows
    _, _, err = run("restore", "--list", sim=node)
    assert err == ("gpuslice: kept checkpoints of a time to come: 24, the newest of "
                   "2099-01-01T00:00:39Z; the clock was set back since\n"), err


# of a file's name, what is there, and why it has no number
ODD = (
    ("99999999T999999.999Z-apply", "{}", "a time that there is not"),
    ("20260631T000000.000Z-apply", "{}", "a time that there is not"),
    ("20261122T235960.000Z-apply", "{}", "a time that there is not"),
    ("20250229T000000.000Z-apply", "{}", "a time that there is not"),
    ("19691231T235959.999Z-apply", "{}", "a time that there is not"),
    ("99991231T235959.999Z-apply", "{}", "a time that there is not"),
    ("29990101T000000.000Z-apply", "{}", "a time to come"),
    ("20260101T000000.000Z-pipe", os.mkfifo, "it is a named pipe; expected a regular file"),
    ("20260101T000000.000Z-folder", os.mkdir, "it is a directory; expected a regular file"),
    ("20260101T000000.000Z-link", lambda path: os.symlink("/etc/hostname", path),
     "it is a symbolic link; expected a regular file"),
    ("20260101T000000.000Z-loop", lambda path: os.symlink(path, path), "it is a symbolic link"),
)


def case_what_no_command_kept_is_left_out_and_named():
    node = machine("odd", "--gpus", "1xA100-40GB", "--mig")
    folder = os.path.join(node, "run", "checkpoints")
    write("c.yaml", CONFIG)
    assert run("apply", "-f", "c.yaml", "-c", "old", sim=node)[0] == 0
    for name, what, _ in ODD:
        path = os.path.join(folder, name + ".json")
        if callable(what):
            what(path)
        else:
            with open(path, "w", encoding="ascii") as file:
                file.write(what)
    assert run("apply", "-f", "c.yaml", "-c", "small", sim=node)[0] == 0
    said = json.loads(run("restore", "--list", "-o", "json", sim=node)[1])
    assert [(row["number"], row["slices"], row["to_come"]) for row in said["checkpoints"]] == [
        (1, 4, False), (2, 0, False)], said
    why = {os.path.basename(row["file"])[:-5]: row["why"] for row in said["left_out"]}
    assert sorted(why) == sorted(name for name, _, _ in ODD), why
    status, out, err = run("restore", "--list", sim=node)
    assert status == 0 and len(out.splitlines()) == 3, out
    for name, _, reason in ODD:
        assert reason in why[name], (name, why)
        assert f"gpuslice: left out: {folder}/{name}.json: {why[name]}\n" in err, (name, err)
    status, out, err = run("restore", "-n", "1", sim=node)  # the last change, whatever lies there
    assert (status, out) == (0, "MIG configuration restored successfully\n") and "-pipe" in err, err
    expect(0, "Selected MIG configuration currently applied\n", "assert", "-f", "c.yaml", "-c",
           "old", sim=node)
    for turn in range(26):  # what is left out is not counted, and stays
        assert run("apply", "-f", "c.yaml", "-c", ("small", "old")[turn % 2], sim=node)[0] == 0
    assert len(checkpoints(node)) == 24 + len(ODD), checkpoints(node)


def case_behind_the_last_moment_no_checkpoint_can_be_kept():
    node = machine("last", "--gpus", "1xA100-40GB", "--mig")
    folder = os.path.join(node, "run", "checkpoints")
    os.makedirs(folder)
    path = os.path.join(folder, "99981231T235959.999Z-apply.json")
    with open(path, "w", encoding="ascii"):
        pass
    os.utime(path, (253370764799, 253370764799))
    write("c.yaml", CONFIG)
    status, out, err = run("apply", "-f", "c.yaml", "-c", "old", sim=node)
    assert (status, out) == (1, "") and "nothing was changed" in err, err
    assert "99981231T235959.999Z-apply.json" in err and "set the clock right" in err, err
    assert not json.loads(sim("show", node, "-o", "json"))["gpus"][0]["instances"]


def case_what_is_restored_is_asked_for_once():
    node = machine("once", "--gpus", "1xA100-40GB", "--mig")
    write("c.yaml", CONFIG)
    expect(0, "MIG configuration checkpointed successfully\n", "checkpoint", "-f", "none.json",
           sim=node)
    for name in ("old", "small"):
        assert run("apply", "-f", "c.yaml", "-c", name, sim=node)[0] == 0
    for words, says in ((["-n", "1", "-f", "none.json"], "--number 1 and --checkpoint-file none.json "
                         "both say what to restore; expected one of the two"),
                        (["--list", "-n", "1"], "--list restores nothing; expected it without --number"),
                        (["--list", "-f", "x"], "expected it without --checkpoint-file")):
        expect(1, "", "restore", *words, sim=node, says=says)
    # a file of the environment is what is meant where nothing is said
    env = {"MIG_PARTED_CHECKPOINT_FILE": "none.json"}
    assert run("restore", "--list", sim=node, env=env)[0] == 0
    assert run("restore", "-n", "1", sim=node, env=env)[0] == 0
    expect(0, "Selected MIG configuration currently applied\n", "assert", "-f", "c.yaml", "-c",
           "old", sim=node)
    assert run("restore", sim=node, env=env)[0] == 0
    assert not json.loads(sim("show", node, "-o", "json"))["gpus"][0]["instances"]


def case_output_that_cannot_be_written_is_status_1():
    node = machine("full", "--gpus", "1xA100-40GB", "--mig")
    write("c.yaml", CONFIG)
    into_full = ["-c", 'exec "$@" >/dev/full', "sh"]
    one = ["-f", "c.yaml", "-c", "old"]
    for words in (["--version"], ["--help"], ["apply", "--help"], ["export"], ["apply", *one],
                  ["assert", *one], ["generate-config"], ["checkpoint", "-f", "-"],
                  ["disable", "--dry-run"], ["restore", "--list"],
                  ["restore", "--list", "-o", "json"], ["restore", "-n", "1", "-o", "json"]):
        for program in ([GPUSLICE, "mig"], [parted()]):
            status, out, err = run(*into_full, *program, *words, sim=node, program="/bin/sh")
            assert (status, out) == (1, ""), (words, status, err)
            assert err.count("cannot write the output: No space left on device\n") == 1, (words, err)



def case_where_no_checkpoint_can_be_kept_nothing_is_changed():
    node = machine("refused", "--gpus", "2xA100-40GB", "--mig")
    write("c.yaml", CONFIG)
    run("create", "1g.5gb", sim=node)
    with open(os.path.join(node, "run", "checkpoints"), "w", encoding="ascii"):
        pass
    before = json.loads(sim("show", node, "-o", "json"))["gpus"]
    for words in (["apply", "-f", "c.yaml", "-c", "old"], ["disable"]):
        status, out, err = run(*words, sim=node)
        assert (status, out) == (1, ""), (words, status, out, err)
        assert err.count("\n") == 1 and "nothing was changed" in err, (words, err)
        assert "Not a directory" in err and "--no-checkpoint" in err, (words, err)
        assert json.loads(sim("show", node, "-o", "json"))["gpus"] == before, words
    said = doc("disable", sim=node, status=1)
    assert "no checkpoint" in said["error"] and said["checkpoint"] is None, said
    status, out, err = run("apply", "-f", "c.yaml", "-c", "old", "--no-checkpoint", sim=node)
    assert status == 0, err


def case_a_lost_gpu_keeps_no_checkpoint_from_being_kept():
    node = machine("lost", "--gpus", "2xA100-40GB", "--mig")
    write("c.yaml", CONFIG.replace("devices: all", "devices: [0]"))
    sim("lose", node, "--gpu", "1")
    assert run("apply", "-f", "c.yaml", "-c", "old", sim=node)[0] == 0
    rows = doc("restore", "--list", sim=node)["checkpoints"]
    assert [(row["gpus"], row["slices"]) for row in rows] == [(1, 0)], rows


# words of create, what stderr has of what was found, expected and to be done
NOT_MADE = (
    (["foo"], "\"foo\" is not a MIG profile name; expected a form like 1g.5gb", "; the GPUs of this "
     "machine have 1g.5gb, 2g.10gb"),
    (["1g.5"], "\"1g.5\" is not", "7g.40gb, 1g.5gb+me, 1g.10gb; did you mean 1g.5gb?"),
    (["3c.2g.10gb"], "3 compute slices in a GPU instance of 2", "did you mean 2g.10gb?"),
    (["1g.20gb"], "has no profile 1g.20gb", "it has 1g.5gb, "),
    (["3g.20gb", "--start", "3"], "may start at memory unit 0 or 4, not at 3", ""),
    (["3g.20gb", "--compute", "2c,2c"], "is 4 compute slices in all, and a 3g.20gb has 3",
     "expected 3 at most"),
    (["7g.40gb", "--compute", "5c"], "--compute \"5c\"", "there are 1c, 2c, 3c, 4c, 6c, 7c and 8c"),
    (["3g.20gb", "--compute", ""], "--compute \"\": expected", "as in 2c,1c"),
    (["1c.3g.20gb", "--compute", "1c"], "is one compute instance already", "leave one of the two out"),
    (["1g.5gb", "--gpu", ""], "--gpu \"\": expected GPUs by number", "as in 0,2"),
    (["1g.5gb", "--gpu", "7"], "there is no GPU \"7\": the driver lists 3", "as in 0,2"),
    (["7g.40gb"], "none of 3 GPUs has room for it: GPU 0: no room for a 7g.40gb beside ",
     "; there is room for 1g.5gb, 1g.5gb+me, 1g.10gb, 2g.10gb, 3g.20gb; gpuslice mig destroy 1:1 would"),
    (["2g.10gb", "--gpu", "0"], "GPU 0: no room for a 2g.10gb beside 1g.5gb@0,1g.5gb@1",
     "; there is room for 1g.5gb, 1g.5gb+me; gpuslice mig destroy 0:9 would make room"),
    (["4g.20gb", "--gpu", "0"], "no room for a 4g.20gb", "; gpuslice mig destroy 0:7 0:8 0:9 would"),
    (["3g.20gb", "--gpu", "1", "--start", "0"], "no room for a 3g.20gb at 0 beside 4g.20gb@0",
     "; gpuslice mig destroy 1:1 would make room"),
    (["1g.5gb", "--gpu", "2"], "GPU 2: MIG is off", "turn it on with gpuslice mig enable --gpu 2"),
)


def case_why_no_slice_is_made_and_what_to_do():
    node = machine("not-made", "--gpus", "3xA100-40GB", "--mig")
    for _ in range(6):
        assert run("create", "1g.5gb", "--gpu", "0", sim=node)[0] == 0
    assert run("create", "4g.20gb", "--gpu", "1", sim=node)[0] == 0
    assert run("disable", "--gpu", "2", "--no-checkpoint", sim=node)[0] == 0
    for words, found, to_do in NOT_MADE:
        status, out, err = run("create", *words, sim=node)
        assert (status, out) == (1, ""), (words, out)
        assert found in err and to_do in err and err.count("\n") == 1, (words, err)
    with holding(node, "--slice", "1:1:0"):
        status, _, err = run("create", "7g.40gb", "--gpu", "1", sim=node)
        assert "what is in the way is in use: gpuslice gpu show" in err, err
    assert "destroy 1:1 would" in run("create", "7g.40gb", "--gpu", "1", sim=node)[2]
    assert "is not a MIG profile name" in run("create", "foo")[2]


def case_several_slices_go_or_none():
    node = machine("several", "--gpus", "2xA100-40GB", "--mig")
    write("c.yaml", CONFIG)
    run("apply", "-f", "c.yaml", "-c", "small", sim=node)
    ids = [gi["id"] for gi in json.loads(sim("show", node, "-o", "json"))["gpus"][0]["instances"]]
    with holding(node, "--slice", f"0:{ids[2]}:0"):
        status, _, err = run("destroy", f"0:{ids[0]}", f"0:{ids[2]}", sim=node)
        assert status == 1 and "in use" in err, err
        assert len(json.loads(sim("show", node, "-o", "json"))["gpus"][0]["instances"]) == 7
    status, _, err = run("destroy", f"0:{ids[0]}", "0:14", sim=node)
    assert status == 1 and "0:14" in err, err
    words = [f"0:{ids[0]}", f"0:{ids[0]}:0", f"0:{ids[1]}", f"1:{ids[0]}"]
    assert run("destroy", *words, sim=node)[:2] == (0, "")
    assert [len(gpu["instances"]) for gpu in json.loads(sim("show", node, "-o", "json"))["gpus"]] \
        == [5, 6]


def case_progress_is_lines_where_nobody_watches():
    node = machine("lines", "--gpus", "2xA100-40GB", "--mig")
    write("c.yaml", CONFIG)
    done = "MIG configuration applied successfully\n"
    status, out, err = run("apply", "-f", "c.yaml", "-c", "small", sim=node)
    lines = err.splitlines()
    assert (status, out) == (0, done) and lines[:2] == [
        "gpuslice: GPU 0: 7 slices created", "gpuslice: GPU 1: 7 slices created"], err
    assert re.fullmatch(r"gpuslice: 2 GPUs changed: 14 slices created(, in \d+\.\d s)?", lines[2])
    assert run("apply", "-f", "c.yaml", "-c", "small", sim=node) == (0, done, "")
    assert run("apply", "-f", "c.yaml", "-c", "old", sim=node, program=parted()) == (0, done, "")
    status, _, err = run("disable", "--gpu", "0", sim=node)
    assert status == 0 and err.splitlines()[0] == (
        "gpuslice: GPU 0: MIG turned off, 4 slices destroyed"), err


def watched(node, *words):
    """(stdout, what a terminal on stderr was sent) of gpuslice mig WORDS."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([GPUSLICE, "mig", *words], stdout=subprocess.PIPE, stderr=theirs,
                          stdin=subprocess.DEVNULL, cwd=WORK, text=True,
                          env={**os.environ, "GPUSLICE_SIM": node, "TERM": "xterm"}) as child:
        os.close(theirs)
        sent = b""
        while select.select([ours], [], [], 20)[0]:
            try:
                got = os.read(ours, 4096)
            except OSError:
                break
            if not got:
                break
            sent += got
        out = child.stdout.read()
    os.close(ours)
    assert child.returncode == 0, (words, out, sent)
    return out, sent.decode().replace("\r\n", "\n")


def case_progress_is_one_line_on_a_terminal():
    node = machine("watched", "--gpus", "1xA100-40GB", "--mig")
    write("c.yaml", CONFIG)
    sim("fault", node, "--add", "nvmlDeviceCreateGpuInstanceWithPlacement:times=2,delay=1200ms")
    out, sent = watched(node, "apply", "-f", "c.yaml", "-c", "small")
    assert out == "MIG configuration applied successfully\n", out
    assert re.search(r"\rmig apply: GPU 0: [^\r\n]*, ([2-9]|\d\d+) s\x1b\[K", sent), repr(sent)
    assert re.fullmatch(r"gpuslice: 1 GPU changed: 7 slices created, in \d+\.\d s\n",
                        sent.split("\x1b[K")[-1]), repr(sent)
    out, sent = watched(node, "apply", "-f", "c.yaml", "-c", "small")
    assert sent == "gpuslice: nothing had to change\n", repr(sent)


if __name__ == "__main__":
    main(__name__)
