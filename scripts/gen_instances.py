#!/usr/bin/env python3
"""Turns data/ec2-instances.json into the C tables of src/cloud/instances_data.h.

usage: gen_instances.py GPU_MODELS.json INSTANCES.json OUTPUT.c

Every fact is checked here, so that a wrong edit of the JSON stops the build with the type's name
and what was expected.
"""
import json
import re
import sys
from decimal import Decimal

TYPE = re.compile(r"^[a-z0-9-]+\.[a-z0-9-]+$")
REGION = re.compile(r"^[a-z]{2}(-[a-z]+)+-\d$")
GPU = re.compile(r"^[A-Za-z0-9][A-Za-z0-9-]{0,62}$")
KEYS = {"type", "arch", "gpu", "gpus", "gpuMemoryMiB", "karpenterGpuName", "vcpu", "memoryGiB",
        "maxPods", "usdPerHour"}


class Wrong(Exception):
    """The input is not what it must be."""


def expect(condition, message):
    if not condition:
        raise Wrong(message)


def text(value):
    return "NULL" if value is None else json.dumps(value, ensure_ascii=True)


def number(value):
    return "GS_NOT_KNOWN" if value is None else f"{value}u"


def is_number(value):
    return isinstance(value, (int, Decimal)) and not isinstance(value, bool)


def whole(where, value, low, high):
    expect(isinstance(value, int) and not isinstance(value, bool) and low <= value <= high,
           f"{where}: found {value!r}; expected an integer from {low} to {high}")


def check(instance):
    expect(isinstance(instance, dict) and isinstance(instance.get("type"), str),
           f"found {instance!r}; expected an object with a type")
    where = f"type {instance['type']}"
    expect(set(instance) == KEYS,
           f"{where}: found keys {sorted(instance)}; expected {sorted(KEYS)}")
    expect(TYPE.match(instance["type"]), f"{where}: expected family.size")
    expect(instance["arch"] in ("amd64", "arm64"), f"{where}: arch must be amd64 or arm64")
    gpu = instance["gpu"]
    expect(isinstance(gpu, str) and GPU.match(gpu), f"{where}: gpu must be the name of a GPU")
    whole(f"{where}, gpus", instance["gpus"], 1, 16)
    whole(f"{where}, vcpu", instance["vcpu"], 1, 10000)
    memory = instance["memoryGiB"]
    expect(is_number(memory) and 0 < memory < 10 ** 6 and (Decimal(memory) * 1024) % 1 == 0,
           f"{where}: memoryGiB must be whole MiB")
    for key, high in (("gpuMemoryMiB", 1 << 30), ("maxPods", 100000)):
        if instance[key] is not None:
            whole(f"{where}, {key}", instance[key], 1, high)
    expect(isinstance(instance["usdPerHour"], dict), f"{where}: usdPerHour must be an object")
    for region, usd in instance["usdPerHour"].items():
        expect(REGION.match(region), f"{where}: {region} is no region")
        micro = Decimal(usd) * 1000000 if is_number(usd) else Decimal(0)
        expect(0 < micro < 10 ** 12 and micro % 1 == 0,
               f"{where}, {region}: found price {usd}; expected a positive one with six digits "
               "behind the point at most")


def write_prices(out, index, instance):
    if not instance["usdPerHour"]:
        return
    out.write(f"static const struct gs_instance_price prices_{index}[] = {{\n")
    for region, usd in sorted(instance["usdPerHour"].items()):
        out.write(f"    {{{text(region)}, {int(Decimal(usd) * 1000000)}u}},\n")
    out.write("};\n")


def row(index, instance):
    prices = instance["usdPerHour"]
    memory = int(Decimal(instance["memoryGiB"]) * 1024)
    family, size = instance["type"].split(".")
    return (f"    {{.type = {text(instance['type'])}, .family = {text(family)}, "
            f".size = {text(size)}, .arch = {text(instance['arch'])},\n"
            f"     .gpu_name = {text(instance['gpu'])}, .gpus = {instance['gpus']}u, "
            f".gpu_memory_mib = {number(instance['gpuMemoryMiB'])},\n"
            f"     .karpenter_gpu_name = {text(instance['karpenterGpuName'])}, "
            f".vcpu = {instance['vcpu']}u, .memory_mib = {memory}u,\n"
            f"     .max_pods = {number(instance['maxPods'])}, "
            f".prices = {f'prices_{index}' if prices else 'NULL'}, "
            f".n_prices = {len(prices)}u}},\n")


def write_names(out, name, values):
    out.write(f"const char *const gs_instances_{name}[] = {{"
              + ", ".join(text(v) for v in values) + "};\n"
              f"const size_t gs_instances_n_{name} = {len(values)};\n")


def load(path, schema):
    with open(path, encoding="utf-8") as source:
        data = json.load(source, parse_float=Decimal)
    expect(data.get("schema") == schema, f"schema must be {schema}")
    return data


def main():
    models = {m["id"] for m in load(sys.argv[1], "gpuslice-gpu-models/1")["models"]}
    instances = load(sys.argv[2], "gpuslice-instances/1")["instances"]
    expect(instances, "instances: expected one or more")
    for instance in instances:
        check(instance)
    types = [i["type"] for i in instances]
    for name in types:
        expect(types.count(name) == 1, f"type {name}: found twice; expected once")
    regions = sorted({r for i in instances for r in i["usdPerHour"]})
    plain = list(dict.fromkeys(i["gpu"] for i in instances if i["gpu"] not in models))
    lower = {m.lower() for m in models}
    for gpu in plain:
        expect(gpu.lower() not in lower, f"gpu {gpu}: a model of another spelling")
    with open(sys.argv[3], "w", encoding="ascii") as out:
        out.write("/* Made by scripts/gen_instances.py from data/ec2-instances.json. */\n"
                  "#include \"cloud/instances_data.h\"\n\n")
        write_names(out, "regions", regions)
        write_names(out, "plain_gpus", plain)
        out.write("\n")
        for index, instance in enumerate(instances):
            write_prices(out, index, instance)
        out.write("\nconst struct gs_instance gs_instances_table[] = {\n")
        for index, instance in enumerate(instances):
            out.write(row(index, instance))
        out.write(f"}};\n\nconst size_t gs_instances_n = {len(instances)};\n")


if __name__ == "__main__":
    try:
        main()
    except Wrong as problem:
        sys.exit(f"{sys.argv[2]}: {problem}")
    except (KeyError, TypeError, ValueError) as problem:
        sys.exit(f"{sys.argv[2]}: {type(problem).__name__}: {problem}")
