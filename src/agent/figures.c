#include "agent/figures.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "net/lines.h"
#include "node/metrics_emf.h"

#define LINES_BYTES_MAX ((size_t)4 << 20)

struct gs_figures {
    struct gs_agent *agent;
    sd_event_source *due;
    struct gs_lines lines;
    bool counted; /* `before` is set */
    struct gs_metrics_counters before;
    uint64_t told_dropped;
};

bool gs_figures_now(const struct gs_agent *agent, struct gs_metrics_input *ret)
{
    const struct gs_findings *findings = agent->findings;
    const struct gs_box *box = gs_offering_box(agent->offering);
    *ret = (struct gs_metrics_input){
        .offer = gs_offering_offer(agent->offering),
        .config = agent->config,
        .health = gs_offering_health(agent->offering),
        .counters = &agent->counters,
        .hostname = agent->node_name,
        .version = GS_VERSION,
    };
    ret->marks = gs_offering_marks(agent->offering, &ret->n_marks);
    /* what was read belongs to one snapshot: of the next one nothing is known before it is read */
    if (findings != NULL && box != NULL && findings->box->snapshot.number == box->snapshot.number) {
        ret->holding = findings->has_holding ? &findings->holding : NULL;
        ret->gpus = findings->gpus;
        ret->slices = findings->slices;
    }
    if (ret->offer == NULL) {
        return false;
    }
    ret->conditions = ret->offer->conditions.at;
    ret->n_conditions = ret->offer->conditions.n;
    return true;
}

/* ---- CloudWatch ---- */

static void tell(struct gs_figures *figures)
{
    const struct gs_agent *agent = figures->agent;
    struct gs_metrics_input input;
    struct gs_buf text;
    struct gs_err err;
    uint64_t now_us = 0;
    if (!gs_figures_now(agent, &input)) {
        return;
    }
    (void)sd_event_now(agent->event, CLOCK_REALTIME, &now_us);
    const struct gs_metrics_emf emf = {
        .input = &input,
        .name_space = agent->config->emf_namespace,
        .cluster = agent->config->emf_cluster,
        .nodepool = agent->nodepool,
        .detail = agent->config->emf_detail,
        .at_ms = now_us / 1000,
        .before = figures->counted ? &figures->before : NULL,
    };
    gs_buf_init(&text, LINES_BYTES_MAX);
    if (gs_metrics_emf_write(&emf, &text, &err) < 0) {
        gs_log_warning("metrics for CloudWatch: %s", err.msg);
    }
    if (text.len > 0) {
        (void)gs_lines_put(&figures->lines, gs_buf_text(&text), text.len);
    }
    if (figures->lines.dropped > figures->told_dropped) {
        gs_log_warning(
            "metrics for CloudWatch: nobody reads stdout fast enough; %llu times nothing "
            "was written",
            (unsigned long long)figures->lines.dropped);
        figures->told_dropped = figures->lines.dropped;
    }
    gs_buf_done(&text);
    figures->before = agent->counters;
    figures->counted = true;
}

static int on_due(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct gs_figures *figures = ctx;
    uint64_t step_us = figures->agent->config->emf_interval_s * 1000000;
    tell(figures);
    (void)sd_event_source_set_time(source, usec + step_us);
    (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    return 0;
}

int gs_figures_new(struct gs_agent *agent, struct gs_figures **ret, struct gs_err *err)
{
    struct gs_figures *figures = calloc(1, sizeof(*figures));
    if (figures == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for metrics for CloudWatch");
    }
    figures->agent = agent;
    int r = gs_lines_open(&figures->lines, STDOUT_FILENO, err);
    int s = r < 0 ? 0
                  : sd_event_add_time_relative(agent->event, &figures->due, CLOCK_MONOTONIC,
                                               agent->config->emf_interval_s * 1000000, 100000,
                                               on_due, figures);
    r = s < 0 ? gs_fail_errno(err, -s, "adding a timer") : r;
    if (r < 0) {
        gs_figures_free(figures);
        return r;
    }
    *ret = figures;
    return 0;
}

void gs_figures_free(struct gs_figures *figures)
{
    if (figures != NULL) {
        sd_event_source_disable_unref(figures->due);
        gs_lines_close(&figures->lines);
        free(figures);
    }
}
