#include "controller/pools/lasted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* GS_POOLS_LASTED_TYPES: none of it was seen. */
static unsigned find(const struct gs_pools_lasted *lasted, const char *type)
{
    for (unsigned i = 0; i < lasted->n; i++) {
        if (strcmp(lasted->types[i].name, type) == 0) {
            return i;
        }
    }
    return GS_POOLS_LASTED_TYPES;
}

void gs_pools_lasted_add(struct gs_pools_lasted *lasted, const char *type, uint64_t took_us)
{
    unsigned i = find(lasted, type);
    bool known = i < GS_POOLS_LASTED_TYPES;
    i = known ? i : lasted->next;
    struct gs_pools_lasted_type *one = &lasted->types[i];
    if (!known) {
        if (strlen(type) >= sizeof(one->name)) {
            return;
        }
        *one = (struct gs_pools_lasted_type){.n = 0};
        memcpy(one->name, type, strlen(type) + 1);
        lasted->next = (i + 1) % GS_POOLS_LASTED_TYPES;
        lasted->n += lasted->n < GS_POOLS_LASTED_TYPES;
    }
    uint64_t seconds = took_us / 1000000;
    one->seconds[one->next] = seconds > UINT32_MAX ? UINT32_MAX : (uint32_t)seconds;
    one->next = (one->next + 1) % GS_POOLS_LASTED_STARTS;
    one->n += one->n < GS_POOLS_LASTED_STARTS;
}

static int by_value(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

bool gs_pools_lasted_median(const struct gs_pools_lasted *lasted, const char *type, uint32_t *ret_s)
{
    unsigned i = find(lasted, type);
    uint32_t sorted[GS_POOLS_LASTED_STARTS];
    if (i == GS_POOLS_LASTED_TYPES) {
        return false;
    }
    const struct gs_pools_lasted_type *one = &lasted->types[i];
    memcpy(sorted, one->seconds, one->n * sizeof(sorted[0]));
    qsort(sorted, one->n, sizeof(sorted[0]), by_value);
    *ret_s = sorted[(one->n - 1) / 2];
    return true;
}
