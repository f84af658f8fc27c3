/* The library itself: begin and end, versions, words for codes; the machine as a whole. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "simdriver/nvml.h"

NVML_API(nvmlInit, void)
{
    return nvml_session_begin(__func__, 0);
}

NVML_API(nvmlInit_v2, void)
{
    return nvml_session_begin(__func__, 0);
}

NVML_API(nvmlInitWithFlags, uint32_t flags)
{
    return nvml_session_begin(__func__, flags);
}

NVML_API(nvmlShutdown, void)
{
    return nvml_session_end(__func__);
}

/* NVIDIA's words, which programs print and people search for. */
static const struct {
    int code;
    const char *text;
} words[] = {
    {NVML_SUCCESS, "Success"},
    {NVML_ERROR_UNINITIALIZED, "Uninitialized"},
    {NVML_ERROR_INVALID_ARGUMENT, "Invalid Argument"},
    {NVML_ERROR_NOT_SUPPORTED, "Not Supported"},
    {NVML_ERROR_NO_PERMISSION, "Insufficient Permissions"},
    {NVML_ERROR_ALREADY_INITIALIZED, "Already Initialized"},
    {NVML_ERROR_NOT_FOUND, "Not Found"},
    {NVML_ERROR_INSUFFICIENT_SIZE, "Insufficient Size"},
    {NVML_ERROR_INSUFFICIENT_POWER, "Insufficient External Power"},
    {NVML_ERROR_DRIVER_NOT_LOADED, "Driver Not Loaded"},
    {NVML_ERROR_TIMEOUT, "Timeout"},
    {NVML_ERROR_IRQ_ISSUE, "Interrupt Request Issue"},
    {NVML_ERROR_LIBRARY_NOT_FOUND, "NVML Shared Library Not Found"},
    {NVML_ERROR_FUNCTION_NOT_FOUND, "Function Not Found"},
    {NVML_ERROR_CORRUPTED_INFOROM, "Corrupted infoROM"},
    {NVML_ERROR_GPU_IS_LOST, "GPU is lost"},
    {NVML_ERROR_RESET_REQUIRED, "GPU requires reset"},
    {NVML_ERROR_OPERATING_SYSTEM, "GPU access blocked by the operating system"},
    {NVML_ERROR_LIB_RM_VERSION_MISMATCH, "Driver/library version mismatch"},
    {NVML_ERROR_IN_USE, "In use by another client"},
    {NVML_ERROR_MEMORY, "Insufficient Memory"},
    {NVML_ERROR_NO_DATA, "No data"},
    {NVML_ERROR_VGPU_ECC_NOT_SUPPORTED, "vGPU is not supported while ECC is enabled"},
    {NVML_ERROR_INSUFFICIENT_RESOURCES, "Insufficient Resources"},
    {NVML_ERROR_FREQ_NOT_SUPPORTED, "Requested frequency is not supported"},
    {NVML_ERROR_ARGUMENT_VERSION_MISMATCH, "The version of the argument is not supported"},
    {NVML_ERROR_DEPRECATED, "The requested functionality has been deprecated"},
    {NVML_ERROR_NOT_READY, "The system is not ready for the request"},
    {NVML_ERROR_GPU_NOT_FOUND, "No GPUs were found"},
    {NVML_ERROR_INVALID_STATE, "Resource is not in the correct state"},
    {NVML_ERROR_RESET_TYPE_NOT_SUPPORTED, "The reset type is not supported"},
};

const char *nvmlErrorString(int code);
const char *nvmlErrorString(int code)
{
    for (size_t i = 0; i < GS_ARRAY_LEN(words); i++) {
        if (words[i].code == code) {
            return words[i].text;
        }
    }
    return "Unknown Error";
}

NVML_API(nvmlSystemGetDriverVersion, char *version, uint32_t length)
{
    NVML_SYSTEM(at, version != NULL);
    return nvml_copy_text(version, length, at.machine->driver_version);
}

/* "13.580.82.07": the CUDA generation, and the driver's. */
NVML_API(nvmlSystemGetNVMLVersion, char *version, uint32_t length)
{
    NVML_SYSTEM(at, version != NULL);
    char text[96];
    snprintf(text, sizeof(text), "%u.%s", at.machine->cuda_version / 1000,
             at.machine->driver_version);
    return nvml_copy_text(version, length, text);
}

static int cuda_version(struct nvml_at at, int *ret)
{
    if (at.code == NVML_SUCCESS && ret != NULL) {
        *ret = (int)at.machine->cuda_version;
    }
    int code = at.code;
    nvml_at_end(&at);
    return code;
}

NVML_API(nvmlSystemGetCudaDriverVersion, int *version)
{
    return cuda_version(nvml_at_system(__func__, version != NULL), version);
}

NVML_API(nvmlSystemGetCudaDriverVersion_v2, int *version)
{
    return cuda_version(nvml_at_system(__func__, version != NULL), version);
}

struct driver_branch {
    uint32_t version;
    char branch[80];
};

NVML_API(nvmlSystemGetDriverBranch, struct driver_branch *info, uint32_t length)
{
    NVML_SYSTEM(at, info != NULL && length != 0);
    if (info->version != NVML_VERSION(sizeof(*info), 1)) {
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    }
    char text[16];
    snprintf(text, sizeof(text), "r%u_00", at.machine->driver_major);
    return nvml_copy_text(info->branch, length < sizeof(info->branch) ? length : 80, text);
}

/* The name that a process was started by. */
static bool process_name(uint32_t pid, char *ret, size_t size)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%u/cmdline", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t n = read(fd, ret, size - 1);
    close(fd);
    ret[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* Unlike the other texts this one is cut where the room ends. */
NVML_API(nvmlSystemGetProcessName, uint32_t pid, char *name, uint32_t length)
{
    NVML_SYSTEM(at, name != NULL && length != 0);
    char found[1024];
    if (!process_name(pid, found, sizeof(found))) {
        return NVML_ERROR_NOT_FOUND;
    }
    snprintf(name, length, "%s", found);
    return NVML_SUCCESS;
}

/* Host interface cards and units are of S-class boxes; there are none. */
NVML_API(nvmlSystemGetHicVersion, uint32_t *count, void *entries)
{
    NVML_SYSTEM(at, count != NULL);
    return nvml_copy_list(entries, count, NULL, 0, 1);
}

NVML_API(nvmlUnitGetCount, uint32_t *count)
{
    NVML_SYSTEM(at, count != NULL);
    *count = 0;
    return NVML_SUCCESS;
}

NVML_API(nvmlUnitGetHandleByIndex, uint32_t index, void **unit)
{
    (void)index;
    NVML_SYSTEM(at, unit != NULL);
    return NVML_ERROR_INVALID_ARGUMENT;
}

static int excluded_count(struct nvml_at at, uint32_t *ret)
{
    if (at.code == NVML_SUCCESS && ret != NULL) {
        *ret = 0;
    }
    int code = at.code;
    nvml_at_end(&at);
    return code;
}

NVML_API(nvmlGetExcludedDeviceCount, uint32_t *count)
{
    return excluded_count(nvml_at_system(__func__, count != NULL), count);
}

NVML_API(nvmlGetBlacklistDeviceCount, uint32_t *count)
{
    return excluded_count(nvml_at_system(__func__, count != NULL), count);
}

NVML_API(nvmlGetExcludedDeviceInfoByIndex, uint32_t index, void *info)
{
    (void)index;
    NVML_SYSTEM(at, info != NULL);
    return NVML_ERROR_INVALID_ARGUMENT;
}

NVML_API(nvmlGetBlacklistDeviceInfoByIndex, uint32_t index, void *info)
{
    (void)index;
    NVML_SYSTEM(at, info != NULL);
    return NVML_ERROR_INVALID_ARGUMENT;
}
