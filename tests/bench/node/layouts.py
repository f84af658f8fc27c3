"""layouts: how the GPUs of a node are cut for a measurement."""
import json
import os

from bed import system

EVERY_SLICE = {"1g.5gb": 7}
# of eight A100: {resource: how many}, for MIG strategy mixed
SMALL = {"nvidia.com/mig-1g.5gb": 56}
VARIED = {"nvidia.com/gpu": 2, "nvidia.com/mig-1g.5gb": 11, "nvidia.com/mig-2g.10gb": 5,
          "nvidia.com/mig-3g.20gb": 2, "nvidia.com/mig-4g.20gb": 2}


def small():
    return [("all", EVERY_SLICE)]


def varied():
    """Two GPUs whole, the others in three ways: five resources."""
    return [([0, 1], None), ([2, 3], {"4g.20gb": 1, "2g.10gb": 1, "1g.5gb": 1}),
            ([4], {"1g.5gb": 7}), ([5, 6], {"3g.20gb": 1, "2g.10gb": 1, "1g.5gb": 1}),
            ([7], {"2g.10gb": 1})]


def document(parts):
    """mig-parted's, of [(GPUs, {profile: count} or None)]."""
    entries = []
    for gpus, slices in parts:
        entry = {"devices": gpus, "mig-enabled": slices is not None}
        if slices is not None:
            entry["mig-devices"] = slices
        entries.append(entry)
    return json.dumps({"version": "v1", "mig-configs": {"cut": entries}})  # JSON is YAML


def cut(node, parts):
    path = system.write(os.path.join(node.folder, "layout.yaml"), document(parts))
    node.gpuslice("mig", "apply", "-f", path, "-c", "cut")
