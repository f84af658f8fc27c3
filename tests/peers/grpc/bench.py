#!/usr/bin/env python3
"""Allocate, by our server and by one of grpc-go that does the same, in turns, with the same clients.

usage: bench.py BUILD_DIR [CALLS] [ROUNDS]

Prints for each client the median over the rounds of p50, p90 and p99, the best p99 of a round (on a
machine with other work the median is that work's), how long the server ran for a call, and what the
servers hold. "light" is our client without a loop (ask bench), where little but the server is timed;
grpc-go is what the kubelet uses, and takes most of the time itself.
"""
import json
import os
import statistics
import sys

import bed

FIGURES = {"P50 US": ("p50_us", statistics.median), "P90 US": ("p90_us", statistics.median),
           "P99 US": ("p99_us", statistics.median), "BEST P99": ("p99_us", min),
           "CPU US": ("cpu_us", statistics.median)}


def measure(clients, servers, calls, rounds):
    """{(client, server): {title: figure}}; `servers` is {name: (process, socket)}."""
    found = {}
    for _ in range(rounds):
        for client, command in clients.items():
            for server, (process, socket) in servers.items():
                before = bed.processor_us(process)
                said, status = bed.run(*command, socket, str(calls))
                assert status == 0, said
                line = json.loads(said)
                line["cpu_us"] = (bed.processor_us(process) - before) / (calls * 1.1)  # it warms up
                found.setdefault((client, server), []).append(line)
    return {key: {title: of(line[figure] for line in lines)
                  for title, (figure, of) in FIGURES.items()} for key, lines in found.items()}


def main():
    build = os.path.join(sys.argv[1], "tests", "peers", "grpc")
    calls = int(sys.argv[2]) if len(sys.argv) > 2 else 10000
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    ask, plugin = os.path.join(build, "grpc_ask"), os.path.join(build, "grpc_plugin")
    os.environ.setdefault("GPUSLICE_JUDGES", "fetch")
    peer = bed.go_peer()
    with bed.folder() as place:
        sockets = {name: os.path.join(place, name + ".sock") for name in ("ours", "grpc-go")}
        with bed.running(plugin, sockets["ours"], "56") as ours, \
                bed.running(peer, "serve", sockets["grpc-go"], "56") as theirs:
            servers = {"ours": (ours, sockets["ours"]), "grpc-go": (theirs, sockets["grpc-go"])}
            clients = {"light": (ask, "bench"), "grpc-go": (peer, "bench")}
            figures = measure(clients, servers, calls, rounds)
            held = {name: bed.resident_kib(process) for name, (process, _) in servers.items()}
    print(f"Allocate of one device, {calls} calls, one after the other, {rounds} rounds\n")
    print("CLIENT   SERVER " + "".join(f"{title:>10}" for title in FIGURES))
    for (client, server), line in figures.items():
        print(f"{client:8} {server:7}" + "".join(f"{line[title]:10.1f}" for title in FIGURES))
    for client in clients:
        ratios = [figures[client, "grpc-go"][t] / figures[client, "ours"][t] for t in FIGURES]
        print(f"{client:8} ratio  " + "".join(f"{ratio:10.1f}" for ratio in ratios))
    for server, (resident, own) in held.items():
        print(f"{server}: {resident} KiB resident, {own} KiB its own")


if __name__ == "__main__":
    main()
