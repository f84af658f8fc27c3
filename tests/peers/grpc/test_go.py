#!/usr/bin/env python3
"""grpc-go, with the kubelet's own messages, tries our server, and answers our client.

usage: test_go.py PLUGIN ASK
"""
import os
import sys

import bed


def numbered(first, lines):
    """TAP with the numbers of cases counted on; returns how many there were."""
    cases = 0
    for line in lines:
        if line.startswith(("ok ", "not ok ")):
            cases += 1
            head, rest = line.split(" - ", 1)
            print(f"{head.rsplit(' ', 1)[0]} {first + cases - 1} - {rest}")
        elif not line.startswith("1.."):
            print(line)
    return cases


def check_client(ask, kubelet, folder):
    """(what, whether it is so) of our client against grpc-go as a kubelet."""
    socket = os.path.join(folder, "kubelet.sock")
    with bed.running(kubelet, "kubelet", socket) as process:
        yield "Register", bed.run(ask, "register", socket, "nvidia.com/gpu") == ("registered\n", 0)
        yield "what the kubelet heard", process.stdout.readline() == (
            "registered nvidia.com/gpu at ours.sock, options false true\n")
        said, status = bed.run(ask, "list", socket)
        lines = said.splitlines()
        pod = ["default/pod-0", " main", "  nvidia.com/mig-1g.5gb MIG-0 @0",
               "  nvidia.com/mig-1g.5gb MIG-1 @1", "  claim default/claim: gpu.nvidia.com node "
               "gpu-0 k8s.gpu.nvidia.com/device=gpu-0", " side"]
        yield "List of 110 pods", (status, len(lines), lines[:6]) == (0, 660, pod)
        said, status = bed.run(ask, "allocatable", socket)
        yield "GetAllocatableResources", said.splitlines() == [
            f"  nvidia.com/mig-1g.5gb MIG-{i} @{i % 2}" for i in range(56)]
        said, status = bed.run(ask, "get", socket, "default/a")
        yield "Get", (status, said.splitlines()[0]) == (0, "default/a")
        yield "an error of Get", bed.run(ask, "get", socket, "other/a") == (
            f"-9: {socket}: /v1.PodResourcesLister/Get: UNKNOWN: pod a in namespace other not "
            "found\n", 1)
    yield "a kubelet that has ended", bed.run(ask, "list", socket)[1] == 1


def main():
    plugin, ask = sys.argv[1:3]
    try:
        peer = bed.go_peer()
    except bed.Skip as reason:
        print(f"SKIP: {reason}")
        sys.exit(77)
    failed = 0
    with bed.folder() as folder:
        socket = os.path.join(folder, "plugin.sock")
        with bed.running(plugin, socket, "7") as process:
            said, status = bed.run(peer, "check", socket)
            print(f"# our server holds {bed.resident_kib(process)[0]} KiB after that")
        failed += status
        number = 1 + numbered(1, said.splitlines())
        for what, fine in check_client(ask, peer, folder):
            print(f"{'ok' if fine else 'not ok'} {number} - our client: {what}")
            number += 1
            failed += not fine
    print(f"1..{number - 1}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
