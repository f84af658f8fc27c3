/* Instance types of which the cloud has nothing left.
 *
 * Karpenter makes a NodeClaim, the cloud refuses it (InsufficientCapacityError: no capacity in any
 * of its zones, a quota, no addresses), and Karpenter deletes it at once and makes another later;
 * Karpenter 1.14, nodeclaim/lifecycle/launch.go. So a NodeClaim that goes before its condition
 * Launched is True found no capacity. Where it may be of several capacity types, Karpenter goes
 * from one to the next by itself, a NodeClaim each: only once all have failed the type is not to be
 * had. The text of the Event is the cloud's; nothing else follows from it. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "controller/pools/work.h"
#include "wire/kubetime.h"

#define REST_LEAST_S 180ull /* as long as Karpenter remembers it */
#define REST_MOST_S 1800ull
#define FORGET_S 600ull /* it is not spoken of any more when nobody has tried for so long after */
/* Karpenter makes no other NodeClaim: no other capacity type is left. */
#define GIVES_UP_US 30000000ull
#define DAY_S 86400ull

/* An instance type of a SlicePool, over its layouts. */
struct tally {
    uint32_t tries;
    uint64_t since_s;
    uint64_t until_s;
    const struct gs_pools_part *last;
};

bool gs_pools_scarce_is_live(const struct gs_karpenter_record *record, uint64_t now_s)
{
    return record->scarce_tries > 0 && now_s < record->scarce_until_s + FORGET_S;
}

static struct tally tally_of(const struct gs_pools *pools, const struct gs_pools_owner *owner,
                             const char *type, uint64_t now_s)
{
    struct tally ret = {.tries = 0};
    size_t at = 0;
    for (const struct gs_pools_part *part; (part = gs_map_next(&pools->parts, &at)) != NULL;) {
        const struct gs_karpenter_record *record = &part->record;
        if (strcmp(part->owner, owner->pool.name) != 0 || part->has.instance_type == NULL ||
            strcmp(part->has.instance_type, type) != 0 || !gs_pools_scarce_is_live(record, now_s)) {
            continue;
        }
        bool first = ret.tries == 0 || record->scarce_since_s < ret.since_s;
        ret.since_s = first ? record->scarce_since_s : ret.since_s;
        ret.tries += record->scarce_tries;
        if (record->scarce_until_s >= ret.until_s) {
            ret.until_s = record->scarce_until_s;
            ret.last = part;
        }
    }
    return ret;
}

uint32_t gs_pools_scarce_tries(const struct gs_pools *pools, const struct gs_pools_owner *owner,
                               const char *type, uint64_t real_us)
{
    return tally_of(pools, owner, type, real_us / 1000000).tries;
}

/* ---- what happens ---- */

/* As long as it has been so far, so that each time is twice the last. */
static void count_try(struct gs_pools *pools, struct gs_pools_part *part)
{
    struct gs_karpenter_record *record = &part->record;
    struct gs_pools_owner *owner = gs_map_find(&pools->owners, part->owner);
    uint64_t now_s = pools->real_us / 1000000;
    if (!gs_pools_scarce_is_live(record, now_s)) {
        record->scarce_tries = 0;
        record->scarce_since_s = now_s;
        record->scarce_until_s = 0;
    }
    record->scarce_tries++;
    part->record_ours = true;
    part->misses = 0;
    part->missed_at_us = 0;
    if (now_s < record->scarce_until_s) {
        return;
    }
    uint64_t rest = now_s > record->scarce_since_s ? now_s - record->scarce_since_s : 0;
    rest = rest < REST_LEAST_S ? REST_LEAST_S : rest > REST_MOST_S ? REST_MOST_S : rest;
    record->scarce_until_s = now_s + rest;
    gs_log_warning("NodePool %s: the cloud has no %s: others are preferred for %" PRIu64 " s",
                   part->name, part->has.instance_type, rest);
    if (owner != NULL) {
        owner->scarce_news = true;
        owner->judged_us = 0; /* others are looked for at once */
    }
}

void gs_pools_missed(struct gs_pools *pools, struct gs_pools_part *part,
                     const struct gs_pools_claim *claim)
{
    const struct gs_karpenter_condition *ready = &part->has.ready;
    bool class_is_missing = ready->current && !ready->is_true && ready->reason[0] != '\0';
    if (part->pool == NULL || part->has.deleting || class_is_missing ||
        claim->has.created_us < part->missed_us) { /* of the same try */
        return;
    }
    part->misses++;
    part->missed_us = pools->real_us;
    part->missed_at_us = pools->now_us;
    snprintf(part->missed_zones, sizeof(part->missed_zones), "%.60s", claim->has.zones);
    if (part->misses >= claim->has.capacity_types) {
        count_try(pools, part);
    }
}

void gs_pools_launched(struct gs_pools *pools, struct gs_pools_part *part)
{
    size_t at = 0;
    for (struct gs_pools_part *one; (one = gs_map_next(&pools->parts, &at)) != NULL;) {
        if (strcmp(one->owner, part->owner) == 0 && one->has.instance_type != NULL &&
            part->has.instance_type != NULL &&
            strcmp(one->has.instance_type, part->has.instance_type) == 0) {
            one->misses = 0;
            one->missed_at_us = 0;
            one->cloud[0] = '\0';
            one->record_ours = one->record_ours || one->record.scarce_tries > 0;
            one->record.scarce_tries = 0;
            one->record.scarce_since_s = 0;
        }
    }
}

/* NodeClaims are named by their NodePool. */
static struct gs_pools_part *part_of(const struct gs_pools *pools, const char *claim)
{
    const struct gs_pools_claim *known = gs_map_find(&pools->claims, claim);
    const char *dash = strrchr(claim, '-');
    char name[GS_KARPENTER_NAME_MAX + 1];
    if (known == NULL && (dash == NULL || dash - claim > GS_KARPENTER_NAME_MAX)) {
        return NULL;
    }
    if (known == NULL) {
        snprintf(name, sizeof(name), "%.*s", (int)(dash - claim), claim);
    }
    return gs_map_find(&pools->parts, known != NULL ? known->has.pool : name);
}

void gs_pools_take_event(struct gs_pools *pools, const struct json_t *event)
{
    static const char behind[] = " event: "; /* "NodeClaim gpus-x-abcde event: ..." */
    const char *claim =
        json_string_value(json_object_get(json_object_get(event, "regarding"), "name"));
    const char *note = json_string_value(json_object_get(event, "note"));
    struct gs_pools_part *part = claim == NULL || note == NULL ? NULL : part_of(pools, claim);
    if (part == NULL) {
        return;
    }
    const char *from = strstr(note, behind);
    snprintf(part->cloud, sizeof(part->cloud), "%s",
             from == NULL ? note : from + sizeof(behind) - 1);
    for (char *c = part->cloud; *c != '\0'; c++) {
        *c = *c < ' ' || *c > '~' ? '?' : *c; /* cut anywhere, it is still text */
    }
}

/* ---- what follows ---- */

/* A try of several capacity types, of which Karpenter tries no other. */
static void look_for_others(struct gs_pools *pools, struct gs_pools_part *part)
{
    uint64_t until = part->missed_at_us + GIVES_UP_US;
    if (part->missed_at_us == 0 || part->active > 0) {
        return;
    }
    if (pools->now_us >= until) {
        count_try(pools, part);
    } else {
        gs_pools_look_again(pools, until);
    }
}

/* "p4d.24xlarge: no capacity (tried 3 times since 14:02 UTC)" */
static void describe(const struct gs_pools *pools, const struct gs_pools_owner *owner,
                     const char *type, const struct tally *tally, char *ret, size_t size)
{
    char at[GS_KUBETIME_MAX];
    gs_kubetime_format(tally->since_s * 1000000, at);
    bool old = pools->real_us / 1000000 > tally->since_s + DAY_S / 2;
    bool one = owner->pool.n_capacity_types == 1 &&
               strcmp(owner->pool.capacity_types[0], "on-demand") != 0;
    const struct gs_pools_part *last = tally->last;
    snprintf(ret, size,
             "%s: no %s%scapacity%s%s (tried %" PRIu32 " time%s since %.*s%s%.5s UTC%s%s)", type,
             one ? owner->pool.capacity_types[0] : "", one ? " " : "",
             last->missed_zones[0] == '\0' ? "" : " in ", last->missed_zones, tally->tries,
             tally->tries == 1 ? "" : "s", old ? 10 : 0, at, old ? " " : "", at + 11,
             last->cloud[0] == '\0' ? "" : "; the cloud says: ", last->cloud);
}

void gs_pools_mark_scarce(struct gs_pools *pools, struct gs_pools_owner *owner)
{
    uint64_t now_s = pools->real_us / 1000000;
    for (unsigned i = 0; i < owner->n_offers; i++) {
        struct gs_offer *offer = &owner->offers[i];
        const struct tally tally = tally_of(pools, owner, offer->name, now_s);
        offer->scarce = NULL;
        if (tally.tries == 0) {
            continue;
        }
        if (now_s < tally.until_s) {
            describe(pools, owner, offer->name, &tally, owner->scarce[i], sizeof(owner->scarce[i]));
            offer->scarce = owner->scarce[i];
        }
    }
}

void gs_pools_look_at_scarce(struct gs_pools *pools)
{
    uint64_t now_s = pools->real_us / 1000000;
    size_t at = 0;
    for (struct gs_pools_part *part; (part = gs_map_next(&pools->parts, &at)) != NULL;) {
        const struct gs_karpenter_record *record = &part->record;
        look_for_others(pools, part);
        if (gs_pools_scarce_is_live(record, now_s)) {
            uint64_t until = record->scarce_until_s;
            until += now_s < until ? 0 : FORGET_S;
            gs_pools_look_again(pools, pools->now_us + (until - now_s) * 1000000);
        }
    }
}

/* ---- for people ---- */

static bool is_on_its_way(const struct gs_pools *pools, const struct gs_pools_part *part)
{
    size_t at = 0;
    for (const struct gs_pools_claim *claim; (claim = gs_map_next(&pools->claims, &at)) != NULL;) {
        if (!claim->has.initialized && !claim->has.deleting &&
            strcmp(claim->has.pool, part->name) == 0) {
            return true;
        }
    }
    return false;
}

/* What is bought in place of what cannot be had. */
static void say_instead(const struct gs_pools *pools, const struct gs_pools_owner *owner,
                        struct gs_pools_part *const *parts, size_t n, char *ret, size_t size)
{
    unsigned others = 0;
    bool wanted = false;
    for (unsigned i = 0; i < owner->n_offers; i++) {
        others += owner->offers[i].scarce == NULL;
    }
    for (size_t i = 0; i < n; i++) {
        bool scarce = parts[i]->kind.offer->scarce != NULL;
        wanted |= scarce && parts[i]->planned > 0;
        if (!scarce && (parts[i]->planned > 0 || is_on_its_way(pools, parts[i]))) {
            snprintf(ret, size, "; %s is bought instead", parts[i]->kind.offer->name);
            return;
        }
    }
    if (others == 0) {
        snprintf(ret, size,
                 owner->n_offers == 1
                     ? "; nothing else is in instanceTypes: add another; Karpenter tries "
                       "it again and again"
                     : "; so it is with all of instanceTypes: add others; Karpenter tries "
                       "them again and again");
    } else if (wanted) {
        snprintf(ret, size,
                 "; no other of instanceTypes holds what waits within the limits: add "
                 "one; Karpenter tries it again and again");
    }
}

bool gs_pools_say_scarce(const struct gs_pools *pools, const struct gs_pools_owner *owner,
                         struct gs_pools_part *const *parts, size_t n, char ret[GS_POOLS_TEXT_MAX])
{
    char one[sizeof(owner->scarce[0])];
    size_t used = 0;
    bool any = false;
    ret[0] = '\0';
    for (unsigned i = 0; i < owner->n_offers; i++) {
        const struct tally tally =
            tally_of(pools, owner, owner->offers[i].name, pools->real_us / 1000000);
        if (tally.tries == 0) {
            continue;
        }
        any = true;
        describe(pools, owner, owner->offers[i].name, &tally, one, sizeof(one));
        if (used + strlen(one) + 2 < GS_POOLS_TEXT_MAX - 160) {
            used += (size_t)snprintf(ret + used, GS_POOLS_TEXT_MAX - used, "%s%s",
                                     used == 0 ? "" : "; ", one);
        }
    }
    if (any) {
        say_instead(pools, owner, parts, n, ret + used, GS_POOLS_TEXT_MAX - used);
    }
    return any;
}
