#include "node/gone.h"

#include <stdint.h>
#include <string.h>

#include "base/hash.h"

enum { SLOTS_FIRST = 16 };

static int fail_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for devices that are gone");
}

static uint64_t hash_of(const struct gs_offer_gone *device)
{
    return gs_hash64_fold(
        gs_hash64_on(gs_hash64_on(GS_HASH64_EMPTY, device->id), device->resource));
}

/* The slot of the device, or the free one where it would go. */
static unsigned *look(const struct gs_gone *gone, const struct gs_offer_gone *device)
{
    size_t i = hash_of(device) & (gone->n_slots - 1);
    while (gone->slots[i] != 0) {
        const struct gs_offer_gone *there = &gone->at[gone->slots[i] - 1];
        if (strcmp(there->id, device->id) == 0 && strcmp(there->resource, device->resource) == 0) {
            break;
        }
        i = (i + 1) & (gone->n_slots - 1);
    }
    return &gone->slots[i];
}

/* Half of the slots stay free. */
static bool make_room(struct gs_gone *gone)
{
    if (!gs_arena_room(gone->arena, &gone->at, &gone->cap, gone->n, sizeof(*gone->at))) {
        return false;
    }
    if (2 * (gone->n + 1) <= gone->n_slots) {
        return true;
    }
    struct gs_gone wider = *gone;
    wider.n_slots = gone->n_slots == 0 ? SLOTS_FIRST : 2 * gone->n_slots;
    wider.slots = GS_ARENA_NEW(gone->arena, unsigned, wider.n_slots);
    if (wider.slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < gone->n; i++) {
        *look(&wider, &gone->at[i]) = (unsigned)i + 1;
    }
    *gone = wider;
    return true;
}

/* Devices of one resource come after each other, and share its name. */
static bool copy_texts(const struct gs_gone *gone, struct gs_offer_gone *device)
{
    const char *last = gone->n == 0 ? "" : gone->at[gone->n - 1].resource;
    device->resource = strcmp(last, device->resource) == 0
                           ? last
                           : gs_arena_text(gone->arena, device->resource, strlen(device->resource));
    device->id = gs_arena_text(gone->arena, device->id, strlen(device->id));
    return device->resource != NULL && device->id != NULL;
}

int gs_gone_add(struct gs_gone *gone, const struct gs_offer_gone *device, struct gs_err *err)
{
    struct gs_offer_gone kept = *device;
    if (gone->n_slots > 0 && *look(gone, device) != 0) {
        return 0;
    }
    if (gone->n == GS_OFFER_GONE_MAX) {
        return gs_fail(err, GS_LIMIT,
                       "found more than %d devices that are gone and that are held, or may be (%s "
                       "of %s)",
                       GS_OFFER_GONE_MAX, device->id, device->resource);
    }
    if (!make_room(gone) || (gone->copies && !copy_texts(gone, &kept))) {
        return fail_memory(err);
    }
    *look(gone, &kept) = (unsigned)gone->n + 1;
    gone->at[gone->n++] = kept;
    return 0;
}
