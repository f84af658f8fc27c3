/* claims: asks the API server what the volumes of waiting pods require, when somebody wants to
 * know.
 *
 * Single objects by their names (get), as few pods that wait for slices have volumes, and a cluster
 * may have a hundred thousand claims: docs/internals/volumes.md. What is known is asked for again
 * now and then while the pod waits. Belongs to the loop. */
#pragma once

#include "picture/store.h"

struct gs_kube;
struct gs_claims;

enum { GS_CLAIMS_AT_ONCE = 32 }; /* pods that are read of; others have to wait */

struct gs_claims_options {
    struct gs_kube *kube;
    struct gs_store *store;
    bool once;                  /* a request that fails is not tried again: a person waits */
    uint64_t limit_us;          /* of all requests about a pod; 0: 10 s */
    void (*changed)(void *ctx); /* something more is known; may be NULL */
    void *ctx;
};

/* GS_NO_MEMORY. */
int gs_claims_new(const struct gs_claims_options *options, struct gs_claims **ret,
                  struct gs_err *err);
void gs_claims_free(struct gs_claims *claims);

/* The pod waits and has claims: they are asked for where that is due. `now_us`: CLOCK_MONOTONIC.
 * What is found is in pod->waiting->volumes when `changed` is called. False: it has to wait until
 * others are done, or for memory. */
bool gs_claims_look(struct gs_claims *claims, struct gs_store_pod *pod, uint64_t now_us);

/* Pods that are read of. */
unsigned gs_claims_under_way(const struct gs_claims *claims);
