/* unpack: the text of one file, whether it is plain, gzip, tar, or tar in gzip.
 *
 * Which of them is seen by the first bytes. gzip may be several members in a row. A tar holds one
 * regular file (folders, extended headers and the "._" twins of macOS apart). Sans-I/O. */
#pragma once

#include <zlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/view.h"

enum { GS_UNPACK_PIECE = 64 << 10, GS_UNPACK_BLOCK = 512 };

enum gs_unpack_step { GS_UNPACK_OVER = 0, GS_UNPACK_PIECE_CAME = 1, GS_UNPACK_MORE = 2 };

struct gs_unpack {
    const char *label;
    const struct gs_alloc *alloc; /* of zlib */
    uint64_t max_bytes;           /* unpacked */
    struct gs_view in;            /* of the caller, not used yet */
    bool ended;                   /* no more will come */
    uint64_t bytes;               /* unpacked so far */
    /* gzip */
    enum { GS_UNPACK_UNSEEN, GS_UNPACK_PLAIN, GS_UNPACK_GZIP } packing;
    unsigned char magic[2];
    unsigned n_magic;
    bool zlib_ready;
    bool between_members;
    z_stream z;
    char *piece; /* GS_UNPACK_PIECE bytes, where it is gzip */
    /* tar */
    enum { GS_UNPACK_TAR_UNSEEN, GS_UNPACK_NO_TAR, GS_UNPACK_TAR } tar;
    struct gs_view flat; /* unpacked of gzip, not used yet */
    bool flat_over;
    char block[GS_UNPACK_BLOCK];
    size_t n_block;
    bool block_given; /* of a file that is no tar: the head has been handed out */
    bool tar_over;    /* the block of zeros came */
    bool one_file;    /* a regular file has been seen */
    bool keep;        /* the content that follows is the file's */
    uint64_t content; /* bytes of it that follow */
    uint64_t padding; /* bytes behind it, up to a whole block */
};

/* `label` and `alloc` must outlive it. All zero but these before. */
void gs_unpack_init(struct gs_unpack *u, const char *label, const struct gs_alloc *alloc,
                    char piece[GS_UNPACK_PIECE], uint64_t max_bytes);
void gs_unpack_done(struct gs_unpack *u);

/* The next bytes, which must stay until gs_unpack_next says GS_UNPACK_MORE; n 0: the end. */
void gs_unpack_feed(struct gs_unpack *u, struct gs_view bytes);

/* An enum gs_unpack_step; *ret is valid until the next call. GS_INVALID: gzip or tar is damaged,
 * cut off, or holds more than one file. GS_LIMIT: over max_bytes. GS_NO_MEMORY. */
int gs_unpack_next(struct gs_unpack *u, struct gs_view *ret, struct gs_err *err);
