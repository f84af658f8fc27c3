#include "controller/past/prometheus.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "wire/kubejson.h"

/* deploy/monitoring/rules.yaml has the records. STEP stands for the step in seconds. */
static const struct {
    const char *series;
    const char *query;
} queries[] = {
    {"held_percent", "100 * sum(gpuslice_cluster_memory_units{state=\"held\"})"
                     " / sum(gpuslice_cluster_memory_units)"},
    {"idle_percent", "100 * sum(gpuslice_cluster_memory_units{state=\"idle\"})"
                     " / sum(gpuslice_cluster_memory_units)"},
    {"stranded_percent", "100 * sum(gpuslice_cluster_memory_units{state=\"stranded\"})"
                         " / sum(gpuslice_cluster_memory_units)"},
    {"bill_usd_h", "sum(gpuslice:usd_per_hour:sum)"},
    {"used_usd_h", "sum(gpuslice:usd_per_hour:sum{part=\"used\"})"},
    {"idle_usd_h", "sum(gpuslice:usd_per_hour:sum{part=\"idle\"})"},
    {"stranded_usd_h", "sum(gpuslice:usd_per_hour:sum{part=\"stranded\"})"},
    {"starting_usd_h", "sum(gpuslice:usd_per_hour:sum{part=\"starting\"})"},
    {"waiting_pods", "sum(gpuslice:waiting_pods:sum)"},
    {"recuts", "sum(increase(gpuslice_recuts_total{result=\"done\"}[STEPs]))"},
    {"failed_recuts", "sum(increase(gpuslice_recuts_total{result=\"failed\"}[STEPs]))"},
    {"recut_p50_s",
     "histogram_quantile(0.5, sum by (le) (rate(gpuslice_recut_seconds_bucket[1h])))"},
    {"recut_p95_s", "max(gpuslice:recut_seconds:p95_1h)"},
    {"fragmentation_percent", "100 * avg(gpuslice:fragmentation:avg)"},
    {"failed_node_starts", "sum(increase(gpuslice_controller_nodes_never_ready_total[STEPs]))"},
};

int gs_prometheus_query(const char *series, uint64_t step_s, char *ret, size_t size)
{
    for (size_t i = 0; i < GS_ARRAY_LEN(queries); i++) {
        if (strcmp(queries[i].series, series) == 0) {
            const char *query = queries[i].query;
            const char *step = strstr(query, "STEP");
            int k = step == NULL ? snprintf(ret, size, "%s", query)
                                 : snprintf(ret, size, "%.*s%llu%s", (int)(step - query), query,
                                            (unsigned long long)step_s, step + strlen("STEP"));
            return k < 0 || (size_t)k >= size ? GS_LIMIT : 0;
        }
    }
    return GS_NOT_FOUND;
}

/* [1700000000, "1.5"] */
static void put_point(const json_t *point, struct gs_buf *out, bool *first)
{
    const json_t *at = json_array_get(point, 0);
    const char *text = json_string_value(json_array_get(point, 1));
    char *end = NULL;
    double value = text == NULL ? NAN : strtod(text, &end);
    double when = json_is_number(at) ? json_number_value(at) : NAN;
    if (!isfinite(value) || end == text || *end != '\0' || !(when >= 0 && when < 253402300800.0)) {
        return;
    }
    gs_buf_printf(out, "%s[%.0f,%.17g]", *first ? "" : ",", when, value);
    *first = false;
}

int gs_prometheus_points(struct gs_view answer, struct gs_buf *out, struct gs_err *err)
{
    json_error_t error;
    GS_AUTO_JSON tree = json_loadb(answer.p, answer.n, JSON_REJECT_DUPLICATES, &error);
    const char *status = json_string_value(json_object_get(tree, "status"));
    const char *why = json_string_value(json_object_get(tree, "error"));
    const json_t *result = json_object_get(json_object_get(tree, "data"), "result");
    bool first = true;
    if (status == NULL || strcmp(status, "success") != 0 || !json_is_array(result)) {
        return gs_fail(err, GS_INVALID, "Prometheus says: %.160s",
                       why != NULL ? why : "nothing that is an answer to a query");
    }
    const json_t *values = json_object_get(json_array_get(result, 0), "values");
    if (json_array_size(values) > GS_PROMETHEUS_POINTS_MAX) {
        return gs_fail(err, GS_LIMIT, "Prometheus has answered with more than %d points",
                       GS_PROMETHEUS_POINTS_MAX);
    }
    for (size_t i = 0; i < json_array_size(values); i++) {
        put_point(json_array_get(values, i), out, &first);
    }
    return gs_buf_ok(out) ? 0 : gs_fail(err, GS_NO_MEMORY, "no memory for Prometheus' answer");
}
