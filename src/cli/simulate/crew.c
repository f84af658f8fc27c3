#include "cli/simulate/crew.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "term/progress.h"

volatile sig_atomic_t gs_crew_stopped;

enum { SIGNALS = 3 };
static const int signals[SIGNALS] = {SIGHUP, SIGINT, SIGTERM};
static struct sigaction before[SIGNALS];

static void on_stop(int number)
{
    gs_crew_stopped = number;
}

void gs_crew_catch(void)
{
    struct sigaction action = {.sa_handler = on_stop, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    gs_crew_stopped = 0;
    for (unsigned i = 0; i < SIGNALS; i++) {
        if (sigaction(signals[i], NULL, &before[i]) == 0 && before[i].sa_handler != SIG_IGN) {
            (void)sigaction(signals[i], &action, NULL);
        }
    }
}

void gs_crew_release(void)
{
    for (unsigned i = 0; i < SIGNALS; i++) {
        (void)sigaction(signals[i], &before[i], NULL);
    }
}

int gs_crew_stop_error(struct gs_err *err)
{
    return gs_fail(err, GS_CREW_STOPPED, "stopped; nothing was written");
}

unsigned gs_crew_cores(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) != 0) {
        return 1;
    }
    int n = CPU_COUNT(&set);
    return n < 1 ? 1 : n > GS_CREW_THREADS_MAX ? GS_CREW_THREADS_MAX : (unsigned)n;
}

/* ------------------------------------------------------------------ the work */

struct crew {
    size_t n;
    const char *phase;
    int (*run)(void *ctx, size_t task, unsigned thread, struct gs_err *err);
    void *ctx;
    atomic_size_t next;
    atomic_bool failed;
};

struct member {
    struct crew *crew;
    unsigned number;
    pthread_t thread;
    int status;
    size_t task; /* that failed */
    struct gs_err err;
};

static void show(const struct crew *crew, size_t begun)
{
    enum { CELLS = 20 };
    char bar[CELLS + 1], text[120];
    size_t share = crew->n == 0 ? 0 : begun * CELLS / crew->n;
    memset(bar, '-', CELLS);
    memset(bar, '#', share > CELLS ? CELLS : share);
    bar[CELLS] = '\0';
    (void)snprintf(text, sizeof(text), "%.24s [%s] %zu of %zu", crew->phase, bar, begun, crew->n);
    gs_progress_phase_copy(text);
}

static void *work(void *arg)
{
    struct member *member = arg;
    struct crew *crew = member->crew;
    while (member->status == 0 && !atomic_load(&crew->failed)) {
        size_t task = atomic_fetch_add(&crew->next, 1);
        if (task >= crew->n) {
            break;
        }
        if (member->number == 0) {
            show(crew, task);
        }
        member->task = task;
        member->status = gs_crew_stopped ? gs_crew_stop_error(&member->err)
                                         : crew->run(crew->ctx, task, member->number, &member->err);
    }
    if (member->status != 0) {
        atomic_store(&crew->failed, true);
    }
    return NULL;
}

/* Threads that cannot be had are done without. */
static unsigned start(struct member *members, unsigned threads)
{
    sigset_t all, old;
    sigfillset(&all);
    unsigned n = 1;
    (void)pthread_sigmask(SIG_BLOCK, &all, &old);
    for (; n < threads; n++) {
        if (pthread_create(&members[n].thread, NULL, work, &members[n]) != 0) {
            break;
        }
    }
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    return n;
}

static void free_members(struct member **members)
{
    free(*members);
}

int gs_crew_run(size_t n, unsigned threads, const char *phase,
                int (*run)(void *ctx, size_t task, unsigned thread, struct gs_err *err), void *ctx,
                struct gs_err *err)
{
    struct crew crew = {.n = n, .phase = phase, .run = run, .ctx = ctx};
    threads = threads < 1 ? 1 : threads > GS_CREW_THREADS_MAX ? GS_CREW_THREADS_MAX : threads;
    threads = threads > n ? (n == 0 ? 1 : (unsigned)n) : threads;
    GS_CLEANUP(free_members) struct member *members = calloc(threads, sizeof(*members));
    if (members == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for %u threads", threads);
    }
    for (unsigned i = 0; i < threads; i++) {
        members[i] = (struct member){.crew = &crew, .number = i};
    }
    unsigned running = start(members, threads);
    (void)work(&members[0]);
    const struct member *first = NULL;
    for (unsigned i = 0; i < running; i++) {
        if (i > 0) {
            (void)pthread_join(members[i].thread, NULL);
        }
        if (members[i].status != 0 && (first == NULL || members[i].task < first->task)) {
            first = &members[i];
        }
    }
    if (first == NULL) {
        return 0;
    }
    if (err != NULL) {
        *err = first->err;
    }
    return first->status;
}
