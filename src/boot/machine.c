#include "boot/machine.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/view.h"
#include "boot/clock.h"
#include "boot/files.h"
#include "gpu/gpu_env.h"

enum {
    SMALL_FILE_MAX = 4096,
    DRIVER_PAUSE_MS = 250,
    SAY_EVERY_MS = 30000,
};

/* A file of one line below the root; "" where it cannot be read. */
static void read_line(const char *root, const char *path, char *ret, size_t size)
{
    char whole[GS_ROOT_MAX + PATH_MAX];
    struct gs_view text = {.p = "", .n = 0};
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, (size_t)64 << 10);
    snprintf(whole, sizeof(whole), "%s%s", root, path);
    (void)gs_boot_file_read(whole, SMALL_FILE_MAX, &arena, &text, NULL);
    struct gs_view line = gs_view_trim(gs_view_split(&text, '\n'));
    snprintf(ret, size, "%.*s", line.n < size ? (int)line.n : (int)size - 1, line.p);
    gs_arena_done(&arena);
}

static void close_folder(DIR **dir)
{
    if (*dir != NULL) {
        closedir(*dir);
    }
}

/* Whether the device is another driver's. */
static bool is_others(const char *device)
{
    char link[PATH_MAX + 16];
    char target[PATH_MAX];
    snprintf(link, sizeof(link), "%s/driver", device);
    ssize_t n = readlink(link, target, sizeof(target) - 1);
    if (n <= 0) {
        return false;
    }
    target[n] = '\0';
    const char *slash = strrchr(target, '/');
    return strcmp(slash == NULL ? target : slash + 1, "nvidia") != 0;
}

static bool is_gpu(const char *device)
{
    char vendor[16];
    char class[16];
    read_line(device, "/vendor", vendor, sizeof(vendor));
    read_line(device, "/class", class, sizeof(class));
    /* a display controller: VGA, 3D */
    return strcmp(vendor, "0x10de") == 0 &&
           (strncmp(class, "0x0300", 6) == 0 || strncmp(class, "0x0302", 6) == 0) &&
           !is_others(device);
}

uint32_t gs_boot_pci_gpus(const struct gs_machine_roots *roots)
{
    char path[GS_ROOT_MAX + 64];
    snprintf(path, sizeof(path), "%s/sys/bus/pci/devices", roots->kernel);
    GS_CLEANUP(close_folder) DIR *dir = opendir(path);
    if (dir == NULL) {
        return GS_NOT_KNOWN;
    }
    uint32_t count = 0;
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char device[sizeof(path) + NAME_MAX + 2];
        snprintf(device, sizeof(device), "%s/%s", path, entry->d_name);
        count += entry->d_name[0] != '.' && is_gpu(device) ? 1 : 0;
    }
    return count;
}

uint32_t gs_boot_kubelet(const struct gs_machine_roots *roots)
{
    char path[GS_ROOT_MAX + 16];
    snprintf(path, sizeof(path), "%s/proc", roots->kernel);
    GS_CLEANUP(close_folder) DIR *dir = opendir(path);
    const struct dirent *entry = dir == NULL ? NULL : readdir(dir);
    for (; entry != NULL; entry = readdir(dir)) {
        uint64_t pid;
        char file[NAME_MAX + 32];
        char comm[32] = "";
        if (!gs_view_is_u64(gs_view(entry->d_name), UINT32_MAX, &pid)) {
            continue;
        }
        snprintf(file, sizeof(file), "/%s/comm", entry->d_name);
        read_line(path, file, comm, sizeof(comm));
        if (strcmp(comm, "kubelet") == 0) {
            return (uint32_t)pid;
        }
    }
    return 0;
}

void gs_boot_id(const struct gs_machine_roots *roots, char ret[GS_BOOT_ID_MAX])
{
    read_line(roots->kernel, "/proc/sys/kernel/random/boot_id", ret, GS_BOOT_ID_MAX);
}

void gs_boot_sleep_ms(unsigned ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000},
              NULL);
}

static int count_gpus(struct gs_gpus *gpus, uint32_t expected, bool missing_gpus, unsigned *ret_n,
                      struct gs_err *err)
{
    int r = gs_gpu_count(gpus, ret_n, err);
    if (r == 0 && !missing_gpus && expected != GS_NOT_KNOWN && *ret_n < expected) {
        return gs_fail(err, GS_BUSY,
                       "the driver lists %u of the %u NVIDIA GPUs on the PCI bus; look at dmesg, "
                       "or give --allow-missing-gpus where that is meant",
                       *ret_n, expected);
    }
    return r;
}

/* One look at the driver. */
static int try_open(uint32_t expected, bool missing_gpus, struct gs_gpus *ret, unsigned *ret_n,
                    struct gs_err *err)
{
    int r = gs_gpu_env_open(ret, err);
    if (r < 0) {
        return r;
    }
    r = count_gpus(ret, expected, missing_gpus, ret_n, err);
    if (r < 0) {
        gs_gpu_close(ret);
    }
    return r;
}

/* What time can mend: no library yet, no module, GPUs that are still being found. */
static bool may_come(int r)
{
    return r == GS_NOT_FOUND || r == GS_IO || r == GS_BUSY;
}

int gs_boot_driver_open(const struct gs_machine_roots *roots, const struct gs_boot_wait *wait,
                        struct gs_gpus *ret, unsigned *ret_n, struct gs_err *err)
{
    struct gs_err here;
    uint64_t begun = gs_boot_clock_ms();
    uint64_t said = 0;
    for (;;) {
        uint32_t expected = gs_boot_pci_gpus(roots);
        if (expected == 0) {
            return gs_fail(err, GS_NOT_FOUND, "no NVIDIA GPU is on the PCI bus of this machine");
        }
        int r = try_open(expected, wait->missing_gpus, ret, ret_n, &here);
        uint64_t waited = gs_boot_clock_ms() - begun;
        if (r == 0) {
            return 0;
        }
        if (!may_come(r) || waited >= wait->limit_s * 1000) {
            return gs_fail(err, (enum gs_code)r, "%.*s (after %u s; --wait says how long)",
                           (int)sizeof(here.msg) - 60, here.msg, (unsigned)(waited / 1000));
        }
        if (*wait->stop != 0) {
            gs_fail_errno(err, EINTR, "waiting for the driver");
            return GS_IO;
        }
        if (said == 0 || waited >= said + SAY_EVERY_MS) {
            gs_log(GS_LOG_INFO, "waiting for the driver, up to %u s: %s", (unsigned)wait->limit_s,
                   here.msg);
            said = waited + 1;
        }
        gs_boot_sleep_ms(DRIVER_PAUSE_MS);
    }
}
