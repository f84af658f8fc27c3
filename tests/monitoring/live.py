"""live: what is done to the world so that an alert fires, and what ends it."""
import datetime
import re
import signal
import time

from world import NODE, POOL, wait

PODS = "/api/v1/namespaces/team-b/pods"
SLICEPOOLS = "/apis/gpuslice.dev/v1alpha1/slicepools"
NODEPOOLS = "/apis/karpenter.sh/v1/nodepools"
CLAIMS = "/apis/karpenter.sh/v1/nodeclaims"
HOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
SECRET = "/api/v1/namespaces/gpuslice-system/secrets/gpuslice-webhook-tls"
SMALL = "nvidia.com/mig-1g.10gb"


def ago(seconds):
    at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def pod(world, name, resource, age_s=1, gated=False, count=1):
    """A pod that the scheduler found no node for, or that our gate holds."""
    more = {"schedulingGates": [{"name": "gpuslice.dev/slice"}]} if gated else {}
    world.make(PODS, name, metadata={"creationTimestamp": ago(age_s)}, spec=dict({"containers": [
        {"name": "main", "resources": {"limits": {resource: str(count)}}}]}, **more),
               status={"phase": "Pending", "conditions": [] if gated else [
                   {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]})


def slices(world):
    """{(GPU, start): the kubelet's id}"""
    found = {}
    for line in world.page("agent").splitlines():
        if line.startswith("gpuslice_slice_info{"):
            label = dict(re.findall(r'(\w+)="([^"]*)"', line))
            found[int(label["gpu"]), int(label["start"])] = label["mig_uuid"]
    return found


def hold(world, space, places):
    """Pods that have a slice each, by the kubelet's word and by the API server's."""
    ids = slices(world)
    for gpu, start in places:
        name = f"{space}-{gpu}-{start}"
        world.make(f"/api/v1/namespaces/{space}/pods", name, spec={
            "nodeName": NODE, "containers": [{"name": "main", "resources": {
                "limits": {SMALL: "1"}}}]}, status={"phase": "Running"})
        world.kubelet.run(space, name, SMALL, ids[gpu, start])


def delete(world, path):
    world.api("DELETE", path)


def nodepool(world):
    """The NodePool that the controller has made of the SlicePool."""
    return wait("a NodePool is made", lambda: [
        one["metadata"]["name"] for one in world.api("GET", NODEPOOLS)["items"]])[0]


def need_node(world):
    """A pod that asks for more than the node has, so that a NodePool is made and open."""
    pod(world, "asks", "nvidia.com/mig-7g.80gb", count=3)
    return nodepool(world)


def begin_claim(world):
    """A node was bought long ago and has not started."""
    pool = need_node(world)
    world.make(CLAIMS, "late", metadata={"creationTimestamp": ago(2000),
                                         "labels": {"karpenter.sh/nodepool": pool}},
               spec={}, status={"conditions": []})


def end_claim(world):
    delete(world, CLAIMS + "/late")
    delete(world, PODS + "/asks")


def close_pool(world):
    world.patch(f"{NODEPOOLS}/{need_node(world)}", {"metadata": {"annotations": {
        "gpuslice.dev/failed-starts": "3", "gpuslice.dev/lost-usd": "7.5",
        "gpuslice.dev/closed-until": str(int(time.time()) + 3600)}}})


def open_pool(world):
    world.patch(f"{NODEPOOLS}/{nodepool(world)}", {"metadata": {"annotations": {
        "gpuslice.dev/failed-starts": "0", "gpuslice.dev/closed-until": "0"}}})
    delete(world, PODS + "/asks")


def no_capacity(world):
    now = int(time.time())
    world.patch(f"{NODEPOOLS}/{need_node(world)}", {"metadata": {"annotations": {
        "gpuslice.dev/no-capacity-tries": "3", "gpuslice.dev/no-capacity-since": str(now),
        "gpuslice.dev/no-capacity-until": str(now + 3600)}}})


def capacity_again(world):
    for one in world.api("GET", NODEPOOLS)["items"]:  # there may be another by now
        world.patch(f"{NODEPOOLS}/{one['metadata']['name']}", {"metadata": {"annotations": {
            "gpuslice.dev/no-capacity-tries": "0"}}})
    delete(world, PODS + "/asks")


def fail_recut(world):
    world.sim("fault", "--add", "nvmlDeviceCreateGpuInstanceWithPlacement:times=all,code=UNKNOWN",
              "--add", "nvmlDeviceCreateGpuInstance:times=all,code=UNKNOWN")
    done, said = world.apply("all-2g.20gb")
    assert done != 0, said


def mend_recut(world):
    world.sim("fault", "--clear")
    wait("the GPUs can be cut again", lambda: world.apply("all-1g.10gb")[0] == 0)


def sick(world):
    world.sim("xid", "--slice", "0:7:0", "94")


def lease_fails(world):
    world.api("POST", "/_script", {"faults": [{"match": "PUT /apis/coordination", "times": 10**6,
                                               "status": 500, "text": "{}"}]})


def lease_works(world):
    world.api("POST", "/_script", {"clear": True})


def short_certificate(world):
    """The next certificate lives ten minutes."""
    world.stop("controller")
    world.patch(SECRET, {"data": None})
    world.again("controller", "--webhook-certificate-life", "600")


def long_certificate(world):
    world.stop("controller")
    world.patch(SECRET, {"data": None})
    world.again("controller", "--webhook-certificate-life", "7776000")


def no_hook(world):
    delete(world, f"{HOOKS}/gpuslice")


def hook(world):
    world.make(HOOKS, "gpuslice", webhooks=[{"name": "gate.gpuslice.dev", "clientConfig": {}}])


def freeze_agent(world):
    """A pod's re-cut is wished, and the agent does not answer."""
    world.processes["agent"].send_signal(signal.SIGSTOP)
    pod(world, "wishes", "nvidia.com/mig-1g.20gb", gated=True)


def thaw_agent(world):
    world.processes["agent"].send_signal(signal.SIGCONT)
    delete(world, f"{PODS}/wishes")


# Shorter in the world than in the rules, as it has to pass there.
SHORTER = {"oldest_recut_seconds) > 120": "oldest_recut_seconds) > 2"}

def use_slices(world):
    """GPU 0 is full; of GPU 1 there are three, of which no two are one."""
    hold(world, "team-c", [(0, start) for start in range(7)])
    hold(world, "team-d", [(1, start) for start in (1, 3, 4, 5)])


def unload(world):
    """The agent comes back and finds no driver."""
    world.stop("agent")
    world.sim("unload")
    world.again("agent")


def load(world):
    world.sim("load")
    wait("the agent works again", lambda: world.page("agent", "/readyz") == "ok\n")


def nothing(_):
    pass


# In this order: (alert, what makes it fire, what ends it).
ALERTS = [
    ("GpusliceRecutFailing", fail_recut, mend_recut),
    ("GpusliceIdleDollars", nothing, use_slices),
    ("GpusliceFragmented", lambda world: pod(world, "big", "nvidia.com/mig-7g.80gb"),
     lambda world: delete(world, PODS + "/big")),
    ("GpuslicePodWaits", lambda world: pod(world, "old", "nvidia.com/mig-7g.80gb", age_s=7200),
     lambda world: delete(world, PODS + "/old")),
    ("GpusliceSliceLost", sick, nothing),
    ("GpusliceNoLeader", lease_fails, lease_works),
    ("GpusliceWebhookNotBelieved", no_hook, hook),
    ("GpuslicePoolClosed", close_pool, open_pool),
    ("GpusliceNoCapacity", no_capacity, capacity_again),
    ("GpusliceNodeStartsLong", begin_claim, end_claim),
    ("GpusliceRecutStuck", freeze_agent, thaw_agent),
    ("GpusliceWebhookCertificateEnds", short_certificate, long_certificate),
    ("GpusliceControllerDown", lambda world: world.stop("controller"),
     lambda world: world.again("controller")),
    ("GpusliceAgentDown", lambda world: world.stop("agent"), lambda world: world.again("agent")),
    ("GpusliceNodeStuck", unload, load),
]
# While this one fires, every panel has something to show.
PANELS_AT = "GpusliceFragmented"

# Of GpusliceAgentSilent the controller itself waits three minutes, and of the history this world has
# none: promtool has to do.
NOT_LIVE = {"GpusliceAgentSilent", "GpusliceHistoryTakesNoSamples"}


def slicepool(world):
    world.make(SLICEPOOLS, POOL, metadata={"generation": 1}, spec={
        "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "gpu"},
        "instanceTypes": ["p5.48xlarge"], "capacityTypes": ["on-demand"],
        "limits": {"gpus": 64, "usdPerHour": "900"}, "startLimit": "1h"})
