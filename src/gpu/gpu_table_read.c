#include "gpu/gpu_table_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gpu/gpu_table_rules.h"
#include "gpu/gpu_table_turn.h"

static const struct gs_profile *profile_of(const struct gs_gpu_table_gpu *gpu, uint32_t gi)
{
    return &gpu->model->profiles[gpu->gis[gi].profile];
}

static struct gs_mig_device mig_device_of(const struct gs_gpu_table *table, unsigned gpu,
                                          uint32_t gi, uint32_t ci)
{
    const struct gs_gpu_table_gpu *on = &table->gpus[gpu];
    const struct gs_gpu_table_ci *at = &on->gis[gi].cis[ci];
    const struct gs_profile *profile = profile_of(on, gi);
    struct gs_mig_device ret = {
        .index = at->mig_index,
        .sm_count = GS_NOT_KNOWN,
        .gpu_slices = profile->compute_slices,
        .compute_slices = at->size,
        .memory_mib = profile->memory_mib == GS_NOT_KNOWN ? UINT64_MAX : profile->memory_mib};
    struct gs_compute_profile kinds[GS_COMPUTE_PROFILES_MAX];
    unsigned n = 0;
    if (gs_gpu_rules_compute_profiles(table, gpu, gi, kinds, &n, NULL) == 0) {
        for (unsigned i = 0; i < n; i++) {
            if (kinds[i].profile == at->profile) {
                ret.sm_count = kinds[i].sm_count;
                ret.compute_slices = kinds[i].compute_slices;
            }
        }
    }
    memcpy(ret.engines, profile->engines, sizeof(ret.engines));
    return ret;
}

int gs_gpu_table_mig_device(void *impl, unsigned gpu, uint32_t gi, uint32_t ci,
                            struct gs_mig_device *ret, struct gs_err *err)
{
    struct gs_gpu_turn turn = gs_gpu_turn_of(impl, GS_GPU_OP_MIG_DEVICE, gpu);
    turn.call.gi = gi;
    turn.call.ci = ci;
    struct gs_mig_device got = {0};
    int r = 0;
    if (gs_gpu_turn_begin(&turn) && (r = gs_gpu_rules_find_ci(turn.table, gpu, gi, ci, err)) == 0) {
        got = mig_device_of(turn.table, gpu, gi, ci);
    }
    if ((r = gs_gpu_turn_end(&turn, r, err)) == 0) {
        *ret = got;
    }
    return r;
}

int gs_gpu_table_fabric(void *impl, unsigned gpu, struct gs_gpu_fabric *ret, struct gs_err *err)
{
    struct gs_gpu_turn turn = gs_gpu_turn_of(impl, GS_GPU_OP_FABRIC, gpu);
    int r = gs_gpu_turn_begin(&turn) ? gs_gpu_rules_present(turn.table, gpu, err) : 0;
    if ((r = gs_gpu_turn_end(&turn, r, err)) == 0) {
        *ret = turn.table->gpus[gpu].fabric;
    }
    return r;
}

struct memory {
    uint64_t total;
    uint64_t used;
    uint64_t free;
};

/* Of a GPU instance, or with GS_NOT_KNOWN of the whole GPU. What processes use is known when it is
 * of each of them. */
static struct memory memory_of(const struct gs_gpu_table_gpu *gpu, uint32_t gi)
{
    uint32_t mib = gpu->model == NULL   ? GS_NOT_KNOWN
                   : gi == GS_NOT_KNOWN ? gpu->model->memory_mib
                                        : profile_of(gpu, gi)->memory_mib;
    struct memory ret = {.total = mib == GS_NOT_KNOWN ? UINT64_MAX : (uint64_t)mib << 20,
                         .used = 0,
                         .free = UINT64_MAX};
    for (unsigned i = 0; i < gpu->n_processes && ret.used != UINT64_MAX; i++) {
        const struct gs_gpu_process *process = &gpu->processes[i];
        if (gi == GS_NOT_KNOWN || process->gpu_instance == gi) {
            ret.used =
                process->memory_bytes == UINT64_MAX ? UINT64_MAX : ret.used + process->memory_bytes;
        }
    }
    if (ret.total != UINT64_MAX && ret.used <= ret.total) {
        ret.free = ret.total - ret.used;
    }
    return ret;
}

int gs_gpu_table_readings(void *impl, unsigned gpu, struct gs_gpu_readings *ret, struct gs_err *err)
{
    struct gs_gpu_turn turn = gs_gpu_turn_of(impl, GS_GPU_OP_READ, gpu);
    int r = gs_gpu_turn_begin(&turn) ? gs_gpu_rules_present(turn.table, gpu, err) : 0;
    if ((r = gs_gpu_turn_end(&turn, r, err)) < 0) {
        return r;
    }
    const struct gs_gpu_table_gpu *on = &turn.table->gpus[gpu];
    struct memory memory = memory_of(on, GS_NOT_KNOWN);
    *ret = on->readings;
    ret->fb_total_bytes = memory.total;
    ret->fb_used_bytes = memory.used;
    ret->fb_free_bytes = memory.free;
    if (on->mode == GS_MIG_ON) {
        ret->gpu_percent = ret->memory_percent = GS_NOT_KNOWN;
        ret->encoder_percent = ret->decoder_percent = GS_NOT_KNOWN;
    }
    return 0;
}

/* The second call for a slice tells what it does; without a clock, all of them are far apart. */
static void sample(struct gs_gpu_table_gpu *gpu, uint32_t gi, uint64_t generation,
                   struct gs_slice_readings *ret)
{
    uint64_t *sampled = gi == GS_NOT_KNOWN ? &gpu->sampled : &gpu->gis[gi].sampled;
    uint32_t busy = gi == GS_NOT_KNOWN ? gpu->busy_ppm : gpu->gis[gi].busy_ppm;
    bool has_gpm = gpu->model != NULL && !gpu->model->mode_change_needs_reset;
    if (has_gpm && *sampled == generation + 1) {
        ret->interval_ms = GS_SAMPLE_GAP_MS;
        ret->graphics_ppm = ret->sm_ppm = ret->occupancy_ppm = busy;
        ret->tensor_ppm = ret->dram_ppm = busy;
    }
    *sampled = generation + 1;
}

int gs_gpu_table_read_slice(void *impl, unsigned gpu, uint32_t gi, uint64_t generation,
                            struct gs_slice_readings *ret, struct gs_err *err)
{
    struct gs_gpu_turn turn = gs_gpu_turn_of(impl, GS_GPU_OP_READ_SLICE, gpu);
    turn.call.gi = gi;
    int r = 0;
    if (gs_gpu_turn_begin(&turn)) {
        r = gi == GS_NOT_KNOWN ? gs_gpu_rules_present(turn.table, gpu, err)
                               : gs_gpu_rules_find_gi(turn.table, gpu, gi, err);
    }
    if ((r = gs_gpu_turn_end(&turn, r, err)) < 0) {
        return r;
    }
    struct gs_gpu_table_gpu *on = &turn.table->gpus[gpu];
    struct memory memory = memory_of(on, gi);
    memset(ret, 0xff, sizeof(*ret)); /* GS_NOT_KNOWN, UINT64_MAX */
    ret->fb_total_bytes = memory.total;
    ret->fb_used_bytes = memory.used;
    ret->fb_free_bytes = memory.free;
    sample(on, gi, generation, ret);
    return 0;
}

void gs_gpu_table_tell(struct gs_gpu_table *table, const struct gs_gpu_event *event)
{
    struct gs_gpu_event *at = &table->events[table->n_events++ % GS_GPU_TABLE_EVENTS_MAX];
    *at = *event;
    memset(at->uuid, 0, sizeof(at->uuid));
    if (event->gpu < table->n_gpus) {
        memcpy(at->uuid, table->gpus[event->gpu].uuid, sizeof(table->gpus[event->gpu].uuid));
    }
}

struct watch {
    uint64_t seen; /* events so far */
    bool lost[GS_GPU_TABLE_GPUS_MAX];
};

int gs_gpu_table_watch_open(void *impl, void **ret_watch, struct gs_err *err)
{
    struct gs_gpu_turn turn = gs_gpu_turn_of(impl, GS_GPU_OP_WATCH_OPEN, GS_NOT_KNOWN);
    gs_gpu_turn_begin(&turn);
    int r = gs_gpu_turn_end(&turn, 0, err);
    if (r < 0) {
        return r;
    }
    struct watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a watch");
    }
    watch->seen = turn.table->n_events;
    for (unsigned i = 0; i < turn.table->n_gpus; i++) {
        watch->lost[i] = turn.table->gpus[i].lost;
    }
    *ret_watch = watch;
    return 0;
}

static bool next_lost(const struct gs_gpu_table *table, struct watch *watch,
                      struct gs_gpu_event *ret)
{
    for (unsigned i = 0; i < table->n_gpus; i++) {
        if (table->gpus[i].lost && !watch->lost[i]) {
            watch->lost[i] = true;
            *ret = (struct gs_gpu_event){.kind = GS_GPU_EVENT_LOST,
                                         .gpu = i,
                                         .data = UINT64_MAX,
                                         .gi = GS_NOT_KNOWN,
                                         .ci = GS_NOT_KNOWN};
            snprintf(ret->uuid, sizeof(ret->uuid), "%s", table->gpus[i].uuid);
            return true;
        }
    }
    return false;
}

static bool next_event(const struct gs_gpu_table *table, struct watch *watch,
                       struct gs_gpu_event *ret)
{
    if (table->n_events - watch->seen > GS_GPU_TABLE_EVENTS_MAX) {
        watch->seen = table->n_events - GS_GPU_TABLE_EVENTS_MAX;
    }
    while (watch->seen < table->n_events) {
        const struct gs_gpu_event *event = &table->events[watch->seen++ % GS_GPU_TABLE_EVENTS_MAX];
        if (event->gpu >= table->n_gpus || !watch->lost[event->gpu]) {
            *ret = *event;
            return true;
        }
    }
    return next_lost(table, watch, ret);
}

int gs_gpu_table_watch_next(void *impl, void *watch, unsigned limit_ms, struct gs_gpu_event *ret,
                            struct gs_err *err)
{
    struct gs_gpu_turn turn = gs_gpu_turn_of(impl, GS_GPU_OP_WATCH_NEXT, GS_NOT_KNOWN);
    gs_gpu_turn_begin(&turn);
    int r = gs_gpu_turn_end(&turn, 0, err);
    if (r < 0) {
        return r;
    }
    if (!next_event(turn.table, watch, ret)) {
        /* the table belongs to one thread: nothing can come while it waits */
        nanosleep(&(struct timespec){.tv_sec = limit_ms / 1000,
                                     .tv_nsec = (long)(limit_ms % 1000) * 1000000},
                  NULL);
        *ret = (struct gs_gpu_event){.kind = GS_GPU_EVENT_NONE,
                                     .gpu = GS_NOT_KNOWN,
                                     .data = UINT64_MAX,
                                     .gi = GS_NOT_KNOWN,
                                     .ci = GS_NOT_KNOWN};
    }
    return 0;
}

void gs_gpu_table_watch_close(void *impl, void *watch)
{
    (void)impl;
    free(watch);
}
