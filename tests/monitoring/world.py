"""world: the real agent on a simulated machine, the real controller, a scripted API server and a
kubelet that starts nothing, scraped by a real Prometheus. Everything is on 127.0.0.0/8 and ends with
the world."""
import contextlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
NODE, POOL, TOKEN = "n1", "train", "token-of-a-test"
WAIT_S = 120  # a machine may be slow and busy


# Of this process alone: nobody else takes a port between its choice and the start of who listens there.
HOST = f"127.77.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"


def free_port():
    with socket.socket() as one:
        one.bind((HOST, 0))
        return one.getsockname()[1]


def wait(what, is_so, limit_s=WAIT_S):
    """Until is_so() gives something; what it gave. An assertion fails when it takes too long."""
    end, last = time.monotonic() + limit_s, None
    while time.monotonic() < end:
        try:
            found = is_so()
            if found:
                return found
        except (OSError, ValueError, KeyError, AssertionError) as error:
            last = error
        time.sleep(0.1)
    raise AssertionError(f"after {limit_s} s not yet: {what} ({last})")


class World:
    def __init__(self, build):
        self.build = build
        base = "/dev/shm" if os.path.isdir("/dev/shm") else None
        self.folder = tempfile.mkdtemp(prefix="gs-mon.", dir=base)
        self.processes, self.commands = {}, {}
        self.ports = {name: free_port() for name in ("agent", "controller", "webhook", "prom")}
        self.kubelet = None

    # ---- processes ----

    def spawn(self, name, command, env=None, **more):
        """Starts it; its output is in NAME.out and NAME.err of the world's folder."""
        out = open(os.path.join(self.folder, name + ".out"), "ab")  # pylint: disable=R1732
        err = open(os.path.join(self.folder, name + ".err"), "ab")  # pylint: disable=R1732
        with out, err:
            options = {"stdin": subprocess.DEVNULL, "stdout": out, **more}
            # pylint: disable=consider-using-with
            self.processes[name] = subprocess.Popen(command, env=dict(os.environ, **(env or {})),
                                                    stderr=err, cwd=self.folder, **options)
        self.commands[name] = (command, env, more)
        return self.processes[name]

    def again(self, name, *words, out=None):
        """Starts what was stopped, with more words, or with another stdout."""
        command, env, more = self.commands[name]
        self.spawn(name, [*command, *words], env, **dict(more, **({"stdout": out} if out else {})))
        self.commands[name] = (command, env, more)

    def stop(self, name, sign=signal.SIGTERM):
        process = self.processes.pop(name)
        if process.stdin:
            process.stdin.close()
        process.send_signal(sign)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        if process.stdout:
            process.stdout.close()

    def said(self, name, kind="out"):
        with open(os.path.join(self.folder, f"{name}.{kind}"), encoding="utf-8") as file:
            return file.read()

    def close(self):
        for name in list(self.processes)[::-1]:
            with contextlib.suppress(subprocess.TimeoutExpired, ProcessLookupError):
                self.stop(name)
        if self.kubelet:
            self.kubelet.stop()
        shutil.rmtree(self.folder)

    # ---- the API server ----

    def start_api(self):
        key, cert = os.path.join(self.folder, "api.key"), os.path.join(self.folder, "api.crt")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=test",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
                       check=True, capture_output=True)
        tokens = self.write("tokens", TOKEN)
        process = self.spawn("api", [sys.executable, os.path.join(HERE, "api.py"), cert, key,
                                     tokens], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.server = f"https://127.0.0.1:{int(process.stdout.readline())}"
        self.context = ssl.create_default_context(cafile=cert)
        self.kubeconfig = self.write("kubeconfig", json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": self.server,
                                                   "certificate-authority": cert}}],
            "users": [{"name": "u", "user": {"token": TOKEN}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}))

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def api(self, method, path, body=None, kind="application/json"):
        request = urllib.request.Request(
            self.server + path, method=method, data=json.dumps(body).encode() if body else None,
            headers={"Authorization": "Bearer " + TOKEN, "Content-Type": kind})
        with urllib.request.urlopen(request, context=self.context, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def make(self, path, name, **parts):
        return self.api("POST", path, dict(parts, metadata=dict(parts.get("metadata", {}),
                                                                name=name)))

    def patch(self, path, change):
        return self.api("PATCH", path, change, "application/merge-patch+json")

    # ---- the node ----

    def sim(self, *words):
        program = os.path.join(self.build, "bin", "gpuslice-sim")
        return subprocess.run([program, words[0], os.path.join(self.folder, "machine"),
                               *words[1:]], check=True, capture_output=True, text=True).stdout

    def start_node(self):
        self.sim("create", "--gpus", "2xH100-80GB-SXM5", "--mig")
        import kubelet  # pylint: disable=import-outside-toplevel
        self.kubelet = kubelet.Kubelet(os.path.join(self.folder, "kubelet"))
        self.make("/api/v1/nodes", NODE, metadata={"labels": {
            "kubernetes.io/hostname": NODE, "node.kubernetes.io/instance-type": "p5.48xlarge",
            "topology.kubernetes.io/region": "us-east-1", "karpenter.sh/initialized": "true",
            "karpenter.sh/capacity-type": "on-demand", "gpuslice.dev/slicepool": POOL}},
            spec={}, status={"conditions": [{"type": "Ready", "status": "True"}],
                             "allocatable": {"cpu": "96", "memory": "1000Gi", "pods": "110"},
                             "capacity": {"cpu": "96", "memory": "1000Gi", "pods": "110"}})
        root = os.path.join(self.folder, "kubelet")
        self.spawn("agent", [
            os.path.join(self.build, "bin", "gpuslice-agent"), "--node-name", NODE,
            "--kubeconfig", self.kubeconfig, "--http-address", f"{HOST}:{self.ports['agent']}",
            "--kubelet-root", root,
            "--kubelet-socket", os.path.join(root, "device-plugins", "kubelet.sock"),
            "--pod-resources-socket", self.kubelet.resources,
            "--cdi-dir", os.path.join(self.folder, "cdi"),
            "--state-dir", os.path.join(self.folder, "state"), "--metrics-interval-ms", "500",
            "--control-socket", os.path.join(self.folder, "control.sock"), "--settle-ms", "50",
            "--recover-after-s", "8", "--emf-interval", "1", "--emf-cluster", "c1",
            "--emf-detail", "slice", "--layout-label", "", "--mig-strategy", "mixed"],
            {"GPUSLICE_SIM": os.path.join(self.folder, "machine"),
             "LD_LIBRARY_PATH": os.path.join(self.build, "lib")})
        wait("the agent is ready", lambda: self.page("agent", "/readyz") == "ok\n")

    def apply(self, layout):
        """Cuts the node's GPUs."""
        env = dict(os.environ, GPUSLICE_CONTROL_SOCKET=os.path.join(self.folder, "control.sock"))
        done = subprocess.run([os.path.join(self.build, "bin", "gpuslice-agent"), "apply",
                               "--socket", os.path.join(self.folder, "control.sock"), "-c",
                               layout], env=env, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def must_apply(self, layout):
        """Until it is carried out: on a busy machine the API server may be too slow for the agent."""
        def is_cut():
            done, said = self.apply(layout)
            assert done == 0, said
            return True
        wait(f"the GPUs are cut into {layout}", is_cut)

    # ---- the controller ----

    def start_controller(self):
        """With the webhook's Secret and configuration, as deploy/webhook.yaml has them."""
        self.make("/api/v1/namespaces/gpuslice-system/secrets", "gpuslice-webhook-tls",
                  type="Opaque")
        self.make("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
                  "gpuslice", webhooks=[{"name": "gate.gpuslice.dev", "clientConfig": {}}])
        self.spawn("controller", [
            os.path.join(self.build, "bin", "gpuslice-controller"), "--kubeconfig",
            self.kubeconfig, "--namespace", "gpuslice-system", "--lease-duration", "6",
            "--identity", "c1", "--http-address", f"{HOST}:{self.ports['controller']}",
            "--webhook-address", f"{HOST}:{self.ports['webhook']}",
            "--emf-interval", "1", "--emf-cluster", "c1"])
        wait("the controller leads", lambda: "controller_leads 1\n" in self.page("controller"))

    def page(self, name, path="/metrics"):
        with urllib.request.urlopen(f"http://{HOST}:{self.ports[name]}{path}",
                                    timeout=60) as answer:
            return answer.read().decode()

    # ---- Prometheus ----

    def start_prometheus(self, rules):
        config = self.write("prometheus.yml", json.dumps({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s",
                       "evaluation_interval": "1s", "external_labels": {"cluster": "test"}},
            "rule_files": [rules],
            "scrape_configs": [
                {"job_name": "gpuslice-" + name, "honor_labels": True, "static_configs": [
                    {"targets": [f"{HOST}:{self.ports[name]}"],
                     "labels": dict({"cluster": "test"},
                                    **({"node": NODE} if name == "agent" else {}))}]}
                for name in ("agent", "controller")]}))
        self.spawn("prometheus", [
            "prometheus", f"--config.file={config}", "--log.level=warn",
            f"--storage.tsdb.path={os.path.join(self.folder, 'tsdb')}",
            f"--web.listen-address={HOST}:{self.ports['prom']}"])
        wait("Prometheus is ready", lambda: "Ready" in self.page("prom", "/-/ready"))

    def ask(self, what, **query):
        path = f"/api/v1/{what}?" + urllib.parse.urlencode(query)
        found = json.loads(self.page("prom", path))
        assert found["status"] == "success", found
        return found["data"]

    def query(self, text):
        """[(labels, value)]"""
        found = self.ask("query", query=text)["result"]
        return [(one["metric"], float(one["value"][1])) for one in found]

    def firing(self):
        return {one["labels"]["alertname"] for one in self.ask("alerts")["alerts"]
                if one["state"] == "firing"}
