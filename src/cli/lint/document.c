#include "base/cleanup.h"
#include "cli/lint/lint.h"
#include "term/result.h"

static void put_finding(struct gs_result *result, json_t *at, const struct gs_lint_finding *finding)
{
    const struct gs_lint_rule *rule = &gs_lint_rules[finding->rule];
    json_t *item = gs_result_object(result, at, NULL);
    gs_result_text(result, item, "rule", rule->id);
    gs_result_text(result, item, "severity", gs_lint_severity_name(rule->severity));
    gs_result_number(result, item, "line", finding->line);
    gs_result_number(result, item, "column", finding->column);
    gs_result_number(result, item, "start", finding->start);
    gs_result_number(result, item, "end", finding->end);
    gs_result_text(result, item, "title", rule->title);
    gs_result_text(result, item, "found", finding->found);
    gs_result_text(result, item, "why", rule->why);
    gs_result_text(result, item, "instead",
                   finding->instead[0] == '\0' ? rule->instead : finding->instead);
    gs_result_text(result, item, "source", rule->source);
    gs_result_bool(result, item, "corrected_by_fix", finding->corrected);
}

static void put_ours(const struct gs_cmd_lint_run *run, struct gs_result *result)
{
    struct gs_cmd_lint_counts counts = gs_cmd_lint_count(run);
    gs_result_number(result, result->root, "errors", counts.by[GS_LINT_ERROR]);
    gs_result_number(result, result->root, "warnings", counts.by[GS_LINT_WARNING]);
    gs_result_number(result, result->root, "notes", counts.by[GS_LINT_NOTE]);
    json_t *files = gs_result_array(result, result->root, "files");
    for (size_t i = 0; i < run->n; i++) {
        json_t *file = gs_result_object(result, files, NULL);
        gs_result_text(result, file, "file", run->files[i].label);
        gs_result_bool(result, file, "complete", !run->results[i].more);
        json_t *findings = gs_result_array(result, file, "findings");
        for (size_t f = 0; f < run->results[i].n; f++) {
            put_finding(result, findings, &run->results[i].findings[f]);
        }
    }
}

/* ------------------------------------------------------------------ SARIF 2.1.0 */

static void put_message(struct gs_result *result, json_t *at, const char *key, const char *text)
{
    gs_result_text(result, gs_result_object(result, at, key), "text", text);
}

static void put_tool(struct gs_result *result, json_t *run)
{
    json_t *driver = gs_result_object(result, gs_result_object(result, run, "tool"), "driver");
    gs_result_text(result, driver, "name", "gpuslice lint");
    gs_result_text(result, driver, "version", GS_VERSION);
    json_t *rules = gs_result_array(result, driver, "rules");
    for (size_t i = 0; i < GS_LINT_RULES; i++) {
        json_t *rule = gs_result_object(result, rules, NULL);
        gs_result_text(result, rule, "id", gs_lint_rules[i].id);
        put_message(result, rule, "shortDescription", gs_lint_rules[i].title);
        put_message(result, rule, "fullDescription", gs_lint_rules[i].why);
        put_message(result, rule, "help", gs_lint_rules[i].instead);
    }
}

static void put_sarif_finding(struct gs_result *result, json_t *results, const char *label,
                              const struct gs_lint_finding *finding)
{
    const struct gs_lint_rule *rule = &gs_lint_rules[finding->rule];
    json_t *item = gs_result_object(result, results, NULL);
    gs_result_text(result, item, "ruleId", rule->id);
    gs_result_text(result, item, "level", gs_lint_severity_name(rule->severity));
    GS_CLEANUP(gs_buf_done) struct gs_buf message;
    gs_buf_init(&message, 8192);
    gs_buf_printf(&message, "%s: \"%s\". %s Instead: %s", rule->title, finding->found, rule->why,
                  finding->instead[0] == '\0' ? rule->instead : finding->instead);
    result->failed = result->failed || !gs_buf_ok(&message);
    put_message(result, item, "message", gs_buf_text(&message));
    json_t *place = gs_result_object(result, gs_result_array(result, item, "locations"), NULL);
    json_t *physical = gs_result_object(result, place, "physicalLocation");
    gs_result_text(result, gs_result_object(result, physical, "artifactLocation"), "uri", label);
    json_t *region = gs_result_object(result, physical, "region");
    gs_result_number(result, region, "startLine", finding->line);
    gs_result_number(result, region, "byteOffset", finding->start);
    gs_result_number(result, region, "byteLength", finding->end - finding->start);
}

static void put_sarif(const struct gs_cmd_lint_run *run, struct gs_result *result)
{
    gs_result_text(result, result->root, "$schema",
                   "https://json.schemastore.org/sarif-2.1.0.json");
    gs_result_text(result, result->root, "version", "2.1.0");
    json_t *one = gs_result_object(result, gs_result_array(result, result->root, "runs"), NULL);
    put_tool(result, one);
    json_t *results = gs_result_array(result, one, "results");
    for (size_t i = 0; i < run->n; i++) {
        for (size_t f = 0; f < run->results[i].n; f++) {
            put_sarif_finding(result, results, run->files[i].label, &run->results[i].findings[f]);
        }
    }
}

int gs_cmd_lint_write_document(const struct gs_cmd_lint_run *run, struct gs_err *err)
{
    GS_CLEANUP(gs_result_done) struct gs_result result;
    gs_result_init(&result);
    bool sarif = run->args->format == GS_CMD_LINT_FORMAT_SARIF;
    if (sarif) {
        put_sarif(run, &result);
    } else {
        put_ours(run, &result);
    }
    enum gs_format format = sarif ? GS_FORMAT_JSON : (enum gs_format)run->args->format;
    return gs_output_result(&result, format, err);
}
