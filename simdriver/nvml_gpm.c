/* GPM: activity of a GPU, a GPU instance or a MIG device between two samples. Hopper and later. */
#include <stdio.h>

#include "simdriver/nvml.h"
#include "simdriver/nvml_board.h"
#include "simdriver/nvml_pool.h"

enum { SAMPLES_MAX = 4096 };

struct gpm_sample {
    bool filled;
    bool has_data; /* false: a GPU instance without a compute instance */
    uint32_t gpu, gi, ci;
    uint64_t generation; /* of the instance */
    uint64_t at_us;
    uint32_t load; /* percent of what was sampled */
    uint32_t decoders, jpegs, ofas;
};

static uint64_t generations[SAMPLES_MAX];
static struct gpm_sample samples[SAMPLES_MAX];
static struct nvml_pool pool = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .kind = NVML_OWN_SAMPLE,
    .generations = generations,
    .entries = samples,
    .entry_size = sizeof(samples[0]),
    .n = SAMPLES_MAX,
};

static bool is_supported(const struct nvml_at *at)
{
    return nvml_board(at->gpu)->architecture >= NVML_DEVICE_ARCH_HOPPER;
}

NVML_API(nvmlGpmQueryDeviceSupport, struct nvml_device *device, struct nvml_gpm_support *support)
{
    NVML_DEVICE(at, device, NVML_ON_ANY, support != NULL);
    if (support->version != NVML_GPM_VERSION) {
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    }
    support->is_supported_device = is_supported(&at);
    return NVML_SUCCESS;
}

NVML_API(nvmlGpmSampleAlloc, struct nvml_gpm_sample **sample)
{
    NVML_SYSTEM(at, sample != NULL);
    struct nvml_gpm_sample *made = nvml_pool_take(&pool);
    if (made == NULL) {
        return NVML_ERROR_MEMORY;
    }
    *sample = made;
    return NVML_SUCCESS;
}

NVML_API(nvmlGpmSampleFree, struct nvml_gpm_sample *sample)
{
    NVML_SYSTEM(at, true);
    return nvml_pool_give(&pool, sample);
}

static bool has_compute(const struct sim_gi *gi)
{
    for (unsigned i = 0; i < SIM_CIS; i++) {
        if (gi->cis[i].present) {
            return true;
        }
    }
    return false;
}

static struct gpm_sample measure(const struct nvml_at *at, uint32_t gi, uint32_t ci)
{
    struct gpm_sample now = {.filled = true,
                             .has_data = true,
                             .gpu = at->index,
                             .gi = gi,
                             .ci = ci,
                             .at_us = nvml_boot_us(),
                             .load = nvml_board_load(at->machine, at->index, gi, ci),
                             .decoders = 8,
                             .jpegs = 8,
                             .ofas = 1};
    if (gi != SIM_NONE) {
        const struct sim_gi *instance = &at->gpu->gis[gi];
        struct sim_gi_profile profile;
        sim_gi_profile_of(at->machine, at->index, gi, &profile);
        now.decoders = profile.engines[GS_ENGINE_DECODER];
        now.jpegs = profile.engines[GS_ENGINE_JPEG];
        now.ofas = profile.engines[GS_ENGINE_OFA];
        now.has_data = has_compute(instance);
        now.generation = ci == SIM_NONE ? instance->generation : instance->cis[ci].generation;
    }
    return now;
}

static int fill(const struct nvml_at *at, uint32_t gi, uint32_t ci, struct nvml_gpm_sample *sample)
{
    if (!is_supported(at)) {
        return NVML_ERROR_NOT_SUPPORTED;
    }
    struct gpm_sample now = measure(at, gi, ci);
    struct gpm_sample *found = nvml_pool_lock(&pool, sample);
    if (found == NULL) {
        return NVML_ERROR_INVALID_ARGUMENT;
    }
    *found = now;
    nvml_pool_unlock(&pool);
    return NVML_SUCCESS;
}

NVML_API(nvmlGpmSampleGet, struct nvml_device *device, struct nvml_gpm_sample *sample)
{
    NVML_DEVICE(at, device, NVML_ON_ANY, sample != NULL);
    return fill(&at, at.gi, at.ci, sample);
}

NVML_API(nvmlGpmMigSampleGet, struct nvml_device *device, uint32_t gi,
         struct nvml_gpm_sample *sample)
{
    NVML_DEVICE(at, device, NVML_ON_GPU, sample != NULL);
    if (!at.gpu->mode) {
        return NVML_ERROR_NOT_SUPPORTED;
    }
    if (sim_gi_get(at.machine, at.index, gi) == NULL) {
        return NVML_ERROR_INVALID_ARGUMENT;
    }
    return fill(&at, gi, SIM_NONE, sample);
}

/* ---- Metrics ---- */

/* Each as a share of the load: what an ordinary training job looks like. */
static const struct metric {
    uint32_t id;
    char *short_name, *long_name, *unit; /* never written to; NVML's structure has no const */
    uint32_t permille;
} metrics[] = {
    {NVML_GPM_METRIC_GRAPHICS_UTIL, "gract", "Graphics engine active", "%", 1000},
    {NVML_GPM_METRIC_SM_UTIL, "smact", "SM active", "%", 950},
    {NVML_GPM_METRIC_SM_OCCUPANCY, "smocc", "SM occupancy", "%", 500},
    {NVML_GPM_METRIC_INTEGER_UTIL, "int", "Integer active", "%", 200},
    {NVML_GPM_METRIC_ANY_TENSOR_UTIL, "tensor", "Any tensor active", "%", 400},
    {6, "dfma", "DFMA tensor active", "%", 0},
    {7, "hmma", "HMMA tensor active", "%", 400},
    {8, "dmma", "DMMA tensor active", "%", 0},
    {9, "imma", "IMMA tensor active", "%", 0},
    {NVML_GPM_METRIC_DRAM_BW_UTIL, "dram", "DRAM bandwidth", "%", 450},
    {NVML_GPM_METRIC_FP64_UTIL, "fp64", "FP64 active", "%", 0},
    {NVML_GPM_METRIC_FP32_UTIL, "fp32", "FP32 active", "%", 250},
    {NVML_GPM_METRIC_FP16_UTIL, "fp16", "FP16 active", "%", 150},
    {NVML_GPM_METRIC_PCIE_TX_PER_SEC, "pcitx", "PCIe transmitted", "MiB/s", 5000},
    {NVML_GPM_METRIC_PCIE_RX_PER_SEC, "pcirx", "PCIe received", "MiB/s", 8000},
};

static const struct metric *metric_by_id(uint32_t id)
{
    for (size_t i = 0; i < GS_ARRAY_LEN(metrics); i++) {
        if (metrics[i].id == id) {
            return &metrics[i];
        }
    }
    return NULL;
}

/* Media engines rest; one that the instance lacks is not supported. */
static int media(const struct gpm_sample *sample, uint32_t id, struct nvml_gpm_metric *ret)
{
    static char decoder[] = "nvdec";
    static char jpeg[] = "nvjpg";
    static char ofa[] = "nvofa";
    static char percent[] = "%";
    uint32_t number = id % 10;
    uint32_t kind = id - number;
    uint32_t have = kind == NVML_GPM_METRIC_NVDEC_0_UTIL   ? sample->decoders
                    : kind == NVML_GPM_METRIC_NVJPG_0_UTIL ? sample->jpegs
                                                           : sample->ofas;
    ret->short_name = kind == NVML_GPM_METRIC_NVDEC_0_UTIL   ? decoder
                      : kind == NVML_GPM_METRIC_NVJPG_0_UTIL ? jpeg
                                                             : ofa;
    ret->long_name = ret->short_name;
    ret->unit = percent;
    ret->value = 0;
    return number < have ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
}

static bool is_media(uint32_t id)
{
    return (id >= NVML_GPM_METRIC_NVDEC_0_UTIL && id < NVML_GPM_METRIC_NVDEC_0_UTIL + 8) ||
           (id >= NVML_GPM_METRIC_NVJPG_0_UTIL && id < NVML_GPM_METRIC_NVJPG_0_UTIL + 8) ||
           (id >= NVML_GPM_METRIC_NVOFA_0_UTIL && id < NVML_GPM_METRIC_NVOFA_0_UTIL + 2);
}

static bool is_pcie(uint32_t id)
{
    return id == NVML_GPM_METRIC_PCIE_TX_PER_SEC || id == NVML_GPM_METRIC_PCIE_RX_PER_SEC;
}

/* The load between the samples. When the instance was made anew in between, counters that began
 * again are taken from one another: nonsense, as on the real thing. */
static double load_between(const struct gpm_sample *first, const struct gpm_sample *second)
{
    if (first->generation != second->generation) {
        return 184467440737095516.0;
    }
    return ((double)first->load + (double)second->load) / 2;
}

static int compute(const struct gpm_sample *first, const struct gpm_sample *second,
                   struct nvml_gpm_metric *ret)
{
    if (is_media(ret->metric_id)) {
        return media(second, ret->metric_id, ret);
    }
    const struct metric *metric = metric_by_id(ret->metric_id);
    if (metric == NULL) {
        bool is_one = ret->metric_id != 0 && ret->metric_id < NVML_GPM_METRICS_ROOM;
        return is_one ? NVML_ERROR_NOT_SUPPORTED : NVML_ERROR_INVALID_ARGUMENT;
    }
    ret->short_name = metric->short_name;
    ret->long_name = metric->long_name;
    ret->unit = metric->unit;
    if (is_pcie(ret->metric_id) && second->gi != SIM_NONE) {
        return NVML_ERROR_NOT_SUPPORTED; /* the link is the whole GPU's */
    }
    if (!first->has_data || !second->has_data ||
        second->at_us < first->at_us + NVML_GPM_SAMPLE_GAP_MS * 1000) {
        return NVML_ERROR_NO_DATA;
    }
    ret->value = load_between(first, second) * metric->permille / 1000;
    return NVML_SUCCESS;
}

static bool copy_sample(const struct nvml_gpm_sample *sample, struct gpm_sample *ret)
{
    const struct gpm_sample *found = nvml_pool_lock(&pool, sample);
    if (found == NULL) {
        return false;
    }
    *ret = *found;
    nvml_pool_unlock(&pool);
    return ret->filled;
}

NVML_API(nvmlGpmMetricsGet, struct nvml_gpm_metrics_get *get)
{
    NVML_SYSTEM(at, get != NULL);
    if (get->version != NVML_GPM_VERSION) {
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    }
    struct gpm_sample first;
    struct gpm_sample second;
    if (get->n_metrics == 0 || get->n_metrics > NVML_GPM_METRICS_ROOM ||
        !copy_sample(get->sample1, &first) || !copy_sample(get->sample2, &second) ||
        first.gpu != second.gpu || first.gi != second.gi || first.ci != second.ci) {
        return NVML_ERROR_INVALID_ARGUMENT;
    }
    for (uint32_t i = 0; i < get->n_metrics; i++) {
        get->metrics[i].nvml_return = compute(&first, &second, &get->metrics[i]);
    }
    return NVML_SUCCESS;
}
