#!/usr/bin/env python3
"""The dashboard of a cluster: gpuslice-controller, `gpuslice dashboard` through the API server's proxy.

usage: test_cluster.py GPUSLICE GPUSLICE_SIM SOURCE_DIR GPUSLICE_CONTROLLER
"""
import base64
import gzip
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time

import api as apis
import bed
from bed import expect, tap

CONTROLLER = os.path.abspath(sys.argv[4])
KUBECONFIG = """apiVersion: v1
kind: Config
current-context: c
contexts: [{{name: c, context: {{cluster: c, user: u}}}}]
clusters: [{{name: c, cluster: {{server: "https://127.0.0.1:{port}", certificate-authority-data: {ca}}}}}]
users: [{{name: u, user: {{token: users-own-token}}}}]
"""
NODES, PODS, GPUNODES = "/api/v1/nodes", "/api/v1/pods", "/apis/gpuslice.dev/v1alpha1/gpunodes"
HOSTILE = "<script>alert(1)</script>"


def node(name, **labels):
    return {"kind": "Node", "apiVersion": "v1", "metadata": {"name": name, "uid": name, "labels": {
        "node.kubernetes.io/instance-type": "p4d.24xlarge",
        "topology.kubernetes.io/region": "us-east-1", "topology.kubernetes.io/zone": "us-east-1a",
        "karpenter.sh/capacity-type": "on-demand", "nvidia.com/gpu.present": "true", **labels}},
            "spec": {}, "status": {
                "allocatable": {"cpu": "90", "memory": "1000Gi", "pods": "100",
                                "nvidia.com/mig-3g.20gb": "2"},
                "conditions": [{"type": "Ready", "status": "True"}]}}


def pod(space, name, where="", owner=None, asks="nvidia.com/mig-3g.20gb"):
    metadata = {"namespace": space, "name": name, "uid": f"{space}-{name}",
                "creationTimestamp": "2026-01-02T03:04:05Z"}
    if owner:
        metadata["ownerReferences"] = [{"apiVersion": "apps/v1", "kind": owner[0], "name": owner[1],
                                        "uid": "o", "controller": True}]
    spec = {"containers": [{"name": "c", "resources": {"limits": {asks: "1"},
                                                       "requests": {asks: "1"}}}]}
    if where:
        spec["nodeName"] = where
    waits = {"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}
    return {"kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": spec,
            "status": {"phase": "Running"} if where else waits}


def gpunode(name, holders):
    slices = [{"profile": "3g.20gb", "start": 4 * i, "size": 4, "plain": True,
               "state": "Held" if who else "Free", "resource": "nvidia.com/mig-3g.20gb",
               "uuid": f"MIG-{name}-{i}",
               **({"holder": {"namespace": who[0], "name": who[1], "uid": "-".join(who)}}
                  if who else {})} for i, who in enumerate(holders)]
    return {"kind": "GpuNode", "apiVersion": "gpuslice.dev/v1alpha1",
            "metadata": {"name": name, "uid": f"g-{name}"}, "spec": {},
            "status": {"agentVersion": "0.1.0", "gpus": [
                {"index": 0, "uuid": f"GPU-{name}", "model": "A100-40GB",
                 "product": "NVIDIA A100-SXM4-40GB", "mig": True, "healthy": True, "revision": 1,
                 "slices": slices}]}}


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Cluster:
    """An API server of ours and a controller."""

    def __init__(self):
        self.folder = os.path.join(bed.WORK, "cluster")
        os.makedirs(self.folder)
        pem = apis.certificate(self.folder)
        self.api = apis.Api(pem)
        with open(f"{pem}.crt", "rb") as file:
            self.ca = base64.b64encode(file.read()).decode()
        self.kubeconfig = os.path.join(self.folder, "config")
        with open(self.kubeconfig, "w", encoding="ascii") as file:
            file.write(KUBECONFIG.format(port=self.api.server_address[1], ca=self.ca))
        self.api.users = {
            "viewer-token": self.user("viewer", "*"), "team-a": self.user("a", ["team-a"]),
            "other-audience": dict(self.user("o", "*"), audiences=["https://kubernetes.default.svc"]),
            "no-right": dict(self.user("n", "*"), **{"in": False})}
        self.api.put(NODES, node("n1"))
        self.api.put(PODS, pod("team-a", "web-1", "n1", ("ReplicaSet", "web-7d9f8cbb5d")))
        self.api.put(PODS, pod("team-b", "secret", "n1", ("Job", "train")))
        self.api.put(GPUNODES, gpunode("n1", [("team-a", "web-1"), ("team-b", "secret")]))
        self.api.proxied = self.port = free_port()
        self.log = open(os.path.join(self.folder, "log"), "w+", encoding="utf-8")
        self.controller = subprocess.Popen(
            [CONTROLLER, "--kubeconfig", self.kubeconfig, "--namespace", "gpuslice-system",
             "--identity", "controller-0", "--http-address=", "--webhook-address=",
             "--dashboard-address", f"127.0.0.1:{self.port}"], stderr=self.log, stdout=self.log,
            env=bed.clean_env())
        self.until_ready()

    @staticmethod
    def user(name, namespaces):
        return {"user": name, "audiences": ["gpuslice-dashboard"], "namespaces": namespaces,
                "in": True}

    def until_ready(self):
        deadline = time.monotonic() + 120
        while True:
            try:
                document = self.as_user("viewer-token").ask("/api/v1/fleet", self.token("viewer-token"))
                whole = document.status == 200 and json.loads(document.body)["source"]["whole"]
                if whole and self.api.leaders == {"controller-0"}:
                    return
            except OSError:
                pass
            assert time.monotonic() < deadline and self.controller.poll() is None, self.said()
            time.sleep(0.1)

    def said(self):
        self.log.seek(0)
        return self.log.read()

    @staticmethod
    def token(token):
        return {"Authorization": f"Bearer {token}"}

    def as_user(self, token):
        return Direct(self.port, token)

    def end(self):
        self.controller.terminate()
        code = self.controller.wait(30)
        self.log.close()
        self.api.shutdown()
        shutil.rmtree(self.folder, ignore_errors=True)
        expect(code, 0)


class Direct(bed.Served):
    """The controller's own address."""

    def __init__(self, port, token):
        super().__init__(f"https://127.0.0.1:{port}/open/{token}")

    def connect(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return bed.http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=30)


class Tunnel(bed.Served):
    """`gpuslice dashboard`."""

    def __init__(self, cluster):
        self.process = subprocess.Popen(
            [bed.GPUSLICE, "dashboard", "--kubeconfig", cluster.kubeconfig, "--no-browser"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=bed.clean_env())
        line = self.process.stdout.readline()
        assert line.startswith("http://127.0.0.1:"), (line, self.process.stderr.read())
        super().__init__(line.strip())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        code = self.process.wait(30)
        errors = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        expect((code, errors), (0, ""))


# Every document, every page, and what is none.
DOCUMENTS = ["fleet", "waiting", "money", "money/better", "cost", "history", "gpus/GPU-n1/history",
             "pods/team-a/web-1/history", "events", "code", "nowhere", ""]
PLACES = ["/", "/favicon.ico", "/nowhere", "/metrics", "/readyz", "/debug/state", "/healthz/", "/healthz/x",
          *(f"/{name}" for name in sorted(os.listdir(os.path.join(bed.SOURCE, "web")))),
          *(f"/api/v1/{name}" for name in DOCUMENTS)]


def cluster__no_path_but_health_answers_without_a_token_and_none_takes_a_write():
    direct = CLUSTER.as_user("viewer-token")
    for path in PLACES:
        for headers in ({}, CLUSTER.token("nonsense"), {"Cookie": "gpuslice=" + "0" * 64}):
            answer = direct.ask(path, headers)
            expect((path, answer.status), (path, 401))
            for word in (b"web-1", b"GPU-n1", b"<html", b"import "):
                assert word not in answer.body, (path, answer.body)
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            expect((path, direct.ask(path, direct.bearer, method).status), (path, 405))


def cluster__strangers_are_turned_away():
    direct = CLUSTER.as_user("x")
    for path in ("/", "/api/v1/fleet", "/api/v1/events", "/api/v1/code", "/metrics"):
        for token, status in ((None, 401), ("nonsense", 401), ("other-audience", 401),
                              ("users-own-token", 401), ("no-right", 403)):
            answer = direct.ask(path, {} if token is None else CLUSTER.token(token))
            expect((path, token, answer.status), (path, token, status))
            assert b"web-1" not in answer.body and b"GPU-n1" not in answer.body
    expect(direct.ask("/healthz", {}).status, 200)


def cluster__the_fleet_has_holders_owners_and_money():
    direct = CLUSTER.as_user("viewer-token")
    fleet = direct.document("fleet")
    expect(fleet["source"]["kind"], "cluster")
    pods = {(p["namespace"], p["name"]): p["workload"] for p in fleet["pods"]}
    expect(pods, {("team-a", "web-1"): "Deployment/web", ("team-b", "secret"): "Job/train"})
    expect(fleet["nodes"][0]["uusd_h"], 21957642)
    money = direct.document("money")
    expect(money["used"] + money["idle"] + money["stranded"] + money["starting"], money["bill"])
    expect(sum(row["uusd_h"] for row in money["by_namespace"]), money["used"])


def cluster__a_viewer_sees_what_they_may_list():
    direct = CLUSTER.as_user("team-a")
    for name in ("fleet", "money", "waiting"):
        text = direct.ask(f"/api/v1/{name}", direct.bearer).body
        assert b"secret" not in text and b"team-b" not in text and b"train" not in text, text
    fleet, money = direct.document("fleet"), direct.document("money")
    expect(sorted(fleet["pods"], key=str),
           sorted([{"hidden": True}, {"namespace": "team-a", "name": "web-1",
                                      "workload": "Deployment/web"}], key=str))
    names = {row["name"] for row in money["by_namespace"]}
    expect(names, {"team-a", "(not yours)"})
    expect(sum(row["uusd_h"] for row in money["by_namespace"]), money["used"])


def cluster__reviews_are_kept_for_a_minute():
    direct = CLUSTER.as_user("team-a")
    direct.document("fleet")
    before = CLUSTER.api.reviews
    for _ in range(20):
        direct.document("waiting")
    expect(CLUSTER.api.reviews, before)


def cluster__waiting_pods_say_why():
    CLUSTER.api.put(PODS, pod("team-a", "waits"))
    direct = CLUSTER.as_user("viewer-token")
    waiting = direct.until(lambda d: d["pods"] and d["pods"][0]["decision"], "waiting")
    one = waiting["pods"][0]
    expect((one["namespace"], one["name"], one["asks"]),
           ("team-a", "waits", [{"profile": "3g.20gb", "count": 1}]))
    assert waiting["decides"] and one["why"] and one["next"], one
    CLUSTER.api.put(PODS, pod("team-a", "waits"), "DELETED")
    direct.until(lambda d: not d["pods"], "waiting")


def cluster__the_planner_says_what_it_would_buy():
    direct = CLUSTER.as_user("team-a")
    for number in range(2, 5):  # three more nodes, with one slice in use each
        name = f"n{number}"
        CLUSTER.api.put(NODES, node(name))
        CLUSTER.api.put(PODS, pod("team-a", f"web-{number}", name))
        CLUSTER.api.put(GPUNODES, gpunode(name, [("team-a", f"web-{number}"), None]))
    direct.until(lambda d: len(d["nodes"]) == 4 and all(n["uusd_h"] for n in d["nodes"]))
    better = direct.document("money/better")
    expect((better["nodes_now"], better["uusd_h_now"]), (4, 4 * 21957642))
    expect((better["nodes_better"], better["uusd_h_better"]), (1, 21957642))
    assert better["lower_bound"] <= better["uusd_h_better"], better
    expect((better["unplaced_pods"], better["left_out_nodes"]), (0, 0))
    rows = {row["layout"]: (row["now"], row["better"]) for row in better["diff"]}
    expect(rows["1 x 3g.20gb=2"], (4, 0))
    expect(sum(b - n for n, b in rows.values()), -3)
    with Tunnel(CLUSTER) as tunnel:
        expect(tunnel.document("money/better", tunnel.cookie())["nodes_better"], 1)
    for number in range(2, 5):
        CLUSTER.api.put(GPUNODES, gpunode(f"n{number}", []), "DELETED")
        CLUSTER.api.put(PODS, pod("team-a", f"web-{number}"), "DELETED")
        CLUSTER.api.put(NODES, node(f"n{number}"), "DELETED")
    direct.until(lambda d: len(d["nodes"]) == 1)


def cluster__the_tunnel_never_passes_the_users_own_token_on():
    CLUSTER.api.seen.clear()
    with Tunnel(CLUSTER) as tunnel:
        cookie = tunnel.cookie()
        fleet = tunnel.document("fleet", cookie)
        assert {"web-1", "secret"} <= {one["name"] for one in fleet["pods"]}, fleet["pods"]
        page = tunnel.ask("/", cookie)
        expect((page.status, page.body), (200, bed.source("web/index.html")))
        expect(page.headers["Content-Type"], "text/html; charset=utf-8")
        assert "default-src 'self'" in page.headers["Content-Security-Policy"]
        for path in ("/", "/api/v1/fleet", "/api/v1/events"):
            expect(tunnel.ask(path, {}).status, 401)
            expect(tunnel.ask(path, {**cookie, "Host": "evil.example"}).status, 421)
        expect(tunnel.ask("/api/v1/nowhere", cookie).status, 404)
        expect(tunnel.ask("/api/v1/fleet", cookie, "POST").status, 405)
    proxied = [path for _, path, _ in CLUSTER.api.seen if "/proxy" in path]
    assert proxied and all(path.startswith(apis.PROXY) for path in proxied), proxied
    assert any(path.endswith("/serviceaccounts/gpuslice-viewer/token")
               for _, path, _ in CLUSTER.api.seen)
    # what reaches the API server is the user's; what goes on is not (api.py takes it off)
    assert {who for _, path, who in CLUSTER.api.seen if "/proxy" in path} == {
        "Bearer users-own-token"}


def cluster__events_come_through_the_tunnel():
    with Tunnel(CLUSTER) as tunnel, tunnel.events(tunnel.cookie()) as events:
        expect(events.status, 200)
        CLUSTER.api.put(GPUNODES, gpunode("n1", [("team-a", "web-1"), None]))
        change = events.until("nodes", lambda d: d["nodes"][0]["gpus"][0]["slices"][1][2] == 0)
        expect(change["nodes"][0]["name"], "n1")
        CLUSTER.api.put(PODS, pod("team-b", HOSTILE, "n1"))  # no API server would take it
        CLUSTER.api.put(GPUNODES, gpunode("n1", [("team-a", "web-1"), ("team-b", HOSTILE)]))
        events.until("nodes", lambda d: any(p["name"] == HOSTILE for p in d["pods"].values()))
        events.until("money", lambda d: d["used"] > 0)
        CLUSTER.api.put(PODS, pod("team-b", HOSTILE, "n1"), "DELETED")
        CLUSTER.api.put(GPUNODES, gpunode("n1", [("team-a", "web-1"), ("team-b", "secret")]))
        events.until("nodes", lambda d: d["nodes"])


def cluster__a_big_document_goes_compressed_to_who_takes_it_so():
    direct = CLUSTER.as_user("viewer-token")
    for number in range(100, 160):
        CLUSTER.api.put(NODES, node(f"n{number}"))
        CLUSTER.api.put(GPUNODES, gpunode(f"n{number}", [None, None]))
    direct.until(lambda d: len(d["nodes"]) == 61 and all(n["gpus"] for n in d["nodes"]))
    plain = direct.ask("/api/v1/fleet", direct.bearer)
    expect(plain.headers["Content-Encoding"], None)
    for value, packed in (("gzip", True), ("br, gzip;q=0.8", True), ("gzip;q=0", False),
                          ("identity", False), ("x-gzip", False)):
        answer = direct.ask("/api/v1/fleet", {**direct.bearer, "Accept-Encoding": value})
        expect((value, answer.headers["Content-Encoding"]), (value, "gzip" if packed else None))
        body = gzip.decompress(answer.body) if packed else answer.body
        assert not packed or len(answer.body) < len(body) / 4, (len(answer.body), len(body))
        expect(json.loads(body)["nodes"], json.loads(plain.body)["nodes"])
    with Tunnel(CLUSTER) as tunnel:
        cookie = tunnel.cookie()
        for value, packed in (("gzip, br", True), ("identity", False)):
            answer = tunnel.ask("/api/v1/fleet", {**cookie, "Accept-Encoding": value})
            expect((value, answer.headers["Content-Encoding"]), (value, "gzip" if packed else None))
            body = gzip.decompress(answer.body) if packed else answer.body
            assert not packed or len(answer.body) < len(body) / 4, (len(answer.body), len(body))
            expect(json.loads(body)["nodes"], json.loads(plain.body)["nodes"])
        expect(tunnel.ask("/api/v1/waiting", {**cookie, "Accept-Encoding": "gzip"})
               .headers["Content-Encoding"], None)
    head = direct.ask("/api/v1/fleet", {**direct.bearer, "Accept-Encoding": "gzip"}, "HEAD")
    expect((head.status, head.body), (200, b""))
    small = direct.ask("/api/v1/waiting", {**direct.bearer, "Accept-Encoding": "gzip"})
    expect(small.headers["Content-Encoding"], None)
    for number in range(100, 160):
        CLUSTER.api.put(GPUNODES, gpunode(f"n{number}", []), "DELETED")
        CLUSTER.api.put(NODES, node(f"n{number}"), "DELETED")
    direct.until(lambda d: len(d["nodes"]) == 1)


def cluster__readers_that_go_while_a_document_is_compressed_do_no_harm():
    direct = CLUSTER.as_user("viewer-token")
    for number in range(100, 200):
        CLUSTER.api.put(NODES, node(f"n{number}"))
        CLUSTER.api.put(GPUNODES, gpunode(f"n{number}", [None, None]))
    direct.until(lambda d: len(d["nodes"]) == 101)
    for _ in range(40):
        connection = direct.connect()
        connection.request("GET", "/api/v1/fleet", headers={**direct.bearer, "Accept-Encoding": "gzip"})
        connection.sock.close()
        connection.close()
    direct.until(lambda d: len(d["nodes"]) == 101)
    for number in range(100, 200):
        CLUSTER.api.put(GPUNODES, gpunode(f"n{number}", []), "DELETED")
        CLUSTER.api.put(NODES, node(f"n{number}"), "DELETED")
    direct.until(lambda d: len(d["nodes"]) == 1)


def cluster__a_code_of_a_token_opens_once():
    direct = CLUSTER.as_user("team-a")
    path = direct.document("code")["path"]
    answer = direct.ask(path, {})
    expect(answer.status, 200)
    assert "Secure" in answer.headers["Set-Cookie"]
    cookie = {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}
    expect(len(direct.document("fleet", cookie)["pods"]), len(direct.document("fleet")["pods"]))
    expect(direct.ask(path, {}).status, 403)


def cluster__the_one_that_decides_has_the_label_and_nobody_else():
    deadline = time.monotonic() + 120
    while CLUSTER.api.leaders != {"controller-0"}:
        assert time.monotonic() < deadline, CLUSTER.api.leaders
        time.sleep(0.1)


def cluster__a_service_without_anybody_behind_it_is_explained():
    leaders = set(CLUSTER.api.leaders)
    for words, said in (
            (["--service", "nobody's"], "Service gpuslice-system/nobody's, which the chart makes"),
            (["--namespace", "elsewhere"], "gpuslice-dashboard, which the chart makes"),
            ([], "no controller decides now, or it has no --dashboard-address")):
        CLUSTER.api.leaders = set() if not words else leaders
        done = subprocess.run(
            [bed.GPUSLICE, "dashboard", "--no-browser", "--kubeconfig", CLUSTER.kubeconfig, *words],
            capture_output=True, text=True, check=False, env=bed.clean_env(), timeout=60)
        CLUSTER.api.leaders = leaders
        assert done.returncode != 0 and "http://" not in done.stdout, done
        assert said in done.stderr and "kubeconfig right" not in done.stderr, (said, done.stderr)


if __name__ == "__main__":
    if shutil.which("openssl") is None:
        print("1..0 # SKIP openssl is not installed: it makes the API server's certificate")
        sys.exit(0)
    try:
        CLUSTER = Cluster()
        try:
            tap.run(tap.cases_of(sys.modules[__name__], "cluster__"))
        finally:
            CLUSTER.end()
    finally:
        bed.end()
