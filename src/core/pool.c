#include "core/pool.h"

#include <stdlib.h>
#include <string.h>

static int compare_columns(const void *a, const void *b)
{
    return -memcmp(a, b, sizeof(struct gs_pool_column));
}

static bool contains(const struct gs_pool_column *big, const struct gs_pool_column *small)
{
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        if (big->counts[p] < small->counts[p]) {
            return false;
        }
    }
    return true;
}

/* What state `s` adds to the busy one, in wanted profiles alone. */
static void column_of(const struct gs_pool *pool, uint16_t s, uint32_t wanted,
                      struct gs_pool_column *ret)
{
    const struct gs_statetable *table = pool->table;
    *ret = (struct gs_pool_column){0};
    for (uint64_t rest = table->sets[s] & ~table->sets[pool->busy]; rest != 0; rest &= rest - 1) {
        unsigned profile = table->placements[__builtin_ctzll(rest)].profile;
        ret->counts[profile] = (uint8_t)(ret->counts[profile] + (wanted >> profile & 1u));
    }
}

/* A maximal column comes from a state to which no wanted placement can be added and which adds
 * wanted profiles only. */
static bool is_candidate(const struct gs_pool *pool, uint16_t s, uint32_t wanted)
{
    const struct gs_statetable *table = pool->table;
    uint64_t busy = table->sets[pool->busy];
    if ((table->sets[s] & busy) != busy) {
        return false;
    }
    for (uint64_t rest = table->sets[s] & ~busy; rest != 0; rest &= rest - 1) {
        if ((wanted >> table->placements[__builtin_ctzll(rest)].profile & 1u) == 0) {
            return false;
        }
    }
    for (unsigned i = 0; i < table->n_placements; i++) {
        if ((wanted >> table->placements[i].profile & 1u) != 0 &&
            table->next[(size_t)s * table->n_placements + i] != GS_STATE_NONE) {
            return false;
        }
    }
    return true;
}

static unsigned without_repeats(struct gs_pool_column *columns, unsigned n)
{
    qsort(columns, n, sizeof(*columns), compare_columns);
    unsigned kept = 0;
    for (unsigned i = 0; i < n; i++) {
        if (kept == 0 || compare_columns(&columns[kept - 1], &columns[i]) != 0) {
            columns[kept++] = columns[i];
        }
    }
    return kept;
}

/* Bigger columns sort first, so a column can only be contained in one before it. */
static unsigned only_maximal(struct gs_pool_column *columns, unsigned n)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < n; i++) {
        bool covered = false;
        for (unsigned k = 0; k < kept && !covered; k++) {
            covered = contains(&columns[k], &columns[i]);
        }
        if (!covered) {
            columns[kept++] = columns[i];
        }
    }
    return kept;
}

/* On an empty GPU the multisets of the table are all there is. */
static int list_of_multisets(struct gs_pool *pool, struct gs_arena *arena, uint32_t wanted,
                             struct gs_pool_column **ret, unsigned *ret_n)
{
    const struct gs_statetable *table = pool->table;
    struct gs_pool_column *columns = GS_ARENA_NEW(arena, struct gs_pool_column, table->n_multisets);
    if (columns == NULL) {
        return GS_NO_MEMORY;
    }
    unsigned n = 0;
    for (unsigned m = 0; m < table->n_multisets; m++) {
        bool only_wanted = true;
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            only_wanted = only_wanted && (table->multisets[m].counts[p] == 0 || wanted >> p & 1u);
        }
        if (only_wanted) {
            memcpy(columns[n++].counts, table->multisets[m].counts, sizeof(columns->counts));
        }
    }
    *ret = columns;
    *ret_n = n;
    return 0;
}

/* Beside slices in use: what each state that has them adds. */
static int list_of_states(struct gs_pool *pool, struct gs_arena *arena, uint32_t wanted,
                          struct gs_pool_column **ret, unsigned *ret_n)
{
    struct gs_pool_column *columns = NULL;
    size_t cap = 0;
    unsigned n = 0;
    for (unsigned s = 0; s < pool->table->n_states; s++) {
        if (!is_candidate(pool, (uint16_t)s, wanted)) {
            continue;
        }
        if (!gs_arena_room(arena, &columns, &cap, n, sizeof(*columns))) {
            return GS_NO_MEMORY;
        }
        column_of(pool, (uint16_t)s, wanted, &columns[n++]);
    }
    *ret = columns;
    *ret_n = n;
    return 0;
}

int gs_pool_list_columns(struct gs_pool *pool, struct gs_arena *arena, uint32_t wanted,
                         struct gs_err *err)
{
    pool->columns = NULL;
    pool->n_columns = 0;
    if (!pool->cut || pool->table == NULL) {
        return 0;
    }
    struct gs_pool_column *columns;
    unsigned n;
    int r = pool->busy == 0 ? list_of_multisets(pool, arena, wanted, &columns, &n)
                            : list_of_states(pool, arena, wanted, &columns, &n);
    if (r < 0) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the layouts of %s",
                       pool->table->model->id);
    }
    n = only_maximal(columns, without_repeats(columns, n));
    /* All wanted slices may be blocked: the empty column says nothing. */
    static const struct gs_pool_column nothing;
    if (n == 1 && compare_columns(&columns[0], &nothing) == 0) {
        n = 0;
    }
    pool->columns = columns;
    pool->n_columns = n;
    return 0;
}
