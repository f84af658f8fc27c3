/* A program's frame, around one that does next to nothing. */
#include "unit/check.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/daemon.h"

struct args {
    const char *fail;
    struct gs_daemon_args daemon;
};

static const struct gs_option options[] = {
    {.name = "fail", .arg = "WHERE", GS_TO_TEXT(struct args, fail), .help = "where it fails"},
    GS_DAEMON_LOG_OPTIONS(struct args, daemon),
};

static const struct gs_command command = {
    .program = "tryd",
    .name = "tryd",
    .summary = "tries",
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
};

struct state {
    sd_event *event;
    unsigned started;
    unsigned left;
    unsigned done;
};

static int check(const void *values, struct gs_err *err)
{
    const struct args *args = values;
    return strcmp(args->fail, "check") != 0 ? 0
                                            : gs_fail(err, GS_INVALID, "these do not go together");
}

/* The signal waits until the loop turns. */
static int start(void *ctx, const void *values, sd_event *event, struct gs_err *err)
{
    struct state *state = ctx;
    const struct args *args = values;
    state->started++;
    state->event = event;
    if (strcmp(args->fail, "start") == 0) {
        return gs_fail(err, GS_IO, "it cannot be");
    }
    return kill(getpid(), strcmp(args->fail, "int") == 0 ? SIGINT : SIGTERM);
}

static void leave(void *ctx)
{
    struct state *state = ctx;
    state->left++;
    assert_true(sd_event_exit(state->event, 0) >= 0);
}

static void done(void *ctx)
{
    struct state *state = ctx;
    state->done++;
}

static const struct gs_daemon program = {
    .command = &command, .check = check, .start = start, .leave = leave, .done = done};

static void daemon__ends_as_its_parts_say(void **state_of_test)
{
    static const struct {
        const char *words[4];
        int argc;
        int status;
        unsigned started;
        unsigned left;
        unsigned done;
    } cases[] = {
        {{"tryd"}, 1, 0, 1, 1, 1},
        {{"tryd", "--fail=int"}, 2, 0, 1, 1, 1},
        {{"tryd", "--fail=start"}, 2, 1, 1, 0, 1},
        {{"tryd", "--fail=check"}, 2, 2, 0, 0, 0},
        {{"tryd", "--log-level", "loud"}, 3, 2, 0, 0, 0},
        {{"tryd", "word"}, 2, 2, 0, 0, 0},
        {{"tryd", "completion"}, 2, 2, 0, 0, 0},
        {{"tryd", "completion", "csh"}, 3, 2, 0, 0, 0},
    };
    (void)state_of_test;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct args args = {.fail = "", .daemon = GS_DAEMON_PRESET};
        struct state state = {.event = NULL};
        char *argv[5] = {NULL};
        for (int word = 0; word < cases[i].argc; word++) {
            argv[word] = strdup(cases[i].words[word]);
        }
        int status = gs_daemon_main(&program, cases[i].argc, argv, &args, &args.daemon, &state);
        if (status != cases[i].status) {
            print_message("case %zu: %d\n", i, status);
        }
        assert_int_equal(status, cases[i].status);
        assert_int_equal(state.started, cases[i].started);
        assert_int_equal(state.left, cases[i].left);
        assert_int_equal(state.done, cases[i].done);
        for (int word = 0; word < cases[i].argc; word++) {
            free(argv[word]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(daemon__ends_as_its_parts_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
