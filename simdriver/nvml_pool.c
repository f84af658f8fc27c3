#include "simdriver/nvml_pool.h"

enum { GENERATION_BITS = 29 }; /* what a handle has room for (nvml_handle.c) */

static uint64_t next_generation(struct nvml_pool *pool)
{
    pool->last = (pool->last + 1) & ((UINT64_C(1) << GENERATION_BITS) - 1);
    if (pool->last == 0) {
        pool->last = 1;
    }
    return pool->last;
}

bool nvml_pool_take(struct nvml_pool *pool, uint32_t *ret_index, uint64_t *ret_generation)
{
    bool found = false;
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; i < pool->n && !found; i++) {
        if (pool->generations[i] == 0) {
            pool->generations[i] = next_generation(pool);
            *ret_index = i;
            *ret_generation = pool->generations[i];
            found = true;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return found;
}

bool nvml_pool_lock(struct nvml_pool *pool, uint32_t index, uint64_t generation)
{
    pthread_mutex_lock(&pool->lock);
    if (index < pool->n && generation != 0 && pool->generations[index] == generation) {
        return true;
    }
    pthread_mutex_unlock(&pool->lock);
    return false;
}

void nvml_pool_unlock(struct nvml_pool *pool)
{
    pthread_mutex_unlock(&pool->lock);
}

bool nvml_pool_give(struct nvml_pool *pool, uint32_t index, uint64_t generation)
{
    if (!nvml_pool_lock(pool, index, generation)) {
        return false;
    }
    pool->generations[index] = 0;
    nvml_pool_unlock(pool);
    return true;
}
