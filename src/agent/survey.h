/* survey: reads the hardware into a snapshot. On the worker's thread.
 *
 * Identity: a slice keeps its generation from snapshot to snapshot as long as it is the same GPU
 * instance and compute instance, at the same place, of the same profile. Whoever destroyed one says
 * so (gs_survey_forget), as the next at its place has the same ids and the same UUID.
 *
 * What a kind of GPU can be cut into is read once and kept as long as the survey: snapshots borrow
 * it, and so a survey outlives all of them. */
#pragma once

#include "agent/box.h"
#include "gpu/driver_files.h"

/* What the driver told of a kind of GPU. */
struct gs_survey_kind {
    char driver_version[80];
    char name[GS_GPU_NAME_MAX];
    uint32_t pci_device_id;
    uint64_t memory_bytes;
    const struct gs_model *model;
};

enum { GS_SURVEY_KINDS_MAX = 64, GS_SURVEY_FORGOTTEN_MAX = 1024 };

/* One slice that was destroyed. */
struct gs_survey_forgotten {
    uint32_t gpu;
    uint32_t gi;
    uint32_t ci;
};

struct gs_survey {
    struct gs_gpus *gpus;
    const struct gs_machine_roots *roots;
    struct gs_box *last; /* NULL: nothing was read yet */
    uint64_t generation;
    uint64_t number;
    unsigned n_forgotten;
    struct gs_survey_forgotten forgotten[GS_SURVEY_FORGOTTEN_MAX];
    struct gs_arena models;
    unsigned n_kinds;
    struct gs_survey_kind kinds[GS_SURVEY_KINDS_MAX];
};

void gs_survey_init(struct gs_survey *survey, struct gs_gpus *gpus,
                    const struct gs_machine_roots *roots);
void gs_survey_done(struct gs_survey *survey);

/* GPUs to be read: bit k. */
#define GS_SURVEY_ALL UINT32_MAX

/* Reads the GPUs of `which` anew, takes the others from the last snapshot, and gives a reference to
 * the result. A GPU that is lost is in it as it was read last, and marked. GS_IO: the driver does
 * not answer at all (the last snapshot is as it was); GS_NO_MEMORY. */
int gs_survey(struct gs_survey *survey, uint32_t which, struct gs_box **ret, struct gs_err *err);

/* This one was destroyed since the last snapshot. Beyond the bound every slice of the GPU counts as
 * new. */
void gs_survey_forget(struct gs_survey *survey, uint32_t gpu, uint32_t gi, uint32_t ci);

/* The driver is gone: the last snapshot with every GPU lost. NULL: nothing was read yet, or no
 * memory. */
struct gs_box *gs_survey_lost(struct gs_survey *survey);
