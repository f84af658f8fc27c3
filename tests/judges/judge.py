#!/usr/bin/env python3
"""Programs that are not ours look at simulated machines, and have to see what is there.

usage: judge.py JUDGE BUILD_DIR SOURCE_DIR [--all]
       JUDGE: go-nvlib, nvidia-ctk, nvidia-ml-py, nvitop, cdi

A judge walks machines of every model (without --all: of some), with MIG off, in the layouts to which
no slice can be added, and in seeded layouts with holes. It must do so without an error, and what it
says is held against `gpuslice-sim show` (devices, slices, ids, UUIDs) and data/gpu-models.json
(kinds, places, memory). A walker reads folders and writes one line of JSON for each:

    {"driver", "errors", "gpus": [{"uuid", "name", "serial", "bus", "minor", "capable", "mig",
        "profiles": [{"id", "slices", "max", "memory_mib", "placements": [[start, size]]}],
        "profile_names", "instances": [{"id", "profile_id", "start", "size"}],
        "migs": [{"index", "uuid", "name", "profile", "gi", "ci", "gi_slices", "ci_slices",
                  "memory_mib", "parent"}]}]}

where a walker leaves out what it cannot know. Exits 77 with a reason where the judge cannot sit:
what it needs is not here and is not to be fetched (GPUSLICE_JUDGES=fetch), or no network.
"""
import json
import os
import subprocess
import sys

import cdi
import ctk
import machines
import tools


# nvidia-ctk takes seconds for a machine, the others a part of one.
SAMPLE = {"nvidia-ctk": ["A100-40GB"], "cdi": ["RTX-PRO-6000-96GB"]}
SAMPLE_OF_OTHERS = ["A100-40GB", "RTX-PRO-6000-96GB", "GB200-186GB"]
SAMPLE_LAYOUTS = 8
SAMPLE_SEEDS = 4

# Judges that know what to do where an older driver lacks a function. The attributes of 450 tell no
# memory, and go-nvlib then calls a slice 3g.0gb.
ON_OLDER_DRIVERS = {"go-nvlib": [470, 525, 580], "nvitop": machines.DRIVERS,
                    "nvidia-ml-py": [525, 580]}


class Walker:
    """A walker that runs, and is asked about one machine after another."""

    def __init__(self, command, libraries):
        env = dict(os.environ, LD_LIBRARY_PATH=libraries)
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env=env)

    def see(self, machine):
        self.process.stdin.write(machine.dir + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the walker ended with status {self.process.wait()}"
        return json.loads(line)

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(60) == 0


def same(what, seen, real):
    assert seen == real, f"{what}: found {seen!r}, expected {real!r}"


def short_bus(bus):
    """"00000000:07:00.0" and "0000:07:00.0" are one."""
    domain, rest = bus.lower().split(":", 1)
    return f"{int(domain, 16):04x}:{rest}"


def check_profiles(where, model, seen):
    """Against the catalogue: every kind, its places, its numbers where they are known."""
    known = {p["nvmlProfileId"]: p for p in model["profiles"]}
    same(f"{where}: profile ids", sorted(p["id"] for p in seen), sorted(known))
    for one in seen:
        real = known[one["id"]]
        what = f"{where}, {real['name']}"
        places = [[start, real["memorySlices"]] for start in real["starts"]]
        same(f"{what}: placements", sorted(one["placements"]), sorted(places))
        same(f"{what}: slices", one["slices"], real["computeSlices"])
        same(f"{what}: most instances", one["max"], real["maxInstances"])
        if real["memoryMiB"] is not None:
            same(f"{what}: memory", one["memory_mib"], real["memoryMiB"])


# nvitop's PhysicalDevice.mig_devices leaves its loop at the first index that has no device.
STOPS_AT_HOLES = {"nvitop"}


def real_migs(gpu, stops_at_holes):
    """{UUID: (index, profile, GI, CI)}"""
    found = {ci["uuid"]: (ci["mig_index"], ci["profile"], gi["id"], ci["id"])
             for gi in gpu["instances"] for ci in gi["compute_instances"]}
    if not stops_at_holes:
        return found
    indices = {index for index, _, _, _ in found.values()}
    end = next(i for i in range(len(indices) + 1) if i not in indices)
    return {uuid: mig for uuid, mig in found.items() if mig[0] < end}


def plain_name(profile):
    """Attributes are written in any order."""
    for sign in "+-":
        name, found, attributes = profile.partition(sign)
        if found:
            return name + sign + ",".join(sorted(attributes.split(",")))
    return profile


def check_migs(where, seen, real, gpu, memory):
    same(f"{where}: MIG devices", sorted(m["uuid"] for m in seen), sorted(real))
    for one in seen:
        index, profile, gi, ci = real[one["uuid"]]
        what = f"{where}, MIG device {index}"
        same(f"{what}: index", one["index"], index)
        same(f"{what}: ids", (one["gi"], one["ci"]), (gi, ci))
        same(f"{what}: profile", plain_name(one["profile"]), plain_name(profile))
        same(f"{what}: name", one["name"], f"{gpu['name']} MIG {profile}")
        same(f"{what}: parent", one["parent"], gpu["uuid"])
        if memory.get(gi) is not None:
            same(f"{what}: memory", one["memory_mib"], memory[gi])


def check_gpu(judge, bed, index, seen, gpu):
    where = f"GPU {index}"
    for key in ("uuid", "name", "serial"):
        same(f"{where}: {key}", seen[key], gpu[key])
    same(f"{where}: bus", short_bus(seen["bus"]), short_bus(gpu["pci_bus_id"]))
    same(f"{where}: MIG", seen["mig"], gpu["mig"])
    if "minor" in seen:
        same(f"{where}: minor", seen["minor"], gpu["minor"])
    model = bed.models.get(gpu["model"])
    if "capable" in seen:
        same(f"{where}: capable of MIG", seen["capable"], model is not None)
    if model is None:
        return
    by_id = {p["nvmlProfileId"]: p for p in model["profiles"]}
    if "profiles" in seen and not bed.is_older:
        check_profiles(where, model, seen["profiles"] or [])
    if "profile_names" in seen and not bed.is_older:
        real = {plain_name(p["name"]) for p in model["profiles"]}
        missing = real - {plain_name(name) for name in seen["profile_names"]}
        assert not missing, f"{where}: the judge makes no such names: {sorted(missing)}"
    if "instances" in seen:
        real = [{k: gi[k] for k in ("id", "profile_id", "start", "size")}
                for gi in gpu["instances"]]
        same(f"{where}: GPU instances", sorted(seen["instances"] or [], key=lambda i: i["id"]),
             real)
    memory = {gi["id"]: by_id[gi["profile_id"]]["memoryMiB"] for gi in gpu["instances"]}
    real = real_migs(gpu, judge in STOPS_AT_HOLES)
    check_migs(where, seen.get("migs") or [], real, gpu, memory)


def check(judge, bed, seen, truth):
    assert not seen["errors"], f"the judge met errors: {seen['errors'][:5]}"
    same("driver", seen["driver"], truth["driver_version"])
    same("number of GPUs", len(seen["gpus"]), len(truth["gpus"]))
    for index, (one, gpu) in enumerate(zip(seen["gpus"], truth["gpus"])):
        check_gpu(judge, bed, index, one, gpu)


class Judged:
    """How many devices a judge saw, so that a walk past nothing is no success."""

    def __init__(self):
        self.gpus = self.slices = 0

    def count(self, truth):
        self.gpus += len(truth["gpus"])
        self.slices += sum(len(gi["compute_instances"]) for gpu in truth["gpus"]
                           for gi in gpu["instances"])


def walker_command(judge):
    if judge == "go-nvlib":
        return tools.go_walk()
    package, version, script = {
        "nvidia-ml-py": ("nvidia-ml-py", tools.NVIDIA_ML_PY_VERSION, "walk_nvidia_ml_py.py"),
        "nvitop": ("nvitop", tools.NVITOP_VERSION, "walk_nvitop.py"),
    }[judge]
    return tools.python_walk(package, version, script)


class Court:
    """Numbers the cases and counts what was seen: a walk past nothing is no success."""

    def __init__(self, judge, bed):
        self.judge, self.bed = judge, bed
        self.number = self.failed = self.gpus = self.slices = 0
        self.compare = {"nvidia-ctk": ctk.check, "cdi": cdi.check}.get(judge, check)

    def hear(self, what, walker, machine):
        truth = machine.truth()
        self.number += 1
        self.gpus += len(truth["gpus"])
        self.slices += sum(len(gi["compute_instances"]) for gpu in truth["gpus"]
                           for gi in gpu["instances"])
        try:
            self.compare(self.judge, self.bed, walker.see(machine), truth)
            print(f"ok {self.number} - {self.judge}: {what}", flush=True)
        except AssertionError as error:
            self.failed += 1
            print(f"not ok {self.number} - {self.judge}: {what}\n# {error}", flush=True)

    def close(self):
        print(f"# {self.judge}: {self.gpus} GPUs, {self.slices} MIG devices")
        print(f"1..{self.number}")
        return self.failed == 0 and self.slices > 0


def walkers_of(judge, bed, build):
    """[(what it is, walker)]"""
    if judge == "nvidia-ctk":
        return [("", ctk.Ctk(tools.nvidia_ctk(tools.NVIDIA_CTK_VERSIONS[0]), bed))]
    if judge == "cdi":
        return [(f"{version}: ", cdi.Cdi(bed, version, build))
                for version in tools.NVIDIA_CTK_VERSIONS]
    return [("", Walker(walker_command(judge), bed.libraries))]


def sit(judge, bed, build, everything):
    court = Court(judge, bed)
    models = bed.cuttable() if everything else SAMPLE.get(judge, SAMPLE_OF_OTHERS)
    layouts = None if everything else SAMPLE_LAYOUTS
    seeds = machines.SEEDS if everything else SAMPLE_SEEDS
    walkers = walkers_of(judge, bed, build)
    for what, machine in machines.every_machine(bed, models, layouts, seeds):
        for which, walker in walkers:
            court.hear(which + what, walker, machine)
    for _, walker in walkers:
        walker.end()
    for driver in ON_OLDER_DRIVERS.get(judge, []):
        walker = Walker(walker_command(judge), os.path.join(bed.libraries, str(driver)))
        for what, machine in machines.older_machines(bed, driver):
            court.hear(what, walker, machine)
        walker.end()
    return court.close()


def main():
    judge, build, source = sys.argv[1:4]
    try:
        bed = machines.Bed(build, source)
        fine = sit(judge, bed, build, "--all" in sys.argv[4:])
    except tools.Skip as reason:
        print(f"SKIP: {reason}")
        sys.exit(77)
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
