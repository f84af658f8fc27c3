#include "node/prefer_work.h"

#include <string.h>

int gs_prefer_no_memory(const struct gs_prefer_work *work)
{
    return gs_fail(work->err, GS_NO_MEMORY, "no memory for a choice of devices");
}

void gs_prefer_take(struct gs_prefer_work *work, unsigned device, unsigned replica)
{
    size_t slot = (size_t)device * work->with->resource->replicas + replica;
    work->ids[work->n_ids++] = work->available[slot];
    work->available[slot] = NULL;
    work->need--;
}

/* The slot of an id; false: the resource has no such device. */
static bool find_slot(const struct gs_offer_resource *resource, const char *id, size_t *ret)
{
    unsigned replica;
    const struct gs_offer_device *device = gs_offer_device_find(resource, id, &replica);
    if (device == NULL) {
        return false;
    }
    *ret = (size_t)(device - resource->devices) * resource->replicas +
           (resource->shared ? replica : 0);
    return true;
}

static int read_required(struct gs_prefer_work *work, const struct gs_dp_ids *ids)
{
    const struct gs_offer_resource *resource = work->with->resource;
    for (unsigned i = 0; i < ids->n; i++) {
        size_t slot;
        if (!find_slot(resource, ids->ids[i], &slot)) {
            return gs_fail(work->err, GS_NOT_FOUND, "%s has no device %.120s, which is required",
                           resource->name, ids->ids[i]);
        }
        if (work->required[slot]) {
            return gs_fail(work->err, GS_INVALID, "found device %s twice among those required",
                           ids->ids[i]);
        }
        work->required[slot] = true;
        work->ids[work->n_ids++] = ids->ids[i];
    }
    return 0;
}

/* Those that may be chosen: known, not required, each once. */
static unsigned read_available(struct gs_prefer_work *work, const struct gs_dp_ids *ids)
{
    unsigned n = 0;
    for (unsigned i = 0; i < ids->n; i++) {
        size_t slot;
        if (find_slot(work->with->resource, ids->ids[i], &slot) && !work->required[slot] &&
            work->available[slot] == NULL) {
            work->available[slot] = ids->ids[i];
            n++;
        }
    }
    return n;
}

static int choose(struct gs_prefer_work *work)
{
    const struct gs_offer_resource *resource = work->with->resource;
    if (resource->shared) {
        return gs_prefer_replicas(work);
    }
    return resource->devices[0].row == GS_NOT_KNOWN ? gs_prefer_whole(work)
                                                    : gs_prefer_slices(work);
}

int gs_prefer(struct gs_arena *arena, const struct gs_prefer *with,
              const struct gs_dp_choice *choice, struct gs_dp_ids *ret, struct gs_err *err)
{
    const struct gs_offer_resource *resource = with->resource;
    size_t slots = (size_t)resource->n * resource->replicas;
    if (choice->must_include.n > choice->size) {
        return gs_fail(err, GS_INVALID, "%s: found %u devices required of %u", resource->name,
                       choice->must_include.n, choice->size);
    }
    if (choice->size > slots) {
        return gs_fail(err, GS_INFEASIBLE, "%s: found %u devices asked for; it has %zu",
                       resource->name, choice->size, slots);
    }
    struct gs_prefer_work work = {
        .arena = arena,
        .with = with,
        .need = choice->size - choice->must_include.n,
        .available = GS_ARENA_NEW(arena, const char *, slots),
        .required = GS_ARENA_NEW(arena, bool, slots),
        .ids = GS_ARENA_NEW(arena, const char *, choice->size),
        .err = err,
    };
    if (work.available == NULL || work.required == NULL || work.ids == NULL) {
        return gs_prefer_no_memory(&work);
    }
    int r = read_required(&work, &choice->must_include);
    if (r < 0) {
        return r;
    }
    unsigned n = read_available(&work, &choice->available);
    if (n < work.need) {
        return gs_fail(err, GS_INFEASIBLE,
                       "%s: found %u devices asked for, %u required and %u "
                       "others available",
                       resource->name, choice->size, choice->must_include.n, n);
    }
    r = work.need == 0 ? 0 : choose(&work);
    if (r == 0) {
        *ret = (struct gs_dp_ids){.n = work.n_ids, .ids = work.ids};
    }
    return r;
}
