/* nvml_pool: what this process alone has and names by handles: event sets, GPM samples.
 *
 * A handle holds the entry's index and a generation that changes with each taking, so that a handle
 * to one that was given back fits nothing. Safe from several threads. */
#pragma once

#include <pthread.h>
#include <stddef.h>

#include "simdriver/nvml.h"

struct nvml_pool {
    pthread_mutex_t lock;  /* also guards what the entries hold */
    enum nvml_own kind;    /* of its handles */
    uint64_t *generations; /* of each entry; 0: free */
    void *entries;
    size_t entry_size; /* bytes */
    uint32_t n;
    uint64_t last;
};

/* The handle of an entry that is all zeroes, or NULL: all are taken. */
void *nvml_pool_take(struct nvml_pool *pool);

/* SUCCESS, or INVALID_ARGUMENT: the handle names no entry (any more). */
int nvml_pool_give(struct nvml_pool *pool, const void *handle);

/* The entry, with the pool locked until nvml_pool_unlock; NULL, and not locked: it is not there. */
void *nvml_pool_lock(struct nvml_pool *pool, const void *handle);
void nvml_pool_unlock(struct nvml_pool *pool);
