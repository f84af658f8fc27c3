/* line: a text of fixed size that is written from front to back and cut when it is full. */
#pragma once

#include <stddef.h>

struct gs_line {
    char *p; /* terminated after the first write */
    size_t size;
    size_t used;
};

void gs_line_put(struct gs_line *line, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
