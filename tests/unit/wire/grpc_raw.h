/* grpc_raw: the other side of a session of ours, on bare nghttp2: it sends whatever headers and
 * bytes it is told to, and notes what comes back. */
#pragma once

#include <nghttp2/nghttp2.h>

#include "base/view.h"
#include "wire/grpc.h"

enum { RAW_HEADERS_MAX = 12 };

/* What came for the last stream that anything came for. */
struct raw_answer {
    char http_status[16];
    char content_type[64];
    char grpc_status[16];
    char grpc_message[600];
    size_t n_data;
    bool closed;
    bool ended; /* END_STREAM came */
    uint32_t h2_code;
};

struct raw {
    nghttp2_session *h2;
    struct raw_answer answer;
    unsigned n_closed; /* streams */
    unsigned n_goaway;
    unsigned n_pings;    /* answered */
    struct gs_view body; /* of the last raw_send */
    size_t body_sent;
    bool body_ends;
};

/* A client, or a server. */
void raw_init(struct raw *raw, bool server);
void raw_done(struct raw *raw);

/* A call as a client: headers, names and values in turn up to NULL, and bytes as DATA, which must
 * live on; `ends`: with END_STREAM. Returns the stream. */
int32_t raw_call(struct raw *raw, const char *const *headers, struct gs_view body, bool ends);

/* More headers of a stream, as trailers of a client or as what a server answers. */
void raw_headers_send(struct raw *raw, int32_t id, const char *const *headers, bool ends);

/* More bytes of a stream whose headers were sent. */
void raw_data_send(struct raw *raw, int32_t id, struct gs_view bytes, bool ends);

/* Hands bytes over both ways until there are none. The result of the session's failure, or 0. */
int raw_run(struct raw *raw, struct gs_grpc_session *session, uint64_t now_us, struct gs_err *err);

/* One way. */
int raw_give(struct raw *raw, struct gs_grpc_session *session, uint64_t now_us, struct gs_err *err);
int raw_take(struct raw *raw, struct gs_grpc_session *session, uint64_t now_us, struct gs_err *err);
