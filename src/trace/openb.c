/* openb: pods of Alibaba's cluster-trace-gpu-v2023, which asked for thousandths of a GPU. Times are
 * seconds from the trace's start; a pod without a scheduled time never ran; one that is deleted at
 * the very end was cut off. CPU-only pods are handed out too, with 0 GPUs. */
#include "trace/field.h"
#include "trace/reader.h"
#include "wire/csv.h"

static const char *const header[] = {"name",          "cpu_milli",     "memory_mib",    "num_gpu",
                                     "gpu_milli",     "gpu_spec",      "qos",           "pod_phase",
                                     "creation_time", "deletion_time", "scheduled_time"};
enum {
    NAME,
    CPU_MILLI,
    MEMORY_MIB,
    NUM_GPU,
    GPU_MILLI,
    GPU_SPEC,
    QOS,
    POD_PHASE,
    CREATION_TIME,
    DELETION_TIME,
    SCHEDULED_TIME,
    FIELDS
};

struct openb {
    struct gs_csv csv;
    bool has_header;
};

static int begin(struct gs_trace *trace, struct gs_err *err)
{
    trace->own = GS_ARENA_NEW(&trace->arena, struct openb, 1);
    return trace->own == NULL ? gs_trace_no_memory(trace, err) : 0;
}

static int read_times(struct gs_trace *trace, const struct gs_view *fields,
                      struct gs_trace_ask *ask, struct gs_err *err)
{
    int64_t deleted;
    int r = gs_trace_moment(trace, fields[CREATION_TIME], &ask->created_us, err);
    if (r < 0) {
        return gs_wrap(err, r, "creation_time");
    }
    r = gs_trace_moment(trace, fields[DELETION_TIME], &deleted, err);
    if (r < 0) {
        return gs_wrap(err, r, "deletion_time");
    }
    bool ran = fields[SCHEDULED_TIME].n > 0;
    r = ran ? gs_trace_moment(trace, fields[SCHEDULED_TIME], &ask->start_us, err) : 0;
    if (r < 0) {
        return gs_wrap(err, r, "scheduled_time");
    }
    if (ran && ask->start_us < ask->created_us) {
        return gs_fail(err, GS_INVALID, "it is scheduled before it is created");
    }
    ask->fate = ran ? GS_TRACE_RAN : GS_TRACE_NEVER_RAN;
    ask->run_us = deleted - (ran ? ask->start_us : ask->created_us);
    return 0;
}

static int read_sizes(const struct gs_view *fields, struct gs_trace_ask *ask, struct gs_err *err)
{
    uint64_t gpus;
    uint64_t milli;
    const struct {
        unsigned field;
        uint64_t max;
        uint64_t *to;
    } amounts[] = {{CPU_MILLI, 1000000000, &ask->cpu_milli},
                   {MEMORY_MIB, 1ull << 30, &ask->host_memory_mib},
                   {NUM_GPU, GS_TRACE_GPUS_MAX, &gpus},
                   {GPU_MILLI, 1000, &milli}};
    for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++) {
        int r = gs_field_whole(fields[amounts[i].field], amounts[i].max, amounts[i].to, err);
        if (r < 0) {
            return gs_wrap(err, r, "%s", header[amounts[i].field]);
        }
    }
    if ((gpus == 0) != (milli == 0) || (gpus > 1 && milli < 1000)) {
        return gs_fail(err, GS_INVALID,
                       "found num_gpu %llu with gpu_milli %llu; expected a part of one GPU only",
                       (unsigned long long)gpus, (unsigned long long)milli);
    }
    ask->gpus = (uint32_t)gpus;
    ask->milli = gpus == 0 ? GS_NOT_KNOWN : (uint32_t)milli;
    return 0;
}

static int put(struct gs_trace *trace, const struct gs_view *fields, struct gs_err *err)
{
    struct gs_trace_ask ask = gs_trace_nothing_known();
    struct gs_err why;
    if (read_times(trace, fields, &ask, &why) < 0) {
        return gs_trace_skip(trace, GS_TRACE_FAULT_TIME, "%s", why.msg);
    }
    if (read_sizes(fields, &ask, &why) < 0) {
        return gs_trace_skip(trace, GS_TRACE_FAULT_SIZE, "%s", why.msg);
    }
    if (fields[GPU_SPEC].n > 0) {
        int r = gs_texts_keep(&trace->texts, fields[GPU_SPEC], &ask.gpu, err);
        if (r < 0) {
            return gs_wrap(err, r, "%s", gs_trace_label(trace));
        }
    }
    gs_trace_set_name(&ask, fields[NAME]);
    return gs_trace_put(trace, &ask, 1);
}

static int take(struct gs_trace *trace, struct gs_view line, struct gs_err *err)
{
    struct openb *openb = trace->own;
    struct gs_err why;
    bool more;
    int r = gs_csv_init(&openb->csv, gs_trace_label(trace), line, err);
    if (r < 0) {
        return r;
    }
    openb->csv.line = (unsigned)(trace->row - 1);
    if (!openb->has_header) {
        openb->has_header = true;
        return gs_csv_expect_header(&openb->csv, header, FIELDS, err);
    }
    trace->totals.input_rows++;
    r = gs_csv_next_of(&openb->csv, FIELDS, &more, &why);
    return r < 0 ? gs_trace_skip_for(trace, GS_TRACE_FAULT_FORM, &why)
                 : put(trace, openb->csv.fields, err);
}

const struct gs_trace_reader gs_trace_reader_openb = {
    .name = "openb", .cut_at_end = true, .begin = begin, .line = take};
