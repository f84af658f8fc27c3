#include "partition/settle.h"

#include <stdio.h>

int gs_settle_ci_profile(struct gs_gpus *gpus, unsigned gpu, uint32_t gi, uint32_t ci_profile,
                         struct gs_compute_profile *ret, struct gs_err *err)
{
    struct gs_compute_profile profiles[GS_COMPUTE_PROFILES_MAX];
    unsigned n = 0;
    int r = gs_gpu_compute_profiles(gpus, gpu, gi, profiles, &n, err);
    if (r < 0) {
        return r;
    }
    for (unsigned k = 0; k < n; k++) {
        if (profiles[k].profile == ci_profile) {
            *ret = profiles[k];
            return 0;
        }
    }
    return gs_fail(err, GS_NOT_FOUND,
                   "GPU %u: GPU instance %u has no compute instances of %u slices", gpu, gi,
                   gs_geometry_ci_slices(ci_profile));
}

static int find(const struct gs_inventory_gpu *gpu, const struct gs_settle_slice *slice)
{
    for (unsigned i = 0; i < gpu->instances.n; i++) {
        const struct gs_gpu_instance *gi = &gpu->instances.at[i];
        if (gi->profile == slice->profile && gi->start == slice->start && gi->size == slice->size) {
            return (int)i;
        }
    }
    return -1;
}

/* How the compute instances of a GI and those of a list differ: bits of either. */
static void compare(const struct gs_gpu_instance *gi, const struct gs_change_cis *cis,
                    unsigned *ret_surplus, unsigned *ret_missing)
{
    unsigned missing = (1u << cis->n) - 1u;
    unsigned surplus = 0;
    for (unsigned j = 0; j < gi->n_compute; j++) {
        unsigned w = 0;
        while (w < cis->n &&
               ((missing >> w & 1u) == 0 || cis->profiles[w] != (uint8_t)gi->compute[j].profile)) {
            w++;
        }
        if (w < cis->n) {
            missing &= ~(1u << w);
        } else {
            surplus |= 1u << j;
        }
    }
    *ret_surplus = surplus;
    *ret_missing = missing;
}

/* at[i] (-1: not there) is what `cis` says. */
static bool is(const struct gs_inventory_gpu *gpu, int i, const struct gs_change_cis *cis)
{
    if (i < 0 || !cis->present) {
        return i < 0 && !cis->present;
    }
    unsigned surplus;
    unsigned missing;
    compare(&gpu->instances.at[i], cis, &surplus, &missing);
    return surplus == 0 && missing == 0;
}

static int destroy_cis(struct gs_gpus *gpus, const struct gs_inventory_gpu *gpu, unsigned i,
                       unsigned these, struct gs_err *err)
{
    const struct gs_gpu_instance *gi = &gpu->instances.at[i];
    if ((gpu->busy.cis[i] & these) != 0) {
        char who[GS_INVENTORY_TEXT_MAX + 1];
        gs_inventory_name_holders(gpu, 1u << i, who);
        return gs_fail(err, GS_BUSY, "GPU %u: in use: %s", gpu->gpu, who);
    }
    for (unsigned j = 0; j < gi->n_compute; j++) {
        int r = (these >> j & 1u) == 0
                    ? 0
                    : gs_gpu_destroy_compute(gpus, gpu->gpu, gi->id, gi->compute[j].id, err);
        if (r < 0 && r != GS_NOT_FOUND) {
            return r;
        }
    }
    return 0;
}

static int create_cis(struct gs_gpus *gpus, unsigned gpu, uint32_t gi,
                      const struct gs_change_cis *cis, unsigned these, struct gs_err *err)
{
    for (unsigned w = 0; w < cis->n; w++) {
        if ((these >> w & 1u) == 0) {
            continue;
        }
        struct gs_compute_profile profile;
        struct gs_compute_instance made;
        int r = gs_settle_ci_profile(gpus, gpu, gi, cis->profiles[w], &profile, err);
        if (r == 0) {
            r = gs_gpu_create_compute(gpus, gpu, gi, profile.profile_id, GS_NOT_KNOWN,
                                      profile.compute_slices, &made, err);
        }
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* Makes at[i] what `cis` says. */
static int reach(struct gs_gpus *gpus, const struct gs_inventory_gpu *gpu, unsigned i,
                 const struct gs_change_cis *cis, struct gs_err *err)
{
    const struct gs_gpu_instance *gi = &gpu->instances.at[i];
    unsigned surplus = (1u << gi->n_compute) - 1u;
    unsigned missing = 0;
    if (cis->present) {
        compare(gi, cis, &surplus, &missing);
    }
    int r = destroy_cis(gpus, gpu, i, surplus, err);
    if (r == 0 && !cis->present) {
        r = gs_gpu_destroy(gpus, gpu->gpu, gi->id, err);
        return r == GS_NOT_FOUND ? 0 : r;
    }
    return r < 0 ? r : create_cis(gpus, gpu->gpu, gi->id, cis, missing, err);
}

/* Reads the slice and tries to make it so. */
static int try(struct gs_gpus *gpus, struct gs_inventory_gpu *gpu,
               const struct gs_settle_slice *slice, const struct gs_change_cis *cis,
               struct gs_err *err)
{
    int r = gs_inventory_refresh(gpus, gpu, err);
    int i = r < 0 ? -1 : find(gpu, slice);
    return i < 0 ? r : reach(gpus, gpu, (unsigned)i, cis, err);
}

static int work(struct gs_gpus *gpus, struct gs_inventory_gpu *gpu,
                const struct gs_settle_slice *slice, bool finish, enum gs_settle_outcome *ret,
                struct gs_err *err)
{
    if (finish && try(gpus, gpu, slice, &slice->shall, err) == 0) {
        *ret = GS_SETTLE_FINISHED;
        return 0;
    }
    int r = try(gpus, gpu, slice, &slice->was, err);
    if (r == 0) {
        *ret = GS_SETTLE_UNDONE;
    }
    return r;
}

int gs_settle(struct gs_gpus *gpus, struct gs_inventory_gpu *gpu,
              const struct gs_settle_slice *slice, bool finish, enum gs_settle_outcome *ret,
              struct gs_err *err)
{
    int r = gs_inventory_refresh(gpus, gpu, err);
    if (r < 0) {
        return r;
    }
    int i = find(gpu, slice);
    if (is(gpu, i, &slice->shall)) {
        *ret = GS_SETTLE_COMPLETE;
        return 0;
    }
    if (is(gpu, i, &slice->was)) {
        *ret = GS_SETTLE_NOT_BEGUN;
        return 0;
    }
    if (i < 0) {
        *ret = GS_SETTLE_GONE;
        return 0;
    }
    r = work(gpus, gpu, slice, finish, ret, err);
    struct gs_err ignored;
    int again = gs_inventory_refresh(gpus, gpu, r < 0 ? &ignored : err);
    if (r < 0 || again < 0) {
        return r < 0 ? r : again;
    }
    i = find(gpu, slice);
    if (!is(gpu, i, &slice->shall) && !is(gpu, i, &slice->was)) {
        return gs_fail(err, GS_IO,
                       "GPU %u: the GPU instance of profile %u at %u is neither what it was nor "
                       "what it shall be, though the driver said that all was done",
                       gpu->gpu, slice->profile, slice->start);
    }
    return 0;
}
