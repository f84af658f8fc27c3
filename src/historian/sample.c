#include "historian/sample.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static const char *const counted[] = {"recuts", "failed_recuts", "node_starts",
                                      "failed_node_starts"};

bool gs_sample_is_count(const char *series)
{
    for (size_t i = 0; i < GS_ARRAY_LEN(counted); i++) {
        if (strcmp(series, counted[i]) == 0) {
            return true;
        }
    }
    return false;
}

void gs_sample_done(struct gs_sample *sample)
{
    free(sample->values);
    free(sample->costs);
    *sample = (struct gs_sample){.n_values = 0};
}

void gs_sample_recut(struct gs_sample *sample, uint64_t now_us, uint64_t lasted_us)
{
    sample->recuts[sample->next_recut] = (struct gs_sample_recut){now_us, lasted_us};
    sample->next_recut = (sample->next_recut + 1) % GS_SAMPLE_RECUTS_MAX;
    sample->n_recuts += sample->n_recuts < GS_SAMPLE_RECUTS_MAX;
}

void gs_sample_taken(struct gs_sample *sample)
{
    sample->counts = (struct gs_sample_counts){.accepted = 0};
}

/* ---- numbers ---- */

static void add(struct gs_sample *sample, const char *name, double value)
{
    if (sample->n_values == sample->cap_values) {
        size_t cap = sample->cap_values == 0 ? 64 : 2 * sample->cap_values;
        struct gs_history_value *grown = realloc(sample->values, cap * sizeof(*grown));
        if (grown == NULL) {
            sample->failed = true;
            return;
        }
        sample->values = grown;
        sample->cap_values = cap;
    }
    sample->values[sample->n_values++] =
        (struct gs_history_value){.name = name, .label = "", .value = value};
}

static void add_usd(struct gs_sample *sample, const char *name, uint64_t uusd_h)
{
    add(sample, name, (double)uusd_h / 1e6);
}

static void add_units(struct gs_sample *sample, const uint64_t units[GS_BOARD_UNITS])
{
    uint64_t all = 0;
    for (unsigned i = 0; i < GS_BOARD_UNITS; i++) {
        all += units[i];
    }
    if (all > 0) {
        double one = 100.0 / (double)all;
        add(sample, "held_percent", (double)units[GS_BOARD_UNIT_HELD] * one);
        add(sample, "idle_percent", (double)units[GS_BOARD_UNIT_IDLE] * one);
        add(sample, "stranded_percent", (double)units[GS_BOARD_UNIT_STRANDED] * one);
        add(sample, "sick_percent", (double)units[GS_BOARD_UNIT_SICK] * one);
    }
}

static int by_time(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Of the last hour's: the smallest that so many percent are not above. */
static void add_durations(struct gs_sample *sample, uint64_t now_us)
{
    uint64_t lasted[GS_SAMPLE_RECUTS_MAX];
    size_t n = 0;
    for (unsigned i = 0; i < sample->n_recuts; i++) {
        if (now_us - sample->recuts[i].at_us < GS_SAMPLE_RECUTS_US) {
            lasted[n++] = sample->recuts[i].lasted_us;
        }
    }
    if (n > 0) {
        qsort(lasted, n, sizeof(lasted[0]), by_time);
        add(sample, "recut_p50_s", (double)lasted[(n * 50 + 99) / 100 - 1] / 1e6);
        add(sample, "recut_p95_s", (double)lasted[(n * 95 + 99) / 100 - 1] / 1e6);
    }
}

/* One value a pod, so that each counts as much as any other however steps are summed up. */
static void add_accepted(struct gs_sample *sample)
{
    for (uint64_t i = 0; i < sample->counts.accepted && !sample->failed; i++) {
        add(sample, "accepted_percent", 100);
    }
    for (uint64_t i = 0; i < sample->counts.delayed && !sample->failed; i++) {
        add(sample, "accepted_percent", 0);
    }
}

/* ---- money ---- */

static void add_cost(struct gs_sample *sample, enum gs_history_by by, const char *name,
                     uint64_t uusd_h)
{
    if (sample->n_costs == sample->cap_costs) {
        size_t cap = sample->cap_costs == 0 ? 256 : 2 * sample->cap_costs;
        struct gs_history_cost *grown = realloc(sample->costs, cap * sizeof(*grown));
        if (grown == NULL) {
            sample->failed = true;
            return;
        }
        sample->costs = grown;
        sample->cap_costs = cap;
    }
    sample->costs[sample->n_costs++] =
        (struct gs_history_cost){.by = by, .name = name, .uusd_h = uusd_h};
}

static void on_cost(void *ctx, enum gs_board_by by, const char *name, uint64_t uusd_h)
{
    static const enum gs_history_by bys[] = {[GS_BOARD_BY_NAMESPACE] = GS_HISTORY_NAMESPACE,
                                             [GS_BOARD_BY_WORKLOAD] = GS_HISTORY_WORKLOAD,
                                             [GS_BOARD_BY_POOL] = GS_HISTORY_POOL};
    add_cost(ctx, bys[by], name, uusd_h);
}

static int by_cost(const void *a, const void *b)
{
    const struct gs_history_cost *x = a;
    const struct gs_history_cost *y = b;
    if (x->by != y->by) {
        return x->by < y->by ? -1 : 1;
    }
    if (x->uusd_h != y->uusd_h) {
        return x->uusd_h > y->uusd_h ? -1 : 1;
    }
    return strcmp(x->name, y->name);
}

/* The dearest of each kind stay; the others are one row. */
static void keep_dearest(struct gs_sample *sample)
{
    size_t to = 0;
    size_t in_kind = 0;
    if (sample->n_costs > 0) {
        qsort(sample->costs, sample->n_costs, sizeof(*sample->costs), by_cost);
    }
    for (size_t i = 0; i < sample->n_costs; i++) {
        struct gs_history_cost cost = sample->costs[i];
        in_kind = i > 0 && sample->costs[to - 1].by == cost.by ? in_kind + 1 : 0;
        if (in_kind < GS_SAMPLE_NAMES_MAX) {
            sample->costs[to++] = cost;
        } else if (in_kind == GS_SAMPLE_NAMES_MAX) {
            cost.name = "(others)";
            sample->costs[to++] = cost;
        } else {
            sample->costs[to - 1].uusd_h += cost.uusd_h;
        }
    }
    sample->n_costs = to;
}

/* Each kind has all that is paid, so that each adds up to the bill. */
static void add_parts(struct gs_sample *sample, const struct gs_board_figures *figures)
{
    static const enum gs_history_by bys[] = {GS_HISTORY_NAMESPACE, GS_HISTORY_WORKLOAD,
                                             GS_HISTORY_POOL};
    const struct {
        const char *name;
        const char *as_row;
        uint64_t uusd_h;
    } parts[] = {{"used", NULL, figures->used},
                 {"idle", "(idle)", figures->idle},
                 {"stranded", "(stranded)", figures->stranded},
                 {"starting", "(starting)", figures->starting}};
    for (size_t i = 0; i < GS_ARRAY_LEN(parts); i++) {
        add_cost(sample, GS_HISTORY_PART, parts[i].name, parts[i].uusd_h);
        for (size_t k = 0; k < GS_ARRAY_LEN(bys) && parts[i].as_row != NULL; k++) {
            if (parts[i].uusd_h > 0) {
                add_cost(sample, bys[k], parts[i].as_row, parts[i].uusd_h);
            }
        }
    }
}

/* ---- all ---- */

static void add_money(struct gs_sample *sample, const struct gs_board_figures *figures)
{
    add_usd(sample, "bill_usd_h", figures->bill);
    add_usd(sample, "used_usd_h", figures->used);
    add_usd(sample, "idle_usd_h", figures->idle);
    add_usd(sample, "stranded_usd_h", figures->stranded);
    add_usd(sample, "starting_usd_h", figures->starting);
    add_usd(sample, "whole_gpus_usd_h", figures->whole_gpus);
    if (figures->bound_known) {
        add_usd(sample, "bound_usd_h", figures->bound);
    }
}

int gs_sample_make(struct gs_sample *sample, struct gs_board *board, uint64_t n_waiting,
                   uint64_t now_us, struct gs_err *err)
{
    const struct gs_sample_counts *counts = &sample->counts;
    struct gs_board_figures figures;
    sample->n_values = 0;
    sample->n_costs = 0;
    sample->failed = false;
    int r = gs_board_figures(board, on_cost, sample, &figures, err);
    if (r != 0) {
        return r;
    }
    keep_dearest(sample);
    add_parts(sample, &figures);
    add_units(sample, figures.units);
    add_money(sample, &figures);
    if (figures.fragmented_known) {
        add(sample, "fragmentation_percent", (double)figures.fragmented_ppm / 1e4);
    }
    add(sample, "waiting_pods", (double)n_waiting);
    add(sample, "unpriced_nodes", (double)figures.unknown_nodes);
    add(sample, "recuts", (double)counts->recuts);
    add(sample, "failed_recuts", (double)counts->failed_recuts);
    add(sample, "node_starts", (double)counts->node_starts);
    add(sample, "failed_node_starts", (double)counts->failed_node_starts);
    add_durations(sample, now_us);
    add_accepted(sample);
    return sample->failed ? gs_fail(err, GS_NO_MEMORY, "no memory for a sample") : 0;
}
