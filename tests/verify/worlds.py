"""worlds: small random planning problems of every kind, as input of `gpuslice plan`."""
import random

SLICES = {
    "A100-40GB": ["1g.5gb", "1g.10gb", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb", "1g.5gb+me"],
    "A30-24GB": ["1g.6gb", "1g.6gb+me", "2g.12gb", "2g.12gb+me", "4g.24gb"],
    "RTX-PRO-6000-96GB": ["1g.24gb", "2g.48gb", "4g.96gb", "1g.24gb+me", "1g.24gb+gfx"],
}
PROFILES = [name for names in SLICES.values() for name in names]
LAYOUTS = ["", "3g.20gb@4!,1g.5gb@0", "7g.40gb@0", "1g.5gb@6!", "2g.10gb@0!,2g.10gb@2", "4g.20gb@0!",
           "1g.10gb@0,1g.5gb@3!"]


def way(rng):
    if rng.random() < 0.15:
        return "{gpus: {%s: 1}}" % rng.choice(["L4", "A30-24GB", "A100-40GB"])
    if rng.random() < 0.2:
        return "{slices: {%s: %d}}" % (rng.choice(PROFILES), rng.randint(1, 3))
    return rng.choice(PROFILES)


def items(rng):
    lines = ["items:"]
    most = rng.choice([9, 50])
    for number in range(rng.randint(1, 8)):
        ways = ", ".join(way(rng) for _ in range(rng.randint(1, 3)))
        memory = ", gpu_memory: 6Gi" if rng.random() < 0.2 else ""
        lines.append("- {name: i%d, count: %d, cpu: %d, host_memory: %dGi, any: [%s]%s}" %
                     (number, rng.randint(1, most), rng.randint(0, 6), rng.choice([0, 4, 8, 16]),
                      ways, memory))
    return "\n".join(lines) + "\n"


def types(rng):
    lines = []
    gpus = [(model, "") for model in SLICES] + [("L4", "mig: false, "), ("A100-40GB", "")]
    for number, (gpu, mig) in enumerate(rng.sample(gpus, rng.randint(1, 4))):
        limit = ", max_nodes: %d" % rng.randint(1, 3) if rng.random() < 0.25 else ""
        lines.append("- {type: t%d, gpu: %s, %sgpus: %d, vcpu: %d, memory: %dGi, max_pods: %d, "
                     "usd_per_hour: %.2f%s}" %
                     (number, gpu, mig, rng.choice([1, 2, 4, 8]), rng.choice([8, 16, 32, 96]),
                      rng.choice([32, 64, 256]), rng.randint(4, 60), rng.randint(50, 900) / 100,
                      limit))
    if rng.random() < 0.3:
        lines.append("- {type: cpu, gpus: 0, vcpu: 16, memory: 64Gi, max_pods: 20, "
                     "usd_per_hour: 0.4}")
    return "\n".join(lines) + "\n"


def gpu(rng):
    if rng.random() < 0.7:
        return '{layout: "%s"}' % rng.choice(LAYOUTS)
    return rng.choice(["{whole: free}", "{whole: used}"])


def nodes(rng):
    lines = []
    for number in range(rng.randint(1, 4)):
        kind = rng.random()
        if kind < 0.6:
            lines.append("- {name: n%d, model: A100-40GB, cpu: %d, memory: 64Gi, pods: 20, gpus: "
                         "[%s]}" % (number, rng.randint(2, 16),
                                    ", ".join(gpu(rng) for _ in range(rng.randint(1, 4)))))
        elif kind < 0.8:
            lines.append("- {name: n%d, model: A30-24GB, cpu: 8, memory: 30Gi, pods: 10, "
                         "free_slices: {1g.6gb: %d}, free_gpus: %d}" %
                         (number, rng.randint(0, 3), rng.randint(0, 1)))
        else:
            lines.append("- {name: n%d, instance_type: g6.xlarge, cpu: 8, memory: 30Gi, pods: 10, "
                         "gpus: [{whole: free}]}" % number)
    return "\n".join(lines) + "\n"


def make(seed):
    """Files by name, and the arguments of `gpuslice plan` that read them."""
    rng = random.Random(seed)
    files = {"items.yaml": items(rng)}
    args = ["-f", "items.yaml"]
    if rng.random() < 0.35:
        args += ["-m", ",".join(rng.sample(sorted(SLICES), rng.randint(1, 3)))]
    else:
        files["types.yaml"] = types(rng)
        args += ["--instances-file", "types.yaml"]
    if rng.random() < 0.5:
        files["nodes.yaml"] = nodes(rng)
        args += ["--existing", "nodes.yaml"]
    return files, args
