#!/usr/bin/env python3
"""What the simulated libraries export: exactly what nvml_symbols.txt says that their driver has.

usage: test_exports.py LIB_DIR SYMBOLS.txt
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # noqa: E402

DRIVERS = {"450": 450, "470": 470, "525": 525, "580": 580, "": 0xFFFE}
NEVER = 0xFFFF


def listed(path, driver):
    names = set()
    with open(path, encoding="ascii") as lines:
        for line in lines:
            words = line.split()
            if words and not line.startswith("#"):
                until = int(words[2]) if len(words) > 2 else NEVER
                if int(words[1]) <= driver < until:
                    names.add(words[0])
    return names


def output(*command):
    return subprocess.run(command, check=True, text=True, capture_output=True).stdout


def exported(library):
    """{name: letter of nm}"""
    lines = output("nm", "-D", "--defined-only", library).splitlines()
    return {line.split()[-1]: line.split()[-2] for line in lines}


def check(libraries, name, symbols):
    library = os.path.join(libraries, name, "libnvidia-ml.so.1")
    found = exported(library)
    wanted = listed(symbols, DRIVERS[name])
    assert len(wanted) > 200, f"{symbols} lists {len(wanted)} only"
    assert set(found) == wanted, (f"missing: {sorted(wanted - set(found))}; "
                                  f"too many: {sorted(set(found) - wanted)}")
    assert set(found.values()) == {"T"}, f"not all are functions: {found}"
    assert "[libnvidia-ml.so.1]" in output("readelf", "-d", library)


def main():
    libraries, symbols = sys.argv[1:]
    tap.run([(f"driver {name or 'newest'}: exports what it has and nothing else",
              lambda name=name: check(libraries, name, symbols)) for name in DRIVERS])


if __name__ == "__main__":
    main()
