#include "net/handoff.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* One function that is to run. */
struct entry {
    struct entry *next;
    void (*fn)(void *ctx);
    void *ctx;
    bool *ret_ran; /* NULL: posted, and the entry is the heap's */
};

struct gs_handoff {
    pthread_mutex_t lock;
    pthread_cond_t ran; /* an entry that was waited for has run, an await has ended, or closed */
    pthread_t loop;
    struct entry *first;
    struct entry **last;
    bool closed;
    int fd;
    sd_event_source *source;
};

struct gs_await {
    struct gs_handoff *handoff;
    void (*begin)(void *ctx, struct gs_await *await);
    void *ctx;
    bool ended;
    int result;
    struct gs_err *err;
};

/* Takes all that is queued, under the lock. */
static struct entry *take(struct gs_handoff *handoff)
{
    struct entry *first = handoff->first;
    handoff->first = NULL;
    handoff->last = &handoff->first;
    return first;
}

static void run_all(struct gs_handoff *handoff)
{
    pthread_mutex_lock(&handoff->lock);
    struct entry *entry = take(handoff);
    while (entry != NULL) {
        struct entry *next = entry->next;
        pthread_mutex_unlock(&handoff->lock);
        entry->fn(entry->ctx);
        pthread_mutex_lock(&handoff->lock);
        if (entry->ret_ran == NULL) {
            free(entry);
        } else {
            *entry->ret_ran = true;
            pthread_cond_broadcast(&handoff->ran);
        }
        entry = next;
    }
    pthread_mutex_unlock(&handoff->lock);
}

static int on_wake(sd_event_source *source, int fd, uint32_t revents, void *ctx)
{
    (void)source;
    (void)revents;
    uint64_t count;
    (void)!read(fd, &count, sizeof(count));
    run_all(ctx);
    return 0;
}

int gs_handoff_new(sd_event *event, struct gs_handoff **ret, struct gs_err *err)
{
    struct gs_handoff *handoff = calloc(1, sizeof(*handoff));
    if (handoff == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the meeting place of threads");
    }
    handoff->loop = pthread_self();
    handoff->last = &handoff->first;
    handoff->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (handoff->fd < 0) {
        int e = errno;
        free(handoff);
        return gs_fail_errno(err, e, "eventfd");
    }
    int r = sd_event_add_io(event, &handoff->source, handoff->fd, EPOLLIN, on_wake, handoff);
    if (r < 0) {
        close(handoff->fd);
        free(handoff);
        return gs_fail_errno(err, -r, "adding an event source");
    }
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&handoff->ran, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&handoff->lock, NULL);
    *ret = handoff;
    return 0;
}

void gs_handoff_free(struct gs_handoff *handoff)
{
    if (handoff == NULL) {
        return;
    }
    run_all(handoff);
    sd_event_source_disable_unref(handoff->source);
    close(handoff->fd);
    pthread_cond_destroy(&handoff->ran);
    pthread_mutex_destroy(&handoff->lock);
    free(handoff);
}

/* Under the lock. */
static void enqueue(struct gs_handoff *handoff, struct entry *entry)
{
    *handoff->last = entry;
    handoff->last = &entry->next;
    static const uint64_t one = 1;
    (void)!write(handoff->fd, &one, sizeof(one));
}

void gs_handoff_call(struct gs_handoff *handoff, void (*fn)(void *ctx), void *ctx)
{
    if (pthread_equal(pthread_self(), handoff->loop)) {
        fn(ctx);
        return;
    }
    bool ran = false;
    struct entry entry = {.fn = fn, .ctx = ctx, .ret_ran = &ran};
    pthread_mutex_lock(&handoff->lock);
    enqueue(handoff, &entry);
    while (!ran) {
        pthread_cond_wait(&handoff->ran, &handoff->lock);
    }
    pthread_mutex_unlock(&handoff->lock);
}

int gs_handoff_post(struct gs_handoff *handoff, void (*fn)(void *ctx), void *ctx)
{
    struct entry *entry = malloc(sizeof(*entry));
    if (entry == NULL) {
        return GS_NO_MEMORY;
    }
    *entry = (struct entry){.fn = fn, .ctx = ctx};
    pthread_mutex_lock(&handoff->lock);
    enqueue(handoff, entry);
    pthread_mutex_unlock(&handoff->lock);
    return 0;
}

void gs_handoff_close(struct gs_handoff *handoff)
{
    pthread_mutex_lock(&handoff->lock);
    handoff->closed = true;
    pthread_cond_broadcast(&handoff->ran);
    pthread_mutex_unlock(&handoff->lock);
}

static void run_begin(void *ctx)
{
    struct gs_await *await = ctx;
    await->begin(await->ctx, await);
}

static struct timespec deadline_in(uint64_t limit_us)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += (time_t)(limit_us / 1000000);
    at.tv_nsec += (long)(limit_us % 1000000) * 1000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

int gs_await_run(struct gs_handoff *handoff, void (*begin)(void *ctx, struct gs_await *await),
                 void (*give_up)(void *ctx), void *ctx, uint64_t limit_us, struct gs_err *err)
{
    struct gs_await await = {.handoff = handoff, .begin = begin, .ctx = ctx, .err = err};
    const struct timespec deadline = deadline_in(limit_us);
    gs_handoff_call(handoff, run_begin, &await);
    pthread_mutex_lock(&handoff->lock);
    int waited = 0;
    while (!await.ended && !handoff->closed && waited != ETIMEDOUT) {
        waited = pthread_cond_timedwait(&handoff->ran, &handoff->lock, &deadline);
    }
    bool ended = await.ended;
    bool closed = handoff->closed;
    pthread_mutex_unlock(&handoff->lock);
    if (!ended) { /* the loop may still end it, until give_up has run there */
        gs_handoff_call(handoff, give_up, ctx);
    }
    if (await.ended) {
        return await.result;
    }
    return closed ? gs_fail(err, GS_BUSY, "the program is ending")
                  : gs_fail(err, GS_LIMIT, "no answer within %.1f s", (double)limit_us / 1e6);
}

void gs_await_end(struct gs_await *await, int result, const struct gs_err *err)
{
    pthread_mutex_lock(&await->handoff->lock);
    await->result = result;
    if (result < 0 && err != NULL && await->err != NULL) {
        *await->err = *err;
    }
    await->ended = true;
    pthread_cond_broadcast(&await->handoff->ran);
    pthread_mutex_unlock(&await->handoff->lock);
}
