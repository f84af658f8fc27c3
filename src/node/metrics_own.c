#include "node/metrics_own.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "node/room.h"

const uint64_t gs_metrics_bounds_us[GS_METRICS_BUCKETS] = {
    50000,   100000,   250000,   500000,   1000000,  2500000,
    5000000, 10000000, 20000000, 40000000, 80000000, 160000000,
};

void gs_metrics_count(struct gs_metrics_counters *counters, uint64_t duration_us)
{
    unsigned i = 0;
    while (i < GS_METRICS_BUCKETS && duration_us > gs_metrics_bounds_us[i]) {
        i++;
    }
    counters->recuts++;
    counters->recut_us += duration_us;
    counters->recut_buckets[i]++;
}

/* ---- slices ---- */

static const char *const state_names[GS_METRICS_SLICE_STATES] = {
    [GS_METRICS_IDLE] = "idle",       [GS_METRICS_HELD] = "held",
    [GS_METRICS_SICK] = "sick",       [GS_METRICS_RETIRING] = "retiring",
    [GS_METRICS_UNKNOWN] = "unknown",
};

static bool is_sick(const struct gs_metrics_input *input, const struct gs_snapshot_gpu *gpu,
                    const struct gs_slice_id *slice)
{
    return gpu->lost || (input->health != NULL && gs_health_of(input->health, slice) != NULL);
}

static enum gs_metrics_slice_state state_of(const struct gs_metrics_input *input,
                                            const struct gs_snapshot_gpu *gpu, unsigned row)
{
    const struct gs_slice_id *slice = &input->offer->snapshot->slices[row].id;
    for (unsigned i = 0; i < input->n_marks; i++) {
        if (input->marks[i].retiring && gs_slice_id_eq(&input->marks[i].slice, slice)) {
            return GS_METRICS_RETIRING;
        }
    }
    if (is_sick(input, gpu, slice)) {
        return GS_METRICS_SICK;
    }
    if (input->holding == NULL) {
        return GS_METRICS_UNKNOWN;
    }
    return gs_held_idle(&input->holding->slices[row]) ? GS_METRICS_IDLE : GS_METRICS_HELD;
}

bool gs_metrics_count_profile(const struct gs_metrics_input *input, unsigned row,
                              unsigned counts[GS_METRICS_SLICE_STATES])
{
    const struct gs_snapshot *snapshot = input->offer->snapshot;
    memset(counts, 0, GS_METRICS_SLICE_STATES * sizeof(counts[0]));
    for (unsigned g = 0; g < snapshot->n_gpus; g++) {
        const struct gs_snapshot_gpu *gpu = &snapshot->gpus[g];
        for (unsigned i = gpu->first; i < gpu->first + gpu->n; i++) {
            if (!gs_profile_name_eq(&snapshot->slices[i].profile, &snapshot->slices[row].profile)) {
                continue;
            }
            if (i < row) {
                return false;
            }
            counts[state_of(input, gpu, i)]++;
        }
    }
    return true;
}

static void put_slices(const struct gs_metrics_input *input, struct gs_promtext *prom)
{
    const struct gs_snapshot *snapshot = input->offer->snapshot;
    gs_promtext_family(prom, "gpuslice_slices", GS_PROM_GAUGE,
                       "MIG slices by profile and by what is with them: idle, held, sick, "
                       "retiring, or unknown while nobody can say who holds them.");
    for (unsigned row = 0; row < snapshot->n_slices; row++) {
        unsigned counts[GS_METRICS_SLICE_STATES];
        char profile[GS_PROFILE_NAME_MAX + 1];
        if (!gs_metrics_count_profile(input, row, counts)) {
            continue;
        }
        gs_profile_name_format(&snapshot->slices[row].profile, profile);
        for (unsigned s = 0; s < GS_METRICS_SLICE_STATES; s++) {
            const struct gs_promtext_label labels[] = {{"profile", profile},
                                                       {"state", state_names[s]}};
            if (s != GS_METRICS_UNKNOWN || counts[s] > 0) {
                gs_promtext_u64(prom, "", labels, GS_ARRAY_LEN(labels), counts[s]);
            }
        }
    }
}

static void put_slice_infos(const struct gs_metrics_input *input, struct gs_promtext *prom)
{
    const struct gs_snapshot *snapshot = input->offer->snapshot;
    gs_promtext_family(prom, "gpuslice_slice_info", GS_PROM_GAUGE,
                       "A MIG slice, its place on the GPU, and its own UUID.");
    for (unsigned g = 0; g < snapshot->n_gpus; g++) {
        const struct gs_snapshot_gpu *gpu = &snapshot->gpus[g];
        for (unsigned i = gpu->first; i < gpu->first + gpu->n; i++) {
            const struct gs_snapshot_slice *slice = &snapshot->slices[i];
            char profile[GS_PROFILE_NAME_MAX + 1];
            char index[12];
            char gi[12];
            char ci[12];
            char start[12];
            gs_profile_name_format(&slice->profile, profile);
            snprintf(index, sizeof(index), "%u", gpu->facts.index);
            snprintf(gi, sizeof(gi), "%u", slice->id.gi);
            snprintf(ci, sizeof(ci), "%u", slice->id.ci);
            snprintf(start, sizeof(start), "%u", slice->start);
            const struct gs_promtext_label labels[] = {
                {"gpu", index},
                {"UUID", gpu->facts.uuid},
                {"profile", profile},
                {"GPU_I_ID", gi},
                {"ci", ci},
                {"start", start},
                {"mig_uuid", slice->uuid},
            };
            gs_promtext_u64(prom, "", labels, GS_ARRAY_LEN(labels), 1);
        }
    }
}

/* ---- room ---- */

/* Beside all GPU instances of a GPU, or beside those that are held. False: not known. */
static bool fill_room(const struct gs_metrics_input *input, const struct gs_snapshot_gpu *gpu,
                      bool held_only, struct gs_room *ret)
{
    const struct gs_snapshot *snapshot = input->offer->snapshot;
    gs_room_init(ret, gpu->model);
    if (ret->model == NULL || !gs_snapshot_is_cut(gpu) || (held_only && input->holding == NULL)) {
        return false;
    }
    for (unsigned from = gpu->first; from < gpu->first + gpu->n;) {
        bool counts = !held_only;
        unsigned to = from;
        while (to < gpu->first + gpu->n &&
               snapshot->slices[to].id.gi == snapshot->slices[from].id.gi) {
            counts = counts || !gs_held_idle(&input->holding->slices[to]);
            to++;
        }
        if (counts) {
            gs_room_put(ret, &snapshot->slices[from]);
        }
        from = to;
    }
    return true;
}

static void put_placements(const struct gs_metrics_input *input, struct gs_promtext *prom)
{
    const struct gs_snapshot *snapshot = input->offer->snapshot;
    gs_promtext_family(prom, "gpuslice_free_placements", GS_PROM_GAUGE,
                       "Places where one more slice of a profile could be cut, beside all slices "
                       "that there are, or beside those that are held.");
    for (unsigned g = 0; g < snapshot->n_gpus; g++) {
        char index[12];
        snprintf(index, sizeof(index), "%u", snapshot->gpus[g].facts.index);
        for (unsigned held = 0; held < 2; held++) {
            struct gs_room room;
            if (!fill_room(input, &snapshot->gpus[g], held == 1, &room)) {
                continue;
            }
            for (unsigned p = 0; p < room.model->n_profiles; p++) {
                const struct gs_promtext_label labels[] = {
                    {"gpu", index},
                    {"UUID", snapshot->gpus[g].facts.uuid},
                    {"profile", room.model->profiles[p].name},
                    {"beside", held == 1 ? "held" : "all"},
                };
                gs_promtext_u64(prom, "", labels, GS_ARRAY_LEN(labels), gs_room_count(&room, p));
            }
        }
    }
}

/* How much of what is free the largest slice that fits cannot use, in parts of a million. False:
 * nothing is free. */
static bool fragmentation_of(const struct gs_room *room, uint32_t *ret_ppm)
{
    unsigned largest = 0;
    unsigned all = room->model->compute_slices;
    unsigned n_free = room->used_compute < all ? all - room->used_compute : 0;
    if (n_free == 0) {
        return false;
    }
    for (unsigned p = 0; p < room->model->n_profiles; p++) {
        unsigned size = room->model->profiles[p].compute_slices;
        largest = size > largest && gs_room_count(room, p) > 0 ? size : largest;
    }
    largest = largest < n_free ? largest : n_free;
    *ret_ppm = (uint32_t)((uint64_t)(n_free - largest) * 1000000 / n_free);
    return true;
}

static void put_fragmentation(const struct gs_metrics_input *input, struct gs_promtext *prom)
{
    const struct gs_snapshot *snapshot = input->offer->snapshot;
    gs_promtext_family(prom, "gpuslice_fragmentation_ratio", GS_PROM_GAUGE,
                       "Share of the compute slices that nobody holds which the largest slice "
                       "that could be cut from them cannot use.");
    for (unsigned g = 0; g < snapshot->n_gpus; g++) {
        struct gs_room room;
        uint32_t ppm;
        char index[12];
        if (!fill_room(input, &snapshot->gpus[g], true, &room) || !fragmentation_of(&room, &ppm)) {
            continue;
        }
        snprintf(index, sizeof(index), "%u", snapshot->gpus[g].facts.index);
        const struct gs_promtext_label labels[] = {{"gpu", index},
                                                   {"UUID", snapshot->gpus[g].facts.uuid}};
        gs_promtext_fixed(prom, "", labels, GS_ARRAY_LEN(labels), ppm, 6);
    }
}

/* ---- the agent ---- */

static void put_result(struct gs_promtext *prom, const char *result, uint64_t count)
{
    const struct gs_promtext_label label = {"result", result};
    gs_promtext_u64(prom, "", &label, 1, count);
}

static void put_counters(const struct gs_metrics_counters *counters, struct gs_promtext *prom)
{
    gs_promtext_family(prom, "gpuslice_recuts_total", GS_PROM_COUNTER,
                       "Changes of what GPUs are cut into: done, failed, or refused as something "
                       "was held.");
    put_result(prom, "done", counters->recuts);
    put_result(prom, "failed", counters->recuts_failed);
    put_result(prom, "busy", counters->recuts_busy);
    gs_promtext_family(prom, "gpuslice_recut_seconds", GS_PROM_HISTOGRAM,
                       "How long changes took that were done.");
    gs_promtext_histogram(prom, NULL, 0, gs_metrics_bounds_us, GS_METRICS_BUCKETS,
                          counters->recut_buckets, counters->recut_us);
    gs_promtext_family(prom, "gpuslice_allocations_total", GS_PROM_COUNTER,
                       "Containers that the kubelet asked devices for.");
    put_result(prom, "granted", counters->allocations);
    put_result(prom, "refused", counters->allocations_refused);
    gs_promtext_family(prom, "gpuslice_registrations_total", GS_PROM_COUNTER,
                       "Registrations of a resource with the kubelet.");
    gs_promtext_u64(prom, "", NULL, 0, counters->registrations);
    gs_promtext_family(prom, "gpuslice_api_errors_total", GS_PROM_COUNTER,
                       "Requests to the API server that failed.");
    gs_promtext_u64(prom, "", NULL, 0, counters->api_errors);
}

static void put_info(const struct gs_metrics_input *input, struct gs_promtext *prom)
{
    static const char *const strategies[] = {[GS_MIG_STRATEGY_NONE] = "none",
                                             [GS_MIG_STRATEGY_SINGLE] = "single",
                                             [GS_MIG_STRATEGY_MIXED] = "mixed"};
    const struct gs_promtext_label labels[] = {
        {"version", input->version},
        {"driver_version", input->offer->snapshot->driver.driver_version},
        {"mig_strategy", strategies[input->config->mig_strategy]},
    };
    gs_promtext_family(prom, "gpuslice_agent_info", GS_PROM_GAUGE, "The agent of this node.");
    gs_promtext_u64(prom, "", labels, GS_ARRAY_LEN(labels), 1);
}

/* A series may be there once. */
static bool is_repeated(const struct gs_condition *conditions, unsigned i)
{
    for (unsigned k = 0; k < i; k++) {
        if (conditions[k].code == conditions[i].code &&
            strcmp(conditions[k].subject, conditions[i].subject) == 0) {
            return true;
        }
    }
    return false;
}

static void put_conditions(const struct gs_metrics_input *input, struct gs_promtext *prom)
{
    gs_promtext_family(prom, "gpuslice_condition", GS_PROM_GAUGE,
                       "What is not as it should be, while it is so.");
    for (unsigned i = 0; i < input->n_conditions; i++) {
        const struct gs_condition *condition = &input->conditions[i];
        const struct gs_promtext_label labels[] = {
            {"condition", gs_condition_name(condition->code)},
            {"subject", condition->subject},
        };
        if (!is_repeated(input->conditions, i)) {
            gs_promtext_u64(prom, "", labels, GS_ARRAY_LEN(labels), 1);
        }
    }
}

void gs_metrics_write_own(const struct gs_metrics_input *input, struct gs_promtext *prom)
{
    put_info(input, prom);
    put_slices(input, prom);
    put_slice_infos(input, prom);
    put_placements(input, prom);
    put_fragmentation(input, prom);
    if (input->counters != NULL) {
        put_counters(input->counters, prom);
    }
    put_conditions(input, prom);
}
