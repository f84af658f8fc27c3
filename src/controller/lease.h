/* lease: which of several controllers decides.
 *
 * As client-go's leader election: who holds the Lease renews it every two seconds; another one may
 * take it when it has not changed for its duration on the other's own clock, so that clocks that
 * differ do no harm. Who could not renew for two thirds of the duration stops to decide, before
 * another may begin. Belongs to the loop. */
#pragma once

#include "cluster/kube.h"

struct gs_lease;

struct gs_lease_options {
    struct gs_kube *kube;
    const char *name_space;
    const char *name;
    const char *holder;  /* who we are */
    uint32_t duration_s; /* 0: 15 */
    /* We decide from now on, or no more. */
    void (*leads)(void *ctx, bool leads);
    void *ctx;
};

/* Texts are copied. GS_INVALID, GS_NO_MEMORY, GS_IO. */
int gs_lease_new(const struct gs_lease_options *options, struct gs_lease **ret, struct gs_err *err);
void gs_lease_free(struct gs_lease *lease);

bool gs_lease_leads(const struct gs_lease *lease);

/* Somebody leads and was seen to renew within the duration: gates are lifted again. */
bool gs_lease_is_fresh(const struct gs_lease *lease);

/* Who leads, for people; "": nobody. */
const char *gs_lease_holder(const struct gs_lease *lease);

/* Gives it up, so that another need not wait. `done` comes when the API server knows, or after two
 * seconds. */
void gs_lease_give_up(struct gs_lease *lease, void (*done)(void *ctx), void *ctx);
