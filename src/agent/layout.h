/* layout: what an order asks of each GPU. On the worker's thread; reads a file, changes nothing. */
#pragma once

#include "agent/recut.h"
#include "wire/migconfig.h"

/* Reads the document of the order (its text, its file, or what the GPUs of the snapshot offer, as
 * generate-config names it: all-1g.5gb, all-balanced, ...), selects its configuration, and writes
 * what that asks of each GPU into ret[n_gpus]. `note` is told of what the author would want to
 * know. GS_NOT_FOUND: no such configuration; GS_INVALID with file and line; GS_IO. */
int gs_layout_read(const struct gs_order *order, const struct gs_snapshot *snapshot,
                   struct gs_arena *arena, const struct gs_say *note, struct gs_mig_wish *ret,
                   struct gs_err *err);

/* Whether every GPU is cut as it is asked already. */
bool gs_layout_is_met(const struct gs_snapshot *snapshot, const struct gs_mig_wish *wishes);
