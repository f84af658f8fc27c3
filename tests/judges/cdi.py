"""cdi: what our CDI file does to a container, held against what nvidia-ctk's file does.

Both describe the same simulated machine, with the same driver files below its root. Both files are read
by the library that container runtimes have (tags.cncf.io/container-device-interface), which refuses what
the specification does not allow, and are applied to an empty container by it, device by device. The two
containers have to be equal: nodes with their numbers, rights, mounts, variables, hooks. What differs on
purpose is put right before (plain) or listed there with its reason.
"""
import json
import os
import shutil
import subprocess

import ctk
import tools

KIND = "nvidia.com/gpu"
PLUGIN_KIND = "k8s.device-plugin.nvidia.com/gpu"

# Files of a driver, as its packages have them; {v} is the driver's version.
LIBRARIES = ["libcuda", "libnvidia-ml", "libnvidia-ptxjitcompiler", "libnvidia-opticalflow",
             "libGLX_nvidia", "libEGL_nvidia"]
FILES = ["/usr/lib64/vdpau/libvdpau_nvidia.so.{v}", "/lib/firmware/nvidia/{v}/gsp_ga10x.bin",
         "/lib/firmware/nvidia/{v}/gsp_tu10x.bin", "/usr/lib64/libother.so.1"]
PROGRAMS = ["nvidia-debugdump", "nvidia-cuda-mps-control", "nvidia-cuda-mps-server"]

# Those that v1.17 treats otherwise than later versions, whom we follow: other places for what graphics
# needs, no DRM nodes for slices, no links beside libraries, sockets that cannot be written to, and of
# two drivers it takes the older.
NEWER_FILES = ["/usr/lib64/libnvidia-allocator.so.{v}", "/usr/lib64/libcuda.so.1.1",
               "/usr/lib64/libnvidia-nvvm70.so.4", "/usr/lib64/libnvidia-egl-gbm.so.1.1.2",
               "/usr/lib64/libnvidia-egl-wayland.so.1.1.19",
               "/usr/lib64/xorg/modules/drivers/nvidia_drv.so",
               "/usr/lib64/xorg/modules/extensions/libglxserver_nvidia.so.{v}",
               "/usr/share/glvnd/egl_vendor.d/10_nvidia.json", "/etc/OpenCL/vendors/nvidia.icd",
               "/usr/share/vulkan/icd.d/nvidia_icd.json",
               "/usr/share/vulkan/implicit_layer.d/nvidia_layers.json",
               "/usr/share/X11/xorg.conf.d/10-nvidia.conf", "/usr/share/nvidia/nvoptix.bin",
               "/lib/firmware/nvidia/{v}/ucodes.bin", "/run/nvidia-persistenced/socket"]
NEWER_PROGRAMS = ["nvidia-imex", "nvidia-imex-ctl"]


def put(root, path, mode=0o644, content=b""):
    path = root + path
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, mode)


def furnish(root, driver):
    """Puts a driver below the root."""
    for path in [f"/usr/lib64/{name}.so.{{v}}" for name in LIBRARIES] + FILES:
        put(root, path.format(v=driver))
    for name in PROGRAMS:
        put(root, "/usr/bin/" + name, 0o755)
    os.symlink("usr/lib64", root + "/lib64")


def furnish_graphics(root, truth):
    """DRM nodes for every second GPU."""
    for gpu in truth["gpus"][::2]:
        domain, rest = gpu["pci_bus_id"].lower().split(":", 1)
        address, minor = f"{int(domain, 16):04x}:{rest}", gpu["index"]
        for name, number in ((f"card{minor}", minor), (f"renderD{128 + minor}", 128 + minor)):
            os.makedirs(f"{root}/sys/bus/pci/devices/{address}/drm/{name}")
            ctk.make_node(f"{root}/dev/dri/{name}", 226, number, 0o660)
            os.chown(f"{root}/dev/dri/{name}", 0, 44)
            kind = "card" if name.startswith("card") else "render"
            link = f"{root}/dev/dri/by-path/pci-{address}-{kind}"
            os.makedirs(os.path.dirname(link), exist_ok=True)
            os.symlink(f"../{name}", link)


def furnish_newer(root, truth, library):
    """Puts what only newer versions see as we do; `library` is a real one, whose name for itself is
    libnvidia-ml.so.1, so that NVML is there too."""
    driver = truth["driver_version"]
    with open(library, "rb") as file:
        put(root, f"/usr/lib64/libnvidia-ml.so.{driver}", content=file.read())
    for name in LIBRARIES:
        if not os.path.lexists(f"{root}/usr/lib64/{name}.so.1"):
            os.symlink(f"{name}.so.{driver}", f"{root}/usr/lib64/{name}.so.1")
        os.symlink(f"{name}.so.1", f"{root}/usr/lib64/{name}.so")
    for path in NEWER_FILES:
        put(root, path.format(v=driver))
    for name in NEWER_PROGRAMS:
        put(root, "/usr/bin/" + name, 0o755)
    furnish_graphics(root, truth)


class Cdi(ctk.Ctk):
    """Sees a machine twice: as nvidia-ctk of one version describes it, and as we do."""

    def __init__(self, bed, version, build):
        super().__init__(tools.nvidia_ctk(version), bed)
        self.is_old = version.startswith("v1.17.")
        self.ours = os.path.join(build, "tests", "judges", "judge_cdi_file")
        if not os.path.exists(self.ours):
            raise tools.Skip("the agent is not built here")
        self.reader = subprocess.Popen([tools.cdi_reader()], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True)

    def describe(self, machine, root, kind, names):
        done = subprocess.run([self.ours, root, kind, names, self.program], text=True,
                              capture_output=True, check=False,
                              env=dict(os.environ, GPUSLICE_SIM=machine.dir))
        assert done.returncode == 0, f"ours: {done.stderr}"
        return done.stdout

    def read(self, work, text):
        path = os.path.join(work, "file.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        self.reader.stdin.write(path + "\n")
        self.reader.stdin.flush()
        return json.loads(self.reader.stdout.readline())

    def see(self, machine):
        work = os.path.join(machine.folder, "cdi")
        root = os.path.join(work, "root")
        truth = machine.truth()
        try:
            ctk.copy_root(machine, root)
            furnish(root, truth["driver_version"])
            if not self.is_old:
                furnish_newer(root, truth, os.path.join(self.bed.libraries, "libnvidia-ml.so.1"))
            theirs = self.generate(machine, root, work, "--nvidia-cdi-hook-path", self.program)
            return {"root": root,
                    "is_old": self.is_old,
                    "theirs": self.read(work, theirs),
                    "ours": self.read(work, self.describe(machine, root, KIND, "index,uuid")),
                    "plugin": self.read(work, self.describe(machine, root, PLUGIN_KIND, "uuid"))}
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def end(self):
        self.reader.stdin.close()
        assert self.reader.wait(60) == 0


def plain(container, root):
    """A container with what differs on purpose put right."""
    # nvidia-ctk links /dev/dri/by-path below the device root, where a container does not look
    text = json.dumps(container, sort_keys=True)
    return json.loads(text.replace(f"::{root}/dev/dri", "::/dev/dri"))


def as_newer(container):
    """What v1.17 leaves out and later versions have: a variable, and that mounts are private."""
    variables = container.get("process", {}).get("env") or []
    if variables:
        container["process"]["env"] = [one for one in variables
                                       if not one.startswith("NVIDIA_CTK_LIBCUDA_DIR=")]
    for mount in container.get("mounts") or []:
        mount["options"] = [new for one in mount["options"]
                            for new in (["rbind", "rprivate"] if one == "bind" else [one])]
    return container


def parts(container):
    """Flat, so that a difference is seen where it is."""
    linux, process = container.get("linux", {}), container.get("process", {})
    found = {"variables": process.get("env"),
             "groups": process.get("user", {}).get("additionalGids"),
             "rights": linux.get("resources", {}).get("devices")}
    for node in linux.get("devices") or []:
        found[node["path"]] = node
    for mount in container.get("mounts") or []:
        found[f"mount {mount['destination']}"] = mount
    for stage, hooks in (container.get("hooks") or {}).items():
        for number, hook in enumerate(hooks, 1):
            found[f"hook {number} of {stage}"] = hook
    return found


def check(_judge, _bed, seen, truth):
    theirs, ours, plugin = seen["theirs"], seen["ours"], seen["plugin"]
    for name in ("theirs", "ours", "plugin"):
        assert not seen[name].get("error"), f"{name}: {seen[name]['error']}"
    names, old = theirs["names"], seen["is_old"]
    if old:  # it describes GPUs that are cut as well, and as part of "all"
        cut = {name for gpu in truth["gpus"] if gpu["mig"]
               for name in (str(gpu["index"]), gpu["uuid"])}
        names = [name for name in names if name not in cut]
    assert ours["names"] == names, f"devices: found {ours['names']}, expected {names}"
    for name in names:
        if old and name == "all" and len(names) < len(theirs["names"]):
            continue
        wanted = plain(theirs["devices"][name], seen["root"])
        found = plain(ours["devices"][name], seen["root"])
        wanted, found = (parts(as_newer(one) if old else one) for one in (wanted, found))
        for key in sorted(set(wanted) | set(found)):
            assert found.get(key) == wanted.get(key), (
                f"device {name}, {key}: found {found.get(key)}, expected {wanted.get(key)}")
    assert plugin["kind"] == PLUGIN_KIND
    uuids = [gpu["uuid"] for gpu in truth["gpus"] if not gpu["mig"]]
    uuids += [ci["uuid"] for gpu in truth["gpus"] for gi in gpu["instances"]
              for ci in gi["compute_instances"]]
    assert plugin["names"] == sorted(uuids), (
        f"the plugin's devices: found {plugin['names']}, expected {sorted(uuids)}")
