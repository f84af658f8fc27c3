#!/usr/bin/env python3
"""Proves that the rooms of src/ keep to the rule of docs/ARCHITECTURE.md.

usage: test_layers.py SRC_DIR BUILD_DIR CC...

The rule is written here a second time on purpose: src/meson.build is what is under test.
"""
import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # pylint: disable=wrong-import-position

# Who may include whom (its own room apart).
MAY_SEE = {
    "base": set(),
    "core": {"base"},
    "sim": {"base", "core"},
    "wire": {"base", "core"},
    "trace": {"base", "core", "wire", "sim"},
    "cloud": {"base", "core", "wire"},
    "verify": {"base", "core"},
    "lint": {"base", "core", "wire", "cloud"},
    "decide": {"base", "core"},
    "admit": {"base", "core", "wire"},
    "money": {"base", "core"},
    "karpenter": {"base", "core", "wire"},
    "gpu": {"base", "core"},
    "partition": {"base", "core", "wire", "gpu"},
    "boot": {"base", "core", "wire", "gpu", "partition", "term"},
    "node": {"base", "core", "wire", "gpu"},
    "net": {"base", "core", "wire"},
    "cluster": {"base", "core", "wire", "net"},
    "agent": {"base", "core", "wire", "gpu", "partition", "node", "net", "cluster", "term", "boot"},
    "controller": {"base", "core", "wire", "cloud", "decide", "admit", "money", "karpenter",
                   "net", "cluster", "picture", "board", "dashboard", "term", "daemon"},
    "picture": {"base", "core", "wire", "decide", "net", "cluster"},
    "board": {"base", "core", "wire", "decide", "money", "picture"},
    "dashboard": {"base", "core", "wire", "net", "cluster", "decide", "money", "picture", "board"},
    "term": {"base", "core"},
    "daemon": {"base", "core", "term"},
    "history": {"base"},
    "historian": {"base", "core", "wire", "cloud", "decide", "money", "net", "cluster", "picture",
                  "board", "dashboard", "history", "term", "daemon"},
    "cli": {"base", "core", "wire", "cloud", "sim", "trace", "verify", "decide", "gpu", "partition",
            "lint", "karpenter", "net", "cluster", "picture", "money", "board", "dashboard", "history", "term"},
}

# All that core may take from outside: no file, socket, clock, thread, environment, heap.
PURE = set("""
    abort bcmp bsearch memchr memcmp memcpy memmove memset qsort snprintf strcasecmp strchr strcmp
    strcspn strlen strncasecmp strncmp strnlen strrchr strspn strstr toupper tolower vsnprintf
    __assert_fail __memcpy_chk __memmove_chk __memset_chk __snprintf_chk __stack_chk_fail
    __vsnprintf_chk __ctype_b_loc __ctype_tolower_loc __ctype_toupper_loc
    _GLOBAL_OFFSET_TABLE_
""".split())
ARITHMETIC = re.compile(r"^__(u?(div|mod|divmod)|mul)[ot]?[dt]i[34]$|^__popcount[dt]i2$|"
                        r"^__float(un)?[dt]i[sd]f$")
# What a sanitizer or gcov adds to each object.
INSTRUMENTS = re.compile(r"^_*(asan|ubsan|tsan|sanitizer|gcov|llvm|lsan|sancov)|^__start_|^__stop_")

# Of base, what reaches for the heap by itself.
HEAP_OF_BASE = re.compile(r"^gs_(alloc_heap|buf_\w+)$")

# Of core, the planner and what it thinks with: a plan is checked without any of it.
PLANNER = re.compile(r"^gs_(ip|lp|knapsack|pack|fleet|pool|program|statetable|plan|use|transition|layout|"
                     r"service|choose|model_counts)_")

NO_FILE = "No such file|file not found"  # gcc, clang

SRC, BUILD, CC = sys.argv[1], sys.argv[2], sys.argv[3:]
ROOMS = sorted(os.listdir(os.path.join(BUILD, "src", "rooms")))


def sources(room, *ends):
    """The files of a room and of its folders, as they are included: core/catalog.h, core/plan/plan.h."""
    return sorted(os.path.relpath(os.path.join(folder, name), SRC)
                  for folder, _, names in os.walk(os.path.join(SRC, room))
                  for name in names if name.endswith(ends))


def headers(room):
    return sources(room, ".h")


def compile_text(room, text, *options):
    tree = os.path.join(BUILD, "src", "rooms", room)
    command = [*CC, "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wundef", "-Werror",
               f"-I{tree}", "-x", "c", *(options or ("-fsyntax-only",)), "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def include(room, header):
    return compile_text(room, f'#include "{header}"\n')


def room_sees_only_what_it_may(room):
    assert room in MAY_SEE, f"room {room}: say in {__file__} which rooms it may include"
    for other in ROOMS:
        for header in headers(other)[:1]:
            done = include(room, header)
            if other == room or other in MAY_SEE[room]:
                assert done.returncode == 0, f"{room} may include {header}:\n{done.stderr}"
            else:
                unseen = "No such file" in done.stderr or "file not found" in done.stderr
                assert unseen, f"{room} can include {header}"


def headers_compile_alone(room):
    for header in headers(room):
        done = include(room, header)
        assert done.returncode == 0, f"{header} does not compile alone:\n{done.stderr}"


def headers_say_what_they_are_for(room):
    for header in headers(room):
        with open(os.path.join(SRC, header), encoding="utf-8") as source:
            text = source.read()
        name = os.path.basename(header)[:-2]
        assert text.startswith(f"/* {name}: "), f"{header}: expected to start with '/* {name}: '"
        assert "#pragma once" in text, f"{header}: expected #pragma once"


def undefined(path):
    """What the objects of an archive need and do not define themselves."""
    done = subprocess.run(["nm", path], capture_output=True, text=True, check=True)
    needed, own = set(), set()
    for line in done.stdout.splitlines():
        match = re.match(r"^[0-9a-f ]{16} ([A-Za-z]) (\S+)$", line)
        if match:
            kind, name = match.groups()
            (needed if kind in "Uw" else own).add(name.split("@")[0])
    return needed - own


def impure(names):
    """Which of these core may not call."""
    return sorted(n for n in names
                  if HEAP_OF_BASE.match(n)
                  or not (n in PURE or n.startswith("gs_") or ARITHMETIC.match(n) or INSTRUMENTS.match(n)))


def layers__core_calls_only_pure_functions():
    found = impure(undefined(os.path.join(BUILD, "src", "core", "libgpuslice-core.a")))
    assert not found, (f"core calls {', '.join(found)}; it may do no I/O, read no clock, start no "
                       "thread and take memory from the arena that it is given only")


def needed_by_object(names):
    """What an object is seen to need that needs these."""
    folder = tempfile.mkdtemp()
    try:
        path = os.path.join(folder, "object.o")
        text = "".join(f"extern char gs_t_{n}[] __asm__(\"{n}\");\n" for n in names)
        text += "char *gs_all[] = {" + ", ".join(f"gs_t_{n}" for n in names) + "};\n"
        done = compile_text("core", text, "-c", "-o", path)
        assert done.returncode == 0, done.stderr
        return undefined(path)
    finally:
        shutil.rmtree(folder)


def layers__a_call_that_is_not_pure_is_seen():
    """The test above can fail: one object that breaks each part of the rule."""
    bad = ["open", "socket", "clock_gettime", "malloc", "free", "getenv", "pthread_create",
           "fprintf", "printf", "time", "rand", "gs_buf_puts", "gs_alloc_heap"]
    found = impure(needed_by_object(bad))
    assert found == sorted(bad), found


def of_planner(names):
    """Which of these a checker of plans may not call."""
    return sorted(n for n in names if PLANNER.match(n))


def layers__verify_knows_nothing_of_the_planner():
    needed = undefined(os.path.join(BUILD, "src", "verify", "libgpuslice-verify.a"))
    assert "gs_catalog" in needed, "it knows the catalogue: is this the right library?"
    found = of_planner(needed)
    assert not found, f"verify calls {', '.join(found)}; it may use no code of the planner"


def layers__a_call_of_the_planner_is_seen():
    """The test above can fail."""
    bad = ["gs_ip_solve", "gs_lp_solve", "gs_knapsack_solve", "gs_pack_solve", "gs_fleet_solve", "gs_pool_list_columns",
           "gs_program_new", "gs_statetable_new", "gs_plan_make", "gs_use_resolve",
           "gs_layout_parse", "gs_transition_plan", "gs_model_counts_within_limits"]
    found = of_planner(needed_by_object(bad + ["gs_model_profile_find", "gs_catalog"]))
    assert found == sorted(bad), found


def layers__no_include_climbs_out_of_its_room():
    for room in ROOMS:
        for name in sources(room, ".c", ".h"):
            with open(os.path.join(SRC, name), encoding="utf-8") as source:
                found = re.findall(r'^ *# *include +"(\.\.?/.*)"', source.read(), re.MULTILINE)
            assert not found, f"{name} includes {found}: expected \"room/header.h\""


def layers__no_room_is_without_a_rule():
    rooms = {n for n in os.listdir(SRC) if os.path.isdir(os.path.join(SRC, n))}
    assert rooms == set(ROOMS), f"src/meson.build gives include folders to {ROOMS} only"


def main():
    cases = []
    for room in ROOMS:
        for check in (room_sees_only_what_it_may, headers_compile_alone,
                      headers_say_what_they_are_for):
            cases.append((f"layers__{room}_{check.__name__}".replace("_room_", "_"),
                          functools.partial(check, room)))
    cases += tap.cases_of(sys.modules[__name__], "layers__")
    tap.run(cases)


if __name__ == "__main__":
    main()
