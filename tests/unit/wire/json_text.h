/* json_text: JSON of test tables, where single quotes stand for double ones. */
#pragma once

#include "unit/check.h"

#include <jansson.h>

#include "base/buf.h"

static inline json_t *json_text(const char *text)
{
    struct gs_buf buf;
    json_error_t why;
    gs_buf_init(&buf, 1 << 20);
    for (; *text != '\0'; text++) {
        gs_buf_put(&buf, *text == '\'' ? "\"" : text, 1);
    }
    json_t *object = json_loads(gs_buf_text(&buf), JSON_ALLOW_NUL, &why);
    if (object == NULL) {
        fail_msg("%s: %s", why.text, gs_buf_text(&buf));
    }
    gs_buf_done(&buf);
    return object;
}
