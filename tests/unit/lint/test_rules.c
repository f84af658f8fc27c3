#include "unit/lint/look.h"

#include <stdio.h>
#include <string.h>

#include "lint/claims.h"
#include "lint/phrase.h"
#include "lint/slicepool.h"

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

/* What stands under `properties` at that place of the schema, "spec.limits" as the rules name it.
 */
static const struct gs_lint_node *properties(const struct gs_lint_node *schema, const char *under)
{
    struct gs_view rest = gs_view(under);
    while (rest.p != NULL && rest.n > 0) {
        struct gs_view word = gs_view_split(&rest, '.');
        const struct gs_lint_node *one = gs_lint_get(schema, "properties")->first;
        while (one != NULL && !(one->key.n == word.n && memcmp(one->key.p, word.p, word.n) == 0)) {
            one = one->next;
        }
        assert_non_null(one);
        schema = gs_lint_get(one, "items") != NULL ? gs_lint_get(one, "items") : one;
    }
    return gs_lint_get(schema, "properties");
}

/* All fields of ours are in the schema, and the other way round. */
static void rules__fields_of_a_slicepool_are_those_of_its_schema(void **state)
{
    static const char *const places[] = {"", "spec", "spec.nodeClassRef", "spec.limits",
                                         "spec.taints"};
    struct gs_arena arena;
    struct gs_view text;
    struct gs_lint_piece piece;
    struct gs_lint_docs docs;
    (void)state;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 24);
    assert_true(look_read(&arena, GS_SOURCE_DIR "/deploy/crds/slicepools.yaml", &text));
    assert_int_equal(gs_lint_piece_make(&arena, text, 0, (uint32_t)text.n, 0, GS_LINT_YAML, &piece),
                     0);
    assert_int_equal(gs_lint_tree_read(&arena, &piece, &docs), 0);
    assert_true(docs.n == 1 && docs.bad_reason == NULL);
    const struct gs_lint_node *versions = gs_lint_at(docs.items[0].root, "spec", "versions", NULL);
    const struct gs_lint_node *schema =
        gs_lint_at(versions->first, "schema", "openAPIV3Schema", NULL);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        const char *const *names = gs_lint_slicepool_fields(places[i]);
        const struct gs_lint_node *has = properties(schema, places[i]);
        uint32_t n = 0;
        for (; names[n] != NULL; n++) {
            if (gs_lint_get(has, names[n]) == NULL) {
                fail_msg("the schema has no %s under \"%s\"", names[n], places[i]);
            }
        }
        assert_int_equal(n, has->n);
    }
    assert_null(gs_lint_slicepool_fields("spec.warm"));
    gs_arena_done(&arena);
}

static void rules__our_own_documents_keep_to_them(void **state)
{
    (void)state;
    static const char *const files[] = {"README.md",         "docs/agent.md",
                                        "docs/boot.md",      "docs/gpus.md",
                                        "docs/plan.md",      "docs/mig-parted.md",
                                        "deploy/agent.yaml", "deploy/boot/user-data.sh",
                                        "docs/slicepool.md", "docs/guides/bottlerocket.md"};
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
        cmocka_unit_test(rules__fields_of_a_slicepool_are_those_of_its_schema),
        cmocka_unit_test(rules__our_own_documents_keep_to_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
