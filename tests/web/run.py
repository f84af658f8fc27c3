#!/usr/bin/env python3
"""Runs a test of the pages in Chromium, with the packages of package-lock.json.

usage: run.py TEST.mjs ARGUMENT...

Packages are kept outside the source tree, by the sum of the lock file, and fetched only where
GPUSLICE_WEB=fetch. Exits 77 with a reason where there is no Chromium, no node or no packages.
"""
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
NODE_MAJOR = 20  # of playwright-core


def skip(why):
    """As meson and scripts/check.py know it."""
    print(f"SKIP: {why}")
    sys.exit(77)


def packages():
    """The folder that has node_modules."""
    with open(os.path.join(HERE, "package-lock.json"), "rb") as file:
        lock = hashlib.sha256(file.read()).hexdigest()[:16]
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = os.path.join(cache, "gpuslice", "web", lock)
    if os.path.isdir(folder):
        return folder
    if os.environ.get("GPUSLICE_WEB") != "fetch":
        skip("the pages in Chromium: npm packages are not here; GPUSLICE_WEB=fetch fetches them")
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(folder)) as making:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(os.path.join(HERE, name), making)
        done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=making,
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            skip(f"the pages in Chromium: npm: {done.stderr.strip().splitlines()[-1:]}")
        ready = os.path.join(making, "ready")
        os.mkdir(ready)
        os.rename(os.path.join(making, "node_modules"), os.path.join(ready, "node_modules"))
        try:
            os.rename(ready, folder)
        except OSError:  # somebody else was faster
            pass
    return folder


def browser():
    """(node, its environment) to run a test with; skips where there is none."""
    if not shutil.which("chromium"):
        skip("the pages in Chromium: it is not here (scripts/deps.sh web)")
    node = shutil.which("node")
    version = node and subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    if not node or int(version.stdout.lstrip("v").split(".")[0]) < NODE_MAJOR:
        skip(f"the pages in Chromium: node {NODE_MAJOR} or newer is not here")
    return node, dict(os.environ, GPUSLICE_NODE_MODULES=packages())


def main():
    """Ends with the status of the test."""
    node, env = browser()
    sys.exit(subprocess.run([node, *sys.argv[1:]], env=env, check=False).returncode)


if __name__ == "__main__":
    main()
