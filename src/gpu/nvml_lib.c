#include "gpu/nvml_lib.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/view.h"

/* One function: where its pointer goes and its names, newest first. */
struct symbol {
    size_t into;
    bool required;
    const char *names[3];
};

#define AT(member) .into = offsetof(struct gs_nvml_lib, member)

static const struct symbol symbols[] = {
    {AT(init), .required = true, {"nvmlInit_v2", "nvmlInit"}},
    {AT(shutdown), .required = true, {"nvmlShutdown"}},
    {AT(error_string), .names = {"nvmlErrorString"}},
    {AT(driver_version), .names = {"nvmlSystemGetDriverVersion"}},
    {AT(nvml_version), .names = {"nvmlSystemGetNVMLVersion"}},
    {AT(cuda_version),
     .names = {"nvmlSystemGetCudaDriverVersion_v2", "nvmlSystemGetCudaDriverVersion"}},
    {AT(device_count), .required = true, {"nvmlDeviceGetCount_v2", "nvmlDeviceGetCount"}},
    {AT(device_by_index),
     .required = true,
     {"nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetHandleByIndex"}},
    {AT(name), .names = {"nvmlDeviceGetName"}},
    {AT(uuid), .names = {"nvmlDeviceGetUUID"}},
    {AT(serial), .names = {"nvmlDeviceGetSerial"}},
    {AT(minor), .names = {"nvmlDeviceGetMinorNumber"}},
    {AT(pci),
     .names = {"nvmlDeviceGetPciInfo_v3", "nvmlDeviceGetPciInfo_v2", "nvmlDeviceGetPciInfo"}},
    {AT(memory), .names = {"nvmlDeviceGetMemoryInfo"}},
    {AT(architecture), .names = {"nvmlDeviceGetArchitecture"}},
    {AT(compute_capability), .names = {"nvmlDeviceGetCudaComputeCapability"}},
    {AT(field_values), .names = {"nvmlDeviceGetFieldValues"}},
    {AT(index), .names = {"nvmlDeviceGetIndex"}},
    {AT(virtualization), .names = {"nvmlDeviceGetVirtualizationMode"}},
    {AT(fabric_v), .names = {"nvmlDeviceGetGpuFabricInfoV"}},
    {AT(fabric), .names = {"nvmlDeviceGetGpuFabricInfo"}},
    {AT(memory_v2), .names = {"nvmlDeviceGetMemoryInfo_v2"}},
    {AT(clock), .names = {"nvmlDeviceGetClockInfo"}},
    {AT(temperature), .names = {"nvmlDeviceGetTemperature"}},
    {AT(power), .names = {"nvmlDeviceGetPowerUsage"}},
    {AT(energy), .names = {"nvmlDeviceGetTotalEnergyConsumption"}},
    {AT(pcie_replays), .names = {"nvmlDeviceGetPcieReplayCounter"}},
    {AT(utilization), .names = {"nvmlDeviceGetUtilizationRates"}},
    {AT(encoder), .names = {"nvmlDeviceGetEncoderUtilization"}},
    {AT(decoder), .names = {"nvmlDeviceGetDecoderUtilization"}},
    {AT(remapped), .names = {"nvmlDeviceGetRemappedRows"}},
    {AT(gpm_support), .names = {"nvmlGpmQueryDeviceSupport"}},
    {AT(gpm_alloc), .names = {"nvmlGpmSampleAlloc"}},
    {AT(gpm_free), .names = {"nvmlGpmSampleFree"}},
    {AT(gpm_get), .names = {"nvmlGpmSampleGet"}},
    {AT(gpm_get_mig), .names = {"nvmlGpmMigSampleGet"}},
    {AT(gpm_metrics), .names = {"nvmlGpmMetricsGet"}},
    {AT(event_types), .names = {"nvmlDeviceGetSupportedEventTypes"}},
    {AT(event_set), .names = {"nvmlEventSetCreate"}},
    {AT(event_register), .names = {"nvmlDeviceRegisterEvents"}},
    {AT(event_wait), .names = {"nvmlEventSetWait_v2", "nvmlEventSetWait"}},
    {AT(event_free), .names = {"nvmlEventSetFree"}},
    {AT(mig_mode), .names = {"nvmlDeviceGetMigMode"}},
    {AT(set_mig_mode), .names = {"nvmlDeviceSetMigMode"}},
    {AT(mig_max), .names = {"nvmlDeviceGetMaxMigDeviceCount"}},
    {AT(mig_by_index), .names = {"nvmlDeviceGetMigDeviceHandleByIndex"}},
    {AT(mig_attributes), .names = {"nvmlDeviceGetAttributes_v2", "nvmlDeviceGetAttributes"}},
    {AT(mig_gi_id), .names = {"nvmlDeviceGetGpuInstanceId"}},
    {AT(mig_ci_id), .names = {"nvmlDeviceGetComputeInstanceId"}},
    {AT(gi_profile_v), .names = {"nvmlDeviceGetGpuInstanceProfileInfoV"}},
    {AT(gi_profile), .names = {"nvmlDeviceGetGpuInstanceProfileInfo"}},
    {AT(gi_placements), .names = {"nvmlDeviceGetGpuInstancePossiblePlacements_v2",
                                  "nvmlDeviceGetGpuInstancePossiblePlacements"}},
    {AT(gi_create), .names = {"nvmlDeviceCreateGpuInstanceWithPlacement"}},
    {AT(gi_destroy), .names = {"nvmlGpuInstanceDestroy"}},
    {AT(gi_list), .names = {"nvmlDeviceGetGpuInstances"}},
    {AT(gi_by_id), .names = {"nvmlDeviceGetGpuInstanceById"}},
    {AT(gi_info), .names = {"nvmlGpuInstanceGetInfo"}},
    {AT(ci_profile), .names = {"nvmlGpuInstanceGetComputeInstanceProfileInfo"}},
    {AT(ci_placements), .names = {"nvmlGpuInstanceGetComputeInstancePossiblePlacements"}},
    {AT(ci_create), .names = {"nvmlGpuInstanceCreateComputeInstance"}},
    {AT(ci_create_at), .names = {"nvmlGpuInstanceCreateComputeInstanceWithPlacement"}},
    {AT(ci_destroy), .names = {"nvmlComputeInstanceDestroy"}},
    {AT(ci_list), .names = {"nvmlGpuInstanceGetComputeInstances"}},
    {AT(ci_by_id), .names = {"nvmlGpuInstanceGetComputeInstanceById"}},
    {AT(ci_info), .names = {"nvmlComputeInstanceGetInfo_v2"}},
    {AT(ci_info_v1), .names = {"nvmlComputeInstanceGetInfo"}},
    {AT(processes[0]), .names = {"nvmlDeviceGetComputeRunningProcesses_v3",
                                 "nvmlDeviceGetComputeRunningProcesses_v2"}},
    {AT(processes[1]), .names = {"nvmlDeviceGetGraphicsRunningProcesses_v3",
                                 "nvmlDeviceGetGraphicsRunningProcesses_v2"}},
    {AT(processes[2]), .names = {"nvmlDeviceGetMPSComputeRunningProcesses_v3",
                                 "nvmlDeviceGetMPSComputeRunningProcesses_v2"}},
    {AT(processes_v1[0]), .names = {"nvmlDeviceGetComputeRunningProcesses"}},
    {AT(processes_v1[1]), .names = {"nvmlDeviceGetGraphicsRunningProcesses"}},
    {AT(processes_v1[2]), .names = {"nvmlDeviceGetMPSComputeRunningProcesses"}},
};

static bool resolve(struct gs_nvml_lib *lib, const struct symbol *symbol)
{
    for (size_t i = 0; i < GS_ARRAY_LEN(symbol->names) && symbol->names[i] != NULL; i++) {
        void *found = dlsym(lib->handle, symbol->names[i]);
        if (found != NULL) {
            /* POSIX gives a function's address as an object pointer; C has no cast for it */
            memcpy((char *)lib + symbol->into, &found, sizeof(found));
            return true;
        }
    }
    return false;
}

int gs_nvml_lib_open(const char *path, struct gs_nvml_lib *ret, struct gs_err *err)
{
    struct gs_nvml_lib lib = {.handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL)};
    if (lib.handle == NULL) {
        const char *why = dlerror();
        return gs_fail(err, GS_NOT_FOUND,
                       "the NVIDIA driver's library %s cannot be loaded (%s); is the driver "
                       "installed, and the library where the loader looks?",
                       path, why != NULL ? why : "no reason was given");
    }
    for (size_t i = 0; i < GS_ARRAY_LEN(symbols); i++) {
        if (!resolve(&lib, &symbols[i]) && symbols[i].required) {
            dlclose(lib.handle);
            return gs_fail(err, GS_UNSUPPORTED,
                           "%s has no function %s: it is not NVIDIA's management library", path,
                           symbols[i].names[0]);
        }
    }
    *ret = lib;
    return 0;
}

void gs_nvml_lib_close(struct gs_nvml_lib *lib)
{
    if (lib->handle != NULL) {
        dlclose(lib->handle);
    }
    *lib = (struct gs_nvml_lib){0};
}

/* What the codes are called and what they mean to callers of gpu.h. */
static const struct {
    int number;
    const char *word;
    enum gs_code code;
    int sys_errno;
} codes[] = {
    {NVML_SUCCESS, "SUCCESS", GS_OK, 0},
    {NVML_ERROR_UNINITIALIZED, "UNINITIALIZED", GS_IO, EIO},
    {NVML_ERROR_INVALID_ARGUMENT, "INVALID_ARGUMENT", GS_INVALID, 0},
    {NVML_ERROR_NOT_SUPPORTED, "NOT_SUPPORTED", GS_UNSUPPORTED, 0},
    {NVML_ERROR_NO_PERMISSION, "NO_PERMISSION", GS_IO, EPERM},
    {NVML_ERROR_ALREADY_INITIALIZED, "ALREADY_INITIALIZED", GS_IO, EIO},
    {NVML_ERROR_NOT_FOUND, "NOT_FOUND", GS_NOT_FOUND, 0},
    {NVML_ERROR_INSUFFICIENT_SIZE, "INSUFFICIENT_SIZE", GS_IO, EIO},
    {NVML_ERROR_INSUFFICIENT_POWER, "INSUFFICIENT_POWER", GS_IO, EIO},
    {NVML_ERROR_DRIVER_NOT_LOADED, "DRIVER_NOT_LOADED", GS_IO, ENODEV},
    {NVML_ERROR_TIMEOUT, "TIMEOUT", GS_IO, ETIMEDOUT},
    {NVML_ERROR_IRQ_ISSUE, "IRQ_ISSUE", GS_IO, EIO},
    {NVML_ERROR_LIBRARY_NOT_FOUND, "LIBRARY_NOT_FOUND", GS_IO, ENODEV},
    {NVML_ERROR_FUNCTION_NOT_FOUND, "FUNCTION_NOT_FOUND", GS_UNSUPPORTED, 0},
    {NVML_ERROR_CORRUPTED_INFOROM, "CORRUPTED_INFOROM", GS_IO, EIO},
    {NVML_ERROR_GPU_IS_LOST, "GPU_IS_LOST", GS_IO, ENODEV},
    {NVML_ERROR_RESET_REQUIRED, "RESET_REQUIRED", GS_IO, EIO},
    {NVML_ERROR_OPERATING_SYSTEM, "OPERATING_SYSTEM", GS_IO, EIO},
    {NVML_ERROR_LIB_RM_VERSION_MISMATCH, "LIB_RM_VERSION_MISMATCH", GS_IO, ENODEV},
    {NVML_ERROR_IN_USE, "IN_USE", GS_BUSY, 0},
    {NVML_ERROR_MEMORY, "MEMORY", GS_IO, ENOMEM},
    {NVML_ERROR_NO_DATA, "NO_DATA", GS_IO, EIO},
    {NVML_ERROR_VGPU_ECC_NOT_SUPPORTED, "VGPU_ECC_NOT_SUPPORTED", GS_UNSUPPORTED, 0},
    {NVML_ERROR_INSUFFICIENT_RESOURCES, "INSUFFICIENT_RESOURCES", GS_INFEASIBLE, 0},
    {NVML_ERROR_FREQ_NOT_SUPPORTED, "FREQ_NOT_SUPPORTED", GS_UNSUPPORTED, 0},
    {NVML_ERROR_ARGUMENT_VERSION_MISMATCH, "ARGUMENT_VERSION_MISMATCH", GS_UNSUPPORTED, 0},
    {NVML_ERROR_DEPRECATED, "DEPRECATED", GS_UNSUPPORTED, 0},
    {NVML_ERROR_NOT_READY, "NOT_READY", GS_IO, EAGAIN},
    {NVML_ERROR_GPU_NOT_FOUND, "GPU_NOT_FOUND", GS_NOT_FOUND, 0},
    {NVML_ERROR_INVALID_STATE, "INVALID_STATE", GS_IO, EIO},
    {NVML_ERROR_RESET_TYPE_NOT_SUPPORTED, "RESET_TYPE_NOT_SUPPORTED", GS_UNSUPPORTED, 0},
    {NVML_ERROR_UNKNOWN, "UNKNOWN", GS_IO, EIO},
};

const char *gs_nvml_word(int code)
{
    for (size_t i = 0; i < GS_ARRAY_LEN(codes); i++) {
        if (codes[i].number == code) {
            return codes[i].word;
        }
    }
    return "?";
}

bool gs_nvml_is_gone(int code)
{
    static const int gone[] = {NVML_ERROR_UNINITIALIZED, NVML_ERROR_DRIVER_NOT_LOADED,
                               NVML_ERROR_LIBRARY_NOT_FOUND, NVML_ERROR_GPU_IS_LOST,
                               NVML_ERROR_LIB_RM_VERSION_MISMATCH};
    for (size_t i = 0; i < GS_ARRAY_LEN(gone); i++) {
        if (gone[i] == code) {
            return true;
        }
    }
    return false;
}

/* The driver's own sentence for a code that is newer than this program. */
static void driver_text(const struct gs_nvml_lib *lib, int code, char *out, size_t size)
{
    const char *text = lib->error_string != NULL ? lib->error_string(code) : NULL;
    out[0] = '\0';
    if (text != NULL) {
        snprintf(out, size, "%.*s", (int)size - 1, text);
    }
}

int gs_nvml_fail(const struct gs_nvml_lib *lib, int code, struct gs_err *err, const char *fmt, ...)
{
    char what[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    for (size_t i = 0; i < GS_ARRAY_LEN(codes); i++) {
        if (codes[i].number == code && codes[i].code != GS_OK) {
            int r = gs_fail(err, codes[i].code, "%s: NVML says %s (%d)", what, codes[i].word, code);
            if (err != NULL) {
                err->sys_errno = codes[i].sys_errno;
            }
            return r;
        }
    }
    char said[120];
    driver_text(lib, code, said, sizeof(said));
    int r = gs_fail(err, GS_IO, "%s: NVML says code %d, which is not known here%s%s", what, code,
                    said[0] != '\0' ? ": " : "", said);
    if (err != NULL) {
        err->sys_errno = EIO;
    }
    return r;
}
