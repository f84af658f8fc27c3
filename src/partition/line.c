#include "partition/line.h"

#include <stdarg.h>
#include <stdio.h>

void gs_line_put(struct gs_line *line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line->p + line->used, line->size - line->used, fmt, ap);
    va_end(ap);
    line->used += n > 0 ? (size_t)n : 0;
    if (line->used >= line->size) {
        line->used = line->size - 1;
    }
}
