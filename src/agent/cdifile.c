#include "agent/cdifile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "node/cdispec.h"

#define FILE_NAME "k8s.device-plugin.nvidia.com-gpu.json"
#define WORK_BYTES_MAX ((size_t)32 << 20)

struct gs_cdifile {
    const struct gs_machine_roots *roots;
    const struct gs_agentconfig *config;
    struct gs_arena driver_arena; /* of what follows, for one version of the driver */
    char driver_version[80];
    struct gs_driver_files files;
    struct gs_hook_program hook;
    struct gs_buf last; /* as it is on disk, in: */
    struct stat at;
};

struct gs_cdifile *gs_cdifile_new(const struct gs_machine_roots *roots,
                                  const struct gs_agentconfig *config)
{
    struct gs_cdifile *file = calloc(1, sizeof(*file));
    if (file != NULL) {
        file->roots = roots;
        file->config = config;
        gs_arena_init(&file->driver_arena, &gs_alloc_heap, WORK_BYTES_MAX);
        gs_buf_init(&file->last, GS_CDI_BYTES_MAX);
    }
    return file;
}

void gs_cdifile_free(struct gs_cdifile *file)
{
    if (file != NULL) {
        gs_arena_done(&file->driver_arena);
        gs_buf_done(&file->last);
        free(file);
    }
}

/* Hooks that a user does without. What is no hook is a newer one's name. */
static unsigned disabled_hooks(const struct gs_agentconfig *config)
{
    unsigned disabled = 0;
    for (struct gs_view rest = gs_view(config->cdi_disabled_hooks); rest.p != NULL;) {
        disabled |= gs_driver_hook_named(gs_view_trim(gs_view_split(&rest, ',')));
    }
    return disabled;
}

/* What the runtime is to call: a program that is not there, or that does not know the hook, would
 * keep every container from starting. */
static void find_hook(struct gs_cdifile *file)
{
    struct gs_err err;
    const char *wanted = file->config->cdi_hook;
    if (gs_driver_hook_program(file->roots, wanted[0] != '\0' ? wanted : NULL, &file->hook, &err) <
        0) {
        gs_log_warning("containers start without NVIDIA's hooks: %s", err.msg);
        file->hook = (struct gs_hook_program){.path = ""};
    }
    file->hook.hooks &= ~disabled_hooks(file->config);
    if (file->hook.hooks == 0) {
        file->hook.path[0] = '\0';
    }
}

/* The driver's own files change with its version only. Without them a container still gets its
 * devices, and brings its libraries itself. */
static void find_driver(struct gs_cdifile *file, const char *version)
{
    struct gs_err err;
    if (strcmp(file->driver_version, version) == 0) {
        return;
    }
    gs_arena_done(&file->driver_arena);
    file->files = (struct gs_driver_files){.n_links = 0};
    if (gs_driver_files_find(file->roots, version, &file->driver_arena, &file->files, &err) < 0) {
        gs_log_warning("files of driver %s for containers: %s", version, err.msg);
        file->files = (struct gs_driver_files){.n_links = 0};
    }
    find_hook(file);
    snprintf(file->driver_version, sizeof(file->driver_version), "%s", version);
}

static int find_nodes(const struct gs_cdifile *file, const struct gs_snapshot *snapshot,
                      struct gs_arena *arena, struct gs_cdispec_machine *ret, struct gs_err *err)
{
    struct gs_cdispec_nodes *nodes =
        GS_ARENA_NEW(arena, struct gs_cdispec_nodes, snapshot->n_gpus + 1u);
    struct gs_device_node *control =
        GS_ARENA_NEW(arena, struct gs_device_node, GS_CONTROL_NODES_MAX);
    struct gs_driver_majors majors;
    if (nodes == NULL || control == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for device nodes");
    }
    int r = gs_driver_majors(file->roots, &majors, err);
    r = r < 0 ? r : gs_driver_control_nodes(file->roots, control, &ret->n_control, err);
    for (unsigned k = 0; r == 0 && k < snapshot->n_gpus; k++) {
        const struct gs_gpu *facts = &snapshot->gpus[k].facts;
        struct gs_cdispec_nodes *of = &nodes[k];
        if (!snapshot->gpus[k].lost) {
            r = gs_driver_gpu_node(file->roots, facts->minor, &of->gpu, err);
            r = r < 0
                    ? r
                    : gs_driver_drm_nodes(file->roots, facts->pci_bus_id, of->drm, &of->n_drm, err);
            r = r < 0 ? r
                      : gs_driver_drm_links(file->roots, facts->pci_bus_id, of->drm_links,
                                            &of->n_drm_links, err);
        }
    }
    ret->files = &file->files;
    ret->nodes = nodes;
    ret->control = control;
    ret->caps_major = r < 0 ? GS_NOT_KNOWN : majors.caps;
    return r;
}

static int format(struct gs_cdifile *file, const struct gs_snapshot *snapshot, struct gs_buf *out,
                  struct gs_err *err)
{
    find_driver(file, snapshot->driver.driver_version);
    const struct gs_cdispec_options options = {
        .names = file->config->id_strategy == GS_ID_INDEX ? GS_CDISPEC_INDEX : GS_CDISPEC_UUID,
        .driver_root = file->roots->simulated ? file->roots->driver : file->config->driver_root,
        .dev_root = file->roots->simulated ? file->roots->dev : file->config->dev_root,
        .hook = file->hook.path,
        .hooks = file->hook.hooks,
        .nodes_from_numbers = true,
    };
    struct gs_cdispec_machine machine = {.n_control = 0};
    struct gs_cdi_spec spec;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, WORK_BYTES_MAX);
    int r = find_nodes(file, snapshot, &arena, &machine, err);
    r = r < 0 ? r : gs_cdispec_make(snapshot, &machine, &options, &arena, &spec, err);
    if (r == 0 && spec.n_devices > 0) { /* a file without devices is none */
        r = gs_cdi_format(&spec, out, err);
    }
    gs_arena_done(&arena);
    return r;
}

/* The name of a CDI file ends in .json: readers pass the other over. */
static int replace(const char *dir, const struct gs_buf *text, struct stat *ret_at,
                   struct gs_err *err)
{
    char path[1200];
    char fresh[1200];
    snprintf(path, sizeof(path), "%s/%s", dir, FILE_NAME);
    snprintf(fresh, sizeof(fresh), "%s/.%s.new", dir, FILE_NAME);
    (void)mkdir(dir, 0755);
    (void)unlink(fresh); /* of a run that was killed, or what somebody else has put there */
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) {
        return gs_fail_errno(err, errno, "making %s", fresh);
    }
    size_t done = 0;
    ssize_t n = 0;
    while (done < text->len && (n = write(fd, text->text + done, text->len - done)) > 0) {
        done += (size_t)n;
    }
    int e = done < text->len ? (n < 0 ? errno : ENOSPC) : 0;
    if (e == 0 && fstat(fd, ret_at) < 0) {
        e = errno;
    }
    if (close(fd) < 0 && e == 0) {
        e = errno;
    }
    if (e == 0 && rename(fresh, path) < 0) {
        e = errno;
    }
    if (e != 0) {
        (void)unlink(fresh);
        return gs_fail_errno(err, e, "writing %s", path);
    }
    return 0;
}

static int remove_file(const char *dir, struct gs_err *err)
{
    char path[1200];
    snprintf(path, sizeof(path), "%s/%s", dir, FILE_NAME);
    return unlink(path) == 0 || errno == ENOENT ? 0
                                                : gs_fail_errno(err, errno, "removing %s", path);
}

/* Somebody may have removed or replaced it: a cleanup of /var/run, an uninstalled toolkit, a mount.
 */
static bool is_there(const struct gs_cdifile *file)
{
    char path[1200];
    struct stat now;
    snprintf(path, sizeof(path), "%s/%s", file->config->cdi_dir, FILE_NAME);
    return stat(path, &now) == 0 && now.st_dev == file->at.st_dev &&
           now.st_ino == file->at.st_ino && now.st_size == file->at.st_size;
}

int gs_cdifile_write(struct gs_cdifile *file, const struct gs_snapshot *snapshot,
                     struct gs_err *err)
{
    struct gs_buf text;
    if ((file->config->device_list & GS_LIST_ANY_CDI) == 0) {
        return 0;
    }
    gs_buf_init(&text, GS_CDI_BYTES_MAX);
    int r = format(file, snapshot, &text, err);
    if (r == 0 && (!is_there(file) || text.len != file->last.len ||
                   memcmp(gs_buf_text(&text), gs_buf_text(&file->last), text.len) != 0)) {
        r = text.len == 0 ? remove_file(file->config->cdi_dir, err)
                          : replace(file->config->cdi_dir, &text, &file->at, err);
        if (r == 0) {
            gs_buf_done(&file->last);
            file->last = text;
            return 0;
        }
    }
    gs_buf_done(&text);
    return r;
}
