#include "core/layout.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

/* A fixed text that is written from front to back and cut when it is full. */
struct text {
    char *p;
    size_t size;
    size_t used;
};

static void put(struct text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put(struct text *text, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text->p + text->used, text->size - text->used, fmt, ap);
    va_end(ap);
    text->used += n > 0 ? (size_t)n : 0;
    if (text->used >= text->size) {
        text->used = text->size - 1;
    }
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* "0, 2 or 4" */
static void list_starts(const struct gs_profile *profile, char *out, size_t size)
{
    struct text text = {.p = out, .size = size};
    put(&text, "%s", "");
    for (uint32_t rest = profile->starts; rest != 0; rest &= rest - 1) {
        bool first = rest == profile->starts;
        bool last = (rest & (rest - 1)) == 0;
        put(&text, "%s%d", first ? "" : last ? " or " : ", ", __builtin_ctz(rest));
    }
}

static const char *const engine_names[GS_ENGINES] = {
    [GS_ENGINE_COPY] = "copy engines",        [GS_ENGINE_DECODER] = "decoders",
    [GS_ENGINE_ENCODER] = "encoders",         [GS_ENGINE_JPEG] = "JPEG engines",
    [GS_ENGINE_OFA] = "optical flow engines",
};

static int check_sum(const struct gs_model *model, const char *what, uint32_t has, uint32_t asked,
                     struct gs_err *err)
{
    if (asked <= has) {
        return 0;
    }
    return gs_fail(err, GS_INFEASIBLE, "%s has %u %s, and %u are asked for", model->id, has, what,
                   asked);
}

static int check_engines(const struct gs_model *model, const uint8_t *counts, struct gs_err *err)
{
    for (unsigned e = 0; e < GS_ENGINES; e++) {
        uint32_t has = gs_model_engine_total(model, e);
        if (has == GS_NOT_KNOWN) {
            continue;
        }
        uint32_t asked = 0;
        for (unsigned p = 0; p < model->n_profiles; p++) {
            asked += counts[p] * model->profiles[p].engines[e];
        }
        int r = check_sum(model, engine_names[e], has, asked, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int gs_layout_check_counts(const struct gs_model *model, const uint8_t *counts, struct gs_err *err)
{
    uint32_t compute = 0;
    uint32_t memory = 0;
    uint32_t instances = 0;
    for (unsigned p = 0; p < model->n_profiles; p++) {
        const struct gs_profile *profile = &model->profiles[p];
        if (counts[p] > profile->max_instances) {
            return gs_fail(err, GS_INFEASIBLE, "%s holds %u of %s at most, and %u are asked for",
                           model->id, profile->max_instances, profile->name, counts[p]);
        }
        compute += (uint32_t)counts[p] * profile->compute_slices;
        memory += (uint32_t)counts[p] * profile->memory_units;
        instances += counts[p];
    }
    int r = check_sum(model, "compute slices", model->compute_slices, compute, err);
    if (r == 0) {
        r = check_sum(model, "memory units", model->memory_units, memory, err);
    }
    if (r == 0) {
        r = check_sum(model, "GPU instances at most", model->max_instances, instances, err);
    }
    return r < 0 ? r : check_engines(model, counts, err);
}

void gs_layout_counts(const struct gs_layout *layout, uint8_t ret_counts[GS_PROFILES_MAX])
{
    memset(ret_counts, 0, GS_PROFILES_MAX);
    for (unsigned i = 0; i < layout->n_slices; i++) {
        ret_counts[layout->slices[i].placement.profile]++;
    }
}

static int check_start(const struct gs_model *model, const struct gs_profile *profile,
                       unsigned start, struct gs_err *err)
{
    if (start < model->memory_units && (profile->starts >> start & 1u) != 0) {
        return 0;
    }
    if (profile->starts == 0) {
        return gs_fail(err, GS_UNKNOWN, "where a %s of %s may start is not known", profile->name,
                       model->id);
    }
    char starts[64];
    list_starts(profile, starts, sizeof(starts));
    return gs_fail(err, GS_INVALID, "a %s of %s may start at memory unit %s, not at %u",
                   profile->name, model->id, starts, start);
}

static int check_overlap(const struct gs_model *model, const struct gs_layout *layout,
                         struct gs_placement wanted, struct gs_err *err)
{
    for (unsigned i = 0; i < layout->n_slices; i++) {
        struct gs_placement there = layout->slices[i].placement;
        if ((there.span & wanted.span) != 0) {
            const struct gs_profile *other = &model->profiles[there.profile];
            return gs_fail(err, GS_INVALID,
                           "a %s at %u overlaps the %s at %u, which takes memory units %u to %u",
                           model->profiles[wanted.profile].name, wanted.start, other->name,
                           there.start, there.start, there.start + other->memory_units - 1u);
        }
    }
    return 0;
}

static void insert_by_start(struct gs_layout *layout, struct gs_layout_slice slice)
{
    assert(layout->n_slices < GS_MEMORY_UNITS_MAX);
    unsigned at = layout->n_slices++;
    for (; at > 0 && layout->slices[at - 1].placement.start > slice.placement.start; at--) {
        layout->slices[at] = layout->slices[at - 1];
    }
    layout->slices[at] = slice;
}

int gs_layout_add(const struct gs_model *model, struct gs_layout *layout, unsigned profile,
                  unsigned start, bool in_use, struct gs_err *err)
{
    assert(profile < model->n_profiles);
    int r = gs_model_require_placements(model, err);
    if (r == 0) {
        r = check_start(model, &model->profiles[profile], start, err);
    }
    if (r < 0) {
        return r;
    }
    struct gs_placement placement = {
        .profile = (uint8_t)profile,
        .start = (uint8_t)start,
        .span = gs_profile_span(&model->profiles[profile], start),
    };
    r = check_overlap(model, layout, placement, err);
    if (r == 0) {
        uint8_t counts[GS_PROFILES_MAX];
        gs_layout_counts(layout, counts);
        counts[profile]++;
        r = gs_layout_check_counts(model, counts, err);
    }
    if (r < 0) {
        return r;
    }
    insert_by_start(layout, (struct gs_layout_slice){.placement = placement, .in_use = in_use});
    return 0;
}

/* Cuts the next part off *rest. A comma may also part the attributes of a name
 * ("1g.5gb+me,gfx"): a letter follows it there, while every name begins with a digit. */
static struct gs_view take_part(struct gs_view *rest)
{
    struct gs_view part = *rest;
    bool in_attributes = false;
    size_t i = 0;
    for (; i < part.n; i++) {
        char c = part.p[i];
        if (c == ',' && !(in_attributes && i + 1 < part.n && is_letter(part.p[i + 1]))) {
            break;
        }
        in_attributes = c == '+' || c == '-' || (in_attributes && c != '@' && c != '=');
    }
    bool last = i == part.n;
    *rest = last ? (struct gs_view){.p = NULL, .n = 0}
                 : (struct gs_view){.p = part.p + i + 1, .n = part.n - i - 1};
    part.n = i;
    return gs_view_trim(part);
}

static int find_profile(const struct gs_model *model, struct gs_view name, unsigned *ret_profile,
                        struct gs_err *err)
{
    struct gs_profile_name parts;
    int r = gs_profile_name_read(name, &parts, err);
    if (r < 0) {
        return r;
    }
    if (parts.compute_slices != parts.gpu_slices) {
        parts.compute_slices = parts.gpu_slices;
        char whole[GS_PROFILE_NAME_MAX + 1];
        gs_profile_name_format(&parts, whole);
        return gs_fail(err, GS_INVALID,
                       "%.*s is a compute instance inside a GPU instance; a layout is made of GPU "
                       "instances: expected %s",
                       GS_VIEW_ARGS(name), whole);
    }
    return gs_model_profile_find(model, name, ret_profile, err);
}

static int parse_slice(const struct gs_model *model, struct gs_view part, struct gs_layout *layout,
                       struct gs_err *err)
{
    struct gs_view rest = part;
    struct gs_view name = gs_view_trim(gs_view_split(&rest, '@'));
    if (rest.p == NULL) {
        return gs_fail(err, GS_INVALID, "it has no start; expected a form like 3g.20gb@4");
    }
    unsigned profile;
    int r = find_profile(model, name, &profile, err);
    if (r < 0) {
        return r;
    }
    struct gs_view number = gs_view_trim(rest);
    bool in_use = number.n > 0 && number.p[number.n - 1] == '!';
    if (in_use) {
        number.n--;
        number = gs_view_trim(number);
    }
    uint64_t start;
    if (!gs_view_is_integer(number, UINT8_MAX, &start)) {
        return gs_fail(err, GS_INVALID,
                       "\"%.*s\" is not a start; expected a memory unit from 0 to %d, and a \"!\" "
                       "behind it when the slice is in use",
                       GS_VIEW_ARGS(gs_view_trim(rest)), model->memory_units - 1);
    }
    return gs_layout_add(model, layout, profile, (unsigned)start, in_use, err);
}

static int parse_count(const struct gs_model *model, struct gs_view part,
                       uint8_t counts[GS_PROFILES_MAX], struct gs_err *err)
{
    struct gs_view rest = part;
    struct gs_view name = gs_view_trim(gs_view_split(&rest, '='));
    if (memchr(name.p, '@', name.n) != NULL) {
        return gs_fail(err, GS_INVALID, "it has a start; expected a count like 3g.20gb=1");
    }
    unsigned profile;
    int r = find_profile(model, name, &profile, err);
    if (r < 0) {
        return r;
    }
    uint64_t count = 1;
    struct gs_view number = gs_view_trim(rest);
    bool bare = rest.p == NULL;
    if (!bare && !gs_view_is_integer(number, UINT8_MAX, &count)) {
        return gs_fail(err, GS_INVALID, "\"%.*s\" is not a count; expected 0 to %d",
                       GS_VIEW_ARGS(number), UINT8_MAX);
    }
    if (count + counts[profile] > UINT8_MAX) {
        return gs_fail(err, GS_INVALID, "it makes %u of %s in all; expected %d at most",
                       (unsigned)count + counts[profile], model->profiles[profile].name, UINT8_MAX);
    }
    counts[profile] = (uint8_t)(counts[profile] + count);
    return 0;
}

/* What a reader of parts collects: one of the two. */
struct reading {
    const struct gs_model *model;
    struct gs_layout *layout;
    uint8_t *counts;
};

static int parse_part(const struct reading *to, struct gs_view part, struct gs_err *err)
{
    if (part.n == 0) {
        return gs_fail(err, GS_INVALID, "it is empty; expected %s between commas",
                       to->layout != NULL ? "a slice like 3g.20gb@4" : "a count like 3g.20gb=1");
    }
    return to->layout != NULL ? parse_slice(to->model, part, to->layout, err)
                              : parse_count(to->model, part, to->counts, err);
}

static int parse_parts(const struct reading *to, struct gs_view text, struct gs_err *err)
{
    int r = gs_model_require_placements(to->model, err);
    if (r < 0) {
        return r;
    }
    if (text.n > GS_LAYOUT_INPUT_MAX) {
        return gs_fail(err, GS_LIMIT, "a layout of %zu bytes; expected %d at most", text.n,
                       GS_LAYOUT_INPUT_MAX);
    }
    struct gs_view rest = gs_view_trim(text);
    if (rest.n == 0) {
        return 0;
    }
    for (unsigned i = 1; rest.p != NULL; i++) {
        struct gs_view part = take_part(&rest);
        r = parse_part(to, part, err);
        if (r < 0) {
            return gs_wrap(err, r, "part %u of the layout, \"%.*s\"", i, GS_VIEW_ARGS(part));
        }
    }
    return 0;
}

int gs_layout_parse(const struct gs_model *model, struct gs_view text, struct gs_layout *ret_layout,
                    struct gs_err *err)
{
    struct gs_layout layout = {.n_slices = 0};
    struct reading to = {.model = model, .layout = &layout};
    int r = parse_parts(&to, text, err);
    if (r == 0) {
        *ret_layout = layout;
    }
    return r;
}

int gs_layout_counts_parse(const struct gs_model *model, struct gs_view text,
                           uint8_t ret_counts[GS_PROFILES_MAX], struct gs_err *err)
{
    uint8_t counts[GS_PROFILES_MAX] = {0};
    struct reading to = {.model = model, .counts = counts};
    int r = parse_parts(&to, text, err);
    if (r == 0) {
        memcpy(ret_counts, counts, sizeof(counts));
    }
    return r;
}

static int refuse_in_use(const struct gs_model *model, const struct gs_layout *layout,
                         struct gs_err *err)
{
    for (unsigned i = 0; i < layout->n_slices; i++) {
        const struct gs_layout_slice *slice = &layout->slices[i];
        if (slice->in_use) {
            return gs_fail(err, GS_INVALID,
                           "%s@%u is marked in use (\"!\") in what is wanted; only what a GPU has "
                           "can be in use: expected it without the mark",
                           model->profiles[slice->placement.profile].name, slice->placement.start);
        }
    }
    return 0;
}

int gs_layout_goal_parse(const struct gs_model *model, struct gs_view text,
                         struct gs_layout_goal *ret_goal, struct gs_err *err)
{
    struct gs_layout_goal goal = {.placed = text.n > 0 && memchr(text.p, '@', text.n) != NULL};
    int r;
    if (goal.placed) {
        r = gs_layout_parse(model, text, &goal.layout, err);
        if (r == 0) {
            r = refuse_in_use(model, &goal.layout, err);
        }
        gs_layout_counts(&goal.layout, goal.counts);
    } else {
        r = gs_layout_counts_parse(model, text, goal.counts, err);
    }
    if (r == 0) {
        *ret_goal = goal;
    }
    return r;
}

void gs_layout_format(const struct gs_model *model, const struct gs_layout *layout,
                      char ret_text[GS_LAYOUT_TEXT_MAX + 1])
{
    struct text text = {.p = ret_text, .size = GS_LAYOUT_TEXT_MAX + 1};
    ret_text[0] = '\0';
    for (unsigned i = 0; i < layout->n_slices; i++) {
        const struct gs_layout_slice *slice = &layout->slices[i];
        put(&text, "%s%s@%u%s", i == 0 ? "" : ",", model->profiles[slice->placement.profile].name,
            slice->placement.start, slice->in_use ? "!" : "");
    }
}

void gs_layout_counts_format(const struct gs_model *model, const uint8_t *counts,
                             char ret_text[GS_LAYOUT_TEXT_MAX + 1])
{
    struct text text = {.p = ret_text, .size = GS_LAYOUT_TEXT_MAX + 1};
    ret_text[0] = '\0';
    for (unsigned p = 0; p < model->n_profiles; p++) {
        if (counts[p] > 0) {
            put(&text, "%s%s=%u", text.used == 0 ? "" : ",", model->profiles[p].name, counts[p]);
        }
    }
}

int gs_layout_state(const struct gs_statetable *table, const struct gs_layout *layout,
                    uint16_t *ret_state, uint64_t *ret_in_use, struct gs_err *err)
{
    uint64_t set = 0;
    uint64_t in_use = 0;
    for (unsigned i = 0; i < layout->n_slices; i++) {
        const struct gs_layout_slice *slice = &layout->slices[i];
        int index =
            gs_statetable_placement(table, slice->placement.profile, slice->placement.start);
        if (index < 0) {
            return gs_fail(err, GS_INVALID, "%s@%u takes no part in the state table of %s",
                           table->model->profiles[slice->placement.profile].name,
                           slice->placement.start, table->model->id);
        }
        set |= 1ull << index;
        in_use |= slice->in_use ? 1ull << index : 0;
    }
    uint16_t state = gs_statetable_find(table, set);
    if (state == GS_STATE_NONE) {
        return gs_fail(err, GS_INVALID, "the slices of the layout do not fit together on one %s",
                       table->model->id);
    }
    *ret_state = state;
    *ret_in_use = in_use;
    return 0;
}

void gs_layout_from_set(const struct gs_statetable *table, uint64_t set, uint64_t in_use,
                        struct gs_layout *ret_layout)
{
    struct gs_layout layout = {.n_slices = 0};
    for (; set != 0; set &= set - 1) {
        unsigned i = (unsigned)__builtin_ctzll(set);
        insert_by_start(&layout, (struct gs_layout_slice){
                                     .placement = table->placements[i],
                                     .in_use = (in_use >> i & 1u) != 0,
                                 });
    }
    *ret_layout = layout;
}
