#include <stdio.h>
#include <string.h>

#include "cli/render/render.h"
#include "core/catalog.h"
#include "wire/slicepool.h"

static int add(struct gs_render_list *list, const char *option, struct gs_view text,
               struct gs_err *err)
{
    if (text.n == 0 || text.n >= sizeof(list->texts[0]) || list->n == GS_RENDER_LIST_MAX) {
        return gs_fail(err, GS_INVALID, "--%s: found \"%.*s\"; expected 1 to %d names, by commas",
                       option, GS_VIEW_ARGS(text), GS_RENDER_LIST_MAX);
    }
    for (unsigned i = 0; i < list->n; i++) {
        if (gs_view_eq(text, list->texts[i])) {
            return gs_fail(err, GS_INVALID, "--%s: \"%.*s\" is there twice", option,
                           GS_VIEW_ARGS(text));
        }
    }
    snprintf(list->texts[list->n++], sizeof(list->texts[0]), "%.*s", GS_VIEW_ARGS(text));
    return 0;
}

static int split(const struct gs_texts *texts, const char *option, struct gs_render_list *ret,
                 struct gs_err *err)
{
    int r = 0;
    ret->n = 0;
    for (size_t i = 0; i < texts->n; i++) {
        for (struct gs_view rest = gs_view(texts->items[i]); r == 0 && rest.p != NULL;) {
            r = add(ret, option, gs_view_trim(gs_view_split(&rest, ',')), err);
        }
    }
    return r;
}

/* Object names and values of labels: nothing that would have to be quoted. */
static int check_name(const char *option, const char *name, size_t max, struct gs_err *err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";
    if (name == NULL) {
        return gs_fail(err, GS_INVALID, "--%s is needed", option);
    }
    if (name[0] == '\0' || strlen(name) > max || strspn(name, allowed) != strlen(name)) {
        return gs_fail(err, GS_INVALID,
                       "--%s: found \"%.100s\"; expected lower-case letters, digits, - and ., %zu "
                       "at most",
                       option, name, max);
    }
    return 0;
}

/* IAM's and EKS's names: letters, digits and =,.@-_ */
static int check_word(const char *option, const char *word, size_t max, struct gs_err *err)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+=,.@-_/";
    if (word == NULL) {
        return gs_fail(err, GS_INVALID, "--%s is needed", option);
    }
    if (word[0] == '\0' || strlen(word) > max || strspn(word, allowed) != strlen(word)) {
        return gs_fail(err, GS_INVALID,
                       "--%s: found \"%.100s\"; expected its name, %zu letters at most", option,
                       word, max);
    }
    return 0;
}

/* EC2NodeClass.spec.role is a name; what people have at hand is often an ARN. */
static int check_role(const char *role, struct gs_err *err)
{
    const char *name = role == NULL ? NULL : strrchr(role, '/');
    if (role == NULL) {
        return gs_fail(err, GS_INVALID,
                       "--role is needed: the name of the IAM role that nodes have, such as "
                       "KarpenterNodeRole-prod");
    }
    if (strncmp(role, "arn:", 4) == 0 && strstr(role, ":role/") != NULL && name[1] != '\0') {
        return gs_fail(err, GS_INVALID,
                       "--role: found an ARN, \"%.100s\"; expected the role's name: --role %.64s",
                       role, name + 1);
    }
    if (strncmp(role, "arn:", 4) == 0) {
        return gs_fail(err, GS_INVALID,
                       "--role: found \"%.100s\"; expected the name of an IAM role, as aws iam "
                       "list-roles --query 'Roles[].RoleName' has them (for an "
                       "instance profile: the role in it)",
                       role);
    }
    if (check_word("role", role, 64, NULL) < 0) {
        return gs_fail(err, GS_INVALID,
                       "--role: found \"%.100s\"; expected the name of an IAM role: letters, "
                       "digits and +=,.@-_, 64 at most; aws iam list-roles --query "
                       "'Roles[].RoleName' has them",
                       role);
    }
    return 0;
}

/* ---- instance types and profiles ---- */

static int find_types(const struct gs_render_eks *args, struct gs_render_names *names,
                      struct gs_err *err)
{
    int r = 0;
    for (unsigned i = 0; r == 0 && i < names->types.n; i++) {
        uint64_t price_uusd;
        r = gs_instance_find(gs_view(names->types.texts[i]), &names->instances[i], err);
        if (r == 0 && args->region != NULL) {
            r = gs_instance_price(names->instances[i], gs_view(args->region), &price_uusd, err);
        }
    }
    return r;
}

static int check_profile(const struct gs_render_names *names, const char *text, struct gs_err *err)
{
    struct gs_profile_name profile;
    int r = gs_profile_name_parse(gs_view(text), &profile, err);
    for (unsigned i = 0; r == 0 && i < names->types.n; i++) {
        const struct gs_gpu_kind gpu = gs_instance_gpu(names->instances[i]);
        if (gpu.model != NULL && gs_model_profile_index(gpu.model, &profile) >= 0) {
            return 0;
        }
    }
    return r != 0 ? gs_wrap(err, r, "--profiles")
                  : gs_fail(err, GS_NOT_FOUND,
                            "--profiles: no GPU of these instance types has %s; gpuslice profiles "
                            "%s lists what there is",
                            text, names->instances[0]->gpu_name);
}

static int check_limits(const struct gs_render_eks *args, struct gs_err *err)
{
    uint64_t number;
    if (args->gpus != NULL && !gs_view_is_integer(gs_view(args->gpus), 1000000, &number)) {
        return gs_fail(err, GS_INVALID, "--limit-gpus: found \"%.100s\"; expected 0 to 1000000",
                       args->gpus);
    }
    if (args->usd != NULL && !gs_slicepool_usd_parse(gs_view(args->usd), &number)) {
        return gs_fail(
            err, GS_INVALID,
            "--limit-usd-per-hour: found \"%.100s\"; expected dollars such as 200 or 12.5",
            args->usd);
    }
    return 0;
}

bool gs_render_is_beyond(const struct gs_render_eks *args, const struct gs_render_names *names,
                         unsigned type, char ret[GS_RENDER_TEXT_MAX])
{
    const struct gs_instance *instance = names->instances[type];
    uint64_t gpus = UINT64_MAX;
    uint64_t uusd = UINT64_MAX;
    uint64_t price = 0;
    char usd[GS_SLICEPOOL_USD_MAX];
    bool limited = args->gpus != NULL && gs_view_is_integer(gs_view(args->gpus), 1000000, &gpus);
    if (limited && gpus > 0 && gpus < instance->gpus) {
        snprintf(ret, GS_RENDER_TEXT_MAX,
                 "--limit-gpus: found %s; a node of %s has %u GPUs: expected %u at least",
                 args->gpus, instance->type, instance->gpus, instance->gpus);
        return true;
    }
    if (args->usd != NULL && args->region != NULL &&
        gs_slicepool_usd_parse(gs_view(args->usd), &uusd) &&
        gs_instance_price(instance, gs_view(args->region), &price, NULL) == 0 && uusd > 0 &&
        uusd < price) {
        gs_slicepool_usd_format(price, usd);
        snprintf(ret, GS_RENDER_TEXT_MAX,
                 "--limit-usd-per-hour: found %s; a node of %s costs %s in %s: expected as much at "
                 "least",
                 args->usd, instance->type, usd, args->region);
        return true;
    }
    return false;
}

static int check_room(const struct gs_render_eks *args, const struct gs_render_names *names,
                      struct gs_err *err)
{
    char text[GS_RENDER_TEXT_MAX];
    char least[GS_RENDER_TEXT_MAX] = "";
    unsigned gpus = UINT32_MAX;
    for (unsigned i = 0; i < names->types.n; i++) {
        if (!gs_render_is_beyond(args, names, i, text)) {
            return 0;
        }
        if (names->instances[i]->gpus < gpus) {
            gpus = names->instances[i]->gpus;
            memcpy(least, text, sizeof(least));
        }
    }
    return gs_fail(err, GS_INVALID, "no node could be bought: %s", least);
}

static int check_capacity_types(const struct gs_render_list *list, struct gs_err *err)
{
    for (unsigned i = 0; i < list->n; i++) {
        const char *text = list->texts[i];
        if (strcmp(text, "on-demand") != 0 && strcmp(text, "spot") != 0 &&
            strcmp(text, "reserved") != 0) {
            return gs_fail(err, GS_INVALID,
                           "--capacity-types: found \"%s\"; expected on-demand, spot or reserved",
                           text);
        }
    }
    return 0;
}

int gs_render_read(const struct gs_render_eks *args, struct gs_render_names *ret,
                   struct gs_err *err)
{
    int r = check_word("cluster", args->cluster, 100, err);
    r = r == 0 ? check_role(args->role, err) : r;
    r = r == 0 ? check_name("name", args->name, 63, err) : r;
    r = r == 0 ? check_word("ami-version", args->ami_version, 30, err) : r;
    r = r == 0 ? split(&args->types, "instance-types", &ret->types, err) : r;
    r = r == 0 ? split(&args->profiles, "profiles", &ret->profiles, err) : r;
    r = r == 0 ? split(&args->capacity_types, "capacity-types", &ret->capacity_types, err) : r;
    r = r == 0 ? split(&args->zones, "zones", &ret->zones, err) : r;
    if (r == 0 && ret->types.n == 0) {
        return gs_fail(err, GS_INVALID,
                       "which instance types may be bought? --instance-types p4d.24xlarge");
    }
    r = r == 0 ? find_types(args, ret, err) : r;
    for (unsigned i = 0; r == 0 && i < ret->profiles.n; i++) {
        r = check_profile(ret, ret->profiles.texts[i], err);
    }
    for (unsigned i = 0; r == 0 && i < ret->zones.n; i++) {
        r = check_name("zones", ret->zones.texts[i], 63, err);
    }
    r = r == 0 ? check_capacity_types(&ret->capacity_types, err) : r;
    r = r == 0 ? check_limits(args, err) : r;
    return r == 0 ? check_room(args, ret, err) : r;
}
