#include "core/spell.h"

#include <stdio.h>

static int malformed(struct gs_view part, const char *expected, struct gs_err *err)
{
    return gs_fail(err, GS_INVALID, "layout: found \"%.*s\", expected %s", GS_VIEW_ARGS(part),
                   expected);
}

bool gs_spell_is_meant(struct gs_view text)
{
    uint64_t gpus;
    return gs_view_u64(&text, UINT32_MAX, &gpus) && text.n > 0 && text.p[0] == 'x';
}

/* Cuts at the first `--` that stands there is: a profile may have single ones. */
static struct gs_view split_item(struct gs_view *rest)
{
    struct gs_view whole = *rest;
    for (size_t i = 0; i + 1 < whole.n; i++) {
        if (whole.p[i] == '-' && whole.p[i + 1] == '-') {
            *rest = (struct gs_view){.p = whole.p + i + 2, .n = whole.n - i - 2};
            return (struct gs_view){.p = whole.p, .n = i};
        }
    }
    *rest = (struct gs_view){.p = NULL, .n = 0};
    return whole;
}

static int parse_item(struct gs_view text, struct gs_spell *ret, struct gs_err *err)
{
    const struct gs_view whole = text;
    struct gs_spell_item *item = &ret->items[ret->n_items];
    uint64_t count = 0;
    if (ret->n_items == GS_SPELL_ITEMS_MAX) {
        return gs_fail(err, GS_INVALID, "layout: more than %d kinds of slices", GS_SPELL_ITEMS_MAX);
    }
    if (!gs_view_u64(&text, GS_SPELL_COUNT_MAX, &count) || count == 0 ||
        !gs_view_skip(&text, "-") || gs_profile_name_read(text, &item->profile, err) != 0) {
        return malformed(whole, "<count>-<profile> such as 7-1g.5gb", err);
    }
    item->group = ret->n_groups;
    item->count = (uint8_t)count;
    ret->n_items++;
    return 0;
}

static int parse_group(struct gs_view text, struct gs_spell *ret, struct gs_err *err)
{
    const struct gs_view whole = text;
    uint64_t gpus = 0;
    int r = 0;
    if (ret->n_groups == GS_SPELL_GROUPS_MAX) {
        return gs_fail(err, GS_INVALID, "layout: more than %d groups of GPUs", GS_SPELL_GROUPS_MAX);
    }
    if (!gs_view_u64(&text, GS_SPELL_GPUS_MAX, &gpus) || gpus == 0 || !gs_view_skip(&text, "x")) {
        return malformed(whole, "<gpus>x<slices> such as 4x7-1g.5gb, with 16 GPUs at most", err);
    }
    if (!gs_view_eq(text, "whole")) {
        for (struct gs_view rest = text; r == 0 && rest.p != NULL;) {
            r = parse_item(split_item(&rest), ret, err);
        }
    }
    ret->gpus[ret->n_groups++] = (uint8_t)gpus;
    return r;
}

int gs_spell_parse(struct gs_view text, struct gs_spell *ret, struct gs_err *err)
{
    struct gs_spell spell = {.n_groups = 0};
    char again[GS_SPELL_MAX + 1];
    int r = 0;
    if (text.n == 0 || text.n > GS_SPELL_MAX) {
        return malformed(text, "1 to 63 characters such as 8x7-1g.5gb", err);
    }
    for (struct gs_view rest = text; r == 0 && rest.p != NULL;) {
        r = parse_group(gs_view_split(&rest, '_'), &spell, err);
    }
    if (r != 0) {
        return r;
    }
    if (gs_spell_gpus(&spell) > GS_SPELL_GPUS_MAX) {
        return gs_fail(err, GS_INVALID, "layout \"%.*s\": %u GPUs, a node has %d at most",
                       GS_VIEW_ARGS(text), gs_spell_gpus(&spell), GS_SPELL_GPUS_MAX);
    }
    r = gs_spell_format(&spell, again, err);
    if (r != 0 || !gs_view_eq(text, again)) {
        return malformed(text, r != 0 ? "a shorter one" : again, err);
    }
    *ret = spell;
    return 0;
}

/* False: no room. */
static bool put(char *text, size_t *at, const char *what)
{
    int n = snprintf(text + *at, GS_SPELL_MAX + 1 - *at, "%s", what);
    bool fits = n >= 0 && *at + (size_t)n <= GS_SPELL_MAX;
    *at = fits ? *at + (size_t)n : *at;
    return fits;
}

static bool put_group(const struct gs_spell *spell, unsigned group, char *text, size_t *at)
{
    char part[GS_PROFILE_NAME_MAX + 24];
    char resource[GS_PROFILE_NAME_MAX + 5];
    bool first = true;
    snprintf(part, sizeof(part), "%s%ux", group == 0 ? "" : "_", spell->gpus[group]);
    bool fits = put(text, at, part);
    for (unsigned i = 0; i < spell->n_items; i++) {
        if (spell->items[i].group == group) {
            gs_profile_name_resource(&spell->items[i].profile, resource);
            snprintf(part, sizeof(part), "%s%u-%s", first ? "" : "--", spell->items[i].count,
                     resource + sizeof("mig-") - 1);
            fits = fits && put(text, at, part);
            first = false;
        }
    }
    return fits && (!first || put(text, at, "whole"));
}

int gs_spell_format(const struct gs_spell *spell, char ret[GS_SPELL_MAX + 1], struct gs_err *err)
{
    char text[GS_SPELL_MAX + 1] = "";
    size_t at = 0;
    for (unsigned group = 0; group < spell->n_groups; group++) {
        if (!put_group(spell, group, text, &at)) {
            return gs_fail(err, GS_LIMIT,
                           "the layout of the node has more than %d characters as a label",
                           GS_SPELL_MAX);
        }
    }
    memcpy(ret, text, sizeof(text));
    return 0;
}

unsigned gs_spell_gpus(const struct gs_spell *spell)
{
    unsigned gpus = 0;
    for (unsigned group = 0; group < spell->n_groups; group++) {
        gpus += spell->gpus[group];
    }
    return gpus;
}

bool gs_spell_is_whole(const struct gs_spell *spell, unsigned group)
{
    for (unsigned i = 0; i < spell->n_items; i++) {
        if (spell->items[i].group == group) {
            return false;
        }
    }
    return true;
}
