#include "node/prefer_work.h"

#include <assert.h>

/* ---- whole GPUs ---- */

/* The GPUs of one NUMA node; those without one are a node of their own. */
struct numa_node {
    int32_t id;
    unsigned n;  /* available */
    bool opened; /* it is needed in any case */
};

static struct numa_node *node_of(struct numa_node *nodes, unsigned *n, int32_t id)
{
    int32_t own = id < 0 ? -1 : id;
    for (unsigned i = 0; i < *n; i++) {
        if (nodes[i].id == own) {
            return &nodes[i];
        }
    }
    nodes[*n] = (struct numa_node){.id = own};
    return &nodes[(*n)++];
}

/* Whether `a` should be taken from before `b` where `need` are wanted: one that is open; one that
 * has them all, with as little as possible left over; else the one with the most. */
static bool is_better(const struct numa_node *a, const struct numa_node *b, unsigned need)
{
    if (a->opened != b->opened) {
        return a->opened;
    }
    if ((a->n >= need) != (b->n >= need)) {
        return a->n >= need;
    }
    if (a->n != b->n) {
        return a->n >= need ? a->n < b->n : a->n > b->n;
    }
    return a->id < b->id;
}

/* Takes what the node has, as much as is needed. */
static void take_node(struct gs_prefer_work *work, struct numa_node *node)
{
    const struct gs_offer_resource *resource = work->with->resource;
    for (unsigned i = 0; i < resource->n && work->need > 0; i++) {
        int32_t id = resource->devices[i].numa_node < 0 ? -1 : resource->devices[i].numa_node;
        if (id == node->id && work->available[i] != NULL) {
            gs_prefer_take(work, i, 0);
        }
    }
    node->n = 0;
}

int gs_prefer_whole(struct gs_prefer_work *work)
{
    const struct gs_offer_resource *resource = work->with->resource;
    struct numa_node *nodes = GS_ARENA_NEW(work->arena, struct numa_node, resource->n);
    unsigned n = 0;
    if (nodes == NULL) {
        return gs_prefer_no_memory(work);
    }
    for (unsigned i = 0; i < resource->n; i++) {
        struct numa_node *node = node_of(nodes, &n, resource->devices[i].numa_node);
        node->n += work->available[i] != NULL ? 1 : 0;
        node->opened = node->opened || work->required[i];
    }
    while (work->need > 0) {
        struct numa_node *best = NULL;
        for (unsigned i = 0; i < n; i++) {
            if (nodes[i].n > 0 && (best == NULL || is_better(&nodes[i], best, work->need))) {
                best = &nodes[i];
            }
        }
        assert(best != NULL); /* there are enough: gs_prefer counted them */
        take_node(work, best);
    }
    return 0;
}

/* ---- replicas ---- */

/* One device and its replicas. */
struct shared {
    unsigned free;
    unsigned taken;  /* by anybody: what is not free */
    unsigned picked; /* in this choice */
};

/* NVIDIA's rule: fewest (distributed) or most (packed) replicas taken; of equals the one that was
 * picked from least; then the first. */
static bool comes_before(const struct shared *a, const struct shared *b, bool packed)
{
    if (a->taken != b->taken) {
        return packed ? a->taken > b->taken : a->taken < b->taken;
    }
    return a->picked < b->picked;
}

static unsigned next_device(const struct shared *devices, unsigned n, bool packed)
{
    unsigned best = n;
    for (unsigned i = 0; i < n; i++) {
        if (devices[i].free > 0 &&
            (best == n || comes_before(&devices[i], &devices[best], packed))) {
            best = i;
        }
    }
    return best;
}

static void take_replica(struct gs_prefer_work *work, unsigned device)
{
    unsigned replicas = work->with->resource->replicas;
    for (unsigned r = 0; r < replicas; r++) {
        if (work->available[(size_t)device * replicas + r] != NULL) {
            gs_prefer_take(work, device, r);
            return;
        }
    }
}

int gs_prefer_replicas(struct gs_prefer_work *work)
{
    const struct gs_offer_resource *resource = work->with->resource;
    bool packed = work->with->config->replica_policy == GS_REPLICA_PACKED;
    struct shared *devices = GS_ARENA_NEW(work->arena, struct shared, resource->n);
    if (devices == NULL) {
        return gs_prefer_no_memory(work);
    }
    for (unsigned i = 0; i < resource->n; i++) {
        for (unsigned r = 0; r < resource->replicas; r++) {
            bool is_free = work->available[(size_t)i * resource->replicas + r] != NULL;
            devices[i].free += is_free ? 1 : 0;
            devices[i].taken += is_free ? 0 : 1;
        }
    }
    while (work->need > 0) {
        unsigned i = next_device(devices, resource->n, packed);
        take_replica(work, i);
        devices[i].free--;
        devices[i].taken++;
        devices[i].picked++;
    }
    return 0;
}
