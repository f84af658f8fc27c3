#include "dashboard/door.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/view.h"

#define CODE_LIVES_US 60000000ull
#define SESSION_LIVES_US (12 * 3600 * 1000000ull)
#define COOKIE "gpuslice-"

enum { HOST_MAX = 254, COOKIE_TEXT_MAX = 256, COOKIE_NAME_MAX = 24 };

struct ticket {
    char id[GS_DOOR_ID_TEXT]; /* "": free */
    char *token;
    uint64_t until_us;
};

struct gs_door {
    char hosts[GS_DOOR_HOSTS_MAX][HOST_MAX];
    unsigned n_hosts;
    bool secure;
    char cookie[COOKIE_NAME_MAX]; /* browsers share cookies of all ports: each door has its own */
    char *standing;
    char *standing_token;
    struct ticket sessions[GS_DOOR_SESSIONS_MAX];
    struct ticket codes[GS_DOOR_CODES_MAX];
};

/* ---- begin and end ---- */

static int keep_hosts(struct gs_door *door, const char *hosts, struct gs_err *err)
{
    struct gs_view rest = gs_view(hosts);
    while (rest.p != NULL && rest.n > 0) {
        struct gs_view name = gs_view_trim(gs_view_split(&rest, ','));
        if (name.n == 0 || name.n >= HOST_MAX || door->n_hosts == GS_DOOR_HOSTS_MAX) {
            return gs_fail(err, GS_INVALID,
                           "\"%.*s\": expected up to %d names of hosts of 1 to %d bytes, between "
                           "commas",
                           GS_VIEW_ARGS(name), GS_DOOR_HOSTS_MAX, HOST_MAX - 1);
        }
        memcpy(door->hosts[door->n_hosts++], name.p, name.n);
    }
    return 0;
}

int gs_door_new(const struct gs_door_options *options, struct gs_door **ret, struct gs_err *err)
{
    struct gs_door *door = calloc(1, sizeof(*door));
    if (door == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the dashboard");
    }
    door->secure = options->secure;
    char random[GS_DOOR_ID_TEXT];
    int r = gs_door_random(random, err);
    if (r == 0) {
        (void)snprintf(door->cookie, sizeof(door->cookie), COOKIE "%.8s", random);
        r = keep_hosts(door, options->hosts, err);
    }
    if (r == 0 && options->standing != NULL) {
        door->standing = strdup(options->standing);
        door->standing_token = strdup(options->standing_token);
        if (door->standing == NULL || door->standing_token == NULL) {
            r = gs_fail(err, GS_NO_MEMORY, "no memory for the dashboard");
        }
    }
    if (r != 0) {
        gs_door_free(door);
        return r;
    }
    *ret = door;
    return 0;
}

static void clear(struct ticket *ticket)
{
    if (ticket->token != NULL) {
        explicit_bzero(ticket->token, strlen(ticket->token));
        free(ticket->token);
    }
    *ticket = (struct ticket){.token = NULL};
}

void gs_door_free(struct gs_door *door)
{
    if (door == NULL) {
        return;
    }
    for (size_t i = 0; i < GS_DOOR_SESSIONS_MAX; i++) {
        clear(&door->sessions[i]);
    }
    for (size_t i = 0; i < GS_DOOR_CODES_MAX; i++) {
        clear(&door->codes[i]);
    }
    free(door->standing);
    free(door->standing_token);
    free(door);
}

int gs_door_random(char ret_id[GS_DOOR_ID_TEXT], struct gs_err *err)
{
    unsigned char bytes[GS_DOOR_ID_BYTES];
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
        return gs_fail_errno(err, errno, "random numbers");
    }
    for (size_t i = 0; i < sizeof(bytes); i++) {
        snprintf(ret_id + 2 * i, 3, "%02x", bytes[i]);
    }
    return 0;
}

bool gs_door_same(const char *a, const char *b)
{
    size_t n = strlen(a);
    unsigned differs = 0;
    if (strlen(b) != n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        differs |= (unsigned char)(a[i] ^ b[i]);
    }
    return differs == 0;
}

/* ---- Host ---- */

/* "name:port", "[::1]:port", "name" without their port. False: not of that form. */
static bool cut_port(const char *host, struct gs_view *ret)
{
    struct gs_view name = gs_view(host);
    const char *end = host[0] == '[' ? strchr(host, ']') : NULL;
    const char *colon = strchr(end == NULL ? host : end, ':');
    uint64_t port;
    if ((host[0] == '[' && (end == NULL || (end[1] != '\0' && end[1] != ':'))) || name.n == 0) {
        return false;
    }
    if (colon != NULL) {
        name.n = (size_t)(colon - host);
        if (!gs_view_is_u64(gs_view(colon + 1), 65535, &port)) {
            return false;
        }
    }
    *ret = name;
    return name.n > 0 && name.n < HOST_MAX;
}

static bool is_loopback(const char *name)
{
    struct in_addr v4;
    return strcasecmp(name, "localhost") == 0 || strcmp(name, "[::1]") == 0 ||
           (inet_pton(AF_INET, name, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}

bool gs_door_is_ours(const struct gs_door *door, const char *host)
{
    char name[HOST_MAX];
    struct gs_view cut;
    if (!cut_port(host, &cut)) {
        return false;
    }
    memcpy(name, cut.p, cut.n);
    name[cut.n] = '\0';
    bool ours = is_loopback(name);
    for (unsigned i = 0; i < door->n_hosts; i++) {
        ours = ours || strcasecmp(name, door->hosts[i]) == 0;
    }
    return ours;
}

bool gs_door_knows_host(const struct gs_door *door, const struct gs_http_exchange *exchange)
{
    const char *host = gs_http_asked_header(exchange, "Host");
    return host != NULL && gs_http_asked_count(exchange, "Host") == 1 &&
           gs_door_is_ours(door, host);
}

/* ---- tickets ---- */

/* The one with this id; it has not ended. */
static struct ticket *find(struct ticket *tickets, size_t n, const char *id, uint64_t now_us)
{
    struct ticket *found = NULL;
    for (size_t i = 0; i < n; i++) {
        if (tickets[i].token != NULL && now_us >= tickets[i].until_us) {
            clear(&tickets[i]);
        }
        if (tickets[i].token != NULL && gs_door_same(tickets[i].id, id)) {
            found = &tickets[i];
        }
    }
    return found;
}

/* A new one, in the place of one that has ended; `push`: or of the one that ends first. */
static int issue(struct ticket *tickets, size_t n, bool push, const char *token, uint64_t until_us,
                 char ret_id[GS_DOOR_ID_TEXT], struct gs_err *err)
{
    struct ticket *room = NULL;
    for (size_t i = 0; i < n; i++) {
        if (tickets[i].token == NULL) {
            room = &tickets[i];
        } else if (push && (room == NULL ||
                            (room->token != NULL && tickets[i].until_us < room->until_us))) {
            room = &tickets[i];
        }
    }
    if (room == NULL) {
        return gs_fail(err, GS_LIMIT, "%zu codes are open; they end within a minute", n);
    }
    char *copy = strdup(token);
    if (copy == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a session");
    }
    int r = gs_door_random(ret_id, err);
    if (r != 0) {
        free(copy);
        return r;
    }
    clear(room);
    memcpy(room->id, ret_id, GS_DOOR_ID_TEXT);
    room->token = copy;
    room->until_us = until_us;
    return 0;
}

int gs_door_code(struct gs_door *door, const char *token, uint64_t now_us,
                 char ret_code[GS_DOOR_ID_TEXT], struct gs_err *err)
{
    if (strlen(token) > GS_DOOR_TOKEN_MAX) {
        return gs_fail(err, GS_INVALID, "a token of more than %d bytes", GS_DOOR_TOKEN_MAX);
    }
    (void)find(door->codes, GS_DOOR_CODES_MAX, "", now_us); /* those that have ended go */
    return issue(door->codes, GS_DOOR_CODES_MAX, false, token, now_us + CODE_LIVES_US, ret_code,
                 err);
}

/* ---- what a request shows ---- */

/* The value of our cookie among "a=b; c=d"; false: there is none. */
static bool our_cookie(const struct gs_door *door, const char *header, char ret_id[GS_DOOR_ID_TEXT])
{
    struct gs_view rest = gs_view(header);
    while (rest.p != NULL) {
        struct gs_view one = gs_view_trim(gs_view_split(&rest, ';'));
        if (gs_view_skip(&one, door->cookie) && gs_view_skip(&one, "=") &&
            one.n == GS_DOOR_ID_TEXT - 1) {
            memcpy(ret_id, one.p, one.n);
            ret_id[one.n] = '\0';
            return true;
        }
    }
    return false;
}

static const char *token_of_header(const struct gs_http_exchange *exchange)
{
    const char *own = gs_http_asked_header(exchange, GS_DOOR_HEADER);
    const char *header = gs_http_asked_header(exchange, "Authorization");
    if (own != NULL) {
        return own;
    }
    return header != NULL && strncasecmp(header, "Bearer ", 7) == 0 ? header + 7 : NULL;
}

const char *gs_door_token(struct gs_door *door, const struct gs_http_exchange *exchange,
                          uint64_t now_us, bool *ret_header)
{
    const char *token = token_of_header(exchange);
    const char *cookies = gs_http_asked_header(exchange, "Cookie");
    char id[GS_DOOR_ID_TEXT];
    if (ret_header != NULL) {
        *ret_header = token != NULL;
    }
    if (token != NULL) {
        return token[0] != '\0' && strlen(token) <= GS_DOOR_TOKEN_MAX ? token : NULL;
    }
    if (cookies == NULL || !our_cookie(door, cookies, id)) {
        return NULL;
    }
    const struct ticket *session = find(door->sessions, GS_DOOR_SESSIONS_MAX, id, now_us);
    return session == NULL ? NULL : session->token;
}

/* ---- codes for cookies ---- */

static const char *token_of_code(struct gs_door *door, const char *code, uint64_t now_us,
                                 struct ticket **ret)
{
    *ret = NULL;
    if (door->standing != NULL && gs_door_same(door->standing, code)) {
        return door->standing_token;
    }
    *ret = find(door->codes, GS_DOOR_CODES_MAX, code, now_us);
    return *ret == NULL ? NULL : (*ret)->token;
}

void gs_door_open(struct gs_door *door, struct gs_http_exchange *exchange, const char *code,
                  uint64_t now_us)
{
    struct ticket *once;
    char id[GS_DOOR_ID_TEXT];
    char cookie[COOKIE_TEXT_MAX];
    struct gs_err err;
    const char *token = token_of_code(door, code, now_us, &once);
    if (token == NULL) {
        gs_http_answer_text(exchange, 403,
                            "this address was used already, or has ended: ask for another one "
                            "with \"gpuslice dashboard\"\n");
        return;
    }
    int r = issue(door->sessions, GS_DOOR_SESSIONS_MAX, true, token, now_us + SESSION_LIVES_US, id,
                  &err);
    if (once != NULL) {
        clear(once);
    }
    if (r != 0) {
        gs_http_answer_text(exchange, 500, err.msg);
        return;
    }
    (void)snprintf(cookie, sizeof(cookie), "%s=%s; Path=/; HttpOnly; SameSite=Strict%s",
                   door->cookie, id, door->secure ? "; Secure" : "");
    /* A redirection would still be the visit of who gave the address, and a strict cookie not be
     * sent; a page that goes on by itself is ours. */
    const struct gs_http_header headers[] = {
        {"Set-Cookie", cookie}, {"Refresh", "0; url=/"}, {"Cache-Control", "no-store"}};
    const struct gs_http_reply reply = {.status = 200,
                                        .type = GS_HTTP_TEXT,
                                        .body = gs_view("welcome: the dashboard is at /\n"),
                                        .headers = headers,
                                        .n_headers = GS_ARRAY_LEN(headers)};
    gs_http_reply(exchange, &reply);
}
