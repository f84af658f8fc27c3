/* A bill from the documents of the controller. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "cli/cost/cost.h"
#include "term/exit.h"
#include "wire/kubetime.h"

enum { TRIES = 3 }; /* a sample may come between two questions */

static int amount_of(const json_t *object, uint64_t *ret_uusd, uint32_t *ret_rest,
                     struct gs_err *err)
{
    const json_t *uusd = json_object_get(object, "uusd");
    const json_t *rest = json_object_get(object, "rest");
    if (!json_is_integer(uusd) || json_integer_value(uusd) < 0 || !json_is_integer(rest) ||
        json_integer_value(rest) < 0 || json_integer_value(rest) >= 3600) {
        return gs_fail(err, GS_INVALID,
                       "the controller's answer has no amount where one belongs (uusd, rest)");
    }
    *ret_uusd = (uint64_t)json_integer_value(uusd);
    *ret_rest = (uint32_t)json_integer_value(rest);
    return 0;
}

/* {"count", "first": [{"at", "why"}]}; none: nothing was left out. */
static int take_left_out(const json_t *doc, struct gs_history_left_out *ret, struct gs_err *err)
{
    const json_t *out = json_object_get(doc, "left_out");
    const json_t *count = json_object_get(out, "count");
    const json_t *first = json_object_get(out, "first");
    size_t n = json_array_size(first);
    if (out == NULL) {
        return 0;
    }
    if (!json_is_integer(count) || json_integer_value(count) < 0 || n > GS_HISTORY_LEFT_OUT_MAX ||
        n > (size_t)json_integer_value(count)) {
        return gs_fail(err, GS_INVALID,
                       "the controller's answer does not say what is left out (left_out)");
    }
    ret->n = (uint64_t)json_integer_value(count);
    for (size_t i = 0; i < GS_HISTORY_LEFT_OUT_MAX && i < ret->n; i++) {
        const json_t *one = json_array_get(first, i);
        const char *at = json_string_value(json_object_get(one, "at"));
        const char *why = json_string_value(json_object_get(one, "why"));
        uint64_t us = 0;
        if (at == NULL || why == NULL || gs_kubetime_parse(gs_view(at), &us, NULL) != 0) {
            return gs_fail(err, GS_INVALID,
                           "the controller's answer does not say when and why an hour is left out");
        }
        ret->at[i].at_s = (int64_t)(us / 1000000);
        (void)snprintf(ret->at[i].why, sizeof(ret->at[i].why), "%s", why);
    }
    return 0;
}

int gs_cost_take_doc(const json_t *doc, struct gs_cost_bill *ret, struct gs_err *err)
{
    const json_t *rows = json_object_get(doc, "rows");
    const json_t *known = json_object_get(doc, "known_s");
    int r = 0;
    if (!json_is_array(rows) || !json_is_integer(known) || json_integer_value(known) < 0) {
        return gs_fail(err, GS_INVALID, "the controller's answer is no bill: no rows or known_s");
    }
    ret->known_s = (uint64_t)json_integer_value(known);
    for (size_t i = 0; r == 0 && i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const char *name = json_string_value(json_object_get(row, "name"));
        uint64_t uusd = 0;
        uint32_t rest = 0;
        r = name == NULL
                ? gs_fail(err, GS_INVALID, "the controller's answer has a row without a name")
                : amount_of(row, &uusd, &rest, err);
        r = r == 0 ? gs_cost_bill_add(ret, name, uusd, rest, err) : r;
    }
    return r == 0 ? take_left_out(doc, &ret->left_out, err) : r;
}

static int take_all(json_t *const docs[2], struct gs_cost_bill *ret, struct gs_err *err)
{
    GS_CLEANUP(gs_cost_bill_done) struct gs_cost_bill parts = {.n = 0};
    int r = gs_cost_take_doc(docs[0], &parts, err);
    r = r == 0 ? gs_cost_take_doc(docs[1], ret, err) : r;
    return r == 0 ? gs_cost_bill_check(ret, &parts, err) : r;
}

int gs_cost_read_cluster(const struct gs_cost_args *args, const struct gs_cost_span *span,
                         struct gs_cost_bill *ret)
{
    char part[200];
    char rows[200];
    const char *const paths[] = {part, rows};
    struct gs_err err = {.msg = ""};
    int r = GS_INVALID;
    (void)snprintf(part, sizeof(part), "/api/v1/cost?by=part&from=%" PRId64 "&to=%" PRId64,
                   span->from_s, span->to_s);
    (void)snprintf(rows, sizeof(rows), "/api/v1/cost?by=%s&from=%" PRId64 "&to=%" PRId64,
                   gs_cost_bys[args->by], span->from_s, span->to_s);
    for (unsigned i = 0; i < TRIES && r == GS_INVALID; i++) {
        json_t *docs[2] = {NULL, NULL};
        int status = gs_dashboard_ask(&args->way, paths, docs, 2);
        if (status != 0) {
            return status;
        }
        gs_cost_bill_done(ret);
        r = take_all(docs, ret, &err);
        json_decref(docs[0]);
        json_decref(docs[1]);
    }
    return r == 0 ? GS_EXIT_DONE : gs_exit_failed(&err);
}
