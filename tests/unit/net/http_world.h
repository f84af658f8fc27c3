/* http_world: a server and a client on one loop, for tests of both. */
#pragma once

#include "unit/net/loop.h"

#include "base/buf.h"
#include "net/http_client.h"
#include "net/http_server.h"

enum { WORLD_WAIT_MS = 60000, LATER_MAX = 128 };

/* A server, a client, and what came of the last request. */
struct world {
    sd_event *event;
    struct gs_http_client *client;
    struct gs_http_server *server;
    struct gs_http_exchange *later[LATER_MAX];
    unsigned n_later;
    unsigned n_gone;
    unsigned n_served;
    struct gs_http_call *call;
    struct gs_http_call *other;
    bool cancel_in_chunk;
    unsigned n_chunks;
    size_t chunk_bytes;
    unsigned n_done;
    bool done;
    int result;
    unsigned status;
    uint64_t retry_after_us;
    char type[100];
    struct gs_buf body;
    struct gs_err err;
};

/* A loop, a client and a server with the routes of http_world.c, on a port of its own. */
void world_begin(struct world *world);
void world_begin_with(struct world *world, struct gs_http_server_options options);
void world_end(struct world *world);

/* Another server of the same routes, on a socket that listens. */
struct gs_http_server *world_start_server(struct world *world, int fd,
                                          struct gs_http_server_options options);
int listen_anywhere(void);
struct gs_http_request world_get(struct world *world, const char *where);
const char *world_url(struct world *world, const char *path);

/* SCHEME://127.0.0.1:PORT/PATH; good until the fourth call after it. */
const char *world_url_of(const char *scheme, unsigned port, const char *path);

/* Does the request, and gives its result. */
int world_ask(struct world *world, const struct gs_http_request *request);
int world_ask_for(struct world *world, const char *path);

/* Keeps what came. */
void world_on_done(void *ctx, int result, const struct gs_http_answer *answer,
                   const struct gs_err *err);

/* Until so many requests of /later wait. */
void world_wait_for_later(struct world *world, unsigned n);
