/* infile: a file that the command line names, read once from its beginning: a path, or "-" for
 * stdin. What is read is judged by those who understand it; here only that there is something to
 * read. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/view.h"

struct gs_infile {
    const char *label; /* for errors: the path, or "stdin" */
    uint64_t size;     /* in bytes; 0: empty, or not known (a pipe, a device) */
    int fd;            /* -1: not open */
};

/* `option` is the one that names the file, for errors, NULL where an operand does; `path` must
 * outlive the file.
 * GS_INVALID: a directory. GS_IO: it cannot be opened. */
int gs_infile_open(struct gs_infile *file, const char *option, const char *path,
                   struct gs_err *err);
void gs_infile_close(struct gs_infile *file);

/* Fills up to `size` bytes; *ret_n 0 is the end. The form of the readers in wire; ctx is the
 * struct gs_infile. GS_IO. */
int gs_infile_read(void *ctx, void *bytes, size_t size, size_t *ret_n, struct gs_err *err);

/* All that is left of it, into the arena. GS_LIMIT: more than max_bytes. GS_NO_MEMORY, GS_IO. */
int gs_infile_whole(struct gs_infile *file, struct gs_arena *arena, size_t max_bytes,
                    struct gs_view *ret, struct gs_err *err);
