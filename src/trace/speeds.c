#include "trace/speeds.h"

#include "base/near.h"
#include "trace/speeds_data.h"

const struct gs_trace_speed *gs_trace_speeds(size_t *ret_count, const char **ret_model)
{
    *ret_count = gs_trace_speeds_count;
    *ret_model = gs_trace_speeds_model;
    return gs_trace_speeds_data;
}

int gs_trace_speed_find(const struct gs_model *model, struct gs_view work,
                        const struct gs_trace_speed **ret, struct gs_err *err)
{
    if (strcmp(model->id, gs_trace_speeds_model) != 0) {
        return gs_fail(err, GS_UNSUPPORTED,
                       "the speed of work on slices was measured on %s; expected that model, "
                       "found %s",
                       gs_trace_speeds_model, model->id);
    }
    size_t low = 0;
    size_t high = gs_trace_speeds_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct gs_trace_speed *row = &gs_trace_speeds_data[middle];
        size_t n = strlen(row->work);
        int order = memcmp(work.p, row->work, work.n < n ? work.n : n);
        order = order != 0 ? order : (work.n > n) - (work.n < n);
        if (order == 0) {
            *ret = row;
            return 0;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    char list[200];
    struct gs_near near = GS_NEAR_INIT(work);
    for (size_t i = 0; i < gs_trace_speeds_count; i++) {
        gs_near_offer(&near, gs_trace_speeds_data[i].work);
    }
    gs_near_format(&near, list, sizeof(list));
    return gs_fail(err, GS_NOT_FOUND, "the speed of \"%.*s\" on slices is not known%s",
                   GS_VIEW_ARGS(work), list);
}
