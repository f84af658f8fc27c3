/* A demand file that is read holds as many items as its kinds add up to. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "wire/demandfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const plain[] = {"L4", "T4"};
    const struct gs_gpu_names names = {.names = plain, .n = 2};
    struct gs_doc_input input = {.label = "f", .what = "x", .bytes = {(const char *)data, size}};
    struct gs_arena arena;
    struct gs_err err;
    gs_arena_init(&arena, &gs_alloc_heap, 16 << 20);
    struct gs_demand *demand = gs_demand_new(&arena);
    if (gs_demandfile_read(&gs_alloc_heap, &input, &names, demand, &err) == 0) {
        size_t n;
        uint64_t total = 0;
        const struct gs_item *items = gs_demand_items(demand, &n);
        for (size_t i = 0; i < n; i++) {
            total += items[i].count;
        }
        if (total == 0 || total != gs_demand_total(demand)) {
            abort();
        }
    }
    gs_arena_done(&arena);
    return 0;
}
