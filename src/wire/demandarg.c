#include "wire/demandarg.h"

#include <stdio.h>

static void name_want(const struct gs_want *want, char *ret_text, size_t size)
{
    char profile[GS_PROFILE_NAME_MAX + 1] = "gpu";
    if (!want->whole_gpu) {
        gs_profile_name_format(&want->profile, profile);
    }
    const char *on = want->model != NULL ? want->model->id : want->gpu_name;
    snprintf(ret_text, size, "%s%s%s", on == NULL ? "" : on, on == NULL ? "" : "/", profile);
}

static int add_part(struct gs_view part, const struct gs_gpu_names *names, struct gs_demand *demand,
                    struct gs_err *err)
{
    uint64_t count;
    struct gs_want want;
    if (part.n == 0) {
        return gs_fail(err, GS_INVALID,
                       "found nothing; expected a slice or GPU and how many, as in 1g.5gb=12");
    }
    int r = gs_want_cut_count(&part, GS_ITEMS_MAX, &count, err);
    if (r < 0 || (r = gs_want_parse(part, names, &want, err)) < 0) {
        return r;
    }
    char name[160];
    name_want(&want, name, sizeof(name));
    struct gs_alternative only = {.wants = &want, .n_wants = 1};
    struct gs_item item = {
        .name = name, .count = count, .alternatives = &only, .n_alternatives = 1};
    return gs_demand_add(demand, &item, err);
}

int gs_demandarg_parse(struct gs_view text, const char *label, const struct gs_gpu_names *names,
                       struct gs_demand *demand, struct gs_err *err)
{
    if (text.n > GS_DEMANDARG_MAX) {
        return gs_fail(err, GS_INVALID, "%s: found %zu bytes; expected %d at most (give a file)",
                       label, text.n, GS_DEMANDARG_MAX);
    }
    struct gs_view rest = text;
    if (rest.p == NULL) {
        rest = gs_view("");
    }
    for (unsigned n = 1; rest.p != NULL; n++) {
        struct gs_view part = gs_view_trim(gs_view_split(&rest, ','));
        int r = add_part(part, names, demand, err);
        if (r < 0) {
            return gs_wrap(err, r, "%s: part %u", label, n);
        }
    }
    return 0;
}
