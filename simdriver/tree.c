#include "simdriver/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "simdriver/tree_files.h"

enum {
    TEXT_MAX = 256 * 1024, /* mig-minors has 4322 lines */
    FOLDER_MAX = 64,       /* a GPU's folder, "sys/bus/pci/devices/0000:07:00.0" */
    DRIVER_GPUS = 32,      /* that mig-minors lists, there or not */
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

/* ---- What the state says ---- */

/* A capability file and its node. */
static void make_cap(struct sim_tree *tree, const char *proc, uint32_t minor, unsigned mode)
{
    char text[100];
    char node[SIM_TREE_NAME_MAX];
    snprintf(text, sizeof(text), "DeviceFileMinor: %u\nDeviceFileMode: %u\nDeviceFileModify: 1\n",
             minor, mode);
    sim_tree_make_text(tree, proc, text);
    snprintf(node, sizeof(node), "dev/nvidia-caps/nvidia-cap%u", minor);
    sim_tree_make_node(tree, node);
}

static void remove_cap(struct sim_tree *tree, const char *folder, uint32_t minor)
{
    char name[SIM_TREE_NAME_MAX];
    snprintf(name, sizeof(name), "dev/nvidia-caps/nvidia-cap%u", minor);
    sim_tree_remove_file(tree, name);
    snprintf(name, sizeof(name), "%.140s/access", folder);
    sim_tree_remove_file(tree, name);
    if (tree->failed == 0 && unlinkat(tree->root, folder, AT_REMOVEDIR) < 0) {
        sim_tree_remove(tree, folder); /* something else is in it */
    }
}

/* A folder of an instance with its `access`: there or not. */
static void sync_instance(struct sim_tree *tree, const char *folder, bool present, uint32_t minor)
{
    if (!present) {
        if (faccessat(tree->root, folder, F_OK, 0) == 0) {
            remove_cap(tree, folder, minor);
        }
        return;
    }
    char access[SIM_TREE_NAME_MAX];
    sim_tree_make_dirs(tree, folder);
    snprintf(access, sizeof(access), "%.140s/access", folder);
    make_cap(tree, access, minor, 0444);
}

static void sync_gi(struct sim_tree *tree, const struct sim_gpu *gpu, unsigned gi, bool loaded)
{
    char folder[SIM_TREE_NAME_MAX];
    const struct sim_gi *g = &gpu->gis[gi];
    snprintf(folder, sizeof(folder), "proc/driver/nvidia/capabilities/gpu%u/mig/gi%u", gpu->minor,
             gi);
    bool present = loaded && g->present;
    bool was = faccessat(tree->root, folder, F_OK, 0) == 0;
    for (unsigned ci = 0; (present || was) && ci < SIM_CIS; ci++) {
        char inner[SIM_TREE_NAME_MAX];
        snprintf(inner, sizeof(inner), "%.120s/ci%u", folder, ci);
        sync_instance(tree, inner, present && g->cis[ci].present,
                      sim_cap_ci_minor(gpu->minor, gi, ci));
    }
    sync_instance(tree, folder, present, sim_cap_gi_minor(gpu->minor, gi));
}

static void sync_gpu(struct sim_tree *tree, const struct sim_machine *machine, unsigned number)
{
    const struct sim_gpu *gpu = &machine->gpus[number];
    bool loaded = !machine->driver_gone && !gpu->lost;
    char folder[SIM_TREE_NAME_MAX];
    snprintf(folder, sizeof(folder), "proc/driver/nvidia/capabilities/gpu%u/mig", gpu->minor);
    if (loaded) {
        sim_tree_make_dirs(tree, folder);
        sim_tree_make_dirs(tree, "dev/nvidia-caps");
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

static void make_pci_file(struct sim_tree *tree, const char *folder, const char *name,
                          const char *format, long value)
{
    char path[SIM_TREE_NAME_MAX];
    char text[40];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (strcmp(format, "%ld\n") == 0) {
        snprintf(text, sizeof(text), "%ld\n", value);
    } else {
        snprintf(text, sizeof(text), "0x%0*lx\n", strcmp(name, "class") == 0 ? 6 : 4,
                 (unsigned long)value);
    }
    sim_tree_make_text(tree, path, text);
}

/* The standard header of the configuration space, and nothing behind it. */
static void make_config(struct sim_tree *tree, const char *folder, const struct sim_gpu *gpu)
{
    char path[SIM_TREE_NAME_MAX];
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
    sim_tree_make_file(tree, path, (const char *)bytes, sizeof(bytes));
}

/* The three windows of the card: registers, memory, more registers. Sizes as on an A100; the
 * addresses are a guess that keeps GPUs apart. */
static void make_resource(struct sim_tree *tree, const char *folder, const struct sim_gpu *gpu)
{
    char path[SIM_TREE_NAME_MAX];
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
    sim_tree_make_text(tree, path, text);
}

static void sync_pci(struct sim_tree *tree, const struct sim_machine *machine, unsigned number)
{
    const struct sim_gpu *gpu = &machine->gpus[number];
    char address[16];
    char folder[FOLDER_MAX];
    char path[SIM_TREE_NAME_MAX];
    format_address(gpu, address);
    snprintf(folder, sizeof(folder), "sys/bus/pci/devices/%s", address);
    if (gpu->lost) {
        sim_tree_remove(tree, folder);
        return;
    }
    sim_tree_make_dirs(tree, folder);
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
        sim_tree_remove_file(tree, path);
    } else {
        sim_tree_make_empty(tree, path);
    }
    snprintf(path, sizeof(path), "%s/driver", folder);
    if (machine->driver_gone) {
        sim_tree_remove_file(tree, path);
    } else {
        sim_tree_make_dirs(tree, "sys/bus/pci/drivers/nvidia");
        sim_tree_make_link(tree, path, "../../drivers/nvidia");
    }
}

static void sync_information(struct sim_tree *tree, const struct sim_gpu *gpu)
{
    char address[16];
    char name[SIM_TREE_NAME_MAX];
    char text[600];
    format_address(gpu, address);
    snprintf(name, sizeof(name), "proc/driver/nvidia/gpus/%s", address);
    if (gpu->lost) {
        sim_tree_remove(tree, name);
        return;
    }
    sim_tree_make_dirs(tree, name);
    snprintf(name, sizeof(name), "proc/driver/nvidia/gpus/%s/information", address);
    snprintf(text, sizeof(text),
             "Model: \t\t %s\nIRQ:   \t\t %u\nGPU UUID: \t %s\nVideo BIOS: \t ??.??.??.??.??\n"
             "Bus Type: \t PCIe\nDMA Size: \t 47 bits\nDMA Mask: \t 0x7fffffffffff\n"
             "Bus Location: \t %s\nDevice Minor: \t %u\nGPU Excluded:\t No\n",
             gpu->name, 64 + gpu->minor, gpu->uuid, address, gpu->minor);
    sim_tree_make_text(tree, name, text);
}

static void sync_minors(struct sim_tree *tree)
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
        sim_tree_keep_failure(tree, -1);
        return;
    }
    sim_tree_make_dirs(tree, "proc/driver/nvidia-caps");
    sim_tree_make_text(tree, "proc/driver/nvidia-caps/mig-minors", gs_buf_text(&text));
    sim_tree_make_text(tree, "proc/driver/nvidia-caps/sys-minors",
                       "fabric-mgmt 0\nfabric-imex-mgmt 4323\n");
}

static void sync_proc(struct sim_tree *tree, const struct sim_machine *machine)
{
    char text[400];
    sim_tree_make_dirs(tree, "proc/driver/nvidia/capabilities/mig");
    snprintf(text, sizeof(text),
             "NVRM version: NVIDIA UNIX x86_64 Kernel Module  %s  (simulated by gpuslice)\n"
             "GCC version:  gcc\n",
             machine->driver_version);
    sim_tree_make_text(tree, "proc/driver/nvidia/version", text);
    snprintf(text, sizeof(text),
             "Character devices:\n  1 mem\n%3d nvidia\n%3d nvidiactl\n%3d nvidia-caps\n"
             "%3d nvidia-uvm\n\nBlock devices:\n",
             GPU_MAJOR, GPU_MAJOR, SIM_CAP_MAJOR, UVM_MAJOR);
    sim_tree_make_text(tree, "proc/devices", text);
    sim_tree_make_text(tree, "proc/modules",
                       "nvidia_uvm 4956160 0 - Live 0x0000000000000000\n"
                       "nvidia 104165376 1 nvidia_uvm, Live 0x0000000000000000\n");
    sync_minors(tree);
    sim_tree_make_dirs(tree, "dev/nvidia-caps");
    make_cap(tree, "proc/driver/nvidia/capabilities/mig/config", SIM_CAP_CONFIG, 0400);
    make_cap(tree, "proc/driver/nvidia/capabilities/mig/monitor", SIM_CAP_MONITOR, 0444);
}

static const char *const common_nodes[] = {"dev/nvidiactl", "dev/nvidia-uvm",
                                           "dev/nvidia-uvm-tools"};

static void sync_nodes(struct sim_tree *tree, const struct sim_machine *machine)
{
    sim_tree_make_dirs(tree, "dev");
    for (unsigned i = 0; i < GS_ARRAY_LEN(common_nodes); i++) {
        if (machine->driver_gone) {
            sim_tree_remove_file(tree, common_nodes[i]);
        } else {
            sim_tree_make_node(tree, common_nodes[i]);
        }
    }
    for (unsigned i = 0; i < machine->n_gpus; i++) {
        char name[40];
        snprintf(name, sizeof(name), "dev/nvidia%u", machine->gpus[i].minor);
        if (machine->driver_gone || machine->gpus[i].lost) {
            sim_tree_remove_file(tree, name);
        } else {
            sim_tree_make_node(tree, name);
        }
    }
}

/* What is there with or without the kernel's modules: the name of the machine, and the library by
 * which tools tell where the driver's files are and of which version. Nothing can be run with it.
 */
static void sync_installed(struct sim_tree *tree, const struct sim_machine *machine)
{
    char library[SIM_TREE_NAME_MAX];
    sim_tree_make_dirs(tree, "sys/class/dmi/id");
    sim_tree_make_text(tree, "sys/class/dmi/id/product_name", "gpuslice-sim\n");
    sim_tree_make_dirs(tree, "usr/lib64");
    snprintf(library, sizeof(library), "usr/lib64/libcuda.so.%.60s", machine->driver_version);
    sim_tree_make_text(tree, library, "simulated by gpuslice\n");
    sim_tree_make_link(tree, "usr/lib64/libcuda.so.1", library + strlen("usr/lib64/"));
}

/* Without the driver: the machine has its PCI bus and its other modules. */
static void sync_unloaded(struct sim_tree *tree)
{
    sim_tree_make_dirs(tree, "proc");
    sim_tree_make_text(tree, "proc/devices", "Character devices:\n  1 mem\n\nBlock devices:\n");
    sim_tree_make_text(tree, "proc/modules", "i2c_core 102400 0 - Live 0x0000000000000000\n");
    sim_tree_remove(tree, "proc/driver");
    sim_tree_remove(tree, "dev/nvidia-caps");
}

int sim_tree_sync(const char *dir, const struct sim_machine *machine, struct gs_err *err)
{
    struct sim_tree tree;
    int r = sim_tree_open(&tree, dir, err);
    if (r < 0) {
        return r;
    }
    if (machine->driver_gone) {
        sync_unloaded(&tree);
    } else {
        sync_proc(&tree, machine);
    }
    sync_installed(&tree, machine);
    sync_nodes(&tree, machine);
    for (unsigned i = 0; i < machine->n_gpus; i++) {
        sync_pci(&tree, machine, i);
        if (!machine->driver_gone) {
            sync_information(&tree, &machine->gpus[i]);
            sync_gpu(&tree, machine, i);
        }
    }
    return sim_tree_close(&tree, dir, err);
}

int sim_tree_sync_gpu(const char *dir, const struct sim_machine *machine, unsigned gpu,
                      struct gs_err *err)
{
    struct sim_tree tree;
    int r = sim_tree_open(&tree, dir, err);
    if (r < 0) {
        return r;
    }
    if (!machine->driver_gone) {
        sync_gpu(&tree, machine, gpu);
    }
    return sim_tree_close(&tree, dir, err);
}
