/* A library's own name ends, whatever the library is. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "gpu/soname.h"

struct bytes {
    const uint8_t *at;
    size_t n;
};

static bool read_at(void *ctx, uint64_t offset, void *ret, size_t n)
{
    const struct bytes *bytes = ctx;
    if (offset > bytes->n || n > bytes->n - offset) {
        return false;
    }
    memcpy(ret, bytes->at + offset, n);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes bytes = {.at = data, .n = size};
    char name[GS_SONAME_MAX];
    memset(name, 'x', sizeof(name));
    if (gs_soname(read_at, &bytes, name) && memchr(name, '\0', sizeof(name)) == NULL) {
        abort();
    }
    return 0;
}
