#include <string.h>

#include "base/cleanup.h"
#include "core/catalog.h"
#include "simdriver/inside.h"

/* One release of each branch: the first that ran the newest GPU of its time, so that any of the
 * branch's GPUs runs on it. CUDA versions as in NVIDIA's release notes. */
static const struct sim_driver drivers[] = {
    {450, "450.80.02", 11000, 6},  {470, "470.57.02", 11040, 7},  {525, "525.85.12", 12000, 9},
    {535, "535.161.07", 12020, 9}, {550, "550.90.07", 12040, 9},  {570, "570.133.20", 12080, 12},
    {580, "580.82.07", 13000, 16}, {595, "595.58.03", 13020, 17},
};

const struct sim_driver *sim_driver_find(uint32_t major)
{
    for (size_t i = 0; i < GS_ARRAY_LEN(drivers); i++) {
        if (drivers[i].major == major) {
            return &drivers[i];
        }
    }
    return NULL;
}

/* The user guide's table, "Deployment Considerations"; the longest beginning of an id that fits. */
static const struct {
    const char *begins;
    uint32_t major;
} min_drivers[] = {
    {"A100", 450},  {"A800", 450}, {"A30", 460},   {"H20-", 535}, {"H200", 550},  {"H", 525},
    {"GH200", 525}, {"B200", 570}, {"GB200", 570}, {"B300", 580}, {"GB300", 595}, {"RTX-PRO", 575},
};

uint32_t sim_model_min_driver(const struct gs_model *model)
{
    size_t best = 0;
    uint32_t major = 0;
    for (size_t i = 0; i < GS_ARRAY_LEN(min_drivers); i++) {
        size_t n = strlen(min_drivers[i].begins);
        if (n > best && strncmp(model->id, min_drivers[i].begins, n) == 0) {
            best = n;
            major = min_drivers[i].major;
        }
    }
    return major;
}

/* GPUs that cannot be cut, for machines that have both. Memory as nvidia-smi shows it. */
#define PLAIN(id_, product, arch, pci, mib, gib)                                                   \
    {                                                                                              \
        .id = (id_), .family = (id_), .architecture = (arch),                                      \
        .product_names = (const char *const[]){product}, .n_product_names = 1,                     \
        .variants = (const struct gs_variant[]){{(product), (pci)}}, .n_variants = 1,              \
        .placements_source = "cannot be cut", .memory_mib = (mib), .memory_gib = (gib)             \
    }
static const struct gs_model plain_models[] = {
    PLAIN("T4", "Tesla T4", "turing", 0x1EB810DE, 15360, 15),
    PLAIN("L4", "NVIDIA L4", "ada", 0x27B810DE, 23034, 23),
    PLAIN("A10G", "NVIDIA A10G", "ampere", 0x223710DE, 23028, 23),
    PLAIN("L40S", "NVIDIA L40S", "ada", 0x26B910DE, 46068, 45),
};

const struct gs_model *sim_model_by_id(const char *id)
{
    size_t n;
    const struct gs_model *models = gs_catalog(&n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(models[i].id, id) == 0) {
            return &models[i];
        }
    }
    for (size_t i = 0; i < GS_ARRAY_LEN(plain_models); i++) {
        if (strcmp(plain_models[i].id, id) == 0) {
            return &plain_models[i];
        }
    }
    return NULL;
}

int sim_model_find(struct gs_view name, const struct gs_model **ret_model, struct gs_err *err)
{
    for (size_t i = 0; i < GS_ARRAY_LEN(plain_models); i++) {
        if (gs_view_eq_nocase(name, plain_models[i].id) ||
            gs_view_eq_nocase(name, plain_models[i].product_names[0])) {
            *ret_model = &plain_models[i];
            return 0;
        }
    }
    return gs_catalog_find(name, ret_model, err);
}

const struct gs_model *sim_gpu_model(const struct sim_gpu *gpu)
{
    return sim_model_by_id(gpu->model);
}

uint64_t sim_gpu_memory_mib(const struct sim_gpu *gpu)
{
    const struct gs_model *model = sim_gpu_model(gpu);
    if (model->memory_mib != GS_NOT_KNOWN) {
        return model->memory_mib;
    }
    /* An estimate: cards report a little less than the GiB they are named by. */
    return (uint64_t)model->memory_gib * 1024 - 256;
}

uint64_t sim_gpu_reserved_mib(const struct sim_gpu *gpu)
{
    return sim_gpu_memory_mib(gpu) * 15 / 1000;
}
