#include "sim/loss.h"

#include <assert.h>
#include <math.h>

#include "sim/random.h"

struct departure {
    double at;
    uint32_t job;
};

struct job {
    struct gs_slot slot;
    uint32_t next_free; /* of the list of unused jobs */
};

struct run {
    const struct gs_loss_world *world;
    const struct gs_statetable *states;
    struct gs_online *online;
    struct gs_random random;
    struct job *jobs;
    struct departure *heap; /* the earliest departure on top */
    uint32_t *owner;        /* [gpu * n_placements + placement]: its job, kept with moves only */
    uint32_t n_running;
    uint32_t free_job;
    uint64_t total_weight;
};

static bool is_before(struct departure a, struct departure b)
{
    return a.at < b.at || (!(b.at < a.at) && a.job < b.job);
}

static void push_departure(struct run *run, struct departure departure)
{
    uint32_t at = run->n_running++;
    for (; at > 0 && is_before(departure, run->heap[(at - 1) / 2]); at = (at - 1) / 2) {
        run->heap[at] = run->heap[(at - 1) / 2];
    }
    run->heap[at] = departure;
}

static struct departure pop_departure(struct run *run)
{
    struct departure top = run->heap[0];
    struct departure last = run->heap[--run->n_running];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child + 1 < run->n_running && is_before(run->heap[child + 1], run->heap[child])) {
            child++;
        }
        if (child >= run->n_running || !is_before(run->heap[child], last)) {
            break;
        }
        run->heap[at] = run->heap[child];
        at = child;
    }
    run->heap[at] = last;
    return top;
}

static uint32_t *owner_of(struct run *run, struct gs_slot slot)
{
    return &run->owner[(size_t)slot.gpu * run->states->n_placements + slot.placement];
}

static void depart(struct run *run)
{
    uint32_t job = pop_departure(run).job;
    int r = gs_online_release(run->online, run->jobs[job].slot, NULL);
    assert(r == 0);
    (void)r;
    run->jobs[job].next_free = run->free_job;
    run->free_job = job;
}

static void admit(struct run *run, struct gs_slot slot, double leaves_at)
{
    uint32_t job = run->free_job;
    run->free_job = run->jobs[job].next_free;
    run->jobs[job].slot = slot;
    if (run->world->moves != NULL) {
        *owner_of(run, slot) = job;
    }
    push_departure(run, (struct departure){.at = leaves_at, .job = job});
}

static unsigned draw_profile(struct run *run)
{
    uint32_t drawn = gs_random_below(&run->random, (uint32_t)run->total_weight);
    unsigned p = 0;
    while (drawn >= run->world->weights[p]) {
        drawn -= run->world->weights[p++];
    }
    return p;
}

static bool place_by_move(struct run *run, unsigned profile, struct gs_slot *ret_slot,
                          struct gs_loss_score *score)
{
    struct gs_move move;
    if (run->world->moves == NULL ||
        gs_move_find(run->world->moves, run->online, profile, NULL, &move) < 0) {
        return false;
    }
    int r = gs_move_apply(run->online, &move, NULL);
    assert(r == 0);
    (void)r;
    uint32_t job = *owner_of(run, move.victim);
    run->jobs[job].slot = move.target;
    *owner_of(run, move.target) = job;
    unsigned moved = run->states->placements[move.victim.placement].profile;
    score->moves++;
    score->moved_compute_slices += run->states->model->profiles[moved].compute_slices;
    *ret_slot = move.request;
    return true;
}

static void arrive(struct run *run, double now, struct gs_loss_score *score)
{
    unsigned profile = draw_profile(run);
    double stays = gs_random_exp(&run->random);
    struct gs_slot slot;
    score->arrived[profile]++;
    if (gs_online_place(run->online, profile, &slot) == 0 ||
        place_by_move(run, profile, &slot, score)) {
        score->accepted[profile]++;
        admit(run, slot, now + stays);
    }
}

static int check_world(const struct gs_loss_world *world, struct gs_err *err)
{
    uint64_t total = 0;
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        if (world->weights[p] > GS_LOSS_WEIGHT_MAX) {
            return gs_fail(err, GS_INVALID, "weight %u of profile %u: expected %d at most",
                           world->weights[p], p, GS_LOSS_WEIGHT_MAX);
        }
        if (world->weights[p] > 0 && !gs_policy_table_has(world->decisions, p)) {
            return gs_fail(err, GS_INVALID, "a weight for profile %u, which takes no part", p);
        }
        total += world->weights[p];
    }
    if (total == 0) {
        return gs_fail(err, GS_INVALID, "no profile has a weight, so nothing can arrive");
    }
    if (world->gpus < 1 || world->gpus > GS_LOSS_GPUS_MAX) {
        return gs_fail(err, GS_INVALID, "%u GPUs: expected 1 to %d", world->gpus, GS_LOSS_GPUS_MAX);
    }
    if (!isfinite(world->load) || world->load <= 0) {
        return gs_fail(err, GS_INVALID, "load %g: expected a number over 0", world->load);
    }
    if (world->warm_up >= world->arrivals) {
        return gs_fail(err, GS_INVALID, "warm-up of %llu arrivals: expected fewer than all %llu",
                       (unsigned long long)world->warm_up, (unsigned long long)world->arrivals);
    }
    return 0;
}

static bool take_memory(struct gs_arena *arena, struct run *run)
{
    uint32_t gpus = run->world->gpus;
    uint32_t max_jobs = gpus * run->states->model->memory_units;
    run->jobs = GS_ARENA_NEW(arena, struct job, max_jobs);
    run->heap = GS_ARENA_NEW(arena, struct departure, max_jobs);
    run->owner = run->world->moves == NULL
                     ? NULL
                     : GS_ARENA_NEW(arena, uint32_t, (size_t)gpus * run->states->n_placements);
    if (run->jobs == NULL || run->heap == NULL ||
        (run->owner == NULL && run->world->moves != NULL)) {
        return false;
    }
    for (uint32_t j = 0; j < max_jobs; j++) {
        run->jobs[j].next_free = j + 1;
    }
    return true;
}

static int open_fleet(struct gs_arena *arena, struct run *run, struct gs_err *err)
{
    int r = gs_online_new(arena, run->world->decisions, run->world->gpus, &run->online, err);
    for (uint32_t g = 0; r == 0 && g < run->world->gpus; g++) {
        uint32_t gpu;
        r = gs_online_add(run->online, 0, &gpu, err);
    }
    if (r == 0 && !take_memory(arena, run)) {
        r = gs_fail(err, GS_NO_MEMORY, "no memory for the jobs of %u GPUs", run->world->gpus);
    }
    return r;
}

/* Mean time between arrivals, where the mean stay is 1. */
static double mean_gap(const struct run *run)
{
    const struct gs_model *model = run->states->model;
    double weighted = 0;
    for (unsigned p = 0; p < model->n_profiles; p++) {
        weighted += (double)run->world->weights[p] * model->profiles[p].compute_slices;
    }
    double mean_slices = weighted / (double)run->total_weight;
    return mean_slices / (run->world->load * run->world->gpus * model->compute_slices);
}

static void live(struct run *run, struct gs_loss_score *score)
{
    struct gs_loss_score uncounted = {0};
    double gap = mean_gap(run);
    double now = 0;
    for (uint64_t a = 0; a < run->world->arrivals; a++) {
        now += gap * gs_random_exp(&run->random);
        while (run->n_running > 0 && run->heap[0].at <= now) {
            depart(run);
        }
        arrive(run, now, a < run->world->warm_up ? &uncounted : score);
    }
}

int gs_loss_run(struct gs_arena *arena, const struct gs_loss_world *world,
                struct gs_loss_score *score, struct gs_err *err)
{
    int r = check_world(world, err);
    if (r < 0) {
        return r;
    }
    struct run run = {.world = world, .states = world->decisions->states};
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        run.total_weight += world->weights[p];
    }
    struct gs_arena_mark mark = gs_arena_mark(arena);
    r = open_fleet(arena, &run, err);
    if (r == 0) {
        gs_random_init(&run.random, world->seed);
        live(&run, score);
    }
    gs_arena_rewind(arena, mark);
    return r;
}

double gs_loss_accepted_percent(const struct gs_loss_score *score, const struct gs_model *model)
{
    double arrived = 0;
    double accepted = 0;
    for (unsigned p = 0; p < model->n_profiles; p++) {
        arrived += (double)score->arrived[p] * model->profiles[p].compute_slices;
        accepted += (double)score->accepted[p] * model->profiles[p].compute_slices;
    }
    return arrived > 0 ? 100.0 * accepted / arrived : NAN;
}
