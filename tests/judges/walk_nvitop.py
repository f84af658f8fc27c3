#!/usr/bin/env python3
"""Says what nvitop, a monitor, sees of a simulated machine.

Reads folders of machines, one a line; writes a line of JSON for each (judge.py tells what is in it).
"""
import json
import logging
import os
import sys

import nvitop
from nvitop.api import libnvml

NOT_AVAILABLE = nvitop.NA


class Complaints(logging.Handler):
    """nvitop turns errors into N/A and a line of its log: here they are errors again."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, record):
        self.lines.append(f"nvitop: {record.getMessage()}")


def need(document, what, value):
    """A reading that has to be there."""
    if value is None or value == NOT_AVAILABLE:
        document["errors"].append(f"{what}: not available")
        return 0
    return value


def mig(document, device):
    snapshot = device.as_snapshot()
    if need(document, "MIG name", snapshot.name) == 0:
        return {}
    return {
        "index": device.mig_index,
        "uuid": device.uuid(),
        "name": device.name(),
        "profile": device.name().split(" MIG ")[-1],
        "gi": device.gpu_instance_id(),
        "ci": device.compute_instance_id(),
        "memory_mib": need(document, "MIG memory", device.memory_total()) >> 20,
        "parent": device.parent.uuid(),
        "pids": sorted(device.processes()),
    }


def gpu(document, device):
    snapshot = device.as_snapshot()
    for what in ("power_usage", "power_limit", "temperature", "memory_total", "memory_used",
                 "performance_state"):
        need(document, what, getattr(snapshot, what))
    for clock in device.clock_infos():
        need(document, "clock", clock)
    if not device.is_mig_mode_enabled():
        need(document, "utilisation", device.gpu_utilization())
    return {
        "index": device.physical_index,
        "uuid": device.uuid(),
        "name": device.name(),
        "serial": device.serial(),
        "bus": device.bus_id(),
        "mig": device.is_mig_mode_enabled(),
        "pids": sorted(device.processes()),
        "migs": [mig(document, one) for one in device.mig_devices()],
    }


def look(complaints):
    complaints.lines.clear()
    document = {"driver": "", "gpus": [], "errors": []}
    try:
        document["driver"] = nvitop.Device.driver_version()
        document["gpus"] = [gpu(document, device) for device in nvitop.PhysicalDevice.all()]
        libnvml.nvmlShutdown()
    except Exception as error:  # whatever it is, the judge did not get through
        document["errors"].append(f"{type(error).__name__}: {error}")
    document["errors"] += complaints.lines
    return document


def main():
    complaints = Complaints()
    libnvml.LOGGER.addHandler(complaints)
    libnvml.LOGGER.propagate = False
    for line in sys.stdin:
        os.environ["GPUSLICE_SIM"] = line.rstrip("\n")
        print(json.dumps(look(complaints)), flush=True)


if __name__ == "__main__":
    main()
