#include "unit/net/http_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* ---- routes ---- */

static void serve_hello(void *ctx, struct gs_http_exchange *exchange,
                        const struct gs_http_asked *asked)
{
    struct world *world = ctx;
    (void)asked;
    world->n_served++;
    gs_http_answer(exchange, 200, "text/plain", gs_view("hello"));
}

static void serve_echo(void *ctx, struct gs_http_exchange *exchange,
                       const struct gs_http_asked *asked)
{
    (void)ctx;
    gs_http_answer(exchange, 201, asked->type, asked->body);
}

static void serve_path(void *ctx, struct gs_http_exchange *exchange,
                       const struct gs_http_asked *asked)
{
    (void)ctx;
    gs_http_answer(exchange, 200, "text/plain", gs_view(asked->path));
}

static void on_gone(void *ctx)
{
    struct world *world = ctx;
    world->n_gone++;
}

static void serve_later(void *ctx, struct gs_http_exchange *exchange,
                        const struct gs_http_asked *asked)
{
    struct world *world = ctx;
    (void)asked;
    assert_true(world->n_later < LATER_MAX);
    world->later[world->n_later++] = exchange;
    gs_http_later(exchange, on_gone, world);
}

static void serve_later_at_once(void *ctx, struct gs_http_exchange *exchange,
                                const struct gs_http_asked *asked)
{
    (void)asked;
    gs_http_later(exchange, on_gone, ctx);
    gs_http_answer(exchange, 200, "text/plain", gs_view("now"));
}

static void serve_nothing(void *ctx, struct gs_http_exchange *exchange,
                          const struct gs_http_asked *asked)
{
    (void)ctx;
    (void)exchange;
    (void)asked;
}

static void serve_large(void *ctx, struct gs_http_exchange *exchange,
                        const struct gs_http_asked *asked)
{
    (void)ctx;
    (void)asked;
    size_t n = 3 << 20;
    char *bytes = malloc(n);
    assert_non_null(bytes);
    memset(bytes, 'x', n);
    gs_http_answer(exchange, 200, "text/plain", (struct gs_view){.p = bytes, .n = n});
    free(bytes);
}

/* Its text is the server's, which sends it from where it is. */
static void serve_given(void *ctx, struct gs_http_exchange *exchange,
                        const struct gs_http_asked *asked)
{
    struct gs_buf page;
    (void)ctx;
    gs_buf_init(&page, 1 << 20);
    for (unsigned i = 0; strcmp(asked->path, "/given") == 0 && i < 100000; i++) {
        gs_buf_puts(&page, &"0123456789"[i % 10]);
    }
    gs_http_answer_buf(exchange, 200, "text/plain", &page);
    assert_null(page.text);
    assert_int_equal(page.len, 0);
    gs_buf_puts(&page, "another");
    gs_buf_done(&page);
}

struct gs_http_server *world_start_server(struct world *world, int fd,
                                          struct gs_http_server_options options)
{
    const struct gs_http_route routes[] = {
        {.method = "GET", .path = "/hello", .serve = serve_hello, .ctx = world},
        {.method = "POST", .path = "/echo", .serve = serve_echo, .ctx = world},
        {.method = "GET", .path = "/later", .serve = serve_later, .ctx = world},
        {.method = "GET", .path = "/later-now", .serve = serve_later_at_once, .ctx = world},
        {.method = "GET", .path = "/nothing", .serve = serve_nothing, .ctx = world},
        {.method = "GET", .path = "/large", .serve = serve_large, .ctx = world},
        {.method = "GET", .path = "/given", .serve = serve_given, .ctx = world},
        {.method = "GET", .path = "/given-none", .serve = serve_given, .ctx = world},
        {.method = "GET", .path = "/under/*", .serve = serve_path, .ctx = world},
    };
    struct gs_http_server *server = NULL;
    struct gs_err err = {.msg = ""};
    options.routes = routes;
    options.n_routes = GS_ARRAY_LEN(routes);
    if (gs_http_server_new(world->event, fd, &options, &server, &err) != 0) {
        print_message("%s\n", err.msg);
    }
    assert_non_null(server);
    return server;
}

int listen_anywhere(void)
{
    int fd = -1;
    assert_int_equal(gs_http_listen_tcp("127.0.0.1:0", &fd, NULL), 0);
    return fd;
}

void world_begin_with(struct world *world, struct gs_http_server_options options)
{
    *world = (struct world){.n_done = 0};
    gs_buf_init(&world->body, 8 << 20);
    assert_true(sd_event_new(&world->event) >= 0);
    assert_int_equal(gs_http_client_new(world->event, &world->client, NULL), 0);
    world->server = world_start_server(world, listen_anywhere(), options);
}

void world_begin(struct world *world)
{
    world_begin_with(world, (struct gs_http_server_options){.max_body = 0});
}

void world_end(struct world *world)
{
    gs_http_client_free(world->client);
    gs_http_server_free(world->server);
    gs_buf_done(&world->body);
    sd_event_unref(world->event);
}

/* ---- requests ---- */

void world_on_done(void *ctx, int result, const struct gs_http_answer *answer,
                   const struct gs_err *err)
{
    struct world *world = ctx;
    world->n_done++;
    world->done = true;
    world->result = result;
    world->status = answer == NULL ? 0 : answer->status;
    assert_true((err != NULL) == (result != 0));
    if (err != NULL) {
        world->err = *err;
        assert_int_equal(err->code, result);
        assert_true(err->msg[0] != '\0');
    }
    if (answer != NULL) {
        snprintf(world->type, sizeof(world->type), "%.*s", GS_VIEW_ARGS(answer->type));
        world->retry_after_us = answer->retry_after_us;
        gs_buf_reset(&world->body);
        gs_buf_put(&world->body, answer->body.p, answer->body.n);
    }
}

const char *world_url_of(const char *scheme, unsigned port, const char *path)
{
    static char urls[4][200];
    static unsigned next;
    char *url = urls[next++ % 4];
    snprintf(url, sizeof(urls[0]), "%s://127.0.0.1:%u%s", scheme, port, path);
    return url;
}

const char *world_url(struct world *world, const char *path)
{
    return world_url_of("http", gs_http_server_port(world->server), path);
}

struct gs_http_request world_get(struct world *world, const char *where)
{
    return (struct gs_http_request){
        .method = "GET", .url = where, .on_done = world_on_done, .ctx = world};
}

int world_ask(struct world *world, const struct gs_http_request *request)
{
    struct gs_err err = {.msg = ""};
    world->done = false;
    int r = gs_http_begin(world->client, request, &world->call, &err);
    if (r != 0) {
        print_message("%s\n", err.msg);
    }
    assert_int_equal(r, 0);
    assert_false(world->done);
    loop_until(world->event, &world->done, WORLD_WAIT_MS);
    if (world->result != 0 && getenv("GS_SHOW") != NULL) {
        print_message("%d (%d): %s\n", world->result, world->err.sys_errno, world->err.msg);
    }
    return world->result;
}

int world_ask_for(struct world *world, const char *path)
{
    struct gs_http_request request = world_get(world, world_url(world, path));
    return world_ask(world, &request);
}

void world_wait_for_later(struct world *world, unsigned n)
{
    for (unsigned ms = 0; ms < WORLD_WAIT_MS && world->n_later < n; ms += 5) {
        loop_for(world->event, 5);
    }
    assert_int_equal(world->n_later, n);
}
