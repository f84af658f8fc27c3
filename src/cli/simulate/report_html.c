#include <string.h>

#include "base/cleanup.h"
#include "cli/simulate/claim.h"
#include "cli/simulate/plot.h"
#include "cli/simulate/report.h"

/* One page without scripts and without anything from elsewhere; the policy says so to the browser.
 */
static const char head[] =
    "<!doctype html>\n"
    "<html lang=\"en\">\n"
    "<head>\n"
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n";

static const char style[] =
    "<style>\n"
    ":root{--bg:#fff;--fg:#1b1f24;--dim:#57606a;--line:#d0d7de;--card:#f6f8fa;--mark:#e7f5ee;"
    "--c0:#6e7781;--c1:#0a7d55;--c2:#b35900;--c3:#2f6fde;--c4:#8250df;--c5:#bf3989;--c6:#0a7ea4;"
    "--c7:#6a8a00}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#0e1116;--fg:#e6e8eb;--dim:#9aa4af;"
    "--line:#30363d;--card:#171b22;--mark:#10291f;--c0:#9aa4af;--c1:#3fbf8c;--c2:#f0a050;"
    "--c3:#79a8ff;--c4:#c297ff;--c5:#f778ba;--c6:#56c2e6;--c7:#b5d053}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--bg);color:var(--fg);"
    "font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif}\n"
    "main{max-width:72rem;margin:0 auto;padding:1.5rem 1rem 3rem}\n"
    "h1{font-size:1.5rem;line-height:1.25;margin:0 0 .25rem}\n"
    "h2{font-size:1.15rem;margin:2.25rem 0 .5rem}\n"
    "p,li{max-width:46rem}\n"
    ".dim{color:var(--dim);overflow-wrap:anywhere}\n"
    ".claim{font-size:1.2rem;line-height:1.45;background:var(--mark);border-left:4px solid "
    "var(--c1);padding:.75rem 1rem;margin:1rem 0;max-width:none;border-radius:0 6px 6px 0}\n"
    ".cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(10rem,1fr));gap:.75rem;"
    "margin:1rem 0;padding:0;list-style:none}\n"
    ".cards li{background:var(--card);border:1px solid var(--line);border-radius:8px;"
    "padding:.6rem .8rem}\n"
    ".cards b{display:block;font-size:1.35rem;line-height:1.3}\n"
    ".cards span{color:var(--dim);font-size:.875rem;display:block;line-height:1.35}\n"
    /* Figures of unequal height in two columns, each as full as can be. */
    ".figs{columns:2 24rem;column-gap:1.5rem}\n"
    "figure{margin:0 0 1.5rem;min-width:0;break-inside:avoid}\n"
    "figure.all{column-span:all}\n"
    "figcaption{font-weight:600;margin-bottom:.25rem}\n"
    "figcaption span{display:block;font-weight:400;color:var(--dim);font-size:.875rem}\n"
    ".plot{width:100%;height:auto;display:block}\n"
    ".narrow{display:none}\n"
    "@media(max-width:40rem){.wide{display:none}.narrow{display:block}.claim{font-size:1.08rem}}\n"
    ".lab{fill:var(--dim);font-size:12px;paint-order:stroke;stroke:var(--bg);stroke-width:3px}\n"
    ".grid{stroke:var(--line);stroke-width:1;fill:none}\n"
    ".ax{stroke:var(--dim);stroke-width:1;fill:none}\n"
    ".line{fill:none;stroke-width:2;stroke-linejoin:round}\n"
    ".dashed{stroke-dasharray:5 3}\n"
    ".ci{stroke:var(--fg);stroke-width:1.5;fill:none}\n"
    ".s0{stroke:var(--c0)}.s1{stroke:var(--c1)}.s2{stroke:var(--c2)}.s3{stroke:var(--c3)}"
    ".s4{stroke:var(--c4)}.s5{stroke:var(--c5)}.s6{stroke:var(--c6)}.s7{stroke:var(--c7)}\n"
    ".b0{fill:var(--c0)}.b1{fill:var(--c1)}.b2{fill:var(--c2)}.b3{fill:var(--c3)}"
    ".b4{fill:var(--c4)}.b5{fill:var(--c5)}.b6{fill:var(--c6)}.b7{fill:var(--c7)}\n"
    ".legend{list-style:none;display:flex;flex-wrap:wrap;gap:.1rem 1rem;margin:.25rem 0 0;"
    "padding:0;font-size:.875rem}\n"
    ".legend svg{width:24px;height:8px;margin-right:.4rem;vertical-align:middle}\n"
    ".scroll{overflow-x:auto}\n"
    "table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.3rem .5rem;border-bottom:1px solid var(--line);text-align:right;"
    "white-space:nowrap}\n"
    "th:first-child,td:first-child{text-align:left}\n"
    ".policies{width:100%}.policies th,.policies td{padding:.3rem .35rem}\n"
    ".policies thead th{white-space:normal}\n"
    ".policies tbody th{font-weight:400}\n"
    ".policies small{display:block;color:var(--dim);font-size:.75rem;font-weight:400}\n"
    ".policies tbody th small{white-space:normal;min-width:10rem;max-width:16rem}\n"
    "thead th{color:var(--dim);font-weight:600;vertical-align:bottom}\n"
    "tr.ours>*{background:var(--mark)}\n"
    "@media(max-width:76rem){.policies,.policies tbody,.policies th{display:block}"
    ".policies thead{display:none}.policies tr{border-bottom:1px solid var(--line);"
    "padding:.4rem 0;display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr))}"
    ".policies th,.policies td{border:0;padding:.1rem .5rem}"
    ".policies tbody th{grid-column:1/-1}.policies tbody th small{max-width:none}"
    ".policies td{display:flex;justify-content:space-between;gap:1rem}"
    ".policies td::before{content:attr(data-is);color:var(--dim)}"
    ".policies td small{display:inline;margin-left:.6rem;font-size:inherit}}\n"
    "details{margin:.4rem 0;font-size:.875rem}summary{cursor:pointer;color:var(--dim)}\n"
    "details .scroll{max-height:20rem;overflow:auto}\n"
    "@media print{details{display:none}}\n"
    "</style>\n";

/* ------------------------------------------------------------------ small things */

static void put_paragraph(const char *class, const char *text, struct gs_buf *out)
{
    gs_buf_printf(out, "<p class=\"%s\">", class);
    gs_plot_put_escaped(text, out);
    gs_buf_puts(out, "</p>\n");
}

static void put_list(const char *title, const struct gs_report_texts *texts, struct gs_buf *out)
{
    if (texts->n == 0) {
        return;
    }
    gs_buf_printf(out, "<h2>%s</h2>\n<ul>\n", title);
    for (size_t i = 0; i < texts->n; i++) {
        gs_buf_puts(out, "<li>");
        gs_plot_put_escaped(texts->items[i], out);
        gs_buf_puts(out, "</li>\n");
    }
    gs_buf_puts(out, "</ul>\n");
}

static void put_card(const char *value, const char *says, struct gs_buf *out)
{
    gs_buf_printf(out, "<li><b>%s</b><span>%s</span></li>\n", value, says);
}

/* ------------------------------------------------------------------ the head of the page */

static void put_read(const struct gs_report *report, struct gs_buf *out)
{
    char span[GS_REPORT_WORD_MAX];
    gs_buf_puts(out, "<p class=\"dim\">");
    gs_plot_put_escaped(report->trace, out);
    gs_buf_puts(out, " &middot; ");
    gs_report_put_rows(report, out);
    gs_buf_printf(out, ", %s counted &middot; map ",
                  gs_report_time(report->to_ms - report->from_ms, span));
    gs_plot_put_escaped(report->map, out);
    gs_buf_puts(out, " &middot; world ");
    gs_plot_put_escaped(report->world, out);
    gs_buf_puts(out, " &middot; ");
    gs_plot_put_escaped(report->model, out);
    gs_buf_puts(out, "</p>\n");
}

/* What the same nodes do for jobs. */
static void put_fixed_cards(const struct gs_report *report, const struct gs_report_policy *ours,
                            struct gs_buf *out)
{
    char text[GS_REPORT_WORD_MAX], range[GS_REPORT_WORD_MAX], says[3 * GS_REPORT_WORD_MAX];
    bool loses = ours->less_lost_mpct != GS_REPORT_UNKNOWN;
    (void)snprintf(says, sizeof(says), "%s on the same nodes; 95 %% interval %s",
                   loses ? "of the work is lost less" : "sooner jobs are done",
                   gs_report_range(gs_report_gain_ci(report, ours), range));
    put_card(gs_report_pct(gs_report_gain(report, ours), text), says, out);
    (void)snprintf(says, sizeof(says),
                   "nodes of %lld would do as well with slices, with whole GPUs %s",
                   (long long)gs_report_nodes(report),
                   gs_report_count(report->policies[0].fewest_nodes, range));
    put_card(gs_report_count(ours->fewest_nodes, text), says, out);
}

static void put_cards(const struct gs_report *report, struct gs_buf *out)
{
    char text[GS_REPORT_WORD_MAX], range[GS_REPORT_WORD_MAX], says[3 * GS_REPORT_WORD_MAX];
    const struct gs_report_policy *ours = gs_report_find(report, report->ours);
    gs_buf_puts(out, "<ul class=\"cards\">\n");
    put_card(gs_report_hours_on(report->whole_mh, text), "GPU-hours with whole GPUs", out);
    if (ours != NULL && gs_report_is_fixed(report)) {
        put_fixed_cards(report, ours, out);
    } else if (ours != NULL) {
        (void)snprintf(says, sizeof(says), "of them saved by slicing; 95 %% interval %s",
                       gs_report_range(ours->saving_ci, range));
        put_card(gs_report_pct(ours->saving_mpct, text), says, out);
        (void)snprintf(says, sizeof(says), "where nodes of %lld GPU%s are paid; 95 %% interval %s",
                       (long long)report->node_gpus, report->node_gpus == 1 ? "" : "s",
                       gs_report_range(ours->node_saving_ci, range));
        put_card(gs_report_pct(ours->node_saving_mpct, text), says, out);
    }
    put_card(gs_report_pct(report->bound_saving_mpct, text), gs_report_bound_says(report), out);
    (void)snprintf(says, sizeof(says), "of GPU-hours can be sliced; 95 %% interval %s",
                   gs_report_range(report->sliceable_ci, range));
    put_card(gs_report_pct(report->sliceable_mpct, text), says, out);
    gs_buf_puts(out, "</ul>\n");
}

/* ------------------------------------------------------------------ policies */

#define OF(field) offsetof(struct gs_report_policy, field)
#define NO_INTERVAL SIZE_MAX

/* A column: a number of the policy, how it is said, and below it the interval, where there is one.
 */
struct shown {
    const char *title;
    size_t at;
    const char *(*say)(int64_t value, char *text);
    size_t interval;
};
static const struct shown shown[] = {
    {"mean to done", OF(job_mean_ms), gs_report_time, NO_INTERVAL},
    {"sooner", OF(sooner_mpct), gs_report_pct, OF(sooner_ci)},
    {"less lost", OF(less_lost_mpct), gs_report_pct, OF(less_lost_ci)},
    {"nodes that do", OF(fewest_nodes), gs_report_count, NO_INTERVAL},
    {"GPU-hours", OF(gpu_mh), gs_report_hours_on, NO_INTERVAL},
    {"saved", OF(saving_mpct), gs_report_pct, OF(saving_ci)},
    {"by node", OF(node_saving_mpct), gs_report_pct, OF(node_saving_ci)},
    {"peak GPUs", OF(peak_gpus), gs_report_count, NO_INTERVAL},
    {"wait median", OF(wait_p50_ms), gs_report_time, NO_INTERVAL},
    {"wait p95", OF(wait_p95_ms), gs_report_time, NO_INTERVAL},
    {"slower p95", OF(slowdown_p95_permille), gs_report_times, NO_INTERVAL},
    {"moves", OF(moves), gs_report_count, NO_INTERVAL},
    {"re-cuts", OF(recuts), gs_report_count, NO_INTERVAL},
    {"delayed", OF(delayed), gs_report_count, NO_INTERVAL},
    {"not finished", OF(lost), gs_report_count, NO_INTERVAL},
    {"cost", OF(cost_uusd), gs_report_dollars, NO_INTERVAL},
};

static int64_t value_of(const struct gs_report_policy *policy, const struct shown *column)
{
    int64_t value;
    memcpy(&value, (const char *)policy + column->at, sizeof(value));
    return value;
}

/* What no policy knows takes no room. */
static bool is_known(const struct gs_report *report, const struct shown *column)
{
    if (column->at == OF(job_mean_ms) && !gs_report_is_fixed(report)) {
        return false;
    }
    for (size_t i = 0; i < report->n_policies; i++) {
        if (value_of(&report->policies[i], column) != GS_REPORT_UNKNOWN) {
            return true;
        }
    }
    return false;
}

/* On a narrow screen a row is a list, in which each number has its title beside it. */
static void put_cell(const struct gs_report_policy *policy, const struct shown *column,
                     struct gs_buf *out)
{
    char text[GS_REPORT_WORD_MAX];
    gs_buf_printf(out, "<td data-is=\"%s\"><span>%s", column->title,
                  column->say(value_of(policy, column), text));
    if (column->interval != NO_INTERVAL) {
        struct gs_report_interval ci;
        memcpy(&ci, (const char *)policy + column->interval, sizeof(ci));
        if (ci.lo_mpct != GS_REPORT_UNKNOWN && ci.hi_mpct != GS_REPORT_UNKNOWN) {
            gs_buf_printf(out, "<small>%s</small>", gs_report_range(ci, text));
        }
    }
    gs_buf_puts(out, "</span></td>");
}

static void put_policy(const struct gs_report *report, const struct gs_report_policy *policy,
                       struct gs_buf *out)
{
    bool ours = report->ours != NULL && strcmp(report->ours, policy->name) == 0;
    gs_buf_printf(out, "<tr%s><th scope=\"row\">", ours ? " class=\"ours\"" : "");
    gs_plot_put_escaped(policy->name, out);
    gs_buf_puts(out, "<small>");
    gs_plot_put_escaped(policy->says, out);
    gs_buf_puts(out, "</small></th>");
    for (size_t i = 0; i < GS_ARRAY_LEN(shown); i++) {
        if (is_known(report, &shown[i])) {
            put_cell(policy, &shown[i], out);
        }
    }
    gs_buf_puts(out, "</tr>\n");
}

static void put_policies(const struct gs_report *report, struct gs_buf *out)
{
    gs_buf_puts(out, "<h2>Policies</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
                     "aria-label=\"Policies\">\n<table class=\"policies\">\n<thead><tr>"
                     "<th scope=\"col\">policy</th>");
    for (size_t i = 0; i < GS_ARRAY_LEN(shown); i++) {
        if (is_known(report, &shown[i])) {
            gs_buf_printf(out, "<th scope=\"col\">%s%s</th>", shown[i].title,
                          shown[i].interval == NO_INTERVAL ? "" : "<small>95 %</small>");
        }
    }
    gs_buf_puts(out, "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < report->n_policies; i++) {
        put_policy(report, &report->policies[i], out);
    }
    gs_buf_puts(out, "</tbody>\n</table>\n</div>\n");
    put_paragraph("dim",
                  gs_report_is_fixed(report)
                      ? "All nodes are paid on every side until the last job of any policy ends. "
                        "Saved: GPU-hours with a job, which is room for other work and no money; a "
                        "job that is lost is charged as a whole GPU for its whole run."
                      : "A job that a policy does not finish is charged to it as a whole GPU for "
                        "its whole run. Saved by node: a node is paid while any of its GPUs is on, "
                        "on both sides.",
                  out);
}

static void put_no_waits(const struct gs_report *report, struct gs_buf *out)
{
    for (size_t i = 0; i < report->n_policies; i++) {
        const int64_t *wait_ms = report->policies[i].wait_ms;
        if (wait_ms == NULL || wait_ms[GS_REPORT_QUANTILES - 1] > 0) {
            return;
        }
    }
    put_paragraph("dim", "No job waited, under any policy.", out);
}

/* What stands above and below, so that nobody takes it for a promise. */
static void put_brackets(const struct gs_report *report, struct gs_buf *out)
{
    char text[GS_REPORT_WORD_MAX];
    gs_buf_printf(out,
                  "<p class=\"dim\">If GPUs came in any fraction, %s would be saved. No GPU does: "
                  "it is no goal, and nothing is claimed of it.</p>\n",
                  gs_report_pct(report->ideal_saving_mpct, text));
}

void gs_report_put_html(const struct gs_report *report, struct gs_buf *out)
{
    gs_buf_puts(out, head);
    gs_buf_puts(out, "<title>What slicing saves: ");
    gs_plot_put_escaped(report->trace, out);
    gs_buf_puts(out, "</title>\n");
    gs_buf_puts(out, style);
    gs_buf_puts(out, "</head>\n<body>\n<main>\n<h1>What slicing saves</h1>\n");
    put_read(report, out);
    put_paragraph("claim", report->claim, out);
    put_cards(report, out);
    put_list("For whom", &report->for_whom, out);
    gs_report_put_plots(report, out);
    put_policies(report, out);
    put_no_waits(report, out);
    put_brackets(report, out);
    put_list("What a request became", &report->map_rules, out);
    put_list("Where it ran", &report->world_rules, out);
    put_list("Notes", &report->notes, out);
    put_list("Rows that were not used", &report->skipped, out);
    gs_buf_puts(out, "</main>\n</body>\n</html>\n");
}
