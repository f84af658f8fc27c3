/* What every implementation of the cluster does. usage: test_cluster memory|fake|real */
#include "contract/cluster_bed.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "unit/net/loop.h"

enum { WAIT_MS = 10000, GONE = 600 };
#define LIMIT_US 10000000ull

static const struct cluster_bed_ops *now;

/* What came of the last operation, and what a watch has told. */
struct seen {
    bool done;
    unsigned n_done;
    int result;
    struct gs_err err;
    char node[4096]; /* the node that was got, in a line */
    char pods[8192];
    size_t n_pods;
    char watched[4096];
    unsigned n_nodes;
    unsigned n_reach;
    bool reachable;
    bool fresh; /* something was told */
};

static struct cluster_bed begin(void)
{
    struct cluster_bed bed = {.ops = now};
    assert_true(sd_event_new(&bed.event) >= 0);
    return bed;
}

static void end(struct cluster_bed *bed)
{
    gs_cluster_close(&bed->cluster);
    bed->ops->end(bed);
    sd_event_unref(bed->event);
}

#define BEGIN(bed)                                                                                 \
    struct cluster_bed bed = begin();                                                              \
    bed.ops->begin(&bed)

void cluster_bed_put_bare_node(struct cluster_bed *bed, const char *name)
{
    const struct gs_cluster_node node = {.name = name};
    bed->ops->put_node(bed, &node);
}

/* ---- answers as lines ---- */

static void put_pairs(char *to, size_t size, const char *what, const struct gs_cluster_pairs *pairs)
{
    for (size_t i = 0; i < pairs->n; i++) {
        size_t n = strlen(to);
        if (strcmp(pairs->at[i].key, "pods") == 0 || strstr(pairs->at[i].key, "hostname") != NULL) {
            continue;
        }
        snprintf(to + n, size - n, " %s:%s=%s", what, pairs->at[i].key, pairs->at[i].value);
    }
}

/* Taints that a real control plane adds to a node that nobody runs are left out. */
static void describe(const struct gs_cluster_node *node, char *to, size_t size)
{
    if (node == NULL) {
        snprintf(to, size, "none");
        return;
    }
    assert_true(node->uid[0] != '\0' && node->resource_version[0] != '\0');
    snprintf(to, size, "%s%s", node->name, node->unschedulable ? " cordoned" : "");
    put_pairs(to, size, "label", &node->labels);
    put_pairs(to, size, "note", &node->annotations);
    put_pairs(to, size, "has", &node->capacity);
    put_pairs(to, size, "may", &node->allocatable);
    for (size_t i = 0; i < node->n_taints; i++) {
        size_t n = strlen(to);
        if (strncmp(node->taints[i].key, "node.kubernetes.io/", 19) != 0) {
            snprintf(to + n, size - n, " taint:%s=%s:%s", node->taints[i].key,
                     node->taints[i].value, node->taints[i].effect);
        }
    }
}

static void check_end(struct seen *seen, int result, const struct gs_err *err)
{
    seen->done = true;
    seen->n_done++;
    seen->result = result;
    assert_true((err != NULL) == (result != 0));
    if (err != NULL) {
        seen->err = *err;
        assert_int_equal(err->code, result);
        assert_true(err->msg[0] != '\0');
    }
}

static void on_done(void *ctx, int result, const struct gs_err *err)
{
    check_end(ctx, result, err);
}

static void on_node(void *ctx, int result, const struct gs_cluster_node *node,
                    const struct gs_err *err)
{
    struct seen *seen = ctx;
    check_end(seen, result, err);
    describe(node, seen->node, sizeof(seen->node));
}

static void on_pods(void *ctx, int result, const struct gs_cluster_pod *pods, size_t n_pods,
                    const struct gs_err *err)
{
    struct seen *seen = ctx;
    check_end(seen, result, err);
    seen->n_pods = n_pods;
    seen->pods[0] = '\0';
    for (size_t i = 0; i < n_pods; i++) {
        size_t n = strlen(seen->pods);
        assert_true(pods[i].uid[0] != '\0');
        snprintf(seen->pods + n, sizeof(seen->pods) - n, "%s/%s@%s~%s:%d", pods[i].name_space,
                 pods[i].name, pods[i].node, pods[i].nominated_node, (int)pods[i].phase);
        for (size_t k = 0; k < pods[i].n_asks; k++) {
            n = strlen(seen->pods);
            snprintf(seen->pods + n, sizeof(seen->pods) - n, " %s=%u", pods[i].asks[k].resource,
                     (unsigned)pods[i].asks[k].count);
        }
        strcat(seen->pods,
               i + 1 < n_pods && strlen(seen->pods) + 2 < sizeof(seen->pods) ? "\n" : "");
        if (strlen(seen->pods) > sizeof(seen->pods) - GONE) {
            return;
        }
    }
}

/* ---- operations that are waited for ---- */

static int wait_end(struct cluster_bed *bed, struct seen *seen)
{
    assert_false(seen->done); /* never inside the function that began it */
    loop_until(bed->event, &seen->done, WAIT_MS);
    return seen->result;
}

static const char *get(struct cluster_bed *bed, const char *name)
{
    static struct seen seen;
    seen = (struct seen){.done = false};
    assert_int_equal(gs_cluster_get_node(&bed->cluster, name, on_node, &seen, NULL, NULL), 0);
    if (wait_end(bed, &seen) != 0) {
        print_message("%s\n", seen.err.msg);
    }
    assert_int_equal(seen.result, 0);
    return seen.node;
}

static int change_node(struct cluster_bed *bed, const struct gs_cluster_node_change *change,
                       struct seen *seen)
{
    *seen = (struct seen){.done = false};
    assert_int_equal(gs_cluster_change_node(&bed->cluster, change, on_done, seen, NULL, NULL), 0);
    return wait_end(bed, seen);
}

static int change_status(struct cluster_bed *bed, const struct gs_cluster_status_change *change,
                         struct seen *seen)
{
    *seen = (struct seen){.done = false};
    assert_int_equal(gs_cluster_change_status(&bed->cluster, change, on_done, seen, NULL, NULL), 0);
    return wait_end(bed, seen);
}

static int remove_taint(struct cluster_bed *bed, const char *node, const char *key,
                        struct seen *seen)
{
    *seen = (struct seen){.done = false};
    assert_int_equal(gs_cluster_remove_taint(&bed->cluster, node, key, on_done, seen, NULL, NULL),
                     0);
    return wait_end(bed, seen);
}

static int list_pods(struct cluster_bed *bed, const char *node, struct seen *seen)
{
    const struct gs_cluster_pods_query query = {.node = node, .resources = "nvidia.com/"};
    *seen = (struct seen){.done = false};
    assert_int_equal(gs_cluster_list_pods(&bed->cluster, &query, on_pods, seen, NULL, NULL), 0);
    return wait_end(bed, seen);
}

#define PAIRS(...)                                                                                 \
    {                                                                                              \
        .at = (const struct gs_cluster_pair[]){__VA_ARGS__},                                       \
        .n =                                                                                       \
            sizeof((const struct gs_cluster_pair[]){__VA_ARGS__}) / sizeof(struct gs_cluster_pair) \
    }

/* ---- reading ---- */

static void cluster__a_node_is_read_with_all_that_counts(void **state)
{
    static const struct gs_cluster_taint taints[] = {
        {.key = "b", .value = "x", .effect = "NoSchedule"},
        {.key = "a", .value = "", .effect = "NoExecute"},
    };
    const struct gs_cluster_node node = {
        .name = "n1.example",
        .unschedulable = true,
        .labels = PAIRS({"nvidia.com/gpu.count", "8"}, {"a", ""}),
        .annotations = PAIRS({"x.dev/lines", "two\nlines"}),
        .capacity = PAIRS({"nvidia.com/gpu", "8"}, {"memory", "1Gi"}),
        .allocatable = PAIRS({"nvidia.com/gpu", "7"}),
        .taints = taints,
        .n_taints = 2,
    };
    (void)state;
    BEGIN(bed);
    bed.ops->put_node(&bed, &node);
    const char *got = get(&bed, "n1.example");
    assert_non_null(strstr(got, "n1.example cordoned label:a= label:nvidia.com/gpu.count=8 "
                                "note:x.dev/lines=two\nlines has:memory=1Gi has:nvidia.com/gpu=8 "
                                "may:"));
    assert_non_null(strstr(got, " may:nvidia.com/gpu=7"));
    assert_non_null(strstr(got, " taint:b=x:NoSchedule taint:a=:NoExecute"));
    end(&bed);
}

static void cluster__a_node_that_is_not_there_is_not_found(void **state)
{
    struct seen seen = {.done = false};
    (void)state;
    BEGIN(bed);
    assert_int_equal(gs_cluster_get_node(&bed.cluster, "nobody", on_node, &seen, NULL, NULL), 0);
    assert_int_equal(wait_end(&bed, &seen), GS_NOT_FOUND);
    assert_non_null(strstr(seen.err.msg, "nobody"));
    end(&bed);
}

static void cluster__names_that_cannot_be_are_refused_at_once(void **state)
{
    static const char *const names[] = {"", "a/b", "A", "a b", "a?b", "a%2fb", "\xff"};
    struct seen seen = {.done = false};
    struct gs_cluster_watch *watch;
    const struct gs_cluster_node_sink sink = {.ctx = NULL};
    (void)state;
    BEGIN(bed);
    for (size_t i = 0; i < GS_ARRAY_LEN(names); i++) {
        struct gs_err err = {.msg = ""};
        assert_int_equal(gs_cluster_get_node(&bed.cluster, names[i], on_node, &seen, NULL, &err),
                         GS_INVALID);
        assert_true(err.msg[0] != '\0');
        assert_int_equal(gs_cluster_watch_node(&bed.cluster, names[i], &sink, &watch, &err),
                         GS_INVALID);
    }
    const struct gs_cluster_node_change change = {.node = "a", .labels = PAIRS({"", "x"})};
    assert_int_equal(gs_cluster_change_node(&bed.cluster, &change, on_done, &seen, NULL, NULL),
                     GS_INVALID);
    loop_for(bed.event, 20);
    assert_int_equal(seen.n_done, 0);
    end(&bed);
}

/* ---- changing ---- */

static void cluster__labels_and_annotations_are_set_and_taken_away_at_once(void **state)
{
    const struct gs_cluster_node node = {.name = "n",
                                         .labels = PAIRS({"keep", "1"}, {"old", "1"}, {"set", "1"}),
                                         .annotations = PAIRS({"keep", "1"}, {"old", "1"})};
    const struct gs_cluster_node_change change = {
        .node = "n",
        .labels = PAIRS({"new", "2"}, {"old", NULL}, {"set", "2"}, {"never", NULL}),
        .annotations = PAIRS({"old", NULL}, {"new", "a \"quoted\" \xc3\xa4"})};
    struct seen seen;
    (void)state;
    BEGIN(bed);
    bed.ops->put_node(&bed, &node);
    assert_int_equal(change_node(&bed, &change, &seen), 0);
    assert_string_equal(get(&bed, "n"), "n label:keep=1 label:new=2 label:set=2 note:keep=1 "
                                        "note:new=a \"quoted\" \xc3\xa4");
    assert_int_equal(change_node(&bed, &change, &seen), 0); /* again: no harm */
    end(&bed);
}

static void cluster__a_change_that_cannot_be_is_refused_with_the_reason(void **state)
{
    const struct gs_cluster_node_change label = {.node = "n",
                                                 .labels = PAIRS({"a", "not a value!"})};
    const struct gs_cluster_status_change amount = {.node = "n",
                                                    .capacity = PAIRS({"nvidia.com/gpu", "many"})};
    const struct gs_cluster_node_change nobody = {.node = "nobody", .labels = PAIRS({"a", "b"})};
    const struct gs_cluster_status_change no_status = {.node = "nobody",
                                                       .capacity = PAIRS({"x.dev/a", "1"})};
    struct seen seen;
    (void)state;
    BEGIN(bed);
    cluster_bed_put_bare_node(&bed, "n");
    assert_int_equal(change_node(&bed, &label, &seen), GS_INVALID);
    assert_non_null(strstr(seen.err.msg, "not a value!"));
    assert_int_equal(change_status(&bed, &amount, &seen), GS_INVALID);
    assert_int_equal(change_node(&bed, &nobody, &seen), GS_NOT_FOUND);
    assert_int_equal(change_status(&bed, &no_status, &seen), GS_NOT_FOUND);
    assert_int_equal(remove_taint(&bed, "nobody", "a", &seen), GS_NOT_FOUND);
    end(&bed);
}

static void cluster__counts_are_set_beside_what_others_wrote(void **state)
{
    const struct gs_cluster_node node = {
        .name = "n",
        .capacity = PAIRS({"nvidia.com/gpu", "8"}, {"nvidia.com/mig-1g.5gb", "3"}),
        .allocatable = PAIRS({"nvidia.com/gpu", "8"}, {"nvidia.com/mig-1g.5gb", "3"})};
    const struct gs_cluster_status_change change = {
        .node = "n",
        .capacity = PAIRS({"nvidia.com/mig-1g.5gb", "7"}),
        .allocatable = PAIRS({"nvidia.com/mig-1g.5gb", "0"}, {"nvidia.com/mig-2g.10gb", "1"})};
    const struct gs_cluster_status_change away = {
        .node = "n", .allocatable = PAIRS({"nvidia.com/mig-2g.10gb", NULL})};
    struct seen seen;
    (void)state;
    BEGIN(bed);
    bed.ops->put_node(&bed, &node);
    assert_int_equal(change_status(&bed, &change, &seen), 0);
    assert_string_equal(get(&bed, "n"),
                        "n has:nvidia.com/gpu=8 has:nvidia.com/mig-1g.5gb=7 may:nvidia.com/gpu=8 "
                        "may:nvidia.com/mig-1g.5gb=0 may:nvidia.com/mig-2g.10gb=1");
    assert_int_equal(change_status(&bed, &away, &seen), 0);
    assert_string_equal(get(&bed, "n"),
                        "n has:nvidia.com/gpu=8 has:nvidia.com/mig-1g.5gb=7 may:nvidia.com/gpu=8 "
                        "may:nvidia.com/mig-1g.5gb=0");
    end(&bed);
}

static void cluster__all_taints_of_a_key_go_and_no_other(void **state)
{
    static const struct gs_cluster_taint taints[] = {
        {.key = "first", .value = "1", .effect = "NoSchedule"},
        {.key = "ours", .value = "x", .effect = "NoSchedule"},
        {.key = "second", .value = "", .effect = "NoSchedule"},
        {.key = "ours", .value = "", .effect = "NoExecute"},
        {.key = "ours.too", .value = "", .effect = "NoSchedule"},
    };
    const struct gs_cluster_node node = {.name = "n", .taints = taints, .n_taints = 5};
    struct seen seen;
    (void)state;
    BEGIN(bed);
    bed.ops->put_node(&bed, &node);
    assert_int_equal(remove_taint(&bed, "n", "ours", &seen), 0);
    assert_string_equal(get(&bed, "n"), "n taint:first=1:NoSchedule taint:second=:NoSchedule "
                                        "taint:ours.too=:NoSchedule");
    assert_int_equal(remove_taint(&bed, "n", "ours", &seen), 0); /* none: no error */
    assert_int_equal(remove_taint(&bed, "n", "first", &seen), 0);
    assert_int_equal(remove_taint(&bed, "n", "second", &seen), 0);
    assert_int_equal(remove_taint(&bed, "n", "ours.too", &seen), 0);
    assert_string_equal(get(&bed, "n"), "n");
    end(&bed);
}

/* ---- pods ---- */

static void put_pod(struct cluster_bed *bed, const char *name, const char *node,
                    const char *nominated, enum gs_cluster_phase phase, const char *resource,
                    uint64_t count)
{
    const struct gs_cluster_amount ask = {.resource = resource, .count = count};
    const struct gs_cluster_pod pod = {.name_space = "default",
                                       .name = name,
                                       .node = node,
                                       .nominated_node = nominated,
                                       .phase = phase,
                                       .asks = &ask,
                                       .n_asks = resource == NULL ? 0 : 1};
    bed->ops->put_pod(bed, &pod);
}

static void cluster__pods_that_are_bound_or_nominated_are_listed_once_each(void **state)
{
    struct seen seen;
    (void)state;
    BEGIN(bed);
    cluster_bed_put_bare_node(&bed, "n");
    put_pod(&bed, "bound", "n", "", GS_CLUSTER_RUNNING, "nvidia.com/mig-1g.5gb", 2);
    put_pod(&bed, "both", "n", "n", GS_CLUSTER_PENDING, "nvidia.com/gpu", 1);
    put_pod(&bed, "coming", "", "n", GS_CLUSTER_PENDING, "nvidia.com/mig-3g.20gb", 1);
    put_pod(&bed, "elsewhere", "m", "", GS_CLUSTER_RUNNING, "nvidia.com/gpu", 1);
    put_pod(&bed, "waiting", "", "", GS_CLUSTER_PENDING, "nvidia.com/gpu", 1);
    put_pod(&bed, "plain", "n", "", GS_CLUSTER_RUNNING, NULL, 0);
    put_pod(&bed, "other", "n", "", GS_CLUSTER_RUNNING, "vpc.amazonaws.com/efa", 1);
    put_pod(&bed, "ended", "n", "", GS_CLUSTER_SUCCEEDED, "nvidia.com/gpu", 1);
    assert_int_equal(list_pods(&bed, "n", &seen), 0);
    assert_int_equal(seen.n_pods, 4);
    assert_non_null(strstr(seen.pods, "default/bound@n~:1 nvidia.com/mig-1g.5gb=2"));
    assert_non_null(strstr(seen.pods, "default/both@n~"));
    assert_non_null(strstr(seen.pods, "default/coming@~n:0 nvidia.com/mig-3g.20gb=1"));
    assert_non_null(strstr(seen.pods, "default/ended@n~:2 nvidia.com/gpu=1"));
    bed.ops->remove_pod(&bed, "default", "bound");
    assert_int_equal(list_pods(&bed, "n", &seen), 0);
    assert_int_equal(seen.n_pods, 3);
    assert_int_equal(list_pods(&bed, "nobody", &seen), 0);
    assert_int_equal(seen.n_pods, 0);
    end(&bed);
}

static void cluster__more_pods_than_a_page_are_listed_whole(void **state)
{
    enum { N = 260 };
    struct seen seen;
    (void)state;
    BEGIN(bed);
    cluster_bed_put_bare_node(&bed, "n");
    for (unsigned i = 0; i < N; i++) {
        char name[20];
        snprintf(name, sizeof(name), "p%u", i);
        put_pod(&bed, name, "n", "", GS_CLUSTER_RUNNING, "nvidia.com/mig-1g.5gb", 1);
    }
    assert_int_equal(list_pods(&bed, "n", &seen), 0);
    assert_int_equal(seen.n_pods, N);
    end(&bed);
}

/* ---- events ---- */

static int post_event(struct cluster_bed *bed, uint32_t count, struct seen *seen)
{
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    const struct gs_cluster_event event = {
        .name = "n.17d0e1f2a3b4c5",
        .node = "n",
        .node_uid = "",
        .controller = "gpuslice.dev/agent",
        .instance = "n",
        .reason = "SliceBusy",
        .action = "Recut",
        .note = "slice 3 of GPU 0 is held by pod default/a",
        .warning = true,
        .count = count,
        .first_us = (uint64_t)at.tv_sec * 1000000,
        .last_us = (uint64_t)at.tv_sec * 1000000 + 500000,
    };
    *seen = (struct seen){.done = false};
    assert_int_equal(gs_cluster_post_event(&bed->cluster, &event, on_done, seen, NULL, NULL), 0);
    return wait_end(bed, seen);
}

static void check_event(struct cluster_bed *bed, uint32_t count)
{
    uint32_t found = 0;
    char note[200];
    assert_true(bed->ops->event(bed, "n.17d0e1f2a3b4c5", &found, note, sizeof(note)));
    assert_int_equal(found, count);
    assert_string_equal(note, "slice 3 of GPU 0 is held by pod default/a");
}

static void cluster__an_event_is_created_and_counted_up(void **state)
{
    struct seen seen;
    (void)state;
    BEGIN(bed);
    if (bed.api.real) {
        (void)post_event(&bed, 1, &seen);
        bed.ops->remove_event(&bed, "n.17d0e1f2a3b4c5");
    }
    assert_int_equal(post_event(&bed, 1, &seen), 0);
    check_event(&bed, 1);
    assert_int_equal(post_event(&bed, 1, &seen), 0); /* an answer that was lost: no second one */
    assert_int_equal(post_event(&bed, 5, &seen), 0);
    check_event(&bed, 5);
    bed.ops->remove_event(&bed, "n.17d0e1f2a3b4c5"); /* as after an hour */
    assert_int_equal(post_event(&bed, 9, &seen), 0);
    check_event(&bed, 9);
    end(&bed);
}

/* ---- calls ---- */

static void cluster__a_cancelled_operation_never_ends(void **state)
{
    struct seen seen = {.done = false};
    struct gs_cluster_call *calls[3];
    const struct gs_cluster_pods_query query = {.node = "n", .resources = "nvidia.com/"};
    (void)state;
    BEGIN(bed);
    cluster_bed_put_bare_node(&bed, "n");
    for (unsigned ms = 0; ms < 6; ms++) { /* before it was sent, and on its way */
        assert_int_equal(gs_cluster_get_node(&bed.cluster, "n", on_node, &seen, &calls[0], NULL),
                         0);
        assert_int_equal(
            gs_cluster_list_pods(&bed.cluster, &query, on_pods, &seen, &calls[1], NULL), 0);
        assert_int_equal(
            gs_cluster_remove_taint(&bed.cluster, "n", "a", on_done, &seen, &calls[2], NULL), 0);
        if (ms > 0 && strcmp(now->name, "memory") != 0) {
            assert_true(sd_event_run(bed.event, 1000) >= 0);
        }
        if (seen.n_done > 0) {
            break; /* quick: nothing to cancel any more */
        }
        for (unsigned i = 0; i < 3; i++) {
            gs_cluster_cancel(&bed.cluster, calls[i]);
        }
        loop_for(bed.event, 30);
        assert_int_equal(seen.n_done, 0);
    }
    end(&bed);
}

static void cluster__closing_ends_what_is_under_way(void **state)
{
    struct seen seen = {.done = false};
    (void)state;
    BEGIN(bed);
    cluster_bed_put_bare_node(&bed, "n");
    assert_int_equal(gs_cluster_get_node(&bed.cluster, "n", on_node, &seen, NULL, NULL), 0);
    gs_cluster_close(&bed.cluster);
    loop_for(bed.event, 30);
    assert_int_equal(seen.n_done, 0);
    end(&bed);
}

/* ---- watching ---- */

static void on_watched(void *ctx, const struct gs_cluster_node *node)
{
    struct seen *seen = ctx;
    seen->n_nodes++;
    seen->fresh = true;
    describe(node, seen->watched, sizeof(seen->watched));
}

static void on_reach(void *ctx, const struct gs_cluster_reach *reach)
{
    struct seen *seen = ctx;
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    assert_true(seen->n_reach == 0 || seen->reachable != reach->reachable);
    assert_true((reach->why == NULL) == reach->reachable);
    assert_in_range(reach->since_us / 1000000, at.tv_sec - 5, at.tv_sec + 1);
    seen->n_reach++;
    seen->reachable = reach->reachable;
    seen->fresh = true;
}

static struct gs_cluster_watch *watch(struct cluster_bed *bed, struct seen *seen)
{
    struct gs_cluster_watch *ret = NULL;
    const struct gs_cluster_node_sink sink = {.node = on_watched, .reach = on_reach, .ctx = seen};
    assert_int_equal(gs_cluster_watch_node(&bed->cluster, "n", &sink, &ret, NULL), 0);
    assert_int_equal(seen->n_nodes + seen->n_reach, 0);
    return ret;
}

static void wait_watched(struct cluster_bed *bed, struct seen *seen, const char *text)
{
    for (unsigned ms = 0; ms < WAIT_MS && strcmp(seen->watched, text) != 0; ms += 5) {
        loop_for(bed->event, 5);
    }
    assert_string_equal(seen->watched, text);
}

static void wait_reach(struct cluster_bed *bed, struct seen *seen, bool reachable)
{
    for (unsigned ms = 0; ms < WAIT_MS && (seen->n_reach == 0 || seen->reachable != reachable);
         ms += 5) {
        loop_for(bed->event, 5);
    }
    assert_true(seen->n_reach > 0);
    assert_int_equal(seen->reachable, reachable);
}

static void cluster__a_watch_tells_the_node_at_once_and_after_each_change(void **state)
{
    struct seen told = {.done = false};
    struct seen seen;
    char wanted[40];
    (void)state;
    BEGIN(bed);
    cluster_bed_put_bare_node(&bed, "n");
    cluster_bed_put_bare_node(&bed, "n2"); /* of which nothing is told */
    struct gs_cluster_watch *open = watch(&bed, &told);
    wait_watched(&bed, &told, "n");
    assert_true(told.reachable);
    for (unsigned i = 0; i < 10; i++) {
        char value[12];
        snprintf(value, sizeof(value), "%u", i);
        const struct gs_cluster_node_change change = {.node = "n", .labels = PAIRS({"a", value})};
        assert_int_equal(change_node(&bed, &change, &seen), 0);
        snprintf(wanted, sizeof(wanted), "n label:a=%u", i);
        wait_watched(&bed, &told, wanted);
    }
    assert_in_range(told.n_nodes, 11, 12);
    gs_cluster_unwatch(&bed.cluster, open);
    end(&bed);
}

static void cluster__a_watch_tells_that_a_node_comes_and_goes(void **state)
{
    struct seen told = {.done = false};
    (void)state;
    BEGIN(bed);
    struct gs_cluster_watch *open = watch(&bed, &told);
    wait_watched(&bed, &told, "none");
    for (unsigned i = 0; i < 2; i++) {
        cluster_bed_put_bare_node(&bed, "n");
        wait_watched(&bed, &told, "n");
        bed.ops->remove_node(&bed, "n");
        wait_watched(&bed, &told, "none");
    }
    gs_cluster_unwatch(&bed.cluster, open);
    end(&bed);
}

struct ending {
    struct cluster_bed *bed;
    struct gs_cluster_watch *watch;
    bool at_reach;
    unsigned calls;
};

static void end_watch(struct ending *ending)
{
    ending->calls++;
    gs_cluster_unwatch(&ending->bed->cluster, ending->watch);
}

static void end_at_node(void *ctx, const struct gs_cluster_node *node)
{
    (void)node;
    end_watch(ctx);
}

static void end_at_reach(void *ctx, const struct gs_cluster_reach *reach)
{
    struct ending *ending = ctx;
    (void)reach;
    if (ending->at_reach) {
        end_watch(ending);
    }
}

static void cluster__a_watch_may_be_ended_by_its_own_functions(void **state)
{
    (void)state;
    BEGIN(bed);
    cluster_bed_put_bare_node(&bed, "n");
    for (unsigned i = 0; i < 2; i++) {
        struct ending ending = {.bed = &bed, .at_reach = i == 1};
        const struct gs_cluster_node_sink sink = {
            .node = end_at_node, .reach = end_at_reach, .ctx = &ending};
        assert_int_equal(gs_cluster_watch_node(&bed.cluster, "n", &sink, &ending.watch, NULL), 0);
        for (unsigned ms = 0; ms < WAIT_MS && ending.calls == 0; ms += 5) {
            loop_for(bed.event, 5);
        }
        cluster_bed_put_bare_node(&bed, "n");
        loop_for(bed.event, 50);
        assert_int_equal(ending.calls, 1);
    }
    end(&bed);
}

static void cluster__a_watch_says_when_the_cluster_is_away_and_misses_nothing(void **state)
{
    struct seen told = {.done = false};
    const struct gs_cluster_node changed = {.name = "n", .labels = PAIRS({"a", "meanwhile"})};
    (void)state;
    BEGIN(bed);
    cluster_bed_put_bare_node(&bed, "n");
    struct gs_cluster_watch *open = watch(&bed, &told);
    wait_watched(&bed, &told, "n");
    for (unsigned i = 0; i < 2; i++) {
        bed.ops->away(&bed, true);
        wait_reach(&bed, &told, false);
        if (i == 0) {
            bed.ops->put_node(&bed, &changed);
        } else {
            bed.ops->remove_node(&bed, "n");
        }
        loop_for(bed.event, 50);
        assert_string_equal(told.watched, i == 0 ? "n" : "n label:a=meanwhile");
        bed.ops->away(&bed, false);
        wait_reach(&bed, &told, true);
        wait_watched(&bed, &told, i == 0 ? "n label:a=meanwhile" : "none");
    }
    gs_cluster_unwatch(&bed.cluster, open);
    end(&bed);
}

static void cluster__a_watch_may_begin_while_the_cluster_is_away(void **state)
{
    struct seen told = {.done = false};
    (void)state;
    BEGIN(bed);
    cluster_bed_put_bare_node(&bed, "n");
    bed.ops->away(&bed, true);
    struct gs_cluster_watch *open = watch(&bed, &told);
    wait_reach(&bed, &told, false);
    assert_int_equal(told.n_nodes, 0);
    bed.ops->away(&bed, false);
    wait_watched(&bed, &told, "n");
    gs_cluster_unwatch(&bed.cluster, open);
    end(&bed);
}

static void cluster__operations_wait_for_a_cluster_that_is_away(void **state)
{
    struct seen seen = {.done = false};
    struct gs_cluster_node_change change = {
        .node = "n", .labels = PAIRS({"a", "b"}), .limit_us = 400000};
    (void)state;
    BEGIN(bed);
    cluster_bed_put_bare_node(&bed, "n");
    bed.ops->away(&bed, true);
    assert_int_equal(change_node(&bed, &change, &seen), GS_LIMIT);
    change.limit_us = LIMIT_US;
    seen = (struct seen){.done = false};
    assert_int_equal(gs_cluster_change_node(&bed.cluster, &change, on_done, &seen, NULL, NULL), 0);
    loop_for(bed.event, 200);
    assert_false(seen.done);
    bed.ops->away(&bed, false);
    assert_int_equal(wait_end(&bed, &seen), 0);
    assert_string_equal(get(&bed, "n"), "n label:a=b");
    end(&bed);
}

int main(int argc, char **argv)
{
    static const struct cluster_bed_ops *const all[] = {&cluster_bed_memory, &cluster_bed_fake,
                                                        &cluster_bed_real};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cluster__a_node_is_read_with_all_that_counts),
        cmocka_unit_test(cluster__a_node_that_is_not_there_is_not_found),
        cmocka_unit_test(cluster__names_that_cannot_be_are_refused_at_once),
        cmocka_unit_test(cluster__labels_and_annotations_are_set_and_taken_away_at_once),
        cmocka_unit_test(cluster__a_change_that_cannot_be_is_refused_with_the_reason),
        cmocka_unit_test(cluster__counts_are_set_beside_what_others_wrote),
        cmocka_unit_test(cluster__all_taints_of_a_key_go_and_no_other),
        cmocka_unit_test(cluster__pods_that_are_bound_or_nominated_are_listed_once_each),
        cmocka_unit_test(cluster__more_pods_than_a_page_are_listed_whole),
        cmocka_unit_test(cluster__an_event_is_created_and_counted_up),
        cmocka_unit_test(cluster__a_cancelled_operation_never_ends),
        cmocka_unit_test(cluster__closing_ends_what_is_under_way),
        cmocka_unit_test(cluster__a_watch_tells_the_node_at_once_and_after_each_change),
        cmocka_unit_test(cluster__a_watch_tells_that_a_node_comes_and_goes),
        cmocka_unit_test(cluster__a_watch_may_be_ended_by_its_own_functions),
        cmocka_unit_test(cluster__a_watch_says_when_the_cluster_is_away_and_misses_nothing),
        cmocka_unit_test(cluster__a_watch_may_begin_while_the_cluster_is_away),
        cmocka_unit_test(cluster__operations_wait_for_a_cluster_that_is_away),
    };
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; argc == 2 && i < GS_ARRAY_LEN(all); i++) {
        now = strcmp(argv[1], all[i]->name) == 0 ? all[i] : now;
    }
    if (now == NULL) {
        fprintf(stderr, "usage: test_cluster memory|fake|real\n");
        return 2;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
