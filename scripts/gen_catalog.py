#!/usr/bin/env python3
"""Turns data/gpu-models.json into the C table of src/core/catalog_data.h.

usage: gen_catalog.py INPUT.json OUTPUT.c

Every fact is checked here, so that a wrong edit of the JSON stops the build with the model's name
and what was expected.
"""
import io
import json
import re
import sys

ENGINES = ["copyEngines", "decoders", "encoders", "jpeg", "ofa"]
NAME = re.compile(r"^(?:(\d+)c\.)?(\d+)g\.(\d+)gb(?:([+-])([A-Za-z][A-Za-z0-9.,]*))?$")


class Wrong(Exception):
    """The input is not what it must be."""


def expect(condition, message):
    if not condition:
        raise Wrong(message)


def is_number(value):
    return type(value) is int and 0 <= value < 2**32 - 1


# What a field must be: a test and the words for it.
TEXT = (lambda v: isinstance(v, str) and v.isprintable() and 0 < len(v) < 400, "a text")
TEXTS = (lambda v: isinstance(v, list) and v and all(TEXT[0](t) for t in v), "a list of texts")
COUNT = (lambda v: is_number(v) and 1 <= v <= 255, "a number from 1 to 255")
NUMBER = (lambda v: v is None or is_number(v), "a whole number, or null when not known")
FLAG = (lambda v: isinstance(v, bool), "true or false")
OBJECTS = (lambda v: isinstance(v, list) and v and all(isinstance(o, dict) for o in v),
           "a list of objects")
STARTS = (lambda v: v is None or isinstance(v, list) and all(type(s) is int for s in v),
          "a list of numbers, or null when not known")

MODEL_FIELDS = {
    "id": TEXT, "family": TEXT, "architecture": TEXT, "productNames": TEXTS, "variants": OBJECTS,
    "profiles": OBJECTS, "computeSlices": COUNT, "memorySlices": NUMBER, "maxInstances": COUNT,
    "modeChangeNeedsGpuReset": FLAG, "confidence": TEXT, "placementsConfidence": TEXT,
    "totalMemoryMiB": NUMBER, "totalMemoryGiBCeil": NUMBER,
}
PROFILE_FIELDS = {
    "name": TEXT, "nvmlProfile": NUMBER, "nvmlProfileId": NUMBER, "computeSlices": COUNT,
    "memorySlices": NUMBER, "starts": STARTS, "maxInstances": COUNT, "memoryMiB": NUMBER,
    "smCount": NUMBER, **dict.fromkeys(ENGINES, NUMBER),
}


def expect_fields(where, thing, fields):
    for key, (is_right, words) in fields.items():
        expect(key in thing, f"{where}: {key} is missing: expected {words}")
        expect(is_right(thing[key]), f"{where}: {key} is {json.dumps(thing[key])[:60]}: "
                                     f"expected {words}")


def expect_different(where, what, names):
    for i, name in enumerate(names):
        expect(name not in names[:i], f"{where}: two {what} are named {name}")


def text(value):
    return json.dumps(value, ensure_ascii=True)


def number(value):
    return "GS_NOT_KNOWN" if value is None else f"{value}u"


def check_profile(model, profile):
    where = f"model {model['id']}, profile {profile.get('name')}"
    expect_fields(where, profile, PROFILE_FIELDS)
    match = NAME.match(profile["name"])
    expect(match, f"{where}: not a profile name: expected one like 1g.5gb or 1g.5gb+me")
    expect(profile["computeSlices"] <= model["computeSlices"],
           f"{where}: computeSlices is {profile['computeSlices']}: the GPU has "
           f"{model['computeSlices']}")
    if profile["starts"] is not None:
        units = model["memorySlices"]
        size = profile["memorySlices"]
        expect(units and 1 <= units <= 16, f"{where}: memorySlices of the model must be 1 to 16")
        expect(size and size >= 1, f"{where}: memorySlices must be 1 or more")
        for start in profile["starts"]:
            expect(0 <= start and start + size <= units,
                   f"{where}: start {start} with size {size} leaves the {units} units of the GPU")
        expect(len(set(profile["starts"])) == len(profile["starts"]) > 0,
               f"{where}: starts must name at least one unit and none twice")
        expect(profile["maxInstances"] <= len(profile["starts"]),
               f"{where}: maxInstances is {profile['maxInstances']}: there are "
               f"{len(profile['starts'])} starts")
    return match


def profile_row(model, profile):
    compute, gpu, memory, sign, attrs = check_profile(model, profile).groups()
    starts = sum(1 << s for s in profile["starts"] or [])
    engines = ", ".join(number(profile[e]) for e in ENGINES)
    sign_text = f"'{sign}'" if sign else "0"
    return (f"    {{.name = {text(profile['name'])},\n"
            f"     .parts = {{{compute or gpu}u, {gpu}u, {memory}u, {sign_text}, "
            f"{text(attrs or '')}}},\n"
            f"     .nvml_profile = {number(profile['nvmlProfile'])}, "
            f".nvml_profile_id = {number(profile['nvmlProfileId'])},\n"
            f"     .memory_mib = {number(profile['memoryMiB'] or None)}, "
            f".sm_count = {number(profile['smCount'])},\n"
            f"     .engines = {{{engines}}},\n"
            f"     .compute_slices = {profile['computeSlices']}, "
            f".memory_units = {profile['memorySlices'] or 0}, "
            f".max_instances = {profile['maxInstances']}, .starts = 0x{starts:x}}},\n")


def model_known(model):
    known = [p["starts"] is not None for p in model["profiles"]]
    expect(all(known) or not any(known),
           f"model {model['id']}: starts must be given for all profiles or for none")
    return all(known)


def write_model(out, index, model):
    where = f"model {model.get('id', f'number {index + 1}')}"
    expect_fields(where, model, MODEL_FIELDS)
    expect(len(model["profiles"]) <= 16, f"{where}: at most 16 profiles")
    expect_different(where, "profiles", [p.get("name") for p in model["profiles"]])
    placements = sum(len(p["starts"] or []) for p in model["profiles"])
    expect(placements <= 64, f"model {model['id']}: at most 64 (profile, start) pairs")
    out.write(f"static const char *const names_{index}[] = {{"
              + ", ".join(text(n) for n in model["productNames"]) + "};\n")
    out.write(f"static const struct gs_variant variants_{index}[] = {{\n")
    for variant in model["variants"]:
        expect_fields(f"model {model['id']}, variants", variant, {"name": TEXT})
        pci = variant.get("pciDeviceId")
        expect(pci is None or isinstance(pci, str) and re.match(r"^0x[0-9A-F]{4}10DE$", pci),
               f"model {model['id']}: pciDeviceId is {json.dumps(pci)}: expected 0x????10DE, "
               "or null when not known")
        out.write(f"    {{{text(variant['name'])}, {pci or '0'}}},\n")
    out.write("};\n")
    out.write(f"static const struct gs_profile profiles_{index}[] = {{\n")
    for profile in model["profiles"]:
        out.write(profile_row(model, profile))
    out.write("};\n\n")


def model_row(index, model):
    known = model_known(model)
    flag = {True: "true", False: "false"}
    return (f"    {{.id = {text(model['id'])}, .family = {text(model['family'])}, "
            f".architecture = {text(model['architecture'])},\n"
            f"     .product_names = names_{index}, .variants = variants_{index}, "
            f".profiles = profiles_{index},\n"
            f"     .n_product_names = {len(model['productNames'])}, "
            f".n_variants = {len(model['variants'])}, .n_profiles = {len(model['profiles'])},\n"
            f"     .compute_slices = {model['computeSlices']}, "
            f".memory_units = {model['memorySlices'] or 0 if known else 0}, "
            f".max_instances = {model['maxInstances']},\n"
            f"     .placements_known = {flag[known]}, "
            f".verified = {flag[model['confidence'] == 'verified']}, "
            f".mode_change_needs_reset = {flag[bool(model['modeChangeNeedsGpuReset'])]},\n"
            f"     .placements_source = {text(model['placementsConfidence'])},\n"
            f"     .memory_mib = {number(model['totalMemoryMiB'] or None)}, "
            f".memory_gib = {number(model['totalMemoryGiBCeil'] or None)}}},\n")


def load(path):
    with open(path, encoding="utf-8") as source:
        data = json.load(source)
    expect(isinstance(data, dict) and data.get("schema") == "gpuslice-gpu-models/1",
           "schema must be gpuslice-gpu-models/1")
    expect_fields("the file", data, {"models": OBJECTS})
    expect_different("the file", "models", [str(m.get("id")).lower() for m in data["models"]])
    return data["models"]


def main():
    models = load(sys.argv[1])
    out = io.StringIO()
    out.write("/* Made by scripts/gen_catalog.py from data/gpu-models.json. */\n"
              "#include \"core/catalog_data.h\"\n\n")
    for index, model in enumerate(models):
        write_model(out, index, model)
    out.write("const struct gs_model gs_catalog_models[] = {\n")
    for index, model in enumerate(models):
        out.write(model_row(index, model))
    out.write(f"}};\n\nconst size_t gs_catalog_n_models = {len(models)};\n")
    with open(sys.argv[2], "w", encoding="ascii") as target:
        target.write(out.getvalue())


if __name__ == "__main__":
    try:
        main()
    except (Wrong, json.JSONDecodeError, OSError) as problem:
        sys.exit(f"{sys.argv[1]}: {problem}")
