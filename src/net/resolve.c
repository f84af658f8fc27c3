#include "net/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { AT_ONCE_MAX = 16, HOST_MAX = 254, STACK_BYTES = 256 << 10 };

/* Shared by the loop and the thread; whoever leaves last frees it. */
struct gs_resolve {
    atomic_uint users;
    int fd;
    sd_event_source *source;
    void (*done)(void *ctx, const struct gs_addresses *addresses, const struct gs_err *err);
    void *ctx;
    char host[HOST_MAX];
    char port[8];
    int result; /* of getaddrinfo; the thread's until it writes to fd */
    int sys_errno;
    struct gs_addresses addresses;
};

static atomic_uint under_way;

static void leave(struct gs_resolve *resolve)
{
    if (atomic_fetch_sub(&resolve->users, 1) == 1) {
        close(resolve->fd);
        free(resolve);
        atomic_fetch_sub(&under_way, 1);
    }
}

static void keep(struct gs_addresses *addresses, const struct addrinfo *found)
{
    addresses->n = 0;
    for (; found != NULL && addresses->n < GS_ADDRESSES_MAX; found = found->ai_next) {
        if (found->ai_addrlen <= sizeof(addresses->list[0].at)) {
            memcpy(&addresses->list[addresses->n].at, found->ai_addr, found->ai_addrlen);
            addresses->list[addresses->n++].size = found->ai_addrlen;
        }
    }
}

static int look_up(const char *host, const char *port, int flags, struct gs_addresses *ret)
{
    const struct addrinfo hints = {.ai_flags = AI_NUMERICSERV | flags, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int r = getaddrinfo(host, port, &hints, &found);
    if (r == 0) {
        keep(ret, found);
        freeaddrinfo(found);
    }
    return r;
}

static void *ask(void *ctx)
{
    static const uint64_t one = 1;
    struct gs_resolve *resolve = ctx;
    resolve->result = look_up(resolve->host, resolve->port, AI_ADDRCONFIG, &resolve->addresses);
    resolve->sys_errno = errno;
    (void)!write(resolve->fd, &one, sizeof(one));
    leave(resolve);
    return NULL;
}

static int on_answer(sd_event_source *source, int fd, uint32_t revents, void *ctx)
{
    struct gs_resolve *resolve = ctx;
    struct gs_err err = {.code = GS_OK};
    uint64_t count;
    (void)source;
    (void)revents;
    (void)!read(fd, &count, sizeof(count));
    resolve->source = sd_event_source_disable_unref(resolve->source);
    if (resolve->result != 0 || resolve->addresses.n == 0) {
        const char *why = resolve->result == EAI_SYSTEM ? strerror(resolve->sys_errno)
                          : resolve->result == 0        ? "it has no address"
                                                        : gai_strerror(resolve->result);
        gs_fail(&err, GS_IO, "there is no address of %s: %s", resolve->host, why);
        err.sys_errno = EHOSTUNREACH;
        resolve->done(resolve->ctx, NULL, &err);
    } else {
        resolve->done(resolve->ctx, &resolve->addresses, NULL);
    }
    leave(resolve);
    return 0;
}

/* 0 or an errno. The thread counts as a user. */
static int start_thread(struct gs_resolve *resolve)
{
    pthread_t thread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    atomic_fetch_add(&resolve->users, 1);
    int e = pthread_create(&thread, &attr, ask, resolve);
    pthread_attr_destroy(&attr);
    if (e != 0) {
        atomic_fetch_sub(&resolve->users, 1);
    }
    return e;
}

static int make(const char *host, unsigned port, struct gs_resolve **ret, struct gs_err *err)
{
    struct gs_resolve *resolve = calloc(1, sizeof(*resolve));
    if (resolve == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory to look for %s", host);
    }
    snprintf(resolve->host, sizeof(resolve->host), "%s", host);
    snprintf(resolve->port, sizeof(resolve->port), "%u", port);
    resolve->users = 1;
    resolve->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (resolve->fd < 0) {
        int e = errno;
        free(resolve);
        return gs_fail_errno(err, e, "eventfd");
    }
    atomic_fetch_add(&under_way, 1);
    *ret = resolve;
    return 0;
}

int gs_resolve(sd_event *event, const char *host, unsigned port,
               void (*done)(void *ctx, const struct gs_addresses *addresses,
                            const struct gs_err *err),
               void *ctx, struct gs_resolve **ret, struct gs_addresses *ret_addresses,
               struct gs_err *err)
{
    char service[8];
    snprintf(service, sizeof(service), "%u", port);
    *ret = NULL;
    if (look_up(host, service, AI_NUMERICHOST, ret_addresses) == 0) {
        return 0;
    }
    if (strlen(host) >= HOST_MAX || under_way >= AT_ONCE_MAX) {
        return gs_fail(err, GS_LIMIT, "more than %d names are looked for; expected fewer",
                       AT_ONCE_MAX);
    }
    struct gs_resolve *resolve = NULL;
    int r = make(host, port, &resolve, err);
    if (r != 0) {
        return r;
    }
    resolve->done = done;
    resolve->ctx = ctx;
    r = sd_event_add_io(event, &resolve->source, resolve->fd, EPOLLIN, on_answer, resolve);
    int e = r < 0 ? -r : start_thread(resolve);
    if (e != 0) {
        gs_resolve_cancel(resolve);
        return gs_fail_errno(err, e, "looking for %s", host);
    }
    *ret = resolve;
    return 0;
}

void gs_resolve_cancel(struct gs_resolve *resolve)
{
    if (resolve != NULL) {
        resolve->source = sd_event_source_disable_unref(resolve->source);
        leave(resolve);
    }
}
