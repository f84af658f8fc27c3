#include "contract/cluster_bed.h"

#include <stdio.h>
#include <string.h>

#include "cluster/cluster_memory.h"

static void begin(struct cluster_bed *bed)
{
    assert_int_equal(gs_cluster_memory_open(bed->event, &bed->cluster, NULL), 0);
}

static void end(struct cluster_bed *bed)
{
    (void)bed;
}

static void put_node(struct cluster_bed *bed, const struct gs_cluster_node *node)
{
    assert_int_equal(gs_cluster_memory_put_node(&bed->cluster, node, NULL), 0);
}

static void remove_node(struct cluster_bed *bed, const char *name)
{
    gs_cluster_memory_remove_node(&bed->cluster, name);
}

static void put_pod(struct cluster_bed *bed, const struct gs_cluster_pod *pod)
{
    struct gs_cluster_pod named = *pod;
    char uid[300];
    snprintf(uid, sizeof(uid), "uid of %s/%s", pod->name_space, pod->name);
    named.uid = uid;
    assert_int_equal(gs_cluster_memory_put_pod(&bed->cluster, &named, NULL), 0);
}

static void remove_pod(struct cluster_bed *bed, const char *name_space, const char *name)
{
    gs_cluster_memory_remove_pod(&bed->cluster, name_space, name);
}

static void away(struct cluster_bed *bed, bool is_away)
{
    gs_cluster_memory_reach(&bed->cluster, !is_away);
}

static bool event(struct cluster_bed *bed, const char *name, uint32_t *ret_count, char *ret_note,
                  size_t size)
{
    const struct gs_cluster_event *found;
    for (size_t n = 0; (found = gs_cluster_memory_event(&bed->cluster, n)) != NULL; n++) {
        if (strcmp(found->name, name) == 0) {
            *ret_count = found->count;
            snprintf(ret_note, size, "%s", found->note);
            return true;
        }
    }
    return false;
}

static void remove_event(struct cluster_bed *bed, const char *name)
{
    (void)bed;
    (void)name; /* they do not run out here */
}

const struct cluster_bed_ops cluster_bed_memory = {
    .name = "memory",
    .begin = begin,
    .end = end,
    .put_node = put_node,
    .remove_node = remove_node,
    .put_pod = put_pod,
    .remove_pod = remove_pod,
    .away = away,
    .event = event,
    .remove_event = remove_event,
};
