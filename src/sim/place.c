#include <assert.h>

#include "sim/run.h"

static int64_t ready_at(const struct gs_sim_run *run, uint32_t gpu)
{
    return run->fleet.nodes[run->fleet.gpus[gpu].node].ready_us;
}

static void count_recut(struct gs_sim_run *run)
{
    if (gs_sim_meter_counts(run)) {
        run->score->recuts++;
        gs_sim_meter_add(run, &run->score->recut_us, 1, run->world->recut_us);
    }
}

/* ------------------------------------------------------------------ slices */

/* The slice is there, or is cut now, beside what is in use and as many idle slices as still fit.
 * When it can be used: a node that boots has it cut by then. */
static int64_t cut(struct gs_sim_run *run, struct gs_slot slot)
{
    struct gs_sim_gpu *gpu = &run->fleet.gpus[slot.gpu];
    const struct gs_statetable *states = run->rules->decisions->states;
    int64_t ready = ready_at(run, slot.gpu);
    ready = ready > run->now ? ready : run->now;
    if ((gpu->cut >> slot.placement & 1u) != 0) {
        gs_sim_fleet_refile(&run->fleet, slot.gpu);
        return ready;
    }
    uint16_t state = gs_online_state(run->fleet.online, slot.gpu);
    for (uint64_t rest = gpu->cut & ~states->sets[state]; rest != 0; rest &= rest - 1) {
        unsigned i = (unsigned)__builtin_ctzll(rest);
        uint16_t with = states->next[(size_t)state * states->n_placements + i];
        state = with == GS_STATE_NONE ? state : with;
    }
    gpu->cut = states->sets[state];
    gs_sim_fleet_refile(&run->fleet, slot.gpu);
    if (ready > run->now) {
        return ready;
    }
    count_recut(run);
    return run->now + run->world->recut_us;
}

static unsigned rate_on(const struct gs_sim_task *t, unsigned profile)
{
    return t->speed == NULL ? 1000 : t->speed->permille[profile];
}

/* The job has this slot, which core/online has already given away. `after_us`: what has to happen
 * first. */
static int sit(struct gs_sim_run *run, uint32_t task, struct gs_slot slot, int64_t after_us,
               struct gs_err *err)
{
    struct gs_sim_task *t = gs_sim_task_at(run, task);
    t->where = GS_SIM_ON_SLICE;
    t->gpu = slot.gpu;
    t->placement = (uint8_t)slot.placement;
    t->held = run->rules->decisions->states->placements[slot.placement].profile;
    if (run->fleet.keep_owners) {
        *gs_sim_fleet_owner(&run->fleet, slot) = task;
    }
    if (run->fewest != NULL) {
        gs_sim_fewest_slice(run->fewest, t->held, 1);
    }
    int64_t ready = cut(run, slot) + after_us;
    return gs_sim_task_start(run, task, rate_on(t, t->held), ready, err);
}

/* A slice of this GPU is in use no more: it stays cut, or does not. */
static void vacate(struct gs_sim_run *run, uint32_t gpu)
{
    const struct gs_statetable *states = run->rules->decisions->states;
    if (!run->fleet.books && run->rules->policy->way == GS_SIM_CUT) {
        run->fleet.gpus[gpu].cut &= states->sets[gs_online_state(run->fleet.online, gpu)];
    }
    gs_sim_fleet_refile(&run->fleet, gpu);
}

/* The job on `victim` has `target` instead, which is taken already. Returns how long a job waits
 * that wants the old place: until the new one is cut and taken over. */
static int resettle(struct gs_sim_run *run, struct gs_slot victim, struct gs_slot target,
                    int64_t *ret_us, struct gs_err *err)
{
    uint32_t task = *gs_sim_fleet_owner(&run->fleet, victim);
    struct gs_sim_task *t = gs_sim_task_at(run, task);
    int64_t ready = cut(run, target);
    int64_t us = run->world->move_us;
    *gs_sim_fleet_owner(&run->fleet, target) = task;
    t->gpu = target.gpu;
    t->placement = (uint8_t)target.placement;
    t->began_us += us;
    if (t->first_us > run->now) {
        t->first_us = t->began_us;
    }
    if (gs_sim_meter_counts(run)) {
        run->score->moves++;
        gs_sim_meter_add(run, &run->score->move_us, 1, us);
    }
    *ret_us = ready - run->now + us;
    vacate(run, victim.gpu);
    int r = gs_sim_task_set_end(run, task, t->ends_us + us, err);
    gs_sim_task_tell(run, task, GS_SIM_MOVES);
    return r;
}

static int place_by_move(struct gs_sim_run *run, uint32_t task, unsigned profile,
                         struct gs_err *err)
{
    struct gs_move move;
    if (run->rules->moves == NULL ||
        gs_move_find(run->rules->moves, run->fleet.online, profile, NULL, &move) < 0) {
        return 0;
    }
    int64_t us = 0;
    int r = gs_move_apply(run->fleet.online, &move, err);
    r = r < 0 ? r : resettle(run, move.victim, move.target, &us, err);
    r = r < 0 ? r : sit(run, task, move.request, us, err);
    return r < 0 ? r : 1;
}

/* Whether an idle GPU suits the policy better than the place that was found. */
static bool idle_is_better(const struct gs_sim_run *run, unsigned profile, struct gs_slot found,
                           uint32_t idle)
{
    const struct gs_policy_table *decisions = run->rules->decisions;
    uint16_t state = gs_online_state(run->fleet.online, found.gpu);
    if (decisions->policy->by_index) {
        unsigned tier = decisions->tier[state];
        return decisions->tier[0] < tier || (decisions->tier[0] == tier && idle < found.gpu);
    }
    return decisions->rank[profile] <
           decisions->rank[(size_t)state * decisions->n_profiles + profile];
}

/* The idle GPU of a node that is on that the policy would begin, or GS_SIM_NONE. */
static uint32_t idle_gpu(const struct gs_sim_run *run, enum gs_sim_kind kind)
{
    const struct gs_policy_table *decisions = run->rules->decisions;
    if (decisions->policy->by_index && decisions->n_tiers == 1 && !run->world->busy_first) {
        return gs_bitset_first(&run->fleet.idle_gpus);
    }
    uint32_t node = gs_sim_fleet_idle(&run->fleet, kind, 1);
    return node == GS_SIM_NONE ? GS_SIM_NONE : gs_sim_fleet_first(&run->fleet, node);
}

static int begin_slice(struct gs_sim_run *run, uint32_t task, unsigned profile, uint32_t gpu,
                       struct gs_err *err)
{
    struct gs_slot slot = {.gpu = gpu, .placement = run->rules->decisions->best[profile]};
    assert(slot.placement != GS_PLACEMENT_NONE);
    gs_sim_fleet_begin(&run->fleet, gpu, true);
    int r = gs_online_take(run->fleet.online, slot, err);
    r = r < 0 ? r : sit(run, task, slot, 0, err);
    return r < 0 ? r : 1;
}

/* Takes a place that was found: a slice that is there, or one that is cut. */
static int book(struct gs_sim_run *run, uint32_t task, struct gs_slot slot, struct gs_err *err)
{
    const struct gs_sim_node *node = &run->fleet.nodes[run->fleet.gpus[slot.gpu].node];
    if ((node->idle >> (slot.gpu - node->first_gpu) & 1u) != 0) {
        gs_sim_fleet_begin(&run->fleet, slot.gpu, true);
    }
    int r = gs_online_take(run->fleet.online, slot, err);
    r = r < 0 ? r : sit(run, task, slot, 0, err);
    return r < 0 ? r : 1;
}

/* Nothing that is on has room, but perhaps after a move; or a node is switched on. */
static int make_room(struct gs_sim_run *run, uint32_t task, unsigned profile, enum gs_sim_kind kind,
                     bool may_buy, struct gs_err *err)
{
    int r = place_by_move(run, task, profile, err);
    uint32_t node;
    if (r != 0) {
        return r;
    }
    r = may_buy ? gs_sim_buy(run, kind, 1, &node, err) : 0;
    return r <= 0 ? r : begin_slice(run, task, profile, gs_sim_fleet_first(&run->fleet, node), err);
}

int gs_sim_place_slice(struct gs_sim_run *run, uint32_t task, unsigned profile, bool may_buy,
                       struct gs_err *err)
{
    enum gs_sim_kind kind = run->rules->policy->way == GS_SIM_STATIC ? GS_SIM_PRECUT : GS_SIM_PLAIN;
    struct gs_slot slot;
    if (gs_sim_fleet_find_slice(&run->fleet, profile, &slot)) {
        return book(run, task, slot, err);
    }
    if (run->fleet.recuts.table != NULL) {
        return gs_sim_fleet_find_recut(&run->fleet, profile, &slot)
                   ? book(run, task, slot, err)
                   : make_room(run, task, profile, kind, may_buy, err);
    }
    bool found = gs_online_find(run->fleet.online, profile, GS_GPU_NONE, &slot) == 0;
    bool late = run->world->busy_first;
    uint32_t idle = found && late ? GS_SIM_NONE : idle_gpu(run, kind);
    if (found && (idle == GS_SIM_NONE || !idle_is_better(run, profile, slot, idle))) {
        int r = gs_online_take(run->fleet.online, slot, err);
        r = r < 0 ? r : sit(run, task, slot, 0, err);
        return r < 0 ? r : 1;
    }
    if (idle == GS_SIM_NONE) {
        return make_room(run, task, profile, kind, may_buy, err);
    }
    int r = late ? place_by_move(run, task, profile, err) : 0;
    return r != 0 ? r : begin_slice(run, task, profile, idle, err);
}

/* ------------------------------------------------------------------ whole GPUs */

static int sit_whole(struct gs_sim_run *run, uint32_t task, uint64_t mask, uint32_t node,
                     int64_t after_us, struct gs_err *err)
{
    struct gs_sim_task *t = gs_sim_task_at(run, task);
    uint32_t first = run->fleet.nodes[node].first_gpu;
    int64_t ready = run->fleet.nodes[node].ready_us;
    bool boots = ready > run->now;
    bool was_cut = false;
    t->where = GS_SIM_ON_GPUS;
    t->mask = mask;
    t->gpu = first + (uint32_t)__builtin_ctzll(mask);
    t->held = GS_SIM_WHOLE;
    for (uint64_t rest = mask; rest != 0; rest &= rest - 1) {
        struct gs_sim_gpu *gpu = &run->fleet.gpus[first + (unsigned)__builtin_ctzll(rest)];
        was_cut = was_cut || gpu->cut != 0;
        gpu->cut = 0;
        gpu->job = task;
        gs_sim_fleet_refile(&run->fleet, first + (uint32_t)__builtin_ctzll(rest));
    }
    if (!boots) {
        ready = run->now + (was_cut ? run->world->recut_us : 0);
    }
    if (!boots && was_cut) {
        count_recut(run);
    }
    if (run->fewest != NULL) {
        gs_sim_fewest_whole(run->fewest, t->gpus);
    }
    return gs_sim_task_start(run, task, 1000, ready + after_us, err);
}

/* Moves the only slice of a GPU, so that somebody else can have all of it. */
static int whole_by_move(struct gs_sim_run *run, uint32_t task, struct gs_err *err)
{
    struct gs_move move;
    if (run->rules->moves == NULL || run->full_profile < 0 ||
        gs_move_find(run->rules->moves, run->fleet.online, (unsigned)run->full_profile, NULL,
                     &move) < 0) {
        return 0;
    }
    int64_t us = 0;
    uint32_t gpu = move.request.gpu;
    uint32_t node = run->fleet.gpus[gpu].node;
    int r = gs_move_apply(run->fleet.online, &move, err);
    r = r < 0 ? r : gs_online_release(run->fleet.online, move.request, err);
    r = r < 0 ? r : gs_online_set_available(run->fleet.online, gpu, false, err);
    r = r < 0 ? r : resettle(run, move.victim, move.target, &us, err);
    uint64_t mask = 1ull << (gpu - run->fleet.nodes[node].first_gpu);
    r = r < 0 ? r : sit_whole(run, task, mask, node, us, err);
    return r < 0 ? r : 1;
}

int gs_sim_place_gpus(struct gs_sim_run *run, uint32_t task, bool may_buy, struct gs_err *err)
{
    unsigned gpus = gs_sim_task_at(run, task)->gpus;
    uint32_t node;
    int r = gs_sim_place_node(run, GS_SIM_PLAIN, gpus, false, &node, err);
    if (gpus == 1 && (r == 0 || run->world->busy_first)) {
        int moved = whole_by_move(run, task, err);
        if (moved != 0) {
            return moved;
        }
    }
    r = r == 0 && may_buy ? gs_sim_buy(run, GS_SIM_PLAIN, gpus, &node, err) : r;
    if (r <= 0) {
        return r;
    }
    uint64_t mask = 0;
    uint64_t idle = run->fleet.nodes[node].idle;
    for (unsigned g = 0; g < gpus; g++, idle &= idle - 1) {
        unsigned bit = (unsigned)__builtin_ctzll(idle);
        mask |= 1ull << bit;
        gs_sim_fleet_begin(&run->fleet, run->fleet.nodes[node].first_gpu + bit, false);
    }
    r = sit_whole(run, task, mask, node, 0, err);
    return r < 0 ? r : 1;
}

/* ------------------------------------------------------------------ all ways */

static int place_small(struct gs_sim_run *run, uint32_t task, struct gs_err *err)
{
    struct gs_sim_task *t = gs_sim_task_at(run, task);
    unsigned rate = t->speed == NULL ? 1000 : t->speed->permille[t->profile];
    rate = rate * run->world->small.speed_permille / 1000;
    t->where = GS_SIM_ON_SMALL;
    t->gpu = GS_SIM_NONE;
    t->mask = (uint64_t)run->now; /* had since */
    run->small_on++;
    int r = gs_sim_task_start(run, task, rate == 0 ? 1 : rate, run->now + run->world->boot_us, err);
    return r < 0 ? r : 1;
}

static bool is_small(const struct gs_sim_run *run, const struct gs_sim_task *t)
{
    if (run->rules->policy->way != GS_SIM_SMALL || run->world->small.name == NULL ||
        t->profile == GS_SIM_WHOLE) {
        return false;
    }
    uint32_t mib = run->world->model->profiles[t->profile].memory_mib;
    return mib != GS_NOT_KNOWN && mib <= run->world->small.memory_mib;
}

static int place(struct gs_sim_run *run, uint32_t task, struct gs_err *err)
{
    const struct gs_sim_task *t = gs_sim_task_at(run, task);
    const struct gs_sim_policy *policy = run->rules->policy;
    unsigned profile = t->profile == GS_SIM_WHOLE ? GS_SIM_WHOLE : run->rules->serves[t->profile];
    if (is_small(run, t)) {
        return place_small(run, task, err);
    }
    if (policy->way == GS_SIM_SHARED) {
        return gs_sim_share(run, task, err);
    }
    if (policy->moldable && t->speed != NULL && profile != GS_SIM_WHOLE) {
        return gs_sim_mold(run, task, err);
    }
    if (profile == GS_SIM_WHOLE || rate_on(t, profile) == 0) {
        return gs_sim_place_gpus(run, task, true, err);
    }
    return gs_sim_place_slice(run, task, profile, true, err);
}

int gs_sim_place(struct gs_sim_run *run, uint32_t task, struct gs_err *err)
{
    int r = place(run, task, err);
    unsigned profile = gs_sim_task_at(run, task)->profile;
    if (r == 0 && run->rules->policy->moldable && profile != GS_SIM_WHOLE && !run->world->elastic) {
        r = gs_sim_mold_narrow(run, task, err);
        r = r == 1 ? place(run, task, err) : r;
    }
    return r;
}

static int leave_gpus(struct gs_sim_run *run, const struct gs_sim_task *t, struct gs_err *err)
{
    uint32_t first = run->fleet.nodes[run->fleet.gpus[t->gpu].node].first_gpu;
    if (run->fewest != NULL) {
        gs_sim_fewest_whole(run->fewest, -(int)t->gpus);
    }
    int r = 0;
    for (uint64_t rest = t->mask; r == 0 && rest != 0; rest &= rest - 1) {
        r = gs_sim_give_back(run, first + (unsigned)__builtin_ctzll(rest), err);
    }
    return r;
}

static int leave_slice(struct gs_sim_run *run, const struct gs_sim_task *t, struct gs_err *err)
{
    struct gs_slot slot = {.gpu = t->gpu, .placement = t->placement};
    if (run->fewest != NULL) {
        gs_sim_fewest_slice(run->fewest, t->held, -1);
    }
    int r = gs_online_release(run->fleet.online, slot, err);
    run->freed = true;
    if (r == 0) {
        vacate(run, t->gpu);
    }
    return r == 0 && gs_online_state(run->fleet.online, t->gpu) == 0
               ? gs_sim_give_back(run, t->gpu, err)
               : r;
}

int gs_sim_leave(struct gs_sim_run *run, uint32_t task, struct gs_err *err)
{
    struct gs_sim_task *t = gs_sim_task_at(run, task);
    int r = 0;
    run->n_running--;
    run->held -= t->gpus;
    run->idle = true;
    if (t->molded) {
        gs_sim_mold_leave(run, task);
    }
    switch ((enum gs_sim_where)t->where) {
    case GS_SIM_ON_SLICE:
        r = leave_slice(run, t, err);
        break;
    case GS_SIM_ON_GPUS:
        r = leave_gpus(run, t, err);
        break;
    case GS_SIM_ON_SMALL:
        run->small_on--;
        gs_sim_meter_small(run, (int64_t)t->mask, run->now);
        break;
    case GS_SIM_ON_SHARE:
        r = gs_sim_unshare(run, task, err);
        break;
    case GS_SIM_NOWHERE:
        assert(false);
        break;
    }
    t->where = GS_SIM_NOWHERE;
    return r;
}
