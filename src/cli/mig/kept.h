/* kept: the checkpoints that commands keep before they change GPUs, in the folder of lock and
 * journal: DIR/checkpoints/20261122T112607.123Z-apply.json, the time in UTC and the command.
 *
 * Checkpoints as `mig checkpoint` writes them (wire/migcheckpoint.h). Their order is that of their
 * names, also where the clock was set back meanwhile: then a name goes behind the newest, and the
 * file's own time (mtime) is that of its name. The newest GS_KEPT_MAX stay. What has such a name
 * and cannot have been written here has no number and is never removed: no regular file, a time
 * that there is not, a time to come that is not the file's own. */
#pragma once

#include <limits.h>

#include "term/infile.h"
#include "wire/migspec.h"

enum {
    GS_KEPT_MAX = 24,
    GS_KEPT_NAME_MAX = 60 /* bytes of a file's name */
};

struct gs_kept {
    char name[GS_KEPT_NAME_MAX + 1];
    char when[24];                   /* "2026-11-22T11:26:07Z" */
    char what[GS_KEPT_NAME_MAX + 1]; /* "apply" */
    bool to_come;                    /* the clock was set back after it was kept */
};

/* What is left out, in no order. */
struct gs_kept_odd {
    char name[GS_KEPT_NAME_MAX + 1];
    const char *why; /* "it is a named pipe; expected a regular file" */
};

struct gs_kept_odds {
    unsigned n; /* all that there are; `at` has the first GS_KEPT_MAX of them */
    struct gs_kept_odd at[GS_KEPT_MAX];
};

/* Writes one, for a command named by letters and dashes, and removes those that are too many.
 * *ret_path is where it is. GS_IO: it could not be written; nothing of it is left. GS_LIMIT: the
 * newest is of the last moment that a name can tell. That an old one cannot be removed is no
 * failure: the next one tries again. */
int gs_kept_write(const char *dir, const char *what, struct gs_view bytes, char ret_path[PATH_MAX],
                  struct gs_err *err);

/* Those that are there, the newest first, at most GS_KEPT_MAX; none where there is no folder.
 * GS_IO. */
int gs_kept_list(const char *dir, struct gs_kept ret[GS_KEPT_MAX], unsigned *ret_n,
                 struct gs_kept_odds *ret_odds, struct gs_err *err);

/* The file of one of them. GS_LIMIT: the path is too long. */
int gs_kept_path(const char *dir, const struct gs_kept *kept, char ret_path[PATH_MAX],
                 struct gs_err *err);

/* Opens the file of one of them, which is regular: no link is followed, and nobody is waited for.
 * GS_INVALID: it is something else. GS_IO. `path` must outlive the file. */
int gs_kept_open(const char *path, struct gs_infile *ret, struct gs_err *err);

/* restore.c: reads one of them into the arena. As gs_kept_open and gs_migcheckpoint_read. */
int gs_mig_read_kept(struct gs_arena *arena, const char *path, const struct gs_mig_state **ret,
                     unsigned *ret_n, struct gs_err *err);

/* kept_list.c: says on stderr which of the first `n` are of a time to come, and what is left out.
 */
void gs_kept_say_odd(const char *dir, const struct gs_kept *list, unsigned n,
                     const struct gs_kept_odds *odds);
