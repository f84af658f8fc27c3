#include "node/holding_build.h"

#include <stdlib.h>
#include <string.h>

static int fail_memory(struct gs_holding_builder *b)
{
    return gs_fail(b->err, GS_NO_MEMORY, "no memory for who holds which slice");
}

static int compare_places(const void *a, const void *b)
{
    const struct gs_holding_place *x = a;
    const struct gs_holding_place *y = b;
    return strcmp(x->uuid, y->uuid);
}

static int list_places(struct gs_holding_builder *b)
{
    const struct gs_snapshot *snapshot = b->snapshot;
    size_t n = (size_t)snapshot->n_gpus + snapshot->n_slices;
    b->slices = GS_ARENA_NEW(b->arena, struct gs_held, snapshot->n_slices);
    b->gpus = GS_ARENA_NEW(b->arena, struct gs_held, snapshot->n_gpus);
    b->places = GS_ARENA_NEW(b->arena, struct gs_holding_place, n);
    if (b->slices == NULL || b->gpus == NULL || b->places == NULL) {
        return fail_memory(b);
    }
    for (unsigned g = 0; g < snapshot->n_gpus; g++) {
        const struct gs_snapshot_gpu *gpu = &snapshot->gpus[g];
        b->places[b->n_places++] = (struct gs_holding_place){.uuid = gpu->facts.uuid,
                                                             .held = &b->gpus[g],
                                                             .numa_node = gpu->numa_node,
                                                             .gpu = g,
                                                             .whole = true};
        for (unsigned i = gpu->first; i < gpu->first + gpu->n; i++) {
            b->places[b->n_places++] = (struct gs_holding_place){.uuid = snapshot->slices[i].uuid,
                                                                 .held = &b->slices[i],
                                                                 .numa_node = gpu->numa_node,
                                                                 .gpu = g};
        }
    }
    if (b->n_places > 0) {
        qsort(b->places, b->n_places, sizeof(*b->places), compare_places);
    }
    return 0;
}

struct gs_holding_place *gs_holding_find_place(const struct gs_holding_builder *b, const char *id)
{
    struct gs_view uuid = gs_offer_id_uuid(id);
    size_t low = 0;
    size_t high = b->n_places;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *other = b->places[middle].uuid;
        int order = strncmp(uuid.p, other, uuid.n);
        if (order == 0 && other[uuid.n] == '\0') {
            return &b->places[middle];
        }
        if (order > 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

void gs_holding_mark(struct gs_held *held, const struct gs_holder *by, uint32_t pid)
{
    if (held->why == 0) {
        held->name_space = by->name_space;
        held->pod = by->pod;
        held->container = by->container;
        held->pod_uid = by->pod_uid;
        held->pid = pid;
    }
    held->why |= by->why;
}

void gs_holding_mark_slices(struct gs_holding_builder *b, unsigned g, const struct gs_holder *by)
{
    const struct gs_snapshot_gpu *gpu = &b->snapshot->gpus[g];
    for (unsigned i = gpu->first; i < gpu->first + gpu->n; i++) {
        gs_holding_mark(&b->slices[i], by, GS_NOT_KNOWN);
    }
}

/* Notes the container as one that has the place, once, however many replicas of it it has. One that
 * pod-resources shows is not noted again from the kubelet's record. */
static int note_holder(struct gs_holding_builder *b, struct gs_holding_place *place,
                       const struct gs_holder *by, const char *id)
{
    bool counts = by->why == GS_HOLD_POD ||
                  (by->why == GS_HOLD_CHECKPOINT && (place->held->why & GS_HOLD_POD) == 0);
    if (!counts || place->counted == by->key) {
        return 0;
    }
    if (!gs_arena_room(b->arena, &b->entries, &b->cap_entries, b->n_entries, sizeof(*b->entries))) {
        return fail_memory(b);
    }
    uint64_t replica = GS_NOT_KNOWN;
    const char *sign = strstr(id, "::");
    if (sign != NULL) {
        (void)gs_view_is_u64(gs_view(sign + 2), GS_OFFER_DEVICES_MAX, &replica);
    }
    b->entries[b->n_entries++] = (struct gs_holding_entry){
        .held = place->held,
        .by = {.name_space = by->name_space,
               .pod = by->pod,
               .container = by->container,
               .pod_uid = by->pod_uid,
               .replica = (unsigned)replica},
    };
    place->held->n_holders++;
    place->counted = by->key;
    return 0;
}

/* Marks what an id names. */
static int hold_place(struct gs_holding_builder *b, struct gs_holding_place *place,
                      const struct gs_holder *by, const char *id)
{
    int r = note_holder(b, place, by, id);
    gs_holding_mark(place->held, by, GS_NOT_KNOWN);
    if (place->whole) {
        gs_holding_mark_slices(b, place->gpu, by);
    }
    return r;
}

bool gs_holding_is_ours(const char *resource)
{
    return strcmp(resource, "nvidia.com/gpu") == 0 ||
           strcmp(resource, "nvidia.com/gpu.shared") == 0 ||
           strncmp(resource, "nvidia.com/mig-", 15) == 0;
}

int gs_holding_note_stranger(struct gs_holding_builder *b, const char *resource, const char *id)
{
    unsigned replica;
    const struct gs_offer_resource *offered = gs_offer_find(b->input->offer, resource);
    if (!gs_holding_is_ours(resource) ||
        (offered != NULL && gs_offer_device_find(offered, id, &replica) != NULL)) {
        return 0;
    }
    const struct gs_holding_place *place = gs_holding_find_place(b, id);
    const struct gs_offer_gone stranger = {
        .resource = resource, .id = id, .numa_node = place == NULL ? -1 : place->numa_node};
    return gs_gone_add(&b->strangers, &stranger, b->err);
}

int gs_holding_mark_ids(struct gs_holding_builder *b, const struct gs_holder *by,
                        const char *resource, const char *const *ids, unsigned n_ids)
{
    for (unsigned i = 0; i < n_ids; i++) {
        struct gs_holding_place *place = gs_holding_find_place(b, ids[i]);
        int r = place == NULL ? 0 : hold_place(b, place, by, ids[i]);
        r = r < 0 ? r : gs_holding_note_stranger(b, resource, ids[i]);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* Puts the containers of each slice and GPU beside each other. */
static int sort_holders(struct gs_holding_builder *b, struct gs_held *list, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct gs_held *held = &list[i];
        struct gs_held_by *own = NULL;
        unsigned found = 0;
        if (held->n_holders == 0) {
            continue;
        }
        own = GS_ARENA_NEW(b->arena, struct gs_held_by, held->n_holders);
        if (own == NULL) {
            return fail_memory(b);
        }
        for (size_t e = 0; e < b->n_entries && found < held->n_holders; e++) {
            if (b->entries[e].held == held) {
                own[found++] = b->entries[e].by;
            }
        }
        held->holders = own;
    }
    return 0;
}

/* The first reason, which is the one that names. */
static unsigned first_of(unsigned why)
{
    return why & (0u - why);
}

/* A GPU is held by who holds one of its slices. */
static void join_gpus(struct gs_holding_builder *b)
{
    for (unsigned g = 0; g < b->snapshot->n_gpus; g++) {
        const struct gs_snapshot_gpu *gpu = &b->snapshot->gpus[g];
        struct gs_held *held = &b->gpus[g];
        for (unsigned i = gpu->first; i < gpu->first + gpu->n; i++) {
            const struct gs_held *slice = &b->slices[i];
            unsigned holders = held->n_holders + slice->n_holders;
            unsigned why = held->why | slice->why;
            if (slice->why != 0 && (held->why == 0 || first_of(slice->why) < first_of(held->why))) {
                const struct gs_held_by *own = held->holders;
                *held = *slice;
                held->holders = own;
            }
            held->n_holders = holders;
            held->why = why;
        }
    }
}

static const char *text_of(struct gs_holding_builder *b, const struct gs_held *held)
{
    if ((held->why & (GS_HOLD_POD | GS_HOLD_CHECKPOINT)) != 0) {
        return held->pod[0] == '\0' ? gs_arena_printf(b->arena, "pod %s, container %s",
                                                      held->pod_uid, held->container)
                                    : gs_arena_printf(b->arena, "pod %s/%s, container %s",
                                                      held->name_space, held->pod, held->container);
    }
    if ((held->why & GS_HOLD_GRANT) != 0) {
        return "a container that the kubelet is about to start";
    }
    if ((held->why & GS_HOLD_PROCESS) != 0) {
        return held->pod_uid[0] == '\0'
                   ? gs_arena_printf(b->arena, "process %u", held->pid)
                   : gs_arena_printf(b->arena, "process %u of pod %s", held->pid, held->pod_uid);
    }
    return (held->why & GS_HOLD_UNREADABLE) == 0
               ? ""
               : gs_arena_printf(b->arena, "not known: %s could not be read", held->container);
}

static int finish(struct gs_holding_builder *b, struct gs_held *list, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct gs_held *held = &list[i];
        if (held->why == 0) {
            *held = (struct gs_held){
                .name_space = "", .pod = "", .container = "", .pod_uid = "", .pid = GS_NOT_KNOWN};
        }
        held->text = text_of(b, held);
        if (held->text == NULL) {
            return fail_memory(b);
        }
        if ((held->why & ~(unsigned)GS_HOLD_UNREADABLE) == 0) {
            held->container = ""; /* it was what could not be read */
        }
    }
    return 0;
}

int gs_holding_new(struct gs_arena *arena, const struct gs_holding_input *input,
                   struct gs_holding *ret, struct gs_err *err)
{
    struct gs_holding_builder b = {.arena = arena,
                                   .input = input,
                                   .snapshot = input->offer->snapshot,
                                   .strangers = {.arena = arena},
                                   .err = err};
    int r = list_places(&b);
    r = r < 0 ? r : gs_holding_read(&b);
    r = r < 0 ? r : sort_holders(&b, b.slices, b.snapshot->n_slices);
    r = r < 0 ? r : sort_holders(&b, b.gpus, b.snapshot->n_gpus);
    if (r < 0) {
        return r;
    }
    join_gpus(&b);
    r = finish(&b, b.slices, b.snapshot->n_slices);
    r = r < 0 ? r : finish(&b, b.gpus, b.snapshot->n_gpus);
    if (r < 0) {
        return r;
    }
    *ret = (struct gs_holding){
        .n_slices = b.snapshot->n_slices,
        .slices = b.slices,
        .n_gpus = b.snapshot->n_gpus,
        .gpus = b.gpus,
        .n_strangers = (unsigned)b.strangers.n,
        .strangers = b.strangers.at,
        .conditions = b.conditions,
    };
    return 0;
}

static bool is_shown(const struct gs_podres_list *listed, const char *resource, const char *id)
{
    for (unsigned p = 0; p < listed->n; p++) {
        for (unsigned c = 0; c < listed->pods[p].n_containers; c++) {
            const struct gs_podres_container *container = &listed->pods[p].containers[c];
            for (unsigned d = 0; d < container->n_devices; d++) {
                const struct gs_podres_devices *devices = &container->devices[d];
                bool same = strcmp(devices->resource, resource) == 0;
                for (unsigned i = 0; same && i < devices->n_ids; i++) {
                    if (strcmp(devices->ids[i], id) == 0) {
                        return true;
                    }
                }
            }
        }
    }
    return false;
}

bool gs_holding_shows(const struct gs_podres_list *listed, const struct gs_holder_grant *grant)
{
    for (unsigned i = 0; i < grant->n_ids; i++) {
        if (!is_shown(listed, grant->resource, grant->ids[i])) {
            return false;
        }
    }
    return true;
}
