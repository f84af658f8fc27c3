"""What the tests of gpuslice mig share: programs, folders, simulated machines.

Each is run with GPUSLICE GPUSLICE_SIM SOURCE_DIR.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
import tap  # pylint: disable=wrong-import-position

GPUSLICE, SIM, SOURCE = (os.path.abspath(path) for path in sys.argv[1:4])
# a memory file system where there is one: the machine's state is synced to what it lies on
WORK = tempfile.mkdtemp(prefix="gpuslice-mig-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK)
                        else None)

ONE = """version: v1
mig-configs:
  all-1g.5gb:
  - devices: all
    mig-enabled: true
    mig-devices: {1g.5gb: 7}
  off:
  - {devices: all, mig-enabled: false}
  first:
  - devices: [0]
    mig-enabled: true
    mig-devices: {3g.20gb: 1, 1g.5gb: 1}
"""


def run(*words, sim=None, stdin="", env=None, program=None):
    """(status, stdout, stderr) of `gpuslice mig WORDS` on the machine `sim`."""
    words = [program, *words] if program else [GPUSLICE, "mig", *words]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MIG_PARTED_", "GPUSLICE_"))}
    clean.update({"GPUSLICE_SIM": sim} if sim else {"GPUSLICE_NVML": "/nonexistent"})
    clean.update(env or {})
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, check=False,
                          env=clean, cwd=WORK, timeout=60)
    return done.returncode, done.stdout, done.stderr


def expect(status, stdout, *words, says="", **more):
    got = run(*words, **more)
    assert got[:2] == (status, stdout) and says in got[2], (words, got)
    quiet = all(re.match(r"gpuslice: (GPU \d+: (MIG|reset|\d+ slice)|\d+ GPUs? changed)", line)
                for line in got[2].splitlines()) # what a change says of itself
    assert quiet == (status == 0) or "-d" in words, (words, got)


def sim(*words):
    done = subprocess.run([SIM, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout


def machine(name, *options):
    path = os.path.join(WORK, name)
    shutil.rmtree(path, ignore_errors=True)
    sim("create", path, *options)
    return path


def write(name, text):
    path = os.path.join(WORK, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def read(name):
    with open(os.path.join(WORK, name), encoding="utf-8") as file:
        return file.read()


def parted():
    """gpuslice under the name of NVIDIA's program."""
    path = os.path.join(WORK, "nvidia-mig-parted")
    if not os.path.exists(path):
        os.symlink(GPUSLICE, path)
    return path


def main(module):
    """Runs the functions of a test file that are named case_..."""
    try:
        tap.run([(name[5:].replace("_", " "), case)
                 for name, case in tap.cases_of(sys.modules[module], "case_")])
    finally:
        shutil.rmtree(WORK, ignore_errors=True)
