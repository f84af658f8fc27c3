#!/usr/bin/env python3
"""A wrong edit of data/miso-speeds.csv stops the build with one line that says what is wrong.

usage: test_gen_speeds.py SOURCE_DIR
"""
import functools
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # pylint: disable=wrong-import-position

SOURCE = sys.argv[1]
SCRATCH = tempfile.TemporaryDirectory()
HEADER = "model,batch_size,mig_profile,slowdown\n"


def generate(text):
    given, made = (os.path.join(SCRATCH.name, n) for n in ("speeds.csv", "speeds_data.c"))
    with open(given, "w", encoding="utf-8") as out:
        out.write(text)
    if os.path.exists(made):
        os.unlink(made)
    done = subprocess.run([sys.executable, os.path.join(SOURCE, "scripts", "gen_speeds.py"),
                           os.path.join(SOURCE, "data", "gpu-models.json"), given, made],
                          capture_output=True, text=True, check=False)
    return done, made


WRONG = [
    ("another_header", "model,batch,mig_profile,slowdown\nbert,2,2g.10gb,2.570\n", ["header"]),
    ("nothing", "# only a comment\n", ["header"]),
    ("no_rows", HEADER, ["no rows"]),
    ("a_field_too_few", HEADER + "bert,2,2g.10gb\n", [":2", "4 fields"]),
    ("a_name_with_a_blank", HEADER + "b ert,2,2g.10gb,2.570\n", [":2", "no name"]),
    ("a_batch_that_is_no_number", HEADER + "bert,two,2g.10gb,2.570\n", [":2", "no name"]),
    ("a_profile_of_another_model", HEADER + "bert,2,2g.12gb,2.570\n", [":2", "2g.12gb"]),
    ("a_slowdown_that_is_none", HEADER + "bert,2,2g.10gb,0.500\n", [":2", "0.500"]),
    ("a_slowdown_of_two_places", HEADER + "bert,2,2g.10gb,2.57\n", [":2", "2.57"]),
    ("a_row_twice", HEADER + "bert,2,2g.10gb,2.570\n# again\nbert,2,2g.10gb,2.570\n",
     [":4", "second row"]),
]


def refuses(text, words):
    done, made = generate(text)
    assert done.returncode == 1, f"expected a refusal, got status {done.returncode}"
    assert len(done.stderr.splitlines()) == 1, f"expected one line, got:\n{done.stderr}"
    for word in words:
        assert word in done.stderr, f"expected '{word}' in: {done.stderr}"
    assert not os.path.exists(made), "a half-written table was left behind"


def gen_speeds__speeds_are_the_slowdowns_the_other_way_round_sorted_by_name():
    done, made = generate(HEADER + "gnn,8,1g.5gb,4.000\nbert,2,7g.40gb,1.000\nbert,2,2g.10gb,2.570\n")
    assert done.returncode == 0, done.stderr
    with open(made, encoding="utf-8") as table:
        text = table.read()
    assert text.index("bert_train2") < text.index("gnn_train8")
    assert "slowdown_permille = {[3] = 2570, [6] = 1000}" in text, text
    assert "permille = {[3] = 389, [6] = 1000}" in text and "permille = {[0] = 250}" in text, text


def main():
    cases = [(f"gen_speeds__refuses_{name}", functools.partial(refuses, text, words))
             for name, text, words in WRONG]
    tap.run(tap.cases_of(sys.modules[__name__], "gen_speeds__") + cases)


if __name__ == "__main__":
    main()
