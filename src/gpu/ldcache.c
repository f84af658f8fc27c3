#include "gpu/ldcache.h"

#include <stdint.h>
#include <string.h>

#define OLD_MAGIC "ld.so-1.7.0"
#define NEW_MAGIC "glibc-ld.so.cache1.1"

enum {
    OLD_HEADER = 16, /* magic with its zero, number of entries */
    OLD_ENTRY = 12,
    NEW_HEADER = 48,
    NEW_ENTRY = 24,
    FLAG_ELF = 0x0001,
    ARCH_MASK = 0xff00,
    ARCH_X86_64 = 0x0300,
    ARCH_PPC64LE = 0x0500,
    ARCH_AARCH64 = 0x0a00,
    PATH_BYTES_MAX = 4095
};

static uint32_t number_at(struct gs_view bytes, size_t at)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < 4; i++) {
        value |= (uint32_t)(unsigned char)bytes.p[at + i] << (8 * i);
    }
    return value;
}

static int breaks_off(struct gs_err *err)
{
    return gs_fail(err, GS_INVALID, "ld.so.cache breaks off");
}

/* Passes over the older part, if the newer follows it. */
static int skip_old(struct gs_view *bytes, struct gs_err *err)
{
    if (bytes->n < OLD_HEADER || memcmp(bytes->p, OLD_MAGIC, sizeof(OLD_MAGIC)) != 0) {
        return 0;
    }
    uint64_t size = OLD_HEADER + (uint64_t)number_at(*bytes, 12) * OLD_ENTRY;
    size = (size + 7) & ~UINT64_C(7);
    if (size > bytes->n) {
        return breaks_off(err);
    }
    bytes->p += size;
    bytes->n -= (size_t)size;
    return 0;
}

static bool is_of_64_bits(uint32_t flags)
{
    uint32_t arch = flags & ARCH_MASK;
    return (flags & FLAG_ELF) != 0 &&
           (arch == ARCH_X86_64 || arch == ARCH_PPC64LE || arch == ARCH_AARCH64);
}

/* Texts lie anywhere behind the header. NULL: this one has no end, or is no path. */
static const char *path_at(struct gs_view bytes, uint32_t at)
{
    if (at >= bytes.n || bytes.p[at] != '/') {
        return NULL;
    }
    const char *path = bytes.p + at;
    const char *end = memchr(path, '\0', bytes.n - at);
    return end != NULL && end - path <= PATH_BYTES_MAX ? path : NULL;
}

int gs_ldcache_list(struct gs_view bytes,
                    int (*each)(void *ctx, const char *path, struct gs_err *err), void *ctx,
                    struct gs_err *err)
{
    int r = skip_old(&bytes, err);
    if (r < 0) {
        return r;
    }
    if (bytes.n < NEW_HEADER || memcmp(bytes.p, NEW_MAGIC, sizeof(NEW_MAGIC) - 1) != 0) {
        return gs_fail(err, GS_INVALID, "ld.so.cache does not begin with \"" NEW_MAGIC "\"");
    }
    uint32_t n = number_at(bytes, sizeof(NEW_MAGIC) - 1);
    if (n > GS_LDCACHE_ENTRIES_MAX || n > (bytes.n - NEW_HEADER) / NEW_ENTRY) {
        return breaks_off(err);
    }
    for (uint32_t i = 0; i < n; i++) {
        size_t at = NEW_HEADER + (size_t)i * NEW_ENTRY;
        const char *path = path_at(bytes, number_at(bytes, at + 8));
        if (path != NULL && is_of_64_bits(number_at(bytes, at)) && (r = each(ctx, path, err)) < 0) {
            return r;
        }
    }
    return 0;
}
