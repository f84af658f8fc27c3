#include <string.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "cli/simulate/report.h"

static void put_line(struct gs_buf *out, const char *text)
{
    gs_text_clean(out, text, strlen(text));
    gs_buf_puts(out, "\n");
}

static void put_list(const char *title, const struct gs_report_texts *texts, struct gs_buf *out)
{
    if (texts->n == 0) {
        return;
    }
    gs_buf_printf(out, "\n%s\n", title);
    for (size_t i = 0; i < texts->n; i++) {
        gs_buf_puts(out, "  ");
        put_line(out, texts->items[i]);
    }
}

/* ------------------------------------------------------------------ the head */

static void put_fact(struct gs_table *table, const char *name, const char *value, const char *says)
{
    gs_table_put(table, name);
    gs_table_put(table, value);
    gs_table_put(table, says);
}

static void put_facts(const struct gs_report *report, bool styled, struct gs_buf *out)
{
    static const struct gs_column columns[] = {
        {.title = ""}, {.title = "", .right = true}, {.title = ""}};
    char text[GS_REPORT_WORD_MAX];
    GS_CLEANUP(gs_table_freep)
    struct gs_table *table = gs_table_new(columns, GS_ARRAY_LEN(columns));
    put_fact(table, "whole GPUs", gs_report_hours(report->whole_mh, text),
             "GPU-hours with one GPU or more for each job");
    put_fact(table, "sliceable", gs_report_pct(report->sliceable_mpct, text),
             "of these hours are of jobs that a slice serves");
    put_fact(table, "bound", gs_report_pct(report->bound_saving_mpct, text),
             "saved by the fewest GPUs at each instant: nobody saves more with these profiles");
    put_fact(table, "ideal", gs_report_pct(report->ideal_saving_mpct, text),
             "saved if GPUs came in any fraction; no GPU does");
    gs_buf_puts(out, "\n");
    gs_table_print(table, 0, styled, out);
}

/* ------------------------------------------------------------------ the policies */

static void put_policy(struct gs_table *table, const struct gs_report *report,
                       const struct gs_report_policy *policy)
{
    char text[GS_REPORT_WORD_MAX];
    gs_table_put(table, policy->name);
    if (report->ours != NULL && strcmp(report->ours, policy->name) == 0) {
        gs_table_style(table, GS_STYLE_BOLD);
    }
    gs_table_put(table, gs_report_hours(policy->gpu_mh, text));
    gs_table_put(table, gs_report_pct(policy->saving_mpct, text));
    gs_table_put(table, gs_report_range(policy->saving_ci, text));
    gs_table_put(table, gs_report_pct(policy->node_saving_mpct, text));
    gs_table_put(table, gs_report_range(policy->node_saving_ci, text));
    gs_table_put(table, gs_report_count(policy->peak_gpus, text));
    gs_table_put(table, gs_report_time(policy->wait_p95_ms, text));
    gs_table_put(table, gs_report_times(policy->slowdown_p95_permille, text));
    gs_table_put(table, gs_report_count(policy->moves, text));
    gs_table_put(table, gs_report_count(policy->recuts, text));
    gs_table_put(table, gs_report_count(policy->delayed, text));
    gs_table_put(table, gs_report_count(policy->lost, text));
    gs_table_put(table, gs_report_dollars(policy->cost_uusd, text));
}

static void put_bound(struct gs_table *table, const struct gs_report *report)
{
    char text[GS_REPORT_WORD_MAX];
    gs_table_put(table, "(bound)");
    gs_table_style(table, GS_STYLE_DIM);
    int64_t mh = GS_REPORT_UNKNOWN;
    if (report->bound_saving_mpct != GS_REPORT_UNKNOWN) {
        mh = report->whole_mh -
             (int64_t)((__int128)report->whole_mh * report->bound_saving_mpct / 100000);
    }
    gs_table_put(table, gs_report_hours(mh, text));
    gs_table_put(table, gs_report_pct(report->bound_saving_mpct, text));
    for (int i = 0; i < 3; i++) {
        gs_table_put(table, "");
    }
    gs_table_put(table, gs_report_count(report->bound_peak_gpus, text));
    for (int i = 0; i < 7; i++) {
        gs_table_put(table, "");
    }
}

static void put_policies(const struct gs_report *report, bool styled, struct gs_buf *out)
{
    static const struct gs_column columns[] = {
        {.title = "POLICY"},
        {.title = "GPU-HOURS", .right = true},
        {.title = "SAVED", .right = true},
        {.title = "95 %", .right = true},
        {.title = "BY NODE", .right = true},
        {.title = "95 %", .right = true},
        {.title = "PEAK", .right = true},
        {.title = "WAIT P95", .right = true},
        {.title = "SLOWER P95", .right = true},
        {.title = "MOVES", .right = true},
        {.title = "RE-CUTS", .right = true},
        {.title = "DELAYED", .right = true},
        {.title = "LOST", .right = true},
        {.title = "COST", .right = true},
    };
    GS_CLEANUP(gs_table_freep)
    struct gs_table *table = gs_table_new(columns, GS_ARRAY_LEN(columns));
    for (size_t i = 0; i < report->n_policies; i++) {
        put_policy(table, report, &report->policies[i]);
    }
    put_bound(table, report);
    gs_buf_puts(out, "\n");
    gs_table_print(table, 0, styled, out);
}

static bool is_same(const struct gs_report_whatif *a, const struct gs_report_whatif *b)
{
    return a->saving_mpct == b->saving_mpct && a->bound_saving_mpct == b->bound_saving_mpct &&
           a->sliceable_mpct == b->sliceable_mpct;
}

static void put_whatifs(const struct gs_report *report, bool styled, struct gs_buf *out)
{
    static const struct gs_column columns[] = {{.title = "FROM", .right = true},
                                               {.title = "SAVED", .right = true},
                                               {.title = "BOUND", .right = true},
                                               {.title = "SLICEABLE", .right = true}};
    char text[GS_REPORT_WORD_MAX];
    if (report->n_whatifs == 0) {
        return;
    }
    GS_CLEANUP(gs_table_freep)
    struct gs_table *table = gs_table_new(columns, GS_ARRAY_LEN(columns));
    for (size_t i = 0; i < report->n_whatifs; i++) {
        const struct gs_report_whatif *whatif = &report->whatifs[i];
        if (i > 0 && is_same(whatif, whatif - 1)) {
            continue;
        }
        gs_table_put(table, gs_report_pct(whatif->tolerance_permille * 100, text));
        gs_table_put(table, gs_report_pct(whatif->saving_mpct, text));
        gs_table_put(table, gs_report_pct(whatif->bound_saving_mpct, text));
        gs_table_put(table, gs_report_pct(whatif->sliceable_mpct, text));
    }
    gs_buf_printf(out,
                  "\nif a slice may have so much less compute than was asked for, or more (%s)\n",
                  report->ours == NULL ? "-" : report->ours);
    gs_table_print(table, 0, styled, out);
}

/* ------------------------------------------------------------------ the rest */

static void put_read(const struct gs_report *report, struct gs_buf *out)
{
    char rows[GS_REPORT_WORD_MAX], skipped[GS_REPORT_WORD_MAX], jobs[GS_REPORT_WORD_MAX];
    char span[GS_REPORT_WORD_MAX];
    gs_buf_puts(out, "\ntrace ");
    gs_text_clean(out, report->trace, strlen(report->trace));
    gs_buf_puts(out, " (");
    gs_text_clean(out, report->source, strlen(report->source));
    gs_buf_printf(
        out, "): %s rows, %s of them not usable, %s jobs; %s are counted\n",
        gs_report_count(report->input_rows, rows), gs_report_count(report->skipped_rows, skipped),
        gs_report_count(report->jobs, jobs), gs_report_time(report->to_ms - report->from_ms, span));
}

static void put_timing(const struct gs_report *report, struct gs_buf *out)
{
    if (report->total_us == GS_REPORT_UNKNOWN) {
        return;
    }
    char read[GS_REPORT_WORD_MAX], run[GS_REPORT_WORD_MAX], all[GS_REPORT_WORD_MAX];
    gs_buf_printf(out, "\nread in %s us, simulated once in %s us, all in %s us\n",
                  gs_report_count(report->read_us, read), gs_report_count(report->simulate_us, run),
                  gs_report_count(report->total_us, all));
}

void gs_report_put_table(const struct gs_report *report, bool styled, struct gs_buf *out)
{
    put_line(out, report->claim);
    put_facts(report, styled, out);
    put_policies(report, styled, out);
    put_list("for whom", &report->for_whom, out);
    put_whatifs(report, styled, out);
    put_list("what a request became", &report->map_rules, out);
    put_list("where it ran", &report->world_rules, out);
    put_read(report, out);
    put_list("rows that were not used", &report->skipped, out);
    put_list("notes", &report->notes, out);
    put_timing(report, out);
}
