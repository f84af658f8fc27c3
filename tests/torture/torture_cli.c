#include "torture/torture.h"

#include "base/table.h"
#include "cli/cmd.h"

static int fill_table(struct gs_err *err)
{
    static const struct gs_column columns[] = {{.title = "A"}, {.title = "B", .right = true}};
    struct gs_table *table = gs_table_new(columns, 2);
    for (int i = 0; i < 200; i++) {
        gs_table_putf(table, "name %d", i);
        gs_table_style(table, GS_STYLE_GOOD);
        gs_table_put(table, "some text");
    }
    struct gs_buf out;
    gs_buf_init(&out, 1 << 20);
    gs_table_print(table, 2, true, &out);
    bool ok = gs_buf_ok(&out);
    gs_buf_done(&out);
    gs_table_free(table);
    return ok ? 0 : gs_fail(err, GS_NO_MEMORY, "no memory for the table");
}

static int write_texts(struct gs_err *err)
{
    struct gs_buf out;
    gs_buf_init(&out, 1 << 20);
    gs_help_program(gs_commands, gs_n_commands, &out);
    gs_help_command(gs_commands[0], &out);
    gs_completion_script(GS_SHELL_BASH, gs_commands, gs_n_commands, &out);
    gs_completion_script(GS_SHELL_ZSH, gs_commands, gs_n_commands, &out);
    gs_completion_script(GS_SHELL_FISH, gs_commands, gs_n_commands, &out);
    bool ok = gs_buf_ok(&out);
    gs_buf_done(&out);
    return ok ? 0 : gs_fail(err, GS_NO_MEMORY, "no memory for the texts");
}

static void torture__table_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_heap(fill_table, 1) >= 10);
}

static void torture__help_and_completion_survive_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_heap(write_texts, 1) >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__table_survives_each_failed_request),
        cmocka_unit_test(torture__help_and_completion_survive_each_failed_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
