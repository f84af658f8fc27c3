#!/usr/bin/env python3
"""How long a scrape of the agent takes with 8 x A100-40GB cut into 56 slices, each held by a pod.

usage: scrape_bench.py BUILD_DIR [SCRAPES]      200

The real agent on a simulated machine, with a kubelet that starts nothing (tests/monitoring/kubelet.py).
Wall time of the whole request over loopback, connection included, and the agent's CPU time. Each
request is followed by the same one of a program that answers the same bytes and does nothing else:
what the machine, loopback and the asking side take shows there too, and the agent's part is the
difference of each pair.
"""
import http.client
import multiprocessing
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


def answer_bytes(listener, answer):
    """The peer: reads a request, and answers the same bytes to each."""
    while True:
        connection, _ = listener.accept()
        with connection:
            asked = b""
            while b"\r\n\r\n" not in asked:
                more = connection.recv(4096)
                if not more:
                    break
                asked += more
            connection.sendall(answer)


def start_peer(page):
    """Its process and its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    answer = (f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(page)}\r\n"
              "Connection: close\r\n\r\n" + page).encode()
    peer = multiprocessing.Process(target=answer_bytes, args=(listener, answer), daemon=True)
    peer.start()
    port = listener.getsockname()[1]
    listener.close()
    return peer, port


def timed(port):
    """Milliseconds of one scrape."""
    begun = time.perf_counter()
    get(port, "/metrics")
    return 1e3 * (time.perf_counter() - begun)


def spread(times):
    """p50, p99 and the most, in words."""
    times, n = sorted(times), len(times)
    return f"p50 {times[n // 2]:.2f} ms, p99 {times[n * 99 // 100]:.2f} ms, most {times[-1]:.2f} ms"


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
        page = get(port, "/metrics")
        peer, peer_port = start_peer(page)
        times, peers, before = [], [], cpu_seconds(agent)
        for _ in range(n):
            times.append(timed(port))
            peers.append(timed(peer_port))
            time.sleep(0.02)
        cpu = 1e3 * (cpu_seconds(agent) - before) / n
        peer.terminate()
        peer.join()
        print(f"{GPUS * SLICES} slices held, {len(page)} bytes; {n} scrapes, each beside one of the "
              f"peer\nagent       {spread(times)}\npeer        {spread(peers)}\n"
              f"difference  {spread([one - other for one, other in zip(times, peers)])}\n"
              f"CPU of the agent, all that it does: {cpu:.2f} ms a scrape")
    finally:
        agent.terminate()
        agent.wait(30)
        kubelet.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
