#include "agent/monitor.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "gpu/gpu_env.h"

/* Holders of all slices, as everybody tells them, and the readings. */
#define FINDINGS_BYTES_MAX ((size_t)64 << 20)

enum {
    LISTEN_MS = 500,
    REOPEN_S = 5,
    FIRST_MS = 200,
    FRESH_US = 500 * 1000 /* a new snapshot is read so soon, and a row of them once */
};

struct gs_monitor {
    struct gs_monitor_options options;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t poke;
    struct gs_box *box; /* under the lock, as all to the next blank line */
    bool fresh;         /* was not read yet */
    bool now;
    bool quiet; /* asked for */
    bool is_quiet;
    bool stop;

    struct gs_gpus gpus; /* the thread's own */
    bool open;
    struct gs_gpu_watch watch;
    bool watching;
};

void gs_findings_free(struct gs_findings *findings)
{
    if (findings != NULL) {
        gs_box_unref(findings->box);
        gs_arena_done(&findings->arena);
        free(findings);
    }
}

const struct gs_held *gs_findings_held(const struct gs_findings *findings,
                                       const struct gs_slice_id *id)
{
    if (findings == NULL || !findings->has_holding) {
        return NULL;
    }
    const struct gs_snapshot *snapshot = &findings->box->snapshot;
    if (id->gi == GS_NOT_KNOWN) {
        return id->gpu < snapshot->n_gpus && snapshot->gpus[id->gpu].generation == id->generation
                   ? &findings->holding.gpus[id->gpu]
                   : NULL;
    }
    for (unsigned i = 0; i < snapshot->n_slices; i++) {
        if (gs_slice_id_eq(&snapshot->slices[i].id, id)) {
            return &findings->holding.slices[i];
        }
    }
    return NULL;
}

/* ---- The session ---- */

static void close_session(struct gs_monitor *monitor)
{
    gs_gpu_watch_close(&monitor->watch);
    monitor->watch = (struct gs_gpu_watch){.gpus = NULL};
    monitor->watching = false;
    gs_gpu_close(&monitor->gpus);
    monitor->open = false;
}

/* The worker says what is wrong with a driver; here it is just tried again. */
static void open_session(struct gs_monitor *monitor)
{
    struct gs_err err;
    if (gs_gpu_env_open(&monitor->gpus, &err) < 0) {
        return;
    }
    monitor->open = true;
    int r = gs_gpu_watch_open(&monitor->gpus, &monitor->watch, &err);
    monitor->watching = r == 0;
    if (r < 0 && r != GS_UNSUPPORTED) {
        gs_log_debug("the driver's events cannot be had: %s", err.msg);
        close_session(monitor);
    }
}

/* ---- Readings ---- */

/* Every field of a reading is a number whose greatest value means that it is not known. */
static void make_unknown(void *readings, size_t size)
{
    memset(readings, 0xff, size);
}

static int read_values(struct gs_monitor *monitor, struct gs_findings *findings)
{
    const struct gs_snapshot *snapshot = &findings->box->snapshot;
    struct gs_gpu_readings *gpus =
        GS_ARENA_NEW(&findings->arena, struct gs_gpu_readings, snapshot->n_gpus + 1u);
    struct gs_slice_readings *slices =
        GS_ARENA_NEW(&findings->arena, struct gs_slice_readings, snapshot->n_slices + 1u);
    if (gpus == NULL || slices == NULL) {
        return GS_NO_MEMORY;
    }
    for (unsigned k = 0; k < snapshot->n_gpus; k++) {
        const struct gs_snapshot_gpu *gpu = &snapshot->gpus[k];
        if (gpu->lost || gs_gpu_read(&monitor->gpus, k, &gpus[k], NULL) < 0) {
            make_unknown(&gpus[k], sizeof(gpus[k]));
        }
        for (unsigned i = gpu->first; i < gpu->first + gpu->n; i++) {
            const struct gs_slice_id *id = &snapshot->slices[i].id;
            if (gpu->lost || gs_gpu_read_slice(&monitor->gpus, k, id->gi, id->generation,
                                               &slices[i], NULL) < 0) {
                make_unknown(&slices[i], sizeof(slices[i]));
            }
        }
    }
    findings->gpus = gpus;
    findings->slices = slices;
    return 0;
}

static struct gs_findings *read_all(struct gs_monitor *monitor, struct gs_box *box,
                                    struct gs_err *err)
{
    struct gs_findings *findings = calloc(1, sizeof(*findings));
    if (findings == NULL) {
        gs_fail(err, GS_NO_MEMORY, "no memory for readings");
        gs_box_unref(box);
        return NULL;
    }
    findings->box = box;
    gs_arena_init(&findings->arena, &gs_alloc_heap, FINDINGS_BYTES_MAX);
    int r = gs_offer_new(&findings->arena, &box->snapshot, monitor->options.gather.config,
                         &findings->offer, err);
    r = r < 0 ? r
              : gs_gather(&monitor->options.gather, &findings->offer, &findings->arena,
                          &findings->holding, err);
    findings->has_holding = r == 0;
    if (r != GS_BUSY && monitor->options.gather.config->metrics) {
        (void)read_values(monitor, findings);
    }
    return findings;
}

struct telling {
    struct gs_monitor *monitor;
    const struct gs_gpu_event *event;
    struct gs_findings *findings;
};

static void tell_event(void *ctx)
{
    const struct telling *telling = ctx;
    telling->monitor->options.event(telling->monitor->options.ctx, telling->event);
}

static void tell_found(void *ctx)
{
    const struct telling *telling = ctx;
    telling->monitor->options.found(telling->monitor->options.ctx, telling->findings);
}

static void tell_stopped(void *ctx)
{
    struct gs_monitor *monitor = ctx;
    monitor->options.stopped(monitor->options.ctx);
}

static void read_and_tell(struct gs_monitor *monitor, struct gs_box *box)
{
    struct gs_err err;
    struct telling telling = {.monitor = monitor, .findings = read_all(monitor, box, &err)};
    if (telling.findings == NULL) {
        gs_log_warning("%s", err.msg);
        return;
    }
    gs_handoff_call(monitor->options.gather.handoff, tell_found, &telling);
}

/* ---- The thread ---- */

/* Sleeps where there is no driver to wait for, or none that tells anything. */
static void nap(struct gs_monitor *monitor, uint64_t us)
{
    uint64_t until_us = gs_now_us() + us;
    const struct timespec until = {.tv_sec = (time_t)(until_us / 1000000),
                                   .tv_nsec = (long)(until_us % 1000000) * 1000};
    pthread_mutex_lock(&monitor->lock);
    int r = 0;
    while (!monitor->stop && !monitor->quiet && !monitor->now && r != ETIMEDOUT) {
        r = pthread_cond_timedwait(&monitor->poke, &monitor->lock, &until);
    }
    pthread_mutex_unlock(&monitor->lock);
}

static void listen(struct gs_monitor *monitor)
{
    struct gs_gpu_event event;
    struct gs_err err;
    if (!monitor->watching) {
        nap(monitor, LISTEN_MS * 1000);
        return;
    }
    int r = gs_gpu_watch_next(&monitor->watch, LISTEN_MS, &event, &err);
    if (r < 0) {
        /* the driver went, or was loaded anew: what happened meanwhile is not told */
        static const struct gs_gpu_event change = {.kind = GS_GPU_EVENT_MIG_CHANGE,
                                                   .gpu = GS_NOT_KNOWN,
                                                   .gi = GS_NOT_KNOWN,
                                                   .ci = GS_NOT_KNOWN};
        struct telling telling = {.monitor = monitor, .event = &change};
        close_session(monitor);
        gs_handoff_call(monitor->options.gather.handoff, tell_event, &telling);
    } else if (event.kind != GS_GPU_EVENT_NONE) {
        struct telling telling = {.monitor = monitor, .event = &event};
        gs_handoff_call(monitor->options.gather.handoff, tell_event, &telling);
    }
}

/* Waits while it is to be quiet. False: to stop. */
static bool heed(struct gs_monitor *monitor)
{
    pthread_mutex_lock(&monitor->lock);
    while (monitor->quiet && !monitor->stop) {
        pthread_mutex_unlock(&monitor->lock);
        if (monitor->open) {
            close_session(monitor);
        }
        pthread_mutex_lock(&monitor->lock);
        monitor->is_quiet = true;
        pthread_cond_broadcast(&monitor->poke);
        if (monitor->quiet && !monitor->stop) {
            pthread_cond_wait(&monitor->poke, &monitor->lock);
        }
    }
    monitor->is_quiet = false;
    bool go_on = !monitor->stop;
    pthread_mutex_unlock(&monitor->lock);
    return go_on;
}

/* The snapshot to read, if it is time. */
static struct gs_box *due(struct gs_monitor *monitor, uint64_t *next_us)
{
    struct gs_box *box = NULL;
    pthread_mutex_lock(&monitor->lock);
    if (monitor->fresh && *next_us > gs_now_us() + FRESH_US) {
        *next_us = gs_now_us() + FRESH_US;
    }
    monitor->fresh = false;
    if (monitor->box != NULL && (monitor->now || gs_now_us() >= *next_us)) {
        box = gs_box_ref(monitor->box);
        monitor->now = false;
    }
    pthread_mutex_unlock(&monitor->lock);
    if (box != NULL) {
        *next_us = gs_now_us() + monitor->options.gather.config->metrics_interval_ms * 1000;
    }
    return box;
}

static void *run(void *ctx)
{
    struct gs_monitor *monitor = ctx;
    uint64_t next_us = gs_now_us() + FIRST_MS * 1000;
    uint64_t open_us = 0;
    while (heed(monitor)) {
        if (!monitor->open && gs_now_us() >= open_us) {
            open_session(monitor);
            open_us = gs_now_us() + (uint64_t)REOPEN_S * 1000000;
        }
        struct gs_box *box = monitor->open ? due(monitor, &next_us) : NULL;
        if (box != NULL) {
            read_and_tell(monitor, box);
        }
        if (monitor->open) {
            listen(monitor);
        } else {
            nap(monitor, LISTEN_MS * 1000);
        }
    }
    close_session(monitor);
    gs_handoff_post(monitor->options.gather.handoff, tell_stopped, monitor);
    return NULL;
}

int gs_monitor_start(const struct gs_monitor_options *options, struct gs_monitor **ret,
                     struct gs_err *err)
{
    struct gs_monitor *monitor = calloc(1, sizeof(*monitor));
    if (monitor == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the monitor");
    }
    monitor->options = *options;
    monitor->options.gather.gpus = &monitor->gpus;
    /* Every node asking the API server for its pods at each reading would be a load that grows with
     * the cluster; the kubelet's own word is enough for what this is used for. */
    monitor->options.gather.cluster = NULL;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&monitor->poke, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&monitor->lock, NULL);
    int e = pthread_create(&monitor->thread, NULL, run, monitor);
    if (e != 0) {
        gs_monitor_free(monitor);
        return gs_fail_errno(err, e, "starting a thread");
    }
    (void)pthread_setname_np(monitor->thread, "monitor");
    monitor->started = true;
    *ret = monitor;
    return 0;
}

void gs_monitor_look_at(struct gs_monitor *monitor, struct gs_box *box)
{
    pthread_mutex_lock(&monitor->lock);
    monitor->fresh = monitor->box == NULL || monitor->box->snapshot.number != box->snapshot.number;
    gs_box_unref(monitor->box);
    monitor->box = gs_box_ref(box);
    pthread_mutex_unlock(&monitor->lock);
}

void gs_monitor_now(struct gs_monitor *monitor)
{
    pthread_mutex_lock(&monitor->lock);
    monitor->now = true;
    pthread_cond_broadcast(&monitor->poke);
    pthread_mutex_unlock(&monitor->lock);
}

void gs_monitor_quiet(struct gs_monitor *monitor, bool quiet)
{
    pthread_mutex_lock(&monitor->lock);
    monitor->quiet = quiet;
    pthread_cond_broadcast(&monitor->poke);
    while (quiet && !monitor->is_quiet && !monitor->stop) {
        pthread_cond_wait(&monitor->poke, &monitor->lock);
    }
    pthread_mutex_unlock(&monitor->lock);
}

void gs_monitor_stop(struct gs_monitor *monitor)
{
    pthread_mutex_lock(&monitor->lock);
    monitor->stop = true;
    pthread_cond_broadcast(&monitor->poke);
    pthread_mutex_unlock(&monitor->lock);
}

void gs_monitor_free(struct gs_monitor *monitor)
{
    if (monitor == NULL) {
        return;
    }
    if (monitor->started) {
        pthread_join(monitor->thread, NULL);
    }
    gs_box_unref(monitor->box);
    pthread_cond_destroy(&monitor->poke);
    pthread_mutex_destroy(&monitor->lock);
    free(monitor);
}
