/* A list of pods gives the same demand whole and byte by byte. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "unit/wire/kube_input.h"
#include "wire/kubeplan.h"

static int read_pods(const uint8_t *data, size_t size, size_t piece, uint64_t *total)
{
    struct gs_arena arena;
    struct gs_arena scratch;
    struct gs_err err;
    const struct gs_kubeplan_summary *summary = NULL;
    struct kube_input input = {.p = (const char *)data, .n = size, .piece = piece};
    struct gs_kubeplan_file pods = {.label = "pods", .source = kube_input_source(&input)};
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 24);
    gs_arena_init(&scratch, &gs_alloc_heap, 1 << 24);
    struct gs_demand *demand = gs_demand_new(&arena);
    int r = gs_kubeplan_read(&pods, NULL, &arena, &scratch, demand, &summary, &err);
    *total = r == 0 ? gs_demand_total(demand) : 0;
    gs_arena_done(&arena);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t whole;
    uint64_t bytes;
    int r = read_pods(data, size, 0, &whole);
    if (read_pods(data, size, 1, &bytes) != r || whole != bytes) {
        abort();
    }
    return 0;
}
