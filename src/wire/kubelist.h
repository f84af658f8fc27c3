/* kubelist: reads what `kubectl get KIND -o json` prints, one object at a time.
 *
 * Takes a List, a KindList as the API server sends it, or a single object, through a read
 * callback or in pieces as they come, and never holds more than one object. Not a JSON library: a
 * small scanner cuts the elements of the top-level array "items" out of the stream, jansson reads
 * each of them. Every error names the input, the line, what was found and what was expected. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define GS_KUBELIST_BYTES_MAX (1ull << 30) /* of one input: about 100,000 pods */
enum {
    GS_KUBELIST_ITEM_BYTES_MAX = 4 << 20, /* of one object; etcd takes 1.5 MiB by default */
    GS_KUBELIST_DEPTH_MAX = 100           /* of nested values (a pod has about 15) */
};

struct json_t; /* jansson's */

/* Where the bytes come from. `read` fills up to `size` bytes and gives how many, 0 at the end; or
 * a negative code with its text. */
struct gs_kubelist_source {
    int (*read)(void *ctx, void *bytes, size_t size, size_t *ret_n, struct gs_err *err);
    void *ctx;
};

/* Gets each object in the order of the input; it is gone when the call returns. A negative code
 * ends the reading and its text is put behind the input's name and line. */
struct gs_kubelist_sink {
    int (*take)(void *ctx, const struct json_t *object, struct gs_err *err);
    void *ctx;
};

struct gs_kubelist_options {
    const char *label;  /* the input's name in messages: "pods.json" */
    const char *kind;   /* of the objects: "Pod" */
    uint64_t size;      /* of the input when known (a file), else 0: too much is refused at once */
    uint64_t max_bytes; /* 0: GS_KUBELIST_BYTES_MAX */
    bool pages;         /* the list may be one page of several */
};

/* Reads the whole input. *ret_count (may be NULL) is the number of objects taken.
 * GS_INVALID: not JSON, cut off, two documents, another kind, a duplicate key, or an incomplete
 * list (metadata.continue is set). GS_LIMIT: a bound above. GS_NO_MEMORY. Else what `read` or
 * `take` gave. Objects before a fault have been taken already: throw them away. */
int gs_kubelist_read(const struct gs_kubelist_options *options, struct gs_kubelist_source source,
                     struct gs_kubelist_sink sink, uint64_t *ret_count, struct gs_err *err);

/* ---- the same in pieces ---- */

struct gs_kubelist;

enum { GS_KUBELIST_CONTINUE_MAX = 4096, GS_KUBELIST_VERSION_MAX = 64 };

/* What the list says of itself. */
struct gs_kubelist_page {
    uint64_t count;                                 /* objects taken */
    char resource_version[GS_KUBELIST_VERSION_MAX]; /* "": none */
    char next[GS_KUBELIST_CONTINUE_MAX]; /* metadata.continue; "": this was the last page */
};

/* `options` is copied; its texts are borrowed. NULL: no memory. */
struct gs_kubelist *gs_kubelist_new(const struct gs_kubelist_options *options,
                                    struct gs_kubelist_sink sink);
void gs_kubelist_free(struct gs_kubelist *list);

/* The next bytes. Codes of gs_kubelist_read; after one nothing but gs_kubelist_free may follow. */
int gs_kubelist_feed(struct gs_kubelist *list, const char *bytes, size_t n, struct gs_err *err);

/* All bytes have come. */
int gs_kubelist_end(struct gs_kubelist *list, struct gs_kubelist_page *ret, struct gs_err *err);
