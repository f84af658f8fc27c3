/* What limits leave no room for, in words. */
#include <stdio.h>
#include <string.h>

#include "controller/pools/work.h"

/* Whether `nodes` more of the offer are beyond the limits beside what is there. */
static bool say_limits(const struct gs_pools_owner *owner, struct gs_pools_part *const *parts,
                       size_t n, const struct gs_offer *offer, uint32_t nodes,
                       char ret[GS_KARPENTER_LIMITS_MAX])
{
    const struct gs_karpenter_caps caps = gs_pools_caps(owner);
    const struct gs_karpenter_sum more = {.gpus = (uint64_t)nodes * offer->gpus,
                                          .uusd = nodes * offer->price_uusd};
    struct gs_karpenter_sum has = {.gpus = 0};
    for (size_t i = 0; i < n; i++) {
        has.gpus += (uint64_t)parts[i]->there * parts[i]->kind.offer->gpus;
        has.uusd += parts[i]->there * parts[i]->kind.offer->price_uusd;
    }
    return gs_karpenter_say_limits(&caps, &has, &more, ret);
}

/* ---- for decisions ---- */

void gs_pools_note_spent(struct gs_pools_owner *owner, struct gs_pools_part *const *parts, size_t n)
{
    char text[GS_KARPENTER_LIMITS_MAX];
    for (unsigned i = 0; i < owner->n_offers; i++) {
        struct gs_offer *offer = &owner->offers[i];
        offer->no_more =
            offer->max_nodes == 0 && say_limits(owner, parts, n, offer, 1, text)
                ? gs_arena_printf(&owner->demand_arena, "SlicePool %s: %s", owner->pool.name, text)
                : NULL;
    }
}

/* ---- for conditions ---- */

void gs_pools_say_no_room(const struct gs_pools_owner *owner, struct gs_pools_part *const *parts,
                          size_t n, struct gs_pools_part *part)
{
    if (!say_limits(owner, parts, n, part->kind.offer, part->planned, part->no_room)) {
        snprintf(part->no_room, sizeof(part->no_room),
                 "the limits of the SlicePool leave no room for it, as other NodePools may still "
                 "use it");
    }
    part->closed = part->no_room;
}

static const struct gs_offer *smallest(const struct gs_pools_owner *owner,
                                       const struct gs_profile_name *profile)
{
    const struct gs_offer *least = NULL;
    for (unsigned i = 0; i < owner->n_offers; i++) {
        const struct gs_offer *offer = &owner->offers[i];
        int p = profile == NULL || offer->model == NULL
                    ? -1
                    : gs_model_profile_index(offer->model, profile);
        bool fits = profile == NULL || (p >= 0 && gs_offer_allows(offer, (unsigned)p));
        bool less = least == NULL || offer->gpus < least->gpus ||
                    (offer->gpus == least->gpus && offer->price_uusd < least->price_uusd);
        least = fits && less ? offer : least;
    }
    return least;
}

bool gs_pools_say_spent(const struct gs_pools_owner *owner, struct gs_pools_part *const *parts,
                        size_t n, char ret[GS_KARPENTER_LIMITS_MAX])
{
    const struct gs_offer *least = smallest(owner, NULL);
    ret[0] = '\0';
    return least != NULL && say_limits(owner, parts, n, least, 1, ret);
}

bool gs_pools_say_short(const struct gs_pools_owner *owner, struct gs_pools_part *const *parts,
                        size_t n, char ret[GS_KARPENTER_LIMITS_MAX])
{
    const struct gs_karpenter_caps caps = gs_pools_caps(owner);
    struct gs_karpenter_sum has = {.gpus = 0};
    struct gs_karpenter_sum more = {.gpus = 0};
    for (size_t i = 0; i < n; i++) {
        const struct gs_offer *offer = parts[i]->kind.offer;
        has.gpus += (uint64_t)parts[i]->there * offer->gpus;
        has.uusd += parts[i]->there * offer->price_uusd;
        more.gpus += (uint64_t)parts[i]->planned * offer->gpus;
        more.uusd += parts[i]->planned * offer->price_uusd;
    }
    ret[0] = '\0';
    return owner->short_of_room && gs_karpenter_say_limits(&caps, &has, &more, ret);
}

/* ---- warm slices ---- */

static const char *closed_for(struct gs_pools_part *const *parts, size_t n,
                              const struct gs_profile_name *profile)
{
    for (size_t i = 0; i < n; i++) {
        const struct gs_karpenter_kind *kind = &parts[i]->kind;
        int p =
            kind->offer->model == NULL ? -1 : gs_model_profile_index(kind->offer->model, profile);
        if (p >= 0 && kind->slices[p] > 0 && parts[i]->planned > 0 && parts[i]->pool != NULL &&
            parts[i]->closed[0] != '\0') {
            return parts[i]->closed;
        }
    }
    return NULL;
}

/* Why nothing comes of it; NULL: it is on its way. */
static const char *why_cold(const struct gs_pools_owner *owner, struct gs_pools_part *const *parts,
                            size_t n, const struct gs_profile_name *profile,
                            char limits[GS_KARPENTER_LIMITS_MAX])
{
    const struct gs_offer *least = smallest(owner, profile);
    bool some = false;
    for (unsigned i = 0; least != NULL && i < owner->n_offers; i++) {
        some |= owner->offers[i].max_nodes > 0;
    }
    if (least == NULL) {
        return "none of its instance types has such slices";
    }
    if (!some) {
        return say_limits(owner, parts, n, least, 1, limits) ? limits
                                                             : "no node can be bought: see Open";
    }
    return closed_for(parts, n, profile);
}

bool gs_pools_say_cold(const struct gs_pools_owner *owner, struct gs_pools_part *const *parts,
                       size_t n, char ret[GS_POOLS_TEXT_MAX], bool *ret_coming)
{
    size_t used = 0;
    ret[0] = '\0';
    *ret_coming = true;
    for (unsigned i = 0; i < owner->pool.n_warm && used < GS_POOLS_TEXT_MAX; i++) {
        const struct gs_slicepool_warm *warm = &owner->pool.warm[i];
        char name[GS_PROFILE_NAME_MAX + 1];
        char limits[GS_KARPENTER_LIMITS_MAX];
        if (owner->cold[i] == 0) {
            continue;
        }
        const char *why = why_cold(owner, parts, n, &warm->profile, limits);
        gs_profile_name_format(&warm->profile, name);
        int k = snprintf(ret + used, GS_POOLS_TEXT_MAX - used, "%s%u of %u free %s missing: %s",
                         used == 0 ? "" : "; ", owner->cold[i], warm->count, name,
                         why == NULL ? "a node for them is being bought" : why);
        used += k > 0 ? (size_t)k : 0;
        *ret_coming = *ret_coming && why == NULL;
    }
    return used > 0;
}
