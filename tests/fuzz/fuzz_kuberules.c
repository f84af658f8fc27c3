/* A pod's rules are read within their bounds, twice the same, and judge the pod itself. */
#include "fuzz/fuzz.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "wire/kubejson.h"
#include "wire/kuberules.h"

static void look(const json_t *object, const struct gs_kubepod *pod, struct gs_arena *arena)
{
    struct gs_kuberules a;
    struct gs_kuberules b;
    if (gs_kuberules_parse(object, pod, arena, &a, NULL) != 0 ||
        gs_kuberules_parse(object, pod, arena, &b, NULL) != 0 || strcmp(a.text, b.text) != 0 ||
        strlen(a.text) > GS_KUBERULES_TEXT_MAX || a.n_ports > GS_KUBERULES_PORTS_MAX) {
        abort();
    }
    for (size_t i = 0; i < a.n_apart; i++) {
        (void)gs_kuberules_is_about(&a.apart[i], a.name_space, a.labels, a.n_labels);
    }
    for (size_t i = 0; i < a.n_spreads; i++) {
        (void)gs_kuberules_selects(&a.spreads[i].pods, a.labels, a.n_labels);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gs_arena arena;
    struct gs_kubepod pod;
    json_t *object = json_loadb((const char *)data, size, GS_KUBEJSON_LOAD, NULL);
    gs_arena_init(&arena, &gs_alloc_heap, (size_t)64 << 20);
    if (object != NULL && gs_kubepod_parse(object, &arena, &pod, NULL) == 0) {
        look(object, &pod, &arena);
    }
    json_decref(object);
    gs_arena_done(&arena);
    return 0;
}
