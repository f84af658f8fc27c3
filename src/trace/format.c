#include "trace/trace.h"

#include <stdio.h>

static const char *const gentd26_files[] = {"pod_gpu_memory_used_bytes_anon.tar.gz",
                                            "pod_gpu_duty_cycle_anon.tar.gz", NULL};
static const char *const miso_files[] = {"trace_100.json", "job_models.json", NULL};

static const struct gs_trace_format formats[] = {
    {.name = "csv",
     .form = "FILE",
     .summary = "rows with arrival, duration or end, and what each needs",
     .max_files = 1},
    {.name = "jsonl",
     .form = "FILE",
     .summary = "the same, one JSON object a line",
     .max_files = 1},
    {.name = "pods",
     .form = "FILE",
     .summary = "what `kubectl get pods -A -o json` prints",
     .max_files = 1},
    {.name = "prometheus",
     .form = "FILE[,FILE]",
     .summary = "range queries of GPU memory and use by pod, from DCGM's exporter",
     .max_files = 2},
    {.name = "synthetic",
     .form = "rate=60/h,duration=lognormal(600s,0.8),mix=1g:60+2g:40,days=7",
     .summary = "drawn from a seed",
     .drawn = true,
     .takes = GS_TRACE_TAKES_TEXT},
    {.name = "openb",
     .form = "FILE",
     .summary = "pods of Alibaba's cluster-trace-gpu-v2023",
     .max_files = 1},
    {.name = "gentd26",
     .form = "DIR",
     .summary = "samples of Alibaba's cluster-trace-v2026-GenAI",
     .takes = GS_TRACE_TAKES_FOLDER,
     .max_files = 2,
     .files = gentd26_files},
    {.name = "miso",
     .form = "DIR",
     .summary = "the 100 jobs of MISO (SoCC 2022), when they come drawn from a seed",
     .drawn = true,
     .takes = GS_TRACE_TAKES_FOLDER,
     .max_files = 2,
     .files = miso_files},
};

const struct gs_trace_format *gs_trace_formats(size_t *ret_count)
{
    *ret_count = sizeof(formats) / sizeof(formats[0]);
    return formats;
}

static int no_such_format(struct gs_view name, struct gs_err *err)
{
    char list[200] = "";
    size_t used = 0;
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]) && used + 1 < sizeof(list); i++) {
        int wrote =
            snprintf(list + used, sizeof(list) - used, "%s%s", i == 0 ? "" : ", ", formats[i].name);
        used += wrote > 0 ? (size_t)wrote : 0;
    }
    return gs_fail(err, GS_INVALID,
                   "\"%.*s\" is no format of a trace; expected FORMAT:FILE with "
                   "FORMAT one of %s",
                   GS_VIEW_ARGS(name), list);
}

int gs_trace_spec_parse(struct gs_view spec, const struct gs_trace_format **ret_format,
                        struct gs_view *ret_rest, struct gs_err *err)
{
    struct gs_view rest = spec;
    struct gs_view name = gs_view_split(&rest, ':');
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (!gs_view_eq(name, formats[i].name)) {
            continue;
        }
        if (rest.n == 0) {
            return gs_fail(err, GS_INVALID, "found \"%s\" without what to read; expected %s:%s",
                           formats[i].name, formats[i].name, formats[i].form);
        }
        *ret_format = &formats[i];
        *ret_rest = rest;
        return 0;
    }
    return no_such_format(name, err);
}
