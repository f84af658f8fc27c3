/* granted: slices that the kubelet has given to pods, with a process on them or not yet.
 *
 * A pod that runs and has not opened its GPU yet, or has closed it again, shows in no list of the
 * driver's. The kubelet's own record has it (wire/kubeletcheckpoint.h), and what it names is in use
 * (partition/guard.h). On a machine without that file nobody is asked. */
#pragma once

#include "partition/guard.h"

/* GS_INVALID: the name of the kubelet's folder is too long. */
int gs_granted_check(const char *root, struct gs_err *err);

/* In ctx: the kubelet's folder; "": nobody is asked. Reads the record anew for each GPU, under the
 * lock. A record that is there and cannot be read, for want of memory too, makes all of the GPU
 * busy, with the reason. A pod without a folder below `pods` has ended. Never fails. */
int gs_granted_mark(void *ctx, struct gs_inventory_gpu *gpu, struct gs_err *err);
