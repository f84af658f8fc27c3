/* Watches through everything that happens to them. */
#include "unit/check.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "cluster/kube_watch.h"
#include "kube/api.h"
#include "unit/net/loop.h"

enum { WAIT_MS = 15000, NAMES_MAX = 4096 };

struct world {
    sd_event *event;
    struct api api;
    struct gs_kube *kube;
    struct gs_kube_watch *watch;
    char told[NAMES_MAX]; /* "[a b ]+c=v -a ~403 " */
    unsigned n_lists;
    unsigned n_reach;
    bool reachable;
    struct gs_err why;
    int refuse; /* the next object, with this code */
};

__attribute__((format(printf, 2, 3))) static void tell(struct world *world, const char *fmt, ...)
{
    size_t n = strlen(world->told);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(world->told + n, sizeof(world->told) - n, fmt, ap);
    va_end(ap);
}

static void on_listing(void *ctx)
{
    struct world *world = ctx;
    world->n_lists++;
    tell(world, "[");
}

static void on_listed(void *ctx)
{
    tell(ctx, "]");
}

static int on_object(void *ctx, const struct json_t *object, bool gone, struct gs_err *err)
{
    struct world *world = ctx;
    const json_t *metadata = json_object_get(object, "metadata");
    const char *label =
        json_string_value(json_object_get(json_object_get(metadata, "labels"), "v"));
    if (world->refuse != 0) {
        int r = gs_fail(err, (enum gs_code)world->refuse, "not this one");
        world->refuse = 0;
        return r;
    }
    tell(world, "%s%s%s%s ", gone ? "-" : "", json_string_value(json_object_get(metadata, "name")),
         label == NULL ? "" : "=", label == NULL ? "" : label);
    return 0;
}

static void on_reach(void *ctx, const struct gs_cluster_reach *reach)
{
    struct world *world = ctx;
    world->n_reach++;
    world->reachable = reach->reachable;
    if (reach->why != NULL) {
        world->why = *reach->why;
    }
}

static void begin(struct world *world)
{
    struct gs_err err = {.msg = ""};
    *world = (struct world){.n_lists = 0};
    assert_true(sd_event_new(&world->event) >= 0);
    api_start(&world->api, world->event);
    const struct gs_kube_options options = {.event = world->event,
                                            .kubeconfig = api_kubeconfig(&world->api, NULL)};
    assert_int_equal(gs_kube_new(&options, &world->kube, &err), 0);
}

static void watch(struct world *world)
{
    const struct gs_kube_watch_options options = {
        .path = "/api/v1/nodes",
        .selector = "",
        .kind = "Node",
        .page = 2,
        .listing = on_listing,
        .listed = on_listed,
        .object = on_object,
        .reach = on_reach,
        .ctx = world,
    };
    assert_int_equal(gs_kube_watch_begin(world->kube, &options, &world->watch, NULL), 0);
}

static void end(struct world *world)
{
    gs_kube_watch_end(world->watch);
    gs_kube_free(world->kube);
    api_stop(&world->api);
    sd_event_unref(world->event);
}

static void wait_told(struct world *world, const char *text)
{
    for (unsigned ms = 0; ms < WAIT_MS && strcmp(world->told, text) != 0; ms += 5) {
        loop_for(world->event, 5);
    }
    assert_string_equal(world->told, text);
}

static void wait_reach(struct world *world, unsigned n, bool reachable)
{
    for (unsigned ms = 0; ms < WAIT_MS && world->n_reach < n; ms += 5) {
        loop_for(world->event, 5);
    }
    assert_int_equal(world->n_reach, n);
    assert_int_equal(world->reachable, reachable);
}

static void put(struct world *world, const char *name)
{
    api_must(&world->api, "POST", "/api/v1/nodes", NULL,
             json_pack("{s:{s:s}}", "metadata", "name", name));
}

static void label(struct world *world, const char *name, const char *value)
{
    char path[100];
    snprintf(path, sizeof(path), "/api/v1/nodes/%s", name);
    api_must(&world->api, "PATCH", path, "application/merge-patch+json",
             json_pack("{s:{s:{s:s}}}", "metadata", "labels", "v", value));
}

static void take_away(struct world *world, const char *name)
{
    char path[100];
    snprintf(path, sizeof(path), "/api/v1/nodes/%s", name);
    api_must(&world->api, "DELETE", path, NULL, NULL);
}

/* Waits until the watch's stream is open: what is scripted now happens to the next one. */
static void wait_open(struct world *world, unsigned n)
{
    for (unsigned ms = 0; ms < WAIT_MS && api_seen(&world->api, "GET /api/v1/nodes?watch") < n;
         ms += 20) {
        loop_for(world->event, 20);
    }
    assert_int_equal(api_seen(&world->api, "GET /api/v1/nodes?watch"), n);
    loop_for(world->event, 50);
}

/* ---- as planned ---- */

static void kube_watch__a_list_in_pages_then_changes(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    put(&world, "a");
    put(&world, "b");
    put(&world, "c");
    watch(&world);
    wait_told(&world, "[a b c ]");
    assert_int_equal(api_seen(&world.api, "GET /api/v1/nodes?limit=2"), 2);
    label(&world, "b", "1");
    wait_told(&world, "[a b c ]b=1 ");
    put(&world, "d");
    take_away(&world, "a");
    wait_told(&world, "[a b c ]b=1 d -a ");
    wait_reach(&world, 1, true);
    assert_int_equal(world.n_lists, 1);
    end(&world);
}

static void kube_watch__a_stream_that_ends_is_followed_by_the_next(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    put(&world, "a");
    watch(&world);
    wait_open(&world, 1);
    label(&world, "a", "1");
    wait_told(&world, "[a ]a=1 ");
    api_script(&world.api, "{\"drop\":true}");
    wait_open(&world, 2);
    label(&world, "a", "2");
    wait_told(&world, "[a ]a=1 a=2 ");
    wait_reach(&world, 1, true);
    end(&world);
}

static void kube_watch__what_happens_between_two_streams_is_told_once(void **state)
{
    struct world world;
    char wanted[400] = "[a ]";
    (void)state;
    begin(&world);
    put(&world, "a");
    watch(&world);
    wait_open(&world, 1);
    for (unsigned i = 0; i < 12; i++) {
        char value[12];
        snprintf(value, sizeof(value), "%u", i);
        if (i % 3 == 1) {
            proxy_drop(&world.api.proxy); /* cut, wherever it is */
        }
        label(&world, "a", value);
        snprintf(wanted + strlen(wanted), sizeof(wanted) - strlen(wanted), "a=%u ", i);
        loop_for(world.event, i % 4 == 0 ? 30 : 0);
    }
    wait_told(&world, wanted);
    end(&world);
}

static void kube_watch__a_bookmark_moves_where_the_next_stream_begins(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    put(&world, "a");
    watch(&world);
    wait_open(&world, 1);
    for (unsigned i = 0; i < 5; i++) { /* what the watch is not told of */
        api_must(&world.api, "POST", "/apis/events.k8s.io/v1/namespaces/default/events", NULL,
                 json_pack("{s:{s:o}}", "metadata", "name", json_sprintf("e%u", i)));
    }
    api_script(&world.api, "{\"bookmark\":true}");
    loop_for(world.event, 200);
    /* Everything before it is forgotten: only who heard of the bookmark goes on without a list. */
    const json_t *list = api_must(&world.api, "GET", "/api/v1/nodes", NULL, NULL);
    char version[32];
    snprintf(
        version, sizeof(version), "%s",
        json_string_value(json_object_get(json_object_get(list, "metadata"), "resourceVersion")));
    api_script(&world.api, "{\"drop\":true}");
    wait_open(&world, 2);
    label(&world, "a", "1");
    wait_told(&world, "[a ]a=1 ");
    const json_t *seen = api_must(&world.api, "GET", "/_seen", NULL, NULL);
    bool from_bookmark = false;
    for (size_t i = 0; i < json_array_size(seen); i++) {
        const char *path = json_string_value(json_array_get(json_array_get(seen, i), 1));
        char end_of[64];
        snprintf(end_of, sizeof(end_of), "resourceVersion=%s", version);
        from_bookmark = from_bookmark || strstr(path, end_of) != NULL;
    }
    assert_true(from_bookmark);
    assert_int_equal(world.n_lists, 1);
    end(&world);
}

/* ---- too old ---- */

static void kube_watch__what_is_too_old_is_listed_anew(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    put(&world, "a");
    put(&world, "b");
    watch(&world);
    wait_open(&world, 1);
    proxy_shut(&world.api.proxy, true);
    wait_reach(&world, 2, false);
    take_away(&world, "a");
    label(&world, "b", "1");
    api_script(&world.api, "{\"forget\":true}");
    proxy_shut(&world.api.proxy, false);
    wait_told(&world, "[a b ][b=1 ]"); /* 410 by the status of the request */
    label(&world, "b", "2");
    wait_told(&world, "[a b ][b=1 ]b=2 ");
    wait_reach(&world, 3, true);
    end(&world);
}

static void kube_watch__410_inside_a_stream_is_listed_anew(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    put(&world, "a");
    api_script(&world.api,
               "{\"faults\":[{\"match\":\"GET /api/v1/nodes?watch\",\"times\":1,\"lines\":["
               "\"{\\\"type\\\":\\\"ERROR\\\",\\\"object\\\":{\\\"kind\\\":\\\"Status\\\","
               "\\\"code\\\":410,\\\"reason\\\":\\\"Expired\\\"}}\"]}]}");
    watch(&world);
    wait_told(&world, "[a ][a ]");
    label(&world, "a", "1");
    wait_told(&world, "[a ][a ]a=1 ");
    wait_reach(&world, 1, true); /* that is no trouble */
    end(&world);
}

static void kube_watch__410_again_and_again_does_not_spin(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    put(&world, "a");
    api_script(&world.api, "{\"faults\":[{\"match\":\"GET /api/v1/nodes?watch\",\"times\":1000,"
                           "\"status\":410,\"body\":{\"reason\":\"Expired\"}}]}");
    watch(&world);
    loop_for(world.event, 2500);
    assert_in_range(world.n_lists, 2, 5);
    end(&world);
}

/* ---- broken streams ---- */

static void kube_watch__streams_that_end_at_once_do_not_spin(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    put(&world, "a");
    api_script(&world.api, "{\"faults\":[{\"match\":\"GET /api/v1/nodes?watch\",\"times\":1000,"
                           "\"lines\":[]}]}");
    watch(&world);
    loop_for(world.event, 2500);
    assert_in_range(api_seen(&world.api, "GET /api/v1/nodes?watch"), 2, 5);
    assert_int_equal(world.n_lists, 1);
    assert_false(world.reachable);
    assert_non_null(strstr(world.why.msg, "ends watches as soon as they begin"));
    end(&world);
}

static void kube_watch__lines_that_cannot_be_read_lead_to_a_new_list(void **state)
{
    static const char *const lines[] = {
        "garbage",
        "{\"type\":\"ADDED\",\"object\":{}}",
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"resourceVersion\":7}}}",
        "{\"type\":\"WHATEVER\",\"object\":{\"metadata\":{\"resourceVersion\":\"7\"}}}",
    };
    struct world world;
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(lines); i++) {
        begin(&world);
        put(&world, "a");
        api_must(&world.api, "POST", "/_script", NULL,
                 json_pack("{s:[{s:s, s:[s]}]}", "faults", "match", "GET /api/v1/nodes?watch",
                           "lines", lines[i]));
        watch(&world);
        wait_reach(&world, 2, false);
        assert_int_equal(world.why.code, GS_INVALID);
        wait_told(&world, "[a ][a ]");
        wait_reach(&world, 3, true);
        end(&world);
    }
}

static void kube_watch__an_object_that_its_reader_refuses_leads_to_a_new_list(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    put(&world, "a");
    watch(&world);
    wait_open(&world, 1);
    world.refuse = GS_NO_MEMORY;
    label(&world, "a", "1");
    wait_reach(&world, 2, false);
    assert_int_equal(world.why.code, GS_NO_MEMORY);
    wait_told(&world, "[a ][a=1 ]");
    end(&world);
}

static void kube_watch__a_refusal_is_told_with_the_servers_words(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    api_script(&world.api,
               "{\"faults\":[{\"match\":\"GET /api/v1/nodes\",\"times\":1,\"status\":403,"
               "\"body\":{\"reason\":\"Forbidden\",\"message\":\"nodes is forbidden\"}}]}");
    watch(&world);
    wait_reach(&world, 1, false);
    assert_int_equal(world.why.sys_errno, EPERM);
    assert_non_null(strstr(world.why.msg, "nodes is forbidden"));
    wait_reach(&world, 2, true);
    wait_told(&world, "[[]");
    end(&world);
}

static void kube_watch__waits_grow_while_nobody_answers(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    api_script(&world.api, "{\"faults\":[{\"match\":\"GET /api/v1/nodes\",\"times\":1000,"
                           "\"status\":503}]}");
    watch(&world);
    loop_for(world.event, 3500);
    assert_in_range(api_seen(&world.api, "GET /api/v1/nodes"), 2, 5);
    assert_int_equal(world.n_reach, 1); /* told once */
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kube_watch__a_list_in_pages_then_changes),
        cmocka_unit_test(kube_watch__a_stream_that_ends_is_followed_by_the_next),
        cmocka_unit_test(kube_watch__what_happens_between_two_streams_is_told_once),
        cmocka_unit_test(kube_watch__a_bookmark_moves_where_the_next_stream_begins),
        cmocka_unit_test(kube_watch__what_is_too_old_is_listed_anew),
        cmocka_unit_test(kube_watch__410_inside_a_stream_is_listed_anew),
        cmocka_unit_test(kube_watch__410_again_and_again_does_not_spin),
        cmocka_unit_test(kube_watch__streams_that_end_at_once_do_not_spin),
        cmocka_unit_test(kube_watch__lines_that_cannot_be_read_lead_to_a_new_list),
        cmocka_unit_test(kube_watch__an_object_that_its_reader_refuses_leads_to_a_new_list),
        cmocka_unit_test(kube_watch__a_refusal_is_told_with_the_servers_words),
        cmocka_unit_test(kube_watch__waits_grow_while_nobody_answers),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
