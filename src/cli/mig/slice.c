/* gpuslice mig create and gpuslice mig destroy: slices by hand. */

#include <stdio.h>

#include "base/cleanup.h"
#include "cli/mig/advice.h"
#include "cli/mig/change.h"

#define ANY UINT64_MAX

struct create_args {
    const char *profile;
    const char *gpu;
    uint64_t start;
    const char *compute;
    struct gs_mig_change_args common;
};

static const struct gs_option create_operand = {
    .arg = "PROFILE",
    GS_TO_TEXT(struct create_args, profile),
    .complete = GS_COMPLETE_PROFILE,
    .help = "1g.5gb, or 1c.3g.20gb for a part of the compute slices",
};

static const struct gs_option create_options[] = {
    {.name = "gpu",
     .letter = 'g',
     .arg = "LIST",
     GS_TO_TEXT(struct create_args, gpu),
     .complete = GS_COMPLETE_GPU,
     .help = "on one of these GPUs, by number, UUID or PCI address: 0,2; of several, and without, "
             "where the fewest other placements are lost"},
    {.name = "start",
     .arg = "UNIT",
     GS_TO_NUMBER(struct create_args, start, GS_MEMORY_UNITS_MAX - 1),
     .help = "at this memory unit; without, where the fewest other placements are lost"},
    {.name = "compute",
     .arg = "LIST",
     GS_TO_TEXT(struct create_args, compute),
     .help = "its compute instances, by slices: 2c,1c; without, one of all slices"},
    GS_MIG_CHANGE_OPTIONS(struct create_args),
};

static const struct gs_example create_examples[] = {
    {"gpuslice mig create 3g.20gb", "a slice where it leaves the most room, and its UUID"},
    {"gpuslice mig create 3g.20gb --gpu 0 --start 4 --compute 2c,1c",
     "two MIG devices that share the memory of one slice"},
};

const struct gs_command gs_command_mig_create = {
    .name = "mig create",
    .summary = "make one slice",
    .text = "Prints the UUIDs of the new MIG devices. Everything else stays as it is.",
    .operand = &create_operand,
    .operand_required = true,
    .options = create_options,
    .n_options = GS_ARRAY_LEN(create_options),
    .examples = create_examples,
    .n_examples = GS_ARRAY_LEN(create_examples),
    .drop_in = true,
    .impossible = "there is no room for it, or the driver failed; stderr says why",
    .run = gs_cmd_mig_create,
};

/* Whether there are compute instances of so many slices. */
static bool is_compute_size(uint64_t slices)
{
    struct gs_compute_instance kind = {.profile = 0};
    while (gs_gpu_slices_of(&kind) != 0 && gs_gpu_slices_of(&kind) != slices) {
        kind.profile++;
    }
    return gs_gpu_slices_of(&kind) == slices;
}

/* "2c,1c" or "2,1" */
static int read_compute(const char *text, struct gs_slice_ask *ask, struct gs_err *err)
{
    struct gs_view rest = gs_view(text);
    unsigned sum = 0;
    while (rest.p != NULL) {
        struct gs_view part = gs_view_trim(gs_view_split(&rest, ','));
        uint64_t slices;
        bool right = gs_view_u64(&part, 8, &slices) && is_compute_size(slices);
        gs_view_skip(&part, "c");
        if (!right || part.n > 0 || ask->n_cis == GS_COMPUTE_INSTANCES_MAX) {
            return gs_fail(err, GS_INVALID,
                           "--compute \"%.100s\": expected up to %d sizes of compute instances, "
                           "as in 2c,1c; there are 1c, 2c, 3c, 4c, 6c, 7c and 8c",
                           text, GS_COMPUTE_INSTANCES_MAX);
        }
        ask->cis[ask->n_cis++] = (uint8_t)slices;
        sum += (unsigned)slices;
    }
    if (sum > ask->name.gpu_slices) {
        return gs_fail(err, GS_INVALID,
                       "--compute \"%.100s\" is %u compute slices in all, and a %ug.%ugb has %u; "
                       "expected %u at most",
                       text, sum, ask->name.gpu_slices, ask->name.memory_gb, ask->name.gpu_slices,
                       ask->name.gpu_slices);
    }
    return 0;
}

static int read_ask(const struct create_args *args, struct gs_slice_ask *ask, struct gs_err *err)
{
    ask->start = args->start == ANY ? GS_NOT_KNOWN : (uint32_t)args->start;
    if (args->compute == NULL) {
        return 0;
    }
    if (ask->name.compute_slices != ask->name.gpu_slices) {
        return gs_fail(err, GS_INVALID,
                       "%.60s is one compute instance already; --compute lists those of a whole "
                       "slice: leave one of the two out",
                       args->profile);
    }
    return read_compute(args->compute, ask, err);
}

static int run_create(const struct create_args *args, struct gs_mig_change *change,
                      struct gs_err *err)
{
    struct gs_slice_ask ask = {.n_cis = 0};
    struct gs_err no_name = {.code = GS_OK};
    int named = gs_profile_name_read(gs_view(args->profile), &ask.name, &no_name);
    int r = named < 0 ? 0 : read_ask(args, &ask, err);
    r = r < 0 ? r : gs_mig_change_open(change, false, err);
    if (named < 0) { /* with the names that this machine has, where it has GPUs at all */
        if (r == 0) {
            gs_mig_advise_name(&change->gpus, args->profile, &no_name);
        }
        *err = no_name;
        return named;
    }
    if (r < 0 || (r = gs_mig_find_gpus(&change->gpus, args->gpu, &ask.gpus, err)) < 0) {
        return r;
    }
    r = gs_slice_create(&change->gpus, &ask, &change->options, &change->made, err);
    if (r == GS_INFEASIBLE) {
        gs_mig_advise_room(change->arena, &change->gpus, &ask, err);
    }
    return r;
}

int gs_cmd_mig_create(int argc, char **argv)
{
    struct create_args args = {.start = ANY};
    int status;
    if (!gs_mig_begin(&gs_command_mig_create, argc, argv, &args, &status)) {
        return status;
    }
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_MIG_ARENA_MAX);
    struct gs_mig_change change;
    gs_mig_change_init(&change, &args.common, "mig create", &arena);
    struct gs_err err;
    int r = run_create(&args, &change, &err);
    char made[GS_COMPUTE_INSTANCES_MAX * (GS_GPU_UUID_MAX + 1)] = "";
    size_t used = 0;
    for (unsigned j = 0; r == 0 && j < change.made.n; j++) {
        used += (size_t)snprintf(made + used, sizeof(made) - used, "%s%s", j == 0 ? "" : "\n",
                                 change.made.compute[j].uuid);
    }
    return gs_mig_change_end(&change, r, used == 0 ? NULL : made, &err);
}

struct destroy_args {
    struct gs_texts slices;
    struct gs_mig_change_args common;
};

static const struct gs_option destroy_operand = {
    .arg = "SLICE",
    GS_TO_LIST(struct destroy_args, slices),
    .complete = GS_COMPLETE_SLICE,
    .help = "the UUID of a MIG device, or numbers: GPU:GI, or GPU:GI:CI",
};

static const struct gs_option destroy_options[] = {
    GS_MIG_OPTION_KUBELET_ROOT(struct destroy_args),
    GS_MIG_CHANGE_OPTIONS(struct destroy_args),
};

static const struct gs_example destroy_examples[] = {
    {"gpuslice mig destroy 0:2", "the GPU instance 2 of GPU 0, with all in it"},
    {"gpuslice mig destroy 0:2 0:5 1:3:0", "three slices, or none where one of them is in use"},
};

const struct gs_command gs_command_mig_destroy = {
    .name = "mig destroy",
    .summary = "remove slices that are idle",
    .text = "A GPU instance whose last compute instance goes, goes with it. Of several slices all "
            "are looked at first: where one is in use or not there, nothing is touched; where the "
            "driver refuses one after all, those before it are put back.",
    .operand = &destroy_operand,
    .operand_required = true,
    .options = destroy_options,
    .n_options = GS_ARRAY_LEN(destroy_options),
    .examples = destroy_examples,
    .n_examples = GS_ARRAY_LEN(destroy_examples),
    .drop_in = true,
    .impossible = "one is in use or not there, or the driver failed; stderr says why",
    .run = gs_cmd_mig_destroy,
};

static int run_destroy(const struct destroy_args *args, struct gs_mig_change *change,
                       struct gs_err *err)
{
    int r = gs_mig_change_open(change, false, err);
    return r < 0 ? r
                 : gs_slice_destroy(&change->gpus, args->slices.items, args->slices.n,
                                    &change->options, err);
}

int gs_cmd_mig_destroy(int argc, char **argv)
{
    struct destroy_args args = {.slices = {.n = 0}};
    int status;
    if (!gs_mig_begin(&gs_command_mig_destroy, argc, argv, &args, &status)) {
        return status;
    }
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_MIG_ARENA_MAX);
    struct gs_mig_change change;
    gs_mig_change_init(&change, &args.common, "mig destroy", &arena);
    struct gs_err err;
    int r = run_destroy(&args, &change, &err);
    return gs_mig_change_end(&change, r, NULL, &err);
}
