/* Requests to an API server that is slow, busy, broken, or somebody else. */
#include "unit/check.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "cluster/cluster_kube.h"
#include "cluster/kube.h"
#include "cluster/kube_list.h"
#include "kube/api.h"
#include "unit/net/loop.h"

enum { WAIT_MS = 20000 };

struct world {
    sd_event *event;
    struct api api;
    struct gs_kube *kube;
    unsigned n_done;
    bool done;
    int result;
    unsigned status;
    struct gs_kubestatus said;
    struct gs_err err;
    char body[200];
    struct gs_kube_list *list;
    unsigned begins; /* of a list */
    unsigned objects;
    bool cancel_at_object;
    bool refuse_object;
};

static void open_kube(struct world *world, const char *user)
{
    struct gs_err err = {.msg = ""};
    const struct gs_kube_options options = {
        .event = world->event,
        .kubeconfig = api_kubeconfig(&world->api, user),
        .user_agent = "test/1",
    };
    if (gs_kube_new(&options, &world->kube, &err) != 0) {
        print_message("%s\n", err.msg);
    }
    assert_non_null(world->kube);
}

static void begin(struct world *world)
{
    *world = (struct world){.n_done = 0};
    assert_true(sd_event_new(&world->event) >= 0);
    api_start(&world->api, world->event);
    open_kube(world, NULL);
    api_must(&world->api, "POST", "/api/v1/nodes", NULL,
             json_pack("{s:{s:s}}", "metadata", "name", "n"));
}

static void end(struct world *world)
{
    gs_kube_free(world->kube);
    api_stop(&world->api);
    sd_event_unref(world->event);
}

static void on_done(void *ctx, int result, const struct gs_kube_answer *answer,
                    const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct world *world = ctx;
    world->done = true;
    world->n_done++;
    world->result = result;
    world->said = *status;
    assert_true((err != NULL) == (result != 0));
    assert_true((answer != NULL) == (result == 0));
    if (err != NULL) {
        world->err = *err;
        assert_int_equal(err->code, result);
    } else {
        world->status = answer->status;
        snprintf(world->body, sizeof(world->body), "%.*s", GS_VIEW_ARGS(answer->body));
    }
}

static struct gs_kube_request get_node(struct world *world)
{
    return (struct gs_kube_request){
        .method = "GET", .path = "/api/v1/nodes/n", .done = on_done, .ctx = world};
}

static int ask(struct world *world, const struct gs_kube_request *request)
{
    world->done = false;
    assert_int_equal(gs_kube_begin(world->kube, request, NULL, NULL), 0);
    assert_false(world->done);
    loop_until(world->event, &world->done, WAIT_MS);
    return world->result;
}

static int ask_for_node(struct world *world, uint64_t limit_us)
{
    struct gs_kube_request request = get_node(world);
    request.limit_us = limit_us;
    return ask(world, &request);
}

static uint64_t now_ms(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000 + (uint64_t)at.tv_nsec / 1000000;
}

/* ---- statuses ---- */

static void kube__a_refusal_has_its_code_and_the_servers_words(void **state)
{
    static const struct {
        unsigned status;
        int result;
        int sys_errno;
        unsigned tries;
    } cases[] = {
        {400, GS_INVALID, 0, 1}, {401, GS_IO, EPERM, 2 /* with the token read anew */},
        {403, GS_IO, EPERM, 1},  {404, GS_NOT_FOUND, 0, 1},
        {409, GS_BUSY, 0, 1},    {410, GS_IO, ESTALE, 1},
        {413, GS_LIMIT, 0, 1},   {415, GS_INVALID, 0, 1},
        {422, GS_INVALID, 0, 1}, {302, GS_IO, EPROTO, 1},
        {501, GS_IO, EPROTO, 1},
    };
    struct world world;
    (void)state;
    begin(&world);
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        unsigned before = api_seen(&world.api, "GET /api/v1/nodes/n");
        api_script(&world.api,
                   "{\"faults\":[{\"match\":\"GET /api/v1/nodes/n\",\"times\":2,\"status\":%u,"
                   "\"body\":{\"kind\":\"Status\",\"code\":%u,\"reason\":\"Why\","
                   "\"message\":\"because of \\u001b[1m%u\"}}]}",
                   cases[i].status, cases[i].status, cases[i].status);
        int r = ask_for_node(&world, 0);
        assert_int_equal(r, cases[i].result);
        assert_int_equal(world.err.sys_errno, cases[i].sys_errno);
        assert_int_equal(world.said.code, cases[i].status);
        assert_non_null(strstr(world.err.msg, "GET /api/v1/nodes/n: the API server says"));
        assert_non_null(strstr(world.err.msg, "Why: because of ?[1m"));
        assert_int_equal(api_seen(&world.api, "GET /api/v1/nodes/n") - before, cases[i].tries);
        while (ask_for_node(&world, 0) != 0) { /* the second fault, where it is left */
        }
    }
    end(&world);
}

static void kube__a_busy_server_is_asked_again(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    api_script(
        &world.api,
        "{\"faults\":[{\"match\":\"GET\",\"status\":500,\"text\":\"oops\"},"
        "{\"match\":\"GET\",\"status\":503,\"body\":{\"message\":\"later\"}},"
        "{\"match\":\"GET\",\"status\":504},{\"match\":\"GET\",\"raw\":\"\"},"
        "{\"match\":\"GET\",\"raw\":\"HTTP/1.1 200 OK\\r\\nContent-Length: 9\\r\\n\\r\\nx\"}]}");
    assert_int_equal(ask_for_node(&world, 0), 0);
    assert_int_equal(api_seen(&world.api, "GET /api/v1/nodes/n"), 6);
    end(&world);
}

static void kube__retry_after_is_kept_to(void **state)
{
    static const char *const cases[] = {
        "\"headers\":{\"Retry-After\":\"1\"}",
        "\"body\":{\"message\":\"slow down\",\"details\":{\"retryAfterSeconds\":1}}",
    };
    struct world world;
    (void)state;
    begin(&world);
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        uint64_t start_ms = now_ms();
        api_script(&world.api, "{\"faults\":[{\"match\":\"GET\",\"status\":429,%s}]}", cases[i]);
        assert_int_equal(ask_for_node(&world, 0), 0);
        assert_in_range(now_ms() - start_ms, 950, 4000);
    }
    end(&world);
}

static void kube__a_wait_beyond_the_limit_is_not_waited(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    api_script(&world.api,
               "{\"faults\":[{\"match\":\"GET\",\"status\":429,"
               "\"headers\":{\"Retry-After\":\"60\"},\"body\":{\"message\":\"later\"}}]}");
    uint64_t start_ms = now_ms();
    assert_int_equal(ask_for_node(&world, 0), GS_LIMIT);
    assert_in_range(now_ms() - start_ms, 0, 3000);
    assert_non_null(strstr(world.err.msg, "no success within 15.0 s (1 tries)"));
    assert_non_null(strstr(world.err.msg, "429: later"));
    assert_int_equal(world.said.code, 429);
    end(&world);
}

static void kube__what_is_to_be_asked_once_is(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    api_script(&world.api, "{\"faults\":[{\"match\":\"GET\",\"status\":503}]}");
    struct gs_kube_request request = get_node(&world);
    request.once = true;
    assert_int_equal(ask(&world, &request), GS_IO);
    assert_int_equal(world.err.sys_errno, EAGAIN);
    assert_int_equal(api_seen(&world.api, "GET"), 1);
    end(&world);
}

/* ---- answers that do not come, or cannot be ---- */

static void kube__a_server_that_falls_silent_is_asked_on_a_new_connection(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    assert_int_equal(ask_for_node(&world, 0), 0);
    unsigned before = world.api.proxy.n_accepted;
    api_script(&world.api, "{\"faults\":[{\"match\":\"GET\",\"silent\":30}]}");
    assert_int_equal(ask_for_node(&world, 4000000), 0);
    assert_true(world.api.proxy.n_accepted > before);
    end(&world);
}

static void kube__a_slow_answer_is_waited_for(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    api_script(&world.api, "{\"faults\":[{\"match\":\"GET\",\"delay\":0.7}]}");
    assert_int_equal(ask_for_node(&world, 0), 0);
    assert_int_equal(api_seen(&world.api, "GET"), 1);
    end(&world);
}

static void kube__a_frozen_server_ends_at_the_limit(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    assert_int_equal(ask_for_node(&world, 0), 0);
    proxy_freeze(&world.api.proxy, true);
    uint64_t start_ms = now_ms();
    assert_int_equal(ask_for_node(&world, 1500000), GS_LIMIT);
    assert_in_range(now_ms() - start_ms, 900, 3000);
    proxy_freeze(&world.api.proxy, false);
    assert_int_equal(ask_for_node(&world, 0), 0);
    end(&world);
}

static void kube__an_answer_has_a_bound(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    char *flood = malloc((5 << 20) + 1);
    assert_non_null(flood);
    memset(flood, 'x', 5 << 20);
    flood[5 << 20] = '\0';
    api_script(&world.api,
               "{\"faults\":[{\"match\":\"GET\",\"times\":9,\"status\":200,"
               "\"text\":\"%s\"}]}",
               flood);
    free(flood);
    assert_int_equal(ask_for_node(&world, 500000), GS_LIMIT);
    end(&world);
}

static void on_node(void *ctx, int result, const struct gs_cluster_node *node,
                    const struct gs_err *err)
{
    struct world *world = ctx;
    assert_true((node != NULL) == (result == 0));
    world->done = true;
    world->result = result;
    world->err = err == NULL ? (struct gs_err){.msg = ""} : *err;
}

static void kube__a_node_that_is_not_json_is_refused(void **state)
{
    static const char *const answers[] = {
        "",
        "null",
        "[]",
        "hello",
        "{}",
        "{\"metadata\":{\"name\":\"N!\"}}",
        "{\"metadata\":{\"name\":\"n\",\"labels\":{\"a\":1}}}",
        "{\"metadata\":7}",
    };
    struct world world;
    struct gs_cluster cluster;
    (void)state;
    begin(&world);
    const struct gs_cluster_kube_options options = {.event = world.event,
                                                    .kubeconfig = api_kubeconfig(&world.api, NULL)};
    assert_int_equal(gs_cluster_kube_open(&options, &cluster, NULL), 0);
    for (size_t i = 0; i < GS_ARRAY_LEN(answers); i++) {
        json_t *body = json_pack("{s:[{s:s, s:i, s:s}]}", "faults", "match", "GET", "status", 200,
                                 "text", answers[i]);
        api_must(&world.api, "POST", "/_script", NULL, body);
        world.done = false;
        assert_int_equal(gs_cluster_get_node(&cluster, "n", on_node, &world, NULL, NULL), 0);
        loop_until(world.event, &world.done, WAIT_MS);
        assert_int_equal(world.result, GS_INVALID);
        assert_true(world.err.msg[0] != '\0');
    }
    gs_cluster_close(&cluster);
    end(&world);
}

/* ---- who they are ---- */

static void kube__a_server_of_another_ca_is_not_asked_again(void **state)
{
    struct world world;
    struct cert other;
    (void)state;
    begin(&world);
    cert_make(&(struct cert_plan){.name = "other CA", .days = 10}, &other);
    api_write(&world.api, "ca.crt", other.pem);
    uint64_t start_ms = now_ms();
    assert_int_equal(ask_for_node(&world, 0), GS_IO);
    assert_int_equal(world.err.sys_errno, EKEYREJECTED);
    assert_in_range(now_ms() - start_ms, 0, 3000);
    assert_int_equal(api_seen(&world.api, "GET"), 0);
    end(&world);
}

static void kube__a_token_that_has_changed_is_read_anew(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    gs_kube_free(world.kube);
    world.kube = NULL;
    api_write(&world.api, "token", "agent\n");
    open_kube(&world, "{\"tokenFile\": \"token\"}");
    assert_int_equal(ask_for_node(&world, 0), 0);
    /* The kubelet puts a new one; the old one is not known any more. */
    api_set_tokens(&world.api, "admin agent-2");
    api_write(&world.api, "token", "agent-2");
    assert_int_equal(ask_for_node(&world, 0), 0);
    assert_int_equal(api_seen(&world.api, "GET"), 2);
    /* A server that knows only the next: refused, read anew in vain, said. */
    api_set_tokens(&world.api, "admin agent-3");
    assert_int_equal(ask_for_node(&world, 0), GS_IO);
    assert_int_equal(world.err.sys_errno, EPERM);
    /* A file that is gone, or broken: what was read holds. */
    api_set_tokens(&world.api, "admin agent-2");
    api_write(&world.api, "token", "");
    assert_int_equal(ask_for_node(&world, 0), 0);
    end(&world);
}

/* ---- cancelling ---- */

static void kube__a_cancelled_request_never_ends(void **state)
{
    struct world world;
    struct gs_kube_call *call;
    (void)state;
    begin(&world);
    struct gs_kube_request request = get_node(&world);
    for (unsigned steps = 0; steps < 8; steps++) {
        assert_int_equal(gs_kube_begin(world.kube, &request, &call, NULL), 0);
        for (unsigned i = 0; i < steps && world.n_done == 0; i++) {
            assert_true(sd_event_run(world.event, 20000) >= 0);
        }
        if (world.n_done > 0) {
            break;
        }
        gs_kube_cancel(call);
        loop_for(world.event, 20);
        assert_int_equal(world.n_done, 0);
    }
    end(&world);
}

static void kube__a_path_has_a_bound(void **state)
{
    static char path[GS_KUBE_PATH_MAX + 1];
    struct world world;
    (void)state;
    begin(&world);
    memset(path, '/', GS_KUBE_PATH_MAX);
    struct gs_kube_request request = get_node(&world);
    request.path = path;
    assert_int_equal(gs_kube_begin(world.kube, &request, NULL, NULL), GS_INVALID);
    end(&world);
}

static void kube__values_of_queries_are_escaped(void **state)
{
    struct gs_buf out;
    (void)state;
    gs_buf_init(&out, 1000);
    gs_kube_put_escaped(&out, "aZ09-._~ /=&%+\xc3\xa4");
    assert_string_equal(gs_buf_text(&out), "aZ09-._~%20%2F%3D%26%25%2B%C3%A4");
    gs_buf_done(&out);
}

static void kube__waits_grow_and_differ(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    uint64_t sum = 0;
    for (unsigned n = 0; n < 1000; n++) {
        uint64_t most = n > 5 ? 30000000 : 1000000ull << n;
        most = most > 30000000 ? 30000000 : most;
        uint64_t wait = gs_kube_backoff(world.kube, n, 1000000, 30000000);
        assert_in_range(wait, most / 2, most);
        sum += n >= 500 ? wait : 0;
    }
    assert_in_range(sum / 500, 21000000, 24000000); /* three quarters, by chance */
    end(&world);
}

/* ---- lists ---- */

static void on_begin(void *ctx)
{
    struct world *world = ctx;
    world->begins++;
    world->objects = 0;
}

static int on_object(void *ctx, const struct json_t *object, struct gs_err *err)
{
    struct world *world = ctx;
    (void)object;
    world->objects++;
    if (world->cancel_at_object) {
        gs_kube_list_cancel(GS_TAKE(world->list));
        return 0;
    }
    return world->refuse_object ? gs_fail(err, GS_BUSY, "enough") : 0;
}

static void on_listed(void *ctx, int result, const char *version,
                      const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct world *world = ctx;
    assert_true((version != NULL) == (result == 0));
    world->done = true;
    world->n_done++;
    world->result = result;
    world->said = *status;
    world->list = NULL;
    if (err != NULL) {
        world->err = *err;
    }
}

static void begin_list(struct world *world)
{
    const struct gs_kube_list_options options = {
        .path = "/api/v1/nodes",
        .selector = "",
        .kind = "Node",
        .page = 2,
        .begin = on_begin,
        .take = on_object,
        .done = on_listed,
        .ctx = world,
    };
    world->done = false;
    world->begins = 0;
    assert_int_equal(gs_kube_list_begin(world->kube, &options, &world->list, NULL), 0);
}

static int list(struct world *world)
{
    begin_list(world);
    loop_until(world->event, &world->done, WAIT_MS);
    return world->result;
}

static void add_nodes(struct world *world, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        api_must(&world->api, "POST", "/api/v1/nodes", NULL,
                 json_pack("{s:{s:o}}", "metadata", "name", json_sprintf("n%u", i)));
    }
}

static void kube__a_list_whose_pages_run_out_begins_anew(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    add_nodes(&world, 6);
    api_script(&world.api, "{\"faults\":[{\"match\":\"GET /api/v1/nodes?limit=2&continue=\","
                           "\"status\":410,\"body\":{\"reason\":\"Expired\"}}]}");
    assert_int_equal(list(&world), 0);
    assert_int_equal(world.begins, 2);
    assert_int_equal(world.objects, 7);
    assert_int_equal(api_seen(&world.api, "GET /api/v1/nodes?limit=2"), 2 + 4);
    end(&world);
}

static void kube__a_page_that_is_cut_does_not_count(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    add_nodes(&world, 6);
    for (unsigned cut = 100; cut < 400; cut += 50) {
        api_script(&world.api, "{\"faults\":[{\"match\":\"GET /api/v1/nodes\",\"cut\":%u}]}", cut);
        assert_int_equal(list(&world), 0);
        assert_int_equal(world.objects, 7);
    }
    end(&world);
}

static void kube__pages_that_are_none_end_the_list(void **state)
{
    static const char *const answers[] = {
        "",
        "hello",
        "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[]}",
        "{\"kind\":\"NodeList\",\"metadata\":{},\"items\":[]}",
        "{\"kind\":\"NodeList\",\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[{]}",
        "{\"kind\":\"NodeList\",\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[{}",
    };
    struct world world;
    (void)state;
    begin(&world);
    for (size_t i = 0; i < GS_ARRAY_LEN(answers); i++) {
        api_must(&world.api, "POST", "/_script", NULL,
                 json_pack("{s:[{s:s, s:i, s:s}]}", "faults", "match", "GET", "status", 200, "text",
                           answers[i]));
        assert_int_equal(list(&world), GS_INVALID);
        assert_true(world.err.msg[0] != '\0');
    }
    api_script(&world.api, "{\"faults\":[{\"match\":\"GET\",\"status\":403}]}");
    assert_int_equal(list(&world), GS_IO);
    assert_int_equal(world.said.code, 403);
    end(&world);
}

static void kube__a_list_may_be_ended_by_its_own_functions(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    add_nodes(&world, 3);
    world.refuse_object = true;
    assert_int_equal(list(&world), GS_BUSY);
    world.refuse_object = false;
    world.cancel_at_object = true;
    world.n_done = 0;
    begin_list(&world);
    loop_for(world.event, 100);
    assert_int_equal(world.n_done, 0);
    assert_null(world.list);
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kube__a_refusal_has_its_code_and_the_servers_words),
        cmocka_unit_test(kube__a_busy_server_is_asked_again),
        cmocka_unit_test(kube__retry_after_is_kept_to),
        cmocka_unit_test(kube__a_wait_beyond_the_limit_is_not_waited),
        cmocka_unit_test(kube__what_is_to_be_asked_once_is),
        cmocka_unit_test(kube__a_server_that_falls_silent_is_asked_on_a_new_connection),
        cmocka_unit_test(kube__a_slow_answer_is_waited_for),
        cmocka_unit_test(kube__a_frozen_server_ends_at_the_limit),
        cmocka_unit_test(kube__an_answer_has_a_bound),
        cmocka_unit_test(kube__a_node_that_is_not_json_is_refused),
        cmocka_unit_test(kube__a_server_of_another_ca_is_not_asked_again),
        cmocka_unit_test(kube__a_token_that_has_changed_is_read_anew),
        cmocka_unit_test(kube__a_cancelled_request_never_ends),
        cmocka_unit_test(kube__a_path_has_a_bound),
        cmocka_unit_test(kube__values_of_queries_are_escaped),
        cmocka_unit_test(kube__waits_grow_and_differ),
        cmocka_unit_test(kube__a_list_whose_pages_run_out_begins_anew),
        cmocka_unit_test(kube__a_page_that_is_cut_does_not_count),
        cmocka_unit_test(kube__pages_that_are_none_end_the_list),
        cmocka_unit_test(kube__a_list_may_be_ended_by_its_own_functions),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
