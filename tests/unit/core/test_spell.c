#include "unit/check.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/catalog.h"
#include "core/spell.h"

static void spell__what_is_read_is_written_as_it_was(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned gpus, groups, items;
    } cases[] = {
        {"8x7-1g.5gb", 8, 1, 1},
        {"4x7-1g.5gb_4x2-3g.20gb", 8, 2, 2},
        {"2xwhole", 2, 1, 0},
        {"1xwhole_1x1-1g.10gb.me--2-2g.10gb_6xwhole", 8, 3, 2},
        {"3x1-3g.20gb--4-1g.5gb_5xwhole", 8, 2, 2},
        {"1x4-1g.24gb-me", 1, 1, 1},
        {"1xwhole_1xwhole_1xwhole_1xwhole_1xwhole_1xwhole_1xwhole_1xwhole", 8, 8, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gs_spell spell;
        struct gs_err err = {.msg = ""};
        char again[GS_SPELL_MAX + 1];
        assert_true(gs_spell_is_meant(gs_view(cases[i].text)));
        assert_int_equal(gs_spell_parse(gs_view(cases[i].text), &spell, &err), 0);
        assert_int_equal(gs_spell_gpus(&spell), cases[i].gpus);
        assert_int_equal(spell.n_groups, cases[i].groups);
        assert_int_equal(spell.n_items, cases[i].items);
        assert_int_equal(gs_spell_format(&spell, again, &err), 0);
        assert_string_equal(again, cases[i].text);
    }
}

static void spell__refuses_what_is_none_or_is_written_another_way(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"", "1 to 63 characters"},
        {"all-1g.5gb", "<gpus>x<slices>"},
        {"0x7-1g.5gb", "<gpus>x<slices>"},
        {"17xwhole", "<gpus>x<slices>"},
        {"9xwhole_8xwhole", "17 GPUs, a node has 16 at most"},
        {"08x7-1g.5gb", "8x7-1g.5gb"},
        {"8x", "<count>-<profile>"},
        {"8x7-", "<count>-<profile>"},
        {"8x7-1g.5gb--", "<count>-<profile>"},
        {"8x7-1g.5gb_", "<gpus>x<slices>"},
        {"8x7-1g.10gb+me", "7-1g.10gb.me"},
        {"8x7-mig-1g.5gb", "8x7-1g.5gb"},
        {"8x0-1g.5gb", "<count>-<profile>"},
        {"8x17-1g.5gb", "<count>-<profile>"},
        {"8x7-1g.5gb 4xwhole", "<count>-<profile>"},
        {"1xwhole_1xwhole_1xwhole_1xwhole_1xwhole_1xwhole_1xwhole_1xwhole_1xwhole", "1 to 63"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gs_spell spell;
        struct gs_err err = {.msg = ""};
        assert_int_equal(gs_spell_parse(gs_view(cases[i].text), &spell, &err), GS_INVALID);
        if (strstr(err.msg, cases[i].says) == NULL) {
            fail_msg("\"%s\": found \"%s\", expected \"%s\"", cases[i].text, err.msg,
                     cases[i].says);
        }
    }
}

/* Layouts by chance, of the profiles of all models. */
static void make_one(struct gs_spell *ret)
{
    size_t n_models;
    const struct gs_model *model = &gs_catalog(&n_models)[(size_t)rand() % n_models];
    *ret = (struct gs_spell){.n_groups = (uint8_t)(1 + rand() % 4)};
    for (unsigned group = 0; group < ret->n_groups; group++) {
        ret->gpus[group] = (uint8_t)(1 + rand() % 4);
        for (int k = rand() % 3; k > 0 && model->n_profiles > 0; k--) {
            ret->items[ret->n_items++] = (struct gs_spell_item){
                .group = (uint8_t)group,
                .count = (uint8_t)(1 + rand() % 7),
                .profile = model->profiles[rand() % model->n_profiles].parts};
        }
    }
}

static void spell__every_layout_that_can_be_written_is_read_back(void **state)
{
    (void)state;
    unsigned seed = (unsigned)time(NULL);
    unsigned written = 0;
    print_message("seed %u\n", seed);
    srand(seed);
    for (int i = 0; i < 20000; i++) {
        struct gs_spell spell;
        struct gs_spell back;
        struct gs_err err = {.msg = ""};
        char text[GS_SPELL_MAX + 1];
        char again[GS_SPELL_MAX + 1];
        make_one(&spell);
        if (gs_spell_format(&spell, text, &err) != 0) {
            assert_int_equal(err.code, GS_LIMIT);
            continue;
        }
        written++;
        assert_int_equal(gs_spell_parse(gs_view(text), &back, &err), 0);
        assert_int_equal(gs_spell_format(&back, again, &err), 0);
        assert_string_equal(text, again);
        assert_int_equal(gs_spell_gpus(&spell), gs_spell_gpus(&back));
    }
    assert_true(written > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spell__what_is_read_is_written_as_it_was),
        cmocka_unit_test(spell__refuses_what_is_none_or_is_written_another_way),
        cmocka_unit_test(spell__every_layout_that_can_be_written_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
