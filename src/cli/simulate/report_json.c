#include <string.h>

#include "cli/simulate/report.h"

/* value / 10^places; whole numbers stay whole. */
static void put_fixed(struct gs_result *result, json_t *at, const char *key, int64_t value,
                      unsigned places)
{
    double divisor = 1;
    for (unsigned i = 0; i < places; i++) {
        divisor *= 10;
    }
    json_t *json = value == GS_REPORT_UNKNOWN ? json_null()
                   : places == 0              ? json_integer(value)
                                              : json_real((double)value / divisor);
    int r = at == NULL || json == NULL ? -1
            : key == NULL              ? json_array_append_new(at, json)
                                       : json_object_set_new(at, key, json);
    if (r < 0) {
        result->failed = true;
    }
}

static void put_interval(struct gs_result *result, json_t *at, const char *key,
                         const struct gs_report_interval *ci, unsigned places)
{
    if (ci->lo_mpct == GS_REPORT_UNKNOWN || ci->hi_mpct == GS_REPORT_UNKNOWN) {
        gs_result_null(result, at, key);
        return;
    }
    json_t *pair = gs_result_array(result, at, key);
    put_fixed(result, pair, NULL, ci->lo_mpct, places);
    put_fixed(result, pair, NULL, ci->hi_mpct, places);
}

static void put_field(struct gs_result *result, json_t *at, const struct gs_report_field *field,
                      const void *object)
{
    const void *from = (const char *)object + field->at;
    switch (field->kind) {
    case GS_REPORT_TEXT:
        gs_result_text(result, at, field->key, *(const char *const *)from);
        return;
    case GS_REPORT_FLAG:
        gs_result_bool(result, at, field->key, *(const bool *)from);
        return;
    case GS_REPORT_FIXED:
        put_fixed(result, at, field->key, *(const int64_t *)from, field->places);
        return;
    case GS_REPORT_INTERVAL:
        put_interval(result, at, field->key, from, field->places);
        return;
    }
}

/* The object of that name in the root, made where it is not there yet. */
static json_t *part_of(struct gs_result *result, const char *part)
{
    json_t *at = part == NULL ? result->root : json_object_get(result->root, part);
    return at != NULL ? at : gs_result_object(result, result->root, part);
}

static void put_list(struct gs_result *result, const struct gs_report_list *list,
                     const struct gs_report *report)
{
    const struct gs_report_texts *texts =
        (const struct gs_report_texts *)(const void *)((const char *)report + list->at);
    json_t *at = gs_result_array(result, part_of(result, list->part), list->key);
    for (size_t i = 0; i < texts->n; i++) {
        gs_result_text(result, at, NULL, texts->items[i]);
    }
}

static void put_series(struct gs_result *result, json_t *at, const char *key, const int64_t *values,
                       size_t n)
{
    if (values == NULL) {
        gs_result_null(result, at, key);
        return;
    }
    json_t *array = gs_result_array(result, at, key);
    for (size_t i = 0; i < n; i++) {
        put_fixed(result, array, NULL, values[i], 3);
    }
}

static void put_policy(struct gs_result *result, json_t *at, const struct gs_report *report,
                       const struct gs_report_policy *policy)
{
    for (size_t i = 0; i < gs_report_n_policy_fields; i++) {
        put_field(result, at, &gs_report_policy_fields[i], policy);
    }
    put_series(result, at, "wait_percentiles_s", policy->wait_ms, GS_REPORT_QUANTILES);
    put_series(result, at, "gpus_on", policy->on_mgpu, report->n_buckets);
}

static void put_timeline(struct gs_result *result, const struct gs_report *report)
{
    json_t *at = gs_result_object(result, result->root, "timeline");
    put_fixed(result, at, "step_s", report->bucket_ms, 3);
    gs_result_number(result, at, "steps", report->n_buckets);
    put_series(result, at, "whole_gpus", report->whole_on_mgpu, report->n_buckets);
    put_series(result, at, "bound_gpus", report->bound_on_mgpu, report->n_buckets);
}

static void put_timing(struct gs_result *result, const struct gs_report *report)
{
    if (report->total_us == GS_REPORT_UNKNOWN) {
        return;
    }
    json_t *at = gs_result_object(result, result->root, "timing");
    put_fixed(result, at, "read_s", report->read_us, 6);
    put_fixed(result, at, "simulate_s", report->simulate_us, 6);
    put_fixed(result, at, "total_s", report->total_us, 6);
}

void gs_report_put(struct gs_result *result, const struct gs_report *report)
{
    gs_result_text(result, result->root, "format", GS_REPORT_FORMAT);
    for (size_t i = 0; i < gs_report_n_fields; i++) {
        const struct gs_report_field *field = &gs_report_fields[i];
        put_field(result, part_of(result, field->part), field, report);
    }
    for (size_t i = 0; i < gs_report_n_lists; i++) {
        put_list(result, &gs_report_lists[i], report);
    }
    json_t *policies = gs_result_array(result, result->root, "policies");
    for (size_t i = 0; i < report->n_policies; i++) {
        put_policy(result, gs_result_object(result, policies, NULL), report, &report->policies[i]);
    }
    json_t *whatifs = gs_result_array(result, result->root, "what_if");
    for (size_t i = 0; i < report->n_whatifs; i++) {
        json_t *at = gs_result_object(result, whatifs, NULL);
        for (size_t k = 0; k < gs_report_n_whatif_fields; k++) {
            put_field(result, at, &gs_report_whatif_fields[k], &report->whatifs[i]);
        }
    }
    put_timeline(result, report);
    put_timing(result, report);
}
