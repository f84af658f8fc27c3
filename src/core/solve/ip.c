#include "core/solve/ip.h"

#include <string.h>

#include "core/solve/ip_search.h"

void gs_ip_init(struct gs_ip *ip)
{
    *ip = (struct gs_ip){0};
}

int gs_ip_add_row(struct gs_ip *ip, struct gs_arena *arena, int64_t rhs)
{
    if (!gs_arena_room(arena, &ip->rhs, &ip->cap_rows, ip->n_rows, sizeof(*ip->rhs))) {
        return -1;
    }
    ip->rhs[ip->n_rows] = rhs;
    return (int)ip->n_rows++;
}

/* Four arrays grow together. */
static bool room_for_column(struct gs_ip *ip, struct gs_arena *arena)
{
    size_t cap = ip->cap_cols;
    if (ip->n_cols < cap) {
        return true;
    }
    size_t each[4] = {cap, cap, cap, cap};
    if (!gs_arena_room(arena, &ip->cost, &each[0], ip->n_cols, sizeof(*ip->cost)) ||
        !gs_arena_room(arena, &ip->lo, &each[1], ip->n_cols, sizeof(*ip->lo)) ||
        !gs_arena_room(arena, &ip->hi, &each[2], ip->n_cols, sizeof(*ip->hi)) ||
        !gs_arena_room(arena, &ip->first, &each[3], ip->n_cols, sizeof(*ip->first))) {
        return false;
    }
    ip->cap_cols = each[0];
    return true;
}

int gs_ip_add_col(struct gs_ip *ip, struct gs_arena *arena, int64_t cost, int64_t hi)
{
    if (!room_for_column(ip, arena)) {
        return -1;
    }
    unsigned col = ip->n_cols++;
    ip->cost[col] = cost;
    ip->lo[col] = 0;
    ip->hi[col] = hi;
    ip->first[col] = ip->n_entries;
    return (int)col;
}

bool gs_ip_add_entry(struct gs_ip *ip, struct gs_arena *arena, unsigned row, int64_t value)
{
    if (!gs_arena_room(arena, &ip->entries, &ip->cap_entries, ip->n_entries,
                       sizeof(*ip->entries))) {
        return false;
    }
    ip->entries[ip->n_entries++] = (struct gs_ip_entry){.row = row, .value = value};
    return true;
}

/* Adds value * x to *sum; false on overflow. */
static bool add_product(int64_t *sum, int64_t value, int64_t x)
{
    int64_t product;
    return !__builtin_mul_overflow(value, x, &product) &&
           !__builtin_add_overflow(*sum, product, sum);
}

bool gs_ip_check(const struct gs_ip *ip, const int64_t *x, int64_t *sums, int64_t *ret_cost)
{
    int64_t cost = 0;
    memset(sums, 0, ip->n_rows * sizeof(*sums));
    for (unsigned j = 0; j < ip->n_cols; j++) {
        if (x[j] < ip->lo[j] || x[j] > ip->hi[j] || !add_product(&cost, ip->cost[j], x[j])) {
            return false;
        }
        size_t n;
        const struct gs_ip_entry *entries = gs_ip_column(ip, j, &n);
        for (size_t e = 0; e < n; e++) {
            if (!add_product(&sums[entries[e].row], entries[e].value, x[j])) {
                return false;
            }
        }
    }
    for (unsigned i = 0; i < ip->n_rows; i++) {
        if (sums[i] < ip->rhs[i]) {
            return false;
        }
    }
    *ret_cost = cost;
    return true;
}

int gs_ip_solve(const struct gs_ip *ip, const struct gs_ip_options *options, struct gs_arena *arena,
                struct gs_ip_result *ret, struct gs_err *err)
{
    struct gs_ip_search *search = gs_ip_search_new(ip, options, arena);
    if (search == NULL || !gs_ip_search_run(search, ret)) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a program of %u rows and %u columns",
                       ip->n_rows, ip->n_cols);
    }
    return 0;
}

bool gs_ip_tree_copy(struct gs_ip_tree *tree, unsigned n_rows, struct gs_arena *arena)
{
    struct gs_ip_node *nodes = GS_ARENA_NEW(arena, struct gs_ip_node, tree->n_nodes);
    int64_t *multipliers = GS_ARENA_NEW(arena, int64_t, tree->n_leaves * n_rows);
    if (nodes == NULL || multipliers == NULL) {
        return false;
    }
    if (tree->n_nodes > 0) {
        memcpy(nodes, tree->nodes, tree->n_nodes * sizeof(*nodes));
    }
    if (tree->n_leaves * n_rows > 0) {
        memcpy(multipliers, tree->multipliers, tree->n_leaves * n_rows * sizeof(*multipliers));
    }
    tree->nodes = nodes;
    tree->multipliers = multipliers;
    return true;
}

enum { SHORT_SCALE_MAX = 840 }; /* has every divisor up to 8 */

/* The bound that one leaf proves over the whole program, in units of 1 / scale. */
static __int128 leaf_bound(const struct gs_ip *ip, const int64_t *y, int64_t scale)
{
    __int128 bound = 0;
    for (unsigned i = 0; i < ip->n_rows; i++) {
        bound += (__int128)y[i] * ip->rhs[i];
    }
    for (unsigned j = 0; j < ip->n_cols; j++) {
        size_t n;
        const struct gs_ip_entry *entries = gs_ip_column(ip, j, &n);
        __int128 d = (__int128)ip->cost[j] * scale;
        for (size_t e = 0; e < n; e++) {
            d -= (__int128)y[entries[e].row] * entries[e].value;
        }
        bound += d * (d >= 0 ? ip->lo[j] : ip->hi[j]);
    }
    return bound;
}

bool gs_ip_shorten(const struct gs_ip *ip, struct gs_arena *arena, int64_t step, int64_t bound,
                   struct gs_ip_tree *tree)
{
    if (tree->n_leaves != 1 || tree->n_nodes != 1) {
        return true;
    }
    int64_t *y = GS_ARENA_NEW(arena, int64_t, ip->n_rows);
    if (y == NULL) {
        return false;
    }
    for (int64_t scale = 1; scale <= SHORT_SCALE_MAX; scale++) {
        for (unsigned i = 0; i < ip->n_rows; i++) {
            double exact = (double)tree->multipliers[i] / (double)tree->scale;
            y[i] = (int64_t)(exact * (double)scale + 0.5);
        }
        /* Enough when it is above the multiple of the step below. */
        if (leaf_bound(ip, y, scale) > (__int128)(bound - step) * scale) {
            tree->multipliers = y;
            tree->scale = scale;
            return true;
        }
    }
    return true;
}
