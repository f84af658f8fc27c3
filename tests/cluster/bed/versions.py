"""versions: which Kubernetes and which Karpenter a bed has.

$GPUSLICE_KUBERNETES and $GPUSLICE_KARPENTER choose, by a version ("1.35.4") or by its beginning
("1.35"); without them it is that of `programs/kubernetes` and `programs/karpenter`, which all tests
run on. Each other version has modules in a folder of its own beside these, `programs/kubernetes-1.35.4`,
made by `programs/add.py`.
"""
import os
import re

from .errors import BedError

SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "programs")
MODULES = {"kubernetes": "k8s.io/kubernetes", "karpenter": "sigs.k8s.io/karpenter"}
VARIABLES = {"kubernetes": "GPUSLICE_KUBERNETES", "karpenter": "GPUSLICE_KARPENTER"}


def numbers(version):
    """(1, 35, 4) of "v1.35.4" or of a part of it: to be compared."""
    return tuple(int(part) for part in version.removeprefix("v").split("."))


def in_module(folder, module):
    """The version of a module that the go.mod there requires."""
    with open(os.path.join(folder, "go.mod"), encoding="utf-8") as file:
        found = re.findall(rf"^(?:require)?\s+{re.escape(module)} v(\d+\.\d+\.\d+)\b", file.read(),
                           re.MULTILINE)
    if len(found) != 1:
        raise BedError(f"{folder}/go.mod: found {len(found)} versions of {module}, expected one")
    return found[0]


def known(group, sources=SOURCES):
    """{version: the folder of its modules}; the default one first, then the newest."""
    folders = [name for name in os.listdir(sources)
               if re.fullmatch(rf"{group}-\d+\.\d+\.\d+", name)]
    folders.sort(key=lambda name: numbers(name.rpartition("-")[2]), reverse=True)
    return {in_module(os.path.join(sources, name), MODULES[group]): os.path.join(sources, name)
            for name in [group, *folders]}


def chosen(group, asked=None, sources=SOURCES):
    """(version, the folder of its modules). `asked` is what the variable says."""
    there = known(group, sources)
    wanted = asked or next(iter(there))
    fits = [version for version in there if f"{version}.".startswith(f"{wanted.removeprefix('v')}.")]
    if not fits:
        raise BedError(f"{VARIABLES[group]}={asked}: found no modules of that version, expected one "
                       f"of {', '.join(there)}; python3 tests/cluster/programs/add.py {group} VERSION "
                       "makes them")
    return fits[0], there[fits[0]]


def module_sum(folder, module, version):
    """The sum of a published module, as the go.sum there has it."""
    with open(os.path.join(folder, "go.sum"), encoding="utf-8") as file:
        for line in file:
            words = line.split()
            if words[:2] == [module, f"v{version}"]:
                return words[2]
    raise BedError(f"{folder}/go.sum: found no sum of {module} v{version}; go mod tidy writes it")


def of_bed(group):
    """(version, folder) of the beds of this process."""
    return chosen(group, os.environ.get(VARIABLES[group]))
