#include <string.h>

#include "core/fleet_work.h"

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
static int64_t settle(struct cut *cut, int64_t *left_out, int64_t *surplus)
{
    int64_t n_left_out = 0;
    for (unsigned k = 0; k < cut->work->spec->n_kinds; k++) {
        int64_t back = left_out[k] < surplus[k] ? left_out[k] : surplus[k];
        left_out[k] -= back;
        n_left_out += left_out[k];
        take_off(cut, k, surplus[k] - back);
    }
    return n_left_out;
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

int gs_fleet_keep(struct gs_fleet_work *work, const int64_t *takes)
{
    struct cut cut = {.work = work};
    int64_t *left_out = GS_ARENA_NEW(work->arena, int64_t, work->spec->n_kinds);
    int64_t *surplus = GS_ARENA_NEW(work->scratch, int64_t, work->spec->n_kinds);
    if (left_out == NULL || surplus == NULL) {
        return gs_fleet_no_memory(work);
    }
    list_loads(&cut, takes, left_out, surplus);
    int64_t n_left_out = settle(&cut, left_out, surplus);
    int64_t value = drop_idle(&cut);
    struct gs_fleet_load *loads = GS_ARENA_NEW(work->arena, struct gs_fleet_load, cut.n);
    if (cut.failed || loads == NULL) {
        return gs_fleet_no_memory(work);
    }
    bool better = !work->found || n_left_out < work->n_unserved ||
                  (n_left_out == work->n_unserved && value < work->value);
    if (better) {
        if (cut.n > 0) {
            memcpy(loads, cut.loads, cut.n * sizeof(*loads));
        }
        work->found = true;
        work->value = value;
        work->loads = loads;
        work->n_loads = cut.n;
        work->unserved = left_out;
        work->n_unserved = n_left_out;
    }
    return 0;
}
