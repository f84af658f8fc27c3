/* crew: tasks that do not depend on one another, on all cores. What comes out does not depend on
 * how many there are: each task writes to a place of its own.
 *
 * The caller works too and is the only one that signals reach, so that the line of term/progress
 * and Ctrl-C find the thread that expects them. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { GS_CREW_THREADS_MAX = 256 };

/* Set by a signal while gs_crew_catch is on: long work looks at it and gives up. */
extern volatile sig_atomic_t gs_crew_stopped;

/* The code of work that gave up, and its text. */
#define GS_CREW_STOPPED GS_BUSY
int gs_crew_stop_error(struct gs_err *err);

/* From now on SIGHUP, SIGINT and SIGTERM set gs_crew_stopped to their number, unless they were
 * ignored (nohup); the second one ends the program as ever. */
void gs_crew_catch(void);
void gs_crew_release(void);

/* How many threads this process may run at once, 1 at least. */
unsigned gs_crew_cores(void);

/* Runs task 0 to n - 1, each once, on up to `threads` threads. `run` gets a number of its thread, 0
 * to threads - 1, for memory that it uses again. `phase` and how far they are is shown to who
 * waits. Fails with what the failed task of the lowest number that was begun said. GS_CREW_STOPPED.
 */
int gs_crew_run(size_t n, unsigned threads, const char *phase,
                int (*run)(void *ctx, size_t task, unsigned thread, struct gs_err *err), void *ctx,
                struct gs_err *err);
