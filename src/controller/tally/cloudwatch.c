#include "controller/tally/cloudwatch.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "controller/tally/turns.h"
#include "net/lines.h"
#include "wire/emf.h"

#define TALLY_BYTES_MAX ((size_t)64 << 20)
#define LINES_BYTES_MAX ((size_t)4 << 20)
enum { LINE_METRICS_MAX = 20 };

struct gs_cloudwatch {
    const struct gs_controller *controller;
    sd_event_source *due;
    struct gs_lines lines;
    uint64_t told_dropped;
    struct gs_tally_wait wait;
};

/* ---- lines ---- */

/* Sums of pools: of one, or of all. */
struct sums {
    uint64_t nodes[GS_TALLY_NODES];
    uint64_t silent;
    uint64_t recuts;
    uint64_t slices[GS_TALLY_SLICES];
    uint64_t priced;
    uint64_t unpriced;
    uint64_t uusd[GS_TALLY_PARTS];
};

static void add(struct sums *sums, const struct gs_tally_pool *pool)
{
    for (unsigned i = 0; i < GS_TALLY_NODES; i++) {
        sums->nodes[i] += pool->nodes[i];
    }
    for (unsigned p = 0; p < pool->n_profiles; p++) {
        for (unsigned i = 0; i < GS_TALLY_SLICES; i++) {
            sums->slices[i] += pool->profiles[p].slices[i];
        }
    }
    for (unsigned i = 0; i < GS_TALLY_PARTS; i++) {
        sums->uusd[i] += pool->uusd[i];
    }
    sums->silent += pool->silent;
    sums->recuts += pool->recuts;
    sums->priced += pool->priced;
    sums->unpriced += pool->unpriced;
}

static double dollars(const struct sums *sums, enum gs_tally_part part)
{
    return sums->priced == 0 ? (double)NAN : (double)sums->uusd[part] / 1e6;
}

static unsigned put_sums(const struct sums *sums, struct gs_emf_metric ret[LINE_METRICS_MAX])
{
    const struct gs_emf_metric metrics[] = {
        {"NodesReady", (double)sums->nodes[GS_TALLY_NODE_READY], GS_EMF_COUNT},
        {"NodesStarting", (double)sums->nodes[GS_TALLY_NODE_STARTING], GS_EMF_COUNT},
        {"AgentsSilent", (double)sums->silent, GS_EMF_COUNT},
        {"RecutsUnderWay", (double)sums->recuts, GS_EMF_COUNT},
        {"UsdPerHourUsed", dollars(sums, GS_TALLY_PART_USED), GS_EMF_NONE},
        {"UsdPerHourIdle", dollars(sums, GS_TALLY_PART_IDLE), GS_EMF_NONE},
        {"UsdPerHourStranded", dollars(sums, GS_TALLY_PART_STRANDED), GS_EMF_NONE},
        {"UsdPerHourStarting", dollars(sums, GS_TALLY_PART_STARTING), GS_EMF_NONE},
        {"NodesWithoutPrice", (double)sums->unpriced, GS_EMF_COUNT},
    };
    for (unsigned i = 0; i < GS_ARRAY_LEN(metrics); i++) {
        ret[i] = metrics[i];
    }
    return GS_ARRAY_LEN(metrics);
}

/* By pool only: the agents tell of the slices of the whole cluster, and what both tell adds up. */
static unsigned put_slices(const struct sums *sums, unsigned n,
                           struct gs_emf_metric ret[LINE_METRICS_MAX])
{
    uint64_t used = sums->slices[GS_GPUNODE_HELD] + sums->slices[GS_GPUNODE_GRANTED];
    uint64_t all = 0;
    for (unsigned i = 0; i < GS_TALLY_SLICES; i++) {
        all += sums->slices[i];
    }
    ret[n++] = (struct gs_emf_metric){"SlicesTotal", (double)all, GS_EMF_COUNT};
    ret[n++] = (struct gs_emf_metric){"SlicesUsed", (double)used, GS_EMF_COUNT};
    ret[n++] =
        (struct gs_emf_metric){"SlicesSick", (double)sums->slices[GS_GPUNODE_SICK], GS_EMF_COUNT};
    return n;
}

static int write_cluster(const struct gs_tally *tally, struct gs_emf emf, struct gs_buf *out,
                         struct gs_err *err)
{
    static const char *const names[] = {"ClusterName"};
    static const struct gs_emf_set set = {names, 1};
    struct gs_emf_metric metrics[LINE_METRICS_MAX];
    struct sums sums = {.silent = 0};
    uint64_t waiting = 0;
    for (unsigned i = 0; i < tally->n_pools; i++) {
        add(&sums, &tally->pools[i]);
    }
    for (unsigned i = 0; i < tally->n_namespaces; i++) {
        for (unsigned k = 0; k < GS_TALLY_NEXTS; k++) {
            waiting += tally->namespaces[i].waiting[k];
        }
    }
    unsigned n = put_sums(&sums, metrics);
    metrics[n++] = (struct gs_emf_metric){"PodsWaiting", (double)waiting, GS_EMF_COUNT};
    metrics[n++] = (struct gs_emf_metric){
        "LongestWait",
        tally->longest_wait_us == UINT64_MAX ? (double)NAN : (double)tally->longest_wait_us / 1e6,
        GS_EMF_SECONDS};
    metrics[n++] = (struct gs_emf_metric){"Leads", 1, GS_EMF_COUNT};
    emf.sets = &set;
    emf.metrics = metrics;
    emf.n_metrics = n;
    return gs_emf_write(&emf, out, err);
}

static int write_pool(const struct gs_tally_pool *pool, const char *cluster, struct gs_emf emf,
                      struct gs_buf *out, struct gs_err *err)
{
    static const char *const names[] = {"ClusterName", "SlicePool"};
    static const struct gs_emf_set set = {names, 2};
    char name[GS_EMF_VALUE_MAX + 1];
    struct gs_emf_metric metrics[LINE_METRICS_MAX];
    struct sums sums = {.silent = 0};
    gs_emf_value(pool->name, name, sizeof(name));
    const struct gs_emf_member members[] = {{"ClusterName", cluster}, {"SlicePool", name}};
    add(&sums, pool);
    emf.sets = &set;
    emf.members = members;
    emf.n_members = GS_ARRAY_LEN(members);
    emf.metrics = metrics;
    emf.n_metrics = put_slices(&sums, put_sums(&sums, metrics), metrics);
    return gs_emf_write(&emf, out, err);
}

int gs_cloudwatch_write(const struct gs_tally *tally, const char *name_space, const char *cluster,
                        uint64_t at_ms, struct gs_buf *out, struct gs_err *err)
{
    char value[GS_EMF_VALUE_MAX + 1];
    const struct gs_emf_member member = {"ClusterName", value};
    const struct gs_emf emf = {
        .name_space = name_space, .at_ms = at_ms, .n_sets = 1, .members = &member, .n_members = 1};
    gs_emf_value(cluster, value, sizeof(value));
    int r = write_cluster(tally, emf, out, err);
    for (unsigned i = 0; r == 0 && i < tally->n_pools; i++) {
        r = write_pool(&tally->pools[i], value, emf, out, err);
    }
    return r;
}

/* ---- every so often ---- */

static void on_counted(void *ctx)
{
    struct gs_cloudwatch *cloudwatch = ctx;
    const struct gs_controller *controller = cloudwatch->controller;
    const struct gs_controller_options *options = controller->options;
    struct gs_arena arena;
    struct gs_tally tally;
    struct gs_buf text;
    struct gs_err err = {.code = GS_OK};
    uint64_t now_us = 0;
    (void)sd_event_now(controller->event, CLOCK_REALTIME, &now_us);
    gs_arena_init(&arena, &gs_alloc_heap, TALLY_BYTES_MAX);
    gs_buf_init(&text, LINES_BYTES_MAX);
    int r = gs_controller_tally(controller, &arena, &tally, &err);
    r = r == 0 ? gs_cloudwatch_write(&tally, options->emf_namespace, options->emf_cluster,
                                     now_us / 1000, &text, &err)
               : r;
    if (r != 0) {
        gs_log_warning("metrics for CloudWatch: %s", err.msg);
    }
    if (text.len > 0) {
        (void)gs_lines_put(&cloudwatch->lines, gs_buf_text(&text), text.len);
    }
    if (cloudwatch->lines.dropped > cloudwatch->told_dropped) {
        gs_log_warning(
            "metrics for CloudWatch: nobody reads stdout fast enough; %llu times nothing "
            "was written",
            (unsigned long long)cloudwatch->lines.dropped);
        cloudwatch->told_dropped = cloudwatch->lines.dropped;
    }
    gs_buf_done(&text);
    gs_arena_done(&arena);
}

static int on_due(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct gs_cloudwatch *cloudwatch = ctx;
    const struct gs_controller *controller = cloudwatch->controller;
    if (!cloudwatch->wait.waits && gs_lease_leads(controller->lease) &&
        gs_controller_is_ready(controller)) {
        gs_tally_turns_ask(controller->turns, &cloudwatch->wait);
    }
    (void)sd_event_source_set_time(source, usec + controller->options->emf_interval_s * 1000000);
    (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    return 0;
}

int gs_cloudwatch_new(const struct gs_controller *controller, struct gs_cloudwatch **ret,
                      struct gs_err *err)
{
    const struct gs_controller_options *options = controller->options;
    if (!gs_emf_is_namespace(options->emf_namespace)) {
        return gs_fail(err, GS_INVALID,
                       "--emf-namespace: \"%.80s\" is no namespace of CloudWatch: expected 1 to %d "
                       "of letters, digits and . _ # : / -, no ':' first",
                       options->emf_namespace, GS_EMF_NAMESPACE_MAX);
    }
    struct gs_cloudwatch *cloudwatch = calloc(1, sizeof(*cloudwatch));
    if (cloudwatch == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for metrics for CloudWatch");
    }
    cloudwatch->controller = controller;
    cloudwatch->wait.done = on_counted;
    cloudwatch->wait.ctx = cloudwatch;
    int r = gs_lines_open(&cloudwatch->lines, STDOUT_FILENO, err);
    int s = r < 0 ? 0
                  : sd_event_add_time_relative(controller->event, &cloudwatch->due, CLOCK_MONOTONIC,
                                               options->emf_interval_s * 1000000, 100000, on_due,
                                               cloudwatch);
    r = s < 0 ? gs_fail_errno(err, -s, "adding a timer") : r;
    if (r < 0) {
        gs_cloudwatch_free(cloudwatch);
        return r;
    }
    *ret = cloudwatch;
    return 0;
}

void gs_cloudwatch_free(struct gs_cloudwatch *cloudwatch)
{
    if (cloudwatch != NULL) {
        sd_event_source_disable_unref(cloudwatch->due);
        gs_tally_turns_forget(cloudwatch->controller->turns, &cloudwatch->wait);
        gs_lines_close(&cloudwatch->lines);
        free(cloudwatch);
    }
}
