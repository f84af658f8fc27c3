"""labels: those that our agent keeps on the node, against the file of NVIDIA's feature discovery.

Both look at the same machine. Each model, layout, MIG strategy and kind of sharing is a case; a case
is equal when every label below nvidia.com/ has the same name and the same bytes. The one exception is
the time at which a program started.
"""
import itertools
import json
import os
import sys
import time

from bed import errors, system
from layouts import cut
from stands import Ours, machine_type_file, show_driver

OURS_ALONE = ("nvidia.com/mig.config",)  # and .state: mig-manager's, not feature discovery's
TIMESTAMP = "nvidia.com/gfd.timestamp"
LIMIT_S = 15
CALM_S = 2
STRATEGIES = ("none", "single", "mixed")

WHOLE, EMPTY = None, {}
# (GPUs, {layout: [(GPUs, slices)]}); None is MIG off, {} MIG on without a slice
MACHINES = [
    (["3xA100-40GB"], {
        "whole": [("all", WHOLE)], "empty": [("all", EMPTY)],
        "one profile": [("all", {"1g.5gb": 7})],
        "two profiles": [("all", {"3g.20gb": 1, "2g.10gb": 1, "1g.5gb": 1})],
        "one GPU whole": [([0, 1], {"2g.10gb": 3}), ([2], WHOLE)],
        "one GPU empty": [([0, 1], {"2g.10gb": 3}), ([2], EMPTY)],
        "media": [("all", {"1g.5gb+me": 1, "1g.5gb": 6})],
        "compute instances": [("all", {"1c.2g.10gb": 2, "1g.5gb": 1})]}),
    (["2xA30-24GB"], {"whole": [("all", WHOLE)], "one profile": [("all", {"2g.12gb": 2})],
                      "two profiles": [("all", {"2g.12gb": 1, "1g.6gb": 2})]}),
    (["2xH100-80GB-SXM5"], {"one profile": [("all", {"1g.10gb": 7})],
                            "double memory": [("all", {"1g.20gb": 4})],
                            "two profiles": [([0], {"3g.40gb": 2}), ([1], {"1g.10gb+me": 1})]}),
    (["1xH200-141GB"], {"one profile": [("all", {"1g.18gb": 7})],
                             "whole": [("all", WHOLE)]}),
    (["1xB200-180GB"], {"one profile": [("all", {"1g.23gb": 7})],
                        "two profiles": [("all", {"4g.90gb": 1, "3g.90gb": 1})]}),
    (["2xT4"], {"whole": None}),
    (["1xH100-80GB-SXM5", "1xL4"], {"one cut": [([0], {"1g.10gb": 7})]}),
]


def sharing(resources, rename):
    return {"version": "v1", "sharing": {"timeSlicing": {
        "renameByDefault": rename,
        "resources": [{"name": name, "replicas": n} for name, n in resources]}}}


def sharings(slices):
    """{name: configuration file or None}: what may be time-sliced of a layout."""
    found = {"": None, "shared": sharing([("nvidia.com/gpu", 4)], False),
             "renamed": sharing([("nvidia.com/gpu", 3)], True)}
    if slices:
        first = "nvidia.com/mig-" + sorted(slices)[0].replace("+", ".")
        found["slices shared"] = sharing([(first, 2)], False)
    return found


def cases(layout):
    slices = {name for _, cut in layout or [] for name in cut or {}}
    for strategy, (name, config) in itertools.product(STRATEGIES, sharings(slices).items()):
        if strategy == "mixed" or name != "slices shared":
            yield strategy, name, config


def theirs(node, program, words):
    """{label: value}, or None and why they give none."""
    path = os.path.join(node.folder, "gfd")
    if os.path.exists(path):
        os.unlink(path)
    try:
        node.run_with_gpus([program, "--oneshot", "--use-node-feature-api=false", "--output-file",
                            path, *words])
    except errors.BedError as error:
        return None, str(error).strip().splitlines()[-1]
    lines = system.read(path).splitlines()
    return dict(line.split("=", 1) for line in lines), ""


def ours(node):
    return {name: value for name, value in node.object()["metadata"].get("labels", {}).items()
            if name.startswith("nvidia.com/") and not name.startswith(OURS_ALONE)}


def without_time(labels):
    return {name: value for name, value in labels.items() if name != TIMESTAMP}


def difference(wanted, found):
    """["label: theirs, ours"]"""
    return [f"{name}: {wanted.get(name, 'absent')!r} of theirs, {found.get(name, 'absent')!r} of ours"
            for name in sorted(wanted | found) if wanted.get(name) != found.get(name)]


class Tally:
    def __init__(self):
        self.equal, self.labels, self.wrong, self.refused, self.took = 0, 0, [], [], []


def settled(node, stand, wanted):
    """Our labels, once they are those that are wanted or have not changed for a while."""
    begun = changed = time.monotonic()
    found = ours(node)
    while without_time(found) != wanted and time.monotonic() < begun + LIMIT_S:
        if found and time.monotonic() > changed + CALM_S:
            break
        stand.server().must_live()
        time.sleep(0.02)
        before, found = found, ours(node)
        changed = changed if found == before else time.monotonic()
    return found


def compare(node, program, tally, title, strategy, config):
    words = ["--mig-strategy", strategy, "--machine-type-file", machine_type_file(node)]
    path = None
    if config is not None:
        path = system.write(os.path.join(node.folder, "sharing.yaml"), json.dumps(config))
        words += ["--config-file", path]
    wanted, why = theirs(node, program, words)
    stand = Ours(node)
    begun = time.monotonic()
    stand.start(strategy=strategy, config=path)
    try:
        if wanted is None:
            time.sleep(2)
            tally.refused.append((title, why, len(ours(node))))
            return
        found = settled(node, stand, without_time(wanted))
        wrong = difference(without_time(wanted), without_time(found))
        if (TIMESTAMP in wanted) != (TIMESTAMP in found):
            wrong.append(f"{TIMESTAMP}: only one of both has it")
        if wrong:
            tally.wrong.append((title, wrong))
            print(f"# labels differ: {title}: {'; '.join(wrong)}", file=sys.stderr, flush=True)
        else:
            tally.took.append(time.monotonic() - begun)
            tally.equal += 1
            tally.labels += len(wanted)
    finally:
        stand.stop()



def machine(bed, gpus):
    """A node that has the API's object and no kubelet: labels need none."""
    node = bed.add_node(gpus=gpus, name=f"labels-{len(bed.nodes)}", start_kubelet=False)
    bed.api.create("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node",
                                     "metadata": {"name": node.name}})
    show_driver(node)
    return node


def run(bed, program, tell):
    tally = Tally()
    for gpus, ways in MACHINES:
        node = machine(bed, gpus)
        for name, layout in ways.items():
            if layout is not None:
                cut(node, layout)
            for strategy, shared, config in cases(layout):
                title = f"{'+'.join(gpus)}, {name}, {strategy}" + (f", {shared}" if shared else "")
                compare(node, program, tally, title, strategy, config)
        tell(f"labels of {'+'.join(gpus)}: {tally.equal} equal, {len(tally.wrong)} not, "
             f"{len(tally.refused)} that they refuse")
        node.power_off()
    return tally
