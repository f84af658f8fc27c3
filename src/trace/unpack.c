#include "trace/unpack.h"

#include <string.h>

static void *zlib_get(void *ctx, unsigned n, unsigned size)
{
    const struct gs_alloc *alloc = ((const struct gs_unpack *)ctx)->alloc;
    size_t all = (size_t)n * size + sizeof(size_t) * 2;
    size_t *block = alloc->get(alloc->ctx, all);
    if (block == NULL) {
        return NULL;
    }
    block[0] = all;
    return block + 2;
}

static void zlib_put(void *ctx, void *address)
{
    const struct gs_alloc *alloc = ((const struct gs_unpack *)ctx)->alloc;
    size_t *block = (size_t *)address - 2;
    alloc->put(alloc->ctx, block, block[0]);
}

void gs_unpack_init(struct gs_unpack *u, const char *label, const struct gs_alloc *alloc,
                    char piece[GS_UNPACK_PIECE], uint64_t max_bytes)
{
    *u = (struct gs_unpack){.label = label, .alloc = alloc, .piece = piece, .max_bytes = max_bytes};
}

void gs_unpack_done(struct gs_unpack *u)
{
    if (u->zlib_ready) {
        (void)inflateEnd(&u->z);
        u->zlib_ready = false;
    }
}

void gs_unpack_feed(struct gs_unpack *u, struct gs_view bytes)
{
    u->in = bytes;
    u->ended = bytes.n == 0;
}

static int start_gzip(struct gs_unpack *u, struct gs_err *err)
{
    u->z = (z_stream){.zalloc = zlib_get, .zfree = zlib_put, .opaque = u};
    if (inflateInit2(&u->z, 15 + 16) != Z_OK) {
        return gs_fail(err, GS_NO_MEMORY, "%s: no memory to unpack it", u->label);
    }
    u->zlib_ready = true;
    u->packing = GS_UNPACK_GZIP;
    return 0;
}

/* Gathers the two bytes that tell whether it is gzip. GS_UNPACK_MORE: not yet. */
static int see_packing(struct gs_unpack *u, struct gs_err *err)
{
    while (u->n_magic < 2 && u->in.n > 0) {
        u->magic[u->n_magic++] = (unsigned char)u->in.p[0];
        u->in.p++;
        u->in.n--;
    }
    if (u->n_magic < 2 && !u->ended) {
        return GS_UNPACK_MORE;
    }
    if (u->n_magic == 2 && u->magic[0] == 0x1f && u->magic[1] == 0x8b) {
        return start_gzip(u, err);
    }
    u->packing = GS_UNPACK_PLAIN;
    return 0;
}

/* Behind a member: another one, zeros that some tools fill up with, or the end. */
static int next_member(struct gs_unpack *u, struct gs_err *err)
{
    while (u->in.n > 0 && u->in.p[0] == 0) {
        u->in.p++;
        u->in.n--;
    }
    if (u->in.n == 0) {
        return 0;
    }
    if ((unsigned char)u->in.p[0] != 0x1f) {
        return gs_fail(err, GS_INVALID,
                       "%s: found bytes behind the end of the gzip data; expected none", u->label);
    }
    u->between_members = false;
    (void)inflateReset(&u->z);
    return 0;
}

static int inflate_some(struct gs_unpack *u, struct gs_view *ret, struct gs_err *err)
{
    u->z.next_out = (unsigned char *)u->piece;
    u->z.avail_out = GS_UNPACK_PIECE;
    while (u->z.avail_out == GS_UNPACK_PIECE) {
        bool magic = u->n_magic > 0;
        if (!magic && u->between_members) {
            int r = next_member(u, err);
            if (r < 0) {
                return r;
            }
        }
        if (!magic && u->in.n == 0) {
            if (!u->ended) {
                return GS_UNPACK_MORE;
            }
            return u->between_members
                       ? GS_UNPACK_OVER
                       : gs_fail(err, GS_INVALID,
                                 "%s: the gzip data is cut off; expected its end: copy the file "
                                 "again",
                                 u->label);
        }
        size_t n = magic ? u->n_magic : u->in.n < UINT32_MAX ? u->in.n : UINT32_MAX;
        const char *from = magic ? (const char *)u->magic : u->in.p;
        memcpy(&u->z.next_in, &from, sizeof(from));
        u->z.avail_in = (unsigned)n;
        int z = inflate(&u->z, Z_NO_FLUSH);
        if (z == Z_MEM_ERROR) {
            return gs_fail(err, GS_NO_MEMORY, "%s: no memory to unpack it", u->label);
        }
        if (z != Z_OK && z != Z_STREAM_END && z != Z_BUF_ERROR) {
            return gs_fail(err, GS_INVALID,
                           "%s: the gzip data is damaged (%s) behind %llu bytes of text; copy the "
                           "file again",
                           u->label, u->z.msg == NULL ? "no reason given" : u->z.msg,
                           (unsigned long long)u->bytes);
        }
        if (magic) {
            u->n_magic = 0;
        } else {
            u->in.p += n - u->z.avail_in;
            u->in.n -= n - u->z.avail_in;
        }
        u->between_members = z == Z_STREAM_END;
    }
    *ret = (struct gs_view){.p = u->piece, .n = GS_UNPACK_PIECE - u->z.avail_out};
    return GS_UNPACK_PIECE_CAME;
}

/* The next bytes behind gzip, if it is that. */
static int next_flat(struct gs_unpack *u, struct gs_view *ret, struct gs_err *err)
{
    if (u->packing == GS_UNPACK_UNSEEN) {
        int r = see_packing(u, err);
        if (r != 0) {
            return r;
        }
    }
    if (u->packing == GS_UNPACK_GZIP) {
        return inflate_some(u, ret, err);
    }
    if (u->n_magic > 0) {
        *ret = (struct gs_view){.p = (const char *)u->magic, .n = u->n_magic};
        u->n_magic = 0;
        return GS_UNPACK_PIECE_CAME;
    }
    if (u->in.n == 0) {
        return u->ended ? GS_UNPACK_OVER : GS_UNPACK_MORE;
    }
    *ret = u->in;
    u->in = (struct gs_view){0};
    return GS_UNPACK_PIECE_CAME;
}

/* Makes u->flat hold something. GS_UNPACK_PIECE_CAME: it does. */
static int fill_flat(struct gs_unpack *u, struct gs_err *err)
{
    if (u->flat.n > 0) {
        return GS_UNPACK_PIECE_CAME;
    }
    if (u->flat_over) {
        return GS_UNPACK_OVER;
    }
    int r = next_flat(u, &u->flat, err);
    if (r == GS_UNPACK_OVER) {
        u->flat_over = true;
    }
    if (r == GS_UNPACK_PIECE_CAME) {
        u->bytes += u->flat.n;
        if (u->bytes > u->max_bytes) {
            return gs_fail(err, GS_LIMIT, "%s: more than %llu bytes unpacked; expected less",
                           u->label, (unsigned long long)u->max_bytes);
        }
    }
    return r;
}

static struct gs_view take_flat(struct gs_unpack *u, uint64_t n)
{
    size_t take = u->flat.n < n ? u->flat.n : (size_t)n;
    struct gs_view taken = {.p = u->flat.p, .n = take};
    u->flat.p += take;
    u->flat.n -= take;
    return taken;
}

/* Gathers one block of 512 bytes. GS_UNPACK_OVER: the end came before. */
static int gather_block(struct gs_unpack *u, struct gs_err *err)
{
    while (u->n_block < GS_UNPACK_BLOCK) {
        int r = fill_flat(u, err);
        if (r != GS_UNPACK_PIECE_CAME) {
            return r;
        }
        struct gs_view part = take_flat(u, GS_UNPACK_BLOCK - u->n_block);
        memcpy(u->block + u->n_block, part.p, part.n);
        u->n_block += part.n;
    }
    return GS_UNPACK_PIECE_CAME;
}

/* A number of a tar header: octal digits, then blanks or zeros. */
static bool read_octal(const char *field, size_t n, uint64_t *ret)
{
    uint64_t value = 0;
    size_t i = 0;
    while (i < n && field[i] == ' ') {
        i++;
    }
    size_t from = i;
    for (; i < n && field[i] >= '0' && field[i] <= '7'; i++) {
        value = value << 3 | (uint64_t)(field[i] - '0');
    }
    *ret = value;
    return i > from && (i == n || field[i] == 0 || field[i] == ' ');
}

static bool checksum_is_right(const char *block)
{
    uint64_t sum = 0;
    uint64_t want;
    for (size_t i = 0; i < GS_UNPACK_BLOCK; i++) {
        sum += i >= 148 && i < 156 ? ' ' : (unsigned char)block[i];
    }
    return read_octal(block + 148, 8, &want) && sum == want;
}

static bool is_apple_twin(const char *block)
{
    size_t n = strnlen(block, 100);
    while (n > 0 && block[n - 1] != '/') {
        n--;
    }
    return strncmp(block + n, "._", 2) == 0;
}

static int read_header(struct gs_unpack *u, struct gs_err *err)
{
    static const char zeros[GS_UNPACK_BLOCK];
    if (memcmp(u->block, zeros, GS_UNPACK_BLOCK) == 0) {
        u->tar_over = true;
        return 0;
    }
    uint64_t size;
    if (!checksum_is_right(u->block) || !read_octal(u->block + 124, 12, &size)) {
        return gs_fail(err, GS_INVALID,
                       "%s: the tar archive is damaged: a header does not match "
                       "its checksum; copy the file again",
                       u->label);
    }
    char kind = u->block[156];
    bool regular = (kind == '0' || kind == 0) && !is_apple_twin(u->block);
    if (regular && u->one_file) {
        return gs_fail(err, GS_INVALID,
                       "%s: found a second file, \"%.99s\", in the tar archive; expected one",
                       u->label, u->block);
    }
    u->one_file = u->one_file || regular;
    u->keep = regular;
    u->content = size;
    u->padding = (GS_UNPACK_BLOCK - size % GS_UNPACK_BLOCK) % GS_UNPACK_BLOCK;
    return 0;
}

/* What is left of the content of the entry, then a header, and so on. */
static int next_of_tar(struct gs_unpack *u, struct gs_view *ret, struct gs_err *err)
{
    for (;;) {
        while (u->content > 0 || u->padding > 0) {
            int r = fill_flat(u, err);
            if (r == GS_UNPACK_OVER) {
                return gs_fail(err, GS_INVALID,
                               "%s: the tar archive is cut off; expected %llu bytes more", u->label,
                               (unsigned long long)(u->content + u->padding));
            }
            if (r != GS_UNPACK_PIECE_CAME) {
                return r;
            }
            bool content = u->content > 0;
            struct gs_view part = take_flat(u, content ? u->content : u->padding);
            *(content ? &u->content : &u->padding) -= part.n;
            if (content && u->keep) {
                *ret = part;
                return GS_UNPACK_PIECE_CAME;
            }
        }
        while (u->tar_over) { /* what is behind the end is filling */
            int r = fill_flat(u, err);
            if (r != GS_UNPACK_PIECE_CAME) {
                return r;
            }
            u->flat = (struct gs_view){0};
        }
        int r = gather_block(u, err);
        if (r == GS_UNPACK_OVER && u->n_block > 0) {
            return gs_fail(err, GS_INVALID, "%s: the tar archive is cut off within a header",
                           u->label);
        }
        if (r != GS_UNPACK_PIECE_CAME) {
            return r;
        }
        u->n_block = 0;
        r = read_header(u, err);
        if (r < 0) {
            return r;
        }
    }
}

int gs_unpack_next(struct gs_unpack *u, struct gs_view *ret, struct gs_err *err)
{
    if (u->tar == GS_UNPACK_TAR_UNSEEN) {
        int r = gather_block(u, err);
        if (r < 0 || r == GS_UNPACK_MORE) {
            return r;
        }
        bool tar = u->n_block == GS_UNPACK_BLOCK && memcmp(u->block + 257, "ustar", 5) == 0;
        u->tar = tar ? GS_UNPACK_TAR : GS_UNPACK_NO_TAR;
        if (tar) {
            u->n_block = 0;
            r = read_header(u, err);
            if (r < 0) {
                return r;
            }
        }
    }
    if (u->tar == GS_UNPACK_TAR) {
        return next_of_tar(u, ret, err);
    }
    if (!u->block_given) {
        u->block_given = true;
        if (u->n_block > 0) {
            *ret = (struct gs_view){.p = u->block, .n = u->n_block};
            return GS_UNPACK_PIECE_CAME;
        }
    }
    int r = fill_flat(u, err);
    if (r == GS_UNPACK_PIECE_CAME) {
        *ret = take_flat(u, u->flat.n);
    }
    return r;
}
