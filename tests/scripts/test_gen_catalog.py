#!/usr/bin/env python3
"""Adding a GPU model is editing one JSON file: an invented model works, wrong edits are refused.

usage: test_gen_catalog.py SOURCE_DIR BUILD_DIR CC...
"""
import functools
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # pylint: disable=wrong-import-position

SOURCE, BUILD, CC = sys.argv[1], sys.argv[2], sys.argv[3:]
SCRATCH = tempfile.TemporaryDirectory()

USE_IT = r"""
#include <stdio.h>
#include "core/catalog.h"
#include "core/statetable.h"
int main(void)
{
    const struct gs_model *model;
    const struct gs_statetable *table;
    struct gs_err err;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 24);
    if (gs_catalog_find(gs_view("0x77B710DE"), &model, &err) != 0 ||
        gs_statetable_new(&arena, model, GS_ALL_PROFILES, &table, &err) != 0) {
        return puts(err.msg), 1;
    }
    printf("%s %u %u\n", model->id, model->n_profiles, table->n_multisets);
    gs_arena_done(&arena);
    return 0;
}
"""


def catalogue():
    with open(os.path.join(SOURCE, "data", "gpu-models.json"), encoding="utf-8") as source:
        return json.load(source)


def with_invented_model():
    """The catalogue with one more model: the one that docs/HACKING.md shows."""
    with open(os.path.join(SOURCE, "docs", "HACKING.md"), encoding="utf-8") as source:
        shown = re.search(r"^```json\n(.*?)^```$", source.read(), re.MULTILINE | re.DOTALL)
    data, model = catalogue(), json.loads(shown.group(1))
    data["models"].append(model)
    return data, model


def generate(text):
    given, made = (os.path.join(SCRATCH.name, n) for n in ("models.json", "catalog_data.c"))
    with open(given, "w", encoding="utf-8") as out:
        out.write(text)
    if os.path.exists(made):
        os.unlink(made)
    done = subprocess.run([os.path.join(SOURCE, "scripts", "gen_catalog.py"), given, made],
                          capture_output=True, text=True, check=False)
    return done, made


def gen_catalog__makes_a_model_of_a_json_entry_alone():
    data, _ = with_invented_model()
    done, made = generate(json.dumps(data))
    assert done.returncode == 0, done.stderr
    program = os.path.join(SCRATCH.name, "use_it")
    main = program + ".c"
    with open(main, "w", encoding="utf-8") as out:
        out.write(USE_IT)
    libraries = [os.path.join(BUILD, "src", room, f"libgpuslice-{room}.a")
                 for room in ("core", "base")]
    built = subprocess.run([*CC, "-std=gnu17", "-D_GNU_SOURCE", "-I", os.path.join(SOURCE, "src"),
                            main, made, *libraries, "-o", program],
                           capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    ran = subprocess.run([program], capture_output=True, text=True, check=False)
    assert ran.stdout == "X1-24GB 2 6\n", ran.stdout + ran.stderr


def first(model):
    return model["profiles"][0]


# What is done to the file, and what the message must say.
WRONG_EDITS = [
    ("an_id_that_is_there", lambda d, m: m.update(id="a30-24gb"), ["a30-24gb", "two models"]),
    ("no_id", lambda d, m: m.pop("id"), ["model number", "id is missing"]),
    ("no_profiles", lambda d, m: m.update(profiles=[]), ["X1-24GB", "profiles"]),
    ("seventeen_profiles", lambda d, m: m.update(profiles=[
        dict(first(m), name=f"1g.{i}gb") for i in range(17)]), ["X1-24GB", "at most 16"]),
    ("a_profile_twice", lambda d, m: m["profiles"].append(first(m)), ["X1-24GB", "1g.6gb"]),
    ("a_name_that_is_none", lambda d, m: first(m).update(name="1g6gb"), ["1g6gb", "1g.5gb"]),
    ("a_start_outside", lambda d, m: first(m).update(starts=[4]), ["1g.6gb", "start 4"]),
    ("a_start_below_zero", lambda d, m: first(m).update(starts=[-1]), ["1g.6gb", "start -1"]),
    ("a_start_twice", lambda d, m: first(m).update(starts=[0, 0]), ["1g.6gb", "starts"]),
    ("starts_as_text", lambda d, m: first(m).update(starts="0"), ["1g.6gb", "list of numbers"]),
    ("starts_for_some_only", lambda d, m: first(m).update(starts=None), ["X1-24GB", "all profiles"]),
    ("too_many_slices", lambda d, m: first(m).update(computeSlices=9), ["1g.6gb", "is 9", "has 4"]),
    ("a_number_as_text", lambda d, m: first(m).update(computeSlices="1"), ["computeSlices", '"1"']),
    ("a_missing_field", lambda d, m: first(m).pop("smCount"), ["1g.6gb", "smCount is missing"]),
    ("a_memory_below_zero", lambda d, m: first(m).update(memoryMiB=-5), ["memoryMiB", "-5"]),
    ("a_pci_id_of_another_form", lambda d, m: m["variants"][0].update(pciDeviceId="77b7"),
     ["X1-24GB", "pciDeviceId", "0x????10DE"]),
    ("another_schema", lambda d, m: d.update(schema="2"), ["schema", "gpuslice-gpu-models/1"]),
]


def refuses(edit, words):
    data, model = with_invented_model()
    edit(data, model)
    expect_refusal(json.dumps(data), words)


def expect_refusal(text, words):
    done, made = generate(text)
    assert done.returncode == 1, f"expected a refusal, got status {done.returncode}"
    assert len(done.stderr.splitlines()) == 1, f"expected one line, got:\n{done.stderr}"
    for word in words:
        assert word in done.stderr, f"expected '{word}' in: {done.stderr}"
    assert not os.path.exists(made), "a half-written table was left behind"


def gen_catalog__says_where_the_json_is_broken():
    expect_refusal('{\n"models": [,]\n}', ["models.json", "line 2"])


def main():
    cases = [(f"gen_catalog__refuses_{name}", functools.partial(refuses, edit, words))
             for name, edit, words in WRONG_EDITS]
    tap.run(tap.cases_of(sys.modules[__name__], "gen_catalog__") + cases)


if __name__ == "__main__":
    main()
