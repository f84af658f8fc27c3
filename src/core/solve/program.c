#include "core/solve/program.h"

#include <assert.h>
#include <string.h>

#include "core/solve/rounding.h"

/* Rows by what they stand for, while the columns are made. */
struct builder {
    struct gs_arena *arena;
    const struct gs_program_spec *spec;
    int64_t items_max;
    struct gs_ip ip;
    struct gs_program_row *rows;
    size_t cap_rows;
    struct gs_program_col *cols;
    size_t cap_cols;
    int *slice_row; /* [target * GS_PROFILES_MAX + profile], -1: nobody asks */
    int *gpu_row;   /* a target */
    int *pool_row;  /* [target * pools_max + pool], -1: no limit */
    int *amount_row;
    int *need_row;
    int *most_row;
    int room_row[GS_PROGRAM_ROOMS];
    int *rounded_row; /* a rounding */
    unsigned pools_max;
    bool failed;
};

static int new_row(struct builder *b, struct gs_program_row what, int64_t rhs)
{
    if (!gs_arena_room(b->arena, &b->rows, &b->cap_rows, b->ip.n_rows, sizeof(*b->rows))) {
        b->failed = true;
        return -1;
    }
    b->rows[b->ip.n_rows] = what;
    int row = gs_ip_add_row(&b->ip, b->arena, rhs);
    b->failed = b->failed || row < 0;
    return row;
}

static void new_col(struct builder *b, struct gs_program_col what, int64_t cost, int64_t hi)
{
    if (!gs_arena_room(b->arena, &b->cols, &b->cap_cols, b->ip.n_cols, sizeof(*b->cols))) {
        b->failed = true;
        return;
    }
    b->cols[b->ip.n_cols] = what;
    b->failed = b->failed || gs_ip_add_col(&b->ip, b->arena, cost, hi) < 0;
}

static void entry(struct builder *b, int row, int64_t value)
{
    if (row >= 0 && value != 0) {
        b->failed = b->failed || !gs_ip_add_entry(&b->ip, b->arena, (unsigned)row, value);
    }
}

static int *index_array(struct builder *b, size_t n)
{
    int *array = GS_ARENA_NEW(b->arena, int, n);
    if (array == NULL) {
        b->failed = true;
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        array[i] = -1;
    }
    return array;
}

static void make_index(struct builder *b)
{
    const struct gs_program_spec *spec = b->spec;
    for (unsigned t = 0; t < spec->n_targets; t++) {
        unsigned n = spec->targets[t].n_pools;
        b->pools_max = n > b->pools_max ? n : b->pools_max;
    }
    b->slice_row = index_array(b, (size_t)spec->n_targets * GS_PROFILES_MAX);
    b->gpu_row = index_array(b, spec->n_targets);
    b->pool_row = index_array(b, (size_t)spec->n_targets * b->pools_max);
    b->amount_row = index_array(b, spec->n_resources);
    b->need_row = index_array(b, spec->n_kinds);
    b->most_row = index_array(b, spec->n_kinds);
    b->rounded_row = index_array(b, spec->n_roundings);
}

/* Rows for what some use asks of a target. */
static void demand_rows(struct builder *b)
{
    const struct gs_program_spec *spec = b->spec;
    for (unsigned u = 0; u < spec->n_uses; u++) {
        const struct gs_use *use = &spec->uses[u];
        const struct gs_program_target *target = &spec->targets[use->target];
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            int *row = &b->slice_row[use->target * GS_PROFILES_MAX + p];
            if (use->slices[p] > 0 && *row < 0) {
                *row = new_row(b, (struct gs_program_row){GS_PROGRAM_SLICES, use->target, p},
                               -(int64_t)target->free_slices[p]);
            }
        }
        if (use->gpus > 0 && b->gpu_row[use->target] < 0) {
            b->gpu_row[use->target] =
                new_row(b, (struct gs_program_row){GS_PROGRAM_GPUS, use->target, 0},
                        -(int64_t)target->free_gpus);
        }
    }
}

static void limit_rows(struct builder *b)
{
    const struct gs_program_spec *spec = b->spec;
    for (unsigned t = 0; t < spec->n_targets; t++) {
        for (unsigned p = 0; p < spec->targets[t].n_pools; p++) {
            uint32_t count = spec->targets[t].pools[p].count;
            if (count != GS_POOL_NO_LIMIT) {
                b->pool_row[t * b->pools_max + p] =
                    new_row(b, (struct gs_program_row){GS_PROGRAM_POOL, t, p}, -(int64_t)count);
            }
        }
    }
    for (unsigned r = 0; r < spec->n_resources; r++) {
        b->amount_row[r] = new_row(b, (struct gs_program_row){GS_PROGRAM_AMOUNT, r, 0},
                                   -spec->resources[r].capacity);
    }
    for (unsigned k = 0; k < spec->n_kinds; k++) {
        if (spec->needs != NULL) {
            b->need_row[k] =
                new_row(b, (struct gs_program_row){GS_PROGRAM_NEED, k, 0}, spec->needs[k]);
        }
        if (spec->most != NULL && spec->most[k] != INT64_MAX) {
            b->most_row[k] =
                new_row(b, (struct gs_program_row){GS_PROGRAM_MOST, k, 0}, -spec->most[k]);
        }
    }
}

/* The model of a target's GPUs; NULL: they are not cut, or not known here. */
static const struct gs_model *model_of(const struct gs_program_target *target)
{
    const struct gs_model *model = NULL;
    for (unsigned p = 0; p < target->n_pools && model == NULL; p++) {
        model = target->pools[p].table == NULL ? NULL : target->pools[p].table->model;
    }
    return model;
}

/* What a slice takes of a GPU; GS_PROFILES_MAX: what a whole GPU has. */
static int64_t size_of(const struct gs_model *model, unsigned profile, enum gs_program_room room)
{
    if (model == NULL) {
        return room == GS_PROGRAM_UNITS && profile == GS_PROFILES_MAX;
    }
    if (profile == GS_PROFILES_MAX) {
        return room == GS_PROGRAM_UNITS ? model->memory_units : model->compute_slices;
    }
    if (profile >= model->n_profiles) {
        return 0;
    }
    const struct gs_profile *one = &model->profiles[profile];
    return room == GS_PROGRAM_UNITS ? one->memory_units : one->compute_slices;
}

static bool asks_slices(const struct gs_program_spec *spec)
{
    bool any = false;
    for (unsigned u = 0; u < spec->n_uses; u++) {
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            any = any || spec->uses[u].slices[p] > 0;
        }
    }
    return any;
}

static bool asks_gpus(const struct gs_program_spec *spec)
{
    bool any = false;
    for (unsigned u = 0; u < spec->n_uses; u++) {
        any = any || spec->uses[u].gpus > 0;
    }
    return any;
}

/* What all GPUs of the target have, as much as can be put to use. */
static int64_t room_of(const struct gs_program_spec *spec, const struct gs_model *model,
                       enum gs_program_room room)
{
    const struct gs_program_target *target = &spec->targets[0];
    bool gpus = asks_gpus(spec);
    int64_t sum = target->free_gpus * size_of(model, GS_PROFILES_MAX, room);
    for (unsigned i = 0; i < GS_PROFILES_MAX; i++) {
        sum += target->free_slices[i] * size_of(model, i, room);
    }
    for (unsigned p = 0; p < target->n_pools; p++) {
        const struct gs_pool *pool = &target->pools[p];
        int64_t most = pool->whole && gpus ? size_of(model, GS_PROFILES_MAX, room) : 0;
        for (unsigned c = 0; c < pool->n_columns; c++) {
            int64_t used = 0;
            for (unsigned i = 0; i < GS_PROFILES_MAX; i++) {
                used += pool->columns[c].counts[i] * size_of(model, i, room);
            }
            most = used > most ? used : most;
        }
        sum += most * pool->count;
    }
    return sum;
}

static void room_rows(struct builder *b)
{
    for (unsigned room = 0; room < GS_PROGRAM_ROOMS; room++) {
        b->room_row[room] = -1;
    }
    if (!b->spec->rooms) {
        return;
    }
    const struct gs_program_target *target = &b->spec->targets[0];
    const struct gs_model *model = model_of(target);
    if (model == NULL && asks_slices(b->spec)) {
        return;
    }
    for (unsigned room = 0; room < GS_PROGRAM_ROOMS; room++) {
        b->room_row[room] = new_row(b, (struct gs_program_row){GS_PROGRAM_ROOM, room, 0},
                                    -room_of(b->spec, model, room));
    }
}

static void room_entries(struct builder *b, const struct gs_use *use)
{
    for (unsigned room = 0; room < GS_PROGRAM_ROOMS && b->room_row[room] >= 0; room++) {
        const struct gs_model *model = model_of(&b->spec->targets[0]);
        int64_t size = use->gpus * size_of(model, GS_PROFILES_MAX, room);
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            size += use->slices[p] * size_of(model, p, room);
        }
        entry(b, b->room_row[room], -size);
    }
}

static void rounded_rows(struct builder *b)
{
    for (unsigned i = 0; i < b->spec->n_roundings; i++) {
        int64_t need = b->spec->needs[b->spec->roundings[i].kind];
        b->rounded_row[i] = new_row(b, (struct gs_program_row){GS_PROGRAM_ROUNDED, i, 0},
                                    gs_rounding_value(need, need, b->spec->roundings[i].per));
    }
}

static void rounded_entries(struct builder *b, unsigned u)
{
    const struct gs_program_spec *spec = b->spec;
    for (unsigned i = 0; i < spec->n_roundings; i++) {
        uint32_t kind = spec->roundings[i].kind;
        if (kind == spec->uses[u].kind) {
            entry(b, b->rounded_row[i],
                  gs_rounding_value(spec->yields[u], spec->needs[kind], spec->roundings[i].per));
        }
    }
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t use_bound(const struct builder *b, unsigned u)
{
    const struct gs_program_spec *spec = b->spec;
    uint32_t kind = spec->uses[u].kind;
    int64_t bound = b->items_max;
    if (spec->most != NULL) {
        bound = least(bound, spec->most[kind]);
    }
    if (spec->needs != NULL) {
        int64_t yield = spec->yields == NULL ? 1 : spec->yields[u];
        bound = least(bound, (spec->needs[kind] + yield - 1) / yield);
    }
    for (unsigned r = 0; r < spec->n_resources; r++) {
        int64_t amount = spec->resources[r].amounts[kind];
        if (amount > 0) {
            bound = least(bound, spec->resources[r].capacity / amount);
        }
    }
    return bound;
}

static void use_columns(struct builder *b)
{
    const struct gs_program_spec *spec = b->spec;
    for (unsigned u = 0; u < spec->n_uses; u++) {
        const struct gs_use *use = &spec->uses[u];
        int64_t value = spec->values == NULL ? 0 : spec->values[u];
        new_col(b, (struct gs_program_col){.what = GS_PROGRAM_USE, .use = u}, -value,
                use_bound(b, u));
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            entry(b, b->slice_row[use->target * GS_PROFILES_MAX + p], -(int64_t)use->slices[p]);
        }
        entry(b, b->gpu_row[use->target], -(int64_t)use->gpus);
        for (unsigned r = 0; r < spec->n_resources; r++) {
            entry(b, b->amount_row[r], -spec->resources[r].amounts[use->kind]);
        }
        entry(b, b->need_row[use->kind], spec->yields == NULL ? 1 : spec->yields[u]);
        entry(b, b->most_row[use->kind], -1);
        room_entries(b, use);
        rounded_entries(b, u);
    }
}

/* How many GPUs could ever be of use for one target: one for each slice or GPU that may be asked
 * for there. */
static int64_t gpus_bound(const struct builder *b, unsigned target)
{
    int64_t sum = 0;
    for (unsigned u = 0; u < b->spec->n_uses; u++) {
        const struct gs_use *use = &b->spec->uses[u];
        if (use->target != target) {
            continue;
        }
        int64_t parts = use->gpus;
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            parts += use->slices[p];
        }
        sum += parts * b->ip.hi[u];
    }
    return sum;
}

static void pool_columns(struct builder *b, unsigned t, unsigned p, int64_t bound)
{
    const struct gs_program_target *target = &b->spec->targets[t];
    const struct gs_pool *pool = &target->pools[p];
    int64_t cost = target->pool_costs == NULL ? 0 : target->pool_costs[p];
    int64_t hi = pool->count == GS_POOL_NO_LIMIT ? bound : least(bound, pool->count);
    for (unsigned c = 0; c < pool->n_columns; c++) {
        new_col(
            b, (struct gs_program_col){.what = GS_PROGRAM_CUT, .target = t, .pool = p, .column = c},
            cost, hi);
        for (unsigned i = 0; i < GS_PROFILES_MAX; i++) {
            entry(b, b->slice_row[t * GS_PROFILES_MAX + i], pool->columns[c].counts[i]);
        }
        entry(b, b->pool_row[t * b->pools_max + p], -1);
    }
    if (pool->whole && b->gpu_row[t] >= 0) {
        new_col(b, (struct gs_program_col){.what = GS_PROGRAM_WHOLE, .target = t, .pool = p}, cost,
                hi);
        entry(b, b->gpu_row[t], 1);
        entry(b, b->pool_row[t * b->pools_max + p], -1);
    }
}

int gs_program_new(struct gs_arena *arena, const struct gs_program_spec *spec, int64_t items_max,
                   struct gs_program *ret, struct gs_err *err)
{
    struct builder b = {.arena = arena, .spec = spec, .items_max = items_max};
    gs_ip_init(&b.ip);
    make_index(&b);
    if (!b.failed) {
        demand_rows(&b);
        limit_rows(&b);
        room_rows(&b);
        rounded_rows(&b);
    }
    if (!b.failed) {
        use_columns(&b);
    }
    for (unsigned t = 0; t < spec->n_targets && !b.failed; t++) {
        int64_t bound = gpus_bound(&b, t);
        for (unsigned p = 0; p < spec->targets[t].n_pools && !b.failed; p++) {
            pool_columns(&b, t, p, bound);
        }
    }
    if (b.failed) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a program of %u uses", spec->n_uses);
    }
    *ret = (struct gs_program){.ip = b.ip, .cols = b.cols, .rows = b.rows};
    return 0;
}
