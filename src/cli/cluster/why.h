/* why: what `gpuslice why` prints of a case. */
#pragma once

#include "cli/cluster/case.h"
#include "term/output.h"

enum { GS_WHY_EVENTS_MAX = 64, GS_WHY_EVENTS_SHOWN = 8, GS_WHY_NODES_SHOWN = 20 };

struct gs_why_event {
    const char *reason;
    const char *message;
    bool warning;
    uint64_t at_us; /* 0: not told */
    uint64_t count;
};

struct gs_why_answer {
    const struct gs_case *of;
    struct gs_why_event events[GS_WHY_EVENTS_MAX]; /* by time, the latest last */
    unsigned n_events;
    const struct gs_err *no_events; /* why they could not be read; NULL: they were */
};

/* Appends the text for people; styled for a terminal or not. */
void gs_why_put_text(const struct gs_why_answer *answer, bool styled, struct gs_buf *out);

/* The same as a tree. */
void gs_why_put_doc(const struct gs_why_answer *answer, struct gs_result *result);

/* Takes an Event of core/v1 in; the oldest goes where there are too many. GS_NO_MEMORY. */
int gs_why_take_event(struct gs_why_answer *answer, struct gs_arena *arena, const json_t *object,
                      struct gs_err *err);
