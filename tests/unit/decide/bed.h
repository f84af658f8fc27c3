/* bed: a cluster for decisions, written down in a few words a node.
 *
 * A line is a node: its name, words about it, a colon, its GPUs with `|` between them. A GPU is a
 * layout (core/layout.h, `!` behind what is held), `whole` or `whole!`, and words in front of it.
 * Words of a node: `starting` `silent` `full` `promised=PROFILE` `coming=PROFILE` `pool=NAME`
 * `only=PROFILE/PROFILE` (its SlicePool, "bound", allows re-cuts no others; `only=`: none).
 * Words of a GPU: `closed` `movable` (what is held) `kept=PRIORITY` (for a pod that has just come)
 * `overdue=PRIORITY` (for one that has waited for an hour). */
#pragma once

#include "unit/check.h"

#include "core/catalog.h"
#include "decide/decide.h"

enum { BED_NODES_MAX = 8, BED_NOW_S = 1000000 };

struct bed {
    const struct gs_model *model;
    struct gs_arena arena;
    struct gs_decider *decider;
    struct gs_decide_node nodes[BED_NODES_MAX];
    struct gs_decide_gpu gpus[BED_NODES_MAX][GS_OFFER_GPUS_MAX];
    struct gs_decide_sum sums[BED_NODES_MAX];
    struct gs_node_facts facts[BED_NODES_MAX];
    struct gs_label labels[BED_NODES_MAX];
    char names[BED_NODES_MAX][32];
    char pools[BED_NODES_MAX][32];
    struct gs_decide_cluster cluster;
    struct gs_decide_pod pod;
    struct gs_want wants[GS_WANTS_MAX];
    /* Who holds slices of each profile: "default/has-1g.5gb", of the pod's priority. */
    struct gs_decide_pod holders[GS_PROFILES_MAX];
    struct gs_want holder_wants[GS_PROFILES_MAX];
    char holder_names[GS_PROFILES_MAX][48];
};

/* Nodes with GPUs of the model as the text says. Sums are made for each when `sums`. */
void bed_init(struct bed *bed, const char *model, const char *text, bool sums);
void bed_done(struct bed *bed);

/* The bed's pod asks for this: "3g.20gb", "1g.5gb=2,whole". */
void bed_ask(struct bed *bed, const char *wants);

/* Makes the sums anew. */
void bed_sum(struct bed *bed);
