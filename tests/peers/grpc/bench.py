#!/usr/bin/env python3
"""Allocate, by our server and by one of grpc-go that does the same, in turns, with the same clients.

usage: bench.py BUILD_DIR [CALLS] [ROUNDS]

Prints for each client the median over the rounds of p50, p90 and p99, and what the servers hold.
"light" is our client without a loop (ask bench), where little but the server is timed; grpc-go is
what the kubelet uses, and takes most of the time itself.
"""
import json
import os
import statistics
import sys

import bed

FIGURES = ("p50_us", "p90_us", "p99_us")


def measure(clients, sockets, calls, rounds):
    """{(client, server): {figure: median}}"""
    found = {}
    for _ in range(rounds):
        for client, command in clients.items():
            for server, socket in sockets.items():
                said, status = bed.run(*command, socket, str(calls))
                assert status == 0, said
                found.setdefault((client, server), []).append(json.loads(said))
    return {key: {figure: statistics.median(line[figure] for line in lines) for figure in FIGURES}
            for key, lines in found.items()}


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
            clients = {"light": (ask, "bench"), "grpc-go": (peer, "bench")}
            figures = measure(clients, sockets, calls, rounds)
            held = {"ours": bed.resident_kib(ours), "grpc-go": bed.resident_kib(theirs)}
    print(f"Allocate of one device, {calls} calls, one after the other, median of {rounds} rounds\n")
    print("CLIENT   SERVER   P50 US  P90 US  P99 US")
    for (client, server), line in figures.items():
        print(f"{client:8} {server:8} " + "  ".join(f"{line[f]:6.1f}" for f in FIGURES))
    for client in clients:
        line = [figures[client, "grpc-go"][f] / figures[client, "ours"][f] for f in FIGURES]
        print(f"{client:8} ratio    " + "  ".join(f"{ratio:6.1f}" for ratio in line))
    for server, (resident, own) in held.items():
        print(f"{server}: {resident} KiB resident, {own} KiB its own")


if __name__ == "__main__":
    main()
