/* movers: bound pods that may be moved, as `decide` wants them: who they are, and which slice of
 * which GPU each of them has. Belongs to the loop. docs/internals/controller.md, Moves. */
#pragma once

#include "picture/view.h"

struct gs_movers {
    struct gs_decide_pod *holders; /* for struct gs_decide_cluster */
    struct gs_store_pod **pods;    /* the same order */
    size_t n;
    size_t cap;
    bool marked; /* slices of the view have numbers of holders */
};

/* Who may be moved beside what the pods themselves say; each may be NULL: all may. */
struct gs_movers_rules {
    bool (*node)(void *ctx, const struct gs_store_node *node);
    bool (*pod)(void *ctx, const struct gs_store_pod *pod);
    void *ctx;
};

void gs_movers_done(struct gs_movers *movers);

/* Writes into the slices of the view who has them and whether that pod may be moved. Nodes that
 * Karpenter is asked to leave alone, by others than us, are left alone here too. To be called after
 * each refresh of the view. GS_NO_MEMORY. */
int gs_movers_find(struct gs_movers *movers, struct gs_nodes_view *view,
                   const struct gs_movers_rules *rules, struct gs_err *err);
