/* certificate_nodes: the certificate of a fleet's price; used by the certificate files alone. */
#pragma once

#include "verify/check.h"
#include "verify/proof.h"

/* An offer, or existing nodes that are alike. */
struct gs_certificate_shape {
    const struct gs_problem_node *node; /* the first of them */
    struct gs_proof proof;              /* the program of one node */
    struct gs_supply_target target;

    /* within the present leaf of the tree over node counts */
    uint64_t least;
    uint64_t most; /* or GS_SUPPLY_NO_LIMIT */

    /* of the present leaf */
    int64_t limit_price;
    struct gs_field field; /* of its proof */
    bool empty;            /* the proof has no tree: nothing of the shape is worth anything */
};

struct gs_certificate {
    struct gs_check *check;
    uint64_t price_scale;
    uint64_t memory_unit;
    uint64_t step; /* divides the price of every fleet */
    struct gs_certificate_shape *shapes;
    size_t n_shapes;
    uint64_t *placed; /* an item: how many are planned for */
    uint64_t looks;   /* partial loads that filled leaves may still be checked with */
    bool open;        /* whether a node in no shape can serve something is not known */

    /* of the present leaf */
    uint64_t *prices; /* an item */
    __int128 sum;     /* what the prices prove, in 1 / price_scale */

    /* the least of all leaves */
    uint64_t said;         /* "bound_uusd" */
    uint64_t prices_prove; /* what was proven without doubt */
    uint64_t proven;       /* likewise, searches included that could not be checked to the end */
};

/* certificate_leaf.c: one leaf of the tree over node counts, within the shapes' least and most.
 * Lowers the three bounds to what the leaf has. */
int gs_certificate_leaf(struct gs_certificate *certificate, const struct gs_field *at);

/* certificate_search.c: what the search of a leaf proves. *ret_known is false when its loads are
 * too many to be listed: then the bound holds only if they are all that matter. */
int gs_certificate_search(struct gs_certificate *certificate, const struct gs_field *at,
                          uint64_t *ret_bound, bool *ret_known);
