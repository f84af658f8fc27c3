#!/usr/bin/env python3
"""Writes a text file as a constant of C.

usage: gen_text.py IN OUT.c HEADER NAME
"""
import sys


def main():
    source, target, header, name = sys.argv[1:]
    with open(source, encoding="utf-8") as file:
        lines = file.read().splitlines(keepends=True)
    with open(target, "w", encoding="utf-8") as file:
        file.write(f'#include "{header}"\n\nconst char {name}[] =\n')
        for line in lines:
            text = line.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?")
            file.write('    "' + text.replace("\n", "\\n").replace("\t", "\\t") + '"\n')
        file.write("    ;\n")


if __name__ == "__main__":
    main()
