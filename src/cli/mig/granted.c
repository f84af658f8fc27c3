#include "cli/mig/granted.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "term/infile.h"
#include "wire/kubeletcheckpoint.h"

#define RECORD "device-plugins/kubelet_internal_checkpoint"
#define MEMORY_MAX ((size_t)64 << 20)

static void close_file(struct gs_infile *file)
{
    gs_infile_close(file);
}

/* No file is a record without grants: no kubelet runs here, or it has given nothing away yet. */
static int read_record(const char *path, struct gs_arena *arena, struct gs_kubelet_checkpoint *ret,
                       struct gs_err *err)
{
    GS_CLEANUP(close_file) struct gs_infile file = {.fd = -1};
    struct stat st;
    struct gs_view bytes;
    *ret = (struct gs_kubelet_checkpoint){.n_grants = 0};
    if (stat(path, &st) < 0) {
        return errno == ENOENT || errno == ENOTDIR ? 0 : gs_fail_errno(err, errno, "%s", path);
    }
    if (!S_ISREG(st.st_mode)) {
        return gs_fail(err, GS_INVALID, "%s is no file", path);
    }
    int r = gs_infile_open(&file, "kubelet-root", path, err);
    r = r < 0 ? r : gs_infile_whole(&file, arena, GS_KUBELET_CHECKPOINT_BYTES_MAX, &bytes, err);
    return r < 0 ? r : gs_kubelet_checkpoint_parse(arena, path, bytes, ret, err);
}

/* The kubelet removes a pod's folder when nothing of the pod is left, and keeps it in its record
 * for longer. */
static bool has_ended(const char *root, const char *pod_uid)
{
    char path[PATH_MAX];
    struct stat st;
    int n = snprintf(path, sizeof(path), "%s/pods", root);
    if (n >= (int)sizeof(path) || stat(path, &st) < 0 || pod_uid[0] == '\0' ||
        strchr(pod_uid, '/') != NULL) {
        return false;
    }
    n = snprintf(path, sizeof(path), "%s/pods/%s", root, pod_uid);
    return n < (int)sizeof(path) && lstat(path, &st) < 0 && errno == ENOENT;
}

/* Of a device that several share each share has an id: "MIG-...::3". */
static bool is_device(const char *id, const char *uuid)
{
    size_t n = strlen(uuid);
    return n > 0 && strncmp(id, uuid, n) == 0 && (id[n] == '\0' || strncmp(id + n, "::", 2) == 0);
}

static bool has_device(const struct gs_kubelet_grant *grant, const char *uuid)
{
    for (unsigned i = 0; i < grant->n_ids; i++) {
        if (is_device(grant->ids[i], uuid)) {
            return true;
        }
    }
    return false;
}

static void mark_grant(struct gs_inventory_gpu *gpu, const char *root,
                       const struct gs_kubelet_grant *grant)
{
    char who[GS_HOLDER_COMMAND_MAX + 1];
    if (has_ended(root, grant->pod_uid)) {
        return;
    }
    snprintf(who, sizeof(who), "pod %.36s, container %.40s, to which the kubelet gave it as %.50s",
             grant->pod_uid, grant->container, grant->resource);
    if (has_device(grant, gpu->facts.uuid)) {
        gs_inventory_mark_by(gpu, GS_NOT_KNOWN, GS_NOT_KNOWN, who);
    }
    for (unsigned i = 0; i < gpu->instances.n; i++) {
        const struct gs_gpu_instance *gi = &gpu->instances.at[i];
        for (unsigned j = 0; j < gi->n_compute; j++) {
            if (has_device(grant, gi->compute[j].uuid)) {
                gs_inventory_mark_by(gpu, gi->id, gi->compute[j].id, who);
            }
        }
    }
}

int gs_granted_check(const char *root, struct gs_err *err)
{
    size_t most = PATH_MAX - sizeof(RECORD) - 1;
    return strlen(root) <= most
               ? 0
               : gs_fail(err, GS_INVALID,
                         "--kubelet-root has %zu bytes; expected a folder's name of %zu at most",
                         strlen(root), most);
}

int gs_granted_mark(void *ctx, struct gs_inventory_gpu *gpu, struct gs_err *err)
{
    const char *root = ctx;
    char path[PATH_MAX];
    struct gs_kubelet_checkpoint record;
    struct gs_err why = {.code = GS_OK};
    (void)err;
    if (root[0] == '\0') {
        return 0;
    }
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, MEMORY_MAX);
    int r = gs_granted_check(root, &why);
    if (r == 0) {
        snprintf(path, sizeof(path), "%s/" RECORD, root);
        r = read_record(path, &arena, &record, &why);
    }
    if (r < 0) {
        char who[GS_HOLDER_COMMAND_MAX + 1];
        snprintf(who, sizeof(who), "a pod, maybe (--kubelet-root \"\" does not ask): %.150s",
                 why.msg);
        gs_inventory_mark_by(gpu, GS_NOT_KNOWN, GS_NOT_KNOWN, who);
        return 0;
    }
    for (unsigned i = 0; i < record.n_grants; i++) {
        mark_grant(gpu, root, &record.grants[i]);
    }
    return 0;
}
