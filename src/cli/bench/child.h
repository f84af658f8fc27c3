/* child: programs that are run and measured from outside: CPU time, the clock on the wall, and the
 * most memory that was resident.
 *
 * A child's peak begins with what its parent had resident, and a benchmark has much. So a small
 * process stands between: gpuslice itself, called with GS_CMD_BENCH_CHILD. */
#pragma once

#include "cli/bench/bench.h"

#define GS_CMD_BENCH_CHILD "__child"

struct gs_cmd_bench_child {
    struct gs_cmd_bench_time time;
    uint64_t peak_kib;
    int status; /* exit status; 128 + the signal; 124: it was killed after limit_s */
};

/* Runs argv (ends with NULL, a path or a name to be looked for) in silence, `limit_s` seconds at
 * most. GS_IO: it could not be started. */
int gs_cmd_bench_run_child(const char *const *argv, uint64_t limit_s,
                           struct gs_cmd_bench_child *ret, struct gs_err *err);

/* Runs argv and keeps what it prints, up to `size` - 1 bytes. GS_IO: it could not be started, or
 * ended with a status that is not 0. */
int gs_cmd_bench_ask_child(const char *const *argv, char *ret_text, size_t size,
                           struct gs_err *err);

/* The process between: GS_CMD_BENCH_CHILD LIMIT PROGRAM WORD... */
int gs_cmd_bench_be_child(int argc, char **argv);
