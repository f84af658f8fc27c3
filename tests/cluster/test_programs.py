#!/usr/bin/env python3
"""The programs of the cluster are in the cache, built first where that is allowed, and run."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
# pylint: disable=wrong-import-position
import tap
from bed import build, system
from bed.errors import Skip

VERSIONS = {
    "etcd": (["--version"], "etcd Version: 3.6.14"),
    "containerd": (["--version"], "containerd "),
    "containerd-shim-runc-v2": (["-v"], "containerd-shim-runc-v2"),
    "ctr": (["--version"], "ctr "),
    "kube-apiserver": (["--version"], "Kubernetes v1.36.3"),
    "kube-scheduler": (["--version"], "Kubernetes v1.36.3"),
    "kube-controller-manager": (["--version"], "Kubernetes v1.36.3"),
    "kubelet": (["--version"], "Kubernetes v1.36.3"),
    "kubectl": (["version", "--client"], "Client Version: v1.36.3"),
}


def says(program, words, wanted):
    said = system.run([program, *words])
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


def cases():
    programs = build.programs()
    assert set(programs) == set(VERSIONS)
    made = [(f"{name}__says_its_version", lambda n=name: says(programs[n], *VERSIONS[n]))
            for name in VERSIONS]
    return made + [("build__is_named_by_what_it_is_made_of", build_is_named_by_what_it_is_made_of)]


if __name__ == "__main__":
    try:
        found = cases()
    except Skip as skipped:
        print(f"SKIP: {skipped}")
        sys.exit(77)
    tap.run(found)
