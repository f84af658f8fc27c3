"""build: the programs of a cluster, built from the Go modules that they are published as.

`tests/cluster/programs` has a module for each group, with its go.sum; what is built is kept in a
cache outside of the checkout, in a folder whose name follows from those files and from how they are
built. So the first run takes minutes, and the next none. Nothing of theirs enters the repository.
"""
import contextlib
import fcntl
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

from . import versions
from .errors import Skip

GO_OLDEST = (1, 26)
LIMIT_S = 3000  # of one group; the slowest took 5 minutes on two idle cores

KUBERNETES, KUBERNETES_FROM = versions.of_bed("kubernetes")
KARPENTER, KARPENTER_FROM = versions.of_bed("karpenter")
KARPENTER_AWS = "v1.15.1"
KWOK = "v0.8.0"
HELM = "v3.22.0"
VERSION = "k8s.io/component-base/version"
# The version that they tell one another, and that clients see; without it, "v0.0.0-master".
KUBERNETES_FLAGS = (f"-s -w -X {VERSION}.gitVersion=v{KUBERNETES} -X {VERSION}.gitMajor=1 "
                    f"-X {VERSION}.gitMinor={versions.numbers(KUBERNETES)[1]} "
                    f"-X {VERSION}.gitTreeState=clean")

# group: (programs as they are named after the build, -tags, -ldflags)
GROUPS = {
    "etcd": (["etcd"], "", "-s -w"),
    "containerd": (["containerd", "containerd-shim-runc-v2", "ctr"],
                   "no_btrfs,no_devmapper,no_zfs", "-s -w"),
    "kubernetes": (["kube-apiserver", "kube-scheduler", "kube-controller-manager", "kubelet",
                    "kubectl"], "", KUBERNETES_FLAGS),
    "karpenter": (["karpenter"], "", "-s -w"),
    "scarce": (["scarce"], "", "-s -w"),
    "kwok": (["kwok"], "", f"-s -w -X sigs.k8s.io/kwok/pkg/consts.Version={KWOK}"),
    "helm": (["helm"], "", f"-s -w -X helm.sh/helm/v3/internal/version.version={HELM}"),
}
# The folders of their modules, where they are not named as the group.
FROM = {"kubernetes": KUBERNETES_FROM, "karpenter": KARPENTER_FROM, "scarce": KARPENTER_FROM}
# Of ours, beside go.mod, where it is not the module's tools that are built.
PACKAGES = {"scarce": "scarce"}
# What every bed has; the others are built for the tests that ask for them.
ALWAYS = ("etcd", "containerd", "kubernetes")
# What `go build` calls a program otherwise: by the last name of its folder that is no version.
RENAMED = {"etcd": {"server": "etcd", "v3": "etcd"}, "karpenter": {"kwok": "karpenter"}}

# Files that lie beside a group's programs: (module, version, its sum as go.sum has it, {folder or
# file of the module: folder of the group}). Not all of these modules can be built by GO_OLDEST.
FILES = {
    "karpenter": [
        ("sigs.k8s.io/karpenter", f"v{KARPENTER}",
         versions.module_sum(KARPENTER_FROM, "sigs.k8s.io/karpenter", KARPENTER),
         {"kwok/charts/": "chart", "kwok/apis/crds/": "crds", "kwok/charts/crds/": "crds"}),
        ("github.com/aws/karpenter-provider-aws", KARPENTER_AWS,
         "h1:6eH///KgWKDwD2R6wHRnKGN8Vu8OHueaXjNdx64TnuY=", {"pkg/apis/crds/": "aws-crds"}),
    ],
    "kwok": [("sigs.k8s.io/kwok", KWOK, "h1:OTIOTwgROqPMovcTwxICx2eYQ4AwLpSx5EpjbDKF4SQ=",
              {"kustomize/crd/bases/": "crds", "kustomize/stage/": "stages",
               "kustomize/rbac/": "rbac"})],
}


def cache_folder():
    """$GPUSLICE_CACHE/cluster, else in the user's cache."""
    base = os.environ.get("GPUSLICE_CACHE")
    if not base:
        home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        base = os.path.join(home, "gpuslice")
    return os.path.join(base, "cluster")


def sources(group):
    """The folder of its go.mod and go.sum."""
    return FROM.get(group, os.path.join(versions.SOURCES, group))


def may_build():
    return os.environ.get("GPUSLICE_CLUSTER") == "fetch"


def go():
    """A Go compiler that is new enough."""
    for found in (shutil.which("go"), "/usr/local/go/bin/go"):
        if found and os.path.exists(found):
            said = subprocess.run([found, "env", "GOVERSION"], text=True, capture_output=True,
                                  env=dict(os.environ, GOTOOLCHAIN="local"), check=False).stdout
            version = re.match(r"go(\d+)\.(\d+)", said)
            if version and (int(version[1]), int(version[2])) >= GO_OLDEST:
                return found
            raise Skip(f"{found} is {said.strip() or 'broken'}; the cluster's programs need Go "
                       f"{GO_OLDEST[0]}.{GO_OLDEST[1]} or newer")
    raise Skip(f"no Go compiler here; the cluster's programs need {GO_OLDEST[0]}.{GO_OLDEST[1]} "
               "or newer (that of Debian 12 is older)")


def key(group):
    """Of the group's folder in the cache: the same for the same sources and recipe."""
    digest = hashlib.sha256(json.dumps(GROUPS[group]).encode())
    for name in ("go.mod", "go.sum"):
        with open(os.path.join(sources(group), name), "rb") as file:
            digest.update(file.read())
    if group in PACKAGES:
        for name in sorted(glob.glob(os.path.join(sources(group), PACKAGES[group], "*.go"))):
            with open(name, "rb") as file:
                digest.update(file.read())
    if group in FILES:
        digest.update(json.dumps(FILES[group]).encode())
    return f"{group}-{digest.hexdigest()[:16]}"


def tell(text):
    """To whoever waits: a first build takes minutes."""
    print(f"# {text}", flush=True)


def build(group, folder):
    """Fills the folder with the group's programs."""
    programs, tags, flags = GROUPS[group]
    tell(f"building {', '.join(programs)}: this takes minutes, once")
    # -buildvcs: the checkout's commit is not theirs. CGO off: they run wherever this kernel does.
    command = [go(), "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-tags", tags,
               "-ldflags", flags, "-o", folder + os.sep,
               f"./{PACKAGES[group]}" if group in PACKAGES else "tool"]
    env = dict(os.environ, CGO_ENABLED="0", GOFLAGS="", GOTOOLCHAIN="local")
    try:
        done = subprocess.run(command, cwd=sources(group), env=env, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise Skip(f"building {group} took more than {LIMIT_S} s") from error
    if done.returncode != 0:
        said = [line for line in done.stdout.splitlines() if line.strip()] or ["nothing"]
        raise Skip(f"building {group} failed: {said[-1]}")
    for made in os.listdir(folder):
        name = RENAMED.get(group, {}).get(made, made)
        os.rename(os.path.join(folder, made), os.path.join(folder, name))
    missing = sorted(set(programs) - set(os.listdir(folder)))
    if missing:
        raise Skip(f"building {group} made no {', '.join(missing)}")
    for module, version, wanted, places in FILES.get(group, []):
        unpack(module_zip(module, version, wanted), f"{module}@{version}/", places, folder)


def module_zip(module, version, wanted):
    """The archive that a module is published as, with that sum."""
    done = subprocess.run([go(), "mod", "download", "-json", f"{module}@{version}"], cwd="/",
                          env=dict(os.environ, GOFLAGS="", GOTOOLCHAIN="local"), text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S,
                          check=False)
    try:  # it also "fails" where the module could not be built by this Go, and that is no matter
        said = json.loads(done.stdout)
    except ValueError as error:
        raise Skip(f"no module {module}@{version}: {done.stderr.strip()[-300:]}") from error
    if said.get("Sum") != wanted or not os.path.exists(said.get("Zip", "")):
        raise Skip(f"module {module}@{version}: found sum {said.get('Sum')}, expected {wanted}; "
                   f"{said.get('Error', 'no error')}")
    return said["Zip"]


def unpack(archive, prefix, places, folder):
    """Copies what lies below each of `places` in a module's archive to there."""
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist():
            for below, into in places.items():
                rest = name.removeprefix(prefix + below)
                if name.startswith(prefix + below) and ".." not in rest.split("/"):
                    target = os.path.join(folder, into, rest)
                    os.makedirs(os.path.dirname(target), exist_ok=True)
                    with opened.open(name) as source, open(target, "wb") as copy:
                        shutil.copyfileobj(source, copy)


@contextlib.contextmanager
def locked(path):
    """One process at a time builds a group."""
    with open(path + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def made(group):
    """The folder of a group's programs, built where it is not there yet and may be."""
    target = os.path.join(cache_folder(), key(group))
    if os.path.isdir(target):
        return target
    if not may_build():
        raise Skip(f"no {', no '.join(GROUPS[group][0])} in {cache_folder()}; "
                   "`make check-cluster` builds them")
    try:
        os.makedirs(cache_folder(), exist_ok=True)
        with locked(target):
            if not os.path.isdir(target):
                for dead in glob.glob(f"{target}.*/"):  # of a build that was killed
                    shutil.rmtree(dead)
                fresh = tempfile.mkdtemp(prefix=f"{key(group)}.", dir=cache_folder())
                try:
                    build(group, fresh)
                    os.chmod(fresh, 0o755)
                    os.rename(fresh, target)
                finally:
                    shutil.rmtree(fresh, ignore_errors=True)
    except OSError as error:
        raise Skip(f"no place for the cluster's programs: {error}") from error
    return target


def programs(groups=ALWAYS):
    """{name: path} of the groups' programs, built first where that is allowed."""
    found = {}
    for group in groups:
        folder = made(group)
        found.update({name: os.path.join(folder, name) for name in GROUPS[group][0]})
    return found


def main():
    """Builds all of them, or some groups: python3 -m bed.build [GROUP ...], in tests/cluster."""
    os.environ["GPUSLICE_CLUSTER"] = "fetch"
    try:
        for name, path in sorted(programs(sys.argv[1:] or GROUPS).items()):
            print(f"{name:26} {path}")
    except Skip as reason:
        raise SystemExit(str(reason)) from reason


if __name__ == "__main__":
    main()
