#!/usr/bin/env python3
"""What was: gpuslice-history over a scripted API server, asked through gpuslice-controller.

usage: test_history.py GPUSLICE GPUSLICE_SIM SOURCE_DIR GPUSLICE_CONTROLLER GPUSLICE_HISTORY
"""
import csv
import decimal
import http.client
import http.server
import io
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse

import api as apis
import bed
import objects
from bed import expect, tap
from objects import GPUNODES, NODES, PODS

CONTROLLER, HISTORY = (os.path.abspath(path) for path in sys.argv[4:6])
TOKEN = "controllers-token"
CONFIGMAP = "/api/v1/namespaces/gpuslice-system/configmaps/gpuslice-history-ca"
BILL = 21957642  # of a p4d.24xlarge, millionths of a dollar an hour


class History:
    """The program, on a file that stays."""

    def __init__(self, cluster, file):
        self.cluster, self.file = cluster, file
        self.port, self.http = objects.free_port(), objects.free_port()
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [HISTORY, "--kubeconfig", self.cluster.kubeconfig, "--namespace", "gpuslice-system",
             "--file", self.file, "--every", "1", "--listen", f"127.0.0.1:{self.port}",
             "--names", "127.0.0.1",
             "--http-address", f"127.0.0.1:{self.http}"],
            stdout=self.cluster.log, stderr=self.cluster.log, env=bed.clean_env())
        bed.wait_until(self.is_ready, self.cluster.said)

    def is_ready(self):
        assert self.process.poll() is None, self.cluster.said()
        try:
            return self.standing()[0] == 200
        except OSError:
            return False

    def standing(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=30)
        connection.request("GET", "/readyz")
        found = connection.getresponse()
        return found.status, found.read().decode()

    def metrics(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=30)
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
        return {line.split()[0]: float(line.split()[1]) for line in lines if line[0] != "#"}

    def ask(self, path, token=TOKEN):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=30)
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        found = connection.getresponse()
        return found.status, found.read()

    def document(self, name):
        status, body = self.ask(f"/api/v1/{name}")
        expect((status, body if status != 200 else b""), (200, b""))
        return json.loads(body)

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(30)


class Cluster:
    """An API server, a history, and a controller that asks it."""

    def __init__(self):
        self.folder = os.path.join(bed.WORK, "history")
        os.makedirs(self.folder)
        pem = apis.certificate(self.folder)
        self.api = apis.Api(pem)
        self.pem = pem
        self.api.configmaps[CONFIGMAP] = {"apiVersion": "v1", "kind": "ConfigMap"}
        self.kubeconfig = objects.write_kubeconfig(self.folder, self.api, pem)
        self.api.users = {
            "viewer": objects.user("viewer", "*"), "team-a": objects.user("a", ["team-a"]),
            TOKEN: dict(objects.user("controller", "*"), audiences=["gpuslice-history"]),
            "no-right": dict(objects.user("n", "*"), audiences=["gpuslice-history"], **{"in": False})}
        self.api.put(NODES, objects.node("n1"))
        self.api.put(PODS, objects.pod("team-a", "web-1", "n1", ("ReplicaSet", "web-7d9f8cbb5d")))
        self.api.put(GPUNODES, objects.gpunode("n1", [("team-a", "web-1"), None]))
        self.log = open(os.path.join(self.folder, "log"), "w+", encoding="utf-8")
        self.token_file = os.path.join(self.folder, "token")
        with open(self.token_file, "w", encoding="ascii") as file:
            file.write(TOKEN + "\n")
        self.history = History(self, os.path.join(self.folder, "history.db"))
        self.history.start()
        self.controllers = []

    def controller(self, *options):
        port = objects.free_port()
        process = subprocess.Popen(
            [CONTROLLER, "--kubeconfig", self.kubeconfig, "--namespace", "gpuslice-system",
             "--identity", "controller-0", "--http-address=", "--webhook-address=",
             "--dashboard-address", f"127.0.0.1:{port}", *options],
            stdout=self.log, stderr=self.log, env=bed.clean_env())
        self.controllers.append(process)
        served = objects.Direct(port, "viewer")

        def is_whole():
            assert process.poll() is None, self.said()
            try:
                answer = served.ask("/api/v1/fleet", objects.bearer("viewer"))
            except OSError:
                return False
            return answer.status == 200 and json.loads(answer.body)["source"]["whole"]
        bed.wait_until(is_whole, self.said)
        return served

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def end(self):
        codes = [self.history.end()]
        for process in self.controllers:
            process.terminate()
            codes.append(process.wait(30))
        self.log.close()
        self.api.shutdown()
        shutil.rmtree(self.folder, ignore_errors=True)
        expect(codes, [0] * len(codes))


def exact(cost):
    """In 3600ths of a millionth of a dollar."""
    return cost["uusd"] * 3600 + cost["rest"]


def adds_up(document):
    """The rows are the total, and that is what the node cost in the seconds that are known."""
    expect(sum(exact(row) for row in document["rows"]), exact(document["total"]))
    expect(exact(document["total"]), BILL * document["known_s"])


def points(document, name):
    """Means, without what adding them up in binary leaves."""
    return [round(value, 6) for one in document["series"] if one["name"] == name
            for _, value in one["points"]]


def lately(names, step=15):
    now = int(time.time())
    return f"history?series={names}&from={now - 3600}&to={now + 60}&step={step}"


def what_and_text(document):
    return [(event["what"], event["text"]) for event in reversed(document["events"])]


def history__strangers_are_turned_away():
    for path in ("/api/v1/history?series=bill_usd_h", "/api/v1/cost?by=part", "/api/v1/x",
                 "/api/v1/gpus/GPU-n1/history"):
        for token, status in ((None, 401), ("nonsense", 401), ("viewer", 401), ("no-right", 403)):
            found, body = CLUSTER.history.ask(path, token)
            expect((path, token, found), (path, token, status))
            assert b"web-1" not in body and b"series" not in body, body
    expect(CLUSTER.history.ask("/healthz", None)[0], 200)
    expect(CLUSTER.history.ask("/api/v1/x")[0], 404)
    expect(CLUSTER.history.ask("/api/v1/cost?by=dollars")[0], 400)
    expect(CLUSTER.history.ask("/api/v1/history?series=a&from=9&to=3")[0], 400)
    expect(CLUSTER.history.ask("/api/v1/history?series=a&from=0&step=1")[0], 400)


def history__numbers_and_money_come_through_the_controller():
    def has_some():
        found = CONTROLLER_ASKS.document(lately("bill_usd_h,held_percent,idle_percent"),
                                         objects.bearer("viewer"))
        return points(found, "bill_usd_h") and points(found, "held_percent")
    bed.wait_until(has_some, CLUSTER.said)
    found = CONTROLLER_ASKS.document(lately("bill_usd_h,held_percent,idle_percent,node_starts"),
                                     objects.bearer("viewer"))
    expect(set(points(found, "bill_usd_h")), {BILL / 1e6})
    expect(set(points(found, "held_percent")), {50.0})
    expect(set(points(found, "idle_percent")), {50.0})
    expect(set(points(found, "node_starts")), {0})
    wrong = CONTROLLER_ASKS.ask(f"/api/v1/{lately('bill_usd_h,bil_usd_h')}", objects.bearer("viewer"))
    expect(wrong.status, 400)
    assert b'no series "bil_usd_h"' in wrong.body and b"bill_usd_h" in wrong.body, wrong.body
    bed.wait_until(lambda: CLUSTER.history.document("cost?by=part")["known_s"] >= 2, CLUSTER.said)
    for by in ("part", "namespace", "workload", "pool"):
        adds_up(CONTROLLER_ASKS.document(f"cost?by={by}", objects.bearer("viewer")))


def cost(*words):
    done = subprocess.run([bed.GPUSLICE, "cost", "--since", "12h", "-o", "json", *words], text=True,
                          capture_output=True, env=bed.clean_env(), timeout=60, check=False)
    expect((done.returncode, done.stderr), (0, ""))
    return json.loads(done.stdout)


def history__gpuslice_cost_is_the_bill_by_the_controller_and_by_the_file():
    CLUSTER.api.proxied = CONTROLLER_ASKS.port
    CLUSTER.api.users["viewer-token"] = objects.user("viewer", "*")
    for way in (("--kubeconfig", CLUSTER.kubeconfig), ("--file", CLUSTER.history.file)):
        for by in ("namespace", "workload", "pool", "part"):
            found = cost("--by", by, *way)
            assert found["known_s"] > 0, found
            expect(exact(found["total"]), BILL * found["known_s"])
            expect(sum(exact(row) for row in found["rows"]), exact(found["total"]))
            expect(sum(row["cents"] for row in found["rows"]), found["total"]["cents"])
        names = [row["name"] for row in cost("--by", "namespace", *way)["rows"]]
        assert "team-a" in names, names


def history__the_pages_are_told_that_there_is_one():
    source = CONTROLLER_ASKS.document("fleet", objects.bearer("viewer"))["source"]
    expect((source["series"], source["events"]), (True, True))


def history__pods_and_slices_have_a_history():
    api, viewer = CLUSTER.api, objects.bearer("viewer")
    api.put(PODS, objects.pod("team-b", "train", "", ("Job", "train")))
    api.put(PODS, objects.pod("team-b", "train", "n1", ("Job", "train")))
    path, gpu = "pods/team-b/train/history", "gpus/GPU-n1/history"
    # pods and GPUs come by different watches: one after the other
    CONTROLLER_ASKS.until(lambda d: "Bound" in dict(what_and_text(d)), path, viewer)
    api.put(GPUNODES, objects.gpunode("n1", [("team-a", "web-1"), ("team-b", "train")]))
    CONTROLLER_ASKS.until(lambda d: "Slice" in dict(what_and_text(d)), path, viewer)
    api.put(GPUNODES, objects.gpunode("n1", [("team-a", "web-1"), None]))
    api.put(PODS, objects.pod("team-b", "train", "n1", ("Job", "train")), "DELETED")
    found = CONTROLLER_ASKS.until(lambda d: "Gone" in dict(what_and_text(d)), path, viewer)
    expect(what_and_text(found), [
        ("Waits", "asks for 1 x 3g.20gb"), ("Bound", "to node n1"),
        ("Slice", "3g.20gb at 4 of GPU-n1 on node n1"), ("Gone", "it was on node n1")])
    found = CONTROLLER_ASKS.until(lambda d: "Free" in dict(what_and_text(d)), gpu, viewer)
    expect(what_and_text(found), [("Held", "3g.20gb at 4: pod team-b/train"),
                                  ("Free", "3g.20gb at 4: pod team-b/train")])


def history__a_viewer_is_shown_what_he_may_see():
    team_a = objects.bearer("team-a")
    names = {row["name"] for row in CONTROLLER_ASKS.document("cost?by=namespace", team_a)["rows"]}
    assert "team-a" in names and "team-b" not in names, names
    bed.wait_until(lambda: "(not yours)" in {row["name"] for row in CONTROLLER_ASKS.document(
        "cost?by=workload", team_a)["rows"]} or not was_paid("team-b"), CLUSTER.said)
    for by in ("namespace", "workload"):
        adds_up(CONTROLLER_ASKS.document(f"cost?by={by}", team_a))
    expect(what_and_text(CONTROLLER_ASKS.document("gpus/GPU-n1/history", team_a)),
           [("Held", "3g.20gb at 4: a pod that is not yours"),
            ("Free", "3g.20gb at 4: a pod that is not yours")])
    expect(CONTROLLER_ASKS.ask("/api/v1/pods/team-b/train/history", team_a).status, 404)
    expect(CONTROLLER_ASKS.ask("/api/v1/pods/team-a/web-1/history", team_a).status, 200)
    expect(CONTROLLER_ASKS.ask("/api/v1/pods/team-a/../team-b/train/history", team_a).status, 404)


def was_paid(name):
    return any(row["name"] == name
               for row in CLUSTER.history.document("cost?by=namespace")["rows"])


def history__recuts_and_who_waited_are_counted():
    api, history = CLUSTER.api, CLUSTER.history
    def sums(*names):
        found = history.document(lately(",".join(names)))
        return [sum(points(found, name)) for name in names]
    def accepted():
        return set(points(history.document(lately("accepted_percent")), "accepted_percent"))
    bed.wait_until(lambda: sums("recuts") == [0], CLUSTER.said)
    api.put(PODS, objects.pod("team-a", "late", "", ("Job", "late"), waits_for="a re-cut"))
    wish = [{"uuid": "GPU-n1", "id": "wish-1", "basedOn": 1, "layout": "3g.20gb@0,2g.10gb@4",
             "reason": "for a test", "pods": [{"namespace": "team-a", "name": "late", "uid": ""}]}]
    api.put(GPUNODES, objects.gpunode("n1", [("team-a", "web-1"), None], wishes=wish))
    bed.wait_until(lambda: "RecutBegins" in dict(what_and_text(
        history.document("gpus/GPU-n1/history"))), CLUSTER.said)
    api.put(GPUNODES, objects.gpunode("n1", [("team-a", "web-1"), None], wishes=wish,
                                      decision={"id": "wish-1", "result": "Done", "message": "",
                                                "at": "2026-01-02T03:04:05Z"}))
    api.put(PODS, objects.pod("team-a", "late", "n1", ("Job", "late")))
    bed.wait_until(lambda: sums("recuts") == [1], CLUSTER.said)
    # "train" got its slice at once, "late" did not
    bed.wait_until(lambda: accepted() == {100.0, 0.0} or accepted() == {50.0}, CLUSTER.said)
    found = history.document(lately("recut_p50_s,recut_p95_s,failed_recuts"))
    assert points(found, "recut_p50_s") and points(found, "recut_p95_s"), found
    expect(sum(points(found, "failed_recuts")), 0)
    # what was not summed up yet is there in longer steps, too
    expect(sum(points(history.document(lately("recuts", 3600)), "recuts")), 1)


def history__a_kill_at_any_point_loses_nothing_that_was_kept():
    history, api, seed = CLUSTER.history, CLUSTER.api, random.randrange(1 << 32)
    print(f"# seed {seed}", flush=True)
    chance, told = random.Random(seed), 0
    path, holders, held = "gpus/GPU-n1/history", [("team-b", "kill")], None
    before = len(history.document(path)["events"])
    known = history.document("cost?by=part")["known_s"]
    for turn in range(8):
        expect(history.end(signal.SIGKILL), -signal.SIGKILL)
        history.start()
        kept = len(history.document(path)["events"])
        assert kept >= before + told, (turn, kept, before, told)
        told = kept - before
        # an odd number of changes: after them it is another one than before, whatever is seen of them
        for _ in range(chance.randrange(1, 12, 2)):
            held = holders[0] if held is None else None
            api.put(GPUNODES, objects.gpunode("n1", [("team-a", "web-1"), held]))
        wanted = before + told + 1
        bed.wait_until(lambda: len(history.document(path)["events"]) >= wanted, CLUSTER.said)
        told = len(history.document(path)["events"]) - before
        time.sleep(chance.random())
    for by in ("part", "namespace", "workload", "pool"):
        adds_up(history.document(f"cost?by={by}"))
    bed.wait_until(lambda: history.document("cost?by=part")["known_s"] > known, CLUSTER.said)


def history__an_end_by_sigterm_keeps_the_last_seconds():
    history = CLUSTER.history
    bed.wait_until(lambda: history.metrics()["gpuslice_history_samples_total"] >= 2, CLUSTER.said)
    known = history.document("cost?by=part")["known_s"]
    expect(history.end(), 0)
    assert not os.path.exists(history.file + "-wal") or os.path.getsize(history.file + "-wal") == 0
    history.start()
    assert history.document("cost?by=part")["known_s"] >= known


def history__that_is_away_is_said():
    history = CLUSTER.history
    expect(history.end(), 0)
    answer = CONTROLLER_ASKS.ask("/api/v1/cost?by=part", objects.bearer("viewer"))
    expect(answer.status, 503)
    assert b"gpuslice-history does not answer" in answer.body, answer.body
    history.start()
    CONTROLLER_ASKS.document("cost?by=part", objects.bearer("viewer"))


class Impostor(http.server.BaseHTTPRequestHandler):
    """Answers at the history's address, with a certificate of somebody else."""
    asked = []

    def log_message(self, *_):
        pass

    def do_GET(self):  # pylint: disable=invalid-name
        Impostor.asked.append(self.headers.get("Authorization"))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")


def history__whoever_else_answers_in_its_place_is_told_nothing():
    history, viewer = CLUSTER.history, objects.bearer("viewer")
    expect(history.end(), 0)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CLUSTER.pem)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", history.port), Impostor)
    server.handle_error = lambda *_: None
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        answer = CONTROLLER_ASKS.ask("/api/v1/cost?by=part", viewer)
    finally:
        server.shutdown()
        server.server_close()
    expect((answer.status, Impostor.asked), (503, []))
    assert b"certificate" in answer.body, answer.body
    history.start()  # with a CA that is new
    CONTROLLER_ASKS.document("cost?by=part", viewer)


def history__whose_ca_nobody_has_written_is_not_believed():
    """Another controller: it has read none yet."""
    written = CLUSTER.api.configmaps.pop(CONFIGMAP)
    try:
        asks = CLUSTER.controller("--history", f"https://127.0.0.1:{CLUSTER.history.port}",
                                  "--history-token", CLUSTER.token_file)
        answer = asks.ask("/api/v1/cost?by=part", objects.bearer("viewer"))
        expect(answer.status, 503)
        assert b"deploy/history/rights.yaml" in answer.body, answer.body
    finally:
        CLUSTER.api.configmaps[CONFIGMAP] = written
    asks.document("cost?by=part", objects.bearer("viewer"))


def history__that_is_damaged_is_put_aside_and_a_new_one_is_begun():
    history = CLUSTER.history
    expect(history.end(), 0)
    with open(history.file, "r+b") as file:
        file.seek(4096)
        file.write(bytes(8192))
    found = subprocess.run([bed.GPUSLICE, "cost", "--file", history.file], text=True, timeout=60,
                           capture_output=True, env=bed.clean_env(), check=False)
    assert (found.returncode, found.stdout) == (3, "") and "damaged" in found.stderr, found
    history.start()
    aside = [name for name in os.listdir(CLUSTER.folder) if ".damaged-" in name]
    expect(len(aside), 1)
    assert f"was put aside as {history.file}.damaged-" in CLUSTER.said(), CLUSTER.said()
    expect(history.metrics()["gpuslice_history_damaged_files"], 1)
    expect(history.standing(), (200, "ok; damaged files beside the history: 1\n"))
    bed.wait_until(lambda: history.document("cost?by=part")["known_s"] > 0, CLUSTER.said)
    adds_up(history.document("cost?by=namespace"))
    os.remove(os.path.join(CLUSTER.folder, aside[0]))


def history__an_hour_that_was_changed_is_in_no_sum_and_said():
    history, viewer = CLUSTER.history, objects.bearer("viewer")
    bed.wait_until(lambda: history.document("cost?by=part")["known_s"] > 0, CLUSTER.said)
    expect(history.end(), 0)
    with sqlite3.connect(history.file) as db:
        hour, = db.execute("SELECT max(hour) FROM known").fetchone()
        old = hour - 5
        db.execute("INSERT INTO known SELECT ?, seconds, bill, digest FROM known WHERE hour = ?",
                   (old, hour))
        db.execute("INSERT INTO paid SELECT ?, kind, name, uusd_h_s + (kind = 2) FROM paid"
                   " WHERE hour = ?", (old, hour))
    db.close()
    history.start()
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(old * 3600))
    for asks in (lambda by: CONTROLLER_ASKS.document(
            f"cost?by={by}&from={(old - 1) * 3600}&to={(hour + 2) * 3600}", viewer),
                 lambda by: cost("--by", by, "--file", history.file),
                 lambda by: cost("--by", by, "--kubeconfig", CLUSTER.kubeconfig)):
        for by in ("part", "namespace", "workload", "pool"):
            found = asks(by)
            adds_up(found)
            expect(found["left_out"]["count"], 1)
            expect(found["left_out"]["first"][0]["at"][:19], at[:19])
            assert "workloads are not its bill" in found["left_out"]["first"][0]["why"], found
    said = subprocess.run([bed.GPUSLICE, "cost", "--file", history.file], text=True,
                          capture_output=True, env=bed.clean_env(), timeout=60, check=False)
    assert "1 hour is left out" in said.stdout and at in said.stdout, said.stdout


def run_cost(*words):
    return subprocess.run([bed.GPUSLICE, "cost", *words], text=True, capture_output=True, timeout=60,
                          env=bed.clean_env(), check=False)


ODD = {'team,"a"': 5000000, "=cmd|' /C calc'!A0": 1234, "-1+1": 10000, "Überraschung": 1, "a b": 4999,
       "(idle)": 7770000, "'": 5000}  # millionths of a dollar


def odd_file():
    """A history of one hour, a day ago: one that ours has made, with other rows."""
    path = os.path.join(CLUSTER.folder, "odd.db")
    hour, bill = int(time.time()) // 3600 - 24, sum(ODD.values())
    with sqlite3.connect(CLUSTER.history.file) as source, sqlite3.connect(path) as db:
        source.backup(db)
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("DELETE FROM paid")
        db.execute("DELETE FROM known")
        db.execute("INSERT INTO known VALUES (?, 3600, ?, -1)", (hour, bill * 3600))
        rows = [(kind, name, amount) for kind in (1, 2, 3) for name, amount in ODD.items()]
        rows += [(0, "used", bill - ODD["(idle)"]), (0, "idle", ODD["(idle)"])]
        db.executemany("INSERT INTO paid VALUES (?, ?, ?, ?)",
                       [(hour, kind, name, amount * 3600) for kind, name, amount in rows])
    source.close()
    db.close()
    return path, hour * 3600, bill


def cost__is_read_by_programs_that_are_not_ours():
    path, begin, bill = odd_file()
    for by in ("namespace", "workload", "pool"):
        found = run_cost("--file", path, "--since", "2d", "--by", by, "-o", "csv")
        expect((found.returncode, found.stderr), (0, ""))
        head, *rows, total = csv.reader(io.StringIO(found.stdout, newline=""))
        expect(head, [by, "usd", "uusd"])
        expect({name.removeprefix("'") if name != "'" else name: int(uusd) for name, _, uusd in rows},
               ODD)
        for name, _, _ in rows:
            assert name[0] not in "=+-@", name
        expect(total[0::2], ["total", str(bill)])
        expect(sum(decimal.Decimal(usd) for _, usd, _ in rows), decimal.Decimal(total[1]))
    found = json.loads(run_cost("--file", path, "--since", "2d", "-o", "json").stdout)
    expect({row["name"]: row["uusd"] for row in found["rows"]}, ODD)
    expect(sorted(found), sorted(["by", "from", "to", "rows", "total", "known_s", "length_s",
                                  "left_out"]))
    # the same moment in three time zones, one of which changes its clocks elsewhere in the year
    at = time.gmtime(begin)
    spellings = [time.strftime("%Y-%m-%dT%H:%M:%SZ", at)] + [
        time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(begin + hours * 3600)) + f"{hours:+03d}:00"
        for hours in (2, -7)]
    for since in spellings:
        found = json.loads(run_cost("--file", path, "--since", since, "-o", "json").stdout)
        expect((since, found["known_s"], found["total"]["uusd"]), (since, 3600, bill))
        expect(found["from"][:19], spellings[0][:19])


def cost__of_a_time_of_which_nothing_is_known_is_not_0():
    path, _, _ = odd_file()
    words = ("--file", path, "--since", "400d", "--until", "300d")
    found = run_cost(*words)
    expect(found.returncode, 0)
    assert "not known" in found.stdout and "0.00" not in found.stdout, found.stdout
    expect(json.loads(run_cost(*words, "-o", "json").stdout)["total"], None)
    expect(run_cost(*words, "-o", "csv").stdout, "namespace,usd,uusd\ntotal,,\n")


def cost__says_every_time_in_one_style():
    path, _, _ = odd_file()
    found = run_cost("--file", path, "--since", "2d")
    assert re.search(r"known of 1\.0 h of 2\.0 days; what the other (2\.0 days|4[78]\.\d h) cost is not",
                     found.stdout), found.stdout


def cost__of_a_pipe_does_not_wait():
    path = os.path.join(CLUSTER.folder, "pipe")
    os.mkfifo(path)
    found = run_cost("--file", path)
    expect((found.returncode, found.stdout), (3, ""))
    assert "found a pipe; expected a history's file" in found.stderr, found.stderr


def history__says_since_when_a_kind_is_not_watched():
    history = CLUSTER.history
    bed.wait_until(lambda: history.metrics()["gpuslice_history_unsampled_seconds"] <= 2, CLUSTER.said)
    CLUSTER.api.lost = True
    try:
        bed.wait_until(lambda: history.standing()[1].count("not watched since") == 3, CLUSTER.said)
        status, text = history.standing()
        expect(status, 200)  # what is kept can be read
        history.document("cost?by=part")
        assert re.search(r"^ok\nPod: not watched since 2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\dZ, no samples "
                         r"meanwhile: \S", text), text
        bed.wait_until(lambda: history.metrics()["gpuslice_history_unsampled_seconds"] >= 3,
                       CLUSTER.said)
    finally:
        CLUSTER.api.lost = False
    bed.wait_until(lambda: history.standing() == (200, "ok\n"), CLUSTER.said)
    bed.wait_until(lambda: history.metrics()["gpuslice_history_unsampled_seconds"] <= 2, CLUSTER.said)


def history__a_file_of_others_is_refused():
    path = os.path.join(CLUSTER.folder, "other.db")
    with open(path, "w", encoding="ascii") as file:
        file.write("not a history\n" * 500)
    found = subprocess.run([HISTORY, "--kubeconfig", CLUSTER.kubeconfig, "--file", path, "--listen",
                            "127.0.0.1:0", "--http-address="], capture_output=True, text=True,
                           timeout=30, check=False, env=bed.clean_env())
    expect(found.returncode, 1)
    assert "no history" in found.stderr, found.stderr
    for options in ([], ["--file", path, "--every", "0"], ["--file", path, "--every", "61"]):
        found = subprocess.run([HISTORY, *options], capture_output=True, text=True, timeout=30,
                               check=False, env=bed.clean_env())
        expect(found.returncode, 2)


class Prometheus(http.server.BaseHTTPRequestHandler):
    """What one would answer to query_range."""
    asked = []

    def log_message(self, *_):
        pass

    def do_GET(self):  # pylint: disable=invalid-name
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        Prometheus.asked.append((url.path, query))
        status, found = 200, {"status": "success", "data": {"resultType": "matrix", "result": [
            {"metric": {}, "values": [[int(query["start"]), "1.5"], [int(query["end"]), "NaN"]]}]}}
        if "waiting" in query["query"]:
            found["data"]["result"] = []
        if query["start"] == "77":
            status, found = 422, {"status": "error", "errorType": "execution", "error": "too much"}
        body = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def prometheus__takes_the_place_of_the_history():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Prometheus)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    viewer = objects.bearer("viewer")
    asks = CLUSTER.controller("--prometheus", f"http://127.0.0.1:{server.server_address[1]}")
    source = asks.document("fleet", viewer)["source"]
    expect((source["series"], source["events"]), (True, False))
    found = asks.document("history?series=bill_usd_h,waiting_pods,recuts,bound_usd_h"
                          "&from=1000&to=2000&step=60", viewer)
    expect([(one["name"], one["labels"], one["points"]) for one in found["series"]],
           [("bill_usd_h", {}, [[1000, 1.5]]), ("recuts", {}, [[1000, 1.5]])])
    expect(sorted(query["query"] for _, query in Prometheus.asked), sorted([
        "sum(gpuslice:usd_per_hour:sum)", "sum(gpuslice:waiting_pods:sum)",
        'sum(increase(gpuslice_recuts_total{result="done"}[60s]))']))
    expect({(path, query["start"], query["end"], query["step"]) for path, query in Prometheus.asked},
           {("/api/v1/query_range", "1000", "2000", "60")})
    answer = asks.ask("/api/v1/history?series=bill_usd_h&from=77&to=2000&step=60", viewer)
    expect((answer.status, answer.body), (503, b"Prometheus says: too much\n"))
    for path in ("cost?by=part", "gpus/GPU-n1/history"):
        answer = asks.ask(f"/api/v1/{path}", viewer)
        expect(answer.status, 404)
        assert b"gpuslice-history" in answer.body, answer.body
    server.shutdown()
    server.server_close()
    answer = asks.ask("/api/v1/history?series=bill_usd_h&from=1000&to=2000&step=60", viewer)
    expect(answer.status, 503)


if __name__ == "__main__":
    if shutil.which("openssl") is None:
        print("1..0 # SKIP openssl is not installed: it makes the API server's certificate")
        sys.exit(0)
    try:
        CLUSTER = Cluster()
        try:
            CONTROLLER_ASKS = CLUSTER.controller(
                "--history", f"https://127.0.0.1:{CLUSTER.history.port}", "--history-token",
                CLUSTER.token_file)
            tap.run(tap.cases_of(sys.modules[__name__], ("history__", "cost__", "prometheus__")))
        finally:
            CLUSTER.end()
    finally:
        bed.end()
