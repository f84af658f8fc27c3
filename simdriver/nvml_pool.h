/* nvml_pool: numbers for what this process alone has: event sets, GPM samples.
 *
 * An entry is named by its index and a generation that changes with each taking, so that a handle
 * to one that was given back fits nothing. Safe from several threads. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct nvml_pool {
    pthread_mutex_t lock;  /* also guards what the entries hold */
    uint64_t *generations; /* of each entry; 0: free */
    uint32_t n;
    uint64_t last;
};

/* False: all are taken. */
bool nvml_pool_take(struct nvml_pool *pool, uint32_t *ret_index, uint64_t *ret_generation);

/* False: it names no entry (any more). */
bool nvml_pool_give(struct nvml_pool *pool, uint32_t index, uint64_t generation);

/* Locks the pool and stays so when the entry is there; else false, and not locked. */
bool nvml_pool_lock(struct nvml_pool *pool, uint32_t index, uint64_t generation);
void nvml_pool_unlock(struct nvml_pool *pool);
