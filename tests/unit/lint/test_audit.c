/* One small file for each numbered finding of the audit of two guides: aLLL is of line LLL of the
 * first guide, bLLL of the second. */
#include "unit/lint/look.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define FOLDER GS_SOURCE_DIR "/tests/fuzz/corpus/lint"

static const struct {
    const char *file, *found; /* "": what the guide says there is right */
    const char *left;         /* after correcting; NULL: nothing */
} cases[] = {
    {"a005.md", "1:GS218", NULL},
    {"a011.md", "3:GS201", NULL}, /* 199 too */
    {"a012.md", "", NULL},
    {"a018.md", "1:GS202", NULL},
    {"a020.md", "2:GS203", NULL},
    {"a026.md", "1:GS204", NULL},
    {"a031.md", "1:GS205", NULL},
    {"a033.md", "1:GS206", NULL},
    {"a042.md", "1:GS131", NULL},
    {"a043.md", "1:GS207", NULL},
    {"a044.md", "1:GS208", NULL},
    {"a049.md", "", NULL},
    {"a053.sh", "3:GS141 4:GS142", NULL},
    {"a059.sh", "2:GS143", NULL},
    {"a061.sh", "2:GS144", NULL},
    {"a064.md", "1:GS209 2:GS209", NULL},
    {"a069.sh", "1:GS145", NULL},
    {"a076.yaml", "6:GS112 10:GS113 10:GS114 12:GS111 13:GS111 14:GS105", NULL},
    {"a109.yaml", "11:GS101", NULL},
    {"a118.sh", "1:GS146", NULL},
    {"a119.sh", "1:GS106", NULL},
    {"a130.yaml", "1:GS123 8:GS127 10:GS128 14:GS106 17:GS106", NULL},
    {"a142.yaml", "4:GS125 9:GS106 14:GS106 19:GS131", NULL},
    {"a153.md", "1:GS132 2:GS132", NULL},
    {"a156.md", "", NULL},
    {"a161.md", "1:GS203", NULL},
    {"a162.yaml", "7:GS103", NULL}, /* the pod that has no image */
    {"a181.md", "1:GS210", NULL},
    {"a183.md", "1:GS211 2:GS211", NULL},
    {"a185.md", "1:GS212", NULL},
    {"a192.md", "1:GS203 3:GS203", NULL}, /* and 194 */
    {"b003.md", "1:GS213", NULL},
    {"b007.md", "1:GS214", NULL},
    {"b014.md", "1:GS215 3:GS215", NULL}, /* and 19 */
    {"b017.md", "1:GS216", NULL},
    {"b018.md", "1:GS206", NULL},
    {"b036.sh", "2:GS148 2:GS147", NULL}, /* 30 to 39 */
    {"b042.md", "1:GS217 3:GS217", NULL},
    {"b046.yaml", "1:GS148 2:GS149", NULL},
    {"b057.md", "", NULL},
    {"b074.yaml", "8:GS104", NULL},
    {"b077.yaml", "11:GS218", NULL},
    {"b083.yaml", "1:GS121 10:GS124", NULL},
    {"b083p.md", "1:GS121 2:GS203", NULL},
    {"b099.yaml", "1:GS122 7:GS126 10:GS129", NULL},
    {"b108.toml", "3:GS129", NULL},
    {"b108-class.yaml", "9:GS129", NULL},
    {"b113.md", "1:GS203 3:GS203 5:GS215 6:GS203 6:GS121", NULL}, /* 118, 123 to 126 */
    /* beyond the audit */
    {"together.yaml", "15:GS125 26:GS101", "15:GS125"}, /* of two slices one has to be chosen */
    {"pools.yaml", "13:GS125 31:GS125 46:GS125", NULL},
    {"old-all.yaml", "1:GS121 9:GS106 22:GS124 26:GS132 27:GS128 28:GS128", NULL},
    {"mime.txt", "8:GS142 9:GS143", NULL},
    {"broken.yaml", "2:GS001", NULL},
    {"unicode.md", "5:GS201", NULL},
    {"no-newline.yaml", "2:GS148 2:GS115 2:GS149", NULL},
    {"selector.yaml", "11:GS106 13:GS104 20:GS106", NULL},
    {"manifest.json", "7:GS104 8:GS101", NULL},
    {"denied.md", "", NULL},
    {"own-image.yaml", "15:GS127", NULL},
    {"clean.md", "", NULL},
    {"slicepool-spelling.yaml",
     "1:GS151 7:GS152 8:GS152 10:GS156 11:GS156 12:GS152 12:GS153 13:GS153 22:GS154 24:GS156 "
     "25:GS152",
     NULL},
    {"slicepool-cannot.yaml",
     "6:GS154 6:GS155 6:GS131 7:GS157 7:GS157 7:GS157 8:GS160 16:GS153 19:GS156 19:GS156 20:GS159 "
     "22:GS158 23:GS158 29:GS152 31:GS153 32:GS156 33:GS158 34:GS152",
     "6:GS154 6:GS155 6:GS131 7:GS157 7:GS157 7:GS157 8:GS160 19:GS156 19:GS156 20:GS159 22:GS158 "
     "23:GS158 29:GS152 31:GS153 32:GS156 33:GS158 34:GS152"},
    {"slicepool-clean.yaml", "", NULL},
    {"slicepool-schema.yaml",
     "8:GS153 9:GS153 10:GS153 10:GS153 11:GS153 11:GS160 12:GS153 12:GS153 13:GS153 15:GS153 "
     "16:GS153 16:GS153 17:GS153 17:GS161 17:GS153 18:GS153 19:GS153 21:GS162",
     "8:GS153 9:GS153 11:GS153 11:GS160 12:GS153 13:GS153 16:GS153 17:GS153 17:GS161 18:GS153 "
     "19:GS153 21:GS162"},
    {"slicepool-other.yaml", "", NULL}, /* of another group */
};

static struct gs_view read_case(struct gs_arena *arena, const char *name)
{
    char path[512];
    struct gs_view text;
    snprintf(path, sizeof(path), "%s/%s", FOLDER, name);
    assert_true(look_read(arena, path, &text));
    return text;
}

static void audit__each_finding_is_made_in_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_arena arena;
        gs_arena_init(&arena, &gs_alloc_heap, 1 << 28);
        char found[LOOK_MAX];
        look(&arena, cases[i].file, read_case(&arena, cases[i].file), found);
        if (strcmp(found, cases[i].found) != 0) {
            fail_msg("%s: found \"%s\", expected \"%s\"", cases[i].file, found, cases[i].found);
        }
        gs_arena_done(&arena);
    }
}

static void audit__what_is_corrected_has_nothing_left_to_correct(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_arena arena;
        gs_arena_init(&arena, &gs_alloc_heap, 1 << 28);
        struct gs_view text = read_case(&arena, cases[i].file);
        struct gs_view fixed = look_fixed(&arena, cases[i].file, text);
        char left[LOOK_MAX];
        look_left(&arena, cases[i].file, fixed, left);
        const char *expected = cases[i].left == NULL ? "" : cases[i].left;
        if (strcmp(left, expected) != 0) {
            fail_msg("%s: left \"%s\", expected \"%s\":\n%.*s", cases[i].file, left, expected,
                     (int)fixed.n, fixed.p);
        }
        bool same = fixed.n == text.n && memcmp(fixed.p, text.p, text.n) == 0;
        bool nothing = cases[i].found[0] == '\0' || strcmp(cases[i].file, "broken.yaml") == 0;
        assert_int_equal(same, nothing);
        gs_arena_done(&arena);
    }
}

static bool is_case(const char *name)
{
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        if (strcmp(cases[i].file, name) == 0) {
            return true;
        }
    }
    return name[0] == '.' || strncmp(name, "crash-", 6) == 0;
}

static void audit__no_file_is_without_an_expectation(void **state)
{
    (void)state;
    DIR *dir = opendir(FOLDER);
    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (!is_case(entry->d_name)) {
            fail_msg("%s has no row here", entry->d_name);
        }
    }
    closedir(dir);
}

/* xorshift64*, Vigna 2016. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545F4914F6CDD1Dull;
}

/* Pieces of several files behind one another, as parts of one guide. */
static void audit__correcting_ends_on_any_mixture(void **state)
{
    (void)state;
    const char *text = getenv("GPUSLICE_TEST_SEED");
    uint64_t seed = text == NULL ? 20261122 : strtoull(text, NULL, 10);
    printf("# seed %llu (GPUSLICE_TEST_SEED)\n", (unsigned long long)seed);
    for (unsigned round = 0; round < 60; round++) {
        struct gs_arena arena;
        gs_arena_init(&arena, &gs_alloc_heap, 1 << 30);
        char *bytes = gs_arena_get_raw(&arena, 256 * 1024, 1);
        assert_non_null(bytes);
        size_t n = 0;
        for (unsigned k = 0; k < 5; k++) {
            const char *name = cases[next_random(&seed) % GS_ARRAY_LEN(cases)].file;
            struct gs_view part = read_case(&arena, name);
            const char *end = strrchr(name, '.') + 1;
            bool fence = strcmp(end, "md") != 0 && strcmp(end, "txt") != 0;
            n += (size_t)snprintf(bytes + n, 100, fence ? "\n```%s\n" : "\n", end);
            memcpy(bytes + n, part.p, part.n);
            n += part.n;
            n += (size_t)snprintf(bytes + n, 100, fence ? "\n```\n" : "\n\n");
        }
        char left[LOOK_MAX];
        struct gs_view fixed = look_fixed(&arena, "mixed.md", (struct gs_view){bytes, n});
        look_left(&arena, "mixed.md", fixed, left);
        gs_arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(audit__each_finding_is_made_in_its_line),
        cmocka_unit_test(audit__what_is_corrected_has_nothing_left_to_correct),
        cmocka_unit_test(audit__no_file_is_without_an_expectation),
        cmocka_unit_test(audit__correcting_ends_on_any_mixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
