/* A SlicePool that is taken keeps what its header promises. */
#include "fuzz/fuzz.h"

#include <jansson.h>
#include <stdlib.h>

#include "wire/slicepool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gs_arena arena;
    struct gs_slicepool pool;
    struct gs_slicepool_status status;
    char usd[GS_SLICEPOOL_USD_MAX];
    uint64_t again = 0;
    json_t *object = json_loadb((const char *)data, size, JSON_DECODE_ANY, NULL);
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 24);
    bool has_head = gs_slicepool_parse_head(object, &arena, &pool, NULL) == 0;
    if (has_head && (pool.name[0] == '\0' || pool.n_instance_types != 0)) {
        abort();
    }
    if (gs_slicepool_parse(object, &arena, &pool, NULL) == 0) {
        if (!has_head) {
            abort();
        }
        if (pool.n_instance_types == 0 || pool.n_capacity_types == 0 ||
            pool.node_class.name[0] == '\0' || pool.start_limit_s == UINT32_MAX) {
            abort();
        }
        gs_slicepool_usd_format(pool.uusd_limit, usd);
        if (pool.uusd_limit != UINT64_MAX &&
            (!gs_slicepool_usd_parse(gs_view(usd), &again) || again != pool.uusd_limit)) {
            abort();
        }
    }
    if (gs_slicepool_parse_status(object, &arena, &status, NULL) == 0 &&
        (status.name[0] == '\0' || status.n_parts > GS_SLICEPOOL_PARTS_MAX)) {
        abort();
    }
    gs_arena_done(&arena);
    json_decref(object);
    return 0;
}
