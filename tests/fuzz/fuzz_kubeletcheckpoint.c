/* A checkpoint that is read has names for everything. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "wire/kubeletcheckpoint.h"

static void check_texts(const char *const *texts, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (texts[i] == NULL || strlen(texts[i]) > GS_KUBELET_CHECKPOINT_TEXT_MAX) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gs_view bytes = {(const char *)data, size};
    struct gs_kubelet_checkpoint checkpoint = {.n_grants = 0};
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 16 << 20);
    int r = gs_kubelet_checkpoint_parse(&arena, "f", bytes, &checkpoint, NULL);
    for (unsigned i = 0; r == 0 && i < checkpoint.n_grants; i++) {
        const struct gs_kubelet_grant *grant = &checkpoint.grants[i];
        check_texts((const char *const[]){grant->pod_uid, grant->container, grant->resource}, 3);
        check_texts(grant->ids, grant->n_ids);
    }
    for (unsigned i = 0; r == 0 && i < checkpoint.n_registered; i++) {
        check_texts(&checkpoint.registered[i].resource, 1);
        check_texts(checkpoint.registered[i].ids, checkpoint.registered[i].n_ids);
    }
    gs_arena_done(&arena);
    return 0;
}
