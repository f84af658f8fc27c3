/* nvml_symbols: which driver has which function of libnvidia-ml.so.1; made of nvml_symbols.txt. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { NVML_FOR_EVER = 0xFFFF };

/* Sorted by name. */
struct nvml_symbol {
    const char *name;
    uint16_t since; /* driver, major version */
    uint16_t until; /* the first one without it; NVML_FOR_EVER: none */
};
extern const struct nvml_symbol nvml_symbols[];
extern const unsigned nvml_n_symbols;

/* NULL: no driver has such a function. */
const struct nvml_symbol *nvml_symbol_find(const char *function);

/* Whether that driver has the function; false for names that are not in the list. */
bool nvml_driver_has(uint32_t driver_major, const char *function);
