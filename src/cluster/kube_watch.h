/* kube_watch: the objects of one kind as they are and as they change, until it is ended.
 *
 * A list, then a watch from its moment on, with bookmarks. A stream that ends is followed by the
 * next from where it was; what is too old for that (410) by a new list; a server that is not there
 * is asked again, first after a second, then less often, up to 30 s. */
#pragma once

#include "cluster/cluster.h"
#include "cluster/kube.h"

struct json_t; /* jansson's */
struct gs_kube_watch;

struct gs_kube_watch_options {
    const char *path;     /* "/api/v1/nodes" */
    const char *selector; /* as of kube_list.h */
    const char *kind;     /* "Node" */
    unsigned page;

    /* A list begins: what is not among the objects that follow, until `listed`, is there no more.
     */
    void (*listing)(void *ctx);
    void (*listed)(void *ctx);

    /* An object of the list, or one that was added or changed; or its last state where it is gone.
     * A negative code is as if the server had said something that cannot be understood: the watch
     * goes on with a new list, later. */
    int (*object)(void *ctx, const struct json_t *object, bool gone, struct gs_err *err);

    /* As of struct gs_cluster_node_sink. */
    void (*reach)(void *ctx, const struct gs_cluster_reach *reach);
    void *ctx;
};

/* Texts are copied. Nothing is called from inside. GS_NO_MEMORY. */
int gs_kube_watch_begin(struct gs_kube *kube, const struct gs_kube_watch_options *options,
                        struct gs_kube_watch **ret, struct gs_err *err);

/* From its functions too. NULL is fine. */
void gs_kube_watch_end(struct gs_kube_watch *watch);
