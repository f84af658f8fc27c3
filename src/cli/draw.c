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

static const struct gs_layout_slice *slice_at(const struct gs_layout *layout, unsigned unit)
{
    for (unsigned i = 0; i < layout->n_slices; i++) {
        if (layout->slices[i].placement.start == unit) {
            return &layout->slices[i];
        }
    }
    return NULL;
}

static void draw_free_unit(bool stranded, unsigned width, struct gs_buf *out)
{
    int left = (int)(width - 1) / 2;
    gs_buf_printf(out, "|%*s%c%*s", left, "", stranded ? 'x' : '.', (int)width - 2 - left, "");
}

static void draw_slice(const struct gs_profile *profile, bool in_use, unsigned width,
                       struct gs_buf *out)
{
    char label[GS_PROFILE_NAME_MAX + 2];
    unsigned room = profile->memory_units * width - 1;
    write_label(profile, in_use, room, label, sizeof(label));
    gs_buf_printf(out, "|%-*.*s", (int)room, (int)room, label);
}

void gs_draw_bar(const struct gs_model *model, const struct gs_layout *layout, uint16_t stranded,
                 struct gs_buf *out)
{
    unsigned width = unit_width(model);
    unsigned unit = 0;
    while (unit < model->memory_units) {
        const struct gs_layout_slice *slice = slice_at(layout, unit);
        if (slice == NULL) {
            draw_free_unit(((unsigned)stranded >> unit & 1u) != 0, width, out);
            unit++;
        } else {
            const struct gs_profile *profile = &model->profiles[slice->placement.profile];
            draw_slice(profile, slice->in_use, width, out);
            unit += profile->memory_units;
        }
    }
    gs_buf_puts(out, "|");
}
