/* ldcache: what /etc/ld.so.cache lists, which is the dynamic linker's index of libraries.
 *
 * The format of glibc 2.2 and later, alone or behind the older one; little-endian. Private to the
 * room. */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "base/view.h"

enum { GS_LDCACHE_BYTES_MAX = 16 * 1024 * 1024, GS_LDCACHE_ENTRIES_MAX = 200000 };

/* Calls `each` with the path of every library for 64 bits, in the order of the file; paths are
 * under 4,096 bytes, begin with a slash and are terminated. What `each` returns below 0 ends it and
 * is returned. GS_INVALID: not such a file, or it breaks off. */
int gs_ldcache_list(struct gs_view bytes,
                    int (*each)(void *ctx, const char *path, struct gs_err *err), void *ctx,
                    struct gs_err *err);
