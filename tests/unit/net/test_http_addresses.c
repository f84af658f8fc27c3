/* The client and names with several addresses. The names are this program's own: it stands in for
 * the system's resolver. */
#include "unit/net/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "net/http_client.h"

enum { WAIT_MS = 10000, ADDRESSES_MAX = 4 };

/* What "several.test" is. */
static const char *addresses[ADDRESSES_MAX];

struct found {
    struct addrinfo info;
    struct sockaddr_in at;
};

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret)
{
    struct addrinfo **at = ret;
    if ((hints->ai_flags & AI_NUMERICHOST) != 0 || strcmp(node, "several.test") != 0) {
        return EAI_NONAME;
    }
    for (unsigned i = 0; i < ADDRESSES_MAX && addresses[i] != NULL; i++) {
        struct found *found = calloc(1, sizeof(*found));
        assert_non_null(found);
        found->at.sin_family = AF_INET;
        found->at.sin_port = htons((uint16_t)strtoul(service, NULL, 10));
        assert_int_equal(inet_pton(AF_INET, addresses[i], &found->at.sin_addr), 1);
        found->info = (struct addrinfo){.ai_family = AF_INET,
                                        .ai_addr = (struct sockaddr *)&found->at,
                                        .ai_addrlen = sizeof(found->at)};
        *at = &found->info;
        at = &found->info.ai_next;
    }
    return 0;
}

void freeaddrinfo(struct addrinfo *found)
{
    while (found != NULL) {
        struct addrinfo *next = found->ai_next;
        free(found);
        found = next;
    }
}

struct seen {
    bool done;
    int result;
    int sys_errno;
};

static void on_done(void *ctx, int result, const struct gs_http_answer *answer,
                    const struct gs_err *err)
{
    struct seen *seen = ctx;
    (void)answer;
    seen->done = true;
    seen->result = result;
    seen->sys_errno = err == NULL ? 0 : err->sys_errno;
}

/* 127.0.0.2 has the server's port too, and so many who wait there that it says nothing more. */
static void fall_silent(unsigned port, int fds[4])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, "127.0.0.2", &at.sin_addr);
    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fds[0], (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fds[0], 0), 0);
    for (unsigned i = 1; i < 4; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(fds[i], (struct sockaddr *)&at, sizeof(at));
    }
}

static struct seen ask(sd_event *event, unsigned port, uint64_t limit_us)
{
    struct gs_http_client *client = NULL;
    struct seen seen = {.done = false};
    char url[60];
    snprintf(url, sizeof(url), "http://several.test:%u/", port);
    const struct gs_http_request request = {.method = "GET",
                                            .url = url,
                                            .connect_limit_us = limit_us,
                                            .on_done = on_done,
                                            .ctx = &seen};
    assert_int_equal(gs_http_client_new(event, &client, NULL), 0);
    assert_int_equal(gs_http_begin(client, &request, NULL, NULL), 0);
    loop_until(event, &seen.done, WAIT_MS);
    gs_http_client_free(client);
    return seen;
}

static void http_addresses__the_next_one_is_tried(void **state)
{
    static const char *const cases[][ADDRESSES_MAX] = {
        {"127.0.0.1"},
        {"127.0.0.3", "127.0.0.1"},              /* the first refuses */
        {"127.0.0.3", "127.0.0.2", "127.0.0.1"}, /* and the second says nothing */
    };
    struct raw_peer *peer = calloc(1, sizeof(*peer));
    sd_event *event = NULL;
    int fds[4];
    (void)state;
    assert_non_null(peer);
    assert_true(sd_event_new(&event) >= 0);
    raw_peer_start(peer, event, gs_view("HTTP/1.1 204 No Content\r\n\r\n"), true);
    fall_silent(peer->port, fds);
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        memcpy(addresses, cases[i], sizeof(addresses));
        assert_int_equal(ask(event, peer->port, 0).result, 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        close(fds[i]);
    }
    raw_peer_stop(peer);
    free(peer);
    sd_event_unref(event);
}

static void http_addresses__nobody_at_any_of_them_is_said(void **state)
{
    struct raw_peer *peer = calloc(1, sizeof(*peer));
    sd_event *event = NULL;
    int fds[4];
    (void)state;
    assert_non_null(peer);
    assert_true(sd_event_new(&event) >= 0);
    raw_peer_start(peer, event, gs_view(""), true); /* its port is what is wanted */
    fall_silent(peer->port, fds);
    memcpy(addresses, (const char *[ADDRESSES_MAX]){"127.0.0.3", "127.0.0.4"}, sizeof(addresses));
    struct seen seen = ask(event, peer->port, 0);
    assert_int_equal(seen.result, GS_IO);
    assert_int_equal(seen.sys_errno, ECONNREFUSED);
    memcpy(addresses, (const char *[ADDRESSES_MAX]){"127.0.0.2"}, sizeof(addresses));
    assert_int_equal(ask(event, peer->port, 200000).result, GS_LIMIT);
    memset(addresses, 0, sizeof(addresses));
    seen = ask(event, peer->port, 0);
    assert_int_equal(seen.result, GS_IO);
    assert_int_equal(seen.sys_errno, EHOSTUNREACH);
    for (unsigned i = 0; i < 4; i++) {
        close(fds[i]);
    }
    raw_peer_stop(peer);
    free(peer);
    sd_event_unref(event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http_addresses__the_next_one_is_tried),
        cmocka_unit_test(http_addresses__nobody_at_any_of_them_is_said),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
