"""bed: what the tests with gRPC of others share: our programs, theirs, and where to get them.

Programs of others come from the packages that they are published as and stay in the cache of
tests/judges (tools.py there); nothing of theirs enters the repository.
"""
import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "judges"))
import tools  # noqa: E402  pylint: disable=wrong-import-position

Skip = tools.Skip
GRPCIO_VERSION = "1.85.1"
PEER = ("go.mod", "go.sum", "main.go", "check.go", "bench.go", "serve.go")
LIMIT_S = 120


def go_peer():
    """grpc-go with the kubelet's messages; its name in the cache follows from its sources."""
    source = os.path.join(HERE, "peer")
    digest = hashlib.sha256()
    for name in PEER:
        with open(os.path.join(source, name), "rb") as file:
            digest.update(file.read())

    def make(folder):
        tools.run([tools.go(), "build", "-mod=readonly", "-o", os.path.join(folder, "peer"), "."],
                  cwd=source, env=dict(os.environ, CGO_ENABLED="0", GOFLAGS=""))

    return os.path.join(tools.made("grpc-peer-" + digest.hexdigest()[:16], make), "peer")


def import_grpc(version):
    """grpcio: "system" is what this Python has, else the version of the package index."""
    if version != "system":
        def make(folder):
            tools.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-input",
                       "--disable-pip-version-check", "--no-compile", "--timeout", "15",
                       "--retries", "1", "--target", folder, f"grpcio=={version}"])
        python = f"py{sys.version_info[0]}.{sys.version_info[1]}"
        sys.path.insert(0, tools.made(f"grpcio-{version}-{python}", make))
    try:
        import grpc  # pylint: disable=import-outside-toplevel
    except ImportError as error:
        raise Skip(f"this Python has no grpcio ({error}): apt-get install python3-grpcio") from error
    return grpc


@contextlib.contextmanager
def folder():
    """One with a short name: a socket's path has 107 bytes."""
    made = tempfile.mkdtemp(prefix="gs-grpc.", dir="/tmp")
    try:
        yield made
    finally:
        shutil.rmtree(made)


@contextlib.contextmanager
def running(*command):
    """A program that says "ready" when it serves; it is ended and must end well."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            said = process.stdout.readline()
            assert said == "ready\n", f"{command[0]} said {said!r}"
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                status = process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
    assert status in (0, -signal.SIGTERM), f"{command[0]} ended with status {status}"


def run(*command):
    """What the program printed, and its exit status."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=LIMIT_S, check=False)
    return done.stdout, done.returncode


def resident_kib(process):
    """How much memory a process holds, and how much of it is its own."""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        fields = dict(line.split(":", 1) for line in status)
    return int(fields["VmRSS"].split()[0]), int(fields["RssAnon"].split()[0])


def descriptors(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def processor_us(process):
    """How long its threads have run; those that have ended do not count."""
    spent = 0
    for task in os.listdir(f"/proc/{process.pid}/task"):
        with contextlib.suppress(FileNotFoundError):
            with open(f"/proc/{process.pid}/task/{task}/schedstat", encoding="ascii") as file:
                spent += int(file.read().split()[0])
    return spent / 1000
