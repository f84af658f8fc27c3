#!/usr/bin/env python3
"""The dashboard on a real API server: token and access reviews, a viewer's token, the way through
services/proxy to the controller that decides, with the rights of deploy/dashboard/rights.yaml and no others.

usage: test_dashboard.py BUILD_DIR
"""
import http.client
import json
import os
import ssl
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
# pylint: disable=wrong-import-position
import tap
from bed import controller, rights, system
from bed.api import ApiError
from bed.bed import Bed
from bed.daemon import Daemon
from bed.errors import BedError, Skip
from bed.network import CONTROL_PLANE

PORT = 9743
SPACE = rights.NAMESPACE
GROUP = "/apis/gpuslice.dev/v1alpha1"
PODS = "/api/v1/namespaces/{}/pods"


def pod(space, name):
    asks = {"nvidia.com/mig-3g.20gb": "1"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": space},
            "spec": {"nodeName": "gpu-1", "tolerations": [{"operator": "Exists"}],
                     "containers": [{"name": "c", "image": "none",
                                     "resources": {"limits": asks, "requests": asks}}]}}


class Cases:
    """A control plane and no machine: a Node, its GpuNode and two pods are objects alone."""

    def __init__(self, bed):
        self.bed, self.api = bed, bed.api
        controller.apply_types(bed)
        self.make_objects()
        self.controller = controller.Controller(
            bed, words=["--lease-duration", "6", "--dashboard-address", f"{CONTROL_PLANE}:{PORT}"],
            node="gpu-1")
        bed.kubectl("apply", "-f", os.path.join(bed.source, "deploy/dashboard/rights.yaml"))
        # the API server's proxy goes to the address of the pod that the Service has
        self.api.patch(f"{PODS.format(SPACE)}/{self.controller.name}/status",
                       {"status": {"phase": "Running", "podIP": CONTROL_PLANE,
                                   "podIPs": [{"ip": CONTROL_PLANE}],
                                   "conditions": [{"type": "Ready", "status": "True"}]}})
        self.controller.start()
        system.wait_for("the controller leads", self.controller.leads, 60)

    def make_objects(self):
        self.api.create("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {
            "name": "gpu-1", "labels": {"node.kubernetes.io/instance-type": "p4d.24xlarge",
                                        "topology.kubernetes.io/region": "us-east-1"}}})
        self.api.patch("/api/v1/nodes/gpu-1/status", {"status": {part: {
            "cpu": "96", "memory": "1100Gi", "pods": "110", "nvidia.com/mig-3g.20gb": "2"}
            for part in ("capacity", "allocatable")}})
        holders = []
        for space, name in (("team-a", "web"), ("team-b", "secret")):
            self.bed.kubectl("create", "namespace", space)
            system.wait_for("the default account", lambda space=space: self.api.find(
                f"/api/v1/namespaces/{space}/serviceaccounts/default"), 30)
            made = self.api.create(PODS.format(space), pod(space, name))
            holders.append({"namespace": space, "name": name, "uid": made["metadata"]["uid"]})
        gpunodes = f"{GROUP}/gpunodes"
        self.api.create(gpunodes, {"apiVersion": "gpuslice.dev/v1alpha1", "kind": "GpuNode",
                                   "metadata": {"name": "gpu-1"}})
        self.api.patch(f"{gpunodes}/gpu-1/status", {"status": {"agentVersion": "0.1.0", "gpus": [
            {"index": 0, "uuid": "GPU-1", "model": "A100-40GB", "product": "A100", "mig": True,
             "healthy": True, "revision": 1, "slices": [
                 {"profile": "3g.20gb", "start": 4 * i, "size": 4, "plain": True, "state": "Held",
                  "resource": "nvidia.com/mig-3g.20gb", "uuid": f"MIG-{i}", "holder": who}
                 for i, who in enumerate(holders)]}]}})

    # ---- helpers ----

    def account(self, name, *bindings, audience=None):
        """A new account's token. `bindings`: (namespace or None, kind of role, its name)."""
        accounts = "/api/v1/namespaces/default/serviceaccounts"
        self.api.ensure(accounts, {"apiVersion": "v1", "kind": "ServiceAccount",
                                   "metadata": {"name": name}})
        for number, (space, kind, role) in enumerate(bindings):
            words = ["create", "clusterrolebinding" if space is None else "rolebinding",
                     f"{name}-{number}", f"--{kind}={role}", f"--serviceaccount=default:{name}"]
            self.bed.kubectl(*words, *(["-n", space] if space else []))
        answer = self.api.create(f"{accounts}/{name}/token", {
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"expirationSeconds": 3600, **({"audiences": [audience]} if audience else {})}})
        return answer["status"]["token"]

    def ask(self, path, headers, host=CONTROL_PLANE, port=PORT, tls=True):
        """(status, bytes) of the dashboard."""
        connection = http.client.HTTPConnection(host, port, timeout=120)
        connection.sock = self.bed.network.connect((host, port), 60)
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection.sock = context.wrap_socket(connection.sock)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers
        finally:
            connection.close()

    def wait_rights(self, name):
        """Of an account with Role gpuslice-dashboard-user: a moment after they were given."""
        system.wait_for(f"the rights of {name}", lambda: "services/proxy" in self.bed.kubectl(
            "auth", "can-i", "--list", "-n", SPACE,
            "--as", f"system:serviceaccount:default:{name}"), 60)

    def leaders(self):
        pods = self.api.list(PODS.format(SPACE), labelSelector="gpuslice.dev/leader=true")
        return [one["metadata"]["name"] for one in pods]

    def fleet(self, token):
        status, body, _ = self.ask("/api/v1/fleet", {"Authorization": f"Bearer {token}"})
        return status, json.loads(body) if status == 200 else body

    # ---- cases ----

    def dashboard__a_token_for_somebody_else_is_none(self):
        plain = self.account("plain")
        for token in ("nonsense", plain, self.controller.credentials.token):
            assert self.fleet(token)[0] == 401, token[:10]
        assert self.ask("/api/v1/fleet", {"Host": "localhost"})[0] == 401
        nobody = self.account("nobody", audience="gpuslice-dashboard")
        status, text = self.fleet(nobody)
        assert status == 403 and b"gpunodes" in text, (status, text)

    def dashboard__a_viewer_sees_the_namespaces_that_they_may_list(self):
        self.bed.kubectl("create", "clusterrole", "see-gpunodes", "--verb=list",
                         "--resource=gpunodes.gpuslice.dev")
        token = self.account("team-a", (None, "clusterrole", "see-gpunodes"),
                             ("team-a", "clusterrole", "view"), audience="gpuslice-dashboard")
        def names():
            """The API server learns of rights a moment after they are given."""
            status, fleet = self.fleet(token)
            assert b"secret" not in fleet if status != 200 else "secret" not in json.dumps(fleet)
            return status == 200 and sorted(p.get("name", "hidden") for p in fleet["pods"])
        system.wait_equal("pods of the fleet", ["hidden", "web"], names, 60)

    def dashboard__gpuslice_dashboard_opens_it_with_few_rights(self):
        """The person has Role gpuslice-dashboard-user and nothing else."""
        token = self.account("person", (SPACE, "role", "gpuslice-dashboard-user"))
        person = rights.Credentials(self.bed, "person", token)
        self.wait_rights("person")
        program = os.path.join(self.bed.build, "bin", "gpuslice")
        log = os.path.join(self.bed.folder, "log", "tunnel.log")
        tunnel = Daemon("tunnel", [program, "dashboard", "--no-browser", "--kubeconfig",
                                   person.kubeconfig], log, self.bed.control_plane.join,
                        self.bed.network.enter).start()
        try:
            address = tunnel.wait_until("the address", lambda: [
                line for line in system.read(log).splitlines() if line.startswith("http://")], 60)[0]
            port, way_in = int(address.split(":")[2].split("/")[0]), "/open/" + address.split("/")[-1]
            status, _, headers = self.ask(way_in, {}, "127.0.0.1", port, tls=False)
            assert status == 200
            cookie = {"Cookie": headers["Set-Cookie"].split(";")[0]}
            for path, part in (("/", b"<html"), ("/api/v1/fleet", b"secret"),
                               ("/api/v1/money", b"21957642"), ("/api/v1/waiting", b"pods")):
                def says(path=path, part=part):
                    status, body, _ = self.ask(path, cookie, "127.0.0.1", port, tls=False)
                    if status != 200 or part not in body:
                        raise BedError(f"{path}: {status} {body[:300]}")
                    return True
                system.wait_for(f"{path} is shown", says, 60)
            assert self.ask("/api/v1/fleet", {}, "127.0.0.1", port, tls=False)[0] == 401
            self.follow(cookie, port)
        finally:
            tunnel.stop()

    def dashboard__the_service_follows_who_decides(self):
        """The label goes from one that was killed to the next, with the rights that the chart gives."""
        second = controller.Controller(self.bed, 1, ["--lease-duration", "6"], node="gpu-1").start()
        try:
            system.wait_for("the label is the first's",
                            lambda: self.leaders() == [self.controller.name], 60)
            self.controller.daemon.kill()
            system.wait_for("the other one leads", second.leads, 120)
            system.wait_for("the label follows", lambda: self.leaders() == [second.name], 120)
        finally:
            second.daemon.stop()
        self.controller.start()
        system.wait_for("the first leads again", self.controller.leads, 120)
        system.wait_for("the label follows", lambda: self.leaders() == [self.controller.name], 120)

    def dashboard__a_user_reaches_the_controller_that_decides_and_no_other_pod(self):
        token = self.account("narrow", (SPACE, "role", "gpuslice-dashboard-user"))
        person = self.bed.control_plane.as_user(token=token)
        self.wait_rights("narrow")
        proxied = f"/api/v1/namespaces/{SPACE}"
        for path, expected in (
                (f"{proxied}/services/https:gpuslice-dashboard:443/proxy/healthz", 200),
                (f"{proxied}/services/http:gpuslice-webhook:443/proxy/", 403),
                (f"{proxied}/services/gpuslice-dashboard/proxy/", 403),
                (f"{proxied}/pods/https:{self.controller.name}:{PORT}/proxy/healthz", 403),
                (f"{proxied}/pods/http:{self.controller.name}:{self.controller.port}/proxy/metrics", 403)):
            try:
                person.text(path)
                status = 200
            except ApiError as error:
                status = error.status
            assert status == expected, (path, status)

    def follow(self, cookie, port):
        """A change comes as an event, through the API server."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        connection.sock = self.bed.network.connect(("127.0.0.1", port), 60)
        seen = threading.Event()
        changes = threading.Thread(target=self.change_until, args=(seen,))
        try:
            connection.request("GET", "/api/v1/events", headers=cookie)
            answer = connection.getresponse()
            assert answer.status == 200
            changes.start()
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline:
                line = answer.readline()
                if line.startswith(b"data:") and b'"pool":"changed' in line:
                    return
            assert False, "no event"
        finally:
            seen.set()
            if changes.ident:
                changes.join()
            connection.close()

    def change_until(self, seen):
        """Again and again: whoever begins to listen sees what comes after that."""
        for number in range(100):
            if seen.wait(2):
                return
            self.api.patch("/api/v1/nodes/gpu-1", {"metadata": {"labels": {
                "gpuslice.dev/slicepool": f"changed-{number}"}}})


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        with Bed(nodes=0, build_folder=sys.argv[1]) as bed:
            cases = Cases(bed)
            tap.run([(n, getattr(cases, n)) for n in vars(Cases) if n.startswith("dashboard__")])
    except Skip as why:
        print(f"SKIP: {why}")
        sys.exit(77)


if __name__ == "__main__":
    main()
