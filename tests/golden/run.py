#!/usr/bin/env python3
"""Runs commands and compares what they say with what *.case files say that they say.

usage: run.py [--update] [--bin-dir DIR] [FILE.case ...]

A case file is lines, each with its sign:

    # a comment
    $ gpuslice profiles nope -o json     the command; begins a case. Words as in a shell, without
                                         expansion; NAME=value may stand before the program
    @ stdout /dev/full                   stdout goes there instead (a closed pipe: "@ stdout closed")
    @ tty                                stdout is a terminal
    @ any-stdout, @ any-stderr           something is printed there, and not compared
    @ needs zsh                          skipped where this program is not installed
    @ machine                            GPUSLICE_SIM names a folder of this file's own, in which the
                                         case makes or uses a simulated machine; $MACHINE in the
                                         command is that folder
    < text                               a line of stdin
    = 3                                  the exit status
    > text                               a line of stdout
    ! text                               a line of stderr
    \\ no newline                         the stream above does not end with a newline

Commands run in tests/golden, so that input files are named the same everywhere. Programs are
looked for in --bin-dir (default: $GPUSLICE_BIN_DIR). `gpuslice ... -o json` that succeeds must
print JSON, and -o yaml the same tree as -o json (when python3 has a YAML reader). Results are TAP.
--update writes what came into the case files instead of comparing; review the difference as code.
"""
import argparse
import difflib
import glob
import json
import os
import pty
import shlex
import shutil
import subprocess
import sys
import tempfile

try:
    import yaml
except ImportError:
    yaml = None

HERE = os.path.dirname(os.path.abspath(__file__))
TIMEOUT_S = 60


class Wrong(Exception):
    """A case file that cannot be read."""


class Case:
    def __init__(self, command, where):
        self.command, self.where = command, where
        self.notes, self.directives, self.stdin = [], [], []
        self.status, self.stdout, self.stderr = None, "", ""
        self.machine = ""

    def has(self, directive):
        return directive in self.directives

    def stdout_to(self):
        for directive in self.directives:
            if directive.startswith("stdout "):
                return directive.split(None, 1)[1]
        return None


def add_line(case, sign, text, last):
    if sign == "<":
        case.stdin.append(text)
    elif sign == "@":
        case.directives.append(text)
    elif sign == "=":
        case.status = int(text)
    elif sign == ">":
        case.stdout += text + "\n"
    elif sign == "!":
        case.stderr += text + "\n"
    elif sign == "\\" and last == ">":
        case.stdout = case.stdout[:-1]
    elif sign == "\\" and last == "!":
        case.stderr = case.stderr[:-1]
    else:
        raise Wrong(f"{case.where}: no line begins with {sign!r}")


def load(path):
    """The cases of a file; comments and empty lines go with the case that follows them."""
    cases, notes, last = [], [], ""
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file.read().split("\n"), 1):
            sign, text = line[:1], line[2:]
            if sign in ("", "#"):
                notes.append(line)
            elif sign == "$":
                cases.append(Case(text, f"{os.path.basename(path)}:{number}"))
                cases[-1].notes, notes = notes, []
            elif not cases:
                raise Wrong(f"{path}:{number}: a case begins with $")
            else:
                add_line(cases[-1], sign, text, last)
                last = sign
    return cases, notes


def signed(sign, text):
    lines = text.split("\n")
    out = "".join(f"{sign} {line}".rstrip(" ") + "\n" if not line else f"{sign} {line}\n"
                  for line in lines[:-1])
    if lines[-1]:
        out += f"{sign} {lines[-1]}\n\\ no newline\n"
    return out


def format_case(case):
    out = "".join(note + "\n" for note in case.notes) + f"$ {case.command}\n"
    out += "".join(f"@ {directive}\n" for directive in case.directives)
    out += "".join(f"< {line}\n" for line in case.stdin)
    out += f"= {case.status}\n"
    out += signed(">", case.stdout) + signed("!", case.stderr)
    return out


def read_all(fd):
    data = b""
    while True:
        try:
            part = os.read(fd, 65536)
        except OSError:  # Linux: the other end of a terminal was closed
            return data
        if not part:
            return data
        data += part


def open_stdout(case):
    """A file or fd for stdout, and the fd to read a terminal's output from."""
    to = case.stdout_to()
    if case.has("tty"):
        master, slave = pty.openpty()
        return slave, master
    if to == "closed":
        reader, writer = os.pipe()
        os.close(reader)
        return writer, None
    if to is not None:
        return os.open(to, os.O_WRONLY), None
    return subprocess.PIPE, None


def run(case, bin_dir):
    """(status, stdout, stderr) of the case's command."""
    words = [word.replace("$MACHINE", case.machine) for word in shlex.split(case.command)]
    env = {"PATH": f"{bin_dir}:{os.environ.get('PATH', '')}", "LC_ALL": "C", "TERM": "xterm"}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
        if name in os.environ:
            env[name] = os.environ[name]
    if case.has("machine"):
        env["GPUSLICE_SIM"] = case.machine
    while "=" in words[0]:
        name, value = words.pop(0).split("=", 1)
        env[name] = value
    stdin = "".join(line + "\n" for line in case.stdin).encode()
    stdout, master = open_stdout(case)
    try:
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=stdout, env=env, cwd=HERE,
                                   stderr=subprocess.PIPE)
    except OSError as error:
        return "not started", "", f"{error}\n"
    if stdout is not subprocess.PIPE:
        os.close(stdout)
    seen = read_all(master) if master is not None else None
    try:
        out, err = process.communicate(stdin, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        return "timeout", "", f"ran for more than {TIMEOUT_S} s\n"
    if seen is not None:  # a terminal ends lines with CR LF; an escape character is shown as ESC
        out = seen.replace(b"\r\n", b"\n").replace(b"\033", b"<ESC>")
    out = out or b""
    return process.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")


def wanted_format(case):
    words = shlex.split(case.command)
    for i, word in enumerate(words):
        for form in ("json", "yaml"):
            if word in (f"--output={form}", f"-o{form}") or (
                    word in ("-o", "--output") and words[i + 1:i + 2] == [form]):
                return form
    return None


def check_document(case, got, bin_dir):
    """What is wrong with the document that the command printed; None: nothing."""
    form = wanted_format(case)
    if form is None or got[0] != 0 or case.stdout_to() or case.has("tty"):
        return None
    try:
        if form == "json":
            json.loads(got[1])
            return None
        if yaml is None:
            return None
        twin = Case(case.command.replace("yaml", "json"), case.where)
        twin.stdin, twin.machine, twin.directives = case.stdin, case.machine, case.directives
        expected = json.loads(run(twin, bin_dir)[1])
        tree = yaml.safe_load(got[1])
    except (ValueError, yaml.YAMLError if yaml else ValueError) as error:
        return f"not {form}: {error}"
    return None if tree == expected else "the YAML is another tree than the JSON"


def differences(case, got):
    status, out, err = got
    found = []
    if status != case.status:
        found.append(f"exit status {status}, expected {case.status}")
    for name, old, new in (("stdout", case.stdout, out), ("stderr", case.stderr, err)):
        if case.has(f"any-{name}"):
            found += [] if new else [f"nothing on {name}"]
        elif old != new:
            lines = difflib.unified_diff(old.splitlines(), new.splitlines(), f"expected {name}",
                                         f"{name}", lineterm="")
            found.append("\n".join(lines) or f"{name}: another newline at its end")
    return found


def missing_program(case):
    for directive in case.directives:
        if directive.startswith("needs ") and not shutil.which(directive[6:]):
            return directive[6:]
    return None


def take(case, got):
    """What came is what is expected from now on."""
    case.status = got[0]
    case.stdout = "" if case.has("any-stdout") else got[1]
    case.stderr = "" if case.has("any-stderr") else got[2]


class Report:
    """TAP: one line a case, what is wrong as comments below it."""

    def __init__(self):
        self.count, self.failed = 0, 0

    def say(self, title, found=(), skip=None):
        self.count += 1
        self.failed += 1 if found else 0
        print(f"{'not ' if found else ''}ok {self.count} - {title}" +
              (f" # SKIP {skip}" if skip else ""))
        for text in found:
            print("".join(f"# {line}\n" for line in text.split("\n")), end="")


def run_file(path, bin_dir, update, report):
    with tempfile.TemporaryDirectory(prefix="gs-golden-") as folder:
        run_cases(path, bin_dir, update, report, os.path.join(folder, "machine"))


def run_cases(path, bin_dir, update, report, machine):
    cases, rest = load(path)
    for case in cases:
        case.machine = machine
        title = f"{case.where}: {case.command}".replace("#", "")
        missing = missing_program(case)
        if missing:
            report.say(title, skip=f"{missing} is not installed")
            continue
        got = run(case, bin_dir)
        wrong = check_document(case, got, bin_dir)
        if update:
            take(case, got)
        report.say(title, ([wrong] if wrong else []) + differences(case, got))
    if update:
        with open(path, "w", encoding="utf-8") as file:
            file.write("".join(map(format_case, cases)) + "\n".join(rest))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--bin-dir", default=os.environ.get("GPUSLICE_BIN_DIR"))
    parser.add_argument("files", nargs="*")
    args = parser.parse_args()
    if not args.bin_dir:
        parser.error("say by --bin-dir where the programs are")
    files = args.files or sorted(glob.glob(os.path.join(HERE, "*.case")))
    report = Report()
    for path in files:
        try:
            run_file(path, os.path.abspath(args.bin_dir), args.update, report)
        except Wrong as error:
            report.say(os.path.basename(path), [str(error)])
    if yaml is None:
        report.say("YAML is the same tree as JSON", skip="python3 has no module yaml")
    print(f"1..{report.count}")
    return 1 if report.failed or not files else 0


if __name__ == "__main__":
    sys.exit(main())
