/* Paths of the linker's cache end, begin with a slash, and lie in the bytes. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "gpu/ldcache.h"

static int each(void *ctx, const char *path, struct gs_err *err)
{
    const struct gs_view *bytes = ctx;
    (void)err;
    if (path < bytes->p || path >= bytes->p + bytes->n || path[0] != '/' || strlen(path) > 4095 ||
        path + strlen(path) >= bytes->p + bytes->n) {
        abort();
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gs_view bytes = {.p = (const char *)data, .n = size};
    struct gs_err err;
    int r = gs_ldcache_list(bytes, each, &bytes, &err);
    if (r != 0 && r != GS_INVALID) {
        abort();
    }
    return 0;
}
