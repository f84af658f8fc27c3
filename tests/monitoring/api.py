#!/usr/bin/env python3
"""The scripted API server of tests/kube, with all the kinds that agent and controller speak of.

usage: api.py CERT KEY TOKENS

Beside what tests/kube/fake_api.py does: PUT with a resourceVersion, server-side apply (of one field
manager: what is applied is merged), JSON patches that add. Schemas and rights it has none.
"""
import copy
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "kube"))
import fake_api  # noqa: E402  pylint: disable=wrong-import-position

MORE = {"gpunodes": "GpuNode", "slicepools": "SlicePool", "leases": "Lease", "secrets": "Secret",
        "nodepools": "NodePool", "nodeoverlays": "NodeOverlay", "nodeclaims": "NodeClaim",
        "mutatingwebhookconfigurations": "MutatingWebhookConfiguration"}
fake_api.KINDS.update(MORE)
fake_api.LIST_OF.update({plural: "v1" for plural in MORE})


def add_steps(found, steps):
    """The steps of a JSON patch that add; the others are left to fake_api."""
    rest = []
    for step in steps:
        if step["op"] != "add":
            rest.append(step)
            continue
        *way, last = step["path"].strip("/").split("/")
        at = found
        for part in way:
            part = part.replace("~1", "/").replace("~0", "~")
            at = at.setdefault(part, {}) if isinstance(at, dict) else at[int(part)]
        if isinstance(at, list):
            at.insert(len(at) if last == "-" else int(last), step["value"])
        else:
            at[last.replace("~1", "/").replace("~0", "~")] = step["value"]
    return rest


class Handler(fake_api.Handler):
    def script(self, body):
        """{"clear": true}: what was to go wrong does not any more."""
        if body.get("clear"):
            with fake_api.STORE.changed:
                fake_api.STORE.faults.clear()
        super().script(body)

    def one(self, path, plural, status, body):
        kind = self.headers.get("Content-Type")
        if self.command == "PUT":
            return self.send(200, self.replace(path, plural, body))
        if self.command == "PATCH" and kind == "application/apply-patch+yaml":
            return self.send(200, self.apply(path, plural, status, body))
        if self.command == "PATCH" and kind == "application/json-patch+json":
            with fake_api.STORE.changed:
                if path in fake_api.STORE.objects:
                    body = add_steps(fake_api.STORE.objects[path], body)
        return super().one(path, plural, status, body)

    def replace(self, path, plural, body):
        with fake_api.STORE.changed:
            found = fake_api.STORE.objects.get(path)
            if found is None:
                raise fake_api.Refusal(404, "NotFound", f"{path}: there is nothing")
            given = body["metadata"].get("resourceVersion")
            if given and given != found["metadata"]["resourceVersion"]:
                raise fake_api.Refusal(409, "Conflict", "the object has been modified")
            body["metadata"]["uid"] = found["metadata"]["uid"]
            body.setdefault("kind", fake_api.KINDS[plural])
            return fake_api.STORE.put(path, body, "MODIFIED")

    def apply(self, path, plural, status, body):
        with fake_api.STORE.changed:
            found = fake_api.STORE.objects.get(path)
            if found is None and status:
                raise fake_api.Refusal(404, "NotFound", f"{path}: there is nothing")
            fresh = copy.deepcopy(found) if found else {"metadata": {
                "uid": fake_api.uuid.uuid4().hex, "name": path.rsplit("/", 1)[1]}}
            part = {"status": body.get("status", {})} if status else body
            fake_api.merge(fresh, part)
            fresh["kind"] = fake_api.KINDS[plural]
            return fake_api.STORE.put(path, fresh, "MODIFIED" if found else "ADDED")


if __name__ == "__main__":
    fake_api.Handler = Handler
    fake_api.main()
