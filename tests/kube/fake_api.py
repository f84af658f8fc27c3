#!/usr/bin/env python3
"""A scripted API server: a few kinds of objects as Kubernetes serves them, and every way to fail.

usage: fake_api.py CERT KEY TOKENS

Listens with TLS on a port of 127.0.0.1, prints the port, and ends with its stdin. TOKENS is a file
with one token a line, read anew for each request. Objects are kept by path; nodes and pods have a
/status of their own; lists have pages and field selectors, watches have bookmarks. HTTP/1.1.

A test tells it what to do wrong by POST /_script with JSON, without a token:
  {"faults": [{"match": "GET /api/v1/nodes", "times": 2, ...}]}   requests that begin so, of
      "METHOD PATH?QUERY"; "times" of them (1); what happens to them is one of
        "status": 429, "body": {...} or "text", "headers": {"Retry-After": "1"}
        "raw": bytes (latin-1) in place of an answer, "hold": leave the connection open
        "delay": seconds, then as usual        "silent": seconds of nothing, then the end
        "cut": after so many bytes of the body the connection ends
        "lines": what a watch sends in place of events, then the end; "hold" as above
  {"forget": true}      watches and pages from before are too old (410)
  {"drop": true}        every watch ends
  {"bookmark": true}    every watch gets a bookmark
GET /_seen gives what was asked, in order: [["GET", "/api/v1/nodes/a", "Bearer t", {...body}]...].
"""
import copy
import http.server
import json
import ssl
import sys
import threading
import time
import urllib.parse
import uuid

KINDS = {"nodes": "Node", "pods": "Pod", "events": "Event"}
LIST_OF = {"nodes": "v1", "pods": "v1", "events": "events.k8s.io/v1"}


class Refusal(Exception):
    def __init__(self, code, reason, message):
        super().__init__(message)
        self.code, self.reason, self.message = code, reason, message

    def body(self):
        return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": self.code,
                "reason": self.reason, "message": self.message}


class Store:
    """Objects by path, and what happened to them in order."""

    def __init__(self):
        self.changed = threading.Condition()
        self.objects, self.log, self.version, self.oldest = {}, [], 1, 0
        self.faults, self.seen, self.generation, self.bookmarks = [], [], 0, 0
        self.pages = {}

    def put(self, path, found, kind):
        self.version += 1
        found["metadata"]["resourceVersion"] = str(self.version)
        self.objects[path] = found
        self.log.append((self.version, kind, path, copy.deepcopy(found)))
        self.changed.notify_all()
        return found

    def remove(self, path):
        gone = self.objects.pop(path)
        self.version += 1
        gone["metadata"]["resourceVersion"] = str(self.version)
        self.log.append((self.version, "DELETED", path, copy.deepcopy(gone)))
        self.changed.notify_all()
        return gone


def field(found, path):
    for part in path.split("."):
        found = found.get(part, "") if isinstance(found, dict) else ""
    return found


def selected(found, selectors):
    return all(field(found, key) == value for key, value in selectors)


def selectors_of(query):
    text = query.get("fieldSelector", "")
    return [tuple(one.split("=", 1)) for one in text.split(",") if one]


def is_label_value(text):
    plain = text.replace("-", "").replace("_", "").replace(".", "")
    return (len(text) <= 63 and (plain.isalnum() and plain.isascii() or text == "")
            and (text == "" or (text[0].isalnum() and text[-1].isalnum())))


def is_amount(text):
    return isinstance(text, str) and text[:1].isdigit() and text.rstrip("kMGTPEi").replace(
        ".", "").rstrip("mnu").isdigit()


def check(found):
    for key, value in (found["metadata"].get("labels") or {}).items():
        if not isinstance(value, str) or not is_label_value(value):
            raise Refusal(422, "Invalid", f"metadata.labels: Invalid value: {key}: {value!r}")
    for part in ("capacity", "allocatable"):
        for key, value in (found.get("status", {}).get(part) or {}).items():
            if not is_amount(value):
                raise Refusal(400, "BadRequest", f"quantities must match the regular expression: "
                                                 f"{key}: {value!r}")
    for one in found.get("spec", {}).get("taints") or []:
        if not one.get("key"):
            raise Refusal(422, "Invalid", "spec.taints: a taint without a key")


def merge(into, change):
    for key, value in change.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict):
            into[key] = merge(into[key] if isinstance(into.get(key), dict) else {}, value)
        else:
            into[key] = value
    return into


def json_patch(found, steps):
    for step in steps:
        *way, last = step["path"].strip("/").split("/")
        at = found
        for part in way:
            at = at.get(part, {}) if isinstance(at, dict) else at[int(part)]
        try:
            value = at[int(last)] if isinstance(at, list) else at[last]
        except (IndexError, KeyError):
            raise Refusal(422, "Invalid", f"{step['path']}: there is nothing") from None
        if step["op"] == "test" and value != step["value"]:
            raise Refusal(422, "Invalid", f"testing path {step['path']} value failed")
        if step["op"] == "remove":
            del at[int(last) if isinstance(at, list) else last]
    return found


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    cut = None

    def log_message(self, *_):
        pass

    # ---- answers ----

    def send(self, code, body, headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        for key, value in headers:
            self.send_header(key, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.cut is not None and self.cut < len(data):
            self.wfile.write(data[:self.cut])
            self.close_connection = True
            return
        self.wfile.write(data)

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def line(self, kind, found):
        self.chunk(json.dumps({"type": kind, "object": found}).encode() + b"\n")

    # ---- a request ----

    def handle_one(self):
        self.cut = None
        where = urllib.parse.urlsplit(self.path)
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size) or b"null") if size else None
        query = dict(urllib.parse.parse_qsl(where.query))
        if where.path == "/_script":
            return self.script(body)
        if where.path == "/_seen":
            with STORE.changed:
                return self.send(200, STORE.seen)
        token = self.headers.get("Authorization", "")
        with STORE.changed:
            STORE.seen.append([self.command, self.path, token, body])
            fault = self.fault()
        if fault and not self.misbehave(fault):
            return None
        with open(sys.argv[3], encoding="ascii") as known:
            if token.removeprefix("Bearer ") not in known.read().split():
                raise Refusal(401, "Unauthorized", "Unauthorized")
        return self.serve(where.path, query, body)

    def do_any(self):
        try:
            self.handle_one()
        except Refusal as refusal:
            self.send(refusal.code, refusal.body())
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_any

    # ---- what goes wrong ----

    def script(self, body):
        with STORE.changed:
            STORE.faults += body.get("faults", [])
            if body.get("forget"):
                STORE.oldest = STORE.version
                STORE.version += 1
                STORE.pages.clear()
            STORE.generation += bool(body.get("drop") or body.get("forget"))
            STORE.bookmarks += bool(body.get("bookmark"))
            STORE.changed.notify_all()
        self.send(200, {})

    def fault(self):
        for one in STORE.faults:
            if f"{self.command} {self.path}".startswith(one["match"]) and one.get("times", 1) > 0:
                one["times"] = one.get("times", 1) - 1
                return one
        return None

    def misbehave(self, fault):
        """True: the request is then served as usual."""
        if "status" in fault:
            body = fault.get("body", fault.get("text", ""))
            self.send(fault["status"], body.encode() if isinstance(body, str) else body,
                      fault.get("headers", {}).items())
            return False
        if "delay" in fault:
            time.sleep(fault["delay"])
            return True
        if "cut" in fault:
            self.cut = fault["cut"]
            return True
        self.close_connection = not fault.get("hold")
        if "silent" in fault:
            time.sleep(fault["silent"])
            self.close_connection = True
        elif "raw" in fault:
            self.wfile.write(fault["raw"].encode("latin-1"))
            self.wfile.flush()
        elif "lines" in fault:
            self.begin_stream()
            for text in fault["lines"]:
                self.chunk(text.encode() + b"\n")
            if not fault.get("hold"):
                self.chunk(b"")
        if fault.get("hold"):
            time.sleep(60)
        return False

    # ---- objects ----

    def serve(self, path, query, body):
        parts = path.strip("/").split("/")
        status = parts[-1] == "status"
        if status:
            parts.pop()
        if parts[-1] == "binding":
            return self.bind("/" + "/".join(parts[:-1]), body)
        if parts[-1] in KINDS:
            if self.command == "POST":
                return self.create("/" + "/".join(parts), parts[-1], body)
            return self.watch("/" + "/".join(parts), parts[-1], query) if query.get("watch") \
                else self.list("/" + "/".join(parts), parts[-1], query)
        if parts[-2:-1] and parts[-2] in KINDS:
            return self.one("/" + "/".join(parts), parts[-2], status, body)
        raise Refusal(404, "NotFound", "the server could not find the requested resource")

    def create(self, path, plural, body):
        name = body["metadata"]["name"]
        with STORE.changed:
            if f"{path}/{name}" in STORE.objects:
                raise Refusal(409, "AlreadyExists", f'{plural} "{name}" already exists')
            body.setdefault("kind", KINDS[plural])
            body["metadata"].setdefault("uid", str(uuid.uuid4()))
            if plural == "pods":
                body["metadata"]["namespace"] = path.split("/")[-2]
                body.setdefault("status", {}).setdefault("phase", "Pending")
            check(body)
            made = STORE.put(f"{path}/{name}", body, "ADDED")
        self.send(201, made)

    def bind(self, path, body):
        with STORE.changed:
            pod = copy.deepcopy(STORE.objects[path])
            pod["spec"]["nodeName"] = body["target"]["name"]
            STORE.put(path, pod, "MODIFIED")
        self.send(201, {})

    def one(self, path, plural, status, body):
        with STORE.changed:
            found = STORE.objects.get(path)
            if found is None:
                raise Refusal(404, "NotFound", f'{plural} "{path.rsplit("/", 1)[1]}" not found')
            if self.command == "DELETE":
                found = STORE.remove(path)
            elif self.command == "PATCH":
                fresh = copy.deepcopy(found)
                kind = self.headers.get("Content-Type")
                if kind == "application/json-patch+json":
                    fresh = json_patch(fresh, body)
                elif kind in ("application/merge-patch+json",
                              "application/strategic-merge-patch+json"):
                    fresh = merge(fresh, body)
                else:
                    raise Refusal(415, "UnsupportedMediaType", f"{kind}")
                if status:
                    fresh = dict(copy.deepcopy(found), status=fresh.get("status", {}))
                elif plural != "events":
                    fresh["status"] = copy.deepcopy(found.get("status", {}))
                check(fresh)
                found = STORE.put(path, fresh, "MODIFIED")
        self.send(200, found)

    # ---- lists and watches ----

    def in_collection(self, path, plural, of):
        if path.count("/") > 3 or plural == "nodes":
            return of.rsplit("/", 1)[0] == path
        return f"/{plural}/" in of  # all namespaces

    def list(self, path, plural, query):
        with STORE.changed:
            token = query.get("continue")
            if token:
                if token not in STORE.pages:
                    raise Refusal(410, "Expired", "The provided continue parameter is too old")
                version, found = STORE.pages.pop(token)
            else:
                version = STORE.version
                found = [copy.deepcopy(one) for of, one in sorted(STORE.objects.items())
                         if self.in_collection(path, plural, of)
                         and selected(one, selectors_of(query))]
            size = int(query.get("limit") or 0) or len(found)
            now, later = found[:size], found[size:]
            meta = {"resourceVersion": str(version)}
            if later:
                meta["continue"] = f"page+{version}/{len(later)}=="
                meta["remainingItemCount"] = len(later)
                STORE.pages[meta["continue"]] = (version, later)
        for one in now:
            one.pop("kind", None)
        self.send(200, {"kind": KINDS[plural] + "List", "apiVersion": LIST_OF[plural],
                        "metadata": meta, "items": now})

    def begin_stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()

    def watch(self, path, plural, query):
        version, chosen = int(query["resourceVersion"]), selectors_of(query)
        with STORE.changed:
            if version < STORE.oldest:
                raise Refusal(410, "Expired", f"too old resource version: {version}")
            generation, marks = STORE.generation, STORE.bookmarks
        self.begin_stream()
        end = time.monotonic() + float(query.get("timeoutSeconds", 60))
        while time.monotonic() < end:
            with STORE.changed:
                STORE.changed.wait_for(
                    lambda v=version: STORE.version > v or STORE.generation != generation
                    or STORE.bookmarks != marks or DONE.is_set(), 1)
                events = [(at, kind, one) for at, kind, of, one in STORE.log if at > version
                          and self.in_collection(path, plural, of) and selected(one, chosen)]
                version, ended = STORE.version, STORE.generation != generation or DONE.is_set()
                mark, marks = STORE.bookmarks != marks, STORE.bookmarks
            for _, kind, one in events:
                self.line(kind, one)
            if mark:
                self.line("BOOKMARK", {"kind": KINDS[plural],
                                       "metadata": {"resourceVersion": str(version)}})
            if ended:
                break
        self.chunk(b"")
        self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def finish_request(self, request, client_address):
        # The handshake here, in the connection's own thread: one that hangs holds up no other.
        try:
            with CONTEXT.wrap_socket(request, server_side=True) as secure:
                self.RequestHandlerClass(secure, client_address, self)
        except (ssl.SSLError, OSError):
            pass

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (OSError, ssl.SSLError)):
            super().handle_error(request, client_address)


STORE = Store()
DONE = threading.Event()
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


def main():
    CONTEXT.load_cert_chain(sys.argv[1], sys.argv[2])
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()
    DONE.set()


if __name__ == "__main__":
    main()
