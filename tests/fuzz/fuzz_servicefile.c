/* Services and measurements that are read are of use to service.h. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "wire/servicefile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gs_view bytes = {(const char *)data, size};
    struct gs_arena arena;
    struct gs_err err;
    const struct gs_service *services;
    const struct gs_service_row *rows;
    size_t n;
    gs_arena_init(&arena, &gs_alloc_heap, 16 << 20);
    if (gs_servicefile_read(&arena, "f", bytes, &services, &n, &err) == 0) {
        for (size_t i = 0; i < n; i++) {
            if (services[i].rate_milli == 0 || strchr(services[i].name, '/') != NULL) {
                abort();
            }
        }
    }
    if (gs_servicefile_read_rows(&arena, "f", bytes, &rows, &n, &err) == 0) {
        for (size_t i = 0; i < n; i++) {
            if (rows[i].throughput_milli == 0 || rows[i].latency_us == 0 || rows[i].batch == 0) {
                abort();
            }
        }
    }
    gs_arena_done(&arena);
    return 0;
}
