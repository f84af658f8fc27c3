#include "controller/past/past.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cluster/kube.h"
#include "controller/past/prometheus.h"
#include "controller/past/trust.h"
#include "net/http_client.h"
#include "wire/jsonwrite.h"
#include "wire/url.h"

#define LIMIT_US 20000000ull
#define DOC_MAX ((size_t)32 << 20)

enum {
    SERIES_MAX = 64,
    URL_MAX = 8192,
    TOKEN_MAX = 16 << 10,
    QUERY_MAX = 512,
    NAME_MAX_BYTES = 64
};

struct answer;

/* One series that Prometheus is asked for. */
struct part {
    struct answer *of;
    struct gs_http_call *call;
    char name[NAME_MAX_BYTES];
    struct gs_buf points; /* "[t,v],[t,v]" */
};

/* Somebody who waits. */
struct answer {
    struct answer *prev;
    struct answer *next;
    struct gs_past *past;
    struct gs_dashboard_past *question;
    struct gs_http_call *call; /* to gpuslice-history */
    bool waits;                /* for its CA */
    bool looked;               /* the CA was read anew for this answer */
    uint64_t from_s;
    uint64_t to_s;
    uint64_t step_s;
    struct gs_err failed; /* a part has */
    unsigned under_way;
    unsigned n_parts;
    struct part parts[SERIES_MAX];
};

struct gs_past {
    struct gs_past_options options;
    struct gs_http_client *client;
    struct gs_trust *trust; /* NULL: a file has the CA, or it is not HTTPS */
    struct answer *answers;
};

/* ---- answers ---- */

static void free_answer(struct answer *answer)
{
    struct gs_past *past = answer->past;
    if (answer->call != NULL) {
        gs_http_cancel(answer->call);
    }
    for (unsigned i = 0; i < answer->n_parts; i++) {
        if (answer->parts[i].call != NULL) {
            gs_http_cancel(answer->parts[i].call);
        }
        gs_buf_done(&answer->parts[i].points);
    }
    *(answer->prev == NULL ? &past->answers : &answer->prev->next) = answer->next;
    if (answer->next != NULL) {
        answer->next->prev = answer->prev;
    }
    free(answer);
}

static void say(struct gs_dashboard_past *question, unsigned status, const char *text)
{
    char line[800];
    (void)snprintf(line, sizeof(line), "%s\n", text);
    question->done(question->ctx, status, gs_view(line));
}

static void fail_answer(struct answer *answer, unsigned status, const char *text)
{
    struct gs_dashboard_past *question = answer->question;
    char copy[sizeof(answer->failed.msg) + 700]; /* it may be the answer's */
    (void)snprintf(copy, sizeof(copy), "%s", text);
    free_answer(answer);
    say(question, status, copy);
}

static struct answer *new_answer(struct gs_past *past, struct gs_dashboard_past *question)
{
    struct answer *answer = calloc(1, sizeof(*answer));
    if (answer != NULL) {
        answer->past = past;
        answer->question = question;
        answer->next = past->answers;
        if (past->answers != NULL) {
            past->answers->prev = answer;
        }
        past->answers = answer;
        question->answer = answer;
    }
    return answer;
}

/* ---- gpuslice-history ---- */

/* It has a CA that we do not know: it may have started anew. False: it was looked at already. */
static bool may_look_anew(struct answer *answer)
{
    bool first = answer->past->trust != NULL && !answer->looked;
    answer->looked = answer->waits = first;
    return first;
}

static void on_history(void *ctx, int result, const struct gs_http_answer *found,
                       const struct gs_err *err)
{
    struct answer *answer = ctx;
    struct gs_err why = {.msg = ""};
    char text[700];
    answer->call = NULL;
    if (result != 0 && err->sys_errno == EKEYREJECTED && may_look_anew(answer)) {
        if (gs_trust_look(answer->past->trust, &why) == 0) {
            return;
        }
        err = &why;
    }
    if (result != 0) {
        (void)snprintf(text, sizeof(text), "gpuslice-history does not answer: %s", err->msg);
        fail_answer(answer, 503, text);
        return;
    }
    if (found->status == 401 || found->status == 403) {
        (void)snprintf(text, sizeof(text), "gpuslice-history does not let us in: %.*s",
                       GS_VIEW_ARGS(gs_view_trim(found->body)));
        fail_answer(answer, 503, text);
        return;
    }
    /* the body lives until we return */
    struct gs_dashboard_past *question = answer->question;
    free_answer(answer);
    question->done(question->ctx, found->status, found->body);
}

/* "": there is none, or it cannot be read. */
static void read_token(const char *path, char ret[TOKEN_MAX])
{
    FILE *file = fopen(path, "re");
    size_t n = file == NULL ? 0 : fread(ret, 1, TOKEN_MAX - 1, file);
    ret[n] = '\0';
    ret[strcspn(ret, " \t\r\n")] = '\0';
    if (file != NULL) {
        fclose(file);
    }
}

static int ask_history(struct answer *answer, struct gs_err *err)
{
    const struct gs_past_options *options = &answer->past->options;
    char url[URL_MAX];
    char token[TOKEN_MAX];
    static const char *const headers[] = {"Accept: application/json"};
    const struct gs_trust *trust = answer->past->trust;
    const struct gs_http_tls tls = {.ca_file = trust == NULL ? options->ca_file : NULL,
                                    .ca = trust == NULL ? gs_view("") : gs_trust_ca(trust)};
    if (trust != NULL && gs_trust_ca(trust).n == 0) {
        answer->looked = answer->waits = true;
        return gs_trust_look(answer->past->trust, err);
    }
    int k = snprintf(url, sizeof(url), "%s%s", options->history, answer->question->path);
    if (k < 0 || (size_t)k >= sizeof(url)) {
        return gs_fail(err, GS_LIMIT, "the question is too long");
    }
    read_token(options->token_file, token);
    if (token[0] == '\0') {
        return gs_fail(err, GS_NOT_FOUND, "%s: no token for gpuslice-history is there",
                       options->token_file);
    }
    const struct gs_http_request request = {
        .method = "GET",
        .url = url,
        .headers = headers,
        .n_headers = GS_ARRAY_LEN(headers),
        .bearer = token,
        .tls = strncmp(url, "https:", 6) == 0 ? &tls : NULL,
        .total_limit_us = LIMIT_US,
        .max_body = DOC_MAX,
        .on_done = on_history,
        .ctx = answer,
    };
    int r = gs_http_begin(answer->past->client, &request, &answer->call, err);
    explicit_bzero(token, sizeof(token));
    return r;
}

/* Whoever waits for the CA goes on, or is told why there is none. */
static void on_trust(void *ctx, const struct gs_err *why)
{
    struct gs_past *past = ctx;
    struct answer *next;
    for (struct answer *answer = past->answers; answer != NULL; answer = next) {
        struct gs_err err = {.msg = ""};
        next = answer->next;
        if (answer->waits) {
            answer->waits = false;
            if (why != NULL || ask_history(answer, &err) != 0) {
                fail_answer(answer, 503, why != NULL ? why->msg : err.msg);
            }
        }
    }
}

/* ---- Prometheus ---- */

static void put_part(struct gs_jsonwrite *json, const struct part *part)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf list;
    gs_buf_init(&list, DOC_MAX);
    gs_buf_printf(&list, "[%s]", gs_buf_text(&part->points));
    gs_jsonwrite_open(json, NULL, '{');
    gs_jsonwrite_text(json, "name", part->name);
    gs_jsonwrite_open(json, "labels", '{');
    gs_jsonwrite_close(json, '}');
    gs_jsonwrite_raw(json, "points", gs_buf_text(&list), list.len);
    gs_buf_need(json->out, &list);
    gs_jsonwrite_close(json, '}');
}

static void end_prometheus(struct answer *answer)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    struct gs_jsonwrite json = {.out = &out};
    struct gs_err err = {.msg = ""};
    uint64_t now = 0;
    gs_buf_init(&out, DOC_MAX);
    if (answer->failed.code != GS_OK) {
        fail_answer(answer, 503, answer->failed.msg);
        return;
    }
    (void)sd_event_now(answer->past->options.event, CLOCK_REALTIME, &now);
    gs_jsonwrite_open(&json, NULL, '{');
    gs_jsonwrite_time(&json, "at", now);
    gs_jsonwrite_number(&json, "from", answer->from_s);
    gs_jsonwrite_number(&json, "to", answer->to_s);
    gs_jsonwrite_open(&json, "series", '[');
    for (unsigned i = 0; i < answer->n_parts; i++) {
        if (answer->parts[i].points.len > 0) {
            put_part(&json, &answer->parts[i]);
        }
    }
    gs_jsonwrite_close(&json, ']');
    gs_jsonwrite_number(&json, "step", answer->step_s);
    gs_jsonwrite_close(&json, '}');
    if (gs_jsonwrite_end(&json, "the history", &err) != 0) {
        fail_answer(answer, 503, err.msg);
        return;
    }
    struct gs_dashboard_past *question = answer->question;
    free_answer(answer);
    question->done(question->ctx, 200, (struct gs_view){.p = gs_buf_text(&out), .n = out.len});
}

static void on_part(void *ctx, int result, const struct gs_http_answer *found,
                    const struct gs_err *err)
{
    struct part *part = ctx;
    struct answer *answer = part->of;
    part->call = NULL;
    if (result != 0) {
        (void)gs_fail(&answer->failed, GS_IO, "Prometheus does not answer: %s", err->msg);
    } else if (gs_prometheus_points(found->body, &part->points, &answer->failed) == 0 &&
               found->status != 200) {
        (void)gs_fail(&answer->failed, GS_IO, "Prometheus has answered %u", found->status);
    }
    if (--answer->under_way == 0) {
        end_prometheus(answer);
    }
}

static int ask_part(struct answer *answer, struct gs_view name, struct gs_err *err)
{
    struct part *part = &answer->parts[answer->n_parts];
    GS_CLEANUP(gs_buf_done) struct gs_buf url;
    char query[QUERY_MAX];
    gs_buf_init(&url, URL_MAX);
    if (name.n == 0 || name.n >= sizeof(part->name)) {
        return 0; /* none that we know */
    }
    memcpy(part->name, name.p, name.n);
    part->name[name.n] = '\0';
    if (gs_prometheus_query(part->name, answer->step_s, query, sizeof(query)) != 0) {
        return 0;
    }
    gs_buf_printf(&url, "%s/api/v1/query_range?query=", answer->past->options.prometheus);
    gs_kube_put_escaped(&url, query);
    gs_buf_printf(&url, "&start=%" PRIu64 "&end=%" PRIu64 "&step=%" PRIu64, answer->from_s,
                  answer->to_s, answer->step_s);
    if (!gs_buf_ok(&url)) {
        return strlen(answer->past->options.prometheus) > URL_MAX / 2
                   ? gs_fail(err, GS_LIMIT, "the address of Prometheus is too long")
                   : gs_fail(err, GS_NO_MEMORY, "no memory to ask Prometheus");
    }
    part->of = answer;
    gs_buf_init(&part->points, DOC_MAX / SERIES_MAX * 4);
    const struct gs_http_tls tls = {.ca_file = "/etc/ssl/certs/ca-certificates.crt"};
    const struct gs_http_request request = {
        .method = "GET",
        .url = gs_buf_text(&url),
        .tls = strncmp(gs_buf_text(&url), "https:", 6) == 0 ? &tls : NULL,
        .total_limit_us = LIMIT_US,
        .on_done = on_part,
        .ctx = part,
    };
    answer->n_parts++;
    int r = gs_http_begin(answer->past->client, &request, &part->call, err);
    answer->under_way += r == 0;
    return r;
}

/* The value of an argument of our own question: they are %-encoded by us, and these have nothing
 * that was. */
static struct gs_view arg_of(const char *path, const char *name)
{
    const char *at = strchr(path, '?');
    size_t n = strlen(name);
    while (at != NULL && !(strncmp(at + 1, name, n) == 0 && at[n + 1] == '=')) {
        at = strchr(at + 1, '&');
    }
    at = at == NULL ? "" : at + n + 2;
    return (struct gs_view){.p = at, .n = strcspn(at, "&")};
}

static int read_span(struct answer *answer, struct gs_err *err)
{
    const char *path = answer->question->path;
    uint64_t most = UINT64_C(253402300799);
    if (!gs_view_is_u64(arg_of(path, "from"), most, &answer->from_s) ||
        !gs_view_is_u64(arg_of(path, "to"), most, &answer->to_s) ||
        !gs_view_is_u64(arg_of(path, "step"), UINT32_MAX, &answer->step_s) || answer->step_s == 0 ||
        answer->from_s >= answer->to_s ||
        (answer->to_s - answer->from_s) / answer->step_s >= GS_PROMETHEUS_POINTS_MAX) {
        return gs_fail(err, GS_INVALID,
                       "expected from, to and step in whole seconds, and at most %d steps",
                       GS_PROMETHEUS_POINTS_MAX);
    }
    return 0;
}

static int ask_prometheus(struct answer *answer, struct gs_err *err)
{
    struct gs_view rest = arg_of(answer->question->path, "series");
    int r = read_span(answer, err);
    while (r == 0 && rest.n > 0) {
        const char *comma = memmem(rest.p, rest.n, "%2C", 3);
        size_t n = comma == NULL ? strcspn(rest.p, ",") : (size_t)(comma - rest.p);
        n = n < rest.n ? n : rest.n;
        struct gs_view name = {.p = rest.p, .n = n};
        size_t skip = n == rest.n ? n : n + (comma == NULL ? 1 : 3);
        rest = (struct gs_view){.p = rest.p + skip, .n = rest.n - skip};
        r = answer->n_parts == SERIES_MAX
                ? gs_fail(err, GS_LIMIT, "more than %d series are asked for", SERIES_MAX)
                : ask_part(answer, name, err);
    }
    return r;
}

/* ---- asking ---- */

void gs_past_ask(void *ctx, struct gs_dashboard_past *question)
{
    struct gs_past *past = ctx;
    struct gs_err err = {.msg = ""};
    bool prometheus = past->options.prometheus[0] != '\0';
    if (prometheus && strncmp(question->path, "/api/v1/history?", 16) != 0) {
        say(question, 404,
            "Prometheus has the series alone; what things cost and what happened to GPUs and pods "
            "is kept by gpuslice-history");
        return;
    }
    struct answer *answer = new_answer(past, question);
    int r = answer == NULL ? gs_fail(&err, GS_NO_MEMORY, "no memory")
            : prometheus   ? ask_prometheus(answer, &err)
                           : ask_history(answer, &err);
    if (r != 0 && answer == NULL) {
        say(question, 503, err.msg);
    } else if (r != 0) {
        fail_answer(answer, r == GS_INVALID || r == GS_LIMIT ? 400 : 503, err.msg);
    } else if (prometheus && answer->under_way == 0) {
        end_prometheus(answer); /* none of these series is there */
    }
}

void gs_past_forget(void *ctx, struct gs_dashboard_past *question)
{
    (void)ctx;
    free_answer(question->answer);
}

/* ---- all ---- */

static int check_address(const char *what, const char *address, struct gs_err *err)
{
    struct gs_url url;
    size_t n = strlen(address);
    int r = address[0] == '\0' ? 0 : gs_url_parse(address, &url, err);
    if (r == 0 && n > 0 && address[n - 1] == '/') {
        r = gs_fail(err, GS_INVALID, "\"%.100s\"; expected an address without / at its end",
                    address);
    }
    return r == 0 ? 0 : gs_wrap(err, r, "%s", what);
}

int gs_past_new(const struct gs_past_options *options, struct gs_past **ret, struct gs_err *err)
{
    int r = check_address("--history", options->history, err);
    r = r == 0 ? check_address("--prometheus", options->prometheus, err) : r;
    if (r == 0 && options->history[0] != '\0' && options->prometheus[0] != '\0') {
        r = gs_fail(err, GS_INVALID, "found --history and --prometheus; expected one of them");
    }
    if (r != 0) {
        return r;
    }
    struct gs_past *past = calloc(1, sizeof(*past));
    if (past == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory to ask for the history");
    }
    past->options = *options;
    bool tls = strncmp(options->history, "https:", 6) == 0;
    r = gs_http_client_new(options->event, &past->client, err);
    if (r == 0 && tls && options->ca_file[0] == '\0') {
        r = gs_trust_new(options->kube, options->name_space, on_trust, past, &past->trust, err);
    }
    if (r != 0) {
        gs_past_free(past);
        return r;
    }
    *ret = past;
    return 0;
}

void gs_past_free(struct gs_past *past)
{
    if (past != NULL) {
        while (past->answers != NULL) {
            free_answer(past->answers);
        }
        gs_http_client_free(past->client);
        gs_trust_free(past->trust);
        free(past);
    }
}
