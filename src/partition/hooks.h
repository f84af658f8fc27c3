/* hooks: runs the commands of a hooks file of mig-parted.
 *
 * A command gets the environment of its `envs`, overlaid with the caller's, and nothing else; the
 * first that fails ends its hook point. */
#pragma once

#include "wire/mighooks.h"

enum { GS_HOOKS_ENVS_MAX = 32 /* of the caller */ };

struct gs_hooks {
    const struct gs_mighooks *file; /* NULL: no hooks */
    const char *label;              /* the file's name, for messages; NULL: not known */
    unsigned n_envs;
    struct gs_mighook_env envs[GS_HOOKS_ENVS_MAX];
    unsigned
        limit_ms; /* a command that takes longer is killed with its process group; 0: no limit */
    bool output;  /* what they print to stdout goes to our stderr; otherwise nowhere */
};

/* NULL is no hooks. */
bool gs_hooks_has(const struct gs_hooks *hooks, enum gs_mighook which);

/* GS_IO: one could not be run, failed, was killed or took too long; the text names it. */
int gs_hooks_run(const struct gs_hooks *hooks, enum gs_mighook which, struct gs_err *err);
