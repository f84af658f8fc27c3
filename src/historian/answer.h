/* answer: what a history says, as documents: docs/internals/history.md. No sockets, no clock. */
#pragma once

#include "base/buf.h"
#include "history/history.h"

enum { GS_ANSWER_SERIES_MAX = 64, GS_ANSWER_EVENTS_MAX = 200 };
#define GS_ANSWER_BYTES_MAX ((size_t)32 << 20)

/* Whole seconds since 1970. */
struct gs_answer_span {
    int64_t from_s;
    int64_t to_s;
    uint32_t step_s;
};

/* Each appends one JSON document. `series`: names between commas. GS_INVALID: what was asked cannot
 * be; GS_LIMIT: too much was; and as src/history says. */
int gs_answer_series(struct gs_history *history, const char *series,
                     const struct gs_answer_span *span, int64_t now_s, struct gs_buf *out,
                     struct gs_err *err);
int gs_answer_cost(struct gs_history *history, const char *by, const struct gs_answer_span *span,
                   int64_t now_s, struct gs_buf *out, struct gs_err *err);
int gs_answer_events(struct gs_history *history, const char *subject, int64_t now_s,
                     struct gs_buf *out, struct gs_err *err);
