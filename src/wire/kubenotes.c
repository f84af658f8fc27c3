#include "wire/kubenotes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void gs_kubenotes_add(struct gs_kubenotes *notes, struct gs_arena *arena, const char *fmt, ...)
{
    char text[600];
    const char *kept = NULL;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (notes->n < GS_KUBENOTES_MAX) {
        kept = gs_arena_text(arena, text, strlen(text));
    }
    if (kept == NULL) {
        notes->left_out++;
        return;
    }
    notes->texts[notes->n++] = kept;
}
