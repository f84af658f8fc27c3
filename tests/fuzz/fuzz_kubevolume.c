/* Claims, volumes and classes, a line each, answer what a reading of a pod's volumes asks for: it
 * ends, within its bounds, and what follows can be asked. */
#include "fuzz/fuzz.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "picture/volumes.h"
#include "wire/kubejson.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct gs_kubepod_claim claims[] = {{"data", false}, {"p-x", true}, {"c", false}};
    static const struct gs_kubepod pod = {.name_space = "d", .claims = claims, .n_claims = 3};
    static const struct gs_node_facts node = {.name = "n", .labels_complete = true};
    const struct gs_constraint *all;
    struct gs_arena arena;
    struct gs_volumes_reading *reading = gs_volumes_read(&pod, "u");
    for (unsigned n = 0; gs_volumes_next(reading) != NULL; n++) {
        const uint8_t *end = size == 0 ? NULL : memchr(data, '\n', size);
        size_t line = end == NULL ? size : (size_t)(end - data);
        json_t *object = json_loadb((const char *)data, line, GS_KUBEJSON_LOAD, NULL);
        if (n == 2 * pod.n_claims || gs_volumes_take(reading, object, NULL) != 0) {
            abort();
        }
        json_decref(object);
        data += line + (end != NULL);
        size -= line + (end != NULL);
    }
    struct gs_volumes *volumes = gs_volumes_end(reading);
    gs_arena_init(&arena, &gs_alloc_heap, (size_t)64 << 20);
    if (gs_volumes_fold(volumes, NULL, &arena, &all, NULL) != 0) {
        abort();
    }
    (void)gs_constraint_check(all, &node, NULL);
    gs_arena_done(&arena);
    gs_volumes_free(volumes);
    return 0;
}
