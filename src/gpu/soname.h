/* soname: the name that a shared library gives itself (DT_SONAME). Private to the room. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GS_SONAME_MAX = 256 };

/* Reads `n` bytes at `offset` of the library. False: they are not there. */
typedef bool (*gs_soname_read)(void *ctx, uint64_t offset, void *ret, size_t n);

/* False: not a library for 64 bits, little-endian, or it breaks off. A library without such a name
 * gives "". */
bool gs_soname(gs_soname_read read, void *ctx, char ret[GS_SONAME_MAX]);
