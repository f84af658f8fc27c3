/* kube_list: a list of objects of one kind, page by page, one object at a time.
 *
 * A consistent read: what the objects were at one moment after the call. Where that moment is too
 * long ago for the server (410) or a page is cut, the list begins anew. */
#pragma once

#include "cluster/kube.h"

struct json_t; /* jansson's */
struct gs_kube_list;

struct gs_kube_list_options {
    const char *path;     /* "/api/v1/pods" */
    const char *selector; /* "fieldSelector=spec.nodeName%3Da", encoded; "": none */
    const char *kind;     /* "Pod" */
    unsigned page;        /* objects; 0: 250 */
    uint64_t limit_us;    /* of all pages; 0: 15 s */
    bool once;            /* what fails is not tried again, but for 410 */

    /* It begins, or anew: what was taken before does not count. */
    void (*begin)(void *ctx);

    /* One object; gone when it returns. A negative code ends the list. */
    int (*take)(void *ctx, const struct json_t *object, struct gs_err *err);

    /* `version`: the moment, to watch from; NULL where it failed. */
    void (*done)(void *ctx, int result, const char *version, const struct gs_kubestatus *status,
                 const struct gs_err *err);
    void *ctx;
};

/* Texts are copied. `done` comes from the loop, exactly once, unless it is cancelled. GS_INVALID,
 * GS_NO_MEMORY. */
int gs_kube_list_begin(struct gs_kube *kube, const struct gs_kube_list_options *options,
                       struct gs_kube_list **ret, struct gs_err *err);

/* From begin and take too, but not from `done`. NULL is fine. */
void gs_kube_list_cancel(struct gs_kube_list *list);
