#include <string.h>

#include "sim/run.h"

/* GPUs of one count that are looked at, lowest first. */
enum { LOOKS = 64, SHARERS_MAX = 8 };

/* The speed of a job beside n - 1 others; 0: not known. Where only that with more of them is known,
 * it is no slower than that. */
static unsigned rate_among(const struct gs_sim_task *t, unsigned n)
{
    if (n == 1) {
        return 1000;
    }
    unsigned rate = 0;
    for (unsigned m = n; t->speed != NULL && m <= SHARERS_MAX && rate == 0; m++) {
        rate = t->speed->shared_permille[m - 1];
    }
    return rate;
}

static bool bears(const struct gs_sim_run *run, const struct gs_sim_task *t, unsigned n)
{
    unsigned rate = rate_among(t, n);
    uint32_t most = run->world->slowdown_max_permille;
    return rate > 0 && (most == 0 || 1000000u <= (uint64_t)most * rate);
}

static unsigned units_of(const struct gs_sim_run *run, const struct gs_sim_task *t)
{
    return t->profile == GS_SIM_WHOLE ? run->world->model->memory_units
                                      : run->world->model->profiles[t->profile].memory_units;
}

/* Memory for all, and a speed that is known for each. */
static bool takes_in(const struct gs_sim_run *run, uint32_t gpu, const struct gs_sim_task *t)
{
    const struct gs_sim_sharing *sharing = &run->sharing;
    unsigned n = sharing->count[gpu] + 1u;
    unsigned units = units_of(run, t);
    if (!bears(run, t, n)) {
        return false;
    }
    for (unsigned i = 0; i + 1 < n; i++) {
        const struct gs_sim_task *other = gs_sim_task_at(run, sharing->tasks[gpu][i]);
        units += units_of(run, other);
        if (!bears(run, other, n)) {
            return false;
        }
    }
    return units <= run->world->model->memory_units;
}

/* Room for every GPU that the fleet has numbers for. */
static int widen(struct gs_sim_run *run, struct gs_err *err)
{
    struct gs_sim_sharing *sharing = &run->sharing;
    struct gs_sim_sharing wider = {.cap = run->fleet.cap};
    bool enough = true;
    for (unsigned n = 0; n < SHARERS_MAX; n++) {
        enough = enough && gs_bitset_init(&wider.by_count[n], run->arena, wider.cap);
    }
    wider.tasks = gs_arena_get_raw(run->arena, wider.cap, sizeof(*wider.tasks));
    wider.count = GS_ARENA_NEW(run->arena, uint8_t, wider.cap);
    if (!enough || wider.tasks == NULL || wider.count == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for %u shared GPUs", wider.cap);
    }
    if (sharing->cap > 0) {
        memcpy(wider.tasks, sharing->tasks, sharing->cap * sizeof(*wider.tasks));
        memcpy(wider.count, sharing->count, sharing->cap);
    }
    for (uint32_t gpu = 0; gpu < wider.cap; gpu++) {
        if (wider.count[gpu] > 0) {
            gs_bitset_add(&wider.by_count[wider.count[gpu] - 1], gpu);
        }
    }
    *sharing = wider;
    return 0;
}

int gs_sim_share_renumber(struct gs_sim_run *run, struct gs_err *err)
{
    struct gs_sim_sharing *sharing = &run->sharing;
    for (uint32_t old = 0; old < sharing->cap; old++) {
        unsigned n = sharing->count[old];
        if (n == 0) {
            continue;
        }
        uint32_t gpu = run->fleet.new_gpu[old]; /* no higher */
        gs_bitset_drop(&sharing->by_count[n - 1], old);
        sharing->count[old] = 0;
        memmove(sharing->tasks[gpu], sharing->tasks[old], sizeof(*sharing->tasks));
        gs_bitset_add(&sharing->by_count[n - 1], gpu);
        sharing->count[gpu] = (uint8_t)n;
    }
    return sharing->cap > 0 && sharing->cap < run->fleet.cap ? widen(run, err) : 0;
}

static void file_gpu(struct gs_sim_run *run, uint32_t gpu, unsigned before, unsigned after)
{
    if (before > 0) {
        gs_bitset_drop(&run->sharing.by_count[before - 1], gpu);
    }
    if (after > 0) {
        gs_bitset_add(&run->sharing.by_count[after - 1], gpu);
    }
    run->sharing.count[gpu] = (uint8_t)after;
}

/* What a job has done so far counts at its old speed, the rest at the new one. */
static int change_speed(struct gs_sim_run *run, uint32_t task, unsigned n, struct gs_err *err)
{
    struct gs_sim_task *t = gs_sim_task_at(run, task);
    unsigned rate = rate_among(t, n);
    if (rate == t->rate) {
        return 0;
    }
    if (run->now > t->began_us) {
        t->left_us -= (int64_t)((__int128)(run->now - t->began_us) * t->rate / 1000);
        t->left_us = t->left_us < 1 ? 1 : t->left_us;
        t->began_us = run->now;
    }
    t->rate = (uint16_t)rate;
    return gs_sim_task_set_end(run, task, t->began_us + gs_sim_task_takes(t->left_us, rate), err);
}

static int change_speeds(struct gs_sim_run *run, uint32_t gpu, struct gs_err *err)
{
    unsigned n = run->sharing.count[gpu];
    int r = 0;
    for (unsigned i = 0; r == 0 && i < n; i++) {
        r = change_speed(run, run->sharing.tasks[gpu][i], n, err);
    }
    return r;
}

/* The GPU with the most jobs that takes it in. */
static bool find_company(const struct gs_sim_run *run, const struct gs_sim_task *t,
                         uint32_t *ret_gpu)
{
    for (unsigned n = run->sharing.cap == 0 ? 0 : SHARERS_MAX - 1; n >= 1; n--) {
        const struct gs_bitset *set = &run->sharing.by_count[n - 1];
        uint32_t gpu = gs_bitset_first(set);
        for (unsigned looks = 0; gpu != GS_BITSET_NONE && looks < LOOKS; looks++) {
            if (takes_in(run, gpu, t)) {
                *ret_gpu = gpu;
                return true;
            }
            gpu = gpu + 1 < run->sharing.cap ? gs_bitset_from(set, gpu + 1) : GS_BITSET_NONE;
        }
    }
    return false;
}

int gs_sim_share(struct gs_sim_run *run, uint32_t task, struct gs_err *err)
{
    struct gs_sim_task *t = gs_sim_task_at(run, task);
    if (t->gpus > 1 || t->profile == GS_SIM_WHOLE || !bears(run, t, 2)) {
        return gs_sim_place_gpus(run, task, true, err);
    }
    uint32_t gpu;
    if (!find_company(run, t, &gpu)) {
        uint32_t node;
        int r = gs_sim_place_node(run, GS_SIM_PLAIN, 1, true, &node, err);
        if (r <= 0) {
            return r;
        }
        gpu = gs_sim_fleet_first(&run->fleet, node);
        gs_sim_fleet_begin(&run->fleet, gpu, false);
        r = gpu < run->sharing.cap ? 0 : widen(run, err);
        if (r < 0) {
            return r;
        }
    }
    unsigned n = run->sharing.count[gpu];
    run->sharing.tasks[gpu][n] = task;
    file_gpu(run, gpu, n, n + 1);
    t->where = GS_SIM_ON_SHARE;
    t->gpu = gpu;
    int64_t ready = run->fleet.nodes[run->fleet.gpus[gpu].node].ready_us;
    int r = gs_sim_task_start(run, task, rate_among(t, n + 1), ready, err);
    r = r < 0 ? r : change_speeds(run, gpu, err);
    return r < 0 ? r : 1;
}

int gs_sim_unshare(struct gs_sim_run *run, uint32_t task, struct gs_err *err)
{
    uint32_t gpu = gs_sim_task_at(run, task)->gpu;
    unsigned n = run->sharing.count[gpu];
    unsigned at = 0;
    while (run->sharing.tasks[gpu][at] != task) {
        at++;
    }
    run->sharing.tasks[gpu][at] = run->sharing.tasks[gpu][n - 1];
    file_gpu(run, gpu, n, n - 1);
    return n == 1 ? gs_sim_give_back(run, gpu, err) : change_speeds(run, gpu, err);
}
