#include "controller/webhook/webhook.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "controller/webhook/certs.h"
#include "net/authority.h"
#include "net/http_server.h"

#define JSON_TYPE "application/json"

enum {
    CONNECTIONS_MAX = 256,
    IDLE_S = 180, /* longer than API servers keep a connection idle, so that they end it */
    NAMES_TEXT_MAX = 2048
};

struct gs_webhook {
    struct gs_webhook_options options;
    int fd; /* listens until there is a certificate; -1: it is the server's */
    struct gs_http_server *server;
    struct gs_certs *certs;
    char names_text[NAMES_TEXT_MAX];
    const char *names[GS_AUTHORITY_NAMES_MAX];
    struct gs_webhook_counts counts;
};

/* ---- reviews ---- */

static void count(struct gs_webhook *webhook, const struct gs_admit_verdict *verdict)
{
    webhook->counts.outcomes[verdict->outcome]++;
    webhook->counts.dry_runs += verdict->dry_run;
    if (verdict->dry_run || verdict->message[0] == '\0') {
        return;
    }
    if (verdict->outcome == GS_ADMIT_REFUSED) {
        gs_log_info("pod %s is refused: %s", verdict->pod, verdict->message);
    } else if (verdict->outcome == GS_ADMIT_PASSED_OVER) {
        gs_log_warning("pod %s is passed over: %s", verdict->pod, verdict->message);
    }
}

static unsigned status_of(int r)
{
    return r == 0 ? 200 : r == GS_INVALID || r == GS_UNSUPPORTED ? 400 : r == GS_LIMIT ? 413 : 500;
}

static void serve_admit(void *ctx, struct gs_http_exchange *exchange,
                        const struct gs_http_asked *asked)
{
    struct gs_webhook *webhook = ctx;
    const struct gs_admit_rules rules = {
        .gate = webhook->options.gates(webhook->options.ctx),
        .supply = webhook->options.supply,
        .ctx = webhook->options.ctx,
    };
    GS_CLEANUP(gs_buf_done) struct gs_buf answer;
    struct gs_admit_verdict verdict;
    struct gs_err err = {.msg = ""};
    uint64_t begun = gs_now_us();
    gs_buf_init(&answer, GS_ADMIT_ANSWER_MAX);
    int r = gs_admit_review(asked->body, &rules, &answer, &verdict, &err);
    if (r == 0) {
        count(webhook, &verdict);
        gs_http_answer(exchange, 200, JSON_TYPE,
                       (struct gs_view){.p = gs_buf_text(&answer), .n = answer.len});
    } else {
        webhook->counts.unread++;
        gs_log_warning("a review that is not answered: %s", err.msg);
        gs_http_answer_text(exchange, status_of(r), err.msg);
    }
    uint64_t spent = gs_now_us() - begun;
    webhook->counts.spent_us += spent;
    webhook->counts.longest_us =
        spent > webhook->counts.longest_us ? spent : webhook->counts.longest_us;
}

/* ---- the server ---- */

/* There is a certificate: the first begins the server, others are shown from then on. */
static int show(void *ctx, struct gs_view cert, struct gs_view key, struct gs_err *err)
{
    struct gs_webhook *webhook = ctx;
    if (webhook->server != NULL) {
        return gs_http_server_show(webhook->server, cert, key, err);
    }
    const struct gs_http_route routes[] = {
        {.method = "POST", .path = "/admit", .serve = serve_admit, .ctx = webhook},
    };
    const struct gs_http_server_options options = {
        .routes = routes,
        .n_routes = GS_ARRAY_LEN(routes),
        .max_connections = CONNECTIONS_MAX,
        .idle_limit_s = IDLE_S,
        .max_body = GS_ADMIT_BYTES_MAX,
        .tls_cert = cert,
        .tls_key = key,
    };
    int fd = webhook->fd;
    webhook->fd = -1;
    if (fd < 0) {
        int r = gs_http_listen_tcp(webhook->options.address, &fd, err);
        if (r != 0) {
            return r;
        }
    }
    return gs_http_server_new(gs_kube_event(webhook->options.kube), fd, &options, &webhook->server,
                              err);
}

/* ---- all ---- */

static int split_names(struct gs_webhook *webhook, size_t *ret_n, struct gs_err *err)
{
    const char *given = webhook->options.names;
    int k = given == NULL || given[0] == '\0'
                ? snprintf(webhook->names_text, NAMES_TEXT_MAX, "gpuslice-webhook.%s.svc",
                           webhook->options.name_space)
                : snprintf(webhook->names_text, NAMES_TEXT_MAX, "%s", given);
    size_t n = 0;
    char *at = webhook->names_text;
    if (k >= NAMES_TEXT_MAX) {
        return gs_fail(err, GS_LIMIT, "names of more than %d bytes", NAMES_TEXT_MAX - 1);
    }
    while (at != NULL) {
        char *name = strsep(&at, ",");
        if (n == GS_AUTHORITY_NAMES_MAX) {
            return gs_fail(err, GS_LIMIT, "more than %d names", GS_AUTHORITY_NAMES_MAX);
        }
        webhook->names[n++] = name;
    }
    const struct gs_authority_plan plan = {
        .names = webhook->names, .n_names = n, .life_s = webhook->options.life_s};
    *ret_n = n;
    return gs_authority_check(&plan, err);
}

static int open_webhook(struct gs_webhook *webhook, struct gs_err *err)
{
    size_t n_names = 0;
    int r = split_names(webhook, &n_names, err);
    if (r != 0) {
        return gs_wrap(err, r, "--webhook-names, --webhook-certificate-life");
    }
    r = gs_http_listen_tcp(webhook->options.address, &webhook->fd, err);
    if (r != 0) {
        return gs_wrap(err, r, "--webhook-address %s", webhook->options.address);
    }
    const struct gs_certs_options certs = {
        .kube = webhook->options.kube,
        .name_space = webhook->options.name_space,
        .secret = webhook->options.secret,
        .configuration = webhook->options.configuration,
        .names = webhook->names,
        .n_names = n_names,
        .life_s = webhook->options.life_s,
        .show = show,
        .ctx = webhook,
    };
    return gs_certs_new(&certs, &webhook->certs, err);
}

int gs_webhook_new(const struct gs_webhook_options *options, struct gs_webhook **ret,
                   struct gs_err *err)
{
    struct gs_webhook *webhook = calloc(1, sizeof(*webhook));
    if (webhook == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the webhook");
    }
    webhook->options = *options;
    webhook->fd = -1;
    int r = open_webhook(webhook, err);
    if (r != 0) {
        gs_webhook_free(webhook);
        return r;
    }
    *ret = webhook;
    return 0;
}

void gs_webhook_free(struct gs_webhook *webhook)
{
    if (webhook == NULL) {
        return;
    }
    gs_certs_free(webhook->certs);
    gs_http_server_free(webhook->server);
    if (webhook->fd >= 0) {
        close(webhook->fd);
    }
    free(webhook);
}

/* ---- how it stands ---- */

bool gs_webhook_is_ready(const struct gs_webhook *webhook)
{
    return webhook == NULL || (webhook->server != NULL &&
                               gs_certs_state(webhook->certs).ends_s > gs_date_us() / 1000000);
}

const char *gs_webhook_why(const struct gs_webhook *webhook)
{
    return webhook == NULL ? "" : gs_certs_state(webhook->certs).why;
}

struct gs_webhook_counts gs_webhook_counts(const struct gs_webhook *webhook)
{
    return webhook->counts;
}

static void head(struct gs_buf *page, const char *name, const char *type, const char *help)
{
    gs_buf_printf(page, "# HELP gpuslice_webhook_%s %s\n# TYPE gpuslice_webhook_%s %s\n", name,
                  help, name, type);
}

void gs_webhook_write_metrics(const struct gs_webhook *webhook, struct gs_buf *page)
{
    if (webhook == NULL) {
        return;
    }
    const struct gs_webhook_counts *counts = &webhook->counts;
    struct gs_certs_state certs = gs_certs_state(webhook->certs);
    uint64_t all = counts->unread;
    head(page, "reviews_total", "counter", "Pods that were looked at, by what became of them.");
    for (unsigned i = 0; i < GS_ADMIT_OUTCOMES; i++) {
        gs_buf_printf(page, "gpuslice_webhook_reviews_total{outcome=\"%s\"} %" PRIu64 "\n",
                      gs_admit_outcome_text((enum gs_admit_outcome)i), counts->outcomes[i]);
        all += counts->outcomes[i];
    }
    gs_buf_printf(page, "gpuslice_webhook_reviews_total{outcome=\"unread\"} %" PRIu64 "\n",
                  counts->unread);
    head(page, "dry_runs_total", "counter", "Of them, dry runs.");
    gs_buf_printf(page, "gpuslice_webhook_dry_runs_total %" PRIu64 "\n", counts->dry_runs);
    head(page, "review_seconds", "summary", "Time that a review took, without the network.");
    gs_buf_printf(page,
                  "gpuslice_webhook_review_seconds_sum %" PRIu64 ".%06" PRIu64
                  "\ngpuslice_webhook_review_seconds_count %" PRIu64 "\n",
                  counts->spent_us / 1000000, counts->spent_us % 1000000, all);
    head(page, "longest_review_seconds", "gauge", "The longest review so far.");
    gs_buf_printf(page, "gpuslice_webhook_longest_review_seconds %" PRIu64 ".%06" PRIu64 "\n",
                  counts->longest_us / 1000000, counts->longest_us % 1000000);
    if (certs.ends_s != 0) {
        head(page, "certificate_end_seconds", "gauge",
             "When the certificate that is shown ends, since the epoch.");
        gs_buf_printf(page, "gpuslice_webhook_certificate_end_seconds %" PRIu64 "\n", certs.ends_s);
    }
    head(page, "certificates_made_total", "counter",
         "Certificates and CAs that this replica has made.");
    gs_buf_printf(page, "gpuslice_webhook_certificates_made_total %" PRIu64 "\n", certs.made);
    head(page, "believed", "gauge", "1: the API server has the CA of the certificate.");
    gs_buf_printf(page, "gpuslice_webhook_believed %d\n", certs.believed);
}
