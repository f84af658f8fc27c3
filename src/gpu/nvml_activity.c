/* What slices do, by GPM: the difference of two samples, the last of which is kept. */
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "gpu/nvml_session.h"

static int64_t now_ms(void)
{
    return (int64_t)(gs_now_us() / 1000);
}

/* The scratch sample is one of nobody: it changes places with the last one of a slice. */
static void give_back(struct gs_nvml_session *session, struct nvml_gpm_sample **sample)
{
    if (*sample != NULL && session->open) {
        GS_NVML(&session->lib, gpm_free, *sample);
    }
    *sample = NULL;
}

void gs_nvml_activity_done(struct gs_nvml_session *session)
{
    give_back(session, &session->scratch);
    for (unsigned i = 0; i < GS_GPUS_MAX; i++) {
        for (unsigned a = 0; session->gpus[i].gpm > 0 && a <= GS_NVML_WHOLE; a++) {
            give_back(session, &session->gpus[i].activity[a].sample);
            session->gpus[i].activity[a].at_ms = 0;
        }
    }
}

static int has_gpm(struct gs_nvml_session *session, unsigned gpu)
{
    struct gs_nvml_gpu *known = &session->gpus[gpu];
    if (known->gpm == 0) {
        struct nvml_gpm_support support = {.version = NVML_GPM_VERSION};
        int code = GS_NVML(&session->lib, gpm_support, known->device, &support);
        if (gs_nvml_is_gone(code)) {
            return code;
        }
        known->gpm = code == NVML_SUCCESS && support.is_supported_device != 0 ? 1 : -1;
    }
    return known->gpm > 0 ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
}

static int take(struct gs_nvml_session *session, unsigned gpu, uint32_t gi)
{
    if (session->scratch == NULL) {
        int code = GS_NVML(&session->lib, gpm_alloc, &session->scratch);
        if (code != NVML_SUCCESS) {
            session->scratch = NULL;
            return code;
        }
    }
    struct nvml_device *device = session->gpus[gpu].device;
    return gi == GS_NOT_KNOWN ? GS_NVML(&session->lib, gpm_get, device, session->scratch)
                              : GS_NVML(&session->lib, gpm_get_mig, device, gi, session->scratch);
}

/* Percent to parts of a million. Counters that began again between two samples make any number:
 * false where it cannot be. Some percent over the whole is how NVML rounds. */
static bool share(const struct nvml_gpm_metric *metric, uint32_t *ret)
{
    if (metric->nvml_return != NVML_SUCCESS) {
        return true; /* not known, and no harm in that */
    }
    if (!isfinite(metric->value) || metric->value < 0 || metric->value > 105) {
        return false;
    }
    *ret = metric->value >= 100 ? 1000000 : (uint32_t)(metric->value * 10000);
    return true;
}

static bool rate(const struct nvml_gpm_metric *metric, uint64_t *ret)
{
    enum { MIB_PER_S_MAX = 4 * 1024 * 1024 }; /* 4 TiB/s: no link of today comes near */
    if (metric->nvml_return != NVML_SUCCESS) {
        return true;
    }
    if (!isfinite(metric->value) || metric->value < 0 || metric->value > MIB_PER_S_MAX) {
        return false;
    }
    *ret = (uint64_t)(metric->value * (1 << 20));
    return true;
}

/* What lies between the two samples. False: nonsense. */
static bool difference(struct gs_nvml_session *session, struct nvml_gpm_sample *first,
                       struct nvml_gpm_sample *second, struct gs_slice_readings *ret)
{
    enum { GRAPHICS, SM, OCCUPANCY, TENSOR, DRAM, TX, RX, METRICS };
    static const uint32_t ids[METRICS] = {
        NVML_GPM_METRIC_GRAPHICS_UTIL,   NVML_GPM_METRIC_SM_UTIL,
        NVML_GPM_METRIC_SM_OCCUPANCY,    NVML_GPM_METRIC_ANY_TENSOR_UTIL,
        NVML_GPM_METRIC_DRAM_BW_UTIL,    NVML_GPM_METRIC_PCIE_TX_PER_SEC,
        NVML_GPM_METRIC_PCIE_RX_PER_SEC,
    };
    struct nvml_gpm_metrics_get get = {
        .version = NVML_GPM_VERSION, .n_metrics = METRICS, .sample1 = first, .sample2 = second};
    for (unsigned i = 0; i < METRICS; i++) {
        get.metrics[i] =
            (struct nvml_gpm_metric){.metric_id = ids[i], .nvml_return = NVML_ERROR_UNKNOWN};
    }
    if (GS_NVML(&session->lib, gpm_metrics, &get) != NVML_SUCCESS) {
        return false;
    }
    return share(&get.metrics[GRAPHICS], &ret->graphics_ppm) &&
           share(&get.metrics[SM], &ret->sm_ppm) &&
           share(&get.metrics[OCCUPANCY], &ret->occupancy_ppm) &&
           share(&get.metrics[TENSOR], &ret->tensor_ppm) &&
           share(&get.metrics[DRAM], &ret->dram_ppm) &&
           rate(&get.metrics[TX], &ret->pcie_tx_bytes_per_s) &&
           rate(&get.metrics[RX], &ret->pcie_rx_bytes_per_s);
}

static void copy_activity(const struct gs_slice_readings *from, struct gs_slice_readings *to)
{
    to->interval_ms = from->interval_ms;
    to->graphics_ppm = from->graphics_ppm;
    to->sm_ppm = from->sm_ppm;
    to->occupancy_ppm = from->occupancy_ppm;
    to->tensor_ppm = from->tensor_ppm;
    to->dram_ppm = from->dram_ppm;
    to->pcie_tx_bytes_per_s = from->pcie_tx_bytes_per_s;
    to->pcie_rx_bytes_per_s = from->pcie_rx_bytes_per_s;
}

/* The scratch sample is the newest: what it makes with the last one, whose place it takes. */
static void advance(struct gs_nvml_session *session, struct gs_nvml_activity *activity,
                    int64_t at_ms)
{
    struct gs_slice_readings found;
    memset(&found, 0xff, sizeof(found));
    bool has_first = activity->at_ms != 0;
    memset(&activity->last, 0xff, sizeof(activity->last));
    if (has_first && difference(session, activity->sample, session->scratch, &found)) {
        bool any = found.graphics_ppm != GS_NOT_KNOWN || found.sm_ppm != GS_NOT_KNOWN ||
                   found.dram_ppm != GS_NOT_KNOWN;
        int64_t interval = at_ms - activity->at_ms;
        found.interval_ms = any && interval < GS_NOT_KNOWN ? (uint32_t)interval : GS_NOT_KNOWN;
        copy_activity(&found, &activity->last);
    }
    struct nvml_gpm_sample *old = activity->sample;
    activity->sample = session->scratch;
    session->scratch = old;
    activity->at_ms = at_ms;
}

int gs_nvml_activity(struct gs_nvml_session *session, unsigned gpu, uint32_t gi,
                     uint64_t generation, struct gs_slice_readings *ret)
{
    int code = has_gpm(session, gpu);
    if (code != NVML_SUCCESS) {
        return gs_nvml_is_gone(code) ? code : NVML_SUCCESS;
    }
    uint32_t at = gi == GS_NOT_KNOWN ? GS_NVML_WHOLE : gi;
    struct gs_nvml_activity *activity = &session->gpus[gpu].activity[at];
    if (activity->generation != generation) {
        activity->at_ms = 0;
        activity->generation = generation;
    }
    int64_t now = now_ms();
    if (activity->at_ms == 0 || now - activity->at_ms >= GS_SAMPLE_GAP_MS) {
        code = take(session, gpu, gi);
        if (code != NVML_SUCCESS) {
            activity->at_ms = 0;
            return gs_nvml_is_gone(code) ? code : NVML_SUCCESS;
        }
        advance(session, activity, now_ms());
    }
    copy_activity(&activity->last, ret);
    return NVML_SUCCESS;
}
