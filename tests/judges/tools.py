"""tools: gets programs of others from the packages that they are published as.

They are kept in a cache outside of the checkout ($XDG_CACHE_HOME/gpuslice/judges), by version, so
that only the first run fetches and builds. Nothing of theirs enters the repository.
"""
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
FETCH_LIMIT_S = 420

NVIDIA_CTK = "github.com/NVIDIA/nvidia-container-toolkit/cmd/nvidia-ctk"
NVIDIA_CTK_VERSIONS = ["v1.17.8", "v1.20.1"]
NVIDIA_ML_PY_VERSION = "13.615.71"
NVITOP_VERSION = "1.7.2"
GO_OLDEST = (1, 25)


class Skip(Exception):
    """The judge cannot sit here, for this reason."""


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "gpuslice", "judges")


def may_fetch():
    return os.environ.get("GPUSLICE_JUDGES") == "fetch"


@contextlib.contextmanager
def locked(path):
    """One process at a time makes a tool."""
    with open(path + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(command, **options):
    """Skips with the last line of what the command said, when it fails."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT, timeout=FETCH_LIMIT_S, check=False,
                              **options)
    except subprocess.TimeoutExpired as error:
        raise Skip(f"{command[0]} took more than {FETCH_LIMIT_S} s to fetch and build") from error
    except OSError as error:
        raise Skip(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        said = [line for line in done.stdout.splitlines() if line.strip()] or ["nothing"]
        raise Skip(f"{' '.join(command[:3])} failed: {said[-1]}")
    return done.stdout


def made(name, make):
    """The folder of a tool; make(folder) fills it where it is not there yet."""
    target = os.path.join(cache_folder(), name)
    if os.path.isdir(target):
        return target
    if not may_fetch():
        raise Skip(f"{name} is not in {cache_folder()}; `make judges` fetches it")
    try:
        os.makedirs(cache_folder(), exist_ok=True)
    except OSError as error:
        raise Skip(f"no place for what is fetched: {error}") from error
    with locked(target):
        if not os.path.isdir(target):
            fresh = tempfile.mkdtemp(prefix=name + ".", dir=cache_folder())
            try:
                make(fresh)
                os.rename(fresh, target)
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
    return target


def go():
    """A Go compiler that is new enough."""
    for found in (shutil.which("go"), "/usr/local/go/bin/go"):
        if found and os.path.exists(found):
            said = run([found, "env", "GOVERSION"], env=dict(os.environ, GOTOOLCHAIN="local"))
            version = re.match(r"go(\d+)\.(\d+)", said)
            if version and (int(version[1]), int(version[2])) >= GO_OLDEST:
                return found
            raise Skip(f"{found} is {said.strip()}; NVIDIA's libraries need Go "
                       f"{GO_OLDEST[0]}.{GO_OLDEST[1]} or newer")
    raise Skip(f"no Go compiler here; NVIDIA's libraries need {GO_OLDEST[0]}.{GO_OLDEST[1]} or "
               "newer (that of Debian 12 is older)")


# go-nvml calls what the library it finds may lack: its symbols have to be bound as they are used.
LAZY = ["-ldflags", "-extldflags=-Wl,-z,lazy"]


def own_go_program(name):
    """A program of ours on libraries of others; its name in the cache follows from its sources."""
    source = os.path.join(HERE, name)
    digest = hashlib.sha256()
    for file_name in ("go.mod", "go.sum", "main.go"):
        with open(os.path.join(source, file_name), "rb") as file:
            digest.update(file.read())

    def make(folder):
        run([go(), "build", "-mod=readonly", *LAZY, "-o", os.path.join(folder, name), "."],
            cwd=source, env=dict(os.environ, CGO_ENABLED="1", GOFLAGS=""))

    return os.path.join(made(f"{name}-{digest.hexdigest()[:16]}", make), name)


def go_walk():
    """Our walker on go-nvlib and go-nvml."""
    return [own_go_program("walk")]


def cdi_reader():
    """Our program on the library of the CDI specification."""
    return own_go_program("cdi")


def nvidia_ctk(version):
    def make(folder):
        run([go(), "install", *LAZY, f"{NVIDIA_CTK}@{version}"],
            env=dict(os.environ, CGO_ENABLED="1", GOFLAGS="", GOBIN=folder))

    return os.path.join(made(f"nvidia-ctk-{version}", make), "nvidia-ctk")


def python_walk(package, version, script):
    """A walker, under this Python with the package added."""

    def make(folder):
        run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
             "--no-input", "--no-compile", "--timeout", "15", "--retries", "1", "--target", folder, f"{package}=={version}"])

    python = f"py{sys.version_info[0]}.{sys.version_info[1]}"
    folder = made(f"{package}-{version}-{python}", make)
    return [sys.executable, "-c",
            f"import sys, runpy; sys.path.insert(0, {folder!r}); "
            f"runpy.run_path({os.path.join(HERE, script)!r}, run_name='__main__')"]
