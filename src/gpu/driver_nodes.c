/* Device nodes. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "gpu/driver_files.h"
#include "gpu/root_files.h"

/* Minors that the driver's modules give themselves. */
enum { CTL_MINOR = 255, MODESET_MINOR = 254, UVM_MINOR = 0, UVM_TOOLS_MINOR = 1 };

void gs_driver_node(const struct gs_machine_roots *roots, const char *path,
                    struct gs_device_node *ret)
{
    char full[GS_ROOT_PATH_MAX];
    struct stat st;
    *ret = (struct gs_device_node){
        .major = GS_NOT_KNOWN, .minor = GS_NOT_KNOWN, .mode = GS_NOT_KNOWN, .gid = GS_NOT_KNOWN};
    snprintf(ret->path, sizeof(ret->path), "%s", path);
    /* not behind links: NVIDIA's tools do not either, and runtimes cannot */
    if (gs_root_path(full, roots->dev, path) && lstat(full, &st) == 0 && S_ISCHR(st.st_mode)) {
        ret->exists = true;
        ret->major = major(st.st_rdev);
        ret->minor = minor(st.st_rdev);
        ret->mode = st.st_mode & 07777;
        ret->gid = st.st_gid;
    }
}

/* Without a node, or without the file, what the other one tells. */
static void number(struct gs_device_node *node, uint32_t major_number, uint32_t minor_number)
{
    if (!node->exists && major_number != GS_NOT_KNOWN) {
        node->major = major_number;
        node->minor = minor_number;
    }
}

int gs_driver_control_nodes(const struct gs_machine_roots *roots,
                            struct gs_device_node ret[GS_CONTROL_NODES_MAX], unsigned *ret_n,
                            struct gs_err *err)
{
    struct gs_driver_majors majors;
    int r = gs_driver_majors(roots, &majors, err);
    if (r < 0) {
        return r;
    }
    /* modeset has no entry in /proc/devices: without a node nobody knows whether the module is
     * there */
    const struct {
        const char *path;
        uint32_t major_number;
        uint32_t minor_number;
    } nodes[GS_CONTROL_NODES_MAX] = {
        {"/dev/nvidia-modeset", GS_NOT_KNOWN, MODESET_MINOR},
        {"/dev/nvidia-uvm-tools", majors.uvm, UVM_TOOLS_MINOR},
        {"/dev/nvidia-uvm", majors.uvm, UVM_MINOR},
        {"/dev/nvidiactl", majors.gpu, CTL_MINOR},
    };
    struct gs_device_node found[GS_CONTROL_NODES_MAX];
    unsigned existing = 0;
    for (unsigned i = 0; i < GS_CONTROL_NODES_MAX; i++) {
        gs_driver_node(roots, nodes[i].path, &found[i]);
        number(&found[i], nodes[i].major_number, nodes[i].minor_number);
        existing += found[i].exists;
    }
    unsigned n = 0;
    for (unsigned i = 0; i < GS_CONTROL_NODES_MAX; i++) {
        if (existing > 0 ? found[i].exists : found[i].major != GS_NOT_KNOWN) {
            ret[n++] = found[i];
        }
    }
    *ret_n = n;
    return 0;
}

int gs_driver_gpu_node(const struct gs_machine_roots *roots, uint32_t gpu_minor,
                       struct gs_device_node *ret, struct gs_err *err)
{
    char path[GS_NODE_PATH_MAX];
    struct gs_driver_majors majors;
    snprintf(path, sizeof(path), "/dev/nvidia%u", gpu_minor);
    int r = gs_driver_majors(roots, &majors, err);
    if (r == 0) {
        gs_driver_node(roots, path, ret);
        number(ret, majors.gpu, gpu_minor);
    }
    return r;
}

static int by_name(const void *a, const void *b)
{
    const struct gs_device_node *first = a;
    const struct gs_device_node *second = b;
    return strcmp(first->path, second->path);
}

static void close_dir(DIR **dir)
{
    if (*dir != NULL) {
        closedir(*dir);
    }
}

int gs_driver_drm_nodes(const struct gs_machine_roots *roots, const char *pci_bus_id,
                        struct gs_device_node ret[GS_DRM_NODES_MAX], unsigned *ret_n,
                        struct gs_err *err)
{
    char address[GS_PCI_ADDRESS_MAX];
    char path[128];
    char full[GS_ROOT_PATH_MAX];
    int r = gs_pci_address(pci_bus_id, address, err);
    if (r < 0) {
        return r;
    }
    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/drm", address);
    if (!gs_root_path(full, roots->kernel, path)) {
        return gs_fail(err, GS_LIMIT, "the path of %s is too long", path);
    }
    GS_CLEANUP(close_dir) DIR *dir = opendir(full);
    if (dir == NULL && errno != ENOENT && errno != ENOTDIR) {
        return gs_fail_errno(err, errno, "reading %.300s", full);
    }
    unsigned n = 0;
    for (struct dirent *e; dir != NULL && n < GS_DRM_NODES_MAX && (e = readdir(dir)) != NULL;) {
        char node[GS_NODE_PATH_MAX];
        if ((strncmp(e->d_name, "card", 4) == 0 || strncmp(e->d_name, "renderD", 7) == 0) &&
            strlen(e->d_name) < 32) {
            snprintf(node, sizeof(node), "/dev/dri/%.32s", e->d_name);
            gs_driver_node(roots, node, &ret[n]);
            n += ret[n].exists;
        }
    }
    qsort(ret, n, sizeof(*ret), by_name);
    *ret_n = n;
    return 0;
}

int gs_driver_drm_links(const struct gs_machine_roots *roots, const char *pci_bus_id,
                        struct gs_drm_link ret[GS_DRM_LINKS_MAX], unsigned *ret_n,
                        struct gs_err *err)
{
    static const char *const kinds[GS_DRM_LINKS_MAX] = {"card", "render"};
    char address[GS_PCI_ADDRESS_MAX];
    int r = gs_pci_address(pci_bus_id, address, err);
    unsigned n = 0;
    for (unsigned i = 0; r == 0 && i < GS_DRM_LINKS_MAX; i++) {
        char full[GS_ROOT_PATH_MAX];
        struct gs_drm_link *link = &ret[n];
        snprintf(link->link, sizeof(link->link), "/dev/dri/by-path/pci-%s-%s", address, kinds[i]);
        ssize_t got = gs_root_path(full, roots->dev, link->link)
                          ? readlink(full, link->target, sizeof(link->target))
                          : -1;
        if (got > 0 && (size_t)got < sizeof(link->target)) {
            link->target[got] = '\0';
            n++;
        }
    }
    if (r == 0) {
        *ret_n = n;
    }
    return r;
}
