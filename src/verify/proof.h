/* proof: a certificate's program, built a second time from the problem, and its names.
 *
 * Goal gpus and goal nodes prove their bounds about programs of one form: items served by their
 * ways on targets, GPUs of pools cut with additions or used whole. A certificate names rows and
 * columns by what they mean (docs/internals/plan-format.md); this file gives the names their
 * numbers. A row that the certificate leaves out is a row whose multiplier is 0. */
#pragma once

#include "verify/bound.h"
#include "verify/supply.h"

#define GS_PROOF_NO_NEED UINT64_MAX

enum { GS_PROOF_CPU, GS_PROOF_MEMORY, GS_PROOF_PODS, GS_PROOF_AMOUNTS };

/* Of all GPUs of a node together, behind the amounts. */
enum {
    GS_PROOF_UNITS = GS_PROOF_AMOUNTS, /* memory units */
    GS_PROOF_COMPUTE,                  /* compute slices */
    GS_PROOF_CAPACITIES
};

/* A need once more, in parts that count whole once begun: from  sum(yield A) >= need  with whole A
 * follows  sum(ceil(yield / per) A) >= ceil(need / per),  no coefficient above the right side. */
struct gs_proof_rounding {
    uint64_t per;
    int64_t row;
    size_t next; /* of the same item, plus 1; 0: none */
};

/* One way to serve an item on one target. */
struct gs_proof_use {
    uint32_t item;
    uint32_t way;
    uint32_t target;
    struct gs_problem_asked asked;
    int64_t hi;   /* no better plan serves more so */
    int64_t cost; /* of one item */
};

struct gs_proof {
    struct gs_arena *arena;
    const struct gs_problem *problem;
    bool one_node; /* one target; names leave the model out; amounts bind */
    struct gs_supply_target *targets;
    size_t n_targets;
    struct gs_proof_use *uses;
    size_t n_uses;
    size_t cap_uses;
    const uint64_t *most;  /* an item: no node serves more of it. NULL: no such rows */
    const uint64_t *needs; /* an item: of all that ask alike; GS_PROOF_NO_NEED for all but the first
                              of them. NULL: no such rows */
    uint64_t capacity[GS_PROOF_CAPACITIES]; /* one_node; memory in memory_unit bytes */
    uint64_t memory_unit;

    /* by gs_proof_build */
    struct gs_bound bound;
    int64_t *slice_row; /* [target * GS_PROFILES_MAX + profile]; -1: not in the certificate */
    int64_t *gpu_row;   /* a target */
    int64_t *pool_row;  /* a pool, all targets' one after the other */
    int64_t *need_row;  /* an item */
    int64_t *most_row;  /* an item */
    struct gs_proof_rounding *roundings;
    size_t n_roundings;
    size_t cap_roundings;
    size_t *first_rounding; /* an item: plus 1; 0: none */
    int64_t amount_row[GS_PROOF_CAPACITIES];
    size_t *pool_col;   /* a pool: its first column; whole last where it may be */
    size_t *first_pool; /* a target: its first pool in pool_row and pool_col */
};

/* What one item takes of an amount, in the unit of `capacity`. */
uint64_t gs_proof_amount(const struct gs_proof *proof, uint32_t item, unsigned amount);

/* What a use takes of any capacity of a node. */
uint64_t gs_proof_takes(const struct gs_proof *proof, const struct gs_proof_use *use,
                        unsigned capacity);

/* Fills in the capacities of a node's GPUs: as much of each GPU as an addition takes, or all of it
 * where it may be used whole and some use asks for GPUs. Additions and the uses' hi are there. */
void gs_proof_room(struct gs_proof *proof);

/* Adds the ways of an item on a target that it may be served by at all, hi left 0. GS_NO_MEMORY. */
int gs_proof_add_uses(struct gs_proof *proof, uint32_t item, uint32_t target, struct gs_err *err);

/* Lists the additions of every target in the profiles that the uses ask for, and takes the uses
 * that no GPU can serve down to hi 0. */
int gs_proof_list_additions(struct gs_proof *proof, struct gs_err *err);

/* Reads "rows" of the object `at` and makes the program; uses, their hi and the additions are
 * there. */
int gs_proof_build(struct gs_proof *proof, const struct gs_field *at, struct gs_err *err);

/* Finds the column that a split names: gs_bound_reader.find, its names are the proof. */
int gs_proof_find(void *ctx, const struct gs_field *split, size_t *ret_col, struct gs_err *err);

/* proof_names.c: reads one row and gives it the number `index`; *ret_rhs is its right side. */
int gs_proof_read_row(struct gs_proof *proof, const struct gs_field *at, int64_t index,
                      int64_t *ret_rhs, struct gs_err *err);

/* How many parts of `per` an amount is, those begun counted whole. */
static inline uint64_t gs_proof_parts(uint64_t amount, uint64_t per)
{
    return amount / per + (amount % per != 0);
}
