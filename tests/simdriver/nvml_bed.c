#include "simdriver/nvml_bed.h"

#include <dlfcn.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

#include "unit/scratch.h"

struct bed bed;

void load_library(uint32_t library)
{
    char path[512];
    const char *folder = getenv("GPUSLICE_LIBRARIES");
    assert_non_null(folder);
    if (library == 0xFFFF) {
        snprintf(path, sizeof(path), "%s/libnvidia-ml.so.1", folder);
    } else {
        snprintf(path, sizeof(path), "%s/%u/libnvidia-ml.so.1", folder, library);
    }
    bed.library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (bed.library == NULL) {
        fail_msg("%s", dlerror());
    }
    void *error_string = dlsym(bed.library, "nvmlErrorString");
    memcpy(&bed.nvml.nvmlErrorString, &error_string, sizeof(error_string));
#define NVML_CALL(name, arguments)                                                                 \
    {                                                                                              \
        void *found = dlsym(bed.library, #name);                                                   \
        memcpy(&bed.nvml.name, &found, sizeof(found));                                             \
    }
    NVML_CALLS(NVML_CALL)
#undef NVML_CALL
}

void dlclose_library(void)
{
    dlclose(bed.library);
}

static void make_machine(uint32_t driver, const char *model_name, unsigned n)
{
    const struct gs_model *model = NULL;
    struct sim_machine *machine = calloc(1, sizeof(*machine));
    struct gs_err err = {.msg = ""};
    int status;
    assert_non_null(machine);
    assert_int_equal(sim_model_find(gs_view(model_name), &model, NULL), 0);
    assert_int_equal(sim_machine_init(machine, driver), SIM_OK);
    for (unsigned i = 0; i < n; i++) {
        if (sim_machine_add_gpu(machine, model, NULL, "test", false, &err) != 0) {
            fail_msg("%s", err.msg);
        }
        if (model->n_profiles > 0) {
            assert_int_equal(sim_mode_set(machine, i, 1, 1, &status), SIM_OK);
        }
    }
    assert_true(scratch_make("gpuslice-nvml", bed.dir, sizeof(bed.dir)));
    if (sim_store_create(bed.dir, machine, &err) != 0 ||
        sim_store_open(bed.dir, &bed.store, &err) != 0) {
        fail_msg("%s", err.msg);
    }
    free(machine);
    setenv("GPUSLICE_SIM", bed.dir, 1);
}

void begin_with(uint32_t driver, uint32_t library, const char *model, unsigned n)
{
    unsetenv("GPUSLICE_SIM_USER");
    make_machine(driver, model, n);
    load_library(library);
    assert_int_equal(bed.nvml.nvmlInit_v2(), NVML_SUCCESS);
}

void begin(const char *model, unsigned n)
{
    begin_with(580, 0xFFFF, model, n);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void end(void)
{
    while (bed.nvml.nvmlShutdown() == NVML_SUCCESS) {
    }
    dlclose_library();
    sim_store_close(bed.store);
    assert_int_equal(nftw(bed.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    scratch_forget(bed.dir);
    memset(&bed, 0, sizeof(bed));
}

struct sim_machine *change(void)
{
    struct sim_machine *machine = sim_store_begin(bed.store);
    assert_non_null(machine);
    return machine;
}

void changed(void)
{
    sim_store_commit(bed.store);
}

void *gpu(uint32_t index)
{
    void *device = NULL;
    assert_int_equal(bed.nvml.nvmlDeviceGetHandleByIndex_v2(index, &device), NVML_SUCCESS);
    return device;
}

uint32_t profile_id(const char *name)
{
    const struct sim_machine *machine = sim_store_view(bed.store);
    const struct gs_model *model = sim_gpu_model(&machine->gpus[0]);
    sim_store_end(bed.store);
    for (unsigned i = 0; i < model->n_profiles; i++) {
        if (strcmp(model->profiles[i].name, name) == 0) {
            return model->profiles[i].nvml_profile_id;
        }
    }
    fail_msg("%s lacks %s", model->id, name);
    return SIM_NONE;
}

static struct nvml_gi_profile_info profile_by_name(void *device, const char *name)
{
    uint32_t id = profile_id(name);
    for (uint32_t i = 0;; i++) {
        struct nvml_gi_profile_info info;
        int r = bed.nvml.nvmlDeviceGetGpuInstanceProfileInfo(device, i, &info);
        assert_int_not_equal(r, NVML_ERROR_INVALID_ARGUMENT);
        if (r == NVML_SUCCESS && info.id == id) {
            return info;
        }
    }
}

static uint32_t size_of(void *device, uint32_t id)
{
    struct nvml_placement placements[32];
    uint32_t n = 32;
    assert_int_equal(
        bed.nvml.nvmlDeviceGetGpuInstancePossiblePlacements_v2(device, id, placements, &n), 0);
    return placements[0].size;
}

void *create_gi(void *device, const char *profile, uint32_t start)
{
    void *gi = NULL;
    struct nvml_gi_profile_info info = profile_by_name(device, profile);
    if (start == SIM_NONE) {
        assert_int_equal(bed.nvml.nvmlDeviceCreateGpuInstance(device, info.id, &gi), NVML_SUCCESS);
        return gi;
    }
    struct nvml_placement place = {.start = start, .size = size_of(device, info.id)};
    assert_int_equal(
        bed.nvml.nvmlDeviceCreateGpuInstanceWithPlacement(device, info.id, &place, &gi),
        NVML_SUCCESS);
    return gi;
}

/* Of the kinds of CI, the one with all of the GI's slices. */
void *create_whole_ci(void *gi)
{
    struct nvml_ci_profile_info best = {.slice_count = 0};
    for (uint32_t i = 0;; i++) {
        struct nvml_ci_profile_info info;
        int r = bed.nvml.nvmlGpuInstanceGetComputeInstanceProfileInfo(gi, i, 0, &info);
        if (r == NVML_ERROR_INVALID_ARGUMENT) {
            break;
        }
        if (r == NVML_SUCCESS && info.slice_count > best.slice_count) {
            best = info;
        }
    }
    void *ci = NULL;
    assert_int_equal(bed.nvml.nvmlGpuInstanceCreateComputeInstance(gi, best.id, &ci), NVML_SUCCESS);
    return ci;
}

void *mig_of(void *ci)
{
    struct nvml_ci_info info;
    assert_int_equal(bed.nvml.nvmlComputeInstanceGetInfo_v2(ci, &info), NVML_SUCCESS);
    return info.device;
}
