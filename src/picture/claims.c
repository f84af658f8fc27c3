#include "picture/claims.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cluster/kube.h"
#include "wire/kubejson.h"

#define LIMIT_US 10000000ull
#define ANSWER_BYTES_MAX ((size_t)2 << 20)
/* When what is known is asked for again. What keeps a pod from running at all is looked at soon,
 * and then less and less often. */
#define KNOWN_US 60000000ull
#define UNREAD_US 30000000ull
#define WAITS_FIRST_US 500000ull
enum { WAITS_DOUBLINGS_MAX = 5 };

/* One pod's reading under way. */
struct call {
    struct gs_claims *claims;
    struct call *prev;
    struct call *next;
    struct gs_volumes_reading *reading;
    struct gs_kube_call *request;
    uint64_t end_us;
    char *uid;  /* of the pod, behind: */
    char key[]; /* "namespace/name" */
};

struct gs_claims {
    struct gs_claims_options options;
    struct call *calls;
    unsigned n;
};

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the volumes of pods");
}

static uint64_t now_of(const struct gs_claims *claims)
{
    uint64_t at = 0;
    (void)sd_event_now(gs_kube_event(claims->options.kube), CLOCK_MONOTONIC, &at);
    return at;
}

int gs_claims_new(const struct gs_claims_options *options, struct gs_claims **ret,
                  struct gs_err *err)
{
    struct gs_claims *claims = calloc(1, sizeof(*claims));
    if (claims == NULL) {
        return no_memory(err);
    }
    claims->options = *options;
    claims->options.limit_us = options->limit_us == 0 ? LIMIT_US : options->limit_us;
    *ret = claims;
    return 0;
}

unsigned gs_claims_under_way(const struct gs_claims *claims)
{
    return claims->n;
}

static void free_call(struct call *call)
{
    struct gs_claims *claims = call->claims;
    if (call->request != NULL) {
        gs_kube_cancel(call->request);
    }
    *(call->prev == NULL ? &claims->calls : &call->prev->next) = call->next;
    if (call->next != NULL) {
        call->next->prev = call->prev;
    }
    claims->n--;
    gs_volumes_reading_free(call->reading);
    free(call);
}

void gs_claims_free(struct gs_claims *claims)
{
    if (claims != NULL) {
        while (claims->calls != NULL) {
            free_call(claims->calls);
        }
        free(claims);
    }
}

/* ---- the end ---- */

/* The pod, if it still waits and is that one. */
static struct gs_store_pod *pod_of(const struct call *call)
{
    struct gs_store_pod *pod = gs_store_find_pod(call->claims->options.store, call->key);
    bool same = pod != NULL && pod->waiting != NULL && strcmp(pod->uid, call->uid) == 0;
    return same ? pod : NULL;
}

static uint64_t again_at(struct gs_store_volumes *kept, const struct gs_volumes *found,
                         uint64_t now_us)
{
    if (found == NULL || found->unread != NULL) {
        return now_us + UNREAD_US;
    }
    if (found->waits == NULL) {
        kept->tries = 0;
        return now_us + KNOWN_US;
    }
    uint64_t rest_us = WAITS_FIRST_US << kept->tries;
    kept->tries += kept->tries < WAITS_DOUBLINGS_MAX;
    return now_us + rest_us;
}

/* What is known is better than that it could not be asked for again just now. */
static bool is_no_news(const struct gs_volumes *known, const struct gs_volumes *found)
{
    return known != NULL && known->unread == NULL && known->waits == NULL && found != NULL &&
           found->unread != NULL;
}

/* All that is to be known is, or nothing more can be. */
static void end(struct call *call, struct gs_volumes *found)
{
    struct gs_claims *claims = call->claims;
    struct gs_store_pod *pod = pod_of(call);
    struct gs_err err = {.code = GS_OK};
    if (pod == NULL) {
        gs_volumes_free(found);
    } else {
        uint64_t again_us = again_at(&pod->waiting->volumes, found, now_of(claims));
        pod->waiting->volumes.reading = false;
        if (is_no_news(pod->waiting->volumes.of, found)) {
            gs_volumes_free(found);
            found = NULL;
        }
        if (gs_store_set_volumes(pod, found, again_us, &err) != 0) {
            gs_log_error("pod %s: %s", call->key, err.msg);
        }
        claims->options.store->changed = true;
    }
    free_call(call);
    if (claims->options.changed != NULL) {
        claims->options.changed(claims->options.ctx);
    }
}

/* ---- one object after the other ---- */

static void go_on(struct call *call);

static void end_reading(struct call *call)
{
    struct gs_volumes_reading *reading = call->reading;
    call->reading = NULL;
    end(call, gs_volumes_end(reading));
}

static void on_answer(void *ctx, int result, const struct gs_kube_answer *answer,
                      const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct call *call = ctx;
    struct gs_err why = {.code = GS_OK};
    int r = 0;
    (void)status;
    call->request = NULL;
    if (result == GS_NOT_FOUND) {
        r = gs_volumes_take(call->reading, NULL, &why);
    } else if (result != 0) {
        r = gs_volumes_fail(call->reading, err->msg, &why);
    } else {
        GS_AUTO_JSON object = json_loadb(answer->body.p, answer->body.n, GS_KUBEJSON_LOAD, NULL);
        r = object == NULL
                ? gs_volumes_fail(call->reading, "what the API server said is no JSON", &why)
                : gs_volumes_take(call->reading, object, &why);
    }
    if (r != 0) {
        gs_log_error("pod %s: %s", call->key, why.msg);
        end(call, NULL);
        return;
    }
    go_on(call);
}

static void go_on(struct call *call)
{
    const char *path = gs_volumes_next(call->reading);
    struct gs_claims *claims = call->claims;
    uint64_t now_us = now_of(claims);
    struct gs_err err = {.code = GS_OK};
    if (path == NULL) {
        end_reading(call);
        return;
    }
    const struct gs_kube_request request = {.method = "GET",
                                            .path = path,
                                            .limit_us =
                                                now_us < call->end_us ? call->end_us - now_us : 1,
                                            .once = claims->options.once,
                                            .max_body = ANSWER_BYTES_MAX,
                                            .done = on_answer,
                                            .ctx = call};
    if (gs_kube_begin(claims->options.kube, &request, &call->request, &err) == 0) {
        return;
    }
    call->request = NULL;
    if (gs_volumes_fail(call->reading, err.msg, &err) != 0) {
        end(call, NULL);
        return;
    }
    end_reading(call);
}

/* NULL: no memory. */
static struct call *new_call(struct gs_claims *claims, const struct gs_store_pod *pod)
{
    size_t n_key = strlen(pod->key) + 1;
    size_t n_uid = strlen(pod->uid) + 1;
    struct call *call = calloc(1, sizeof(*call) + n_key + n_uid);
    if (call == NULL) {
        return NULL;
    }
    memcpy(call->key, pod->key, n_key);
    call->uid = call->key + n_key;
    memcpy(call->uid, pod->uid, n_uid);
    call->claims = claims;
    call->reading = gs_volumes_read(&pod->waiting->pod, pod->uid);
    call->next = claims->calls;
    if (call->next != NULL) {
        call->next->prev = call;
    }
    claims->calls = call;
    claims->n++;
    if (call->reading == NULL) {
        free_call(call);
        return NULL;
    }
    return call;
}

bool gs_claims_look(struct gs_claims *claims, struct gs_store_pod *pod, uint64_t now_us)
{
    struct gs_store_volumes *kept = &pod->waiting->volumes;
    if (kept->reading || now_us < kept->again_us) {
        return true;
    }
    struct call *call = claims->n < GS_CLAIMS_AT_ONCE ? new_call(claims, pod) : NULL;
    if (call == NULL) {
        return false;
    }
    call->end_us = now_of(claims) + claims->options.limit_us;
    kept->reading = true;
    go_on(call);
    return true;
}
