#include "cli/gpuopen.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gpu/gpu_nvml.h"

/* A variable that is set and not empty. */
static const char *env(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* The simulated library of the build or installation that this program is of. False: none. */
static bool library_beside(char *ret, size_t size)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n <= 0) {
        return false;
    }
    self[n] = '\0';
    /* bin/gpuslice of an installation, src/cli/gpuslice of a build */
    static const char *const beside[] = {"../lib/libnvidia-ml.so.1", "../../lib/libnvidia-ml.so.1"};
    char *slash = strrchr(self, '/');
    for (size_t i = 0; slash != NULL && i < sizeof(beside) / sizeof(beside[0]); i++) {
        snprintf(ret, size, "%.*s/%s", (int)(slash - self), self, beside[i]);
        if (access(ret, R_OK) == 0) {
            return true;
        }
    }
    return false;
}

int gs_gpuopen(struct gs_gpus *ret, struct gs_err *err)
{
    char library[PATH_MAX + 64];
    char smi[PATH_MAX + 64];
    const char *sim = env("GPUSLICE_SIM");
    struct gs_gpu_nvml_options options = {.library = env("GPUSLICE_NVML"),
                                          .root = env("GPUSLICE_DRIVER_ROOT")};
    if (sim != NULL && strlen(sim) >= PATH_MAX) {
        return gs_fail(err, GS_LIMIT, "GPUSLICE_SIM has %zu bytes; %d are the most", strlen(sim),
                       PATH_MAX - 1);
    }
    if (sim != NULL && options.library == NULL && library_beside(library, sizeof(library))) {
        options.library = library;
    }
    if (sim != NULL) {
        snprintf(smi, sizeof(smi), "%s/root/usr/bin/nvidia-smi", sim);
        options.smi = access(smi, X_OK) == 0 ? smi : NULL;
    }
    return gs_gpu_nvml_open(&options, ret, err);
}
