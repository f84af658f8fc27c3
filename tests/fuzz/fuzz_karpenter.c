/* Karpenter's objects: whatever they say, what is read of them is within its bounds. */
#include "fuzz/fuzz.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "karpenter/seen.h"
#include "karpenter/version.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gs_karpenter_pool_seen pool;
    struct gs_karpenter_overlay_seen overlay;
    struct gs_karpenter_claim_seen claim;
    struct gs_karpenter_version version;
    struct gs_arena arena;
    struct gs_err err;
    json_t *object = json_loadb((const char *)data, size, 0, NULL);
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
    if (gs_karpenter_read_pool(object, &arena, &pool, &err) == 0 &&
        strlen(pool.name) + strlen(pool.slicepool) + strlen(pool.layout) > 253 + 63 + 63) {
        abort();
    }
    (void)gs_karpenter_read_overlay(object, &arena, &overlay, &err);
    (void)gs_karpenter_read_claim(object, &arena, &claim, &err);
    if (gs_karpenter_version_read(object, &version) &&
        (version.text[0] == '\0' || strlen(version.text) >= sizeof(version.text))) {
        abort();
    }
    if (object != NULL && !gs_karpenter_says(object, object)) {
        abort();
    }
    gs_arena_done(&arena);
    json_decref(object);
    return 0;
}
