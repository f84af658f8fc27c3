#include "wire/want.h"

#include "base/near.h"
#include "core/catalog.h"

/* Whatever is wrong with a name, it is the input that has to change; but where placements are not
 * known the question is well put. */
static int as_invalid(int code, struct gs_err *err)
{
    if (code == GS_UNKNOWN) {
        return code;
    }
    if (code < 0 && err != NULL) {
        err->code = GS_INVALID;
    }
    return code < 0 ? GS_INVALID : 0;
}

static void offer_gpus(struct gs_near *near, const struct gs_gpu_names *names)
{
    size_t n;
    const struct gs_model *models = gs_catalog(&n);
    for (size_t i = 0; i < n; i++) {
        gs_near_offer(near, models[i].id);
    }
    for (size_t i = 0; names != NULL && i < names->n; i++) {
        gs_near_offer(near, names->names[i]);
    }
}

static void offer_profiles(struct gs_near *near)
{
    size_t n;
    const struct gs_model *models = gs_catalog(&n);
    for (size_t i = 0; i < n; i++) {
        for (unsigned p = 0; p < models[i].n_profiles; p++) {
            gs_near_offer(near, models[i].profiles[p].name);
        }
    }
}

static int fail_gpu(struct gs_view name, const struct gs_gpu_names *names, struct gs_err *err)
{
    struct gs_near near = GS_NEAR_INIT(name);
    char list[300];
    offer_gpus(&near, names);
    gs_near_format(&near, list, sizeof(list));
    return gs_fail(err, GS_INVALID,
                   "no GPU is named \"%.*s\"; expected a model of `gpuslice profiles` or a GPU "
                   "without MIG that an instance type has%s",
                   GS_VIEW_ARGS(name), list);
}

int gs_gpu_kind_find(struct gs_view name, const struct gs_gpu_names *names, struct gs_gpu_kind *ret,
                     struct gs_err *err)
{
    for (size_t i = 0; names != NULL && i < names->n; i++) {
        if (gs_view_eq_nocase(name, names->names[i])) {
            *ret = (struct gs_gpu_kind){.name = names->names[i]};
            return 0;
        }
    }
    const struct gs_model *model;
    int r = gs_catalog_find(name, &model, err);
    if (r == GS_NOT_FOUND) {
        return fail_gpu(name, names, err);
    }
    if (r < 0) {
        return as_invalid(r, err);
    }
    *ret = (struct gs_gpu_kind){.model = model->placements_known ? model : NULL, .name = model->id};
    return 0;
}

static int whole_gpu(struct gs_view name, const struct gs_gpu_names *names, struct gs_want *ret,
                     struct gs_err *err)
{
    struct gs_gpu_kind kind;
    int r = gs_gpu_kind_find(name, names, &kind, err);
    if (r < 0) {
        return r;
    }
    *ret = (struct gs_want){
        .whole_gpu = true,
        .model = kind.model,
        .gpu_name = kind.model == NULL ? kind.name : NULL,
        .count = 1,
    };
    return 0;
}

/* 0 when some model that can be planned has the profile, else why not. */
static int require_carrier(const struct gs_profile_name *profile, struct gs_view text,
                           struct gs_err *err)
{
    size_t n;
    const struct gs_model *models = gs_catalog(&n);
    const struct gs_model *unplanned = NULL;
    for (size_t i = 0; i < n; i++) {
        if (gs_model_profile_index(&models[i], profile) >= 0) {
            if (models[i].placements_known) {
                return 0;
            }
            unplanned = &models[i];
        }
    }
    if (unplanned != NULL) {
        return as_invalid(gs_model_require_placements(unplanned, err), err);
    }
    struct gs_near near = GS_NEAR_INIT(text);
    char list[200];
    offer_profiles(&near);
    gs_near_format(&near, list, sizeof(list));
    return gs_fail(err, GS_INVALID,
                   "no model has a profile %.*s; expected one of `gpuslice "
                   "profiles`%s",
                   GS_VIEW_ARGS(text), list);
}

static int slice(struct gs_view text, const struct gs_profile_name *profile,
                 const struct gs_model *model, struct gs_want *ret, struct gs_err *err)
{
    if (profile->compute_slices != profile->gpu_slices) {
        struct gs_profile_name outer = *profile;
        char name[GS_PROFILE_NAME_MAX + 1];
        outer.compute_slices = outer.gpu_slices;
        gs_profile_name_format(&outer, name);
        return gs_fail(err, GS_INVALID,
                       "%.*s is a compute instance inside a %s, no slice that a plan can hand "
                       "out by itself; expected %s",
                       GS_VIEW_ARGS(text), name, name);
    }
    int r = model == NULL ? require_carrier(profile, text, err)
                          : gs_model_require_placements(model, err);
    unsigned index;
    if (r == 0 && model != NULL) {
        r = gs_model_profile_find(model, text, &index, err);
    }
    if (r < 0) {
        return as_invalid(r, err);
    }
    *ret = (struct gs_want){.model = model, .profile = *profile, .count = 1};
    return 0;
}

static int slice_of(struct gs_view model_name, struct gs_view text, struct gs_want *ret,
                    struct gs_err *err)
{
    const struct gs_model *model;
    struct gs_profile_name profile = {0};
    int r = gs_catalog_find(model_name, &model, err);
    if (r == 0) {
        r = gs_profile_name_read(text, &profile, err);
    }
    if (r < 0) {
        return as_invalid(r, err);
    }
    return slice(text, &profile, model, ret, err);
}

/* A text that is no profile and no GPU: both kinds of near names. */
static int fail_neither(struct gs_view text, const struct gs_gpu_names *names, struct gs_err *err)
{
    struct gs_near near = GS_NEAR_INIT(text);
    char list[300];
    offer_profiles(&near);
    offer_gpus(&near, names);
    gs_near_format(&near, list, sizeof(list));
    return gs_fail(err, GS_INVALID,
                   "found \"%.*s\"; expected a slice (1g.5gb, MODEL/1g.5gb) or a whole GPU (gpu, "
                   "gpu:L4)%s",
                   GS_VIEW_ARGS(text), list);
}

/* A resource as pods name it: any whole GPU, or a slice on any model. GS_NOT_FOUND: it is none. */
static int resource(struct gs_view text, struct gs_want *ret, struct gs_err *err)
{
    struct gs_profile_name profile = {0};
    if (gs_view_eq(text, "gpu") || gs_view_eq(text, "nvidia.com/gpu")) {
        *ret = (struct gs_want){.whole_gpu = true, .count = 1};
        return 0;
    }
    int r = gs_profile_name_from_resource(text, &profile, err);
    if (r == GS_NOT_FOUND) {
        return r;
    }
    if (r < 0) {
        return as_invalid(r, err);
    }
    return slice(text, &profile, NULL, ret, err);
}

int gs_want_parse(struct gs_view text, const struct gs_gpu_names *names, struct gs_want *ret,
                  struct gs_err *err)
{
    text = gs_view_trim(text);
    int r = resource(text, ret, err);
    if (r != GS_NOT_FOUND) {
        return r;
    }
    struct gs_view rest = text;
    if (gs_view_skip(&rest, "gpu:")) {
        return whole_gpu(gs_view_trim(rest), names, ret, err);
    }
    struct gs_view head = gs_view_trim(gs_view_split(&rest, '/'));
    rest = gs_view_trim(rest);
    if (rest.p != NULL) {
        return gs_view_eq(rest, "gpu") ? whole_gpu(head, names, ret, err)
                                       : slice_of(head, rest, ret, err);
    }
    struct gs_profile_name profile = {0};
    r = gs_profile_name_read(text, &profile, err);
    if (r != GS_INVALID) {
        return r < 0 ? as_invalid(r, err) : slice(text, &profile, NULL, ret, err);
    }
    r = whole_gpu(text, names, ret, NULL);
    if (r == 0) {
        return 0;
    }
    const struct gs_model *model;
    r = gs_catalog_find(text, &model, err);
    if (r == GS_AMBIGUOUS) {
        return as_invalid(r, err);
    }
    return fail_neither(text, names, err);
}

/* Where a count begins: the last '=', or the last 'x' behind a blank. NULL: there is none. */
static const char *count_sign(struct gs_view text)
{
    for (size_t i = text.n; i > 0; i--) {
        const char *at = text.p + i - 1;
        if (*at == '=' || (*at == 'x' && i > 1 && (at[-1] == ' ' || at[-1] == '\t'))) {
            return at;
        }
    }
    return NULL;
}

int gs_want_cut_count(struct gs_view *text, uint64_t max, uint64_t *ret_count, struct gs_err *err)
{
    const char *sign = count_sign(*text);
    uint64_t count = 1;
    struct gs_view name = *text;
    if (sign != NULL) {
        name.n = (size_t)(sign - text->p);
        struct gs_view number = {.p = sign + 1, .n = text->n - name.n - 1};
        number = gs_view_trim(number);
        if (!gs_view_is_integer(number, max, &count) || count == 0) {
            return gs_fail(err, GS_INVALID, "found count \"%.*s\" of \"%.*s\"; expected 1 to %llu",
                           GS_VIEW_ARGS(number), GS_VIEW_ARGS(name), (unsigned long long)max);
        }
    }
    *text = gs_view_trim(name);
    *ret_count = count;
    return 0;
}
