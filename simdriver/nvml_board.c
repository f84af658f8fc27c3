#include "simdriver/nvml_board.h"

#include <pthread.h>
#include <string.h>

#include "base/cleanup.h"
#include "simdriver/nvml.h"

enum { TESLA = 2, NVIDIA_RTX = 13, NVIDIA = 14, TURING = 6 };

/* The longest beginning that fits counts; the last row fits all. */
static const struct nvml_board boards[] = {
    {"A100-40GB", NVML_DEVICE_ARCH_AMPERE, 8, 0, NVIDIA, 64, 5120, 210, 1410, 1215, 45, 100, 400, 4,
     12, 3, false, false, "92.00.45.00.03"},
    {"A100-80GB", NVML_DEVICE_ARCH_AMPERE, 8, 0, NVIDIA, 64, 5120, 210, 1410, 1593, 60, 100, 400, 4,
     12, 3, false, false, "92.00.9E.00.01"},
    {"A800", NVML_DEVICE_ARCH_AMPERE, 8, 0, NVIDIA, 64, 5120, 210, 1410, 1593, 60, 100, 400, 4, 8,
     3, false, false, "92.00.AB.00.01"},
    {"A30", NVML_DEVICE_ARCH_AMPERE, 8, 0, NVIDIA, 64, 3072, 210, 1440, 1215, 25, 100, 165, 4, 4, 3,
     false, false, "92.00.66.00.04"},
    {"H100", NVML_DEVICE_ARCH_HOPPER, 9, 0, NVIDIA, 128, 5120, 345, 1980, 2619, 70, 200, 700, 5, 18,
     4, true, false, "96.00.74.00.01"},
    {"H100-80GB-PCIe", NVML_DEVICE_ARCH_HOPPER, 9, 0, NVIDIA, 128, 5120, 345, 1755, 1593, 50, 200,
     350, 5, 0, 0, false, false, "96.00.5E.00.01"},
    {"H100-94GB-NVL", NVML_DEVICE_ARCH_HOPPER, 9, 0, NVIDIA, 128, 6016, 345, 1785, 2619, 60, 200,
     400, 5, 12, 4, false, false, "96.00.9F.00.01"},
    {"H800", NVML_DEVICE_ARCH_HOPPER, 9, 0, NVIDIA, 128, 5120, 345, 1980, 2619, 70, 200, 700, 5, 8,
     4, true, false, "96.00.74.00.11"},
    {"H800-80GB-PCIe", NVML_DEVICE_ARCH_HOPPER, 9, 0, NVIDIA, 128, 5120, 345, 1755, 1593, 50, 200,
     350, 5, 0, 0, false, false, "96.00.5E.00.11"},
    {"H800-94GB-NVL", NVML_DEVICE_ARCH_HOPPER, 9, 0, NVIDIA, 128, 6016, 345, 1785, 2619, 60, 200,
     400, 5, 8, 4, false, false, "96.00.9F.00.11"},
    {"H20", NVML_DEVICE_ARCH_HOPPER, 9, 0, NVIDIA, 128, 6144, 345, 1980, 2619, 75, 200, 500, 5, 18,
     4, true, false, "96.00.AF.00.01"},
    {"H200", NVML_DEVICE_ARCH_HOPPER, 9, 0, NVIDIA, 128, 6144, 345, 1980, 3201, 75, 200, 700, 5, 18,
     4, true, false, "96.00.BC.00.01"},
    {"GH200", NVML_DEVICE_ARCH_HOPPER, 9, 0, NVIDIA, 128, 6144, 345, 1980, 2619, 75, 100, 900, 5,
     18, 4, true, false, "96.00.84.00.01"},
    {"B200", NVML_DEVICE_ARCH_BLACKWELL, 10, 0, NVIDIA, 128, 8192, 120, 1965, 3996, 140, 200, 1000,
     6, 18, 5, true, false, "97.00.82.00.01"},
    {"GB200", NVML_DEVICE_ARCH_BLACKWELL, 10, 0, NVIDIA, 128, 8192, 120, 2062, 3996, 150, 200, 1200,
     6, 18, 5, true, true, "97.00.88.00.01"},
    {"B300", NVML_DEVICE_ARCH_BLACKWELL, 10, 3, NVIDIA, 128, 8192, 120, 2032, 3996, 160, 200, 1100,
     6, 18, 5, true, false, "97.10.4A.00.01"},
    {"GB300", NVML_DEVICE_ARCH_BLACKWELL, 10, 3, NVIDIA, 128, 8192, 120, 2070, 3996, 165, 200, 1400,
     6, 18, 5, true, true, "97.10.52.00.01"},
    {"RTX-PRO", NVML_DEVICE_ARCH_BLACKWELL, 12, 0, NVIDIA_RTX, 128, 512, 180, 2617, 12481, 30, 150,
     600, 5, 0, 0, false, false, "98.02.6A.00.00"},
    {"T4", TURING, 7, 5, TESLA, 64, 256, 300, 1590, 5001, 10, 60, 70, 3, 0, 0, false, false,
     "90.04.96.00.01"},
    {"L4", NVML_DEVICE_ARCH_ADA, 8, 9, NVIDIA, 128, 192, 210, 2040, 6251, 12, 40, 72, 4, 0, 0,
     false, false, "95.04.29.00.06"},
    {"L40S", NVML_DEVICE_ARCH_ADA, 8, 9, NVIDIA, 128, 384, 210, 2520, 9001, 35, 100, 350, 4, 0, 0,
     false, false, "95.02.66.00.02"},
    {"A10G", NVML_DEVICE_ARCH_AMPERE, 8, 6, NVIDIA, 128, 384, 210, 1710, 6251, 16, 100, 300, 4, 0,
     0, false, false, "94.02.75.00.01"},
    {"", NVML_DEVICE_ARCH_BLACKWELL, 10, 0, NVIDIA, 128, 4096, 210, 1800, 2000, 50, 100, 400, 5, 0,
     0, false, false, "00.00.00.00.00"},
};

const struct nvml_board *nvml_board(const struct sim_gpu *gpu)
{
    const struct nvml_board *best = &boards[GS_ARRAY_LEN(boards) - 1];
    for (size_t i = 0; i < GS_ARRAY_LEN(boards); i++) {
        size_t n = strlen(boards[i].begins);
        if (n > strlen(best->begins) && strncmp(gpu->model, boards[i].begins, n) == 0) {
            best = &boards[i];
        }
    }
    return best;
}

uint32_t nvml_board_sms(const struct sim_machine *machine, unsigned gpu)
{
    const struct gs_model *model = sim_gpu_model(&machine->gpus[gpu]);
    uint32_t sms = 0;
    for (unsigned i = 0; i < model->n_profiles; i++) {
        struct sim_gi_profile profile;
        if (sim_gi_profile(machine, gpu, model->profiles[i].nvml_profile, &profile) == SIM_OK &&
            profile.sm_count > sms) {
            sms = profile.sm_count;
        }
    }
    return sms != 0 ? sms : 40; /* T4; the cards without MIG are not in the catalogue */
}

/* Compute slices of what a holder holds; of the whole GPU where it is not cut. */
static uint32_t slices_of(const struct sim_machine *machine, unsigned gpu, uint32_t gi, uint32_t ci)
{
    if (gi == SIM_NONE) {
        uint32_t slices = sim_gpu_model(&machine->gpus[gpu])->compute_slices;
        return slices != 0 ? slices : 1;
    }
    if (ci != SIM_NONE) {
        const struct sim_ci *found = sim_ci_get(machine, gpu, gi, ci);
        return found != NULL ? found->size : 0;
    }
    if (sim_gi_get(machine, gpu, gi) == NULL) {
        return 0;
    }
    struct sim_gi_profile profile;
    sim_gi_profile_of(machine, gpu, gi, &profile);
    return profile.compute_slices;
}

uint32_t nvml_board_load(const struct sim_machine *machine, unsigned gpu, uint32_t gi, uint32_t ci)
{
    uint64_t busy = 0; /* percent of slices */
    for (unsigned i = 0; i < SIM_HOLDERS; i++) {
        const struct sim_holder *holder = &machine->holders[i];
        if (holder->pid != 0 && holder->gpu == gpu && (gi == SIM_NONE || holder->gi == gi) &&
            (ci == SIM_NONE || holder->ci == ci)) {
            busy +=
                (uint64_t)holder->busy_percent * slices_of(machine, gpu, holder->gi, holder->ci);
        }
    }
    uint32_t slices = slices_of(machine, gpu, gi, ci);
    uint64_t load = slices == 0 ? 0 : busy / slices;
    return load > 100 ? 100 : (uint32_t)load;
}

uint32_t nvml_board_milliwatts(const struct sim_machine *machine, unsigned gpu)
{
    const struct nvml_board *board = nvml_board(&machine->gpus[gpu]);
    uint32_t load = nvml_board_load(machine, gpu, SIM_NONE, SIM_NONE);
    return board->watts_idle * 1000u + (uint32_t)(board->watts_max - board->watts_idle) * 9 * load;
}

uint32_t nvml_board_celsius(const struct sim_machine *machine, unsigned gpu)
{
    return 28 + gpu % 4 + nvml_board_load(machine, gpu, SIM_NONE, SIM_NONE) * 38 / 100;
}

uint64_t nvml_board_millijoules(const struct sim_machine *machine, unsigned gpu, uint64_t boot_us)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct {
        uint64_t above_nj; /* what was taken above rest */
        uint64_t at_us;    /* until then */
    } seen[SIM_GPUS_MAX];
    uint32_t rest = nvml_board(&machine->gpus[gpu])->watts_idle * 1000u;
    uint32_t above = nvml_board_milliwatts(machine, gpu) - rest;
    pthread_mutex_lock(&lock);
    if (seen[gpu].at_us != 0 && boot_us > seen[gpu].at_us) {
        seen[gpu].above_nj += above * (boot_us - seen[gpu].at_us); /* mW * us */
    }
    if (boot_us > seen[gpu].at_us) {
        seen[gpu].at_us = boot_us;
    }
    uint64_t total = rest * (seen[gpu].at_us / 1000) / 1000 + seen[gpu].above_nj / 1000000;
    pthread_mutex_unlock(&lock);
    return total;
}
