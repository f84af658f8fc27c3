#include "node/offer.h"

#include <stdio.h>
#include <string.h>

#include "node/gone.h"

enum { REPLICA_DIGITS = 10 }; /* of an unsigned */

static int fail_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for a list of devices");
}

const struct gs_offer_resource *gs_offer_find(const struct gs_offer *offer, const char *name)
{
    for (unsigned i = 0; i < offer->n_resources; i++) {
        if (strcmp(offer->resources[i].name, name) == 0) {
            return &offer->resources[i];
        }
    }
    return NULL;
}

void gs_offer_device_id(const struct gs_offer_resource *resource,
                        const struct gs_offer_device *device, unsigned replica,
                        char ret_id[GS_DEVICE_ID_MAX])
{
    if (resource->shared) {
        snprintf(ret_id, GS_DEVICE_ID_MAX, "%s::%u", device->uuid, replica);
    } else {
        snprintf(ret_id, GS_DEVICE_ID_MAX, "%s", device->uuid);
    }
}

struct gs_view gs_offer_id_uuid(const char *id)
{
    const char *sign = strstr(id, "::");
    return sign == NULL ? gs_view(id) : (struct gs_view){.p = id, .n = (size_t)(sign - id)};
}

/* The replica's number of an id, in the form that gs_offer_device_id writes. */
static bool read_replica(const struct gs_offer_resource *resource, const char *id, size_t n_uuid,
                         unsigned *ret)
{
    uint64_t replica;
    *ret = GS_NOT_KNOWN;
    if (!resource->shared) {
        return id[n_uuid] == '\0';
    }
    if (id[n_uuid] == '\0' ||
        !gs_view_is_integer(gs_view(id + n_uuid + 2), resource->replicas - 1, &replica)) {
        return false;
    }
    *ret = (unsigned)replica;
    return true;
}

static int compare(struct gs_view uuid, const char *other)
{
    int order = strncmp(uuid.p, other, uuid.n);
    return order != 0 ? order : other[uuid.n] == '\0' ? 0 : -1;
}

const struct gs_offer_device *gs_offer_device_find(const struct gs_offer_resource *resource,
                                                   const char *id, unsigned *ret_replica)
{
    struct gs_view uuid = gs_offer_id_uuid(id);
    unsigned low = 0;
    unsigned high = resource->n;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        const struct gs_offer_device *device = &resource->devices[resource->by_uuid[middle]];
        int order = compare(uuid, device->uuid);
        if (order == 0) {
            return read_replica(resource, id, uuid.n, ret_replica) ? device : NULL;
        }
        low = order > 0 ? middle + 1 : low;
        high = order > 0 ? high : middle;
    }
    return NULL;
}

const struct gs_offer_device *gs_offer_device_of(const struct gs_offer_resource *resource,
                                                 const struct gs_slice_id *slice)
{
    for (unsigned i = 0; i < resource->n; i++) {
        if (gs_slice_id_eq(&resource->devices[i].slice, slice)) {
            return &resource->devices[i];
        }
    }
    return NULL;
}

bool gs_offer_marked(const struct gs_offer_device *device, const struct gs_offer_mark *marks,
                     unsigned n_marks, const struct gs_offer_mark **ret)
{
    for (unsigned i = 0; i < n_marks; i++) {
        const struct gs_slice_id *slice = &marks[i].slice;
        bool part = slice->gpu == device->slice.gpu &&
                    (slice->gi == GS_NOT_KNOWN) != (device->slice.gi == GS_NOT_KNOWN);
        if ((marks[i].sick || marks[i].retiring) &&
            (part || gs_slice_id_eq(slice, &device->slice))) {
            *ret = &marks[i];
            return true;
        }
    }
    return false;
}

/* A list while it is filled. */
struct filling {
    struct gs_dp_device *devices;
    unsigned n;
};

/* "<uuid>::<replica>" at `at`; behind its end. A list has tens of thousands of these. */
static char *write_id(char *at, const char *uuid, size_t n_uuid, unsigned replica)
{
    char digits[REPLICA_DIGITS];
    unsigned n = 0;
    do {
        digits[n++] = (char)('0' + replica % 10);
        replica /= 10;
    } while (replica > 0);
    memcpy(at, uuid, n_uuid);
    at += n_uuid;
    *at++ = ':';
    *at++ = ':';
    while (n > 0) {
        *at++ = digits[--n];
    }
    *at++ = '\0';
    return at;
}

/* A device with its replicas. */
static int put_device(struct gs_arena *arena, const struct gs_offer_resource *resource,
                      const struct gs_offer_device *device, bool healthy, struct filling *list)
{
    size_t n_uuid = strlen(device->uuid);
    char *at = NULL;
    if (resource->shared) {
        at = gs_arena_get_raw(arena, resource->replicas, n_uuid + REPLICA_DIGITS + 3);
        if (at == NULL) {
            return GS_NO_MEMORY;
        }
    }
    for (unsigned i = 0; i < resource->replicas; i++) {
        const char *id = resource->shared ? at : device->uuid;
        at = resource->shared ? write_id(at, device->uuid, n_uuid, i) : at;
        list->devices[list->n++] =
            (struct gs_dp_device){.id = id, .healthy = healthy, .numa_node = device->numa_node};
    }
    return 0;
}

/* Those that are gone and that are of `name`, each once. */
static int pick_gone(const char *name, const struct gs_offer_resource *resource,
                     const struct gs_offer_gone *gone, unsigned n_gone, unsigned room,
                     struct gs_gone *ret, struct gs_err *err)
{
    int r = 0;
    for (unsigned i = 0; r == 0 && i < n_gone && ret->n < room; i++) {
        unsigned replica;
        if (strcmp(gone[i].resource, name) == 0 &&
            (resource == NULL || gs_offer_device_find(resource, gone[i].id, &replica) == NULL)) {
            r = gs_gone_add(ret, &gone[i], err);
        }
    }
    return r;
}

int gs_offer_list(struct gs_arena *arena, const char *name,
                  const struct gs_offer_resource *resource, const struct gs_offer_mark *marks,
                  unsigned n_marks, const struct gs_offer_gone *gone, unsigned n_gone,
                  struct gs_dp_list *ret, struct gs_err *err)
{
    struct gs_gone kept = {.arena = arena};
    unsigned n_here = resource == NULL ? 0 : resource->n * resource->replicas;
    unsigned room = n_here < GS_OFFER_DEVICES_MAX ? GS_OFFER_DEVICES_MAX - n_here : 0;
    if (n_gone > GS_OFFER_GONE_MAX) {
        return gs_fail(err, GS_LIMIT,
                       "%s: found %u devices that are gone and held; expected %d at most", name,
                       n_gone, GS_OFFER_GONE_MAX);
    }
    int r = pick_gone(name, resource, gone, n_gone, room, &kept, err);
    if (r < 0) {
        return r;
    }
    struct filling list = {.devices = GS_ARENA_NEW(arena, struct gs_dp_device, n_here + kept.n)};
    if (list.devices == NULL) {
        return fail_memory(err);
    }
    for (unsigned i = 0; resource != NULL && i < resource->n; i++) {
        const struct gs_offer_device *device = &resource->devices[i];
        const struct gs_offer_mark *mark;
        bool healthy = !device->unusable && !gs_offer_marked(device, marks, n_marks, &mark);
        if (put_device(arena, resource, device, healthy, &list) < 0) {
            return fail_memory(err);
        }
    }
    for (size_t i = 0; i < kept.n; i++) {
        list.devices[list.n++] = (struct gs_dp_device){
            .id = kept.at[i].id, .healthy = false, .numa_node = kept.at[i].numa_node};
    }
    *ret = (struct gs_dp_list){.n = list.n, .devices = list.devices};
    return 0;
}

bool gs_offer_list_eq(const struct gs_dp_list *a, const struct gs_dp_list *b)
{
    if (a->n != b->n) {
        return false;
    }
    for (unsigned i = 0; i < a->n; i++) {
        const struct gs_dp_device *x = &a->devices[i];
        const struct gs_dp_device *y = &b->devices[i];
        if (strcmp(x->id, y->id) != 0 || x->healthy != y->healthy ||
            (x->numa_node != y->numa_node && (x->numa_node >= 0 || y->numa_node >= 0))) {
            return false;
        }
    }
    return true;
}
