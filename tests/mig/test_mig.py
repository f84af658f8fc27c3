#!/usr/bin/env python3
"""gpuslice mig as a stand-in for nvidia-mig-parted, on simulated machines.

usage: test_mig.py GPUSLICE GPUSLICE_SIM SOURCE_DIR
"""
import json
import os
import re
import stat
import subprocess

from bed import (GPUSLICE, ONE, SIM, SOURCE, WORK, expect, machine, main, parted, read, run, sim,
                 write)


def case_the_file_alone_is_judged_without_a_gpu():
    write("one.yaml", ONE)
    valid = "Selected MIG configuration is valid\n"
    expect(0, valid, "assert", "-f", "one.yaml", "-c", "off", "-a")
    expect(0, valid, "assert", "-af", "one.yaml", "-c", "off")
    expect(0, valid, "assert", "--valid-config", "--config-file=one.yaml", "--selected-config=off")
    expect(0, valid, "assert", "-valid-config", "-config-file", "one.yaml", "-selected-config=off")
    expect(0, valid, "assert", "-a", "-c=off", "-f=one.yaml")
    expect(0, valid, "assert", "-a", "-f", "nothing", "-f", "one.yaml", "-c", "off")
    expect(0, valid, "assert", "-a", "-f", "-", "-c", "off", stdin=ONE)
    expect(0, valid, "-d", "assert", "-a", "-f", "one.yaml", "-c", "off", says="debug: ")
    expect(1, "", "assert", "-a", "-f", "one.yaml", says="found 3 configurations")
    expect(1, "", "assert", "-a", "-f", "one.yaml", "-c", "of",
           says="Error selecting MIG config: one.yaml: found no configuration \"of\" among 3; near "
                "names: off")
    expect(1, "", "assert", "-a", "-f", "-", stdin="", says="stdin: found no configuration")
    expect(1, "", "assert", "-a", "-f", "-", stdin="version: v3\n",
           says="Error parsing config file: stdin:1: version: found \"v3\"")
    expect(1, "", "assert", "-a", "-f", "nothing", says="cannot open nothing: No such file")
    expect(1, "", "assert", "-a", "-f", WORK, says="is a directory")
    expect(1, "", "assert", "-a", says="missing required flags 'config-file'")


def case_the_environment_stands_for_options():
    write("one.yaml", ONE)
    env = {"MIG_PARTED_CONFIG_FILE": "one.yaml", "MIG_PARTED_SELECTED_CONFIG": "off",
           "MIG_PARTED_VALID_CONFIG": "1"}
    valid = "Selected MIG configuration is valid\n"
    expect(0, valid, "assert", env=env)
    expect(0, valid, "assert", "-c", "first", env={**env, "MIG_PARTED_SELECTED_CONFIG": "x"})
    expect(1, "", "assert", env={**env, "MIG_PARTED_VALID_CONFIG": "yes"},
           says="environment variable MIG_PARTED_VALID_CONFIG cannot be \"yes\"")
    expect(1, "", "assert", env={**env, "MIG_PARTED_VALID_CONFIG": ""}, says="Assertion failure")
    expect(1, "", "assert", "--valid-config=false", env=env, says="Assertion failure")
    expect(1, "", "export", env={"MIG_PARTED_OUTPUT_FORMAT": "xml"},
           says="environment variable MIG_PARTED_OUTPUT_FORMAT: --output-format cannot be \"xml\"")


def case_wrong_use_ends_with_1():
    expect(1, "", "assert", "-x", says="has no option -x")
    expect(1, "", "assert", "--valid-config=maybe", says="it is true or false")
    expect(1, "", "assert", "-f", says="wants its argument")
    expect(1, "", "assert", "extra", says="\"extra\" was given")
    expect(1, "", "export", "-o", "xml", says="--output-format cannot be \"xml\"")
    expect(1, "", "checkpoint", says="missing required flags 'checkpoint-file'")
    expect(1, "", "-x", says="no option -x")
    expect(3, "", "bogus", says="mig has no command \"bogus\"")


def case_called_by_its_name_it_is_mig_parted():
    status, out, err = run("--version", program=parted())
    assert status == 0 and re.fullmatch(r"nvidia-mig-parted version \S+ \(gpuslice\)\n", out), out
    for words in ([], ["--help"], ["help"], ["-h"]):
        status, out, err = run(*words, program=parted())
        assert status == 0 and "Commands:\n  apply" in out and err == "", (words, out, err)
    for words in (["help", "assert"], ["assert", "--help"], ["assert", "help"], ["h", "assert"]):
        status, out, err = run(*words, program=parted())
        assert status == 0 and "MIG_PARTED_CONFIG_FILE" in out, (words, out, err)
    status, out, err = run("bogus", program=parted())
    assert (status, out, err) == (3, "", "nvidia-mig-parted: there is no command \"bogus\"; see "
                                         "nvidia-mig-parted --help\n"), (status, out, err)
    for words in ([], ["apply", "--help"], ["restore", "--help"], ["apply", "--bogus"],
                  ["apply", "x"], ["--bogus"]):
        said = "".join(run(*words, program=parted())[1:])
        assert "gpuslice mig" not in said and "mig apply" not in said, (words, said)
        assert "nvidia-mig-parted" in said and "GPUs" in said or words[-1][0] in "-x", said
    node = machine("named", "--gpus", "1xA100-40GB", "--mig")
    expect(0, "version: v1\nmig-configs:\n  current:\n  - devices: all\n    mig-enabled: true\n"
              "    mig-devices: {}\n", "export", sim=node, program=parted())


def case_a_configuration_that_selects_nothing_is_warned_of():
    node = machine("doubts", "--gpus", "2xA100-40GB", "--mig")
    of = "version: v1\nmig-configs:\n  a:\n  - "
    rest = "mig-enabled: true, mig-devices: {7g.40gb: 1}}\n"
    cases = (
        (of + "{device-filter: '0x233010DE', devices: all, " + rest,
         "no GPU matches the device-filter 0x233010DE of a (line 4)", True),
        (of + "{devices: [9], " + rest,
         "entry 1 of a (line 4) names GPU 9; this machine has 0 to 1", True),
        (of + "{device-filter: '0x233010DE', devices: [9], " + rest + "  - {devices: [0], " + rest,
         "", False),
        (of + "{devices: [0], " + rest + "  - {devices: [0, 2], " + rest,
         "entry 2 of a (line 5) names GPU 2; this machine has 0 to 1", False),
    )
    for text, warning, nothing in cases:
        write("doubts.yaml", text)
        for command in ("apply", "assert"):
            status, _, err = run(command, "-f", "doubts.yaml", sim=node)
            assert status == 0, (text, command, err)
            assert err.startswith("gpuslice: warning: " + warning) if warning else (
                "warning" not in err), err
            assert ("no GPU is looked at, and none is changed" in err) == nothing, (text, err)
    whole = machine("whole2", "--gpus", "1xT4")
    write("doubts.yaml", of + "{devices: all, " + rest)
    status, _, err = run("apply", "-f", "doubts.yaml", sim=whole)
    assert status == 0 and "none of the 1 GPUs of this machine can be cut" in err, err


def case_assert_looks_at_the_gpus_that_are_named():
    node = machine("asserted", "--gpus", "2xA100-40GB", "--gpus", "1xT4", "--mig")
    write("one.yaml", ONE)
    mode = "Selected MIG mode settings from configuration currently applied\n"
    applied = "Selected MIG configuration currently applied\n"
    failure = "Assertion failure: selected configuration not currently applied: "
    expect(0, mode, "assert", "-f", "one.yaml", "-c", "first", "-m", sim=node)
    expect(1, "", "assert", "-f", "one.yaml", "-c", "first", sim=node,
           says=failure + "GPU 0 has nothing; expected 1x 3g.20gb, 1x 1g.5gb")
    assert run("create", "3g.20gb", "--gpu", "0", "--start", "4", sim=node)[0] == 0
    assert run("create", "1g.5gb", "--gpu", "0", "--start", "2", sim=node)[0] == 0
    expect(0, applied, "assert", "-f", "one.yaml", "-c", "first", sim=node)
    expect(0, mode, "assert", "-f", "one.yaml", "-c", "all-1g.5gb", "-m", sim=node)
    expect(1, "", "assert", "-f", "one.yaml", "-c", "all-1g.5gb", sim=node,
           says=failure + "GPU 0 has 1x 1g.5gb, 1x 3g.20gb; expected 7x 1g.5gb")
    expect(1, "", "assert", "-f", "one.yaml", "-c", "off", "-m", sim=node,
           says=failure + "GPU 0 has MIG on; expected off")
    expect(1, "", "assert", "-f", "-", sim=node, stdin="version: v1\nmig-configs: {a: [{devices: "
           "[2], mig-enabled: true, mig-devices: {}}]}\n", says="GPU 2 (Tesla T4) cannot be cut")
    debug = run("assert", "-d", "-f", "one.yaml", "-c", "first", sim=node)
    assert debug[:2] == (0, applied) and "debug: GPU 0: found 1x 1g.5gb, 1x 3g.20gb" in debug[2]


def case_export_says_what_is_there():
    node = machine("exported", "--gpus", "2xA100-40GB", "--gpus", "1xT4", "--mig")
    assert run("create", "3g.20gb", "--gpu", "1", "--compute", "2c,1c", sim=node)[0] == 0
    status, out, _ = run("export", "-l", "yes", sim=node)
    assert status == 0 and out == """version: v1
mig-configs:
  "yes":
  - device-filter: "0x20B010DE"
    devices: [0]
    mig-enabled: true
    mig-devices: {}
  - device-filter: "0x20B010DE"
    devices: [1]
    mig-enabled: true
    mig-devices:
      1c.3g.20gb: 1
      2c.3g.20gb: 1
  - device-filter: "0x1EB810DE"
    devices: all
    mig-enabled: false
    mig-devices: {}
""", out
    write("exported.yaml", out)
    expect(0, "Selected MIG configuration currently applied\n", "assert", "-f", "exported.yaml",
           sim=node)
    status, out, _ = run("export", "--output-format=json", sim=node)
    assert status == 0 and json.loads(out)["mig-configs"]["current"][1]["mig-devices"] == {
        "1c.3g.20gb": 1, "2c.3g.20gb": 1}
    assert not out.endswith("\n")


def case_generate_config_has_what_each_model_offers():
    models = json.loads(subprocess.run([GPUSLICE, "profiles", "-o", "json"], capture_output=True,
                                       check=True).stdout)["models"]
    checked = 0
    for model in (m["id"] for m in models if m["planned"]):
        node = machine("offers", "--gpus", f"1x{model}")
        out = run("generate-config", "-o", "json", sim=node)
        assert out[0] == 0, (model, out)
        configs = json.loads(out[1])["mig-configs"]
        facts = json.loads(subprocess.run([GPUSLICE, "profiles", model, "-o", "json"], check=True,
                                          capture_output=True).stdout)["profiles"]
        expected = {"all-" + p["name"].replace("+", "."): {p["name"]: p["max_instances"]}
                    for p in facts}
        got = {name: entries[0]["mig-devices"] for name, entries in configs.items()}
        assert got.pop("all-disabled") is None and got.pop("all-enabled") == {}, (model, got)
        balanced = got.pop("all-balanced")
        assert sum(balanced.values()) in (3, 4) and got == expected, (model, got, expected)
        checked += 1
    assert checked >= 20, checked


def case_generate_config_writes_a_file_whole():
    node = machine("file", "--gpus", "1xA30")
    expect(0, "", "generate-config", "-f", "gen.yaml", sim=node)
    status, out, _ = run("generate-config", sim=node)
    assert status == 0 and read("gen.yaml") == out
    expect(1, "", "generate-config", "-f", "/dev/full", sim=node, says="No space left")
    expect(1, "", "generate-config", "-f", "no/such/folder", sim=node, says="cannot create")
    whole = machine("whole", "--gpus", "2xT4")
    expect(1, "", "generate-config", "-f", "gen.yaml", sim=whole,
           says="Error generating MIG config: no MIG-capable devices found on the system")
    assert read("gen.yaml") == out  # as it was: mig-parted leaves an empty file
    hides = machine("hides", "--gpus", "1xA100-40GB", "--driver", "535")
    expect(1, "", "generate-config", sim=hides, says="no MIG profiles discovered")


def case_a_checkpoint_keeps_places():
    node = machine("kept", "--gpus", "1xA100-40GB", "--gpus", "1xT4", "--mig")
    assert run("create", "3g.20gb", "--start", "4", "--gpu", "0", sim=node)[0] == 0
    assert run("create", "1g.5gb", "--start", "3", "--gpu", "0", sim=node)[0] == 0
    write("kept.json", "old")
    os.chmod(os.path.join(WORK, "kept.json"), 0o600)
    expect(0, "MIG configuration checkpointed successfully\n", "checkpoint", "-f", "kept.json",
           sim=node)
    state = json.loads(read("kept.json"))
    assert [(g["ProfileID"], g["Placement"]["Start"], g["Placement"]["Size"])
            for g in state["MigState"]["Devices"][0]["GpuInstances"]] == [(0, 3, 1), (2, 4, 4)]
    assert len(state["MigState"]["Devices"]) == 1
    assert stat.S_IMODE(os.stat(os.path.join(WORK, "kept.json")).st_mode) == 0o600
    expect(1, "", "checkpoint", "-f", WORK, sim=node, says="is a directory")
    assert run("checkpoint", "-f", "-", sim=node) == (
        0, read("kept.json"), "MIG configuration checkpointed successfully\n")
    assert run("generate-config", "-f", "-", sim=node) == run("generate-config", sim=node)
    assert not os.path.exists(os.path.join(WORK, "-"))


def case_without_a_driver_every_command_says_so():
    node = machine("gone", "--gpus", "1xA100-40GB")
    write("one.yaml", ONE)
    sim("unload", node)
    for words in (["export"], ["generate-config"], ["checkpoint", "-f", "gone.json"],
                  ["assert", "-f", "one.yaml", "-c", "off"]):
        status, out, err = run(*words, sim=node)
        assert (status, out) == (1, "") and err.count("\n") == 1, (words, status, out, err)
    assert not os.path.exists(os.path.join(WORK, "gone.json"))


def case_shipped_configurations_apply_on_their_models():
    """78 of the 81 names of mig-parted's file; all-disabled and all-enabled are two of them."""
    with open(os.path.join(SOURCE, "tests/unit/wire/mig_names.h"), encoding="utf-8") as file:
        text = re.sub(r'"\s*\n\s*"', "", file.read())
    rows = re.findall(r'\{"(all-[^"]+)",\s*"([^"]+)",\s*"([^"]*)"\}', text)
    by_model, applied, runs = {}, set(), 0
    for name, slices, models in rows:
        for model in filter(None, models.split(",")):
            by_model.setdefault(model, []).append((name, slices))
    for model, wanted in sorted(by_model.items()):
        node = machine("shipped", "--gpus", f"1x{model}", "--mig")
        wanted.append(("all-enabled", "{}"))
        for name, slices in wanted:
            write("shipped.yaml", f"version: v1\nmig-configs: {{{name}: [{{devices: all, "
                                  f"mig-enabled: true, mig-devices: {slices}}}]}}\n")
            expect(0, "MIG configuration applied successfully\n", "apply", "-f", "shipped.yaml",
                   sim=node)
            expect(0, "Selected MIG configuration currently applied\n", "assert", "-f",
                   "shipped.yaml", sim=node)
            applied.add(name)
            runs += 1
    none = {name for name, _, models in rows if models == ""}
    assert none == {"all-3g.95gb", "all-4g.95gb", "all-7g.189gb"}, none
    assert len(applied) + 1 == 78, len(applied)  # and all-disabled
    print(f"# {len(applied)} names applied in {runs} runs")


def case_a_plan_is_applied_as_it_is_written():
    node = machine("planned", "--gpus", "4xA100-40GB")
    done = subprocess.run([GPUSLICE, "plan", "-d", "1g.5gb=12,2g.10gb=3", "-m", "A100-40GB", "-o",
                           "mig-parted"], capture_output=True, text=True, check=True)
    write("plan.yaml", done.stdout)
    expect(0, "MIG configuration applied successfully\n", "apply", "-f", "plan.yaml", sim=node)
    show = json.loads(sim("show", node, "-o", "json"))
    cut = [sorted(gi["profile"] for gi in gpu["instances"]) for gpu in show["gpus"]]
    assert sum(slices.count("1g.5gb") for slices in cut) == 12, cut
    assert sum(slices.count("2g.10gb") for slices in cut) == 3, cut
    assert cut[3] == [] and not show["gpus"][3]["mig"], show["gpus"][3]


def case_who_is_not_root_may_look_and_is_told_so():
    nobody = 65534
    node = machine("looked-at", "--gpus", "1xA100-40GB", "--mig")
    own = os.path.join(WORK, "own")
    os.makedirs(own, exist_ok=True)
    if os.geteuid() != 0:
        print("# not root: nobody to be")
        return
    os.chmod(WORK, 0o711)
    os.chown(own, nobody, nobody)

    def as_nobody(*words):
        done = subprocess.run([GPUSLICE, *words], capture_output=True, text=True, check=False,
                              env={"GPUSLICE_SIM": node}, user=nobody, group=nobody,
                              extra_groups=[])
        return done.returncode, done.stdout, done.stderr

    try:
        status, out, err = as_nobody("gpu", "list", "-o", "json")
    except PermissionError:
        print("# the program is where only root may go")
        return
    assert status == 0 and len(json.loads(out)["gpus"]) == 1, (status, out, err)
    status, out, err = as_nobody("mig", "export")
    assert status == 0 and "mig-enabled: true" in out, (status, out, err)
    status, out, err = as_nobody("mig", "create", "1g.5gb", "--state-dir", own)
    assert (status, out) == (1, "") and "NO_PERMISSION" in err, (status, out, err)
    assert json.loads(sim("show", node, "-o", "json"))["gpus"][0]["instances"] == []


def readme_section(title):
    """The commands of a section, as they are pasted."""
    with open(os.path.join(SOURCE, "README.md"), encoding="utf-8") as file:
        section = file.read().split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    blocks = re.findall(r"(?:^    .*\n)+", section, re.MULTILINE)
    return [re.sub("^    ", "", block, flags=re.MULTILINE) for block in blocks]


def case_the_readme_shows_what_happens_without_a_gpu():
    make, drawn, beside = readme_section("Try it without a GPU")
    machine = os.path.join(WORK, "readme")
    script = "set -m\n" + make.replace("make && export", "export") + "echo ----\n" + beside
    script = script.replace("$PWD/build/bin", os.path.dirname(GPUSLICE))
    script = script.replace("gpuslice-sim ", SIM + " ").replace("/tmp/a100", machine)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False,
                          cwd=SOURCE, stdin=subprocess.DEVNULL, timeout=60)
    first, second = done.stdout.split("----\n")
    at = 0
    for line in drawn.splitlines():
        if line != "...":
            at = first.index(line, at)
    assert "3g.20gb@4 is in use and stands in the way" in done.stderr, done.stderr
    assert "MIG configuration applied successfully" in second, second
    assert "|1g |1g |1g |1g |3g.20gb!       |" in second, second
    assert not os.path.exists(machine), os.listdir(machine)


def case_the_page_of_the_gpus_can_be_pasted():
    with open(os.path.join(SOURCE, "docs/gpus.md"), encoding="utf-8") as file:
        lines = [line[4:] for line in file.read().splitlines() if line.startswith("    ")]
    first = next(i for i, line in enumerate(lines) if line.startswith("eval "))
    node = os.path.join(WORK, "page")
    script = "\n".join(lines[first:first + 1] + lines[:first] + lines[first + 1:])
    script = script.replace("/tmp/m", node).replace("sleep 60 &", "sleep 60 & sleep 1")
    script = script.replace("gpuslice-sim destroy", "kill %1; sleep 1; gpuslice-sim destroy")
    script = script.replace("config.yaml", os.path.join(SOURCE, "examples/mig-parted.yaml"))
    folder = os.path.join(WORK, "page-work")
    os.makedirs(folder, exist_ok=True)
    done = subprocess.run(["bash", "-c", "set -em\n" + script], capture_output=True, text=True,
                          check=False, cwd=folder, stdin=subprocess.DEVNULL, timeout=60,
                          env={**os.environ,
                               "PATH": os.path.dirname(GPUSLICE) + ":" + os.path.dirname(SIM) + ":" +
                                       os.environ["PATH"]})
    assert done.returncode == 0, (done.stdout[-500:], done.stderr)
    assert "MIG configuration restored successfully" in done.stdout, done.stdout
    assert "Selected MIG configuration currently applied" in done.stdout, done.stdout
    assert not os.path.exists(node), os.listdir(node)


if __name__ == "__main__":
    main(__name__)
