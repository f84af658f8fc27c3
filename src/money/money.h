/* money: what GPU nodes cost an hour: who uses it, what is idle, what is stranded.
 *
 * A node is paid whole. Its price is spread over its GPUs, and a GPU's over what is on it: a slice
 * takes the larger of its shares of memory units and compute slices. Where these add up to more
 * than the GPU (3g and 4g: 1/2 + 4/7), all are cut in proportion. Everything is in whole millionths
 * of a dollar; what rounding leaves goes to the first part, so that the parts of a node are its
 * price, exactly. Pure; memory from the heap for tables of models. docs/internals/dashboard.md. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/model.h"

#define GS_MONEY_NOT_KNOWN UINT64_MAX
#define GS_MONEY_PRICE_MAX (UINT64_C(1) << 48) /* of a node, millionths of a dollar an hour */

enum {
    GS_MONEY_NO_PROFILE = UINT8_MAX,
    GS_MONEY_GPUS_MAX = 64,   /* of one node */
    GS_MONEY_MODELS_MAX = 64, /* different ones */
    GS_MONEY_WHOLE = UINT32_MAX
};

struct gs_money; /* tables by model */

enum gs_money_use {
    GS_MONEY_FREE, /* nobody holds it: it may be given away or cut anew */
    GS_MONEY_HELD,
    GS_MONEY_SICK /* nobody holds it, and nobody can */
};

struct gs_money_slice {
    uint8_t profile; /* of the GPU's model, or GS_MONEY_NO_PROFILE */
    uint8_t start;   /* memory unit */
    enum gs_money_use use;
};

struct gs_money_gpu {
    const struct gs_model *model; /* NULL: not known; its slices then take equal parts */
    bool mig;                     /* cut into slices */
    bool sick;                    /* nothing of it is idle */
    bool held;                    /* not mig: somebody has it */
    const struct gs_money_slice *slices;
    unsigned n_slices; /* GS_MEMORY_UNITS_MAX at most */
};

struct gs_money_node {
    uint64_t uusd_h; /* GS_MONEY_PRICE_MAX at most, or GS_MONEY_NOT_KNOWN */
    bool starting;   /* paid, and does not serve yet */
    const struct gs_money_gpu *gpus;
    unsigned n_gpus; /* GS_MONEY_GPUS_MAX at most; 0: not known, all of it is stranded */
};

/* What is held of one model, on nodes whose price is known. */
struct gs_money_kind {
    const struct gs_model *model; /* NULL: all that are not known */
    uint64_t slices[GS_PROFILES_MAX];
    uint64_t strange;      /* slices of no profile of the model */
    uint64_t whole;        /* GPUs that are held whole */
    uint64_t cheapest_gpu; /* uusd_h, rounded down */
};

/* used + idle + stranded + starting = bill. Nodes without a price are in the last two alone. */
struct gs_money_sum {
    uint64_t bill;
    uint64_t used;
    uint64_t idle;
    uint64_t stranded;
    uint64_t starting;
    uint64_t whole_gpus; /* what is held, each slice on a GPU of its own like the one it is on */
    uint64_t unknown_nodes;
    uint64_t unknown_gpus;
    struct gs_money_kind kinds[GS_MONEY_MODELS_MAX];
    unsigned n_kinds;
};

/* A slice that is held (GS_MONEY_WHOLE: the GPU) costs so much; 0 is possible. */
typedef void gs_money_take_fn(void *ctx, unsigned gpu, uint32_t slice, uint64_t uusd_h);

/* NULL: no memory. */
struct gs_money *gs_money_new(void);
void gs_money_free(struct gs_money *money);
void gs_money_freep(struct gs_money **money);

/* Adds the node to *sum; `take` (NULL: nobody asks) is called for each part that is held, where the
 * price is known. GS_INVALID: a bound above; GS_LIMIT: more models; GS_NO_MEMORY. *sum is as it was
 * then, but `take` may have been called. */
int gs_money_node(struct gs_money *money, const struct gs_money_node *node,
                  struct gs_money_sum *sum, gs_money_take_fn *take, void *ctx, struct gs_err *err);

/* Memory units (bit u) that nobody holds and no profile of the GPU fits onto beside what is held.
 * None where that cannot be told. GS_LIMIT, GS_NO_MEMORY. */
int gs_money_stranded_units(struct gs_money *money, const struct gs_money_gpu *gpu,
                            uint16_t *ret_units, struct gs_err *err);

/* What is held can cost no less on GPUs of the same models at the cheapest price seen of each: the
 * fewest GPUs, as proven. GS_UNKNOWN: something is held of a model whose placements are not known;
 * GS_LIMIT, GS_NO_MEMORY. */
int gs_money_bound(const struct gs_money_sum *sum, uint64_t *ret_uusd_h, struct gs_err *err);
