#include <assert.h>

#include "sim/run.h"

/* Running jobs that are looked at, those that began first. */
enum { LOOKS = 64 };

/* A way to run a job: a profile, or a whole GPU. */
struct choice {
    uint8_t profile; /* GS_SIM_WHOLE */
    uint16_t rate;
    uint32_t cost; /* thousandths of a GPU's memory, by the time that the job takes there */
};

static bool bears(const struct gs_sim_run *run, unsigned rate)
{
    uint32_t most = run->world->slowdown_max_permille;
    return rate > 0 && (most == 0 || 1000000u <= (uint64_t)most * rate);
}

/* Every profile that is no smaller than what the job needs and on which its speed is known. */
static unsigned list_choices(const struct gs_sim_run *run, const struct gs_sim_task *t,
                             struct choice *choices)
{
    const struct gs_model *model = run->world->model;
    const struct gs_profile *least = &model->profiles[t->profile];
    unsigned n = 0;
    for (unsigned p = 0; p < model->n_profiles; p++) {
        const struct gs_profile *profile = &model->profiles[p];
        unsigned rate = t->speed->permille[p];
        if (gs_policy_table_has(run->rules->decisions, p) && (int)p != run->full_profile &&
            profile->memory_units >= least->memory_units &&
            profile->compute_slices >= least->compute_slices && bears(run, rate)) {
            choices[n++] = (struct choice){.profile = (uint8_t)p,
                                           .rate = (uint16_t)rate,
                                           .cost = 1000000u * profile->memory_units /
                                                   (model->memory_units * rate)};
        }
    }
    choices[n++] = (struct choice){.profile = GS_SIM_WHOLE, .rate = 1000, .cost = 1000};
    return n;
}

/* `fast`: the faster first; else the one that takes the least of a GPU for the work. */
static void order(struct choice *choices, unsigned n, bool fast)
{
    for (unsigned i = 1; i < n; i++) {
        struct choice choice = choices[i];
        unsigned at = i;
        for (; at > 0; at--) {
            const struct choice *other = &choices[at - 1];
            bool first = fast || choice.cost == other->cost ? choice.rate > other->rate
                                                            : choice.cost < other->cost;
            if (!first) {
                break;
            }
            choices[at] = *other;
        }
        choices[at] = choice;
    }
}

static int place_as(struct gs_sim_run *run, uint32_t task, const struct choice *choice, bool buy,
                    struct gs_err *err)
{
    return choice->profile == GS_SIM_WHOLE
               ? gs_sim_place_gpus(run, task, buy, err)
               : gs_sim_place_slice(run, task, choice->profile, buy, err);
}

/* ------------------------------------------------------------------ jobs that can be molded */

static void enter(struct gs_sim_run *run, uint32_t task)
{
    struct gs_sim_task *t = gs_sim_task_at(run, task);
    t->molded = true;
    t->next = GS_SIM_NONE;
    t->before = run->molded.first == GS_SIM_NONE ? GS_SIM_NONE : run->molded.last;
    if (t->before == GS_SIM_NONE) {
        run->molded.first = task;
    } else {
        gs_sim_task_at(run, t->before)->next = task;
    }
    run->molded.last = task;
}

void gs_sim_mold_leave(struct gs_sim_run *run, uint32_t task)
{
    struct gs_sim_task *t = gs_sim_task_at(run, task);
    t->molded = false;
    if (t->before == GS_SIM_NONE) {
        run->molded.first = t->next;
    } else {
        gs_sim_task_at(run, t->before)->next = t->next;
    }
    if (t->next == GS_SIM_NONE) {
        run->molded.last = t->before;
    } else {
        gs_sim_task_at(run, t->next)->before = t->before;
    }
}

static bool nobody_waits(const struct gs_sim_run *run)
{
    return run->waiting[0] == 0 && run->waiting[1] == 0;
}

/* What is left of its work now. */
static int64_t left_of(const struct gs_sim_run *run, const struct gs_sim_task *t)
{
    int64_t ran = run->now > t->began_us ? run->now - t->began_us : 0;
    int64_t left = t->left_us - (int64_t)((__int128)ran * t->rate / 1000);
    return left < 1 ? 1 : left;
}

/* A running job gives up its place for another one, of which it is known that there is room. */
static int resit(struct gs_sim_run *run, uint32_t task, const struct choice *choice,
                 struct gs_err *err)
{
    struct gs_sim_task *t = gs_sim_task_at(run, task);
    int64_t left = left_of(run, t);
    int r = gs_sim_leave(run, task, err);
    if (r < 0) {
        return r;
    }
    t->left_us = left;
    t->resits = true;
    r = place_as(run, task, choice, false, err);
    assert(r != 0);
    t->resits = false;
    if (r < 0) {
        return r;
    }
    enter(run, task);
    if (gs_sim_meter_counts(run)) {
        run->score->moves++;
        gs_sim_meter_add(run, &run->score->move_us, 1, run->world->move_us);
    }
    return 0;
}

/* The state of its GPU without the job. */
static uint16_t state_without(const struct gs_sim_run *run, const struct gs_sim_task *t)
{
    const struct gs_statetable *states = run->rules->decisions->states;
    if (t->where != GS_SIM_ON_SLICE) {
        return 0;
    }
    uint16_t state = gs_online_state(run->fleet.online, t->gpu);
    return states->prev[(size_t)state * states->n_placements + t->placement];
}

/* Whether the job could have this instead of what it has. */
static bool has_room(const struct gs_sim_run *run, const struct gs_sim_task *t,
                     const struct choice *choice)
{
    struct gs_slot slot;
    uint16_t without = state_without(run, t);
    if (without == 0 || gs_sim_fleet_idle(&run->fleet, GS_SIM_PLAIN, 1) != GS_SIM_NONE) {
        return true;
    }
    return choice->profile != GS_SIM_WHOLE &&
           ((run->rules->decisions->fits[without] >> choice->profile & 1u) != 0 ||
            gs_online_find(run->fleet.online, choice->profile, GS_GPU_NONE, &slot) == 0);
}

/* ------------------------------------------------------------------ wider */

/* The change that brings a job's end forward most. False: none does. */
static bool best_wider(const struct gs_sim_run *run, const struct gs_sim_task *t,
                       struct choice *ret, int64_t *ret_gain)
{
    struct choice choices[GS_PROFILES_MAX + 1];
    unsigned n = list_choices(run, t, choices);
    int64_t left = left_of(run, t);
    int64_t cost = run->world->move_us + run->world->recut_us;
    bool found = false;
    for (unsigned i = 0; i < n; i++) {
        int64_t ends = run->now + cost + gs_sim_task_takes(left, choices[i].rate);
        int64_t gain = t->ends_us - ends;
        if (choices[i].rate > t->rate && gain > *ret_gain && has_room(run, t, &choices[i])) {
            *ret = choices[i];
            *ret_gain = gain;
            found = true;
        }
    }
    return found;
}

int gs_sim_mold_widen(struct gs_sim_run *run, struct gs_err *err)
{
    bool look = run->idle && !run->world->elastic && nobody_waits(run);
    run->idle = false;
    for (unsigned changes = 0; look && changes < LOOKS; changes++) {
        struct choice choice;
        int64_t gain = 0;
        uint32_t best = GS_SIM_NONE;
        uint32_t task = run->molded.first;
        for (unsigned i = 0; i < LOOKS && task != GS_SIM_NONE; i++) {
            const struct gs_sim_task *t = gs_sim_task_at(run, task);
            if (t->rate < 1000 && best_wider(run, t, &choice, &gain)) {
                best = task;
            }
            task = t->next;
        }
        if (best == GS_SIM_NONE) {
            break;
        }
        int r = resit(run, best, &choice, err);
        if (r < 0) {
            return r;
        }
    }
    run->idle = false;
    return 0;
}

/* ------------------------------------------------------------------ narrower */

/* Whether a slice of `wanted` has room beside this job once that has `choice`. */
static bool makes_room(const struct gs_sim_run *run, const struct gs_sim_task *t,
                       const struct choice *choice, unsigned wanted)
{
    const struct gs_policy_table *decisions = run->rules->decisions;
    uint16_t without = state_without(run, t);
    size_t cell = (size_t)without * decisions->n_profiles + choice->profile;
    if (choice->profile == GS_SIM_WHOLE || decisions->best[cell] == GS_PLACEMENT_NONE) {
        return false;
    }
    const struct gs_statetable *states = decisions->states;
    uint16_t state = states->next[(size_t)without * states->n_placements + decisions->best[cell]];
    return (decisions->fits[state] >> wanted & 1u) != 0;
}

int gs_sim_mold_narrow(struct gs_sim_run *run, uint32_t for_task, struct gs_err *err)
{
    const struct gs_sim_task *wants = gs_sim_task_at(run, for_task);
    unsigned wanted = wants->profile;
    if (wants->speed != NULL && !bears(run, wants->speed->permille[wanted])) {
        return 0;
    }
    struct choice best_choice = {0};
    uint32_t best = GS_SIM_NONE;
    int64_t least = INT64_MAX;
    uint32_t task = run->molded.first;
    for (unsigned i = 0; i < LOOKS && task != GS_SIM_NONE; i++) {
        const struct gs_sim_task *t = gs_sim_task_at(run, task);
        struct choice choices[GS_PROFILES_MAX + 1];
        unsigned n = list_choices(run, t, choices);
        for (unsigned c = 0; c < n; c++) {
            int64_t longer =
                gs_sim_task_takes(left_of(run, t), choices[c].rate) - (t->ends_us - run->now);
            if (choices[c].rate < t->rate && longer < least &&
                makes_room(run, t, &choices[c], wanted)) {
                best = task;
                best_choice = choices[c];
                least = longer;
            }
        }
        task = t->next;
    }
    int r = best == GS_SIM_NONE ? 0 : resit(run, best, &best_choice, err);
    return r < 0 ? r : best != GS_SIM_NONE;
}

int gs_sim_mold(struct gs_sim_run *run, uint32_t task, struct gs_err *err)
{
    const struct gs_sim_task *t = gs_sim_task_at(run, task);
    struct choice choices[GS_PROFILES_MAX + 1];
    unsigned n = list_choices(run, t, choices);
    order(choices, n, !run->world->elastic && nobody_waits(run));
    int r = 0;
    for (unsigned i = 0; r == 0 && i < n; i++) {
        r = place_as(run, task, &choices[i], false, err);
    }
    if (r == 0) {
        r = place_as(run, task, &choices[0], true, err);
    }
    if (r == 1) {
        enter(run, task);
    }
    return r;
}
