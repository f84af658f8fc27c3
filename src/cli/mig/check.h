/* check: whether the GPUs of a machine are cut as a configuration says, and the reading of
 * machines for the other commands that only look. On any implementation of the GPU port. */
#pragma once

#include "base/buf.h"
#include "cli/mig/mig.h"
#include "wire/migbuild.h"
#include "wire/migwrite.h"

/* 0: every GPU that the configuration names is as it says; with `mode_only`, MIG is on and off as
 * it says. GS_INFEASIBLE: some are not; the text names them, what they have and what was
 * expected. A GPU that cannot be read is a failure only where the configuration names it. */
int gs_mig_check(struct gs_gpus *gpus, struct gs_arena *arena,
                 const struct gs_migconfig_choice *choice, bool mode_only, bool debug,
                 struct gs_err *err);

/* What a check found of one GPU. */
struct gs_mig_verdict {
    int code; /* 0: as it should be, or not named. GS_INFEASIBLE: not so; `why` says what differs */
    struct gs_err why;
    bool have_known; /* its slices were read: where they count and its mode is as it should be */
    struct gs_mig_wish have;
};

struct gs_mig_verdicts {
    unsigned n;
    const struct gs_mig_gpu *gpus;
    const struct gs_mig_wish *wishes; /* what is asked of each */
    struct gs_mig_verdict *at;
};

/* The same, GPU by GPU; 0 also where some are not as they should be. All in the arena. */
int gs_mig_judge(struct gs_gpus *gpus, struct gs_arena *arena,
                 const struct gs_migconfig_choice *choice, bool mode_only, bool debug,
                 struct gs_mig_verdicts *ret, struct gs_err *err);

/* What gs_mig_check says of verdicts. */
int gs_mig_sum_up(const struct gs_mig_verdicts *verdicts, struct gs_err *err);

/* What the GPUs are cut into, as the configuration `label`, written to `out`. */
int gs_mig_export_text(struct gs_gpus *gpus, struct gs_arena *arena, const char *label,
                       enum gs_migwrite_form form, struct gs_buf *out, struct gs_err *err);

/* Configurations for what the GPUs offer. GS_NOT_FOUND: no GPU can be cut. GS_UNSUPPORTED: the
 * driver does not tell what they can be cut into. */
int gs_mig_generate_text(struct gs_gpus *gpus, struct gs_arena *arena, enum gs_migwrite_form form,
                         bool debug, struct gs_buf *out, struct gs_err *err);

/* A checkpoint of the GPUs that can be cut. With `some` those that cannot be read are left out;
 * without, they are a failure. */
int gs_mig_checkpoint_text(struct gs_gpus *gpus, struct gs_arena *arena, bool some,
                           struct gs_buf *out, struct gs_err *err);
