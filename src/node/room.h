/* room: which slices could still be cut into one GPU beside some that are there.
 *
 * The core's rules (placements that do not overlap, limits of the GPU) without its state tables,
 * which take half a megabyte: for a program that asks now and then about one GPU. Pure. */
#pragma once

#include "node/snapshot.h"

struct gs_room {
    const struct gs_model *model; /* NULL: nobody knows where the GPU may be cut */
    uint16_t occupied;            /* memory units */
    uint8_t counts[GS_PROFILES_MAX];
    unsigned used_compute; /* compute slices */
    unsigned n;            /* GPU instances */
};

/* An empty GPU. A model whose placements are not known counts as none. */
void gs_room_init(struct gs_room *room, const struct gs_model *model);

/* Puts the GPU instance of a slice in; each instance is put once. */
void gs_room_put(struct gs_room *room, const struct gs_snapshot_slice *slice);

/* How many placements are possible, one at a time: of one profile of the model, of all. 0 without a
 * model. */
unsigned gs_room_count(const struct gs_room *room, unsigned profile);
unsigned gs_room_count_all(const struct gs_room *room);
