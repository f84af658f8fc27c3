"""What the tests of the dashboard share: programs, simulated machines, requests.

Each is run with GPUSLICE GPUSLICE_SIM SOURCE_DIR.
"""
import collections
import contextlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
import tap  # pylint: disable=wrong-import-position,unused-import

GPUSLICE, SIM, SOURCE = (os.path.abspath(path) for path in sys.argv[1:4])
WORK = tempfile.mkdtemp(prefix="gpuslice-dashboard-",
                        dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
LIMIT = 120

Answer = collections.namedtuple("Answer", "status headers body")


def end():
    shutil.rmtree(WORK, ignore_errors=True)


def expect(found, wanted):
    assert found == wanted, f"found {found!r}, expected {wanted!r}"


def wait_until(holds, said=lambda: ""):
    """Until that holds; `said`: what to show where it does not."""
    deadline = time.monotonic() + 2 * LIMIT
    while not holds():
        assert time.monotonic() < deadline, said()
        time.sleep(0.1)


def source(name):
    with open(os.path.join(SOURCE, name), "rb") as file:
        return file.read()


def sim(*words):
    subprocess.run([SIM, *words], check=True, capture_output=True, text=True)


def clean_env(**more):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("GPUSLICE_", "MIG_PARTED_"))}
    env.update(AWS_REGION="", **more)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "KUBECONFIG"):
        env.pop(name, None)
    return env


def cut(machine, slices):
    wanted = ", ".join(f"{name}: {count}" for name, count in slices.items())
    text = ("version: v1\nmig-configs:\n  a:\n  - {devices: [0], mig-enabled: true, "
            f"mig-devices: {{{wanted}}}}}\n")
    subprocess.run([GPUSLICE, "mig", "apply", "-f", "-", "-c", "a"], input=text, text=True,
                   check=True, capture_output=True, env=clean_env(GPUSLICE_SIM=machine))


@contextlib.contextmanager
def holder(machine, name):
    """A process of this name on the first slice of the machine."""
    program = os.path.join(WORK, name)  # the kernel calls a process by its file's first 15 bytes
    shutil.copy(shutil.which("sleep"), program)
    with subprocess.Popen([SIM, "run", machine, "--slice", "0:0:0", "--", program, "600"],
                          env=clean_env()) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


class Served:
    """A dashboard at `address`."""

    def __init__(self, address):
        url = urllib.parse.urlsplit(address)
        self.port, self.way_in = url.port, url.path
        self.token = url.path.rsplit("/", 1)[1]
        self.bearer = {"Authorization": f"Bearer {self.token}"}

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)

    def ask(self, path, headers, method="GET"):
        connection = self.connect()
        try:
            connection.putrequest(method, path, skip_host="Host" in headers,
                                  skip_accept_encoding=True)
            for key, value in headers.items():
                connection.putheader(key, value)
            connection.endheaders()
            found = connection.getresponse()
            return Answer(found.status, found.msg, found.read())
        finally:
            connection.close()

    def cookie(self):
        answer = self.ask(self.way_in, {})
        expect(answer.status, 200)
        return {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}

    def document(self, name, headers=None):
        answer = self.ask(f"/api/v1/{name}", headers or self.bearer)
        expect(answer.status, 200)
        return json.loads(answer.body)

    def until(self, holds, name="fleet", headers=None):
        deadline = time.monotonic() + LIMIT
        while True:
            document = self.document(name, headers)
            if holds(document):
                return document
            assert time.monotonic() < deadline, document
            time.sleep(0.2)

    def events(self, headers=None):
        return Events(self.connect(), headers or self.bearer)

    def events_status(self):
        with self.events() as events:
            return events.status


class Events:
    """A stream of events."""

    def __init__(self, connection, headers):
        self.connection = connection
        connection.request("GET", "/api/v1/events", headers=headers)
        self.answer = connection.getresponse()
        self.status = self.answer.status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.answer.close()
        self.connection.close()

    def until(self, name, holds=lambda _: True):
        """The data of the first event of this name for which that holds."""
        deadline, event = time.monotonic() + LIMIT, None
        while True:
            assert time.monotonic() < deadline, f"no event {name}"
            line = self.answer.readline()
            assert line, "the stream has ended"
            if line.startswith(b"event: "):
                event = line[7:].strip().decode()
            elif line.startswith(b"data: ") and event == name:
                data = json.loads(line[6:])
                if holds(data):
                    return data


class Node(Served):
    """`gpuslice dashboard --node` over a machine."""
    made = 0

    def __init__(self, *options, gpus="2xA100-40GB"):
        Node.made += 1
        self.machine = os.path.join(WORK, f"m{Node.made}")
        sim("create", self.machine, "--gpus", gpus, "--mig")
        self.process = subprocess.Popen(
            [GPUSLICE, "dashboard", "--node", "--no-browser", *options], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=clean_env(GPUSLICE_SIM=self.machine))
        line = self.process.stdout.readline()
        assert line.startswith("http://127.0.0.1:"), (line, self.process.stderr.read())
        super().__init__(line.strip())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        code = self.process.wait(LIMIT)
        errors = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        shutil.rmtree(self.machine, ignore_errors=True)
        expect((code, errors), (0, ""))
