#include "trace/samples.h"

#include <stdlib.h>

void gs_samples_done(struct gs_samples *samples)
{
    gs_map_done(&samples->by_name);
}

static struct gs_series *new_series(struct gs_samples *samples, struct gs_trace *trace,
                                    const char *name, int64_t at_us)
{
    struct gs_series *series = GS_ARENA_NEW(&trace->arena, struct gs_series, 1);
    if (series == NULL ||
        !gs_arena_room(&trace->arena, &samples->series, &samples->cap, samples->n_series,
                       sizeof(struct gs_series *)) ||
        !gs_map_put(&samples->by_name, name, series)) {
        return NULL;
    }
    series->name = name;
    series->row = trace->row;
    series->input = trace->input;
    series->first_us = at_us;
    series->last_us = at_us;
    samples->series[samples->n_series++] = series;
    return series;
}

/* The series of this name, a new one if there is none. */
static int find_series(struct gs_samples *samples, struct gs_trace *trace, struct gs_view name,
                       int64_t at_us, struct gs_series **ret, struct gs_err *err)
{
    const char *kept;
    int r = gs_texts_keep(&trace->texts, name, &kept, err);
    if (r < 0) {
        return gs_wrap(err, r, "%s", gs_trace_label(trace));
    }
    *ret = gs_map_find(&samples->by_name, kept);
    if (*ret != NULL) {
        return 0;
    }
    if (samples->n_series == GS_SERIES_MAX) {
        return gs_fail(err, GS_LIMIT, "%s: more than %d series; expected less",
                       gs_trace_label(trace), GS_SERIES_MAX);
    }
    *ret = new_series(samples, trace, kept, at_us);
    if (*ret == NULL) {
        (void)gs_trace_no_memory(trace, err);
        return GS_NO_MEMORY;
    }
    return 0;
}

static void note_time(struct gs_samples *samples, struct gs_series *series,
                      struct gs_samples_of *of, int64_t at_us)
{
    int64_t gap = at_us > of->last_us ? at_us - of->last_us : of->last_us - at_us;
    if (of->n > 0 && gap > 0 && (samples->interval_us == 0 || gap < samples->interval_us)) {
        samples->interval_us = gap;
    }
    of->last_us = at_us;
    series->first_us = at_us < series->first_us ? at_us : series->first_us;
    series->last_us = at_us > series->last_us ? at_us : series->last_us;
    samples->first_us =
        samples->n_samples == 0 || at_us < samples->first_us ? at_us : samples->first_us;
    samples->last_us = at_us > samples->last_us ? at_us : samples->last_us;
}

static int note_gpu(struct gs_series *series, struct gs_trace *trace, struct gs_view gpu,
                    struct gs_err *err)
{
    const char *kept;
    if (gpu.n == 0) {
        return 0;
    }
    int r = gs_texts_keep(&trace->texts, gpu, &kept, err);
    if (r < 0) {
        return gs_wrap(err, r, "%s", gs_trace_label(trace));
    }
    for (unsigned i = 0; i < series->n_gpus; i++) {
        if (series->gpus[i] == kept) {
            return 0;
        }
    }
    if (series->n_gpus == GS_TRACE_GPUS_MAX) {
        return gs_fail(err, GS_LIMIT, "%s: %.100s was seen on more than %d GPUs; expected less",
                       gs_trace_label(trace), series->name, GS_TRACE_GPUS_MAX);
    }
    series->gpus[series->n_gpus++] = kept;
    return 0;
}

int gs_samples_add(struct gs_samples *samples, struct gs_trace *trace, struct gs_view name,
                   struct gs_view gpu, enum gs_metric metric, int64_t at_us, uint32_t value,
                   struct gs_err *err)
{
    struct gs_series *series;
    int r = find_series(samples, trace, name, at_us, &series, err);
    if (r < 0) {
        return r;
    }
    r = note_gpu(series, trace, gpu, err);
    if (r < 0) {
        return r;
    }
    struct gs_samples_of *of = &series->of[metric];
    if (samples->n_samples == GS_SAMPLES_MAX) {
        return gs_fail(err, GS_LIMIT,
                       "%s: more than %d samples; expected less: ask for a longer "
                       "step",
                       gs_trace_label(trace), GS_SAMPLES_MAX);
    }
    if (!gs_arena_room(&trace->arena, &of->values, &of->cap, of->n, sizeof(*of->values))) {
        return gs_trace_no_memory(trace, err);
    }
    note_time(samples, series, of, at_us);
    series->rows += series->counted != trace->totals.input_rows;
    series->counted = trace->totals.input_rows;
    of->values[of->n++] = value;
    samples->n_samples++;
    return 0;
}

static int by_value(const void *a, const void *b)
{
    const uint32_t *p = a;
    const uint32_t *q = b;
    return (*p > *q) - (*p < *q);
}

static int by_first(const void *a, const void *b)
{
    const struct gs_series *p = *(struct gs_series *const *)a;
    const struct gs_series *q = *(struct gs_series *const *)b;
    if (p->first_us != q->first_us) {
        return p->first_us < q->first_us ? -1 : 1;
    }
    return strcmp(p->name, q->name);
}

/* The smallest value that `percent` of all do not exceed; `of` is sorted. */
static uint32_t rank(const struct gs_samples_of *of, unsigned percent)
{
    size_t at = (of->n * percent + 99) / 100;
    return of->values[at == 0 ? 0 : at - 1];
}

static struct gs_trace_use use_of(struct gs_samples_of *of)
{
    if (of->n == 0) {
        return GS_TRACE_USE_UNKNOWN;
    }
    uint64_t sum = 0;
    qsort(of->values, of->n, sizeof(*of->values), by_value);
    for (size_t i = 0; i < of->n; i++) {
        sum += of->values[i];
    }
    return (struct gs_trace_use){.peak = of->values[of->n - 1],
                                 .p99 = rank(of, 99),
                                 .p95 = rank(of, 95),
                                 .mean = (uint32_t)((sum + of->n / 2) / of->n)};
}

/* "namespace/pod" apart. */
static int set_names(struct gs_trace *trace, const char *name, struct gs_trace_ask *ask,
                     struct gs_err *err)
{
    const char *slash = strchr(name, '/');
    gs_trace_set_name(ask, gs_view(slash == NULL ? name : slash + 1));
    struct gs_view space = {.p = name, .n = slash == NULL ? 0 : (size_t)(slash - name)};
    return space.n > 0 ? gs_texts_keep(&trace->texts, space, &ask->name_space, err) : 0;
}

int gs_samples_draw(struct gs_samples *samples, struct gs_trace *trace, struct gs_err *err)
{
    if (!samples->sorted) {
        samples->sorted = true;
        if (samples->n_series > 0) {
            qsort(samples->series, samples->n_series, sizeof(struct gs_series *), by_first);
        }
    }
    if (samples->drawn == samples->n_series) {
        return 0;
    }
    struct gs_series *series = samples->series[samples->drawn++];
    struct gs_trace_ask ask = gs_trace_nothing_known();
    trace->row = ask.row = series->row;
    ask.rows = series->rows;
    ask.input = series->input;
    if (series->first_us == series->last_us) {
        struct gs_err why;
        (void)gs_fail(&why, GS_INVALID,
                      "\"%.100s\" has one sample; expected two, to know how long it ran",
                      series->name);
        (void)gs_trace_wrap_row(trace, &ask, &why);
        (void)gs_trace_skip_rows(trace, GS_TRACE_FAULT_TIME, series->rows, &why);
        return 1;
    }
    ask.start_us = series->first_us;
    ask.run_us = series->last_us - series->first_us + samples->interval_us;
    ask.fate = series->last_us == samples->last_us ? GS_TRACE_CUT_OFF : GS_TRACE_RAN;
    ask.gpus = series->n_gpus > 1 ? series->n_gpus : 1;
    ask.memory_mib = use_of(&series->of[GS_METRIC_MEMORY_MIB]);
    ask.util_permille = use_of(&series->of[GS_METRIC_UTIL_PERMILLE]);
    int r = set_names(trace, series->name, &ask, err);
    if (r < 0) {
        return r;
    }
    (void)gs_trace_put(trace, &ask, 1);
    return 1;
}
