/* verify: checks a plan and its certificate without any code of the planner.
 *
 * A plan that `gpuslice plan -o json` wrote says what was asked (`problem`), how it is answered,
 * and why no cheaper answer exists (`certificate`). This room believes the first and recomputes the
 * rest: that every item is served once where it may be, that every GPU's layout is legal, every
 * sum, price and count, each step of each transition, and the bound, in integers. It knows the
 * catalogue of GPU models and nothing of the solver, so that no error there can hide here.
 * Format: docs/internals/plan-format.md. How and why: docs/internals/verify.md. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

enum {
    GS_VERIFY_BYTES_MAX = 64 << 20, /* of a plan */
    GS_VERIFY_NOTES_MAX = 16,
    GS_VERIFY_NOTE_MAX = 300
};

/* How far the claim that nothing is cheaper was checked. */
enum gs_verify_bound {
    GS_VERIFY_BOUND_PROVEN, /* the certificate proves lower_bound, all of it was checked */
    GS_VERIFY_BOUND_PRICES, /* the prices' bound was checked; the search beyond it was not */
    GS_VERIFY_BOUND_OPEN,   /* checked but for nodes that the certificate leaves out */
    GS_VERIFY_BOUND_NONE    /* the plan gives no bound, and no certificate */
};

struct gs_verify_report {
    bool nodes;           /* minimises dollars; else GPUs */
    uint64_t items;       /* items served */
    uint64_t services;    /* services served */
    uint64_t unplaceable; /* items that the plan says have no place */
    uint64_t layouts;     /* GPUs whose layout was checked, new and existing */
    uint64_t steps;       /* of transitions */
    uint64_t gpus_used;
    uint64_t value;         /* GPUs, or millionths of a dollar an hour */
    uint64_t claimed_bound; /* as value */
    uint64_t proven_bound;  /* what was proven here; more than claimed is possible */
    bool proven;            /* the plan says that it is the best, and that was checked */
    enum gs_verify_bound bound;
    uint64_t leaves; /* of the certificate's trees */
    unsigned n_notes;
    char notes[GS_VERIFY_NOTES_MAX][GS_VERIFY_NOTE_MAX]; /* what was not checked, and why */
};

/* Checks the plan in `bytes`. `label` (a file name) begins each error.
 * GS_INVALID: the plan is not what it must be or says what is not so; the text names the place by
 * its JSON path, what is there and what was expected. GS_LIMIT: larger than can be checked.
 * GS_NO_MEMORY. */
int gs_verify_plan(const char *label, struct gs_view bytes, struct gs_verify_report *ret,
                   struct gs_err *err);

/* As gs_verify_plan, with the memory for all but the JSON itself from `source`. */
struct gs_alloc;
int gs_verify_plan_with(const struct gs_alloc *source, const char *label, struct gs_view bytes,
                        struct gs_verify_report *ret, struct gs_err *err);

/* Writes the report for people: what was checked, the bound, and what was not checked. Cut at
 * `size`. */
void gs_verify_format(const struct gs_verify_report *report, char *ret_text, size_t size);
