/* The name that a part of a demand gets is a part that gives the same item. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "wire/demandarg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const plain[] = {"L4", "T4"};
    const struct gs_gpu_names names = {.names = plain, .n = 2};
    struct gs_arena arena;
    struct gs_err err;
    size_t n, m;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    struct gs_demand *demand = gs_demand_new(&arena);
    struct gs_view text = {(const char *)data, size};
    if (gs_demandarg_parse(text, "--demand", &names, demand, &err) == 0) {
        const struct gs_item *items = gs_demand_items(demand, &n);
        for (size_t i = 0; i < n && i < 50; i++) {
            struct gs_demand *again = gs_demand_new(&arena);
            if (strchr(items[i].name, ',') == NULL &&
                (gs_demandarg_parse(gs_view(items[i].name), "", &names, again, &err) != 0 ||
                 strcmp(gs_demand_items(again, &m)->name, items[i].name) != 0)) {
                abort();
            }
        }
    }
    gs_arena_done(&arena);
    return 0;
}
