/* exit: how a command ends: one line on stderr where it failed, and the exit status. */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

/* The commands of mig have another table (mig/mig.h); both are in docs/gpus.md. */
enum gs_exit {
    GS_EXIT_DONE = 0,
    GS_EXIT_IMPOSSIBLE = 1, /* no plan exists, or something cannot be placed */
    GS_EXIT_USAGE = 2,      /* an option or argument that the command does not take */
    GS_EXIT_BAD_INPUT = 3,  /* a name, number or file that is not what it must be */
    GS_EXIT_SYSTEM = 4      /* no memory, or the output could not be written */
};

/* Whether argv[0] is the name of NVIDIA's mig-parted, for which `gpuslice mig` stands in. */
bool gs_exit_is_mig_parted(const char *called);

/* Appends a text as the user has to type it: where we are called by that name, `gpuslice mig` is
 * nvidia-mig-parted. */
void gs_exit_put_named(struct gs_buf *out, const char *text);

/* Prints "gpuslice: <text>" (nvidia-mig-parted, where we are called so) on one line of stderr, for
 * what is no failure. */
void gs_exit_note(const char *text);

/* Prints "gpuslice: <text>" (nvidia-mig-parted, where we are called so) on one line of stderr and
 * returns the exit status that `err->code` stands for: GS_INFEASIBLE, GS_BUSY and GS_UNKNOWN are 1,
 * GS_NO_MEMORY 4, the others 3. */
int gs_exit_failed(const struct gs_err *err);

/* As gs_exit_failed, but the status is 2: the command line itself is wrong. */
int gs_exit_usage(const struct gs_err *err);

/* The end of a command: 0 when `r` is 0, else as gs_exit_failed; GS_IO here means that the output
 * could not be written, and is 4. */
int gs_exit_output(int r, const struct gs_err *err);
