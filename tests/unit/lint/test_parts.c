#include "unit/lint/look.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "lint/diff.h"
#include "lint/guide.h"
#include "lint/phrase.h"
#include "lint/shell.h"

static const struct {
    const char *text, *phrase, *found; /* NULL: not there */
} phrases[] = {
    {"It saves **30–50%** of costs.", "sav* [ # - # % ] ~ cost*", "**30–50%**"},
    {"It saves 30-50 % of costs.", "sav* [ # - # % ]", "30-50 %"},
    {"It saves money. 30-50 %", "sav* ~ # - #", NULL},
    {"It saves money. 30-50 %", "sav* ~~ [ # - # ]", "30-50"},
    {"a one two three four five six seven eight b", "a ~ b",
     "a one two three four five six seven eight b"},
    {"a one two three four five six seven eight nine b", "a ~ b", NULL},
    {"use `trn1n.32xlarge`, please", "use [ trn1n.* ]", "`trn1n.32xlarge`"},
    {"virtual GPUs (vGPUs) are", "[ virtual gpus vgpus ]", "virtual GPUs (vGPUs)"},
    {"**Drivers**: Ensure 525", "drivers ensure", "**Drivers**: Ensure"},
    {"Install the operator to manage", "install the operator $", NULL},
    {"Install the operator.", "install the [ operator $ ]", "operator"},
    {"one  \ntwo", "one ~ two", NULL},
    {"one\ntwo", "one two", "one\ntwo"},
    {"e.g., A100, A30", "a100 a30", "A100, A30"},
    {"", "a", NULL},
};

static void phrase__finds_words_whatever_the_markers_are(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(phrases); i++) {
        struct gs_view text = gs_view(phrases[i].text);
        struct gs_lint_words words;
        uint32_t first, last, start = 0, end = 0;
        gs_lint_words_read(text, 0, (uint32_t)text.n, &words);
        bool found = gs_lint_phrase_find(&words, phrases[i].phrase, 0, &first, &last);
        assert_int_equal(found, phrases[i].found != NULL);
        if (found) {
            gs_lint_words_range(&words, first, last, &start, &end);
            char got[200];
            snprintf(got, sizeof(got), "%.*s", (int)(end - start), text.p + start);
            assert_string_equal(got, phrases[i].found);
        }
    }
}

static const struct {
    const char *text, *sentence; /* of the word "here" */
} sentences[] = {
    {"One. Two here now. Three.", "Two here now"},
    {"**Label**: it is here (e.g. this).", "it is here (e.g. this)"},
    {"e.g. this is here. So", "e.g. this is here"},
    {"It is v1.2. That is here. So", "That is here"},
    {"here", "here"},
};

static void phrase__a_sentence_ends_at_its_stop_or_behind_a_label(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(sentences); i++) {
        struct gs_view text = gs_view(sentences[i].text);
        struct gs_lint_words words;
        uint32_t first, last, start, end;
        gs_lint_words_read(text, 0, (uint32_t)text.n, &words);
        assert_true(gs_lint_phrase_find(&words, "here", 0, &first, &last));
        gs_lint_words_sentence(&words, first, &first, &last);
        gs_lint_words_range(&words, first, last, &start, &end);
        char got[200];
        snprintf(got, sizeof(got), "%.*s", (int)(end - start), text.p + start);
        assert_string_equal(got, sentences[i].sentence);
    }
}

static const struct {
    const char *before, *after, *diff;
} diffs[] = {
    {"a\nb\n", "a\nb\n", ""},
    {"a\nb\nc\n", "a\nx\nc\n", "--- f\n+++ f\n@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n"},
    {"", "a\n", "--- f\n+++ f\n@@ -0,0 +1 @@\n+a\n"},
    {"a", "a\n", "--- f\n+++ f\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n"},
    {"1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n3\n4\n5\n6\n7\n8\n9\n0\n",
     "--- f\n+++ f\n@@ -1,5 +1,4 @@\n 1\n-2\n 3\n 4\n 5\n@@ -7,3 +6,4 @@\n 7\n 8\n 9\n+0\n"},
};

static void diff__is_what_diff_u_writes(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(diffs); i++) {
        struct gs_arena arena;
        gs_arena_init(&arena, &gs_alloc_heap, 1 << 24);
        GS_CLEANUP(gs_buf_done) struct gs_buf out;
        gs_buf_init(&out, 1 << 16);
        assert_int_equal(
            gs_lint_diff(&arena, "f", gs_view(diffs[i].before), gs_view(diffs[i].after), &out), 0);
        assert_string_equal(gs_buf_text(&out), diffs[i].diff);
        gs_arena_done(&arena);
    }
}

static void guide__a_block_within_a_list_knows_its_place_in_the_file(void **state)
{
    (void)state;
    static const char text[] = "1. ä\n   ```yaml\n   é: {b: c}\n   d: |\n     x\n   ```\nend\n";
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 24);
    struct gs_lint_parts parts;
    assert_int_equal(gs_lint_guide_cut(&arena, "g.md", gs_view(text), &parts), 0);
    assert_int_equal(parts.n, 3);
    const struct gs_lint_part *yaml = &parts.items[1];
    assert_int_equal(yaml->piece.kind, GS_LINT_YAML);
    assert_string_equal(yaml->piece.text.p, "é: {b: c}\nd: |\n  x\n");
    const struct gs_lint_node *b = gs_lint_at(yaml->docs.items[0].root, "é", "b", NULL);
    assert_non_null(b);
    uint32_t at = gs_lint_piece_place(&yaml->piece, b->start);
    assert_int_equal(text[at], 'c');
    assert_int_equal(text[at - 1], ' ');
    gs_arena_done(&arena);
}

static const struct {
    const char *text, *commands; /* words by blanks, commands by | */
} scripts[] = {
    {"a b && c; d | e\n", "a b|c|d|e"},
    {"a \\\n  b # c\n# d\ne", "a b|e"},
    {"cat <<'END'\nx y\nEND\nz", "cat <<'END'|z"},
    {"a 'b c' \"d;e\"\n", "a 'b c' \"d;e\""},
    {"a 'b\nc\n", "a 'b|c"},
    {"", ""},
};

static void shell__is_read_as_commands_of_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(scripts); i++) {
        struct gs_arena arena;
        gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
        struct gs_view text = gs_view(scripts[i].text);
        struct gs_lint_piece piece;
        assert_int_equal(
            gs_lint_piece_make(&arena, text, 0, (uint32_t)text.n, 0, GS_LINT_SHELL, &piece), 0);
        struct gs_lint_command command;
        char got[300] = "";
        uint32_t at = 0;
        while (gs_lint_command_next(&piece, &at, &command)) {
            for (uint32_t w = 0; w < command.n; w++) {
                size_t n = strlen(got);
                snprintf(got + n, sizeof(got) - n, "%s%.*s",
                         n == 0   ? ""
                         : w == 0 ? "|"
                                  : " ",
                         GS_VIEW_ARGS(command.words[w]));
            }
        }
        assert_string_equal(got, scripts[i].commands);
        gs_arena_done(&arena);
    }
}

static const struct {
    const char *text;
    size_t n;
    enum gs_code code;
} refused[] = {
    {"a\0b", 3, GS_INVALID},
    {"\xff\xfe", 2, GS_INVALID},
};

static void lint__refuses_what_is_no_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(refused); i++) {
        struct gs_arena arena;
        gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
        struct gs_lint_file file = {.label = "f", .text = {refused[i].text, refused[i].n}};
        struct gs_lint_result result;
        struct gs_err err;
        assert_int_equal(gs_lint_run(&arena, &file, 1, &result, &err), refused[i].code);
        gs_arena_done(&arena);
    }
}

static void lint__deep_lists_and_long_lines_have_a_bound(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 30);
    enum { N = 1 << 20 };
    char *text = gs_arena_get_raw(&arena, N + 1, 1);
    assert_non_null(text);
    static const char *const fills[] = {"[", "a ", "- ", "a: ", "`", "*", "(", "\\\n", "a;\\\n"};
    for (size_t i = 0; i < GS_ARRAY_LEN(fills); i++) {
        size_t n = strlen(fills[i]);
        for (size_t k = 0; k + n <= N; k += n) {
            memcpy(text + k, fills[i], n);
        }
        static const char *const labels[] = {"f.yaml", "f.md", "f.sh", "f.toml"};
        for (size_t l = 0; l < GS_ARRAY_LEN(labels); l++) {
            char found[LOOK_MAX];
            struct gs_arena_mark mark = gs_arena_mark(&arena);
            look(&arena, labels[l], (struct gs_view){text, N / n * n}, found);
            gs_arena_rewind(&arena, mark);
        }
    }
    gs_arena_done(&arena);
}

static void lint__files_given_together_are_looked_at_together(void **state)
{
    (void)state;
    static const char pod[] =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n"
        "  - name: c\n    image: busybox:1.36\n    resources:\n      limits: "
        "{nvidia.com/mig-1g.5gb: 1}\n";
    static const char pool[] =
        "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata:\n  name: p\nspec:\n  template:\n"
        "    spec:\n      requirements:\n      - {key: node.kubernetes.io/instance-type, operator: "
        "In, values: [p4d.24xlarge]}\n";
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 26);
    struct gs_lint_file files[] = {{"pool.yaml", gs_view(pool)}, {"pod.yaml", gs_view(pod)}};
    struct gs_lint_result results[2];
    assert_int_equal(gs_lint_run(&arena, files, 1, results, NULL), 0);
    assert_int_equal(results[0].n, 0);
    assert_int_equal(gs_lint_run(&arena, files, 2, results, NULL), 0);
    assert_int_equal(results[0].n, 1);
    assert_int_equal(results[0].findings[0].rule, GS_LINT_NO_OVERLAY);
    struct gs_view fixed[2];
    assert_int_equal(gs_lint_fix(&arena, files, 2, fixed, NULL), 0);
    assert_non_null(strstr(fixed[0].p, "nvidia.com/mig-1g.5gb: \"56\""));
    gs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phrase__finds_words_whatever_the_markers_are),
        cmocka_unit_test(phrase__a_sentence_ends_at_its_stop_or_behind_a_label),
        cmocka_unit_test(diff__is_what_diff_u_writes),
        cmocka_unit_test(guide__a_block_within_a_list_knows_its_place_in_the_file),
        cmocka_unit_test(shell__is_read_as_commands_of_words),
        cmocka_unit_test(lint__refuses_what_is_no_text),
        cmocka_unit_test(lint__deep_lists_and_long_lines_have_a_bound),
        cmocka_unit_test(lint__files_given_together_are_looked_at_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
