#include "kube/api.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/net/loop.h"

enum { WAIT_MS = 20000 };

/* ---- files ---- */

const char *api_write(struct api *api, const char *name, const char *text)
{
    static char paths[4][API_PATH_MAX];
    static char fresh[API_PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, API_PATH_MAX, "%s/%s", api->folder, name);
    snprintf(fresh, sizeof(fresh), "%s/.%s", api->folder, name);
    FILE *file = fopen(fresh, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(fresh, path), 0); /* as the kubelet does with tokens */
    return path;
}

void api_set_tokens(struct api *api, const char *tokens)
{
    api_write(api, "tokens", tokens);
}

static void drop_files(const char *folder)
{
    static const char *const names[] = {"ca.crt",     "server.crt", "server.key", "tokens", "token",
                                        "kubeconfig", "program",    "said",       "count"};
    char path[API_PATH_MAX];
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

/* ---- start and end ---- */

static void spawn(struct api *api, int *ret_out)
{
    int in[2];
    int out[2];
    char script[] = GS_SOURCE_DIR "/tests/kube/fake_api.py";
    char python[] = "python3";
    char cert[API_PATH_MAX];
    char key[API_PATH_MAX];
    char tokens[API_PATH_MAX];
    snprintf(cert, sizeof(cert), "%s/server.crt", api->folder);
    snprintf(key, sizeof(key), "%s/server.key", api->folder);
    snprintf(tokens, sizeof(tokens), "%s/tokens", api->folder);
    char *args[] = {python, script, cert, key, tokens, NULL};
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    api->pid = fork();
    assert_true(api->pid >= 0);
    if (api->pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        execvp(python, args);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    api->stdin_fd = in[1];
    *ret_out = out[0];
}

static unsigned read_port(int fd)
{
    char text[16] = "";
    size_t n = 0;
    while (n < sizeof(text) - 1 && strchr(text, '\n') == NULL) {
        ssize_t k = read(fd, text + n, sizeof(text) - 1 - n);
        assert_true(k > 0); /* else python3 or the script did not start */
        n += (size_t)k;
        text[n] = '\0';
    }
    close(fd);
    return (unsigned)atoi(text);
}

static void begin(struct api *api, sd_event *event)
{
    *api = (struct api){.event = event, .stdin_fd = -1};
    strcpy(api->folder, "/tmp/gs-api-XXXXXX");
    assert_non_null(mkdtemp(api->folder));
    assert_int_equal(gs_http_client_new(event, &api->client, NULL), 0);
}

void api_start(struct api *api, sd_event *event)
{
    struct cert server;
    int out = -1;
    begin(api, event);
    cert_make(&(struct cert_plan){.name = "test CA", .days = 10}, &api->ca);
    cert_make(
        &(struct cert_plan){
            .name = "api", .address = "127.0.0.1", .dns = "kubernetes", .days = 5, .by = &api->ca},
        &server);
    api_write(api, "ca.crt", api->ca.pem);
    api_write(api, "server.crt", server.pem);
    api_write(api, "server.key", server.key);
    api_set_tokens(api, "admin agent");
    spawn(api, &out);
    unsigned port = read_port(out);
    snprintf(api->url, sizeof(api->url), "https://127.0.0.1:%u", port);
    api->tls.ca = cert_pem(&api->ca);
    api->bearer = "admin";
    proxy_open(&api->proxy, event, "127.0.0.1", port);
}

bool api_join(struct api *api, sd_event *event)
{
    const char *url = getenv("GS_API_URL");
    if (url == NULL) {
        return false;
    }
    char host[64];
    unsigned port;
    begin(api, event);
    api->real = true;
    snprintf(api->url, sizeof(api->url), "%s", url);
    snprintf(api->files[0], API_PATH_MAX, "%s", getenv("GS_API_CA"));
    snprintf(api->files[1], API_PATH_MAX, "%s", getenv("GS_API_CERT"));
    snprintf(api->files[2], API_PATH_MAX, "%s", getenv("GS_API_KEY"));
    api->tls = (struct gs_http_tls){
        .ca_file = api->files[0], .cert_file = api->files[1], .key_file = api->files[2]};
    assert_int_equal(sscanf(url, "https://%63[0-9.]:%u", host, &port), 2);
    proxy_open(&api->proxy, event, host, port);
    return true;
}

void api_stop(struct api *api)
{
    json_decref(api->answer);
    proxy_close(&api->proxy);
    gs_http_client_free(api->client);
    if (api->pid > 0) {
        close(api->stdin_fd);
        kill(api->pid, SIGKILL);
        waitpid(api->pid, NULL, 0);
    }
    drop_files(api->folder);
}

const char *api_kubeconfig(struct api *api, const char *user)
{
    char text[2048];
    char files[1024];
    const char *ca = api->files[0];
    if (!api->real) {
        ca = "ca.crt"; /* beside it */
    } else if (user == NULL) {
        snprintf(files, sizeof(files), "{\"client-certificate\": \"%s\", \"client-key\": \"%s\"}",
                 api->files[1], api->files[2]);
        user = files;
    }
    snprintf(
        text, sizeof(text),
        "{\"apiVersion\": \"v1\", \"kind\": \"Config\", \"current-context\": \"c\",\n"
        " \"contexts\": [{\"name\": \"c\", \"context\": {\"cluster\": \"k\", \"user\": \"u\"}}],\n"
        " \"clusters\": [{\"name\": \"k\", \"cluster\": {\"server\": \"https://127.0.0.1:%u\",\n"
        "   \"certificate-authority\": \"%s\"}}],\n"
        " \"users\": [{\"name\": \"u\", \"user\": %s}]}\n",
        api->proxy.port, ca, user == NULL ? "{\"token\": \"agent\"}" : user);
    return api_write(api, "kubeconfig", text);
}

/* ---- requests ---- */

static void on_done(void *ctx, int result, const struct gs_http_answer *answer,
                    const struct gs_err *err)
{
    struct api *api = ctx;
    if (result != 0) {
        print_message("the test's own request: %s\n", err->msg);
    }
    assert_int_equal(result, 0);
    json_decref(api->answer);
    api->answer = json_loadb(answer->body.p, answer->body.n, 0, NULL);
    api->status = answer->status;
    api->done = true;
}

unsigned api_do(struct api *api, const char *method, const char *path, const char *type,
                json_t *body)
{
    char url[2048];
    char header[200];
    const char *headers[] = {header};
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    snprintf(url, sizeof(url), "%s%s", api->url, path);
    snprintf(header, sizeof(header), "Content-Type: %s", type == NULL ? "application/json" : type);
    const struct gs_http_request request = {
        .method = method,
        .url = url,
        .headers = headers,
        .n_headers = 1,
        .body = text == NULL ? (struct gs_view){.p = NULL} : gs_view(text),
        .bearer = api->bearer,
        .tls = &api->tls,
        .on_done = on_done,
        .ctx = api,
    };
    api->done = false;
    assert_int_equal(gs_http_begin(api->client, &request, NULL, NULL), 0);
    json_decref(body);
    free(text);
    loop_until(api->event, &api->done, WAIT_MS);
    return api->status;
}

json_t *api_must(struct api *api, const char *method, const char *path, const char *type,
                 json_t *body)
{
    unsigned status = api_do(api, method, path, type, body);
    if (status < 200 || status > 299) {
        char *said = json_dumps(api->answer, JSON_ENCODE_ANY);
        print_message("%s %s: %u %s\n", method, path, status, said);
        free(said);
    }
    assert_in_range(status, 200, 299);
    return api->answer;
}

void api_script(struct api *api, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    assert_true(vasprintf(&text, fmt, ap) >= 0);
    va_end(ap);
    json_t *body = json_loads(text, 0, NULL);
    assert_non_null(body);
    free(text);
    api_must(api, "POST", "/_script", NULL, body);
}

unsigned api_seen(struct api *api, const char *begin_text)
{
    const json_t *all = api_must(api, "GET", "/_seen", NULL, NULL);
    unsigned n = 0;
    for (size_t i = 0; i < json_array_size(all); i++) {
        char asked[2048];
        const json_t *one = json_array_get(all, i);
        snprintf(asked, sizeof(asked), "%s %s", json_string_value(json_array_get(one, 0)),
                 json_string_value(json_array_get(one, 1)));
        n += strncmp(asked, begin_text, strlen(begin_text)) == 0;
    }
    return n;
}
