#include <inttypes.h>
#include <string.h>

#include "verify/check.h"

/* GPUs that are cut alike, or used whole. */
struct layout {
    const char *gpu;
    const struct gs_model *model;
    bool whole;
    struct gs_cut cut;
    uint64_t count;
};

static int no_memory(struct gs_check *check)
{
    return gs_fail(check->err, GS_NO_MEMORY, "no memory for the answer of a plan");
}

/* ------------------------------------------------------------------ one layout */

static int read_placements(struct gs_check *check, const struct gs_field *at,
                           const struct gs_model *model, struct gs_cut *cut)
{
    struct gs_field list;
    size_t n;
    int r = gs_field_list(at, "placements", GS_MEMORY_UNITS_MAX, &list, &n, check->err);
    for (size_t i = 0; i < n && r == 0; i++) {
        struct gs_field placement = gs_field_item(&list, i);
        const char *name;
        uint64_t start;
        unsigned profile;
        r = gs_field_text(&placement, "profile", &name, check->err);
        r = r < 0 ? r
                  : gs_field_u64(&placement, "start", 0, GS_MEMORY_UNITS_MAX, &start, check->err);
        if (r < 0) {
            return r;
        }
        r = gs_model_profile_find(model, gs_view(name), &profile, check->err);
        r = r < 0 ? r : gs_cut_add(model, cut, profile, (unsigned)start, false, check->err);
        r = r < 0 ? gs_field_wrap(at, GS_INVALID, check->err) : 0;
    }
    return r == 0 && n == 0 ? gs_field_fail(at, check->err, "it has no placements; expected some")
                            : r;
}

/* "slices" must say what the placements are. */
static int check_slices(struct gs_check *check, const struct gs_field *at,
                        const struct layout *layout)
{
    struct gs_field slices;
    uint64_t said[GS_PROFILES_MAX];
    uint8_t counts[GS_PROFILES_MAX];
    int r = gs_field_object(at, "slices", &slices, check->err);
    r = r < 0 ? r : gs_problem_counts(&slices, layout->model, 255, said, check->err);
    if (r < 0) {
        return r;
    }
    gs_cut_counts(&layout->cut, false, counts);
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        if (said[p] != counts[p]) {
            return gs_field_fail(&slices, check->err,
                                 "it says %" PRIu64 " of %s, the placements have %u", said[p],
                                 layout->model->profiles[p].name, counts[p]);
        }
    }
    return 0;
}

/* A layout of GPUs of this name and model; `gpu` NULL: of any that new GPUs may be of. */
static int read_layout(struct gs_check *check, const struct gs_field *at, struct layout *ret)
{
    *ret = (struct layout){.gpu = NULL};
    int r = gs_field_text(at, "model", &ret->gpu, check->err);
    r = r < 0 ? r : gs_field_u64(at, "count", 1, GS_PROBLEM_NEED_MAX, &ret->count, check->err);
    if (r < 0) {
        return r;
    }
    ret->model = gs_problem_model(ret->gpu);
    if (gs_field_has(at, "whole")) {
        r = gs_field_bool(at, "whole", &ret->whole, check->err);
        if (r == 0 && (!ret->whole || gs_field_has(at, "placements"))) {
            return gs_field_fail(at, check->err, "expected whole: true, or placements");
        }
        return r;
    }
    if (ret->model == NULL || !ret->model->placements_known) {
        return gs_field_fail(at, check->err, "%s is no GPU model that can be cut", ret->gpu);
    }
    r = read_placements(check, at, ret->model, &ret->cut);
    return r < 0 ? r : check_slices(check, at, ret);
}

static void add_parts(const struct layout *layout, uint64_t *sums)
{
    uint8_t counts[GS_PROFILES_MAX];
    gs_cut_counts(&layout->cut, false, counts);
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        sums[p] += counts[p] * layout->count;
    }
    sums[GS_PROFILES_MAX] += layout->whole ? layout->count : 0;
}

/* ------------------------------------------------------------------ instances */

/* Layouts of all nodes that are bought, and then what of them "layouts" has not named yet. */
struct totals {
    struct layout *items;
    size_t n;
    size_t cap;
};

static bool same_layout(const struct layout *a, const struct layout *b)
{
    return strcmp(a->gpu, b->gpu) == 0 && a->whole == b->whole && a->cut.n == b->cut.n &&
           memcmp(a->cut.slices, b->cut.slices, a->cut.n * sizeof(*a->cut.slices)) == 0;
}

static struct layout *find_total(struct totals *totals, const struct layout *layout)
{
    for (size_t i = 0; i < totals->n; i++) {
        if (same_layout(&totals->items[i], layout)) {
            return &totals->items[i];
        }
    }
    return NULL;
}

static int add_total(struct gs_check *check, struct totals *totals, const struct layout *layout,
                     uint64_t times)
{
    struct layout *there = find_total(totals, layout);
    if (there == NULL) {
        if (!gs_arena_room(check->arena, &totals->items, &totals->cap, totals->n,
                           sizeof(*totals->items))) {
            return no_memory(check);
        }
        there = &totals->items[totals->n++];
        *there = *layout;
        there->count = 0;
    }
    there->count += layout->count * times; /* both are 2^30 at most */
    return 0;
}

static int read_instance(struct gs_check *check, const struct gs_field *at,
                         const struct gs_problem_node **ret, uint64_t *ret_count)
{
    const char *type;
    uint64_t gpus, price;
    bool known = false;
    int r = gs_field_text(at, "type", &type, check->err);
    const struct gs_problem_node *offer =
        r < 0 ? NULL : gs_problem_node_named(&check->problem, type);
    if (r == 0 && (offer == NULL || offer->existing)) {
        return gs_field_fail(at, check->err, "there is no offer %s in the problem", type);
    }
    r = r < 0 ? r : gs_field_u64(at, "count", 1, GS_PROBLEM_COUNT_MAX, ret_count, check->err);
    r = r < 0 ? r : gs_field_u64(at, "gpus", 0, GS_PROBLEM_GPUS_MAX, &gpus, check->err);
    r = r < 0 ? r : gs_field_dollars(at, "usd_per_hour", &price, &known, check->err);
    if (r < 0) {
        return r;
    }
    if (gpus != offer->gpus || !known || price != offer->price_uusd) {
        return gs_field_fail(at, check->err,
                             "it says %" PRIu64 " GPUs at %" PRIu64 " millionths of a dollar; the "
                             "offer %s has %u at %" PRIu64,
                             gpus, price, type, offer->gpus, offer->price_uusd);
    }
    *ret = offer;
    return 0;
}

/* The GPUs of one node: no more than it has, cut into just what its items ask for. */
static int check_node_layouts(struct gs_check *check, const struct gs_field *at,
                              const struct gs_problem_node *offer, uint64_t times,
                              const uint64_t *asked, struct totals *totals)
{
    struct gs_field list;
    size_t n;
    uint64_t given[GS_CHECK_PARTS] = {0};
    uint64_t gpus = 0;
    int r = gs_field_list(at, "layouts", GS_PROBLEM_GPUS_MAX, &list, &n, check->err);
    for (size_t i = 0; i < n && r == 0; i++) {
        struct gs_field element = gs_field_item(&list, i);
        struct layout layout;
        r = read_layout(check, &element, &layout);
        if (r < 0) {
            return r;
        }
        gpus += layout.count;
        if (strcmp(layout.gpu, offer->gpu) != 0 || (!layout.whole && offer->model == NULL)) {
            return gs_field_fail(&element, check->err, "the GPUs of %s are %s%s", offer->name,
                                 offer->gpu, offer->model == NULL ? ", which are not cut" : "");
        }
        if (layout.count > offer->gpus || gpus > offer->gpus) {
            return gs_field_fail(&element, check->err, "%s has %u GPUs, and more are used",
                                 offer->name, offer->gpus);
        }
        add_parts(&layout, given);
        r = add_total(check, totals, &layout, times);
    }
    for (unsigned p = 0; p < GS_CHECK_PARTS && r == 0; p++) {
        if (given[p] != asked[p]) {
            r = gs_field_fail(at, check->err,
                              "its layouts have %" PRIu64 " of %s, its items ask for %" PRIu64,
                              given[p], gs_check_part_name(offer->model, p), asked[p]);
        }
    }
    return r;
}

static int check_instance(struct gs_check *check, const struct gs_field *at, struct totals *totals)
{
    const struct gs_problem_node *offer = NULL;
    uint64_t count = 0;
    uint64_t asked[GS_CHECK_PARTS] = {0};
    int r = read_instance(check, at, &offer, &count);
    r = r < 0 ? r : gs_check_served(check, at, offer, count, asked);
    r = r < 0 ? r : check_node_layouts(check, at, offer, count, asked, totals);
    if (r < 0) {
        return r;
    }
    uint64_t *bought = &check->bought[offer - check->problem.node];
    *bought += count;
    if (offer->max_nodes != GS_PROBLEM_NO_LIMIT && *bought > offer->max_nodes) {
        return gs_field_fail(at, check->err, "%" PRIu64 " of %s are bought, and %u may be", *bought,
                             offer->name, offer->max_nodes);
    }
    uint64_t cost;
    if (__builtin_mul_overflow(count, offer->price_uusd, &cost) ||
        __builtin_add_overflow(check->value, cost, &check->value) ||
        check->value > GS_FIELD_NUMBER_MAX) {
        return gs_field_fail(at, check->err, "the plan costs more than can be checked");
    }
    check->gpus_used += count * offer->gpus;
    return 0;
}

static int check_instances(struct gs_check *check, const struct gs_field *root,
                           struct totals *totals)
{
    struct gs_field list;
    size_t n;
    size_t most = check->problem.nodes ? 1000000 : 0;
    int r = gs_field_list(root, "instances", most, &list, &n, check->err);
    for (size_t i = 0; i < n && r == 0; i++) {
        struct gs_field instance = gs_field_item(&list, i);
        r = check_instance(check, &instance, totals);
    }
    return r;
}

/* ------------------------------------------------------------------ layouts */

static bool may_be_new(const struct gs_check *check, const struct layout *layout)
{
    for (size_t i = 0; i < check->problem.n_models; i++) {
        if (check->problem.models[i] == layout->model) {
            return layout->model != NULL;
        }
    }
    return false;
}

static int check_layout(struct gs_check *check, const struct gs_field *at, struct totals *totals,
                        uint64_t *given)
{
    struct layout layout;
    int r = read_layout(check, at, &layout);
    if (r < 0) {
        return r;
    }
    check->report->layouts += layout.count;
    if (check->problem.nodes) {
        struct layout *there = find_total(totals, &layout);
        if (there == NULL || there->count < layout.count) {
            return gs_field_fail(at, check->err,
                                 "%" PRIu64 " GPUs are cut so, and the instances have %" PRIu64,
                                 layout.count, there == NULL ? 0 : there->count);
        }
        there->count -= layout.count;
        return 0;
    }
    if (!may_be_new(check, &layout)) {
        return gs_field_fail(at, check->err, "new GPUs may not be %s (problem.models)", layout.gpu);
    }
    check->gpus_used += layout.count;
    if (layout.count > GS_PROBLEM_NEED_MAX || check->gpus_used > GS_PROBLEM_NEED_MAX) {
        return gs_field_fail(at, check->err, "its counts are larger than any plan's");
    }
    for (size_t t = 0; t < check->n_targets; t++) {
        if (check->targets[t].of.model == layout.model) {
            add_parts(&layout, given + t * GS_CHECK_PARTS);
        }
    }
    return 0;
}

static int check_layouts(struct gs_check *check, const struct gs_field *root, struct totals *totals,
                         uint64_t *given)
{
    struct gs_field list;
    size_t n;
    int r = gs_field_list(root, "layouts", 1000000, &list, &n, check->err);
    for (size_t i = 0; i < n && r == 0; i++) {
        struct gs_field layout = gs_field_item(&list, i);
        r = check_layout(check, &layout, totals, given);
    }
    for (size_t i = 0; i < totals->n && r == 0; i++) {
        if (totals->items[i].count > 0) {
            r = gs_field_fail(&list, check->err,
                              "%" PRIu64 " GPUs (%s) of the instances are in no layout",
                              totals->items[i].count, totals->items[i].gpu);
        }
    }
    return r;
}

/* ------------------------------------------------------------------ what is served */

/* Goal gpus: what is given is just what the items ask for beyond what nodes advertise. */
static int check_given(struct gs_check *check, const struct gs_field *root, const uint64_t *given)
{
    uint64_t *asked = GS_ARENA_NEW(check->arena, uint64_t, check->n_targets * GS_CHECK_PARTS);
    if (asked == NULL) {
        return no_memory(check);
    }
    int r = gs_check_served(check, root, NULL, 1, asked);
    for (size_t t = 0; t < check->n_targets && r == 0; t++) {
        const struct gs_supply_target *target = &check->targets[t];
        for (unsigned p = 0; p < GS_CHECK_PARTS && r == 0; p++) {
            bool whole = p == GS_PROFILES_MAX;
            uint64_t free = whole ? target->free_gpus : target->free_slices[p];
            uint64_t wanted = asked[t * GS_CHECK_PARTS + p];
            uint64_t need = wanted > free ? wanted - free : 0;
            if (given[t * GS_CHECK_PARTS + p] != need) {
                r = gs_fail(check->err, GS_INVALID,
                            "%s: the plan gives %" PRIu64 " of %s, its items ask for %" PRIu64,
                            target->of.gpu, given[t * GS_CHECK_PARTS + p],
                            gs_check_part_name(target->of.model, p), need);
            }
        }
    }
    return r;
}

static int check_all_served(struct gs_check *check)
{
    for (size_t i = 0; i < check->problem.n_items; i++) {
        const struct gs_problem_item *item = &check->problem.items[i];
        uint64_t placed = gs_check_placed(check, i);
        if (check->served[i] < placed || (!item->service && check->served[i] > placed)) {
            return gs_fail(
                check->err, GS_INVALID, "%s %zu (%s): %" PRIu64 " served, %" PRIu64 " wanted",
                item->service ? "service" : "item", i, item->name, check->served[i], placed);
        }
        if (placed == 0 && check->served[i] > 0) {
            return gs_fail(check->err, GS_INVALID, "service %zu (%s) is served and unplaceable", i,
                           item->name);
        }
        check->report->items += item->service ? 0 : placed;
        check->report->services += item->service && placed > 0;
        check->report->unplaceable += item->service ? check->unplaced[i] > 0 : check->unplaced[i];
    }
    return 0;
}

int gs_check_answer(struct gs_check *check, const struct gs_field *root)
{
    struct totals totals = {.n = 0};
    uint64_t *given = GS_ARENA_NEW(check->arena, uint64_t, check->n_targets * GS_CHECK_PARTS);
    struct gs_field items;
    size_t n;
    if (given == NULL) {
        return no_memory(check);
    }
    int r = check_instances(check, root, &totals);
    r = r < 0 ? r : check_layouts(check, root, &totals, given);
    r = r < 0 ? r : gs_check_existing(check, root, given);
    if (r == 0 && check->problem.nodes) {
        r = gs_field_list(root, "items", 0, &items, &n, check->err);
    } else if (r == 0) {
        check->value = check->gpus_used;
        r = check_given(check, root, given);
    }
    return r < 0 ? r : check_all_served(check);
}
