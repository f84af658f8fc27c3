/* rules_work: what the files of rules share; nothing outside them sees it. */
#pragma once

#include "picture/rules.h"

/* Of several of one kind the scheduler's count, and with pods on their way. */
struct gs_rules_count {
    uint32_t bound;
    uint32_t all;
};

/* The values of one label of nodes, and how many pods are in each; in the judgement's arena. */
struct gs_domains {
    const char *key;
    bool open;
    const struct gs_places_label *label; /* NULL: no node has it, or not open */
    struct gs_rules_count *counts;       /* by number; nobody has 0 */
    struct gs_rules_count total;         /* over all values */
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

/* The labels of a shape's pods, in the arena. NULL: no memory. */
const struct gs_label *gs_rules_labels(struct gs_arena *arena, const struct gs_store_shape *shape);

/* The numbers of values are known from now on. GS_NO_MEMORY. */
int gs_domains_open(struct gs_judging *judging, struct gs_domains *domains, struct gs_err *err);

/* The node's domain; 0: it is in none. */
static inline uint32_t gs_domains_number(const struct gs_domains *domains, uint32_t seat)
{
    return domains->label == NULL ? 0 : domains->label->of[seat];
}

/* The pods in the node's domain. */
static inline struct gs_rules_count gs_domains_at(const struct gs_domains *domains, uint32_t seat)
{
    const struct gs_rules_count none = {.all = 0};
    return domains->label == NULL ? none : domains->counts[domains->label->of[seat]];
}

/* Nodes that count for pods. */
struct gs_rules_counted {
    const uint16_t *by_seat; /* bits of those for which the node counts */
    uint16_t bit;
};

/* Pods of the shape that are on nodes are added where those are. `spread` (may be NULL): only those
 * that do not end, on nodes that count. GS_NO_MEMORY. */
int gs_domains_put(struct gs_judging *judging, struct gs_domains *domains,
                   const struct gs_store_shape *shape, const struct gs_rules_counted *spread,
                   struct gs_err *err);

/* A new thing that bars; its number. */
uint8_t gs_rules_name(struct gs_judging *judging, const char *what, bool amount);

/* That thing counts by the values of this label. */
void gs_rules_by_place(struct gs_judging *judging, uint8_t what, const char *key);

/* Node `i` of the view is barred, in either mood or in the strict one. */
void gs_rules_bar(struct gs_judging *judging, size_t i, uint8_t what, bool strict_alone);

/* rules_room.c */
void gs_rules_amounts(struct gs_judging *judging);
void gs_rules_ports(struct gs_judging *judging);

/* rules_spread.c. GS_NO_MEMORY. */
int gs_rules_spread(struct gs_judging *judging, struct gs_err *err);
