#!/usr/bin/env python3
"""Says what nvidia-ml-py, NVIDIA's Python binding, sees of a simulated machine.

Reads folders of machines, one a line; writes a line of JSON for each (judge.py tells what is in it).
"""
import json
import os
import sys

import pynvml as nvml


def errors_of(document, call, *arguments, allowed=()):
    """The call's value; an error that is not allowed stands in the document."""
    try:
        return call(*arguments)
    except nvml.NVMLError as error:
        if error.value not in allowed:
            document["errors"].append(f"{call.__name__}: {error}")
        return None


def placements(document, device, profile):
    """The binding takes an array and a count, as C does: ask how many, then for them."""
    ask = nvml.nvmlDeviceGetGpuInstancePossiblePlacements
    count = nvml.c_uint(0)
    errors_of(document, ask, device, profile, None, nvml.byref(count))
    found = (nvml.c_nvmlGpuInstancePlacement_t * count.value)()
    errors_of(document, ask, device, profile, found, nvml.byref(count))
    return [[place.start, place.size] for place in found]


def profiles(document, device):
    found = []
    for number in range(1000):
        try:
            info = nvml.nvmlDeviceGetGpuInstanceProfileInfo(device, number, version=1)
        except nvml.NVMLError_InvalidArgument:
            return found
        except nvml.NVMLError_NotSupported:
            continue
        found.append({"id": info.id, "slices": info.sliceCount, "max": info.instanceCount,
                      "memory_mib": info.memorySizeMB, "sms": info.multiprocessorCount,
                      "placements": placements(document, device, info.id)})
    document["errors"].append("nvmlDeviceGetGpuInstanceProfileInfo: no end of profiles")
    return found


def migs(document, device):
    found = []
    for index in range(nvml.nvmlDeviceGetMaxMigDeviceCount(device)):
        mig = errors_of(document, nvml.nvmlDeviceGetMigDeviceHandleByIndex, device, index,
                        allowed=(nvml.NVML_ERROR_NOT_FOUND,))
        if mig is None:
            continue
        attributes = nvml.nvmlDeviceGetAttributes_v2(mig)
        memory = nvml.nvmlDeviceGetMemoryInfo(mig)
        nvml.nvmlDeviceGetComputeRunningProcesses(mig)
        if memory.total != attributes.memorySizeMB << 20:
            document["errors"].append(f"memory {memory.total} is not that of the attributes")
        name = nvml.nvmlDeviceGetName(mig)
        found.append({
            "index": index,
            "uuid": nvml.nvmlDeviceGetUUID(mig),
            "name": name,
            "profile": name.split(" MIG ")[-1],
            "gi": nvml.nvmlDeviceGetGpuInstanceId(mig),
            "ci": nvml.nvmlDeviceGetComputeInstanceId(mig),
            "gi_slices": attributes.gpuInstanceSliceCount,
            "ci_slices": attributes.computeInstanceSliceCount,
            "memory_mib": attributes.memorySizeMB,
            "parent": nvml.nvmlDeviceGetUUID(
                nvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(mig)),
        })
    return found


# What a monitor reads of a whole GPU.
READINGS = [
    (nvml.nvmlDeviceGetPowerUsage, ()), (nvml.nvmlDeviceGetTemperature, (0,)),
    (nvml.nvmlDeviceGetClockInfo, (nvml.NVML_CLOCK_SM,)), (nvml.nvmlDeviceGetMemoryInfo, ()),
    (nvml.nvmlDeviceGetMaxClockInfo, (nvml.NVML_CLOCK_MEM,)), (nvml.nvmlDeviceGetPciInfo, ()),
    (nvml.nvmlDeviceGetPersistenceMode, ()), (nvml.nvmlDeviceGetEccMode, ()),
    (nvml.nvmlDeviceGetTotalEnergyConsumption, ()), (nvml.nvmlDeviceGetPcieReplayCounter, ()),
    (nvml.nvmlDeviceGetEnforcedPowerLimit, ()), (nvml.nvmlDeviceGetBAR1MemoryInfo, ()),
    (nvml.nvmlDeviceGetArchitecture, ()), (nvml.nvmlDeviceGetCudaComputeCapability, ()),
    (nvml.nvmlDeviceGetSupportedEventTypes, ()), (nvml.nvmlDeviceGetVbiosVersion, ()),
    (nvml.nvmlDeviceGetCurrentClocksThrottleReasons, ()), (nvml.nvmlDeviceGetRemappedRows, ()),
]


def gpu(document, index):
    device = nvml.nvmlDeviceGetHandleByIndex(index)
    found = {
        "index": index,
        "uuid": nvml.nvmlDeviceGetUUID(device),
        "name": nvml.nvmlDeviceGetName(device),
        "serial": nvml.nvmlDeviceGetSerial(device),
        "bus": nvml.nvmlDeviceGetPciInfo(device).busId,
        "minor": nvml.nvmlDeviceGetMinorNumber(device),
        "capable": True, "mig": False, "profiles": [], "migs": [],
    }
    for call, arguments in READINGS:
        errors_of(document, call, device, *arguments)
    mode = errors_of(document, nvml.nvmlDeviceGetMigMode, device,
                     allowed=(nvml.NVML_ERROR_NOT_SUPPORTED,))
    errors_of(document, nvml.nvmlDeviceGetUtilizationRates, device,
              allowed=(nvml.NVML_ERROR_NOT_SUPPORTED,) if mode and mode[0] else ())
    if mode is None:
        found["capable"] = False
        return found
    found["mig"] = mode[0] == 1
    found["profiles"] = profiles(document, device)
    found["migs"] = migs(document, device) if found["mig"] else []
    return found


def look():
    document = {"driver": "", "gpus": [], "errors": []}
    try:
        nvml.nvmlInit()
        document["driver"] = nvml.nvmlSystemGetDriverVersion()
        for index in range(nvml.nvmlDeviceGetCount()):
            document["gpus"].append(gpu(document, index))
        nvml.nvmlShutdown()
    except nvml.NVMLError as error:
        document["errors"].append(f"{type(error).__name__}: {error}")
    return document


def main():
    for line in sys.stdin:
        os.environ["GPUSLICE_SIM"] = line.rstrip("\n")
        print(json.dumps(look()), flush=True)


if __name__ == "__main__":
    main()
