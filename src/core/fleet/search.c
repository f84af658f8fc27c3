#include <string.h>

#include "core/fleet/work.h"

/* More loads or looks than this, and the search is given up: the bound of the prices stands. */
enum { LOADS_MAX = 3000, LOOKS_MAX = 3000, SEARCH_NODES = 20000 };

/* Lists every load of one shape whose reduced cost is small enough. */
struct listing {
    struct gs_fleet_work *work;
    struct gs_fleet_node *node;
    unsigned shape;
    const int64_t *multipliers; /* of the node program's relaxation */
    int64_t scale;
    __int128 ceiling;  /* a load is dropped when its weight reaches this */
    __int128 *weights; /* a use: what one item adds, 0 or more */
    int64_t *x;
    size_t *looks;
    struct gs_fleet_load *loads;
    size_t *n_loads;
    bool gave_up;
    int failure;
};

/* Whether the GPUs and amounts of the node hold the items of x; fills in how they are cut. */
static bool node_holds(struct listing *list, int64_t *x)
{
    struct gs_ip *ip = &list->node->program.ip;
    unsigned n_uses = list->node->shape->n_uses;
    struct gs_arena_mark mark = gs_arena_mark(list->work->scratch);
    for (unsigned u = 0; u < n_uses; u++) {
        ip->cost[u] = -1;
        ip->hi[u] = x[u];
    }
    int64_t all = 0;
    for (unsigned u = 0; u < n_uses; u++) {
        all += x[u];
    }
    struct gs_ip_options options = {.cutoff = -all + 1, .goal = -all, .step = 1, .max_nodes = 2000};
    struct gs_ip_result result;
    int r = gs_ip_solve(ip, &options, list->work->scratch, &result, list->work->err);
    bool holds = r == 0 && result.found;
    list->failure = r < 0 ? r : list->failure;
    list->gave_up = list->gave_up || (r == 0 && !result.found && !result.infeasible);
    if (holds) {
        memcpy(x + n_uses, result.x + n_uses, (ip->n_cols - n_uses) * sizeof(*x));
    }
    gs_arena_rewind(list->work->scratch, mark);
    return holds;
}

static void note_load(struct listing *list)
{
    if (*list->n_loads == LOADS_MAX) {
        list->gave_up = true;
        return;
    }
    unsigned n = list->node->program.ip.n_cols;
    int64_t *x = GS_ARENA_NEW(list->work->scratch, int64_t, n);
    if (x == NULL) {
        list->failure = gs_fleet_no_memory(list->work);
        return;
    }
    memcpy(x, list->x, n * sizeof(*x));
    list->loads[(*list->n_loads)++] = (struct gs_fleet_load){.shape = list->shape, .x = x};
}

/* All counts of use u and those behind it; x holds what is before it, which the node holds. */
static void list_from(struct listing *list, unsigned u, __int128 weight)
{
    if (list->gave_up || list->failure < 0) {
        return;
    }
    if (u == list->node->shape->n_uses) {
        note_load(list);
        return;
    }
    list_from(list, u + 1, weight);
    int64_t most = list->node->most[u];
    int64_t need = list->work->spec->needs[list->node->shape->uses[u].kind];
    for (int64_t n = 1; n <= most && n <= need; n++) {
        weight += list->weights[u];
        list->x[u] = n;
        if (weight >= list->ceiling || list->gave_up || list->failure < 0) {
            break;
        }
        if (++*list->looks > LOOKS_MAX) {
            list->gave_up = true;
            break;
        }
        gs_fleet_spend(list->work, list->shape, 1);
        if (!node_holds(list, list->x)) {
            break;
        }
        list_from(list, u + 1, weight);
    }
    list->x[u] = 0;
}

/* What the relaxation's multipliers say: worth * scale <= -(multipliers rhs) - sum(weights x). */
static int weigh(struct listing *list, int64_t above)
{
    struct gs_fleet_work *work = list->work;
    struct gs_fleet_priced priced;
    int r = gs_fleet_node_price(list->node, work->scratch, work->best_prices, above, 1, true,
                                &priced, work->err);
    if (r < 0) {
        return r;
    }
    const struct gs_ip *ip = &list->node->program.ip;
    unsigned n_uses = list->node->shape->n_uses;
    list->multipliers = priced.tree.multipliers;
    list->scale = priced.tree.scale;
    list->weights = GS_ARENA_NEW(work->scratch, __int128, n_uses);
    list->x = GS_ARENA_NEW(work->scratch, int64_t, ip->n_cols);
    if (list->weights == NULL || list->x == NULL) {
        return gs_fleet_no_memory(work);
    }
    __int128 base = 0;
    for (unsigned i = 0; i < ip->n_rows; i++) {
        base += (__int128)list->multipliers[i] * ip->rhs[i];
    }
    for (unsigned j = 0; j < ip->n_cols; j++) {
        size_t n;
        const struct gs_ip_entry *entries = gs_ip_column(ip, j, &n);
        __int128 d = (__int128)ip->cost[j] * list->scale;
        for (size_t e = 0; e < n; e++) {
            d -= (__int128)list->multipliers[entries[e].row] * entries[e].value;
        }
        base += d < 0 ? d * ip->hi[j] : 0;
        if (j < n_uses) {
            list->weights[j] = d > 0 ? d : 0;
        }
    }
    list->ceiling = -(__int128)above * list->scale - base;
    return 0;
}

/* Loads of one shape worth more than `above`. */
static int list_shape(struct gs_fleet_work *work, unsigned shape, int64_t above,
                      struct listing *list)
{
    list->node = &work->nodes[shape];
    list->shape = shape;
    int r = weigh(list, above);
    if (r == 0 && list->ceiling > 0) {
        list_from(list, 0, 0);
        r = list->failure;
    }
    return r;
}

static void coverage(const struct gs_fleet_work *work, const struct gs_fleet_load *load,
                     int64_t *ret)
{
    const struct gs_fleet_shape *shape = &work->spec->shapes[load->shape];
    memset(ret, 0, work->spec->n_kinds * sizeof(*ret));
    for (unsigned u = 0; u < shape->n_uses; u++) {
        ret[shape->uses[u].kind] += load->x[u];
    }
}

static bool covers(const int64_t *big, const int64_t *small, unsigned n)
{
    for (unsigned k = 0; k < n; k++) {
        if (big[k] < small[k]) {
            return false;
        }
    }
    return true;
}

/* A load that another of its shape contains adds nothing. */
static int drop_contained(struct gs_fleet_work *work, struct gs_fleet_load *loads, size_t *n_loads)
{
    unsigned n_kinds = work->spec->n_kinds;
    int64_t *all = GS_ARENA_NEW(work->scratch, int64_t, *n_loads * n_kinds);
    bool *drop = GS_ARENA_NEW(work->scratch, bool, *n_loads);
    if (all == NULL || drop == NULL) {
        return gs_fleet_no_memory(work);
    }
    for (size_t i = 0; i < *n_loads; i++) {
        coverage(work, &loads[i], all + i * n_kinds);
    }
    for (size_t i = 0; i < *n_loads; i++) {
        for (size_t k = 0; k < *n_loads && !drop[i]; k++) {
            bool other = k != i && !drop[k] && loads[k].shape == loads[i].shape;
            drop[i] = other && covers(all + k * n_kinds, all + i * n_kinds, n_kinds);
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < *n_loads; i++) {
        if (!drop[i]) {
            loads[kept++] = loads[i];
        }
    }
    *n_loads = kept;
    return 0;
}

static bool add_load_column(struct gs_fleet_work *work, struct gs_ip *ip,
                            const struct gs_fleet_load *load, int64_t *served, const int *most_row,
                            const int *least_row)
{
    const struct gs_fleet_spec *spec = work->spec;
    const struct gs_fleet_shape *shape = &spec->shapes[load->shape];
    int64_t most = 0;
    coverage(work, load, served);
    for (unsigned k = 0; k < spec->n_kinds; k++) {
        int64_t times = served[k] == 0 ? 0 : (spec->needs[k] + served[k] - 1) / served[k];
        most = times > most ? times : most;
    }
    bool ok = gs_ip_add_col(ip, work->scratch, shape->cost, most) >= 0;
    for (unsigned k = 0; k < spec->n_kinds && ok; k++) {
        ok = served[k] == 0 || gs_ip_add_entry(ip, work->scratch, k, served[k]);
    }
    /* Row 0 is a need, so 0 means that there is no such bound. */
    if (ok && most_row[load->shape] > 0) {
        ok = gs_ip_add_entry(ip, work->scratch, (unsigned)most_row[load->shape], -1);
    }
    if (ok && least_row[load->shape] > 0) {
        ok = gs_ip_add_entry(ip, work->scratch, (unsigned)least_row[load->shape], 1);
    }
    return ok;
}

static bool build_program(struct gs_fleet_work *work, const struct gs_fleet_load *loads, size_t n,
                          struct gs_ip *ip)
{
    const struct gs_fleet_spec *spec = work->spec;
    int64_t *served = GS_ARENA_NEW(work->scratch, int64_t, spec->n_kinds);
    int *most_row = GS_ARENA_NEW(work->scratch, int, spec->n_shapes);
    int *least_row = GS_ARENA_NEW(work->scratch, int, spec->n_shapes);
    bool ok = served != NULL && most_row != NULL && least_row != NULL;
    gs_ip_init(ip);
    for (unsigned k = 0; k < spec->n_kinds && ok; k++) {
        ok = gs_ip_add_row(ip, work->scratch, spec->needs[k]) >= 0;
    }
    for (unsigned t = 0; t < spec->n_shapes && ok; t++) {
        if (work->most[t] != GS_FLEET_NO_LIMIT) {
            most_row[t] = gs_ip_add_row(ip, work->scratch, -work->most[t]);
            ok = most_row[t] >= 0;
        }
        if (work->least[t] > 0 && ok) {
            least_row[t] = gs_ip_add_row(ip, work->scratch, work->least[t]);
            ok = least_row[t] >= 0;
        }
    }
    for (size_t i = 0; i < n && ok; i++) {
        ok = add_load_column(work, ip, &loads[i], served, most_row, least_row);
    }
    return ok;
}

/* The solution becomes columns of the master, so that it is kept like any other. */
static int keep_solution(struct gs_fleet_work *work, const struct gs_fleet_load *loads, size_t n,
                         const int64_t *x)
{
    int64_t *takes = GS_ARENA_NEW(work->scratch, int64_t, GS_FLEET_COLUMNS_MAX);
    if (takes == NULL) {
        return gs_fleet_no_memory(work);
    }
    for (size_t i = 0; i < n; i++) {
        if (x[i] == 0) {
            continue;
        }
        unsigned n_x = work->nodes[loads[i].shape].program.ip.n_cols;
        if (!gs_fleet_master_add(&work->master, loads[i].shape, loads[i].x, n_x)) {
            return 0; /* no room: the fleet that was there stays */
        }
        takes[work->master.n_columns - 1] = x[i];
    }
    return gs_fleet_keep(work, takes);
}

static int keep_columns(struct gs_fleet_work *work, const struct gs_fleet_load *loads, size_t n,
                        struct gs_fleet_leaf *leaf)
{
    struct gs_fleet_load *columns = GS_ARENA_NEW(work->arena, struct gs_fleet_load, n);
    for (size_t i = 0; columns != NULL && i < n; i++) {
        unsigned n_x = work->nodes[loads[i].shape].program.ip.n_cols;
        int64_t *x = GS_ARENA_NEW(work->arena, int64_t, n_x);
        if (x == NULL) {
            return gs_fleet_no_memory(work);
        }
        memcpy(x, loads[i].x, n_x * sizeof(*x));
        columns[i] = (struct gs_fleet_load){.shape = loads[i].shape, .x = x};
    }
    leaf->columns = columns;
    leaf->n_columns = n;
    return columns == NULL ? gs_fleet_no_memory(work) : 0;
}

/* The program over the loads. What the leaf keeps of it is copied out of scratch memory. */
static int solve_over(struct gs_fleet_work *work, const struct gs_fleet_load *loads, size_t n,
                      struct gs_fleet_leaf *leaf)
{
    struct gs_ip ip;
    if (!build_program(work, loads, n, &ip)) {
        return gs_fleet_no_memory(work);
    }
    struct gs_ip_options options = {.cutoff = work->value,
                                    .goal = INT64_MIN,
                                    .step = work->spec->step,
                                    .max_nodes = SEARCH_NODES,
                                    .want_tree = true};
    struct gs_ip_result result;
    int r = gs_ip_solve(&ip, &options, work->scratch, &result, work->err);
    if (r < 0) {
        return r;
    }
    work->searched += result.nodes;
    if (result.found) {
        r = keep_solution(work, loads, n, result.x);
    }
    int64_t bound = result.bound < work->value ? result.bound : work->value;
    if (r < 0 || bound <= leaf->bound) {
        return r;
    }
    leaf->bound = bound;
    leaf->tree = result.tree;
    return gs_ip_tree_copy(&leaf->tree, ip.n_rows, work->arena) ? keep_columns(work, loads, n, leaf)
                                                                : gs_fleet_no_memory(work);
}

int gs_fleet_search(struct gs_fleet_work *work, struct gs_fleet_leaf *leaf)
{
    struct gs_arena_mark mark = gs_arena_mark(work->scratch);
    size_t looks = 0;
    size_t n_loads = 0;
    struct listing list = {
        .work = work,
        .loads = GS_ARENA_NEW(work->scratch, struct gs_fleet_load, LOADS_MAX),
        .looks = &looks,
        .n_loads = &n_loads,
    };
    if (list.loads == NULL) {
        return gs_fleet_no_memory(work);
    }
    /* A cheaper fleet costs a step less, so a load in it may cost at most this over its prices. */
    __int128 room = (__int128)(work->value - work->spec->step) * work->price_scale -
                    gs_fleet_price_sum(work, leaf);
    int r = 0;
    for (unsigned t = 0; t < work->spec->n_shapes && r == 0 && !list.gave_up; t++) {
        int64_t cost = work->spec->shapes[t].cost * work->price_scale;
        __int128 above = cost + leaf->shapes[t].limit_price - room - 1;
        r = list_shape(work, t, above < -1 ? -1 : (int64_t)above, &list);
        gs_fleet_node_limit(&work->nodes[t], work->spec->needs);
    }
    if (r == 0 && !list.gave_up && n_loads > 0) {
        r = drop_contained(work, list.loads, &n_loads);
        r = r < 0 ? r : solve_over(work, list.loads, n_loads, leaf);
    }
    gs_arena_rewind(work->scratch, mark);
    return r;
}
