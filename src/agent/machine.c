#include "agent/machine.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/view.h"

#define DMI_FILE "/sys/class/dmi/id/product_name" /* below the kernel's root, unlike any other */

enum { PCI_CONFIG_BYTES = 256 };

/* Up to `size` bytes; negative: it cannot be read. */
static ssize_t read_some(int folder, const char *path, void *ret, size_t size)
{
    int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, ret, size);
    if (fd >= 0) {
        close(fd);
    }
    return n;
}

static bool read_type(const struct gs_machine_roots *roots, const char *file,
                      char ret[GS_MACHINE_TYPE_MAX])
{
    char text[GS_MACHINE_TYPE_MAX];
    if (strcmp(file, DMI_FILE) == 0) {
        return gs_driver_machine_type(roots, ret, GS_MACHINE_TYPE_MAX, NULL) == 0;
    }
    ssize_t n = file[0] == '\0' ? -1 : read_some(AT_FDCWD, file, text, sizeof(text) - 1);
    if (n < 0) {
        return false;
    }
    struct gs_view line = gs_view_trim((struct gs_view){.p = text, .n = (size_t)n});
    snprintf(ret, GS_MACHINE_TYPE_MAX, "%.*s", GS_VIEW_ARGS(line));
    return true;
}

/* Of one PCI device; false: it cannot be told. */
static bool look_at_device(int devices, const char *address, struct gs_vgpu *vgpu)
{
    char path[NAME_MAX + 16];
    char vendor[16] = "";
    unsigned char config[PCI_CONFIG_BYTES];
    snprintf(path, sizeof(path), "%s/vendor", address);
    if (read_some(devices, path, vendor, sizeof(vendor) - 1) < 0) {
        return false;
    }
    if (!gs_view_eq(gs_view_trim(gs_view(vendor)), "0x10de")) {
        return true;
    }
    snprintf(path, sizeof(path), "%s/config", address);
    ssize_t n = read_some(devices, path, config, sizeof(config));
    if (n < (ssize_t)sizeof(config)) {
        return false; /* without privilege the kernel shows 64 bytes */
    }
    struct gs_vgpu found;
    gs_vgpu_read(&found, config, (size_t)n);
    *vgpu = found.present ? found : *vgpu;
    return true;
}

/* As feature discovery: of every PCI device of NVIDIA's, and not at all if one cannot be read. */
static bool read_vgpu(const struct gs_machine_roots *roots, struct gs_vgpu *ret)
{
    char folder[GS_ROOT_MAX + 32];
    snprintf(folder, sizeof(folder), "%s/sys/bus/pci/devices", roots->kernel);
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        return false;
    }
    const struct dirent *entry;
    bool fine = true;
    *ret = (struct gs_vgpu){.present = false};
    while (fine && (entry = readdir(dir)) != NULL) {
        fine = entry->d_name[0] == '.' || look_at_device(dirfd(dir), entry->d_name, ret);
    }
    closedir(dir);
    return fine;
}

void gs_machine_read(const struct gs_machine_roots *roots, const char *type_file,
                     struct gs_machine_facts *ret)
{
    *ret = (struct gs_machine_facts){.has_type = false};
    ret->has_type = read_type(roots, type_file, ret->type);
    ret->has_vgpu = read_vgpu(roots, &ret->vgpu);
}
