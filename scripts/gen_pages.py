#!/usr/bin/env python3
"""Turns the files of web/ into the C table of src/dashboard/pages.h.

usage: gen_pages.py WEB_DIR OUTPUT.c OUTPUT.d

Every file with a known ending is one page, under its path; its ETag is a digest of its bytes.
index.html is "/" too. The folder is among the dependencies, so that a new file is noticed.
"""
import hashlib
import os
import re
import sys

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
         ".json": "application/json", ".txt": "text/plain; charset=utf-8"}
NAME = re.compile(r"^[a-z0-9][a-z0-9._-]*$")
MOST = 4 << 20


class Wrong(Exception):
    """A file that cannot be served."""


def files_of(folder):
    for here, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(here, name)
            if os.path.splitext(name)[1] in TYPES:
                if not NAME.match(name):
                    raise Wrong(f"{path}: expected a name of a-z, 0-9, '.', '_', '-'")
                yield path


def bytes_as_c(data):
    lines = [",".join(str(b) for b in data[i:i + 32]) for i in range(0, len(data), 32)]
    return ",\n".join(lines + ["0"])


def main():
    """Writes the table and its dependencies."""
    folder, output, depfile = sys.argv[1:]
    paths = list(files_of(folder))
    pages, parts = [], ['#include "dashboard/pages.h"\n']
    for number, path in enumerate(paths):
        with open(path, "rb") as file:
            data = file.read()
        if len(data) > MOST:
            raise Wrong(f"{path}: {len(data)} bytes; expected {MOST} at most")
        name = "/" + os.path.relpath(path, folder).replace(os.sep, "/")
        tag = hashlib.sha256(data).hexdigest()[:32]
        kind = TYPES[os.path.splitext(path)[1]]
        parts.append(f"static const unsigned char page{number}[] = {{\n{bytes_as_c(data)}}};\n")
        for served in [name] + (["/"] if name == "/index.html" else []):
            pages.append(f'    {{"{served}", "{kind}", "\\"{tag}\\"", page{number}, {len(data)}}},\n')
    if not any('{"/",' in page for page in pages):
        raise Wrong(f"{folder} has no index.html")
    parts.append("const struct gs_page gs_pages[] = {\n" + "".join(pages) + "};\n"
                 "const size_t gs_n_pages = sizeof(gs_pages) / sizeof(gs_pages[0]);\n")
    with open(output, "w", encoding="utf-8") as file:
        file.write("\n".join(parts))
    with open(depfile, "w", encoding="utf-8") as file:
        deps = [os.path.abspath(p) for p in [folder] + paths]
        file.write(f"{output}: " + " ".join(d.replace(" ", "\\ ") for d in deps) + "\n")


if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        sys.exit(f"gen_pages.py: {wrong}")
