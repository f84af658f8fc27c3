/* grpc_session: the inside of wire/grpc, shared by its files. */
#pragma once

#include <nghttp2/nghttp2.h>

#include "base/buf.h"
#include "wire/grpc.h"
#include "wire/grpc_frame.h"

/* What the headers of the other side said. */
struct gs_grpc_head {
    size_t bytes;       /* of all of them */
    bool is_post;       /* :method */
    bool is_twice;      /* :method or :path was there twice */
    bool is_grpc;       /* content-type */
    bool is_compressed; /* another grpc-encoding than identity */
    bool has_method;
    bool has_timeout;
    bool has_bad_timeout;
    bool has_status; /* grpc-status: the trailers of an answer */
    enum gs_grpc_status status;
    uint64_t timeout_us;
    uint64_t http_status; /* 0: none */
    size_t path_n;        /* as it came: more than GS_GRPC_PATH_MAX is not kept */
    char path[GS_GRPC_PATH_MAX];
};

/* One call. */
struct gs_grpc_stream {
    struct gs_grpc_session *session;
    struct gs_grpc_stream *next;
    struct gs_grpc_stream *prev;
    int32_t id;
    void *user;
    bool told;      /* whoever holds the session knows of the call, and is to hear of its end */
    bool finished;  /* and need not hear of it any more */
    bool doomed;    /* to be ended by the next pull */
    bool dropped;   /* reset by us: no more bytes are awaited */
    bool peer_done; /* the other side has sent all */
    bool discards;  /* what is received is of no use */
    bool head_seen; /* client: the answer's headers were checked */
    bool submitted; /* server: the answer has begun */
    bool deferred;  /* nghttp2 waits to be told that there is more to send */
    enum gs_grpc_status status; /* server: with which it ends */
    struct gs_buf text;         /* grpc-message; encoded in a server, decoded in a client */
    struct gs_grpc_head head;
    struct gs_grpc_inflow in;
    struct gs_buf out;
    size_t out_sent;      /* of `out` */
    size_t charged;       /* to session and account */
    uint64_t deadline_us; /* UINT64_MAX: none */
    uint64_t since_us;    /* the last progress */
};

struct gs_grpc_session {
    struct gs_grpc_config config;
    nghttp2_session *h2;
    struct gs_grpc_stream *first;
    struct gs_grpc_stream *spare; /* one stream, kept with its memory for the next call */
    unsigned n_streams;
    unsigned n_calls;
    unsigned n_doomed;
    size_t charged;
    uint64_t now_us;
    uint32_t fault; /* of the peer, an error code of HTTP/2; 0: none */
    bool stopped;
    bool failed; /* no memory for what cannot be left out: the connection is to end */
};

/* grpc_stream.c */

/* NULL: no memory, or too many. */
struct gs_grpc_stream *gs_grpc_stream_new(struct gs_grpc_session *session, int32_t id);
void gs_grpc_stream_free(struct gs_grpc_stream *stream);

/* Gives back all that there are. */
void gs_grpc_streams_done(struct gs_grpc_session *session);

/* False: over a bound. */
bool gs_grpc_stream_charge(struct gs_grpc_stream *stream, size_t n);
void gs_grpc_stream_discharge(struct gs_grpc_stream *stream, size_t n);

/* Puts a message with its prefix into the queue. GS_LIMIT, GS_NO_MEMORY: it is not there. */
int gs_grpc_stream_queue(struct gs_grpc_stream *stream, struct gs_view message);
void gs_grpc_stream_drop_queue(struct gs_grpc_stream *stream);

/* Where nghttp2 gets the bytes of a stream from. */
nghttp2_data_provider gs_grpc_stream_provider(struct gs_grpc_stream *stream);

/* Answers a call with nothing but a status, after telling `ended` where that is to be told; the
 * rest of the call is discarded. Not once an answer was begun. */
void gs_grpc_stream_refuse(struct gs_grpc_stream *stream, const char *http_status,
                           enum gs_grpc_status status, const char *text);

/* Tells `ended`, where it is to be told and was not. */
void gs_grpc_stream_tell(struct gs_grpc_stream *stream, enum gs_grpc_status status,
                         const char *text);

/* The peer owes us something, or has left something of ours unread. */
bool gs_grpc_stream_waits(const struct gs_grpc_stream *stream);

/* Ends a call whose other side is not worth waiting for: tells `ended`, resets, forgets bytes. */
void gs_grpc_stream_reset(struct gs_grpc_stream *stream, uint32_t h2_code,
                          enum gs_grpc_status status, const char *text);

/* Notes that a function of nghttp2 failed which must not: the connection ends. */
void gs_grpc_check(struct gs_grpc_session *session, int h2_result);

/* grpc_request.c: what a server does with what it receives. */
void gs_grpc_request_header(struct gs_grpc_stream *stream, struct gs_view name,
                            struct gs_view value);
void gs_grpc_request_head(struct gs_grpc_stream *stream);
void gs_grpc_request_data(struct gs_grpc_stream *stream, struct gs_view bytes);
void gs_grpc_request_end(struct gs_grpc_stream *stream);

/* grpc_response.c: what a client does. */
void gs_grpc_response_header(struct gs_grpc_stream *stream, struct gs_view name,
                             struct gs_view value);
void gs_grpc_response_head(struct gs_grpc_stream *stream);
void gs_grpc_response_data(struct gs_grpc_stream *stream, struct gs_view bytes);
void gs_grpc_response_closed(struct gs_grpc_stream *stream, uint32_t h2_code);

/* grpc_head.c: what both read of headers. */

bool gs_grpc_head_is(struct gs_view value, const char *text);

/* Counts a header, and keeps it where it is one that both sides send. True: it is another, and not
 * one of too many. */
bool gs_grpc_head_other(struct gs_grpc_head *head, struct gs_view name, struct gs_view value);

nghttp2_nv gs_grpc_head_make(const char *name, const char *value);

/* The status with which a message that gs_grpc_inflow_put refused is answered. */
enum gs_grpc_status gs_grpc_head_blame(int code);
