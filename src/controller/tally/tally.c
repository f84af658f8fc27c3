#include "controller/tally/tally.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cloud/instances.h"
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

enum { NAMESPACE_MAX = 63 };

/* Where slices could be beside those that stay: asked for again and again of GPUs that are alike.
 */
struct room {
    const struct gs_model *model; /* NULL: none is remembered */
    uint16_t taken;
    uint8_t counts[GS_PROFILES_MAX];
    unsigned is;
};
enum { ROOMS = 256 };

/* A namespace while all are counted. */
struct entry {
    struct gs_tally_namespace is;
    struct entry *next;
};

struct counting {
    const struct gs_tally_options *options;
    struct gs_arena *arena;
    struct gs_tally *tally;
    struct gs_map namespaces;
    struct entry *entries;
    size_t n_entries;
    /* the price that was looked up last: nodes of a kind come together */
    const char *type;
    const char *region;
    uint64_t uusd;           /* or GS_MONEY_NOT_KNOWN */
    struct gs_money_sum sum; /* of one node */
    struct room rooms[ROOMS];
};

/* ---- rows ---- */

static struct gs_tally_pool *pool_of(struct gs_tally *tally, const char *name)
{
    name = name[0] == '\0' ? GS_TALLY_NONE : name;
    for (unsigned i = 0; i < tally->n_pools; i++) {
        if (strcmp(tally->pools[i].name, name) == 0) {
            return &tally->pools[i];
        }
    }
    if (tally->n_pools == GS_TALLY_POOLS_MAX - 1) {
        name = GS_TALLY_OTHER;
    } else if (tally->n_pools == GS_TALLY_POOLS_MAX) {
        return &tally->pools[GS_TALLY_POOLS_MAX - 1];
    }
    struct gs_tally_pool *pool = &tally->pools[tally->n_pools++];
    *pool = (struct gs_tally_pool){.name = name};
    return pool;
}

static struct gs_tally_model *model_of(struct gs_tally_pool *pool, const char *id)
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

static struct gs_tally_profile *profile_of(struct gs_tally_pool *pool, const char *name)
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

/* NULL: no memory. `key`: "namespace/name" of a pod. */
static struct gs_tally_namespace *namespace_of(struct counting *counting, const char *key)
{
    char name[NAMESPACE_MAX + 1];
    size_t n = strcspn(key, "/");
    n = n > NAMESPACE_MAX ? NAMESPACE_MAX : n;
    memcpy(name, key, n);
    name[n] = '\0';
    struct entry *entry = gs_map_find(&counting->namespaces, name);
    if (entry != NULL) {
        return &entry->is;
    }
    entry = GS_ARENA_NEW(counting->arena, struct entry, 1);
    char *kept = gs_arena_text(counting->arena, name, n);
    if (entry == NULL || kept == NULL || !gs_map_put(&counting->namespaces, kept, entry)) {
        return NULL;
    }
    *entry = (struct entry){.is = {.name = kept}, .next = counting->entries};
    counting->entries = entry;
    counting->n_entries++;
    return &entry->is;
}

/* ---- GPUs ---- */

static unsigned bits(unsigned mask)
{
    return (unsigned)__builtin_popcount(mask);
}

/* Where a slice of some profile could be beside those that stay. */
static unsigned room_beside(const struct gs_model *model, const uint8_t *counts, unsigned taken)
{
    unsigned room = 0;
    for (unsigned p = 0; p < model->n_profiles; p++) {
        const struct gs_profile *profile = &model->profiles[p];
        uint8_t more[GS_PROFILES_MAX];
        memcpy(more, counts, sizeof(more));
        more[p]++;
        if (!gs_model_counts_within_limits(model, more)) {
            continue;
        }
        for (unsigned start = 0; start < model->memory_units; start++) {
            unsigned span = gs_profile_span(profile, start);
            if ((profile->starts >> start & 1) != 0 && (span & taken) == 0) {
                room |= span;
            }
        }
    }
    return room;
}

/* The same, remembered. `rooms` may be NULL. */
static unsigned find_room(struct room *rooms, const struct gs_model *model, const uint8_t *counts,
                          unsigned taken)
{
    uint32_t hash = taken * 2654435761u;
    if (rooms == NULL) {
        return room_beside(model, counts, taken);
    }
    for (unsigned p = 0; p < model->n_profiles; p++) {
        hash = (hash ^ counts[p]) * 16777619u;
    }
    struct room *room = &rooms[(hash >> 16 ^ hash) % ROOMS];
    if (room->model != model || room->taken != taken ||
        memcmp(room->counts, counts, sizeof(room->counts)) != 0) {
        room->model = model;
        room->taken = (uint16_t)taken;
        memcpy(room->counts, counts, sizeof(room->counts));
        room->is = room_beside(model, counts, taken);
    }
    return room->is;
}

static void count_units(struct room *rooms, const struct gs_store_gpu *gpu,
                        uint64_t ret[GS_TALLY_UNITS])
{
    const struct gs_model *model = gpu->model;
    uint8_t counts[GS_PROFILES_MAX] = {0};
    unsigned all = (1u << model->memory_units) - 1;
    unsigned held = 0;
    unsigned sick = 0;
    memset(ret, 0, GS_TALLY_UNITS * sizeof(ret[0]));
    if (!gpu->healthy || !gpu->mig) {
        ret[!gpu->healthy     ? GS_TALLY_UNITS_SICK
            : gpu->whole_held ? GS_TALLY_UNITS_HELD
                              : GS_TALLY_UNITS_IDLE] = model->memory_units;
        return;
    }
    for (unsigned i = 0; i < gpu->n_slices; i++) {
        const struct gs_store_slice *slice = &gpu->slices[i];
        if (slice->profile >= model->n_profiles || slice->state == GS_GPUNODE_FREE) {
            continue;
        }
        unsigned span = gs_profile_span(&model->profiles[slice->profile], slice->start) & all;
        counts[slice->profile]++;
        *(slice->state == GS_GPUNODE_SICK ? &sick : &held) |= span;
    }
    sick &= ~held;
    unsigned idle = find_room(rooms, model, counts, held | sick) & all;
    ret[GS_TALLY_UNITS_HELD] = bits(held);
    ret[GS_TALLY_UNITS_SICK] = bits(sick);
    ret[GS_TALLY_UNITS_IDLE] = bits(idle);
    ret[GS_TALLY_UNITS_STRANDED] = bits(all & ~(held | sick | idle));
}

void gs_tally_gpu(const struct gs_store_gpu *gpu, uint64_t ret[GS_TALLY_UNITS])
{
    count_units(NULL, gpu, ret);
}

static void count_gpu(struct room *rooms, struct gs_tally_pool *pool,
                      const struct gs_store_gpu *gpu)
{
    bool known = gpu->model != NULL;
    struct gs_tally_model *model = model_of(pool, known ? gpu->model->id : GS_TALLY_OTHER);
    uint64_t units[GS_TALLY_UNITS];
    model->gpus[!gpu->healthy     ? GS_TALLY_GPU_SICK
                : gpu->mig        ? GS_TALLY_GPU_CUT
                : gpu->whole_held ? GS_TALLY_GPU_HELD
                                  : GS_TALLY_GPU_IDLE]++;
    for (unsigned i = 0; i < gpu->n_slices; i++) {
        const struct gs_store_slice *slice = &gpu->slices[i];
        bool named = known && slice->profile < gpu->model->n_profiles;
        struct gs_tally_profile *profile =
            profile_of(pool, named ? gpu->model->profiles[slice->profile].name : GS_TALLY_OTHER);
        profile->slices[slice->state]++;
    }
    if (known && gpu->model->placements_known) {
        count_units(rooms, gpu, units);
        for (unsigned i = 0; i < GS_TALLY_UNITS; i++) {
            model->units[i] += units[i];
        }
    }
}

/* ---- nodes ---- */

/* What the node costs an hour on demand. What is paid on the spot market changes, and we do not see
 * it. */
static uint64_t price_of(struct counting *counting, const struct gs_store_node *node)
{
    const char *type = node->node.instance_type;
    const char *region = counting->options->region[0] != '\0'
                             ? counting->options->region
                             : gs_kubenode_label(&node->node, "topology.kubernetes.io/region");
    const struct gs_instance *instance;
    uint64_t uusd;
    if (type == NULL || type[0] == '\0' ||
        strcmp(gs_kubenode_label(&node->node, "karpenter.sh/capacity-type"), "spot") == 0) {
        return GS_MONEY_NOT_KNOWN;
    }
    if (counting->type == NULL || strcmp(type, counting->type) != 0 ||
        strcmp(region, counting->region) != 0) {
        counting->type = type;
        counting->region = region;
        bool known = gs_instance_find(gs_view(type), &instance, NULL) == 0 &&
                     gs_instance_price(instance, gs_view(region), &uusd, NULL) == 0;
        counting->uusd = known ? uusd : GS_MONEY_NOT_KNOWN;
    }
    return counting->uusd;
}

static enum gs_money_use use_of(const struct gs_store_slice *slice)
{
    return slice->state == GS_GPUNODE_FREE   ? GS_MONEY_FREE
           : slice->state == GS_GPUNODE_SICK ? GS_MONEY_SICK
                                             : GS_MONEY_HELD;
}

/* A node that is beyond a bound of the money counts as one without a price. GS_NO_MEMORY. */
static int count_dollars(struct counting *counting, const struct gs_store_node *node,
                         struct gs_tally_pool *pool, struct gs_err *err)
{
    struct gs_money_gpu gpus[GS_GPUNODE_GPUS_MAX];
    struct gs_money_slice slices[GS_GPUNODE_GPUS_MAX][GS_MEMORY_UNITS_MAX];
    const struct gs_money_node priced = {.uusd_h = price_of(counting, node),
                                         .starting = node->starting,
                                         .gpus = gpus,
                                         .n_gpus = node->n_gpus};
    bool known = priced.uusd_h != GS_MONEY_NOT_KNOWN && node->n_gpus <= GS_GPUNODE_GPUS_MAX;
    for (unsigned g = 0; known && g < node->n_gpus; g++) {
        const struct gs_store_gpu *gpu = &node->gpus[g];
        for (unsigned i = 0; i < gpu->n_slices; i++) {
            slices[g][i] = (struct gs_money_slice){.profile = gpu->slices[i].profile,
                                                   .start = gpu->slices[i].start,
                                                   .use = use_of(&gpu->slices[i])};
        }
        gpus[g] = (struct gs_money_gpu){.model = gpu->model,
                                        .mig = gpu->mig,
                                        .sick = !gpu->healthy,
                                        .held = gpu->whole_held,
                                        .slices = slices[g],
                                        .n_slices = gpu->n_slices};
    }
    struct gs_money_sum *sum = &counting->sum;
    memset(sum, 0, offsetof(struct gs_money_sum, kinds)); /* a big one, for each node */
    sum->n_kinds = 0;
    int r =
        known ? gs_money_node(counting->options->money, &priced, sum, NULL, NULL, err) : GS_UNKNOWN;
    if (r != 0) {
        pool->unpriced++;
        return r == GS_NO_MEMORY ? r : 0;
    }
    pool->priced++;
    pool->uusd[GS_TALLY_PART_USED] += sum->used;
    pool->uusd[GS_TALLY_PART_IDLE] += sum->idle;
    pool->uusd[GS_TALLY_PART_STRANDED] += sum->stranded;
    pool->uusd[GS_TALLY_PART_STARTING] += sum->starting;
    return 0;
}

static bool counts_as_ours(const struct gs_store_node *node)
{
    return node->known && (node->has_gpus || node->slicepool[0] != '\0' || node->node.gpus > 0 ||
                           node->node.n_slices > 0);
}

static void count_wishes(struct counting *counting, const struct gs_store_node *node,
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

static int count_node(struct counting *counting, const struct gs_store_node *node,
                      struct gs_err *err)
{
    struct gs_tally_pool *pool = pool_of(counting->tally, node->slicepool);
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
    for (unsigned i = 0; i < node->n_gpus; i++) {
        count_gpu(counting->rooms, pool, &node->gpus[i]);
    }
    return count_dollars(counting, node, pool, err);
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

static bool count_pod(struct counting *counting, const struct gs_store_pod *pod)
{
    if (pod->waiting == NULL && (pod->node == NULL || pod->n_wants == 0)) {
        return true;
    }
    struct gs_tally_namespace *row = namespace_of(counting, pod->key);
    if (row == NULL) {
        return false;
    }
    if (pod->waiting != NULL) {
        uint64_t since = pod->waiting->wait.created_us;
        uint64_t age = counting->options->real_us > since ? counting->options->real_us - since : 0;
        uint64_t *longest = &counting->tally->longest_wait_us;
        row->waiting[next_of(pod)]++;
        *longest = *longest == UINT64_MAX || age > *longest ? age : *longest;
        return true;
    }
    for (unsigned i = 0; i < pod->n_wants; i++) {
        *(pod->wants[i].resource == 0 ? &row->gpus : &row->slices) += pod->wants[i].count;
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

static int keep_namespaces(struct counting *counting, struct gs_err *err)
{
    struct gs_tally *tally = counting->tally;
    size_t n = 0;
    struct gs_tally_namespace *rows =
        GS_ARENA_NEW(counting->arena, struct gs_tally_namespace, counting->n_entries + 1);
    if (rows == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory to count namespaces");
    }
    for (const struct entry *entry = counting->entries; entry != NULL; entry = entry->next) {
        rows[n++] = entry->is;
    }
    qsort(rows, n, sizeof(rows[0]), by_weight);
    tally->namespaces = rows;
    tally->n_namespaces = (unsigned)(n > GS_TALLY_NAMESPACES_MAX ? GS_TALLY_NAMESPACES_MAX : n);
    if (n > GS_TALLY_NAMESPACES_MAX) {
        struct gs_tally_namespace rest = {.name = GS_TALLY_OTHER};
        for (size_t i = GS_TALLY_NAMESPACES_MAX; i < n; i++) {
            rest.slices += rows[i].slices;
            rest.gpus += rows[i].gpus;
            for (unsigned k = 0; k < GS_TALLY_NEXTS; k++) {
                rest.waiting[k] += rows[i].waiting[k];
            }
        }
        rows[tally->n_namespaces++] = rest;
    }
    return 0;
}

int gs_tally(const struct gs_tally_options *options, struct gs_arena *arena, struct gs_tally *ret,
             struct gs_err *err)
{
    struct gs_tally tally = {.oldest_recut_us = UINT64_MAX, .longest_wait_us = UINT64_MAX};
    struct counting counting = {.options = options, .arena = arena, .tally = &tally};
    bool ok = true;
    size_t at = 0;
    int r = 0;
    tally.pools = GS_ARENA_NEW(arena, struct gs_tally_pool, GS_TALLY_POOLS_MAX);
    if (tally.pools == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory to count nodes");
    }
    for (const struct gs_store_node *node;
         r == 0 && (node = gs_map_next(&options->store->nodes, &at)) != NULL;) {
        r = counts_as_ours(node) ? count_node(&counting, node, err) : 0;
    }
    if (r != 0) {
        return r;
    }
    at = 0;
    for (const struct gs_store_pod *pod;
         ok && (pod = gs_map_next(&options->store->pods, &at)) != NULL;) {
        ok = count_pod(&counting, pod);
    }
    qsort(tally.pools, tally.n_pools, sizeof(tally.pools[0]), by_name);
    r = ok ? keep_namespaces(&counting, err)
           : gs_fail(err, GS_NO_MEMORY, "no memory to count pods");
    gs_map_done(&counting.namespaces);
    if (r == 0) {
        *ret = tally;
    }
    return r;
}
