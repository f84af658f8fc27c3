"""A recorded cluster for the pages: the documents of docs/internals/dashboard.md, made from a seed."""
import random

PROFILES = [("1g.5gb", 1, 1, 19), ("2g.10gb", 2, 2, 14), ("3g.20gb", 4, 3, 9), ("4g.20gb", 4, 4, 5),
            ("7g.40gb", 8, 7, 0)]
# Ways to cut an A100: (profile, start).
CUTS = [[(0, s) for s in range(7)], [(2, 0), (2, 4)], [(3, 0), (0, 4), (0, 5), (0, 6)], [(4, 0)],
        [(1, 0), (1, 2), (2, 4)], [(0, 0), (1, 2)], []]
POOLS = [("training", "p4d.24xlarge", 21957642), ("serving", "p4d.24xlarge", 21957642)]
HOSTILE = "<img src=x onerror=alert(1)>"  # no Kubernetes name, and it must not matter
AT = "2026-11-22T12:00:00Z"
NOTHING = {"count": 0, "first": []}  # is left out of the history


class Cluster:
    """`nodes` of eight GPUs. `kept`: a history of them."""

    def __init__(self, nodes, seed=1, kept=True):
        self.kept = kept
        self.dice = random.Random(seed)
        self.pods, self.revision = [], 1
        self.nodes = [self.node(n) for n in range(nodes)]

    def pod(self):
        dice = self.dice
        if dice.random() < 0.02:
            self.pods.append({"hidden": True})
        else:
            n = len(self.pods)
            space = f"team-{dice.choice('abcdef')}"
            name = HOSTILE if n == 3 else f"worker-{n:05}"
            self.pods.append({"namespace": space, "name": name, "workload": f"{space}/worker",
                              "pool": "training"})
        return len(self.pods) - 1

    def gpu(self, node, index):
        dice = self.dice
        gpu = {"uuid": f"GPU-{node:08x}-{index:04x}", "index": index, "mig": True, "healthy": True,
               "why": None, "recut": None, "slices": [], "holder": None, "held": False, "stranded": 0,
               "model": 0}
        if dice.random() < 0.05:
            held = dice.random() < 0.8
            gpu.update(mig=False, held=held, holder=self.pod() if held and dice.random() < 0.9 else None)
            return gpu
        if dice.random() < 0.002:
            gpu.update(healthy=False, why="XID 79: GPU has fallen off the bus")
        for profile, start in dice.choice(CUTS):
            how = dice.choices(range(7), [20, 70, 1, 3, 0.3, 0.3, 0.3])[0]
            gpu["slices"].append([profile, start, how, self.pod() if how in (1, 2, 3) else None])
        if gpu["slices"] == [[2, 0, 1, None]]:
            gpu["stranded"] = 0x80
        if any(one[2] in (5, 6) for one in gpu["slices"]):
            gpu["recut"] = {"since": AT, "adds": 1, "removes": 1}
        return gpu

    def node(self, number):
        pool, kind, price = POOLS[number % 2]
        how = self.dice.choices(["ready", "starting", "silent", "broken"], [97, 1, 1, 1])[0]
        return {"name": f"ip-10-0-{number // 256}-{number % 256}", "pool": pool, "instance_type": kind,
                "zone": "us-east-1" + "abc"[number % 3], "capacity_type": "on-demand", "uusd_h": price,
                "state": how, "why": None if how == "ready" else "no word from the agent for 4 min",
                "model": 0, "gpus": [self.gpu(number, g) for g in range(8)]}

    def fleet(self):
        return {"at": AT, "revision": self.revision, "source": {
                    "kind": "cluster", "name": "recorded", "whole": True,
                    "series": self.kept, "events": self.kept},
                "models": [{"id": "A100-40GB", "memory_units": 8, "compute_slices": 7,
                            "profiles": [{"name": n, "memory_units": m, "compute_slices": c}
                                         for n, m, c, _ in PROFILES]}],
                "pools": [pool for pool, _, _ in POOLS], "pods": self.pods, "nodes": self.nodes}

    def change(self, n):
        """Some nodes are otherwise now: the event that says so."""
        self.revision += 1
        known = len(self.pods)
        numbers = self.dice.sample(range(len(self.nodes)), min(n, len(self.nodes)))
        for number in numbers:
            self.nodes[number] = self.node(number)
        return {"at": AT, "revision": self.revision, "nodes": [self.nodes[n] for n in numbers],
                "gone": [], "pods": {str(i): self.pods[i] for i in range(known, len(self.pods))}}

    def waiting(self):
        rows = [("recut", "On ip-10-0-0-3 two idle 1g.5gb make way.", "It is booked there.", 1, None),
                ("buy", "No GPU has room; 12 nodes have too little memory left.",
                 "SlicePool serving buys a p4d.24xlarge.", 310, 21957642),
                ("wait", "The limit of 64 GPUs of SlicePool training is reached.", "It runs when a pod ends.",
                 None, None)]
        return {"at": AT, "revision": self.revision, "decides": True, "pods": [
            {"namespace": "team-a", "name": HOSTILE if i == 1 else f"waits-{i}", "since": "2026-11-22T11:58:00Z",
             "asks": [{"profile": "3g.20gb", "count": 1}], "priority": i % 2, "gated": what == "recut",
             "booked_on": None, "decision": what, "why": why, "next": then, "expected_s": seconds,
             "costs_uusd_h": cost} for i, (what, why, then, seconds, cost) in enumerate(rows)]}

    def money(self):
        bill = sum(node["uusd_h"] for node in self.nodes)
        parts = {"idle": bill // 5, "stranded": bill // 50, "starting": bill // 100}
        used = bill - sum(parts.values())
        spaces = [f"team-{c}" for c in "abcdef"]
        shares = [used // len(spaces)] * len(spaces)
        shares[0] += used - sum(shares)
        rows = [{"name": name, "uusd_h": share, "slices": 9} for name, share in zip(spaces, shares)]
        return {"at": AT, "revision": self.revision, "bill": bill, "used": used, **parts,
                "unknown_nodes": 1, "whole_gpus": bill * 3, "bound": bill * 4 // 5, "by_namespace": rows,
                "by_workload": rows, "by_pool": [{"name": "training", "uusd_h": used, "slices": 54}]}

    @staticmethod
    def better():
        return {"at": AT, "revision": 1, "nodes_now": 3, "nodes_better": 2, "uusd_h_now": 65872926,
                "uusd_h_better": 43915284, "lower_bound": 43915284, "diff": [
                    {"instance_type": "p4d.24xlarge", "layout": "8x7-1g.5gb", "now": 3, "better": 2}]}

    def history(self, names, start, end, step):
        series = []
        for name in names:
            dice, value, points = random.Random(name), 50.0, []
            for t in range(start, end, step):
                value = min(100, max(0, value + dice.uniform(-4, 4)))
                points.append([t, None if dice.random() < 0.01 else round(value, 2)])
            series.append({"name": name, "labels": {}, "points": points})
        return {"at": AT, "series": series, "left_out": NOTHING}

    def cost(self, by, start, end):
        """Of all but two hours. The parts are rounded, and add up to the cent."""
        known = end - start - 7200
        money = self.money()
        paid = [(name, money[name] * known) for name in ("used", "idle", "stranded", "starting")]
        total = sum(amount for _, amount in paid)
        return {"at": AT, "from": start, "to": end, "by": by, "known_s": known, "left_out": NOTHING,
                "rows": [{"name": name, "uusd": amount // 3600, "rest": amount % 3600}
                         for name, amount in paid],
                "total": {"uusd": total // 3600, "rest": total % 3600}}
