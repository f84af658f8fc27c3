/* What parses, as placements or as counts, is printed as text that parses to the same. The first
 * byte chooses the model. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "core/catalog.h"
#include "core/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    size_t n_models;
    const struct gs_model *model = gs_catalog(&n_models);
    model += data[0] % n_models;
    struct gs_view text = {.p = (const char *)data + 1, .n = size - 1};
    char once[GS_LAYOUT_TEXT_MAX + 1] = "";
    char twice[GS_LAYOUT_TEXT_MAX + 1] = "";
    struct gs_err err;
    struct gs_layout layout;
    struct gs_layout_goal goal;
    int r = 0;
    if (gs_layout_parse(model, text, &layout, &err) == 0) {
        gs_layout_format(model, &layout, once);
        r = gs_layout_parse(model, gs_view(once), &layout, &err);
        gs_layout_format(model, &layout, twice);
    } else if (gs_layout_goal_parse(model, text, &goal, &err) == 0) {
        gs_layout_counts_format(model, goal.counts, once);
        r = gs_layout_counts_parse(model, gs_view(once), goal.counts, &err);
        gs_layout_counts_format(model, goal.counts, twice);
    }
    if (r != 0 || strcmp(once, twice) != 0) {
        abort();
    }
    return 0;
}
