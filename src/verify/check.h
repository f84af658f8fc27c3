/* check: what the files of this room share while they check one plan. */
#pragma once

#include "verify/supply.h"
#include "verify/verify.h"

/* Goal nodes: what one node of the plan has left, and what its items take of its GPUs. */
struct gs_check_load {
    size_t node; /* of the problem */
    uint64_t cpu_milli;
    uint64_t memory_bytes;
    uint64_t pods;
    uint64_t slices[GS_PROFILES_MAX];
    uint64_t gpus;
};

struct gs_check {
    struct gs_arena *arena;
    struct gs_arena *scratch; /* for one step; rewound */
    struct gs_err *err;
    struct gs_verify_report *report;
    struct gs_problem problem;

    /* goal gpus */
    struct gs_supply_target *targets;
    size_t n_targets;

    /* an item: how much of its need the plan says has no place, and how much is served */
    uint64_t *unplaced;
    uint64_t *served;

    /* recomputed from the answer */
    uint64_t value;     /* GPUs or millionths of a dollar */
    uint64_t gpus_used; /* new ones */
    uint64_t *bought;   /* a node of the problem: how many; an existing one: 1 when it is used */
    struct gs_check_load *loads; /* goal nodes: each entry of instances and existing */
    size_t n_loads;
    size_t cap_loads;
};

/* Adds a sentence to what was not checked. */
void gs_check_note(struct gs_check *check, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The need of an item that is planned for. */
static inline uint64_t gs_check_placed(const struct gs_check *check, size_t item)
{
    return check->problem.items[item].need - check->unplaced[item];
}

/* answer.c: layouts, instances, existing and items: fills in what is recomputed and `served`, and
 * checks that every item is served. `unplaced` is there. */
int gs_check_answer(struct gs_check *check, const struct gs_field *root);

/* What a part is called: a profile of the model, or whole GPUs. */
const char *gs_check_part_name(const struct gs_model *model, unsigned part);

/* existing.c: the nodes that are there, and what they take on. Goal gpus: `given` gets what is put
 * to use of each target, as [target * GS_CHECK_PARTS + profile], whole GPUs last. */
enum { GS_CHECK_PARTS = GS_PROFILES_MAX + 1 };
int gs_check_existing(struct gs_check *check, const struct gs_field *root, uint64_t *given);

/* served.c: a list "items" of what serves what. `node`: on `times` nodes like this, within what one
 * of them has; NULL: anywhere. `asked` gets slices and GPUs of one of them, by target as `given`.
 */
int gs_check_served(struct gs_check *check, const struct gs_field *at,
                    const struct gs_problem_node *node, uint64_t times, uint64_t *asked);

/* figures.c: the sums at the top of the plan. Fills in the report's bounds. */
int gs_check_figures(struct gs_check *check, const struct gs_field *root);

/* unplaceable.c: reads "unplaceable" into `unplaced`; then, when all is read, whether what is in it
 * could not have been placed after all. */
int gs_check_read_unplaceable(struct gs_check *check, const struct gs_field *root);
int gs_check_unplaceable(struct gs_check *check, const struct gs_field *root);

/* certificate_gpus.c, certificate_nodes.c: what the certificate proves, as *ret_bound. */
int gs_check_certificate_gpus(struct gs_check *check, const struct gs_field *at,
                              uint64_t *ret_bound);
int gs_check_certificate_nodes(struct gs_check *check, const struct gs_field *at,
                               uint64_t *ret_bound);
