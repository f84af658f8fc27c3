#include "node/cdispec.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum {
    NODES_OF_DEVICE_MAX = 3 + GS_DRM_NODES_MAX,
    HOOKS_OF_DEVICE_MAX = 2,
    CAP_MODE = 0444,
    PLAIN_MODE = 0666
};

/* The description while it is made. Running out of memory sticks. */
struct making {
    const struct gs_snapshot *snapshot;
    const struct gs_cdispec_machine *machine;
    const struct gs_cdispec_options *options;
    struct gs_arena *arena;
    bool failed;
    size_t n, room;
    struct gs_cdi_device *devices;
};

static void *get(struct making *making, size_t n, size_t size)
{
    void *ret = making->failed ? NULL : gs_arena_get(making->arena, n, size);
    making->failed = ret == NULL;
    return ret;
}

#define GET(making, type, n) ((type *)get((making), (n), sizeof(type)))

/* Never NULL. */
static const char *text(struct making *making, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static const char *text(struct making *making, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *ret = n < 0 ? NULL : GET(making, char, (size_t)n + 1);
    if (ret == NULL) {
        return "";
    }
    va_start(ap, fmt);
    vsnprintf(ret, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return ret;
}

/* <root><path>, where "/" and NULL are no root. */
static const char *below(struct making *making, const char *root, const char *path)
{
    return root == NULL || strcmp(root, "/") == 0 || root[0] == '\0'
               ? path
               : text(making, "%s%s", root, path);
}

/* ---- The order of nvidia-ctk (pkg/nvcdi/transform/sorter.go) ---- */

static unsigned depth(const char *path)
{
    unsigned n = 0;
    for (; *path != '\0'; path++) {
        n += *path == '/';
    }
    return n;
}

static int compare_paths(const char *a, const char *b)
{
    int deeper = (int)depth(a) - (int)depth(b);
    return deeper != 0 ? deeper : strcmp(a, b);
}

static int by_node(const void *a, const void *b)
{
    const struct gs_cdi_node *first = a;
    const struct gs_cdi_node *second = b;
    return compare_paths(first->path, second->path);
}

static int by_mount(const void *a, const void *b)
{
    const struct gs_cdi_mount *first = a;
    const struct gs_cdi_mount *second = b;
    int order = compare_paths(first->container_path, second->container_path);
    return order != 0 ? order : strcmp(first->host_path, second->host_path);
}

static int by_name(const void *a, const void *b)
{
    const struct gs_cdi_device *first = a;
    const struct gs_cdi_device *second = b;
    return strcmp(first->name, second->name);
}

/* ---- Nodes ---- */

static struct gs_cdi_node node_of(struct making *making, const struct gs_device_node *node)
{
    const struct gs_cdispec_options *options = making->options;
    const char *root = options->dev_root != NULL ? options->dev_root : options->driver_root;
    bool by_numbers = options->nodes_from_numbers && node->major != GS_NOT_KNOWN &&
                      node->major != 0 && node->minor != GS_NOT_KNOWN;
    struct gs_cdi_node ret = {.path = text(making, "%s", node->path),
                              .major = GS_CDI_NOT_TOLD,
                              .minor = GS_CDI_NOT_TOLD,
                              .file_mode = GS_CDI_NOT_TOLD,
                              .uid = GS_CDI_NOT_TOLD,
                              .gid = GS_CDI_NOT_TOLD};
    if (by_numbers || node->exists) {
        ret.major = node->major;
        ret.minor = node->minor;
        ret.file_mode = node->mode != GS_NOT_KNOWN ? node->mode : PLAIN_MODE;
        ret.permissions = "rwm";
        ret.gid = node->gid != GS_NOT_KNOWN && node->gid != 0 ? node->gid : GS_CDI_NOT_TOLD;
    }
    if (by_numbers) {
        ret.type = 'c';
    } else {
        ret.host_path = below(making, root, ret.path);
    }
    return ret;
}

/* Unless it is there. Gives how many there are now. */
static size_t add_number(uint32_t *numbers, size_t n, uint32_t number)
{
    for (size_t i = 0; i < n; i++) {
        if (numbers[i] == number) {
            return n;
        }
    }
    numbers[n] = number;
    return n + 1;
}

/* A node that belongs to a group, and not to everybody, needs the process to be in that group. */
static void add_gid(struct making *making, struct gs_cdi_edits *edits, uint32_t *gids,
                    const struct gs_device_node *node)
{
    bool for_all = (node->mode & 06) == 06;
    if (making->failed || !node->exists || node->gid == 0 || for_all) {
        return;
    }
    edits->n_gids = add_number(gids, edits->n_gids, node->gid);
    edits->gids = gids;
}

static void add_nodes(struct making *making, struct gs_cdi_edits *edits,
                      const struct gs_device_node *nodes, size_t n)
{
    struct gs_cdi_node *made = GET(making, struct gs_cdi_node, n + 1);
    uint32_t *gids = GET(making, uint32_t, n + 1);
    for (size_t i = 0; !making->failed && i < n; i++) {
        made[i] = node_of(making, &nodes[i]);
        add_gid(making, edits, gids, &nodes[i]);
    }
    if (!making->failed) {
        qsort(made, n, sizeof(*made), by_node);
        edits->nodes = made;
        edits->n_nodes = n;
    }
}

static struct gs_device_node cap_node(const struct making *making, uint32_t minor)
{
    struct gs_device_node node = {
        .major = making->machine->caps_major, .minor = minor, .mode = CAP_MODE, .gid = 0};
    snprintf(node.path, sizeof(node.path), "/dev/nvidia-caps/nvidia-cap%u", minor);
    return node;
}

/* ---- Hooks ---- */

static const char *program_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* One that the program knows, with these arguments behind its name. */
static void add_hook(struct making *making, struct gs_cdi_hook *hooks, size_t *n, unsigned which,
                     const char *name, const char *const *args, size_t n_args)
{
    static const char *const env[] = {"NVIDIA_CTK_DEBUG=false"};
    const struct gs_cdispec_options *options = making->options;
    unsigned known =
        options->hooks != 0 ? options->hooks : GS_HOOK_CREATE_SYMLINKS | GS_HOOK_UPDATE_LDCACHE;
    bool limits = which == GS_HOOK_APPLY_CUDA_MEMORY_LIMITS; /* of the container's cgroup */
    if (options->hook == NULL || options->hook[0] == '\0' || (known & which) == 0) {
        return;
    }
    const char *program = program_of(options->hook);
    size_t at = 0;
    const char **argv = GET(making, const char *, n_args + 3);
    if (argv == NULL) {
        return;
    }
    argv[at++] = program;
    if (strcmp(program, "nvidia-ctk") == 0) {
        argv[at++] = "hook";
    }
    argv[at++] = name;
    for (size_t i = 0; i < n_args; i++) {
        argv[at++] = args[i];
    }
    hooks[(*n)++] = (struct gs_cdi_hook){.name = limits ? "createRuntime" : "createContainer",
                                         .path = options->hook,
                                         .args = {.n = at, .at = argv},
                                         .env = {.n = GS_ARRAY_LEN(env), .at = env}};
}

static void add_link_hook(struct making *making, struct gs_cdi_hook *hooks, size_t *n,
                          const struct gs_driver_link *links, size_t n_links)
{
    const char **args = GET(making, const char *, 2 * n_links + 1);
    for (size_t i = 0; !making->failed && i < n_links; i++) {
        args[2 * i] = "--link";
        args[2 * i + 1] = text(making, "%s::%s", links[i].target, links[i].link);
    }
    if (!making->failed && n_links > 0) {
        add_hook(making, hooks, n, GS_HOOK_CREATE_SYMLINKS, "create-symlinks", args, 2 * n_links);
    }
}

static void add_common_hooks(struct making *making, struct gs_cdi_edits *edits)
{
    enum { COMMON_HOOKS = 6 };
    static const struct gs_driver_files none = {.n_links = 0};
    const struct gs_driver_files *files =
        making->machine->files != NULL ? making->machine->files : &none;
    struct gs_cdi_hook *hooks = GET(making, struct gs_cdi_hook, COMMON_HOOKS);
    const char **folders = GET(making, const char *, 2 * files->n_lib_folders + 1);
    size_t n = 0;
    add_link_hook(making, hooks, &n, files->graphics_links, files->n_graphics_links);
    add_link_hook(making, hooks, &n, files->links, files->n_links);
    const char *version =
        text(making, "--host-driver-version=%s", making->snapshot->driver.driver_version);
    if (making->failed) {
        return;
    }
    for (size_t i = 0; i < files->n_lib_folders; i++) {
        folders[2 * i] = "--folder";
        folders[2 * i + 1] = files->lib_folders[i];
    }
    if (files->n_mounts > 0) {
        add_hook(making, hooks, &n, GS_HOOK_ENABLE_CUDA_COMPAT, "enable-cuda-compat", &version, 1);
    }
    if (files->n_lib_folders > 0) {
        add_hook(making, hooks, &n, GS_HOOK_UPDATE_LDCACHE, "update-ldcache", folders,
                 2 * files->n_lib_folders);
    }
    add_hook(making, hooks, &n, GS_HOOK_DISABLE_DEVICE_NODE_MODIFICATION,
             "disable-device-node-modification", NULL, 0);
    add_hook(making, hooks, &n, GS_HOOK_UPDATE_APPLICATION_PROFILE, "update-application-profile",
             NULL, 0);
    edits->hooks = hooks;
    edits->n_hooks = n;
}

/* ---- What every container gets ---- */

static const char *const file_options[] = {"ro", "nosuid", "nodev", "rbind", "rprivate"};
static const char *const socket_options[] = {"nosuid", "nodev", "rbind", "rprivate", "noexec"};

static struct gs_cdi_mount mount_of(struct making *making, const struct gs_driver_mount *mount,
                                    const char *const options[static 5])
{
    return (struct gs_cdi_mount){.host_path =
                                     below(making, making->options->driver_root, mount->path),
                                 .container_path = mount->container_path,
                                 .options = {.n = 5, .at = options}};
}

static void add_mounts(struct making *making, struct gs_cdi_edits *edits)
{
    const struct gs_driver_files *files = making->machine->files;
    size_t n = files == NULL ? 0 : files->n_mounts + files->n_sockets;
    struct gs_cdi_mount *mounts = GET(making, struct gs_cdi_mount, n + 1);
    for (size_t i = 0; !making->failed && i < n; i++) {
        mounts[i] = i < files->n_mounts
                        ? mount_of(making, &files->mounts[i], file_options)
                        : mount_of(making, &files->sockets[i - files->n_mounts], socket_options);
    }
    if (!making->failed) {
        qsort(mounts, n, sizeof(*mounts), by_mount);
        edits->mounts = mounts;
        edits->n_mounts = n;
    }
}

static void add_env(struct making *making, struct gs_cdi_edits *edits)
{
    const struct gs_driver_files *files = making->machine->files;
    const char **env = GET(making, const char *, 2);
    const char *folders = "";
    size_t n = 0;
    for (size_t i = 0; files != NULL && i < files->n_cuda_folders; i++) {
        folders = text(making, "%s%s%s", folders, i > 0 ? ":" : "", files->cuda_folders[i]);
    }
    if (folders[0] != '\0') {
        const char *libcuda = text(making, "NVIDIA_CTK_LIBCUDA_DIR=%s", folders);
        if (!making->failed) {
            env[n++] = libcuda;
        }
    }
    if (!making->failed) {
        env[n++] = "NVIDIA_VISIBLE_DEVICES=void";
        edits->env = (struct gs_cdi_texts){.n = n, .at = env};
    }
}

/* ---- Devices ---- */

static void add_device(struct making *making, const char *name, const struct gs_cdi_edits *edits)
{
    if (!making->failed && gs_cdi_name_is_valid(name) && making->n < making->room) {
        making->devices[making->n++] = (struct gs_cdi_device){.name = name, .edits = *edits};
    }
}

/* Once for each kind of name; `slice` NULL: the whole GPU. */
static void add_named(struct making *making, const struct gs_snapshot_gpu *gpu,
                      const struct gs_snapshot_slice *slice, const struct gs_cdi_edits *edits)
{
    unsigned names = making->options->names != 0 ? making->options->names : GS_CDISPEC_UUID;
    unsigned g = gpu->facts.index;
    if ((names & GS_CDISPEC_UUID) != 0) {
        add_device(making, slice != NULL ? slice->uuid : gpu->facts.uuid, edits);
    }
    if ((names & GS_CDISPEC_INDEX) != 0) {
        add_device(making,
                   slice != NULL ? text(making, "%u:%u", g, slice->index) : text(making, "%u", g),
                   edits);
    }
    if ((names & GS_CDISPEC_TYPE_INDEX) != 0) {
        add_device(making,
                   slice != NULL ? text(making, "mig%u:%u", g, slice->index)
                                 : text(making, "gpu%u", g),
                   edits);
    }
}

/* Nodes for graphics, and the links by which they are found. */
static void add_drm(struct making *making, const struct gs_cdispec_nodes *of,
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
        add_link_hook(making, hooks, n_hooks, links, of->n_drm_links);
    }
}

/* Takes what a container says of memory (NVIDIA_GPU_MEMORY_LIMIT) to its cgroup. */
static void add_memory_hook(struct making *making, const char *uuid, struct gs_cdi_hook *hooks,
                            size_t *n_hooks)
{
    const char *root = making->options->driver_root;
    const char *const args[] = {"--driver-root", root == NULL || root[0] == '\0' ? "/" : root,
                                "--gpu-id", uuid};
    add_hook(making, hooks, n_hooks, GS_HOOK_APPLY_CUDA_MEMORY_LIMITS, "apply-cuda-memory-limits",
             args, GS_ARRAY_LEN(args));
}

static void add_gpu(struct making *making, unsigned k)
{
    const struct gs_cdispec_nodes *of = &making->machine->nodes[k];
    const struct gs_snapshot_gpu *gpu = &making->snapshot->gpus[k];
    struct gs_device_node nodes[NODES_OF_DEVICE_MAX] = {of->gpu};
    struct gs_cdi_hook *hooks = GET(making, struct gs_cdi_hook, HOOKS_OF_DEVICE_MAX);
    struct gs_cdi_edits edits = {.hooks = hooks};
    size_t n = 1;
    if (!making->failed) {
        add_drm(making, of, nodes, &n, hooks, &edits.n_hooks);
        add_memory_hook(making, gpu->facts.uuid, hooks, &edits.n_hooks);
    }
    add_nodes(making, &edits, nodes, n);
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

static void add_slice(struct making *making, unsigned k, const struct gs_snapshot_slice *slice)
{
    const struct gs_cdispec_nodes *of = &making->machine->nodes[k];
    size_t n = 3;
    if (slice->gi_minor == GS_NOT_KNOWN || slice->ci_minor == GS_NOT_KNOWN) {
        return;
    }
    struct gs_device_node nodes[NODES_OF_DEVICE_MAX] = {of->gpu, cap_node(making, slice->gi_minor),
                                                        cap_node(making, slice->ci_minor)};
    struct gs_cdi_hook *hooks = GET(making, struct gs_cdi_hook, HOOKS_OF_DEVICE_MAX);
    struct gs_cdi_edits edits = {.hooks = hooks};
    if (!making->failed && has_graphics(&slice->profile)) {
        add_drm(making, of, nodes, &n, hooks, &edits.n_hooks);
    }
    add_nodes(making, &edits, nodes, n);
    add_named(making, &making->snapshot->gpus[k], slice, &edits);
}

static void add_devices(struct making *making)
{
    const struct gs_snapshot *snapshot = making->snapshot;
    enum { NAMES = 3 };
    making->room = (snapshot->n_gpus + (size_t)snapshot->n_slices) * NAMES + 1;
    making->devices = GET(making, struct gs_cdi_device, making->room);
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
        all->n_gids = add_number(gids, all->n_gids, edits->gids[i]);
    }
}

/* One device may be there under several names: what it does counts once. */
static bool is_first(const struct making *making, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (making->devices[i].edits.nodes == making->devices[at].edits.nodes) {
            return false;
        }
    }
    return true;
}

static void add_all(struct making *making)
{
    struct gs_cdi_edits all = {.n_nodes = 0};
    struct gs_cdi_node *nodes =
        GET(making, struct gs_cdi_node, making->n * NODES_OF_DEVICE_MAX + 1);
    struct gs_cdi_hook *hooks =
        GET(making, struct gs_cdi_hook, making->n * HOOKS_OF_DEVICE_MAX + 1);
    uint32_t *gids = GET(making, uint32_t, making->n * NODES_OF_DEVICE_MAX + 1);
    if (making->failed || making->n == 0) {
        return;
    }
    for (size_t i = 0; i < making->n; i++) {
        if (is_first(making, i)) {
            merge(&all, nodes, hooks, gids, &making->devices[i].edits);
        }
    }
    qsort(nodes, all.n_nodes, sizeof(*nodes), by_node);
    all.nodes = nodes;
    all.hooks = hooks;
    all.gids = gids;
    add_device(making, "all", &all);
}

int gs_cdispec_make(const struct gs_snapshot *snapshot, const struct gs_cdispec_machine *machine,
                    const struct gs_cdispec_options *options, struct gs_arena *arena,
                    struct gs_cdi_spec *ret, struct gs_err *err)
{
    struct making making = {
        .snapshot = snapshot, .machine = machine, .options = options, .arena = arena};
    struct gs_cdi_edits common = {.n_nodes = 0};
    add_devices(&making);
    if (!making.failed) {
        qsort(making.devices, making.n, sizeof(*making.devices), by_name);
    }
    if (options->all) {
        add_all(&making);
    }
    add_env(&making, &common);
    add_nodes(&making, &common, machine->control, machine->n_control);
    add_common_hooks(&making, &common);
    add_mounts(&making, &common);
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
