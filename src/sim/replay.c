#include "sim/replay.h"

#include <assert.h>
#include <string.h>

#include "sim/run.h"

/* ------------------------------------------------------------------ checks */

static int refuse_job(const struct gs_sim_job *job, struct gs_err *err, const char *what,
                      long long found, const char *expected)
{
    return gs_fail(err, GS_INVALID, "row %llu: %s %lld: expected %s", (unsigned long long)job->row,
                   what, found, expected);
}

int gs_sim_job_check(const struct gs_sim_world *world, const struct gs_sim_job *job,
                     int64_t not_before, struct gs_err *err)
{
    if (job->arrive_us < 0 || job->arrive_us > GS_SIM_TIME_MAX) {
        return refuse_job(job, err, "arrival at us", job->arrive_us, "0 to a hundred years");
    }
    if (job->arrive_us < not_before) {
        return refuse_job(job, err, "arrival at us", job->arrive_us,
                          "none before that of the job ahead of it");
    }
    if (job->run_us < 1 || job->run_us > GS_SIM_TIME_MAX) {
        return refuse_job(job, err, "a run of us", job->run_us, "1 to a hundred years");
    }
    if (job->gpus < 1 || job->gpus > GS_SIM_JOB_GPUS_MAX) {
        return refuse_job(job, err, "GPUs", job->gpus, "1 to 64");
    }
    if (job->profile == GS_SIM_WHOLE) {
        return 0;
    }
    if (job->profile >= world->model->n_profiles || (world->profiles >> job->profile & 1u) == 0) {
        return refuse_job(job, err, "profile number", job->profile,
                          "one of the model that may be cut, or 255 for a whole GPU");
    }
    if (job->gpus != 1) {
        return refuse_job(job, err, "a slice and GPUs", job->gpus, "1 GPU beside a profile");
    }
    if (job->speed != NULL && job->speed->permille[job->profile] == 0) {
        return refuse_job(job, err, "no speed on its own profile", job->profile,
                          "a profile that it runs on");
    }
    return 0;
}

/* ------------------------------------------------------------------ jobs */

/* No node could ever hold it. */
static bool is_too_wide(const struct gs_sim_run *run, const struct gs_sim_task *t)
{
    const struct gs_sim_world *world = run->world;
    unsigned widest = 0;
    bool fixed_static = !world->elastic && run->rules->policy->way == GS_SIM_STATIC;
    for (unsigned i = 0; i < world->n_types; i++) {
        const struct gs_sim_type *type = &world->types[i];
        uint64_t precut = fixed_static ? (uint64_t)type->nodes * world->static_permille / 1000 : 0;
        bool fits = world->gpus_max == 0 || type->gpus <= world->gpus_max || !world->elastic;
        widest = precut < type->nodes && fits && type->gpus > widest ? type->gpus : widest;
    }
    bool sliced = t->profile != GS_SIM_WHOLE && run->rules->serves[t->profile] != GS_SIM_WHOLE;
    return !sliced && t->gpus > widest;
}

/* A job wants its place now: it gets it, waits or is lost. */
static int offer(struct gs_sim_run *run, uint32_t task, struct gs_err *err)
{
    struct gs_sim_task *t = gs_sim_task_at(run, task);
    bool others_wait = run->waiting[0] != 0 || run->waiting[1] != 0;
    if (is_too_wide(run, t) || t->restarts > GS_SIM_RESTARTS_MAX) {
        gs_sim_task_give_up(run, task, &run->score->lost);
        return 0;
    }
    int r = others_wait && !run->world->backfill ? 0 : gs_sim_place(run, task, err);
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    if (run->world->lose) {
        gs_sim_task_give_up(run, task, &run->score->lost);
    } else {
        gs_sim_task_wait(run, task);
    }
    return 0;
}

static int arrive(struct gs_sim_run *run, const struct gs_sim_job *job, struct gs_err *err)
{
    uint32_t task;
    int r = gs_sim_task_new(run, &task, err);
    if (r < 0) {
        return r;
    }
    bool counted = gs_sim_meter_counts(run);
    *gs_sim_task_at(run, task) = (struct gs_sim_task){.arrive_us = job->arrive_us,
                                                      .run_us = job->run_us,
                                                      .left_us = job->run_us,
                                                      .ends_us = GS_SIM_NEVER,
                                                      .first_us = -1,
                                                      .row = job->row,
                                                      .speed = job->speed,
                                                      .gpu = GS_SIM_NONE,
                                                      .gpus = job->gpus,
                                                      .profile = job->profile,
                                                      .held = GS_SIM_WHOLE,
                                                      .where = GS_SIM_NOWHERE,
                                                      .counted = counted};
    run->score->events++;
    run->score->arrived += counted;
    if (counted && run->score->first_us < 0) {
        run->score->first_us = run->now;
    }
    return offer(run, task, err);
}

static int64_t slowdown_of(const struct gs_sim_task *t)
{
    return (int64_t)((__int128)(t->ends_us - t->first_us) * 1000 / t->run_us);
}

static int finish(struct gs_sim_run *run, uint32_t task, struct gs_err *err)
{
    struct gs_sim_task *t = gs_sim_task_at(run, task);
    struct gs_sim_score *score = run->score;
    score->events++;
    gs_sim_task_count_restart(run, t);
    if (t->counted) {
        score->done++;
        score->delayed += t->first_us > t->arrive_us;
        gs_sim_hist_add(&score->wait_us, t->first_us - t->arrive_us);
        gs_sim_hist_add(&score->slowdown_permille, slowdown_of(t));
        gs_sim_hist_add(&score->job_us, t->ends_us - t->arrive_us);
        if (!run->world->elastic && !run->world->lose) {
            gs_sim_timeline_count(&score->of_arrivals, t->arrive_us,
                                  (uint64_t)(t->ends_us - t->arrive_us));
        }
    }
    gs_sim_task_tell(run, task, GS_SIM_ENDS);
    int r = gs_sim_leave(run, task, err);
    gs_sim_task_free(run, task);
    return r;
}

/* ------------------------------------------------------------------ nodes that go */

static void collect(uint32_t *tasks, unsigned *n, uint32_t task)
{
    for (unsigned i = 0; i < *n; i++) {
        if (tasks[i] == task) {
            return;
        }
    }
    tasks[(*n)++] = task;
}

static unsigned jobs_on(const struct gs_sim_run *run, uint32_t gpu, uint32_t *tasks, unsigned n)
{
    const struct gs_sim_fleet *fleet = &run->fleet;
    if (fleet->gpus[gpu].job != GS_SIM_NONE) {
        collect(tasks, &n, fleet->gpus[gpu].job);
        return n;
    }
    for (unsigned i = 0; gpu < run->sharing.cap && i < run->sharing.count[gpu]; i++) {
        collect(tasks, &n, run->sharing.tasks[gpu][i]);
    }
    if (fleet->online != NULL) {
        uint16_t state = gs_online_state(fleet->online, gpu);
        uint64_t rest = fleet->rules->decisions->states->sets[state];
        for (; rest != 0; rest &= rest - 1) {
            unsigned i = (unsigned)__builtin_ctzll(rest);
            collect(tasks, &n, fleet->owners[(size_t)gpu * fleet->n_placements + i]);
        }
    }
    return n;
}

static int go(struct gs_sim_run *run, uint32_t node)
{
    gs_sim_meter_node_off(run, node, run->now);
    gs_sim_fleet_switch_off(&run->fleet, node);
    run->freed = true; /* a limit of GPUs may have room now */
    run->score->events++;
    return 0;
}

/* The cloud takes a node back: its jobs look for another place at once. */
static int take_away(struct gs_sim_run *run, uint32_t n, struct gs_err *err)
{
    struct gs_sim_node *node = &run->fleet.nodes[n];
    uint32_t tasks[GS_SIM_NODE_GPUS_MAX * GS_MEMORY_UNITS_MAX];
    unsigned n_tasks = 0;
    unsigned gpus = gs_sim_fleet_node_gpus(&run->fleet, n);
    for (unsigned g = 0; g < gpus; g++) {
        if ((node->idle >> g & 1u) == 0) {
            n_tasks = jobs_on(run, node->first_gpu + g, tasks, n_tasks);
        }
    }
    int r = 0;
    for (unsigned i = 0; r == 0 && i < n_tasks; i++) {
        gs_sim_task_interrupt(run, tasks[i]);
        gs_sim_task_tell(run, tasks[i], GS_SIM_STOPS);
        r = gs_sim_leave(run, tasks[i], err);
    }
    r = r < 0 ? r : go(run, n);
    for (unsigned i = 0; r == 0 && i < n_tasks; i++) {
        r = offer(run, tasks[i], err);
    }
    return r;
}

/* ------------------------------------------------------------------ jobs that wait */

/* The first in line of those whose line was not tried, or -1. */
static int next_line(const struct gs_sim_run *run, const uint64_t *tried)
{
    int best = -1;
    for (unsigned w = 0; w < 2; w++) {
        for (uint64_t rest = run->waiting[w] & ~tried[w]; rest != 0; rest &= rest - 1) {
            unsigned l = w * 64 + (unsigned)__builtin_ctzll(rest);
            if (best < 0 || gs_sim_task_at(run, run->lines[l].first)->mask <
                                gs_sim_task_at(run, run->lines[best].first)->mask) {
                best = (int)l;
            }
        }
    }
    return best;
}

/* Jobs in one line ask for the same, so that one without room speaks for all behind it. */
static int serve_lines(struct gs_sim_run *run, struct gs_err *err)
{
    uint64_t tried[2] = {0, 0};
    if (!run->freed) {
        return 0;
    }
    run->freed = false;
    for (int l = next_line(run, tried); l >= 0; l = next_line(run, tried)) {
        struct gs_sim_line *line = &run->lines[l];
        uint32_t task = line->first;
        uint32_t next = gs_sim_task_at(run, task)->next;
        uint64_t bit = 1ull << l % 64;
        int r = gs_sim_place(run, task, err);
        if (r < 0) {
            return r;
        }
        if (r == 0 && !run->world->backfill) {
            return 0;
        }
        if (r == 0) {
            tried[l / 64] |= bit;
            continue;
        }
        line->first = next;
        if (next == GS_SIM_NONE) {
            run->waiting[l / 64] &= ~bit;
        }
    }
    return 0;
}

static void give_up_lines(struct gs_sim_run *run)
{
    static const uint64_t none[2] = {0, 0};
    for (int l = next_line(run, none); l >= 0; l = next_line(run, none)) {
        struct gs_sim_line *line = &run->lines[l];
        uint32_t task = line->first;
        line->first = gs_sim_task_at(run, task)->next;
        if (line->first == GS_SIM_NONE) {
            run->waiting[l / 64] &= ~(1ull << l % 64);
        }
        gs_sim_task_give_up(run, task, &run->score->undone);
    }
}

/* ------------------------------------------------------------------ time */

static bool entry_holds(const struct gs_sim_run *run, struct gs_sim_entry entry)
{
    if (entry.who < GS_SIM_WHO_TAKEN) {
        return gs_sim_task_at(run, entry.who)->ends_us == entry.at;
    }
    const struct gs_sim_node *node = &run->fleet.nodes[entry.who & ~GS_SIM_WHO_GOES];
    return node->on && (entry.who < GS_SIM_WHO_GOES ? node->taken_us : node->goes_us) == entry.at;
}

/* Time goes on with what happens, and not with an entry that no longer holds. */
static int handle(struct gs_sim_run *run, struct gs_sim_entry entry, struct gs_err *err)
{
    if (!entry_holds(run, entry)) {
        return 0;
    }
    int r = gs_sim_meter_advance(run, entry.at, err);
    if (r < 0) {
        return r;
    }
    if (entry.who < GS_SIM_WHO_TAKEN) {
        return finish(run, entry.who, err);
    }
    uint32_t node = entry.who & ~GS_SIM_WHO_GOES;
    return entry.who < GS_SIM_WHO_GOES ? take_away(run, node, err) : go(run, node);
}

/* Everything at a time whose `who` is below `below`. */
static int handle_all(struct gs_sim_run *run, int64_t at, uint32_t below, struct gs_err *err)
{
    for (;;) {
        struct gs_sim_entry entry;
        int r = gs_sim_agenda_take(&run->agenda, run->arena, at, below, &entry);
        if (r < 0) {
            return gs_fail(err, GS_NO_MEMORY, "no memory for more jobs at one time");
        }
        r = r == 0 ? 1 : handle(run, entry, err);
        if (r != 0) {
            return r < 0 ? r : 0;
        }
    }
}

static bool keep_entry(void *ctx, struct gs_sim_entry *entry)
{
    return entry_holds(ctx, *entry);
}

void gs_sim_tidy_agenda(struct gs_sim_run *run)
{
    gs_sim_agenda_sift(&run->agenda, keep_entry, run);
}

/* The agenda is kept within twice what holds, so that it does not grow with changed ends. */
static void bound_agenda(struct gs_sim_run *run)
{
    if (run->agenda.n > 2 * ((size_t)run->n_running + 2 * (size_t)run->fleet.nodes_on) + 1024) {
        gs_sim_tidy_agenda(run);
    }
}

/* What comes at `now`, and the job behind it. */
static int arrive_all(struct gs_sim_run *run, int64_t at, struct gs_sim_job *job, int *more,
                      struct gs_err *err)
{
    int r = 0;
    if (*more == 1 && job->arrive_us == at) {
        r = gs_sim_meter_advance(run, at, err);
    }
    while (r == 0 && *more == 1 && job->arrive_us == at) {
        r = arrive(run, job, err);
        if (r == 0) {
            *more = gs_sim_comers_next(run, job, err);
            r = *more < 0 ? *more : 0;
        }
    }
    return r;
}

static int live(struct gs_sim_run *run, struct gs_err *err)
{
    struct gs_sim_job job;
    int more = gs_sim_comers_next(run, &job, err);
    int r = more < 0 ? more : 0;
    while (r == 0) {
        int64_t at = gs_sim_agenda_at(&run->agenda);
        if (more == 1 && job.arrive_us < at) {
            at = job.arrive_us;
        }
        if (at == GS_SIM_NEVER) {
            return 0;
        }
        r = handle_all(run, at, GS_SIM_WHO_GOES, err);
        r = r < 0 ? r : serve_lines(run, err);
        r = r < 0 ? r : arrive_all(run, at, &job, &more, err);
        r = r < 0 ? r : handle_all(run, at, UINT32_MAX, err);
        r = r < 0 ? r : serve_lines(run, err);
        if (r == 0 && run->rules->policy->moldable && run->now == at) {
            r = gs_sim_mold_widen(run, err);
        }
        bound_agenda(run);
    }
    return r;
}

/* ------------------------------------------------------------------ a run */

static int find_full_profile(const struct gs_sim_rules *rules)
{
    for (unsigned p = 0; rules->decisions != NULL && p < rules->model->n_profiles; p++) {
        const struct gs_profile *profile = &rules->model->profiles[p];
        if (gs_policy_table_has(rules->decisions, p) &&
            profile->compute_slices == rules->model->compute_slices &&
            profile->memory_units == rules->model->memory_units) {
            return (int)p;
        }
    }
    return -1;
}

static int set_up(struct gs_sim_run *run, struct gs_err *err)
{
    const struct gs_sim_world *world = run->world;
    enum gs_sim_way way = run->rules->policy->way;
    bool keep_owners = run->rules->moves != NULL || world->spot_mean_us > 0;
    int r = gs_sim_fleet_init(&run->fleet, run->arena, world, run->rules, keep_owners, err);
    if (r == 0 && way != GS_SIM_SHARED && way != GS_SIM_SMALL) {
        uint32_t profiles = run->rules->decisions == NULL ? 0 : world->profiles;
        r = gs_sim_fewest_new(run->arena, run->arena, world->model, profiles, &run->fewest, err);
    }
    run->full_profile = find_full_profile(run->rules);
    run->free_task = GS_SIM_NONE;
    run->molded.first = GS_SIM_NONE;
    gs_random_init(&run->random, world->seed);
    run->score->first_us = -1;
    run->score->timeline.from_us = world->from_us;
    run->score->of_arrivals.from_us = run->score->of_arrivals.end_us = world->from_us;
    return r;
}

int gs_sim_replay_watched(struct gs_arena *arena, const struct gs_sim_world *world,
                          const struct gs_sim_rules *rules, const struct gs_sim_source *source,
                          const struct gs_sim_watch *watch, struct gs_sim_score *ret,
                          struct gs_err *err)
{
    int r = gs_sim_world_check(world, err);
    if (r < 0) {
        return r;
    }
    if (rules->model != world->model) {
        return gs_fail(err, GS_INVALID, "rules for %s in a world of %s", rules->model->id,
                       world->model->id);
    }
    struct gs_arena_mark mark = gs_arena_mark(arena);
    struct gs_sim_run *run = GS_ARENA_NEW(arena, struct gs_sim_run, 1);
    if (run == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a run of %s", rules->policy->name);
    }
    memset(ret, 0, sizeof(*ret));
    run->world = world;
    run->rules = rules;
    run->source = source;
    run->watch = watch;
    run->arena = arena;
    run->score = ret;
    r = set_up(run, err);
    r = r < 0 ? r : live(run, err);
    if (r == 0) {
        give_up_lines(run);
        r = gs_sim_meter_finish(run, err);
    }
    gs_arena_rewind(arena, mark);
    return r;
}

int gs_sim_replay(struct gs_arena *arena, const struct gs_sim_world *world,
                  const struct gs_sim_rules *rules, const struct gs_sim_source *source,
                  struct gs_sim_score *ret, struct gs_err *err)
{
    return gs_sim_replay_watched(arena, world, rules, source, NULL, ret, err);
}
