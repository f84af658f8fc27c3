/* An answer of a server is the same whole and byte by byte. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "wire/http1.h"

static int feed(const uint8_t *data, size_t size, size_t piece, uint64_t *sum)
{
    static struct gs_http1 reader;
    struct gs_err err;
    enum gs_http1_event event = GS_HTTP1_MORE;
    int r = 0;
    gs_http1_begin(&reader, false);
    *sum = 0;
    for (size_t i = 0; r == 0 && event != GS_HTTP1_END && i < size; i += piece) {
        struct gs_view in = {.p = (const char *)data + i, .n = size - i < piece ? size - i : piece};
        do {
            struct gs_view body = {.n = 0};
            r = gs_http1_next(&reader, &in, &event, &body, &err);
            for (size_t k = 0; r == 0 && k < body.n; k++) {
                *sum = *sum * 31 + (uint8_t)body.p[k] + 1;
            }
        } while (r == 0 && event != GS_HTTP1_MORE && event != GS_HTTP1_END);
    }
    *sum = *sum * 599 + reader.head.status * (r == 0) + (event == GS_HTTP1_END);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t whole;
    uint64_t bytes;
    int r = feed(data, size, size + 1, &whole);
    bool same = feed(data, size, 1, &bytes) == r && (r != 0 || whole == bytes);
    return same ? 0 : (abort(), 0);
}
