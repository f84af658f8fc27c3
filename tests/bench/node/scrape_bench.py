#!/usr/bin/env python3
"""How long a scrape of the agent takes with 8 x A100-40GB cut into 56 slices, each held by a pod.

usage: scrape_bench.py BUILD_DIR [SCRAPES]      200

The real agent on a simulated machine, with a kubelet that starts nothing (tests/monitoring/kubelet.py).
Wall time of the whole request over loopback, connection included, and the agent's CPU time.
"""
import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "monitoring"))
from kubelet import Kubelet  # noqa: E402  pylint: disable=wrong-import-position

GPUS, SLICES, LIMIT_S = 8, 7, 60
RESOURCE = "nvidia.com/mig-1g.5gb"
LAYOUT = """version: v1
mig-configs:
  ones:
  - devices: all
    mig-enabled: true
    mig-devices: {1g.5gb: 7}
"""


def wait(what, holds):
    deadline = time.monotonic() + LIMIT_S
    while not holds():
        if time.monotonic() > deadline:
            sys.exit(f"scrape_bench: {what}: not so after {LIMIT_S} s")
        time.sleep(0.1)


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    except OSError:
        return ""
    finally:
        connection.close()


def cpu_seconds(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def start(build, folder, kubelet, port):
    """The agent on a machine that is cut."""
    machine = os.path.join(folder, "machine")
    env = {"PATH": os.environ["PATH"], "GPUSLICE_SIM": machine,
           "LD_LIBRARY_PATH": os.path.join(build, "lib")}
    sim, gpuslice = (os.path.join(build, "bin", name) for name in ("gpuslice-sim", "gpuslice"))
    subprocess.run([sim, "create", machine, "--gpus", f"{GPUS}xA100-40GB", "--mig"], check=True,
                   capture_output=True)
    subprocess.run([gpuslice, "mig", "apply", "-f", "-", "-c", "ones"], input=LAYOUT, text=True,
                   env=env, check=True, capture_output=True)
    path = lambda *words: os.path.join(folder, *words)
    with open(path("agent.log"), "wb") as log:
        return subprocess.Popen(
            [os.path.join(build, "bin", "gpuslice-agent"), "--node-name", "n", "--http-address",
             f"127.0.0.1:{port}", "--kubelet-root", folder, "--kubelet-socket",
             os.path.join(kubelet.plugins, "kubelet.sock"), "--pod-resources-socket",
             kubelet.resources, "--cdi-dir", path("cdi"), "--state-dir", path("state"),
             "--control-socket", path("control.sock"), "--layout-label", "", "--api=false"],
            env=env, stdout=log, stderr=log)


def main():
    """One line of figures."""
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    build, n = os.path.abspath(sys.argv[1]), int((sys.argv[2:] or ["200"])[0])
    folder = tempfile.mkdtemp(prefix="gpuslice-scrape-", dir="/dev/shm")
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    kubelet = Kubelet(folder)
    agent = start(build, folder, kubelet, port)
    try:
        wait("all slices are offered", lambda: len(kubelet.ids(RESOURCE)) == GPUS * SLICES)
        for number, device in enumerate(kubelet.ids(RESOURCE)):
            kubelet.run(f"team-{number % 5}", f"pod-{number}", RESOURCE, device)
        wait("all slices are held", lambda: sum(
            f'pod="pod-{number}"' in get(port, "/metrics") for number in (0, 55)) == 2)
        times, before = [], cpu_seconds(agent)
        for _ in range(n):
            begun = time.perf_counter()
            page = get(port, "/metrics")
            times.append(1e3 * (time.perf_counter() - begun))
            time.sleep(0.02)
        times.sort()
        print(f"{GPUS * SLICES} slices held, {len(page)} bytes: a scrape p50 {times[n // 2]:.2f} ms, "
              f"p99 {times[n * 99 // 100]:.2f} ms, most {times[-1]:.2f} ms; CPU of the agent, all "
              f"that it does, {1e3 * (cpu_seconds(agent) - before) / n:.2f} ms a scrape")
    finally:
        agent.terminate()
        agent.wait(30)
        kubelet.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
