/* fuzz: what every fuzz target includes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The one function of a target. Returns 0; says that something is wrong by abort or assert. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
