#include "node/cdispec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "node/cdispec_making.h"

enum { NODES_OF_DEVICE_MAX = 3 + GS_DRM_NODES_MAX, HOOKS_OF_DEVICE_MAX = 2, CAP_MODE = 0444 };

static int by_name(const void *a, const void *b)
{
    const struct gs_cdi_device *first = a;
    const struct gs_cdi_device *second = b;
    return strcmp(first->name, second->name);
}

static struct gs_device_node cap_node(const struct gs_cdispec_making *making, uint32_t minor)
{
    struct gs_device_node node = {
        .major = making->machine->caps_major, .minor = minor, .mode = CAP_MODE, .gid = 0};
    snprintf(node.path, sizeof(node.path), "/dev/nvidia-caps/nvidia-cap%u", minor);
    return node;
}

/* ---- Devices ---- */

static void add_device(struct gs_cdispec_making *making, const char *name,
                       const struct gs_cdi_edits *edits)
{
    if (!making->failed && gs_cdi_name_is_valid(name) && making->n < making->room) {
        making->devices[making->n++] = (struct gs_cdi_device){.name = name, .edits = *edits};
    }
}

/* Once for each kind of name; `slice` NULL: the whole GPU. */
static void add_named(struct gs_cdispec_making *making, const struct gs_snapshot_gpu *gpu,
                      const struct gs_snapshot_slice *slice, const struct gs_cdi_edits *edits)
{
    unsigned names = making->options->names != 0 ? making->options->names : GS_CDISPEC_UUID;
    unsigned g = gpu->facts.index;
    if ((names & GS_CDISPEC_UUID) != 0) {
        add_device(making, slice != NULL ? slice->uuid : gpu->facts.uuid, edits);
    }
    if ((names & GS_CDISPEC_INDEX) != 0) {
        add_device(making,
                   slice != NULL ? gs_cdispec_text(making, "%u:%u", g, slice->index)
                                 : gs_cdispec_text(making, "%u", g),
                   edits);
    }
    if ((names & GS_CDISPEC_TYPE_INDEX) != 0) {
        add_device(making,
                   slice != NULL ? gs_cdispec_text(making, "mig%u:%u", g, slice->index)
                                 : gs_cdispec_text(making, "gpu%u", g),
                   edits);
    }
}

/* Nodes for graphics, and the links by which they are found. */
static void add_drm(struct gs_cdispec_making *making, const struct gs_cdispec_nodes *of,
                    struct gs_device_node *nodes, size_t *n, struct gs_cdi_hook *hooks,
                    size_t *n_hooks)
{
    struct gs_driver_link links[GS_DRM_LINKS_MAX];
    for (unsigned i = 0; i < of->n_drm; i++) {
        nodes[(*n)++] = of->drm[i];
    }
    for (unsigned i = 0; i < of->n_drm_links; i++) {
        links[i] = (struct gs_driver_link){.target = of->drm_links[i].target,
                                           .link = of->drm_links[i].link};
    }
    if (!making->failed && of->n_drm > 0) {
        gs_cdispec_add_link_hook(making, hooks, n_hooks, links, of->n_drm_links);
    }
}

/* Takes what a container says of memory (NVIDIA_GPU_MEMORY_LIMIT) to its cgroup. */
static void add_memory_hook(struct gs_cdispec_making *making, const char *uuid,
                            struct gs_cdi_hook *hooks, size_t *n_hooks)
{
    const char *root = making->options->driver_root;
    const char *const args[] = {"--driver-root", root == NULL || root[0] == '\0' ? "/" : root,
                                "--gpu-id", uuid};
    gs_cdispec_add_hook(making, hooks, n_hooks, GS_HOOK_APPLY_CUDA_MEMORY_LIMITS,
                        "apply-cuda-memory-limits", args, GS_ARRAY_LEN(args));
}

static void add_gpu(struct gs_cdispec_making *making, unsigned k)
{
    const struct gs_cdispec_nodes *of = &making->machine->nodes[k];
    const struct gs_snapshot_gpu *gpu = &making->snapshot->gpus[k];
    struct gs_device_node nodes[NODES_OF_DEVICE_MAX] = {of->gpu};
    struct gs_cdi_hook *hooks = GS_CDISPEC_GET(making, struct gs_cdi_hook, HOOKS_OF_DEVICE_MAX);
    struct gs_cdi_edits edits = {.hooks = hooks};
    size_t n = 1;
    if (!making->failed) {
        add_drm(making, of, nodes, &n, hooks, &edits.n_hooks);
        add_memory_hook(making, gpu->facts.uuid, hooks, &edits.n_hooks);
    }
    gs_cdispec_add_nodes(making, &edits, nodes, n);
    add_named(making, gpu, NULL, &edits);
}

static bool has_graphics(const struct gs_profile_name *profile)
{
    for (struct gs_view rest = gs_view(profile->attrs); rest.p != NULL;) {
        if (profile->sign == '+' && gs_view_eq(gs_view_split(&rest, ','), "gfx")) {
            return true;
        }
        if (profile->sign != '+') {
            return false;
        }
    }
    return false;
}

static void add_slice(struct gs_cdispec_making *making, unsigned k,
                      const struct gs_snapshot_slice *slice)
{
    const struct gs_cdispec_nodes *of = &making->machine->nodes[k];
    size_t n = 3;
    if (slice->gi_minor == GS_NOT_KNOWN || slice->ci_minor == GS_NOT_KNOWN) {
        return;
    }
    struct gs_device_node nodes[NODES_OF_DEVICE_MAX] = {of->gpu, cap_node(making, slice->gi_minor),
                                                        cap_node(making, slice->ci_minor)};
    struct gs_cdi_hook *hooks = GS_CDISPEC_GET(making, struct gs_cdi_hook, HOOKS_OF_DEVICE_MAX);
    struct gs_cdi_edits edits = {.hooks = hooks};
    if (!making->failed && has_graphics(&slice->profile)) {
        add_drm(making, of, nodes, &n, hooks, &edits.n_hooks);
    }
    gs_cdispec_add_nodes(making, &edits, nodes, n);
    add_named(making, &making->snapshot->gpus[k], slice, &edits);
}

static void add_devices(struct gs_cdispec_making *making)
{
    const struct gs_snapshot *snapshot = making->snapshot;
    enum { NAMES = 3 };
    making->room = (snapshot->n_gpus + (size_t)snapshot->n_slices) * NAMES + 1;
    making->devices = GS_CDISPEC_GET(making, struct gs_cdi_device, making->room);
    for (unsigned k = 0; k < snapshot->n_gpus && !making->failed; k++) {
        const struct gs_snapshot_gpu *gpu = &snapshot->gpus[k];
        if (!gpu->lost && !gs_snapshot_is_cut(gpu)) {
            add_gpu(making, k);
        }
        for (unsigned i = 0; !gpu->lost && gs_snapshot_is_cut(gpu) && i < gpu->n; i++) {
            add_slice(making, k, &snapshot->slices[gpu->first + i]);
        }
    }
}

/* ---- All of them as one ---- */

static bool has_node(const struct gs_cdi_node *nodes, size_t n, const char *path)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(nodes[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

/* By what it does: the program is the same. */
static bool has_hook(const struct gs_cdi_hook *hooks, size_t n, const struct gs_cdi_hook *hook)
{
    for (size_t i = 0; i < n; i++) {
        bool same = hooks[i].args.n == hook->args.n;
        for (size_t a = 0; same && a < hook->args.n; a++) {
            same = strcmp(hooks[i].args.at[a], hook->args.at[a]) == 0;
        }
        if (same) {
            return true;
        }
    }
    return false;
}

static void merge(struct gs_cdi_edits *all, struct gs_cdi_node *nodes, struct gs_cdi_hook *hooks,
                  uint32_t *gids, const struct gs_cdi_edits *edits)
{
    for (size_t i = 0; i < edits->n_nodes; i++) {
        if (!has_node(nodes, all->n_nodes, edits->nodes[i].path)) {
            nodes[all->n_nodes++] = edits->nodes[i];
        }
    }
    for (size_t i = 0; i < edits->n_hooks; i++) {
        if (!has_hook(hooks, all->n_hooks, &edits->hooks[i])) {
            hooks[all->n_hooks++] = edits->hooks[i];
        }
    }
    for (size_t i = 0; i < edits->n_gids; i++) {
        all->n_gids = gs_cdispec_add_number(gids, all->n_gids, edits->gids[i]);
    }
}

/* One device may be there under several names: what it does counts once. */
static bool is_first(const struct gs_cdispec_making *making, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (making->devices[i].edits.nodes == making->devices[at].edits.nodes) {
            return false;
        }
    }
    return true;
}

static void add_all(struct gs_cdispec_making *making)
{
    struct gs_cdi_edits all = {.n_nodes = 0};
    struct gs_cdi_node *nodes =
        GS_CDISPEC_GET(making, struct gs_cdi_node, making->n * NODES_OF_DEVICE_MAX + 1);
    struct gs_cdi_hook *hooks =
        GS_CDISPEC_GET(making, struct gs_cdi_hook, making->n * HOOKS_OF_DEVICE_MAX + 1);
    uint32_t *gids = GS_CDISPEC_GET(making, uint32_t, making->n * NODES_OF_DEVICE_MAX + 1);
    if (making->failed || making->n == 0) {
        return;
    }
    for (size_t i = 0; i < making->n; i++) {
        if (is_first(making, i)) {
            merge(&all, nodes, hooks, gids, &making->devices[i].edits);
        }
    }
    gs_cdispec_sort_nodes(nodes, all.n_nodes);
    all.nodes = nodes;
    all.hooks = hooks;
    all.gids = gids;
    add_device(making, "all", &all);
}

int gs_cdispec_make(const struct gs_snapshot *snapshot, const struct gs_cdispec_machine *machine,
                    const struct gs_cdispec_options *options, struct gs_arena *arena,
                    struct gs_cdi_spec *ret, struct gs_err *err)
{
    struct gs_cdispec_making making = {
        .snapshot = snapshot, .machine = machine, .options = options, .arena = arena};
    struct gs_cdi_edits common = {.n_nodes = 0};
    add_devices(&making);
    if (!making.failed) {
        qsort(making.devices, making.n, sizeof(*making.devices), by_name);
    }
    if (options->all) {
        add_all(&making);
    }
    gs_cdispec_add_common(&making, &common);
    if (making.failed) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the description of %u GPUs",
                       snapshot->n_gpus);
    }
    qsort(making.devices, making.n, sizeof(*making.devices), by_name);
    *ret = (struct gs_cdi_spec){.kind = options->kind != NULL ? options->kind : GS_CDISPEC_KIND,
                                .n_devices = making.n,
                                .devices = making.devices,
                                .edits = common};
    return 0;
}
