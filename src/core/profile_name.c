#include "core/profile_name.h"

#include <stdio.h>
#include <string.h>

enum { LARGEST_NUMBER = 999 };

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool attribute_is_well_formed(struct gs_view attr)
{
    if (attr.n == 0 || !is_letter(attr.p[0]) || attr.p[attr.n - 1] == '.') {
        return false;
    }
    for (size_t i = 0; i < attr.n; i++) {
        char c = attr.p[i];
        if (!is_letter(c) && !(c >= '0' && c <= '9') && c != '.') {
            return false;
        }
    }
    return true;
}

static bool list_has(struct gs_view list, struct gs_view wanted)
{
    while (list.p != NULL) {
        struct gs_view part = gs_view_split(&list, ',');
        if (part.n == wanted.n && memcmp(part.p, wanted.p, part.n) == 0) {
            return true;
        }
    }
    return false;
}

static bool attributes_are_well_formed(struct gs_view list)
{
    if (list.n == 0 || list.n > GS_PROFILE_ATTRS_MAX) {
        return false;
    }
    struct gs_view rest = list;
    while (rest.p != NULL) {
        struct gs_view attr = gs_view_split(&rest, ',');
        if (!attribute_is_well_formed(attr) || list_has(rest, attr)) {
            return false;
        }
    }
    return true;
}

/* "<number><unit>" from the front. */
static bool take_number(struct gs_view *text, const char *unit, unsigned *ret)
{
    struct gs_view v = *text;
    uint64_t number;
    if (!gs_view_u64(&v, LARGEST_NUMBER, &number) || !gs_view_skip(&v, unit)) {
        return false;
    }
    *text = v;
    *ret = (unsigned)number;
    return true;
}

static bool parse(struct gs_view text, struct gs_profile_name *name)
{
    *name = (struct gs_profile_name){0};
    bool has_compute = take_number(&text, "c.", &name->compute_slices);
    if (!take_number(&text, "g.", &name->gpu_slices) ||
        !take_number(&text, "gb", &name->memory_gb)) {
        return false;
    }
    if (!has_compute) {
        name->compute_slices = name->gpu_slices;
    }
    if (text.n == 0) {
        return true;
    }
    if (text.p[0] != '+' && text.p[0] != '-') {
        return false;
    }
    name->sign = text.p[0];
    struct gs_view attrs = {.p = text.p + 1, .n = text.n - 1};
    if (!attributes_are_well_formed(attrs)) {
        return false;
    }
    memcpy(name->attrs, attrs.p, attrs.n);
    return true;
}

int gs_profile_name_parse(struct gs_view text, struct gs_profile_name *ret, struct gs_err *err)
{
    struct gs_profile_name name;
    if (text.n > GS_PROFILE_NAME_MAX || !parse(text, &name)) {
        return gs_fail(err, GS_INVALID,
                       "\"%.*s\" is not a MIG profile name; expected a form like 1g.5gb, "
                       "1c.3g.20gb, 1g.10gb+me or 1g.24gb-me",
                       GS_VIEW_ARGS(text));
    }
    if (name.compute_slices > name.gpu_slices) {
        return gs_fail(err, GS_INVALID,
                       "\"%.*s\" is a compute instance of %u compute slices in a GPU instance of "
                       "%u; expected %u at most",
                       GS_VIEW_ARGS(text), name.compute_slices, name.gpu_slices, name.gpu_slices);
    }
    *ret = name;
    return 0;
}

static bool ends_with(struct gs_view v, const char *tail)
{
    size_t n = strlen(tail);
    return v.n >= n && memcmp(v.p + v.n - n, tail, n) == 0;
}

/* A name in which a dot behind "gb" stands for the plus sign. `text` is what was written. */
static int parse_dotted(struct gs_view name, struct gs_view text, struct gs_profile_name *ret,
                        struct gs_err *err)
{
    if (ends_with(name, ".shared")) {
        return gs_fail(err, GS_UNSUPPORTED,
                       "\"%.*s\" counts time-sliced replicas, not slices; ask for the resource "
                       "without \".shared\"",
                       GS_VIEW_ARGS(text));
    }
    char plain[GS_PROFILE_NAME_MAX + 1];
    if (name.n >= sizeof(plain)) {
        return gs_fail(err, GS_INVALID, "\"%.*s\" is longer than a resource name may be",
                       GS_VIEW_ARGS(text));
    }
    if (name.n > 0) {
        memcpy(plain, name.p, name.n);
    }
    plain[name.n] = '\0';
    char *dot = strstr(plain, "gb.");
    if (dot != NULL) {
        dot[2] = '+';
    }
    return gs_profile_name_parse(gs_view(plain), ret, err);
}

int gs_profile_name_from_resource(struct gs_view text, struct gs_profile_name *ret,
                                  struct gs_err *err)
{
    struct gs_view v = text;
    gs_view_skip(&v, "nvidia.com/");
    if (!gs_view_skip(&v, "mig-")) {
        return GS_NOT_FOUND;
    }
    int r = parse_dotted(v, text, ret, err);
    return r == GS_INVALID ? gs_wrap(err, r, "resource \"%.*s\"", GS_VIEW_ARGS(text)) : r;
}

int gs_profile_name_read(struct gs_view text, struct gs_profile_name *ret, struct gs_err *err)
{
    int r = gs_profile_name_from_resource(text, ret, err);
    if (r != GS_NOT_FOUND) {
        return r;
    }
    /* What is wrong is said about the text as it was written. */
    return parse_dotted(text, text, ret, NULL) == 0 ? 0 : gs_profile_name_parse(text, ret, err);
}

void gs_profile_name_format(const struct gs_profile_name *name,
                            char ret_text[GS_PROFILE_NAME_MAX + 1])
{
    char compute[12] = "";
    if (name->compute_slices != name->gpu_slices) {
        snprintf(compute, sizeof(compute), "%uc.", name->compute_slices);
    }
    char sign[2] = {name->sign, '\0'};
    snprintf(ret_text, GS_PROFILE_NAME_MAX + 1, "%s%ug.%ugb%s%s", compute, name->gpu_slices,
             name->memory_gb, sign, name->attrs);
}

void gs_profile_name_resource(const struct gs_profile_name *name,
                              char ret_text[GS_PROFILE_NAME_MAX + 5])
{
    char text[GS_PROFILE_NAME_MAX + 1];
    gs_profile_name_format(name, text);
    snprintf(ret_text, GS_PROFILE_NAME_MAX + 5, "mig-%s", text);
    for (char *c = ret_text; *c != '\0'; c++) {
        if (*c == '+') {
            *c = '.';
        }
    }
}

bool gs_profile_name_eq(const struct gs_profile_name *a, const struct gs_profile_name *b)
{
    if (a->compute_slices != b->compute_slices || a->gpu_slices != b->gpu_slices ||
        a->memory_gb != b->memory_gb || a->sign != b->sign ||
        strlen(a->attrs) != strlen(b->attrs)) {
        return false;
    }
    struct gs_view rest = gs_view(a->attrs);
    while (rest.p != NULL) {
        if (!list_has(gs_view(b->attrs), gs_view_split(&rest, ','))) {
            return false;
        }
    }
    return true;
}
