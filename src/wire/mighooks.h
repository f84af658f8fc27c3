/* mighooks: hooks files of mig-parted, version v1: what to run around a change of the GPUs.
 *
 *     version: v1
 *     hooks:
 *       apply-start:
 *       - workdir: /etc/nvidia-mig-manager
 *         command: /bin/bash
 *         args: ["-c", "source hooks.sh; apply-start ${MIG_PARTED_SELECTED_CONFIG}"]
 *         envs: {KEY: value}
 *
 * Who runs a hook gives it the environment of its envs, overlaid with the caller's, and nothing of
 * its own. mig-parted ignores keys and hook points that it does not know, and a wrong or missing
 * version; they are errors here (docs/mig-parted.md). Form: mig-parted, api/hooks/v1. Sans-I/O. */
#pragma once

#include "wire/doc.h"

enum {
    GS_MIGHOOKS_BYTES_MAX = 1 << 20,
    GS_MIGHOOKS_COMMANDS_MAX = 64, /* of one hook point */
    GS_MIGHOOKS_ARGS_MAX = 256,    /* of one command */
    GS_MIGHOOKS_ENVS_MAX = 256
};

enum gs_mighook {
    GS_MIGHOOK_APPLY_START,
    GS_MIGHOOK_PRE_APPLY_MODE,
    GS_MIGHOOK_PRE_APPLY_CONFIG,
    GS_MIGHOOK_APPLY_EXIT, /* whatever happened */
    GS_MIGHOOKS
};

/* "apply-start", ... */
extern const char *const gs_mighook_names[GS_MIGHOOKS];

struct gs_mighook_env {
    const char *name;
    const char *value; /* may be "" */
};

struct gs_mighook_command {
    uint32_t line;
    const char *command;
    const char *workdir; /* NULL: where the caller is */
    unsigned n_args;
    const char *const *args; /* without the command itself; may be "", may have line breaks */
    unsigned n_envs;
    const struct gs_mighook_env *envs;
};

struct gs_mighooks {
    unsigned n[GS_MIGHOOKS];
    const struct gs_mighook_command *commands[GS_MIGHOOKS]; /* in order */
};

/* Reads a file; all lives in the arena. An empty document has no hooks. GS_INVALID with file and
 * line; GS_LIMIT, GS_NO_MEMORY and what the read callback returns. */
int gs_mighooks_read(struct gs_arena *arena, const struct gs_doc_input *input,
                     struct gs_mighooks *ret, struct gs_err *err);
