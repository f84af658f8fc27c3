/* The program that container runtimes run as a hook: where it is, and what it can. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "gpu/driver_files.h"
#include "gpu/root_files.h"

enum { CHUNK = 64 * 1024, OVERLAP = 64, PROGRAM_BYTES_MAX = 512 * 1024 * 1024 };

/* Names of subcommands, which lie in the program as they are. */
static const struct {
    const char *name;
    unsigned hook;
} hooks[] = {
    {"create-symlinks", GS_HOOK_CREATE_SYMLINKS},
    {"update-ldcache", GS_HOOK_UPDATE_LDCACHE},
    {"enable-cuda-compat", GS_HOOK_ENABLE_CUDA_COMPAT},
    {"disable-device-node-modification", GS_HOOK_DISABLE_DEVICE_NODE_MODIFICATION},
    {"update-application-profile", GS_HOOK_UPDATE_APPLICATION_PROFILE},
    {"apply-cuda-memory-limits", GS_HOOK_APPLY_CUDA_MEMORY_LIMITS},
};

unsigned gs_driver_hook_named(struct gs_view name)
{
    for (size_t i = 0; i < GS_ARRAY_LEN(hooks); i++) {
        if (gs_view_eq(name, hooks[i].name)) {
            return hooks[i].hook;
        }
    }
    return gs_view_eq(name, "all") ? GS_HOOKS_ALL : 0;
}

static void close_fd(const int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

static unsigned hooks_in(const char *bytes, size_t n)
{
    unsigned found = 0;
    for (size_t i = 0; i < GS_ARRAY_LEN(hooks); i++) {
        if (memmem(bytes, n, hooks[i].name, strlen(hooks[i].name)) != NULL) {
            found |= hooks[i].hook;
        }
    }
    return found;
}

/* Reads it once, in pieces that overlap by more than a name. */
static int read_hooks(const char *full, unsigned *ret, struct gs_err *err)
{
    GS_CLEANUP(close_fd) int fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    char bytes[CHUNK];
    unsigned found = 0;
    size_t kept = 0;
    for (size_t total = 0; total < PROGRAM_BYTES_MAX && found != GS_HOOKS_ALL;) {
        ssize_t n = fd < 0 ? -1 : read(fd, bytes + kept, CHUNK - kept);
        if (n < 0 && fd >= 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return gs_fail_errno(err, errno, "looking at %.300s for the hooks that it knows", full);
        }
        if (n == 0) {
            break;
        }
        size_t have = kept + (size_t)n;
        found |= hooks_in(bytes, have);
        kept = have < OVERLAP ? have : OVERLAP;
        memmove(bytes, bytes + have - kept, kept);
        total += (size_t)n;
    }
    *ret = found;
    return 0;
}

static bool is_program(const char *full)
{
    struct stat st;
    return stat(full, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0;
}

static int look_at(const struct gs_machine_roots *roots, const char *path,
                   struct gs_hook_program *ret, struct gs_err *err)
{
    char full[GS_ROOT_PATH_MAX];
    if (strlen(path) >= sizeof(ret->path) || !gs_root_path(full, roots->host, path)) {
        return gs_fail(err, GS_LIMIT,
                       "the path of the hooks' program has %zu bytes; %zu are the "
                       "most",
                       strlen(path), sizeof(ret->path) - 1);
    }
    if (!is_program(full)) {
        return 0;
    }
    int r = read_hooks(full, &ret->hooks, err);
    if (r == 0) {
        snprintf(ret->path, sizeof(ret->path), "%s", path);
    }
    return r;
}

int gs_driver_hook_program(const struct gs_machine_roots *roots, const char *wanted,
                           struct gs_hook_program *ret, struct gs_err *err)
{
    static const char *const programs[] = {
        "/usr/local/nvidia/toolkit/nvidia-cdi-hook",
        "/usr/local/bin/nvidia-cdi-hook",
        "/usr/bin/nvidia-cdi-hook",
        "/usr/local/nvidia/toolkit/nvidia-ctk",
        "/usr/local/bin/nvidia-ctk",
        "/usr/bin/nvidia-ctk",
    };
    struct gs_hook_program found = {.path = ""};
    if (wanted != NULL && wanted[0] != '\0') {
        int r = look_at(roots, wanted, &found, err);
        if (r < 0) {
            return r;
        }
    }
    for (size_t i = 0; wanted == NULL && i < GS_ARRAY_LEN(programs) && found.path[0] == '\0'; i++) {
        int r = look_at(roots, programs[i], &found, err);
        if (r < 0) {
            return r;
        }
    }
    *ret = found;
    return 0;
}
