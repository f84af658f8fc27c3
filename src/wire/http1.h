/* http1: answers of HTTP/1.1 and 1.0 servers, in pieces of any size, to status and body. Sans-I/O.
 *
 * Strict where leniency lets one party see another message than the next (RFC 9112, sections 5 to
 * 7): folded lines, names with blanks, two lengths, a length beside chunks, codings but chunked are
 * refused. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

enum {
    GS_HTTP1_LINE_MAX = 16 << 10, /* of one header, or of the status line */
    GS_HTTP1_HEAD_MAX = 64 << 10, /* of all of them, and of all trailers */
    GS_HTTP1_TYPE_MAX = 128,
    GS_HTTP1_RETRY_MAX_S = 3600
};

/* What an answer says of itself. */
struct gs_http1_head {
    unsigned status;
    bool keep_alive;              /* the connection can be used for another request */
    char type[GS_HTTP1_TYPE_MAX]; /* Content-Type, cut; "": none */
    bool packed;                  /* Content-Encoding: gzip */
    uint32_t retry_s;             /* Retry-After in seconds; 0: none, or a date */
};

enum gs_http1_event {
    GS_HTTP1_MORE, /* all bytes are taken */
    GS_HTTP1_HEAD, /* reader->head is there */
    GS_HTTP1_BODY, /* a piece of the body */
    GS_HTTP1_END   /* the answer is whole */
};

/* One answer. */
struct gs_http1 {
    struct gs_http1_head head;
    int state;
    bool no_body; /* of a HEAD request */
    bool chunked;
    bool has_length;
    bool until_close;
    bool said_close;
    bool said_keep;
    bool minor_0;
    uint64_t left; /* bytes of the body or of the chunk */
    size_t head_bytes;
    size_t n_line;
    char line[GS_HTTP1_LINE_MAX];
};

/* A new answer begins. `no_body`: to a HEAD request. */
void gs_http1_begin(struct gs_http1 *reader, bool no_body);

/* Takes bytes from the front of *in until something is to be told. GS_INVALID: not HTTP, or one of
 * the things above; GS_LIMIT: a bound above. */
int gs_http1_next(struct gs_http1 *reader, struct gs_view *in, enum gs_http1_event *ret,
                  struct gs_view *ret_body, struct gs_err *err);

/* The connection has ended. 0: that was the answer's end; GS_IO (ECONNRESET): it was cut. */
int gs_http1_eof(struct gs_http1 *reader, struct gs_err *err);
