/* rules_work: what the files of rules share; nothing outside them sees it. */
#pragma once

#include "picture/rules.h"

/* Of several of one kind the scheduler's count, and with pods on their way. */
struct gs_rules_count {
    uint32_t bound;
    uint32_t all;
};

/* The values of one label of nodes, and how many pods are in each. */
struct gs_domains {
    const char *key;
    struct gs_map values;        /* struct gs_rules_count; keys are the nodes' */
    struct gs_rules_count total; /* over all values */
};

/* One pod, one judgement. */
struct gs_judging {
    struct gs_rules *rules;
    const struct gs_kuberules *own;
    const struct gs_constraint *constraint;
    const char *name_space;
    const struct gs_label *labels;
    size_t n_labels;
    bool hopeful;
    bool later; /* some node is barred in one mood alone */
    bool any;   /* some node is barred */
    unsigned n_bars;
    const struct gs_rules_wished *wished; /* expected, or a node is being re-cut for it */
    size_t n_wished;
};

/* What is beside a node's label; NULL: it has none. *hint: where it was on the last node. */
const char *gs_rules_value(const struct gs_store_node *node, const char *key, size_t *hint);

/* The labels of a shape's pods, in the arena. NULL: no memory. */
const struct gs_label *gs_rules_labels(struct gs_arena *arena, const struct gs_store_shape *shape);

/* NULL: no pod is in that domain. */
const struct gs_rules_count *gs_domains_of(const struct gs_domains *domains, const char *value);

/* The domain is there from now on. GS_NO_MEMORY. */
int gs_domains_add(struct gs_judging *judging, struct gs_domains *domains, const char *value,
                   struct gs_rules_count more, struct gs_err *err);

/* Pods of the shape that are on nodes are added where those are. `spread`: only those that do not
 * end, on nodes that have this bit. GS_NO_MEMORY. */
int gs_domains_put(struct gs_judging *judging, struct gs_domains *domains,
                   const struct gs_store_shape *shape, uint16_t spread, struct gs_err *err);

void gs_domains_done(struct gs_domains *domains);

/* A new thing that bars; its number. */
uint8_t gs_rules_name(struct gs_judging *judging, const char *what, bool amount);

/* That thing counts by the values of this label. */
void gs_rules_by_place(struct gs_judging *judging, uint8_t what, const char *key);

/* Node `i` of the view is barred, in either mood or in the strict one. */
void gs_rules_bar(struct gs_judging *judging, size_t i, uint8_t what, bool strict_alone);

/* rules_spread.c. GS_NO_MEMORY. */
int gs_rules_spread(struct gs_judging *judging, struct gs_err *err);
