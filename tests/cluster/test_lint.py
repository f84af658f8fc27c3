#!/usr/bin/env python3
"""What `gpuslice lint --fix` writes, before the real API server with the CRDs of Karpenter and of its
AWS provider: server-side dry run of every manifest of two guides and of the small files of the audit.

usage: test_lint.py BUILD_DIR
"""
import glob
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
# pylint: disable=wrong-import-position
import tap
from bed import rights, system
from bed.bed import Bed
from bed.errors import Skip

CORPUS = os.path.join(HERE, "..", "fuzz", "corpus", "lint")
# What the API server refuses before it is corrected, and why: the judge can say no.
REFUSED = {
    "a076.yaml": "selector",
    "a130.yaml": "no matches for kind",
    "a162.yaml": "image",
    "b083.yaml": "no matches for kind",
    "b099.yaml": "no matches for kind",
    "slicepool-spelling.yaml": "no matches for kind",
    "slicepool-cannot.yaml": "Unsupported value",
}
# Shows one fault and is no whole object otherwise (a node class without subnets and role), or what
# only a person can correct.
IN_PART = ("b108-class.yaml", "broken.yaml", "slicepool-cannot.yaml", "slicepool-other.yaml",
           "slicepool-schema.yaml")


def blocks(text):
    """The YAML blocks of a guide that are manifests, without what the fence is indented by."""
    fence = re.compile(r"^( *)```yaml *\n(.*?)^ *``` *$", re.MULTILINE | re.DOTALL)
    found = []
    for indent, block in fence.findall(text):
        lines = [line[len(indent):] if line.startswith(indent) else line.lstrip(" ")
                 for line in block.splitlines()]
        if any(line.startswith("kind:") for line in lines):
            found.append("\n".join(lines) + "\n")
    return found


def guides():
    """{name: path} of the guides that were audited; they are not shipped."""
    folder = os.environ.get("GPUSLICE_TESTDATA") or ""
    return {os.path.basename(path): path
            for path in sorted(glob.glob(os.path.join(folder, "guides", "*.txt")))}


class Cases:
    def __init__(self, bed):
        self.bed = bed
        self.program = os.path.join(bed.build, "bin", "gpuslice")
        if not os.path.exists(self.program):
            self.program = os.path.join(bed.build, "src", "cli", "gpuslice")
        shipped = os.path.dirname(bed.programs["karpenter"])
        for folder in ("crds", "aws-crds"):
            path = os.path.join(shipped, folder)
            bed.kubectl("apply", "--server-side", "--force-conflicts", "-f", path)
            bed.kubectl("wait", "--for=condition=Established", "--timeout=120s", "-f", path)
        rights.apply_crds(bed)
        system.wait_for("the default service account", lambda: bed.api.find(
            "/api/v1/namespaces/default/serviceaccounts/default"), 60)

    def judge(self, manifest):
        """What the API server has against it; "" when it takes it."""
        try:
            self.bed.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-",
                             stdin=manifest)
            return ""
        except Exception as error:  # pylint: disable=broad-except
            return str(error)

    def fixed(self, path):
        done = subprocess.run([self.program, "lint", "--fix-to", "-", path], text=True,
                              capture_output=True, check=False, timeout=60)
        assert done.returncode in (0, 1), done.stderr
        return done.stdout

    # ---- cases ----

    def the_small_files_are_refused_as_they_were(self):
        for name, reason in REFUSED.items():
            with open(os.path.join(CORPUS, name), encoding="utf-8") as file:
                said = self.judge(file.read())
            assert reason in said, f"{name}: expected {reason!r}, the API server said {said!r}"

    def the_small_files_corrected_are_taken(self):
        for path in sorted(glob.glob(os.path.join(CORPUS, "*.yaml"))):
            text = self.fixed(path)
            if os.path.basename(path) in IN_PART or not re.search("^kind:", text, re.MULTILINE):
                continue
            said = self.judge(text)
            assert said == "", f"{path}: {said}\n{text}"

    def the_guides_as_they_were_are_not_taken(self):
        for name, path in guides().items():
            with open(path, encoding="utf-8") as file:
                said = [self.judge(block) for block in blocks(file.read())]
            assert any(said), f"{name}: every manifest was taken"

    def the_guides_corrected_are_taken_whole(self):
        for name, path in guides().items():
            found = blocks(self.fixed(path))
            assert len(found) >= 3, f"{name}: {len(found)} manifests"
            print(f"# {name}: {len(found)} blocks", flush=True)
            for block in found:
                said = self.judge(block)
                assert said == "", f"{name}: {said}\n{block}"


def main():
    with Bed(nodes=0, build_folder=sys.argv[1], also=["karpenter"]) as bed:
        cases = Cases(bed)
        steps = [cases.the_small_files_are_refused_as_they_were,
                 cases.the_small_files_corrected_are_taken]
        if guides():
            steps += [cases.the_guides_as_they_were_are_not_taken,
                      cases.the_guides_corrected_are_taken_whole]
        else:
            print("# SKIP: the guides: GPUSLICE_TESTDATA names no folder with guides/*.txt")
        tap.run([(f"lint__{step.__name__}", step) for step in steps])


if __name__ == "__main__":
    try:
        main()
    except Skip as skipped:
        print(f"SKIP: {skipped}")
        sys.exit(77)
