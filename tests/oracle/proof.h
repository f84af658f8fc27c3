/* proof: the proofs of core/pack and core/fleet, checked by the formulas of their headers.
 *
 * Shares no code with the planners: the meaning of a program's rows and columns is worked out anew
 * from its labels, bounds of variables from the amounts, and trees from core/solve/ip.h's formula.
 */
#pragma once

#include "core/fleet/fleet.h"

/* A program as a full matrix. */
struct proof_program {
    unsigned n_rows;
    unsigned n_cols;
    int64_t *rhs;
    int64_t *cost;
    int64_t *hi;
    int64_t *cells; /* [row * n_cols + column] */
    bool *capacity; /* a row: filled leaves go through what it has room for */
    int64_t enough; /* filled leaves need show no more */
};

/* Zeroes; freed with proof_free. */
struct proof_program proof_new(unsigned n_rows, unsigned n_cols);
void proof_free(struct proof_program *program);

/* What the rows and columns of `program` mean, in numbers; checks that its own numbers are these,
 * and that its GPU columns are legal and hold whatever the GPUs can be cut into. */
struct proof_program proof_of_labels(const struct gs_program_spec *spec, int64_t items_max,
                                     const struct gs_program *program);

/* The least multiple of `step` that no solution goes below, says the tree. Fails the test when the
 * tree is not one. */
int64_t proof_tree_bound(const struct proof_program *program, const struct gs_ip_tree *tree,
                         int64_t step);

/* What was looked at in the proofs of fleets. */
struct proof_seen {
    unsigned proofs;
    unsigned split; /* proofs that split on node counts */
    unsigned leaves;
    unsigned searches; /* leaves with a search over loads */
    unsigned listings; /* shapes in them whose loads were all tried */
};

/* Checks that the bound of a fleet that was found follows from its proof: prices and shape proofs
 * of each leaf, its tree over loads, and, by trying every load of each small shape, that the loads
 * that are no column are worth too little. */
void proof_check_fleet(const struct gs_fleet_spec *spec, const struct gs_fleet *fleet,
                       struct proof_seen *seen);
