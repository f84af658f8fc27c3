/* online: where to put one slice now, among many GPUs of one model.
 *
 * GPUs are kept in buckets by their state, one linked list a state, and each profile has the set
 * of non-empty buckets in the order of its policy's preference. So a decision is a find-first-set
 * and its cost does not depend on the number of GPUs. A policy that wants the lowest GPU instead
 * (policy.h, by_index) has a set of GPUs with room a profile. Nothing here knows of nodes or pods.
 *
 * Order within a bucket: the GPU that has been in the state longest goes first: what is on it will
 * stay longest, as a rule. The same calls in the same order give the same answers. Not thread-safe.
 * docs/internals/online.md. */
#pragma once

#include "core/policy_table.h"

#define GS_GPU_NONE UINT32_MAX
enum { GS_ONLINE_GPUS_MAX = 1 << 24 };

/* A slice of a fleet: a placement of the state table on a GPU. */
struct gs_slot {
    uint32_t gpu; /* number in its fleet, 0 for the first added */
    uint32_t placement;
};

struct gs_online;

/* An empty fleet with room for `max_gpus` GPUs (12 bytes each; 1 to GS_ONLINE_GPUS_MAX). All of
 * its memory is taken here. `decisions` must outlive it. GS_LIMIT, GS_NO_MEMORY. */
int gs_online_new(struct gs_arena *arena, const struct gs_policy_table *decisions,
                  uint32_t max_gpus, struct gs_online **ret_online, struct gs_err *err);

/* Adds an available GPU that is in `state`. GS_LIMIT: max_gpus are there. GS_INVALID: no such
 * state. */
int gs_online_add(struct gs_online *online, uint16_t state, uint32_t *ret_gpu, struct gs_err *err);

/* How many were added; their numbers are those below. */
uint32_t gs_online_count(const struct gs_online *online);

const struct gs_policy_table *gs_online_decisions(const struct gs_online *online);

uint16_t gs_online_state(const struct gs_online *online, uint32_t gpu);

/* Says what the GPU holds now, whatever it held before; O(1). GS_INVALID: no such GPU or state. */
int gs_online_set_state(struct gs_online *online, uint32_t gpu, uint16_t state, struct gs_err *err);

/* An unavailable GPU (cordoned, lost, removed) is never chosen, for a slice or for a move. It keeps
 * its state, and its slices can be released. O(1); GS_INVALID: no such GPU. */
int gs_online_set_available(struct gs_online *online, uint32_t gpu, bool available,
                            struct gs_err *err);
bool gs_online_available(const struct gs_online *online, uint32_t gpu);

/* Where the policy would put a slice of `profile`, on any GPU but `except` (GS_GPU_NONE: none is
 * excluded). GS_NOT_FOUND: no GPU has room, or the profile takes no part. */
int gs_online_find(const struct gs_online *online, unsigned profile, uint32_t except,
                   struct gs_slot *ret_slot);

/* Finds and takes. GS_NOT_FOUND as gs_online_find. */
int gs_online_place(struct gs_online *online, unsigned profile, struct gs_slot *ret_slot);

/* Takes a slot that was chosen elsewhere, on an unavailable GPU too. GS_BUSY: it does not fit
 * beside what is there. GS_INVALID: no such GPU or placement. */
int gs_online_take(struct gs_online *online, struct gs_slot slot, struct gs_err *err);

/* GS_NOT_FOUND: that slot is not taken. GS_INVALID: no such GPU or placement. */
int gs_online_release(struct gs_online *online, struct gs_slot slot, struct gs_err *err);

/* The available GPUs in `state`, in the bucket's order: the first, and the one behind `gpu`.
 * GS_GPU_NONE at the end. */
uint32_t gs_online_first_in(const struct gs_online *online, uint16_t state);
uint32_t gs_online_next_in(const struct gs_online *online, uint32_t gpu);
