#!/usr/bin/env python3
"""The admission webhook of gpuslice-controller on a real API server.

There is no proxy of Services in the bed: the API server is given the controller's address, and the
certificate has it.

usage: test_webhook.py BUILD_DIR
"""
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
from bed import controller, images, system
from bed.bed import Bed
from bed.errors import BedError, Skip
from bed.pods import pod

GATE = "gpuslice.dev/slice"
SLICE = {"nvidia.com/mig-1g.5gb": 1}
CONFIGURATION = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/gpuslice"
SECRET = "/api/v1/namespaces/gpuslice-system/secrets/gpuslice-webhook-tls"
LIFE_S = 12  # of a certificate; its CA lives four times as long
LATE = ("deadline exceeded", "Client.Timeout")  # of a call that failed: no answer in time


def gates_of(found):
    return [gate["name"] for gate in found["spec"].get("schedulingGates", [])]


class Cases:
    def __init__(self, bed):
        self.bed = bed
        self.node = bed.nodes[0]
        self.node.start_agent("--control-socket", os.path.join(self.node.folder, "agent.sock"))
        controller.apply_types(bed)
        self.first = controller.Controller(bed, 0, ["--lease-duration", "6"], webhook=True)
        bed.kubectl("apply", "-f", os.path.join(bed.source, "deploy", "webhook.yaml"))
        self.call(self.first)
        self.namespace("plain")
        bed.kubectl("label", "namespace", "default", "gpuslice.dev/gate=enabled")
        self.first.start()
        self.first.daemon.wait_until("the controller is ready", self.first.is_ready, 60)
        self.first.daemon.wait_until("it leads", self.first.leads, 30)
        system.wait_for("pods are gated", lambda: self.try_out(pod("first", SLICE)) == [GATE], 30)

    # ---- what the cases use ----

    def call(self, one):
        """The API server asks this controller from now on."""
        client = {"url": f"https://{one.host}:{one.webhook_port}/admit"}
        now = self.bed.api.get(CONFIGURATION)["webhooks"][0]["clientConfig"]
        if "caBundle" in now:
            client["caBundle"] = now["caBundle"]
        self.bed.api.patch(CONFIGURATION, [
            {"op": "replace", "path": "/webhooks/0/clientConfig", "value": client}], "json")

    def namespace(self, name):
        self.bed.api.ensure("/api/v1/namespaces", {"metadata": {"name": name}})
        system.wait_for("its service account", lambda: self.bed.api.find(
            f"/api/v1/namespaces/{name}/serviceaccounts/default"), 30)

    def try_out(self, manifest):
        """The gates that it would have."""
        space = manifest["metadata"]["namespace"]
        return gates_of(self.bed.api.ask("POST", f"/api/v1/namespaces/{space}/pods",
                                         {"dryRun": "All"}, manifest))

    def wait_gates(self, manifest, *gates):
        """Until it would have these. The API server lets a pod through where the webhook is too slow
        for it, as on a busy machine."""
        system.wait_equal("the gates", list(gates), lambda: self.try_out(manifest), 60)

    def reviews(self, one=None):
        """{outcome: how many}"""
        start = 'gpuslice_webhook_reviews_total{outcome="'
        return system.wait_for("the numbers of reviews", lambda: {
            name[len(start):-2]: int(value) for name, value
            in (one or self.first).metrics().items() if name.startswith(start)}, 60)

    def refusal(self, manifest):
        """As kubectl shows it, once the webhook was there in time."""
        def look():
            try:
                self.bed.kubectl("create", "--dry-run=server", "-f", "-",
                                 stdin=json.dumps(manifest))
            except BedError as error:
                return str(error)
            return None
        return system.wait_for("it is refused", look, 60)

    def shown(self, one):
        """The certificate that a controller shows."""
        plain = self.bed.network.connect((one.host, one.webhook_port), 60)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(plain) as there:
            return there.getpeercert(True)

    def failures(self):
        """What the API server says of calls that failed, and after which it let the pod through."""
        return [line for line in system.read(self.bed.control_plane.apiserver.log).splitlines()
                if "failing open" in line]

    # ---- who is gated ----

    def the_gate_is_put_on_pods_that_ask_for_slices_where_the_namespace_has_opted_in(self):
        self.wait_gates(pod("a", SLICE), GATE)
        assert self.try_out(pod("a", SLICE, namespace="plain")) == []
        self.wait_gates(pod("a", SLICE, schedulingGates=[{"name": "example.com/later"}]),
                        "example.com/later", GATE)
        self.wait_gates(pod("a", SLICE, schedulingGates=[{"name": GATE}]), GATE)
        init = {"name": "first", "image": images.WORK, "resources": {"limits": {
            "nvidia.com/mig-2g.10gb": "1"}}}
        self.wait_gates(pod("a", None, initContainers=[init]), GATE)

    def pods_without_slices_do_not_reach_us(self):
        before = self.reviews()
        assert self.try_out(pod("a", {"cpu": "1"})) == []
        assert self.try_out(pod("a", {"nvidia.com/gpu": 1})) == []
        assert self.try_out(pod("a", None)) == []
        assert self.reviews() == before, (before, self.reviews())
        self.wait_gates(pod("a", SLICE), GATE)
        system.wait_for("it is counted", lambda: self.reviews()["gated"] > before["gated"], 60)

    def a_pod_with_a_node_or_of_a_daemon_set_is_not_gated(self):
        assert self.try_out(pod("a", SLICE, nodeName=self.node.name)) == []
        labels = {"app": "set"}
        template = pod("x", SLICE)["spec"]
        template.update(restartPolicy="Always", tolerations=[{"operator": "Exists"}])
        sets = "/apis/apps/v1/namespaces/default/daemonsets"
        self.bed.api.create(sets, {"metadata": {"name": "set"}, "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": template}}})
        found = system.wait_for("its pod", lambda: self.bed.api.list(
            "/api/v1/namespaces/default/pods", labelSelector="app=set"), 30)
        assert gates_of(found[0]) == [], found[0]["spec"]
        self.bed.api.delete(f"{sets}/set", propagationPolicy="Foreground")
        system.wait_for("its pod goes", lambda: not self.bed.api.list(
            "/api/v1/namespaces/default/pods", labelSelector="app=set"), 60)

    # ---- who is refused ----

    def what_can_never_run_is_refused_and_kubectl_shows_the_fix(self):
        both = self.refusal(pod("a", dict(SLICE, **{"nvidia.com/gpu": 1})))
        print(f"# {both.rpartition('Error')[2]}")
        assert 'admission webhook "gate.gpuslice.dev" denied the request' in both, both
        assert "for the slice, keep nvidia.com/mig-1g.5gb and remove nvidia.com/gpu" in both, both
        name = self.refusal(pod("a", {"nvidia.com/mig-1g5gb": 1}))
        assert "not the name of a MIG profile" in name and "nvidia.com/mig-1g.5gb" in name, name
        none = self.refusal(pod("a", {"nvidia.com/mig-1g.4gb": 1}))
        assert "a profile that no GPU has" in none, none
        # where nobody has opted in, nothing is refused
        assert self.try_out(pod("a", {"nvidia.com/mig-1g.4gb": 1}, namespace="plain")) == []

    # ---- the whole way ----

    def the_pods_of_a_deployment_are_gated_and_run_in_the_end(self):
        before = self.reviews()["gated"]
        labels = {"app": "many"}
        template = pod("x", SLICE)["spec"]
        template.update(restartPolicy="Always")
        path = "/apis/apps/v1/namespaces/default/deployments"
        self.bed.api.create(path, {"metadata": {"name": "many"}, "spec": {
            "replicas": 6, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": template}}})

        def running():
            found = self.bed.api.list("/api/v1/namespaces/default/pods", labelSelector="app=many")
            return len(found) == 6 and all(one["status"].get("phase") == "Running"
                                           for one in found) and found

        booked = [one for one in system.wait_for("six pods run", running, 120)
                  if "gpuslice.dev/booked" in one["metadata"].get("annotations", {})]
        gated = self.reviews()["gated"] - before
        print(f"# {len(booked)} of 6 pods were booked; {gated} reviews put the gate on")
        assert booked and gated >= len(booked), (len(booked), gated)
        self.bed.api.delete(f"{path}/many", propagationPolicy="Foreground")
        system.wait_for("its pods go", lambda: not self.bed.api.list(
            "/api/v1/namespaces/default/pods", labelSelector="app=many"), 60)

    # ---- who cannot be asked ----

    def without_a_fresh_lease_there_is_no_gate(self):
        other = controller.Controller(self.bed, 1, ["--lease-name", "not-ours-to-read"],
                                      webhook=True).start()
        other.daemon.wait_until("it is ready", other.is_ready, 60)
        self.call(other)
        try:
            before = self.reviews(other)["let"]
            system.wait_for("it is asked", lambda: self.try_out(pod("a", SLICE)) == []
                            and self.reviews(other)["let"] > before, 30)
            assert self.shown(other) == self.shown(self.first), "two replicas, two certificates"
        finally:
            self.call(self.first)
        system.wait_for("pods are gated", lambda: self.try_out(pod("a", SLICE)) == [GATE], 30)
        other.daemon.stop()

    def while_the_controller_hangs_pods_come_ungated(self):
        self.first.daemon.freeze()
        try:
            begun = time.monotonic()
            assert self.try_out(pod("a", SLICE)) == []
            print(f"# a pod waits {time.monotonic() - begun:.2f} s for a webhook that hangs")
            hook, = self.bed.api.get(CONFIGURATION)["webhooks"]
            assert hook["timeoutSeconds"] <= 2, hook
        finally:
            self.first.daemon.thaw()
        system.wait_for("pods are gated", lambda: self.try_out(pod("a", SLICE)) == [GATE], 30)

    def while_the_webhook_is_down_pods_come_ungated_and_run(self):
        self.first.daemon.kill()
        begun = time.monotonic()
        found = self.bed.pods.create(pod("alone", SLICE))
        print(f"# a pod waits {time.monotonic() - begun:.3f} s for a webhook that is down")
        assert gates_of(found) == []
        self.first.start()
        self.bed.pods.wait_phase("alone", "Running", 60)
        self.bed.pods.delete("alone", grace=0)
        system.wait_for("pods are gated", lambda: self.try_out(pod("a", SLICE)) == [GATE], 60)

    # ---- certificates ----

    def a_secret_that_was_emptied_is_filled_again(self):
        self.bed.api.patch(SECRET, {"data": None})
        self.first.daemon.restart()
        self.first.daemon.wait_until("it is ready", self.first.is_ready, 60)
        system.wait_equal("what is in the Secret", ["ca.crt", "ca.key", "tls.crt", "tls.key"],
                          lambda: sorted(self.bed.api.get(SECRET).get("data") or {}), 60)
        system.wait_for("pods are gated", lambda: self.try_out(pod("a", SLICE)) == [GATE], 30)

    def certificates_and_the_ca_are_renewed_under_load_and_no_admission_fails(self):
        self.first.daemon.stop()
        self.bed.api.patch(SECRET, {"data": None})
        short = ["--lease-duration", "6", "--webhook-certificate-life", str(LIFE_S)]
        pair = [controller.Controller(self.bed, n, short, webhook=True).start() for n in (2, 3)]
        for one in pair:
            one.daemon.wait_until("it is ready", one.is_ready, 60)
        self.call(pair[0])
        system.wait_for("pods are gated", lambda: self.try_out(pod("a", SLICE)) == [GATE], 30)
        asked, failed, cas, over = [0], [], set(), threading.Event()
        begun, said = time.monotonic(), len(self.failures())

        def ask():
            while not over.is_set():
                if self.try_out(pod("a", SLICE)) != [GATE]:
                    failed.append(time.monotonic())
                asked[0] += 1

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        certificates = set()

        def renewed():
            certificates.add(self.shown(pair[0]))
            cas.add(self.bed.api.get(SECRET)["data"]["ca.crt"])
            return len(certificates) >= 4 and len(cas) >= 2 and asked[0] > 100

        try:
            system.wait_for("four certificates and two bundles", renewed, 20 * LIFE_S, every=0.5)
        finally:
            over.set()
            for thread in threads:
                thread.join()
        made = [int(one.metric("gpuslice_webhook_certificates_made_total")) for one in pair]
        why = self.failures()[said:]
        late = [one for one in why if any(word in one for word in LATE)]
        print(f"# {asked[0]} admissions in {time.monotonic() - begun:.0f} s, {len(failed)} without an "
              f"answer, {len(late)} of them as it came too late; {len(certificates)} certificates, "
              f"{len(cas)} bundles; made by each: {made}")
        # a machine may be too busy to answer in time; no certificate may be a reason
        assert len(why) == len(late) and len(failed) <= len(late), (failed, why)
        for one in pair:
            one.daemon.stop()
        self.first.start()


HELPERS = ("call", "namespace", "try_out", "wait_gates", "reviews", "refusal", "shown", "failures")


def cases_of(cases):
    names = [n for n, f in vars(type(cases)).items() if callable(f) and not n.startswith("_")]
    return [(name, getattr(cases, name)) for name in names if name not in HELPERS]


if __name__ == "__main__":
    try:
        with Bed(nodes=1, gpus="2xA100-40GB", sim=["--mig"], build_folder=sys.argv[1]) as the_bed:
            tap.run(cases_of(Cases(the_bed)))
    except Skip as skipped:
        print(f"SKIP: {skipped}")
        sys.exit(77)
