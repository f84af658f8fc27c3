#!/usr/bin/env python3
"""Makes of nvml_symbols.txt what the simulated libraries are linked with.

usage: gen_nvml_exports.py map DRIVER|newest SYMBOLS.txt OUTPUT.map   the linker's export list
       gen_nvml_exports.py table SYMBOLS.txt OUTPUT.c                 which driver has what
"""
import re
import sys

LINE = re.compile(r"^(nvml[A-Z][A-Za-z0-9_]*) (\d{3})(?: (\d{3}))?$")
NEVER = 0xFFFF


class Wrong(Exception):
    """The list is not what it must be."""


def read(path):
    """[(name, first driver, first driver without it)], sorted by name."""
    found = []
    with open(path, encoding="ascii") as lines:
        for number, line in enumerate(lines, 1):
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            match = LINE.match(line)
            if not match:
                raise Wrong(f"{path}:{number}: found {line!r}; expected: nvmlName DRIVER [DRIVER]")
            found.append((match[1], int(match[2]), int(match[3]) if match[3] else NEVER))
    names = [name for name, _, _ in found]
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise Wrong(f"{path}: listed twice: {', '.join(twice)}")
    if not found:
        raise Wrong(f"{path}: no functions in it")
    return sorted(found)


def export_list(driver, symbols):
    major = NEVER - 1 if driver == "newest" else int(driver)
    names = [name for name, first, gone in symbols if first <= major < gone]
    return "{\n  global:\n" + "".join(f"    {name};\n" for name in names) + "  local: *;\n};\n"


def table(symbols):
    rows = "".join(f'    {{"{name}", {first}, {gone}}},\n' for name, first, gone in symbols)
    return ('#include "simdriver/nvml_symbols.h"\n\n'
            "const struct nvml_symbol nvml_symbols[] = {\n" + rows + "};\n"
            f"const unsigned nvml_n_symbols = {len(symbols)};\n")


def main():
    kind, *arguments = sys.argv[1:]
    if kind == "map":
        driver, source, output = arguments
        text = export_list(driver, read(source))
    elif kind == "table":
        source, output = arguments
        text = table(read(source))
    else:
        raise Wrong(f"found {kind!r}; expected map or table")
    with open(output, "w", encoding="ascii") as file:
        file.write(text)


if __name__ == "__main__":
    try:
        main()
    except (Wrong, ValueError) as error:
        sys.exit(f"gen_nvml_exports.py: {error}")
