#include "torture/torture.h"

#include "base/cleanup.h"
#include "base/table.h"
#include "cli/cmd.h"
#include "cli/mig/mig.h"
#include "cli/mig/preview.h"
#include "cli/mig/spelling.h"
#include "core/catalog.h"

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

static int respell(struct gs_err *err)
{
    static char texts[][24] = {"apply", "-config-file=a", "-m=true", "-af",
                               "-x",    "-c=b",           "--",      "-d=1"};
    static struct gs_mig_words line;
    char *argv[GS_ARRAY_LEN(texts)];
    for (size_t i = 0; i < GS_ARRAY_LEN(texts); i++) {
        argv[i] = texts[i];
    }
    line = (struct gs_mig_words){.n_made = 0};
    int r = gs_mig_respell(&gs_command_mig_assert, (int)GS_ARRAY_LEN(texts), argv, &line, err);
    if (r == 0) {
        assert_int_equal(line.n, 10);
        assert_string_equal(line.words[1], "--config-file");
        assert_ptr_equal(line.words[5], texts[4]); /* the value of -af */
        assert_ptr_equal(line.words[9], texts[7]); /* behind -- */
    }
    gs_mig_words_done(&line);
    return r;
}

/* What a dry run says of a GPU that is cut once its MIG is on. */
static int foresee(const struct gs_alloc *source, struct gs_err *err)
{
    const struct gs_change_step gi = {
        .kind = GS_CHANGE_CREATE_GI, .profile = 2, .profile_id = 9, .start = 4, .size = 4};
    const struct gs_planned planned[] = {
        {.kind = GS_PLANNED_MODE, .mode = GS_MIG_ON},
        {.kind = GS_PLANNED_STEP, .step = &gi},
    };
    struct gs_gpu_view view = {.facts = {.mode = GS_MIG_OFF}, .holders_known = true};
    const struct gs_gpu_machine before = {.n = 1, .at = &view};
    struct gs_gpu_machine after;
    struct gs_arena arena;
    gs_arena_init(&arena, source, 64 << 20);
    assert_int_equal(gs_catalog_find(gs_view("A100-40GB"), &view.model, NULL), 0);
    int r = gs_mig_preview_begin(&arena, &before, &after, err);
    if (r == 0) {
        for (size_t k = 0; k < GS_ARRAY_LEN(planned); k++) {
            gs_mig_preview_next(&after, &planned[k]);
        }
        gs_mig_preview_end(&after);
        assert_int_equal(after.at[0].code, 0);
        assert_int_equal(after.at[0].instances.n, 1);
        assert_true(after.at[0].has_layout);
    }
    gs_arena_done(&arena);
    return r;
}

static void torture__respelling_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_heap(respell, 1) >= 4);
}

static void torture__foreseeing_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_arena(foresee, 1) >= 1);
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
        cmocka_unit_test(torture__respelling_survives_each_failed_request),
        cmocka_unit_test(torture__foreseeing_survives_each_failed_request),
        cmocka_unit_test(torture__help_and_completion_survive_each_failed_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
