#!/usr/bin/env python3
"""Serves the pages of web/ over a recorded cluster, on loopback, as the dashboard does: for tests of the
pages, and to work on them.

usage: serve.py WEB_DIR [NODES=3] [PORT=0] [KEPT=1]    prints the address; KEPT=0: no history

POST /test/down and /test/up take the API away and give it back; /test/change?n=N changes nodes.
"""
import http.server
import json
import os
import queue
import sys
import threading
import urllib.parse

from recorded import AT, NOTHING, Cluster

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
POLICY = ("default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
          "object-src 'none'")


class Server(http.server.ThreadingHTTPServer):
    """`streams`: a queue for each that listens to events."""
    daemon_threads = True

    def __init__(self, web, nodes, port, kept):
        super().__init__(("127.0.0.1", port), Handler)
        self.web, self.cluster = os.path.abspath(web), Cluster(nodes, kept=kept)
        self.down, self.streams, self.lock = False, [], threading.Lock()

    def tell(self, name, document):
        with self.lock:
            for stream in self.streams:
                stream.put((name, document))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def document(self, document):
        self.send(200, "application/json", json.dumps(document).encode())

    def do_POST(self):  # pylint: disable=invalid-name
        url = urllib.parse.urlsplit(self.path)
        words = dict(urllib.parse.parse_qsl(url.query))
        if url.path in ("/test/down", "/test/up"):
            self.server.down = url.path == "/test/down"
            if self.server.down:
                self.server.tell(None, None)
        elif url.path == "/test/change":
            self.server.tell("nodes", self.server.cluster.change(int(words.get("n", "1"))))
        self.send(200, "text/plain", b"ok\n")

    def do_GET(self):  # pylint: disable=invalid-name
        url = urllib.parse.urlsplit(self.path)
        if url.path.startswith("/api/v1/"):
            if self.server.down:
                self.send(503, "text/plain", b"down\n")
            else:
                self.api(url.path[len("/api/v1/"):], dict(urllib.parse.parse_qsl(url.query)))
            return
        name = "index.html" if url.path == "/" else url.path[1:]
        path = os.path.normpath(os.path.join(self.server.web, name))
        kind = TYPES.get(os.path.splitext(path)[1])
        if kind is None or not path.startswith(self.server.web + os.sep) or not os.path.isfile(path):
            self.send(404, "text/plain", b"not found\n")
            return
        with open(path, "rb") as file:
            self.send(200, kind, file.read())

    def api(self, path, words):
        cluster = self.server.cluster
        if path in ("fleet", "waiting", "money"):
            self.document(getattr(cluster, path)())
        elif path == "money/better":
            self.document(cluster.better())
        elif not cluster.kept and path.endswith("history"):
            self.send(404, "text/plain", b"no history is kept here\n")
        elif path == "cost" and cluster.kept:
            self.document(cluster.cost(words["by"], int(words["from"]), int(words["to"])))
        elif path == "history":
            self.document(cluster.history(words["series"].split(","), int(words["from"]),
                                          int(words["to"]), int(words["step"])))
        elif path.endswith("/history"):
            self.document({"at": AT, "left_out": NOTHING, "events": [
                {"at": AT, "what": "Recut", "text": "1g.5gb at 0 made way for 3g.20gb"}]})
        elif path == "events":
            self.events()
        else:
            self.send(404, "text/plain", b"no such document\n")

    def events(self):
        stream = queue.Queue()
        with self.server.lock:
            self.server.streams.append(stream)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            self.wfile.write(b": hello\n\n")
            self.wfile.flush()
            while True:
                name, document = stream.get()
                if name is None:
                    break
                self.wfile.write(f"id: {document['revision']}\nevent: {name}\n"
                                 f"data: {json.dumps(document)}\n\n".encode())
                self.wfile.flush()
        except OSError:
            pass
        finally:
            with self.server.lock:
                self.server.streams.remove(stream)


def main():
    """Until it is ended."""
    web, nodes, port, kept = (sys.argv[1:] + ["3", "0", "1"][len(sys.argv) - 2:])[:4]
    server = Server(web, int(nodes), int(port), kept == "1")
    print(f"http://127.0.0.1:{server.server_address[1]}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
