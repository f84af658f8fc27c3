"""An API server for the dashboard: objects that are watched, who may see what, and the way to pods.

What a real one does with tests/cluster; here it answers as a test says, and keeps what it was asked.
"""
import http.client
import http.server
import json
import ssl
import subprocess
import threading
import urllib.parse

LISTS = {"/api/v1/pods": ("v1", "PodList"), "/api/v1/nodes": ("v1", "NodeList"),
         "/apis/gpuslice.dev/v1alpha1/gpunodes": ("gpuslice.dev/v1alpha1", "GpuNodeList")}


def certificate(folder):
    """Makes one for 127.0.0.1, with its key; the path of both."""
    path = f"{folder}/api.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=api",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", path, "-out", f"{path}.crt"],
                   check=True, capture_output=True)
    with open(f"{path}.crt", encoding="ascii") as crt, open(path, "a", encoding="ascii") as pem:
        pem.write(crt.read())
    return path


OUR_PODS = "/api/v1/namespaces/gpuslice-system/pods"
PROXY = "/api/v1/namespaces/gpuslice-system/services/https:gpuslice-dashboard:443/proxy"


class Api(http.server.ThreadingHTTPServer):
    """`users`: {token: {"user": NAME, "audiences": [...], "namespaces": [...] or "*", "in": bool}}."""
    daemon_threads = True

    def __init__(self, pem):
        super().__init__(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.changed = threading.Condition()
        self.objects, self.log = {path: {} for path in LISTS}, []
        self.users, self.seen, self.proxied, self.lease = {}, [], None, None
        self.leaders = {"controller-old"}  # pods with the label gpuslice.dev/leader
        self.reviews = 0
        self.lost = False  # lists and watches fail
        self.configmaps = {}  # by path: those that are there
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """A client that has gone is no error."""

    def put(self, path, found, kind="MODIFIED"):
        with self.changed:
            found.setdefault("metadata", {})["resourceVersion"] = str(len(self.log) + 2)
            meta = found["metadata"]
            key = f"{meta.get('namespace', '')}/{meta['name']}"
            if kind == "DELETED":
                self.objects[path].pop(key, None)
            else:
                self.objects[path][key] = found
            self.log.append((path, {"type": kind, "object": found}))
            self.changed.notify_all()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def no(self, status, reason):
        self.answer(status, {"kind": "Status", "apiVersion": "v1", "status": "Failure",
                             "code": status, "reason": reason, "message": reason})

    def body(self):
        n = int(self.headers.get("Content-Length") or 0)
        return json.loads(self.rfile.read(n) or b"null")

    def do_GET(self):  # pylint: disable=invalid-name
        api, url = self.server, urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        api.seen.append(("GET", self.path, self.headers.get("Authorization")))
        if url.path in LISTS and api.lost:
            self.no(503, "ServiceUnavailable")
        elif url.path in LISTS and query.get("watch"):
            self.watch(url.path, int(query.get("resourceVersion", "1")))
        elif url.path in LISTS:
            version, kind = LISTS[url.path]
            with api.changed:
                self.answer(200, {"apiVersion": version, "kind": kind,
                                  "metadata": {"resourceVersion": str(len(api.log) + 1)},
                                  "items": list(api.objects[url.path].values())})
        elif "/leases/" in url.path:
            if api.lease is None or not url.path.endswith("/gpuslice-controller"):
                self.no(404, "NotFound")
            else:
                self.answer(200, api.lease)
        elif "/configmaps/" in url.path and url.path in api.configmaps:
            self.answer(200, api.configmaps[url.path])
        elif url.path == OUR_PODS and query.get("labelSelector") == "gpuslice.dev/leader":
            self.answer(200, {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": [
                {"metadata": {"name": name, "labels": {"gpuslice.dev/leader": "true"}}}
                for name in sorted(api.leaders)]})
        elif url.path.startswith(PROXY):
            if api.leaders == {"controller-0"}:
                self.proxy(url)
            else:
                self.no(503, "ServiceUnavailable")
        else:
            self.no(404, "NotFound")

    def watch(self, path, since):
        api = self.server
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        at = max(since - 1, 0)
        try:
            while not api.lost:
                with api.changed:
                    if at >= len(api.log):
                        api.changed.wait(0.5)
                    news, at = api.log[at:], len(api.log)
                for where, event in news:
                    if where == path:
                        self.wfile.write(json.dumps(event).encode() + b"\n")
                self.wfile.flush()
        except OSError:
            pass

    def proxy(self, url):
        """As the API server does it: Authorization is taken off, the Host stays."""
        api = self.server
        rest = url.path.split("/proxy", 1)[1] or "/"
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        to = http.client.HTTPSConnection("127.0.0.1", api.proxied, context=context, timeout=60)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in
                   ("authorization", "connection")}
        try:
            to.request("GET", rest + (f"?{url.query}" if url.query else ""), headers=headers)
            found = to.getresponse()
            self.send_response(found.status)
            for key, value in found.getheaders():
                if key.lower() not in ("transfer-encoding", "connection", "content-length"):
                    self.send_header(key, value)
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            while True:
                piece = found.read1(65536)
                if not piece:
                    break
                self.wfile.write(piece)
                self.wfile.flush()
        except OSError:
            pass
        finally:
            to.close()

    def do_POST(self):  # pylint: disable=invalid-name
        api, asked = self.server, self.body()
        api.seen.append(("POST", self.path, self.headers.get("Authorization")))
        if self.path.endswith("/tokenreviews"):
            api.reviews += 1
            user = api.users.get(asked["spec"]["token"])
            status = {"authenticated": False}
            if user is not None:
                status = {"authenticated": True, "audiences": user["audiences"],
                          "user": {"username": user["user"], "uid": "u", "groups": ["g"],
                                   "extra": {"k": ["v"]}}}
            self.answer(201, {"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1",
                              "spec": asked["spec"], "status": status})
        elif self.path.endswith("/subjectaccessreviews"):
            spec = asked["spec"]
            assert spec["groups"] == ["g"] and spec["extra"] == {"k": ["v"]}, spec
            user = [one for one in api.users.values() if one["user"] == spec["user"]][0]
            what = spec["resourceAttributes"]
            allowed = (user["in"] if what["resource"] == "gpunodes"
                       else user["namespaces"] == "*" or what.get("namespace") in user["namespaces"])
            self.answer(201, {"kind": "SubjectAccessReview",
                              "apiVersion": "authorization.k8s.io/v1", "spec": spec,
                              "status": {"allowed": allowed}})
        elif self.path.endswith("/token"):
            assert asked["spec"] == {"audiences": ["gpuslice-dashboard"], "expirationSeconds": 600}
            self.answer(201, {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1",
                              "spec": asked["spec"], "status": {"token": "viewer-token"}})
        elif self.path.endswith("/leases"):
            api.lease = asked
            api.lease["metadata"].update(resourceVersion="1", uid="1")
            self.answer(201, api.lease)
        else:
            self.no(404, "NotFound")

    def do_PUT(self):  # pylint: disable=invalid-name
        asked = self.body()
        if "/leases/" in self.path:
            self.server.lease = asked
            asked["metadata"]["resourceVersion"] = str(
                int(asked["metadata"].get("resourceVersion", "1")) + 1)
            self.answer(200, asked)
        else:
            self.no(404, "NotFound")

    def do_PATCH(self):  # pylint: disable=invalid-name
        asked, pod = self.body(), self.path.rsplit("/", 1)[-1]
        if self.path == f"{OUR_PODS}/{pod}":
            value = asked["metadata"]["labels"]["gpuslice.dev/leader"]
            (self.server.leaders.discard if value is None else self.server.leaders.add)(pod)
            self.answer(200, {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": pod}})
        elif self.path in self.server.configmaps:
            self.server.configmaps[self.path]["data"] = asked["data"]
            self.answer(200, self.server.configmaps[self.path])
        else:
            self.no(404, "NotFound")
