#include "money/money.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "money/shares.h"

#define TABLES_BYTES_MAX ((size_t)256 << 20)

struct gs_money {
    struct gs_arena arena; /* of the tables */
    struct gs_shares *shares[GS_MONEY_MODELS_MAX];
    unsigned n;
};

struct gs_money *gs_money_new(void)
{
    struct gs_money *money = calloc(1, sizeof(*money));
    if (money != NULL) {
        gs_arena_init(&money->arena, &gs_alloc_heap, TABLES_BYTES_MAX);
    }
    return money;
}

void gs_money_free(struct gs_money *money)
{
    if (money != NULL) {
        gs_arena_done(&money->arena);
        free(money);
    }
}

void gs_money_freep(struct gs_money **money)
{
    gs_money_free(*money);
}

static int find_shares(struct gs_money *money, const struct gs_model *model, struct gs_shares **ret,
                       struct gs_err *err)
{
    for (unsigned i = 0; i < money->n; i++) {
        if (money->shares[i]->model == model) {
            *ret = money->shares[i];
            return 0;
        }
    }
    if (money->n == GS_MONEY_MODELS_MAX) {
        return gs_fail(err, GS_LIMIT, "GPUs of more than %d models", GS_MONEY_MODELS_MAX);
    }
    struct gs_shares *shares = GS_ARENA_NEW(&money->arena, struct gs_shares, 1);
    if (shares == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a model of GPU");
    }
    int r = gs_shares_init(shares, &money->arena, model, err);
    if (r == 0) {
        money->shares[money->n++] = shares;
        *ret = shares;
    }
    return r;
}

/* The model's entry, made where there is none. NULL: there are too many. */
static struct gs_money_kind *kind_of(struct gs_money_sum *sum, const struct gs_model *model)
{
    for (unsigned i = 0; i < sum->n_kinds; i++) {
        if (sum->kinds[i].model == model) {
            return &sum->kinds[i];
        }
    }
    if (sum->n_kinds == GS_MONEY_MODELS_MAX) {
        return NULL;
    }
    sum->kinds[sum->n_kinds] = (struct gs_money_kind){.model = model, .cheapest_gpu = UINT64_MAX};
    return &sum->kinds[sum->n_kinds++];
}

/* ---- one GPU ---- */

/* What a GPU is spread over, in shares. */
struct spread {
    uint32_t of[GS_MEMORY_UNITS_MAX]; /* a slice; 0: not held */
    uint32_t held;
    uint32_t idle;
    uint32_t stranded;
};

static int spread_cut(struct gs_money *money, const struct gs_money_gpu *gpu, struct spread *ret,
                      struct gs_err *err)
{
    struct gs_shares *shares = NULL;
    struct spread spread = {.held = 0};
    uint32_t sick = 0;
    uint32_t room = 0;
    int r = gpu->model == NULL ? 0 : find_shares(money, gpu->model, &shares, err);
    for (unsigned i = 0; r == 0 && i < gpu->n_slices; i++) {
        const struct gs_money_slice *slice = &gpu->slices[i];
        uint32_t share = shares != NULL && slice->profile < gpu->model->n_profiles
                             ? shares->of_profile[slice->profile]
                             : 1;
        spread.of[i] = slice->use == GS_MONEY_HELD ? share : 0;
        spread.held += spread.of[i];
        sick += slice->use == GS_MONEY_SICK ? share : 0;
    }
    if (r != 0) {
        return r;
    }
    uint32_t whole = shares != NULL ? shares->whole : gpu->n_slices == 0 ? 1 : gpu->n_slices;
    uint32_t taken = spread.held + sick;
    if (gpu->sick) {
        room = 0;
    } else if (shares == NULL) {
        room = whole - taken;
    } else if ((r = gs_shares_room(shares, &money->arena, gpu, taken, &room, err)) != 0) {
        return r;
    }
    uint32_t left = whole > taken ? whole - taken : 0;
    spread.idle = room < left ? room : left;
    spread.stranded = left - spread.idle + sick;
    *ret = spread;
    return 0;
}

struct taking {
    gs_money_take_fn *take;
    void *ctx;
    unsigned gpu;
};

static void give(const struct taking *taking, uint32_t slice, uint64_t uusd_h)
{
    if (taking->take != NULL) {
        taking->take(taking->ctx, taking->gpu, slice, uusd_h);
    }
}

/* Every part rounded down, and the rest to the first of them. */
static void pay_cut(const struct gs_money_gpu *gpu, const struct spread *spread, uint64_t price,
                    struct gs_money_sum *sum, const struct taking *taking)
{
    uint32_t all = spread->held + spread->idle + spread->stranded;
    uint64_t idle = price * spread->idle / all;
    uint64_t stranded = price * spread->stranded / all;
    uint64_t rest = price - idle - stranded;
    for (unsigned i = 0; i < gpu->n_slices; i++) {
        rest -= price * spread->of[i] / all;
    }
    for (unsigned i = 0; i < gpu->n_slices; i++) {
        if (gpu->slices[i].use == GS_MONEY_HELD) {
            uint64_t part = price * spread->of[i] / all + rest;
            rest = 0;
            sum->used += part;
            sum->whole_gpus += price;
            give(taking, i, part);
        }
    }
    idle += spread->idle > 0 ? rest : 0;
    stranded += spread->idle > 0 ? 0 : rest;
    sum->idle += idle;
    sum->stranded += stranded;
}

static void pay_whole(const struct gs_money_gpu *gpu, uint64_t price, struct gs_money_sum *sum,
                      const struct taking *taking)
{
    if (gpu->held) {
        sum->used += price;
        sum->whole_gpus += price;
        give(taking, GS_MONEY_WHOLE, price);
    } else if (gpu->sick) {
        sum->stranded += price;
    } else {
        sum->idle += price;
    }
}

/* What the bound is worked out from. */
static void count(const struct gs_money_gpu *gpu, uint64_t price, struct gs_money_kind *kind)
{
    kind->cheapest_gpu = price < kind->cheapest_gpu ? price : kind->cheapest_gpu;
    kind->whole += !gpu->mig && gpu->held;
    for (unsigned i = 0; gpu->mig && i < gpu->n_slices; i++) {
        if (gpu->slices[i].use == GS_MONEY_HELD) {
            bool known = gpu->model != NULL && gpu->slices[i].profile < gpu->model->n_profiles;
            *(known ? &kind->slices[gpu->slices[i].profile] : &kind->strange) += 1;
        }
    }
}

/* ---- one node ---- */

static int check(const struct gs_money_node *node, struct gs_err *err)
{
    bool fits = node->n_gpus <= GS_MONEY_GPUS_MAX &&
                (node->uusd_h <= GS_MONEY_PRICE_MAX || node->uusd_h == GS_MONEY_NOT_KNOWN);
    for (unsigned k = 0; fits && k < node->n_gpus; k++) {
        fits = node->gpus[k].n_slices <= GS_MEMORY_UNITS_MAX;
    }
    return fits ? 0
                : gs_fail(err, GS_INVALID,
                          "a node with more GPUs or slices than can be, or too high a price");
}

int gs_money_node(struct gs_money *money, const struct gs_money_node *node,
                  struct gs_money_sum *sum, gs_money_take_fn *take, void *ctx, struct gs_err *err)
{
    struct spread spreads[GS_MONEY_GPUS_MAX];
    int r = check(node, err);
    if (r == 0 && node->uusd_h == GS_MONEY_NOT_KNOWN) {
        sum->unknown_nodes++;
        sum->unknown_gpus += node->n_gpus;
        return 0;
    }
    bool spent = !node->starting && node->n_gpus > 0;
    for (unsigned k = 0; r == 0 && spent && k < node->n_gpus; k++) {
        r = kind_of(sum, node->gpus[k].model) == NULL
                ? gs_fail(err, GS_LIMIT, "GPUs of more than %d models", GS_MONEY_MODELS_MAX)
            : node->gpus[k].mig ? spread_cut(money, &node->gpus[k], &spreads[k], err)
                                : 0;
    }
    if (r != 0) {
        return r;
    }
    sum->bill += node->uusd_h;
    if (!spent) {
        *(node->starting ? &sum->starting : &sum->stranded) += node->uusd_h;
        return 0;
    }
    uint64_t each = node->uusd_h / node->n_gpus;
    for (unsigned k = 0; k < node->n_gpus; k++) {
        const struct gs_money_gpu *gpu = &node->gpus[k];
        const struct taking taking = {take, ctx, k};
        uint64_t price = each + (k == 0 ? node->uusd_h % node->n_gpus : 0);
        count(gpu, each, kind_of(sum, gpu->model));
        if (gpu->mig) {
            pay_cut(gpu, &spreads[k], price, sum, &taking);
        } else {
            pay_whole(gpu, price, sum, &taking);
        }
    }
    return 0;
}

int gs_money_stranded_units(struct gs_money *money, const struct gs_money_gpu *gpu,
                            uint16_t *ret_units, struct gs_err *err)
{
    struct gs_shares *shares = NULL;
    *ret_units = 0;
    if (gpu->model == NULL || !gpu->mig) {
        return 0;
    }
    int r = find_shares(money, gpu->model, &shares, err);
    if (r == 0) {
        *ret_units = gs_shares_stranded(shares, gpu);
    }
    return r;
}
