#!/usr/bin/env python3
"""The programs of the cluster are in the cache, built first where that is allowed, and run."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
# pylint: disable=wrong-import-position
import tap
from bed import build
from bed.errors import Skip

VERSIONS = {
    "etcd": (["--version"], "etcd Version: 3.6.14"),
    "containerd": (["--version"], "containerd "),
    "containerd-shim-runc-v2": (["-v"], "containerd-shim-runc-v2"),
    "ctr": (["--version"], "ctr "),
    "kube-apiserver": (["--version"], f"Kubernetes v{build.KUBERNETES}"),
    "kube-scheduler": (["--version"], f"Kubernetes v{build.KUBERNETES}"),
    "kube-controller-manager": (["--version"], f"Kubernetes v{build.KUBERNETES}"),
    "kubelet": (["--version"], f"Kubernetes v{build.KUBERNETES}"),
    "kubectl": (["version", "--client"], f"Client Version: v{build.KUBERNETES}"),
}
# Those that some tests ask for, by group.
MORE = {
    "karpenter": {"karpenter": (["--help"], "instance-types-file-path")},
    "scarce": {"scarce": (["--help"], "instance-types-file-path")},
    "kwok": {"kwok": (["--version"], "v0.8.0")},
    "helm": {"helm": (["version"], 'Version:"v3.22.0"')},
}
# What lies beside the programs of a group.
KINDS = {
    "karpenter": ["crds/karpenter.sh_nodepools.yaml", "crds/karpenter.sh_nodeclaims.yaml",
                  "crds/karpenter.sh_nodeoverlays.yaml", "crds/karpenter.kwok.sh_kwoknodeclasses.yaml",
                  "aws-crds/karpenter.k8s.aws_ec2nodeclasses.yaml", "chart/Chart.yaml"],
    "kwok": ["crds/kwok.x-k8s.io_stages.yaml", "stages/node/fast/node-initialize.yaml"],
}


def says(program, words, wanted):
    done = subprocess.run([program, *words], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=60, check=False)
    said = done.stdout
    assert wanted in said, f"found {said!r}, expected {wanted!r}"


def build_is_named_by_what_it_is_made_of():
    keys = {build.key(group) for group in build.GROUPS}
    assert len(keys) == len(build.GROUPS)
    flags = build.GROUPS["etcd"]
    try:
        before = build.key("etcd")
        build.GROUPS["etcd"] = (flags[0], flags[1], flags[2] + " -X a=b")
        assert build.key("etcd") != before
    finally:
        build.GROUPS["etcd"] = flags


def has_files(group):
    folder = build.made(group)
    missing = [name for name in KINDS[group] if not os.path.exists(os.path.join(folder, name))]
    assert not missing, missing


def cases_of_group(group, versions):
    try:
        programs = build.programs([group])
    except Skip as skipped:
        print(f"# left out: {skipped}")
        return []
    made = [(f"{name}__says_its_version", lambda n=name: says(programs[n], *versions[n]))
            for name in versions]
    return made + ([(f"{group}__has_its_files", lambda: has_files(group))] if group in KINDS else [])


def cases():
    programs = build.programs()
    assert set(programs) == set(VERSIONS)
    made = [(f"{name}__says_its_version", lambda n=name: says(programs[n], *VERSIONS[n]))
            for name in VERSIONS]
    for group, versions in MORE.items():
        made += cases_of_group(group, versions)
    return made + [("build__is_named_by_what_it_is_made_of", build_is_named_by_what_it_is_made_of)]


if __name__ == "__main__":
    try:
        found = cases()
    except Skip as skipped:
        print(f"SKIP: {skipped}")
        sys.exit(77)
    tap.run(found)
