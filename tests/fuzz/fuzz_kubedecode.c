/* A node or a pod that is taken has what the cluster port promises. */
#include "fuzz/fuzz.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/kube_decode.h"

static void check_pairs(const struct gs_cluster_pairs *pairs)
{
    for (size_t i = 0; i < pairs->n; i++) {
        if (pairs->at[i].value == NULL ||
            (i > 0 && strcmp(pairs->at[i - 1].key, pairs->at[i].key) >= 0)) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gs_arena arena;
    struct gs_err err;
    struct gs_cluster_node node;
    struct gs_cluster_pod pod;
    json_t *object = json_loadb((const char *)data, size, JSON_DECODE_ANY, NULL);
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 24);
    if (gs_kube_decode_node(object, &arena, &node, &err) == 0) {
        check_pairs(&node.labels);
        check_pairs(&node.capacity);
    }
    if (gs_kube_decode_pod(object, "nvidia.com/", &arena, &pod, &err) == 0) {
        for (size_t i = 0; i < pod.n_asks; i++) {
            pod.asks[i].count == 0 ? abort() : (void)0;
        }
    }
    gs_arena_done(&arena);
    json_decref(object);
    return 0;
}
