/* holding_build: who holds what, while it is gathered. For holding*.c alone. */
#pragma once

#include "node/gone.h"
#include "node/holding.h"

/* A UUID of the snapshot and whose it is. */
struct gs_holding_place {
    const char *uuid;
    struct gs_held *held;
    const void *counted; /* the container that was counted last */
    int32_t numa_node;
    unsigned gpu; /* index into the snapshot's */
    bool whole;   /* it is the GPU */
};

/* Who holds, before it is known what. */
struct gs_holder {
    enum gs_hold why;
    const char *name_space;
    const char *pod;
    const char *container;
    const char *pod_uid;
    const void *key; /* tells containers apart */
};

/* A container that has what stands at a place. */
struct gs_holding_entry {
    const struct gs_held *held;
    struct gs_held_by by;
};

struct gs_holding_builder {
    struct gs_arena *arena;
    const struct gs_holding_input *input;
    const struct gs_snapshot *snapshot;
    struct gs_held *slices;
    struct gs_held *gpus;
    struct gs_holding_place *places; /* by UUID */
    size_t n_places;
    struct gs_gone strangers;
    struct gs_holding_entry *entries; /* as they were found */
    size_t n_entries;
    size_t cap_entries;
    struct gs_conditions conditions;
    struct gs_err *err;
};

/* Marks it held. The first that is found is the one that is named: sources come in the order of
 * what they tell. */
void gs_holding_mark(struct gs_held *held, const struct gs_holder *by, uint32_t pid);
void gs_holding_mark_slices(struct gs_holding_builder *b, unsigned g, const struct gs_holder *by);

/* Devices of one resource that one container has. */
int gs_holding_mark_ids(struct gs_holding_builder *b, const struct gs_holder *by,
                        const char *resource, const char *const *ids, unsigned n_ids);

/* Whose an id of the kubelet is; NULL: nobody's. */
struct gs_holding_place *gs_holding_find_place(const struct gs_holding_builder *b, const char *id);

/* Notes an id that its resource does not have (any more). */
int gs_holding_note_stranger(struct gs_holding_builder *b, const char *resource, const char *id);

/* A resource that an agent of this kind offers. */
bool gs_holding_is_ours(const char *resource);

/* holding_read.c: goes over all sources. */
int gs_holding_read(struct gs_holding_builder *b);
