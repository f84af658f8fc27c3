#include <stdlib.h>
#include <string.h>

#include "sim/run.h"

/* ------------------------------------------------------------------ their order */

static unsigned units_of(const struct gs_model *model, const struct gs_sim_job *job)
{
    return job->profile == GS_SIM_WHOLE ? job->gpus * model->memory_units
                                        : model->profiles[job->profile].memory_units;
}

static unsigned slices_of(const struct gs_model *model, const struct gs_sim_job *job)
{
    return job->profile == GS_SIM_WHOLE ? job->gpus * model->compute_slices
                                        : model->profiles[job->profile].compute_slices;
}

/* As good as drawn, and the same wherever the job stands in its trace. A run time is not known to
 * who decides, so that its length must not be what the order goes by. */
static uint64_t lot_of(const struct gs_sim_job *job)
{
    struct gs_random lot;
    gs_random_init(&lot, (uint64_t)job->run_us ^ (uint64_t)job->ideal_milli << 48);
    return gs_random_u64(&lot);
}

static int larger_first(uint64_t a, uint64_t b)
{
    return a > b ? -1 : a < b;
}

static int compare_speeds(const struct gs_sim_speed *a, const struct gs_sim_speed *b)
{
    return a == b ? 0 : a == NULL ? 1 : b == NULL ? -1 : memcmp(a, b, sizeof(*a));
}

/* Rows go last: they decide nothing but which of two equal jobs is called which. */
static int compare(const void *one, const void *other, void *ctx)
{
    const struct gs_sim_job *a = one;
    const struct gs_sim_job *b = other;
    const struct gs_sim_run *run = ctx;
    const struct gs_model *model = run->world->model;
    int r = larger_first(units_of(model, a), units_of(model, b));
    r = r != 0 ? r : larger_first(slices_of(model, a), slices_of(model, b));
    r = r != 0 ? r : larger_first(a->profile, b->profile);
    r = r != 0 ? r : larger_first(lot_of(a), lot_of(b));
    r = r != 0 ? r : larger_first((uint64_t)a->run_us, (uint64_t)b->run_us);
    r = r != 0 ? r : larger_first(a->ideal_milli, b->ideal_milli);
    r = r != 0 ? r : compare_speeds(a->speed, b->speed);
    return r != 0 ? r : -larger_first(a->row, b->row);
}

/* ------------------------------------------------------------------ reading them */

/* The next one of the source: 1 and `ahead`; 0: none. */
static int read_ahead(struct gs_sim_run *run, struct gs_err *err)
{
    struct gs_sim_comers *comers = &run->comers;
    int64_t last_us = comers->ahead.arrive_us; /* 0 before the first */
    int r = run->source->next(run->source->ctx, &comers->ahead, err);
    if (r == 1) {
        int bad = gs_sim_job_check(run->world, &comers->ahead, last_us, err);
        r = bad < 0 ? bad : 1;
    }
    comers->has_ahead = r == 1;
    return r;
}

/* All that come at the moment of the one that was read ahead, in their order. */
static int gather(struct gs_sim_run *run, struct gs_err *err)
{
    struct gs_sim_comers *comers = &run->comers;
    int64_t at = comers->ahead.arrive_us;
    comers->next = comers->n = 0;
    int r = 1;
    while (r == 1 && comers->ahead.arrive_us == at && comers->n < GS_SIM_TOGETHER_MAX) {
        if (!gs_arena_room(run->arena, &comers->jobs, &comers->cap, comers->n,
                           sizeof(*comers->jobs))) {
            return gs_fail(err, GS_NO_MEMORY, "no memory for more jobs at one time");
        }
        comers->jobs[comers->n++] = comers->ahead;
        r = read_ahead(run, err);
    }
    if (r >= 0 && comers->n > 1) {
        qsort_r(comers->jobs, comers->n, sizeof(*comers->jobs), compare, run);
    }
    return r < 0 ? r : 0;
}

int gs_sim_comers_next(struct gs_sim_run *run, struct gs_sim_job *ret, struct gs_err *err)
{
    struct gs_sim_comers *comers = &run->comers;
    int r = 0;
    if (!comers->began) {
        comers->began = true;
        r = read_ahead(run, err);
    }
    if (r >= 0 && comers->next == comers->n && comers->has_ahead) {
        r = gather(run, err);
    }
    if (r < 0 || comers->next == comers->n) {
        return r < 0 ? r : 0;
    }
    *ret = comers->jobs[comers->next++];
    return 1;
}
