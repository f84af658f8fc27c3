#include "node/metrics_families.h"

#include "base/cleanup.h"

static struct gs_metrics_value none(void)
{
    return (struct gs_metrics_value){.known = false};
}

static struct gs_metrics_value of_u32(uint32_t number)
{
    return (struct gs_metrics_value){.known = number != GS_NOT_KNOWN, .whole = number};
}

static struct gs_metrics_value of_u64(uint64_t number)
{
    return (struct gs_metrics_value){.known = number != UINT64_MAX, .whole = number};
}

static struct gs_metrics_value of_mib(uint64_t bytes)
{
    return (struct gs_metrics_value){.known = bytes != UINT64_MAX, .whole = bytes >> 20};
}

/* number / per, with six digits behind the point. */
static struct gs_metrics_value of_share(uint32_t number, double per)
{
    return (struct gs_metrics_value){
        .known = number != GS_NOT_KNOWN, .is_real = true, .real = (double)number / per};
}

/* ---- one function a family ---- */

static const struct gs_gpu_readings *gpu_of(const struct gs_metrics_entity *entity)
{
    static const struct gs_gpu_readings unread = {
        .sm_clock_mhz = GS_NOT_KNOWN,
        .memory_clock_mhz = GS_NOT_KNOWN,
        .temperature_c = GS_NOT_KNOWN,
        .memory_temperature_c = GS_NOT_KNOWN,
        .power_mw = GS_NOT_KNOWN,
        .energy_mj = UINT64_MAX,
        .pcie_replays = GS_NOT_KNOWN,
        .gpu_percent = GS_NOT_KNOWN,
        .memory_percent = GS_NOT_KNOWN,
        .encoder_percent = GS_NOT_KNOWN,
        .decoder_percent = GS_NOT_KNOWN,
        .fb_total_bytes = UINT64_MAX,
        .fb_free_bytes = UINT64_MAX,
        .fb_used_bytes = UINT64_MAX,
        .fb_reserved_bytes = UINT64_MAX,
        .remapped_correctable = GS_NOT_KNOWN,
        .remapped_uncorrectable = GS_NOT_KNOWN,
        .remap_pending = GS_NOT_KNOWN,
        .remap_failure = GS_NOT_KNOWN,
        .recovery = GS_NOT_KNOWN,
        .nvlink_tx_kib = UINT64_MAX,
        .nvlink_rx_kib = UINT64_MAX,
    };
    return entity->input->gpus == NULL ? &unread : &entity->input->gpus[entity->g];
}

/* What was read of the instance, or of the whole GPU; NULL: nothing. */
static const struct gs_slice_readings *slice_of(const struct gs_metrics_entity *entity)
{
    const struct gs_metrics_input *input = entity->input;
    if (entity->from < entity->to) {
        return input->slices == NULL ? NULL : &input->slices[entity->from];
    }
    return input->activity == NULL ? NULL : &input->activity[entity->g];
}

static struct gs_metrics_value sm_clock(const struct gs_metrics_entity *e)
{
    return of_u32(gpu_of(e)->sm_clock_mhz);
}

static struct gs_metrics_value mem_clock(const struct gs_metrics_entity *e)
{
    return of_u32(gpu_of(e)->memory_clock_mhz);
}

static struct gs_metrics_value memory_temp(const struct gs_metrics_entity *e)
{
    return of_u32(gpu_of(e)->memory_temperature_c);
}

static struct gs_metrics_value gpu_temp(const struct gs_metrics_entity *e)
{
    return of_u32(gpu_of(e)->temperature_c);
}

static struct gs_metrics_value power_usage(const struct gs_metrics_entity *e)
{
    return of_share(gpu_of(e)->power_mw, 1000);
}

static struct gs_metrics_value energy(const struct gs_metrics_entity *e)
{
    return of_u64(gpu_of(e)->energy_mj);
}

static struct gs_metrics_value pcie_replay(const struct gs_metrics_entity *e)
{
    return of_u32(gpu_of(e)->pcie_replays);
}

static struct gs_metrics_value gpu_util(const struct gs_metrics_entity *e)
{
    return of_u32(gpu_of(e)->gpu_percent);
}

static struct gs_metrics_value mem_copy_util(const struct gs_metrics_entity *e)
{
    return of_u32(gpu_of(e)->memory_percent);
}

static struct gs_metrics_value enc_util(const struct gs_metrics_entity *e)
{
    return of_u32(gpu_of(e)->encoder_percent);
}

static struct gs_metrics_value dec_util(const struct gs_metrics_entity *e)
{
    return of_u32(gpu_of(e)->decoder_percent);
}

/* Its own last error, or else that of the whole GPU. */
static struct gs_metrics_value xid_errors(const struct gs_metrics_entity *e)
{
    const struct gs_health *health = e->input->health;
    const struct gs_snapshot *snapshot = e->input->offer->snapshot;
    unsigned gpu = snapshot->gpus[e->g].facts.index;
    if (health == NULL || gpu >= GS_GPUS_MAX) {
        return none();
    }
    uint32_t whole = health->last_xid[gpu][GS_GPU_INSTANCES_MAX];
    uint32_t gi = e->from < e->to ? snapshot->slices[e->from].id.gi : GS_NOT_KNOWN;
    uint32_t own = gi < GS_GPU_INSTANCES_MAX ? health->last_xid[gpu][gi] : 0;
    return of_u32(own != 0 ? own : whole);
}

static struct gs_metrics_value fb_free(const struct gs_metrics_entity *e)
{
    const struct gs_slice_readings *slice = slice_of(e);
    bool own = e->from < e->to;
    return own ? (slice == NULL ? none() : of_mib(slice->fb_free_bytes))
               : of_mib(gpu_of(e)->fb_free_bytes);
}

static struct gs_metrics_value fb_used(const struct gs_metrics_entity *e)
{
    const struct gs_slice_readings *slice = slice_of(e);
    bool own = e->from < e->to;
    return own ? (slice == NULL ? none() : of_mib(slice->fb_used_bytes))
               : of_mib(gpu_of(e)->fb_used_bytes);
}

static struct gs_metrics_value fb_reserved(const struct gs_metrics_entity *e)
{
    const struct gs_slice_readings *slice = slice_of(e);
    bool own = e->from < e->to;
    return own ? (slice == NULL ? none() : of_mib(slice->fb_reserved_bytes))
               : of_mib(gpu_of(e)->fb_reserved_bytes);
}

static struct gs_metrics_value uncorrectable_rows(const struct gs_metrics_entity *e)
{
    return of_u32(gpu_of(e)->remapped_uncorrectable);
}

static struct gs_metrics_value correctable_rows(const struct gs_metrics_entity *e)
{
    return of_u32(gpu_of(e)->remapped_correctable);
}

static struct gs_metrics_value row_remap_failure(const struct gs_metrics_entity *e)
{
    return of_u32(gpu_of(e)->remap_failure);
}

static struct gs_metrics_value graphics_active(const struct gs_metrics_entity *e)
{
    const struct gs_slice_readings *slice = slice_of(e);
    return slice == NULL ? none() : of_share(slice->graphics_ppm, 1e6);
}

static struct gs_metrics_value sm_active(const struct gs_metrics_entity *e)
{
    const struct gs_slice_readings *slice = slice_of(e);
    return slice == NULL ? none() : of_share(slice->sm_ppm, 1e6);
}

static struct gs_metrics_value sm_occupancy(const struct gs_metrics_entity *e)
{
    const struct gs_slice_readings *slice = slice_of(e);
    return slice == NULL ? none() : of_share(slice->occupancy_ppm, 1e6);
}

static struct gs_metrics_value tensor_active(const struct gs_metrics_entity *e)
{
    const struct gs_slice_readings *slice = slice_of(e);
    return slice == NULL ? none() : of_share(slice->tensor_ppm, 1e6);
}

static struct gs_metrics_value dram_active(const struct gs_metrics_entity *e)
{
    const struct gs_slice_readings *slice = slice_of(e);
    return slice == NULL ? none() : of_share(slice->dram_ppm, 1e6);
}

static struct gs_metrics_value pcie_tx(const struct gs_metrics_entity *e)
{
    const struct gs_slice_readings *slice = slice_of(e);
    return slice == NULL ? none() : of_u64(slice->pcie_tx_bytes_per_s);
}

static struct gs_metrics_value pcie_rx(const struct gs_metrics_entity *e)
{
    const struct gs_slice_readings *slice = slice_of(e);
    return slice == NULL ? none() : of_u64(slice->pcie_rx_bytes_per_s);
}

static const struct gs_metrics_family families[] = {
    {"DCGM_FI_DEV_SM_CLOCK", GS_PROM_GAUGE, "SM clock frequency (in MHz).", sm_clock},
    {"DCGM_FI_DEV_MEM_CLOCK", GS_PROM_GAUGE, "Memory clock frequency (in MHz).", mem_clock},
    {"DCGM_FI_DEV_MEMORY_TEMP", GS_PROM_GAUGE, "Memory temperature (in C).", memory_temp},
    {"DCGM_FI_DEV_GPU_TEMP", GS_PROM_GAUGE, "GPU temperature (in C).", gpu_temp},
    {"DCGM_FI_DEV_POWER_USAGE", GS_PROM_GAUGE, "Power draw (in W).", power_usage},
    {"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", GS_PROM_COUNTER,
     "Total energy consumption since boot (in mJ).", energy},
    {"DCGM_FI_DEV_PCIE_REPLAY_COUNTER", GS_PROM_COUNTER, "Total number of PCIe retries.",
     pcie_replay},
    {"DCGM_FI_DEV_GPU_UTIL", GS_PROM_GAUGE, "GPU utilization (in %).", gpu_util},
    {"DCGM_FI_DEV_MEM_COPY_UTIL", GS_PROM_GAUGE, "Memory utilization (in %).", mem_copy_util},
    {"DCGM_FI_DEV_ENC_UTIL", GS_PROM_GAUGE, "Encoder utilization (in %).", enc_util},
    {"DCGM_FI_DEV_DEC_UTIL", GS_PROM_GAUGE, "Decoder utilization (in %).", dec_util},
    {"DCGM_FI_DEV_XID_ERRORS", GS_PROM_GAUGE, "Value of the last XID error encountered.",
     xid_errors},
    {"DCGM_FI_DEV_FB_FREE", GS_PROM_GAUGE, "Framebuffer memory free (in MiB).", fb_free},
    {"DCGM_FI_DEV_FB_USED", GS_PROM_GAUGE, "Framebuffer memory used (in MiB).", fb_used},
    {"DCGM_FI_DEV_FB_RESERVED", GS_PROM_GAUGE, "Framebuffer memory reserved (in MiB).",
     fb_reserved},
    {"DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS", GS_PROM_COUNTER,
     "Number of remapped rows for uncorrectable errors", uncorrectable_rows},
    {"DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS", GS_PROM_COUNTER,
     "Number of remapped rows for correctable errors", correctable_rows},
    {"DCGM_FI_DEV_ROW_REMAP_FAILURE", GS_PROM_GAUGE, "Whether remapping of rows has failed",
     row_remap_failure},
    {"DCGM_FI_PROF_GR_ENGINE_ACTIVE", GS_PROM_GAUGE, "Ratio of time the graphics engine is active.",
     graphics_active},
    {"DCGM_FI_PROF_SM_ACTIVE", GS_PROM_GAUGE,
     "The ratio of cycles an SM has at least 1 warp assigned.", sm_active},
    {"DCGM_FI_PROF_SM_OCCUPANCY", GS_PROM_GAUGE, "The ratio of number of warps resident on an SM.",
     sm_occupancy},
    {"DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", GS_PROM_GAUGE,
     "Ratio of cycles the tensor (HMMA) pipe is active.", tensor_active},
    {"DCGM_FI_PROF_DRAM_ACTIVE", GS_PROM_GAUGE,
     "Ratio of cycles the device memory interface is active sending or receiving data.",
     dram_active},
    {"DCGM_FI_PROF_PCIE_TX_BYTES", GS_PROM_GAUGE,
     "The rate of data transmitted over the PCIe bus - including both protocol headers and data "
     "payloads - in bytes per second.",
     pcie_tx},
    {"DCGM_FI_PROF_PCIE_RX_BYTES", GS_PROM_GAUGE,
     "The rate of data received over the PCIe bus - including both protocol headers and data "
     "payloads - in bytes per second.",
     pcie_rx},
};

const struct gs_metrics_family *gs_metrics_families(size_t *ret_n)
{
    *ret_n = GS_ARRAY_LEN(families);
    return families;
}
