/* What parses as a fault is written as text that parses to the same. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "simdriver/fault.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sim_fault fault;
    struct sim_fault again;
    char text[300];
    struct gs_err err;
    if (sim_fault_parse((struct gs_view){.p = (const char *)data, .n = size}, &fault, &err) != 0) {
        return 0;
    }
    sim_fault_format(&fault, text, sizeof(text));
    if (sim_fault_parse(gs_view(text), &again, &err) != 0 ||
        memcmp(&fault, &again, sizeof(fault)) != 0) {
        abort();
    }
    return 0;
}
