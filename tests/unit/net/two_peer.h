/* two_peer: a server of HTTP/2 over TLS on 127.0.0.1, on the test's loop, that does what the path
 * of a request says.
 *
 *   /hello    "hello"                      /reset    resets the stream
 *   /echo     what was sent                /refuse   refuses it the first time, then "hello"
 *   /large/N  N bytes                      /goaway   says goodbye, then "hello"
 *   /empty    204                          /below    a goodbye that leaves it out, then "hello"
 *   /hints    103 first, then "hello"      /part     headers, and a reset without an error
 *   /hold     nothing, until it is told    /short    5 bytes where 9 were announced
 *   /flood    headers without end          /half     half a frame
 *   /cut      closes in the middle         /pings    pings without end, and reads no answer
 *   /garbage  sends what is no frame */
#pragma once

#include "unit/check.h"

#include <stdbool.h>

#include <systemd/sd-event.h>

#include "unit/net/certs.h"

enum { TWO_PEERS_MAX = 64, TWO_HELD_MAX = 256 };

struct two_connection;

struct two_peer {
    sd_event *event;
    sd_event_source *source;
    int fd;
    unsigned port;
    unsigned max_streams; /* that clients are told of; 0: not */
    bool busy;            /* they are told that no request is taken */
    bool shut;            /* ... and that no byte of a body is */
    struct cert ca;
    void *credentials;
    unsigned n_accepted;
    unsigned n_asked;
    unsigned n_reset; /* streams that the client has given up */
    unsigned n_refused;
    struct two_connection *connections[TWO_PEERS_MAX];
    struct {
        struct two_connection *connection;
        int32_t stream;
    } held[TWO_HELD_MAX];
    unsigned n_held;
};

void two_peer_start(struct two_peer *peer, sd_event *event, unsigned max_streams);
void two_peer_stop(struct two_peer *peer);

/* Answers the held request "held". */
void two_peer_answer(struct two_peer *peer, unsigned held);
