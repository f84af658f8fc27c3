#include "core/pack.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/pack_mixes.h"
#include "core/pack_plainly.h"

/* ------------------------------------------------------------------ closed form */

static uint64_t ceil_div(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Each line is a price list under which no layout of one GPU is worth more than its divisor; that
 * the largest is also enough was checked against every demand of up to three GPUs. */
uint64_t gs_pack_closed_form(const struct gs_pack_plain *c)
{
    uint64_t fewest = c->n4;
    fewest = larger(fewest, ceil_div(c->n3 + c->n4, 2));
    fewest = larger(fewest, ceil_div(c->n2 + c->n3 + 2 * c->n4, 3));
    fewest = larger(fewest, ceil_div(c->n2 + 2 * c->n3 + 2 * c->n4, 4));
    fewest = larger(fewest, ceil_div(c->n1 + 2 * c->n2 + 3 * c->n3 + 4 * c->n4, 7));
    fewest = larger(fewest, ceil_div(c->n1 + 2 * c->n2 + 4 * c->n3 + 4 * c->n4, 8));
    return fewest + c->n7;
}

bool gs_pack_has_closed_form(const struct gs_model *model, unsigned ret_profiles[5])
{
    static const struct {
        uint8_t compute, units;
        uint16_t starts;
    } plain[5] = {{1, 1, 0x7F}, {2, 2, 0x15}, {3, 4, 0x11}, {4, 4, 0x01}, {7, 8, 0x01}};
    if (!model->placements_known || model->compute_slices != 7 || model->memory_units != 8) {
        return false;
    }
    for (unsigned i = 0; i < 5; i++) {
        bool found = false;
        for (unsigned p = 0; p < model->n_profiles && !found; p++) {
            const struct gs_profile *profile = &model->profiles[p];
            found = profile->parts.sign == 0 && profile->compute_slices == plain[i].compute &&
                    profile->memory_units == plain[i].units && profile->starts == plain[i].starts;
            ret_profiles[i] = p;
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------------ layouts */

/* Layouts while they are cut back to what is asked for. */
struct trim {
    struct gs_arena *arena;
    struct gs_pack_layout *items;
    size_t n;
    size_t cap;
    bool failed;
};

static void add_layout(struct trim *trim, const struct gs_pack_layout *layout)
{
    if (layout->count == 0 || trim->failed) {
        return;
    }
    if (!gs_arena_room(trim->arena, &trim->items, &trim->cap, trim->n, sizeof(*trim->items))) {
        trim->failed = true;
        return;
    }
    trim->items[trim->n++] = *layout;
}

/* Takes `surplus` slices of a profile off the layouts of a target, whole groups first, so that few
 * groups are split. */
static void take_off(struct trim *trim, uint32_t target, unsigned profile, int64_t surplus)
{
    size_t n = trim->n;
    for (size_t i = 0; i < n && surplus > 0 && !trim->failed; i++) {
        struct gs_pack_layout *layout = &trim->items[i];
        if (layout->target != target || layout->whole || layout->counts[profile] == 0) {
            continue;
        }
        int64_t each = surplus / layout->count;
        if (each >= layout->counts[profile]) {
            surplus -= layout->counts[profile] * layout->count;
            layout->counts[profile] = 0;
            continue;
        }
        layout->counts[profile] = (uint8_t)(layout->counts[profile] - each);
        surplus -= each * layout->count;
        if (surplus > 0) {
            struct gs_pack_layout rest = *layout;
            rest.count = layout->count - surplus;
            layout->count = surplus;
            layout->counts[profile]--;
            surplus = 0;
            add_layout(trim, &rest);
        }
    }
}

static bool is_empty(const struct gs_pack_layout *layout)
{
    static const uint8_t nothing[GS_PROFILES_MAX];
    return layout->count == 0 ||
           (!layout->whole && memcmp(layout->counts, nothing, sizeof(nothing)) == 0);
}

static int compare_layouts(const void *a, const void *b)
{
    const struct gs_pack_layout *x = a;
    const struct gs_pack_layout *y = b;
    if (x->target != y->target) {
        return x->target < y->target ? -1 : 1;
    }
    if (x->pool != y->pool) {
        return x->pool < y->pool ? -1 : 1;
    }
    if (x->whole != y->whole) {
        return x->whole ? 1 : -1;
    }
    return -memcmp(x->counts, y->counts, sizeof(x->counts));
}

/* Sorts, drops GPUs with nothing on them and joins equal groups. */
static void tidy(struct trim *trim)
{
    size_t kept = 0;
    if (trim->n > 1) {
        qsort(trim->items, trim->n, sizeof(*trim->items), compare_layouts);
    }
    for (size_t i = 0; i < trim->n; i++) {
        if (is_empty(&trim->items[i])) {
            continue;
        }
        if (kept > 0 && compare_layouts(&trim->items[kept - 1], &trim->items[i]) == 0) {
            trim->items[kept - 1].count += trim->items[i].count;
        } else {
            trim->items[kept++] = trim->items[i];
        }
    }
    trim->n = kept;
}

/* Takes GPUs that nobody uses whole off a target. */
static void take_off_whole(const struct gs_program_spec *spec, struct trim *trim, const int64_t *x,
                           uint32_t target)
{
    int64_t used = -(int64_t)spec->targets[target].free_gpus;
    for (unsigned u = 0; u < spec->n_uses; u++) {
        used += spec->uses[u].target == target ? spec->uses[u].gpus * x[u] : 0;
    }
    used = used < 0 ? 0 : used;
    for (size_t i = 0; i < trim->n; i++) {
        struct gs_pack_layout *layout = &trim->items[i];
        if (layout->target == target && layout->whole) {
            layout->count = layout->count < used ? layout->count : used;
            used -= layout->count;
        }
    }
}

/* Slices of a profile that the pools of a target give beyond what is used. */
static int64_t surplus_of(const struct gs_program_spec *spec, const struct trim *trim,
                          const int64_t *x, uint32_t target, unsigned profile)
{
    int64_t used = 0;
    for (unsigned u = 0; u < spec->n_uses; u++) {
        if (spec->uses[u].target == target) {
            used += spec->uses[u].slices[profile] * x[u];
        }
    }
    used -= spec->targets[target].free_slices[profile];
    int64_t given = 0;
    for (size_t i = 0; i < trim->n; i++) {
        if (trim->items[i].target == target && !trim->items[i].whole) {
            given += trim->items[i].counts[profile] * trim->items[i].count;
        }
    }
    return used < 0 ? given : given - used;
}

int gs_pack_layouts(struct gs_arena *arena, const struct gs_program_spec *spec,
                    const struct gs_program *program, const int64_t *x,
                    const struct gs_pack_layout **ret_layouts, size_t *ret_n, struct gs_err *err)
{
    struct trim trim = {.arena = arena};
    for (unsigned j = spec->n_uses; j < program->ip.n_cols; j++) {
        const struct gs_program_col *col = &program->cols[j];
        const struct gs_pool *pool = &spec->targets[col->target].pools[col->pool];
        struct gs_pack_layout layout = {
            .target = col->target,
            .pool = col->pool,
            .whole = col->what == GS_PROGRAM_WHOLE,
            .count = x[j],
        };
        if (!layout.whole) {
            memcpy(layout.counts, pool->columns[col->column].counts, sizeof(layout.counts));
        }
        add_layout(&trim, &layout);
    }
    tidy(&trim);
    for (uint32_t t = 0; t < spec->n_targets; t++) {
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            take_off(&trim, t, p, surplus_of(spec, &trim, x, t, p));
        }
        take_off_whole(spec, &trim, x, t);
    }
    tidy(&trim);
    if (trim.failed) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the layouts of a plan");
    }
    *ret_layouts = trim.items;
    *ret_n = trim.n;
    return 0;
}

/* ------------------------------------------------------------------ packing */

static int64_t items_of(const struct gs_program_spec *spec)
{
    int64_t sum = 0;
    for (unsigned k = 0; k < spec->n_kinds; k++) {
        sum += spec->needs[k] > 0 ? spec->needs[k] : 0;
    }
    return sum;
}

/* Keeps the solution x, the best that the search or the start gave. */
static int keep(struct gs_arena *arena, const struct gs_program_spec *spec, const int64_t *x,
                int64_t value, struct gs_pack *pack, struct gs_err *err)
{
    pack->found = true;
    pack->value = value;
    pack->served = x;
    return gs_pack_layouts(arena, spec, &pack->program, x, &pack->layouts, &pack->n_layouts, err);
}

int gs_pack_solve(struct gs_arena *arena, const struct gs_program_spec *spec, int64_t step,
                  struct gs_pack *ret, struct gs_err *err)
{
    return gs_pack_solve_within(arena, spec, step, GS_PACK_WORK_MAX, ret, err);
}

int gs_pack_solve_within(struct gs_arena *arena, const struct gs_program_spec *spec, int64_t step,
                         uint64_t max_work, struct gs_pack *ret, struct gs_err *err)
{
    struct gs_pack pack = {0};
    const int64_t *start = NULL;
    struct gs_ip_options options = {
        .cutoff = INT64_MAX,
        .goal = INT64_MIN,
        .step = step,
        .max_work = max_work,
        .want_tree = true,
    };
    int r = gs_program_new(arena, spec, items_of(spec), &pack.program, err);
    if (r == 0 && spec->n_roundings > 0) {
        r = gs_pack_mixes(arena, spec, &pack.program, step, &start, &options.cutoff, err);
    }
    struct gs_ip_result result;
    r = r < 0 ? r : gs_ip_solve(&pack.program.ip, &options, arena, &result, err);
    if (r < 0) {
        return r;
    }
    if (!gs_ip_shorten(&pack.program.ip, arena, step, result.bound, &result.tree)) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the proof of a packing");
    }
    pack.bound = result.bound;
    pack.tree = result.tree;
    if (!result.found && !result.infeasible && start == NULL) {
        r = gs_pack_plainly(arena, spec, &pack.program, step, &start, &options.cutoff, err);
    }
    if (r < 0) {
        return r;
    }
    if (result.found) {
        r = keep(arena, spec, result.x, result.value, &pack, err);
    } else if (start != NULL) {
        r = keep(arena, spec, start, options.cutoff, &pack, err);
    }
    *ret = pack;
    return r;
}
