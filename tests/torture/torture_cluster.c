/* The client of the API server, and what it stands on, with each allocation failed. The servers are
 * processes of their own, so that they do not run out of memory too. */
#include "torture/torture.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster/cluster_kube.h"
#include "cluster/cluster_memory.h"
#include "cluster/events.h"
#include "cluster/kube_decode.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "unit/net/certs.h"
#include "unit/net/loop.h"
#include "wire/kubeexec.h"
#include "wire/kubelist.h"
#include "wire/kubewatch.h"

enum { WAIT_MS = 10000 };

#define NODE                                                                                       \
    "{\"kind\":\"Node\",\"metadata\":{\"name\":\"n\",\"uid\":\"u\",\"resourceVersion\":\"7\","     \
    "\"labels\":{\"a\":\"b\"},\"annotations\":{\"c\":\"d\"}},\"spec\":{\"taints\":[{\"key\":"      \
    "\"k\",\"effect\":\"NoSchedule\"}]},\"status\":{\"capacity\":{\"nvidia.com/gpu\":\"8\"}}}"
#define POD                                                                                        \
    "{\"metadata\":{\"name\":\"p\",\"namespace\":\"d\",\"uid\":\"u\"},\"spec\":{\"nodeName\":"     \
    "\"n\",\"containers\":[{\"name\":\"c\",\"resources\":{\"limits\":{\"nvidia.com/gpu\":"         \
    "\"1\"}}}]}}"
#define LIST(kind, item)                                                                           \
    "{\"kind\":\"" kind "List\",\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[" item "]}"

/* ---- what needs no server ---- */

static int read_configuration(const struct gs_alloc *source, struct gs_err *err)
{
    static const char text[] =
        "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n"
        "clusters: [{name: k, cluster: {server: https://h/, certificate-authority-data: "
        "LS0tLS1CRUdJTiBBLS0tLS0=}}]\nusers: [{name: u, user: {exec: {apiVersion: "
        "client.authentication.k8s.io/v1, command: a, args: [b], env: [{name: C, value: d}]}}}]\n";
    static const char said[] =
        "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\","
        "\"status\":{\"token\":\"t\",\"clientCertificateData\":\"c\",\"clientKeyData\":\"k\"}}";
    const struct gs_doc_input input = {
        .label = "config", .what = "a kubeconfig", .bytes = gs_view(text)};
    struct gs_arena arena;
    struct gs_kubeconfig config;
    struct gs_kubeexec_credential credential;
    gs_arena_init(&arena, source, 1 << 24);
    int r = gs_kubeconfig_parse(&arena, &input, NULL, &config, err);
    r = r == 0 ? gs_kubeexec_parse(gs_view(said), "client.authentication.k8s.io/v1", &arena,
                                   &credential, err)
               : r;
    gs_arena_done(&arena);
    return r;
}

static int decode(const struct gs_alloc *source, struct gs_err *err)
{
    struct gs_arena arena;
    struct gs_cluster_node node;
    struct gs_cluster_pod pod;
    json_t *of_node = json_loads(NODE, 0, NULL);
    json_t *of_pod = json_loads(POD, 0, NULL);
    gs_arena_init(&arena, source, 1 << 24);
    int r = gs_kube_decode_node(of_node, &arena, &node, err);
    r = r == 0 ? gs_kube_decode_pod(of_pod, "nvidia.com/", &arena, &pod, err) : r;
    gs_arena_done(&arena);
    json_decref(of_node);
    json_decref(of_pod);
    return r;
}

static int take_event(void *ctx, const struct gs_kubewatch_event *event, struct gs_err *err)
{
    (void)ctx;
    (void)event;
    (void)err;
    return 0;
}

static int take_object(void *ctx, const struct json_t *object, struct gs_err *err)
{
    (void)ctx;
    (void)object;
    (void)err;
    return 0;
}

static int read_streams(struct gs_err *err)
{
    static const char line[] = "{\"type\":\"ADDED\",\"object\":" NODE "}\n";
    static const char page[] = LIST("Node", NODE);
    const struct gs_kubelist_options options = {.label = "l", .kind = "Node", .pages = true};
    struct gs_kubewatch *watch = gs_kubewatch_new((struct gs_kubewatch_sink){.take = take_event});
    struct gs_kubelist *list =
        gs_kubelist_new(&options, (struct gs_kubelist_sink){.take = take_object});
    int r = watch == NULL || list == NULL ? gs_fail(err, GS_NO_MEMORY, "no readers") : 0;
    for (size_t i = 0; r == 0 && i < strlen(line); i += 50) {
        size_t n = strlen(line) - i;
        r = gs_kubewatch_feed(watch, line + i, n < 50 ? n : 50, err);
    }
    r = r == 0 ? gs_kubelist_feed(list, page, strlen(page), err) : r;
    gs_kubewatch_free(watch);
    gs_kubelist_free(list);
    return r;
}

/* ---- operations of a cluster ---- */

struct seen {
    bool done;
    int result;
    struct gs_err err;
};

static void on_done(void *ctx, int result, const struct gs_err *err)
{
    struct seen *seen = ctx;
    seen->done = true;
    seen->result = result;
    seen->err = err == NULL ? (struct gs_err){.code = GS_OK} : *err;
}

static void on_node(void *ctx, int result, const struct gs_cluster_node *node,
                    const struct gs_err *err)
{
    (void)node;
    on_done(ctx, result, err);
}

static void on_pods(void *ctx, int result, const struct gs_cluster_pod *pods, size_t n,
                    const struct gs_err *err)
{
    (void)pods;
    (void)n;
    on_done(ctx, result, err);
}

static void on_watched(void *ctx, const struct gs_cluster_node *node)
{
    (void)node;
    on_done(ctx, 0, NULL);
}

static void on_reach(void *ctx, const struct gs_cluster_reach *reach)
{
    if (!reach->reachable) {
        on_done(ctx, (int)reach->why->code, reach->why);
    }
}

/* Waits for an operation that was begun, or not. */
static int end_of(sd_event *event, int r, struct seen *seen, struct gs_err *err)
{
    if (r != 0) {
        return r;
    }
    loop_until(event, &seen->done, WAIT_MS);
    if (seen->result != 0) {
        *err = seen->err;
    }
    seen->done = false;
    return seen->result;
}

static int use_cluster(sd_event *event, struct gs_cluster *cluster, struct gs_err *err)
{
    static const struct gs_cluster_pair pair = {.key = "a", .value = "b"};
    static const struct gs_cluster_pair count = {.key = "nvidia.com/gpu", .value = "7"};
    const struct gs_cluster_node_change change = {.node = "n", .labels = {.at = &pair, .n = 1}};
    const struct gs_cluster_status_change status = {.node = "n",
                                                    .capacity = {.at = &count, .n = 1}};
    const struct gs_cluster_pods_query pods = {.node = "n", .resources = "nvidia.com/"};
    struct seen seen = {.done = false};
    const struct gs_cluster_node_sink sink = {.node = on_watched, .reach = on_reach, .ctx = &seen};
    struct gs_cluster_watch *watch = NULL;
    int r = end_of(event, gs_cluster_get_node(cluster, "n", on_node, &seen, NULL, err), &seen, err);
    r = r == 0 ? end_of(event, gs_cluster_change_node(cluster, &change, on_done, &seen, NULL, err),
                        &seen, err)
               : r;
    r = r == 0
            ? end_of(event, gs_cluster_change_status(cluster, &status, on_done, &seen, NULL, err),
                     &seen, err)
            : r;
    r = r == 0
            ? end_of(event, gs_cluster_remove_taint(cluster, "n", "x", on_done, &seen, NULL, err),
                     &seen, err)
            : r;
    r = r == 0 ? end_of(event, gs_cluster_list_pods(cluster, &pods, on_pods, &seen, NULL, err),
                        &seen, err)
               : r;
    r = r == 0 ? end_of(event, gs_cluster_watch_node(cluster, "n", &sink, &watch, err), &seen, err)
               : r;
    if (watch != NULL) {
        gs_cluster_unwatch(cluster, watch);
    }
    return r;
}

static uint64_t counted(const struct gs_events *events)
{
    const struct gs_events_counts counts = gs_events_counts(events);
    return counts.posted + counts.failed;
}

static int post_event(sd_event *event, struct gs_cluster *cluster, struct gs_err *err)
{
    struct gs_events *events = NULL;
    const struct gs_events_options options = {
        .event = event, .cluster = *cluster, .node = "n", .controller = "a.dev/b", .instance = "n"};
    int r = gs_events_new(&options, &events, err);
    if (r != 0) {
        return r;
    }
    gs_events_post(events, false, "A", "B", "c");
    for (unsigned ms = 0; counted(events) == 0; ms++) {
        assert_true(ms < WAIT_MS);
        loop_for(event, 1);
    }
    r = gs_events_counts(events).failed > 0 ? gs_fail(err, GS_NO_MEMORY, "the event failed") : 0;
    gs_events_free(events);
    return r;
}

static int use_memory(struct gs_err *err)
{
    static const struct gs_cluster_pair pair = {.key = "a", .value = "x"};
    static const struct gs_cluster_amount ask = {.resource = "nvidia.com/gpu", .count = 1};
    const struct gs_cluster_node node = {.name = "n", .labels = {.at = &pair, .n = 1}};
    const struct gs_cluster_pod pod = {
        .name_space = "d", .name = "p", .uid = "u", .node = "n", .asks = &ask, .n_asks = 1};
    struct gs_cluster cluster = {.ops = NULL};
    sd_event *event = NULL;
    assert_true(sd_event_new(&event) >= 0);
    int r = gs_cluster_memory_open(event, &cluster, err);
    r = r == 0 ? gs_cluster_memory_put_node(&cluster, &node, err) : r;
    r = r == 0 ? gs_cluster_memory_put_pod(&cluster, &pod, err) : r;
    r = r == 0 ? use_cluster(event, &cluster, err) : r;
    r = r == 0 ? post_event(event, &cluster, err) : r;
    gs_cluster_close(&cluster);
    sd_event_unref(event);
    return r;
}

/* ---- servers ---- */

/* A process that serves until its parent ends it. */
struct server {
    pid_t pid;
    unsigned port;
    char ca[CERT_PEM_MAX];
};

static void serve_text(void *ctx, struct gs_http_exchange *exchange,
                       const struct gs_http_asked *asked)
{
    (void)asked;
    gs_http_answer(exchange, 200, "application/json", gs_view(ctx));
}

/* The watch: the stream is answered whole, and so ends. */
static void serve_nodes(void *ctx, struct gs_http_exchange *exchange,
                        const struct gs_http_asked *asked)
{
    (void)ctx;
    (void)asked;
    gs_http_answer(exchange, 200, "application/json", gs_view(LIST("Node", NODE)));
}

static void serve_api(sd_event *event, const struct cert *cert, struct gs_http_server **ret)
{
    static char node[] = NODE;
    static char pods[] = LIST("Pod", POD);
    static char nothing[] = "{}";
    int fd = -1;
    const struct gs_http_route routes[] = {
        {.method = "GET", .path = "/api/v1/nodes/n", .serve = serve_text, .ctx = node},
        {.method = "PATCH", .path = "/api/v1/nodes/*", .serve = serve_text, .ctx = node},
        {.method = "GET", .path = "/api/v1/nodes", .serve = serve_nodes},
        {.method = "GET", .path = "/api/v1/pods", .serve = serve_text, .ctx = pods},
        {.method = "POST", .path = "/apis/*", .serve = serve_text, .ctx = nothing},
    };
    const struct gs_http_server_options options = {.routes = routes,
                                                   .n_routes = sizeof(routes) / sizeof(*routes),
                                                   .max_connections = 100,
                                                   .tls_cert = cert_pem(cert),
                                                   .tls_key = cert_key(cert)};
    assert_int_equal(gs_http_listen_tcp("127.0.0.1:0", &fd, NULL), 0);
    assert_int_equal(gs_http_server_new(event, fd, &options, ret, NULL), 0);
}

static void run_server(int out)
{
    struct server said = {.pid = 0};
    struct cert ca;
    struct cert cert;
    struct gs_http_server *server = NULL;
    sd_event *event = NULL;
    assert_true(sd_event_new(&event) >= 0);
    cert_make(&(struct cert_plan){.name = "CA", .days = 10}, &ca);
    cert_make(&(struct cert_plan){.name = "s", .address = "127.0.0.1", .days = 5, .by = &ca},
              &cert);
    serve_api(event, &cert, &server);
    said.port = gs_http_server_port(server);
    memcpy(said.ca, ca.pem, sizeof(said.ca));
    (void)!write(out, &said, sizeof(said));
    (void)sd_event_loop(event);
}

static struct server start_server(void)
{
    struct server server = {.pid = 0};
    int out[2];
    assert_int_equal(pipe(out), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(out[0]);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        run_server(out[1]);
        _exit(0);
    }
    close(out[1]);
    assert_int_equal(read(out[0], &server, sizeof(server)), sizeof(server));
    close(out[0]);
    server.pid = pid;
    return server;
}

static void stop_server(const struct server *server)
{
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
}

static struct server now;

/* ---- HTTP ---- */

static void on_answer(void *ctx, int result, const struct gs_http_answer *answer,
                      const struct gs_err *err)
{
    (void)answer;
    on_done(ctx, result, err);
}

static int ask(sd_event *event, struct gs_http_client *client, const char *method, const char *path,
               struct gs_err *err)
{
    static const char *const headers[] = {"Accept: application/json"};
    char url[100];
    struct seen seen = {.done = false};
    const struct gs_http_tls tls = {.ca = gs_view(now.ca)};
    snprintf(url, sizeof(url), "https://127.0.0.1:%u%s", now.port, path);
    const struct gs_http_request request = {
        .method = method,
        .url = url,
        .headers = headers,
        .n_headers = 1,
        .body = strcmp(method, "GET") == 0 ? (struct gs_view){.p = NULL} : gs_view("{}"),
        .bearer = "token",
        .tls = &tls,
        .on_done = on_answer,
        .ctx = &seen,
    };
    return end_of(event, gs_http_begin(client, &request, NULL, err), &seen, err);
}

static int use_http(struct gs_err *err)
{
    struct gs_http_client *client = NULL;
    sd_event *event = NULL;
    assert_true(sd_event_new(&event) >= 0);
    int r = gs_http_client_new(event, &client, err);
    r = r == 0 ? ask(event, client, "GET", "/api/v1/nodes/n", err) : r;
    r = r == 0 ? ask(event, client, "POST", "/apis/x", err) : r;
    gs_http_client_free(client);
    sd_event_unref(event);
    return r;
}

/* ---- the API server ---- */

static char config_path[64];

static void write_configuration(void)
{
    char folder[] = "/tmp/gs-torture-XXXXXX";
    char ca_path[80];
    assert_non_null(mkdtemp(folder));
    snprintf(config_path, sizeof(config_path), "%s/config", folder);
    snprintf(ca_path, sizeof(ca_path), "%s/ca", folder);
    FILE *file = fopen(ca_path, "w");
    assert_non_null(file);
    fputs(now.ca, file);
    fclose(file);
    file = fopen(config_path, "w");
    assert_non_null(file);
    fprintf(file,
            "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n"
            "clusters: [{name: k, cluster: {server: \"https://127.0.0.1:%u\", "
            "certificate-authority: ca}}]\nusers: [{name: u, user: {token: t}}]\n",
            now.port);
    fclose(file);
}

static void remove_configuration(void)
{
    char path[80];
    unlink(config_path);
    *strrchr(config_path, '/') = '\0';
    snprintf(path, sizeof(path), "%s/ca", config_path);
    unlink(path);
    rmdir(config_path);
}

static int use_kube(struct gs_err *err)
{
    struct gs_cluster cluster = {.ops = NULL};
    sd_event *event = NULL;
    assert_true(sd_event_new(&event) >= 0);
    const struct gs_cluster_kube_options options = {.event = event, .kubeconfig = config_path};
    int r = gs_cluster_kube_open(&options, &cluster, err);
    r = r == 0 ? use_cluster(event, &cluster, err) : r;
    r = r == 0 ? post_event(event, &cluster, err) : r;
    gs_cluster_close(&cluster);
    sd_event_unref(event);
    return r;
}

/* ---- tests ---- */

static void torture__configurations_and_objects_are_read_whatever_request_fails(void **state)
{
    (void)state;
    assert_true(torture_arena(read_configuration, 1) > 20);
    assert_true(torture_arena(decode, 1) > 10);
    assert_true(torture_heap(read_streams, 1) > 4);
}

static void torture__a_cluster_in_memory_is_used_whatever_request_fails(void **state)
{
    (void)state;
    assert_true(torture_heap(use_memory, 1) > 20);
}

static void torture__http_is_spoken_whatever_request_fails(void **state)
{
    (void)state;
    now = start_server();
    assert_true(torture_heap(use_http, 1) > 5);
    stop_server(&now);
}

static void torture__an_api_server_is_used_whatever_request_fails(void **state)
{
    (void)state;
    now = start_server();
    write_configuration();
    assert_true(torture_heap(use_kube, 1) > 50);
    remove_configuration();
    stop_server(&now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__configurations_and_objects_are_read_whatever_request_fails),
        cmocka_unit_test(torture__a_cluster_in_memory_is_used_whatever_request_fails),
        cmocka_unit_test(torture__http_is_spoken_whatever_request_fails),
        cmocka_unit_test(torture__an_api_server_is_used_whatever_request_fails),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
