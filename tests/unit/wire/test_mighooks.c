#include "unit/wire/bad_input.h"

#include <stdio.h>

#include "wire/mighooks.h"

static struct gs_arena arena;

static int set_up(void **state)
{
    (void)state;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gs_arena_done(&arena);
    return 0;
}

static int parse(const char *text, struct gs_err *err)
{
    struct gs_doc_input input = text_input(text);
    struct gs_mighooks hooks;
    return gs_mighooks_read(&arena, &input, &hooks, err);
}

static struct gs_mighooks read_hooks(const char *text)
{
    struct gs_doc_input input = text_input(text);
    struct gs_mighooks hooks = {.n = {77}};
    struct gs_err err = {0};
    if (gs_mighooks_read(&arena, &input, &hooks, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    return hooks;
}

static void mighooks__reads_commands_in_order(void **state)
{
    (void)state;
    struct gs_mighooks hooks =
        read_hooks("version: v1\n"
                   "hooks:\n"
                   "    apply-start:\n"
                   "    - workdir: \"/etc/somewhere\"\n"
                   "      command: \"/bin/bash\"\n"
                   "      args: [\"-x\", \"-c\", \"echo ${A}; exit\", \"\"]\n"
                   "      envs: {A: one, B: \"\", C: 1}\n"
                   "    - command: second\n"
                   "    apply-exit:\n"
                   "    - command: sh\n"
                   "      args:\n"
                   "      - -c\n"
                   "      - |\n"
                   "        line one\n"
                   "        \tline two\n"
                   "    pre-apply-mode: []\n");
    assert_int_equal(hooks.n[GS_MIGHOOK_APPLY_START], 2);
    assert_int_equal(hooks.n[GS_MIGHOOK_PRE_APPLY_MODE], 0);
    assert_int_equal(hooks.n[GS_MIGHOOK_PRE_APPLY_CONFIG], 0);
    assert_int_equal(hooks.n[GS_MIGHOOK_APPLY_EXIT], 1);
    const struct gs_mighook_command *first = &hooks.commands[GS_MIGHOOK_APPLY_START][0];
    assert_int_equal(first->line, 4);
    assert_string_equal(first->command, "/bin/bash");
    assert_string_equal(first->workdir, "/etc/somewhere");
    assert_int_equal(first->n_args, 4);
    assert_string_equal(first->args[2], "echo ${A}; exit");
    assert_string_equal(first->args[3], "");
    assert_int_equal(first->n_envs, 3);
    assert_string_equal(first->envs[0].name, "A");
    assert_string_equal(first->envs[1].value, "");
    assert_string_equal(first->envs[2].value, "1");
    const struct gs_mighook_command *second = &hooks.commands[GS_MIGHOOK_APPLY_START][1];
    assert_null(second->workdir);
    assert_int_equal(second->n_args, 0);
    assert_string_equal(hooks.commands[GS_MIGHOOK_APPLY_EXIT][0].args[1], "line one\n\tline two\n");
}

static const char *const empty[] = {
    "",
    "# none\n",
    "null\n",
    "version: v1\n",
    "version: v1\nhooks:\n",
    "version: v1\nhooks: {}\n",
    "version: v1\nhooks: {apply-start: }\n",
    "version: v1\nhooks: {apply-start: []}\n",
};

static void mighooks__may_be_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
        struct gs_mighooks hooks = read_hooks(empty[i]);
        for (unsigned h = 0; h < GS_MIGHOOKS; h++) {
            assert_int_equal(hooks.n[h], 0);
        }
    }
}

#define COMMAND(body) "version: v1\nhooks:\n  apply-exit:\n  - {" body "}\n"

static const struct bad_input bad[] = {
    {"hooks: {}\n", "f.yaml:1: found no key \"version\""},
    {"version: v2\nhooks: {}\n", "f.yaml:1: version: found \"v2\""},
    {"version: v1\nhooks: {}\nmore: 1\n", "f.yaml:3: found key \"more\""},
    {"version: v1\nhooks: []\n", "f.yaml:2: hooks: found a list"},
    {"version: v1\nhooks: {apply-begin: []}\n",
     "f.yaml:2: found key \"apply-begin\"; expected one of apply-start, pre-apply-mode, "
     "pre-apply-config, apply-exit"},
    {"version: v1\nhooks: {apply-start: {}}\n", "f.yaml:2: apply-start: found a map"},
    {"version: v1\nhooks: {apply-start: [x]}\n", "f.yaml:2: apply-start: found \"x\""},
    {COMMAND("args: [x]"), "f.yaml:4: found no key \"command\""},
    {COMMAND("command: \"\""), "f.yaml:4: command: found \"\""},
    {COMMAND("command: [sh]"), "f.yaml:4: command: found a list"},
    {COMMAND("command: sh, arg: [x]"),
     "f.yaml:4: found key \"arg\"; expected one of command, args"},
    {COMMAND("command: sh, args: x"), "f.yaml:4: args: found \"x\"; expected a list"},
    {COMMAND("command: sh, args: [[x]]"), "f.yaml:4: args: found a list"},
    {COMMAND("command: sh, args: [null]"), "f.yaml:4: args: found nothing"},
    {COMMAND("command: sh, envs: [A]"), "f.yaml:4: envs: found a list"},
    {COMMAND("command: sh, envs: {A: [x]}"), "f.yaml:4: A: found a list"},
    {COMMAND("command: sh, envs: {A: }"), "f.yaml:4: A: found nothing"},
    {COMMAND("command: sh, envs: {A=B: x}"), "f.yaml:4: envs: found the name \"A=B\""},
    {COMMAND("command: sh, envs: {\"\": x}"), "f.yaml:4: envs: found the name \"\""},
    {COMMAND("command: sh, workdir: {}"), "f.yaml:4: workdir: found a map"},
    {COMMAND("command: \"a\\0b\""), "f.yaml:4: found a control character"},
};

static void mighooks__refuses_what_would_not_run_as_meant(void **state)
{
    (void)state;
    CHECK_BAD_INPUTS(bad, parse);
}

static void mighooks__bounds_its_lists(void **state)
{
    (void)state;
    char text[8000];
    struct gs_err err;
    size_t n = (size_t)snprintf(text, sizeof(text), "version: v1\nhooks: {apply-exit: [");
    for (unsigned i = 0; i <= GS_MIGHOOKS_COMMANDS_MAX; i++) {
        n += (size_t)snprintf(text + n, sizeof(text) - n, "{command: sh},");
    }
    snprintf(text + n, sizeof(text) - n, "]}\n");
    assert_int_equal(parse(text, &err), GS_INVALID);
    assert_non_null(strstr(err.msg, "apply-exit: found 65; expected 64 at most"));
    n = (size_t)snprintf(text, sizeof(text),
                         "version: v1\nhooks: {apply-exit: [{command: sh, args: [");
    for (unsigned i = 0; i <= GS_MIGHOOKS_ARGS_MAX; i++) {
        n += (size_t)snprintf(text + n, sizeof(text) - n, "x,");
    }
    snprintf(text + n, sizeof(text) - n, "]}]}\n");
    assert_int_equal(parse(text, &err), GS_INVALID);
    assert_non_null(strstr(err.msg, "args: found 257; expected 256 at most"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(mighooks__reads_commands_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mighooks__may_be_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mighooks__refuses_what_would_not_run_as_meant, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(mighooks__bounds_its_lists, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
