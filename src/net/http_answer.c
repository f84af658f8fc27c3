#include <assert.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "net/http_stream.h"

enum MHD_Result gs_http_add_headers(const struct gs_http_server *server,
                                    struct MHD_Response *response,
                                    const struct gs_http_header *headers, size_t n)
{
    enum MHD_Result done = MHD_YES;
    for (size_t i = 0; done == MHD_YES && i < server->n_headers; i++) {
        done = MHD_add_response_header(response, server->headers[i].name, server->headers[i].value);
    }
    for (size_t i = 0; done == MHD_YES && i < n; i++) {
        done = MHD_add_response_header(response, headers[i].name, headers[i].value);
    }
    return done;
}

static void free_body(void *body)
{
    free(body);
}

static struct MHD_Response *new_response(const struct gs_http_reply *reply)
{
    void *body = (void *)(uintptr_t)reply->body.p;
    if (!reply->given) {
        return MHD_create_response_from_buffer(
            reply->body.n, body, reply->lasts ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_COPY);
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback(reply->body.n, body, free_body);
    if (response == NULL) {
        free(body);
    }
    return response;
}

enum MHD_Result gs_http_queue(const struct gs_http_server *server,
                              struct MHD_Connection *connection, const struct gs_http_reply *reply)
{
    struct MHD_Response *response = new_response(reply);
    if (response == NULL) {
        return MHD_NO; /* the connection is closed: all that is left without memory */
    }
    enum MHD_Result done = gs_http_add_headers(server, response, reply->headers, reply->n_headers);
    if (done == MHD_YES && reply->type[0] != '\0') {
        done = MHD_add_response_header(response, "Content-Type", reply->type);
    }
    done = done == MHD_YES ? MHD_queue_response(connection, reply->status, response) : done;
    MHD_destroy_response(response);
    return done;
}

void gs_http_reply(struct gs_http_exchange *exchange, const struct gs_http_reply *reply)
{
    assert(exchange->state == GS_HTTP_SERVING || exchange->state == GS_HTTP_LATER);
    exchange->state = GS_HTTP_ANSWERED;
    exchange->queued = gs_http_queue(exchange->server, exchange->connection, reply) == MHD_YES;
    gs_http_exchange_resume(exchange);
}

void gs_http_answer(struct gs_http_exchange *exchange, unsigned status, const char *type,
                    struct gs_view body)
{
    const struct gs_http_reply reply = {.status = status, .type = type, .body = body};
    gs_http_reply(exchange, &reply);
}

void gs_http_answer_buf(struct gs_http_exchange *exchange, unsigned status, const char *type,
                        struct gs_buf *body)
{
    const struct gs_http_reply reply = {
        .status = status, .type = type, .body = {.p = body->text, .n = body->len}, .given = true};
    gs_buf_init(body, body->max);
    gs_http_reply(exchange, &reply);
}

/* A line of text may come with its end or without. */
void gs_http_answer_text(struct gs_http_exchange *exchange, unsigned status, const char *text)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf line;
    size_t n = strlen(text);
    gs_buf_init(&line, n + 2);
    gs_buf_printf(&line, "%s%s", text, n > 0 && text[n - 1] == '\n' ? "" : "\n");
    gs_http_answer(exchange, status, GS_HTTP_TEXT,
                   gs_view(gs_buf_ok(&line) ? gs_buf_text(&line) : text));
}

static void forget(struct gs_http_exchange *exchange)
{
    *(exchange->prev == NULL ? &exchange->server->waiting : &exchange->prev->next) = exchange->next;
    if (exchange->next != NULL) {
        exchange->next->prev = exchange->prev;
    }
}

void gs_http_exchange_resume(struct gs_http_exchange *exchange)
{
    if (exchange->suspended) {
        forget(exchange);
        exchange->suspended = false;
        MHD_resume_connection(exchange->connection);
        gs_http_poke(exchange->server);
    }
}

void gs_http_later(struct gs_http_exchange *exchange, void (*gone)(void *ctx), void *ctx)
{
    assert(exchange->state == GS_HTTP_SERVING);
    exchange->state = GS_HTTP_LATER;
    exchange->gone = gone;
    exchange->gone_ctx = ctx;
}

void gs_http_still_later(struct gs_http_exchange *exchange, void (*gone)(void *ctx), void *ctx)
{
    assert(exchange->state == GS_HTTP_LATER);
    exchange->gone = gone;
    exchange->gone_ctx = ctx;
}
