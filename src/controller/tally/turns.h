/* turns: what has changed of the picture is counted in turns of the loop, a few hundred nodes at a
 * time, so that nothing else waits for long. Belongs to the loop. */
#pragma once

#include <systemd/sd-event.h>

#include "controller/tally/tally.h"

enum { GS_TALLY_TURN_NODES = 256 };

struct gs_tally_turns;

/* Somebody who waits until nearly nothing is left to be counted. */
struct gs_tally_wait {
    void (*done)(void *ctx); /* gs_tally costs one turn at most now */
    void *ctx;
    struct gs_tally_wait *next; /* ours, as the next */
    bool waits;
};

/* The rows outlive it. GS_NO_MEMORY, GS_IO. */
int gs_tally_turns_new(sd_event *event, struct gs_tally_rows *rows, struct gs_tally_turns **ret,
                       struct gs_err *err);
/* Who waits is not told. NULL is fine. */
void gs_tally_turns_free(struct gs_tally_turns *turns);

/* Calls `done`, never before this returns. What fails shows in gs_tally. */
void gs_tally_turns_ask(struct gs_tally_turns *turns, struct gs_tally_wait *wait);

/* It is not to be told any more. */
void gs_tally_turns_forget(struct gs_tally_turns *turns, struct gs_tally_wait *wait);
