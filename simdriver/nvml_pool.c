#include "simdriver/nvml_pool.h"

#include <string.h>

enum { GENERATION_BITS = 29 }; /* what a handle has room for (nvml_handle.c) */

static uint64_t next_generation(struct nvml_pool *pool)
{
    pool->last = (pool->last + 1) & ((UINT64_C(1) << GENERATION_BITS) - 1);
    if (pool->last == 0) {
        pool->last = 1;
    }
    return pool->last;
}

static void *entry_at(const struct nvml_pool *pool, uint32_t index)
{
    return (char *)pool->entries + index * pool->entry_size;
}

void *nvml_pool_take(struct nvml_pool *pool)
{
    void *handle = NULL;
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; i < pool->n && handle == NULL; i++) {
        if (pool->generations[i] == 0) {
            pool->generations[i] = next_generation(pool);
            memset(entry_at(pool, i), 0, pool->entry_size);
            handle = nvml_handle_own(pool->kind, i, pool->generations[i]);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return handle;
}

/* The index of an entry that is there, with the pool locked; else pool->n, and not locked. */
static uint32_t lock_index(struct nvml_pool *pool, const void *handle)
{
    uint32_t index;
    uint64_t generation;
    if (!nvml_own_of(handle, pool->kind, &index, &generation)) {
        return pool->n;
    }
    pthread_mutex_lock(&pool->lock);
    if (index < pool->n && generation != 0 && pool->generations[index] == generation) {
        return index;
    }
    pthread_mutex_unlock(&pool->lock);
    return pool->n;
}

void *nvml_pool_lock(struct nvml_pool *pool, const void *handle)
{
    uint32_t index = lock_index(pool, handle);
    return index < pool->n ? entry_at(pool, index) : NULL;
}

void nvml_pool_unlock(struct nvml_pool *pool)
{
    pthread_mutex_unlock(&pool->lock);
}

int nvml_pool_give(struct nvml_pool *pool, const void *handle)
{
    uint32_t index = lock_index(pool, handle);
    if (index == pool->n) {
        return NVML_ERROR_INVALID_ARGUMENT;
    }
    pool->generations[index] = 0;
    nvml_pool_unlock(pool);
    return NVML_SUCCESS;
}
