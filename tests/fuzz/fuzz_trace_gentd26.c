/* GenTD26's samples give the same asks whole and byte by byte, in order, within their bounds. */
#include "fuzz/fuzz.h"

#include "fuzz/trace_live.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return live_trace("gentd26", data, size);
}
