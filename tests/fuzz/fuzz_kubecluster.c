/* Nodes, a zero byte, pods: every pod has one fate. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "unit/wire/kube_input.h"
#include "wire/kubeplan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gs_arena arena;
    struct gs_arena scratch;
    struct gs_err err;
    uint64_t pods = 0;
    const struct gs_kubeplan_summary *summary = NULL;
    const uint8_t *cut = size == 0 ? NULL : memchr(data, 0, size);
    size_t n = cut == NULL ? size : (size_t)(cut - data);
    struct kube_input inputs[] = {
        {.p = (const char *)data, .n = n},
        {.p = (const char *)data + (cut == NULL ? n : n + 1), .n = cut == NULL ? 0 : size - n - 1}};
    struct gs_kubeplan_file files[] = {{.label = "n", .source = kube_input_source(&inputs[0])},
                                       {.label = "p", .source = kube_input_source(&inputs[1])}};
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 24);
    gs_arena_init(&scratch, &gs_alloc_heap, 1 << 24);
    int r = gs_kubeplan_read(&files[1], &files[0], &arena, &scratch, gs_demand_new(&arena),
                             &summary, &err);
    for (int i = 0; r == 0 && i < GS_FATE_COUNT; i++) {
        pods += summary->fates[i].pods;
    }
    if (r == 0 && pods != summary->pods) {
        abort();
    }
    gs_arena_done(&arena);
    return 0;
}
