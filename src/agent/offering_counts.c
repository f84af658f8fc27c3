#include <stdlib.h>
#include <string.h>

#include "agent/offering_work.h"

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
        bool leaves = without_leaving && gs_offering_is_leaving(offering, &device->slice);
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
    int r = rows == NULL ? gs_offering_no_memory(err) : 0;
    for (unsigned i = 0; r == 0 && i < offering->n_known; i++) {
        const struct gs_offering_known *known = &offering->known[i];
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
        return gs_offering_no_memory(err);
    }
    for (unsigned i = 0; i < offering->n_known; i++) {
        struct gs_offering_known *known = &offering->known[i];
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
        return gs_offering_no_memory(err);
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
    gs_offering_make_marks(offering);
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
        gs_offering_make_marks(offering);
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
