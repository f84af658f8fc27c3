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

/* The same bounds, type and form as a row of ours, and so on below; counts what it sees. */
static void compare(const struct gs_lint_piece *crd, const struct gs_lint_node *schema,
                    const char *path, bool need, size_t *n)
{
    static const char *const least[] = {"minProperties", "minItems", "minLength", "minimum"};
    static const char *const most[] = {"maxProperties", "maxItems", "maxLength", "maximum"};
    static const char *const types[] = {"object", "array", "string", "integer"};
    const struct gs_lint_schema *row = gs_lint_slicepool_schema(path);
    const struct gs_lint_node *words = gs_lint_get(schema, "enum");
    struct gs_view source = {crd->text.p + schema->start, schema->end - schema->start};
    uint64_t min = 0;
    uint64_t max = 0;
    if (row == NULL) {
        fail_msg("no row for %s", path);
    }
    (void)gs_view_is_u64(gs_lint_text(schema, least[row->want]), UINT32_MAX, &min);
    (void)gs_view_is_u64(gs_lint_text(schema, most[row->want]), UINT32_MAX, &max);
    bool same = gs_view_eq(gs_lint_text(schema, "type"), types[row->want]) && row->min == min &&
                row->max == max && row->need == need &&
                row->has_default == (gs_lint_get(schema, "default") != NULL) &&
                (row->pattern == NULL) == (row->want != GS_LINT_WANT_TEXT || words != NULL) &&
                (row->pattern == NULL ||
                 memmem(source.p, source.n, row->pattern, strlen(row->pattern)) != NULL);
    size_t k = 0;
    for (const struct gs_lint_node *one = words == NULL ? NULL : words->first; one != NULL;
         one = one->next, k++) {
        same = same && row->words[k] != NULL && gs_view_eq(one->text, row->words[k]);
    }
    if (!same || row->words[k] != NULL || (row->expected == NULL) != (words != NULL)) {
        fail_msg("the row for %s is not what the schema says", path);
    }
    ++*n;
    char below[100];
    if (gs_lint_get(schema, "items") != NULL) {
        snprintf(below, sizeof(below), "%s[]", path);
        compare(crd, gs_lint_get(schema, "items"), below, false, n);
    }
    if (gs_lint_get(schema, "additionalProperties") != NULL) {
        snprintf(below, sizeof(below), "%s{}", path);
        compare(crd, gs_lint_get(schema, "additionalProperties"), below, false, n);
    }
    const struct gs_lint_node *has = gs_lint_get(schema, "properties");
    const struct gs_lint_node *needed = gs_lint_get(schema, "required");
    for (const struct gs_lint_node *one = has == NULL ? NULL : has->first; one != NULL;
         one = one->next) {
        const struct gs_lint_node *name = needed == NULL ? NULL : needed->first;
        while (name != NULL && !gs_view_eq(name->text, one->key.p)) {
            name = name->next;
        }
        snprintf(below, sizeof(below), "%s.%s", path, one->key.p);
        compare(crd, one, below, name != NULL, n);
    }
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
    size_t n = 0;
    compare(&piece, gs_lint_at(schema, "properties", "spec", NULL), "spec", true, &n);
    assert_non_null(gs_lint_slicepool_schema_row(n - 1));
    assert_null(gs_lint_slicepool_schema_row(n));
    gs_arena_done(&arena);
}

#define HEAD "apiVersion: gpuslice.dev/v1alpha1\nkind: SlicePool\nmetadata: {name: a}\n"
#define SPEC HEAD "spec:\n  nodeClassRef: {name: a}\n  instanceTypes: [p4d.24xlarge]\n"

static const struct {
    const char *text, *found;
    const char *fixed; /* NULL: as it was */
} pools[] = {
    {SPEC, "", NULL},
    {HEAD, "2:GS161", NULL},
    {HEAD "spec: null\n", "4:GS153", NULL},
    {HEAD "spec: [1, 2]\n", "4:GS153", NULL},
    {HEAD "spec: {}\n", "4:GS161", NULL},
    {HEAD "spec: {nodeClassRef: {}, instanceTypes: []}\n", "4:GS161 4:GS153", NULL},
    {HEAD "spec: {nodeClassRef: gpus, instanceTypes: p4d.24xlarge, profiles: 1g.5gb}\n",
     "4:GS153 4:GS153 4:GS153", NULL},
    {HEAD "spec: {nodeClassRef: {name: A_b}, instanceTypes: [p4d.24xlarge, 5, {a: b}, ~]}\n",
     "4:GS153 4:GS153 4:GS154 4:GS153 4:GS153 4:GS154",
     HEAD "spec: {nodeClassRef: {name: A_b}, instanceTypes: [p4d.24xlarge, \"5\", {a: b}, ~]}\n"},
    {SPEC "  limits: {gpus: \"64\"}\n", "7:GS153", SPEC "  limits: {gpus: 64}\n"},
    {SPEC "  limits: {gpus: 64.5}\n", "7:GS153", NULL},
    {SPEC "  limits: {gpus: 64.0}\n", "", NULL},
    {SPEC "  limits: {gpus: 1000001}\n", "7:GS153", NULL},
    {SPEC "  limits: {gpus: -1}\n", "7:GS153", NULL},
    {SPEC "  limits: {gpus: many}\n", "7:GS153", NULL},
    {SPEC "  limits: {usdPerHour: \"$200\"}\n", "7:GS153", NULL},
    {SPEC "  limits: {usdPerHour: .inf}\n", "7:GS153", NULL},
    {SPEC "  limits: {usdPerHour: 200}\n", "7:GS153", SPEC "  limits: {usdPerHour: \"200\"}\n"},
    {SPEC "  limits:\n  warm:\n", "8:GS153", NULL}, /* limits have a default */
    {SPEC "  emptyAfter: 600\n", "7:GS153", NULL},
    {SPEC "  emptyAfter: 0s\n", "", NULL},
    {SPEC "  startLimit: 1d\n", "7:GS153", NULL},
    {SPEC "  startLimit: -5m\n", "7:GS153", NULL},
    {SPEC "  startLimit: 0s\n", "7:GS153", NULL},
    {SPEC "  expireAfter: Never\n", "", NULL},
    {SPEC "  expireAfter: 87601h\n", "7:GS153", NULL},
    {SPEC "  capacityTypes: [spot]\n  spotPercent: 0\n", "8:GS153", NULL},
    {SPEC "  taints: [{key: a, effect: NoSched}]\n", "7:GS153", NULL},
    {SPEC "  taints: [{key: a}]\n", "7:GS161", NULL},
    {SPEC "  taints: [{key: a, effect: noSchedule}]\n", "7:GS153",
     SPEC "  taints: [{key: a, effect: NoSchedule}]\n"},
    {SPEC "  taints: [{key: gpuslice.dev/startup, effect: NoSchedule}]\n", "7:GS153", NULL},
    {SPEC "  warm: {1g.5gb: \"2\"}\n", "7:GS153", SPEC "  warm: {1g.5gb: 2}\n"},
    {SPEC "  labels: {gpuslice.dev/x: y}\n", "7:GS153", NULL},
    {SPEC "  labels: {team: yes, \"a b\": c}\n", "7:GS153 7:GS153",
     SPEC "  labels: {team: \"yes\", \"a b\": c}\n"},
    {SPEC "  labels: {b: yEs, c: 1.2.3, d: 0x, e: \"\", f: 'on', g: 1.e}\n", "", NULL},
    {SPEC "  labels: {a: 010, b: 0x1f, c: 1e3, d: No, e: -1}\n",
     "7:GS153 7:GS153 7:GS153 7:GS153 7:GS153",
     SPEC "  labels: {a: \"010\", b: \"0x1f\", c: \"1e3\", d: \"No\", e: -1}\n"},
    {SPEC "  labels: {team: !!str 5, of: &a ml, to: *a}\n", "", NULL},
    {SPEC "  moves: never\n  moves: optIn\n", "8:GS162", NULL},
    {SPEC "  zones: [us-east-1a, us-east-1a]\n", "7:GS162", NULL},
    {"kind: List\napiVersion: v1\nitems:\n- apiVersion: gpuslice.dev/v1alpha1\n  kind: SlicePool\n"
     "  spec: {nodeClassRef: {name: a}}\n",
     "6:GS161", NULL},
    /* nothing comes to stand twice, and no anchor is lost */
    {SPEC "  Recut: profiles\n  re_cut: anyProfile\n", "7:GS152 8:GS152",
     SPEC "  recut: profiles\n  re_cut: anyProfile\n"},
    {SPEC "  recut: &r Profiles\n  scaling: *r\n", "7:GS153", NULL},
    {SPEC "  &k Recut: profiles\n", "7:GS152", NULL},
    {SPEC "  recut: &r \"Profiles\"\n", "7:GS153", NULL},
    {SPEC "  capacityTypes: [Spot, ondemand, \"on demand\", \"on-demand\"]\n",
     "7:GS153 7:GS153 7:GS153 7:GS153",
     SPEC "  capacityTypes: [spot, ondemand, \"on demand\", \"on-demand\"]\n"},
    {SPEC "  profiles: [1G.5GB, mig-1g.5gb]\n", "7:GS156 7:GS156",
     SPEC "  profiles: [1g.5gb, mig-1g.5gb]\n"},
    /* a mark of the byte order stays */
    {"\xEF\xBB\xBF" SPEC "  recut: Profiles\n", "7:GS153",
     "\xEF\xBB\xBF" SPEC "  recut: profiles\n"},
    {"\xEF\xBB\xBF"
     "apiVersion: v1\nkind: ConfigMap\n",
     "", NULL},
    {"\xEF\xBB\xBF", "", NULL},
};

static void slicepool__what_the_schema_refuses_is_found_and_correcting_breaks_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
        struct gs_arena arena;
        gs_arena_init(&arena, &gs_alloc_heap, 1 << 26);
        char found[LOOK_MAX];
        struct gs_view text = gs_view(pools[i].text);
        look(&arena, "pool.yaml", text, found);
        if (strcmp(found, pools[i].found) != 0) {
            fail_msg("found \"%s\", expected \"%s\" in:\n%s", found, pools[i].found, text.p);
        }
        struct gs_view fixed = look_fixed(&arena, "pool.yaml", text);
        if (!gs_view_eq(fixed, pools[i].fixed == NULL ? text.p : pools[i].fixed)) {
            fail_msg("corrected to:\n%.*s", (int)fixed.n, fixed.p);
        }
        gs_arena_done(&arena);
    }
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
        cmocka_unit_test(slicepool__what_the_schema_refuses_is_found_and_correcting_breaks_nothing),
        cmocka_unit_test(rules__our_own_documents_keep_to_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
