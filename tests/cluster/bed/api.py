"""api: the Kubernetes API as plain dicts, over connections that are kept.

Not a wrapper of kubectl: a test that makes a thousand pods, or measures milliseconds, cannot start a
program for each. One Api is one user.
"""
import http.client
import json
import socket
import ssl
import threading
import time
import urllib.parse

from .errors import BedError

LIMIT_S = 60
PATCHES = {"merge": "application/merge-patch+json",
           "strategic": "application/strategic-merge-patch+json",
           "json": "application/json-patch+json"}
LOST = (http.client.HTTPException, ConnectionError, ssl.SSLError, socket.timeout, OSError)


class ApiError(BedError):
    """The server said no. `status` is HTTP's, `reason` Kubernetes' ("NotFound", "Forbidden")."""

    def __init__(self, what, status, body):
        try:
            said = json.loads(body)
        except ValueError:
            said = {}
        self.status, self.reason = status, said.get("reason", "")
        self.message = said.get("message") or body.decode(errors="replace")[:300]
        super().__init__(f"{what}: {status} {self.reason}: {self.message}")


class ApiGone(BedError):
    """The server did not answer."""


class Api:
    """`connect(timeout)` gives a TCP socket to the server, at `host`. A user shows a certificate, or
    a token."""

    def __init__(self, connect, host, authority, certificate=None, token=None):
        self.connect, self.host, self.token = connect, host, token
        self.tls = ssl.create_default_context(cafile=authority)
        if certificate:
            self.tls.load_cert_chain(certificate.crt, certificate.key)
        self.kept = threading.local()

    def get(self, path, **query):
        return self.ask("GET", path, query)

    def text(self, path, **query):
        """As get, of what is not JSON."""
        return self.send("GET", path, query).decode(errors="replace")

    def list(self, path, **query):
        return self.ask("GET", path, query)["items"]

    def create(self, path, thing):
        return self.ask("POST", path, {}, thing)

    def replace(self, path, thing):
        return self.ask("PUT", path, {}, thing)

    def patch(self, path, change, kind="merge"):
        return self.ask("PATCH", path, {}, change, PATCHES[kind])

    def delete(self, path, **options):
        """options: gracePeriodSeconds and the like."""
        return self.ask("DELETE", path, {}, options or None)

    def find(self, path):
        """None where there is no such thing."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def ensure(self, path, thing):
        """Creates it, unless something of its name is there."""
        try:
            return self.create(path, thing)
        except ApiError as error:
            if error.reason == "AlreadyExists":
                return self.get(f"{path}/{thing['metadata']['name']}")
            raise

    def ask(self, *what):
        return json.loads(self.send(*what))

    def send(self, method, path, query, body=None, kind="application/json"):
        if query:
            path += "?" + urllib.parse.urlencode(query)
        data = None if body is None else json.dumps(body).encode()
        while True:
            connection, is_new = self.connection()
            try:
                connection.request(method, path, data, self.headers(kind))
                answer = connection.getresponse()
                content = answer.read()
                break
            except LOST as error:
                self.forget()
                # One that the server closed while it was idle says nothing about the server.
                if is_new or isinstance(error, socket.timeout):
                    raise ApiGone(f"{method} {path}: {error!r}") from error
        if answer.status >= 400:
            raise ApiError(f"{method} {path}", answer.status, content)
        return content

    def headers(self, kind):
        found = {"Accept": "application/json", "Content-Type": kind, "User-Agent": "gpuslice-bed"}
        if self.token:
            found["Authorization"] = f"Bearer {self.token}"
        return found

    def connection(self):
        """(the thread's own, whether it was made now)"""
        kept = getattr(self.kept, "connection", None)
        if kept is not None:
            return kept, False
        self.kept.connection = self.open(LIMIT_S)
        return self.kept.connection, True

    def forget(self):
        connection = getattr(self.kept, "connection", None)
        if connection is not None:
            connection.close()
            self.kept.connection = None

    def open(self, timeout):
        connection = http.client.HTTPSConnection(self.host, context=self.tls, timeout=timeout)
        try:
            plain = self.connect(timeout)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sock = self.tls.wrap_socket(plain, server_hostname=self.host)
        except (OSError, BedError) as error:
            raise ApiGone(f"{self.host}: {error}") from error
        return connection

    def watch(self, path, seconds, **query):
        """Yields (time.monotonic(), "ADDED" and so on, object) for so many seconds. Without a
        resourceVersion it begins with what is there."""
        end = time.monotonic() + seconds
        query = dict(query, watch="true", timeoutSeconds=str(int(seconds) + 1))
        connection = self.open(LIMIT_S)
        try:
            connection.request("GET", path + "?" + urllib.parse.urlencode(query),
                               headers=self.headers("application/json"))
            answer = connection.getresponse()
            if answer.status >= 400:
                raise ApiError(f"watch {path}", answer.status, answer.read())
            while time.monotonic() < end:
                connection.sock.settimeout(max(0.01, end - time.monotonic()))
                line = answer.readline()
                if not line:
                    return
                event = json.loads(line)
                yield time.monotonic(), event["type"], event["object"]
        except socket.timeout:
            return
        except LOST as error:
            raise ApiGone(f"watch {path}: {error!r}") from error
        finally:
            connection.close()
