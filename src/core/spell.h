/* spell: the layout of a whole node as the value of a label.
 *
 * Groups of GPUs that are cut alike, joined by `_`, in the order of the GPUs:
 * `4x7-1g.5gb_4x2-3g.20gb` is four GPUs with seven 1g.5gb each and four with two 3g.20gb each. A
 * group is `<gpus>x<items>`; items are `<count>-<profile>` joined by `--`
 * (`3x1-3g.20gb--4-1g.5gb`); a profile is written as the end of its resource name (`1g.10gb.me`).
 * `2xwhole` is two GPUs that are not cut. There is one way to write a layout, and it has at most 63
 * characters. Which profiles a GPU has, and whether they fit, is not asked here. Pure; no
 * allocation. */
#pragma once

#include "core/profile_name.h"

enum {
    GS_SPELL_MAX = 63,       /* bytes: of a label's value */
    GS_SPELL_GROUPS_MAX = 8, /* more do not fit */
    GS_SPELL_ITEMS_MAX = 8,  /* of all groups together; more do not fit */
    GS_SPELL_GPUS_MAX = 16,  /* of a node */
    GS_SPELL_COUNT_MAX = 16  /* slices of one profile on one GPU */
};

struct gs_spell_item {
    uint8_t group;
    uint8_t count;
    struct gs_profile_name profile;
};

struct gs_spell {
    uint8_t gpus[GS_SPELL_GROUPS_MAX]; /* of each group; a group without items is whole GPUs */
    uint8_t n_groups;
    uint8_t n_items;
    struct gs_spell_item items[GS_SPELL_ITEMS_MAX]; /* by group */
};

/* Whether the text begins as a spelled layout does: digits and an `x`. A name of a configuration
 * may too: who looks names up does that first. */
bool gs_spell_is_meant(struct gs_view text);

/* GS_INVALID: not of the grammar, or not written the one way; the text says where. */
int gs_spell_parse(struct gs_view text, struct gs_spell *ret, struct gs_err *err);

/* GS_LIMIT: it has more than 63 characters. */
int gs_spell_format(const struct gs_spell *spell, char ret[GS_SPELL_MAX + 1], struct gs_err *err);

/* GPUs of all groups. */
unsigned gs_spell_gpus(const struct gs_spell *spell);

bool gs_spell_is_whole(const struct gs_spell *spell, unsigned group);
