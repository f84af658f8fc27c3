#include "picture/store.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/catalog.h"
#include "picture/store_kin.h"
#include "picture/store_nodes.h"
#include "picture/store_shape.h"
#include "picture/store_volumes.h"
#include "wire/kubejson.h"

enum { KEY_BYTES_MAX = 2 * 254 };

#define SCRATCH_BYTES_MAX ((size_t)4 << 20)

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for an object of the cluster");
}

void gs_store_init(struct gs_store *store)
{
    *store = (struct gs_store){.n_resources = 1, .rules_changes = 1, .pieces = gs_alloc_heap};
    store->pieces.exact = true;
}

/* Only those of the catalog have numbers: they are few, while anybody may think of names. */
int gs_store_resource(struct gs_store *store, const struct gs_profile_name *name)
{
    if (!gs_catalog_has_profile(name)) {
        return -1;
    }
    for (unsigned i = 1; i < store->n_resources; i++) {
        if (gs_profile_name_eq(&store->resources[i], name)) {
            return (int)i;
        }
    }
    if (store->n_resources == GS_STORE_RESOURCES_MAX) {
        return -1;
    }
    store->resources[store->n_resources] = *name;
    return (int)store->n_resources++;
}

void gs_store_touch(struct gs_store_node *node)
{
    node->changes++;
    if (!node->dirty) {
        node->dirty = true;
        node->next_dirty = node->store->dirty;
        node->store->dirty = node;
    }
}

/* ---- where a pod is ---- */

static void leave_node(struct gs_store_pod *pod)
{
    struct gs_store_node *node = pod->node != NULL ? pod->node : pod->nominated;
    if (node == NULL) {
        return;
    }
    node->cpu_milli -= pod->cpu_milli;
    node->memory_bytes -= pod->memory_bytes;
    node->n_pods--;
    node->n_nominated -= pod->node == NULL;
    node->n_movable -= pod->kin != NULL;
    gs_store_shape_unsettle(pod, node);
    gs_store_touch(node);
    if (pod->prev != NULL) {
        pod->prev->next = pod->next;
    } else {
        node->pods = pod->next;
    }
    if (pod->next != NULL) {
        pod->next->prev = pod->prev;
    }
    pod->prev = pod->next = NULL;
    pod->node = pod->nominated = NULL;
}

static void join_node(struct gs_store_pod *pod, struct gs_store_node *node, bool bound)
{
    if (node == NULL) {
        return;
    }
    *(bound ? &pod->node : &pod->nominated) = node;
    node->cpu_milli += pod->cpu_milli;
    node->memory_bytes += pod->memory_bytes;
    node->n_pods++;
    node->n_nominated += !bound;
    node->n_movable += pod->kin != NULL;
    gs_store_shape_settle(pod, node);
    gs_store_touch(node);
    pod->next = node->pods;
    if (pod->next != NULL) {
        pod->next->prev = pod;
    }
    node->pods = pod;
}

void gs_store_nominate(struct gs_store_pod *pod, struct gs_store_node *node)
{
    if (pod->node == NULL) {
        leave_node(pod);
        join_node(pod, node, false);
    }
}

void gs_store_taken(const struct gs_store_node *node,
                    struct gs_store_taken ret[GS_STORE_RESOURCES_MAX])
{
    memset(ret, 0, sizeof(*ret) * GS_STORE_RESOURCES_MAX);
    for (const struct gs_store_pod *pod = node->pods; pod != NULL; pod = pod->next) {
        for (unsigned i = 0; i < pod->n_wants; i++) {
            struct gs_store_taken *taken = &ret[pod->wants[i].resource];
            taken->all += pod->wants[i].count;
            taken->bound += pod->node != NULL ? pod->wants[i].count : 0;
        }
    }
}

/* ---- pods ---- */

static void drop_waiting(struct gs_store *store, struct gs_store_pod *pod)
{
    struct gs_store_waiting *waiting = pod->waiting;
    if (waiting != NULL) {
        *(waiting->prev != NULL ? &waiting->prev->next : &store->waiting) = waiting->next;
        if (waiting->next != NULL) {
            waiting->next->prev = waiting->prev;
        }
        gs_store_volumes_done(&waiting->volumes);
        gs_arena_done(&waiting->arena);
        free(waiting);
        pod->waiting = NULL;
        store->n_waiting--;
    }
}

static void free_pod(struct gs_store *store, struct gs_store_pod *pod)
{
    leave_node(pod);
    gs_store_kin_leave(store, pod->kin);
    gs_store_shape_leave(store, pod->shape);
    store->n_stand_ins -= pod->stand_in;
    free(pod);
}

static void forget_pod(struct gs_store *store, struct gs_store_pod *pod)
{
    (void)gs_map_take(&store->pods, pod->key);
    drop_waiting(store, pod);
    free_pod(store, pod);
    store->changed = true;
}

/* A pod with what it takes, in one piece of memory. */
static struct gs_store_pod *make_pod(const struct gs_kubepod *read, const struct gs_kubewait *wait,
                                     const struct gs_store_want *wants, unsigned n)
{
    size_t n_key = strlen(read->id) + 1;
    size_t n_uid = strlen(wait->uid) + 1;
    unsigned n_claims = gs_store_count_claims(read);
    size_t n_hashes = n_claims * sizeof(uint32_t);
    struct gs_store_pod *pod =
        calloc(1, sizeof(*pod) + n * sizeof(*wants) + n_hashes + n_key + n_uid);
    if (pod == NULL) {
        return NULL;
    }
    char *text = (char *)(pod->wants + n) + n_hashes;
    memcpy(pod->wants, wants, n * sizeof(*wants));
    memcpy(text, read->id, n_key);
    memcpy(text + n_key, wait->uid, n_uid);
    pod->key = text;
    pod->uid = text + n_key;
    pod->n_wants = (uint8_t)n;
    pod->n_claims = (uint8_t)n_claims;
    gs_store_put_claims(pod, read);
    pod->cpu_milli = read->cpu_milli;
    pod->memory_bytes = read->memory_bytes;
    uint64_t created_s = wait->created_us / 1000000;
    pod->created_s = created_s < UINT32_MAX ? (uint32_t)created_s : UINT32_MAX;
    pod->holder = gs_store_holder(read->name_space, read->name);
    pod->deleting = read->deleting;
    pod->daemon = read->mirror || strcmp(read->owner_kind, "DaemonSet") == 0 ||
                  strcmp(read->owner_kind, "Node") == 0;
    pod->stand_in = wait->warm[0] != '\0' && read->node == NULL;
    pod->unschedulable = pod->stand_in && wait->unschedulable;
    return pod;
}

/* What it asks for, by the store's numbers; what no GPU has is left out. */
static unsigned number_wants(struct gs_store *store, const struct gs_kubepod *read,
                             struct gs_store_want ret[GS_STORE_POD_WANTS_MAX])
{
    unsigned n = 0;
    for (size_t i = 0; i < read->n_wants; i++) {
        const struct gs_want *want = &read->wants[i];
        int resource = want->whole_gpu ? 0 : gs_store_resource(store, &want->profile);
        if (resource >= 0) {
            ret[n++] = (struct gs_store_want){.resource = (uint16_t)resource,
                                              .count = (uint16_t)want->count};
        }
    }
    return n;
}

/* Why it is not for us to decide; NULL: it is. */
static const char *let_go(const struct gs_kubepod *read, const struct gs_kubewait *wait)
{
    bool slices = false;
    for (size_t i = 0; i < read->n_wants; i++) {
        slices |= !read->wants[i].whole_gpu;
    }
    return read->refused != NULL                        ? read->refused
           : wait->warm[0] != '\0'                      ? "it keeps slices warm"
           : strcmp(read->owner_kind, "DaemonSet") == 0 ? "a DaemonSet places it"
           : !slices                                    ? "it asks for no slice"
                                                        : NULL;
}

/* The pod waits: all that was read of it stays, with the arena that it is in. What we know of its
 * waiting stays too. */
static int keep_waiting(struct gs_store *store, struct gs_store_pod *pod, struct gs_arena *arena,
                        const struct gs_kubepod *read, const struct gs_kubewait *wait,
                        uint64_t now_us, struct gs_err *err)
{
    struct gs_store_waiting *waiting = pod->waiting;
    if (waiting == NULL) {
        waiting = calloc(1, sizeof(*waiting));
        if (waiting == NULL) {
            return no_memory(err);
        }
        waiting->since_us = now_us;
        gs_store_volumes_init(&waiting->volumes);
        waiting->next = store->waiting;
        if (waiting->next != NULL) {
            waiting->next->prev = waiting;
        }
        store->waiting = waiting;
        pod->waiting = waiting;
        store->n_waiting++;
    } else {
        gs_arena_done(&waiting->arena);
    }
    waiting->of = pod;
    waiting->pod = *read;
    waiting->wait = *wait;
    waiting->let_go = let_go(read, wait);
    waiting->arena = *arena;
    gs_arena_init(arena, &gs_alloc_heap, SCRATCH_BYTES_MAX);
    return gs_store_volumes_fold(waiting, err);
}

/* The pod as it was read takes the place of the one we knew; what we know beside stays with it. */
static int replace(struct gs_store *store, const struct json_t *object,
                   const struct gs_kubepod *read, const struct gs_kubewait *wait,
                   struct gs_store_pod **ret, struct gs_err *err)
{
    struct gs_store_want wants[GS_STORE_POD_WANTS_MAX];
    unsigned n = number_wants(store, read, wants);
    struct gs_store_pod *pod = make_pod(read, wait, wants, n);
    struct gs_store_pod *old = gs_map_find(&store->pods, read->id);
    bool failed = pod == NULL;
    if (pod != NULL) {
        pod->kin = gs_store_kin_of(store, read, wait, &failed);
        pod->shape = gs_store_shape_of(store, object, read, err);
        failed |= pod->shape == NULL;
    }
    if (failed || !gs_map_put(&store->pods, pod->key, pod)) {
        if (pod != NULL) {
            gs_store_kin_leave(store, pod->kin);
            gs_store_shape_leave(store, pod->shape);
            free(pod);
        }
        return no_memory(err);
    }
    store->n_stand_ins += pod->stand_in;
    if (old != NULL) {
        if (strcmp(old->uid, pod->uid) == 0) {
            pod->waiting = GS_TAKE(old->waiting);
        } else {
            drop_waiting(store, old);
        }
        free_pod(store, old);
    }
    *ret = pod;
    return 0;
}

/* Where it is, as the API server has it; or as we have asked it to be, while that does not show. */
static int settle_place(struct gs_store *store, struct gs_store_pod *pod,
                        const struct gs_kubepod *read, const struct gs_kubewait *wait,
                        struct gs_store_node *asked, struct gs_err *err)
{
    const char *name = read->node != NULL ? read->node : wait->nominated;
    if (pod->stand_in) {
        return 0; /* nothing is ever its own */
    }
    if (name[0] == '\0') {
        join_node(pod, pod->waiting != NULL ? asked : NULL, false);
        return 0;
    }
    struct gs_store_node *node = gs_store_node_named(store, name);
    if (node == NULL) {
        return no_memory(err);
    }
    join_node(pod, node, read->node != NULL);
    return 0;
}

static bool is_live(const struct gs_kubepod *read)
{
    return read->phase != GS_KUBEPOD_SUCCEEDED && read->phase != GS_KUBEPOD_FAILED;
}

/* For slices, or for its gate to go. */
static bool waits(const struct gs_kubepod *read, const struct gs_kubewait *wait)
{
    return read->node == NULL && read->phase == GS_KUBEPOD_PENDING && !read->deleting &&
           (wait->gated || let_go(read, wait) == NULL);
}

static int take_pod(struct gs_store *store, const struct json_t *object, struct gs_arena *arena,
                    const struct gs_kubepod *read, const struct gs_kubewait *wait, uint64_t now_us,
                    struct gs_err *err)
{
    struct gs_store_pod *pod = NULL;
    struct gs_store_pod *old = gs_map_find(&store->pods, read->id);
    struct gs_store_node *asked = old != NULL && old->waiting != NULL &&
                                          strcmp(old->uid, wait->uid) == 0 &&
                                          now_us < old->waiting->settles_us
                                      ? old->nominated
                                      : NULL;
    int r = replace(store, object, read, wait, &pod, err);
    if (r != 0) {
        return r;
    }
    if (waits(read, wait)) {
        r = keep_waiting(store, pod, arena, read, wait, now_us, err);
    } else {
        drop_waiting(store, pod);
    }
    r = r == 0 ? settle_place(store, pod, read, wait, asked, err) : r;
    if (r != 0) {
        forget_pod(store, pod);
        return r;
    }
    if (pod->waiting != NULL) {
        struct gs_store_waiting *waiting = pod->waiting;
        if (wait->nominated[0] == '\0') {
            waiting->nominated_us = 0;
        } else if (waiting->nominated_us == 0) {
            waiting->nominated_us = now_us;
        }
    }
    pod->seen = true;
    store->changed = true;
    return 0;
}

/* The API server lets more pass than we reckon with: such a pod is still where it is. */
static int read_pod(const struct json_t *object, struct gs_arena *arena, struct gs_kubepod *ret,
                    struct gs_err *err)
{
    struct gs_err why = {.code = GS_OK};
    int r = gs_kubepod_parse(object, arena, ret, &why);
    bool odd = r == GS_INVALID || r == GS_LIMIT;
    if (r == 0) {
        return 0;
    }
    if (!odd || gs_kubepod_outline(object, why.msg, arena, ret, err) != 0) {
        if (err != NULL) {
            *err = why;
        }
        return r;
    }
    return 0;
}

int gs_store_pod(struct gs_store *store, const struct json_t *object, bool gone, uint64_t now_us,
                 struct gs_err *err)
{
    struct gs_arena scratch;
    struct gs_kubepod read;
    struct gs_kubewait wait;
    gs_arena_init(&scratch, &gs_alloc_heap, SCRATCH_BYTES_MAX);
    int r = read_pod(object, &scratch, &read, err);
    r = r == 0 ? gs_kubewait_parse(object, &scratch, &wait, err) : r;
    if (r == 0 && (gone || !is_live(&read))) {
        struct gs_store_pod *pod = gs_map_find(&store->pods, read.id);
        if (pod != NULL) {
            forget_pod(store, pod);
        }
    } else if (r == 0) {
        r = take_pod(store, object, &scratch, &read, &wait, now_us, err);
    }
    store->refused += r == GS_INVALID || r == GS_LIMIT || (r == 0 && read.refused != NULL && !gone);
    gs_arena_done(&scratch);
    return r;
}

/* ---- lists ---- */

void gs_store_listing(struct gs_store *store, enum gs_store_kind kind)
{
    size_t at = 0;
    if (kind == GS_STORE_PODS) {
        for (struct gs_store_pod *pod; (pod = gs_map_next(&store->pods, &at)) != NULL;) {
            pod->seen = false;
        }
        return;
    }
    for (struct gs_store_node *node; (node = gs_map_next(&store->nodes, &at)) != NULL;) {
        *(kind == GS_STORE_NODES ? &node->seen : &node->gpu_seen) = false;
    }
}

/* Taking out of a map while walking it would lose our place: those that went are found one by one.
 */
static struct gs_store_pod *unseen_pod(struct gs_store *store, size_t *at)
{
    struct gs_store_pod *pod = NULL;
    do {
        pod = gs_map_next(&store->pods, at);
    } while (pod != NULL && pod->seen);
    return pod;
}

void gs_store_listed(struct gs_store *store, enum gs_store_kind kind)
{
    size_t at = 0;
    store->changed = true;
    if (kind == GS_STORE_PODS) {
        for (struct gs_store_pod *pod; (pod = unseen_pod(store, &at)) != NULL; at = 0) {
            forget_pod(store, pod);
        }
        return;
    }
    for (struct gs_store_node *node; (node = gs_map_next(&store->nodes, &at)) != NULL;) {
        if (kind == GS_STORE_NODES && !node->seen) {
            store->n_gone += node->known;
            gs_store_node_hide(node);
            gs_store_touch(node);
        } else if (kind == GS_STORE_GPUNODES && !node->gpu_seen) {
            node->has_gpus = false;
            gs_store_touch(node);
        }
    }
}

struct gs_store_node *gs_store_find_node(const struct gs_store *store, const char *name)
{
    return gs_map_find(&store->nodes, name);
}

struct gs_store_pod *gs_store_find_pod(const struct gs_store *store, const char *key)
{
    return gs_map_find(&store->pods, key);
}

uint32_t gs_store_unobeyed(const struct gs_store_pod *pod)
{
    const struct gs_store_rules *rules = pod->shape == NULL ? NULL : pod->shape->rules;
    uint32_t others = pod->waiting->pod.unobeyed & ~GS_STORE_OBEYED;
    return others | (rules == NULL ? 0 : rules->rules.unread);
}

struct gs_store_pod *gs_store_pod_of(const struct gs_store *store,
                                     const struct gs_gpunode_pod *name)
{
    char key[KEY_BYTES_MAX];
    snprintf(key, sizeof(key), "%s/%s", name->name_space, name->name);
    struct gs_store_pod *pod = gs_map_find(&store->pods, key);
    return pod != NULL && strcmp(pod->uid, name->uid) == 0 ? pod : NULL;
}

void gs_store_done(struct gs_store *store)
{
    size_t at = 0;
    for (struct gs_store_pod *pod; (pod = gs_map_next(&store->pods, &at)) != NULL;) {
        drop_waiting(store, pod);
        free(pod);
    }
    gs_store_kins_done(store);
    gs_store_shapes_done(store);
    at = 0;
    for (struct gs_store_node *node; (node = gs_map_next(&store->nodes, &at)) != NULL;) {
        gs_store_node_free(node);
    }
    gs_map_done(&store->pods);
    gs_map_done(&store->nodes);
    gs_places_done(&store->places);
}
