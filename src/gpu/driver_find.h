/* driver_find: looking for files below the driver root. Private to driver_files.
 *
 * Paths that are found are relative to the root, with a slash in front; they live in the arena.
 * The first failure sticks, and what follows is left out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"

enum { GS_DRIVER_FILES_MAX = 4096 };

struct gs_path_list {
    size_t n;
    size_t cap;
    const char **at;
};

struct gs_finder {
    const char *root;      /* "" is "/" */
    const char *real_root; /* without links in it */
    struct gs_arena *arena;
    struct gs_err *err;
    int failed; /* the first code */
};

/* GS_NOT_FOUND: there is no such root. GS_NO_MEMORY, GS_LIMIT. */
int gs_finder_init(struct gs_finder *ret, const char *root, struct gs_arena *arena,
                   struct gs_err *err);

enum gs_find {
    GS_FIND_FILES,    /* whatever is no folder, behind links */
    GS_FIND_PROGRAMS, /* of those, what may be executed */
    GS_FIND_REAL = 4  /* bit: give what the link leads to; outside the root it is left out */
};

/* Adds what matches `pattern`, a name with *, in `folder` ("/usr/lib64"), by name. One that is in
 * the list already is not added. `most`: of these, at most; 0: all. Returns how many. */
size_t gs_find(struct gs_finder *finder, const char *folder, const char *pattern, unsigned what,
               size_t most, struct gs_path_list *list);

/* What a path leads to, relative to the root; NULL: outside of it, or nowhere. */
const char *gs_find_real(struct gs_finder *finder, const char *path);

/* Adds a copy, unless it is there. False: it was, or the finder has failed. */
bool gs_path_list_add(struct gs_finder *finder, struct gs_path_list *list, const char *path);

/* Text made by printf, in the arena; "" when the finder has failed. */
const char *gs_find_text(struct gs_finder *finder, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The folder of a path; "/" of one right below the root. */
const char *gs_find_folder(struct gs_finder *finder, const char *path);

/* The name without its folders. */
const char *gs_find_name(const char *path);

bool gs_find_is_link(const struct gs_finder *finder, const char *path);
