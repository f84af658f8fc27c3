#include "controller/lease.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "wire/kubejson.h"
#include "wire/kubelease.h"

#define LEASES "/apis/coordination.k8s.io/v1/namespaces/"
#define EVERY_US 2000000ull
#define ACCURACY_US 50000ull
#define ARENA_BYTES_MAX ((size_t)64 << 10)

enum { DURATION_DEFAULT_S = 15, NAME_MAX_BYTES = 254 };

struct gs_lease {
    struct gs_lease_options options;
    char name_space[NAME_MAX_BYTES];
    char name[NAME_MAX_BYTES];
    char us[NAME_MAX_BYTES];
    sd_event_source *timer;
    struct gs_kube_call *request;
    struct gs_arena arena;    /* of `last` */
    struct gs_kubelease last; /* as the API server last showed it */
    bool known;               /* `last` is something; false: there is none, or it was not read */
    bool absent;              /* there is none */
    uint64_t changed_us;      /* CLOCK_MONOTONIC: it was last seen to change */
    uint64_t renewed_us;      /* CLOCK_MONOTONIC: our last renewal was begun */
    uint64_t asked_us;        /* the request under way was begun */
    bool writes;              /* it is a write */
    bool leads;
    void (*given_up)(void *ctx);
    void *given_up_ctx;
    bool leaving;
};

static uint64_t now_on(const struct gs_lease *lease, clockid_t clock)
{
    uint64_t at = 0;
    (void)sd_event_now(gs_kube_event(lease->options.kube), clock, &at);
    return at;
}

static uint64_t duration_us(const struct gs_lease *lease)
{
    return 1000000ull * lease->options.duration_s;
}

static void set_leads(struct gs_lease *lease, bool leads)
{
    if (lease->leads != leads) {
        lease->leads = leads;
        gs_log_info(leads ? "this controller decides" : "this controller does not decide any more");
        lease->options.leads(lease->options.ctx, leads);
    }
}

/* Looked at each time: a process that was halted meanwhile learns of it before its timer. */
static bool has_lapsed(const struct gs_lease *lease)
{
    return now_on(lease, CLOCK_MONOTONIC) >= lease->renewed_us + duration_us(lease) * 2 / 3;
}

bool gs_lease_leads(const struct gs_lease *lease)
{
    return lease->leads && !has_lapsed(lease);
}

const char *gs_lease_holder(const struct gs_lease *lease)
{
    return lease->known ? lease->last.holder : "";
}

bool gs_lease_is_fresh(const struct gs_lease *lease)
{
    return lease->known && lease->last.holder[0] != '\0' &&
           now_on(lease, CLOCK_MONOTONIC) < lease->changed_us + 1000000ull * lease->last.duration_s;
}

static void end_leaving(struct gs_lease *lease)
{
    if (lease->given_up != NULL) {
        void (*done)(void *ctx) = lease->given_up;
        lease->given_up = NULL;
        done(lease->given_up_ctx);
    }
}

/* ---- what the API server has ---- */

/* Keeps it; what differs from the last is a sign of life. */
static void learn(struct gs_lease *lease, struct gs_view body)
{
    struct gs_arena arena;
    struct gs_kubelease read;
    struct gs_err err = {.code = GS_OK};
    json_t *object = json_loadb(body.p, body.n, GS_KUBEJSON_LOAD, NULL);
    gs_arena_init(&arena, &gs_alloc_heap, ARENA_BYTES_MAX);
    int r = gs_kubelease_parse(object, &arena, &read, &err);
    json_decref(object);
    if (r != 0) {
        gs_log_warning("%s", err.msg);
        gs_arena_done(&arena);
        return;
    }
    bool same = lease->known && strcmp(lease->last.resource_version, read.resource_version) == 0;
    gs_arena_done(&lease->arena);
    lease->arena = arena;
    lease->last = read;
    lease->known = true;
    lease->absent = false;
    if (!same) {
        lease->changed_us = lease->asked_us;
    }
}

/* Nobody holds it, or who does was not heard of for its duration. */
static bool is_free(const struct gs_lease *lease, uint64_t now_us)
{
    return lease->absent ||
           (lease->known &&
            (lease->last.holder[0] == '\0' || strcmp(lease->last.holder, lease->us) == 0 ||
             now_us >= lease->changed_us + 1000000ull * lease->last.duration_s));
}

static void on_done(void *ctx, int result, const struct gs_kube_answer *answer,
                    const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct gs_lease *lease = ctx;
    (void)status;
    lease->request = NULL;
    if (result == 0) {
        learn(lease, answer->body);
        if (lease->writes && !lease->leaving && strcmp(lease->last.holder, lease->us) == 0) {
            lease->renewed_us = lease->asked_us;
            set_leads(lease, true);
        }
    } else if (result == GS_NOT_FOUND && !lease->writes) {
        lease->absent = true;
        lease->known = false;
    } else if (result == GS_BUSY) {
        lease->known = false; /* somebody was faster: look again */
    } else {
        gs_log_warning("the Lease %s/%s: %s", lease->name_space, lease->name, err->msg);
    }
    if (lease->leaving) {
        end_leaving(lease);
        return;
    }
    if (!lease->writes && (lease->known || lease->absent) &&
        is_free(lease, now_on(lease, CLOCK_MONOTONIC))) {
        (void)sd_event_source_set_time_relative(lease->timer, 0); /* it may be ours to take */
    }
}

/* ---- what we say ---- */

static int read_it(struct gs_lease *lease, struct gs_err *err)
{
    char path[3 * NAME_MAX_BYTES];
    snprintf(path, sizeof(path), LEASES "%s/leases/%s", lease->name_space, lease->name);
    const struct gs_kube_request request = {
        .method = "GET",
        .path = path,
        .limit_us = duration_us(lease) / 3,
        .done = on_done,
        .ctx = lease,
    };
    lease->writes = false;
    return gs_kube_begin(lease->options.kube, &request, &lease->request, err);
}

static int write_it(struct gs_lease *lease, const char *holder, struct gs_err *err)
{
    uint64_t now = now_on(lease, CLOCK_REALTIME);
    bool ours = lease->known && strcmp(lease->last.holder, lease->us) == 0;
    const struct gs_kubelease say = {
        .name_space = lease->name_space,
        .name = lease->name,
        .resource_version = lease->known ? lease->last.resource_version : "",
        .holder = holder,
        .duration_s = lease->options.duration_s,
        .transitions = lease->known ? lease->last.transitions + !ours : 0,
        .acquired_us = ours ? lease->last.acquired_us : now,
        .renewed_us = now,
    };
    char path[3 * NAME_MAX_BYTES];
    struct gs_buf body;
    gs_buf_init(&body, 64 << 10);
    int r = gs_kubelease_write(&say, &body, err);
    int n = snprintf(path, sizeof(path), LEASES "%s/leases", lease->name_space);
    if (lease->known) {
        snprintf(path + n, sizeof(path) - (size_t)n, "/%s", lease->name);
    }
    const struct gs_kube_request request = {
        .method = lease->known ? "PUT" : "POST",
        .path = path,
        .type = "application/json",
        .body = {.p = gs_buf_text(&body), .n = body.len},
        .limit_us = duration_us(lease) / 3,
        .once = true,
        .done = on_done,
        .ctx = lease,
    };
    lease->writes = true;
    r = r == 0 ? gs_kube_begin(lease->options.kube, &request, &lease->request, err) : r;
    gs_buf_done(&body);
    return r;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct gs_lease *lease = ctx;
    struct gs_err err = {.code = GS_OK};
    uint64_t now = now_on(lease, CLOCK_MONOTONIC);
    (void)usec;
    if (lease->leads && has_lapsed(lease)) {
        set_leads(lease, false);
    }
    if (lease->leaving && lease->request == NULL) {
        end_leaving(lease);
        return 0;
    }
    if (lease->request == NULL && !lease->leaving) {
        lease->asked_us = now;
        /* Another's Lease is looked at each time; ours, and one that is free, is written. */
        bool fresh_look = lease->known && !lease->writes;
        bool take = is_free(lease, now) && (lease->leads || lease->absent || fresh_look);
        int r = take ? write_it(lease, lease->us, &err) : read_it(lease, &err);
        if (r != 0) {
            gs_log_warning("the Lease: %s", err.msg);
        }
    }
    (void)sd_event_source_set_time_relative(source, EVERY_US);
    (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    return 0;
}

void gs_lease_give_up(struct gs_lease *lease, void (*done)(void *ctx), void *ctx)
{
    struct gs_err err = {.code = GS_OK};
    bool led = lease->leads;
    set_leads(lease, false);
    lease->leaving = true;
    lease->given_up = done;
    lease->given_up_ctx = ctx;
    if (lease->request != NULL) {
        gs_kube_cancel(lease->request);
        lease->request = NULL;
    }
    lease->asked_us = now_on(lease, CLOCK_MONOTONIC);
    (void)sd_event_source_set_time_relative(lease->timer, led ? EVERY_US : 0);
    (void)sd_event_source_set_enabled(lease->timer, SD_EVENT_ONESHOT);
    if (led && lease->known && write_it(lease, "", &err) != 0) {
        (void)sd_event_source_set_time_relative(lease->timer, 0);
    }
}

int gs_lease_new(const struct gs_lease_options *options, struct gs_lease **ret, struct gs_err *err)
{
    struct gs_lease *lease = calloc(1, sizeof(*lease));
    if (lease == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the Lease");
    }
    lease->options = *options;
    if (lease->options.duration_s == 0) {
        lease->options.duration_s = DURATION_DEFAULT_S;
    }
    gs_arena_init(&lease->arena, &gs_alloc_heap, ARENA_BYTES_MAX);
    int n = snprintf(lease->name_space, NAME_MAX_BYTES, "%s", options->name_space);
    int m = snprintf(lease->name, NAME_MAX_BYTES, "%s", options->name);
    int k = snprintf(lease->us, NAME_MAX_BYTES, "%s", options->holder);
    int r = n < NAME_MAX_BYTES && m < NAME_MAX_BYTES && k < NAME_MAX_BYTES
                ? 0
                : gs_fail(err, GS_INVALID, "a name of the Lease of more than 253 bytes");
    if (r == 0) {
        int s = sd_event_add_time_relative(gs_kube_event(options->kube), &lease->timer,
                                           CLOCK_MONOTONIC, 0, ACCURACY_US, on_timer, lease);
        r = s < 0 ? gs_fail_errno(err, -s, "adding a timer") : 0;
    }
    if (r != 0) {
        free(lease);
        return r;
    }
    *ret = lease;
    return 0;
}

void gs_lease_free(struct gs_lease *lease)
{
    if (lease == NULL) {
        return;
    }
    if (lease->request != NULL) {
        gs_kube_cancel(lease->request);
    }
    sd_event_source_disable_unref(lease->timer);
    gs_arena_done(&lease->arena);
    free(lease);
}
