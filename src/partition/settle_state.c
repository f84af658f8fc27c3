#include "partition/settle_state.h"

static bool same(const struct gs_change_cis *a, unsigned j, const struct gs_change_cis *b,
                 unsigned w)
{
    return a->profiles[j] == b->profiles[w] && a->starts[j] == b->starts[w];
}

/* Those of `a` that `b` has too, or not; each of `b` counts once. */
static void list(const struct gs_change_cis *a, const struct gs_change_cis *b, bool in_both,
                 struct gs_settle_parts *ret)
{
    unsigned left = b->present ? (1u << b->n) - 1u : 0;
    ret->n = 0;
    for (unsigned j = 0; j < a->n && a->present; j++) {
        unsigned w = 0;
        while (w < b->n && ((left >> w & 1u) == 0 || !same(a, j, b, w))) {
            w++;
        }
        bool both = b->present && w < b->n;
        left &= both ? ~(1u << w) : left;
        if (both == in_both) {
            ret->at[ret->n++] =
                (struct gs_settle_part){.profile = a->profiles[j], .start = a->starts[j]};
        }
    }
}

static bool claim(struct gs_settle_parts *parts, const struct gs_compute_instance *ci, bool busy,
                  bool exact)
{
    for (unsigned k = 0; k < parts->n; k++) {
        struct gs_settle_part *part = &parts->at[k];
        bool known = part->start != GS_INSIDE_ANYWHERE && ci->start < GS_INSIDE_ANYWHERE;
        if (!part->there && part->profile == (uint8_t)ci->profile &&
            (exact ? known && part->start == ci->start : !known)) {
            part->there = true;
            part->id = ci->id;
            part->busy = busy;
            return true;
        }
    }
    return false;
}

/* Which of the lists each compute instance is of: by its place, then, where that is not known, by
 * its profile. */
static void sort_out(const struct gs_gpu_instance *gi, unsigned busy, bool creating,
                     struct gs_settle_state *state)
{
    unsigned left = (1u << gi->n_compute) - 1u;
    struct gs_settle_parts *first = creating ? &state->come : &state->gone;
    struct gs_settle_parts *second = creating ? &state->gone : &state->come;
    for (unsigned loose = 0; loose < 2; loose++) {
        for (unsigned j = 0; j < gi->n_compute; j++) {
            const struct gs_compute_instance *ci = &gi->compute[j];
            bool is_busy = (busy >> j & 1u) != 0;
            if ((left >> j & 1u) != 0 &&
                (claim(&state->kept, ci, is_busy, loose == 0) ||
                 claim(first, ci, is_busy, loose == 0) || claim(second, ci, is_busy, loose == 0))) {
                left &= ~(1u << j);
            }
        }
    }
    state->others = (unsigned)__builtin_popcount(left);
}

/* Where in the order the last step is. */
static unsigned index_of(const struct gs_settle_parts *parts, const struct gs_settle_slice *slice)
{
    unsigned k = 0;
    while (k < parts->n && (parts->at[k].profile != (uint8_t)slice->ci_profile ||
                            parts->at[k].start != slice->ci_start)) {
        k++;
    }
    return k;
}

static void place_step(const struct gs_settle_slice *slice, struct gs_settle_state *state)
{
    unsigned gone = state->gone.n;
    unsigned come = state->come.n;
    unsigned at;
    switch (slice->kind) {
    case GS_CHANGE_DESTROY_CI:
        at = index_of(&state->gone, slice);
        state->sure = at < gone;
        state->done_gone = state->sure ? at : 0;
        state->may_gone = state->sure ? at + 1 : gone;
        break;
    case GS_CHANGE_CREATE_CI:
        at = index_of(&state->come, slice);
        state->sure = at < come;
        state->done_come = state->sure ? at : 0;
        state->may_come = state->sure ? at + 1 : come;
        state->done_gone = state->sure ? gone : 0;
        state->may_gone = gone;
        break;
    case GS_CHANGE_DESTROY_GI:
        state->sure = true;
        state->done_gone = state->may_gone = gone;
        break;
    case GS_CHANGE_CREATE_GI:
        state->sure = true;
        break;
    }
    if (!state->sure) {
        state->may_come = come;
        state->may_gone = gone;
    }
}

void gs_settle_read(const struct gs_inventory_gpu *gpu, const struct gs_settle_slice *slice,
                    struct gs_settle_state *ret)
{
    bool creating = slice->kind == GS_CHANGE_CREATE_CI || slice->kind == GS_CHANGE_CREATE_GI;
    *ret = (struct gs_settle_state){.there = false};
    list(&slice->was, &slice->shall, true, &ret->kept);
    list(&slice->was, &slice->shall, false, &ret->gone);
    list(&slice->shall, &slice->was, false, &ret->come);
    place_step(slice, ret);
    for (unsigned i = 0; i < gpu->instances.n; i++) {
        const struct gs_gpu_instance *gi = &gpu->instances.at[i];
        if (gi->profile == slice->profile && gi->start == slice->start && gi->size == slice->size) {
            ret->there = true;
            ret->gi = gi->id;
            sort_out(gi, gpu->busy.cis[i], creating, ret);
            return;
        }
    }
}

unsigned gs_settle_count(const struct gs_settle_parts *parts, unsigned from, unsigned to)
{
    unsigned n = 0;
    for (unsigned k = from; k < parts->n && k < to; k++) {
        n += parts->at[k].there;
    }
    return n;
}

static bool is(const struct gs_settle_state *state, bool there, const struct gs_settle_parts *all,
               const struct gs_settle_parts *none)
{
    return state->there == there && (!there || (gs_settle_count(all, 0, all->n) == all->n &&
                                                gs_settle_count(none, 0, none->n) == 0));
}

bool gs_settle_is_as_it_shall_be(const struct gs_settle_state *state,
                                 const struct gs_settle_slice *slice)
{
    return is(state, slice->shall.present, &state->come, &state->gone);
}

bool gs_settle_is_as_it_was(const struct gs_settle_state *state,
                            const struct gs_settle_slice *slice)
{
    return is(state, slice->was.present, &state->gone, &state->come);
}

bool gs_settle_is_on_its_way_back(const struct gs_settle_state *state)
{
    unsigned made = gs_settle_count(&state->come, 0, state->done_come);
    bool from_the_first = made == gs_settle_count(&state->come, 0, made);
    bool last_is_there = state->done_come < state->come.n && state->come.at[state->done_come].there;
    return gs_settle_count(&state->gone, 0, state->done_gone) > 0 ||
           (made < state->done_come && from_the_first && !last_is_there);
}
