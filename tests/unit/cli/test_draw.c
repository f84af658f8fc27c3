#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/draw.h"
#include "core/catalog.h"

static const struct gs_model *model_named(const char *name)
{
    const struct gs_model *model = NULL;
    assert_int_equal(gs_catalog_find(gs_view(name), &model, NULL), 0);
    return model;
}

static void draw__shows_slices_use_and_stranded_units(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        const char *layout;
        uint16_t stranded;
        const char *bar;
    } cases[] = {
        {"A100-40GB", "", 0, "| . | . | . | . | . | . | . | . |"},
        {"A100-40GB", "1g.5gb@0,1g.5gb@1!,2g.10gb@2,1g.10gb@4", 0x80,
         "|1g |1g!|2g.10gb|1g.10gb| . | x |"},
        {"A100-40GB", "1g.5gb+me@6!,3g.20gb@0!", 0, "|3g.20gb!       | . | . |1g!| . |"},
        {"A100-40GB", "1g.5gb+me@6", 0, "| . | . | . | . | . | . |1g+| . |"},
        {"A100-40GB", "7g.40gb@0", 0, "|7g.40gb                        |"},
        {"A30", "2g.12gb@2,1g.6gb+me@0", 0, "|1g+me  |   .   |2g.12gb        |"},
        {"RTX-PRO-6000-96GB", "1g.24gb+me.all@0!,2g.48gb-me@6", 0,
         "|1g+me.all! | . | . | . |2g.48gb-me             |"},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        const struct gs_model *model = model_named(cases[i].model);
        struct gs_layout layout;
        assert_int_equal(gs_layout_parse(model, gs_view(cases[i].layout), &layout, NULL), 0);
        GS_CLEANUP(gs_buf_done) struct gs_buf out;
        gs_buf_init(&out, 1000);
        gs_draw_bar(model, &layout, cases[i].stranded, &out);
        assert_string_equal(gs_buf_text(&out), cases[i].bar);
    }
}

#define PART(n)                                                                                    \
    {                                                                                              \
        n, false, false                                                                            \
    }
#define USED(n)                                                                                    \
    {                                                                                              \
        n, true, false                                                                             \
    }
#define FREE(n)                                                                                    \
    {                                                                                              \
        n, false, true                                                                             \
    }

static void draw__shows_compute_instances_as_parts_of_their_slice(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        const char *layout;
        struct gs_draw_parts parts[3];
        const char *bar;
    } cases[] = {
        {"A100-40GB",
         "3g.20gb@0,1g.5gb@4",
         {{1, {USED(3)}}, {1, {PART(1)}}},
         "|3g.20gb        |1g | . | . | . |"},
        {"A100-40GB",
         "3g.20gb@0,3g.20gb@4",
         {{2, {PART(2), USED(1)}}, {1, {PART(2)}}},
         "|2c.3g.20gb:1c! |2c.3g.20gb: .  |"},
        {"A100-40GB",
         "3g.20gb@0,2g.10gb@4,1g.5gb@6",
         {{0}, {2, {PART(1), USED(1)}}, {0}},
         "|(3g.20gb)      |1c :1c!|() | . |"},
        {"A100-40GB", "3g.20gb@4", {{2, {FREE(2), PART(1)}}}, "| . | . | . | . | .        :1c  |"},
        {"A100-40GB", "7g.40gb@0", {{2, {USED(4), PART(1)}}}, "|4c.7g.40gb!      :1c  : .      |"},
        {"A30",
         "4g.24gb@0",
         {{4, {PART(1), PART(1), USED(1), PART(1)}}},
         "|1c.4g  :1c.4g  :1c.4g! :1c.4g  |"},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        const struct gs_model *model = model_named(cases[i].model);
        struct gs_layout layout;
        assert_int_equal(gs_layout_parse(model, gs_view(cases[i].layout), &layout, NULL), 0);
        GS_CLEANUP(gs_buf_done) struct gs_buf out;
        gs_buf_init(&out, 1000);
        gs_draw_cut(model, &layout, cases[i].parts, 0, &out);
        assert_string_equal(gs_buf_text(&out), cases[i].bar);
    }
}

/* Every slice begins with a border below its unit's number, whatever the model. */
static void draw__puts_every_slice_of_every_model_under_its_number(void **state)
{
    (void)state;
    size_t n;
    const struct gs_model *models = gs_catalog(&n);
    for (size_t m = 0; m < n; m++) {
        const struct gs_model *model = &models[m];
        for (unsigned p = 0; p < model->n_profiles && model->placements_known; p++) {
            for (unsigned u = 0; u < model->memory_units; u++) {
                struct gs_layout layout = {.n_slices = 0};
                if (gs_layout_add(model, &layout, p, u, true, NULL) < 0) {
                    continue;
                }
                GS_CLEANUP(gs_buf_done) struct gs_buf ruler;
                GS_CLEANUP(gs_buf_done) struct gs_buf bar;
                gs_buf_init(&ruler, 1000);
                gs_buf_init(&bar, 1000);
                gs_draw_ruler(model, &ruler);
                gs_draw_bar(model, &layout, 0, &bar);
                char number[8];
                snprintf(number, sizeof(number), u + 1u == model->memory_units ? "%u" : "%u ", u);
                const char *at = strstr(gs_buf_text(&ruler), number);
                assert_non_null(at);
                size_t column = (size_t)(at - gs_buf_text(&ruler));
                char begins[8];
                snprintf(begins, sizeof(begins), "|%ug", model->profiles[p].parts.gpu_slices);
                assert_memory_equal(gs_buf_text(&bar) + column, begins, strlen(begins));
                assert_non_null(strchr(gs_buf_text(&bar), '!'));
                assert_int_equal(gs_buf_text(&bar)[bar.len - 1], '|');
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draw__shows_slices_use_and_stranded_units),
        cmocka_unit_test(draw__shows_compute_instances_as_parts_of_their_slice),
        cmocka_unit_test(draw__puts_every_slice_of_every_model_under_its_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
