/* offer_kind: which kind of device strategy single offers, where there are several. For offer.c. */
#pragma once

#include "node/snapshot.h"

/* A kind of device, and how much there is of it. */
struct gs_offer_kind {
    const struct gs_snapshot_slice *like; /* NULL: whole GPUs */
    unsigned n_gpus;
    unsigned n;
};

/* Same profile, same attributes. */
bool gs_offer_same_kind(const struct gs_snapshot_slice *a, const struct gs_snapshot_slice *b);

/* The kind that is on the most GPUs; of equals slices before whole GPUs, then the one with more
 * devices, then the larger one. *ret_others: devices of all other kinds. */
struct gs_offer_kind gs_offer_choose_kind(const struct gs_snapshot *snapshot, unsigned *ret_others);

/* "1g.5gb" or "whole GPU". */
void gs_offer_kind_name(const struct gs_snapshot_slice *like, char ret[GS_PROFILE_NAME_MAX + 1]);
