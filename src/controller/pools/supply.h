/* supply: whether slices of a profile are there, or can come: by the nodes there are, and by what
 * SlicePools may buy. */
#pragma once

#include "admit/admit.h"
#include "controller/pools/pools.h"
#include "picture/store.h"

/* YES: a node has it, or a GPU that can be cut into it. NO: neither, and of the SlicePools, all of
 * which are known, none has it. UNKNOWN: nodes may still come that have it. `pools` may be NULL. */
enum gs_admit_supply gs_supply_of(const struct gs_store *store, const struct gs_pools *pools,
                                  const struct gs_profile_name *profile);
