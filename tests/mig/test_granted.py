#!/usr/bin/env python3
"""What the kubelet has given to a pod is in use, with a process on it or not.

usage: test_granted.py GPUSLICE GPUSLICE_SIM SOURCE_DIR
"""
import json
import os
import shutil

from bed import ONE, WORK, machine, main, run, sim, write

POD = "6f1a2b3c-0000-4000-8000-00000000000a"
SMALL = "nvidia.com/mig-1g.5gb"
RECORD = "kubelet/device-plugins/kubelet_internal_checkpoint"
ROOT = os.path.join(WORK, "kubelet")


def grant(*ids, resource=SMALL, pod=POD):
    """The kubelet's record, with these devices of one container, and the pod's folder."""
    shutil.rmtree(ROOT, ignore_errors=True)
    os.makedirs(os.path.join(ROOT, "device-plugins"))
    os.makedirs(os.path.join(ROOT, "pods", pod))
    entry = {"PodUID": pod, "ContainerName": "train", "ResourceName": resource,
             "DeviceIDs": {"-1": list(ids)}, "AllocResp": ""}
    write(RECORD, json.dumps({"Data": {"PodDeviceEntries": [entry], "RegisteredDevices": {}},
                              "Checksum": 1}))


def slices(node):
    return [len(gpu["instances"]) for gpu in json.loads(sim("show", node, "-o", "json"))["gpus"]]


def make(node, *words):
    status, out, err = run("create", *words, sim=node)
    assert status == 0, err
    return out.split()


def refused(node, *words, says=(POD, "train", SMALL), root=ROOT):
    before = slices(node)
    status, out, err = run(*words, "--kubelet-root", root, sim=node)
    assert (status, out) == (1, ""), (words, status, out, err)
    assert all(word in err for word in says) and err.count("\n") == 1, (words, err)
    assert slices(node) == before, words


def case_no_command_takes_a_slice_from_a_pod_without_a_process():
    node = machine("held", "--gpus", "1xA100-40GB", "--mig")
    write("one.yaml", ONE)
    status, out, _ = run("checkpoint", "-f", "empty.json", sim=node)
    assert (status, out[:0]) == (0, "")
    mine, = make(node, "1g.5gb")
    other, = make(node, "1g.5gb")
    for device in (mine, mine + "::3"): # one of the shares of a device
        grant(device)
        for words in (["destroy", mine], ["destroy", other, mine], ["destroy", mine, "--dry-run"],
                      ["apply", "-f", "one.yaml", "-c", "off"], ["disable"],
                      ["restore", "-f", "empty.json"]):
            refused(node, *words)
    status, _, err = run("destroy", mine, sim=node, env={"GPUSLICE_KUBELET_ROOT": ROOT})
    assert status == 1 and POD in err, err
    status, _, err = run("apply", "-f", "one.yaml", "-c", "all-1g.5gb", "--kubelet-root", ROOT,
                         sim=node)
    assert status == 0 and slices(node) == [7], err # it stays, and the others come beside it


def case_what_no_pod_has_goes():
    node = machine("free", "--gpus", "1xA100-40GB", "--mig")
    mine, other, third = (make(node, "1g.5gb")[0] for _ in range(3))
    grant(mine)
    assert run("destroy", other, "--kubelet-root", ROOT, sim=node)[0] == 0
    os.rmdir(os.path.join(ROOT, "pods", POD)) # nothing of the pod is left
    assert run("destroy", mine, "--kubelet-root", ROOT, sim=node)[0] == 0
    grant(third)
    shutil.rmtree(os.path.join(ROOT, "pods")) # not known what is left of it
    refused(node, "destroy", third)
    assert run("destroy", third, "--kubelet-root", "", sim=node)[0] == 0
    fourth, = make(node, "1g.5gb")
    shutil.rmtree(ROOT) # no kubelet
    assert run("destroy", fourth, "--kubelet-root", ROOT, sim=node)[0] == 0


def case_only_idle_leaves_what_a_pod_has():
    for driver in ((), ("--driver", "470")): # which chooses the places itself
        node = machine("idle", "--gpus", "1xA100-40GB", "--mig", *driver)
        write("c.yaml", "version: v1\nmig-configs:\n  big: [{devices: all, mig-enabled: true, "
                        "mig-devices: {3g.20gb: 2}}]\n")
        mine, = make(node, "1g.5gb", "--start", "0")
        make(node, "1g.5gb")
        grant(mine)
        status, _, err = run("apply", "-f", "c.yaml", "-c", "big", "--only-idle", "--kubelet-root",
                             ROOT, sim=node)
        assert status == 1 and POD in err, err
        status, out, _ = run("export", sim=node)
        assert status == 0 and "3g.20gb: 1" in out and "1g.5gb: " in out, out
        refused(node, "destroy", mine)


def case_a_whole_gpu_of_a_pod_is_not_cut():
    node = machine("whole", "--gpus", "2xA100-40GB")
    uuid = json.loads(sim("show", node, "-o", "json"))["gpus"][1]["uuid"]
    grant(uuid, resource="nvidia.com/gpu")
    refused(node, "enable", says=(POD, "nvidia.com/gpu", "GPU 1"))
    assert run("enable", "--gpu", "0", "--kubelet-root", ROOT, sim=node)[0] == 0


def case_a_record_that_cannot_be_read_makes_all_busy():
    node = machine("unread", "--gpus", "1xA100-40GB", "--mig")
    mine, = make(node, "1g.5gb")
    for text, says in (("", "kubelet_internal_checkpoint"), ("{", "kubelet_internal_checkpoint"),
                       ("{\"Data\": 3}", "kubelet_internal_checkpoint"),
                       (" " * ((4 << 20) + 1), "at most")):
        grant(mine)
        write(RECORD, text)
        refused(node, "destroy", mine, says=("in use", "--kubelet-root", says))
        refused(node, "disable", says=("--kubelet-root", says))
    os.unlink(os.path.join(WORK, RECORD))
    os.mkdir(os.path.join(WORK, RECORD))
    refused(node, "destroy", mine, says=("is no file",))
    refused(node, "destroy", mine, says=("--kubelet-root has",), root="/" + "x" * 4090)
    assert len(make(node, "1g.5gb")) == 1 # which takes nothing away
    assert run("destroy", mine, sim=node, env={"GPUSLICE_KUBELET_ROOT": ""})[0] == 0


if __name__ == "__main__":
    main(__name__)
