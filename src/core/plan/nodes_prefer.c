#include <assert.h>
#include <string.h>

#include "core/plan/nodes.h"

/* What is there is used first. Nodes that are there cost nothing, so the cheapest fleet may leave
 * them idle beside a node that is bought anyway. Here, with the fleet at hand, each of them takes
 * over from new nodes as much as it has room for: no item loses its place and no price grows, so
 * that the bound and its proof stay as they are. A new node that loses all it had is not bought. */

enum { SEARCH_NODES = 2000 };

struct moving {
    struct gs_nodes_work *w;
    struct gs_fleet_load *loads; /* x is our own */
    size_t n;
    size_t cap;
    int64_t *bought; /* a kind: items on new nodes; where `topping`, those without a place */
    bool topping;    /* items are not moved, they have no place yet */
};

static bool is_new(const struct moving *m, const struct gs_fleet_load *load)
{
    return m->w->shapes[load->shape].offer != NULL;
}

/* Columns of a shape's program: uses, then what the GPUs are cut into or used whole. */
static size_t width(const struct moving *m, uint32_t s)
{
    const struct gs_fleet_shape *shape = &m->w->fleet_shapes[s];
    size_t n = shape->n_uses;
    bool whole = false;
    for (unsigned u = 0; u < shape->n_uses; u++) {
        whole = whole || shape->uses[u].gpus > 0;
    }
    for (unsigned p = 0; p < shape->target.n_pools; p++) {
        n += shape->target.pools[p].n_columns + (whole && shape->target.pools[p].whole);
    }
    return n;
}

/* Adds a copy of the load; its x may be written to through *ret_x. */
static int add_load(struct moving *m, const struct gs_fleet_load *load, int64_t count,
                    int64_t **ret_x)
{
    struct gs_arena *arena = m->w->planner->arena;
    size_t n = width(m, load->shape);
    int64_t *x = GS_ARENA_NEW(arena, int64_t, n);
    if (x == NULL || !gs_arena_room(arena, &m->loads, &m->cap, m->n, sizeof(*m->loads))) {
        return gs_plan_no_memory(m->w->planner);
    }
    memcpy(x, load->x, n * sizeof(*x));
    m->loads[m->n++] = (struct gs_fleet_load){.shape = load->shape, .count = count, .x = x};
    *ret_x = x;
    return 0;
}

static int64_t items_of(const struct moving *m, const struct gs_fleet_load *load, uint32_t kind)
{
    const struct gs_fleet_shape *shape = &m->w->fleet_shapes[load->shape];
    int64_t items = 0;
    for (unsigned u = 0; u < shape->n_uses; u++) {
        items += shape->uses[u].kind == kind ? load->x[u] : 0;
    }
    return items;
}

static int copy_loads(struct moving *m)
{
    struct gs_nodes_work *w = m->w;
    m->bought = GS_ARENA_NEW(w->planner->arena, int64_t, w->n_kinds);
    if (m->bought == NULL) {
        return gs_plan_no_memory(w->planner);
    }
    int r = 0;
    for (size_t i = 0; r == 0 && i < w->fleet.n_loads; i++) {
        const struct gs_fleet_load *load = &w->fleet.loads[i];
        int64_t *x;
        r = add_load(m, load, load->count, &x);
        for (uint32_t k = 0; !m->topping && is_new(m, load) && k < w->n_kinds; k++) {
            m->bought[k] += load->count * items_of(m, load, k);
        }
    }
    return r;
}

/* ------------------------------------------------------------------ what one node takes over */

/* How much of a node's GPUs one item takes, and a little for an item without: what fills the
 * node's slices counts first. 0: the node cannot serve it. */
static int64_t size_of(const struct gs_nodes_shape *shape, uint32_t kind)
{
    int64_t most = 0;
    for (size_t u = 0; u < shape->n_uses; u++) {
        const struct gs_use *use = &shape->uses[u];
        const struct gs_model *model = shape->target.model;
        int64_t weight = 1 + (int64_t)use->gpus * 16;
        for (unsigned p = 0; model != NULL && p < model->n_profiles; p++) {
            const struct gs_profile *profile = &model->profiles[p];
            weight += (int64_t)use->slices[p] * (profile->compute_slices + profile->memory_units);
        }
        most = use->kind == kind && weight > most ? weight : most;
    }
    return most;
}

/* Of items without a place as many as may be shall have one. */
static int64_t weight_of(const struct moving *m, uint32_t s, uint32_t kind)
{
    int64_t size = size_of(&m->w->shapes[s], kind);
    return m->topping && size > 0 ? 1 : size;
}

/* The program of a node that keeps `own` and may take over what is bought: what it does not take
 * over of a kind is a column of its own, which costs the kind's weight. */
static int build(const struct moving *m, uint32_t s, const int64_t *own, struct gs_program *ret,
                 int64_t *ret_all)
{
    struct gs_nodes_work *w = m->w;
    struct gs_arena *arena = w->planner->arena;
    const struct gs_fleet_shape *shape = &w->fleet_shapes[s];
    int64_t *needs = GS_ARENA_NEW(arena, int64_t, w->n_kinds);
    int64_t *one = GS_ARENA_NEW(arena, int64_t, w->n_kinds);
    if (needs == NULL || one == NULL) {
        return gs_plan_no_memory(w->planner);
    }
    for (uint32_t k = 0; k < w->n_kinds; k++) {
        one[k] = 1;
        needs[k] = weight_of(m, s, k) == 0 ? 0 : own[k] + m->bought[k];
    }
    const struct gs_program_resource resources[] = {
        {.amounts = w->cpu_milli, .capacity = shape->cpu_milli},
        {.amounts = w->memory, .capacity = shape->memory},
        {.amounts = one, .capacity = shape->pods},
    };
    const struct gs_program_spec spec = {
        .targets = &shape->target,
        .n_targets = 1,
        .uses = shape->uses,
        .n_uses = shape->n_uses,
        .n_kinds = w->n_kinds,
        .needs = needs,
        .resources = resources,
        .n_resources = 3,
    };
    int r = gs_program_new(arena, &spec, shape->pods, ret, w->planner->err);
    *ret_all = 0;
    for (unsigned row = 0; r == 0 && row < ret->ip.n_rows; row++) {
        uint32_t k = ret->rows[row].index;
        if (ret->rows[row].what != GS_PROGRAM_NEED) {
            continue;
        }
        int64_t weight = weight_of(m, s, k);
        *ret_all += weight * m->bought[k];
        if (gs_ip_add_col(&ret->ip, arena, weight, m->bought[k]) < 0 ||
            !gs_ip_add_entry(&ret->ip, arena, row, 1)) {
            return gs_plan_no_memory(w->planner);
        }
    }
    return r;
}

/* The load of a node that takes over the most. *ret_x NULL: it takes over nothing. */
static int best_load(const struct moving *m, uint32_t s, const int64_t *own, int64_t **ret_x)
{
    struct gs_arena *arena = m->w->planner->arena;
    int64_t *x = GS_ARENA_NEW(arena, int64_t, width(m, s));
    struct gs_arena_mark mark = gs_arena_mark(arena);
    struct gs_program program;
    struct gs_ip_result result = {.found = false};
    int64_t all = 0;
    *ret_x = NULL;
    if (x == NULL) {
        return gs_plan_no_memory(m->w->planner);
    }
    int r = build(m, s, own, &program, &all);
    const struct gs_ip_options options = {
        .cutoff = all, .goal = INT64_MIN, .step = 1, .max_nodes = SEARCH_NODES};
    if (r == 0 && all > 0) {
        r = gs_ip_solve(&program.ip, &options, arena, &result, m->w->planner->err);
    }
    if (r == 0 && result.found) {
        memcpy(x, result.x, width(m, s) * sizeof(*x));
        *ret_x = x;
    }
    gs_arena_rewind(arena, mark);
    return r;
}

/* ------------------------------------------------------------------ taken off new nodes */

static int64_t weight_of_load(const struct moving *m, const struct gs_fleet_load *load)
{
    int64_t weight = 0;
    for (uint32_t k = 0; k < m->w->n_kinds; k++) {
        weight += items_of(m, load, k) * weight_of(m, load->shape, k);
    }
    return weight;
}

/* Takes items of a kind off one node's x; the GPUs may keep their cut, which nobody then uses. */
static void lessen(const struct moving *m, uint32_t s, int64_t *x, uint32_t kind, int64_t items)
{
    const struct gs_fleet_shape *shape = &m->w->fleet_shapes[s];
    for (unsigned u = 0; u < shape->n_uses; u++) {
        int64_t off = shape->uses[u].kind == kind ? (x[u] < items ? x[u] : items) : 0;
        x[u] -= off;
        items -= off;
    }
}

/* The new nodes with the least on them that have the kind, so that one may be emptied. */
static size_t emptiest(const struct moving *m, uint32_t kind)
{
    size_t best = m->n;
    int64_t least = 0;
    for (size_t i = 0; i < m->n; i++) {
        const struct gs_fleet_load *load = &m->loads[i];
        if (load->count == 0 || !is_new(m, load) || items_of(m, load, kind) == 0) {
            continue;
        }
        int64_t weight = weight_of_load(m, load);
        if (best == m->n || weight < least) {
            best = i;
            least = weight;
        }
    }
    return best;
}

static int take_off(struct moving *m, uint32_t kind, int64_t items)
{
    int r = 0;
    m->bought[kind] -= items;
    items = m->topping ? 0 : items;
    while (r == 0 && items > 0) {
        size_t i = emptiest(m, kind);
        assert(i < m->n); /* no more is taken off than was counted in `bought` */
        int64_t each = items_of(m, &m->loads[i], kind);
        int64_t off = items < each ? items : each;
        int64_t nodes = items / off < m->loads[i].count ? items / off : m->loads[i].count;
        struct gs_fleet_load load = m->loads[i];
        int64_t *x = NULL;
        r = add_load(m, &load, nodes, &x);
        if (r == 0 && x != NULL) {
            m->loads[i].count -= nodes;
            lessen(m, load.shape, x, kind, off);
            items -= nodes * off;
        }
    }
    return r;
}

/* ------------------------------------------------------------------ every node that is there */

/* How many nodes alike may take over as much as x has beyond `own`, `most` at most. */
static int64_t times_of(const struct moving *m, uint32_t s, const int64_t *x, const int64_t *own,
                        int64_t most)
{
    const struct gs_fleet_load load = {.shape = s, .x = x};
    for (uint32_t k = 0; k < m->w->n_kinds; k++) {
        int64_t more = items_of(m, &load, k) - own[k];
        int64_t times = more > 0 ? m->bought[k] / more : most;
        most = times < most ? times : most;
    }
    return most;
}

/* Fills up to `count` nodes of a shape, each of which has `own` on it. *ret_filled: how many took
 * over something, now as loads of their own. */
static int fill(struct moving *m, uint32_t s, const int64_t *own, int64_t count,
                int64_t *ret_filled)
{
    int r = 0;
    *ret_filled = 0;
    while (r == 0 && *ret_filled < count) {
        int64_t *best;
        int64_t *x;
        r = best_load(m, s, own, &best);
        if (r < 0 || best == NULL) {
            return r;
        }
        int64_t times = times_of(m, s, best, own, count - *ret_filled);
        const struct gs_fleet_load load = {.shape = s, .x = best};
        r = add_load(m, &load, times, &x);
        for (uint32_t k = 0; r == 0 && k < m->w->n_kinds; k++) {
            int64_t more = items_of(m, &load, k) - own[k];
            r = more > 0 ? take_off(m, k, more * times) : 0;
        }
        *ret_filled += times;
    }
    return r;
}

static int fill_shape(struct moving *m, uint32_t s)
{
    int64_t *own = GS_ARENA_NEW(m->w->planner->arena, int64_t, m->w->n_kinds);
    /* What has no place is of no use to a shape without limit. */
    bool limited = m->w->fleet_shapes[s].limit != GS_FLEET_NO_LIMIT;
    int64_t idle = limited ? m->w->fleet_shapes[s].limit : 0;
    int64_t filled;
    int r = own == NULL ? gs_plan_no_memory(m->w->planner) : 0;
    size_t n = m->n; /* behind them come the ones that are made here */
    for (size_t i = 0; r == 0 && i < n; i++) {
        if (m->loads[i].shape != s || m->loads[i].count == 0) {
            continue;
        }
        idle -= m->loads[i].count;
        for (uint32_t k = 0; k < m->w->n_kinds; k++) {
            own[k] = items_of(m, &m->loads[i], k);
        }
        r = fill(m, s, own, m->loads[i].count, &filled);
        m->loads[i].count -= filled;
    }
    if (r == 0 && limited) {
        memset(own, 0, m->w->n_kinds * sizeof(*own));
        r = fill(m, s, own, idle, &filled);
    }
    return r;
}

static bool same_items(const struct moving *m, const struct gs_fleet_load *a,
                       const struct gs_fleet_load *b)
{
    size_t n = m->w->fleet_shapes[a->shape].n_uses;
    return a->shape == b->shape && memcmp(a->x, b->x, n * sizeof(*a->x)) == 0;
}

/* Joins loads that are alike, drops those without an item, and counts what is bought anew. */
static void keep(struct moving *m)
{
    struct gs_nodes_work *w = m->w;
    size_t kept = 0;
    w->fleet.value = 0;
    for (size_t i = 0; i < m->n; i++) {
        const struct gs_fleet_load *load = &m->loads[i];
        if (load->count == 0 || weight_of_load(m, load) == 0) {
            continue;
        }
        w->fleet.value += load->count * w->fleet_shapes[load->shape].cost;
        size_t like = 0;
        while (like < kept && !same_items(m, &m->loads[like], load)) {
            like++;
        }
        if (like < kept) {
            m->loads[like].count += load->count;
        } else {
            m->loads[kept++] = *load;
        }
    }
    w->fleet.loads = m->loads;
    w->fleet.n_loads = kept;
}

int64_t gs_nodes_cost(const struct gs_nodes_work *w)
{
    int64_t cost = 0;
    for (size_t i = 0; i < w->fleet.n_loads; i++) {
        cost += w->fleet.loads[i].count * w->fleet_shapes[w->fleet.loads[i].shape].cost;
    }
    return cost;
}

/* Tops up with spare items, or with the others. */
static int top_up_with(struct gs_nodes_work *w, bool spare, int64_t *left, bool *ret_any)
{
    struct moving m = {.w = w, .topping = true};
    int r = copy_loads(&m);
    bool any = false;
    for (uint32_t k = 0; r == 0 && k < w->n_kinds; k++) {
        m.bought[k] = w->input->items[w->item_of[k]].spare == spare ? left[k] : 0;
        left[k] -= m.bought[k];
        any = any || m.bought[k] > 0;
    }
    size_t before = m.n;
    for (uint32_t s = 0; any && r == 0 && s < w->n_shapes; s++) {
        r = fill_shape(&m, s);
    }
    for (uint32_t k = 0; r == 0 && k < w->n_kinds; k++) {
        left[k] += m.bought[k];
    }
    if (r == 0 && m.n > before) {
        keep(&m);
        *ret_any = true;
    }
    return r;
}

int gs_nodes_top_up(struct gs_nodes_work *w, int64_t *left, bool *ret_any)
{
    *ret_any = false;
    int r = top_up_with(w, false, left, ret_any);
    return r < 0 ? r : top_up_with(w, true, left, ret_any);
}

int gs_nodes_prefer_existing(struct gs_nodes_work *w)
{
    struct moving m = {.w = w};
    bool any = w->input->n_existing > 0 && w->fleet.value > 0;
    int r = any ? copy_loads(&m) : 0;
    for (uint32_t s = 0; any && r == 0 && s < w->n_shapes; s++) {
        r = w->shapes[s].offer == NULL ? fill_shape(&m, s) : 0;
    }
    if (any && r == 0) {
        keep(&m);
    }
    return r;
}
