/* pack: big documents go compressed (gzip) to who takes them so, a piece a turn of the loop, so
 * that nothing else waits for long. Of src/dashboard only. */
#pragma once

#include "base/buf.h"
#include "net/http_server.h"

enum {
    GS_PACK_MIN = 16 << 10,   /* bytes of a document: smaller ones go as they are */
    GS_PACK_PIECE = 64 << 10, /* compressed in one turn: half a millisecond */
    GS_PACK_MAX = 16          /* under way at a time */
};

struct gs_packs; /* those under way */

/* GS_NO_MEMORY. */
int gs_packs_new(sd_event *event, struct gs_packs **ret, struct gs_err *err);
/* Answers that are under way are cut off. NULL is fine. */
void gs_packs_free(struct gs_packs *packs);

/* True: the exchange is being answered with the document, whose bytes are taken over. False: it is
 * small, or the client does not take gzip, or too many are under way: nothing was done. */
bool gs_packs_answer(struct gs_packs *packs, struct gs_http_exchange *exchange, const char *type,
                     struct gs_buf *document);

/* A value of Accept-Encoding (may be NULL) that lets gzip through. */
bool gs_packs_accepts(const char *value);
