#include "dashboard/pack.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "base/cleanup.h"

enum { GZIP_BITS = 15 + 16, MEMORY_LEVEL = 8, OUT_BYTES = 128 << 10 };

/* For a reader who is slower than we compress: as much as is kept of an answer in one piece. */
#define WAITING_MAX ((size_t)256 << 20)

struct packing {
    struct gs_packs *packs;
    struct packing *next;
    struct gs_http_stream *stream; /* NULL: the reader has gone */
    struct gs_buf document;
    size_t at; /* bytes that are compressed */
    z_stream z;
};

struct gs_packs {
    sd_event_source *turn;
    struct packing *first;
    unsigned n;
};

bool gs_packs_accepts(const char *value)
{
    while (value != NULL && *value != '\0') {
        size_t n = strcspn(value, ",");
        size_t lead = strspn(value, " \t");
        const char *word = value + (lead < n ? lead : n);
        size_t left = n - (size_t)(word - value);
        size_t name = strcspn(word, ",; \t");
        if (name == 4 && strncasecmp(word, "gzip", 4) == 0) {
            const char *q = memchr(word, '=', left);
            return q == NULL || strncmp(q, "=0", 2) != 0 ||
                   strspn(q + 1, "0.") != strcspn(q + 1, ", \t");
        }
        value += n + (value[n] == ',');
    }
    return false;
}

static void free_packing(struct packing *packing)
{
    (void)deflateEnd(&packing->z);
    gs_buf_done(&packing->document);
    packing->packs->n--;
    free(packing);
}

/* False: it is done, or nobody reads it any more. */
static bool pack_piece(struct packing *packing)
{
    static unsigned char out[OUT_BYTES];
    size_t left = packing->document.len - packing->at;
    size_t n = left < GS_PACK_PIECE ? left : GS_PACK_PIECE;
    z_stream *z = &packing->z;
    /* zlib does not write to what it reads */
    z->next_in = (unsigned char *)packing->document.text + packing->at;
    z->avail_in = (unsigned)n;
    packing->at += n;
    bool last = n == left;
    do {
        z->next_out = out;
        z->avail_out = OUT_BYTES;
        if (deflate(z, last ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_ERROR) {
            return false;
        }
        const struct gs_view piece = {.p = (const char *)out, .n = OUT_BYTES - z->avail_out};
        if (piece.n > 0 && packing->stream != NULL && !gs_http_stream_put(packing->stream, piece)) {
            packing->stream = NULL;
        }
    } while (z->avail_out == 0 && packing->stream != NULL);
    return !last && packing->stream != NULL;
}

/* A piece of each. */
static int on_turn(sd_event_source *source, void *ctx)
{
    struct gs_packs *packs = ctx;
    for (struct packing **at = &packs->first; *at != NULL;) {
        struct packing *packing = *at;
        if (packing->stream != NULL && pack_piece(packing)) {
            at = &packing->next;
        } else {
            *at = packing->next;
            gs_http_stream_end(packing->stream);
            free_packing(packing);
        }
    }
    if (packs->first != NULL) {
        (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    }
    return 0;
}

static void on_gone(void *ctx)
{
    struct packing *packing = ctx;
    packing->stream = NULL; /* the next turn frees it */
}

bool gs_packs_answer(struct gs_packs *packs, struct gs_http_exchange *exchange, const char *type,
                     struct gs_buf *document)
{
    static const struct gs_http_header headers[] = {
        {"Cache-Control", "no-store"}, {"Content-Encoding", "gzip"}, {"Vary", "Accept-Encoding"}};
    if (document->len < GS_PACK_MIN || packs->n >= GS_PACK_MAX ||
        !gs_packs_accepts(gs_http_asked_header(exchange, "Accept-Encoding"))) {
        return false;
    }
    struct packing *packing = calloc(1, sizeof(*packing));
    if (packing == NULL || deflateInit2(&packing->z, Z_BEST_SPEED, Z_DEFLATED, GZIP_BITS,
                                        MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(packing);
        return false;
    }
    const struct gs_http_stream_options options = {.type = type,
                                                   .headers = headers,
                                                   .n_headers = GS_ARRAY_LEN(headers),
                                                   .max_waiting = WAITING_MAX,
                                                   .gone = on_gone,
                                                   .ctx = packing};
    packing->packs = packs;
    packing->document = *document;
    gs_buf_init(document, document->max);
    packs->n++;
    packing->stream = gs_http_stream_begin(exchange, &options);
    packing->next = packs->first;
    packs->first = packing;
    (void)sd_event_source_set_enabled(packs->turn, SD_EVENT_ONESHOT);
    return true;
}

int gs_packs_new(sd_event *event, struct gs_packs **ret, struct gs_err *err)
{
    struct gs_packs *packs = calloc(1, sizeof(*packs));
    if (packs == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the dashboard");
    }
    int s = sd_event_add_defer(event, &packs->turn, on_turn, packs);
    s = s < 0 ? s : sd_event_source_set_enabled(packs->turn, SD_EVENT_OFF);
    if (s < 0) {
        gs_packs_free(packs);
        return gs_fail_errno(err, -s, "adding what compresses documents to the loop");
    }
    *ret = packs;
    return 0;
}

void gs_packs_free(struct gs_packs *packs)
{
    if (packs == NULL) {
        return;
    }
    while (packs->first != NULL) {
        struct packing *packing = packs->first;
        packs->first = packing->next;
        gs_http_stream_end(packing->stream);
        free_packing(packing);
    }
    sd_event_source_disable_unref(packs->turn);
    free(packs);
}
