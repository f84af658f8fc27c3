/* Objects as they are now: what is kept of SlicePools and of Karpenter's kinds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "controller/pools/work.h"

#define OWNER_BYTES_MAX ((size_t)1 << 20)
#define OBJECT_BYTES_MAX ((size_t)256 << 10)
#define DEMAND_BYTES_MAX ((size_t)256 << 20)

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for what is known of Karpenter's objects");
}

/* ---- SlicePools ---- */

static void free_owner(struct gs_pools_owner *owner)
{
    gs_arena_done(&owner->arena);
    gs_arena_done(&owner->demand_arena);
    free(owner);
}

void gs_pools_forget_owner(struct gs_pools *pools, const char *name)
{
    struct gs_pools_owner *owner = gs_map_take(&pools->owners, name);
    if (owner != NULL) {
        free_owner(owner);
    }
}

/* One whose spec cannot be read is kept without it. */
static int read_owner(const json_t *object, struct gs_arena *arena, struct gs_slicepool *ret,
                      char unread[GS_POOLS_TEXT_MAX], struct gs_err *err)
{
    struct gs_err why = {.code = GS_OK};
    unread[0] = '\0';
    int r = gs_slicepool_parse(object, arena, ret, &why);
    if (r != GS_INVALID && r != GS_LIMIT) {
        return r == 0 ? 0 : gs_fail(err, why.code, "%s", why.msg);
    }
    gs_arena_done(arena);
    gs_arena_init(arena, &gs_alloc_heap, OWNER_BYTES_MAX);
    r = gs_slicepool_parse_head(object, arena, ret, err);
    snprintf(unread, GS_POOLS_TEXT_MAX, "%s", why.msg);
    return r;
}

static int take_owner(struct gs_pools *pools, const json_t *object, bool gone, struct gs_err *err)
{
    char unread[GS_POOLS_TEXT_MAX];
    struct gs_slicepool pool;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, OWNER_BYTES_MAX);
    int r = read_owner(object, &arena, &pool, unread, err);
    if (r != 0 || gone) {
        if (r == 0) {
            gs_pools_forget_owner(pools, pool.name);
        }
        gs_arena_done(&arena);
        return r;
    }
    struct gs_pools_owner *owner = gs_map_find(&pools->owners, pool.name);
    if (owner == NULL) {
        owner = calloc(1, sizeof(*owner));
        if (owner == NULL) {
            gs_arena_done(&arena);
            return no_memory(err);
        }
        gs_arena_init(&owner->arena, &gs_alloc_heap, OWNER_BYTES_MAX);
        gs_arena_init(&owner->demand_arena, &gs_alloc_heap, DEMAND_BYTES_MAX);
    }
    struct gs_arena old = owner->arena; /* the map's key lives in it */
    owner->arena = arena;
    owner->pool = pool;
    owner->seen = true;
    owner->stale = true;
    owner->n_offers = 0;
    if (unread[0] != '\0' && strcmp(owner->unread, unread) != 0) {
        gs_log_warning("nothing is bought: %s", unread);
    }
    memcpy(owner->unread, unread, sizeof(unread));
    if (!gs_map_put(&pools->owners, owner->pool.name, owner)) {
        free_owner(owner);
        return no_memory(err);
    }
    gs_arena_done(&old);
    return 0;
}

/* ---- NodePools and NodeOverlays ---- */

static void free_part(struct gs_pools_part *part)
{
    json_decref(part->pool);
    json_decref(part->overlay);
    gs_arena_done(&part->arena);
    free(part);
}

struct gs_pools_part *gs_pools_part(struct gs_pools *pools, const char *name)
{
    struct gs_pools_part *part = gs_map_find(&pools->parts, name);
    if (part != NULL) {
        return part;
    }
    part = calloc(1, sizeof(*part));
    if (part == NULL) {
        return NULL;
    }
    snprintf(part->name, sizeof(part->name), "%s", name);
    gs_arena_init(&part->arena, &gs_alloc_heap, OBJECT_BYTES_MAX);
    part->closed = "";
    if (!gs_map_put(&pools->parts, part->name, part)) {
        free_part(part);
        return NULL;
    }
    return part;
}

/* With neither object, and nothing under way, there is nothing to remember. */
void gs_pools_forget_part(struct gs_pools *pools, struct gs_pools_part *part)
{
    if (part->pool == NULL && part->overlay == NULL && !part->pool_acting &&
        !part->overlay_acting) {
        (void)gs_map_take(&pools->parts, part->name);
        free_part(part);
    }
}

/* What an object of before our change says does not count. */
static void take_record(struct gs_pools_part *part, const struct gs_karpenter_record *seen)
{
    part->record_ours = part->record_ours && (part->record.failed_starts != seen->failed_starts ||
                                              part->record.closed_until_s != seen->closed_until_s ||
                                              part->record.lost_uusd != seen->lost_uusd ||
                                              part->record.scarce_tries != seen->scarce_tries ||
                                              part->record.scarce_since_s != seen->scarce_since_s ||
                                              part->record.scarce_until_s != seen->scarce_until_s);
    if (!part->record_ours) {
        part->record = *seen;
    }
}

/* Whether what Karpenter says of the NodePool is about its template as it is now. It looks at it
 * anew after each change, of the limits too, which do not matter for that: until then what it has
 * said holds. Otherwise a NodePool would be closed and opened in turn. */
static bool is_judged(const struct gs_pools_part *part, const json_t *object,
                      const struct gs_karpenter_pool_seen *seen)
{
    const json_t *before = json_object_get(json_object_get(part->pool, "spec"), "template");
    const json_t *now = json_object_get(json_object_get(object, "spec"), "template");
    return seen->ready.current || (part->judged && json_equal(before, now));
}

static int take_pool(struct gs_pools *pools, json_t *object, bool gone, struct gs_err *err)
{
    struct gs_karpenter_pool_seen seen;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, OBJECT_BYTES_MAX);
    int r = gs_karpenter_read_pool(object, &arena, &seen, err);
    bool ours = r == 0 && seen.slicepool[0] != '\0' && strlen(seen.name) <= GS_KARPENTER_NAME_MAX;
    struct gs_pools_part *part = !ours  ? NULL
                                 : gone ? gs_map_find(&pools->parts, seen.name)
                                        : gs_pools_part(pools, seen.name);
    if (part == NULL) {
        gs_arena_done(&arena);
        return r != 0 || !ours || gone ? r : no_memory(err);
    }
    part->judged = !gone && is_judged(part, object, &seen);
    json_decref(part->pool);
    part->pool = gone ? NULL : json_incref(object);
    if (gone) {
        gs_arena_done(&arena);
        part->has = (struct gs_karpenter_pool_seen){.name = NULL};
        gs_pools_forget_part(pools, part);
        return 0;
    }
    gs_arena_done(&part->arena);
    part->arena = arena;
    part->has = seen;
    part->pool_seen = true;
    snprintf(part->owner, sizeof(part->owner), "%s", seen.slicepool);
    take_record(part, &seen.record);
    return 0;
}

/* Of an overlay that is not ours only the weight counts. */
static int take_foreign(struct gs_pools *pools, const char *name, uint32_t weight, bool gone,
                        struct gs_err *err)
{
    char *old = gs_map_take(&pools->foreign, name);
    free(old);
    if (gone) {
        return 0;
    }
    size_t n = strlen(name) + 1;
    char *entry = malloc(sizeof(uint32_t) + n);
    if (entry == NULL) {
        return no_memory(err);
    }
    memcpy(entry, &weight, sizeof(weight));
    memcpy(entry + sizeof(weight), name, n);
    if (!gs_map_put(&pools->foreign, entry + sizeof(weight), entry)) {
        free(entry);
        return no_memory(err);
    }
    return 0;
}

static int take_overlay(struct gs_pools *pools, json_t *object, bool gone, struct gs_err *err)
{
    struct gs_karpenter_overlay_seen seen;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, OBJECT_BYTES_MAX);
    int r = gs_karpenter_read_overlay(object, &arena, &seen, err);
    if (r == 0 && (seen.slicepool[0] == '\0' || strlen(seen.name) > GS_KARPENTER_NAME_MAX)) {
        r = take_foreign(pools, seen.name, seen.weight, gone, err);
    } else if (r == 0) {
        struct gs_pools_part *part =
            gone ? gs_map_find(&pools->parts, seen.name) : gs_pools_part(pools, seen.name);
        r = part == NULL && !gone ? no_memory(err) : 0;
        if (part != NULL) {
            json_decref(part->overlay);
            part->overlay = gone ? NULL : json_incref(object);
            part->overlay_seen = true;
            part->valid = gone ? (struct gs_karpenter_condition){.current = false} : seen.valid;
            part->overlay_weight = gone ? 0 : seen.weight;
            if (part->owner[0] == '\0') {
                snprintf(part->owner, sizeof(part->owner), "%s", seen.slicepool);
            }
        }
        if (part != NULL && gone) {
            gs_pools_forget_part(pools, part);
        }
    }
    gs_arena_done(&arena);
    return r;
}

/* ---- NodeClaims ---- */

static void free_claim(struct gs_pools_claim *claim)
{
    gs_arena_done(&claim->arena);
    free(claim);
}

void gs_pools_forget_claim(struct gs_pools *pools, struct gs_pools_claim *claim, bool shown)
{
    if (shown) {
        gs_pools_lost_claim(pools, claim);
    }
    (void)gs_map_take(&pools->claims, claim->has.name);
    free_claim(claim);
}

static int take_claim(struct gs_pools *pools, const json_t *object, bool gone, struct gs_err *err)
{
    struct gs_karpenter_claim_seen seen;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, OBJECT_BYTES_MAX);
    int r = gs_karpenter_read_claim(object, &arena, &seen, err);
    struct gs_pools_claim *claim = r != 0 ? NULL : gs_map_find(&pools->claims, seen.name);
    if (r != 0 || gone) {
        if (claim != NULL) {
            gs_pools_forget_claim(pools, claim, gone);
        }
        gs_arena_done(&arena);
        return r;
    }
    if (claim == NULL) {
        claim = calloc(1, sizeof(*claim));
        if (claim == NULL) {
            gs_arena_done(&arena);
            return no_memory(err);
        }
        gs_arena_init(&claim->arena, &gs_alloc_heap, OBJECT_BYTES_MAX);
        claim->started = seen.initialized; /* not news */
        claim->had = seen.launched;
    }
    struct gs_arena old = claim->arena; /* the map's key lives in it */
    claim->arena = arena;
    claim->has = seen;
    claim->seen = true;
    if (!gs_map_put(&pools->claims, claim->has.name, claim)) {
        free_claim(claim);
        return no_memory(err);
    }
    gs_arena_done(&old);
    return 0;
}

/* ---- all ---- */

int gs_pools_take(struct gs_pools *pools, enum gs_pools_kind kind, const json_t *object, bool gone,
                  struct gs_err *err)
{
    json_t *kept = (json_t *)(uintptr_t)object; /* counted, not changed */
    switch (kind) {
    case GS_POOLS_SLICEPOOLS:
        return take_owner(pools, object, gone, err);
    case GS_POOLS_NODEPOOLS:
        return take_pool(pools, kept, gone, err);
    case GS_POOLS_OVERLAYS:
        return take_overlay(pools, kept, gone, err);
    case GS_POOLS_CLAIMS:
        return take_claim(pools, object, gone, err);
    case GS_POOLS_EVENTS:
        if (!gone) {
            gs_pools_take_event(pools, object);
        }
        return 0;
    case GS_POOLS_KINDS:
        break;
    }
    return 0;
}

void gs_pools_forget_all(struct gs_pools *pools)
{
    size_t at = 0;
    for (struct gs_pools_owner *one; (one = gs_map_next(&pools->owners, &at)) != NULL;) {
        free_owner(one);
    }
    at = 0;
    for (struct gs_pools_part *one; (one = gs_map_next(&pools->parts, &at)) != NULL;) {
        free_part(one);
    }
    at = 0;
    for (struct gs_pools_claim *one; (one = gs_map_next(&pools->claims, &at)) != NULL;) {
        free_claim(one);
    }
    at = 0;
    for (char *one; (one = gs_map_next(&pools->foreign, &at)) != NULL;) {
        free(one);
    }
    gs_map_done(&pools->owners);
    gs_map_done(&pools->parts);
    gs_map_done(&pools->claims);
    gs_map_done(&pools->foreign);
    gs_pools_forget_bought(pools);
}
