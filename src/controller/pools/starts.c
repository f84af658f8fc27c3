#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "controller/pools/work.h"

#define REST_FIRST_S 600ull /* after three failed starts in a row, then doubling */
#define UNREGISTERED_US 840000000ull
#define UNLAUNCHED_US 290000000ull
enum { FAILED_MOST = 3 };

static void count_failed(struct gs_pools *pools, struct gs_pools_part *part, bool had,
                         uint64_t age_us)
{
    struct gs_karpenter_record *record = &part->record;
    uint64_t rest = REST_FIRST_S;
    part->record_ours = true;
    record->failed_starts++;
    if (part->known && had) {
        record->lost_uusd += part->kind.offer->price_uusd / 3600 * (age_us / 1000000);
    }
    for (uint32_t i = FAILED_MOST; i < record->failed_starts && rest < GS_POOLS_REST_MOST_S; i++) {
        rest *= 2;
    }
    if (record->failed_starts >= FAILED_MOST) {
        record->closed_until_s =
            pools->real_us / 1000000 + (rest < GS_POOLS_REST_MOST_S ? rest : GS_POOLS_REST_MOST_S);
    }
}

/* Karpenter has no time-out for a node that is registered and never gets ready. */
static void end_stuck(struct gs_pools *pools, struct gs_pools_part *part,
                      struct gs_pools_claim *claim, uint64_t age_us)
{
    char why[GS_POOLS_TEXT_MAX];
    snprintf(why, sizeof(why),
             "the node was not ready after %" PRIu64 " s (startLimit) and is ended; %s",
             age_us / 1000000, claim->has.why);
    gs_log_warning("NodeClaim %s of NodePool %s: %s", claim->has.name, part->name, why);
    if (!claim->counted) { /* else its end could not be asked for, and is asked for again */
        count_failed(pools, part, claim->has.launched, age_us);
        pools->counts.ended++;
    }
    claim->counted = true;
    gs_pools_end_claim(pools, claim, why);
}

/* Karpenter ends what is not launched after 5 minutes, or not registered after 15; what it ends
 * sooner and was not launched had no capacity. */
void gs_pools_lost_claim(struct gs_pools *pools, const struct gs_pools_claim *claim)
{
    struct gs_pools_part *part = gs_map_find(&pools->parts, claim->has.pool);
    uint64_t age_us =
        pools->real_us > claim->has.created_us ? pools->real_us - claim->has.created_us : 0;
    bool launched = claim->has.launched;
    if (part == NULL || claim->has.initialized || claim->counted || claim->ending) {
        return;
    }
    if (age_us >= (launched ? UNREGISTERED_US : UNLAUNCHED_US)) {
        count_failed(pools, part, launched, age_us);
    } else if (!launched) {
        gs_pools_missed(pools, part, claim);
    }
}

static void look_at_claim(struct gs_pools *pools, struct gs_pools_claim *claim, uint64_t *next_us)
{
    struct gs_pools_part *part = gs_map_find(&pools->parts, claim->has.pool);
    uint64_t age_us =
        pools->real_us > claim->has.created_us ? pools->real_us - claim->has.created_us : 0;
    if (part == NULL || part->of == NULL) {
        return;
    }
    uint64_t limit_us = (uint64_t)part->of->pool.start_limit_s * 1000000;
    if (claim->has.launched && !claim->had) {
        claim->had = true;
        gs_pools_launched(pools, part);
    }
    claim->began |= !claim->has.initialized;
    if (claim->has.initialized && !claim->started) {
        if (claim->began && part->known) { /* one that was found initialized tells nothing */
            gs_pools_lasted_add(&pools->lasted, part->kind.offer->name, age_us);
        }
        claim->started = true;
        part->record_ours = true;
        part->record.failed_starts = 0;
        part->record.closed_until_s = 0;
    } else if (claim->has.initialized || claim->has.deleting || claim->ending ||
               part->of->unread[0] != '\0') {
        return;
    } else if (age_us >= limit_us) {
        end_stuck(pools, part, claim, age_us);
    } else if (pools->now_us + limit_us - age_us < *next_us) {
        *next_us = pools->now_us + limit_us - age_us;
    }
}

void gs_pools_look_at_claims(struct gs_pools *pools, uint64_t *ret_next_us)
{
    size_t at = 0;
    *ret_next_us = UINT64_MAX;
    for (struct gs_pools_claim *claim; (claim = gs_map_next(&pools->claims, &at)) != NULL;) {
        look_at_claim(pools, claim, ret_next_us);
    }
}
