#include <assert.h>

#include "sim/run.h"

static int make_chunk(struct gs_sim_run *run)
{
    struct gs_sim_task *chunk =
        gs_arena_get_raw(run->arena, 1u << GS_SIM_CHUNK_BITS, sizeof(*chunk));
    if (chunk == NULL || !gs_arena_room(run->arena, &run->chunks, &run->cap_chunks, run->n_chunks,
                                        sizeof(*run->chunks))) {
        return GS_NO_MEMORY;
    }
    uint32_t first = (uint32_t)run->n_chunks << GS_SIM_CHUNK_BITS;
    uint32_t n = 1u << GS_SIM_CHUNK_BITS;
    run->chunks[run->n_chunks++] = chunk;
    for (uint32_t i = 0; i < n; i++) {
        chunk[i].next = i + 1 < n ? first + i + 1 : GS_SIM_NONE;
        chunk[i].ends_us = GS_SIM_NEVER;
        chunk[i].where = GS_SIM_NOWHERE;
    }
    run->free_task = first;
    return 0;
}

int gs_sim_task_new(struct gs_sim_run *run, uint32_t *ret_task, struct gs_err *err)
{
    if (run->free_task == GS_SIM_NONE) {
        if (run->n_chunks >= GS_SIM_WHO_TAKEN >> GS_SIM_CHUNK_BITS) {
            return gs_fail(err, GS_LIMIT, "more than %u jobs at one time", GS_SIM_WHO_TAKEN);
        }
        if (make_chunk(run) < 0) {
            return gs_fail(err, GS_NO_MEMORY, "no memory for more jobs at one time");
        }
    }
    uint32_t task = run->free_task;
    run->free_task = gs_sim_task_at(run, task)->next;
    *ret_task = task;
    return 0;
}

void gs_sim_task_free(struct gs_sim_run *run, uint32_t task)
{
    struct gs_sim_task *t = gs_sim_task_at(run, task);
    t->ends_us = GS_SIM_NEVER;
    t->where = GS_SIM_NOWHERE;
    t->next = run->free_task;
    run->free_task = task;
}

void gs_sim_task_tell(struct gs_sim_run *run, uint32_t task, enum gs_sim_what what)
{
    if (run->watch == NULL) {
        return;
    }
    const struct gs_sim_task *t = gs_sim_task_at(run, task);
    struct gs_sim_note note = {.what = what,
                               .now_us = run->now,
                               .began_us = t->began_us,
                               .ends_us = t->ends_us,
                               .row = t->row,
                               .node = GS_SIM_NONE,
                               .held = GS_SIM_WHOLE,
                               .shared = t->where == GS_SIM_ON_SHARE};
    if (t->where == GS_SIM_ON_SLICE || t->where == GS_SIM_ON_GPUS || t->where == GS_SIM_ON_SHARE) {
        const struct gs_sim_node *node = &run->fleet.nodes[run->fleet.gpus[t->gpu].node];
        note.node = node->serial;
        note.gpus = t->where == GS_SIM_ON_GPUS ? t->mask : 1ull << (t->gpu - node->first_gpu);
    }
    if (t->where == GS_SIM_ON_SLICE) {
        note.held = t->held;
        note.placement = t->placement;
    }
    run->watch->note(run->watch->ctx, &note);
}

int64_t gs_sim_task_takes(int64_t left_us, unsigned rate)
{
    return (left_us * 1000 + (int64_t)rate - 1) / (int64_t)rate;
}

int gs_sim_task_set_end(struct gs_sim_run *run, uint32_t task, int64_t ends_us, struct gs_err *err)
{
    struct gs_sim_task *t = gs_sim_task_at(run, task);
    if (ends_us > GS_SIM_END_MAX) {
        return gs_fail(err, GS_LIMIT, "row %llu: the job would end %lld us after the trace's zero",
                       (unsigned long long)t->row, (long long)ends_us);
    }
    t->ends_us = ends_us;
    struct gs_sim_entry entry = {.at = ends_us, .who = task};
    return gs_sim_agenda_add(&run->agenda, run->arena, entry)
               ? 0
               : gs_fail(err, GS_NO_MEMORY, "no memory for more jobs at one time");
}

int gs_sim_task_start(struct gs_sim_run *run, uint32_t task, unsigned rate, int64_t ready_us,
                      struct gs_err *err)
{
    struct gs_sim_task *t = gs_sim_task_at(run, task);
    t->began_us = ready_us > run->now ? ready_us : run->now;
    if (t->resits) {
        t->began_us += run->world->move_us;
    } else if (t->restarts > 0) {
        t->began_us += run->world->restart_us;
    }
    t->rate = (uint16_t)rate;
    if (t->first_us < 0) {
        t->first_us = t->began_us;
        run->score->started += t->counted;
    }
    run->n_running++;
    run->held += t->gpus;
    int r = gs_sim_task_set_end(run, task, t->began_us + gs_sim_task_takes(t->left_us, rate), err);
    gs_sim_task_tell(run, task, t->resits ? GS_SIM_MOVES : GS_SIM_STARTS);
    return r;
}

void gs_sim_task_count_restart(struct gs_sim_run *run, const struct gs_sim_task *t)
{
    int64_t ago = run->now - (t->began_us - run->world->restart_us);
    int64_t us = ago < run->world->restart_us ? ago : run->world->restart_us;
    if (t->restarts > 0 && us > 0 && gs_sim_meter_counts(run)) {
        gs_sim_meter_add(run, &run->score->lost_work_us, 1, us);
    }
}

void gs_sim_task_interrupt(struct gs_sim_run *run, uint32_t task)
{
    struct gs_sim_task *t = gs_sim_task_at(run, task);
    int64_t ran = run->now > t->began_us ? run->now - t->began_us : 0;
    int64_t each = run->world->checkpoint_us;
    int64_t saved = each > 0 ? ran / each * each : 0;
    gs_sim_task_count_restart(run, t);
    if (gs_sim_meter_counts(run)) {
        gs_sim_meter_add(run, &run->score->lost_work_us, 1, ran - saved);
        run->score->interrupted++;
    }
    if (t->began_us > run->now && t->first_us == t->began_us) {
        t->first_us = -1;
        run->score->started -= t->counted;
    }
    t->left_us -= (int64_t)((__int128)saved * t->rate / 1000);
    t->left_us = t->left_us < 1 ? 1 : t->left_us;
    t->ends_us = GS_SIM_NEVER;
    t->restarts++;
}

static unsigned line_of(const struct gs_sim_task *t)
{
    return t->profile < GS_PROFILES_MAX ? t->profile : GS_PROFILES_MAX + t->gpus;
}

void gs_sim_task_wait(struct gs_sim_run *run, uint32_t task)
{
    struct gs_sim_task *t = gs_sim_task_at(run, task);
    unsigned l = line_of(t);
    struct gs_sim_line *line = &run->lines[l];
    t->mask = run->ticket++;
    t->next = GS_SIM_NONE;
    t->where = GS_SIM_NOWHERE;
    t->ends_us = GS_SIM_NEVER;
    if ((run->waiting[l / 64] >> l % 64 & 1u) != 0) {
        gs_sim_task_at(run, line->last)->next = task;
    } else {
        line->first = task;
    }
    line->last = task;
    run->waiting[l / 64] |= 1ull << l % 64;
}

void gs_sim_task_give_up(struct gs_sim_run *run, uint32_t task, uint64_t *count)
{
    const struct gs_sim_task *t = gs_sim_task_at(run, task);
    *count += t->counted;
    int64_t us = gs_sim_meter_within(run->world, t->arrive_us, t->arrive_us + t->run_us);
    gs_sim_meter_add(run, &run->score->charged_us, t->gpus, us);
    if (run->world->lose && us > 0) {
        int64_t from = run->world->from_us;
        gs_sim_timeline_count(&run->score->of_arrivals, t->arrive_us > from ? t->arrive_us : from,
                              (uint64_t)us * t->gpus);
    }
    gs_sim_task_tell(run, task, GS_SIM_LOST);
    gs_sim_task_free(run, task);
}
