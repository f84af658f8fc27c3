"""cdi: the CDI file of the running agent against those of NVIDIA's programs, by effect.

What a container gets of a device is the edits for all devices and those of this one, together: device
nodes, mounts, environment and hooks. The order of things is not compared, nor how the edits are
divided among the two. Ours names device nodes by number, theirs by where they are on the host, so that
a runtime looks the numbers up: of a node its path in the container is compared, and our number with
the name that the driver gives it.
"""
import json
import os
import re

VENDOR_FILE = "k8s.device-plugin.nvidia.com-gpu.json"


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def words_of(hook):
    """The arguments of a hook, its pairs of option and value in any order."""
    args, pairs = hook.get("args", []), []
    head = [word for word in args if not word.startswith("--")][:3]
    for place, word in enumerate(args):
        if word.startswith("--"):
            pairs.append((word, args[place + 1] if place + 1 < len(args) else ""))
    return (hook["hookName"], hook["path"], tuple(head[:2]), frozenset(pairs))


def effect(edits):
    """{kind: set}"""
    return {
        "deviceNodes": {node["path"] for node in edits.get("deviceNodes") or []},
        "mounts": {(m["hostPath"], m["containerPath"], frozenset(m.get("options") or []))
                   for m in edits.get("mounts") or []},
        "env": set(edits.get("env") or []),
        "hooks": {words_of(hook) for hook in edits.get("hooks") or []},
        "other": {name for name, value in edits.items()
                  if value and name not in ("deviceNodes", "mounts", "env", "hooks")},
    }


def effects(spec):
    """{device: its effect}, of those that are named by UUID."""
    common = effect(spec.get("containerEdits") or {})
    found = {}
    for device in spec["devices"]:
        if device["name"].startswith(("GPU-", "MIG-")):
            own = effect(device.get("containerEdits") or {})
            found[device["name"]] = {kind: common[kind] | own[kind] for kind in common}
    return found


def wrong_numbers(spec):
    """Capabilities whose minor is not that of their name. The nodes of GPUs are null devices here, as
    they are on the simulated machine."""
    wrong = []
    for edits in [spec.get("containerEdits") or {},
                  *(device.get("containerEdits") or {} for device in spec["devices"])]:
        for node in edits.get("deviceNodes") or []:
            number = re.search(r"nvidia-cap(\d+)$", node["path"])
            if number and "minor" in node and node["minor"] != int(number[1]):
                wrong.append(f"{node['path']} has the minor {node['minor']}")
    return wrong


def size(spec):
    """How much was compared, as text."""
    found = effects(spec)
    sums = {kind: sum(len(one[kind]) for one in found.values())
            for kind in ("deviceNodes", "mounts", "env", "hooks")}
    return f"{len(found)} devices with " + ", ".join(f"{n} {kind}" for kind, n in sums.items())


def difference(theirs, ours):
    """[text], each kind of difference once, with how many devices have it."""
    theirs, ours = effects(theirs), effects(ours)
    found = {}
    for name in sorted(set(theirs) ^ set(ours)):
        found[f"only {'theirs' if name in theirs else 'ours'} has the device {name}"] = 1
    for name in sorted(set(theirs) & set(ours)):
        for kind, wanted in theirs[name].items():
            have = ours[name][kind]
            for what, side in ((wanted - have, "theirs"), (have - wanted, "ours")):
                for item in sorted(what, key=str):
                    text = f"{kind}, only {side}: {item}"
                    found[text] = found.get(text, 0) + 1
    return [f"{text} ({n} devices)" for text, n in found.items()]


def of_ctk(node, program, root):
    """What nvidia-ctk writes of the same machine."""
    return json.loads(node.run_with_gpus([
        program, "cdi", "generate", "--mode", "nvml", "--format", "json", "--driver-root", root,
        "--dev-root", root, "--device-name-strategy", "uuid", "--nvidia-cdi-hook-path", program]))


def of_node(node, name=VENDOR_FILE):
    """The file that is in the node's /var/run/cdi now."""
    return load(os.path.join(node.folder, "cdi", name))
