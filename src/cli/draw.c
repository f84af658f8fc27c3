#include "cli/draw.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Columns of one memory unit with its left border. Four hold "1g+"; GPUs with few units get wider
 * ones, so that a bar is never too short for names. */
static unsigned unit_width(const struct gs_model *model)
{
    assert(model->memory_units > 0);
    unsigned width = 32u / model->memory_units;
    return width < 4 ? 4 : width;
}

void gs_draw_ruler(const struct gs_model *model, struct gs_buf *out)
{
    unsigned width = unit_width(model);
    for (unsigned u = 0; u + 1 < model->memory_units; u++) {
        gs_buf_printf(out, "%-*u", (int)width, u);
    }
    gs_buf_printf(out, "%u", model->memory_units - 1u);
}

/* "1g.5gb+me", or the first of "1g+me", "1g+", "1g" that fits into `room`. */
static void write_label(const struct gs_profile *profile, bool in_use, size_t room, char *label,
                        size_t size)
{
    const struct gs_profile_name *name = &profile->parts;
    const char *use = in_use ? "!" : "";
    char sign[2] = {name->sign, '\0'};
    snprintf(label, size, "%s%s", profile->name, use);
    if (strlen(label) > room) {
        snprintf(label, size, "%ug%s%s%s", name->gpu_slices, sign, name->attrs, use);
    }
    if (strlen(label) > room) {
        snprintf(label, size, "%ug%s%s", name->gpu_slices, sign, use);
    }
    if (strlen(label) > room) {
        snprintf(label, size, "%ug%s", name->gpu_slices, use);
    }
}

/* The index of the slice that starts there; -1: none. */
static int slice_at(const struct gs_layout *layout, unsigned unit)
{
    for (unsigned i = 0; i < layout->n_slices; i++) {
        if (layout->slices[i].placement.start == unit) {
            return (int)i;
        }
    }
    return -1;
}

static void draw_free_unit(bool stranded, unsigned width, struct gs_buf *out)
{
    int left = (int)(width - 1) / 2;
    gs_buf_printf(out, "|%*s%c%*s", left, "", stranded ? 'x' : '.', (int)width - 2 - left, "");
}

static void draw_slice(const struct gs_profile *profile, bool in_use, unsigned room,
                       struct gs_buf *out)
{
    char label[GS_PROFILE_NAME_MAX + 2];
    write_label(profile, in_use, room, label, sizeof(label));
    gs_buf_printf(out, "%-*.*s", (int)room, (int)room, label);
}

/* A slice in which nothing is: "(3g.20gb)", or as much of it as fits. */
static void draw_empty(const struct gs_profile *profile, unsigned room, struct gs_buf *out)
{
    char label[GS_PROFILE_NAME_MAX + 2];
    char text[GS_PROFILE_NAME_MAX + 4];
    write_label(profile, false, room - 2, label, sizeof(label));
    snprintf(text, sizeof(text), "(%s)", strlen(label) > room - 2 ? "" : label);
    gs_buf_printf(out, "%-*s", (int)room, text);
}

/* "2c.3g.20gb!", or the first of "2c.3g!" and "2c!" that fits; a dot where none is. */
static void draw_part(const struct gs_profile *profile, unsigned slices, bool in_use, unsigned room,
                      struct gs_buf *out)
{
    char label[GS_PROFILE_NAME_MAX + 16];
    const char *use = in_use ? "!" : "";
    snprintf(label, sizeof(label), "%uc.%s%s", slices, profile->name, use);
    if (strlen(label) > room) {
        snprintf(label, sizeof(label), "%uc.%ug%s", slices, profile->parts.gpu_slices, use);
    }
    if (strlen(label) > room) {
        snprintf(label, sizeof(label), "%uc%s", slices, use);
    }
    gs_buf_printf(out, "%-*.*s", (int)room, (int)room, slices == 0 ? " ." : label);
}

/* Each by its share; what is left of the slice is the last one. */
static void draw_parts(const struct gs_profile *profile, const struct gs_draw_parts *parts,
                       unsigned room, struct gs_buf *out)
{
    unsigned all = profile->compute_slices;
    unsigned sum = 0;
    unsigned column = 0;
    for (unsigned i = 0; i <= parts->n && sum < all; i++) {
        bool is_rest = i == parts->n;
        bool is_free = is_rest || parts->at[i].is_free;
        sum += is_rest ? all - sum : parts->at[i].slices;
        unsigned end = sum >= all ? room : room * sum / all;
        unsigned border = i == 0 ? 0 : 1;
        gs_buf_puts(out, i == 0 ? "" : ":");
        draw_part(profile, is_free ? 0 : parts->at[i].slices, !is_free && parts->at[i].in_use,
                  end - column - border, out);
        column = end;
    }
}

static bool fills(const struct gs_profile *profile, const struct gs_draw_parts *parts)
{
    return parts == NULL || (parts->n == 1 && parts->at[0].slices == profile->compute_slices);
}

void gs_draw_cut(const struct gs_model *model, const struct gs_layout *layout,
                 const struct gs_draw_parts *parts, uint16_t stranded, struct gs_buf *out)
{
    unsigned width = unit_width(model);
    unsigned unit = 0;
    while (unit < model->memory_units) {
        int i = slice_at(layout, unit);
        if (i < 0) {
            draw_free_unit(((unsigned)stranded >> unit & 1u) != 0, width, out);
            unit++;
            continue;
        }
        const struct gs_layout_slice *slice = &layout->slices[i];
        const struct gs_profile *profile = &model->profiles[slice->placement.profile];
        const struct gs_draw_parts *inside = parts == NULL ? NULL : &parts[i];
        unsigned room = profile->memory_units * width - 1;
        gs_buf_puts(out, "|");
        if (fills(profile, inside)) {
            draw_slice(profile, slice->in_use, room, out);
        } else if (inside->n == 0) {
            draw_empty(profile, room, out);
        } else {
            draw_parts(profile, inside, room, out);
        }
        unit += profile->memory_units;
    }
    gs_buf_puts(out, "|");
}

void gs_draw_bar(const struct gs_model *model, const struct gs_layout *layout, uint16_t stranded,
                 struct gs_buf *out)
{
    gs_draw_cut(model, layout, NULL, stranded, out);
}
