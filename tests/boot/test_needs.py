#!/usr/bin/env python3
"""gpuslice-boot runs where nothing was installed: it links libc only, and none of libc that came
after 2.34 (Amazon Linux 2023).

usage: test_needs.py PROGRAM SANITIZER
"""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # pylint: disable=wrong-import-position

PROGRAM, SANITIZER = sys.argv[1:3]
NEWEST = (2, 34)
LIBRARIES = re.compile(r"libc\.so\.6|ld-linux[a-z0-9_.-]*")  # the loader is a part of libc


def readelf(*options):
    return subprocess.run(["readelf", "--wide", *options, PROGRAM], capture_output=True, text=True,
                          check=True, env={**os.environ, "LC_ALL": "C"}).stdout


def foreign_libraries(dynamic):
    """The libraries of `readelf --dynamic` that are not libc."""
    found = re.findall(r"\(NEEDED\)\s+Shared library: \[(.*)\]", dynamic)
    assert "libc.so.6" in found, f"is this a program that is linked? {found}"
    return [name for name in found if not LIBRARIES.fullmatch(name)]


def is_old(version):
    numbers = re.fullmatch(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?", version)
    return numbers is not None and tuple(int(n) for n in numbers.groups()) <= NEWEST


def new_symbols(symbols):
    """The symbols of `readelf --dyn-syms` of versions after NEWEST, or of none of libc."""
    found = re.findall(r"\sUND\s+(\S+?)@@?([^\s()]+)", symbols)
    assert found, "no symbol with a version: is this a program that is linked?"
    return [f"{name}@{version}" for name, version in found if not is_old(version)]


def new_versions(versions):
    """What `readelf --version-info` says is needed, as names without a symbol are too."""
    found = re.findall(r"Name: (\S+)\s+Flags", versions)
    assert found, "no version is needed: is this a program that is linked?"
    return [version for version in found if not is_old(version)]


def needs__libc_only():
    found = foreign_libraries(readelf("--dynamic"))
    assert not found, f"it links {', '.join(found)}: link the static library instead"


def needs__nothing_newer_than_amazon_linux_2023_has():
    found = new_symbols(readelf("--dyn-syms")) + new_versions(readelf("--version-info"))
    assert not found, (f"it needs {', '.join(found)}; the newest may be GLIBC_{NEWEST[0]}."
                       f"{NEWEST[1]}: use another function, or build it where libc is as old as on "
                       "Debian 12")


def needs__a_loader_and_no_path_of_its_own():
    assert "[Requesting program interpreter:" in readelf("--program-headers")
    assert not re.search(r"\((RPATH|RUNPATH)\)", readelf("--dynamic"))


def needs__what_is_too_new_is_seen():
    """The tests above can fail."""
    dynamic = (" 0x1 (NEEDED)             Shared library: [libyaml-0.so.2]\n"
               " 0x1 (NEEDED)             Shared library: [libc.so.6]\n"
               " 0x1 (NEEDED)             Shared library: [ld-linux-x86-64.so.2]\n")
    assert foreign_libraries(dynamic) == ["libyaml-0.so.2"]
    symbols = ("     1: 0 0 FUNC GLOBAL DEFAULT UND __isoc23_strtoul@GLIBC_2.38 (7)\n"
               "     2: 0 0 FUNC GLOBAL DEFAULT UND dlopen@GLIBC_2.34 (3)\n"
               "     3: 0 0 FUNC GLOBAL DEFAULT UND free@GLIBC_2.2.5 (2)\n"
               "     4: 0 0 FUNC GLOBAL DEFAULT UND _Unwind_Resume@GCC_3.0 (4)\n")
    assert new_symbols(symbols) == ["__isoc23_strtoul@GLIBC_2.38", "_Unwind_Resume@GCC_3.0"]
    versions = ("  0x0010:   Name: GLIBC_2.34  Flags: none  Version: 3\n"
                "  0x0020:   Name: GLIBC_ABI_DT_RELR  Flags: none  Version: 4\n")
    assert new_versions(versions) == ["GLIBC_ABI_DT_RELR"]


def main():
    reason = None if SANITIZER == "none" else \
        f" # SKIP built with -fsanitize={SANITIZER}, which needs libraries of its own"
    cases = []
    for name, case in tap.cases_of(sys.modules[__name__], "needs__"):
        skips = reason is not None and case is not needs__what_is_too_new_is_seen
        cases.append((name.replace("__", " ").replace("_", " ") + (reason if skips else ""),
                      (lambda: None) if skips else case))
    tap.run(cases)


if __name__ == "__main__":
    main()
