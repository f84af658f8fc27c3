#!/usr/bin/env python3
"""A wrong edit of data/ec2-instances.json stops the build with one line that says what is wrong.

usage: test_gen_instances.py SOURCE_DIR
"""
import functools
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # pylint: disable=wrong-import-position

SOURCE = sys.argv[1]
SCRATCH = tempfile.TemporaryDirectory()


def table():
    with open(os.path.join(SOURCE, "data", "ec2-instances.json"), encoding="utf-8") as source:
        return json.load(source)


def generate(text):
    given, made = (os.path.join(SCRATCH.name, n) for n in ("instances.json", "instances_data.c"))
    with open(given, "w", encoding="utf-8") as out:
        out.write(text)
    if os.path.exists(made):
        os.unlink(made)
    done = subprocess.run([os.path.join(SOURCE, "scripts", "gen_instances.py"),
                           os.path.join(SOURCE, "data", "gpu-models.json"), given, made],
                          capture_output=True, text=True, check=False)
    return done, made


def gen_instances__makes_a_row_of_a_json_entry_alone():
    data = table()
    data["instances"].append({"type": "x9.large", "arch": "arm64", "gpu": "Z1", "gpus": 2,
                              "gpuMemoryMiB": None, "karpenterGpuName": None, "vcpu": 3,
                              "memoryGiB": 1.5, "maxPods": None,
                              "usdPerHour": {"eu-north-7": 0.000001}})
    done, made = generate(json.dumps(data))
    assert done.returncode == 0, done.stderr
    with open(made, encoding="ascii") as source:
        text = source.read()
    for part in ('.type = "x9.large"', '"eu-north-7", 1u', ".memory_mib = 1536u", '"Z1"',
                 f"gs_instances_n = {len(data['instances'])};"):
        assert part in text, part


# What is done to the first entry, and what the message must say.
WRONG_EDITS = [
    ("a_type_that_is_there", lambda d, i: d["instances"].append(i), ["p4d.24xlarge", "twice"]),
    ("a_type_without_size", lambda d, i: i.update(type="p4d"), ["p4d", "family.size"]),
    ("no_type", lambda d, i: i.pop("type"), ["object with a type"]),
    ("a_missing_key", lambda d, i: i.pop("vcpu"), ["p4d.24xlarge", "keys", "vcpu"]),
    ("a_key_that_is_none", lambda d, i: i.update(vcpus=3), ["p4d.24xlarge", "vcpus"]),
    ("another_arch", lambda d, i: i.update(arch="x86"), ["p4d.24xlarge", "arch"]),
    ("a_gpu_that_is_a_number", lambda d, i: i.update(gpu=4), ["p4d.24xlarge", "gpu"]),
    ("a_model_in_other_letters", lambda d, i: i.update(gpu="a100-40gb"), ["a100-40gb", "spelling"]),
    ("no_gpus", lambda d, i: i.update(gpus=0), ["gpus", "found 0", "1 to 16"]),
    ("gpus_as_text", lambda d, i: i.update(gpus="8"), ["gpus", "'8'"]),
    ("a_boolean_number", lambda d, i: i.update(vcpu=True), ["vcpu", "True"]),
    ("memory_of_part_of_a_mib", lambda d, i: i.update(memoryGiB=0.0001), ["memoryGiB"]),
    ("no_pods", lambda d, i: i.update(maxPods=0), ["maxPods", "found 0"]),
    ("a_price_below_zero", lambda d, i: i.update(usdPerHour={"us-east-1": -1}), ["us-east-1", "-1"]),
    ("a_price_of_zero", lambda d, i: i.update(usdPerHour={"us-east-1": 0}), ["us-east-1", "price 0"]),
    ("a_price_of_seven_digits", lambda d, i: i.update(usdPerHour={"us-east-1": 1.2345678}),
     ["us-east-1", "1.2345678", "six digits"]),
    ("a_price_as_words", lambda d, i: i.update(usdPerHour={"us-east-1": "much"}), ["us-east-1", "much"]),
    ("a_region_that_is_none", lambda d, i: i.update(usdPerHour={"Europe": 1}), ["Europe"]),
    ("no_instances", lambda d, i: d.update(instances=[]), ["instances"]),
    ("another_schema", lambda d, i: d.update(schema="2"), ["gpuslice-instances/1"]),
]


def refuses(edit, words):
    data = table()
    edit(data, data["instances"][0])
    expect_refusal(json.dumps(data), words)


def expect_refusal(text, words):
    done, made = generate(text)
    assert done.returncode == 1, f"expected a refusal, got status {done.returncode}"
    assert len(done.stderr.splitlines()) == 1, f"expected one line, got:\n{done.stderr}"
    for word in words:
        assert word in done.stderr, f"expected '{word}' in: {done.stderr}"
    assert not os.path.exists(made), "a half-written table was left behind"


def gen_instances__says_where_the_json_is_broken():
    expect_refusal('{\n"instances": [,]\n}', ["instances.json", "line 2"])


def main():
    cases = [(f"gen_instances__refuses_{name}", functools.partial(refuses, edit, words))
             for name, edit, words in WRONG_EDITS]
    tap.run(tap.cases_of(sys.modules[__name__], "gen_instances__") + cases)


if __name__ == "__main__":
    main()
