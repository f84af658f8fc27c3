#include "controller/tally/tally.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "controller/tally/rows.h"
#include "decide/decide.h"

const char *const gs_tally_node_texts[GS_TALLY_NODES] = {
    [GS_TALLY_NODE_READY] = "ready",
    [GS_TALLY_NODE_STARTING] = "starting",
    [GS_TALLY_NODE_NOT_READY] = "not_ready",
    [GS_TALLY_NODE_ENDING] = "ending",
};

const char *const gs_tally_gpu_texts[GS_TALLY_GPUS] = {
    [GS_TALLY_GPU_CUT] = "cut",
    [GS_TALLY_GPU_HELD] = "held",
    [GS_TALLY_GPU_IDLE] = "idle",
    [GS_TALLY_GPU_SICK] = "sick",
};

const char *const gs_tally_units_texts[GS_TALLY_UNITS] = {
    [GS_TALLY_UNITS_HELD] = "held",
    [GS_TALLY_UNITS_IDLE] = "idle",
    [GS_TALLY_UNITS_STRANDED] = "stranded",
    [GS_TALLY_UNITS_SICK] = "sick",
};

const char *const gs_tally_part_texts[GS_TALLY_PARTS] = {
    [GS_TALLY_PART_USED] = "used",
    [GS_TALLY_PART_IDLE] = "idle",
    [GS_TALLY_PART_STRANDED] = "stranded",
    [GS_TALLY_PART_STARTING] = "starting",
};

const char *const gs_tally_next_texts[GS_TALLY_NEXTS] = {
    [GS_TALLY_UNDECIDED] = "undecided", [GS_TALLY_BOOKED] = "booked", [GS_TALLY_RECUT] = "recut",
    [GS_TALLY_MOVE] = "move",           [GS_TALLY_BUY] = "buy",       [GS_TALLY_WAIT] = "wait",
};

const char *const gs_tally_slice_texts[GS_TALLY_SLICES] = {
    [GS_GPUNODE_FREE] = "idle",        [GS_GPUNODE_HELD] = "held", [GS_GPUNODE_GRANTED] = "granted",
    [GS_GPUNODE_LEAVING] = "retiring", [GS_GPUNODE_SICK] = "sick",
};

struct counting {
    const struct gs_tally_options *options;
    struct gs_arena *arena;
    struct gs_tally *tally;
    struct gs_map pools; /* by name: struct gs_tally_pool */
};

/* ---- rows ---- */

/* NULL: no memory. */
static struct gs_tally_pool *pool_of(struct counting *counting, const char *name)
{
    struct gs_tally *tally = counting->tally;
    name = name[0] == '\0' ? GS_TALLY_NONE : name;
    struct gs_tally_pool *pool = gs_map_find(&counting->pools, name);
    if (pool != NULL) {
        return pool;
    }
    if (tally->n_pools == GS_TALLY_POOLS_MAX) {
        return &tally->pools[GS_TALLY_POOLS_MAX - 1];
    }
    if (tally->n_pools == GS_TALLY_POOLS_MAX - 1) {
        name = GS_TALLY_OTHER;
    }
    pool = &tally->pools[tally->n_pools];
    *pool = (struct gs_tally_pool){.name = name};
    if (!gs_map_put(&counting->pools, name, pool)) {
        return NULL;
    }
    tally->n_pools++;
    return pool;
}

struct gs_tally_model *gs_tally_model_of(struct gs_tally_pool *pool, const char *id)
{
    for (unsigned i = 0; i < pool->n_models; i++) {
        if (pool->models[i].id == id || strcmp(pool->models[i].id, id) == 0) {
            return &pool->models[i];
        }
    }
    if (pool->n_models == GS_TALLY_MODELS_MAX) {
        pool->models[GS_TALLY_MODELS_MAX - 1].id = GS_TALLY_OTHER;
        return &pool->models[GS_TALLY_MODELS_MAX - 1];
    }
    struct gs_tally_model *model = &pool->models[pool->n_models++];
    *model = (struct gs_tally_model){.id = id};
    return model;
}

struct gs_tally_profile *gs_tally_profile_of(struct gs_tally_pool *pool, const char *name)
{
    for (unsigned i = 0; i < pool->n_profiles; i++) {
        if (pool->profiles[i].name == name || strcmp(pool->profiles[i].name, name) == 0) {
            return &pool->profiles[i];
        }
    }
    if (pool->n_profiles == GS_TALLY_PROFILES_MAX) {
        pool->profiles[GS_TALLY_PROFILES_MAX - 1].name = GS_TALLY_OTHER;
        return &pool->profiles[GS_TALLY_PROFILES_MAX - 1];
    }
    struct gs_tally_profile *profile = &pool->profiles[pool->n_profiles++];
    *profile = (struct gs_tally_profile){.name = name};
    return profile;
}

/* ---- nodes ---- */

static void count_wishes(const struct counting *counting, const struct gs_store_node *node,
                         struct gs_tally_pool *pool)
{
    for (const struct gs_store_wish *wish = node->wishes; wish != NULL; wish = wish->next) {
        uint64_t now = counting->options->now_us;
        uint64_t age = now > wish->since_us ? now - wish->since_us : 0;
        uint64_t *oldest = &counting->tally->oldest_recut_us;
        pool->recuts++;
        *oldest = *oldest == UINT64_MAX || age > *oldest ? age : *oldest;
    }
}

static void add_parts(struct gs_tally_pool *pool, const struct gs_tally_row *row)
{
    for (unsigned i = 0; i < row->n_models; i++) {
        struct gs_tally_model *model = gs_tally_model_of(pool, row->models[i].id);
        for (unsigned k = 0; k < GS_TALLY_GPUS; k++) {
            model->gpus[k] += row->models[i].gpus[k];
        }
        for (unsigned k = 0; k < GS_TALLY_UNITS; k++) {
            model->units[k] += row->models[i].units[k];
        }
    }
    for (unsigned i = 0; i < row->n_profiles; i++) {
        struct gs_tally_profile *profile = gs_tally_profile_of(pool, row->profiles[i].name);
        for (unsigned k = 0; k < GS_TALLY_SLICES; k++) {
            profile->slices[k] += row->profiles[i].slices[k];
        }
    }
    for (unsigned i = 0; i < GS_TALLY_PARTS; i++) {
        pool->uusd[i] += row->uusd[i];
    }
    pool->priced += row->priced;
    pool->unpriced += !row->priced;
}

/* What was counted of the node, and what follows from the moment. False: no memory. */
static bool add_row(struct counting *counting, const struct gs_tally_row *row)
{
    const struct gs_store_node *node = row->node;
    for (unsigned i = 0; i < row->n_spaces; i++) {
        row->spaces[i].of->is.slices += row->spaces[i].slices;
        row->spaces[i].of->is.gpus += row->spaces[i].gpus;
    }
    if (!row->ours) {
        return true;
    }
    struct gs_tally_pool *pool = pool_of(counting, node->slicepool);
    if (pool == NULL) {
        return false;
    }
    enum gs_tally_node state = node->deleting   ? GS_TALLY_NODE_ENDING
                               : node->starting ? GS_TALLY_NODE_STARTING
                               : node->ready    ? GS_TALLY_NODE_READY
                                                : GS_TALLY_NODE_NOT_READY;
    pool->nodes[state]++;
    pool->silent +=
        state == GS_TALLY_NODE_READY && node->has_gpus &&
        counting->options->now_us >= node->gpus_at_us + GS_TALLY_SILENT_S * UINT64_C(1000000);
    pool->bookings += node->n_nominated;
    count_wishes(counting, node, pool);
    add_parts(pool, row);
    return true;
}

/* ---- pods ---- */

static enum gs_tally_next next_of(const struct gs_store_pod *pod)
{
    static const enum gs_tally_next nexts[] = {[GS_DECIDE_BOOK] = GS_TALLY_BOOKED,
                                               [GS_DECIDE_RECUT] = GS_TALLY_RECUT,
                                               [GS_DECIDE_MOVE] = GS_TALLY_MOVE,
                                               [GS_DECIDE_BUY] = GS_TALLY_BUY,
                                               [GS_DECIDE_WAIT] = GS_TALLY_WAIT};
    const struct gs_store_waiting *waiting = pod->waiting;
    if (pod->nominated != NULL) {
        return GS_TALLY_BOOKED;
    }
    if (waiting->wished) {
        return GS_TALLY_RECUT;
    }
    return waiting->why[0] != '\0' && waiting->what < GS_ARRAY_LEN(nexts) ? nexts[waiting->what]
                                                                          : GS_TALLY_UNDECIDED;
}

/* False: no memory. */
static bool count_waiting(const struct counting *counting, struct gs_tally_rows *rows)
{
    const struct gs_store_waiting *one = counting->options->store->waiting;
    for (; one != NULL; one = one->next) {
        struct gs_tally_entry *entry = gs_tally_entry_of(rows, one->of->key);
        if (entry == NULL) {
            return false;
        }
        uint64_t since = one->wait.created_us;
        uint64_t age = counting->options->real_us > since ? counting->options->real_us - since : 0;
        uint64_t *longest = &counting->tally->longest_wait_us;
        entry->is.waiting[next_of(one->of)]++;
        *longest = *longest == UINT64_MAX || age > *longest ? age : *longest;
    }
    return true;
}

/* ---- all ---- */

static uint64_t weight_of(const struct gs_tally_namespace *row)
{
    uint64_t sum = row->slices + row->gpus;
    for (unsigned i = 0; i < GS_TALLY_NEXTS; i++) {
        sum += row->waiting[i];
    }
    return sum;
}

static int by_weight(const void *a, const void *b)
{
    const struct gs_tally_namespace *x = a;
    const struct gs_tally_namespace *y = b;
    uint64_t wx = weight_of(x);
    uint64_t wy = weight_of(y);
    return wx != wy ? (wx < wy ? 1 : -1) : strcmp(x->name, y->name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct gs_tally_pool *)a)->name, ((const struct gs_tally_pool *)b)->name);
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct gs_tally_model *)a)->id, ((const struct gs_tally_model *)b)->id);
}

static int by_profile(const void *a, const void *b)
{
    return strcmp(((const struct gs_tally_profile *)a)->name,
                  ((const struct gs_tally_profile *)b)->name);
}

/* The order in which nodes were counted must not show. */
static void sort_pools(const struct gs_tally *tally)
{
    qsort(tally->pools, tally->n_pools, sizeof(tally->pools[0]), by_name);
    for (unsigned i = 0; i < tally->n_pools; i++) {
        struct gs_tally_pool *pool = &tally->pools[i];
        qsort(pool->models, pool->n_models, sizeof(pool->models[0]), by_id);
        qsort(pool->profiles, pool->n_profiles, sizeof(pool->profiles[0]), by_profile);
    }
}

/* Those that are beyond the bound, counted together. */
static struct gs_tally_namespace rest_of(const struct gs_tally_namespace *all, size_t from,
                                         size_t n)
{
    struct gs_tally_namespace rest = {.name = GS_TALLY_OTHER};
    for (size_t i = from; i < n; i++) {
        rest.slices += all[i].slices;
        rest.gpus += all[i].gpus;
        for (unsigned k = 0; k < GS_TALLY_NEXTS; k++) {
            rest.waiting[k] += all[i].waiting[k];
        }
    }
    return rest;
}

/* Names are copied: the rows may be dropped before the tally is. */
static int keep_namespaces(const struct counting *counting, struct gs_tally_rows *rows,
                           struct gs_err *err)
{
    struct gs_tally *tally = counting->tally;
    size_t n = 0;
    struct gs_tally_namespace *all =
        GS_ARENA_NEW(counting->arena, struct gs_tally_namespace, rows->n_entries + 1);
    if (all == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory to count namespaces");
    }
    for (const struct gs_tally_entry *entry = rows->entries; entry != NULL; entry = entry->next) {
        if (weight_of(&entry->is) > 0) {
            all[n++] = entry->is;
        }
    }
    qsort(all, n, sizeof(all[0]), by_weight);
    rows->n_used = n;
    tally->namespaces = all;
    tally->n_namespaces = (unsigned)(n > GS_TALLY_NAMESPACES_MAX ? GS_TALLY_NAMESPACES_MAX : n);
    for (unsigned i = 0; i < tally->n_namespaces; i++) {
        all[i].name = gs_arena_text(counting->arena, all[i].name, strlen(all[i].name));
        if (all[i].name == NULL) {
            return gs_fail(err, GS_NO_MEMORY, "no memory to count namespaces");
        }
    }
    if (n > GS_TALLY_NAMESPACES_MAX) {
        all[tally->n_namespaces++] = rest_of(all, GS_TALLY_NAMESPACES_MAX, n);
    }
    return 0;
}

static int add_up(struct counting *counting, struct gs_tally_rows *rows, struct gs_err *err)
{
    struct gs_tally *tally = counting->tally;
    bool ok = true;
    for (struct gs_tally_entry *entry = rows->entries; entry != NULL; entry = entry->next) {
        entry->is = (struct gs_tally_namespace){.name = entry->name};
    }
    for (size_t i = 0; ok && i < rows->n; i++) {
        ok = add_row(counting, &rows->at[i]);
    }
    ok = ok && count_waiting(counting, rows);
    gs_map_done(&counting->pools);
    if (!ok) {
        return gs_fail(err, GS_NO_MEMORY, "no memory to count nodes and pods");
    }
    sort_pools(tally);
    return keep_namespaces(counting, rows, err);
}

int gs_tally(const struct gs_tally_options *options, struct gs_arena *arena, struct gs_tally *ret,
             struct gs_err *err)
{
    struct gs_tally tally = {.oldest_recut_us = UINT64_MAX, .longest_wait_us = UINT64_MAX};
    struct counting counting = {.options = options, .arena = arena, .tally = &tally};
    GS_CLEANUP(gs_tally_rows_freep) struct gs_tally_rows *own = NULL;
    struct gs_tally_rows *rows = options->rows;
    bool more = false;
    int r = 0;
    if (rows == NULL) {
        r = gs_tally_rows_new(options->store, options->money, options->region, &own, err);
        rows = own;
    }
    r = r == 0 ? gs_tally_rows_step(rows, UINT_MAX, &more, err) : r;
    if (r != 0) {
        return r;
    }
    tally.pools = GS_ARENA_NEW(arena, struct gs_tally_pool, GS_TALLY_POOLS_MAX);
    if (tally.pools == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory to count nodes");
    }
    r = add_up(&counting, rows, err);
    if (r == 0) {
        *ret = tally;
    }
    return r;
}
