#!/usr/bin/env python3
"""Our client of the API server against a real one: the cluster port's suite, as administrator.

usage: test_client.py BUILD_DIR

The scheduler and the controller-manager are ended first: the suite plays their parts.
"""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
# pylint: disable=wrong-import-position
from bed.bed import Bed
from bed.errors import Skip

LIMIT_S = 900


def main():
    with Bed(nodes=0, build_folder=sys.argv[1]) as bed:
        plane = bed.control_plane
        plane.scheduler.kill()
        plane.manager.kill()
        admin = bed.authority.client("contract", "system:masters")
        env = dict(os.environ, GS_API_URL=plane.server, GS_API_CA=bed.authority.ca.crt,
                   GS_API_CERT=admin.crt, GS_API_KEY=admin.key, CMOCKA_MESSAGE_OUTPUT="TAP")
        suite = os.path.join(bed.build, "tests", "kube", "test_cluster")
        status = subprocess.run([*bed.network.enter, suite, "real"], env=env, check=False,
                                stderr=subprocess.STDOUT, timeout=LIMIT_S).returncode
    sys.exit(status)


if __name__ == "__main__":
    try:
        main()
    except Skip as skipped:
        print(f"SKIP: {skipped}")
        sys.exit(77)
