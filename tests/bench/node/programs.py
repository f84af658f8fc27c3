"""programs: what is measured, and what measures.

Ours comes from the build folder. NVIDIA's are named by whoever runs this, in the environment, and
rows of those that are not named are left out. The client is built from client/ with Go and kept in
the user's cache, in a folder named by its sources.
"""
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = ("go.mod", "go.sum", "main.go", "load.go", "kubelet.go")
GO_OLDEST = (1, 26)
BUILD_LIMIT_S = 600

# variable: (what it is, whose)
PEERS = {
    "GPUSLICE_PEER_PLUGIN": "nvidia-device-plugin",
    "GPUSLICE_PEER_GFD": "gpu-feature-discovery",
    "GPUSLICE_PEER_MIG_MANAGER": "nvidia-mig-manager",
    "GPUSLICE_PEER_CONFIG_MANAGER": "config-manager",
    "GPUSLICE_PEER_CTK": "nvidia-ctk",
}


class Missing(Exception):
    """A program that is not here, and what to do about it."""


def peers():
    """{program: path} of NVIDIA's that are there, {program: why not} of the others."""
    found, missing = {}, {}
    for variable, name in PEERS.items():
        path = os.environ.get(variable, "")
        if not path:
            missing[name] = f"{variable} is not set"
        elif not os.access(path, os.X_OK) or not os.path.isabs(path):
            missing[name] = f"{variable} is {path}: expected the absolute path of a program"
        else:
            found[name] = path
    return found, missing


def version_of(path):
    """As the program itself says it; "" where it does not."""
    try:
        done = subprocess.run([path, "--version"], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    said = re.search(r"\bv?\d+\.\d+\.\d+\S*", done.stdout + done.stderr)
    return said[0] if said else ""


def go():
    """A Go compiler that is new enough."""
    for found in (shutil.which("go"), "/usr/local/go/bin/go"):
        if found and os.path.exists(found):
            said = subprocess.run([found, "env", "GOVERSION"], text=True, capture_output=True,
                                  env=dict(os.environ, GOTOOLCHAIN="local"), check=False).stdout
            version = re.match(r"go(\d+)\.(\d+)", said)
            if version and (int(version[1]), int(version[2])) >= GO_OLDEST:
                return found
    raise Missing(f"no Go {GO_OLDEST[0]}.{GO_OLDEST[1]} or newer, to build the client with")


def cache_folder():
    base = os.environ.get("GPUSLICE_CACHE")
    if not base:
        home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        base = os.path.join(home, "gpuslice")
    return os.path.join(base, "bench-node")


def build(folder):
    command = [go(), "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w",
               "-o", os.path.join(folder, "client"), "."]
    done = subprocess.run(command, cwd=os.path.join(HERE, "client"), text=True,
                          env=dict(os.environ, CGO_ENABLED="0", GOFLAGS="", GOTOOLCHAIN="local"),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=BUILD_LIMIT_S, check=False)
    if done.returncode != 0:
        said = [line for line in done.stdout.splitlines() if line.strip()] or ["nothing"]
        raise Missing(f"building the client failed: {said[-1]}")


def client():
    """The path of the client, built first where it is not there yet."""
    digest = hashlib.sha256()
    for name in SOURCES:
        with open(os.path.join(HERE, "client", name), "rb") as file:
            digest.update(file.read())
    target = os.path.join(cache_folder(), f"client-{digest.hexdigest()[:16]}")
    os.makedirs(cache_folder(), exist_ok=True)
    with open(f"{target}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(target):
            fresh = tempfile.mkdtemp(prefix="client.", dir=cache_folder())
            try:
                build(fresh)
                os.rename(fresh, target)
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
    return os.path.join(target, "client")


def built(build_folder, name):
    """The path of lean.c's program, or of floor.c's."""
    path = os.path.join(build_folder, "tests", "bench", "node", f"node_bench_{name}")
    if not os.access(path, os.X_OK):
        raise Missing(f"no {path}: a build with -Dtests=enabled has it")
    return path
