#include "node/metrics_emf.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "node/metrics_own.h"
#include "wire/emf.h"

enum { MEMBERS_MAX = 12, LINE_METRICS_MAX = 12, NUMBER_TEXT = 12 };

/* A line while it is put together. */
struct line {
    const struct gs_metrics_emf *emf;
    struct gs_emf_member members[MEMBERS_MAX];
    unsigned n_members;
    struct gs_emf_metric metrics[LINE_METRICS_MAX];
    unsigned n_metrics;
    char cluster[GS_EMF_VALUE_MAX + 1];
    char node[GS_EMF_VALUE_MAX + 1];
    char nodepool[GS_EMF_VALUE_MAX + 1];
};

static void begin(struct line *line, const struct gs_metrics_emf *emf)
{
    line->emf = emf;
    line->n_members = 0;
    line->n_metrics = 0;
    gs_emf_value(emf->cluster, line->cluster, sizeof(line->cluster));
    gs_emf_value(emf->input->hostname, line->node, sizeof(line->node));
    gs_emf_value(emf->nodepool, line->nodepool, sizeof(line->nodepool));
}

static void member(struct line *line, const char *name, const char *value)
{
    line->members[line->n_members++] = (struct gs_emf_member){.name = name, .value = value};
}

static void metric(struct line *line, const char *name, enum gs_emf_unit unit, double value)
{
    line->metrics[line->n_metrics++] =
        (struct gs_emf_metric){.name = name, .value = value, .unit = unit};
}

static int end(const struct line *line, const struct gs_emf_set *sets, unsigned n_sets,
               struct gs_buf *out, struct gs_err *err)
{
    const struct gs_emf emf = {.name_space = line->emf->name_space,
                               .at_ms = line->emf->at_ms,
                               .sets = sets,
                               .n_sets = n_sets,
                               .members = line->members,
                               .n_members = line->n_members,
                               .metrics = line->metrics,
                               .n_metrics = line->n_metrics};
    return gs_emf_write(&emf, out, err);
}

/* ---- by state ---- */

static void put_states(struct line *line, const unsigned counts[GS_METRICS_SLICE_STATES])
{
    unsigned all = 0;
    for (unsigned i = 0; i < GS_METRICS_SLICE_STATES; i++) {
        all += counts[i];
    }
    /* where nobody can say who holds a slice, neither number is known */
    bool known = counts[GS_METRICS_UNKNOWN] == 0;
    metric(line, "SlicesTotal", GS_EMF_COUNT, all);
    metric(line, "SlicesUsed", GS_EMF_COUNT, known ? counts[GS_METRICS_HELD] : (double)NAN);
    metric(line, "SlicesIdle", GS_EMF_COUNT, known ? counts[GS_METRICS_IDLE] : (double)NAN);
    metric(line, "SlicesSick", GS_EMF_COUNT, counts[GS_METRICS_SICK]);
}

/* What was read of a row; NULL: nothing. */
static const struct gs_slice_readings *readings_of(const struct gs_metrics_input *input,
                                                   unsigned row)
{
    return input->slices == NULL ? NULL : &input->slices[row];
}

static double percent_of(const struct gs_slice_readings *readings)
{
    return readings == NULL || readings->graphics_ppm == GS_NOT_KNOWN
               ? (double)NAN
               : readings->graphics_ppm / 1e4;
}

/* ---- the node ---- */

static int write_node(const struct gs_metrics_emf *emf, struct gs_buf *out, struct gs_err *err)
{
    static const char *const cluster[] = {"ClusterName"};
    static const char *const node[] = {"ClusterName", "NodeName"};
    static const struct gs_emf_set sets[] = {{cluster, 1}, {node, 2}};
    const struct gs_metrics_input *input = emf->input;
    const struct gs_snapshot *snapshot = input->offer->snapshot;
    const struct gs_metrics_counters *now = input->counters;
    const struct gs_metrics_counters *then = emf->before;
    unsigned sum[GS_METRICS_SLICE_STATES] = {0};
    bool counted = now != NULL && then != NULL;
    struct line line;
    begin(&line, emf);
    member(&line, "ClusterName", line.cluster);
    member(&line, "NodeName", line.node);
    member(&line, "NodePool", line.nodepool);
    member(&line, "AgentVersion", input->version);
    for (unsigned row = 0; row < snapshot->n_slices; row++) {
        unsigned counts[GS_METRICS_SLICE_STATES];
        bool first = gs_metrics_count_profile(input, row, counts);
        for (unsigned i = 0; first && i < GS_METRICS_SLICE_STATES; i++) {
            sum[i] += counts[i];
        }
    }
    metric(&line, "Gpus", GS_EMF_COUNT, snapshot->n_gpus);
    put_states(&line, sum);
    metric(&line, "Conditions", GS_EMF_COUNT, input->n_conditions);
    metric(&line, "RecutsDone", GS_EMF_COUNT,
           counted ? (double)(now->recuts - then->recuts) : (double)NAN);
    metric(&line, "RecutsFailed", GS_EMF_COUNT,
           counted ? (double)(now->recuts_failed - then->recuts_failed) : (double)NAN);
    return end(&line, sets, GS_ARRAY_LEN(sets), out, err);
}

/* ---- profiles ---- */

/* How busy the slices of the profile of `row` are, on average. */
static double busy_of(const struct gs_metrics_input *input, unsigned row)
{
    const struct gs_snapshot *snapshot = input->offer->snapshot;
    double sum = 0;
    unsigned n = 0;
    for (unsigned i = 0; i < snapshot->n_slices; i++) {
        double percent = percent_of(readings_of(input, i));
        if (gs_profile_name_eq(&snapshot->slices[i].profile, &snapshot->slices[row].profile) &&
            !isnan(percent)) {
            sum += percent;
            n++;
        }
    }
    return n == 0 ? (double)NAN : sum / n;
}

static int write_profile(const struct gs_metrics_emf *emf, unsigned row, struct gs_buf *out,
                         struct gs_err *err)
{
    static const char *const profile[] = {"ClusterName", "Profile"};
    static const char *const pool[] = {"ClusterName", "NodePool", "Profile"};
    static const struct gs_emf_set sets[] = {{profile, 2}, {pool, 3}};
    const struct gs_metrics_input *input = emf->input;
    unsigned counts[GS_METRICS_SLICE_STATES];
    char name[GS_PROFILE_NAME_MAX + 1];
    struct line line;
    if (!gs_metrics_count_profile(input, row, counts)) {
        return 0;
    }
    begin(&line, emf);
    gs_profile_name_format(&input->offer->snapshot->slices[row].profile, name);
    member(&line, "ClusterName", line.cluster);
    member(&line, "NodePool", line.nodepool);
    member(&line, "Profile", name);
    member(&line, "NodeName", line.node);
    put_states(&line, counts);
    metric(&line, "EngineActive", GS_EMF_PERCENT, busy_of(input, row));
    return end(&line, sets, GS_ARRAY_LEN(sets), out, err);
}

/* ---- slices ---- */

static const struct gs_held_by *holder_of(const struct gs_metrics_input *input, unsigned row)
{
    const struct gs_held *held = input->holding == NULL ? NULL : &input->holding->slices[row];
    return held == NULL || held->holders == NULL || held->n_holders == 0 ? NULL : &held->holders[0];
}

static int write_slice(const struct gs_metrics_emf *emf, const struct gs_snapshot_gpu *gpu,
                       unsigned row, struct gs_buf *out, struct gs_err *err)
{
    static const char *const names[] = {"ClusterName", "NodeName", "GpuIndex", "GpuInstanceId"};
    static const struct gs_emf_set set = {names, GS_ARRAY_LEN(names)};
    const struct gs_snapshot_slice *slice = &emf->input->offer->snapshot->slices[row];
    const struct gs_slice_readings *readings = readings_of(emf->input, row);
    const struct gs_held_by *by = holder_of(emf->input, row);
    bool known = readings != NULL && readings->fb_used_bytes != UINT64_MAX;
    char profile[GS_PROFILE_NAME_MAX + 1];
    char index[NUMBER_TEXT];
    char gi[NUMBER_TEXT];
    struct line line;
    begin(&line, emf);
    gs_profile_name_format(&slice->profile, profile);
    snprintf(index, sizeof(index), "%u", gpu->facts.index);
    snprintf(gi, sizeof(gi), "%u", slice->id.gi);
    member(&line, "ClusterName", line.cluster);
    member(&line, "NodeName", line.node);
    member(&line, "GpuIndex", index);
    member(&line, "GpuInstanceId", gi);
    member(&line, "Profile", profile);
    member(&line, "GpuUuid", gpu->facts.uuid);
    member(&line, "MigUuid", slice->uuid);
    if (by != NULL && by->pod[0] != '\0') {
        member(&line, "Namespace", by->name_space);
        member(&line, "Pod", by->pod);
    }
    metric(&line, "SliceEngineActive", GS_EMF_PERCENT, percent_of(readings));
    metric(&line, "SliceMemoryUsed", GS_EMF_MEGABYTES,
           known ? (double)readings->fb_used_bytes / 1e6 : (double)NAN);
    return end(&line, &set, 1, out, err);
}

int gs_metrics_emf_write(const struct gs_metrics_emf *emf, struct gs_buf *out, struct gs_err *err)
{
    const struct gs_snapshot *snapshot = emf->input->offer->snapshot;
    int r = write_node(emf, out, err);
    for (unsigned row = 0;
         r == 0 && emf->detail >= GS_EMF_DETAIL_PROFILE && row < snapshot->n_slices; row++) {
        r = write_profile(emf, row, out, err);
    }
    for (unsigned g = 0; emf->detail >= GS_EMF_DETAIL_SLICE && g < snapshot->n_gpus; g++) {
        const struct gs_snapshot_gpu *gpu = &snapshot->gpus[g];
        for (unsigned i = gpu->first; r == 0 && i < gpu->first + gpu->n; i++) {
            bool first =
                i == gpu->first || snapshot->slices[i].id.gi != snapshot->slices[i - 1].id.gi;
            r = first ? write_slice(emf, gpu, i, out, err) : 0;
        }
    }
    return r;
}
