#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "cli/simulate/report.h"

enum { DEPTH_OF_KEY = 120 };
/* A number of a report, times its places: what a double holds exactly. */
static const double FIXED_MAX = 9007199254740992.0;

/* Where we are, for errors, and where the report goes. */
struct reading {
    struct gs_arena *arena;
    struct gs_err *err;
    char where[DEPTH_OF_KEY]; /* "policies[3]." */
};

static int no_memory(struct reading *r)
{
    return gs_fail(r->err, GS_NO_MEMORY, "no memory for the report");
}

static int wrong(struct reading *r, const char *key, const char *expected)
{
    return gs_fail(r->err, GS_INVALID, "not a report of gpuslice simulate: %s%s: expected %s",
                   r->where, key, expected);
}

static int read_text(struct reading *r, const json_t *json, const char *key, bool known,
                     const char **ret)
{
    if (!known && json_is_null(json)) {
        *ret = NULL;
        return 0;
    }
    if (!json_is_string(json) || json_string_length(json) > GS_REPORT_TEXT_MAX) {
        return wrong(r, key, "a text of at most 4096 bytes");
    }
    *ret = gs_arena_text(r->arena, json_string_value(json), json_string_length(json));
    return *ret == NULL ? no_memory(r) : 0;
}

static int read_fixed(struct reading *r, const json_t *json, const char *key, unsigned places,
                      bool known, int64_t *ret)
{
    if (!known && json_is_null(json)) {
        *ret = GS_REPORT_UNKNOWN;
        return 0;
    }
    if (!json_is_number(json)) {
        return wrong(r, key, known ? "a number" : "a number or null");
    }
    double value = json_number_value(json);
    for (unsigned i = 0; i < places; i++) {
        value *= 10;
    }
    if (!(fabs(value) <= FIXED_MAX)) {
        return wrong(r, key, "a number that can be true of a trace");
    }
    *ret = places == 0 && json_is_integer(json) ? json_integer_value(json) : llround(value);
    return 0;
}

static int read_interval(struct reading *r, const json_t *json, const char *key, unsigned places,
                         struct gs_report_interval *ret)
{
    if (json_is_null(json)) {
        *ret = (struct gs_report_interval){GS_REPORT_UNKNOWN, GS_REPORT_UNKNOWN};
        return 0;
    }
    if (!json_is_array(json) || json_array_size(json) != 2) {
        return wrong(r, key, "null or two numbers");
    }
    int e = read_fixed(r, json_array_get(json, 0), key, places, true, &ret->lo_mpct);
    e = e < 0 ? e : read_fixed(r, json_array_get(json, 1), key, places, true, &ret->hi_mpct);
    return e < 0 || ret->lo_mpct <= ret->hi_mpct ? e
                                                 : wrong(r, key, "the lower of two numbers first");
}

static int read_field(struct reading *r, const json_t *from, const struct gs_report_field *field,
                      void *object)
{
    const json_t *json = json_object_get(from, field->key);
    void *to = (char *)object + field->at;
    if (json == NULL) {
        return wrong(r, field->key, "this key");
    }
    switch (field->kind) {
    case GS_REPORT_TEXT:
        return read_text(r, json, field->key, field->known, to);
    case GS_REPORT_FLAG:
        *(bool *)to = json_is_true(json);
        return json_is_boolean(json) ? 0 : wrong(r, field->key, "true or false");
    case GS_REPORT_FIXED:
        return read_fixed(r, json, field->key, field->places, field->known, to);
    case GS_REPORT_INTERVAL:
        return read_interval(r, json, field->key, field->places, to);
    }
    return 0;
}

static int read_list(struct reading *r, const json_t *json, const char *key,
                     struct gs_report_texts *ret)
{
    size_t n = json_array_size(json);
    if (!json_is_array(json) || n > GS_REPORT_TEXTS_MAX) {
        return wrong(r, key, "a list of at most 256 texts");
    }
    const char **items = GS_ARENA_NEW(r->arena, const char *, n);
    if (items == NULL) {
        return no_memory(r);
    }
    for (size_t i = 0; i < n; i++) {
        int e = read_text(r, json_array_get(json, i), key, true, &items[i]);
        if (e < 0) {
            return e;
        }
    }
    *ret = (struct gs_report_texts){.items = items, .n = n};
    return 0;
}

/* `n` numbers, or null. */
static int read_series(struct reading *r, const json_t *from, const char *key, size_t n,
                       const int64_t **ret)
{
    const json_t *json = json_object_get(from, key);
    *ret = NULL;
    if (json_is_null(json)) {
        return 0;
    }
    if (!json_is_array(json) || json_array_size(json) != n) {
        char expected[60];
        (void)snprintf(expected, sizeof(expected), "null or %zu numbers", n);
        return wrong(r, key, expected);
    }
    int64_t *values = GS_ARENA_NEW(r->arena, int64_t, n);
    if (values == NULL) {
        return no_memory(r);
    }
    for (size_t i = 0; i < n; i++) {
        int e = read_fixed(r, json_array_get(json, i), key, 3, true, &values[i]);
        if (e < 0) {
            return e;
        }
    }
    *ret = values;
    return 0;
}

static int read_fields(struct reading *r, const json_t *from, const struct gs_report_field *fields,
                       size_t n, void *object)
{
    int e = json_is_object(from) ? 0 : wrong(r, "", "an object");
    for (size_t i = 0; e == 0 && i < n; i++) {
        e = read_field(r, from, &fields[i], object);
    }
    return e;
}

static int read_policy(struct reading *r, const json_t *from, struct gs_report *report,
                       struct gs_report_policy *policy)
{
    int e = read_fields(r, from, gs_report_policy_fields, gs_report_n_policy_fields, policy);
    e = e < 0 ? e
              : read_series(r, from, "wait_percentiles_s", GS_REPORT_QUANTILES, &policy->wait_ms);
    return e < 0 ? e : read_series(r, from, "gpus_on", report->n_buckets, &policy->on_mgpu);
}

static int read_policies(struct reading *r, const json_t *json, struct gs_report *report)
{
    size_t n = json_array_size(json);
    if (!json_is_array(json) || n > GS_REPORT_POLICIES_MAX) {
        return wrong(r, "policies", "a list of at most 64 policies");
    }
    report->policies = GS_ARENA_NEW(r->arena, struct gs_report_policy, n);
    if (report->policies == NULL) {
        return no_memory(r);
    }
    report->n_policies = n;
    int e = 0;
    for (size_t i = 0; e == 0 && i < n; i++) {
        (void)snprintf(r->where, sizeof(r->where), "policies[%zu].", i);
        e = read_policy(r, json_array_get(json, i), report, &report->policies[i]);
    }
    r->where[0] = '\0';
    return e;
}

static int read_whatifs(struct reading *r, const json_t *json, struct gs_report *report)
{
    size_t n = json_array_size(json);
    if (!json_is_array(json) || n > GS_REPORT_WHATIFS_MAX) {
        return wrong(r, "what_if", "a list of at most 64 objects");
    }
    report->whatifs = GS_ARENA_NEW(r->arena, struct gs_report_whatif, n);
    if (report->whatifs == NULL) {
        return no_memory(r);
    }
    report->n_whatifs = n;
    int e = 0;
    for (size_t i = 0; e == 0 && i < n; i++) {
        (void)snprintf(r->where, sizeof(r->where), "what_if[%zu].", i);
        e = read_fields(r, json_array_get(json, i), gs_report_whatif_fields,
                        gs_report_n_whatif_fields, &report->whatifs[i]);
    }
    r->where[0] = '\0';
    return e;
}

static int read_timeline(struct reading *r, const json_t *json, struct gs_report *report)
{
    int64_t steps = 0;
    (void)snprintf(r->where, sizeof(r->where), "timeline.");
    int e = json_is_object(json) ? 0 : wrong(r, "", "an object");
    e = e < 0
            ? e
            : read_fixed(r, json_object_get(json, "step_s"), "step_s", 3, true, &report->bucket_ms);
    e = e < 0 ? e : read_fixed(r, json_object_get(json, "steps"), "steps", 0, true, &steps);
    if (e == 0 && (steps < 0 || steps > GS_REPORT_BUCKETS_MAX)) {
        e = wrong(r, "steps", "0 to 2000");
    }
    report->n_buckets = e < 0 ? 0 : (size_t)steps;
    e = e < 0 ? e : read_series(r, json, "whole_gpus", report->n_buckets, &report->whole_on_mgpu);
    e = e < 0 ? e : read_series(r, json, "bound_gpus", report->n_buckets, &report->bound_on_mgpu);
    r->where[0] = '\0';
    return e;
}

static int read_timing(struct reading *r, const json_t *json, struct gs_report *report)
{
    if (json == NULL) {
        return 0;
    }
    (void)snprintf(r->where, sizeof(r->where), "timing.");
    int e = read_fixed(r, json_object_get(json, "read_s"), "read_s", 6, true, &report->read_us);
    e = e < 0 ? e
              : read_fixed(r, json_object_get(json, "simulate_s"), "simulate_s", 6, true,
                           &report->simulate_us);
    e = e < 0 ? e
              : read_fixed(r, json_object_get(json, "total_s"), "total_s", 6, true,
                           &report->total_us);
    r->where[0] = '\0';
    return e;
}

static const json_t *part_of(const json_t *root, const char *part)
{
    return part == NULL ? root : json_object_get(root, part);
}

static int read_report(struct reading *r, const json_t *root, struct gs_report *ret)
{
    const char *format = json_string_value(json_object_get(root, "format"));
    if (format == NULL || strcmp(format, GS_REPORT_FORMAT) != 0) {
        return wrong(r, "format", "\"" GS_REPORT_FORMAT "\"");
    }
    int e = 0;
    for (size_t i = 0; e == 0 && i < gs_report_n_fields; i++) {
        const struct gs_report_field *field = &gs_report_fields[i];
        (void)snprintf(r->where, sizeof(r->where), "%s%s", field->part == NULL ? "" : field->part,
                       field->part == NULL ? "" : ".");
        e = read_field(r, part_of(root, field->part), field, ret);
    }
    r->where[0] = '\0';
    for (size_t i = 0; e == 0 && i < gs_report_n_lists; i++) {
        const struct gs_report_list *list = &gs_report_lists[i];
        e = read_list(r, json_object_get(part_of(root, list->part), list->key), list->key,
                      (struct gs_report_texts *)(void *)((char *)ret + list->at));
    }
    e = e < 0 ? e : read_timeline(r, json_object_get(root, "timeline"), ret);
    e = e < 0 ? e : read_policies(r, json_object_get(root, "policies"), ret);
    e = e < 0 ? e : read_whatifs(r, json_object_get(root, "what_if"), ret);
    return e < 0 ? e : read_timing(r, json_object_get(root, "timing"), ret);
}

int gs_report_read(const char *text, size_t n, struct gs_arena *arena, struct gs_report *ret,
                   struct gs_err *err)
{
    struct reading r = {.arena = arena, .err = err};
    struct gs_report report;
    json_error_t where;
    gs_report_init(&report);
    json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &where);
    if (root == NULL) {
        return gs_fail(err, GS_INVALID,
                       "not a report of gpuslice simulate: line %d, column %d: %.200s", where.line,
                       where.column, where.text);
    }
    int e = read_report(&r, root, &report);
    json_decref(root);
    if (e == 0) {
        *ret = report;
    }
    return e;
}

int gs_report_parse(const char *text, size_t n, struct gs_arena *arena, struct gs_report *ret,
                    struct gs_err *err)
{
    struct gs_report report;
    int r = gs_report_read(text, n, arena, &report, err);
    r = r < 0 ? r : gs_report_check(&report, arena, err);
    if (r == 0) {
        *ret = report;
    }
    return r;
}
