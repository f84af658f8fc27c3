/* trace_live: what all formats of traces keep to, whatever the bytes. Parts for several files are
 * set apart by the byte 0x1e. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "core/catalog.h"
#include "trace/map.h"

struct live_part {
    const char *bytes;
    size_t n;
};

struct live_sum {
    uint64_t asks;
    uint64_t rows;
    uint64_t hash;
    int r;
};

static void live_expect(bool right)
{
    if (!right) {
        abort();
    }
}

static void live_bad(void *ctx, const struct gs_err *err)
{
    (*(uint64_t *)ctx)++;
    live_expect(err->msg[0] != 0 && !gs_view_has_control(gs_view(err->msg), ""));
}

static void live_ask(const struct gs_trace_ask *ask, const struct gs_trace_map *map,
                     int64_t *last_us, struct live_sum *sum)
{
    struct gs_sim_job job;
    enum gs_trace_left_out left;
    struct gs_err err;
    live_expect(ask->arrive_us >= *last_us && ask->arrive_us <= GS_SIM_TIME_MAX);
    live_expect(ask->run_us >= 1 && ask->run_us <= GS_SIM_TIME_MAX);
    live_expect(ask->gpus <= GS_TRACE_GPUS_MAX && ask->row > 0);
    live_expect(ask->milli == GS_NOT_KNOWN || (ask->milli >= 1 && ask->milli <= 1000));
    live_expect(strlen(ask->name) <= GS_TRACE_NAME_MAX);
    *last_us = ask->arrive_us;
    sum->asks++;
    sum->rows += ask->rows;
    sum->hash = sum->hash * 31 + (uint64_t)ask->arrive_us + (uint64_t)ask->run_us * 7 + ask->row;
    if (gs_trace_map_job(map, ask, &job, &left, &err) == 1) {
        live_expect(job.gpus == ask->gpus && job.gpus >= 1 && job.ideal_milli >= 1);
        live_expect(job.ideal_milli <= 1000u * job.gpus);
        live_expect(job.profile == GS_SIM_WHOLE || job.profile < map->rule.model->n_profiles);
    } else {
        live_expect(left < GS_TRACE_LEFTS);
    }
}

static struct live_sum live_read(const struct gs_trace_format *format,
                                 const struct live_part *parts, size_t step)
{
    static const char *const labels[] = {"f0", "f1", "f2", "f3"};
    struct gs_trace_input inputs[GS_TRACE_INPUTS_MAX] = {{0}};
    uint64_t bad = 0;
    struct gs_trace_options options = {.format = format,
                                       .inputs = inputs,
                                       .now_us = GS_TRACE_NO_TIME,
                                       .bad = live_bad,
                                       .bad_ctx = &bad};
    if (format->takes == GS_TRACE_TAKES_TEXT) {
        options.text = (struct gs_view){.p = parts[0].bytes, .n = parts[0].n};
    } else {
        options.n_inputs = format->max_files;
    }
    for (size_t i = 0; i < options.n_inputs; i++) {
        inputs[i].label = labels[i];
    }
    const struct gs_model *model = gs_catalog(&(size_t){0});
    while (strcmp(model->id, "A100-40GB") != 0) {
        model++;
    }
    struct gs_trace_rule rule = gs_trace_rule_lenient(model);
    struct gs_trace_map map;
    struct gs_trace *trace = NULL;
    struct gs_trace_ask ask;
    struct gs_err err = {.msg = ""};
    struct live_sum sum = {0};
    int64_t last_us = 0;
    size_t input = 0;
    size_t at = 0;
    rule.with_never_ran = true;
    live_expect(gs_trace_map_init(&map, &rule, NULL) == 0);
    sum.r = gs_trace_new(&options, &trace, &err);
    while (sum.r >= 0 && (sum.r = gs_trace_next(trace, &ask, &err)) > 0 && sum.asks < 3000) {
        if (sum.r == GS_TRACE_ASK) {
            live_ask(&ask, &map, &last_us, &sum);
            continue;
        }
        size_t n = parts[input].n - at < step ? parts[input].n - at : step;
        gs_trace_feed(trace, parts[input].bytes + at, n);
        at = n == 0 ? 0 : at + n;
        input += n == 0;
    }
    if (sum.r < 0) {
        live_expect(err.msg[0] != 0 && !gs_view_has_control(gs_view(err.msg), ""));
    } else {
        const struct gs_trace_totals *totals = gs_trace_totals(trace);
        live_expect(totals->asks == sum.asks && totals->ask_rows == sum.rows);
        live_expect(bad <= GS_TRACE_BAD_MAX && bad <= totals->skipped_rows);
        live_expect((bad > 0) == (totals->skipped_rows > 0));
        /* Where the reading was given up, some rows wait. */
        live_expect(sum.r > 0 || totals->input_rows ==
                                     totals->ask_rows + totals->passed_over + totals->skipped_rows);
    }
    gs_trace_free(trace);
    return sum;
}

/* Read whole and in pieces of one byte, it is the same. */
static inline int live_trace(const char *name, const uint8_t *data, size_t size)
{
    struct live_part parts[GS_TRACE_INPUTS_MAX];
    const struct gs_trace_format *formats = gs_trace_formats(&(size_t){0});
    struct gs_view rest = {.p = (const char *)data, .n = size};
    while (strcmp(formats->name, name) != 0) {
        formats++;
    }
    for (size_t i = 0; i < GS_TRACE_INPUTS_MAX; i++) {
        struct gs_view part = rest.p == NULL ? gs_view("") : gs_view_split(&rest, 0x1e);
        parts[i] = (struct live_part){.bytes = part.p, .n = part.n};
    }
    struct live_sum whole = live_read(formats, parts, size + 1);
    struct live_sum bytes = live_read(formats, parts, 1);
    live_expect(whole.r == bytes.r && whole.asks == bytes.asks && whole.hash == bytes.hash);
    return 0;
}
