/* reboot: one reboot, where only that makes a MIG mode take effect, and never a loop of them.
 *
 * Before the machine is asked to reboot, a flag is written that outlives it. Who finds the flag
 * after a reboot knows that it did not help. It is removed when the GPUs are as wanted. */
#pragma once

#include <signal.h>

#include "base/err.h"
#include "boot/machine.h"

struct gs_boot_reboot {
    const char *state_dir;
    const char *boot_id; /* "": not known */
    const char *layout;
    const char *gpus; /* that wait, "0,1" */
};

/* Writes the flag. GS_INFEASIBLE: it is there from an earlier boot (or from no known one), and the
 * text says what that means. One of this boot is no hindrance: that reboot has not come yet. GS_IO:
 * the flag cannot be kept, so the machine must not be rebooted. */
int gs_boot_reboot_prepare(const struct gs_boot_reboot *reboot, struct gs_err *err);

/* Runs the command with a shell and waits for its end. GS_IO: it failed; with EINTR: stopped. */
int gs_boot_reboot_ask(const char *command, const volatile sig_atomic_t *stop, struct gs_err *err);

/* Removes the flag. *ret_was: there was one. */
int gs_boot_reboot_done(const char *state_dir, bool *ret_was, struct gs_err *err);
