#include "unit/lint/look.h"

#include <stdio.h>
#include <string.h>

#include "lint/claims.h"
#include "lint/phrase.h"

static void rules__each_has_an_id_of_its_own_and_all_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LINT_RULES; i++) {
        const struct gs_lint_rule *rule = &gs_lint_rules[i];
        assert_non_null(rule->id);
        assert_int_equal(strlen(rule->id), 5);
        assert_true(rule->title[0] != '\0' && rule->instead[0] != '\0');
        assert_int_equal(rule->why[strlen(rule->why) - 1], '.');
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(rule->id, gs_lint_rules[k].id);
        }
    }
}

static void rules__the_table_for_users_is_that_of_the_program(void **state)
{
    (void)state;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 24);
    struct gs_view page;
    assert_true(look_read(&arena, GS_SOURCE_DIR "/docs/lint.md", &page));
    size_t rows = 0;
    for (size_t i = 0; i < GS_LINT_RULES; i++) {
        char row[400];
        snprintf(row, sizeof(row), "\n| %s | %s | %s |", gs_lint_rules[i].id,
                 gs_lint_severity_name(gs_lint_rules[i].severity), gs_lint_rules[i].title);
        if (memmem(page.p, page.n, row, strlen(row)) == NULL) {
            fail_msg("docs/lint.md has no row%s", row);
        }
        rows++;
    }
    for (const char *p = page.p;
         (p = memmem(p, page.n - (size_t)(p - page.p), "\n| GS", 5)) != NULL; p++) {
        rows--;
    }
    assert_int_equal(rows, 0); /* none is there that the program does not have */
    gs_arena_done(&arena);
}

/* Or correcting would not come to an end. */
static void claims__what_is_written_instead_claims_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < gs_lint_n_claims; i++) {
        struct gs_view text = gs_view(gs_lint_claims[i].instead);
        struct gs_lint_words words;
        gs_lint_words_read(text, 0, (uint32_t)text.n, &words);
        for (size_t k = 0; k < gs_lint_n_claims; k++) {
            uint32_t first, last;
            if (gs_lint_phrase_find(&words, gs_lint_claims[k].phrase, 0, &first, &last)) {
                fail_msg("\"%s\" is claim \"%s\"", text.p, gs_lint_claims[k].phrase);
            }
        }
    }
}

static void rules__our_own_documents_keep_to_them(void **state)
{
    (void)state;
    static const char *const files[] = {
        "README.md",    "docs/agent.md",      "docs/boot.md",      "docs/gpus.md",
        "docs/plan.md", "docs/mig-parted.md", "deploy/agent.yaml", "deploy/boot/user-data.sh"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct gs_arena arena;
        gs_arena_init(&arena, &gs_alloc_heap, 1 << 28);
        char path[512];
        char found[LOOK_MAX];
        struct gs_view text;
        snprintf(path, sizeof(path), "%s/%s", GS_SOURCE_DIR, files[i]);
        assert_true(look_read(&arena, path, &text));
        look_left(&arena, files[i], text, found);
        if (found[0] != '\0') {
            fail_msg("%s: %s", files[i], found);
        }
        gs_arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules__each_has_an_id_of_its_own_and_all_words),
        cmocka_unit_test(rules__the_table_for_users_is_that_of_the_program),
        cmocka_unit_test(claims__what_is_written_instead_claims_nothing),
        cmocka_unit_test(rules__our_own_documents_keep_to_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
