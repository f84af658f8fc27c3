"""kubectl: what only kubectl does (exec, apply of YAML), and its configuration for people."""
import json
import os
import shlex

from .system import run, write

LIMIT_S = 240


def config(path, server, authority, certificate=None, token_file=None):
    """Writes a kubeconfig for one user, with paths instead of keys in it. JSON is YAML."""
    user = {}
    if certificate:
        user = {"client-certificate": certificate.crt, "client-key": certificate.key}
    if token_file:
        user = {"tokenFile": token_file}
    return write(path, json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "bed",
        "clusters": [{"name": "bed", "cluster": {"server": server,
                                                 "certificate-authority": authority}}],
        "users": [{"name": "user", "user": user}],
        "contexts": [{"name": "bed", "context": {"cluster": "bed", "user": "user"}}]},
        indent=1) + "\n", mode=0o600)


class Kubectl:
    """`command` is what starts kubectl in the bed's network."""

    def __init__(self, command, kubeconfig, folder):
        self.command = [*command, f"--kubeconfig={kubeconfig}",
                        f"--cache-dir={os.path.join(folder, 'kubectl-cache')}"]

    def __call__(self, *words, stdin=None, timeout=LIMIT_S):
        """What it wrote to stdout."""
        more = {"input": stdin} if stdin is not None else {}
        return run([*self.command, *words], timeout=timeout, **more)

    def wrapper(self, path):
        """A script that does the same, for people."""
        return write(path, f'#!/bin/sh\nexec {shlex.join(self.command)} "$@"\n', mode=0o755)
