/* toolkit: one key of the NVIDIA container toolkit's configuration (TOML).
 *
 * With it a container that is not privileged is not given GPUs for what its image's environment
 * says (NVIDIA_VISIBLE_DEVICES=all), only for what the kubelet granted. Nothing else in the file is
 * touched, byte for byte: it is not ours. Pure. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/view.h"

#define GS_BOOT_TOOLKIT_KEY "accept-nvidia-visible-devices-envvar-when-unprivileged"

enum { GS_BOOT_TOOLKIT_MAX = 1 << 20 /* bytes of a file */ };

/* Writes `text` with the key set to false into `out`. *ret_changed false: it was already, and
 * nothing is written. A line is added, where the key is not set, behind the one that has it as a
 * comment, else at the top. GS_INVALID with the line, which counts from 1 and stands behind `name`:
 * the keys before the first table are not TOML, or this one is no boolean or there twice.
 * GS_NO_MEMORY. */
int gs_boot_toolkit_edit(struct gs_view text, const char *name, struct gs_buf *out,
                         bool *ret_changed, struct gs_err *err);
