/* An amount in ones is the one in thousandths, rounded up; no bound is passed. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "wire/quantity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gs_view text = {.p = (const char *)data, .n = size};
    uint64_t milli = 0;
    uint64_t unit = 0;
    struct gs_err err;
    int r = gs_quantity_parse(text, GS_QUANTITY_MILLI, 1ull << 60, &milli, &err);
    int whole = gs_quantity_parse(text, GS_QUANTITY_UNIT, 1ull << 50, &unit, &err);
    if ((r == GS_INVALID) != (whole == GS_INVALID) || milli > 1ull << 60 || unit > 1ull << 50) {
        abort();
    }
    if (r == 0 && whole == 0 && unit != (milli + 999) / 1000) {
        abort();
    }
    return 0;
}
