/* pods: which pods that ask for slices got them at once, and which had to wait for a re-cut, a move
 * or a node. Belongs to the loop. */
#pragma once

#include "base/map.h"
#include "board/news.h"
#include "historian/sample.h"
#include "picture/store.h"

enum { GS_PODS_MAX = 1 << 17 }; /* that wait; more are not counted */

struct gs_pods {
    struct gs_map waiting; /* by "namespace/name" */
};

void gs_pods_done(struct gs_pods *pods);

/* A pod waits, is bound, or is gone; others are passed over. */
void gs_pods_news(struct gs_pods *pods, const struct gs_board_news *news,
                  struct gs_sample_counts *counts);

/* The store has been shown the object: who of those that wait has to do so for longer now? */
void gs_pods_look(struct gs_pods *pods, const struct gs_store *store, enum gs_store_kind kind,
                  const struct json_t *object);
