/* grpc_pair: a client's session and a server's, joined by nothing but memory, and raw HTTP/2 where
 * a peer is to misbehave. */
#pragma once

#include "wire/grpc.h"

enum { PAIR_CALLS_MAX = 300, PAIR_TEXT_MAX = 2000 };

/* What one side heard of one call. */
struct pair_call {
    struct gs_grpc_stream *stream;
    unsigned n_messages;
    size_t last_n; /* bytes of the last message */
    char last[64]; /* its beginning */
    char path[64]; /* server */
    unsigned n_ended;
    enum gs_grpc_status status;
    char text[PAIR_TEXT_MAX];
};

struct pair_side {
    struct gs_grpc_session *session;
    struct pair_call calls[PAIR_CALLS_MAX];
    unsigned n;
    /* What a server does with a request; NULL: nothing, the call stays open. */
    void (*serve)(struct pair_side *side, struct pair_call *call);
};

struct pair {
    struct pair_side client;
    struct pair_side server;
    struct gs_grpc_account account; /* of the server */
    uint64_t now_us;
    uint64_t seed; /* not 0: bytes are handed over in pieces of random sizes */
    size_t moved;  /* bytes, both ways */
};

void pair_init(struct pair *pair);
void pair_done(struct pair *pair);

/* Hands bytes over until both have none. Fails the test where a session fails. */
void pair_run(struct pair *pair);

/* One way only, and no more than `max` bytes. Gives how many. */
size_t pair_move(struct pair *pair, struct pair_side *from, struct pair_side *to, size_t max);

/* Begins a call of the client. */
struct pair_call *pair_call(struct pair *pair, const char *path, struct gs_view request,
                            uint64_t timeout_us);

/* Ways to serve. */
void pair_echo(struct pair_side *side, struct pair_call *call);   /* the request's beginning */
void pair_thrice(struct pair_side *side, struct pair_call *call); /* "a", "b", "c" */
void pair_refuse(struct pair_side *side,
                 struct pair_call *call); /* NOT_FOUND "there is no \xc3\xbc" */
