/* stand: a SlicePool with its NodePools and NodeClaims, for tests of pools: objects as JSON; no
 * request is ever sent. */
#pragma once

#include "controller/pools/work.h"
#include "unit/controller/world.h"

#define STAND_BEGIN_S 1900000000ull /* 2030-03-17T17:46:40Z */

struct stand {
    struct world world;
    struct gs_pools pools;
    struct gs_pools_owner *owner;
    const char *barred; /* an instance type for which the limits leave no room */
};

/* `types`: JSON, and so is `more`: the rest of the spec. Its name is "gpus". */
void stand_begin(struct stand *stand, const char *types, const char *more);
void stand_end(struct stand *stand);
/* So long after the beginning. */
void stand_set_time(struct stand *stand, uint64_t after_s);
/* Takes the object over. */
void stand_take(struct stand *stand, enum gs_pools_kind kind, bool gone, struct json_t *object);
unsigned stand_offer(const struct stand *stand, const char *type);
/* The NodePool of the type whose GPUs are all cut into the profile (NULL: whole), open; its name.
 */
const char *stand_node_pool(struct stand *stand, const char *type, const char *profile);

struct stand_claim {
    const char *pool;
    const char *end; /* of its name */
    bool launched;
    const char *node;           /* it is initialized; NULL: it is not */
    const char *capacity_types; /* JSON */
    bool gone;
};
void stand_claim(struct stand *stand, const struct stand_claim *claim);
