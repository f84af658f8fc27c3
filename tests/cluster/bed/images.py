"""images: container images made here, since there is no registry to ask.

One archive in docker's form with one layer: a static busybox and its names. Under three names: the
container that holds a pod's namespaces, the one for work, and one that asks for every GPU by its
environment, as many CUDA images do.
"""
import hashlib
import io
import json
import platform
import tarfile

from .system import BUSYBOX, run

PAUSE = "localhost/pause:1"
WORK = "localhost/busybox:1"
WANTS_ALL_GPUS = "localhost/wants-all-gpus:1"

PATH = "PATH=/bin"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
IMAGES = {
    PAUSE: ([PATH], ["/bin/sleep", "infinity"]),
    WORK: ([PATH], ["/bin/sh"]),
    WANTS_ALL_GPUS: ([PATH, "NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=all"],
                     ["/bin/sh"]),
}


def add(tar, name, content=b"", kind=tarfile.REGTYPE, link="", mode=0o755):
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname, info.mode = kind, len(content), link, mode
    tar.addfile(info, io.BytesIO(content))


def layer():
    """The root file system."""
    with open(BUSYBOX, "rb") as file:
        program = file.read()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in ("bin", "tmp", "etc", "dev", "proc", "sys", "var"):
            add(tar, folder, kind=tarfile.DIRTYPE)
        add(tar, "bin/busybox", program)
        for name in run([BUSYBOX, "--list"]).split():
            if name != "busybox":
                add(tar, f"bin/{name}", kind=tarfile.SYMTYPE, link="busybox")
        add(tar, "etc/passwd", b"root:x:0:0:root:/:/bin/sh\n", mode=0o644)
    return out.getvalue()


def archive(path):
    """Writes all images into one file that `ctr images import` reads."""
    content = layer()
    digest = hashlib.sha256(content).hexdigest()
    manifest = []
    with tarfile.open(path, "w") as tar:
        add(tar, f"{digest}/layer.tar", content, mode=0o644)
        for name, (env, command) in IMAGES.items():
            config = json.dumps({
                "architecture": ARCHITECTURES[platform.machine()], "os": "linux",
                "config": {"Env": env, "Cmd": command},
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
                "history": [{"created_by": "gpuslice test bed"}]}).encode()
            file = hashlib.sha256(config).hexdigest() + ".json"
            add(tar, file, config, mode=0o644)
            manifest.append({"Config": file, "RepoTags": [name],
                             "Layers": [f"{digest}/layer.tar"]})
        add(tar, "manifest.json", json.dumps(manifest).encode(), mode=0o644)
    return path
