/* A message that is read is written, and reads back the same. The first byte says which it is. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "wire/podresources.h"

union message {
    struct gs_podres_list list;
    struct gs_podres_allocatable allocatable;
    struct gs_podres_name name;
    struct gs_podres_pod pod;
};

/* Reads, writes, reads and writes again. */
#define TRIP(kind, name)                                                                           \
    if (data[0] % 4 == (kind) &&                                                                   \
        gs_podres_##name##_decode(&arena, bytes, &message.name, NULL) == 0 &&                      \
        (gs_podres_##name##_encode(&arena, &message.name, &first, NULL) < 0 ||                     \
         gs_podres_##name##_decode(&arena, first, &message.name, NULL) < 0 ||                      \
         gs_podres_##name##_encode(&arena, &message.name, &second, NULL) < 0 ||                    \
         first.n != second.n || memcmp(first.p, second.p, first.n) != 0)) {                        \
        abort();                                                                                   \
    }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gs_view bytes = {(const char *)data, size};
    struct gs_view first;
    struct gs_view second;
    union message message;
    struct gs_arena arena;
    if (size == 0) {
        return 0;
    }
    bytes.p++;
    bytes.n--;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    TRIP(0, list);
    TRIP(1, allocatable);
    TRIP(2, name);
    TRIP(3, pod);
    gs_arena_done(&arena);
    return 0;
}
