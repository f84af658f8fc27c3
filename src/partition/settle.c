#include "partition/settle_state.h"

static int find_kind(struct gs_gpus *gpus, unsigned gpu, uint32_t gi, uint32_t ci_profile,
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

int gs_settle_ci_for(struct gs_gpus *gpus, unsigned gpu, uint32_t gi, uint32_t ci_profile,
                     uint8_t start, bool fills, struct gs_settle_ci *ret, struct gs_err *err)
{
    struct gs_compute_profile kind;
    struct gs_compute_places places;
    int r = find_kind(gpus, gpu, gi, ci_profile, &kind, err);
    if (r < 0) {
        return r;
    }
    *ret = (struct gs_settle_ci){.profile_id = kind.profile_id,
                                 .start = GS_NOT_KNOWN,
                                 .size = kind.compute_slices,
                                 .at_start = fills};
    if (fills || start == GS_INSIDE_ANYWHERE ||
        gs_gpu_compute_places(gpus, gpu, gi, kind.profile_id, &places, NULL) < 0) {
        return 0;
    }
    /* what the rule said of a GPU instance that was not there yet, the driver may know better */
    bool may = start < 32 && (places.starts >> start & 1u) != 0;
    bool choice = (places.starts & (places.starts - 1)) != 0;
    ret->at_start = may;
    ret->start = may && choice ? start : GS_NOT_KNOWN;
    ret->size = places.size;
    return 0;
}

static int fail_others(const struct gs_inventory_gpu *gpu, const struct gs_settle_state *state,
                       struct gs_err *err)
{
    return gs_fail(
        err, GS_BUSY,
        "GPU %u: GPU instance %u has %u compute instance%s that somebody else made since", gpu->gpu,
        state->gi, state->others, state->others == 1 ? "" : "s");
}

static int fail_busy(const struct gs_inventory_gpu *gpu, const struct gs_settle_state *state,
                     struct gs_err *err)
{
    char who[GS_INVENTORY_TEXT_MAX + 1];
    for (unsigned i = 0; i < gpu->instances.n; i++) {
        if (gpu->instances.at[i].id == state->gi) {
            gs_inventory_name_holders(gpu, 1u << i, who);
            return gs_fail(err, GS_BUSY, "GPU %u: in use: %s", gpu->gpu, who);
        }
    }
    return gs_fail(err, GS_BUSY, "GPU %u: in use", gpu->gpu);
}

/* The work on one slice. */
struct work {
    struct gs_gpus *gpus;
    struct gs_inventory_gpu *gpu;
    const struct gs_settle_slice *slice;
    struct gs_settle_state state;
};

/* Whether something in use is among these. */
static bool any_busy(const struct gs_settle_parts *parts, unsigned these)
{
    for (unsigned k = 0; k < parts->n; k++) {
        if ((these >> k & 1u) != 0 && parts->at[k].there && parts->at[k].busy) {
            return true;
        }
    }
    return false;
}

static int destroy(struct work *work, const struct gs_settle_part *part, struct gs_err *err)
{
    int r = part->there
                ? gs_gpu_destroy_compute(work->gpus, work->gpu->gpu, work->state.gi, part->id, err)
                : 0;
    return r == GS_NOT_FOUND ? 0 : r; /* somebody was quicker */
}

static int create(struct work *work, const struct gs_settle_part *part, struct gs_err *err)
{
    struct gs_settle_ci how;
    struct gs_compute_instance made;
    if (part->there) {
        return 0;
    }
    int r = gs_settle_ci_for(work->gpus, work->gpu->gpu, work->state.gi, part->profile, part->start,
                             false, &how, err);
    return r < 0 ? r
                 : gs_gpu_create_compute(work->gpus, work->gpu->gpu, work->state.gi, how.profile_id,
                                         how.start, how.size, &made, err);
}

static int destroy_gi(struct work *work, struct gs_err *err)
{
    if (work->state.others > 0) {
        return fail_others(work->gpu, &work->state, err);
    }
    int r = gs_gpu_destroy(work->gpus, work->gpu->gpu, work->state.gi, err);
    return r == GS_NOT_FOUND ? 0 : r;
}

static unsigned upto(unsigned n)
{
    return (1u << n) - 1u;
}

/* Each of these (bit k) in their order, or the last first. */
static int each(struct work *work, const struct gs_settle_parts *parts, unsigned these, bool back,
                int (*one)(struct work *work, const struct gs_settle_part *part,
                           struct gs_err *err),
                struct gs_err *err)
{
    int r = 0;
    for (unsigned n = 0; n < parts->n && r == 0; n++) {
        unsigned k = back ? parts->n - 1 - n : n;
        r = (these >> k & 1u) != 0 ? one(work, &parts->at[k], err) : 0;
    }
    return r;
}

/* What the steps from the last one on would have done. */
static int forward(struct work *work, struct gs_err *err)
{
    const struct gs_settle_state *state = &work->state;
    unsigned gone = upto(state->gone.n) & ~upto(state->done_gone);
    bool stays = work->slice->shall.present;
    if (!stays && state->others > 0) {
        return fail_others(work->gpu, state, err);
    }
    if (any_busy(&state->gone, gone)) {
        return fail_busy(work->gpu, state, err);
    }
    int r = each(work, &state->gone, gone, false, destroy, err);
    if (r < 0 || !stays) {
        return r < 0 ? r : destroy_gi(work, err);
    }
    return each(work, &state->come, upto(state->come.n) & ~upto(state->done_come), false, create,
                err);
}

/* What the steps up to the last one did; with `all` what the later ones did too, of which
 * `were_there` says what there was of `gone`. */
static int backward(struct work *work, unsigned were_there, bool all, struct gs_err *err)
{
    const struct gs_settle_state *state = &work->state;
    unsigned come = upto(all ? state->come.n : state->may_come);
    unsigned gone = upto(state->may_gone) | (all ? were_there : 0u);
    if (any_busy(&state->come, come)) {
        return fail_busy(work->gpu, state, err);
    }
    int r = each(work, &state->come, come, true, destroy, err);
    if (r < 0 || !work->slice->was.present) {
        return r < 0 ? r : destroy_gi(work, err);
    }
    return each(work, &state->gone, gone, true, create, err);
}

static int reread(struct work *work, struct gs_err *err)
{
    int r = gs_inventory_refresh(work->gpus, work->gpu, err);
    if (r == 0) {
        gs_settle_read(work->gpu, work->slice, &work->state);
    }
    return r;
}

static unsigned mask_of(const struct gs_settle_parts *parts)
{
    unsigned mask = 0;
    for (unsigned k = 0; k < parts->n; k++) {
        mask |= parts->at[k].there ? 1u << k : 0u;
    }
    return mask;
}

/* That the driver did what it says, as far as it was asked. */
static int check(const struct work *work, bool finished, struct gs_err *err)
{
    const struct gs_settle_state *state = &work->state;
    const struct gs_change_cis *to = finished ? &work->slice->shall : &work->slice->was;
    const struct gs_settle_parts *all = finished ? &state->come : &state->gone;
    unsigned first = finished ? state->done_come : 0;
    unsigned last = finished ? all->n : state->may_gone;
    if (state->there == to->present &&
        (!to->present || gs_settle_count(all, first, last) == last - first)) {
        return 0;
    }
    return gs_fail(
        err, GS_IO,
        "GPU %u: the GPU instance of profile %u at %u is neither what it was nor what it "
        "shall be, though the driver said that all was done",
        work->gpu->gpu, work->slice->profile, work->slice->start);
}

static bool has_more_to_do(const struct work *work)
{
    const struct gs_settle_state *state = &work->state;
    return !work->slice->shall.present ||
           gs_settle_count(&state->gone, state->done_gone, state->gone.n) > 0 ||
           gs_settle_count(&state->come, state->done_come, state->come.n) <
               state->come.n - state->done_come;
}

/* Fails only where it cannot be seen what came of it. */
static int finish(struct work *work, bool *ret_done, struct gs_err *err)
{
    int r = forward(work, NULL);
    int again = reread(work, err);
    if (again == 0) {
        *ret_done = gs_settle_is_as_it_shall_be(&work->state, work->slice) ||
                    (r == 0 && check(work, true, NULL) == 0);
    }
    return again;
}

static int undo(struct work *work, unsigned were_there, bool all, struct gs_err *err)
{
    struct gs_err ignored;
    int r = backward(work, were_there, all, err);
    int again = reread(work, r < 0 ? &ignored : err);
    if (again == 0 && gs_settle_is_as_it_was(&work->state, work->slice)) {
        return 0; /* whatever the driver said */
    }
    return r < 0 ? r : again < 0 ? again : check(work, false, err);
}

int gs_settle(struct gs_gpus *gpus, struct gs_inventory_gpu *gpu,
              const struct gs_settle_slice *slice, bool may_finish, enum gs_settle_outcome *ret,
              struct gs_err *err)
{
    struct work work = {.gpus = gpus, .gpu = gpu, .slice = slice};
    int r = reread(&work, err);
    if (r < 0) {
        return r;
    }
    unsigned were_there = mask_of(&work.state.gone);
    bool forth = may_finish && !gs_settle_is_on_its_way_back(&work.state);
    enum gs_settle_outcome outcome = GS_SETTLE_UNDONE;
    if (gs_settle_is_as_it_shall_be(&work.state, slice)) {
        outcome = GS_SETTLE_COMPLETE;
    } else if (gs_settle_is_as_it_was(&work.state, slice)) {
        outcome = GS_SETTLE_NOT_BEGUN;
    } else if (!work.state.there) {
        outcome = GS_SETTLE_GONE;
    } else if (forth && !has_more_to_do(&work)) {
        outcome = GS_SETTLE_ELSEWISE;
    } else {
        bool done = false;
        r = forth ? finish(&work, &done, err) : 0;
        if (done) {
            outcome = GS_SETTLE_FINISHED;
        } else if (r == 0 && work.state.there) {
            r = undo(&work, were_there, forth, err);
        } else if (r == 0) {
            outcome = GS_SETTLE_GONE;
        }
    }
    if (r == 0) {
        *ret = outcome;
    }
    return r;
}
