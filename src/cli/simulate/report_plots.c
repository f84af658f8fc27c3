#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/simulate/claim.h"
#include "cli/simulate/plot.h"
#include "cli/simulate/report.h"

enum { GREY, OURS, BOUND, OTHER }; /* colours that mean something; lines go on from OTHER */
static const double WIDE = 960, NARROW = 460;

static double number(int64_t value, double unit)
{
    return value == GS_REPORT_UNKNOWN ? NAN : (double)value / unit;
}

static bool is_ours(const struct gs_report *report, const struct gs_report_policy *policy)
{
    return report->ours != NULL && strcmp(report->ours, policy->name) == 0;
}

/* ------------------------------------------------------------------ around a figure */

static void begin_figure(const char *title, const char *says, bool whole_width, struct gs_buf *out)
{
    gs_buf_printf(out, "<figure%s>\n<figcaption>%s<span>%s</span></figcaption>\n",
                  whole_width ? " class=\"all\"" : "", title, says);
}

static void put_legend(const struct gs_plot_series *series, size_t n, struct gs_buf *out)
{
    gs_buf_puts(out, "<ul class=\"legend\">\n");
    for (size_t i = 0; i < n; i++) {
        gs_buf_printf(out,
                      "<li><svg viewBox=\"0 0 24 8\" aria-hidden=\"true\"><path class=\"line "
                      "s%u%s\" d=\"M0 4H24\"/></svg>",
                      series[i].colour % GS_PLOT_COLOURS, series[i].dashed ? " dashed" : "");
        gs_plot_put_escaped(series[i].name, out);
        gs_buf_puts(out, "</li>\n");
    }
    gs_buf_puts(out, "</ul>\n");
}

/* The same numbers for those who cannot see lines, or want to copy them. */
static void put_numbers(const char *first, const struct gs_plot_series *series, size_t n,
                        struct gs_buf *out)
{
    gs_buf_printf(out,
                  "<details><summary>the numbers</summary><div class=\"scroll\" tabindex=\"0\">"
                  "<table><thead><tr><th scope=\"col\">%s</th>",
                  first);
    for (size_t i = 0; i < n; i++) {
        gs_buf_puts(out, "<th scope=\"col\">");
        gs_plot_put_escaped(series[i].name, out);
        gs_buf_puts(out, "</th>");
    }
    gs_buf_puts(out, "</tr></thead><tbody>\n");
    for (size_t k = 0; k < series[0].n; k++) {
        gs_buf_printf(out, "<tr><td>%.4g</td>", series[0].x[k]);
        for (size_t i = 0; i < n; i++) {
            if (isnan(series[i].y[k])) {
                gs_buf_puts(out, "<td>-</td>");
            } else {
                gs_buf_printf(out, "<td>%.1f</td>", series[i].y[k]);
            }
        }
        gs_buf_puts(out, "</tr>\n");
    }
    gs_buf_puts(out, "</tbody></table></div></details>\n");
}

static double most_of(const struct gs_plot_series *series, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < series[i].n; k++) {
            most = series[i].y[k] > most ? series[i].y[k] : most;
        }
    }
    return most;
}

/* ------------------------------------------------------------------ GPUs over time */

static size_t timeline_series(const struct gs_report *report, const double *x, double *y,
                              struct gs_plot_series *ret)
{
    const struct gs_report_policy *ours = gs_report_find(report, report->ours);
    const struct {
        const char *name;
        const int64_t *values;
        unsigned colour;
    } lines[] = {{"whole GPUs", report->whole_on_mgpu, GREY},
                 {ours == NULL ? "" : ours->name, ours == NULL ? NULL : ours->on_mgpu, OURS},
                 {"bound", report->bound_on_mgpu, BOUND}};
    size_t n = 0;
    for (size_t i = 0; i < GS_ARRAY_LEN(lines); i++) {
        if (lines[i].values == NULL) {
            continue;
        }
        double *values = y + n * (report->n_buckets + 1);
        for (size_t k = 0; k <= report->n_buckets; k++) {
            values[k] = (double)lines[i].values[k < report->n_buckets ? k : k - 1] / 1000;
        }
        ret[n++] = (struct gs_plot_series){.name = lines[i].name,
                                           .x = x,
                                           .y = values,
                                           .n = report->n_buckets + 1,
                                           .colour = lines[i].colour,
                                           .step = true,
                                           .dashed = lines[i].colour == BOUND};
    }
    return n;
}

static void put_timeline(const struct gs_report *report, struct gs_buf *out)
{
    double x[GS_REPORT_BUCKETS_MAX + 1], y[3 * (GS_REPORT_BUCKETS_MAX + 1)];
    struct gs_plot_series series[3];
    if (report->n_buckets < 2 || report->bucket_ms <= 0) {
        return;
    }
    double hours = (double)report->bucket_ms * (double)report->n_buckets / 3600000;
    double unit = hours > 96 ? 86400000 : hours > 4 ? 3600000 : 60000;
    const char *name = hours > 96 ? "days" : hours > 4 ? "hours" : "minutes";
    for (size_t k = 0; k <= report->n_buckets; k++) {
        x[k] = (double)report->bucket_ms * (double)k / unit;
    }
    size_t n = timeline_series(report, x, y, series);
    if (n == 0) {
        return;
    }
    struct gs_plot plot = {
        .title = "GPUs on over time",
        .says = "Mean number of GPUs that are on, with whole GPUs, with slices, and the bound",
        .height = 260,
        .x = {.label = name, .max = x[report->n_buckets]},
        .y = {.label = "GPUs", .max = gs_plot_end(most_of(series, n) * 1.02)},
        .series = series,
        .n_series = n};
    begin_figure("GPUs over time", "on, mean of each step", true, out);
    gs_buf_puts(out, "<div class=\"wide\">");
    plot.id = "time";
    plot.width = WIDE;
    gs_plot_lines(&plot, out);
    gs_buf_puts(out, "</div>\n<div class=\"narrow\">");
    plot.id = "timen";
    plot.width = NARROW;
    gs_plot_lines(&plot, out);
    gs_buf_puts(out, "</div>\n");
    put_legend(series, n, out);
    put_numbers(name, series, n, out);
    gs_buf_puts(out, "</figure>\n");
}

/* ------------------------------------------------------------------ savings, cost */

static void percent_tick(double value, char *text, size_t size)
{
    (void)snprintf(text, size, "%g %%", value);
}

static void short_tick(double value, char *text, size_t size)
{
    if (fabs(value) >= 1e6) {
        (void)snprintf(text, size, "%gM", value / 1e6);
    } else if (fabs(value) >= 1e3) {
        (void)snprintf(text, size, "%gk", value / 1e3);
    } else {
        (void)snprintf(text, size, "%g", value);
    }
}

enum { BAR_TEXT_MAX = 3 * GS_REPORT_WORD_MAX };

static void put_bar_numbers(const struct gs_plot_bar *bars, size_t n, struct gs_buf *out)
{
    gs_buf_puts(out, "<details><summary>the numbers</summary><div class=\"scroll\"><table><tbody>");
    for (size_t i = 0; i < n; i++) {
        gs_buf_puts(out, "<tr><th scope=\"row\">");
        gs_plot_put_escaped(bars[i].name, out);
        gs_buf_puts(out, "</th><td>");
        gs_plot_put_escaped(bars[i].text, out);
        gs_buf_puts(out, "</td></tr>\n");
    }
    gs_buf_puts(out, "</tbody></table></div></details>\n");
}

static void saving_text(int64_t mpct, struct gs_report_interval ci, char text[BAR_TEXT_MAX])
{
    char pct[GS_REPORT_WORD_MAX], range[GS_REPORT_WORD_MAX];
    gs_report_pct(mpct, pct);
    if (ci.lo_mpct == GS_REPORT_UNKNOWN) {
        (void)snprintf(text, BAR_TEXT_MAX, "%s", pct);
    } else {
        (void)snprintf(text, BAR_TEXT_MAX, "%s (%s)", pct, gs_report_range(ci, range));
    }
}

static double floor_of(double least)
{
    return least < 0 ? -gs_plot_end(-least) : 0;
}

/* What the bars are of: GPU-hours, or what nodes that are there anyway do for jobs. */
struct gains {
    const char *title;
    const char *head;
    const char *says;
    const char *label;
};

static struct gains gains_of(const struct gs_report *report)
{
    if (!gs_report_is_fixed(report)) {
        return (struct gains){
            "Savings by policy", "Saved",
            "Saving in percent of GPU-hours for each policy, with its 95 percent interval",
            "GPU-hours saved"};
    }
    if (strcmp(report->world, "loss") == 0) {
        return (struct gains){"Gains by policy", "Lost less, on the same nodes",
                              "How much less of the work is lost under each policy, in percent of "
                              "its GPU-hours, with its 95 percent interval",
                              "of the work lost less"};
    }
    return (struct gains){"Gains by policy", "Done sooner, on the same nodes",
                          "How much sooner jobs are done under each policy, in percent of the mean "
                          "time with whole GPUs, with its 95 percent interval",
                          "jobs done sooner"};
}

/* The bar of a policy, or, where it is NULL, of the bound. */
static struct gs_plot_bar saving_bar(const struct gs_report *report,
                                     const struct gs_report_policy *policy, char text[BAR_TEXT_MAX])
{
    const char *bound_name =
        gs_report_is_bounded(report) ? "bound: nobody saves more" : "if all ran as it came";
    const bool fixed = gs_report_is_fixed(report);
    struct gs_report_interval ci = {GS_REPORT_UNKNOWN, GS_REPORT_UNKNOWN};
    int64_t value = fixed ? GS_REPORT_UNKNOWN : report->bound_saving_mpct;
    if (policy != NULL) {
        value = fixed ? gs_report_gain(report, policy) : policy->saving_mpct;
        ci = fixed ? gs_report_gain_ci(report, policy) : policy->saving_ci;
    }
    saving_text(value, ci, text);
    return (struct gs_plot_bar){.name = policy == NULL ? bound_name : policy->name,
                                .value = number(value, 1000),
                                .lo = number(ci.lo_mpct, 1000),
                                .hi = number(ci.hi_mpct, 1000),
                                .text = text,
                                .colour = policy == NULL            ? BOUND
                                          : is_ours(report, policy) ? OURS
                                                                    : OTHER};
}

static void put_savings(const struct gs_report *report, struct gs_buf *out)
{
    struct gs_plot_bar bars[GS_REPORT_POLICIES_MAX + 1];
    char texts[GS_REPORT_POLICIES_MAX + 1][BAR_TEXT_MAX];
    const struct gains gains = gains_of(report);
    size_t n = 0;
    double least = 0, most = 1;
    for (size_t i = 1; i <= report->n_policies; i++) {
        bars[n] =
            saving_bar(report, i == report->n_policies ? NULL : &report->policies[i], texts[n]);
        if (!isnan(bars[n].value)) {
            least = fmin(least, fmin(bars[n].value, bars[n].lo));
            most = fmax(most, fmax(bars[n].value, bars[n].hi));
            n++;
        }
    }
    if (n == 0) {
        return;
    }
    const struct gs_plot plot = {.id = "saved",
                                 .title = gains.title,
                                 .says = gains.says,
                                 .width = NARROW,
                                 .x = {.label = gains.label,
                                       .min = fmax(floor_of(least), -100),
                                       .max = fmin(gs_plot_end(most), 100),
                                       .tick = percent_tick}};
    begin_figure(gains.head, "beside whole GPUs; the line is the 95 % interval", false, out);
    gs_plot_bars(&plot, bars, n, out);
    put_bar_numbers(bars, n, out);
    gs_buf_puts(out, "</figure>\n");
}

/* Whether policies cost different sums: nodes that are there anyway do not. */
static bool has_costs(const struct gs_report *report)
{
    for (size_t i = 1; i < report->n_policies; i++) {
        if (report->policies[i].node_gpu_mh != report->policies[0].node_gpu_mh) {
            return true;
        }
    }
    return !gs_report_is_fixed(report);
}

static void put_cost(const struct gs_report *report, struct gs_buf *out)
{
    struct gs_plot_bar bars[GS_REPORT_POLICIES_MAX];
    char texts[GS_REPORT_POLICIES_MAX][GS_REPORT_WORD_MAX];
    bool dollars = report->n_policies > 0 && report->policies[0].cost_uusd != GS_REPORT_UNKNOWN;
    double most = 0;
    for (size_t i = 0; i < report->n_policies; i++) {
        const struct gs_report_policy *policy = &report->policies[i];
        double value = dollars ? number(policy->cost_uusd, 1e6) : number(policy->node_gpu_mh, 1000);
        bars[i] =
            (struct gs_plot_bar){.name = policy->name,
                                 .value = value,
                                 .lo = NAN,
                                 .hi = NAN,
                                 .text = dollars ? gs_report_dollars(policy->cost_uusd, texts[i])
                                                 : gs_report_hours(policy->node_gpu_mh, texts[i]),
                                 .colour = i == 0                    ? GREY
                                           : is_ours(report, policy) ? OURS
                                                                     : OTHER};
        most = fmax(most, value);
    }
    const struct gs_plot plot = {
        .id = "cost",
        .title = "Cost by policy",
        .says = dollars ? "Dollars for each policy" : "GPU-hours of paid nodes for each policy",
        .width = NARROW,
        .x = {.label = dollars ? "dollars" : "GPU-hours of nodes that are paid",
              .max = gs_plot_end(most),
              .tick = short_tick}};
    begin_figure("Cost",
                 dollars ? "nodes as they are billed"
                         : "in GPU-hours of paid nodes, as no price is known",
                 false, out);
    gs_plot_bars(&plot, bars, report->n_policies, out);
    put_bar_numbers(bars, report->n_policies, out);
    gs_buf_puts(out, "</figure>\n");
}

/* ------------------------------------------------------------------ waiting */

static void time_tick(double seconds, char *text, size_t size)
{
    static const struct {
        double seconds;
        const char *name;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    for (size_t i = 0; i < GS_ARRAY_LEN(units); i++) {
        if (seconds >= units[i].seconds) {
            (void)snprintf(text, size, "%g %s", seconds / units[i].seconds, units[i].name);
            return;
        }
    }
    (void)snprintf(text, size, "%g s", seconds);
}

static void put_waits(const struct gs_report *report, struct gs_buf *out)
{
    double x[GS_PLOT_SERIES_MAX][GS_REPORT_QUANTILES];
    double y[GS_REPORT_QUANTILES], most = 10;
    struct gs_plot_series series[GS_PLOT_SERIES_MAX];
    size_t n = 0;
    bool waited = false;
    for (size_t k = 0; k < GS_REPORT_QUANTILES; k++) {
        y[k] = (double)k;
    }
    for (size_t i = 0; i < report->n_policies && n < GS_PLOT_SERIES_MAX; i++) {
        const struct gs_report_policy *policy = &report->policies[i];
        for (size_t k = 0; policy->wait_ms != NULL && k < GS_REPORT_QUANTILES; k++) {
            waited = waited || policy->wait_ms[k] > 0;
            x[n][k] = fmax((double)policy->wait_ms[k] / 1000, 1);
            most = fmax(most, x[n][k]);
        }
        if (policy->wait_ms != NULL) {
            series[n] = (struct gs_plot_series){.name = policy->name,
                                                .x = x[n],
                                                .y = y,
                                                .n = GS_REPORT_QUANTILES,
                                                .colour = i == 0 ? GREY
                                                          : is_ours(report, policy)
                                                              ? OURS
                                                              : OTHER + (unsigned)i % 5,
                                                .dashed = i >= 6 && !is_ours(report, policy)};
            n++;
        }
    }
    if (!waited) {
        return; /* a sentence below the policies says so */
    }
    static const double ticks[] = {1, 10, 60, 600, 3600, 36000, 432000, 4320000, 86400000};
    begin_figure("Waiting",
                 "share of jobs that waited no longer; what is under a second counts as one", false,
                 out);
    const struct gs_plot plot = {
        .id = "wait",
        .title = "Waiting",
        .says = "For each policy the percentage of jobs that waited no longer than a time",
        .width = NARROW,
        .height = 280,
        .x = {.label = "waited at most",
              .min = 1,
              .max = most * 1.3,
              .log = true,
              .ticks = ticks,
              .n_ticks = GS_ARRAY_LEN(ticks),
              .tick = time_tick},
        .y = {.label = "of jobs", .max = 100, .tick = percent_tick},
        .series = series,
        .n_series = n};
    gs_plot_lines(&plot, out);
    put_legend(series, n, out);
    gs_buf_puts(out, "</figure>\n");
}

/* ------------------------------------------------------------------ share, what if */

static void put_share(const struct gs_report *report, struct gs_buf *out)
{
    char text[BAR_TEXT_MAX];
    if (report->sliceable_mpct == GS_REPORT_UNKNOWN) {
        return;
    }
    saving_text(report->sliceable_mpct, report->sliceable_ci, text);
    const struct gs_plot_bar bar = {.name = "GPU-hours that a slice can serve",
                                    .value = number(report->sliceable_mpct, 1000),
                                    .lo = number(report->sliceable_ci.lo_mpct, 1000),
                                    .hi = number(report->sliceable_ci.hi_mpct, 1000),
                                    .text = text,
                                    .colour = OURS};
    const struct gs_plot plot = {
        .id = "share",
        .title = "Sliceable share",
        .says = "Percentage of whole-GPU hours of jobs that a slice can serve",
        .width = NARROW,
        .x = {.label = "of all GPU-hours", .max = 100, .tick = percent_tick}};
    begin_figure("What can be sliced", "a saving of 30 % needs a large share of small jobs", false,
                 out);
    gs_plot_bars(&plot, &bar, 1, out);
    put_bar_numbers(&bar, 1, out);
    gs_buf_puts(out, "</figure>\n");
}

static void put_whatif(const struct gs_report *report, struct gs_buf *out)
{
    double x[GS_REPORT_WHATIFS_MAX], y[3][GS_REPORT_WHATIFS_MAX];
    size_t n = report->n_whatifs;
    if (n < 2) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        x[i] = number(report->whatifs[i].tolerance_permille, 10);
        y[0][i] = number(report->whatifs[i].saving_mpct, 1000);
        y[1][i] = number(report->whatifs[i].bound_saving_mpct, 1000);
        y[2][i] = number(report->whatifs[i].sliceable_mpct, 1000);
    }
    const struct gs_plot_series series[] = {
        {.name = report->ours == NULL ? "saved" : report->ours,
         .x = x,
         .y = y[0],
         .n = n,
         .colour = OURS},
        {.name = "bound", .x = x, .y = y[1], .n = n, .colour = BOUND, .dashed = true},
        {.name = "sliceable", .x = x, .y = y[2], .n = n, .colour = OTHER}};
    const struct gs_plot plot = {.id = "whatif",
                                 .title = "What if a slice may be a little smaller",
                                 .says = "Saving, bound and sliceable share over the tolerance",
                                 .width = NARROW,
                                 .height = 280,
                                 .x = {.label = "compute that may be missing",
                                       .min = x[0],
                                       .max = fmax(x[n - 1], x[0] + 1),
                                       .tick = percent_tick},
                                 .y = {.label = "of GPU-hours",
                                       .max = fmin(gs_plot_end(most_of(series, 3)), 100),
                                       .tick = percent_tick},
                                 .series = series,
                                 .n_series = 3};
    begin_figure("What if requests are read less strictly",
                 "a slice may have so much less compute than was asked for", false, out);
    gs_plot_lines(&plot, out);
    put_legend(series, 3, out);
    put_numbers("%", series, 3, out);
    gs_buf_puts(out, "</figure>\n");
}

void gs_report_put_plots(const struct gs_report *report, struct gs_buf *out)
{
    gs_buf_puts(out, "<h2>Figures</h2>\n<div class=\"figs\">\n");
    put_timeline(report, out);
    put_savings(report, out);
    if (has_costs(report)) {
        put_cost(report, out);
    }
    put_whatif(report, out);
    put_waits(report, out);
    put_share(report, out);
    gs_buf_puts(out, "</div>\n");
}
