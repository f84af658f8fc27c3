#include <inttypes.h>
#include <string.h>

#include "verify/check.h"

static int expect_u64(struct gs_check *check, const struct gs_field *root, const char *key,
                      uint64_t wanted)
{
    uint64_t said;
    int r = gs_field_u64(root, key, 0, INT64_MAX, &said, check->err);
    return r == 0 && said != wanted
               ? gs_field_fail(root, check->err, "%s is %" PRIu64 "; the plan adds up to %" PRIu64,
                               key, said, wanted)
               : r;
}

/* Dollars that must be there with goal nodes and null otherwise. */
static int read_dollars(struct gs_check *check, const struct gs_field *root, const char *key,
                        uint64_t *ret)
{
    bool known;
    int r = gs_field_dollars(root, key, ret, &known, check->err);
    if (r == 0 && known != check->problem.nodes) {
        return gs_field_fail(root, check->err, "%s is %s; expected %s with this goal", key,
                             known ? "there" : "null", check->problem.nodes ? "dollars" : "null");
    }
    return r;
}

static int check_format(struct gs_check *check, const struct gs_field *root)
{
    const char *format, *minimises;
    const char *wanted = check->problem.nodes ? "usd_per_hour" : "gpus";
    int r = gs_field_text(root, "format", &format, check->err);
    r = r < 0 ? r : gs_field_text(root, "minimises", &minimises, check->err);
    if (r == 0 && strcmp(format, "gpuslice-plan/1") != 0) {
        return gs_field_fail(root, check->err,
                             "its format is \"%s\"; expected gpuslice-plan/1, the only one known "
                             "here",
                             format);
    }
    if (r == 0 && strcmp(minimises, wanted) != 0) {
        return gs_field_fail(root, check->err, "it minimises \"%s\"; expected %s with this goal",
                             minimises, wanted);
    }
    return r;
}

/* With goal nodes the certificate is of the cost: nothing would show a bound on GPUs. */
static int check_gpu_bound(struct gs_check *check, const struct gs_field *root)
{
    struct gs_field bound;
    int r = gs_field_get(root, "lower_bound", &bound, check->err);
    return r < 0 || gs_field_is_null(&bound)
               ? r
               : gs_field_fail(&bound, check->err,
                               "it is given; expected null: what is minimised is dollars, whose "
                               "bound is cost_lower_bound_usd_per_hour");
}

static int read_bound(struct gs_check *check, const struct gs_field *root)
{
    uint64_t cost;
    struct gs_verify_report *report = check->report;
    int r = expect_u64(check, root, "gpus_used", check->gpus_used);
    r = r < 0 ? r : read_dollars(check, root, "cost_usd_per_hour", &cost);
    r = r < 0 ? r
              : read_dollars(check, root, "cost_lower_bound_usd_per_hour", &report->claimed_bound);
    if (r < 0) {
        return r;
    }
    if (!check->problem.nodes) {
        return gs_field_u64(root, "lower_bound", 0, INT64_MAX, &report->claimed_bound, check->err);
    }
    if (cost != check->value) {
        return gs_field_fail(root, check->err,
                             "cost_usd_per_hour is %" PRIu64 ".%06" PRIu64
                             "; the instances cost %" PRIu64 ".%06" PRIu64,
                             cost / 1000000, cost % 1000000, check->value / 1000000,
                             check->value % 1000000);
    }
    return check_gpu_bound(check, root);
}

/* (value - bound) / value, rounded up to nine digits. */
static int check_gap(struct gs_check *check, const struct gs_field *root)
{
    double said;
    uint64_t value = check->value;
    uint64_t bound = check->report->claimed_bound;
    bool proven;
    int r = gs_field_fraction(root, "gap", &said, check->err);
    r = r < 0 ? r : gs_field_bool(root, "proven", &proven, check->err);
    if (r < 0) {
        return r;
    }
    if (bound > value) {
        return gs_field_fail(root, check->err,
                             "its lower bound %" PRIu64 " is above its value %" PRIu64, bound,
                             value);
    }
    double gap = value == 0 ? 0 : (double)(value - bound) / (double)value;
    double off = said > gap ? said - gap : gap - said;
    if (off > 2e-9 || (said > 0) != (bound < value)) {
        return gs_field_fail(root, check->err, "gap is %.9g; value and bound make it %.9g", said,
                             gap);
    }
    if (proven != (bound == value)) {
        return gs_field_fail(root, check->err, "gap is %.9g and proven is %s", said,
                             proven ? "true" : "false");
    }
    check->report->proven = proven;
    return 0;
}

/* ------------------------------------------------------------------ a GPU of its own */

static uint64_t fewest_parts(const struct gs_problem_item *item)
{
    uint64_t fewest = UINT64_MAX;
    for (size_t w = 0; w < item->n_ways; w++) {
        uint64_t parts = 0;
        for (size_t k = 0; k < item->ways[w].n_wants; k++) {
            parts += item->ways[w].wants[k].count;
        }
        fewest = parts < fewest ? parts : fewest;
    }
    return item->n_ways == 0 ? 0 : fewest;
}

static bool is_planned_with(const struct gs_check *check, const struct gs_model *model)
{
    for (size_t m = 0; m < check->problem.n_models; m++) {
        if (check->problem.models[m] == model) {
            return true;
        }
    }
    return false;
}

/* Whole GPUs that serve as much as the best slice of a model that new ones may be of. */
static uint64_t fewest_for_service(const struct gs_check *check, const struct gs_problem_item *item,
                                   uint64_t need)
{
    uint64_t best = 0;
    for (size_t w = 0; w < item->n_ways; w++) {
        const struct gs_problem_way *way = &item->ways[w];
        bool counts = is_planned_with(check, way->wants[0].model) && way->yield > best;
        best = counts ? way->yield : best;
    }
    return best == 0 ? 0 : need / best + (need % best != 0);
}

/* Each of these GPUs is on a node that is bought for it, so that it costs at least its share of
 * the node for which that is least. */
static bool is_too_cheap(const struct gs_check *check, uint64_t gpus, uint64_t cost)
{
    for (size_t i = 0; i < check->problem.n_offers; i++) {
        const struct gs_problem_node *offer = &check->problem.node[i];
        if ((__int128)cost * offer->gpus >= (__int128)gpus * offer->price_uusd) {
            return false;
        }
    }
    return gpus > 0;
}

static int check_baseline(struct gs_check *check, const struct gs_field *root)
{
    struct gs_field baseline;
    uint64_t cost;
    bool known;
    uint64_t gpus = 0;
    int r = gs_field_get(root, "whole_gpu_baseline", &baseline, check->err);
    if (r < 0 || gs_field_is_null(&baseline)) {
        return r;
    }
    for (size_t i = 0; i < check->problem.n_items; i++) {
        const struct gs_problem_item *item = &check->problem.items[i];
        uint64_t placed = gs_check_placed(check, i);
        gpus +=
            item->service ? fewest_for_service(check, item, placed) : placed * fewest_parts(item);
    }
    r = expect_u64(check, &baseline, "gpus", gpus);
    r = r < 0 ? r : gs_field_dollars(&baseline, "cost_usd_per_hour", &cost, &known, check->err);
    if (r == 0 && known && !check->problem.nodes) {
        return gs_field_fail(&baseline, check->err, "it has a cost, and nothing here has a price");
    }
    if (r == 0 && known && is_too_cheap(check, gpus, cost)) {
        return gs_field_fail(&baseline, check->err, "no %" PRIu64 " GPUs can be had for so little",
                             gpus);
    }
    if (r == 0 && known) {
        gs_check_note(check, "the cost of whole_gpu_baseline: no proof comes with it");
    }
    return r;
}

int gs_check_figures(struct gs_check *check, const struct gs_field *root)
{
    int r = check_format(check, root);
    r = r < 0 ? r : read_bound(check, root);
    r = r < 0 ? r : check_gap(check, root);
    return r < 0 ? r : check_baseline(check, root);
}
