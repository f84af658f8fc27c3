#include "simdriver/nvml_symbols.h"

#include <stdlib.h>
#include <string.h>

static int by_name(const void *name, const void *symbol)
{
    return strcmp(name, ((const struct nvml_symbol *)symbol)->name);
}

const struct nvml_symbol *nvml_symbol_find(const char *function)
{
    return bsearch(function, nvml_symbols, nvml_n_symbols, sizeof(nvml_symbols[0]), by_name);
}

bool nvml_driver_has(uint32_t driver_major, const char *function)
{
    const struct nvml_symbol *found = nvml_symbol_find(function);
    return found != NULL && found->since <= driver_major && driver_major < found->until;
}
