#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/mig/mig.h"
#include "gpu/gpu_env.h"
#include "term/exit.h"
#include "term/infile.h"

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the GPUs of this machine");
}

static void close_file(struct gs_infile *file)
{
    gs_infile_close(file);
}

int gs_mig_read_configs(struct gs_arena *arena, const char *path, struct gs_migconfig *ret,
                        struct gs_err *err)
{
    GS_CLEANUP(close_file) struct gs_infile file = {.fd = -1};
    int r = gs_infile_open(&file, "config-file", path, err);
    if (r < 0) {
        return r;
    }
    const struct gs_doc_input input = {
        .label = file.label,
        .what = "configurations of mig-parted (version: v1, mig-configs: ...)",
        .size = file.size,
        .read = gs_infile_read,
        .ctx = &file,
    };
    return gs_migconfig_read(arena, &input, ret, err);
}

int gs_mig_read_config(struct gs_arena *arena, const char *path, const char *selected,
                       const struct gs_migconfig_choice **ret, struct gs_err *err)
{
    struct gs_migconfig config;
    if (path == NULL || path[0] == '\0') {
        return gs_fail(err, GS_INVALID,
                       "missing required flags 'config-file': expected -f FILE, or its name in the "
                       "environment variable MIG_PARTED_CONFIG_FILE");
    }
    int r = gs_mig_read_configs(arena, path, &config, err);
    if (r < 0) {
        return gs_wrap(err, r, "Error parsing config file");
    }
    r = gs_migconfig_select(&config, selected, ret, err);
    return r < 0 ? gs_wrap(err, r, "Error selecting MIG config") : 0;
}

int gs_mig_open(struct gs_gpus *ret, struct gs_err *err)
{
    return gs_gpu_env_open(ret, err);
}

/* As much as is known of a GPU that does not answer: it may be one that can be cut. */
static const struct gs_gpu unread = {
    .pci_device_id = GS_NOT_KNOWN,
    .pci_subsystem_id = GS_NOT_KNOWN,
    .mode = GS_MIG_OFF,
    .pending = GS_MIG_OFF,
};

int gs_mig_survey_some(struct gs_gpus *gpus, struct gs_arena *arena, struct gs_mig_gpu **ret,
                       unsigned *ret_n, struct gs_err *err)
{
    unsigned n;
    int r = gs_gpu_count(gpus, &n, err);
    struct gs_mig_gpu *at = r < 0 ? NULL : GS_ARENA_NEW(arena, struct gs_mig_gpu, n);
    if (r == 0 && at == NULL) {
        r = no_memory(err);
    }
    for (unsigned i = 0; r == 0 && i < n; i++) {
        at[i].why = (struct gs_err){.code = GS_OK};
        if (gs_gpu_get(gpus, i, &at[i].facts, &at[i].why) < 0) {
            at[i].facts = unread;
            at[i].facts.index = i;
        }
    }
    if (r == 0) {
        *ret = at;
        *ret_n = n;
    }
    return r;
}

static int fail_unread(const struct gs_mig_gpu *at, struct gs_err *err)
{
    if (err != NULL) {
        *err = at->why;
    }
    return at->why.code;
}

int gs_mig_survey(struct gs_gpus *gpus, struct gs_arena *arena, struct gs_mig_gpu **ret,
                  unsigned *ret_n, struct gs_err *err)
{
    int r = gs_mig_survey_some(gpus, arena, ret, ret_n, err);
    for (unsigned i = 0; r == 0 && i < *ret_n; i++) {
        r = (*ret)[i].why.code == GS_OK ? 0 : fail_unread(&(*ret)[i], err);
    }
    return r;
}

int gs_mig_check_read(const struct gs_mig_gpu *at, const struct gs_mig_wish *wishes, unsigned n,
                      struct gs_err *err)
{
    for (unsigned i = 0; i < n; i++) {
        if (at[i].why.code == GS_OK) {
            continue;
        }
        if (wishes[i].named) {
            return fail_unread(&at[i], err);
        }
        char line[sizeof(at[i].why.msg) + 40];
        snprintf(line, sizeof(line), "warning: passed over: %s", at[i].why.msg);
        gs_exit_note(line);
    }
    return 0;
}

int gs_mig_targets(const struct gs_mig_gpu *at, unsigned n, struct gs_arena *arena,
                   struct gs_migconfig_target **ret, struct gs_err *err)
{
    struct gs_migconfig_target *targets = GS_ARENA_NEW(arena, struct gs_migconfig_target, n);
    if (targets == NULL) {
        return no_memory(err);
    }
    for (unsigned i = 0; i < n; i++) {
        targets[i] = (struct gs_migconfig_target){
            .index = at[i].facts.index,
            .pci_device_id = at[i].facts.pci_device_id,
            .pci_subsystem_id = at[i].facts.pci_subsystem_id,
            .capable = at[i].facts.mode != GS_MIG_NOT_CAPABLE,
        };
    }
    *ret = targets;
    return 0;
}

/* mig-parted says nothing there and ends with 0; a warning changes neither. */
static void warn(void *ctx, const char *line)
{
    unsigned *n = ctx;
    ++*n;
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, 4096);
    gs_buf_printf(&text, "warning: %s", line);
    gs_exit_note(gs_buf_text(&text));
}

void gs_mig_resolve(const struct gs_migconfig_choice *choice,
                    const struct gs_migconfig_target *targets, unsigned n, struct gs_mig_wish *ret)
{
    unsigned warnings = 0;
    bool named = false;
    gs_migconfig_resolve(choice, targets, n, ret);
    gs_migconfig_doubts(choice, targets, n, warn, &warnings);
    for (unsigned i = 0; i < n; i++) {
        named = named || ret[i].named;
    }
    if (warnings > 0 && !named) {
        warn(&warnings, "so no GPU is looked at, and none is changed");
    }
}

/* ---- what a GPU is cut into ---- */

/* Compute slices of a compute instance, by NVML_COMPUTE_INSTANCE_PROFILE_*; 0: not known. */
static unsigned slices_of(uint32_t profile)
{
    static const uint8_t slices[] = {1, 2, 3, 4, 7, 8, 6, 1, 7};
    return profile < GS_ARRAY_LEN(slices) ? slices[profile] : 0;
}

static const struct gs_gpu_profile *profile_of(const struct gs_gpu_profile *profiles, unsigned n,
                                               uint32_t profile)
{
    for (unsigned i = 0; i < n; i++) {
        if (profiles[i].profile == profile) {
            return &profiles[i];
        }
    }
    return NULL;
}

/* The MIG devices of one GI. */
static int add_devices(const struct gs_gpu *gpu, const struct gs_gpu_instance *gi,
                       const struct gs_gpu_profile *profile, struct gs_mig_wish *have,
                       struct gs_err *err)
{
    struct gs_profile_name name;
    int r = gs_profile_name_parse(gs_view(profile->name), &name, err);
    if (r < 0) {
        return r;
    }
    for (unsigned i = 0; i < gi->n_compute; i++) {
        name.compute_slices = slices_of(gi->compute[i].profile);
        if (name.compute_slices == 0) {
            return gs_fail(err, GS_UNKNOWN,
                           "GPU %u: compute instance %u of GPU instance %u has the profile %u, "
                           "which is not known here",
                           gpu->index, gi->compute[i].id, gi->id, gi->compute[i].profile);
        }
        if (!gs_mig_wish_add(have, &name)) {
            return gs_fail(err, GS_LIMIT, "GPU %u: more than %d kinds of MIG devices", gpu->index,
                           GS_MIG_COUNTS_MAX);
        }
    }
    return 0;
}

static int name_devices(struct gs_gpus *gpus, const struct gs_mig_gpu *at, struct gs_mig_wish *have,
                        struct gs_err *err)
{
    struct gs_gpu_profile profiles[GS_GPU_PROFILES_MAX];
    unsigned n = 0;
    /* an empty GPU needs no names, and asking costs a call for each profile that could be */
    int r = at->instances->n == 0 ? 0 : gs_gpu_profiles(gpus, at->facts.index, profiles, &n, err);
    for (unsigned i = 0; r == 0 && i < at->instances->n; i++) {
        const struct gs_gpu_instance *gi = &at->instances->at[i];
        const struct gs_gpu_profile *profile = profile_of(profiles, n, gi->profile);
        r = profile == NULL
                ? gs_fail(
                      err, GS_UNKNOWN,
                      "GPU %u: GPU instance %u has the profile %u, which the driver does not list",
                      at->facts.index, gi->id, gi->profile)
                : add_devices(&at->facts, gi, profile, have, err);
    }
    return r;
}

int gs_mig_read_devices(struct gs_gpus *gpus, struct gs_arena *arena, struct gs_mig_gpu *at,
                        struct gs_mig_wish *ret, struct gs_err *err)
{
    *ret = (struct gs_mig_wish){.named = true, .mig_enabled = at->facts.mode == GS_MIG_ON};
    if (!ret->mig_enabled) {
        return 0;
    }
    at->instances = GS_ARENA_NEW(arena, struct gs_gpu_instances, 1);
    if (at->instances == NULL) {
        return no_memory(err);
    }
    int r = gs_gpu_instances(gpus, at->facts.index, at->instances, err);
    return r < 0 ? r : name_devices(gpus, at, ret, err);
}
