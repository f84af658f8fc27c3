#include "cluster/cluster.h"

#include <stdlib.h>
#include <string.h>

#include "base/view.h"
#include "cluster/cluster_ops.h"

const char *gs_cluster_pairs_find(const struct gs_cluster_pairs *pairs, const char *key)
{
    for (size_t i = 0; i < pairs->n; i++) {
        if (strcmp(pairs->at[i].key, key) == 0) {
            return pairs->at[i].value;
        }
    }
    return NULL;
}

int gs_cluster_no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "not enough memory for the cluster's objects");
}

/* ---- arguments ---- */

/* What may stand in a path and in a field selector. */
static int check_name(const char *what, const char *name, struct gs_err *err)
{
    size_t plain = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.");
    if (plain == 0 || plain >= GS_CLUSTER_NAME_MAX || name[plain] != '\0') {
        return gs_fail(err, GS_INVALID,
                       "%s \"%.100s\": expected 1 to 253 of a-z, 0-9, dash and dot", what, name);
    }
    return 0;
}

static int check_keys(const struct gs_cluster_pairs *pairs, struct gs_err *err)
{
    for (size_t i = 0; i < pairs->n; i++) {
        const char *key = pairs->at[i].key;
        if (key == NULL || key[0] == '\0' || gs_view_has_control(gs_view(key), "")) {
            return gs_fail(err, GS_INVALID, "a key that is empty or has control characters");
        }
    }
    return 0;
}

/* ---- operations ---- */

void gs_cluster_close(struct gs_cluster *cluster)
{
    if (cluster->ops != NULL) {
        cluster->ops->close(cluster->impl);
    }
    *cluster = (struct gs_cluster){.ops = NULL};
}

int gs_cluster_get_node(struct gs_cluster *cluster, const char *name, gs_cluster_node_done *done,
                        void *ctx, struct gs_cluster_call **ret_call, struct gs_err *err)
{
    int r = check_name("node", name, err);
    return r == 0 ? cluster->ops->get_node(cluster->impl, name, done, ctx, ret_call, err) : r;
}

int gs_cluster_change_node(struct gs_cluster *cluster, const struct gs_cluster_node_change *change,
                           gs_cluster_done *done, void *ctx, struct gs_cluster_call **ret_call,
                           struct gs_err *err)
{
    int r = check_name("node", change->node, err);
    r = r == 0 ? check_keys(&change->labels, err) : r;
    r = r == 0 ? check_keys(&change->annotations, err) : r;
    return r == 0 ? cluster->ops->change_node(cluster->impl, change, done, ctx, ret_call, err) : r;
}

int gs_cluster_change_status(struct gs_cluster *cluster,
                             const struct gs_cluster_status_change *change, gs_cluster_done *done,
                             void *ctx, struct gs_cluster_call **ret_call, struct gs_err *err)
{
    int r = check_name("node", change->node, err);
    r = r == 0 ? check_keys(&change->capacity, err) : r;
    r = r == 0 ? check_keys(&change->allocatable, err) : r;
    return r == 0 ? cluster->ops->change_status(cluster->impl, change, done, ctx, ret_call, err)
                  : r;
}

int gs_cluster_remove_taint(struct gs_cluster *cluster, const char *node, const char *key,
                            gs_cluster_done *done, void *ctx, struct gs_cluster_call **ret_call,
                            struct gs_err *err)
{
    const struct gs_cluster_pair pair = {.key = key};
    int r = check_name("node", node, err);
    r = r == 0 ? check_keys(&(struct gs_cluster_pairs){.at = &pair, .n = 1}, err) : r;
    return r == 0 ? cluster->ops->remove_taint(cluster->impl, node, key, done, ctx, ret_call, err)
                  : r;
}

int gs_cluster_list_pods(struct gs_cluster *cluster, const struct gs_cluster_pods_query *query,
                         gs_cluster_pods_done *done, void *ctx, struct gs_cluster_call **ret_call,
                         struct gs_err *err)
{
    int r = check_name("node", query->node, err);
    return r == 0 ? cluster->ops->list_pods(cluster->impl, query, done, ctx, ret_call, err) : r;
}

int gs_cluster_post_event(struct gs_cluster *cluster, const struct gs_cluster_event *event,
                          gs_cluster_done *done, void *ctx, struct gs_cluster_call **ret_call,
                          struct gs_err *err)
{
    int r = check_name("event", event->name, err);
    r = r == 0 ? check_name("node", event->node, err) : r;
    return r == 0 ? cluster->ops->post_event(cluster->impl, event, done, ctx, ret_call, err) : r;
}

void gs_cluster_cancel(struct gs_cluster *cluster, struct gs_cluster_call *call)
{
    cluster->ops->cancel(cluster->impl, call);
}

int gs_cluster_watch_node(struct gs_cluster *cluster, const char *name,
                          const struct gs_cluster_node_sink *sink,
                          struct gs_cluster_watch **ret_watch, struct gs_err *err)
{
    int r = check_name("node", name, err);
    return r == 0 ? cluster->ops->watch_node(cluster->impl, name, sink, ret_watch, err) : r;
}

void gs_cluster_unwatch(struct gs_cluster *cluster, struct gs_cluster_watch *watch)
{
    cluster->ops->unwatch(cluster->impl, watch);
}
