/* kept: the checkpoints that commands keep before they change GPUs, in the folder of lock and
 * journal: DIR/checkpoints/20261122T112607.123Z-apply.json, the time in UTC and the command.
 *
 * Checkpoints as `mig checkpoint` writes them (wire/migcheckpoint.h). Their order is that of their
 * names, also where the clock was set back meanwhile. The newest GS_KEPT_MAX stay. */
#pragma once

#include <limits.h>

#include "base/err.h"
#include "base/view.h"

enum {
    GS_KEPT_MAX = 24,
    GS_KEPT_NAME_MAX = 60 /* bytes of a file's name */
};

struct gs_kept {
    char name[GS_KEPT_NAME_MAX + 1];
    char when[24];                   /* "2026-11-22T11:26:07Z" */
    char what[GS_KEPT_NAME_MAX + 1]; /* "apply" */
};

/* Writes one, for a command named by letters and dashes, and removes those that are too many.
 * *ret_path is where it is. GS_IO: it could not be written; nothing of it is left. That an old one
 * cannot be removed is no failure: the next one tries again. */
int gs_kept_write(const char *dir, const char *what, struct gs_view bytes, char ret_path[PATH_MAX],
                  struct gs_err *err);

/* Those that are there, the newest first, at most GS_KEPT_MAX; none where there is no folder.
 * GS_IO. */
int gs_kept_list(const char *dir, struct gs_kept ret[GS_KEPT_MAX], unsigned *ret_n,
                 struct gs_err *err);

/* The file of one of them. GS_LIMIT: the path is too long. */
int gs_kept_path(const char *dir, const struct gs_kept *kept, char ret_path[PATH_MAX],
                 struct gs_err *err);
