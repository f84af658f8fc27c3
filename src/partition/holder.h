/* holder: the processes that hold slices, as people know them: command and pod. */
#pragma once

#include <stdint.h>

#include "base/view.h"
#include "gpu/gpu.h"

enum { GS_HOLDER_COMMAND_MAX = 223, GS_HOLDER_POD_MAX = 36 };

struct gs_holder {
    uint32_t pid; /* 0: no process, but one that gs_inventory_mark_by names in `command` */
    uint32_t gi;  /* ids; GS_NOT_KNOWN: of the whole GPU */
    uint32_t ci;
    char command[GS_HOLDER_COMMAND_MAX + 1]; /* "": not known (another PID namespace, no right) */
    char pod[GS_HOLDER_POD_MAX + 1];         /* UID of its pod; "": none, or not known */
};

/* Reads /proc of the process. What cannot be read stays "". */
void gs_holder_read(const struct gs_gpu_process *process, struct gs_holder *ret);

/* The UID of the pod in the text of /proc/PID/cgroup, of either driver and cgroup version:
 * ".../kubepods/burstable/pod<UID>/..." or "kubepods-burstable-pod<UID, '_' for '-'>.slice".
 * False: it speaks of no pod. Pure. */
bool gs_holder_pod(struct gs_view cgroup, char ret_pod[GS_HOLDER_POD_MAX + 1]);
