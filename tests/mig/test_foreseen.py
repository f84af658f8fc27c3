#!/usr/bin/env python3
"""What a dry run foresees, place for place, and slices that go all of them or none.

usage: test_foreseen.py GPUSLICE GPUSLICE_SIM SOURCE_DIR
"""
import json
import os
import random
import signal
import subprocess
import time

from bed import GPUSLICE, SIM, machine, main, run, sim, write

SEED = int(os.environ.get("GPUSLICE_SEED", "20261123"))

MODELS = ("A100-40GB", "A30-24GB", "A100-80GB", "H100-80GB-SXM5", "H200-141GB", "B200-180GB",
          "RTX-PRO-6000-96GB", "GH200-144GB")


def doc(*words, status=0, **more):
    got = run(*words, "-o", "json", **more)
    assert got[0] == status, (words, got)
    return json.loads(got[1])


def show(node):
    return json.loads(sim("show", node, "-o", "json"))["gpus"]


def places(side):
    """Where everything of a GPU lies, without what only the driver gives: ids and UUIDs."""
    if side is None:
        return None
    return side["mig_mode"], side["mig_mode_pending"], [
        (gi["profile"], gi["profile_id"], gi["start"], gi["size"],
         sorted((ci["profile"], ci["profile_id"], ci["size"], ci["start"] is None, ci["start"])
                for ci in gi["compute_instances"]))
        for gi in side["gpu_instances"]]


def devices(node):
    """{UUID: where it is}, as the simulation knows it."""
    return {ci["uuid"]: (gpu["index"], gi["id"], ci["id"]) for gpu in show(node)
            for gi in gpu["instances"] for ci in gi["compute_instances"]}


def profiles_of(model):
    return json.loads(subprocess.run([GPUSLICE, "profiles", model, "-o", "json"], check=True,
                                     capture_output=True).stdout)["profiles"]


def part_of(dice, profile):
    """1g.5gb, or a part of a larger one: 1c.3g.20gb."""
    if profile["compute_slices"] > 1 and dice.random() < 0.5:
        return f"{dice.randint(1, profile['compute_slices'])}c.{profile['name']}"
    return profile["name"]


def draw_apply(dice, profiles, _):
    wish = {}
    for _ in range(dice.randint(1, 5)):
        name = part_of(dice, dice.choice(profiles))
        wish[name] = wish.get(name, 0) + 1
    which = dice.choice(("all", "[0]", "[1]"))
    write("w.yaml", f"version: v1\nmig-configs: {{a: [{{devices: {which}, mig-enabled: true, "
          f"mig-devices: {json.dumps(wish)}}}]}}\n")
    return ["apply", "-f", "w.yaml", *(["--only-idle"] if dice.random() < 0.3 else [])]


def draw_create(dice, profiles, _):
    profile = dice.choice(profiles)
    words = ["create", part_of(dice, profile)]
    if words[1] == profile["name"] and dice.random() < 0.5:
        left = profile["compute_slices"]
        parts = []
        while left > 0 and dice.random() < 0.8:
            parts.append(dice.randint(1, left))
            left -= parts[-1]
        words += ["--compute", ",".join(f"{part}c" for part in parts)] if parts else []
    if dice.random() < 0.5:
        words += ["--gpu", dice.choice("01")]
    return words


def draw_destroy(dice, _, node):
    """Some slices, some twice, some compute instance by compute instance."""
    words = []
    for gpu in show(node):
        for gi in gpu["instances"]:
            at = f"{gpu['index']}:{gi['id']}"
            if dice.random() < 0.3:
                words += [f"{at}:{ci['id']}" for ci in gi["compute_instances"]] or [at]
            elif gi["compute_instances"] and dice.random() < 0.4:
                ci = dice.choice(gi["compute_instances"])
                words.append(dice.choice((f"{at}:{ci['id']}", ci["uuid"])))
    words += dice.sample(words, len(words) // 3)
    dice.shuffle(words)
    return ["destroy", *(words or ["0:0"])]


def check_foreseen(words, node):
    """The number of GPUs of which it was said what they will be, 0 where it was refused."""
    status = run(*words, "--dry-run", sim=node)[0]
    plan = doc(*words, "--dry-run", sim=node, status=status)
    real = doc(*words, sim=node, status=status)
    if status != 0:
        return 0
    for planned, done in zip(plan["gpus"], real["gpus"]):
        assert places(planned["after"]) is not None, (words, planned)
        assert places(planned["after"]) == places(done["after"]), (words, planned, done)
    assert plan["slices"] == real["slices"], (words, plan["slices"], real["slices"])
    return len(plan["gpus"])


def case_a_dry_run_names_the_places_that_come():
    print(f"# GPUSLICE_SEED={SEED}")
    dice = random.Random(SEED)
    draws = (draw_apply, draw_apply, draw_create, draw_create, draw_destroy)
    compared = refused = 0
    for model in MODELS:
        node = machine("places", "--gpus", f"2x{model}", *dice.choice((["--mig"], [])))
        profiles = profiles_of(model)
        for turn in range(14):
            words = draw_apply(dice, profiles, node) if turn == 0 else \
                dice.choice(draws)(dice, profiles, node)
            known = check_foreseen(words, node)
            compared += known
            refused += known == 0
            if turn == 6:
                assert run("checkpoint", "-f", "kept.json", sim=node)[0] == 0
        for words in (["restore", "-f", "kept.json"], ["disable", "--gpu", "1"],
                      ["restore", "-f", "kept.json"], ["disable"], ["enable"]):
            compared += check_foreseen(words, node)
    assert compared > 100 and refused > 5, (compared, refused)
    print(f"# {compared} GPUs compared, {refused} requests refused")


def case_a_driver_that_chooses_places_is_not_foretold():
    node = machine("chooses", "--gpus", "1xA100-40GB", "--mig", "--driver", "470")
    library = os.path.join(os.path.dirname(GPUSLICE), "..", "..", "simdriver",
                           "libnvidia-ml-470.so")
    if not os.path.exists(library):
        library = os.path.join(os.path.dirname(GPUSLICE), "..", "lib", "470", "libnvidia-ml.so.1")
    env = {"GPUSLICE_NVML": library}
    plan = doc("create", "3g.20gb", "--compute", "1c,1c", "--dry-run", sim=node, env=env)
    gi = plan["gpus"][0]["after"]["gpu_instances"][0]
    assert [ci["start"] for ci in gi["compute_instances"]] == [None, None], gi


def case_steps_and_drawings_say_where_compute_instances_lie():
    node = machine("where", "--gpus", "1xA100-40GB", "--mig")
    run("create", "3g.20gb", "--start", "4", "--compute", "1c,1c,1c", sim=node)
    run("destroy", "0:2:1", sim=node)
    status, out, err = run("create", "1c.3g.20gb", "--dry-run", sim=node)
    assert (status, err) == (0, "") and out.startswith(
        "GPU 0: create compute instance 1c at 1 in 3g.20gb at 4\n"
        "1 GPU: 0 slices destroyed, 1 created, 2 kept\n"), out
    assert "\nbefore  | . | . | . | . |1c.3g: .  :1c  |\n" \
        "after   | . | . | . | . |1c.3g:1c  :1c  |\n" in out, out
    ci = doc("create", "1c.3g.20gb", "--dry-run", sim=node)["gpus"][0]["after"]["gpu_instances"][0]
    assert [(c["start"], c["size"], c["profile_id"], c["id"], c["uuid"]) for c in
            sorted(ci["compute_instances"], key=lambda c: c["start"])][1] == (1, 1, 0, None, None), ci
    status, out, _ = run("destroy", "0:2:2", "--dry-run", sim=node)
    assert out.startswith("GPU 0: destroy compute instance 2 (1c at 2) of 3g.20gb at 4\n"
                          "1 GPU: 1 slice destroyed, 0 created, 1 kept\n"), out


def case_destroying_what_is_in_a_gpu_instance_takes_it_along():
    node = machine("along", "--gpus", "2xA100-40GB", "--mig")
    run("create", "3g.20gb", "--gpu", "0", "--start", "4", "--compute", "2c,1c", sim=node)
    run("create", "1g.5gb", "--gpu", "0", "--start", "0", sim=node)
    ids = {gi["profile"]: gi["id"] for gi in show(node)[0]["instances"]}
    there = next(uuid for uuid, at in devices(node).items() if at == (0, ids["3g.20gb"], 0))
    words = ["destroy", f"0:{ids['3g.20gb']}:1", there, f"0:{ids['3g.20gb']}:0", there]
    status, out, err = run(*words, "--dry-run", sim=node)
    assert (status, err) == (0, "") and out.split("\n\n")[0].splitlines() == [
        "GPU 0: destroy compute instance 0 (2c at 0) of 3g.20gb at 4",
        "GPU 0: destroy compute instance 1 (1c at 2) of 3g.20gb at 4",
        "GPU 0: destroy 3g.20gb at 4", "1 GPU: 2 slices destroyed, 0 created, 1 kept"], out
    assert check_foreseen(words, node) == 2
    assert [gi["profile"] for gi in show(node)[0]["instances"]] == ["1g.5gb"]


def cut_three(node):
    """Whole slices and parts on three GPUs; {UUID: place}."""
    for gpu in "012":
        for words in (["3g.20gb", "--start", "4", "--compute", "1c,1c,1c"],
                      ["2g.10gb", "--start", "0"], ["1g.5gb", "--start", "2"],
                      ["1g.5gb", "--start", "3"]):
            assert run("create", *words, "--gpu", gpu, sim=node)[0] == 0, words
    return devices(node)


def case_a_late_refusal_puts_back_all_that_went():
    dice = random.Random(SEED)
    node = machine("late", "--gpus", "3xA100-40GB", "--mig")
    cut_three(node)
    put_back = 0
    for _ in range(12):
        there = devices(node)
        leaked = dice.choice(sorted(uuid for uuid, at in there.items() if at[0] > 0))
        sim("leak", node, "--slice", leaked)
        others = dice.sample(sorted(there), dice.randint(1, 6))
        status, out, err = run("destroy", *others, leaked, sim=node)
        assert (status, out) == (1, ""), (out, err)
        assert "no process is listed on it" in err and "is gone" not in err, err
        assert sorted(devices(node)) == sorted(there), (others, leaked, err)
        put_back += "what had gone was put back: all slices are there" in err
        assert not os.path.exists(os.path.join(node, "run", "journal"))
        sim("leak", node, "--clear", "--slice", leaked)
    assert put_back > 6, put_back
    assert run("destroy", *devices(node), sim=node)[:2] == (0, "") and not devices(node)


def case_what_cannot_be_put_back_is_named():
    for function in ("nvmlDeviceCreateGpuInstanceWithPlacement",
                     "nvmlGpuInstanceCreateComputeInstance*"):
        node = machine("lost", "--gpus", "3xA100-40GB", "--mig")
        there = cut_three(node)
        names = (function,) if "*" not in function else (
            "nvmlGpuInstanceCreateComputeInstance",
            "nvmlGpuInstanceCreateComputeInstanceWithPlacement")
        by_place = {at: uuid for uuid, at in there.items()}
        last = max(by_place)
        sim("leak", node, "--slice", by_place[last])
        for name in names:
            sim("fault", node, "--add", f"{name}:times=all,code=UNKNOWN")
        words = [by_place[at] for at in sorted(by_place) if at[0] == 0][:4] + [by_place[last]]
        status, _, err = run("destroy", *words, sim=node)
        gone = sorted(set(there) - set(devices(node)))
        assert status == 1 and gone and "could not be put back" in err, err
        said = sorted(line.split(": ")[2].split(",")[0] for line in err.splitlines()
                      if line.endswith(" is gone"))
        assert said == gone, (said, gone, err)
        assert by_place[last] not in gone and "all slices are there" not in err, err


def case_an_interrupted_destroy_leaves_all_slices():
    node = machine("stopped", "--gpus", "3xA100-40GB", "--mig")
    there = cut_three(node)
    sim("fault", node, "--add", "nvmlGpuInstanceDestroy:times=all,delay=800ms")
    with subprocess.Popen([GPUSLICE, "mig", "destroy", *there], stderr=subprocess.PIPE, text=True,
                          env={**os.environ, "GPUSLICE_SIM": node}) as child:
        while len(devices(node)) > len(there) - 4 and child.poll() is None:
            time.sleep(0.02)
        child.send_signal(signal.SIGTERM)
        err = child.communicate(timeout=60)[1]
    assert child.returncode == 1 and "interrupted after step" in err, err
    assert "for the rest" not in err and "all slices are there" in err, err
    assert sorted(devices(node)) == sorted(there)


def case_dry_runs_say_each_thing_once():
    node = machine("once", "--gpus", "1xA100-40GB", "--driver", "535")
    write("c.yaml", "version: v1\nmig-configs: {a: [{devices: all, mig-enabled: true, "
          "mig-devices: {1g.5gb: 2}}], none: [{devices: all, mig-enabled: true, mig-devices: {}}]}\n")
    out = run("apply", "-f", "c.yaml", "-c", "a", "--dry-run", sim=node)[1]
    assert out.count("GPU 0: NVIDIA") == 1 and "\nafter   not known before it is done: " in out, out
    assert run("enable", sim=node)[0] == 0
    out = run("create", "1g.5gb", "--dry-run", sim=node)[1]
    assert "\n1 GPU: 0 slices destroyed, 1 created, 0 kept\n" in out, out
    uuid = run("create", "1g.5gb", sim=node)[1].strip()
    with subprocess.Popen([SIM, "run", node, "--slice",
                           uuid, "--", "sleep", "60"], stdin=subprocess.DEVNULL) as holder:
        while not json.loads(sim("show", node, "-o", "json"))["processes"]:
            time.sleep(0.01)
        err = run("disable", sim=node)[2]
        assert "in use and stands in the way of turning MIG off; held: " in err, err
        assert "empty GPU" not in err, err
        err = run("apply", "-f", "c.yaml", "-c", "none", "--only-idle", sim=node)[2]
        assert "left: " in err and "not made now" not in err, err
        holder.terminate()


def case_a_skipped_reset_leaves_open_what_comes():
    node = machine("skipped", "--gpus", "1xA100-40GB")
    plan = doc("enable", "--skip-reset", "--dry-run", sim=node)["gpus"][0]
    assert plan["after"] is None and plan["changes"], plan
    out = run("enable", "--skip-reset", "--dry-run", sim=node)[1]
    assert "not known before it is done: its MIG mode may wait for a reset" in out, out
    node = machine("skipped", "--gpus", "1xH100-80GB-SXM5")
    assert doc("enable", "--skip-reset", "--dry-run", sim=node)["gpus"][0]["after"]["mig_mode"] == "on"


if __name__ == "__main__":
    main(__name__)
