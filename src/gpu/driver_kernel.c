/* What /proc and /sys tell: PCI, DMI, capabilities, majors. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "gpu/driver_files.h"
#include "gpu/root_files.h"

enum {
    SMALL_MAX = 4096,
    MINORS_BYTES_MAX = 1024 * 1024, /* the driver's has 90 KB */
    DEVICES_BYTES_MAX = 64 * 1024,
    MINOR_MAX = 0xFFFFF, /* the kernel's own bound, as MAJOR_MAX */
    MAJOR_MAX = 0xFFF
};

static bool hex(struct gs_view *v, unsigned most, unsigned *ret)
{
    unsigned value = 0;
    unsigned n = 0;
    for (; n < v->n && n < most; n++) {
        char c = v->p[n];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) {
            break;
        }
        value = value << 4 | (unsigned)digit;
    }
    v->p += n;
    v->n -= n;
    *ret = value;
    return n > 0;
}

/* "00000000:07:00.0" to the kernel's "0000:07:00.0". */
int gs_pci_address(const char *pci_bus_id, char ret[GS_PCI_ADDRESS_MAX], struct gs_err *err)
{
    struct gs_view v = gs_view(pci_bus_id);
    unsigned domain = 0;
    unsigned bus = 0;
    unsigned device = 0;
    unsigned function = 0;
    if (!hex(&v, 8, &domain) || !gs_view_skip(&v, ":") || !hex(&v, 2, &bus) ||
        !gs_view_skip(&v, ":") || !hex(&v, 2, &device) || !gs_view_skip(&v, ".") ||
        !hex(&v, 1, &function) || v.n != 0) {
        return gs_fail(err, GS_INVALID,
                       "\"%.60s\" is no PCI address; one looks like 00000000:07:00.0", pci_bus_id);
    }
    snprintf(ret, GS_PCI_ADDRESS_MAX, "%04x:%02x:%02x.%x", domain, bus, device, function);
    return 0;
}

/* One line of a file of sysfs. */
static int read_line(const struct gs_machine_roots *roots, const char *path, char *ret, size_t size,
                     struct gs_err *err)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, SMALL_MAX);
    int r = gs_root_read(roots->kernel, path, &text, err);
    if (r < 0) {
        return r;
    }
    struct gs_view rest = {.p = gs_buf_text(&text), .n = strlen(gs_buf_text(&text))};
    struct gs_view line = gs_view_trim(gs_view_split(&rest, '\n'));
    snprintf(ret, size, "%.*s", (int)(line.n < size ? line.n : size - 1), line.p);
    return 0;
}

int gs_driver_pci(const struct gs_machine_roots *roots, const char *pci_bus_id,
                  struct gs_pci_facts *ret, struct gs_err *err)
{
    char address[GS_PCI_ADDRESS_MAX];
    char path[128];
    char text[32];
    int r = gs_pci_address(pci_bus_id, address, err);
    if (r < 0) {
        return r;
    }
    struct gs_pci_facts found = {.numa_node = -1, .class = GS_NOT_KNOWN};
    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/class", address);
    if ((r = read_line(roots, path, text, sizeof(text), err)) < 0) {
        return r;
    }
    struct gs_view v = gs_view(text);
    unsigned class = 0;
    if (gs_view_skip(&v, "0x") && hex(&v, 6, &class) && v.n == 0) {
        found.class = class;
    }
    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/numa_node", address);
    uint64_t node = 0;
    /* "-1" is none, as is whatever is no number */
    if (read_line(roots, path, text, sizeof(text), NULL) == 0 &&
        gs_view_is_u64(gs_view(text), INT32_MAX, &node)) {
        found.numa_node = (int32_t)node;
    }
    *ret = found;
    return 0;
}

int gs_driver_machine_type(const struct gs_machine_roots *roots, char *ret, size_t size,
                           struct gs_err *err)
{
    return read_line(roots, "/sys/class/dmi/id/product_name", ret, size, err);
}

/* "gpu3/gi2/access", "gpu3/gi2/ci0/access", "config", "monitor": where its minor goes. */
static uint32_t *place_of(struct gs_view name, struct gs_cap_minors *minors)
{
    uint64_t gpu = 0;
    uint64_t gi = 0;
    uint64_t ci = 0;
    if (gs_view_eq(name, "config")) {
        return &minors->config;
    }
    if (gs_view_eq(name, "monitor")) {
        return &minors->monitor;
    }
    if (!gs_view_skip(&name, "gpu") || !gs_view_u64(&name, GS_GPUS_MAX - 1, &gpu) ||
        !gs_view_skip(&name, "/gi") || !gs_view_u64(&name, GS_GPU_INSTANCES_MAX - 1, &gi)) {
        return NULL;
    }
    if (gs_view_eq(name, "/access")) {
        return &minors->gi[gpu][gi];
    }
    if (gs_view_skip(&name, "/ci") && gs_view_u64(&name, GS_COMPUTE_INSTANCES_MAX - 1, &ci) &&
        gs_view_eq(name, "/access")) {
        return &minors->ci[gpu][gi][ci];
    }
    return NULL;
}

void gs_cap_minors_parse(struct gs_view text, struct gs_cap_minors *ret)
{
    memset(ret, 0xff, sizeof(*ret)); /* GS_NOT_KNOWN */
    for (struct gs_view rest = text; rest.p != NULL;) {
        struct gs_view line = gs_view_split(&rest, '\n');
        struct gs_view name = gs_view_split(&line, ' ');
        uint32_t *place = line.p == NULL ? NULL : place_of(name, ret);
        uint64_t minor = 0;
        if (place != NULL && gs_view_is_u64(line, MINOR_MAX, &minor)) {
            *place = (uint32_t)minor;
        }
    }
}

int gs_driver_caps(const struct gs_machine_roots *roots, struct gs_cap_minors *ret,
                   struct gs_err *err)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, MINORS_BYTES_MAX);
    int r = gs_root_read(roots->kernel, "/proc/driver/nvidia-caps/mig-minors", &text, err);
    if (r < 0 && r != GS_NOT_FOUND) {
        return r;
    }
    struct gs_view found = {.p = gs_buf_text(&text), .n = r < 0 ? 0 : text.len};
    gs_cap_minors_parse(found, ret);
    return 0;
}

int gs_cap_file_parse(struct gs_view text, struct gs_cap_file *ret, struct gs_err *err)
{
    struct gs_cap_file found = {.minor = GS_NOT_KNOWN, .mode = GS_NOT_KNOWN};
    for (struct gs_view rest = text; rest.p != NULL;) {
        struct gs_view line = gs_view_split(&rest, '\n');
        struct gs_view name = gs_view_trim(gs_view_split(&line, ':'));
        uint64_t value = 0;
        if (line.p == NULL || !gs_view_is_u64(gs_view_trim(line), MINOR_MAX, &value)) {
            continue;
        }
        if (gs_view_eq(name, "DeviceFileMinor")) {
            found.minor = (uint32_t)value;
        } else if (gs_view_eq(name, "DeviceFileMode")) {
            found.mode = (uint32_t)value & 07777;
        } else if (gs_view_eq(name, "DeviceFileModify")) {
            found.modify = value != 0;
        }
    }
    if (found.minor == GS_NOT_KNOWN || found.mode == GS_NOT_KNOWN) {
        return gs_fail(err, GS_INVALID,
                       "a capability file has lines \"DeviceFileMinor: 12\" and \"DeviceFileMode: "
                       "292\"; there is \"%.*s\"",
                       GS_VIEW_ARGS(gs_view_trim(text)));
    }
    *ret = found;
    return 0;
}

int gs_driver_cap_file(const struct gs_machine_roots *roots, uint32_t gpu_minor, uint32_t gi,
                       uint32_t ci, struct gs_cap_file *ret, struct gs_err *err)
{
    char path[160];
    int n = snprintf(path, sizeof(path), "/proc/driver/nvidia/capabilities/gpu%u/mig/gi%u",
                     gpu_minor, gi);
    if (ci != GS_NOT_KNOWN) {
        n += snprintf(path + n, sizeof(path) - (size_t)n, "/ci%u", ci);
    }
    snprintf(path + n, sizeof(path) - (size_t)n, "/access");
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, SMALL_MAX);
    int r = gs_root_read(roots->kernel, path, &text, err);
    if (r == 0) {
        r = gs_cap_file_parse((struct gs_view){.p = gs_buf_text(&text), .n = text.len}, ret, err);
        r = r < 0 ? gs_wrap(err, r, "%s", path) : 0;
    }
    return r;
}

/* Lines are "195 nvidia", of character devices up to the block devices. */
void gs_driver_majors_parse(struct gs_view text, struct gs_driver_majors *ret)
{
    *ret = (struct gs_driver_majors){GS_NOT_KNOWN, GS_NOT_KNOWN, GS_NOT_KNOWN};
    for (struct gs_view rest = text; rest.p != NULL;) {
        struct gs_view line = gs_view_trim(gs_view_split(&rest, '\n'));
        if (gs_view_eq(line, "Block devices:")) {
            return;
        }
        struct gs_view number = gs_view_split(&line, ' ');
        uint64_t major = 0;
        if (line.p == NULL || !gs_view_is_u64(number, MAJOR_MAX, &major)) {
            continue;
        }
        if (gs_view_eq(line, "nvidia") || gs_view_eq(line, "nvidia-frontend")) {
            ret->gpu = (uint32_t)major;
        } else if (gs_view_eq(line, "nvidia-uvm")) {
            ret->uvm = (uint32_t)major;
        } else if (gs_view_eq(line, "nvidia-caps")) {
            ret->caps = (uint32_t)major;
        }
    }
}

int gs_driver_majors(const struct gs_machine_roots *roots, struct gs_driver_majors *ret,
                     struct gs_err *err)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, DEVICES_BYTES_MAX);
    int r = gs_root_read(roots->kernel, "/proc/devices", &text, err);
    if (r == 0) {
        gs_driver_majors_parse((struct gs_view){.p = gs_buf_text(&text), .n = text.len}, ret);
    }
    return r;
}
