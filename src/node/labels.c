#include "node/labels_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_MAX = 11 + 63 };

static int fail_memory(struct gs_labels_builder *b)
{
    return gs_fail(b->err, GS_NO_MEMORY, "no memory for the labels of the node");
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

void gs_labels_sanitise(char *ret, size_t size, const char *text)
{
    size_t n = 0;
    bool gap = false;
    for (; *text != '\0' && n + 2 < size; text++) {
        if (*text == ' ') {
            gap = n > 0;
        } else if (is_alnum(*text) || *text == '-' || *text == '_' || *text == '.') {
            if (gap) {
                ret[n++] = '-';
            }
            ret[n++] = *text;
            gap = false;
        }
    }
    ret[n] = '\0';
}

int gs_labels_put(struct gs_labels_builder *b, const char *key, const char *value)
{
    size_t n = strlen(value);
    n = n < GS_LABEL_VALUE_MAX ? n : GS_LABEL_VALUE_MAX;
    while (n > 0 && !is_alnum(value[n - 1])) {
        n--;
    }
    while (n > 0 && !is_alnum(value[0])) {
        value++;
        n--;
    }
    if (strlen(key) > KEY_MAX) {
        return 0; /* of a profile with a name of more than 40 characters */
    }
    if (b->n >= GS_LABELS_MAX) {
        return gs_fail(b->err, GS_LIMIT, "found more than %d labels", GS_LABELS_MAX);
    }
    struct gs_label label = {.key = gs_arena_text(b->arena, key, strlen(key)),
                             .value = gs_arena_text(b->arena, value, n)};
    if (label.key == NULL || label.value == NULL ||
        !gs_arena_room(b->arena, &b->at, &b->cap, b->n, sizeof(*b->at))) {
        return fail_memory(b);
    }
    b->at[b->n++] = label;
    return 0;
}

/* ---- the machine ---- */

static int put_driver(struct gs_labels_builder *b)
{
    const char *full = b->input->snapshot->driver.driver_version;
    char parts[3][32] = {"", "", ""};
    struct gs_view rest = gs_view(full);
    unsigned n = 0;
    for (; rest.p != NULL && n < 3; n++) {
        struct gs_view part = gs_view_split(&rest, '.');
        snprintf(parts[n], sizeof(parts[n]), "%.*s", GS_VIEW_ARGS(part));
    }
    if (n < 2 || rest.p != NULL) {
        return 0; /* not X.Y or X.Y.Z: nobody knows what is what */
    }
    int r = gs_labels_put(b, GS_LABEL_DOMAIN "cuda.driver.major", parts[0]);
    r = r < 0 ? r : gs_labels_put(b, GS_LABEL_DOMAIN "cuda.driver.minor", parts[1]);
    r = r < 0 ? r : gs_labels_put(b, GS_LABEL_DOMAIN "cuda.driver.rev", parts[2]);
    r = r < 0 ? r : gs_labels_put(b, GS_LABEL_DOMAIN "cuda.driver-version.major", parts[0]);
    r = r < 0 ? r : gs_labels_put(b, GS_LABEL_DOMAIN "cuda.driver-version.minor", parts[1]);
    r = r < 0 ? r : gs_labels_put(b, GS_LABEL_DOMAIN "cuda.driver-version.revision", parts[2]);
    return r < 0 ? r : gs_labels_put(b, GS_LABEL_DOMAIN "cuda.driver-version.full", full);
}

static int put_cuda(struct gs_labels_builder *b)
{
    uint32_t version = b->input->snapshot->driver.cuda_version;
    char major[16] = "";
    char minor[16] = "";
    char full[34] = "";
    if (version == GS_NOT_KNOWN) {
        return 0;
    }
    snprintf(major, sizeof(major), "%u", version / 1000);
    snprintf(minor, sizeof(minor), "%u", version % 1000 / 10);
    snprintf(full, sizeof(full), "%s.%s", major, minor);
    int r = gs_labels_put(b, GS_LABEL_DOMAIN "cuda.runtime.major", major);
    r = r < 0 ? r : gs_labels_put(b, GS_LABEL_DOMAIN "cuda.runtime.minor", minor);
    r = r < 0 ? r : gs_labels_put(b, GS_LABEL_DOMAIN "cuda.runtime-version.major", major);
    r = r < 0 ? r : gs_labels_put(b, GS_LABEL_DOMAIN "cuda.runtime-version.minor", minor);
    return r < 0 ? r : gs_labels_put(b, GS_LABEL_DOMAIN "cuda.runtime-version.full", full);
}

static const char *mode_of(const struct gs_snapshot *snapshot)
{
    uint32_t class = snapshot->gpus[0].pci_class;
    for (unsigned g = 1; g < snapshot->n_gpus; g++) {
        class = snapshot->gpus[g].pci_class == class ? class : GS_NOT_KNOWN;
    }
    return class == 0x030000 ? "graphics" : class == 0x030200 ? "compute" : "unknown";
}

/* The fabric that all GPUs on one are on, if it is one. */
static int put_clique(struct gs_labels_builder *b)
{
    const struct gs_snapshot *snapshot = b->input->snapshot;
    const struct gs_snapshot_gpu *first = NULL;
    char value[80] = "";
    for (unsigned g = 0; g < snapshot->n_gpus; g++) {
        const struct gs_snapshot_gpu *gpu = &snapshot->gpus[g];
        if (gpu->fabric_cluster[0] == '\0' || gpu->fabric_clique == GS_NOT_KNOWN) {
            continue;
        }
        if (first != NULL && (strcmp(first->fabric_cluster, gpu->fabric_cluster) != 0 ||
                              first->fabric_clique != gpu->fabric_clique)) {
            return 0;
        }
        first = gpu;
    }
    if (first == NULL) {
        return 0;
    }
    snprintf(value, sizeof(value), "%s.%u", first->fabric_cluster, first->fabric_clique);
    return gs_labels_put(b, GS_LABEL_GPU ".clique", value);
}

static int put_vgpu(struct gs_labels_builder *b)
{
    const struct gs_vgpu *vgpu = b->input->vgpu;
    if (vgpu == NULL) {
        return 0;
    }
    int r = gs_labels_put(b, GS_LABEL_DOMAIN "vgpu.present", vgpu->present ? "true" : "false");
    if (r == 0 && vgpu->present && vgpu->host_driver_version[0] != '\0') {
        r = gs_labels_put(b, GS_LABEL_DOMAIN "vgpu.host-driver-version", vgpu->host_driver_version);
        r = r < 0 ? r
                  : gs_labels_put(b, GS_LABEL_DOMAIN "vgpu.host-driver-branch",
                                  vgpu->host_driver_branch);
    }
    return r;
}

static int put_machine(struct gs_labels_builder *b)
{
    const struct gs_snapshot *snapshot = b->input->snapshot;
    char machine[GS_LABEL_PRODUCT_MAX] = "";
    bool capable = false;
    for (unsigned g = 0; g < snapshot->n_gpus; g++) {
        capable = capable || snapshot->gpus[g].facts.mode != GS_MIG_NOT_CAPABLE;
    }
    gs_labels_sanitise(machine, sizeof(machine),
                       b->input->machine_type == NULL ? "unknown" : b->input->machine_type);
    int r = gs_labels_put(b, GS_LABEL_GPU ".machine", machine);
    r = r < 0 ? r : put_driver(b);
    r = r < 0 ? r : put_cuda(b);
    r = r < 0 ? r : gs_labels_put(b, GS_LABEL_DOMAIN "mig.capable", capable ? "true" : "false");
    r = r < 0 ? r : gs_labels_put(b, GS_LABEL_DOMAIN "mps.capable", "false");
    r = r < 0 ? r : gs_labels_put(b, GS_LABEL_GPU ".mode", mode_of(snapshot));
    return r < 0 ? r : put_clique(b);
}

/* ---- all of them ---- */

static int compare_labels(const void *a, const void *b)
{
    const struct gs_label *x = a;
    const struct gs_label *y = b;
    return strcmp(x->key, y->key);
}

/* Sorts by key and keeps the last of each. */
static void settle(struct gs_labels_builder *b)
{
    size_t kept = 0;
    for (size_t i = 0; i < b->n; i++) {
        size_t k = 0;
        while (k < kept && strcmp(b->at[k].key, b->at[i].key) != 0) {
            k++;
        }
        b->at[k] = b->at[i];
        kept += k == kept ? 1 : 0;
    }
    b->n = kept;
    if (kept > 0) {
        qsort(b->at, kept, sizeof(*b->at), compare_labels);
    }
}

int gs_labels_new(struct gs_arena *arena, const struct gs_labels_input *input,
                  struct gs_labels *ret, struct gs_err *err)
{
    struct gs_labels_builder b = {.arena = arena, .input = input, .err = err};
    char stamp[24] = "";
    int r = 0;
    if (input->started_s != 0 && !input->config->no_timestamp) {
        snprintf(stamp, sizeof(stamp), "%llu", (unsigned long long)input->started_s);
        r = gs_labels_put(&b, GS_LABEL_DOMAIN "gfd.timestamp", stamp);
    }
    r = r < 0 ? r : put_vgpu(&b);
    if (r == 0 && input->snapshot->n_gpus > 0) {
        r = put_machine(&b);
        r = r < 0 ? r : gs_labels_put_resources(&b);
    }
    if (r < 0) {
        return r;
    }
    settle(&b);
    *ret = (struct gs_labels){.n = (unsigned)b.n, .at = b.at};
    return 0;
}
