#include "gpu/gpu_env.h"

#include <errno.h>
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

/* Without this look the simulated library would say that its driver is not loaded, which it is not
 * to be told apart from a real one's. */
static int check_machine(const char *sim, struct gs_err *err)
{
    char state[PATH_MAX + 64];
    snprintf(state, sizeof(state), "%s/state", sim);
    if (access(state, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR)) {
        return 0;
    }
    return gs_fail(err, GS_NOT_FOUND,
                   "GPUSLICE_SIM=%.300s: no simulated machine is there; unset GPUSLICE_SIM for the "
                   "GPUs of this machine, or make one: gpuslice-sim create %.300s --gpus "
                   "A100-40GB --mig",
                   sim, sim);
}

/* Who has no GPU at all learns how to do without. */
static int open_driver(const struct gs_gpu_nvml_options *options, struct gs_gpus *ret,
                       struct gs_err *err)
{
    int r = gs_gpu_nvml_open(options, ret, err);
    if (r == GS_NOT_FOUND && err != NULL && options->library == NULL) {
        size_t used = strlen(err->msg);
        snprintf(err->msg + used, sizeof(err->msg) - used,
                 "; to try gpuslice without a GPU: gpuslice-sim create --help");
    }
    return r;
}

static int check_sim(const char *sim, struct gs_err *err)
{
    if (sim != NULL && strlen(sim) >= PATH_MAX) {
        return gs_fail(err, GS_LIMIT, "GPUSLICE_SIM has %zu bytes; %d are the most", strlen(sim),
                       PATH_MAX - 1);
    }
    return 0;
}

int gs_gpu_env_open(struct gs_gpus *ret, struct gs_err *err)
{
    char library[PATH_MAX + 64];
    char smi[PATH_MAX + 64];
    const char *sim = env("GPUSLICE_SIM");
    struct gs_gpu_nvml_options options = {.library = env("GPUSLICE_NVML"),
                                          .root = env("GPUSLICE_DRIVER_ROOT")};
    int r = check_sim(sim, err);
    if (r < 0 || (sim != NULL && options.library == NULL && (r = check_machine(sim, err)) < 0)) {
        return r;
    }
    if (sim != NULL && options.library == NULL && library_beside(library, sizeof(library))) {
        options.library = library;
    }
    if (sim != NULL) {
        snprintf(smi, sizeof(smi), "%s/root/usr/bin/nvidia-smi", sim);
        options.smi = access(smi, X_OK) == 0 ? smi : NULL;
    }
    return open_driver(&options, ret, err);
}

static int copy_root(char ret[GS_ROOT_MAX], const char *of, const char *path, const char *below,
                     struct gs_err *err)
{
    size_t n = strlen(path);
    while (n > 0 && path[n - 1] == '/') {
        n--;
    }
    int wrote = snprintf(ret, GS_ROOT_MAX, "%.*s%s", (int)n, path, below);
    if (wrote < 0 || wrote >= GS_ROOT_MAX) {
        return gs_fail(err, GS_LIMIT, "%s has %zu bytes; %d are the most", of, n,
                       GS_ROOT_MAX - 1 - (int)strlen(below));
    }
    return 0;
}

int gs_gpu_env_roots(struct gs_machine_roots *ret, struct gs_err *err)
{
    const char *sim = env("GPUSLICE_SIM");
    const char *driver = env("GPUSLICE_DRIVER_ROOT");
    struct gs_machine_roots roots = {.kernel = ""};
    int r = 0;
    if (sim != NULL) {
        r = copy_root(roots.kernel, "GPUSLICE_SIM", sim, "/root", err);
        memcpy(roots.driver, roots.kernel, sizeof(roots.driver));
        memcpy(roots.dev, roots.kernel, sizeof(roots.dev));
        roots.simulated = true;
    }
    if (r == 0 && driver != NULL) {
        r = copy_root(roots.driver, "GPUSLICE_DRIVER_ROOT", driver, "", err);
    }
    if (r < 0) {
        return r;
    }
    /* a driver that is mounted may bring its device nodes along */
    char dev[GS_ROOT_MAX + 8];
    snprintf(dev, sizeof(dev), "%s/dev", roots.driver);
    if (sim == NULL && access(dev, F_OK) == 0) {
        memcpy(roots.dev, roots.driver, sizeof(roots.dev));
    }
    *ret = roots;
    return 0;
}
