#include "partition/layouts.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "gpu/gpu_model.h"
#include "wire/migbuild.h"

int gs_layouts_model(struct gs_gpus *gpus, const struct gs_gpu *facts, struct gs_arena *arena,
                     const struct gs_model **ret, struct gs_err *err)
{
    *ret = NULL;
    if (facts->mode == GS_MIG_NOT_CAPABLE) {
        return 0;
    }
    int r = gs_gpu_model_read(arena, gpus, facts->index, ret, err);
    if (r == GS_UNSUPPORTED) {
        *ret = gs_gpu_model_expected(facts);
        r = 0;
    }
    return r;
}

/* Slices of `size` units beside one another, each at one of `starts`: the earliest is never wrong.
 */
static uint32_t places_of(uint32_t starts, uint32_t size)
{
    uint32_t count = 0;
    for (uint32_t u = 0; u < 32 && size > 0;) {
        bool fits = (starts >> u & 1u) != 0;
        count += fits ? 1 : 0;
        u += fits ? (size < 32 ? size : 32) : 1;
    }
    return count;
}

static uint32_t smaller_known(uint32_t count, uint32_t known)
{
    return known > 0 && known < count ? known : count;
}

uint32_t gs_layouts_count(const struct gs_gpu *facts, const struct gs_profile_name *name,
                          uint32_t max_instances, uint32_t size, uint32_t starts)
{
    uint32_t count = smaller_known(max_instances, places_of(starts, size));
    const struct gs_model *expected = gs_gpu_model_expected(facts);
    int p = expected == NULL ? -1 : gs_model_profile_index(expected, name);
    return p < 0 ? count : smaller_known(count, expected->profiles[p].max_instances);
}

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the layouts of the GPUs");
}

static int offer_of(const struct gs_layouts_gpu *gpu, struct gs_arena *arena,
                    struct gs_migbuild_gpu *ret, struct gs_err *err)
{
    const struct gs_model *model = gpu->model;
    struct gs_migbuild_profile *profiles =
        GS_ARENA_NEW(arena, struct gs_migbuild_profile, model->n_profiles);
    if (profiles == NULL) {
        return no_memory(err);
    }
    unsigned n = 0;
    for (unsigned i = 0; i < model->n_profiles; i++) {
        const struct gs_profile *profile = &model->profiles[i];
        uint32_t count = gs_layouts_count(gpu->facts, &profile->parts, profile->max_instances,
                                          profile->memory_units, profile->starts);
        if (count > 0) {
            profiles[n++] = (struct gs_migbuild_profile){.name = profile->parts, .count = count};
        }
    }
    *ret = (struct gs_migbuild_gpu){
        .pci_device_id = gpu->facts->pci_device_id, .n = n, .profiles = profiles};
    return 0;
}

/* Written and read again, so that they pass what a file has to pass. */
static int read_back(const struct gs_migwrite_choice *choices, unsigned n, struct gs_arena *arena,
                     struct gs_migconfig *ret, struct gs_err *err)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, GS_LAYOUTS_BYTES_MAX);
    int r = gs_migwrite(arena, choices, n, GS_MIGWRITE_JSON, &text, err);
    if (r < 0) {
        return r;
    }
    const char *kept = gs_arena_text(arena, gs_buf_text(&text), text.len);
    if (kept == NULL) {
        return no_memory(err);
    }
    return gs_layouts_parse("the GPUs of this machine", (struct gs_view){.p = kept, .n = text.len},
                            arena, ret, err);
}

int gs_layouts_generate(const struct gs_layouts_gpu *gpus, unsigned n, struct gs_arena *arena,
                        struct gs_migconfig *ret, struct gs_err *err)
{
    struct gs_migbuild_gpu *offers = GS_ARENA_NEW(arena, struct gs_migbuild_gpu, n);
    unsigned n_offers = 0;
    int r = offers == NULL ? no_memory(err) : 0;
    for (unsigned k = 0; r == 0 && k < n; k++) {
        if (gpus[k].model != NULL) {
            r = offer_of(&gpus[k], arena, &offers[n_offers++], err);
        }
    }
    if (r == 0 && n_offers == 0) {
        return gs_fail(err, GS_NOT_FOUND,
                       "none of the %u GPUs of this machine is known to be one that can be cut, so "
                       "there are no layouts by name; a file of layouts may say what to do",
                       n);
    }
    const struct gs_migwrite_choice *choices;
    unsigned n_choices;
    r = r < 0 ? r : gs_migbuild(arena, offers, n_offers, &choices, &n_choices, err);
    return r < 0 ? r : read_back(choices, n_choices, arena, ret, err);
}

int gs_layouts_parse(const char *label, struct gs_view text, struct gs_arena *arena,
                     struct gs_migconfig *ret, struct gs_err *err)
{
    const struct gs_doc_input input = {
        .label = label,
        .what = "configurations of mig-parted (version: v1, mig-configs: ...)",
        .max_bytes = GS_LAYOUTS_BYTES_MAX,
        .bytes = text,
    };
    return gs_migconfig_read(arena, &input, ret, err);
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

struct reading {
    int fd;
    const char *path;
};

static int read_some(void *ctx, void *bytes, size_t size, size_t *ret_n, struct gs_err *err)
{
    const struct reading *reading = ctx;
    ssize_t n;
    do {
        n = read(reading->fd, bytes, size);
    } while (n < 0 && errno == EINTR);
    *ret_n = n < 0 ? 0 : (size_t)n;
    return n < 0 ? gs_fail_errno(err, errno, "reading the file of layouts, %s", reading->path) : 0;
}

int gs_layouts_read(const char *path, struct gs_arena *arena, struct gs_migconfig *ret,
                    struct gs_err *err)
{
    struct stat st;
    GS_CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0) {
        return gs_fail_errno(err, errno, "the file of layouts, %s", path);
    }
    if (!S_ISREG(st.st_mode)) {
        return gs_fail(err, GS_INVALID,
                       "the file of layouts, %s, is no regular file; expected one of mig-parted "
                       "configurations",
                       path);
    }
    struct reading reading = {.fd = fd, .path = path};
    const struct gs_doc_input input = {
        .label = path,
        .what = "configurations of mig-parted (version: v1, mig-configs: ...)",
        .size = (uint64_t)st.st_size,
        .max_bytes = GS_LAYOUTS_BYTES_MAX,
        .read = read_some,
        .ctx = &reading,
    };
    return gs_migconfig_read(arena, &input, ret, err);
}

static void doubt(void *ctx, const char *line)
{
    gs_say(ctx, "%s", line);
}

void gs_layouts_resolve(const struct gs_migconfig_choice *layout, const struct gs_layouts_gpu *gpus,
                        unsigned n, const struct gs_say *note, struct gs_mig_wish *ret)
{
    struct gs_migconfig_target targets[GS_GPUS_MAX];
    struct gs_say say = note == NULL ? (struct gs_say){.line = NULL} : *note;
    assert(n <= GS_GPUS_MAX);
    for (unsigned k = 0; k < n; k++) {
        const struct gs_gpu *facts = gpus[k].facts;
        targets[k] = (struct gs_migconfig_target){
            .index = facts->index,
            .pci_device_id = facts->pci_device_id,
            .pci_subsystem_id = facts->pci_subsystem_id,
            .capable = facts->mode != GS_MIG_NOT_CAPABLE,
        };
    }
    gs_migconfig_resolve(layout, targets, n, ret);
    gs_migconfig_doubts(layout, targets, n, doubt, &say);
}
