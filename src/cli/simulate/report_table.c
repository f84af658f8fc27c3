#include <string.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "cli/simulate/claim.h"

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
    put_fact(table, "whole GPUs", gs_report_hours_on(report->whole_mh, text),
             "GPU-hours with one GPU or more for each job");
    put_fact(table, "sliceable", gs_report_pct(report->sliceable_mpct, text),
             "of these hours are of jobs that a slice serves");
    put_fact(table, "bound", gs_report_pct(report->bound_saving_mpct, text),
             gs_report_bound_says(report));
    put_fact(table, "ideal", gs_report_pct(report->ideal_saving_mpct, text),
             "saved if GPUs came in any fraction; no GPU does");
    gs_buf_puts(out, "\n");
    gs_table_print(table, 0, styled, out);
}

/* ------------------------------------------------------------------ the policies */

#define OF(field) offsetof(struct gs_report_policy, field)

/* A column: a number of the policy and how it is said; `say` NULL: an interval. */
struct shown {
    const char *title;
    size_t at;
    const char *(*say)(int64_t value, char *text);
};
static const struct shown shown[] = {
    {"MEAN TO DONE", OF(job_mean_ms), gs_report_time},
    {"SOONER", OF(sooner_mpct), gs_report_pct},
    {"95 %", OF(sooner_ci), NULL},
    {"LESS LOST", OF(less_lost_mpct), gs_report_pct},
    {"95 %", OF(less_lost_ci), NULL},
    {"NODES", OF(fewest_nodes), gs_report_count},
    {"GPU-HOURS", OF(gpu_mh), gs_report_hours_on},
    {"SAVED", OF(saving_mpct), gs_report_pct},
    {"95 %", OF(saving_ci), NULL},
    {"BY NODE", OF(node_saving_mpct), gs_report_pct},
    {"95 %", OF(node_saving_ci), NULL},
    {"PEAK", OF(peak_gpus), gs_report_count},
    {"WAIT P95", OF(wait_p95_ms), gs_report_time},
    {"SLOWER P95", OF(slowdown_p95_permille), gs_report_times},
    {"MOVES", OF(moves), gs_report_count},
    {"RE-CUTS", OF(recuts), gs_report_count},
    {"DELAYED", OF(delayed), gs_report_count},
    {"LOST", OF(lost), gs_report_count},
    {"COST", OF(cost_uusd), gs_report_dollars},
};

static const char *cell_of(const struct gs_report_policy *policy, const struct shown *column,
                           char *text)
{
    const void *at = (const char *)policy + column->at;
    return column->say == NULL ? gs_report_range(*(const struct gs_report_interval *)at, text)
                               : column->say(*(const int64_t *)at, text);
}

/* What no policy knows takes no room. */
static bool is_known(const struct gs_report *report, const struct shown *column)
{
    for (size_t i = 0; i < report->n_policies; i++) {
        char text[GS_REPORT_WORD_MAX];
        if (strcmp(cell_of(&report->policies[i], column, text), "-") != 0) {
            return true;
        }
    }
    return false;
}

/* Hours are rounded: a policy that saves just as much shows just as many. */
static int64_t bound_mh(const struct gs_report *report)
{
    int64_t mpct = report->bound_saving_mpct;
    for (size_t i = 0; i < report->n_policies; i++) {
        if (report->policies[i].saving_mpct == mpct) {
            return report->policies[i].gpu_mh;
        }
    }
    return report->whole_mh - (int64_t)((__int128)report->whole_mh * mpct / 100000);
}

static const char *bound_of(const struct gs_report *report, const struct shown *column, char *text)
{
    int64_t mpct = report->bound_saving_mpct;
    if (column->at == OF(gpu_mh) && mpct != GS_REPORT_UNKNOWN) {
        return gs_report_hours_on(bound_mh(report), text);
    }
    return column->at == OF(saving_mpct) ? gs_report_pct(mpct, text)
           : column->at == OF(peak_gpus) ? gs_report_count(report->bound_peak_gpus, text)
                                         : "";
}

static void put_policies(const struct gs_report *report, bool styled, struct gs_buf *out)
{
    struct gs_column columns[GS_ARRAY_LEN(shown) + 1] = {{.title = "POLICY"}};
    const struct shown *known[GS_ARRAY_LEN(shown)];
    char text[GS_REPORT_WORD_MAX];
    size_t n = 0;
    for (size_t c = 0; c < GS_ARRAY_LEN(shown); c++) {
        bool fixed_only = shown[c].at == OF(job_mean_ms);
        if (is_known(report, &shown[c]) && (!fixed_only || gs_report_is_fixed(report))) {
            known[n++] = &shown[c];
            columns[n] = (struct gs_column){.title = shown[c].title, .right = true};
        }
    }
    GS_CLEANUP(gs_table_freep) struct gs_table *table = gs_table_new(columns, n + 1);
    for (size_t i = 0; i < report->n_policies; i++) {
        const struct gs_report_policy *policy = &report->policies[i];
        bool ours = report->ours != NULL && strcmp(report->ours, policy->name) == 0;
        gs_table_put(table, policy->name);
        gs_table_style(table, ours ? GS_STYLE_BOLD : GS_STYLE_PLAIN);
        for (size_t c = 0; c < n; c++) {
            gs_table_put(table, cell_of(policy, known[c], text));
        }
    }
    gs_table_put(table, "(bound)");
    gs_table_style(table, GS_STYLE_DIM);
    for (size_t c = 0; c < n; c++) {
        gs_table_put(table, bound_of(report, known[c], text));
    }
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
    char span[GS_REPORT_WORD_MAX];
    gs_buf_puts(out, "\ntrace ");
    gs_text_clean(out, report->trace, strlen(report->trace));
    gs_buf_puts(out, " (");
    gs_text_clean(out, report->source, strlen(report->source));
    gs_buf_puts(out, "): ");
    gs_report_put_rows(report, out);
    gs_buf_printf(out, "; %s are counted\n", gs_report_time(report->to_ms - report->from_ms, span));
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
