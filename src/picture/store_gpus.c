/* The GPUs of the store's nodes, from GpuNode objects, and the wishes that are on their way. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "core/catalog.h"
#include "picture/store_nodes.h"
#include "wire/kubejson.h"

#define GPUNODE_BYTES_MAX ((size_t)4 << 20)
#define WISH_BYTES_MAX ((size_t)64 << 10)
/* What was sent and is not in the watch by then was not taken. */
#define WISH_SHOWS_US 10000000ull

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the GPUs of a node");
}

static void free_wish(struct gs_store_wish *wish)
{
    gs_arena_done(&wish->arena);
    free(wish);
}

static void free_gpus(struct gs_store_node *node)
{
    free(node->gpus);
    node->gpus = NULL;
    node->n_gpus = 0;
    node->has_gpus = false;
}

void gs_store_gpus_free(struct gs_store_node *node)
{
    free_gpus(node);
    while (node->wishes != NULL) {
        struct gs_store_wish *next = node->wishes->next;
        free_wish(node->wishes);
        node->wishes = next;
    }
}

const struct gs_store_gpu *gs_store_gpu_of(const struct gs_store_node *node, const char *uuid)
{
    for (unsigned i = 0; i < node->n_gpus; i++) {
        if (strcmp(node->gpus[i].uuid, uuid) == 0) {
            return &node->gpus[i];
        }
    }
    return NULL;
}

/* ---- wishes ---- */

static const struct gs_gpunode_gpu *gpu_of(const struct gs_gpunode *gpus, const char *uuid)
{
    for (unsigned i = 0; i < gpus->n_gpus; i++) {
        if (strcmp(gpus->gpus[i].uuid, uuid) == 0) {
            return &gpus->gpus[i];
        }
    }
    return NULL;
}

static bool is_answered(const struct gs_gpunode *gpus, const struct gs_gpunode_wish *wish)
{
    const struct gs_gpunode_gpu *gpu = gpu_of(gpus, wish->uuid);
    return gpu == NULL ||
           (strcmp(gpu->decision.id, wish->id) == 0 && gpu->decision.result != GS_GPUNODE_NONE &&
            gpu->decision.result != GS_GPUNODE_RUNNING);
}

static const struct gs_gpunode_wish *wish_of(const struct gs_gpunode *gpus, const char *id)
{
    for (unsigned i = 0; i < gpus->n_wishes; i++) {
        if (strcmp(gpus->wishes[i].id, id) == 0) {
            return &gpus->wishes[i];
        }
    }
    return NULL;
}

static bool copy_texts(struct gs_arena *arena, const char **const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        *texts[i] = gs_arena_text(arena, *texts[i], strlen(*texts[i]));
        if (*texts[i] == NULL) {
            return false;
        }
    }
    return true;
}

static bool copy_wish(struct gs_arena *arena, struct gs_gpunode_wish *wish)
{
    const char **const texts[] = {&wish->id, &wish->uuid, &wish->layout, &wish->reason};
    struct gs_gpunode_pod *pods = GS_ARENA_NEW(arena, struct gs_gpunode_pod, wish->n_pods);
    bool ok = pods != NULL && copy_texts(arena, texts, GS_ARRAY_LEN(texts));
    for (unsigned i = 0; ok && i < wish->n_pods; i++) {
        const char **const of_pod[] = {&pods[i].name_space, &pods[i].name, &pods[i].uid};
        pods[i] = wish->pods[i];
        ok = copy_texts(arena, of_pod, GS_ARRAY_LEN(of_pod));
    }
    wish->pods = pods;
    return ok;
}

static void take_out(struct gs_store_node *node, struct gs_store_wish **at)
{
    struct gs_store_wish *wish = *at;
    *at = wish->next;
    node->store->n_wishes--;
    free_wish(wish);
}

void gs_store_unwish(struct gs_store_node *node, const char *id)
{
    char gone[GS_GPUNODE_ID_MAX + 1]; /* `id` may be the wish's own */
    (void)snprintf(gone, sizeof(gone), "%s", id);
    gs_store_touch(node);
    for (struct gs_store_wish **at = &node->wishes; *at != NULL;) {
        if (strcmp((*at)->wish.id, gone) == 0) {
            take_out(node, at);
        } else {
            at = &(*at)->next;
        }
    }
}

int gs_store_wish(struct gs_store_node *node, const struct gs_gpunode_wish *wish, uint64_t now_us,
                  struct gs_err *err)
{
    struct gs_store_wish *ours = calloc(1, sizeof(*ours));
    if (ours == NULL) {
        return no_memory(err);
    }
    gs_arena_init(&ours->arena, &gs_alloc_heap, WISH_BYTES_MAX);
    ours->wish = *wish;
    ours->since_us = now_us;
    if (!copy_wish(&ours->arena, &ours->wish)) {
        free_wish(ours);
        return no_memory(err);
    }
    for (struct gs_store_wish **at = &node->wishes; *at != NULL;) {
        if (strcmp((*at)->wish.uuid, wish->uuid) == 0) {
            take_out(node, at);
        } else {
            at = &(*at)->next;
        }
    }
    gs_store_touch(node);
    ours->next = node->wishes;
    node->wishes = ours;
    node->store->n_wishes++;
    return 0;
}

/* Wishes that are still open: what the object has and the agent has not answered, and what was
 * sent and does not show yet. */
static int settle_wishes(struct gs_store_node *node, const struct gs_gpunode *gpus, uint64_t now_us,
                         struct gs_err *err)
{
    for (struct gs_store_wish **at = &node->wishes; *at != NULL;) {
        struct gs_store_wish *wish = *at;
        bool stands = wish_of(gpus, wish->wish.id) != NULL;
        bool late = !stands && (wish->shows || now_us >= wish->since_us + WISH_SHOWS_US);
        wish->shows |= stands;
        if (late || is_answered(gpus, &wish->wish)) {
            take_out(node, at);
        } else {
            at = &wish->next;
        }
    }
    int r = 0;
    for (unsigned i = 0; r == 0 && i < gpus->n_wishes; i++) {
        bool known = false;
        for (const struct gs_store_wish *one = node->wishes; one != NULL; one = one->next) {
            known |= strcmp(one->wish.uuid, gpus->wishes[i].uuid) == 0;
        }
        if (!known && !is_answered(gpus, &gpus->wishes[i])) {
            r = gs_store_wish(node, &gpus->wishes[i], now_us, err);
            if (r == 0) {
                node->wishes->shows = true;
            }
        }
    }
    return r;
}

/* ---- what is kept of a GPU ---- */

/* 4 bytes for each of a million slices, where the names would be a hundred. Where two pods of one
 * node have the same number neither is moved (movers.c). */
uint32_t gs_store_holder(const char *name_space, const char *name)
{
    uint32_t hash = gs_hash_on(gs_hash_on(gs_hash_on(GS_HASH_EMPTY, name_space), "/"), name);
    return hash == 0 ? 1 : hash;
}

static unsigned n_kept(const struct gs_gpunode_gpu *from)
{
    return from->n_slices < GS_MEMORY_UNITS_MAX ? from->n_slices : GS_MEMORY_UNITS_MAX;
}

/* Into *slices, which is behind them then. */
static void keep_slices(const struct gs_gpunode_gpu *from, struct gs_store_gpu *to,
                        struct gs_store_slice **slices)
{
    to->slices = *slices;
    to->n_slices = (uint8_t)n_kept(from);
    for (unsigned k = 0; k < to->n_slices; k++) {
        const struct gs_gpunode_slice *slice = &from->slices[k];
        int profile = to->model == NULL ? -1 : gs_model_profile_index(to->model, &slice->profile);
        *(*slices)++ = (struct gs_store_slice){
            .profile = profile < 0 ? GS_STORE_NO_PROFILE : (uint8_t)profile,
            .start = slice->start,
            .state = (uint8_t)slice->state,
            .plain = slice->plain,
            .holder = slice->holder.name[0] == '\0'
                          ? 0
                          : gs_store_holder(slice->holder.name_space, slice->holder.name),
        };
    }
}

/* The model of GPU i, after those before it, as a node's are mostly alike. NULL: not known. */
static const struct gs_model *model_of(const struct gs_gpunode *from, unsigned i,
                                       const struct gs_store_gpu *gpus)
{
    const char *name = from->gpus[i].model;
    const struct gs_model *model = NULL;
    if (i > 0 && strcmp(name, from->gpus[i - 1].model) == 0) {
        return gpus[i - 1].model;
    }
    return name[0] != '\0' && gs_catalog_find(gs_view(name), &model, NULL) == 0 ? model : NULL;
}

static void keep_gpu(const struct gs_gpunode_gpu *from, struct gs_store_gpu *to,
                     struct gs_store_slice **slices)
{
    to->revision = from->revision;
    to->mig = from->mig;
    to->healthy = from->healthy;
    to->whole_held = from->whole_held;
    keep_slices(from, to, slices);
}

static char *put_text(char **at, const char *text)
{
    size_t n = strlen(text) + 1;
    char *here = *at;
    memcpy(here, text, n);
    *at += n;
    return here;
}

/* All of it in one piece of memory: the GPUs, and behind them their slices and the texts. */
static int keep_gpus(struct gs_store_node *node, const struct gs_gpunode *from, struct gs_err *err)
{
    size_t n_texts = strlen(from->resource_version) + 1;
    size_t n_slices = 0;
    for (unsigned i = 0; i < from->n_gpus; i++) {
        n_slices += n_kept(&from->gpus[i]);
        n_texts += strlen(from->gpus[i].uuid) + 1;
    }
    struct gs_store_slice *slices = NULL;
    struct gs_store_gpu *gpus =
        calloc(1, from->n_gpus * sizeof(*gpus) + n_slices * sizeof(*slices) + n_texts);
    if (gpus == NULL) {
        return no_memory(err);
    }
    slices = (struct gs_store_slice *)(void *)(gpus + from->n_gpus);
    char *at = (char *)(slices + n_slices);
    for (unsigned i = 0; i < from->n_gpus; i++) {
        gpus[i].model = model_of(from, i, gpus);
        keep_gpu(&from->gpus[i], &gpus[i], &slices);
        gpus[i].uuid = put_text(&at, from->gpus[i].uuid);
    }
    node->gpus_version = put_text(&at, from->resource_version);
    node->wish_after_us = 0;
    node->gpus = gpus;
    node->n_gpus = from->n_gpus;
    node->has_gpus = true;
    return 0;
}

static int take_gpunode(struct gs_store_node *node, const json_t *object, uint64_t now_us,
                        struct gs_err *err)
{
    struct gs_arena arena;
    struct gs_gpunode read;
    gs_arena_init(&arena, &gs_alloc_heap, GPUNODE_BYTES_MAX);
    int r = gs_gpunode_parse(object, &arena, &read, err);
    r = r == 0 ? keep_gpus(node, &read, err) : r;
    r = r == 0 ? settle_wishes(node, &read, now_us, err) : r;
    gs_arena_done(&arena);
    return r;
}

int gs_store_gpunode(struct gs_store *store, const struct json_t *object, bool gone,
                     uint64_t now_us, struct gs_err *err)
{
    const char *name =
        json_string_value(json_object_get(json_object_get(object, "metadata"), "name"));
    if (name == NULL || !gs_kubejson_is_name(name)) {
        store->refused++;
        return gs_fail(err, GS_INVALID, "a GpuNode without a name; expected metadata.name");
    }
    struct gs_store_node *node = gs_store_node_named(store, name);
    if (node == NULL) {
        return no_memory(err);
    }
    store->changed = true;
    gs_store_touch(node);
    free_gpus(node);
    if (gone) {
        return 0;
    }
    int r = take_gpunode(node, object, now_us, err);
    store->refused += r == GS_INVALID || r == GS_LIMIT;
    node->gpu_seen = true;
    node->gpus_at_us = now_us;
    return r;
}
