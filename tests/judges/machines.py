"""machines: simulated machines in every layout that the judges look at.

A machine has up to 16 GPUs, each cut in another way. It is cut through NVML, as any client does; what
it then is comes from `gpuslice-sim show`, which does not use NVML.
"""
import ctypes
import json
import os
import random
import shutil
import subprocess
import tempfile

GPUS = 16
SEEDS = 20
DRIVERS = [450, 470, 525, 580]  # the generations that have a library of their own


class Lib:
    """The few NVML calls that cut a GPU."""

    def __init__(self, libraries):
        self.lib = ctypes.CDLL(os.path.join(libraries, "libnvidia-ml.so.1"))
        self.lib.nvmlErrorString.restype = ctypes.c_char_p

    def call(self, name, *arguments, allowed=()):
        code = getattr(self.lib, name)(*arguments)
        if code != 0 and code not in allowed:
            raise AssertionError(f"{name}: {self.lib.nvmlErrorString(code).decode()}")
        return code

    def gpu(self, index):
        device = ctypes.c_void_p()
        self.call("nvmlDeviceGetHandleByIndex_v2", index, ctypes.byref(device))
        return device

    def create(self, device, profile_id, start, size, allowed=()):
        gi = ctypes.c_void_p()
        place = (ctypes.c_uint * 2)(start, size)
        code = self.call("nvmlDeviceCreateGpuInstanceWithPlacement", device, profile_id, place,
                         ctypes.byref(gi), allowed=allowed)
        return gi if code == 0 else None

    def create_anywhere(self, device, profile_id):
        """Where the driver likes; None where there is no room."""
        gi = ctypes.c_void_p()
        code = self.call("nvmlDeviceCreateGpuInstance", device, profile_id, ctypes.byref(gi),
                         allowed=(INSUFFICIENT_RESOURCES,))
        return gi if code == 0 else None

    def compute_profiles(self, gi):
        """[(slices, id)] of the kinds of compute instance, whole one last."""
        found = []
        for number in range(64):
            info = (ctypes.c_uint * 9)()
            code = self.call("nvmlGpuInstanceGetComputeInstanceProfileInfo", gi, number, 0, info,
                             allowed=(INVALID_ARGUMENT, NOT_SUPPORTED))
            if code == INVALID_ARGUMENT:
                break
            if code == 0:
                found.append((info[1], info[0]))
        return sorted(found)

    def create_compute(self, gi, profile_id):
        ci = ctypes.c_void_p()
        code = self.call("nvmlGpuInstanceCreateComputeInstance", gi, profile_id, ctypes.byref(ci),
                         allowed=(INSUFFICIENT_RESOURCES,))
        return ci if code == 0 else None


INVALID_ARGUMENT, NOT_SUPPORTED, INSUFFICIENT_RESOURCES = 2, 3, 23


class Bed:
    """The programs under test, and what the catalogue says (data/gpu-models.json)."""

    def __init__(self, build, source):
        self.bin = os.path.join(build, "bin")
        self.libraries = os.path.join(build, "lib")
        self.lib = Lib(self.libraries)
        self.is_older = False  # drivers before the newest know fewer kinds than the catalogue
        with open(os.path.join(source, "data", "gpu-models.json"), encoding="utf-8") as file:
            self.models = {m["id"]: m for m in json.load(file)["models"]}

    def run(self, program, *arguments):
        done = subprocess.run([os.path.join(self.bin, program), *arguments], text=True,
                              capture_output=True, check=False)
        assert done.returncode == 0, f"{program} {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def cuttable(self):
        """The models that the simulation has: those whose placements are known."""
        return [name for name, model in self.models.items() if model["placementsConfidence"]
                and any(profile.get("starts") for profile in model["profiles"])]

    def layouts(self, model):
        """Every way to cut the model to which nothing can be added, as [(profile, start)]."""
        document = json.loads(self.run("gpuslice", "layouts", model, "--maximal", "-o", "json"))
        return [[(p["profile"], p["start"]) for p in layout["placements"]]
                for layout in document["layouts"]]

    def profile(self, model, name):
        return next(p for p in self.models[model]["profiles"] if p["name"] == name)


class Machine:
    """A simulated machine in a folder of its own, removed at the end of a with."""

    def __init__(self, bed, gpus, *arguments):
        self.bed = bed
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = tempfile.mkdtemp(prefix="gpuslice-judge-", dir=base)
        self.dir = os.path.join(self.folder, "machine")
        for one in gpus:
            arguments += ("--gpus", one)
        bed.run("gpuslice-sim", "create", self.dir, *arguments)

    def __enter__(self):
        os.environ["GPUSLICE_SIM"] = self.dir
        self.bed.lib.call("nvmlInit_v2")
        return self

    def __exit__(self, *_):
        self.bed.lib.call("nvmlShutdown")
        shutil.rmtree(self.folder)

    def truth(self):
        return json.loads(self.bed.run("gpuslice-sim", "show", self.dir, "-o", "json"))

    def cut(self, index, model, layout):
        """A whole compute instance in each GPU instance."""
        lib = self.bed.lib
        device = lib.gpu(index)
        for name, start in layout:
            profile = self.bed.profile(model, name)
            gi = lib.create(device, profile["nvmlProfileId"], start, profile["memorySlices"])
            assert lib.create_compute(gi, lib.compute_profiles(gi)[-1][1]) is not None

    def cut_with_holes(self, index, model, layout, rng):
        """Slices are made in any order, with compute instances of any size or none, and some are
        taken away again; then the driver places some more: indices and ids have holes."""
        lib = self.bed.lib
        device = lib.gpu(index)
        made = []
        for name, start in rng.sample(layout, len(layout)):
            profile = self.bed.profile(model, name)
            gi = lib.create(device, profile["nvmlProfileId"], start, profile["memorySlices"])
            made.append((gi, self.fill(gi, rng)))
        for gi, cis in rng.sample(made, rng.randint(0, len(made))):
            for ci in cis:
                lib.call("nvmlComputeInstanceDestroy", ci)
            lib.call("nvmlGpuInstanceDestroy", gi)
        for _ in range(rng.randint(0, 3)):
            profile = rng.choice(self.bed.models[model]["profiles"])
            gi = lib.create_anywhere(device, profile["nvmlProfileId"])
            if gi is not None:
                self.fill(gi, rng)

    def fill(self, gi, rng):
        kinds = self.bed.lib.compute_profiles(gi)
        made = [self.bed.lib.create_compute(gi, rng.choice(kinds)[1])
                for _ in range(rng.randint(0, 3))]
        made = [ci for ci in made if ci is not None]
        return rng.sample(made, len(made))


def batches(items, n):
    return [items[i:i + n] for i in range(0, len(items), n)]


def every_machine(bed, models, layouts_max, seeds):
    """Yields (what it is, machine): MIG off, in maximal layouts, in seeded ones with holes."""
    for model in models:
        with Machine(bed, [f"2x{model}", "1xL4"]) as machine:
            yield f"{model}, MIG off, beside a GPU without MIG", machine
        layouts = bed.layouts(model)
        if layouts_max is not None and len(layouts) > layouts_max:
            layouts = random.Random(model).sample(layouts, layouts_max)
        for batch in batches(layouts, GPUS):
            with Machine(bed, [f"{len(batch)}x{model}"], "--mig") as machine:
                for index, layout in enumerate(batch):
                    machine.cut(index, model, layout)
                yield f"{model}, {len(batch)} maximal layouts", machine
        for batch in batches(list(range(1, seeds + 1)), GPUS):
            with Machine(bed, [f"{len(batch)}x{model}"], "--mig") as machine:
                for index, seed in enumerate(batch):
                    rng = random.Random(f"{model} {seed}")
                    machine.cut_with_holes(index, model, rng.choice(bed.layouts(model)), rng)
                yield f"{model}, seeds {batch[0]} to {batch[-1]} with holes", machine


def older_machines(bed, driver):
    """Yields (what it is, machine) of a driver; cut as the driver likes, since the first of them
    lets nobody choose."""
    model = "A100-40GB"
    bed.is_older = driver != DRIVERS[-1]
    with Machine(bed, [f"2x{model}"], "--driver", str(driver), "--mig") as machine:
        for name in ("3g.20gb", "2g.10gb", "1g.5gb"):
            device = bed.lib.gpu(1)
            gi = bed.lib.create_anywhere(device, bed.profile(model, name)["nvmlProfileId"])
            assert bed.lib.create_compute(gi, bed.lib.compute_profiles(gi)[-1][1]) is not None
        yield f"driver {driver}", machine
    bed.is_older = False
