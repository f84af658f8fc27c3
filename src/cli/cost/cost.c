#include "cli/cost/cost.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "cli/cmd.h"
#include "term/exit.h"
#include "term/output.h"
#include "wire/kubetime.h"

enum { CSV_FORMAT = GS_FORMATS, FORMATS };
enum { LEFT_OUT_SHOWN = 10 };
#define OUT_BYTES_MAX ((size_t)64 << 20)
#define SAID_BYTES_MAX ((size_t)64 << 10)

static const char *const formats[FORMATS + 1] = {"table", "json", "yaml", "csv", NULL};
const char *const gs_cost_bys[GS_COST_BYS + 1] = {"part", "namespace", "workload", "pool", NULL};

static const struct gs_option options[] = {
    {.name = "by",
     .arg = "WHAT",
     GS_TO_CHOICE(struct gs_cost_args, by, gs_cost_bys),
     .help = "whose cost; namespace without it"},
    {.name = "since",
     .arg = "TIME",
     GS_TO_TEXT(struct gs_cost_args, since),
     .help = "from when: 7d, 12h, 30m ago, or 2026-01-31T00:00:00Z; 7d without it"},
    {.name = "until",
     .arg = "TIME",
     GS_TO_TEXT(struct gs_cost_args, until),
     .help = "to when, in the same words; now without it"},
    {.name = "file",
     .arg = "FILE",
     GS_TO_TEXT(struct gs_cost_args, file),
     .complete = GS_COMPLETE_FILE,
     .help = "a history as gpuslice-history keeps it (- is not taken); it is only read"},
    {.name = "output",
     .letter = 'o',
     .arg = "FORMAT",
     GS_TO_CHOICE(struct gs_cost_args, format, formats),
     .help = "how the result is written; table is for people"},
    GS_LINK_OPTIONS(struct gs_cost_args, way.link),
    {.name = "namespace",
     .letter = 'n',
     .arg = "NAME",
     GS_TO_TEXT(struct gs_cost_args, way.name_space),
     .help = "of the controller; gpuslice-system without it"},
    {.name = "service-account",
     .arg = "NAME",
     GS_TO_TEXT(struct gs_cost_args, way.account),
     .help = "whose rights decide what is shown; gpuslice-viewer without it"},
    {.name = "service",
     .arg = "NAME",
     GS_TO_TEXT(struct gs_cost_args, way.service),
     .help = "of the controller that decides; gpuslice-dashboard without it"},
    {.name = "port",
     .arg = "PORT",
     GS_TO_NUMBER(struct gs_cost_args, way.port, 65535),
     .min = 1,
     .help = "of that Service; 443 without it"},
};

static const struct gs_example examples[] = {
    {"gpuslice cost", "by namespace, of the last seven days"},
    {"gpuslice cost --by workload --since 30d -o csv", "for a spreadsheet"},
    {"gpuslice cost --by part --since 2026-01-01T00:00:00Z", "used, idle, stranded, starting"},
    {"gpuslice cost --file history.db", "of a file, without a cluster"},
};

const struct gs_command gs_command_cost = {
    .name = "cost",
    .summary = "show what was paid for GPUs, by namespace, workload, pool",
    .text = "Adds up what gpuslice-history has written down, in whole hours. Beside the rows stand "
            "idle, stranded and starting nodes, so that all of it is the bill, to the cent. Of how "
            "much of the time it is known is said.\n"
            "Without --file the controller is asked, by the way and with the rights of gpuslice "
            "dashboard.",
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .run = gs_cmd_cost,
};

/* ---- when ---- */

/* "7d", "12h", "30m", "90s": so long before now; or a moment. */
static int read_time(const char *option, const char *text, int64_t now_s, int64_t *ret,
                     struct gs_err *err)
{
    static const struct {
        char letter;
        uint32_t s;
    } units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
    size_t n = strlen(text);
    uint64_t us = 0;
    uint64_t count = 0;
    for (size_t i = 0; n > 1 && i < GS_ARRAY_LEN(units); i++) {
        const struct gs_view digits = {.p = text, .n = n - 1};
        if (text[n - 1] == units[i].letter && gs_view_is_u64(digits, 1000000000, &count)) {
            uint64_t ago = count * units[i].s;
            *ret = ago < (uint64_t)now_s ? now_s - (int64_t)ago : 0;
            return 0;
        }
    }
    if (gs_kubetime_parse(gs_view(text), &us, NULL) != 0) {
        return gs_fail(err, GS_INVALID,
                       "%s %.100s: expected so long ago (7d, 12h, 30m) or a moment "
                       "(2026-01-31T00:00:00Z)",
                       option, text);
    }
    *ret = (int64_t)(us / 1000000);
    return 0;
}

static int read_span(const struct gs_cost_args *args, struct gs_cost_span *ret, struct gs_err *err)
{
    int64_t now_s = (int64_t)time(NULL);
    int r = read_time("--since", args->since, now_s, &ret->from_s, err);
    ret->to_s = ret->now_s = now_s;
    r = r == 0 && args->until != NULL ? read_time("--until", args->until, now_s, &ret->to_s, err)
                                      : r;
    ret->to_s = ret->to_s < now_s ? ret->to_s : now_s;
    if (r == 0 && ret->from_s >= ret->to_s) {
        return gs_fail(err, GS_INVALID, "--since %.60s is not before %s: nothing lies between them",
                       args->since, args->until == NULL ? "now" : args->until);
    }
    return r;
}

/* ---- what is printed ---- */

static void put_cents(char ret[32], uint64_t cents)
{
    (void)snprintf(ret, 32, "%" PRIu64 ".%02u", cents / 100, (unsigned)(cents % 100));
}

static void put_duration(uint64_t s, char ret[48])
{
    if (s >= 2 * 86400) {
        (void)snprintf(ret, 48, "%.1f days", (double)s / 86400);
    } else if (s >= 3600) {
        (void)snprintf(ret, 48, "%.1f h", (double)s / 3600);
    } else if (s >= 60) {
        (void)snprintf(ret, 48, "%.1f min", (double)s / 60);
    } else {
        (void)snprintf(ret, 48, "%" PRIu64 " s", s);
    }
}

/* Whole hours, as the history is asked; the last one as far as it has gone. */
static int64_t end_of(const struct gs_cost_span *span)
{
    int64_t to = (span->to_s + 3599) / 3600 * 3600;
    return to < span->now_s ? to : span->now_s;
}

static uint64_t length_of(const struct gs_cost_span *span)
{
    return (uint64_t)(end_of(span) - span->from_s / 3600 * 3600);
}

static void put_known(const struct gs_cost_bill *bill, const struct gs_cost_span *span,
                      struct gs_buf *out)
{
    char known[48];
    char all[48];
    char rest[48];
    uint64_t length = length_of(span);
    put_duration(bill->known_s, known);
    put_duration(length, all);
    put_duration(length > bill->known_s ? length - bill->known_s : 0, rest);
    if (bill->known_s == 0) {
        gs_buf_printf(out, "nothing is known of these %s\n", all);
        return;
    }
    gs_buf_printf(out, "known of %s of %s", known, all);
    if (bill->known_s < length) {
        gs_buf_printf(out, "; what the other %s cost is not known", rest);
    }
    gs_buf_puts(out, "\n");
}

/* Hours that were found damaged, with their times. */
static void put_left_out(const struct gs_history_left_out *left_out, struct gs_buf *out)
{
    if (left_out->n == 0) {
        return;
    }
    gs_buf_printf(out, "%" PRIu64 " %s left out, as what the file has of %s is damaged:\n",
                  left_out->n, left_out->n == 1 ? "hour is" : "hours are",
                  left_out->n == 1 ? "it" : "them");
    for (unsigned i = 0; i < LEFT_OUT_SHOWN && i < left_out->n; i++) {
        char at[GS_KUBETIME_MAX];
        gs_kubetime_format((uint64_t)left_out->at[i].at_s * 1000000, at);
        gs_buf_printf(out, "  %.19sZ: ", at);
        gs_text_clean(out, left_out->at[i].why, strlen(left_out->at[i].why));
        gs_buf_puts(out, "\n");
    }
    if (left_out->n > LEFT_OUT_SHOWN) {
        gs_buf_printf(out, "  and %" PRIu64 " more\n", left_out->n - LEFT_OUT_SHOWN);
    }
}

static const char *name_of(const struct gs_cost_row *row)
{
    return row->name[0] == '\0' ? "(none)" : row->name;
}

static void put_text(const struct gs_cost_args *args, const struct gs_cost_bill *bill,
                     const struct gs_cost_span *span, bool styled, struct gs_buf *out)
{
    static const char *const titles[] = {"PART", "NAMESPACE", "WORKLOAD", "POOL"};
    const struct gs_column columns[] = {{.title = titles[args->by]},
                                        {.title = "USD", .right = true},
                                        {.title = "OF ALL", .right = true}};
    GS_CLEANUP(gs_table_freep)
    struct gs_table *table = gs_table_new(columns, GS_ARRAY_LEN(columns));
    char usd[32];
    for (size_t i = 0; i < bill->n; i++) {
        const struct gs_cost_row *row = &bill->rows[i];
        gs_table_put(table, name_of(row));
        put_cents(usd, row->cents);
        gs_table_put(table, usd);
        gs_table_putf(table, "%.1f %%",
                      bill->uusd == 0 ? 0.0 : 100.0 * (double)row->uusd / (double)bill->uusd);
    }
    put_cents(usd, bill->cents);
    gs_table_put(table, "total");
    gs_table_style(table, GS_STYLE_BOLD);
    gs_table_put(table, bill->known_s == 0 ? "not known" : usd);
    gs_table_style(table, GS_STYLE_BOLD);
    gs_table_put(table, "");
    gs_table_print(table, 0, styled, out);
    put_known(bill, span, out);
    put_left_out(&bill->left_out, out);
}

/* A field of RFC 4180; what a spreadsheet would take for a formula is text. */
static void put_field(struct gs_buf *out, const char *text)
{
    bool formula = text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL;
    gs_buf_puts(out, formula ? "\"'" : "\"");
    for (; *text != '\0'; text++) {
        gs_buf_put(out, text, 1);
        if (*text == '"') {
            gs_buf_put(out, text, 1);
        }
    }
    gs_buf_puts(out, "\"");
}

static void put_csv(const struct gs_cost_args *args, const struct gs_cost_bill *bill,
                    struct gs_buf *out)
{
    char usd[32];
    gs_buf_printf(out, "%s,usd,uusd\r\n", gs_cost_bys[args->by]);
    for (size_t i = 0; i < bill->n; i++) {
        const struct gs_cost_row *row = &bill->rows[i];
        put_cents(usd, row->cents);
        put_field(out, name_of(row));
        gs_buf_printf(out, ",%s,%" PRIu64 "\r\n", usd, row->uusd);
    }
    put_cents(usd, bill->cents);
    if (bill->known_s == 0) {
        gs_buf_puts(out, "total,,\r\n");
    } else {
        gs_buf_printf(out, "total,%s,%" PRIu64 "\r\n", usd, bill->uusd);
    }
}

static void put_time(struct gs_result *result, json_t *at, const char *key, int64_t at_s)
{
    char text[GS_KUBETIME_MAX];
    gs_kubetime_format((uint64_t)at_s * 1000000, text);
    gs_result_text(result, at, key, text);
}

static void put_amount(struct gs_result *result, json_t *at, uint64_t uusd, uint32_t rest,
                       uint64_t cents)
{
    gs_result_number(result, at, "uusd", uusd);
    gs_result_number(result, at, "rest", rest);
    gs_result_number(result, at, "cents", cents);
}

static void put_doc(const struct gs_cost_args *args, const struct gs_cost_bill *bill,
                    const struct gs_cost_span *span, struct gs_result *result)
{
    gs_result_text(result, result->root, "by", gs_cost_bys[args->by]);
    put_time(result, result->root, "from", span->from_s / 3600 * 3600);
    put_time(result, result->root, "to", end_of(span));
    json_t *rows = gs_result_array(result, result->root, "rows");
    for (size_t i = 0; i < bill->n; i++) {
        json_t *one = gs_result_object(result, rows, NULL);
        gs_result_text(result, one, "name", bill->rows[i].name);
        put_amount(result, one, bill->rows[i].uusd, bill->rows[i].rest, bill->rows[i].cents);
    }
    if (bill->known_s == 0) {
        gs_result_null(result, result->root, "total");
    } else {
        put_amount(result, gs_result_object(result, result->root, "total"), bill->uusd, bill->rest,
                   bill->cents);
    }
    gs_result_number(result, result->root, "known_s", bill->known_s);
    gs_result_number(result, result->root, "length_s", length_of(span));
    json_t *left_out = gs_result_object(result, result->root, "left_out");
    gs_result_number(result, left_out, "count", bill->left_out.n);
    json_t *first = gs_result_array(result, left_out, "first");
    for (unsigned i = 0; i < GS_HISTORY_LEFT_OUT_MAX && i < bill->left_out.n; i++) {
        json_t *one = gs_result_object(result, first, NULL);
        put_time(result, one, "at", bill->left_out.at[i].at_s);
        gs_result_text(result, one, "why", bill->left_out.at[i].why);
    }
}

static int print(const struct gs_cost_args *args, const struct gs_cost_bill *bill,
                 const struct gs_cost_span *span, struct gs_err *err)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    GS_CLEANUP(gs_buf_done) struct gs_buf said;
    gs_buf_init(&out, OUT_BYTES_MAX);
    gs_buf_init(&said, SAID_BYTES_MAX);
    if (args->format == GS_FORMAT_TABLE) {
        put_text(args, bill, span, gs_output_styled(), &out);
        return gs_output_text(&out, err);
    }
    if (args->format == CSV_FORMAT) {
        put_csv(args, bill, &out);
        put_left_out(&bill->left_out, &said);
        fputs(gs_buf_text(&said), stderr);
        return gs_output_text(&out, err);
    }
    struct gs_result result;
    gs_result_init(&result);
    put_doc(args, bill, span, &result);
    int r = gs_output_result(&result, (enum gs_format)args->format, err);
    gs_result_done(&result);
    return r;
}

int gs_cmd_cost(int argc, char **argv)
{
    struct gs_cost_args args = {.by = GS_COST_BY_NAMESPACE,
                                .since = "7d",
                                .way = {.link.timeout_s = GS_LINK_TIMEOUT_S,
                                        .name_space = "gpuslice-system",
                                        .account = "gpuslice-viewer",
                                        .service = "gpuslice-dashboard",
                                        .region = "",
                                        .port = 443}};
    struct gs_cost_span span;
    struct gs_err err = {.code = GS_OK};
    int status;
    if (!gs_cmd_begin(&gs_command_cost, argc, argv, &args, &status)) {
        return status;
    }
    if (read_span(&args, &span, &err) < 0) {
        return gs_exit_usage(&err);
    }
    GS_CLEANUP(gs_cost_bill_done) struct gs_cost_bill bill = {.n = 0};
    int r = 0;
    if (args.file == NULL) {
        status = gs_cost_read_cluster(&args, &span, &bill);
        if (status != 0) {
            return status;
        }
    } else {
        r = gs_cost_read_file(&args, &span, &bill, &err);
    }
    r = r == 0 ? gs_cost_bill_round(&bill, &err) : r;
    if (r < 0) {
        return gs_exit_failed(&err);
    }
    return gs_exit_output(print(&args, &bill, &span, &err), &err);
}
