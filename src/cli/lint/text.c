#include <string.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "cli/lint/lint.h"

enum { LINE_WIDTH = 100, INDENT = 4, WORD_COLUMN = 13 };

/* "    why      ..." in lines of LINE_WIDTH, the words below each other. */
static void put_field(struct gs_buf *out, const char *name, const char *text)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf clean;
    gs_buf_init(&clean, 4096);
    gs_text_clean(&clean, text, strlen(text));
    out->failed = out->failed || !gs_buf_ok(&clean);
    gs_buf_printf(out, "%*s%-*s", INDENT, "", WORD_COLUMN - INDENT, name);
    size_t column = WORD_COLUMN;
    for (struct gs_view rest = gs_view(gs_buf_text(&clean)); rest.p != NULL;) {
        struct gs_view word = gs_view_split(&rest, ' ');
        if (column > WORD_COLUMN && column + 1 + word.n > LINE_WIDTH) {
            gs_buf_printf(out, "\n%*s", WORD_COLUMN, "");
            column = WORD_COLUMN;
        }
        gs_buf_puts(out, column > WORD_COLUMN ? " " : "");
        gs_buf_put(out, word.p, word.n);
        column += word.n + (column > WORD_COLUMN ? 1 : 0);
    }
    gs_buf_puts(out, "\n");
}

static enum gs_style style_of(enum gs_lint_severity severity)
{
    return severity == GS_LINT_ERROR ? GS_STYLE_BAD : GS_STYLE_BOLD;
}

static void put_finding(struct gs_buf *out, const char *label,
                        const struct gs_lint_finding *finding, bool styled, bool first_of_rule)
{
    const struct gs_lint_rule *rule = &gs_lint_rules[finding->rule];
    gs_text_clean(out, label, strlen(label));
    gs_buf_printf(out, ":%u:%u: ", finding->line, finding->column);
    const char *severity = gs_lint_severity_name(rule->severity);
    if (styled) {
        gs_text_styled(out, style_of(rule->severity), severity);
    } else {
        gs_buf_puts(out, severity);
    }
    gs_buf_printf(out, " %s: %s\n", rule->id, rule->title);
    put_field(out, "found", finding->found);
    if (first_of_rule) {
        put_field(out, "why", rule->why);
    }
    put_field(out, "instead", finding->instead[0] == '\0' ? rule->instead : finding->instead);
    if (first_of_rule && rule->source != NULL) {
        put_field(out, "source", rule->source);
    }
}

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

static void put_sum(struct gs_buf *out, const struct gs_cmd_lint_run *run)
{
    struct gs_cmd_lint_counts counts = gs_cmd_lint_count(run);
    const size_t *by = counts.by;
    gs_buf_printf(out, "%zu error%s, %zu warning%s, %zu note%s in %zu file%s", by[GS_LINT_ERROR],
                  plural(by[GS_LINT_ERROR]), by[GS_LINT_WARNING], plural(by[GS_LINT_WARNING]),
                  by[GS_LINT_NOTE], plural(by[GS_LINT_NOTE]), run->n, plural(run->n));
    bool fixed = run->args->fix || run->args->fix_to != NULL;
    if (counts.corrected > 0 && !fixed) {
        gs_buf_printf(out, "; --fix corrects %zu of them", counts.corrected);
    }
    gs_buf_puts(out, fixed && counts.all > 0 ? " are left for you\n" : "\n");
}

int gs_cmd_lint_write_text(const struct gs_cmd_lint_run *run, struct gs_err *err)
{
    bool styled = gs_output_styled();
    bool told[GS_LINT_RULES] = {false};
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, GS_OUTPUT_MAX);
    for (size_t i = 0; i < run->n; i++) {
        const struct gs_lint_result *result = &run->results[i];
        for (size_t f = 0; f < result->n; f++) {
            const struct gs_lint_finding *finding = &result->findings[f];
            put_finding(&out, run->files[i].label, finding, styled, !told[finding->rule]);
            told[finding->rule] = true;
        }
        if (result->more) {
            gs_text_clean(&out, run->files[i].label, strlen(run->files[i].label));
            gs_buf_puts(&out, ": there is more than is shown, or was looked at\n");
        }
    }
    gs_buf_puts(&out, out.len > 0 ? "\n" : "");
    put_sum(&out, run);
    return gs_output_text(&out, err);
}
