/* door: who a request is from, before anybody is asked: its Host, the token that it shows, cookies.
 *
 * A browser that is led to another name for our address (DNS rebinding) sends that name as Host: it
 * is turned away. A token comes in a header, or by a cookie that was given for a one-time code; a
 * code is made of a token. Nothing here knows whether a token is good. Belongs to the loop. */
#pragma once

#include "net/http_server.h"

enum {
    GS_DOOR_HOSTS_MAX = 16,
    GS_DOOR_SESSIONS_MAX = 256,
    GS_DOOR_CODES_MAX = 64,
    GS_DOOR_ID_BYTES = 32,
    GS_DOOR_ID_TEXT = 2 * GS_DOOR_ID_BYTES + 1, /* hexadecimal, with its end */
    GS_DOOR_TOKEN_MAX = 8192
};

/* The API server's proxy takes Authorization for itself: behind it the token is shown in this. */
#define GS_DOOR_HEADER "Gpuslice-Token"
#define GS_DOOR_PATH "/open/"

struct gs_door;

struct gs_door_options {
    const char *hosts; /* names that we are reached by beside loopback's, between commas; "" */
    bool secure;       /* the cookie is for HTTPS alone */
    /* A code that opens again and again, as long as the program runs; NULL: each opens once. */
    const char *standing;
    const char *standing_token; /* that it stands for */
};

/* GS_INVALID: too many or too long names; GS_NO_MEMORY, GS_IO. Texts are copied. */
int gs_door_new(const struct gs_door_options *options, struct gs_door **ret, struct gs_err *err);
void gs_door_free(struct gs_door *door);

/* The request names us, once: loopback (any port), or one of the names. */
bool gs_door_knows_host(const struct gs_door *door, const struct gs_http_exchange *exchange);

/* The same of a Host alone. */
bool gs_door_is_ours(const struct gs_door *door, const char *host);

/* The token that the request shows; NULL: none. `ret_header` (may be NULL): in a header, which no
 * page of somebody else can make a browser send. Valid until the door is used again. */
const char *gs_door_token(struct gs_door *door, const struct gs_http_exchange *exchange,
                          uint64_t now_us, bool *ret_header);

/* A code that is good for one minute and one cookie. GS_LIMIT: too many are open; GS_IO: no random
 * numbers; GS_INVALID: the token is too long. */
int gs_door_code(struct gs_door *door, const char *token, uint64_t now_us,
                 char ret_code[GS_DOOR_ID_TEXT], struct gs_err *err);

/* Answers a request of GS_DOOR_PATH with a cookie and the way on, or 403. */
void gs_door_open(struct gs_door *door, struct gs_http_exchange *exchange, const char *code,
                  uint64_t now_us);

/* So many random bytes in hexadecimal. GS_IO. */
int gs_door_random(char ret_id[GS_DOOR_ID_TEXT], struct gs_err *err);

/* Equal, in a time that does not tell where they differ. */
bool gs_door_same(const char *a, const char *b);
