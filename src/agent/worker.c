#include "agent/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "gpu/gpu_env.h"
#include "partition/lock.h"
#include "partition/recover.h"

enum {
    ORDERS_MAX = 16,
    RESCAN_S = 30, /* what somebody else cuts is seen at the latest then */
    RETRY_MIN_S = 1,
    RETRY_MAX_S = 60,
    RECOVER_WAIT_MS = 60 * 1000
};

#define TABLES_BYTES_MAX ((size_t)256 << 20)

/* An order with its texts. */
struct ordered {
    struct ordered *next;
    struct gs_order order;
    unsigned tries;
    char texts[];
};

struct gs_worker {
    struct gs_worker_options options;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t poke;
    struct ordered *first; /* under the lock, as the three below */
    unsigned n_orders;
    bool rescan;
    volatile sig_atomic_t stop;
    /* the thread's own */
    struct gs_gpus gpus;
    struct gs_survey survey;
    struct gs_arena table_arena;
    struct gs_inventory_tables tables;
    struct gs_recut recut;
    struct ordered *standing; /* of label or file: failed, and to be tried again */
    uint64_t retry_at_us;
    unsigned driver_tries;
};

static uint64_t back_off_us(unsigned tries)
{
    uint64_t s = tries > 6 ? RETRY_MAX_S : (uint64_t)RETRY_MIN_S << tries;
    return (s > RETRY_MAX_S ? RETRY_MAX_S : s) * 1000000;
}

/* ---- Telling the loop ---- */

struct telling {
    struct gs_worker *worker;
    const struct gs_err *err;
    const struct gs_order *order;
    const struct gs_order_result *result;
};

static void tell_driver(void *ctx)
{
    const struct telling *telling = ctx;
    telling->worker->options.driver(telling->worker->options.ctx, telling->err);
}

static void tell_begun(void *ctx)
{
    const struct telling *telling = ctx;
    telling->worker->options.begun(telling->worker->options.ctx, telling->order);
}

static void tell_ended(void *ctx)
{
    const struct telling *telling = ctx;
    telling->worker->options.ended(telling->worker->options.ctx, telling->result);
}

static void tell_stopped(void *ctx)
{
    struct gs_worker *worker = ctx;
    worker->options.stopped(worker->options.ctx);
}

static void tell(struct gs_worker *worker, void (*fn)(void *ctx), struct telling telling)
{
    telling.worker = worker;
    gs_handoff_call(worker->options.handoff, fn, &telling);
}

/* ---- Waiting ---- */

/* Until something is to be done, or `until_us`. False: to stop. */
static bool wait_until(struct gs_worker *worker, uint64_t until_us)
{
    const struct timespec until = {.tv_sec = (time_t)(until_us / 1000000),
                                   .tv_nsec = (long)(until_us % 1000000) * 1000};
    pthread_mutex_lock(&worker->lock);
    int r = 0;
    while (worker->stop == 0 && worker->first == NULL && !worker->rescan && r != ETIMEDOUT) {
        r = pthread_cond_timedwait(&worker->poke, &worker->lock, &until);
    }
    bool go_on = worker->stop == 0;
    pthread_mutex_unlock(&worker->lock);
    return go_on;
}

/* The same, but orders do not end it. */
static bool sleep_until(struct gs_worker *worker, uint64_t until_us)
{
    const struct timespec until = {.tv_sec = (time_t)(until_us / 1000000),
                                   .tv_nsec = (long)(until_us % 1000000) * 1000};
    pthread_mutex_lock(&worker->lock);
    int r = 0;
    while (worker->stop == 0 && r != ETIMEDOUT) {
        r = pthread_cond_timedwait(&worker->poke, &worker->lock, &until);
    }
    bool go_on = worker->stop == 0;
    pthread_mutex_unlock(&worker->lock);
    return go_on;
}

static struct ordered *take_order(struct gs_worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    struct ordered *ordered = worker->first;
    if (ordered != NULL) {
        worker->first = ordered->next;
        worker->n_orders--;
    }
    worker->rescan = false;
    pthread_mutex_unlock(&worker->lock);
    return ordered;
}

/* ---- The driver ---- */

static void say(void *ctx, const char *line)
{
    (void)ctx;
    gs_log_info("%s", line);
}

/* What a killed run left is finished or undone before anything else is believed. */
static int recover(struct gs_worker *worker, struct gs_err *err)
{
    const struct gs_say note = {.line = say};
    const char *dir = worker->options.config->state_dir;
    GS_CLEANUP(gs_lock_release) struct gs_lock lock = {.fd = -1};
    int r = gs_lock_take(&lock, dir, "gpuslice-agent", RECOVER_WAIT_MS, &worker->stop, err);
    return r < 0 ? r : gs_recover(&worker->gpus, dir, &note, err);
}

static int read_all(struct gs_worker *worker, struct gs_err *err)
{
    struct gs_box *box;
    int r = gs_survey(&worker->survey, GS_SURVEY_ALL, &box, err);
    if (r == 0) {
        gs_recut_offer(&worker->recut, box);
    }
    return r;
}

/* Every device is told as unhealthy until the driver answers again. */
static void lose_driver(struct gs_worker *worker, const struct gs_err *err)
{
    struct gs_box *box = gs_survey_lost(&worker->survey);
    gs_gpu_close(&worker->gpus);
    tell(worker, tell_driver, (struct telling){.err = err});
    if (box != NULL) {
        gs_recut_offer(&worker->recut, box);
    }
}

/* Opens, recovers, reads; again and again. False: to stop. */
static bool find_driver(struct gs_worker *worker)
{
    for (;; worker->driver_tries++) {
        struct gs_err err;
        int r = gs_gpu_env_open(&worker->gpus, &err);
        if (r == 0) {
            r = recover(worker, &err);
            if (r < 0 && worker->stop == 0) {
                gs_log_warning("what an earlier run left could not be dealt with: %s", err.msg);
            }
            r = read_all(worker, &err);
        }
        if (r == 0) {
            worker->driver_tries = 0;
            tell(worker, tell_driver, (struct telling){.err = NULL});
            return worker->stop == 0;
        }
        lose_driver(worker, &err);
        if (!sleep_until(worker, gs_now_us() + back_off_us(worker->driver_tries))) {
            return false;
        }
    }
}

/* ---- Orders ---- */

static bool may_pass(int code)
{
    return code == GS_BUSY || code == GS_IO || code == GS_LIMIT || code == GS_NO_MEMORY ||
           code == GS_UNKNOWN;
}

static void drop_standing(struct gs_worker *worker)
{
    free(worker->standing);
    worker->standing = NULL;
}

/* Of label and file the latest stands until it is done. */
static void carry_out(struct gs_worker *worker, struct ordered *ordered)
{
    struct gs_order_result result;
    bool stands = gs_order_stands(ordered->order.origin) && !ordered->order.dry_run;
    if (stands && ordered != worker->standing) {
        drop_standing(worker);
    }
    tell(worker, tell_begun, (struct telling){.order = &ordered->order});
    gs_recut(&worker->recut, &ordered->order, &result);
    result.retries = stands && may_pass(result.code) && worker->stop == 0;
    tell(worker, tell_ended, (struct telling){.result = &result});
    gs_buf_done(&result.lines);
    if (result.retries) {
        worker->standing = ordered;
        worker->retry_at_us = gs_now_us() + back_off_us(ordered->tries++);
        return;
    }
    if (ordered == worker->standing) {
        worker->standing = NULL;
    }
    free(ordered);
}

/* One turn with a driver. False: the driver has to be opened anew, or to stop. */
static bool turn(struct gs_worker *worker)
{
    struct gs_err err;
    uint64_t until = gs_now_us() + (uint64_t)RESCAN_S * 1000000;
    if (worker->standing != NULL && worker->retry_at_us < until) {
        until = worker->retry_at_us;
    }
    if (!wait_until(worker, until)) {
        return false;
    }
    struct ordered *ordered = take_order(worker);
    if (ordered == NULL && worker->standing != NULL && gs_now_us() >= worker->retry_at_us) {
        ordered = worker->standing;
    }
    if (ordered != NULL) {
        carry_out(worker, ordered);
    }
    if (read_all(worker, &err) < 0) {
        lose_driver(worker, &err);
        return false;
    }
    return true;
}

static void *run(void *ctx)
{
    struct gs_worker *worker = ctx;
    while (worker->stop == 0 && find_driver(worker)) {
        while (turn(worker)) {
        }
    }
    gs_gpu_close(&worker->gpus);
    gs_handoff_post(worker->options.handoff, tell_stopped, worker);
    return NULL;
}

/* ---- The loop's side ---- */

static void init_recut(struct gs_worker *worker)
{
    const struct gs_worker_options *options = &worker->options;
    worker->recut = (struct gs_recut){
        .gather = {.handoff = options->handoff,
                   .event = options->event,
                   .gpus = &worker->gpus,
                   .config = options->config,
                   .cluster = options->cluster,
                   .node_name = options->node_name,
                   .grants = options->grants,
                   .seen = options->seen,
                   .ctx = options->ctx},
        .survey = &worker->survey,
        .loop = &options->loop,
        .tables = &worker->tables,
        .stop = &worker->stop,
        .quiet = options->quiet,
        .quiet_ctx = options->quiet_ctx,
    };
}

int gs_worker_start(const struct gs_worker_options *options, struct gs_worker **ret,
                    struct gs_err *err)
{
    struct gs_worker *worker = calloc(1, sizeof(*worker));
    if (worker == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the worker");
    }
    worker->options = *options;
    gs_arena_init(&worker->table_arena, &gs_alloc_heap, TABLES_BYTES_MAX);
    gs_inventory_tables_init(&worker->tables, &worker->table_arena);
    gs_survey_init(&worker->survey, &worker->gpus, &worker->options.roots);
    init_recut(worker);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&worker->poke, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&worker->lock, NULL);
    int e = pthread_create(&worker->thread, NULL, run, worker);
    if (e != 0) {
        gs_worker_free(worker);
        return gs_fail_errno(err, e, "starting a thread");
    }
    (void)pthread_setname_np(worker->thread, "worker");
    worker->started = true;
    *ret = worker;
    return 0;
}

static char *copy_text(char **at, const char *text)
{
    char *copy = *at;
    size_t n = strlen(text) + 1;
    memcpy(copy, text, n);
    *at += n;
    return copy;
}

static struct ordered *copy_order(const struct gs_order *order)
{
    size_t n = strlen(order->name) + strlen(order->file) + 2 +
               (order->text == NULL ? 0 : strlen(order->text) + 1) +
               (order->gpu == NULL ? 0 : strlen(order->gpu) + 1);
    struct ordered *copy = malloc(sizeof(*copy) + n);
    if (copy != NULL) {
        char *at = copy->texts;
        *copy = (struct ordered){.order = *order};
        copy->order.name = copy_text(&at, order->name);
        copy->order.file = copy_text(&at, order->file);
        copy->order.text = order->text == NULL ? NULL : copy_text(&at, order->text);
        copy->order.gpu = order->gpu == NULL ? NULL : copy_text(&at, order->gpu);
    }
    return copy;
}

/* Under the lock: an order of label or file that waits is overtaken. */
static void drop_overtaken(struct gs_worker *worker)
{
    struct ordered **at = &worker->first;
    while (*at != NULL) {
        struct ordered *here = *at;
        if (gs_order_stands(here->order.origin)) {
            *at = here->next;
            worker->n_orders--;
            free(here);
        } else {
            at = &here->next;
        }
    }
}

int gs_worker_order(struct gs_worker *worker, const struct gs_order *order, struct gs_err *err)
{
    struct ordered *ordered = copy_order(order);
    if (ordered == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the order");
    }
    pthread_mutex_lock(&worker->lock);
    if (gs_order_stands(order->origin)) {
        drop_overtaken(worker);
    }
    bool room = worker->n_orders < ORDERS_MAX;
    struct ordered **last = &worker->first;
    while (*last != NULL) {
        last = &(*last)->next;
    }
    if (room) {
        *last = ordered;
        worker->n_orders++;
        pthread_cond_signal(&worker->poke);
    }
    pthread_mutex_unlock(&worker->lock);
    if (!room) {
        free(ordered);
        return gs_fail(err, GS_LIMIT, "%d orders wait already: try again when they are done",
                       ORDERS_MAX);
    }
    return 0;
}

void gs_worker_rescan(struct gs_worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    worker->rescan = true;
    pthread_cond_signal(&worker->poke);
    pthread_mutex_unlock(&worker->lock);
}

void gs_worker_stop(struct gs_worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    worker->stop = 1;
    pthread_cond_signal(&worker->poke);
    pthread_mutex_unlock(&worker->lock);
}

void gs_worker_free(struct gs_worker *worker)
{
    if (worker == NULL) {
        return;
    }
    if (worker->started) {
        pthread_join(worker->thread, NULL);
    }
    while (worker->first != NULL) {
        struct ordered *next = worker->first->next;
        free(worker->first);
        worker->first = next;
    }
    drop_standing(worker);
    gs_survey_done(&worker->survey);
    gs_arena_done(&worker->table_arena);
    pthread_cond_destroy(&worker->poke);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}
