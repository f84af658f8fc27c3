/* What of a container is changed: nodes, hooks, mounts, variables. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "node/cdispec_making.h"

enum { PLAIN_MODE = 0666 };

void *gs_cdispec_get(struct gs_cdispec_making *making, size_t n, size_t size)
{
    void *ret = making->failed ? NULL : gs_arena_get(making->arena, n, size);
    making->failed = ret == NULL;
    return ret;
}

const char *gs_cdispec_text(struct gs_cdispec_making *making, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *ret = n < 0 ? NULL : GS_CDISPEC_GET(making, char, (size_t)n + 1);
    if (ret == NULL) {
        return "";
    }
    va_start(ap, fmt);
    vsnprintf(ret, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return ret;
}

/* <root><path>, where "/" and NULL are no root. */
static const char *below(struct gs_cdispec_making *making, const char *root, const char *path)
{
    return root == NULL || strcmp(root, "/") == 0 || root[0] == '\0'
               ? path
               : gs_cdispec_text(making, "%s%s", root, path);
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

void gs_cdispec_sort_nodes(struct gs_cdi_node *nodes, size_t n)
{
    qsort(nodes, n, sizeof(*nodes), by_node);
}

static int by_mount(const void *a, const void *b)
{
    const struct gs_cdi_mount *first = a;
    const struct gs_cdi_mount *second = b;
    int order = compare_paths(first->container_path, second->container_path);
    return order != 0 ? order : strcmp(first->host_path, second->host_path);
}

/* ---- Nodes ---- */

static struct gs_cdi_node node_of(struct gs_cdispec_making *making,
                                  const struct gs_device_node *node)
{
    const struct gs_cdispec_options *options = making->options;
    const char *root = options->dev_root != NULL ? options->dev_root : options->driver_root;
    bool by_numbers = options->nodes_from_numbers && node->major != GS_NOT_KNOWN &&
                      node->major != 0 && node->minor != GS_NOT_KNOWN;
    struct gs_cdi_node ret = {.path = gs_cdispec_text(making, "%s", node->path),
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

size_t gs_cdispec_add_number(uint32_t *numbers, size_t n, uint32_t number)
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
static void add_gid(struct gs_cdispec_making *making, struct gs_cdi_edits *edits, uint32_t *gids,
                    const struct gs_device_node *node)
{
    bool for_all = (node->mode & 06) == 06;
    if (making->failed || !node->exists || node->gid == 0 || for_all) {
        return;
    }
    edits->n_gids = gs_cdispec_add_number(gids, edits->n_gids, node->gid);
    edits->gids = gids;
}

void gs_cdispec_add_nodes(struct gs_cdispec_making *making, struct gs_cdi_edits *edits,
                          const struct gs_device_node *nodes, size_t n)
{
    struct gs_cdi_node *made = GS_CDISPEC_GET(making, struct gs_cdi_node, n + 1);
    uint32_t *gids = GS_CDISPEC_GET(making, uint32_t, n + 1);
    for (size_t i = 0; !making->failed && i < n; i++) {
        made[i] = node_of(making, &nodes[i]);
        add_gid(making, edits, gids, &nodes[i]);
    }
    if (!making->failed) {
        gs_cdispec_sort_nodes(made, n);
        edits->nodes = made;
        edits->n_nodes = n;
    }
}

/* ---- Hooks ---- */

static const char *program_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

void gs_cdispec_add_hook(struct gs_cdispec_making *making, struct gs_cdi_hook *hooks, size_t *n,
                         unsigned which, const char *name, const char *const *args, size_t n_args)
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
    const char **argv = GS_CDISPEC_GET(making, const char *, n_args + 3);
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

void gs_cdispec_add_link_hook(struct gs_cdispec_making *making, struct gs_cdi_hook *hooks,
                              size_t *n, const struct gs_driver_link *links, size_t n_links)
{
    const char **args = GS_CDISPEC_GET(making, const char *, 2 * n_links + 1);
    for (size_t i = 0; !making->failed && i < n_links; i++) {
        args[2 * i] = "--link";
        args[2 * i + 1] = gs_cdispec_text(making, "%s::%s", links[i].target, links[i].link);
    }
    if (!making->failed && n_links > 0) {
        gs_cdispec_add_hook(making, hooks, n, GS_HOOK_CREATE_SYMLINKS, "create-symlinks", args,
                            2 * n_links);
    }
}

static void add_hooks(struct gs_cdispec_making *making, struct gs_cdi_edits *edits)
{
    enum { COMMON_HOOKS = 6 };
    static const struct gs_driver_files none = {.n_links = 0};
    const struct gs_driver_files *files =
        making->machine->files != NULL ? making->machine->files : &none;
    struct gs_cdi_hook *hooks = GS_CDISPEC_GET(making, struct gs_cdi_hook, COMMON_HOOKS);
    const char **folders = GS_CDISPEC_GET(making, const char *, 2 * files->n_lib_folders + 1);
    size_t n = 0;
    gs_cdispec_add_link_hook(making, hooks, &n, files->graphics_links, files->n_graphics_links);
    gs_cdispec_add_link_hook(making, hooks, &n, files->links, files->n_links);
    const char *version = gs_cdispec_text(making, "--host-driver-version=%s",
                                          making->snapshot->driver.driver_version);
    if (making->failed) {
        return;
    }
    for (size_t i = 0; i < files->n_lib_folders; i++) {
        folders[2 * i] = "--folder";
        folders[2 * i + 1] = files->lib_folders[i];
    }
    if (files->n_mounts > 0) {
        gs_cdispec_add_hook(making, hooks, &n, GS_HOOK_ENABLE_CUDA_COMPAT, "enable-cuda-compat",
                            &version, 1);
    }
    if (files->n_lib_folders > 0) {
        gs_cdispec_add_hook(making, hooks, &n, GS_HOOK_UPDATE_LDCACHE, "update-ldcache", folders,
                            2 * files->n_lib_folders);
    }
    gs_cdispec_add_hook(making, hooks, &n, GS_HOOK_DISABLE_DEVICE_NODE_MODIFICATION,
                        "disable-device-node-modification", NULL, 0);
    gs_cdispec_add_hook(making, hooks, &n, GS_HOOK_UPDATE_APPLICATION_PROFILE,
                        "update-application-profile", NULL, 0);
    edits->hooks = hooks;
    edits->n_hooks = n;
}

/* ---- What every container gets ---- */

static const char *const file_options[] = {"ro", "nosuid", "nodev", "rbind", "rprivate"};
static const char *const socket_options[] = {"nosuid", "nodev", "rbind", "rprivate", "noexec"};

static struct gs_cdi_mount mount_of(struct gs_cdispec_making *making,
                                    const struct gs_driver_mount *mount,
                                    const char *const options[static 5])
{
    return (struct gs_cdi_mount){.host_path =
                                     below(making, making->options->driver_root, mount->path),
                                 .container_path = mount->container_path,
                                 .options = {.n = 5, .at = options}};
}

static void add_mounts(struct gs_cdispec_making *making, struct gs_cdi_edits *edits)
{
    const struct gs_driver_files *files = making->machine->files;
    size_t n = files == NULL ? 0 : files->n_mounts + files->n_sockets;
    struct gs_cdi_mount *mounts = GS_CDISPEC_GET(making, struct gs_cdi_mount, n + 1);
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

static void add_env(struct gs_cdispec_making *making, struct gs_cdi_edits *edits)
{
    const struct gs_driver_files *files = making->machine->files;
    const char **env = GS_CDISPEC_GET(making, const char *, 2);
    const char *folders = "";
    size_t n = 0;
    for (size_t i = 0; files != NULL && i < files->n_cuda_folders; i++) {
        folders =
            gs_cdispec_text(making, "%s%s%s", folders, i > 0 ? ":" : "", files->cuda_folders[i]);
    }
    if (folders[0] != '\0') {
        const char *libcuda = gs_cdispec_text(making, "NVIDIA_CTK_LIBCUDA_DIR=%s", folders);
        if (!making->failed) {
            env[n++] = libcuda;
        }
    }
    if (!making->failed) {
        env[n++] = "NVIDIA_VISIBLE_DEVICES=void";
        edits->env = (struct gs_cdi_texts){.n = n, .at = env};
    }
}

void gs_cdispec_add_common(struct gs_cdispec_making *making, struct gs_cdi_edits *edits)
{
    add_env(making, edits);
    gs_cdispec_add_nodes(making, edits, making->machine->control, making->machine->n_control);
    add_hooks(making, edits);
    add_mounts(making, edits);
}
