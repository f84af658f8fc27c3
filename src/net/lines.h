/* lines: lines of text to a pipe or file that somebody reads, or does not.
 *
 * Never waits: what a full pipe does not take is kept and goes first the next time, and until then
 * further lines are dropped. So what arrives are whole lines, and a reader that is stuck holds
 * nobody up. Belongs to one thread. */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct gs_lines {
    int fd;
    struct gs_buf rest; /* what was begun to be written */
    size_t written;     /* of it */
    uint64_t dropped;   /* texts that were not written */
};

enum { GS_LINES_BYTES_MAX = 8 << 20 };

/* What descriptor `fd` stands for is opened once more, so that it does not wait, and whoever shares
 * `fd` still does. GS_IO. */
int gs_lines_open(struct gs_lines *lines, int fd, struct gs_err *err);
void gs_lines_close(struct gs_lines *lines);

/* One or more whole lines. False: they were dropped. */
bool gs_lines_put(struct gs_lines *lines, const char *text, size_t n);
