#include "unit/check.h"

#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "cli/cmd.h"

struct values {
    bool fast;
    const char *file;
    struct gs_texts adds;
    unsigned form;
    uint64_t count;
    uint64_t turns;
    struct gs_texts words;
};

static const char *const forms[] = {"table", "json", "yaml", NULL};

static const struct gs_option options[] = {
    {.name = "fast", .letter = 'f', GS_TO_FLAG(struct values, fast), .help = "be fast"},
    {.name = "file", .arg = "FILE", GS_TO_TEXT(struct values, file), .help = "read it"},
    {.name = "add", .letter = 'a', .arg = "X", GS_TO_LIST(struct values, adds), .help = "one more"},
    {.group = "More",
     .name = "count",
     .letter = 'n',
     .arg = "N",
     GS_TO_NUMBER(struct values, count, 1000),
     .help = "how many"},
    {.name = "turns",
     .arg = "N",
     GS_TO_NUMBER(struct values, turns, 24),
     .min = 1,
     .help = "how often"},
    GS_OPTION_OUTPUT(struct values, form, forms),
};

static const struct gs_option words = {
    .arg = "WORD", GS_TO_LIST(struct values, words), .help = "words"};

static const struct gs_command command = {
    .name = "try",
    .summary = "try it",
    .operand = &words,
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
};

enum { ARGS_MAX = 300 };

/* getopt moves the words of argv about, and values point into them: they live until the next call.
 */
static struct gs_arena words_arena;

static char *word(const char *text)
{
    return gs_arena_text(&words_arena, text, strlen(text));
}

static int parse(const char *const *args, struct values *ret, struct gs_err *err)
{
    gs_arena_done(&words_arena);
    gs_arena_init(&words_arena, &gs_alloc_heap, 1 << 20);
    char *argv[ARGS_MAX + 2] = {word("try")};
    int argc = 1;
    for (; args[argc - 1] != NULL && argc <= ARGS_MAX; argc++) {
        argv[argc] = word(args[argc - 1]);
    }
    *ret = (struct values){.form = 1, .count = 5};
    return gs_options_parse(&command, argc, argv, ret, err);
}

#define PARSE(values, err, ...) parse((const char *const[]){__VA_ARGS__, NULL}, values, err)

static void options__read_every_kind_of_value(void **state)
{
    (void)state;
    struct values v;
    assert_int_equal(PARSE(&v, NULL, "one", "-f", "--file=x.yaml", "-a1", "two", "--add", "2",
                           "--count", "1000", "-o", "yaml", "--", "-three"),
                     0);
    assert_true(v.fast);
    assert_string_equal(v.file, "x.yaml");
    assert_int_equal(v.adds.n, 2);
    assert_string_equal(v.adds.items[0], "1");
    assert_string_equal(v.adds.items[1], "2");
    assert_int_equal(v.count, 1000);
    assert_int_equal(v.form, 2);
    assert_int_equal(v.words.n, 3);
    assert_string_equal(v.words.items[2], "-three");
}

static void options__keep_what_was_there_when_nothing_is_given(void **state)
{
    (void)state;
    struct values v;
    const char *const none[] = {NULL};
    assert_int_equal(parse(none, &v, NULL), 0);
    assert_false(v.fast);
    assert_null(v.file);
    assert_int_equal(v.form, 1);
    assert_int_equal(v.count, 5);
    assert_int_equal(v.adds.n + v.words.n, 0);
}

static void options__are_written_in_full(void **state)
{
    (void)state;
    static const struct {
        const char *args[4];
        const char *says;
    } cases[] = {
        {{"--fas"}, "try has no option --fas; options are written in full: --fast"},
        {{"--fas=yes"}, "try has no option --fas; options are written in full: --fast"},
        {{"--fil", "--fil"}, "try has no option --fil; options are written in full: --file"},
        {{"--fil=--file"}, "try has no option --fil; options are written in full: --file"},
        {{"--fil"}, "try has no option --fil; options are written in full: --file"},
        {{"one", "--co", "7"}, "try has no option --co; options are written in full: --count"},
        {{"--f"}, "try has no option --f; options are written in full: --fast, --file"},
        {{"--hel"}, "try has no option --hel; did you mean --help?"},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct values v;
        struct gs_err err = {.msg = ""};
        assert_int_equal(parse(cases[i].args, &v, &err), GS_INVALID);
        assert_string_equal(err.msg, cases[i].says);
    }
    struct values v;
    assert_int_equal(PARSE(&v, NULL, "--file", "--file", "--count", "7", "--fast"), 0);
    assert_string_equal(v.file, "--file");
    assert_int_equal(v.count, 7);
    assert_true(v.fast);
}

static void options__stop_at_help(void **state)
{
    (void)state;
    struct values v;
    assert_int_equal(PARSE(&v, NULL, "-h", "--frobnicate"), GS_OPTIONS_HELP);
    assert_int_equal(PARSE(&v, NULL, "-f", "--help"), GS_OPTIONS_HELP);
}

static void options__say_what_is_wrong_and_what_comes_near(void **state)
{
    (void)state;
    static const struct {
        const char *args[4];
        const char *says;
    } cases[] = {
        {{"--fiel", "x"}, "try has no option --fiel; did you mean --file?"},
        {{"--fiel=x"}, "try has no option --fiel; did you mean --file?"},
        {{"--frobnicate"}, "try has no option --frobnicate; see gpuslice try --help"},
        {{"-x"}, "try has no option -x; see gpuslice try --help"},
        {{"-fx"}, "try has no option -x; see gpuslice try --help"},
        {{"--fast=yes"}, "--fast takes no argument"},
        {{"--help=me"}, "--help takes no argument"},
        {{"--file"}, "--file wants its argument, FILE"},
        {{"-n"}, "--count wants its argument, N"},
        {{"-f", "--fast"}, "--fast is given twice"},
        {{"-o", "jsn"},
         "--output cannot be \"jsn\"; it is one of table, json, yaml; did you mean json?"},
        {{"-o", "protobuf"}, "--output cannot be \"protobuf\"; it is one of table, json, yaml"},
        {{"-o", ""}, "--output cannot be \"\"; it is one of table, json, yaml"},
        {{"-n", "1001"}, "--count cannot be \"1001\"; it is a whole number from 0 to 1000"},
        {{"-n", "-1"}, "--count cannot be \"-1\"; it is a whole number from 0 to 1000"},
        {{"-n", "1e2"}, "--count cannot be \"1e2\"; it is a whole number from 0 to 1000"},
        {{"--turns", "0"}, "--turns cannot be \"0\"; it is a whole number from 1 to 24"},
        {{"--turns", "25"}, "--turns cannot be \"25\"; it is a whole number from 1 to 24"},
        {{"-n", "99999999999999999999999"},
         "--count cannot be \"99999999999999999999999\"; it is a whole number from 0 to 1000"},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct values v;
        struct gs_err err;
        assert_int_equal(parse(cases[i].args, &v, &err), GS_INVALID);
        assert_string_equal(err.msg, cases[i].says);
    }
}

static void options__cut_a_name_of_any_length_in_their_message(void **state)
{
    (void)state;
    char name[5000];
    memset(name, 'x', sizeof(name));
    memcpy(name, "--", 2);
    name[sizeof(name) - 1] = '\0';
    struct values v;
    struct gs_err err;
    assert_int_equal(PARSE(&v, &err, name), GS_INVALID);
    assert_true(strlen(err.msg) < 200);
}

static void options__bound_how_often_a_list_is_given(void **state)
{
    (void)state;
    const char *args[GS_TEXTS_MAX + 2] = {NULL};
    for (int i = 0; i < GS_TEXTS_MAX; i++) {
        args[i] = "w";
    }
    struct values v;
    struct gs_err err;
    assert_int_equal(parse(args, &v, NULL), 0);
    assert_int_equal(v.words.n, GS_TEXTS_MAX);
    args[GS_TEXTS_MAX] = "w";
    assert_int_equal(parse(args, &v, &err), GS_INVALID);
    assert_string_equal(err.msg, "WORD is given more than 256 times");
}

static void help__shows_groups_repeats_and_choices(void **state)
{
    (void)state;
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, 10000);
    gs_help_command(&command, &out);
    const char *text = gs_buf_text(&out);
    assert_non_null(strstr(text, "Usage: gpuslice try [OPTIONS] [WORD...]\n"));
    assert_non_null(strstr(text, "\nOptions:\n  -f, --fast                be fast\n"));
    assert_non_null(strstr(text, "  -a, --add X               one more (may be given again)\n"));
    assert_non_null(strstr(text, "\nMore:\n  -n, --count N             how many\n"));
    assert_non_null(strstr(text, "of table, json, yaml)\n"));
    assert_null(strstr(text, "\n  1  ")); /* it never says impossible */
}

static void assert_narrow(const char *text)
{
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");
        bool example = strncmp(text, "  gpuslice ", 11) == 0; /* a command line is not broken */
        assert_true(n <= 80 || example);
        assert_true(n == 0 || text[n - 1] != ' ');
        text += n + 1;
    }
}

static void check_row(const struct gs_option *row)
{
    assert_non_null(row->help);
    size_t n = strlen(row->help);
    assert_true(n > 0 && row->help[n - 1] != '.' && row->help[n - 1] != ' ');
    assert_true(!isupper((unsigned char)row->help[0]) || isupper((unsigned char)row->help[1]));
    assert_int_equal(row->kind != GS_OPTION_FLAG, row->arg != NULL);
    assert_int_equal(row->kind == GS_OPTION_CHOICE, row->choices != NULL);
    assert_true(row->kind != GS_OPTION_NUMBER || row->max > 0);
}

/* What the compiler cannot check of the tables. */
static void check_command(const struct gs_command *it)
{
    assert_non_null(it->run);
    assert_true(it->n_options <= GS_OPTIONS_MAX);
    assert_true(it->operand != NULL || !it->operand_required);
    assert_true(!it->drop_in || it->impossible != NULL);
    for (size_t i = 0; i < it->n_options; i++) {
        check_row(&it->options[i]);
        assert_non_null(it->options[i].name);
        assert_true(it->options[i].letter != 'h');
        assert_string_not_equal(it->options[i].name, "help");
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(it->options[i].name, it->options[j].name);
            assert_true(it->options[i].letter == 0 ||
                        it->options[i].letter != it->options[j].letter);
        }
    }
    if (it->operand != NULL) {
        check_row(it->operand);
        assert_null(it->operand->name);
    }
    for (size_t i = 0; i < it->n_examples; i++) {
        assert_int_equal(strncmp(it->examples[i].command, "gpuslice ", 9) != 0 &&
                             strncmp(it->examples[i].command, "source ", 7) != 0 &&
                             strncmp(it->examples[i].command, "helm ", 5) != 0 &&
                             strncmp(it->examples[i].command, "kubectl ", 8) != 0,
                         0);
    }
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, 64 * 1024);
    gs_help_command(it, &out);
    assert_true(gs_buf_ok(&out));
    assert_narrow(gs_buf_text(&out));
}

static void commands__have_sound_tables(void **state)
{
    (void)state;
    for (size_t c = 0; c < gs_n_commands; c++) {
        const struct gs_command *it = gs_commands[c];
        check_command(it);
        for (size_t i = 0; i < it->n_subcommands; i++) {
            size_t n = strlen(it->name);
            assert_int_equal(strncmp(it->subcommands[i]->name, it->name, n), 0);
            assert_int_equal(it->subcommands[i]->name[n], ' ');
            check_command(it->subcommands[i]);
        }
    }
}

static void completion__offers_files_folders_and_lists(void **state)
{
    (void)state;
    static const struct gs_option rows[] = {
        {.name = "in",
         .arg = "F",
         GS_TO_LIST(struct values, adds),
         .complete = GS_COMPLETE_FILE,
         .help = "it's [a]: file"},
        {.name = "dir",
         .arg = "D",
         GS_TO_TEXT(struct values, file),
         .complete = GS_COMPLETE_DIR,
         .help = "folder"},
    };
    static const struct gs_command one = {
        .name = "c", .summary = "s", .options = rows, .n_options = GS_ARRAY_LEN(rows)};
    static const struct gs_command *const list[] = {&one};
    static const struct {
        enum gs_shell shell;
        const char *has[4];
    } cases[] = {
        {GS_SHELL_BASH, {"compgen -f", "compgen -d", "--help --in --dir"}},
        {GS_SHELL_ZSH, {"'*--in=[it'\\''s \\[a\\]\\: file]:F:_files'", ":D:_files -/'"}},
        {GS_SHELL_FISH, {"-l in -d 'it'\\''s [a]: file' -rF", "__fish_complete_directories"}},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        GS_CLEANUP(gs_buf_done) struct gs_buf out;
        gs_buf_init(&out, 64 * 1024);
        gs_completion_script(cases[i].shell, list, 1, &out);
        assert_true(gs_buf_ok(&out));
        for (size_t j = 0; cases[i].has[j] != NULL; j++) {
            assert_non_null(strstr(gs_buf_text(&out), cases[i].has[j]));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options__read_every_kind_of_value),
        cmocka_unit_test(options__keep_what_was_there_when_nothing_is_given),
        cmocka_unit_test(options__are_written_in_full),
        cmocka_unit_test(options__stop_at_help),
        cmocka_unit_test(options__say_what_is_wrong_and_what_comes_near),
        cmocka_unit_test(options__cut_a_name_of_any_length_in_their_message),
        cmocka_unit_test(options__bound_how_often_a_list_is_given),
        cmocka_unit_test(help__shows_groups_repeats_and_choices),
        cmocka_unit_test(commands__have_sound_tables),
        cmocka_unit_test(completion__offers_files_folders_and_lists),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    gs_arena_done(&words_arena);
    return failed;
}
