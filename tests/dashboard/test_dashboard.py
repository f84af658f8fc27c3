#!/usr/bin/env python3
"""The dashboard as people meet it: `gpuslice dashboard --node` over a simulated machine.

usage: test_dashboard.py GPUSLICE GPUSLICE_SIM SOURCE_DIR
"""
import http.client
import os
import socket
import subprocess
import sys
import time

import bed
from bed import expect, tap

PATHS = ["/", "/index.html", "/app.js", "/nowhere", "/api/v1/fleet", "/api/v1/waiting",
         "/api/v1/money", "/api/v1/money/better", "/api/v1/events", "/api/v1/code", "/api/v1/history",
         "/api/v1/gpus/GPU-1/history", "/api/v1/pods/a/b/history", "/api/v1/nowhere", "/metrics",
         "/debug/state", "/healthz/", "/api/v1/../v1/fleet"]


def node__nothing_but_health_is_told_to_strangers():
    with bed.Node() as node:
        for path in PATHS:
            for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Gpuslice-Token": "x" * 9000},
                            {"Cookie": "gpuslice=" + "0" * 64}, {"Authorization": "Basic YTpi"}):
                answer = node.ask(path, headers)
                assert answer.status == 401, (path, headers, answer.status)
                assert b"GPU-" not in answer.body and b"<html" not in answer.body, path
        assert node.ask("/healthz", {}).status == 200


def node__only_get_and_head_are_served():
    with bed.Node() as node:
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            for headers in ({}, node.bearer):
                assert node.ask("/api/v1/fleet", headers, method).status == 405, method
        head = node.ask("/api/v1/fleet", node.bearer, "HEAD")
        assert head.status == 200 and head.body == b""


def node__every_answer_says_what_its_pages_may_do():
    with bed.Node() as node:
        for path, headers in (("/", node.bearer), ("/nowhere", node.bearer), ("/", {}),
                              ("/api/v1/fleet", node.bearer), ("/healthz", {}),
                              (node.way_in, {}), ("/open/wrong", {})):
            found = node.ask(path, headers).headers
            policy = found["Content-Security-Policy"]
            assert "default-src 'self'" in policy and "unsafe" not in policy, (path, policy)
            assert found["X-Content-Type-Options"] == "nosniff", path
            assert found["Access-Control-Allow-Origin"] is None, path


def node__another_name_for_our_address_is_turned_away():
    with bed.Node() as node:
        cookie = node.cookie()
        for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "localhost.",
                     "128.0.0.1", "[::2]", "127.0.0.1:99999", "127.0.0.1@evil", "a" * 300):
            for path in ("/", "/api/v1/fleet", node.way_in):
                status = node.ask(path, {"Host": host, **cookie}).status
                assert status in (400, 421), (host, path, status)
        for host in ("localhost", "localhost:1", "127.0.0.1", "127.9.9.9:5", "[::1]:80"):
            assert node.ask("/api/v1/fleet", {"Host": host, **cookie}).status == 200, host


def node__the_address_gives_a_cookie_that_scripts_cannot_read():
    with bed.Node() as node:
        answer = node.ask(node.way_in, {})
        cookie = answer.headers["Set-Cookie"]
        for word in ("HttpOnly", "SameSite=Strict", "Path=/"):
            assert word in cookie, cookie
        assert answer.headers["Refresh"] == "0; url=/"
        assert node.token not in cookie
        assert node.ask("/", node.cookie()).status == 200
        assert node.ask("/open/" + "0" * 64, {}).status == 403
        assert node.ask("/open/", {}).status == 403


def node__two_dashboards_do_not_take_each_others_cookies():
    with bed.Node() as one, bed.Node() as other:
        both = {"Cookie": "; ".join(node.cookie()["Cookie"] for node in (one, other))}
        for node in (one, other):
            assert node.ask("/", both).status == 200
        assert one.cookie()["Cookie"].split("=")[0] != other.cookie()["Cookie"].split("=")[0]
        assert one.ask("/", other.cookie()).status == 401


def node__a_code_opens_once():
    with bed.Node() as node:
        path = node.document("code")["path"]
        assert node.ask(path, {}).status == 200
        assert node.ask(path, {}).status == 403
        assert node.ask("/api/v1/code", node.cookie()).status == 403  # a page gets none


def node__pages_are_those_of_the_source():
    with bed.Node() as node:
        for name in ("index.html", "app.js", "style.css"):
            answer = node.ask(f"/{name}", node.bearer)
            assert answer.body == bed.source(f"web/{name}"), name
            tag = answer.headers["ETag"]
            again = node.ask(f"/{name}", {**node.bearer, "If-None-Match": tag})
            assert again.status == 304 and again.body == b"", name
        assert node.ask("/", node.bearer).body == bed.source("web/index.html")
        for path in ("/../src/cli/main.c", "/%2e%2e/Makefile", "//etc/passwd", "/app.js/"):
            assert node.ask(path, node.bearer).status == 404, path


def node__the_fleet_is_what_the_machine_has():
    with bed.Node("--instance-type", "p4d.24xlarge", "--region", "us-east-1",
                  gpus="8xA100-40GB") as node:
        bed.cut(node.machine, {"1g.5gb": 2, "3g.20gb": 1})
        fleet = node.until(lambda d: len(d["nodes"][0]["gpus"][0]["slices"]) == 3)
        gpu = fleet["nodes"][0]["gpus"][0]
        names = [p["name"] for p in fleet["models"][gpu["model"]]["profiles"]]
        expect(sorted(names[s[0]] for s in gpu["slices"]), ["1g.5gb", "1g.5gb", "3g.20gb"])
        expect([s[2] for s in gpu["slices"]], [0, 0, 0])
        money = node.document("money")
        expect(money["used"] + money["idle"] + money["stranded"] + money["starting"], money["bill"])
        expect(money["used"], 0)
        expect(fleet["source"]["kind"], "node")


def node__a_type_that_has_other_gpus_is_refused():
    """What the machine has is found, and what such a one has is expected."""
    cases = (("2xA100-40GB", "p4d.24xlarge", "found 2 GPUs, expected 8 x A100-40GB"),
             ("8xA100-80GB", "p4d.24xlarge", "found 8 GPUs, among them of model A100-80GB, expected 8 x A100-40GB"),
             ("1xA100-40GB", "g6.xlarge", "found 1 GPU, among them of model A100-40GB, expected 1 x L4"))
    for number, (gpus, kind, said) in enumerate(cases):
        machine = os.path.join(bed.WORK, f"typed{number}")
        bed.sim("create", machine, "--gpus", gpus, "--mig")
        for command in (["dashboard", "--node", "--no-browser"], ["top", "--node", "--once"]):
            found = subprocess.run(
                [bed.GPUSLICE, *command, "--instance-type", kind, "--region", "us-east-1"],
                env=bed.clean_env(GPUSLICE_SIM=machine), capture_output=True, text=True, timeout=240,
                check=False)
            expect((command, found.returncode, found.stdout), (command, 3, ""))
            assert f"--instance-type {kind}: {said}" in found.stderr, found.stderr


def node__half_requests_do_not_shut_the_pages_out():
    with bed.Node() as node:
        halves = []
        try:
            for _ in range(300):
                one = socket.socket()
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", node.port))
                halves.append(one)
            for one in halves:
                try:
                    one.send(b"GET / HTTP/1.1\r\nX-A: ")
                except OSError:
                    pass  # it waits for its turn, or was sent away
            deadline = time.monotonic() + 120
            status = 0
            while status != 200 and time.monotonic() < deadline:
                try:
                    status = node.ask("/api/v1/fleet", node.bearer).status
                except (OSError, http.client.HTTPException):
                    time.sleep(0.2)
            expect(status, 200)
        finally:
            for one in halves:
                one.close()


def node__there_is_no_planner_and_no_history():
    with bed.Node() as node:
        source = node.document("fleet")["source"]
        expect((source["series"], source["events"]), (False, False))
        for name in ("money/better", "history", "gpus/GPU-1/history", "pods/a/b/history"):
            answer = node.ask(f"/api/v1/{name}", node.bearer)
            assert answer.status == 404 and answer.body, name
        icon = node.ask("/favicon.ico", node.bearer)
        expect(icon.headers["Content-Type"], "image/svg+xml")


def node__a_hostile_process_stays_a_text():
    with bed.Node("--instance-type", "p4d.24xlarge", "--region", "us-east-1",
                  gpus="8xA100-40GB") as node:
        bed.cut(node.machine, {"7g.40gb": 1})
        with bed.holder(node.machine, "<b id=\"x'\x1b\\>y"):
            fleet = node.until(lambda d: d["pods"])
            slices = fleet["nodes"][0]["gpus"][0]["slices"]
            expect(slices[0][2:], [1, 0])
            assert "<b id=\"x'" in fleet["pods"][0]["name"], fleet["pods"]
            assert "\x1b" not in fleet["pods"][0]["name"]
            money = node.document("money")
            expect(money["used"] + money["idle"] + money["stranded"], money["bill"])
            expect([r["name"] for r in money["by_namespace"]], ["(no pod)"])
            answer = node.ask("/api/v1/fleet", node.bearer)
            expect(answer.headers["Content-Type"], "application/json")


def node__who_listens_is_told_of_changes():
    with bed.Node() as node, node.events() as events:
        bed.cut(node.machine, {"3g.20gb": 2})
        change = events.until("nodes", lambda d: len(d["nodes"][0]["gpus"][0]["slices"]) == 2)
        expect(change["gone"], [])
        assert change["revision"] > 0
        # what was told is what who asks gets
        expect(node.document("fleet")["nodes"], change["nodes"])


def node__many_listeners_are_bounded():
    with bed.Node() as node:
        open_now = [node.events() for _ in range(70)]
        try:
            statuses = [one.status for one in open_now]
            assert statuses.count(200) == 64 and statuses.count(503) == 6, statuses
            assert node.ask("/healthz", {}).status == 200
        finally:
            for one in open_now:
                one.close()
        deadline = time.monotonic() + 120
        while node.events_status() != 200:
            assert time.monotonic() < deadline, "places of those that went are not free again"
            time.sleep(0.5)


def node__a_machine_that_breaks_is_shown_as_broken():
    with bed.Node() as node:
        bed.sim("lose", node.machine, "--gpu", "0")
        fleet = node.until(lambda d: not d["nodes"][0]["gpus"][0]["healthy"])
        assert fleet["nodes"][0]["gpus"][0]["why"], fleet


if __name__ == "__main__":
    try:
        tap.run(tap.cases_of(sys.modules[__name__], "node__"))
    finally:
        bed.end()
