/* kube_exec: runs a credential program beside the loop and collects what it prints.
 *
 * It gets no input and a limit of time; what it writes to stderr is quoted where it fails. */
#pragma once

#include <systemd/sd-event.h>

#include "base/err.h"
#include "base/view.h"

enum { GS_KUBE_EXEC_BYTES_MAX = 1 << 20 };

struct gs_kube_exec;

struct gs_kube_exec_options {
    sd_event *event;
    const char *command;     /* a path, or a name to be found on PATH */
    const char *const *args; /* without the command; NULL at the end */
    const char *const *env;  /* "NAME=value" beside our own; NULL at the end */
    uint64_t limit_us;       /* then it is killed */
    /* 0: `printed` is what it wrote to stdout. GS_NOT_FOUND: there is no such program; GS_IO: it
     * failed; GS_LIMIT: it took too long, or wrote too much; GS_NO_MEMORY. From the loop, once. */
    void (*done)(void *ctx, int result, struct gs_view printed, const struct gs_err *err);
    void *ctx;
};

/* Starts it. The result is gone when `done` is called. GS_NOT_FOUND, GS_IO, GS_NO_MEMORY. */
int gs_kube_exec_start(const struct gs_kube_exec_options *options, struct gs_kube_exec **ret,
                       struct gs_err *err);

/* Kills it; `done` is not called. NULL is fine. */
void gs_kube_exec_stop(struct gs_kube_exec *exec);
