#include "torture/torture.h"

#include <stdio.h>
#include <string.h>

#include <systemd/sd-event.h>

#include "controller/past/past.h"

static struct gs_err said;

static void on_done(void *ctx, unsigned status, struct gs_view text)
{
    bool *done = ctx;
    *done = true;
    (void)gs_fail(&said, GS_NO_MEMORY, "%u: %.*s", status, GS_VIEW_ARGS(gs_view_trim(text)));
    if (memmem(text.p, text.n, "memory", 6) == NULL) {
        said.code = GS_IO;
    }
}

/* A question is asked and given up again, of a history or a Prometheus: nobody answers there. */
static int ask(const char *history, const char *prometheus, struct gs_err *err)
{
    struct gs_past *past = NULL;
    sd_event *event = NULL;
    bool done = false;
    assert_int_equal(sd_event_new(&event), 0);
    const struct gs_past_options options = {.event = event,
                                            .name_space = "a",
                                            .history = history,
                                            .token_file = "/proc/self/comm",
                                            .ca_file = "",
                                            .prometheus = prometheus};
    struct gs_dashboard_past question = {
        .path = "/api/v1/history?series=bill_usd_h,recuts&from=1000&to=2000&step=60",
        .done = on_done,
        .ctx = &done};
    int r = gs_past_new(&options, &past, err);
    if (r == 0) {
        gs_past_ask(past, &question);
        if (!done) {
            gs_past_forget(past, &question);
        }
        r = done ? gs_fail(err, said.code, "%s", said.msg) : 0;
    }
    gs_past_free(past);
    sd_event_unref(event);
    return r;
}

static int ask_history(struct gs_err *err)
{
    return ask("http://127.0.0.1:1", "", err);
}

static int ask_prometheus(struct gs_err *err)
{
    return ask("", "http://127.0.0.1:1", err);
}

static void torture__what_was_is_asked_for_whatever_request_fails(void **state)
{
    (void)state;
    assert_true(torture_heap(ask_history, 1) > 2);
    assert_true(torture_heap(ask_prometheus, 1) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__what_was_is_asked_for_whatever_request_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
