/* The sentence of a fixed fleet. Its nodes are paid whether they are used or not: GPU-hours that
 * slices leave free are room for other work, and no money. */
#include <stdio.h>
#include <string.h>

#include "cli/simulate/claim.h"

bool gs_report_is_fixed(const struct gs_report *report)
{
    return strcmp(report->world, "queue") == 0 || strcmp(report->world, "loss") == 0;
}

static bool loses(const struct gs_report *report)
{
    return strcmp(report->world, "loss") == 0;
}

int64_t gs_report_gain(const struct gs_report *report, const struct gs_report_policy *policy)
{
    return loses(report) ? policy->less_lost_mpct : policy->sooner_mpct;
}

struct gs_report_interval gs_report_gain_ci(const struct gs_report *report,
                                            const struct gs_report_policy *policy)
{
    return loses(report) ? policy->less_lost_ci : policy->sooner_ci;
}

int64_t gs_report_nodes(const struct gs_report *report)
{
    return report->gpus == GS_REPORT_UNKNOWN || report->node_gpus < 1
               ? GS_REPORT_UNKNOWN
               : report->gpus / report->node_gpus;
}

static const char *plural(int64_t n)
{
    return n == 1 ? "" : "s";
}

/* "3.5 h from coming to being done with slices, 4.6 h with whole GPUs" */
static void say_trace(const struct gs_report *report, const struct gs_report_policy *ours,
                      struct gs_buf *out)
{
    const struct gs_report_policy *whole = &report->policies[0];
    char a[GS_REPORT_WORD_MAX], b[GS_REPORT_WORD_MAX], c[GS_REPORT_WORD_MAX];
    if (loses(report)) {
        gs_buf_printf(out, "%s of %s GPU-hours are lost with slices, %s with whole GPUs",
                      gs_report_hours(ours->charged_mh, a), gs_report_hours(report->asked_mh, b),
                      gs_report_hours(whole->charged_mh, c));
    } else {
        gs_buf_printf(out, "%s from coming to being done with slices, %s with whole GPUs",
                      gs_report_time(ours->job_mean_ms, a), gs_report_time(whole->job_mean_ms, b));
    }
}

/* "jobs are done 24.4 % sooner on average" */
static void say_what(const struct gs_report *report, const char *pct, struct gs_buf *out)
{
    gs_buf_printf(
        out, loses(report) ? "%s less of the work is lost" : "jobs are done %s sooner on average",
        pct);
}

static void say_gain(const struct gs_report *report, const struct gs_report_policy *ours,
                     struct gs_buf *out)
{
    char pct[GS_REPORT_WORD_MAX], range[GS_REPORT_WORD_MAX], nodes[GS_REPORT_WORD_MAX];
    int64_t value = gs_report_gain(report, ours), all = gs_report_nodes(report);
    struct gs_report_interval ci = gs_report_gain_ci(report, ours);
    (void)snprintf(nodes, sizeof(nodes), "same %lld node%s", (long long)all, plural(all));
    gs_report_pct(value, pct);
    gs_report_range(ci, range);
    switch (gs_report_judge(ci, value)) {
    case GS_REPORT_NOT_THIS_TRACE:
        gs_buf_printf(out, "No gain may be claimed on the %s: ", nodes);
        say_what(report, pct, out);
        gs_buf_printf(out,
                      " on this trace, and no interval can be given, as draws of it (%s %%) meet "
                      "in other ways than its jobs did; ",
                      range);
        return;
    case GS_REPORT_NOT_TESTED:
        gs_buf_printf(out, "On this trace alone, on the %s, ", nodes);
        say_what(report, pct, out);
        gs_buf_printf(out,
                      "; no interval was computed (%s), so that nothing may be claimed beyond it; ",
                      report->no_draws == NULL ? "no draws" : report->no_draws);
        return;
    case GS_REPORT_GAINS:
        gs_buf_printf(out, "For work like this you may claim that with slices, on the %s, ", nodes);
        strcat(range, " %");
        say_what(report, range, out);
        gs_buf_printf(out, " (95 %% interval; %s on this trace); ", pct);
        return;
    case GS_REPORT_NO_DIFFERENCE:
        gs_buf_printf(out, "No gain may be claimed on the %s: ", nodes);
        say_what(report, pct, out);
        gs_buf_printf(out, " on this trace, and the 95 %% interval, %s %%, has zero in it; ",
                      range);
        return;
    case GS_REPORT_COSTS:
        gs_buf_printf(out, "Slicing does harm on the %s: ", nodes);
        say_what(report, pct, out);
        gs_buf_printf(out, ", 95 %% interval %s %%; ", range);
        return;
    }
}

/* With how few nodes it would have been as good; nothing is said where that is not known. */
static void say_fewer(const struct gs_report *report, const struct gs_report_policy *ours,
                      struct gs_buf *out)
{
    const struct gs_report_policy *whole = &report->policies[0];
    int64_t all = gs_report_nodes(report);
    char few[GS_REPORT_WORD_MAX], most[GS_REPORT_WORD_MAX], nodes[GS_REPORT_WORD_MAX];
    if (ours->fewest_nodes == GS_REPORT_UNKNOWN || whole->fewest_nodes == GS_REPORT_UNKNOWN ||
        all == GS_REPORT_UNKNOWN || all < 2) {
        return;
    }
    if (ours->fewest_nodes == all) {
        gs_buf_puts(out, ". With fewer nodes slices would not have done as well as whole GPUs");
        return;
    }
    gs_report_count(ours->fewest_nodes, few);
    gs_report_count(whole->fewest_nodes, most);
    gs_report_count(all, nodes);
    gs_buf_printf(out,
                  ". %s of the %s nodes would have done as well with slices, %s with whole GPUs",
                  few, nodes, most);
    struct gs_report_interval ci = ours->fewer_nodes_ci;
    int64_t fewer = (whole->fewest_nodes - ours->fewest_nodes) * 1000;
    bool gains = gs_report_judge(gs_report_gain_ci(report, ours), gs_report_gain(report, ours)) ==
                     GS_REPORT_GAINS &&
                 gs_report_judge(ci, fewer) == GS_REPORT_GAINS && ci.lo_mpct >= 1000;
    if (gains && report->draws >= GS_REPORT_DRAWS_CLAIM) {
        long long lo = ci.lo_mpct / 1000, hi = ci.hi_mpct / 1000;
        gs_buf_puts(out, ": ");
        if (lo < hi) {
            gs_buf_printf(out, "%lld to ", lo);
        }
        gs_buf_printf(out, "%lld fewer may be claimed (95 %%)", hi);
    } else {
        gs_buf_puts(out, "; of other work no fewer may be claimed");
    }
}

/* Nodes that are given back, and only those, are money. */
static void say_paid(const struct gs_report *report, const struct gs_report_policy *ours,
                     struct gs_buf *out)
{
    const struct gs_report_policy *whole = &report->policies[0];
    char a[GS_REPORT_WORD_MAX], b[GS_REPORT_WORD_MAX];
    gs_buf_puts(out, ". The nodes are paid on both sides for the same time: GPU-hours without a "
                     "job are room for other work, and no money");
    gs_report_time(ours->last_end_ms, a);
    gs_report_time(whole->last_end_ms, b);
    if (ours->last_end_ms != GS_REPORT_UNKNOWN && whole->last_end_ms != GS_REPORT_UNKNOWN &&
        strcmp(a, b) != 0) {
        gs_buf_printf(out, ". The last job ends after %s, with whole GPUs after %s", a, b);
    }
}

void gs_report_say_fixed(const struct gs_report *report, const struct gs_report_policy *ours,
                         struct gs_buf *out)
{
    char pct[GS_REPORT_WORD_MAX];
    bool tested = gs_report_gain_ci(report, ours).lo_mpct != GS_REPORT_UNKNOWN;
    if (tested && report->draws < GS_REPORT_DRAWS_CLAIM) {
        gs_buf_printf(out, "No gain may be claimed of %lld draws, %d are the least: ",
                      (long long)report->draws, GS_REPORT_DRAWS_CLAIM);
        say_what(report, gs_report_pct(gs_report_gain(report, ours), pct), out);
        gs_buf_puts(out, "; ");
    } else {
        say_gain(report, ours, out);
    }
    say_trace(report, ours, out);
    say_fewer(report, ours, out);
    say_paid(report, ours, out);
}
