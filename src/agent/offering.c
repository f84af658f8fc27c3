#include "agent/offering.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/gone.h"

#define OFFER_BYTES_MAX ((size_t)16 << 20)

#define GONE_BYTES_MAX                                                                             \
    ((size_t)64 << 20) /* GS_OFFER_GONE_MAX of them, and what grew in between                      \
                        */

/* A resource for as long as the agent runs: one that is offered no more has an empty list. */
struct known {
    char name[GS_RESOURCE_NAME_MAX + 1];
    char socket[GS_RESOURCE_NAME_MAX + 16];
    uint32_t ceiling; /* devices, replicas counted; UINT32_MAX: none */
    bool unheard;     /* no kubelet listens to its list */
};

struct gs_offering {
    struct gs_offering_options options;
    struct gs_box *box;
    struct gs_arena arena; /* of the offer and what follows from it */
    struct gs_offer offer;
    struct gs_offer_mark *marks;
    unsigned n_marks;
    bool *held; /* a slice of the box */
    struct gs_health_rules rules;
    struct gs_health health;
    struct gs_grants *grants;
    unsigned n_known;
    struct known known[GS_OFFER_RESOURCES_MAX];
    struct gs_arena gone_arena;
    struct gs_gone gone; /* in gone_arena */
    unsigned n_leaving;  /* of a re-cut */
    struct gs_slice_id *leaving;
    bool retiring;
};

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for what is offered");
}

int gs_offering_new(const struct gs_offering_options *options, struct gs_offering **ret,
                    struct gs_err *err)
{
    struct gs_offering *offering = calloc(1, sizeof(*offering));
    if (offering == NULL) {
        return no_memory(err);
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
        return no_memory(err);
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

static bool is_leaving(const struct gs_offering *offering, const struct gs_slice_id *slice)
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
        .retiring = offering->retiring && is_leaving(offering, slice),
    };
    if (mark.sick || mark.retiring) {
        offering->marks[offering->n_marks++] = mark;
    }
}

/* From health and re-cut; the room was made with the offer. A mark of a whole GPU is one of all its
 * slices too, so that a GPU that is cut has none of its own. */
static void make_marks(struct gs_offering *offering)
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
    return offering->retiring && is_leaving(offering, &device->slice);
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
            struct known *known = &offering->known[offering->n_known++];
            *known = (struct known){.ceiling = UINT32_MAX};
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
        r = no_memory(err);
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
    make_marks(offering);
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

/* ---- What the kubelet asks ---- */

int gs_offering_list(const struct gs_offering *offering, const char *resource,
                     struct gs_arena *arena, struct gs_dp_list *ret, struct gs_err *err)
{
    const struct gs_offer_resource *offered =
        offering->box == NULL ? NULL : gs_offer_find(&offering->offer, resource);
    return gs_offer_list(arena, resource, offered, offering->marks, offering->n_marks,
                         offering->gone.at, (unsigned)offering->gone.n, ret, err);
}

/* Version 4 of RFC 4122. */
static int random_uuid(char ret[GS_UUID_TEXT + 1], struct gs_err *err)
{
    uint8_t b[16];
    if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b)) {
        return gs_fail(err, GS_IO, "the kernel gives no random numbers");
    }
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    snprintf(ret, GS_UUID_TEXT + 1,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
    return 0;
}

static int find(const struct gs_offering *offering, const char *resource,
                const struct gs_offer_resource **ret, struct gs_err *err)
{
    *ret = offering->box == NULL ? NULL : gs_offer_find(&offering->offer, resource);
    return *ret != NULL
               ? 0
               : gs_fail(err, GS_NOT_FOUND, "%s is not offered on this node any more", resource);
}

int gs_offering_allocate(struct gs_offering *offering, const char *resource,
                         const struct gs_dp_allocate *request, struct gs_arena *arena,
                         struct gs_dp_allocated *ret, struct gs_err *err)
{
    struct gs_allocate with = {.offer = &offering->offer,
                               .config = offering->options.config,
                               .marks = offering->marks,
                               .n_marks = offering->n_marks,
                               .control_nodes = offering->options.control_nodes,
                               .imex_channel_there = offering->options.imex_channel_there};
    int r = find(offering, resource, &with.resource, err);
    struct gs_dp_grant *grants = GS_ARENA_NEW(arena, struct gs_dp_grant, request->n + 1u);
    if (r == 0 && grants == NULL) {
        r = no_memory(err);
    }
    const bool annotated = (with.config->device_list & GS_LIST_CDI_ANNOTATIONS) != 0;
    for (unsigned c = 0; r == 0 && c < request->n; c++) {
        r = annotated ? random_uuid(with.uuid, err) : 0;
        r = r < 0 ? r : gs_allocate(arena, &with, &request->containers[c], &grants[c], err);
    }
    for (unsigned c = 0; r == 0 && c < request->n; c++) {
        r = gs_grants_add(offering->grants, resource, &request->containers[c], gs_now_us(), err);
    }
    if (r == 0) {
        *ret = (struct gs_dp_allocated){.n = request->n, .containers = grants};
    }
    return r;
}

/* Any that will do: a kubelet that gets no answer fails the pod for good. */
static int choose_any(const struct gs_dp_choice *choice, struct gs_arena *arena,
                      struct gs_dp_ids *ret, struct gs_err *err)
{
    unsigned n = 0;
    const char **ids = GS_ARENA_NEW(arena, const char *, (size_t)choice->size + 1);
    if (ids == NULL) {
        return no_memory(err);
    }
    for (unsigned i = 0; i < choice->must_include.n && n < choice->size; i++) {
        ids[n++] = choice->must_include.ids[i];
    }
    for (unsigned i = 0; i < choice->available.n && n < choice->size; i++) {
        bool taken = false;
        for (unsigned k = 0; !taken && k < n; k++) {
            taken = strcmp(ids[k], choice->available.ids[i]) == 0;
        }
        if (!taken) {
            ids[n++] = choice->available.ids[i];
        }
    }
    *ret = (struct gs_dp_ids){.n = n, .ids = ids};
    return 0;
}

int gs_offering_prefer(const struct gs_offering *offering, const char *resource,
                       const struct gs_dp_preferred *request, struct gs_arena *arena,
                       struct gs_dp_chosen *ret, struct gs_err *err)
{
    struct gs_prefer with = {
        .offer = &offering->offer, .config = offering->options.config, .held = offering->held};
    struct gs_err why;
    int r = find(offering, resource, &with.resource, err);
    struct gs_dp_ids *chosen = GS_ARENA_NEW(arena, struct gs_dp_ids, request->n + 1u);
    if (r == 0 && chosen == NULL) {
        r = no_memory(err);
    }
    for (unsigned c = 0; r == 0 && c < request->n; c++) {
        if (gs_prefer(arena, &with, &request->containers[c], &chosen[c], &why) < 0) {
            gs_log_warning("GetPreferredAllocation of %s: %s; any will do", resource, why.msg);
            r = choose_any(&request->containers[c], arena, &chosen[c], err);
        }
    }
    if (r == 0) {
        *ret = (struct gs_dp_chosen){.n = request->n, .containers = chosen};
    }
    return r;
}

/* ---- Counts ---- */

/* What gs_offering_list would list; those healthy, without what a re-cut is about to take. Without
 * making the list: it has tens of thousands of devices where slices are shared. */
static void count(const struct gs_offering *offering, const char *resource, bool without_leaving,
                  uint32_t *ret_listed, uint32_t *ret_healthy)
{
    const struct gs_offer_resource *offered =
        offering->box == NULL ? NULL : gs_offer_find(&offering->offer, resource);
    uint32_t listed = 0;
    *ret_healthy = 0;
    for (unsigned i = 0; offered != NULL && i < offered->n; i++) {
        const struct gs_offer_device *device = &offered->devices[i];
        const struct gs_offer_mark *mark;
        bool leaves = without_leaving && is_leaving(offering, &device->slice);
        bool healthy = !device->unusable && !leaves &&
                       !gs_offer_marked(device, offering->marks, offering->n_marks, &mark);
        listed += offered->replicas;
        *ret_healthy += healthy ? offered->replicas : 0;
    }
    for (size_t i = 0; i < offering->gone.n && listed < GS_OFFER_DEVICES_MAX; i++) {
        const struct gs_offer_gone *gone = &offering->gone.at[i];
        unsigned replica;
        listed += strcmp(gone->resource, resource) == 0 &&
                  (offered == NULL || gs_offer_device_find(offered, gone->id, &replica) == NULL);
    }
    *ret_listed = listed;
}

int gs_offering_rows(const struct gs_offering *offering, struct gs_arena *arena,
                     struct gs_capacity_row **ret, unsigned *ret_n, struct gs_err *err)
{
    struct gs_capacity_row *rows =
        GS_ARENA_NEW(arena, struct gs_capacity_row, offering->n_known + 1u);
    int r = rows == NULL ? no_memory(err) : 0;
    for (unsigned i = 0; r == 0 && i < offering->n_known; i++) {
        const struct known *known = &offering->known[i];
        rows[i] = (struct gs_capacity_row){.resource = known->name,
                                           .ceiling = known->unheard ? 0 : known->ceiling};
        count(offering, known->name, false, &rows[i].listed, &rows[i].healthy);
    }
    if (r == 0) {
        *ret = rows;
        *ret_n = offering->n_known;
    }
    return r;
}

/* ---- Re-cuts ---- */

static bool find_leaving(const struct gs_offering *offering, const struct gs_guard_leaving *leaving,
                         struct gs_slice_id *ret)
{
    const struct gs_snapshot *snapshot = &offering->box->snapshot;
    if (leaving->gpu >= snapshot->n_gpus) {
        return false;
    }
    const struct gs_snapshot_gpu *gpu = &snapshot->gpus[leaving->gpu];
    if (leaving->gi == GS_NOT_KNOWN) {
        *ret = (struct gs_slice_id){.gpu = leaving->gpu,
                                    .gi = GS_NOT_KNOWN,
                                    .ci = GS_NOT_KNOWN,
                                    .generation = gpu->generation};
        return true;
    }
    for (unsigned i = 0; i < gpu->n; i++) {
        const struct gs_slice_id *id = &snapshot->slices[gpu->first + i].id;
        if (id->gi == leaving->gi && id->ci == leaving->ci) {
            *ret = *id;
            return true;
        }
    }
    return false;
}

/* Resources with a leaving device get a ceiling at what is left. */
static int set_ceilings(struct gs_offering *offering, struct gs_recut_leaving *leaving,
                        struct gs_err *err)
{
    leaving->left = GS_ARENA_NEW(leaving->arena, struct gs_recut_left, offering->n_known + 1u);
    leaving->n_left = 0;
    if (leaving->left == NULL) {
        return no_memory(err);
    }
    for (unsigned i = 0; i < offering->n_known; i++) {
        struct known *known = &offering->known[i];
        uint32_t listed;
        uint32_t all;
        uint32_t left;
        count(offering, known->name, false, &listed, &all);
        count(offering, known->name, true, &listed, &left);
        if (left < all) {
            known->ceiling = left;
            leaving->left[leaving->n_left++] =
                (struct gs_recut_left){.resource = known->name, .healthy = left};
        }
    }
    return 0;
}

int gs_offering_lower(struct gs_offering *offering, struct gs_recut_leaving *leaving,
                      struct gs_err *err)
{
    gs_offering_restore(offering);
    offering->leaving = calloc(leaving->n + 1u, sizeof(*offering->leaving));
    if (offering->leaving == NULL) {
        return no_memory(err);
    }
    for (unsigned i = 0; i < leaving->n; i++) {
        if (find_leaving(offering, &leaving->at[i], &offering->leaving[offering->n_leaving])) {
            offering->n_leaving++;
        }
    }
    int r = set_ceilings(offering, leaving, err);
    if (r < 0) {
        gs_offering_restore(offering);
    }
    return r;
}

void gs_offering_retire(struct gs_offering *offering)
{
    offering->retiring = true;
    make_marks(offering);
}

void gs_offering_restore(struct gs_offering *offering)
{
    free(offering->leaving);
    offering->leaving = NULL;
    offering->n_leaving = 0;
    offering->retiring = false;
    for (unsigned i = 0; i < offering->n_known; i++) {
        offering->known[i].ceiling = UINT32_MAX;
    }
    if (offering->box != NULL) {
        make_marks(offering);
    }
}

void gs_offering_close(struct gs_offering *offering)
{
    for (unsigned i = 0; i < offering->n_known; i++) {
        offering->known[i].ceiling = 0;
    }
}

void gs_offering_heard(struct gs_offering *offering, const char *resource, bool heard)
{
    for (unsigned i = 0; i < offering->n_known; i++) {
        if (strcmp(offering->known[i].name, resource) == 0) {
            offering->known[i].unheard = !heard;
        }
    }
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
        make_marks(offering);
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
        make_marks(offering);
    }
    return r;
}

void gs_offering_tick(struct gs_offering *offering, uint64_t now, uint64_t *ret_next_us)
{
    if (gs_health_tick(&offering->health, &offering->rules, now, ret_next_us) &&
        offering->box != NULL) {
        make_marks(offering);
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
