#include "agent/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "wire/migbuild.h"

static int read_file(const char *path, struct gs_arena *arena, struct gs_view *ret,
                     struct gs_err *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return gs_fail_errno(err, errno, "the file of layouts, %s", path);
    }
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > GS_LAYOUT_FILE_MAX) {
        close(fd);
        return gs_fail(err, GS_INVALID,
                       "%s: expected a file of mig-parted configurations of at most %d bytes", path,
                       GS_LAYOUT_FILE_MAX);
    }
    char *bytes = gs_arena_get_raw(arena, 1, (size_t)st.st_size + 1);
    size_t n = 0;
    ssize_t got = 1;
    while (bytes != NULL && n < (size_t)st.st_size && got > 0) {
        got = read(fd, bytes + n, (size_t)st.st_size - n);
        n += got > 0 ? (size_t)got : 0;
    }
    int e = errno;
    close(fd);
    if (bytes == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for %s", path);
    }
    if (got < 0) {
        return gs_fail_errno(err, e, "reading %s", path);
    }
    *ret = (struct gs_view){.p = bytes, .n = n};
    return 0;
}

/* What a GPU can be cut into, by its model as the driver told it. */
static int offer_of(const struct gs_snapshot_gpu *gpu, struct gs_arena *arena,
                    struct gs_migbuild_gpu *ret, struct gs_err *err)
{
    const struct gs_model *model = gpu->model;
    struct gs_migbuild_profile *profiles =
        GS_ARENA_NEW(arena, struct gs_migbuild_profile, model->n_profiles + 1u);
    if (profiles == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the profiles of the GPUs");
    }
    unsigned n = 0;
    for (unsigned i = 0; i < model->n_profiles; i++) {
        if (model->profiles[i].max_instances > 0) {
            profiles[n++] = (struct gs_migbuild_profile){.name = model->profiles[i].parts,
                                                         .count = model->profiles[i].max_instances};
        }
    }
    *ret = (struct gs_migbuild_gpu){
        .pci_device_id = gpu->facts.pci_device_id, .n = n, .profiles = profiles};
    return 0;
}

/* The document that generate-config would write for this machine. */
static int generate(const struct gs_snapshot *snapshot, struct gs_arena *arena, struct gs_view *ret,
                    struct gs_err *err)
{
    struct gs_migbuild_gpu gpus[GS_GPUS_MAX];
    const struct gs_migwrite_choice *choices;
    unsigned n_gpus = 0;
    unsigned n_choices = 0;
    int r = 0;
    for (unsigned k = 0; r == 0 && k < snapshot->n_gpus; k++) {
        if (snapshot->gpus[k].model != NULL) {
            r = offer_of(&snapshot->gpus[k], arena, &gpus[n_gpus++], err);
        }
    }
    if (r == 0 && n_gpus == 0) {
        return gs_fail(err, GS_NOT_FOUND,
                       "no GPU of this node is known to be one that can be cut%s",
                       snapshot->n_gpus == 0 ? ": the driver lists none"
                                             : ", so there are no layouts by name; give a file");
    }
    r = r < 0 ? r : gs_migbuild(arena, gpus, n_gpus, &choices, &n_choices, err);
    if (r < 0) {
        return r;
    }
    struct gs_buf text;
    gs_buf_init(&text, GS_LAYOUT_FILE_MAX);
    r = gs_migwrite(arena, choices, n_choices, GS_MIGWRITE_JSON, &text, err);
    char *kept = r < 0 ? NULL : gs_arena_text(arena, gs_buf_text(&text), text.len);
    *ret = (struct gs_view){.p = kept, .n = text.len};
    gs_buf_done(&text);
    return r < 0 ? r : kept == NULL ? gs_fail(err, GS_NO_MEMORY, "no memory for layouts") : 0;
}

struct noting {
    const struct gs_say *note;
};

static void doubt(void *ctx, const char *line)
{
    const struct noting *noting = ctx;
    gs_say(noting->note, "%s", line);
}

static void resolve(const struct gs_migconfig_choice *choice, const struct gs_snapshot *snapshot,
                    const struct gs_say *note, struct gs_mig_wish *ret)
{
    struct gs_migconfig_target targets[GS_GPUS_MAX];
    struct noting noting = {.note = note};
    for (unsigned k = 0; k < snapshot->n_gpus; k++) {
        const struct gs_gpu *facts = &snapshot->gpus[k].facts;
        targets[k] = (struct gs_migconfig_target){
            .index = facts->index,
            .pci_device_id = facts->pci_device_id,
            .pci_subsystem_id = facts->pci_subsystem_id,
            .capable = facts->mode != GS_MIG_NOT_CAPABLE,
        };
    }
    gs_migconfig_resolve(choice, targets, snapshot->n_gpus, ret);
    gs_migconfig_doubts(choice, targets, snapshot->n_gpus, doubt, &noting);
}

int gs_layout_read(const struct gs_order *order, const struct gs_snapshot *snapshot,
                   struct gs_arena *arena, const struct gs_say *note, struct gs_mig_wish *ret,
                   struct gs_err *err)
{
    struct gs_doc_input input = {.label = "the GPUs of this node",
                                 .what = "configurations of mig-parted (version: v1, ...)",
                                 .max_bytes = GS_LAYOUT_FILE_MAX};
    struct gs_migconfig config;
    const struct gs_migconfig_choice *choice;
    int r = 0;
    if (order->text != NULL) {
        input.label = "the layout";
        input.bytes = gs_view(order->text);
    } else if (order->file[0] != '\0') {
        input.label = order->file;
        r = read_file(order->file, arena, &input.bytes, err);
    } else {
        r = generate(snapshot, arena, &input.bytes, err);
    }
    r = r < 0 ? r : gs_migconfig_read(arena, &input, &config, err);
    r = r < 0 ? r : gs_migconfig_select(&config, order->name, &choice, err);
    if (r == 0) {
        resolve(choice, snapshot, note, ret);
    }
    return r;
}

static bool add_have(const struct gs_snapshot *snapshot, const struct gs_snapshot_gpu *gpu,
                     struct gs_mig_wish *have)
{
    for (unsigned i = 0; i < gpu->n; i++) {
        if (!gs_mig_wish_add(have, &snapshot->slices[gpu->first + i].profile)) {
            return false;
        }
    }
    return true;
}

bool gs_layout_is_met(const struct gs_snapshot *snapshot, const struct gs_mig_wish *wishes)
{
    for (unsigned k = 0; k < snapshot->n_gpus; k++) {
        const struct gs_snapshot_gpu *gpu = &snapshot->gpus[k];
        struct gs_mig_wish have = {.named = true, .mig_enabled = gpu->facts.mode == GS_MIG_ON};
        if (wishes[k].named &&
            (gpu->lost || gpu->facts.pending != gpu->facts.mode ||
             !add_have(snapshot, gpu, &have) || !gs_mig_wish_met(&wishes[k], &have))) {
            return false;
        }
    }
    return true;
}
