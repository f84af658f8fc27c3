#!/usr/bin/env python3
"""Turns data/miso-speeds.csv into the C table of src/trace/speeds_data.h.

usage: gen_speeds.py MODELS.json SPEEDS.csv OUTPUT.c

The columns are model, batch_size, mig_profile and slowdown (against the whole GPU);
lines that begin with # are comments. A wrong row stops the build with its line.
"""
import csv
import json
import re
import sys

MODEL = "A100-40GB"
HEADER = ["model", "batch_size", "mig_profile", "slowdown"]


class Wrong(Exception):
    """The input is not what it must be."""


def expect(condition, message):
    if not condition:
        raise Wrong(message)


def profiles_of(path):
    with open(path, encoding="utf-8") as f:
        models = [m for m in json.load(f)["models"] if m["id"] == MODEL]
    expect(len(models) == 1, f"gpu-models.json: expected one model {MODEL}")
    return [p["name"] for p in models[0]["profiles"]]


def read(path, profiles):
    """work -> {index of profile: slowdown in thousandths}"""
    works = {}
    with open(path, encoding="utf-8") as f:
        rows = [(n, line.rstrip("\n")) for n, line in enumerate(f, 1) if line[:1] not in ("#", "\n")]
    expect(rows and rows[0][1].split(",") == HEADER,
           f"miso-speeds.csv: expected the header {','.join(HEADER)}")
    for n, line in rows[1:]:
        row = next(csv.reader([line]))
        where = f"miso-speeds.csv:{n}"
        expect(len(row) == len(HEADER), f"{where}: expected {len(HEADER)} fields")
        model, batch, profile, slowdown = row
        expect(re.fullmatch(r"[a-z0-9]+", model) and batch.isdigit(), f"{where}: no name of a job")
        expect(profile in profiles, f"{where}: {MODEL} has no profile {profile}")
        expect(re.fullmatch(r"\d{1,2}\.\d{3}", slowdown) and 0.9 <= float(slowdown) <= 60,
               f"{where}: slowdown is {slowdown}: expected 0.900 to 60.000")
        speeds = works.setdefault(f"{model}_train{batch}", {})
        index = profiles.index(profile)
        expect(index not in speeds, f"{where}: a second row of this job and profile")
        speeds[index] = int(slowdown.replace(".", ""))
    return works


def write(works, out):
    out.write('#include "trace/speeds_data.h"\n\n')
    out.write(f'const char gs_trace_speeds_model[] = "{MODEL}";\n')
    out.write(f"const size_t gs_trace_speeds_count = {len(works)};\n")
    out.write("const struct gs_trace_speed gs_trace_speeds_data[] = {\n")
    for work in sorted(works):
        slow = ", ".join(f"[{i}] = {s}" for i, s in sorted(works[work].items()))
        fast = ", ".join(f"[{i}] = {(1000000 + s // 2) // s}" for i, s in sorted(works[work].items()))
        out.write(f'    {{.work = "{work}",\n     .slowdown_permille = {{{slow}}},\n'
                  f"     .speed = {{.permille = {{{fast}}}}}}},\n")
    out.write("};\n")


def main():
    models, speeds, output = sys.argv[1:]
    try:
        works = read(speeds, profiles_of(models))
        expect(works, "miso-speeds.csv: no rows")
    except Wrong as wrong:
        sys.exit(str(wrong))
    with open(output, "w", encoding="utf-8") as f:
        write(works, f)


main()
