/* Who is believed over TLS. */
#include "unit/net/http_world.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/cleanup.h"
#include "unit/net/certs.h"

struct tls_world {
    struct world world;
    struct cert ca;
    struct cert other_ca;
    struct cert server;
};

static void begin_tls(struct tls_world *tls, const struct cert_plan *server)
{
    cert_make(&(struct cert_plan){.name = "test CA", .days = 10}, &tls->ca);
    cert_make(&(struct cert_plan){.name = "other CA", .days = 10}, &tls->other_ca);
    struct cert_plan plan = *server;
    plan.name = "server";
    plan.by = &tls->ca;
    cert_make(&plan, &tls->server);
    world_begin_with(&tls->world,
                     (struct gs_http_server_options){.tls_cert = cert_pem(&tls->server),
                                                     .tls_key = cert_key(&tls->server)});
}

static int ask_tls(struct tls_world *tls, const struct gs_http_tls *how)
{
    struct gs_http_request request = world_get(
        &tls->world, world_url_of("https", gs_http_server_port(tls->world.server), "/hello"));
    request.tls = how;
    return world_ask(&tls->world, &request);
}

static void http__a_server_is_believed_by_its_certificate(void **state)
{
    struct tls_world tls;
    (void)state;
    begin_tls(&tls, &(struct cert_plan){.address = "127.0.0.1", .days = 5});
    assert_int_equal(ask_tls(&tls, &(struct gs_http_tls){.ca = cert_pem(&tls.ca)}), 0);
    assert_string_equal(gs_buf_text(&tls.world.body), "hello");
    gs_http_client_forget(tls.world.client);
    assert_int_equal(ask_tls(&tls, &(struct gs_http_tls){.ca = cert_pem(&tls.other_ca)}), GS_IO);
    assert_int_equal(tls.world.err.sys_errno, EKEYREJECTED);
    assert_int_equal(ask_tls(&tls, &(struct gs_http_tls){.ca_file = NULL}), GS_IO);
    assert_int_equal(tls.world.err.sys_errno, EKEYREJECTED);
    assert_int_equal(ask_tls(&tls, &(struct gs_http_tls){.insecure = true}), 0);
    world_end(&tls.world);
}

static void http__another_ca_does_not_get_the_connection_of_the_first(void **state)
{
    struct tls_world tls;
    (void)state;
    begin_tls(&tls, &(struct cert_plan){.address = "127.0.0.1", .days = 5});
    /* More texts than files are kept: paths come again. */
    for (unsigned i = 0; i < 12; i++) {
        struct cert ca;
        cert_make(&(struct cert_plan){.name = "one of many", .days = 10}, &ca);
        assert_int_equal(ask_tls(&tls, &(struct gs_http_tls){.ca = cert_pem(&tls.ca)}), 0);
        assert_int_equal(ask_tls(&tls, &(struct gs_http_tls){.ca = cert_pem(&ca)}), GS_IO);
        assert_int_equal(tls.world.err.sys_errno, EKEYREJECTED);
    }
    world_end(&tls.world);
}

static void http__a_name_other_than_the_certificates_is_refused(void **state)
{
    struct tls_world tls;
    (void)state;
    begin_tls(&tls, &(struct cert_plan){.dns = "kubernetes.default", .days = 5});
    struct gs_http_tls how = {.ca = cert_pem(&tls.ca)};
    assert_int_equal(ask_tls(&tls, &how), GS_IO);
    assert_int_equal(tls.world.err.sys_errno, EKEYREJECTED);
    how.server_name = "kubernetes.default";
    assert_int_equal(ask_tls(&tls, &how), 0);
    how.server_name = "another.default";
    assert_int_equal(ask_tls(&tls, &how), GS_IO);
    assert_int_equal(tls.world.err.sys_errno, EKEYREJECTED);
    world_end(&tls.world);
}

static void http__an_expired_certificate_is_refused(void **state)
{
    struct tls_world tls;
    (void)state;
    begin_tls(&tls, &(struct cert_plan){.address = "127.0.0.1", .days = -1});
    assert_int_equal(ask_tls(&tls, &(struct gs_http_tls){.ca = cert_pem(&tls.ca)}), GS_IO);
    assert_int_equal(tls.world.err.sys_errno, EKEYREJECTED);
    assert_non_null(strstr(tls.world.err.msg, "expired"));
    world_end(&tls.world);
}

static void http__a_certificate_is_swapped_and_open_connections_live_on(void **state)
{
    struct tls_world tls;
    struct cert next;
    struct gs_err err = {.msg = ""};
    (void)state;
    begin_tls(&tls, &(struct cert_plan){.address = "127.0.0.1", .days = 5});
    cert_make(
        &(struct cert_plan){.name = "next", .address = "127.0.0.1", .days = 5, .by = &tls.other_ca},
        &next);
    const struct gs_http_tls old_ca = {.ca = cert_pem(&tls.ca)};
    const struct gs_http_tls new_ca = {.ca = cert_pem(&tls.other_ca)};
    assert_int_equal(ask_tls(&tls, &old_ca), 0);
    assert_int_equal(
        gs_http_server_show(tls.world.server, cert_pem(&next), cert_key(&tls.server), &err),
        GS_INVALID);
    assert_int_equal(gs_http_server_show(tls.world.server, cert_pem(&next), gs_view(""), &err),
                     GS_INVALID);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(
            gs_http_server_show(tls.world.server, cert_pem(&next), cert_key(&next), &err), 0);
    }
    assert_int_equal(ask_tls(&tls, &old_ca), 0);
    assert_int_equal(ask_tls(&tls, &new_ca), 0);
    gs_http_client_forget(tls.world.client);
    assert_int_equal(ask_tls(&tls, &old_ca), GS_IO);
    assert_int_equal(tls.world.err.sys_errno, EKEYREJECTED);
    assert_int_equal(ask_tls(&tls, &new_ca), 0);
    world_end(&tls.world);
}

static void http__a_peer_that_never_shakes_hands_is_given_up(void **state)
{
    struct world world;
    struct raw_peer peer;
    (void)state;
    world_begin(&world);
    raw_peer_start(&peer, world.event, gs_view(""), true);
    struct gs_http_request request = world_get(&world, world_url_of("https", peer.port, "/"));
    struct gs_http_tls tls = {.insecure = true};
    request.tls = &tls;
    request.connect_limit_us = 100000;
    assert_int_equal(world_ask(&world, &request), GS_LIMIT);
    raw_peer_stop(&peer);
    raw_peer_start(&peer, world.event, gs_view("HTTP/1.1 400 Bad Request\r\n\r\n"), false);
    request.url = world_url_of("https", peer.port, "/");
    assert_int_equal(world_ask(&world, &request), GS_IO);
    assert_int_equal(world.err.sys_errno, EPROTO);
    raw_peer_stop(&peer);
    world_end(&world);
}

static void http__a_broken_certificate_does_not_start_a_server(void **state)
{
    struct cert ca;
    sd_event *event = NULL;
    struct gs_http_server *server = NULL;
    struct gs_err err;
    (void)state;
    cert_make(&(struct cert_plan){.name = "CA", .days = 10}, &ca);
    assert_true(sd_event_new(&event) >= 0);
    struct gs_http_server_options options = {.tls_cert = cert_pem(&ca)};
    assert_int_equal(gs_http_server_new(event, listen_anywhere(), &options, &server, &err),
                     GS_INVALID);
    options.tls_key = gs_view("not a key");
    assert_int_equal(gs_http_server_new(event, listen_anywhere(), &options, &server, &err),
                     GS_INVALID);
    sd_event_unref(event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http__a_server_is_believed_by_its_certificate),
        cmocka_unit_test(http__another_ca_does_not_get_the_connection_of_the_first),
        cmocka_unit_test(http__a_name_other_than_the_certificates_is_refused),
        cmocka_unit_test(http__an_expired_certificate_is_refused),
        cmocka_unit_test(http__a_certificate_is_swapped_and_open_connections_live_on),
        cmocka_unit_test(http__a_peer_that_never_shakes_hands_is_given_up),
        cmocka_unit_test(http__a_broken_certificate_does_not_start_a_server),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
