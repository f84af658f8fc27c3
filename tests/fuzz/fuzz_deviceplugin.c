/* A message that is read is written, and reads back the same. The first byte says which it is. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "wire/deviceplugin.h"

union message {
    struct gs_dp_options options;
    struct gs_dp_registration registration;
    struct gs_dp_list list;
    struct gs_dp_allocate allocate;
    struct gs_dp_allocated allocated;
    struct gs_dp_preferred preferred;
    struct gs_dp_ids pre_start;
};

/* Reads, writes, reads and writes again. */
#define TRIP(kind, name)                                                                           \
    if (data[0] % 7 == (kind) && gs_dp_##name##_decode(&arena, bytes, &message.name, NULL) == 0 && \
        (gs_dp_##name##_encode(&arena, &message.name, &first, NULL) < 0 ||                         \
         gs_dp_##name##_decode(&arena, first, &message.name, NULL) < 0 ||                          \
         gs_dp_##name##_encode(&arena, &message.name, &second, NULL) < 0 || first.n != second.n || \
         memcmp(first.p, second.p, first.n) != 0)) {                                               \
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
    TRIP(0, options);
    TRIP(1, registration);
    TRIP(2, list);
    TRIP(3, allocate);
    TRIP(4, allocated);
    TRIP(5, preferred);
    TRIP(6, pre_start);
    gs_arena_done(&arena);
    return 0;
}
