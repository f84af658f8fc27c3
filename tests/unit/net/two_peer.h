/* two_peer: a server of HTTP/2 over TLS on 127.0.0.1, on the test's loop, that does what the path
 * of a request says: /hello      "hello"                    /echo     what was sent /large/N    N
 * bytes                    /hold     nothing, until two_peer_answer /hints      103 first, then
 * "hello"    /flood    headers without end /reset      resets the stream          /refuse   refuses
 * it the first time, then "hello" /goaway     says goodbye, then "hello" /cut      closes the
 * connection in the middle /garbage    sends what is no frame     /empty    204 */
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
