/* prometheus: answers of /api/v1/query_range with GPU memory and use by pod, as DCGM's exporter
 * gives them. A pod runs from its first sample to its last. Where an expression has taken the name
 * off a metric, the first file is memory in MiB and the second use in percent. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "trace/elements.h"
#include "trace/field.h"
#include "trace/samples.h"
#include "wire/kubejson.h"

enum { ID_MAX = 600 };

struct metric {
    const char *name;
    enum gs_metric metric;
    unsigned places; /* the value times ten to this, divided by 2^shift, is in our unit */
    unsigned shift;
    uint64_t max;
};

static const struct metric metrics[] = {
    {"DCGM_FI_DEV_FB_USED", GS_METRIC_MEMORY_MIB, 0, 0, GS_TRACE_MEMORY_MIB_MAX},
    {"DCGM_FI_DEV_GPU_UTIL", GS_METRIC_UTIL_PERMILLE, 1, 0, 1000},
    {"DCGM_FI_PROF_GR_ENGINE_ACTIVE", GS_METRIC_UTIL_PERMILLE, 3, 0, 1000},
    {"DCGM_FI_PROF_SM_ACTIVE", GS_METRIC_UTIL_PERMILLE, 3, 0, 1000},
    {"container_accelerator_memory_used_bytes", GS_METRIC_MEMORY_MIB, 0, 20,
     (uint64_t)GS_TRACE_MEMORY_MIB_MAX << 20},
    {"container_accelerator_duty_cycle", GS_METRIC_UTIL_PERMILLE, 1, 0, 1000},
};

struct prometheus {
    struct gs_elements elements;
    struct gs_samples samples;
    bool reading; /* `elements` is in use */
    struct gs_trace *trace;
};

static int begin(struct gs_trace *trace, struct gs_err *err)
{
    struct prometheus *own = GS_ARENA_NEW(&trace->arena, struct prometheus, 1);
    if (own == NULL) {
        return gs_trace_no_memory(trace, err);
    }
    own->trace = trace;
    trace->own = own;
    return 0;
}

static void end(struct gs_trace *trace)
{
    struct prometheus *own = trace->own;
    if (own->reading) {
        gs_elements_done(&own->elements);
    }
    gs_samples_done(&own->samples);
}

/* ---- one series ---- */

/* The first of these labels that is there and not empty. */
static int read_label(const json_t *labels, const char *const *names, const char **ret,
                      struct gs_err *err)
{
    *ret = NULL;
    for (; *names != NULL && *ret == NULL; names++) {
        int r = gs_kubejson_text(labels, *names, ret, err);
        if (r < 0) {
            return r;
        }
        if (*ret != NULL && (*ret)[0] == 0) {
            *ret = NULL;
        }
    }
    return 0;
}

struct series {
    char id[ID_MAX]; /* "namespace/pod" */
    const char *gpu; /* "" where it is not said */
    const struct metric *metric;
    const json_t *values;
};

static int read_labels(const struct gs_trace *trace, const json_t *labels, struct series *series,
                       struct gs_err *err)
{
    /* With honor_labels off, Prometheus names the pod of the exporter "pod". */
    static const char *const pods[] = {"exported_pod", "pod", "pod_name", NULL};
    static const char *const spaces[] = {"exported_namespace", "namespace", NULL};
    static const char *const gpus[] = {"UUID", "uuid", "gpu", NULL};
    const char *pod;
    const char *space;
    const char *name = NULL;
    int r = read_label(labels, pods, &pod, err);
    r = r == 0 ? read_label(labels, spaces, &space, err) : r;
    r = r == 0 ? read_label(labels, gpus, &series->gpu, err) : r;
    r = r == 0 ? gs_kubejson_text(labels, "__name__", &name, err) : r;
    if (r < 0) {
        return r;
    }
    if (pod == NULL) {
        return gs_fail(err, GS_INVALID,
                       "the series has no label pod: its GPU was idle; leave such out with "
                       "{pod!=\"\"}");
    }
    series->gpu = series->gpu == NULL ? "" : series->gpu;
    series->metric = name == NULL ? &metrics[trace->input == 0 ? 0 : 1] : NULL;
    for (size_t i = 0; name != NULL && i < sizeof(metrics) / sizeof(metrics[0]); i++) {
        series->metric = strcmp(name, metrics[i].name) == 0 ? &metrics[i] : series->metric;
    }
    if (series->metric == NULL) {
        return gs_fail(err, GS_INVALID,
                       "found metric %.100s; expected DCGM_FI_DEV_FB_USED or DCGM_FI_DEV_GPU_UTIL",
                       name);
    }
    int n = snprintf(series->id, sizeof(series->id), "%s%s%s", space == NULL ? "" : space,
                     space == NULL ? "" : "/", pod);
    return n < ID_MAX ? 0 : gs_fail(err, GS_INVALID, "the names of namespace and pod are too long");
}

/* [1662858720.5, "1234"] */
static int read_sample(const struct metric *metric, const json_t *sample, int64_t *ret_us,
                       uint32_t *ret_value, struct gs_err *err)
{
    const json_t *time = json_array_get(sample, 0);
    const json_t *text = json_array_get(sample, 1);
    char seconds[48];
    uint64_t value = 0;
    if (!json_is_number(time) || !json_is_string(text) || fabs(json_number_value(time)) > 1e12) {
        return gs_fail(err, GS_INVALID, "found a sample that is not [time, \"value\"]");
    }
    snprintf(seconds, sizeof(seconds), "%.6f", json_number_value(time));
    int r = gs_field_moment(gs_view(seconds), ret_us, err);
    if (r == 0 && gs_view_has_control(gs_view(json_string_value(text)), "")) {
        return gs_fail(err, GS_INVALID, "found a value with a control character");
    }
    r = r == 0 ? gs_field_decimal(gs_view(json_string_value(text)), metric->places, metric->max,
                                  true, &value, err)
               : r;
    if (r < 0) {
        return r;
    }
    *ret_value = (uint32_t)((value + ((uint64_t)1 << metric->shift) - 1) >> metric->shift);
    return 0;
}

/* Every sample is looked at before the first is kept: a series is used whole or not at all. */
static int add_series(struct prometheus *own, const struct series *series, bool *ret_fine,
                      struct gs_err *why, struct gs_err *err)
{
    size_t n = json_array_size(series->values);
    for (unsigned pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < n; i++) {
            int64_t at_us = 0;
            uint32_t value = 0;
            *ret_fine = read_sample(series->metric, json_array_get(series->values, i), &at_us,
                                    &value, why) == 0;
            if (!*ret_fine) {
                return 0;
            }
            int r = pass == 0 ? 0
                              : gs_samples_add(&own->samples, own->trace, gs_view(series->id),
                                               gs_view(series->gpu), series->metric->metric, at_us,
                                               value, err);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

static int skip_series(struct gs_trace *trace, struct gs_err *why)
{
    return gs_trace_skip(trace, GS_TRACE_FAULT_FORM, "%s", why->msg);
}

static int take_object(struct prometheus *own, const json_t *object, struct gs_err *err)
{
    json_t *labels = NULL;
    json_t *values = NULL;
    struct series series;
    struct gs_err why;
    bool fine = false;
    int r = gs_kubejson_object(object, "metric", &labels, &why);
    r = r == 0 ? gs_kubejson_array(object, "values", &values, &why) : r;
    r = r == 0 ? read_labels(own->trace, labels, &series, &why) : r;
    if (r == 0 && json_array_size(values) == 0) {
        r = gs_fail(&why, GS_INVALID, "found no values; expected a range query's");
    }
    if (r == 0) {
        series.values = values;
        r = add_series(own, &series, &fine, &why, err);
        if (r < 0) {
            return r;
        }
    }
    return fine ? 0 : skip_series(own->trace, &why);
}

static int take_element(void *ctx, struct gs_view element, struct gs_err *err)
{
    struct prometheus *own = ctx;
    json_error_t fault;
    struct gs_err why;
    own->trace->row = ++own->trace->totals.input_rows;
    json_t *object = json_loadb(element.p, element.n, JSON_REJECT_DUPLICATES, &fault);
    if (object == NULL || !json_is_object(object)) {
        bool memory = object == NULL && json_error_code(&fault) == json_error_out_of_memory;
        json_decref(object);
        (void)gs_fail(&why, GS_INVALID, "found no JSON object; expected one");
        return memory ? gs_trace_no_memory(own->trace, err) : skip_series(own->trace, &why);
    }
    int r = take_object(own, object, err);
    json_decref(object);
    return r;
}

/* ---- the files ---- */

static int take(struct gs_trace *trace, struct gs_view piece, struct gs_err *err)
{
    struct prometheus *own = trace->own;
    if (!own->reading) {
        gs_elements_init(&own->elements, gs_trace_label(trace), take_element, own);
        own->reading = true;
    }
    return gs_elements_feed(&own->elements, piece, err);
}

static int input_end(struct gs_trace *trace, struct gs_err *err)
{
    struct prometheus *own = trace->own;
    if (!own->reading) {
        return gs_fail(err, GS_INVALID, "%s: found nothing; expected an answer of Prometheus",
                       gs_trace_label(trace));
    }
    int r = gs_elements_end(&own->elements, err);
    gs_elements_done(&own->elements);
    own->reading = false;
    return r;
}

static int draw(struct gs_trace *trace, struct gs_err *err)
{
    struct prometheus *own = trace->own;
    return gs_samples_draw(&own->samples, trace, err);
}

const struct gs_trace_reader gs_trace_reader_prometheus = {
    .name = "prometheus",
    .row_is = "series",
    .none = "is the metric there in this time, with a label pod?",
    .begin = begin,
    .piece = take,
    .input_end = input_end,
    .draw = draw,
    .end = end};
