#include "agent/grants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One id that was given away. Grants are few and short-lived: a list will do. */
struct grant {
    struct grant *next;
    uint64_t at_us;
    char resource[GS_RESOURCE_NAME_MAX + 1];
    char id[GS_DEVICE_ID_MAX];
};

struct gs_grants {
    struct grant *first;
    unsigned n;
};

struct gs_grants *gs_grants_new(void)
{
    return calloc(1, sizeof(struct gs_grants));
}

static void drop(struct gs_grants *grants, struct grant **at)
{
    struct grant *grant = *at;
    *at = grant->next;
    grants->n--;
    free(grant);
}

void gs_grants_free(struct gs_grants *grants)
{
    while (grants != NULL && grants->first != NULL) {
        drop(grants, &grants->first);
    }
    free(grants);
}

/* The record of an id, made anew if there is none. */
static struct grant *record(struct gs_grants *grants, const char *id)
{
    struct grant *grant = grants->first;
    while (grant != NULL && strcmp(grant->id, id) != 0) {
        grant = grant->next;
    }
    if (grant == NULL && (grant = calloc(1, sizeof(*grant))) != NULL) {
        grant->next = grants->first;
        grants->first = grant;
        grants->n++;
    }
    return grant;
}

int gs_grants_add(struct gs_grants *grants, const char *resource, const struct gs_dp_ids *ids,
                  uint64_t now_us, struct gs_err *err)
{
    if (grants->n + ids->n > GS_GRANTS_MAX) {
        return gs_fail(err, GS_LIMIT,
                       "%u devices were granted lately of which the kubelet shows no pod: expected "
                       "%d at most",
                       grants->n, GS_GRANTS_MAX);
    }
    for (unsigned i = 0; i < ids->n; i++) {
        struct grant *grant = record(grants, ids->ids[i]);
        if (grant == NULL) {
            return gs_fail(err, GS_NO_MEMORY, "no memory for a grant");
        }
        grant->at_us = now_us;
        snprintf(grant->resource, sizeof(grant->resource), "%s", resource);
        snprintf(grant->id, sizeof(grant->id), "%s", ids->ids[i]);
    }
    return 0;
}

static bool is_in(const char *id, const char *const *ids, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (strcmp(ids[i], id) == 0) {
            return true;
        }
    }
    return false;
}

static bool pod_has(const struct gs_podres_pod *pod, const char *id)
{
    for (unsigned c = 0; c < pod->n_containers; c++) {
        for (unsigned d = 0; d < pod->containers[c].n_devices; d++) {
            const struct gs_podres_devices *devices = &pod->containers[c].devices[d];
            if (is_in(id, devices->ids, devices->n_ids)) {
                return true;
            }
        }
    }
    return false;
}

static bool is_shown(const char *id, const struct gs_podres_list *listed,
                     const struct gs_kubelet_checkpoint *checkpoint)
{
    for (unsigned p = 0; listed != NULL && p < listed->n; p++) {
        if (pod_has(&listed->pods[p], id)) {
            return true;
        }
    }
    for (unsigned g = 0; checkpoint != NULL && g < checkpoint->n_grants; g++) {
        if (is_in(id, checkpoint->grants[g].ids, checkpoint->grants[g].n_ids)) {
            return true;
        }
    }
    return false;
}

void gs_grants_seen(struct gs_grants *grants, const struct gs_podres_list *listed,
                    const struct gs_kubelet_checkpoint *checkpoint, uint64_t before_us)
{
    struct grant **at = &grants->first;
    while (*at != NULL) {
        if ((*at)->at_us < before_us && is_shown((*at)->id, listed, checkpoint)) {
            drop(grants, at);
        } else {
            at = &(*at)->next;
        }
    }
}

void gs_grants_expire(struct gs_grants *grants, uint64_t now_us, uint64_t max_age_us)
{
    struct grant **at = &grants->first;
    while (*at != NULL) {
        if (now_us - (*at)->at_us > max_age_us) {
            drop(grants, at);
        } else {
            at = &(*at)->next;
        }
    }
}

bool gs_grants_copy(const struct gs_grants *grants, uint64_t now_us, struct gs_arena *arena,
                    struct gs_holding_input *input)
{
    struct gs_holder_grant *kept = GS_ARENA_NEW(arena, struct gs_holder_grant, grants->n + 1u);
    const char **ids = GS_ARENA_NEW(arena, const char *, grants->n + 1u);
    unsigned n = 0;
    if (kept == NULL || ids == NULL) {
        return false;
    }
    for (const struct grant *grant = grants->first; grant != NULL; grant = grant->next) {
        ids[n] = gs_arena_text(arena, grant->id, strlen(grant->id));
        kept[n] = (struct gs_holder_grant){
            .resource = gs_arena_text(arena, grant->resource, strlen(grant->resource)),
            .ids = &ids[n],
            .n_ids = 1,
            .age_us = now_us - grant->at_us,
        };
        if (ids[n] == NULL || kept[n].resource == NULL) {
            return false;
        }
        n++;
    }
    input->grants = kept;
    input->n_grants = n;
    return true;
}

bool gs_grants_have(const struct gs_grants *grants, const char *uuid)
{
    size_t n = strlen(uuid);
    for (const struct grant *grant = grants->first; grant != NULL; grant = grant->next) {
        if (strncmp(grant->id, uuid, n) == 0 &&
            (grant->id[n] == '\0' || strncmp(grant->id + n, "::", 2) == 0)) {
            return true;
        }
    }
    return false;
}
