/* grants: what the kubelet was answered and does not show yet. Belongs to the loop.
 *
 * Between the answer to Allocate and the kubelet's own record of it nobody else knows that a slice
 * is taken. A grant is over when the kubelet has been asked later and shows the device, or when no
 * pod was seen with it for a long time (it failed before it began). */
#pragma once

#include "node/holding.h"

enum { GS_GRANTS_MAX = 4096 };

struct gs_grants;

struct gs_grants *gs_grants_new(void); /* NULL: no memory */
void gs_grants_free(struct gs_grants *grants);

/* GS_LIMIT: more are in flight than can be kept track of; the container must not have them.
 * GS_NO_MEMORY. */
int gs_grants_add(struct gs_grants *grants, const char *resource, const struct gs_dp_ids *ids,
                  uint64_t now_us, struct gs_err *err);

/* Drops those given before `before_us` of which the kubelet shows some device. */
void gs_grants_seen(struct gs_grants *grants, const struct gs_podres_list *listed,
                    const struct gs_kubelet_checkpoint *checkpoint, uint64_t before_us);

/* Drops those older than `max_age_us`. */
void gs_grants_expire(struct gs_grants *grants, uint64_t now_us, uint64_t max_age_us);

/* Those that are left, copied into the arena, into input->grants. False: no memory, and then it
 * must be taken as not known: everything is busy. */
bool gs_grants_copy(const struct gs_grants *grants, uint64_t now_us, struct gs_arena *arena,
                    struct gs_holding_input *input);

/* Whether one of this device (all its replicas) is in flight. */
bool gs_grants_have(const struct gs_grants *grants, const char *uuid);
