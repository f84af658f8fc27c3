#!/usr/bin/env python3
"""Our agent beside NVIDIA's programs: the same simulated GPUs, the same real kubelet, turn by turn.

usage: node_bench.py BUILD_DIR [--only idle,load,start,labels,cdi] [--rounds N] [--json FILE] [--realtime] [--brief]

NVIDIA's programs are named by GPUSLICE_PEER_PLUGIN, GPUSLICE_PEER_GFD, GPUSLICE_PEER_MIG_MANAGER,
GPUSLICE_PEER_CONFIG_MANAGER and GPUSLICE_PEER_CTK; rows of those that are not there are left out, and
it says so. Figures are the median of the rounds (least to most). Exits 1 when labels or the CDI file
differ: speed is a figure, not a test. With none of NVIDIA's there it measures our side only.
"""
import argparse
import json
import os
import platform
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "cluster")]
# pylint: disable=wrong-import-position
import cdi
import labels
import layouts
import measures
import programs
import report
from bed.bed import Bed
from bed.errors import Skip
from client import Client
from figures import Book
from stands import Floor, Ours, Theirs, put_driver_files, root_of, show_driver

KINDS = ("idle", "load", "start", "labels", "cdi")
GPUS = "8xA100-40GB"
QUIET_S, WINDOW_S = 30, 60
PLAN = [(1000, 10)]
DEVICE_LISTS = ("cdi-cri", "envvar")


class Bench:
    def __init__(self, bed, arguments, peers):
        self.bed, self.arguments, self.peers, self.book = bed, arguments, peers, Book()
        clients = programs.client(), programs.built(arguments.build, "lean")
        self.node = bed.nodes[0]
        self.client_programs, self.client = clients, Client(*clients, self.node)
        self.failed, self.notes = False, []
        show_driver(self.node)
        put_driver_files(self.node)

    def tell(self, text):
        print(f"# {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)

    def stands(self, node, number):
        """Those that take part, each round in another order."""
        found = [Ours(node)]
        if "nvidia-device-plugin" in self.peers:
            found.append(Theirs(node, self.peers))
        return found if number % 2 == 0 else found[::-1]

    def rounds(self, what, run, node=None, count=None, more=()):
        """`more`: stands that come last in every round."""
        count = count or self.arguments.rounds
        for number in range(count):
            for stand in [*self.stands(node or self.node, number), *more]:
                self.tell(f"{what}, round {number + 1} of {count}: {stand.name}")
                try:
                    run(stand)
                finally:
                    stand.stop()

    def idle(self):
        layouts.cut(self.node, layouts.small())
        quiet, window = (2, 5) if self.arguments.brief else (QUIET_S, WINDOW_S)

        def one(stand):
            if isinstance(stand, Theirs):
                stand.start_all()
            else:
                stand.start()
            measures.idle(self.book, self.client, stand, quiet, window)

        self.rounds("idle", one, count=(self.arguments.rounds + 1) // 2)  # they take longest

    def load(self):
        layouts.cut(self.node, layouts.small())
        plan = [(rate, 2) for rate, _ in PLAN] if self.arguments.brief else PLAN
        floor = Floor(self.node, programs.built(self.arguments.build, "floor"))
        for devices in DEVICE_LISTS:
            seen = {}

            def ask(stand, devices=devices, seen=seen):
                stand.start(devices=devices)
                seen[stand.name] = measures.asked(self.client, stand, devices)

            def one(stand, ask=ask, seen=seen):
                ids = measures.OF_NOBODY
                if stand is floor:
                    stand.start()
                else:
                    ask(stand)
                    ids = seen[stand.name]["ids"]
                measures.load(self.book, self.client, stand, ids, plan, self.arguments.realtime)

            if devices == DEVICE_LISTS[0]:
                self.rounds(f"load, {devices}", one, more=[floor])
            else:
                self.rounds(f"answers, {devices}", ask, count=1)
            self.judge_answers(devices, seen)

    def judge_answers(self, devices, seen):
        if len(seen) < 2:
            return
        ids = [found["ids"] for found in seen.values()]
        self.notes.append(f"Allocate, {devices}: ids {'the same' if ids[0] == ids[1] else 'DIFFER'}"
                          + "".join(f"; {name} answers {json.dumps(found['answer'][0])}"
                                    for name, found in seen.items()))
        self.failed = self.failed or ids[0] != ids[1]

    def start(self):
        bare = self.bed.add_node(gpus=GPUS, sim=["--mig"], name="bare", start_kubelet=False)
        show_driver(bare)
        put_driver_files(bare)
        client = Client(*self.client_programs, bare)
        for name, parts, resources in (("1 resource", layouts.small(), layouts.SMALL),
                                       ("5 resources", layouts.varied(), layouts.VARIED)):
            layouts.cut(self.node, parts)
            layouts.cut(bare, parts)
            self.rounds(f"start, {name}", lambda stand, r=resources, n=name: measures.start(
                self.book, self.client, stand, r, n))
            self.rounds(f"start alone, {name}", lambda stand, r=resources, n=name:
                        measures.start_alone(self.book, client, stand, r, n), bare)
        bare.power_off()

    def labels(self):
        if "gpu-feature-discovery" not in self.peers:
            self.notes.append("labels: not compared, as feature discovery is not given")
            return
        tally = labels.run(self.bed, self.peers["gpu-feature-discovery"], self.tell)
        for title, wrong in tally.wrong:
            self.notes.append(f"labels differ: {title}: " + "; ".join(wrong))
        for title, why, n in tally.refused:
            self.notes.append(f"feature discovery refuses {title} ({why}); ours wrote {n} labels")
        self.notes.append(f"labels: {tally.equal} of {tally.equal + len(tally.wrong)} cases equal, "
                          f"{tally.labels} labels in them")
        for seconds in tally.took:
            self.book.add("start to all labels on the node, ms", "gpuslice-agent", 1000 * seconds)
        self.failed = self.failed or bool(tally.wrong)

    def cdi(self):
        layouts.cut(self.node, layouts.varied())
        found = {}
        self.tell("CDI files")
        hook = self.peers.get("nvidia-ctk")
        for stand in self.stands(self.node, 0):
            stand.start(hook=hook)
            measures.wait_offered(self.client, stand, layouts.VARIED)
            found[stand.name] = cdi.of_node(self.node)
            stand.stop()
        if hook is not None:
            found["nvidia-ctk"] = cdi.of_ctk(self.node, hook, root_of(self.node))
        ours = found.pop("gpuslice-agent")
        wrong = cdi.wrong_numbers(ours)
        self.notes += [f"CDI file of ours: {text}" for text in wrong]
        for name, theirs in found.items():
            here = cdi.difference(theirs, ours)
            self.notes.append(f"CDI file against {name}'s: " + ("; ".join(here) or
                              f"equal in effect, {cdi.size(ours)}"))
            wrong += here
        self.failed = self.failed or bool(wrong)


def head(arguments, peers):
    """What the figures were taken on."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        cpu = next((line.split(":")[1].strip() for line in file if line.startswith("model name")),
                   "unknown")
    return {"date": time.strftime("%Y-%m-%d"), "cpus": os.cpu_count(), "cpu": cpu,
            "kernel": platform.release(), "load": os.getloadavg()[0], "rounds": arguments.rounds,
            "realtime": arguments.realtime,
            "peers": {name: programs.version_of(path) or "?" for name, path in peers.items()}}


def arguments_of(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", metavar="BUILD_DIR")
    parser.add_argument("--only", default=",".join(KINDS), help="of " + ", ".join(KINDS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", metavar="FILE", help="every figure of every round")
    parser.add_argument("--realtime", action="store_true", help="of load: plugin and client before "
                        "whatever else runs here (SCHED_FIFO), for a machine that is shared")
    parser.add_argument("--brief", action="store_true", help="seconds in place of minutes: a try")
    found = parser.parse_args(argv)
    unknown = set(found.only.split(",")) - set(KINDS)
    if unknown:
        parser.error(f"--only {found.only}: expected some of {', '.join(KINDS)}")
    return found


def main(argv):
    arguments = arguments_of(argv)
    peers, missing = programs.peers()
    for name, why in missing.items():
        print(f"# not measured: {name}: {why}", file=sys.stderr)
    if not peers:
        print("# peer not given: our side only", file=sys.stderr)
    about = head(arguments, peers)
    with Bed(nodes=1, gpus=GPUS, sim=["--mig"], build_folder=arguments.build) as bed:
        bench = Bench(bed, arguments, peers)
        for kind in arguments.only.split(","):
            getattr(bench, kind)()
    about["load after"] = os.getloadavg()[0]
    report.write(about, bench.book, bench.notes, missing)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"about": about, "figures": bench.book.as_dict(), "notes": bench.notes}, file,
                      indent=1)
    return 1 if bench.failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (Skip, programs.Missing) as skipped:
        print(f"SKIP: {skipped}")
        sys.exit(77)
