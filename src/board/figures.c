#include "board/figures.h"

#include <string.h>

#include "base/cleanup.h"
#include "board/bill.h"

/* ---- GPUs ---- */

static unsigned bits(unsigned mask)
{
    return (unsigned)__builtin_popcount(mask);
}

/* What is taken of a GPU that is cut. */
struct taken {
    unsigned held; /* memory units */
    unsigned sick;
    unsigned compute; /* slices of both */
    uint8_t counts[GS_PROFILES_MAX];
};

static struct taken taken_of(const struct gs_money_gpu *gpu)
{
    const struct gs_model *model = gpu->model;
    struct taken taken = {.held = 0};
    for (unsigned i = 0; i < gpu->n_slices; i++) {
        const struct gs_money_slice *slice = &gpu->slices[i];
        if (slice->profile >= model->n_profiles || slice->use == GS_MONEY_FREE) {
            continue;
        }
        const struct gs_profile *profile = &model->profiles[slice->profile];
        unsigned span = gs_profile_span(profile, slice->start);
        *(slice->use == GS_MONEY_HELD ? &taken.held : &taken.sick) |= span;
        taken.compute += profile->compute_slices;
        taken.counts[slice->profile]++;
    }
    taken.sick &= ~taken.held;
    return taken;
}

/* Compute slices of the largest slice that could be cut beside them. */
static unsigned largest_beside(const struct gs_model *model, const struct taken *taken)
{
    unsigned largest = 0;
    unsigned all = (1u << model->memory_units) - 1;
    for (unsigned p = 0; p < model->n_profiles; p++) {
        const struct gs_profile *profile = &model->profiles[p];
        uint8_t counts[GS_PROFILES_MAX];
        memcpy(counts, taken->counts, sizeof(counts));
        counts[p]++;
        bool fits =
            profile->compute_slices > largest && gs_model_counts_within_limits(model, counts);
        for (unsigned start = 0; fits && start < model->memory_units; start++) {
            unsigned span = gs_profile_span(profile, start);
            if ((profile->starts >> start & 1) != 0 && (span & ~all) == 0 &&
                (span & (taken->held | taken->sick)) == 0) {
                largest = profile->compute_slices;
                break;
            }
        }
    }
    return largest;
}

struct counting {
    struct gs_board *board;
    struct gs_board_figures *figures;
    uint64_t fragmented; /* sum, in millionths */
    uint64_t n_free;     /* GPUs that have compute slices which nobody holds */
};

static void count_cut(struct counting *counting, const struct gs_money_gpu *gpu, uint16_t stranded)
{
    const struct gs_model *model = gpu->model;
    uint64_t *units = counting->figures->units;
    struct taken taken = taken_of(gpu);
    unsigned all = (1u << model->memory_units) - 1;
    unsigned lost = stranded & all & ~(taken.held | taken.sick);
    units[GS_BOARD_UNIT_HELD] += bits(taken.held & all);
    units[GS_BOARD_UNIT_SICK] += bits(taken.sick & all);
    units[GS_BOARD_UNIT_STRANDED] += bits(lost);
    units[GS_BOARD_UNIT_IDLE] += bits(all & ~(taken.held | taken.sick | lost));
    unsigned n_free =
        taken.compute < model->compute_slices ? model->compute_slices - taken.compute : 0;
    if (n_free > 0) {
        unsigned largest = largest_beside(model, &taken);
        largest = largest < n_free ? largest : n_free;
        counting->fragmented += (uint64_t)(n_free - largest) * 1000000 / n_free;
        counting->n_free++;
    }
}

static int count_gpu(struct counting *counting, const struct gs_money_gpu *gpu, struct gs_err *err)
{
    const struct gs_model *model = gpu->model;
    uint64_t *units = counting->figures->units;
    uint16_t stranded = 0;
    if (model == NULL || !model->placements_known || model->memory_units == 0) {
        return 0;
    }
    if (gpu->sick || !gpu->mig) {
        units[gpu->sick   ? GS_BOARD_UNIT_SICK
              : gpu->held ? GS_BOARD_UNIT_HELD
                          : GS_BOARD_UNIT_IDLE] += model->memory_units;
        return 0;
    }
    int r = gs_money_stranded_units(counting->board->money, gpu, &stranded, err);
    if (r == 0) {
        count_cut(counting, gpu, stranded);
    }
    return r;
}

static int count_gpus(struct counting *counting, struct gs_err *err)
{
    struct gs_board_gpu gpus[GS_GPUNODE_GPUS_MAX];
    const struct gs_board_place *place;
    size_t at = 0;
    int r = 0;
    while (r == 0 && (place = gs_map_next(&counting->board->places, &at)) != NULL) {
        bool broken = place->facts.state == GS_BOARD_BROKEN;
        unsigned n = place->shown ? gs_board_gpus(place, gpus) : 0;
        for (unsigned k = 0; r == 0 && k < n; k++) {
            struct gs_money_slice slices[GS_MEMORY_UNITS_MAX];
            struct gs_money_gpu gpu = gs_board_money_gpu(&gpus[k], slices);
            gpu.sick |= broken;
            r = count_gpu(counting, &gpu, err);
        }
    }
    counting->figures->fragmented_known = counting->n_free > 0;
    if (counting->n_free > 0) {
        counting->figures->fragmented_ppm = counting->fragmented / counting->n_free;
    }
    return r;
}

/* ---- money ---- */

static void tell_costs(const struct gs_board_bill *bill, gs_board_cost_fn *each, void *ctx)
{
    const struct gs_board *board = bill->board;
    for (uint32_t i = 0; i <= board->namespaces.n; i++) {
        const char *name = i == board->namespaces.n             ? "(no pod is known)"
                           : board->namespaces.at[i][0] == '\0' ? "(no pod)"
                                                                : board->namespaces.at[i];
        if (bill->by_namespace[i].uusd_h > 0) {
            each(ctx, GS_BOARD_BY_NAMESPACE, name, bill->by_namespace[i].uusd_h);
        }
    }
    for (uint32_t i = 0; i <= board->workloads.n; i++) {
        const char *name = i == board->workloads.n ? "(no owner is known)" : board->workloads.at[i];
        if (bill->by_workload[i].uusd_h > 0) {
            each(ctx, GS_BOARD_BY_WORKLOAD, name, bill->by_workload[i].uusd_h);
        }
    }
    for (uint32_t i = 0; i <= board->pools.n; i++) {
        const char *name = i == board->pools.n ? "(no pool)" : board->pools.at[i];
        if (bill->by_pool[i].uusd_h > 0) {
            each(ctx, GS_BOARD_BY_POOL, name, bill->by_pool[i].uusd_h);
        }
    }
}

int gs_board_figures(struct gs_board *board, gs_board_cost_fn *each, void *ctx,
                     struct gs_board_figures *ret, struct gs_err *err)
{
    GS_CLEANUP(gs_board_bill_free) struct gs_board_bill *bill = NULL;
    int r = gs_board_bill(board, &bill, err);
    if (r != 0) {
        return r;
    }
    const struct gs_money_sum *sum = &bill->sum;
    struct gs_board_figures figures = {
        .bill = sum->bill,
        .used = sum->used,
        .idle = sum->idle,
        .stranded = sum->stranded,
        .starting = sum->starting,
        .whole_gpus = sum->whole_gpus,
        .unknown_nodes = sum->unknown_nodes,
    };
    struct counting counting = {.board = board, .figures = &figures};
    figures.bound_known = gs_board_find_bound(board, sum, &figures.bound);
    r = count_gpus(&counting, err);
    if (r == 0) {
        tell_costs(bill, each, ctx);
        *ret = figures;
    }
    return r;
}
