#include "controller/tally/turns.h"

#include <stdlib.h>

#include "base/cleanup.h"

/* A cluster that changes as fast as it is counted must not keep who asks waiting for ever. */
enum { TURNS_MAX = 400 };

struct gs_tally_turns {
    struct gs_tally_rows *rows;
    sd_event_source *source;
    struct gs_tally_wait *waiting;
    unsigned n_turns; /* since the first of those that wait has asked */
};

static void tell_all(struct gs_tally_turns *turns)
{
    while (turns->waiting != NULL) {
        struct gs_tally_wait *wait = turns->waiting;
        turns->waiting = wait->next;
        wait->waits = false;
        wait->done(wait->ctx);
    }
}

static int on_turn(sd_event_source *source, void *ctx)
{
    struct gs_tally_turns *turns = ctx;
    struct gs_err err;
    bool more = false;
    int r = gs_tally_rows_step(turns->rows, GS_TALLY_TURN_NODES, &more, &err);
    if (r == 0 && more && ++turns->n_turns < TURNS_MAX && turns->waiting != NULL) {
        (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        return 0;
    }
    tell_all(turns);
    return 0;
}

int gs_tally_turns_new(sd_event *event, struct gs_tally_rows *rows, struct gs_tally_turns **ret,
                       struct gs_err *err)
{
    struct gs_tally_turns *turns = calloc(1, sizeof(*turns));
    if (turns == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory to count nodes and pods");
    }
    turns->rows = rows;
    int s = sd_event_add_defer(event, &turns->source, on_turn, turns);
    s = s < 0 ? s : sd_event_source_set_enabled(turns->source, SD_EVENT_OFF);
    if (s < 0) {
        gs_tally_turns_free(turns);
        return gs_fail_errno(err, -s, "adding what counts nodes and pods to the loop");
    }
    *ret = turns;
    return 0;
}

void gs_tally_turns_free(struct gs_tally_turns *turns)
{
    if (turns != NULL) {
        sd_event_source_disable_unref(turns->source);
        free(turns);
    }
}

void gs_tally_turns_ask(struct gs_tally_turns *turns, struct gs_tally_wait *wait)
{
    if (turns->waiting == NULL) {
        turns->n_turns = 0;
        (void)sd_event_source_set_enabled(turns->source, SD_EVENT_ONESHOT);
    }
    wait->waits = true;
    wait->next = turns->waiting;
    turns->waiting = wait;
}

void gs_tally_turns_forget(struct gs_tally_turns *turns, struct gs_tally_wait *wait)
{
    if (wait->waits) {
        struct gs_tally_wait **at = &turns->waiting;
        while (*at != wait) {
            at = &(*at)->next;
        }
        *at = wait->next;
        wait->waits = false;
    }
}
