#include "simdriver/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"

enum {
    TEXT_MAX = 256 * 1024, /* mig-minors has 4322 lines */
    NAME_MAX_BYTES = 160,
    FOLDER_MAX = 64,  /* a GPU's folder, "sys/bus/pci/devices/0000:07:00.0" */
    DRIVER_GPUS = 32, /* that mig-minors lists, there or not */
    GPU_MAJOR = 195,
    UVM_MAJOR = 510
};

uint32_t sim_cap_gi_minor(uint32_t gpu_minor, uint32_t gi)
{
    return 3 + 135 * gpu_minor + 9 * gi;
}

uint32_t sim_cap_ci_minor(uint32_t gpu_minor, uint32_t gi, uint32_t ci)
{
    return sim_cap_gi_minor(gpu_minor, gi) + 1 + ci;
}

/* ---- Making and removing: relative names below an open folder, sticky failure ---- */

struct tree {
    int root;
    int failed; /* the first errno; what follows is left out */
};

static void keep_failure(struct tree *tree, int r)
{
    if (r < 0 && tree->failed == 0) {
        tree->failed = errno;
    }
}

/* A folder and those above it. */
static void make_dirs(struct tree *tree, const char *name)
{
    char part[NAME_MAX_BYTES];
    if (tree->failed != 0 || mkdirat(tree->root, name, 0755) == 0 || errno == EEXIST) {
        return;
    }
    for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof(part), "%.*s", (int)(slash - name), name);
        if (mkdirat(tree->root, part, 0755) < 0 && errno != EEXIST) {
            keep_failure(tree, -1);
            return;
        }
    }
    int r = mkdirat(tree->root, name, 0755);
    keep_failure(tree, r < 0 && errno == EEXIST ? 0 : r);
}

static bool has_text(const struct tree *tree, const char *name, const char *text, size_t n)
{
    char chunk[4096];
    int fd = openat(tree->root, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return false;
    }
    struct stat st;
    bool same = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (size_t)st.st_size == n;
    size_t at = 0;
    while (same && at < n) {
        ssize_t got = read(fd, chunk, sizeof(chunk));
        same = got > 0 && (size_t)got <= n - at && memcmp(chunk, text + at, (size_t)got) == 0;
        at += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    return same;
}

static int write_whole(int fd, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t put = write(fd, text, n);
        if (put < 0 && errno != EINTR) {
            return -1;
        }
        text += put > 0 ? put : 0;
        n -= put > 0 ? (size_t)put : 0;
    }
    return 0;
}

/* A file with this text, taking the place of what is there at once. */
static void make_file(struct tree *tree, const char *name, const char *text, size_t n)
{
    char temporary[NAME_MAX_BYTES];
    if (tree->failed != 0 || has_text(tree, name, text, n)) {
        return;
    }
    /* One temporary name, for writers hold the lock; what a killed one left is written over. */
    const char *slash = strrchr(name, '/');
    snprintf(temporary, sizeof(temporary), "%.*s.new", slash == NULL ? 0 : (int)(slash - name) + 1,
             name);
    int fd =
        openat(tree->root, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    keep_failure(tree, fd);
    if (fd < 0) {
        return;
    }
    keep_failure(tree, write_whole(fd, text, n));
    close(fd);
    if (tree->failed == 0) {
        keep_failure(tree, renameat(tree->root, temporary, tree->root, name));
    }
}

/* An empty file has no half of it: it need not be renamed into its place. */
static void make_empty(struct tree *tree, const char *name)
{
    int fd = tree->failed != 0
                 ? -1
                 : openat(tree->root, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    keep_failure(tree, fd);
    if (fd >= 0) {
        close(fd);
    }
}

static void make_text(struct tree *tree, const char *name, const char *text)
{
    make_file(tree, name, text, strlen(text));
}

static void make_link(struct tree *tree, const char *name, const char *target)
{
    if (tree->failed == 0 && symlinkat(target, tree->root, name) < 0 && errno != EEXIST) {
        keep_failure(tree, -1);
    }
}

static void remove_file(struct tree *tree, const char *name)
{
    if (tree->failed == 0 && unlinkat(tree->root, name, 0) < 0 && errno != ENOENT) {
        keep_failure(tree, -1);
    }
}

/* A folder and everything in it; the depth is bounded by the length of a name. */
static void remove_tree(struct tree *tree, const char *name)
{
    int fd = openat(tree->root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return;
    }
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        close(fd);
        return;
    }
    for (struct dirent *e; tree->failed == 0 && (e = readdir(dir)) != NULL;) {
        char inner[NAME_MAX_BYTES];
        int n = snprintf(inner, sizeof(inner), "%s/%s", name, e->d_name);
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            n >= (int)sizeof(inner)) {
            continue;
        }
        if (unlinkat(tree->root, inner, 0) < 0) {
            remove_tree(tree, inner);
        }
    }
    closedir(dir);
    keep_failure(tree, unlinkat(tree->root, name, AT_REMOVEDIR));
}

static int open_tree(struct tree *tree, const char *dir, struct gs_err *err)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof(path), "%s/root", dir) >= (int)sizeof(path)) {
        return gs_fail(err, GS_INVALID, "the name of the folder is too long");
    }
    if (mkdir(path, 0755) < 0 && errno != EEXIST) {
        return gs_fail_errno(err, errno, "making %.300s", path);
    }
    tree->failed = 0;
    tree->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return tree->root < 0 ? gs_fail_errno(err, errno, "opening %.300s", path) : 0;
}

static int close_tree(struct tree *tree, const char *dir, struct gs_err *err)
{
    close(tree->root);
    return tree->failed == 0
               ? 0
               : gs_fail_errno(err, tree->failed, "writing the files in %.300s/root", dir);
}

/* ---- What the state says ---- */

/* A capability file and its node. */
static void make_cap(struct tree *tree, const char *proc, uint32_t minor, unsigned mode)
{
    char text[100];
    char node[NAME_MAX_BYTES];
    snprintf(text, sizeof(text), "DeviceFileMinor: %u\nDeviceFileMode: %u\nDeviceFileModify: 1\n",
             minor, mode);
    make_text(tree, proc, text);
    snprintf(node, sizeof(node), "dev/nvidia-caps/nvidia-cap%u", minor);
    make_empty(tree, node);
}

static void remove_cap(struct tree *tree, const char *folder, uint32_t minor)
{
    char name[NAME_MAX_BYTES];
    snprintf(name, sizeof(name), "dev/nvidia-caps/nvidia-cap%u", minor);
    remove_file(tree, name);
    snprintf(name, sizeof(name), "%.140s/access", folder);
    remove_file(tree, name);
    if (tree->failed == 0 && unlinkat(tree->root, folder, AT_REMOVEDIR) < 0) {
        remove_tree(tree, folder); /* something else is in it */
    }
}

/* A folder of an instance with its `access`: there or not. */
static void sync_instance(struct tree *tree, const char *folder, bool present, uint32_t minor)
{
    if (!present) {
        if (faccessat(tree->root, folder, F_OK, 0) == 0) {
            remove_cap(tree, folder, minor);
        }
        return;
    }
    char access[NAME_MAX_BYTES];
    make_dirs(tree, folder);
    snprintf(access, sizeof(access), "%.140s/access", folder);
    make_cap(tree, access, minor, 0444);
}

static void sync_gi(struct tree *tree, const struct sim_gpu *gpu, unsigned gi, bool loaded)
{
    char folder[NAME_MAX_BYTES];
    const struct sim_gi *g = &gpu->gis[gi];
    snprintf(folder, sizeof(folder), "proc/driver/nvidia/capabilities/gpu%u/mig/gi%u", gpu->minor,
             gi);
    bool present = loaded && g->present;
    bool was = faccessat(tree->root, folder, F_OK, 0) == 0;
    for (unsigned ci = 0; (present || was) && ci < SIM_CIS; ci++) {
        char inner[NAME_MAX_BYTES];
        snprintf(inner, sizeof(inner), "%.120s/ci%u", folder, ci);
        sync_instance(tree, inner, present && g->cis[ci].present,
                      sim_cap_ci_minor(gpu->minor, gi, ci));
    }
    sync_instance(tree, folder, present, sim_cap_gi_minor(gpu->minor, gi));
}

static void sync_gpu(struct tree *tree, const struct sim_machine *machine, unsigned number)
{
    const struct sim_gpu *gpu = &machine->gpus[number];
    bool loaded = !machine->driver_gone && !gpu->lost;
    char folder[NAME_MAX_BYTES];
    snprintf(folder, sizeof(folder), "proc/driver/nvidia/capabilities/gpu%u/mig", gpu->minor);
    if (loaded) {
        make_dirs(tree, folder);
        make_dirs(tree, "dev/nvidia-caps");
    }
    for (unsigned gi = 0; gi < SIM_GIS; gi++) {
        sync_gi(tree, gpu, gi, loaded);
    }
}

/* "0000:07:00.0", as the kernel writes it. */
static void format_address(const struct sim_gpu *gpu, char ret[16])
{
    snprintf(ret, 16, "%04x:%02x:%02x.0", gpu->pci_domain & 0xFFFF, gpu->pci_bus & 0xFF,
             gpu->pci_device & 0x1F);
}

static void make_pci_file(struct tree *tree, const char *folder, const char *name,
                          const char *format, long value)
{
    char path[NAME_MAX_BYTES];
    char text[40];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (strcmp(format, "%ld\n") == 0) {
        snprintf(text, sizeof(text), "%ld\n", value);
    } else {
        snprintf(text, sizeof(text), "0x%0*lx\n", strcmp(name, "class") == 0 ? 6 : 4,
                 (unsigned long)value);
    }
    make_text(tree, path, text);
}

/* The standard header of the configuration space, and nothing behind it. */
static void make_config(struct tree *tree, const char *folder, const struct sim_gpu *gpu)
{
    char path[NAME_MAX_BYTES];
    unsigned char bytes[256] = {0};
    uint32_t subsystem = gpu->pci_subsystem_id;
    const unsigned char head[] = {0xde,
                                  0x10,
                                  (unsigned char)(gpu->pci_device_id >> 16),
                                  (unsigned char)(gpu->pci_device_id >> 24),
                                  0x06,
                                  0x05,
                                  0x10,
                                  0x00,
                                  0xa1,
                                  0x00,
                                  0x02,
                                  0x03};
    memcpy(bytes, head, sizeof(head));
    for (unsigned i = 0; i < 4; i++) {
        bytes[0x2c + i] = (unsigned char)(subsystem >> (8 * i));
    }
    snprintf(path, sizeof(path), "%.64s/config", folder);
    make_file(tree, path, (const char *)bytes, sizeof(bytes));
}

/* The three windows of the card: registers, memory, more registers. Sizes as on an A100; the
 * addresses are a guess that keeps GPUs apart. */
static void make_resource(struct tree *tree, const char *folder, const struct sim_gpu *gpu)
{
    char path[NAME_MAX_BYTES];
    char text[1024];
    unsigned long long bus = gpu->pci_bus;
    unsigned long long base0 = 0xb0000000ull + (bus << 24);
    unsigned long long base1 = 0x20000000000ull + (bus << 37);
    int n =
        snprintf(text, sizeof(text), "0x%016llx 0x%016llx 0x%016x\n0x%016llx 0x%016llx 0x%016x\n",
                 base0, base0 + 0xffffff, 0x40200, base1, base1 + 0xfffffffffull, 0x14220c);
    for (int i = 2; i < 13; i++) {
        n += snprintf(text + n, sizeof(text) - (size_t)n, "0x%016x 0x%016x 0x%016x\n", 0, 0, 0);
    }
    snprintf(path, sizeof(path), "%.64s/resource", folder);
    make_text(tree, path, text);
}

static void sync_pci(struct tree *tree, const struct sim_machine *machine, unsigned number)
{
    const struct sim_gpu *gpu = &machine->gpus[number];
    char address[16];
    char folder[FOLDER_MAX];
    char path[NAME_MAX_BYTES];
    format_address(gpu, address);
    snprintf(folder, sizeof(folder), "sys/bus/pci/devices/%s", address);
    if (gpu->lost) {
        remove_tree(tree, folder);
        return;
    }
    make_dirs(tree, folder);
    make_pci_file(tree, folder, "vendor", "0x", 0x10de);
    make_pci_file(tree, folder, "device", "0x", (long)(gpu->pci_device_id >> 16));
    make_pci_file(tree, folder, "subsystem_vendor", "0x", (long)(gpu->pci_subsystem_id & 0xFFFF));
    make_pci_file(tree, folder, "subsystem_device", "0x", (long)(gpu->pci_subsystem_id >> 16));
    make_pci_file(tree, folder, "class", "0x", 0x030200);
    make_pci_file(tree, folder, "numa_node", "%ld\n", gpu->numa_node);
    make_config(tree, folder, gpu);
    make_resource(tree, folder, gpu);
    /* Where the hypervisor keeps the reset to itself there is no such file. */
    snprintf(path, sizeof(path), "%s/reset", folder);
    if (gpu->vm) {
        remove_file(tree, path);
    } else {
        make_empty(tree, path);
    }
    snprintf(path, sizeof(path), "%s/driver", folder);
    if (machine->driver_gone) {
        remove_file(tree, path);
    } else {
        make_dirs(tree, "sys/bus/pci/drivers/nvidia");
        make_link(tree, path, "../../drivers/nvidia");
    }
}

static void sync_information(struct tree *tree, const struct sim_gpu *gpu)
{
    char address[16];
    char name[NAME_MAX_BYTES];
    char text[600];
    format_address(gpu, address);
    snprintf(name, sizeof(name), "proc/driver/nvidia/gpus/%s", address);
    if (gpu->lost) {
        remove_tree(tree, name);
        return;
    }
    make_dirs(tree, name);
    snprintf(name, sizeof(name), "proc/driver/nvidia/gpus/%s/information", address);
    snprintf(text, sizeof(text),
             "Model: \t\t %s\nIRQ:   \t\t %u\nGPU UUID: \t %s\nVideo BIOS: \t ??.??.??.??.??\n"
             "Bus Type: \t PCIe\nDMA Size: \t 47 bits\nDMA Mask: \t 0x7fffffffffff\n"
             "Bus Location: \t %s\nDevice Minor: \t %u\nGPU Excluded:\t No\n",
             gpu->name, 64 + gpu->minor, gpu->uuid, address, gpu->minor);
    make_text(tree, name, text);
}

static void sync_minors(struct tree *tree)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, TEXT_MAX);
    gs_buf_printf(&text, "config %d\nmonitor %d\n", SIM_CAP_CONFIG, SIM_CAP_MONITOR);
    for (uint32_t m = 0; m < DRIVER_GPUS; m++) {
        for (uint32_t gi = 0; gi < SIM_GIS; gi++) {
            gs_buf_printf(&text, "gpu%u/gi%u/access %u\n", m, gi, sim_cap_gi_minor(m, gi));
            for (uint32_t ci = 0; ci < SIM_CIS; ci++) {
                gs_buf_printf(&text, "gpu%u/gi%u/ci%u/access %u\n", m, gi, ci,
                              sim_cap_ci_minor(m, gi, ci));
            }
        }
    }
    if (!gs_buf_ok(&text)) {
        errno = ENOMEM;
        keep_failure(tree, -1);
        return;
    }
    make_dirs(tree, "proc/driver/nvidia-caps");
    make_text(tree, "proc/driver/nvidia-caps/mig-minors", gs_buf_text(&text));
    make_text(tree, "proc/driver/nvidia-caps/sys-minors", "fabric-mgmt 0\nfabric-imex-mgmt 4323\n");
}

static void sync_proc(struct tree *tree, const struct sim_machine *machine)
{
    char text[400];
    make_dirs(tree, "proc/driver/nvidia/capabilities/mig");
    snprintf(text, sizeof(text),
             "NVRM version: NVIDIA UNIX x86_64 Kernel Module  %s  (simulated by gpuslice)\n"
             "GCC version:  gcc\n",
             machine->driver_version);
    make_text(tree, "proc/driver/nvidia/version", text);
    snprintf(text, sizeof(text),
             "Character devices:\n  1 mem\n%3d nvidia\n%3d nvidiactl\n%3d nvidia-caps\n"
             "%3d nvidia-uvm\n\nBlock devices:\n",
             GPU_MAJOR, GPU_MAJOR, SIM_CAP_MAJOR, UVM_MAJOR);
    make_text(tree, "proc/devices", text);
    make_text(tree, "proc/modules",
              "nvidia_uvm 4956160 0 - Live 0x0000000000000000\n"
              "nvidia 104165376 1 nvidia_uvm, Live 0x0000000000000000\n");
    sync_minors(tree);
    make_dirs(tree, "dev/nvidia-caps");
    make_cap(tree, "proc/driver/nvidia/capabilities/mig/config", SIM_CAP_CONFIG, 0400);
    make_cap(tree, "proc/driver/nvidia/capabilities/mig/monitor", SIM_CAP_MONITOR, 0444);
}

static const char *const common_nodes[] = {"dev/nvidiactl", "dev/nvidia-uvm",
                                           "dev/nvidia-uvm-tools"};

static void sync_nodes(struct tree *tree, const struct sim_machine *machine)
{
    make_dirs(tree, "dev");
    for (unsigned i = 0; i < GS_ARRAY_LEN(common_nodes); i++) {
        if (machine->driver_gone) {
            remove_file(tree, common_nodes[i]);
        } else {
            make_empty(tree, common_nodes[i]);
        }
    }
    for (unsigned i = 0; i < machine->n_gpus; i++) {
        char name[40];
        snprintf(name, sizeof(name), "dev/nvidia%u", machine->gpus[i].minor);
        if (machine->driver_gone || machine->gpus[i].lost) {
            remove_file(tree, name);
        } else {
            make_empty(tree, name);
        }
    }
}

/* Without the driver: the machine has its PCI bus and its other modules. */
static void sync_unloaded(struct tree *tree)
{
    make_dirs(tree, "proc");
    make_text(tree, "proc/devices", "Character devices:\n  1 mem\n\nBlock devices:\n");
    make_text(tree, "proc/modules", "i2c_core 102400 0 - Live 0x0000000000000000\n");
    remove_tree(tree, "proc/driver");
    remove_tree(tree, "dev/nvidia-caps");
}

int sim_tree_sync(const char *dir, const struct sim_machine *machine, struct gs_err *err)
{
    struct tree tree;
    int r = open_tree(&tree, dir, err);
    if (r < 0) {
        return r;
    }
    if (machine->driver_gone) {
        sync_unloaded(&tree);
    } else {
        sync_proc(&tree, machine);
    }
    sync_nodes(&tree, machine);
    for (unsigned i = 0; i < machine->n_gpus; i++) {
        sync_pci(&tree, machine, i);
        if (!machine->driver_gone) {
            sync_information(&tree, &machine->gpus[i]);
            sync_gpu(&tree, machine, i);
        }
    }
    return close_tree(&tree, dir, err);
}

int sim_tree_sync_gpu(const char *dir, const struct sim_machine *machine, unsigned gpu,
                      struct gs_err *err)
{
    struct tree tree;
    int r = open_tree(&tree, dir, err);
    if (r < 0) {
        return r;
    }
    if (!machine->driver_gone) {
        sync_gpu(&tree, machine, gpu);
    }
    return close_tree(&tree, dir, err);
}
