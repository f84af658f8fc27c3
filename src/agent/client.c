/* client: commands that speak to the running agent over its control socket. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "agent/program.h"
#include "agent/setup.h"
#include "base/cleanup.h"
#include "net/http_client.h"
#include "term/alone.h"

#define ANSWER_BYTES_MAX ((size_t)64 << 20)

enum { DOCUMENT_BYTES_MAX = 60 * 1024, ORDER_LIMIT_S = 3600 };

/* One request and its answer. */
struct exchange {
    sd_event *event;
    int result;
    unsigned status;
    char *body;
    size_t n;
    struct gs_err err;
};

static void on_done(void *ctx, int result, const struct gs_http_answer *answer,
                    const struct gs_err *err)
{
    struct exchange *exchange = ctx;
    exchange->result = result;
    if (result < 0) {
        exchange->err = *err;
    } else {
        exchange->status = answer->status;
        exchange->body = strndup(answer->body.p == NULL ? "" : answer->body.p, answer->body.n);
        exchange->n = answer->body.n;
    }
    sd_event_exit(exchange->event, 0);
}

/* Asks the agent, and waits. */
static int ask(const char *socket, const char *method, const char *path, struct gs_view body,
               struct exchange *exchange, struct gs_err *err)
{
    static const char *const headers[] = {"Content-Type: application/json"};
    char url[128];
    struct gs_http_client *client = NULL;
    snprintf(url, sizeof(url), "http://agent%s", path);
    const struct gs_http_request request = {
        .method = method,
        .url = url,
        .headers = headers,
        .n_headers = body.p == NULL ? 0 : 1,
        .body = body,
        .unix_socket = socket,
        .total_limit_us = (uint64_t)ORDER_LIMIT_S * 1000000,
        .max_body = ANSWER_BYTES_MAX,
        .on_done = on_done,
        .ctx = exchange,
    };
    int r = sd_event_new(&exchange->event);
    if (r < 0) {
        return gs_fail_errno(err, -r, "making an event loop");
    }
    r = gs_http_client_new(exchange->event, &client, err);
    r = r < 0 ? r : gs_http_begin(client, &request, NULL, err);
    if (r == 0 && (r = sd_event_loop(exchange->event)) < 0) {
        r = gs_fail_errno(err, -r, "waiting for the agent");
    }
    gs_http_client_free(client);
    sd_event_unref(exchange->event);
    if (r == 0 && exchange->result < 0) {
        return gs_fail(err, (enum gs_code)exchange->result,
                       "%s: %s; is the agent running, and may this user open its control socket?",
                       socket, exchange->err.msg);
    }
    return r;
}

/* Where the agent of this node listens, by the configuration that it has too. */
static const char *find_socket(const char *given, struct gs_arena *arena, struct gs_err *err)
{
    char *no_arguments[] = {(char[]){"gpuslice-agent"}, NULL};
    struct gs_agentconfig config;
    if (given != NULL) {
        return given;
    }
    if (gs_setup_read(1, no_arguments, arena, &config, err) != 0) {
        return NULL;
    }
    return gs_arena_text(arena, config.control_socket, strlen(config.control_socket));
}

static int read_document(const char *path, char **ret, struct gs_err *err)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (file == NULL) {
        return gs_fail_errno(err, errno, "%s", path);
    }
    char *text = malloc(DOCUMENT_BYTES_MAX + 2);
    size_t n = text == NULL ? 0 : fread(text, 1, DOCUMENT_BYTES_MAX + 1, file);
    bool failed = text == NULL || ferror(file) != 0;
    if (file != stdin) {
        fclose(file);
    }
    if (failed || n > DOCUMENT_BYTES_MAX) {
        free(text);
        return gs_fail(err, failed ? GS_IO : GS_LIMIT, "%s: %s", path,
                       failed ? "cannot be read" : "more than 60 KiB: not a layout");
    }
    text[n] = '\0';
    *ret = text;
    return 0;
}

struct apply_args {
    const char *config;
    const char *file;
    const char *socket;
    bool only_idle;
    bool dry_run;
    unsigned output; /* enum output */
};
enum output { OUTPUT_TEXT, OUTPUT_JSON };

static int make_order(const struct apply_args *args, char **ret, struct gs_err *err)
{
    char *document = NULL;
    int r = args->file == NULL ? 0 : read_document(args->file, &document, err);
    if (r < 0) {
        return r;
    }
    json_t *order = json_object();
    if (args->config != NULL) {
        json_object_set_new(order, "config", json_string(args->config));
    }
    if (document != NULL) {
        json_object_set_new(order, "document", json_string(document));
    }
    json_object_set_new(order, "onlyIdle", json_boolean(args->only_idle));
    json_object_set_new(order, "dryRun", json_boolean(args->dry_run));
    *ret = json_dumps(order, 0);
    json_decref(order);
    free(document);
    return *ret == NULL ? gs_fail(err, GS_INVALID, "the order is not UTF-8") : 0;
}

/* What was said, then how it ended, for people. */
static int show_result(const struct exchange *exchange, bool json, bool dry_run)
{
    json_t *root = json_loadb(exchange->body, exchange->n, 0, NULL);
    const char *error = json_string_value(json_object_get(root, "error"));
    const char *result = json_string_value(json_object_get(root, "result"));
    size_t i;
    json_t *line;
    int status = result != NULL && strcmp(result, "ok") == 0 ? 0 : 1;
    if (json || root == NULL) {
        fputs(exchange->body, stdout);
    } else {
        json_array_foreach(json_object_get(root, "lines"), i, line)
        {
            printf("%s\n", json_string_value(line));
        }
        if (status == 0 && dry_run) {
            puts("Nothing was touched: that is what would be done");
        } else if (status == 0) {
            printf("%s in %.2f s\n",
                   json_is_true(json_object_get(root, "changed")) ? "The GPUs were cut anew"
                                                                  : "Nothing had to change",
                   (double)json_integer_value(json_object_get(root, "tookUs")) / 1e6);
        }
    }
    if (status != 0) {
        fprintf(stderr, "gpuslice-agent: %s\n", error == NULL ? "the agent refused" : error);
    }
    json_decref(root);
    return gs_program_end(status);
}

static const char *const outputs[] = {"text", "json", NULL};

static const struct gs_option apply_options[] = {
    {.name = "config",
     .letter = 'c',
     .arg = "NAME",
     GS_TO_TEXT(struct apply_args, config),
     .help = "the configuration: of FILE, or of the agent's file of layouts, or what the GPUs "
             "offer: all-disabled, all-balanced, all-1g.5gb, ..."},
    {.name = "file",
     .letter = 'f',
     .arg = "FILE",
     GS_TO_TEXT(struct apply_args, file),
     .complete = GS_COMPLETE_FILE,
     .help = "a file of mig-parted configurations; - is stdin"},
    {.name = "only-idle",
     GS_TO_FLAG(struct apply_args, only_idle),
     .help = "do what can be done beside slices in use"},
    {.name = "dry-run", GS_TO_FLAG(struct apply_args, dry_run), .help = "only show the steps"},
    {.name = "socket",
     .arg = "PATH",
     GS_TO_TEXT(struct apply_args, socket),
     .complete = GS_COMPLETE_FILE,
     .help = "the agent's control socket"},
    {.name = "output",
     .letter = 'o',
     .arg = "FORMAT",
     GS_TO_CHOICE(struct apply_args, output, outputs),
     .help = "for people, or the answer as it came"},
};

static const struct gs_example apply_examples[] = {
    {"gpuslice-agent apply -c all-1g.5gb", "all GPUs into as many 1g.5gb as they take"},
    {"gpuslice-agent apply -f layouts.yaml -c night --dry-run", "only show the steps"},
};

const struct gs_command gs_agent_command_apply = {
    .program = "gpuslice-agent",
    .name = "apply",
    .summary = "tell the running agent to cut the GPUs otherwise",
    .text = "Tells the running agent to cut the GPUs otherwise, while pods run. Slices in use "
            "stay; where one stands in the way nothing is touched and it is named.",
    .options = apply_options,
    .n_options = GS_ARRAY_LEN(apply_options),
    .examples = apply_examples,
    .n_examples = GS_ARRAY_LEN(apply_examples),
    .impossible = "it is not done; stderr says why",
    .plain_status = true,
};

static const struct gs_option state_options[] = {
    {.name = "socket",
     .arg = "PATH",
     GS_TO_TEXT(struct apply_args, socket),
     .complete = GS_COMPLETE_FILE,
     .help = "the agent's control socket"},
};

static const struct gs_example state_examples[] = {
    {"gpuslice-agent state | jq '.conditions[] | select(.ok | not)'", "what is wrong"},
};

const struct gs_command gs_agent_command_state = {
    .program = "gpuslice-agent",
    .name = "state",
    .summary = "show what the running agent knows",
    .text = "Shows what the running agent knows, as JSON: GPUs, slices and who holds them, "
            "resources, conditions.",
    .options = state_options,
    .n_options = GS_ARRAY_LEN(state_options),
    .examples = state_examples,
    .n_examples = GS_ARRAY_LEN(state_examples),
    .impossible = "the agent does not answer; stderr says why",
    .plain_status = true,
};

static void done_arena(struct gs_arena *arena)
{
    gs_arena_done(arena);
}

static int talk(const struct apply_args *args, const char *method, const char *path,
                const char *body, struct exchange *exchange, struct gs_err *err)
{
    GS_CLEANUP(done_arena) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, (size_t)16 << 20);
    const char *socket = find_socket(args->socket, &arena, err);
    if (socket == NULL) {
        return GS_INVALID;
    }
    struct gs_view bytes = {.p = body, .n = body == NULL ? 0 : strlen(body)};
    return ask(socket, method, path, bytes, exchange, err);
}

int gs_agent_apply(int argc, char **argv)
{
    struct apply_args args = {.config = NULL};
    struct exchange exchange = {.result = 0};
    struct gs_err err;
    char *order = NULL;
    int status;
    if (!gs_alone_begin(&gs_agent_command_apply, argc, argv, &args, NULL, &status)) {
        return status;
    }
    if (args.config == NULL && args.file == NULL) {
        (void)gs_fail(&err, GS_INVALID, "which layout? expected -c NAME or -f FILE");
        return gs_alone_usage(&gs_agent_command_apply, &err);
    }
    int r = make_order(&args, &order, &err);
    r = r < 0 ? r : talk(&args, "POST", "/v1/apply", order, &exchange, &err);
    status = r < 0 ? gs_program_fail(&err, 1)
                   : show_result(&exchange, args.output == OUTPUT_JSON, args.dry_run);
    free(order);
    free(exchange.body);
    return status;
}

int gs_agent_state(int argc, char **argv)
{
    struct apply_args args = {.config = NULL};
    struct exchange exchange = {.result = 0};
    struct gs_err err;
    int status;
    if (!gs_alone_begin(&gs_agent_command_state, argc, argv, &args, NULL, &status)) {
        return status;
    }
    int r = talk(&args, "GET", "/debug/state", NULL, &exchange, &err);
    if (r < 0) {
        return gs_program_fail(&err, 1);
    }
    fputs(exchange.body, stdout);
    free(exchange.body);
    return gs_program_end(0);
}
