#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "agent/offering_work.h"
#include "base/clock.h"

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
        r = gs_offering_no_memory(err);
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
        return gs_offering_no_memory(err);
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
        r = gs_offering_no_memory(err);
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
