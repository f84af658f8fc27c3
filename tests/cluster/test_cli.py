#!/usr/bin/env python3
"""gpuslice status, why, ungate and plan --cluster against a real API server, controller and agents:
what they say is what is there, and what the controller then does.

usage: test_cli.py BUILD_DIR
"""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
# pylint: disable=wrong-import-position
import tap
from bed import controller, system
from bed.bed import SOURCE, Bed
from bed.errors import Skip
from bed.pods import path_of, pod
from load import Agent, document, resource

GATE, OTHER_GATE = "gpuslice.dev/slice", "example.com/later"
OFFERS = ["--instances", "p4d.24xlarge", "--region", "us-east-1", "-o", "json"]
GPUNODES = "/apis/gpuslice.dev/v1alpha1/gpunodes"


def slice_of(profile, count=1):
    return {f"nvidia.com/mig-{profile}": count}


def gated(name, wants, gates=(GATE,), **more):
    """As the webhook leaves it."""
    return pod(name, wants, schedulingGates=[{"name": gate} for gate in gates], **more)


class Cases:
    """In the order of the file: node 0 is cut into 1g.5gb, node 1 into 3g.20gb."""

    def __init__(self, bed):
        self.bed, self.config = bed, bed.control_plane.admin_config
        self.program = os.path.join(bed.build, "bin", "gpuslice")
        for node in bed.nodes:
            node.start_agent("--control-socket", os.path.join(node.folder, "agent.sock"),
                             "--http-address", f"{node.address}:9400")
        controller.apply_types(bed)
        self.controller = controller.Controller(bed, 0, ["--lease-duration", "6"])
        self.lead()
        self.cut(bed.nodes[0], "1g.5gb=7", "1g.5gb=7")
        self.cut(bed.nodes[1], "3g.20gb=2", "3g.20gb=2")

    # ---- helpers ----

    def lead(self):
        self.controller.start()
        self.controller.daemon.wait_until("it leads", self.controller.leads, 60)

    def halt(self):
        self.controller.daemon.kill()

    def cut(self, node, *layouts):
        agent = Agent(os.path.join(node.folder, "agent.sock"))
        node.agent.wait_until("the agent", agent.is_up, 60)
        system.wait_equal(f"{node.name} is cut", "ok", lambda: agent.apply(
            document=document(layouts))["result"], 60, every=0.5)
        wanted = {}
        for name, count in (part.split("=") for one in layouts for part in one.split(",")):
            wanted[resource(name)] = wanted.get(resource(name), 0) + int(count)
        for name, count in wanted.items():
            node.wait_allocatable(name, count)

    def run(self, *words, config=None, enter=True):
        """(exit status, stdout, stderr)"""
        env = dict(system.PLAIN_ENV, HOME="/nowhere", KUBECONFIG=config or self.config)
        before = self.bed.network.enter if enter else []
        done = subprocess.run([*before, self.program, *words], env=env, capture_output=True,
                              text=True, timeout=240, check=False)
        return done.returncode, done.stdout, done.stderr

    def said(self, *words, **more):
        status, out, error = self.run(*words, **more)
        assert status == 0, (words, status, error)
        return out

    def document(self, *words, **more):
        return json.loads(self.said(*words, "-o", "json", **more))

    def end(self, *names):
        for name in names:
            self.bed.pods.delete(name, grace=0)

    def account(self, name, rules):
        """A kubeconfig of an account that may do this and no more."""
        self.bed.api.ensure("/api/v1/namespaces/default/serviceaccounts", {
            "metadata": {"name": name, "namespace": "default"}})
        self.bed.api.ensure("/apis/rbac.authorization.k8s.io/v1/clusterroles", {
            "metadata": {"name": name}, "rules": rules})
        self.bed.api.ensure("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                        "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}]})
        token = self.bed.api.create(
            f"/api/v1/namespaces/default/serviceaccounts/{name}/token",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
             "spec": {"expirationSeconds": 3600}})["status"]["token"]
        file = system.write(os.path.join(self.bed.folder, f"{name}.token"), token, mode=0o600)
        return self.bed.control_plane.kubeconfig(name, token_file=file)

    def kubeconfig(self, name, server, **cluster):
        return system.write(os.path.join(self.bed.folder, f"{name}.kubeconfig"), json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": dict(cluster, server=server)}],
            "users": [{"name": "u", "user": {"token": "abc"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}))

    # ---- status ----

    def status__shows_who_decides_nodes_slices_and_who_holds_them(self):
        self.bed.pods.run(pod("holder", slice_of("1g.5gb")))
        def is_so(one):
            zero, other = one["nodes"]
            return ('"default/holder"' in json.dumps(one) and zero["idle"] == 13
                    and other["slices"] == 4 and one["problems"] == [])
        found = system.wait_for("the holder shows", lambda: next((
            one for one in [self.document("status")] if is_so(one)), None), 60)
        assert found["controller"]["decides"] is True
        assert found["controller"]["leader"] == "gpuslice-controller-0"
        zero, one = found["nodes"]
        assert (zero["state"], zero["slices"], zero["held"], zero["idle"]) == ("ready", 14, 1, 13)
        assert (one["slices"], one["held"]) == (4, 0)
        assert found["problems"] == [] and found["notRead"][0]["kind"] == "NodeClaim"
        text = self.said("status")
        assert "|3g.20gb        |3g.20gb        |" in text and "default/holder" in text, text
        only = self.document("status", self.bed.nodes[1].name)["nodes"]
        assert [node["name"] for node in only] == [self.bed.nodes[1].name]
        status, _, error = self.run("status", "node-x")
        assert status == 3 and "near names" in error, error

    # ---- why: what it says is what the controller then does ----

    def why__tells_the_decision_that_the_controller_makes(self):
        self.halt()
        self.bed.pods.create(gated("large", slice_of("7g.40gb")))
        told = self.document("why", "large")
        decision = told["decision"]
        assert (told["state"], decision["what"]) == ("waits", "re-cut"), told
        assert decision["recuts"][0]["layout"] == "7g.40gb@0"
        self.lead()
        found = self.bed.pods.wait_phase("large", "Running", 60)
        assert found["spec"]["nodeName"] == decision["node"]
        notes = system.wait_for("its Event", lambda: [one["note"] for one in self.bed.api.list(
            "/apis/events.k8s.io/v1/namespaces/default/events")
                 if one["regarding"].get("name") == "large" and one["reason"] == "Recutting"], 60)
        assert decision["why"] in notes, (notes, decision["why"])
        after = system.wait_for("the Event of its booking", lambda: next((
            one for one in [self.document("why", "default/large")]
            if "SliceBooked" in [event["reason"] for event in one["events"]]), None), 60)
        assert after["state"] == "bound" and after["decision"] is None

    def why__decides_pods_that_go_first_before(self):
        self.halt()
        self.bed.pods.create(gated("first", slice_of("3g.20gb", 2)))
        self.bed.pods.create(gated("second", slice_of("3g.20gb", 2)))
        one, two = (self.document("why", name)["decision"] for name in ("first", "second"))
        assert one["podsBefore"] == 0 and two["podsBefore"] == 1, (one, two)
        assert one["what"] == "book", one
        assert two["what"] != "book" or two["node"] != one["node"], two
        waiting = {row["pod"]: row["decision"] for row in self.document("status")["waiting"]}
        assert waiting == {"default/first": one["what"], "default/second": two["what"]}, waiting
        self.end("first", "second", "large")

    def why__has_an_answer_for_a_pod_in_any_state(self):
        """The controller is halted: nothing changes meanwhile."""
        self.bed.pods.create(gated("others", slice_of("1g.5gb"), gates=(GATE, OTHER_GATE)))
        self.bed.pods.create(gated("huge", slice_of("3g.20gb", 9)))
        self.bed.pods.create(gated("odd", slice_of("9g.99gb")))
        self.bed.pods.create(gated("barred", slice_of("1g.5gb"), nodeSelector={"no": "where"}))
        self.bed.pods.create(pod("plain", {}, nodeSelector={"no": "where"}))
        for name, state, what, named in [
                ("others", "otherGates", "book", "has it free"),
                ("huge", "waits", "wait", "SlicePool"),
                ("odd", "waits", "none", "9g.99gb"),
                ("barred", "waits", "wait", "not allowed by"),
                ("plain", "noSlices", None, "asks for no slices"),
                ("holder", "bound", None, "has its node")]:
            found = self.document("why", name)
            assert found["state"] == state, (name, found)
            assert (found["decision"] or {"what": None})["what"] == what, (name, found)
            text = self.said("why", name)
            assert named in text and "Next: " in text, (name, text)
        status, _, error = self.run("why", "hugee")
        assert status == 3 and "default/huge" in error, error
        status, _, error = self.run("why", "elsewhere/huge")
        assert status == 3 and "did you mean default/huge?" in error, error

    def why__says_that_nobody_decides_and_which_agent_is_silent(self):
        node = self.bed.nodes[1]
        node.agent.kill()
        self.bed.api.patch(f"{GPUNODES}/{node.name}/status",
                           {"status": {"seen": "2020-01-01T00:00:00.000000Z"}})
        system.wait_for("the Lease is stale", lambda: not self.document(
            "status")["controller"]["decides"], 30)
        found = self.document("status")
        assert any(node.name in one and "silent" in one for one in found["problems"]), found
        assert any(one.startswith("nobody decides") for one in found["problems"]), found
        assert next(one for one in found["nodes"] if one["name"] == node.name)["silent"]
        self.bed.pods.create(gated("held", slice_of("4g.20gb"),
                                   nodeSelector={"kubernetes.io/hostname": node.name}))
        told = self.document("why", "held")
        states = {one["name"]: one["state"] for one in told["nodes"]}
        assert states[node.name] == "silentAgent", told
        assert any("gpuslice ungate default/held" in one for one in told["help"]), told
        node.agent.start()
        system.wait_for("the agent tells again", lambda: not any(
            one.get("silent") for one in self.document("status")["nodes"]), 90)

    # ---- ungate ----

    def ungate__lifts_our_gate_and_no_other(self):
        dry = self.said("ungate", "--all", "--dry-run")
        assert "default/others: has the gate" in dry and "nothing was changed" in dry, dry
        assert self.bed.pods.find("others")["spec"]["schedulingGates"]
        said = self.said("ungate", "default/held", "odd")
        assert "default/held: gate lifted" in said and "2 gates lifted" in said, said
        said = self.said("ungate", "-n", "default")
        assert "default/others: gate lifted" in said, said
        assert self.bed.pods.find("others")["spec"]["schedulingGates"] == [{"name": OTHER_GATE}]
        for one in self.bed.api.list("/api/v1/pods"):
            gates = [gate["name"] for gate in one["spec"].get("schedulingGates", [])]
            assert GATE not in gates, one["metadata"]["name"]
        assert "0 gates lifted" in self.said("ungate", "--all")
        assert self.run("ungate", "nobody")[0] == 3
        assert "0 gates lifted" in self.said("ungate", "-n", "kube-public")  # it has no pods
        status, out, error = self.run("ungate", "-n", "defult")
        assert (status, out) == (3, ""), (status, out)
        assert "there is no namespace defult" in error and "default" in error, error
        self.end("others", "huge", "odd", "barred", "plain", "held")

    def ungate__lifts_many_beside_others_who_write_them(self):
        names = [f"many-{k}" for k in range(60)]
        for name in names:
            self.bed.pods.create(gated(name, slice_of("1g.5gb"), gates=(OTHER_GATE, GATE)))
        begun = time.monotonic()
        lifting = subprocess.Popen(
            [*self.bed.network.enter, self.program, "ungate", "--all"], stdout=subprocess.PIPE,
            text=True, env=dict(system.PLAIN_ENV, KUBECONFIG=self.config))
        first = {"path": "/spec/schedulingGates/0"}
        for name in names[::3]:  # the place of our gate in its list changes meanwhile
            self.bed.api.patch(path_of(name), [
                dict(first, op="test", value={"name": OTHER_GATE}), dict(first, op="remove")],
                               kind="json")
        said, _ = lifting.communicate(timeout=240)
        print(f"# 60 gates in {time.monotonic() - begun:.2f} s, beside other writes")
        assert lifting.returncode == 0, said
        left = [one["metadata"]["name"] for one in self.bed.api.list("/api/v1/pods")
                if GATE in str(one["spec"].get("schedulingGates"))]
        assert not left, left
        self.end(*names)

    # ---- plan --cluster ----

    def plan__of_the_cluster_is_the_plan_of_kubectls_files(self):
        self.lead()
        for name, wants in (("p1", slice_of("7g.40gb")), ("p2", slice_of("2g.10gb", 3))):
            self.bed.pods.create(pod(name, wants, schedulingGates=[{"name": OTHER_GATE}]))
        files = {}
        for kind in ("pods", "nodes"):
            files[kind] = system.write(os.path.join(self.bed.folder, f"{kind}.json"),
                                       self.bed.kubectl("get", kind, "-A", "-o", "json"))
        live = self.said("plan", "--cluster", *OFFERS)
        filed = self.said("plan", "--pods", files["pods"], "--nodes", files["nodes"], *OFFERS)
        assert live == filed
        self.bed.kubectl("apply", "-f", "-", stdin=json.dumps({
            "apiVersion": "gpuslice.dev/v1alpha1", "kind": "SlicePool",
            "metadata": {"name": "pool"}, "spec": {"nodeClassRef": {"name": "gpu"},
                                                   "instanceTypes": ["p4d.24xlarge"]}}))
        status, _, error = self.run("plan", "--cluster")
        assert status == 3 and "--region" in error, error
        self.bed.api.patch("/apis/gpuslice.dev/v1alpha1/slicepools/pool/status",
                           {"status": {"region": "us-east-1"}})  # as with its option --region
        assert "\nprices of us-east-1: the controller's\n" in self.said("plan", "--cluster")
        assert "prices      of us-east-1: the controller's" in self.said("status")
        bought = json.loads(self.said("plan", "--cluster", "--region", "us-east-1", "-o", "json"))
        assert any("SlicePools" in one for one in bought["ignored"]), bought["ignored"]
        self.bed.kubectl("delete", "slicepool", "pool")
        self.end("p1", "p2")

    def slicepools__are_looked_at_where_the_crd_is_older(self):
        """Helm never changes a CRD: one that does not know all fields of the status is there now."""
        crd = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/slicepools.gpuslice.dev"
        at = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/"
        self.bed.api.patch(crd, [{"op": "remove", "path": at + name}
                                 for name in ("region", "controller")], kind="json")
        path = "/apis/gpuslice.dev/v1alpha1/slicepools/old"
        self.bed.kubectl("apply", "-f", "-", stdin=json.dumps({
            "apiVersion": "gpuslice.dev/v1alpha1", "kind": "SlicePool", "metadata": {"name": "old"},
            "spec": {"nodeClassRef": {"name": "gpu"}, "instanceTypes": ["p4d.24xlarge"]}}))
        said = system.wait_for("its status", lambda: (self.bed.api.find(path) or {}).get(
            "status", {}).get("conditions"), 60)
        assert any(one["type"] == "Ready" for one in said), said
        system.wait_for("it is said in the log", lambda: "is of an older version" in system.read(
            self.controller.daemon.log), 60)
        self.bed.kubectl("delete", "slicepool", "old")
        self.bed.kubectl("apply", "-f", os.path.join(SOURCE, "deploy/crds/slicepools.yaml"))

    # ---- what is not allowed, and no cluster ----

    def rights__that_lack_are_named_and_the_rest_is_shown(self):
        nothing = self.account("nothing", [])
        status, out, error = self.run("status", config=nothing)
        assert (status, out) == (3, ""), (status, out)
        assert "403" in error and "docs/cluster.md" in error, error
        some = self.account("some", [
            {"apiGroups": [""], "resources": ["nodes", "pods"], "verbs": ["list", "get"]},
            {"apiGroups": ["gpuslice.dev"], "resources": ["gpunodes"], "verbs": ["list"]}])
        text = system.wait_for("its rights", lambda: next((
            out for status, out, _ in [self.run("status", config=some)] if status == 0), None), 60)
        assert "not read: SlicePools:" in text and "controller  not known" in text, text
        assert self.bed.nodes[0].name in text
        told = self.said("why", "holder", config=some)
        assert "Events were not read" in told and "has its node" in told, told
        self.bed.pods.create(gated("locked", slice_of("1g.5gb"), gates=(GATE, OTHER_GATE)))
        system.wait_for("the controller has seen it", lambda: len(self.bed.pods.find("locked")[
            "spec"]["schedulingGates"]) == 1, 20)
        self.halt()
        self.bed.pods.create(gated("shut", slice_of("1g.5gb"), gates=(GATE,)))
        status, out, error = self.run("ungate", "shut", config=some)
        assert status == 1 and "NOT lifted" in out and "403" in error, (status, out, error)
        self.said("ungate", "shut")
        self.end("locked", "shut")

    def no_cluster__is_said_with_what_to_do(self):
        for name, config, named, enter in [
                ("refused", self.kubeconfig("refused", "https://127.0.0.1:1",
                                            **{"insecure-skip-tls-verify": True}),
                 "nobody listens there", False),
                ("no file", "/nowhere/config", "there is no such file", False),
                ("another CA", self.kubeconfig("other", self.server()), "trusts", True),
                ("unknown token", self.kubeconfig("stranger", self.server(), **{
                    "certificate-authority": self.authority()}), "out of date", True)]:
            status, out, error = self.run("status", config=config, enter=enter)
            assert status == 3 and out == "" and named in error, (name, status, error)

    def server(self):
        return json.loads(system.read(self.config))["clusters"][0]["cluster"]["server"]

    def authority(self):
        return json.loads(system.read(self.config))["clusters"][0]["cluster"][
            "certificate-authority"]

    def a_server_that_says_nothing_is_waited_for_so_long_and_no_longer(self):
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            config = self.kubeconfig("deaf", f"https://127.0.0.1:{deaf.getsockname()[1]}",
                                     **{"insecure-skip-tls-verify": True})
            begun = time.monotonic()
            status, _, error = self.run("status", "--request-timeout", "2", config=config,
                                        enter=False)
            took = time.monotonic() - begun
            print(f"# --request-timeout 2: {took:.1f} s")
            assert status == 3 and "--request-timeout" in error, (status, error)
            assert re.search(r"within [12]\.0 s", error), error  # half of it for the connection
            # what runs in the background of a shell has SIGINT ignored, and so would this
            waits = subprocess.Popen([self.program, "why", "a"], stderr=subprocess.DEVNULL,
                                     env=dict(system.PLAIN_ENV, KUBECONFIG=config),
                                     preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
            time.sleep(0.5)
            waits.send_signal(signal.SIGINT)
            assert waits.wait(timeout=60) == -signal.SIGINT


def cases_of(cases):
    return [(name, getattr(cases, name)) for name, one in vars(type(cases)).items()
            if callable(one) and ("__" in name[1:] or name.startswith("a_"))
            and not name.startswith("__")]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        with Bed(nodes=2, gpus="2xA100-40GB", sim=["--mig"], build_folder=sys.argv[1]) as bed:
            tap.run(cases_of(Cases(bed)))
    except Skip as why:
        print(f"SKIP: {why}")
        sys.exit(77)


if __name__ == "__main__":
    main()
