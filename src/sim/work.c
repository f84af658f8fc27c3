#include "sim/work.h"

#include <string.h>

#include "sim/run.h"

/* gs_sim_entry.who: so many whole GPUs that a job without slices would have, or that it has; a
 * profile's slice; parts of memory and of compute that a job needs where GPUs come in any fraction.
 * FULL: all that its GPUs or its slice have. */
enum {
    BASELINE = 1 << 24,
    GPUS = 1 << 25,
    SLICE = 1 << 26,
    MEMORY = 1 << 27,
    COMPUTE = 1 << 28,
    FULL = 1 << 29,
    AMOUNT = BASELINE - 1
};

struct measure {
    const struct gs_sim_world *world;
    struct gs_arena *arena;
    struct gs_sim_agenda agenda;
    struct gs_sim_fewest *fewest;
    struct gs_sim_work *work;
    struct gs_sim_run sums; /* for gs_sim_meter_add alone */
    int64_t now;
    uint32_t whole; /* GPUs of the baseline now */
    uint64_t unit;  /* parts of a GPU: any profile has a whole number of them, any thousandth too */
    uint64_t memory;     /* parts that are needed now */
    uint64_t compute;    /* likewise */
    uint64_t rest_ideal; /* of a division */
    uint64_t rest_slices;
};

/* Thousandths are carried on, so that the sum is off by less than one microsecond. */
static void add_part(struct measure *m, uint64_t *sum, uint64_t *rest, uint64_t part, uint64_t all,
                     int64_t us)
{
    unsigned __int128 product = (unsigned __int128)part * (uint64_t)us + *rest;
    *rest = (uint64_t)(product % all);
    unsigned __int128 whole = product / all;
    if (whole > INT64_MAX) {
        m->sums.overflow = true;
        return;
    }
    gs_sim_meter_add(&m->sums, sum, 1, (int64_t)whole);
}

/* GPUs that come in any fraction have to hold the memory of all that runs, and its compute. No
 * profiles need fewer. */
static int add_ideal(struct measure *m, uint64_t fewest, int64_t us, struct gs_err *err)
{
    uint64_t parts = m->memory > m->compute ? m->memory : m->compute;
    if (parts > fewest * m->unit) {
        return gs_fail(err, GS_INFEASIBLE,
                       "%llu of %llu parts of a GPU are needed at %lld us, and the fewest GPUs are "
                       "%llu: this is a mistake in gpuslice",
                       (unsigned long long)parts, (unsigned long long)m->unit, (long long)m->now,
                       (unsigned long long)fewest);
    }
    add_part(m, &m->work->ideal_us, &m->rest_ideal, parts, m->unit, us);
    return 0;
}

static int advance(struct measure *m, int64_t to, struct gs_err *err)
{
    int64_t us = gs_sim_meter_within(m->world, m->now, to);
    uint64_t gpus = 0;
    int r = us > 0 ? gs_sim_fewest_gpus(m->fewest, &gpus, err) : 0;
    r = us > 0 && r == 0 ? add_ideal(m, gpus, us, err) : r;
    if (us > 0 && r == 0) {
        gs_sim_meter_add(&m->sums, &m->work->bound_us, gpus, us);
        if (gpus > m->work->peak_bound) {
            m->work->peak_bound = (uint32_t)gpus;
        }
        if (m->whole > m->work->peak_whole) {
            m->work->peak_whole = m->whole;
        }
        int64_t from = m->now > m->world->from_us ? m->now : m->world->from_us;
        gs_sim_timeline_add(&m->work->bound, from, from + us, (uint32_t)gpus);
    }
    m->now = to;
    return r;
}

/* What a slice has of its GPU, in parts. */
static uint64_t memory_of(const struct measure *m, unsigned profile)
{
    const struct gs_model *model = m->world->model;
    return m->unit / model->memory_units * model->profiles[profile].memory_units;
}

static uint64_t compute_of(const struct measure *m, unsigned profile)
{
    const struct gs_model *model = m->world->model;
    return m->unit / model->compute_slices * model->profiles[profile].compute_slices;
}

static void need(struct measure *m, uint64_t memory, uint64_t compute, int by)
{
    m->memory += by > 0 ? memory : -memory;
    m->compute += by > 0 ? compute : -compute;
}

static void change(struct measure *m, uint32_t who, int by)
{
    unsigned amount = who & AMOUNT;
    bool full = (who & FULL) != 0;
    if ((who & BASELINE) != 0) {
        m->whole += by > 0 ? amount : -amount;
    }
    if ((who & GPUS) != 0) {
        gs_sim_fewest_whole(m->fewest, (int)amount * by);
        need(m, full ? amount * m->unit : 0, full ? amount * m->unit : 0, by);
    }
    if ((who & SLICE) != 0) {
        gs_sim_fewest_slice(m->fewest, amount, by);
        need(m, full ? memory_of(m, amount) : 0, full ? compute_of(m, amount) : 0, by);
    }
    need(m, (who & MEMORY) != 0 ? amount : 0, (who & COMPUTE) != 0 ? amount : 0, by);
}

static int begin(struct measure *m, uint32_t who, int64_t ends, struct gs_err *err)
{
    struct gs_sim_entry entry = {.at = ends, .who = who};
    if (ends > GS_SIM_END_MAX) {
        return gs_fail(err, GS_LIMIT, "a job would end %lld us after the trace's zero",
                       (long long)ends);
    }
    change(m, who, 1);
    return gs_sim_agenda_add(&m->agenda, m->arena, entry)
               ? 0
               : gs_fail(err, GS_NO_MEMORY, "no memory for more jobs at one time");
}

/* It takes whole GPUs, or its slice, until `ends`: `who` says which. It needs the share that it
 * asks for of both memory and compute, but no more of either than it gets. */
static int begin_place(struct measure *m, const struct gs_sim_job *job, uint32_t who, int64_t ends,
                       struct gs_err *err)
{
    bool sliced = (who & SLICE) != 0;
    uint64_t asked = m->unit / 1000 * job->ideal_milli;
    uint64_t memory = sliced ? memory_of(m, job->profile) : m->unit * job->gpus;
    uint64_t compute = sliced ? compute_of(m, job->profile) : memory;
    if (asked >= memory && asked >= compute) {
        return begin(m, who | FULL, ends, err);
    }
    memory = asked < memory ? asked : memory;
    compute = asked < compute ? asked : compute;
    int r = begin(m, who, ends, err);
    if (memory == compute) {
        return r < 0 ? r : begin(m, MEMORY | COMPUTE | (uint32_t)memory, ends, err);
    }
    r = r < 0 ? r : begin(m, MEMORY | (uint32_t)memory, ends, err);
    return r < 0 ? r : begin(m, COMPUTE | (uint32_t)compute, ends, err);
}

static int arrive(struct measure *m, const struct gs_sim_job *job, struct gs_err *err)
{
    const struct gs_model *model = m->world->model;
    struct gs_sim_work *work = m->work;
    bool counted = m->now >= m->world->from_us && m->now < m->world->until_us;
    bool whole = job->profile == GS_SIM_WHOLE ||
                 (model->profiles[job->profile].compute_slices == model->compute_slices &&
                  model->profiles[job->profile].memory_units == model->memory_units);
    int64_t us = gs_sim_meter_within(m->world, m->now, m->now + job->run_us);
    work->jobs += counted;
    work->sliced_jobs += counted && !whole;
    if (counted && work->first_us < 0) {
        work->first_us = m->now;
    }
    gs_sim_meter_add(&m->sums, &work->whole_us, job->gpus, us);
    gs_sim_meter_add(&m->sums, &work->sliceable_us, whole ? 0 : 1, us);
    if (job->profile == GS_SIM_WHOLE) {
        gs_sim_meter_add(&m->sums, &work->slices_us, job->gpus, us);
        return begin_place(m, job, BASELINE | GPUS | job->gpus, m->now + job->run_us, err);
    }
    unsigned rate = job->speed == NULL ? 1000 : job->speed->permille[job->profile];
    int64_t ends = m->now + gs_sim_task_takes(job->run_us, rate);
    add_part(m, &work->slices_us, &m->rest_slices, model->profiles[job->profile].compute_slices,
             model->compute_slices, gs_sim_meter_within(m->world, m->now, ends));
    int r = begin(m, BASELINE | job->gpus, m->now + job->run_us, err);
    return r < 0 ? r : begin_place(m, job, SLICE | job->profile, ends, err);
}

static int end_all(struct measure *m, int64_t at, struct gs_err *err)
{
    for (;;) {
        struct gs_sim_entry entry;
        int r = gs_sim_agenda_take(&m->agenda, m->arena, at, UINT32_MAX, &entry);
        if (r < 0) {
            return gs_fail(err, GS_NO_MEMORY, "no memory for more jobs at one time");
        }
        if (r == 0) {
            return 0;
        }
        change(m, entry.who, -1);
    }
}

static int live(struct measure *m, const struct gs_sim_source *source, struct gs_err *err)
{
    struct gs_sim_job job;
    int more = source->next(source->ctx, &job, err);
    for (;;) {
        int64_t at = gs_sim_agenda_at(&m->agenda);
        int r = more < 0 ? more : 0;
        if (r == 0 && more == 1) {
            r = gs_sim_job_check(m->world, &job, m->now, err);
            at = job.arrive_us < at ? job.arrive_us : at;
        }
        if (r < 0 || at == GS_SIM_NEVER) {
            return r;
        }
        r = advance(m, at, err);
        r = r < 0 ? r : end_all(m, at, err);
        if (r == 0 && more == 1 && job.arrive_us == at) {
            r = arrive(m, &job, err);
            more = r < 0 ? r : source->next(source->ctx, &job, err);
        }
        if (r < 0) {
            return r;
        }
    }
}

int gs_sim_work_measure(struct gs_arena *arena, const struct gs_sim_world *world,
                        const struct gs_sim_source *source, struct gs_sim_work *ret,
                        struct gs_err *err)
{
    int r = gs_sim_world_check(world, err);
    if (r < 0) {
        return r;
    }
    struct gs_arena_mark mark = gs_arena_mark(arena);
    struct measure *m = GS_ARENA_NEW(arena, struct measure, 1);
    if (m == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory to measure a workload");
    }
    memset(ret, 0, sizeof(*ret));
    ret->first_us = -1;
    ret->bound.from_us = world->from_us;
    m->world = world;
    m->arena = arena;
    m->work = ret;
    m->unit = 1000ull * world->model->compute_slices * world->model->memory_units;
    r = gs_sim_fewest_new(arena, arena, world->model, world->profiles, &m->fewest, err);
    r = r < 0 ? r : live(m, source, err);
    ret->last_us = m->now;
    if (r == 0 && m->sums.overflow) {
        r = gs_fail(err, GS_LIMIT, "the GPU time of this workload is beyond what is counted");
    }
    gs_arena_rewind(arena, mark);
    return r;
}
