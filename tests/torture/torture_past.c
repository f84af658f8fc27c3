/* What was is asked for, of a gpuslice-history over TLS and of a Prometheus, with each request for
 * memory failed. The servers are a process of their own, so that they do not run out of it too. */
#include "torture/torture.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <systemd/sd-event.h>

#include "cluster/kube.h"
#include "controller/past/past.h"
#include "net/http_server.h"
#include "unit/net/certs.h"
#include "unit/net/loop.h"

enum { WAIT_MS = 60000 };

#define HISTORY "{\"series\":[],\"step\":60}"
#define POINTS                                                                                     \
    "{\"status\":\"success\",\"data\":{\"result\":[{\"values\":[[1000,\"1.5\"],[1060,\"2\"]]}]}}"
#define CONFIGMAP "/api/v1/namespaces/%s/configmaps/gpuslice-history-ca"
#define CONFIG                                                                                     \
    "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n"                  \
    "clusters: [{name: k, cluster: {server: \"https://127.0.0.1:%u\", "                            \
    "certificate-authority: ca}}]\nusers: [{name: u, user: {token: t}}]\n"

/* ---- who answers ---- */

/* An API server and a history behind one certificate, and a Prometheus without. */
struct servers {
    pid_t pid;
    unsigned port;
    unsigned prometheus;
    char ca[CERT_PEM_MAX];
};

static struct servers now;
static char config_path[64];

static void serve_text(void *ctx, struct gs_http_exchange *exchange,
                       const struct gs_http_asked *asked)
{
    (void)asked;
    gs_http_answer(exchange, 200, "application/json", gs_view(ctx));
}

static unsigned serve(sd_event *event, const struct gs_http_route *routes, size_t n,
                      const struct cert *cert)
{
    int fd = -1;
    struct gs_http_server *server = NULL;
    const struct gs_http_server_options options = {
        .routes = routes,
        .n_routes = n,
        .max_connections = 100,
        .tls_cert = cert == NULL ? gs_view("") : cert_pem(cert),
        .tls_key = cert == NULL ? gs_view("") : cert_key(cert)};
    assert_int_equal(gs_http_listen_tcp("127.0.0.1:0", &fd, NULL), 0);
    assert_int_equal(gs_http_server_new(event, fd, &options, &server, NULL), 0);
    return gs_http_server_port(server);
}

/* "ours" has the CA of the history, "theirs" that of somebody else. */
static void run_servers(int out)
{
    static struct cert ca;
    static struct cert other;
    static struct cert cert;
    static char history[] = HISTORY;
    static char points[] = POINTS;
    static char ours_path[100];
    static char theirs_path[100];
    struct servers said = {.pid = 0};
    sd_event *event = NULL;
    assert_true(sd_event_new(&event) >= 0);
    cert_make(&(struct cert_plan){.name = "CA", .days = 10}, &ca);
    cert_make(&(struct cert_plan){.name = "other CA", .days = 10}, &other);
    cert_make(&(struct cert_plan){.name = "s", .address = "127.0.0.1", .days = 5, .by = &ca},
              &cert);
    char *ours = json_dumps(json_pack("{s:{s:s}}", "data", "ca.crt", ca.pem), 0);
    char *theirs = json_dumps(json_pack("{s:{s:s}}", "data", "ca.crt", other.pem), 0);
    snprintf(ours_path, sizeof(ours_path), CONFIGMAP, "ours");
    snprintf(theirs_path, sizeof(theirs_path), CONFIGMAP, "theirs");
    static struct gs_http_route routes[] = {
        {.method = "GET", .path = ours_path, .serve = serve_text},
        {.method = "GET", .path = theirs_path, .serve = serve_text},
        {.method = "GET", .path = "/api/v1/history", .serve = serve_text, .ctx = history},
    };
    static const struct gs_http_route queries[] = {
        {.method = "GET", .path = "/api/v1/query_range", .serve = serve_text, .ctx = points}};
    routes[0].ctx = ours;
    routes[1].ctx = theirs;
    said.port = serve(event, routes, sizeof(routes) / sizeof(*routes), &cert);
    said.prometheus = serve(event, queries, 1, NULL);
    memcpy(said.ca, ca.pem, sizeof(said.ca));
    (void)!write(out, &said, sizeof(said));
    (void)sd_event_loop(event);
}

static void start_servers(void)
{
    int out[2];
    assert_int_equal(pipe(out), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(out[0]);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        run_servers(out[1]);
        _exit(0);
    }
    close(out[1]);
    assert_int_equal(read(out[0], &now, sizeof(now)), sizeof(now));
    close(out[0]);
    now.pid = pid;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    char folder[] = "/tmp/gs-torture-XXXXXX";
    char path[80];
    char text[sizeof(CONFIG) + 20];
    (void)state;
    start_servers();
    assert_non_null(mkdtemp(folder));
    snprintf(config_path, sizeof(config_path), "%s/config", folder);
    snprintf(path, sizeof(path), "%s/ca", folder);
    write_file(path, now.ca);
    snprintf(text, sizeof(text), CONFIG, now.port);
    write_file(config_path, text);
    return 0;
}

static int tear_down(void **state)
{
    char path[80];
    (void)state;
    kill(now.pid, SIGKILL);
    waitpid(now.pid, NULL, 0);
    unlink(config_path);
    *strrchr(config_path, '/') = '\0';
    snprintf(path, sizeof(path), "%s/ca", config_path);
    unlink(path);
    rmdir(config_path);
    return 0;
}

/* ---- who asks ---- */

struct asked {
    bool done;
    unsigned status;
    char text[2000];
};

static void on_done(void *ctx, unsigned status, struct gs_view text)
{
    struct asked *asked = ctx;
    assert_false(asked->done);
    asked->done = true;
    asked->status = status;
    snprintf(asked->text, sizeof(asked->text), "%.*s", GS_VIEW_ARGS(gs_view_trim(text)));
}

static struct gs_dashboard_past question(struct asked *asked)
{
    return (struct gs_dashboard_past){
        .path = "/api/v1/history?series=bill_usd_h,waiting_pods&from=1000&to=2000&step=60",
        .done = on_done,
        .ctx = asked};
}

/* What was to be answered, or that there was no memory. */
static int judge(const struct asked *asked, unsigned status, const char *has, struct gs_err *err)
{
    if (strstr(asked->text, "memory") != NULL) {
        assert_int_equal(asked->status, 503);
        return gs_fail(err, GS_NO_MEMORY, "%s", asked->text);
    }
    return asked->status == status && strstr(asked->text, has) != NULL
               ? 0
               : gs_fail(err, GS_IO, "found %u: %s; expected %u: %s", asked->status, asked->text,
                         status, has);
}

/* Two ask, of whom one gives up, and then somebody else; `status`, `has`: what they are answered.
 */
static int ask(struct gs_past_options options, unsigned status, const char *has, struct gs_err *err)
{
    struct gs_past *past = NULL;
    struct asked asked[3] = {{.done = false}};
    struct gs_dashboard_past questions[] = {question(&asked[0]), question(&asked[1]),
                                            question(&asked[2])};
    options.token_file = "/proc/self/comm";
    int r = gs_past_new(&options, &past, err);
    if (r != 0) {
        return r;
    }
    gs_past_ask(past, &questions[0]);
    gs_past_ask(past, &questions[1]);
    if (asked[1].done) {
        r = judge(&asked[1], status, has, err);
        assert_int_equal(r, GS_NO_MEMORY);
    } else {
        gs_past_forget(past, &questions[1]);
    }
    for (unsigned i = 0; i < 3 && r == 0; i += 2) {
        if (i > 0) {
            gs_past_ask(past, &questions[i]);
        }
        loop_until(options.event, &asked[i].done, WAIT_MS);
        r = judge(&asked[i], status, has, err);
    }
    gs_past_free(past);
    return r;
}

/* `name_space`: whose ConfigMap has the CA. */
static int ask_over_tls(const char *name_space, unsigned status, const char *has,
                        struct gs_err *err)
{
    char history[40];
    sd_event *event = NULL;
    struct gs_kube *kube = NULL;
    assert_true(sd_event_new(&event) >= 0);
    snprintf(history, sizeof(history), "https://127.0.0.1:%u", now.port);
    const struct gs_kube_options options = {.event = event, .kubeconfig = config_path};
    int r = gs_kube_new(&options, &kube, err);
    if (r == 0) {
        r = ask((struct gs_past_options){.event = event,
                                         .kube = kube,
                                         .name_space = name_space,
                                         .history = history,
                                         .ca_file = "",
                                         .prometheus = ""},
                status, has, err);
    }
    gs_kube_free(kube);
    sd_event_unref(event);
    return r;
}

static int ask_history(struct gs_err *err)
{
    return ask_over_tls("ours", 200, HISTORY, err);
}

/* The CA is read a second time, and is not that of the history, either. */
static int ask_a_stranger(struct gs_err *err)
{
    return ask_over_tls("theirs", 503, "gpuslice-history does not answer", err);
}

static int ask_prometheus(struct gs_err *err)
{
    char prometheus[40];
    sd_event *event = NULL;
    assert_true(sd_event_new(&event) >= 0);
    snprintf(prometheus, sizeof(prometheus), "http://127.0.0.1:%u", now.prometheus);
    int r = ask((struct gs_past_options){.event = event,
                                         .name_space = "",
                                         .history = "",
                                         .ca_file = "",
                                         .prometheus = prometheus},
                200, "\"points\":[[1000,1.5],[1060,2]]", err);
    sd_event_unref(event);
    return r;
}

static void torture__a_history_over_tls_is_asked_whatever_request_fails(void **state)
{
    (void)state;
    assert_true(torture_heap(ask_history, 1) > 20);
}

static void torture__a_stranger_is_not_believed_whatever_request_fails(void **state)
{
    (void)state;
    assert_true(torture_heap(ask_a_stranger, 1) > 30);
}

static void torture__a_prometheus_is_asked_whatever_request_fails(void **state)
{
    (void)state;
    assert_true(torture_heap(ask_prometheus, 1) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__a_history_over_tls_is_asked_whatever_request_fails),
        cmocka_unit_test(torture__a_stranger_is_not_believed_whatever_request_fails),
        cmocka_unit_test(torture__a_prometheus_is_asked_whatever_request_fails),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
