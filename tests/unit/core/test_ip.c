#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "core/solve/ip.h"

/* A small generator of our own, so that a seed gives the same cases everywhere. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static int64_t random_between(uint64_t *state, int64_t low, int64_t high)
{
    return low + (int64_t)(next_random(state) % (uint64_t)(high - low + 1));
}

/* Tries every point within the bounds. INT64_MAX: none is a solution. */
static int64_t brute_force(const struct gs_ip *ip)
{
    int64_t x[8] = {0};
    int64_t sums[8];
    int64_t best = INT64_MAX;
    for (;;) {
        int64_t cost;
        if (gs_ip_check(ip, x, sums, &cost) && cost < best) {
            best = cost;
        }
        unsigned j = 0;
        while (j < ip->n_cols && x[j] == ip->hi[j]) {
            x[j++] = 0;
        }
        if (j == ip->n_cols) {
            return best;
        }
        x[j]++;
    }
}

/* The least bound of the tree's leaves within [lo, hi], by the header's formula alone. */
static int64_t bound_of_tree(const struct gs_ip *ip, const struct gs_ip_tree *tree, size_t *at,
                             int64_t *lo, int64_t *hi)
{
    const struct gs_ip_node *node = &tree->nodes[(*at)++];
    if (node->col < 0) {
        const int64_t *y = tree->multipliers + (size_t)node->at * ip->n_rows;
        __int128 bound = 0;
        for (unsigned i = 0; i < ip->n_rows; i++) {
            assert_true(y[i] >= 0);
            bound += (__int128)y[i] * ip->rhs[i];
        }
        for (unsigned j = 0; j < ip->n_cols; j++) {
            size_t n;
            const struct gs_ip_entry *entries = gs_ip_column(ip, j, &n);
            __int128 d = (__int128)tree->scale * ip->cost[j];
            for (size_t e = 0; e < n; e++) {
                d -= (__int128)y[entries[e].row] * entries[e].value;
            }
            bound += d * lo[j] < d * hi[j] ? d * lo[j] : d * hi[j];
        }
        __int128 up = bound / tree->scale + (bound > 0 && bound % tree->scale != 0 ? 1 : 0);
        return up > INT64_MAX ? INT64_MAX : (int64_t)up;
    }
    int64_t low = lo[node->col];
    int64_t high = hi[node->col];
    lo[node->col] = node->at + 1;
    int64_t upper = bound_of_tree(ip, tree, at, lo, hi);
    lo[node->col] = low;
    hi[node->col] = node->at;
    int64_t lower = bound_of_tree(ip, tree, at, lo, hi);
    hi[node->col] = high;
    return upper < lower ? upper : lower;
}

static void check_result(const struct gs_ip *ip, int64_t best, const struct gs_ip_result *result)
{
    if (best == INT64_MAX) {
        assert_false(result->found);
        assert_true(result->infeasible);
        return;
    }
    assert_true(result->found);
    assert_int_equal(result->value, best);
    assert_int_equal(result->bound, best);
    int64_t lo[8];
    int64_t hi[8];
    memcpy(lo, ip->lo, ip->n_cols * sizeof(*lo));
    memcpy(hi, ip->hi, ip->n_cols * sizeof(*hi));
    size_t at = 0;
    assert_true(bound_of_tree(ip, &result->tree, &at, lo, hi) >= best);
    assert_int_equal(at, result->tree.n_nodes);
}

static void random_covering(struct gs_ip *ip, struct gs_arena *arena, uint64_t *seed)
{
    unsigned rows = (unsigned)random_between(seed, 1, 4);
    unsigned cols = (unsigned)random_between(seed, 1, 5);
    for (unsigned i = 0; i < rows; i++) {
        gs_ip_add_row(ip, arena, random_between(seed, -2, 14));
    }
    for (unsigned j = 0; j < cols; j++) {
        gs_ip_add_col(ip, arena, random_between(seed, 0, 40), random_between(seed, 0, 6));
        for (unsigned i = 0; i < rows; i++) {
            gs_ip_add_entry(ip, arena, i, random_between(seed, -2, 7));
        }
    }
}

static void random_packing(struct gs_ip *ip, struct gs_arena *arena, uint64_t *seed)
{
    unsigned rows = (unsigned)random_between(seed, 1, 4);
    unsigned cols = (unsigned)random_between(seed, 1, 5);
    for (unsigned i = 0; i < rows; i++) {
        gs_ip_add_row(ip, arena, -random_between(seed, 0, 40));
    }
    for (unsigned j = 0; j < cols; j++) {
        gs_ip_add_col(ip, arena, -random_between(seed, 0, 40), random_between(seed, 0, 6));
        for (unsigned i = 0; i < rows; i++) {
            gs_ip_add_entry(ip, arena, i, -random_between(seed, -3, 11));
        }
    }
}

static void equals_brute_force(void (*make)(struct gs_ip *, struct gs_arena *, uint64_t *))
{
    uint64_t seed = 20261122;
    printf("# seed %llu\n", (unsigned long long)seed);
    for (int n = 0; n < 4000; n++) {
        struct gs_arena arena;
        gs_arena_init(&arena, &gs_alloc_heap, 256 << 20);
        struct gs_ip ip;
        gs_ip_init(&ip);
        make(&ip, &arena, &seed);
        struct gs_ip_options options = {
            .cutoff = INT64_MAX, .goal = INT64_MIN, .step = 1, .want_tree = true};
        struct gs_ip_result result;
        assert_int_equal(gs_ip_solve(&ip, &options, &arena, &result, NULL), 0);
        check_result(&ip, brute_force(&ip), &result);
        gs_arena_done(&arena);
    }
}

static void ip__equals_brute_force_on_covering_programs(void **state)
{
    (void)state;
    equals_brute_force(random_covering);
}

static void ip__equals_brute_force_on_packing_programs(void **state)
{
    (void)state;
    equals_brute_force(random_packing);
}

/* A node has a million times the memory that its one item asks for: the item still counts. */
static void ip__sees_small_numbers_beside_limits_that_do_not_bind(void **state)
{
    (void)state;
    struct gs_arena arena;
    struct gs_ip ip;
    gs_arena_init(&arena, &gs_alloc_heap, 16 << 20);
    gs_ip_init(&ip);
    assert_int_equal(gs_ip_add_row(&ip, &arena, -1099511627776), 0);
    assert_int_equal(gs_ip_add_row(&ip, &arena, -1099511627776), 1);
    assert_int_equal(gs_ip_add_row(&ip, &arena, -95690), 2);
    assert_int_equal(gs_ip_add_col(&ip, &arena, -1, 1), 0);
    assert_true(gs_ip_add_entry(&ip, &arena, 1, -1));
    assert_true(gs_ip_add_entry(&ip, &arena, 2, -8000));
    const struct gs_ip_options options = {.cutoff = 0, .goal = INT64_MIN, .step = 1};
    struct gs_ip_result result;
    assert_int_equal(gs_ip_solve(&ip, &options, &arena, &result, NULL), 0);
    assert_true(result.found);
    assert_int_equal(result.x[0], 1);
    assert_int_equal(result.bound, -1);
    gs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ip__equals_brute_force_on_covering_programs),
        cmocka_unit_test(ip__equals_brute_force_on_packing_programs),
        cmocka_unit_test(ip__sees_small_numbers_beside_limits_that_do_not_bind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
