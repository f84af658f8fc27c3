/* http_call: one request of the HTTP client as a libcurl transfer. Of http_client.c only. */
#pragma once

#include <curl/curl.h>

#include "base/buf.h"
#include "net/http_client.h"
#include "net/http_pem.h"

enum { GS_HTTP_NAME_MAX = 240 };

struct gs_http_pool;

struct gs_http_call {
    struct gs_http_call *prev;
    struct gs_http_call *next;
    struct gs_http_client *client;
    struct gs_http_pool *pool; /* NULL: not handed to libcurl yet */
    CURL *easy;
    struct curl_slist *headers;
    struct curl_slist *connect_to;
    struct gs_http_pem *pems[3];
    struct gs_buf body;
    size_t head_bytes;
    bool told_head; /* on_head was called */
    sd_event_source *idle;
    uint64_t idle_limit_us;
    uint64_t last_us; /* CLOCK_MONOTONIC: the last byte came */
    bool cancelled;
    int failed; /* a callback ended it with this code */
    struct gs_err err;
    void (*on_head)(void *ctx, unsigned status);
    int (*on_chunk)(void *ctx, unsigned status, struct gs_view bytes, struct gs_err *err);
    void (*on_done)(void *ctx, int result, const struct gs_http_answer *answer,
                    const struct gs_err *err);
    void *ctx;
    char curl_text[CURL_ERROR_SIZE];
    char name[GS_HTTP_NAME_MAX]; /* "GET https://10.0.0.1:6443/api": for messages */
};

/* Makes the transfer; nothing is sent. Codes of gs_http_begin. */
int gs_http_call_new(const struct gs_http_request *request, struct gs_http_pem **pems,
                     struct gs_http_call **ret, struct gs_err *err);
void gs_http_call_free(struct gs_http_call *call);
void gs_http_call_freep(struct gs_http_call **call);

/* What libcurl's result means. Fills *ret_answer where a status came, which is told by the
 * answer's status not being 0. */
int gs_http_call_result(struct gs_http_call *call, CURLcode code, struct gs_http_answer *ret_answer,
                        struct gs_err *err);
