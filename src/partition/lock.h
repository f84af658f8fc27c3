/* lock: one program at a time changes the GPUs of a machine.
 *
 * flock on DIR/lock, so that the kernel gives it back however its holder ends. The file stays and
 * holds the pid and command of who had it last, for the message of who finds it taken. */
#pragma once

#include <signal.h>
#include <stdbool.h>

#include "base/err.h"

enum { GS_LOCK_WAIT_MAX_MS = 24 * 3600 * 1000 };

struct gs_lock {
    int fd; /* -1: not held */
};

/* Makes the folder `dir` (its parent must be there) and takes the lock, waiting at most `wait_ms`.
 * `what` is the command, for others' messages.
 * `stop` not 0: waits no longer; NULL: nobody interrupts.
 * GS_BUSY: somebody else has it; the text says who. GS_IO: the folder or the file. */
int gs_lock_take(struct gs_lock *lock, const char *dir, const char *what, unsigned wait_ms,
                 const volatile sig_atomic_t *stop, struct gs_err *err);

/* Whether somebody holds the lock of `dir` now. False too where that cannot be seen: there is no
 * such file, or it may not be read. */
bool gs_lock_is_held(const char *dir);

/* Fine on one that is not held. */
void gs_lock_release(struct gs_lock *lock);
