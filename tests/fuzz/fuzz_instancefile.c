/* Entries that are read can be bought and have room for a pod. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "wire/instancefile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gs_doc_input input = {.label = "f", .what = "x", .bytes = {(const char *)data, size}};
    struct gs_arena arena;
    struct gs_err err;
    const struct gs_instance_entry *entries;
    struct gs_gpu_names names;
    size_t n;
    gs_arena_init(&arena, &gs_alloc_heap, 16 << 20);
    if (gs_instancefile_read(&arena, &input, NULL, &entries, &n, &err) == 0) {
        for (size_t i = 0; i < n; i++) {
            if (entries[i].max_pods == 0 || entries[i].cpu_milli == 0 ||
                (entries[i].gpus > 0) != (entries[i].gpu.name[0] != '\0')) {
                abort();
            }
        }
        (void)gs_instancefile_gpus(&arena, NULL, entries, n, &names, &err);
    }
    gs_arena_done(&arena);
    return 0;
}
