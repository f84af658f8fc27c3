#include "base/cleanup.h"
#include "base/near.h"
#include "base/table.h"
#include "cli/lint/lint.h"
#include "term/result.h"

static void put_rule(struct gs_result *result, json_t *item, const struct gs_lint_rule *rule)
{
    gs_result_text(result, item, "rule", rule->id);
    gs_result_text(result, item, "severity", gs_lint_severity_name(rule->severity));
    gs_result_text(result, item, "title", rule->title);
    gs_result_text(result, item, "why", rule->why);
    gs_result_text(result, item, "instead", rule->instead);
    gs_result_text(result, item, "source", rule->source);
}

static enum gs_format document_format(const struct gs_cmd_lint_args *args)
{
    return args->format == GS_FORMAT_YAML ? GS_FORMAT_YAML : GS_FORMAT_JSON;
}

static int list_document(const struct gs_cmd_lint_args *args, struct gs_err *err)
{
    GS_CLEANUP(gs_result_done) struct gs_result result;
    gs_result_init(&result);
    json_t *rules = gs_result_array(&result, result.root, "rules");
    for (size_t i = 0; i < GS_LINT_RULES; i++) {
        put_rule(&result, gs_result_object(&result, rules, NULL), &gs_lint_rules[i]);
    }
    return gs_output_result(&result, document_format(args), err);
}

int gs_cmd_lint_list_rules(const struct gs_cmd_lint_args *args, struct gs_err *err)
{
    static const struct gs_column columns[] = {
        {.title = "RULE"}, {.title = "SEVERITY"}, {.title = "FINDS"}};
    if (args->format != GS_FORMAT_TABLE) {
        return list_document(args, err);
    }
    GS_CLEANUP(gs_table_freep)
    struct gs_table *table = gs_table_new(columns, GS_ARRAY_LEN(columns));
    for (size_t i = 0; i < GS_LINT_RULES; i++) {
        gs_table_put(table, gs_lint_rules[i].id);
        gs_table_put(table, gs_lint_severity_name(gs_lint_rules[i].severity));
        gs_table_put(table, gs_lint_rules[i].title);
    }
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, GS_OUTPUT_MAX);
    gs_table_print(table, 0, gs_output_styled(), &out);
    return gs_output_text(&out, err);
}

static const struct gs_lint_rule *find_rule(const char *id, struct gs_err *err)
{
    struct gs_near near = GS_NEAR_INIT(gs_view(id));
    for (size_t i = 0; i < GS_LINT_RULES; i++) {
        if (gs_view_eq_nocase(gs_view(id), gs_lint_rules[i].id)) {
            return &gs_lint_rules[i];
        }
        gs_near_offer(&near, gs_lint_rules[i].id);
    }
    char names[120];
    gs_near_format(&near, names, sizeof(names));
    gs_fail(err, GS_NOT_FOUND, "--explain: there is no rule \"%.100s\"; --list-rules lists them%s",
            id, names);
    return NULL;
}

int gs_cmd_lint_explain(const struct gs_cmd_lint_args *args, struct gs_err *err)
{
    const struct gs_lint_rule *rule = find_rule(args->explain, err);
    if (rule == NULL) {
        return GS_NOT_FOUND;
    }
    if (args->format != GS_FORMAT_TABLE) {
        GS_CLEANUP(gs_result_done) struct gs_result result;
        gs_result_init(&result);
        put_rule(&result, result.root, rule);
        return gs_output_result(&result, document_format(args), err);
    }
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, GS_OUTPUT_MAX);
    gs_buf_printf(&out, "%s (%s): %s\n\n%s\n\nInstead: %s\n", rule->id,
                  gs_lint_severity_name(rule->severity), rule->title, rule->why, rule->instead);
    if (rule->source != NULL) {
        gs_buf_printf(&out, "Source: %s\n", rule->source);
    }
    return gs_output_text(&out, err);
}
