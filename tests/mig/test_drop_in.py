#!/usr/bin/env python3
"""The command lines that urfave/cli takes, and files that its YAML reader takes: as mig-parted does.

usage: test_drop_in.py GPUSLICE GPUSLICE_SIM SOURCE_DIR

The expected side was seen with mig-parted v0.15.0 on the same simulated machine.
"""
import os
import shutil
import subprocess

from bed import GPUSLICE, ONE, WORK, expect, machine, main, parted, run, write

EXPORT = ("version: v1\nmig-configs:\n  current:\n  - devices: all\n    mig-enabled: true\n"
          "    mig-devices: {}\n")
APPLIED = "Selected MIG configuration currently applied\n"
MODE = "Selected MIG mode settings from configuration currently applied\n"
VALID = "Selected MIG configuration is valid\n"
EMPTY = "version: v1\nmig-configs:\n  a:\n  - {devices: all, mig-enabled: true, mig-devices: {}}\n"
HELP, VERSION = "Commands:\n  apply", "nvidia-mig-parted version "

# words, status, stdout (or what it begins with or has in it: HELP, VERSION)
LINES = (
    # before the command
    ("--version=true", 0, VERSION), ("--version=false", 0, VERSION), ("-v=true", 0, VERSION),
    ("--version=x", 1, ""), ("--version export", 0, VERSION), ("-version", 0, VERSION),
    ("--debug=true export", 0, EXPORT), ("--debug=false export", 0, EXPORT),
    ("-d=1 export", 0, EXPORT), ("-d=0 export", 0, EXPORT), ("--debug= export", 0, EXPORT),
    ("-debug=T export", 0, EXPORT), ("-d=2 export", 1, ""), ("--debug=maybe export", 1, ""),
    ("--debug true export", 3, ""), ("-m=true", 1, ""), ("-m", 1, ""),
    ("--help=true", 0, HELP), ("--help=false", 0, HELP), ("--help=false export", 0, EXPORT),
    ("-h=1", 0, HELP), ("-- export", 0, EXPORT), ("-d -- export", 0, EXPORT), ("--", 0, HELP),
    ("-- -d export", 3, ""), ("- export", 3, ""), ("''", 0, HELP),
    # behind it
    ("export --debug=true", 0, EXPORT), ("export -d=true", 0, EXPORT), ("export --", 0, EXPORT),
    ("export --help=false", 0, EXPORT), ("export --help=x", 1, ""),
    ("assert -f e.yaml -m=true", 0, MODE), ("assert -f e.yaml -m=1", 0, MODE),
    ("assert -f e.yaml -m=t", 0, MODE), ("assert -f e.yaml -m=", 0, MODE),
    ("assert -f e.yaml -m=false", 0, APPLIED), ("assert -f e.yaml -m=yes", 1, ""),
    ("assert -f e.yaml --mode-only=", 0, MODE), ("assert -f=e.yaml -a=true", 0, VALID),
    ("assert -d=false -f e.yaml", 0, APPLIED), ("assert -f= e.yaml", 1, ""),
    ("apply -f e.yaml -s=true", 0, "MIG configuration applied successfully\n"),
    ("apply -f e.yaml -m=true -s", 0, "MIG configuration applied successfully\n"),
    ("apply -f e.yaml -k=", 0, "MIG configuration applied successfully\n"),
    # a value is a value, whatever it looks like
    ("export -l -d=1", 0, EXPORT.replace("current", "-d=1")),
    ("export -l --", 0, EXPORT.replace("current", "--")),
    ("export -l ''", 0, EXPORT.replace("current", '""')),
    ("export -l=", 0, EXPORT.replace("current", '""')),
    ("export --config-label=", 0, EXPORT.replace("current", '""')),
)


def case_command_lines_are_read_as_mig_parted_reads_them():
    node = machine("lines", "--gpus", "1xA100-40GB", "--mig")
    write("e.yaml", EMPTY)
    for line, status, expected in LINES:
        words = [word.strip("'") for word in line.split()]
        got = run(*words, sim=node, program=parted())
        if expected in (HELP, VERSION):
            assert got[0] == status and expected in got[1], (line, got)
        else:
            assert got[:2] == (status, expected), (line, got)
        assert (got[2] == "") == (status == 0) or "d" in line, (line, got)


# name in the file, name to select it by; None: the file is refused
NAMES = (
    ("off", "off"), ("on", "on"), ("yes", "yes"), ("no", "no"), ("1.0", "1.0"), ("'~'", "~"),
    ("'null'", "null"), ("'<<'", "<<"), ("''", ""), ("true", "true"), ("010", "010"),
    ("~", None), ("null", None), ("Null", None), ("<<", None), ("&a x", None), ("!!str x", None),
)


def case_names_of_configurations_are_what_is_written():
    """mig-parted renames what YAML 1.1 reads as no text: off is its "false", 1.0 its "1"."""
    for written, selected in NAMES:
        text = EMPTY.replace("  a:\n", f"  {written}:\n")
        if selected is None:
            status, out, err = run("assert", "-a", "-f", "-", stdin=text)
            assert (status, out) == (1, "") and "stdin:3: found a" in err, (written, err)
        else:
            expect(0, VALID, "assert", "-a", "-f", "-", "-c", selected, stdin=text)
    expect(1, "", "assert", "-a", "-f", "-", says="a GPU instance of 2; expected 2 at most",
           stdin=EMPTY.replace("{}", "{3c.2g.5gb: 1}"))


def case_what_is_exported_under_any_name_is_read_again():
    node = machine("named", "--gpus", "1xA100-40GB", "--mig")
    for name in ("", "off", "~", "<<", "1.0", "a: b", "it's", "-", "#x"):
        for form in ("yaml", "json"):
            status, out, err = run("export", "-l", name, "-o", form, sim=node)
            assert status == 0, (name, err)
            expect(0, APPLIED, "assert", "-f", "-", "-c", name, stdin=out, sim=node)


QUESTION = "--generate-shell-completion"
COMMANDS = ["apply", "assert", "export", "generate-config", "checkpoint", "restore"]

# words before the question, what is offered
ANSWERS = (
    ("", COMMANDS + ["help"]), ("-d=1", []), ("bogus", COMMANDS + ["help"]), ("help", []),
    ("-", ["--debug", "--help", "--version"]), ("--d", ["--debug"]), ("export", ["help"]),
    ("apply --c", ["--config-file"]), ("apply --m", ["--mode-only"]), ("export -o", ["yaml", "json"]),
    ("assert -f one.yaml -c", ["all-1g.5gb", "off", "first"]), ("assert -f one.yaml", ["help"]),
    ("apply -f", []), ("completion", ["bash", "zsh", "fish"]), ("assert -c", []),
    ("assert -f no.yaml -c", []), ("assert -f . -c", []),
)


def case_shells_ask_it_as_they_ask_mig_parted():
    write("one.yaml", ONE)
    for line, expected in ANSWERS:
        status, out, err = run(*line.split(), QUESTION, program=parted())
        words = [text.split(":")[0] for text in out.splitlines()]
        words = [word for word in words if word in expected or line not in ("", "bogus")]
        assert (status, words, err) == (0, expected, ""), (line, out, err)
    for line in ("apply -", "apply --"):
        status, out, err = run(*line.split(), QUESTION, program=parted())
        words = {text.split(":")[0] for text in out.splitlines()}
        assert status == 0 and {"--config-file", "--selected-config", "--hooks-file", "--mode-only",
                                "--skip-reset", "--help"} <= words, (line, out, err)
    status, out, err = run("--", "x", QUESTION, program=parted())
    assert (status, out) == (3, "") and '"x"' in err, (status, out, err)


def case_its_completion_scripts_are_written_under_its_name():
    for shell in ("bash", "zsh", "fish"):
        status, out, err = run("completion", shell, program=parted())
        assert status == 0 and "nvidia-mig-parted" in out and err == "", (shell, err)
        assert "gpuslice mig" not in out and "mig apply" not in out, shell
        assert run("completion", shell)[1] == subprocess.run(
            [GPUSLICE, "completion", shell], capture_output=True, text=True, check=True).stdout
        if shutil.which(shell):
            subprocess.run([shell, "-n"], input=out, text=True, check=True)
    status, out, err = run("completion", "pwsh", program=parted())
    assert (status, out) == (1, "") and "one of bash, zsh, fish" in err, err
    status, out, err = run("completion", program=parted())
    assert status == 0 and out.startswith("nvidia-mig-parted completion: "), out


def offered_by_bash(program, line, node, **more):
    """What bash puts behind a command line whose last word is being typed."""
    name = os.path.basename(program)
    script = ("source <(\"$1\" completion bash); shift; COMP_LINE=$1; COMP_POINT=${#1}; shift\n"
              "COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \"_$0\"\n"
              "printf '%s\\n' \"${COMPREPLY[@]}\"\n")
    words = [program if word == name else word for word in line.replace("=", " = ").split(" ")]
    done = subprocess.run(["bash", "-c", script, name.replace("-", "_"), program, line, *words],
                          capture_output=True, text=True, check=True, cwd=WORK,
                          env={**os.environ, "GPUSLICE_SIM": node, **more})
    return done.stdout.split()


def case_bash_completes_what_the_machine_has():
    node = machine("typed", "--gpus", "3xA100-40GB", "--mig")
    write("odd.yaml", EMPTY.replace("  a:\n", "  $(touch${IFS}odd):\n") + EMPTY.split("configs:\n")[1]
          + EMPTY.split("configs:\n")[1].replace("a:", "ab c:"))
    _, made, _ = run("create", "3g.20gb", "--gpu", "1", sim=node)
    uuid = made.strip()
    cases = (
        ("gpuslice mig apply -f odd.yaml -c ", ["\\$\\(touch\\$\\{IFS\\}odd\\)", "a", "ab\\", "c"]),
        ("gpuslice mig apply -f odd.yaml --selected-config=ab", ["ab\\", "c"]),
        ("gpuslice mig assert --config-file=odd.yaml -c a", ["a", "ab\\", "c"]),
        ("gpuslice mig assert -c ", []),
        ("gpuslice mig create 1g.5gb --gpu ", ["0", "1", "2"]),
        ("gpuslice mig create 1g.5gb --gpu 0,", ["0\\,0", "0\\,1", "0\\,2"]),
        ("gpuslice mig create 3", ["3g.20gb"]),
        ("gpuslice gpu show 2", ["2"]),
        ("gpuslice mig destroy 1", ["1:2"]),
        ("gpuslice mig destroy MIG-" + uuid[4:9], [uuid]),
        ("nvidia-mig-parted apply -f odd.yaml -c a", ["a", "ab\\", "c"]),
    )
    for line, expected in cases:
        program = parted() if line.startswith("nvidia") else GPUSLICE
        assert offered_by_bash(program, line, node) == expected, line
    assert not os.path.exists(os.path.join(WORK, "odd"))
    assert offered_by_bash(GPUSLICE, "gpuslice mig apply -c a", node,
                           MIG_PARTED_CONFIG_FILE="odd.yaml") == ["a", "ab\\", "c"]
    os.mkfifo(os.path.join(WORK, "pipe"))
    assert offered_by_bash(GPUSLICE, "gpuslice mig apply -f pipe -c ", node) == []


def case_fish_completes_what_the_machine_has():
    if not shutil.which("fish"):
        print("# no fish here")
        return
    node = machine("fished", "--gpus", "2xA100-40GB", "--mig")
    write("one.yaml", ONE)
    for line, expected in (("gpuslice mig apply -f one.yaml -c ", ["all-1g.5gb", "first", "off"]),
                           ("gpuslice mig create 1g.5gb --gpu ", ["0", "1"])):
        script = "gpuslice completion fish | source; complete -C '" + line + "'"
        done = subprocess.run(["fish", "--no-config", "-c", script], capture_output=True, text=True,
                              check=True, cwd=WORK,
                              env={**os.environ, "GPUSLICE_SIM": node, "HOME": WORK,
                                   "PATH": os.path.dirname(GPUSLICE) + ":" + os.environ["PATH"]})
        words = sorted(text.split("\t")[0] for text in done.stdout.splitlines())
        assert words == expected, (line, done.stdout, done.stderr)


if __name__ == "__main__":
    main(__name__)
