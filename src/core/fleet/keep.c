#include <string.h>

#include "base/cleanup.h"
#include "core/fleet/work.h"

/* Loads while what they serve is cut back to what is asked for. */
struct cut {
    struct gs_fleet_work *work;
    struct gs_fleet_load *loads;
    size_t n;
    size_t cap;
    int64_t **x; /* a load: its own numbers, writable */
    size_t cap_x;
    bool failed;
};

static void add_load(struct cut *cut, uint32_t shape, const int64_t *x, int64_t count)
{
    unsigned n_x = cut->work->nodes[shape].program.ip.n_cols;
    int64_t *own = GS_ARENA_NEW(cut->work->arena, int64_t, n_x);
    if (own == NULL ||
        !gs_arena_room(cut->work->scratch, &cut->loads, &cut->cap, cut->n, sizeof(*cut->loads)) ||
        !gs_arena_room(cut->work->scratch, &cut->x, &cut->cap_x, cut->n, sizeof(*cut->x))) {
        cut->failed = true;
        return;
    }
    memcpy(own, x, n_x * sizeof(*own));
    cut->x[cut->n] = own;
    cut->loads[cut->n++] = (struct gs_fleet_load){.shape = shape, .count = count, .x = own};
}

static int64_t served_of(const struct cut *cut, size_t load, unsigned kind)
{
    const struct gs_fleet_shape *shape = &cut->work->spec->shapes[cut->loads[load].shape];
    int64_t sum = 0;
    for (unsigned u = 0; u < shape->n_uses; u++) {
        sum += shape->uses[u].kind == kind ? cut->x[load][u] : 0;
    }
    return sum;
}

static void serve_less(struct cut *cut, size_t load, unsigned kind, int64_t less)
{
    const struct gs_fleet_shape *shape = &cut->work->spec->shapes[cut->loads[load].shape];
    for (unsigned u = 0; u < shape->n_uses && less > 0; u++) {
        if (shape->uses[u].kind == kind) {
            int64_t off = cut->x[load][u] < less ? cut->x[load][u] : less;
            cut->x[load][u] -= off;
            less -= off;
        }
    }
}

/* Takes `surplus` items of a kind off the loads, the last loads first: they were added last and
 * are the least well filled. */
static void take_off(struct cut *cut, unsigned kind, int64_t surplus)
{
    for (size_t i = cut->n; i-- > 0 && surplus > 0 && !cut->failed;) {
        int64_t count = cut->loads[i].count;
        int64_t has = served_of(cut, i, kind);
        if (has == 0) {
            continue;
        }
        int64_t each = surplus / count < has ? surplus / count : has;
        serve_less(cut, i, kind, each);
        surplus -= each * count;
        if (each < has && surplus > 0) {
            /* Some of these nodes serve one less than the others. */
            add_load(cut, cut->loads[i].shape, cut->x[i], count - surplus);
            cut->loads[i].count = surplus;
            serve_less(cut, i, kind, 1);
            surplus = 0;
        }
    }
}

static bool is_idle(const struct cut *cut, size_t load)
{
    const struct gs_fleet_shape *shape = &cut->work->spec->shapes[cut->loads[load].shape];
    for (unsigned u = 0; u < shape->n_uses; u++) {
        if (cut->x[load][u] > 0) {
            return false;
        }
    }
    return true;
}

static void list_loads(struct cut *cut, const int64_t *takes, int64_t *left_out, int64_t *surplus)
{
    const struct gs_fleet_spec *spec = cut->work->spec;
    for (unsigned k = 0; k < spec->n_kinds; k++) {
        surplus[k] = -spec->needs[k];
        left_out[k] = 0;
    }
    for (unsigned c = 0; c < cut->work->master.n_columns && !cut->failed; c++) {
        const struct gs_fleet_column *column = &cut->work->master.columns[c];
        if (takes[c] == 0) {
            continue;
        }
        for (unsigned i = 0; i < column->n_parts; i++) {
            surplus[column->parts[i].kind] += takes[c] * column->parts[i].count;
        }
        if (column->shape == GS_FLEET_LEFT_OUT) {
            left_out[column->parts[0].kind] += takes[c];
        } else {
            add_load(cut, column->shape, column->x, takes[c]);
        }
    }
}

/* Surplus is first taken off what was left out. */
static void settle(struct cut *cut, int64_t *left_out, int64_t *surplus)
{
    for (unsigned k = 0; k < cut->work->spec->n_kinds; k++) {
        int64_t back = left_out[k] < surplus[k] ? left_out[k] : surplus[k];
        left_out[k] -= back;
        take_off(cut, k, surplus[k] - back);
    }
}

static int64_t drop_idle(struct cut *cut)
{
    size_t kept = 0;
    int64_t value = 0;
    for (size_t i = 0; i < cut->n; i++) {
        if (!is_idle(cut, i)) {
            value += cut->loads[i].count * cut->work->spec->shapes[cut->loads[i].shape].cost;
            cut->loads[kept++] = cut->loads[i];
        }
    }
    cut->n = kept;
    return value;
}

/* Takes over the fleet when it is the first or a better one: it leaves out fewer items that are not
 * spare, or as many and fewer spare ones, or ones that count less; or it costs less. */
static void keep_if_better(struct gs_fleet_work *work, struct gs_fleet_load *loads, size_t n,
                           int64_t value, int64_t *left_out)
{
    const struct gs_fleet_spec *spec = work->spec;
    int64_t counts[2] = {0};
    int64_t cost = 0;
    for (unsigned k = 0; k < spec->n_kinds; k++) {
        int64_t one = work->master.left_out_costs[k];
        counts[spec->spare != NULL && spec->spare[k]] += left_out[k];
        cost = left_out[k] > (INT64_MAX - cost) / one ? INT64_MAX : cost + left_out[k] * one;
    }
    const int64_t now[] = {counts[0], counts[1], cost, value};
    const int64_t before[] = {work->n_unserved, work->n_spare_unserved, work->cost_unserved,
                              work->value};
    unsigned i = 0;
    while (i < GS_ARRAY_LEN(now) && now[i] == before[i]) {
        i++;
    }
    if (work->found && (i == GS_ARRAY_LEN(now) || now[i] > before[i])) {
        return;
    }
    work->found = true;
    work->value = value;
    work->loads = loads;
    work->n_loads = n;
    work->unserved = left_out;
    work->n_unserved = counts[0];
    work->n_spare_unserved = counts[1];
    work->cost_unserved = cost;
}

int gs_fleet_begin_with(struct gs_fleet_work *work, const struct gs_fleet_load *loads, size_t n)
{
    enum { COLUMNS_MAX = GS_FLEET_COLUMNS_MAX / 4 }; /* the rest is for those made here */
    const struct gs_fleet_spec *spec = work->spec;
    struct gs_fleet_load *own = GS_ARENA_NEW(work->arena, struct gs_fleet_load, n);
    int64_t *left_out = GS_ARENA_NEW(work->arena, int64_t, spec->n_kinds);
    if (own == NULL || left_out == NULL) {
        return gs_fleet_no_memory(work);
    }
    memcpy(left_out, spec->needs, spec->n_kinds * sizeof(*left_out));
    int64_t value = 0;
    for (size_t i = 0; i < n; i++) {
        const struct gs_fleet_shape *shape = &spec->shapes[loads[i].shape];
        own[i] = loads[i];
        value += loads[i].count * shape->cost;
        for (unsigned u = 0; u < shape->n_uses; u++) {
            left_out[shape->uses[u].kind] -= loads[i].count * loads[i].x[u];
        }
        unsigned n_x = work->nodes[loads[i].shape].program.ip.n_cols;
        if (i < COLUMNS_MAX &&
            !gs_fleet_master_add(&work->master, loads[i].shape, loads[i].x, n_x)) {
            return gs_fleet_no_memory(work);
        }
    }
    keep_if_better(work, own, n, value, left_out);
    return 0;
}

int gs_fleet_keep(struct gs_fleet_work *work, const int64_t *takes)
{
    struct cut cut = {.work = work};
    int64_t *left_out = GS_ARENA_NEW(work->arena, int64_t, work->spec->n_kinds);
    int64_t *surplus = GS_ARENA_NEW(work->scratch, int64_t, work->spec->n_kinds);
    if (left_out == NULL || surplus == NULL) {
        return gs_fleet_no_memory(work);
    }
    list_loads(&cut, takes, left_out, surplus);
    settle(&cut, left_out, surplus);
    int64_t value = drop_idle(&cut);
    struct gs_fleet_load *loads = GS_ARENA_NEW(work->arena, struct gs_fleet_load, cut.n);
    if (cut.failed || loads == NULL) {
        return gs_fleet_no_memory(work);
    }
    if (cut.n > 0) {
        memcpy(loads, cut.loads, cut.n * sizeof(*loads));
    }
    keep_if_better(work, loads, cut.n, value, left_out);
    return 0;
}
