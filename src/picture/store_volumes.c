#include "picture/store_volumes.h"

#include <stddef.h>

#include "base/hash.h"

#define ARENA_BYTES_MAX ((size_t)4 << 20)

void gs_store_volumes_init(struct gs_store_volumes *volumes)
{
    *volumes = (struct gs_store_volumes){.of = NULL};
    gs_arena_init(&volumes->arena, &gs_alloc_heap, ARENA_BYTES_MAX);
}

void gs_store_volumes_done(struct gs_store_volumes *volumes)
{
    gs_volumes_free(volumes->of);
    gs_arena_done(&volumes->arena);
}

int gs_store_volumes_fold(struct gs_store_waiting *waiting, struct gs_err *err)
{
    struct gs_store_volumes *volumes = &waiting->volumes;
    gs_arena_done(&volumes->arena);
    volumes->constraint = NULL;
    return volumes->of == NULL ? 0
                               : gs_volumes_fold(volumes->of, waiting->pod.constraint,
                                                 &volumes->arena, &volumes->constraint, err);
}

int gs_store_set_volumes(struct gs_store_pod *pod, struct gs_volumes *volumes, uint64_t again_us,
                         struct gs_err *err)
{
    struct gs_store_volumes *kept = &pod->waiting->volumes;
    kept->again_us = again_us;
    if (volumes == NULL) {
        return 0;
    }
    gs_volumes_free(kept->of);
    kept->of = volumes;
    int r = gs_store_volumes_fold(pod->waiting, err);
    if (r != 0) { /* not known, rather than without what they require */
        gs_volumes_free(kept->of);
        kept->of = NULL;
    }
    return r;
}

const struct gs_constraint *gs_store_constraint(const struct gs_store_waiting *waiting)
{
    return waiting->volumes.constraint != NULL ? waiting->volumes.constraint
                                               : waiting->pod.constraint;
}

/* ---- who has a claim ---- */

_Static_assert(offsetof(struct gs_store_pod, wants) % _Alignof(uint32_t) == 0 &&
                   sizeof(struct gs_store_want) % _Alignof(uint32_t) == 0,
               "hashes behind the wants lie as numbers have to");

static uint32_t *hashes_of(struct gs_store_pod *pod)
{
    return (uint32_t *)(void *)(pod->wants + pod->n_wants);
}

unsigned gs_store_count_claims(const struct gs_kubepod *read)
{
    unsigned n = 0;
    for (size_t i = 0; i < read->n_claims; i++) {
        n += !read->claims[i].own;
    }
    return n;
}

void gs_store_put_claims(struct gs_store_pod *pod, const struct gs_kubepod *read)
{
    uint32_t *hashes = hashes_of(pod);
    for (size_t i = 0; i < read->n_claims; i++) {
        if (!read->claims[i].own) {
            *hashes++ = gs_hash_on(GS_HASH_EMPTY, read->claims[i].name);
        }
    }
}

static bool has_claim(struct gs_store_pod *pod, uint32_t hash)
{
    const uint32_t *hashes = hashes_of(pod);
    bool has = false;
    for (unsigned i = 0; i < pod->n_claims; i++) {
        has |= hashes[i] == hash;
    }
    return has;
}

/* Pods of the namespace that are on nodes: those of its shapes. */
static const struct gs_store_pod *find_user(const struct gs_store_pod *pod, uint32_t hash)
{
    for (const struct gs_store_shape *shape = pod->shape->space->shapes; shape != NULL;
         shape = shape->next) {
        for (struct gs_store_pod *one = shape->pods; one != NULL; one = one->next_alike) {
            if (one != pod && has_claim(one, hash)) {
                return one;
            }
        }
    }
    return NULL;
}

const struct gs_store_pod *gs_store_volume_user(const struct gs_store_pod *pod,
                                                const char **ret_claim)
{
    const struct gs_volumes *volumes = pod->waiting->volumes.of;
    const struct gs_store_pod *user = NULL;
    for (size_t i = 0; volumes != NULL && user == NULL && i < volumes->n_one_pods; i++) {
        user = find_user(pod, gs_hash_on(GS_HASH_EMPTY, volumes->one_pods[i]));
        *ret_claim = volumes->one_pods[i];
    }
    return user;
}
