#include <stdio.h>
#include <stdlib.h>

#include "agent/offering_work.h"
#include "base/clock.h"
#include "base/log.h"

#define OFFER_BYTES_MAX ((size_t)16 << 20)
/* GS_OFFER_GONE_MAX of them, and what grew in between */
#define GONE_BYTES_MAX ((size_t)64 << 20)

int gs_offering_no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for what is offered");
}

int gs_offering_new(const struct gs_offering_options *options, struct gs_offering **ret,
                    struct gs_err *err)
{
    struct gs_offering *offering = calloc(1, sizeof(*offering));
    if (offering == NULL) {
        return gs_offering_no_memory(err);
    }
    offering->options = *options;
    offering->grants = gs_grants_new();
    gs_arena_init(&offering->arena, &gs_alloc_heap, OFFER_BYTES_MAX);
    gs_arena_init(&offering->gone_arena, &gs_alloc_heap, GONE_BYTES_MAX);
    offering->gone = (struct gs_gone){.arena = &offering->gone_arena, .copies = true};
    gs_health_init(&offering->health, &gs_alloc_heap);
    gs_health_rules_init(&offering->rules, options->config);
    if (offering->grants == NULL) {
        gs_offering_free(offering);
        return gs_offering_no_memory(err);
    }
    *ret = offering;
    return 0;
}

void gs_offering_free(struct gs_offering *offering)
{
    if (offering == NULL) {
        return;
    }
    gs_grants_free(offering->grants);
    gs_health_done(&offering->health);
    gs_arena_done(&offering->arena);
    gs_box_unref(offering->box);
    gs_arena_done(&offering->gone_arena);
    free(offering->leaving);
    free(offering);
}

/* ---- Marks ---- */

bool gs_offering_is_leaving(const struct gs_offering *offering, const struct gs_slice_id *slice)
{
    for (unsigned i = 0; i < offering->n_leaving; i++) {
        if (gs_slice_id_eq(&offering->leaving[i], slice)) {
            return true;
        }
    }
    return false;
}

static void mark(struct gs_offering *offering, const struct gs_slice_id *slice)
{
    struct gs_offer_mark mark = {
        .slice = *slice,
        .sick = gs_health_of(&offering->health, slice) != NULL,
        .retiring = offering->retiring && gs_offering_is_leaving(offering, slice),
    };
    if (mark.sick || mark.retiring) {
        offering->marks[offering->n_marks++] = mark;
    }
}

/* From health and re-cut; the room was made with the offer. A mark of a whole GPU is one of all its
 * slices too, so that a GPU that is cut has none of its own. */
void gs_offering_make_marks(struct gs_offering *offering)
{
    const struct gs_snapshot *snapshot = &offering->box->snapshot;
    offering->n_marks = 0;
    for (unsigned k = 0; k < snapshot->n_gpus; k++) {
        if (snapshot->gpus[k].n > 0) {
            continue;
        }
        const struct gs_slice_id whole = {.gpu = k,
                                          .gi = GS_NOT_KNOWN,
                                          .ci = GS_NOT_KNOWN,
                                          .generation = snapshot->gpus[k].generation};
        mark(offering, &whole);
    }
    for (unsigned i = 0; i < snapshot->n_slices; i++) {
        mark(offering, &snapshot->slices[i].id);
    }
}

/* ---- Devices that left ---- */

/* Whether a re-cut took this device out of the kubelet's hands before it went. */
static bool went_well(const struct gs_offering *offering, const struct gs_offer_device *device)
{
    return offering->retiring && gs_offering_is_leaving(offering, &device->slice);
}

/* One slice with its replicas. Replicas are numbered from 0: where the last one is there, all are.
 */
static int keep_device(struct gs_offering *offering, const struct gs_offer_resource *old,
                       const struct gs_offer_device *device, const struct gs_offer_resource *now,
                       struct gs_err *err)
{
    char id[GS_DEVICE_ID_MAX];
    unsigned replica;
    const struct gs_offer_gone gone = {.resource = old->name, .id = id, .numa_node = -1};
    gs_offer_device_id(old, device, old->replicas - 1, id);
    if (now != NULL && gs_offer_device_find(now, id, &replica) != NULL) {
        return 0;
    }
    int r = 0;
    for (unsigned i = 0; r == 0 && i < old->replicas; i++) {
        gs_offer_device_id(old, device, i, id);
        if (now == NULL || gs_offer_device_find(now, id, &replica) == NULL) {
            r = gs_gone_add(&offering->gone, &gone, err);
        }
    }
    return r;
}

static int keep_devices(struct gs_offering *offering, const struct gs_offer *next,
                        struct gs_err *err)
{
    int r = 0;
    for (unsigned i = 0; r == 0 && i < offering->offer.n_resources; i++) {
        const struct gs_offer_resource *old = &offering->offer.resources[i];
        const struct gs_offer_resource *now = gs_offer_find(next, old->name);
        for (unsigned k = 0; r == 0 && k < old->n; k++) {
            if (!went_well(offering, &old->devices[k])) {
                r = keep_device(offering, old, &old->devices[k], now, err);
            }
        }
    }
    return r;
}

/* Devices of the old offer that the new one does not have stay until it is known that nobody holds
 * them. The new offer does not wait for that: what cannot be kept leaves its list at once. */
static void keep_gone(struct gs_offering *offering, struct gs_offer *next, struct gs_arena *arena)
{
    struct gs_err err;
    int r = keep_devices(offering, next, &err);
    if (r < 0) {
        gs_log_warning("%s; the others leave their lists, though somebody may hold them", err.msg);
    }
    if (r == GS_LIMIT) {
        (void)gs_conditions_add(&next->conditions, arena, GS_COND_TOO_MANY_DEVICES, "",
                                "%s; the others left their lists, though somebody may hold them",
                                err.msg);
    }
}

/* ---- Snapshots ---- */

/* One that was known before keeps its place, and its ceiling. */
static int know(struct gs_offering *offering, const struct gs_offer *offer, struct gs_err *err)
{
    for (unsigned i = 0; i < offer->n_resources; i++) {
        unsigned k = 0;
        while (k < offering->n_known &&
               strcmp(offering->known[k].name, offer->resources[i].name) != 0) {
            k++;
        }
        if (k == GS_OFFER_RESOURCES_MAX) {
            return gs_fail(err, GS_LIMIT, "more than %d resources were offered since the start",
                           GS_OFFER_RESOURCES_MAX);
        }
        if (k == offering->n_known) {
            struct gs_offering_known *known = &offering->known[offering->n_known++];
            *known = (struct gs_offering_known){.ceiling = UINT32_MAX};
            snprintf(known->name, sizeof(known->name), "%s", offer->resources[i].name);
            snprintf(known->socket, sizeof(known->socket), "%s", offer->resources[i].socket);
        }
    }
    return 0;
}

static int offer_box(struct gs_offering *offering, struct gs_box *box, struct gs_err *err)
{
    struct gs_arena arena;
    struct gs_offer offer;
    const struct gs_snapshot *snapshot = &box->snapshot;
    gs_arena_init(&arena, &gs_alloc_heap, OFFER_BYTES_MAX);
    int r = gs_offer_new(&arena, snapshot, offering->options.config, &offer, err);
    struct gs_offer_mark *marks =
        GS_ARENA_NEW(&arena, struct gs_offer_mark, snapshot->n_slices + snapshot->n_gpus + 1u);
    bool *held = GS_ARENA_NEW(&arena, bool, snapshot->n_slices + 1u);
    if (r == 0 && (marks == NULL || held == NULL)) {
        r = gs_offering_no_memory(err);
    }
    r = r < 0 ? r : know(offering, &offer, err);
    if (r < 0) {
        gs_arena_done(&arena);
        return r;
    }
    keep_gone(offering, &offer, &arena);
    gs_arena_done(&offering->arena);
    offering->arena = arena;
    offering->offer = offer;
    offering->marks = marks;
    offering->held = held;
    gs_box_unref(offering->box);
    offering->box = box;
    (void)gs_health_snapshot(&offering->health, snapshot);
    gs_offering_make_marks(offering);
    return 0;
}

int gs_offering_set(struct gs_offering *offering, struct gs_box *box, struct gs_err *err)
{
    int r = offer_box(offering, box, err);
    if (r < 0) {
        gs_box_unref(box);
    }
    return r;
}

const struct gs_box *gs_offering_box(const struct gs_offering *offering)
{
    return offering->box;
}

const struct gs_offer *gs_offering_offer(const struct gs_offering *offering)
{
    return offering->box == NULL ? NULL : &offering->offer;
}

const struct gs_offer_mark *gs_offering_marks(const struct gs_offering *offering, unsigned *ret_n)
{
    *ret_n = offering->n_marks;
    return offering->marks;
}

const struct gs_health *gs_offering_health(const struct gs_offering *offering)
{
    return &offering->health;
}

bool gs_offering_sick(const struct gs_offering *offering, char *ret_text, size_t size)
{
    const struct gs_health *health = &offering->health;
    if (health->n > 0) {
        gs_sick_format(health, &offering->rules, &health->sick[0], ret_text, size);
    }
    return health->n > 0;
}

const char *gs_offering_resource(const struct gs_offering *offering, unsigned i,
                                 const char **ret_socket)
{
    if (i >= offering->n_known) {
        return NULL;
    }
    *ret_socket = offering->known[i].socket;
    return offering->known[i].name;
}

/* ---- What is known of slices ---- */

struct gs_grants *gs_offering_grants(struct gs_offering *offering)
{
    return offering->grants;
}

int gs_offering_event(struct gs_offering *offering, const struct gs_gpu_event *event,
                      struct gs_err *err)
{
    bool changed = false;
    if (offering->box == NULL) {
        return 0;
    }
    int r = gs_health_event(&offering->health, &offering->box->snapshot, &offering->rules, event,
                            gs_now_us(), &changed, err);
    if (changed) {
        gs_offering_make_marks(offering);
    }
    return r;
}

int gs_offering_recovery(struct gs_offering *offering, unsigned gpu, uint32_t action,
                         struct gs_err *err)
{
    bool changed = false;
    if (offering->box == NULL) {
        return 0;
    }
    int r = gs_health_recovery(&offering->health, &offering->box->snapshot, &offering->rules, gpu,
                               action, gs_now_us(), &changed, err);
    if (changed) {
        gs_offering_make_marks(offering);
    }
    return r;
}

void gs_offering_tick(struct gs_offering *offering, uint64_t now, uint64_t *ret_next_us)
{
    if (gs_health_tick(&offering->health, &offering->rules, now, ret_next_us) &&
        offering->box != NULL) {
        gs_offering_make_marks(offering);
    }
}

/* In the place of those that are kept. Where there is no memory these stay: too many unhealthy
 * devices harm less than too few. */
static void keep_strangers(struct gs_offering *offering, const struct gs_holding *holding)
{
    struct gs_arena arena;
    struct gs_err err;
    struct gs_gone gone = {.arena = &arena, .copies = true};
    int r = 0;
    gs_arena_init(&arena, &gs_alloc_heap, GONE_BYTES_MAX);
    for (unsigned i = 0; r == 0 && i < holding->n_strangers; i++) {
        r = gs_gone_add(&gone, &holding->strangers[i], &err);
    }
    if (r < 0) {
        gs_log_warning("%s; those that were kept before are kept", err.msg);
        gs_arena_done(&arena);
        return;
    }
    gs_arena_done(&offering->gone_arena);
    offering->gone_arena = arena;
    offering->gone = gone;
    offering->gone.arena = &offering->gone_arena;
}

void gs_offering_held(struct gs_offering *offering, uint64_t number,
                      const struct gs_holding *holding)
{
    if (offering->box != NULL && offering->box->snapshot.number == number) {
        for (unsigned i = 0; i < holding->n_slices; i++) {
            offering->held[i] = !gs_held_idle(&holding->slices[i]);
        }
    }
    keep_strangers(offering, holding);
}

bool gs_offering_has_gone(const struct gs_offering *offering)
{
    return offering->gone.n > 0;
}
