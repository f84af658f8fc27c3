#!/usr/bin/env python3
"""Writes go.mod and go.sum of one more version of Kubernetes or Karpenter, for the matrix.

    python3 tests/cluster/programs/add.py kubernetes 1.35.4

The folder is named by the version; tests/cluster/bed/versions.py has to know it, too.
"""
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = {"kubernetes": "k8s.io/kubernetes", "karpenter": "sigs.k8s.io/karpenter"}
TOOLS = {
    "kubernetes": [f"k8s.io/kubernetes/cmd/{name}" for name in (
        "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "kubelet")],
    "karpenter": ["sigs.k8s.io/karpenter/kwok"],
}
GO_WITH_TOOLS = (1, 24)  # older than that, go.mod has no `tool`


def go(words, folder):
    done = subprocess.run(["go", *words], cwd=folder, text=True, stdout=subprocess.PIPE,
                          env=dict(os.environ, GOFLAGS="", GOTOOLCHAIN="local"), check=True)
    return done.stdout


def go_mod(group, version, theirs):
    """The text of go.mod. `theirs` is that of the published module: Kubernetes asks for its own parts
    as v0.0.0, and is built with the old behaviour of Go that it names."""
    found = re.search(r"^go (\d+)\.(\d+)", theirs, re.MULTILINE)
    language = max((int(found[1]), int(found[2])), GO_WITH_TOOLS)
    lines = [f"module gpuslice/cluster/{group}-{version}", "",
             f"go {language[0]}.{language[1]}.0", ""]
    lines += [f"{line}\n" for line in re.findall(r"^godebug .*$", theirs, re.MULTILINE)]
    parts = sorted(set(re.findall(r"^\s+(k8s\.io/\S+) v0\.0\.0$", theirs, re.MULTILINE)))
    if parts:
        part_version = "v0." + version.split(".", 1)[1]
        lines += ["replace (", *[f"\t{part} => {part} {part_version}" for part in parts], ")", ""]
    lines += ["tool (", *[f"\t{tool}" for tool in TOOLS[group]], ")", "",
              f"require {MODULES[group]} v{version}", ""]
    return "\n".join(lines)


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in MODULES or not re.fullmatch(
            r"\d+\.\d+\.\d+", sys.argv[2]):
        raise SystemExit(f"use: {sys.argv[0]} {'|'.join(MODULES)} VERSION, as 1.35.4")
    group, version = sys.argv[1:]
    said = json.loads(go(["mod", "download", "-json", f"{MODULES[group]}@v{version}"], "/"))
    with open(said["GoMod"], encoding="utf-8") as file:
        theirs = file.read()
    folder = os.path.join(HERE, f"{group}-{version}")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "go.mod"), "w", encoding="utf-8") as file:
        file.write(go_mod(group, version, theirs))
    go(["mod", "tidy"], folder)
    print(f"{folder}: {said['Sum']}")


if __name__ == "__main__":
    main()
