/* cluster: the Kubernetes cluster as our programs see and change it.
 *
 * A table of operations with two implementations: `kube` speaks to an API server, `memory` is a
 * cluster of a few objects for tests. One contract suite (tests/contract) runs over both.
 *
 * Nothing blocks. An operation that was begun ends with exactly one call of its `done`, from the
 * loop and never from inside the function that began it, unless it is cancelled. What `done` gets
 * is gone when it returns. A server that is busy or not there (429, 5xx, no connection) is asked
 * again, as it says or with back-off, until the operation's limit has passed. One loop, one thread.
 *
 * Results, for all operations beside those named:
 * GS_NOT_FOUND: no such object; GS_BUSY: another one changed it at the same time (409);
 * GS_INVALID: the server does not take it (400, 422), or the arguments are wrong; GS_LIMIT: no
 * answer within the limit, or an answer beyond a bound; GS_IO: sys_errno is EPERM where it is not
 * allowed or we are not known (401, 403), else what the connection ended with; GS_NO_MEMORY. The
 * text has the server's own words. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
    GS_CLUSTER_NAME_MAX = 254, /* a node's name with its end */
    GS_CLUSTER_PODS_MAX = 4096 /* of one node that ask for what is counted */
};
#define GS_CLUSTER_LIMIT_DEFAULT_US 15000000ull

/* A label, an annotation, a resource with its amount as text ("8", "15530372Ki"). In a change a
 * value of NULL takes the key away. */
struct gs_cluster_pair {
    const char *key;
    const char *value;
};

struct gs_cluster_pairs {
    const struct gs_cluster_pair *at; /* by key (strcmp) in what is read; any order in a change */
    size_t n;
};

struct gs_cluster_taint {
    const char *key;
    const char *value;  /* "": none */
    const char *effect; /* "NoSchedule" */
};

struct gs_cluster_node {
    const char *name;
    const char *uid;
    const char *resource_version;
    bool deleting;
    bool unschedulable; /* cordoned */
    struct gs_cluster_pairs labels;
    struct gs_cluster_pairs annotations;
    struct gs_cluster_pairs capacity;
    struct gs_cluster_pairs allocatable;
    const struct gs_cluster_taint *taints;
    size_t n_taints;
};

/* The value under `key`; NULL: none. */
const char *gs_cluster_pairs_find(const struct gs_cluster_pairs *pairs, const char *key);

/* Whether the API server can be spoken to, as the watch sees it. */
struct gs_cluster_reach {
    bool reachable;
    uint64_t since_us;        /* CLOCK_REALTIME: when it became so */
    const struct gs_err *why; /* NULL where it is reachable */
};

struct gs_cluster_node_sink {
    /* The node as it is now: once at the start, and after each change. NULL: there is none of this
     * name (any more); the watch goes on. */
    void (*node)(void *ctx, const struct gs_cluster_node *node);

    /* It went from one to the other; the first call tells how the first try ended. */
    void (*reach)(void *ctx, const struct gs_cluster_reach *reach);
    void *ctx;
};

enum gs_cluster_phase {
    GS_CLUSTER_PENDING,
    GS_CLUSTER_RUNNING,
    GS_CLUSTER_SUCCEEDED, /* holds nothing */
    GS_CLUSTER_FAILED,    /* holds nothing */
    GS_CLUSTER_PHASE_UNKNOWN
};

struct gs_cluster_amount {
    const char *resource; /* "nvidia.com/mig-1g.5gb" */
    uint64_t count;       /* at least 1 */
};

/* What counts of a pod. */
struct gs_cluster_pod {
    const char *uid;
    const char *name_space;
    const char *name;
    const char *node;           /* spec.nodeName; "": not bound */
    const char *nominated_node; /* status.nominatedNodeName; "": none */
    enum gs_cluster_phase phase;
    bool deleting;
    int32_t priority;
    const struct gs_cluster_amount *asks; /* by resource; as the scheduler counts */
    size_t n_asks;
};

/* The pods of a node. */
struct gs_cluster_pods_query {
    const char *node;
    const char *resources; /* "nvidia.com/": what is counted; pods that ask for none are left out */
    uint64_t limit_us;     /* 0: GS_CLUSTER_LIMIT_DEFAULT_US */
};

/* A change of a node's metadata. What is not named stays. */
struct gs_cluster_node_change {
    const char *node;
    struct gs_cluster_pairs labels;
    struct gs_cluster_pairs annotations;
    uint64_t limit_us;
};

/* A change of node.status. What is not named stays. */
struct gs_cluster_status_change {
    const char *node;
    struct gs_cluster_pairs capacity;
    struct gs_cluster_pairs allocatable;
    uint64_t limit_us;
};

/* What happened to a node, as `kubectl describe node` shows it (events.k8s.io/v1). Programs do not
 * post these themselves but through cluster/events.h, which counts and limits them. */
struct gs_cluster_event {
    const char *name; /* of the object; the same name again is the same event, seen again */
    const char *node;
    const char *node_uid;   /* "": not known */
    const char *controller; /* "gpuslice.dev/agent" */
    const char *instance;   /* who of them: the host's name */
    const char *reason;     /* "SliceBusy" */
    const char *action;     /* "Recut" */
    const char *note;       /* for people; 1024 bytes at most */
    bool warning;           /* else normal */
    uint32_t count;         /* times seen, 1 at first */
    uint64_t first_us;      /* CLOCK_REALTIME */
    uint64_t last_us;
};

struct gs_cluster_ops;
struct gs_cluster_call;  /* an operation under way */
struct gs_cluster_watch; /* a watch that is open */

/* An open cluster. Made by gs_cluster_kube_open or gs_cluster_memory_open. */
struct gs_cluster {
    const struct gs_cluster_ops *ops;
    void *impl;
};

typedef void gs_cluster_done(void *ctx, int result, const struct gs_err *err);
typedef void gs_cluster_node_done(void *ctx, int result, const struct gs_cluster_node *node,
                                  const struct gs_err *err);
typedef void gs_cluster_pods_done(void *ctx, int result, const struct gs_cluster_pod *pods,
                                  size_t n_pods, const struct gs_err *err);

/* Cancels what is under way and ends the watches. Fine on one that was never opened (all zero). */
void gs_cluster_close(struct gs_cluster *cluster);

/* Of all that begin an operation: *ret_call (may be NULL) is valid until `done` is called. Where
 * they return a code, nothing was begun and `done` is not called: GS_INVALID (arguments),
 * GS_NO_MEMORY. Arguments are copied. */
int gs_cluster_get_node(struct gs_cluster *cluster, const char *name, gs_cluster_node_done *done,
                        void *ctx, struct gs_cluster_call **ret_call, struct gs_err *err);

/* Sets and takes away labels and annotations in one request. */
int gs_cluster_change_node(struct gs_cluster *cluster, const struct gs_cluster_node_change *change,
                           gs_cluster_done *done, void *ctx, struct gs_cluster_call **ret_call,
                           struct gs_err *err);

/* Sets counts of node.status.capacity and .allocatable in one request. */
int gs_cluster_change_status(struct gs_cluster *cluster,
                             const struct gs_cluster_status_change *change, gs_cluster_done *done,
                             void *ctx, struct gs_cluster_call **ret_call, struct gs_err *err);

/* Takes away all taints of this key, and no other whatever happens meanwhile. None is no error. */
int gs_cluster_remove_taint(struct gs_cluster *cluster, const char *node, const char *key,
                            gs_cluster_done *done, void *ctx, struct gs_cluster_call **ret_call,
                            struct gs_err *err);

/* The pods that are bound to the node or nominated to it, each once, as of the time of this call
 * or later (a consistent read). GS_LIMIT: more than GS_CLUSTER_PODS_MAX. */
int gs_cluster_list_pods(struct gs_cluster *cluster, const struct gs_cluster_pods_query *query,
                         gs_cluster_pods_done *done, void *ctx, struct gs_cluster_call **ret_call,
                         struct gs_err *err);

/* Creates the event, or brings it up to date where `count` > 1. */
int gs_cluster_post_event(struct gs_cluster *cluster, const struct gs_cluster_event *event,
                          gs_cluster_done *done, void *ctx, struct gs_cluster_call **ret_call,
                          struct gs_err *err);

/* Ends an operation without a call of its `done`. The server may still carry it out. */
void gs_cluster_cancel(struct gs_cluster *cluster, struct gs_cluster_call *call);

/* Watches one node until gs_cluster_unwatch; survives everything that happens to connections. */
int gs_cluster_watch_node(struct gs_cluster *cluster, const char *name,
                          const struct gs_cluster_node_sink *sink,
                          struct gs_cluster_watch **ret_watch, struct gs_err *err);

/* No call of the sink after this. From its functions too. */
void gs_cluster_unwatch(struct gs_cluster *cluster, struct gs_cluster_watch *watch);
