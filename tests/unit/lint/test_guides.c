/* Two guides as they were found, whole: each line that the audit names is named with its rule. */
#include "unit/lint/look.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static const struct {
    const char *file, *found;
} guides[] = {
    {"000_7c59c548d6496f66.txt",
     "5:GS218 11:GS201 18:GS202 20:GS203 26:GS204 31:GS205 33:GS206 42:GS131 43:GS207 44:GS208 "
     "56:GS141 57:GS142 60:GS143 61:GS144 64:GS209 65:GS209 69:GS145 75:GS217 83:GS112 87:GS113 "
     "87:GS114 89:GS111 90:GS111 91:GS105 109:GS101 118:GS146 119:GS106 128:GS123 131:GS123 "
     "138:GS127 140:GS128 144:GS106 147:GS106 153:GS132 154:GS132 161:GS203 169:GS103 181:GS210 "
     "182:GS211 183:GS211 185:GS212 192:GS203 194:GS203 199:GS201 199:GS203"},
    {"001_90f21859b12f8e9b.txt",
     "3:GS213 7:GS214 14:GS215 17:GS216 18:GS206 19:GS215 25:GS215 36:GS148 36:GS147 42:GS217 "
     "44:GS217 46:GS148 47:GS149 74:GS104 77:GS218 81:GS203 83:GS121 85:GS121 94:GS124 99:GS203 "
     "101:GS122 106:GS130 107:GS126 110:GS129 113:GS203 118:GS203 123:GS215 126:GS203 126:GS121"},
};

static struct gs_view read_guide(struct gs_arena *arena, const char *name)
{
    const char *folder = getenv("GPUSLICE_TESTDATA");
    char path[1024];
    struct gs_view text = {NULL, 0};
    snprintf(path, sizeof(path), "%s/guides/%s", folder == NULL ? "" : folder, name);
    if (folder == NULL || !look_read(arena, path, &text)) {
        printf("SKIP: guides: no %s; -Dtestdata=FOLDER says where the folder guides/ is\n", path);
        skip();
    }
    return text;
}

static void guides__each_wrong_line_is_named_with_its_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(guides); i++) {
        struct gs_arena arena;
        gs_arena_init(&arena, &gs_alloc_heap, 1 << 28);
        char found[LOOK_MAX];
        look(&arena, guides[i].file, read_guide(&arena, guides[i].file), found);
        assert_string_equal(found, guides[i].found);
        gs_arena_done(&arena);
    }
}

static void guides__corrected_they_have_nothing_left(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(guides); i++) {
        struct gs_arena arena;
        gs_arena_init(&arena, &gs_alloc_heap, 1 << 28);
        char left[LOOK_MAX];
        struct gs_view text = read_guide(&arena, guides[i].file);
        look_left(&arena, guides[i].file, look_fixed(&arena, guides[i].file, text), left);
        assert_string_equal(left, "");
        gs_arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guides__each_wrong_line_is_named_with_its_rule),
        cmocka_unit_test(guides__corrected_they_have_nothing_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
