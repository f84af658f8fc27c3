/* What a SlicePool asks for that cannot be had. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/near.h"
#include "cloud/instances.h"
#include "cloud/poolprofiles.h"
#include "core/catalog.h"
#include "lint/karpenter.h"
#include "lint/slicepool.h"

enum { REGION_MAX = 40 };

static const struct gs_lint_node *first_of(const struct gs_lint_node *map, const char *key)
{
    const struct gs_lint_node *list = gs_lint_get(map, key);
    return list != NULL && list->kind == GS_LINT_LIST ? list->first : NULL;
}

static const struct gs_instance *instance_of(const char *type)
{
    const struct gs_instance *instance;
    return gs_instance_find(gs_view(type), &instance, NULL) == 0 ? instance : NULL;
}

/* ---- instance types ---- */

/* What was meant beyond doubt: the same but for what stands between letters, or one letter of the
 * size of a type of that family. */
static const char *type_meant(struct gs_view type)
{
    size_t n;
    const struct gs_instance *all = gs_instances(&n);
    const char *found = NULL;
    struct gs_view size = type;
    struct gs_view family = gs_view_split(&size, '.');
    for (size_t i = 0; i < n; i++) {
        bool digits = true; /* the same: p6.48xlarge is no p5.48xlarge */
        const char *p = all[i].size;
        for (size_t k = 0; size.p != NULL && k < size.n; k++) {
            if (isdigit((unsigned char)size.p[k])) {
                p += strcspn(p, "0123456789");
                digits = digits && *p == size.p[k];
                p += *p != '\0';
            }
        }
        digits = digits && p[strcspn(p, "0123456789")] == '\0';
        bool near = size.p != NULL && digits && gs_view_eq(family, all[i].family) &&
                    gs_near_distance(size, all[i].size) == 1;
        if (near || gs_lint_same_letters(type, all[i].type)) {
            if (found != NULL) {
                return NULL;
            }
            found = all[i].type;
        }
    }
    return found;
}

static void check_type(const struct gs_lint_slicepool *pool, const struct gs_lint_node *node)
{
    const struct gs_instance *instance;
    struct gs_err why;
    if (gs_lint_is_not_nvidia(node->text)) {
        gs_lint_find_node(pool->work, GS_LINT_NOT_NVIDIA, pool->piece, node, "%s",
                          "a type with GPUs of NVIDIA's, such as p4d.24xlarge");
        return;
    }
    if (gs_instance_find(node->text, &instance, &why) == 0) {
        if (gs_instance_gpu(instance).model == NULL) {
            gs_lint_find_node(
                pool->work, GS_LINT_POOL_NOT_CUT, pool->piece, node,
                "a type whose GPUs have MIG, such as p4d.24xlarge, unless pods are to "
                "get whole GPUs (%s)",
                instance->gpu_name);
        }
        return;
    }
    const char *type = type_meant(node->text);
    gs_lint_find_node(pool->work, GS_LINT_POOL_TYPE, pool->piece, node, "%s",
                      type == NULL ? why.msg : type);
    if (type != NULL) {
        gs_lint_slicepool_set(pool, node, type);
    }
}

/* ---- profiles ---- */

/* A profile of the types with the same letters (1G.5GB), or a resource's name (mig-1g.5gb). */
static const char *profile_meant(const struct gs_lint_slicepool *pool, struct gs_view text)
{
    struct gs_profile_name resource;
    if (gs_profile_name_read(text, &resource, NULL) == 0 && gs_catalog_has_profile(&resource)) {
        char name[GS_PROFILE_NAME_MAX + 1];
        gs_profile_name_format(&resource, name);
        return gs_lint_printf(pool->work, "%s", name);
    }
    (void)gs_view_skip(&text, "nvidia.com/");
    (void)gs_view_skip(&text, "mig-");
    for (unsigned i = 0; i < pool->n_types; i++) {
        const struct gs_instance *instance = instance_of(pool->types[i]);
        const struct gs_model *model = instance == NULL ? NULL : gs_instance_gpu(instance).model;
        for (unsigned p = 0; model != NULL && p < model->n_profiles; p++) {
            if (gs_lint_same_letters(text, model->profiles[p].name)) {
                return model->profiles[p].name;
            }
        }
    }
    return NULL;
}

/* `key`: of warm, else an item of profiles. */
static void check_profile(const struct gs_lint_slicepool *pool, const struct gs_lint_node *node,
                          bool key)
{
    struct gs_profile_name name;
    struct gs_near near;
    struct gs_view text = key ? node->key : node->text;
    char why[GS_POOLPROFILES_TEXT_MAX];
    bool formed = gs_profile_name_parse(text, &name, NULL) == 0;
    if (formed && (pool->n_types == 0 ||
                   !gs_poolprofiles_lack(pool->types, pool->n_types, &name, why, &near))) {
        return;
    }
    const char *right = formed ? NULL : profile_meant(pool, text);
    if (right == NULL || key) {
        gs_lint_find_node(pool->work, GS_LINT_POOL_PROFILE, pool->piece, node, "%s",
                          right != NULL ? right
                          : formed      ? why
                                        : "a profile as NVIDIA writes it, such as 1g.5gb");
        return;
    }
    gs_lint_find_node(pool->work, GS_LINT_POOL_PROFILE, pool->piece, node, "%s", right);
    gs_lint_slicepool_set(pool, node, right);
}

static void check_warm(const struct gs_lint_slicepool *pool)
{
    const struct gs_lint_node *warm = gs_lint_get(pool->spec, "warm");
    const struct gs_lint_node *one = warm != NULL && warm->kind == GS_LINT_MAP ? warm->first : NULL;
    for (; one != NULL; one = one->next) {
        const struct gs_lint_node *listed = first_of(pool->spec, "profiles");
        bool any = listed != NULL;
        while (listed != NULL && !(listed->text.n == one->key.n &&
                                   memcmp(listed->text.p, one->key.p, one->key.n) == 0)) {
            listed = listed->next;
        }
        if (any && listed == NULL) {
            gs_lint_find_node(pool->work, GS_LINT_POOL_WARM, pool->piece, one,
                              "%.*s among profiles too, or not here", GS_VIEW_ARGS(one->key));
        } else if (!any) {
            check_profile(pool, one, true);
        }
    }
}

/* ---- zones ---- */

/* "us-east-1" of "us-east-1a", "us-east-1-bos-1a"; empty: it is no zone's name. */
static struct gs_view region_of(struct gs_view zone)
{
    static const struct gs_view none = {.p = ""};
    struct gs_view rest = zone;
    size_t at = 0;
    for (unsigned part = 0; rest.p != NULL && part < 5; part++) {
        struct gs_view word = gs_view_split(&rest, '-');
        uint64_t number;
        struct gs_view end = word;
        if (part >= 2 && gs_view_u64(&end, 99, &number)) {
            bool letter = rest.p == NULL && end.n == 1 && islower((unsigned char)end.p[0]);
            bool local = rest.p != NULL && rest.n > 0 && end.n == 0;
            return letter || local ? (struct gs_view){zone.p, at + word.n - end.n} : none;
        }
        for (size_t i = 0; i < word.n; i++) {
            if (!islower((unsigned char)word.p[i])) {
                return none;
            }
        }
        if (word.n == 0) {
            return none;
        }
        at += word.n + 1;
    }
    return none;
}

static bool is_aws(const struct gs_lint_slicepool *pool)
{
    struct gs_view group = gs_lint_text(gs_lint_get(pool->spec, "nodeClassRef"), "group");
    return group.n == 0 || gs_view_eq(group, "karpenter.k8s.aws");
}

/* The region of the zones goes to `ret`; "": there are none, or of several. */
static void check_zones(const struct gs_lint_slicepool *pool, char ret[REGION_MAX])
{
    bool several = false;
    ret[0] = '\0';
    for (const struct gs_lint_node *one = is_aws(pool) ? first_of(pool->spec, "zones") : NULL;
         one != NULL; one = one->next) {
        struct gs_view region = region_of(one->text);
        if (region.n == 0 || region.n >= REGION_MAX) {
            gs_lint_find_node(
                pool->work, GS_LINT_POOL_ZONE, pool->piece, one, "%s",
                "a zone by its name, such as us-east-1a (no region, and no id such as "
                "use1-az1)");
        } else if (ret[0] == '\0') {
            snprintf(ret, REGION_MAX, "%.*s", GS_VIEW_ARGS(region));
        } else if (!gs_view_eq(region, ret)) {
            gs_lint_find_node(pool->work, GS_LINT_POOL_ZONE, pool->piece, one,
                              "a zone of %s, as the others: nodes of a cluster are in one region",
                              ret);
            several = true;
        }
    }
    ret[several ? 0 : strlen(ret)] = '\0';
}

/* ---- limits ---- */

static bool spot_alone(const struct gs_lint_slicepool *pool)
{
    const struct gs_lint_node *one = first_of(pool->spec, "capacityTypes");
    return one != NULL && one->next == NULL && gs_lint_same_letters(one->text, "spot");
}

/* What a node costs at least, as it is reckoned with; 0: not known. `region` "": wherever it is. */
static uint64_t price_of(const struct gs_lint_slicepool *pool, const struct gs_instance *instance,
                         const char *region)
{
    uint64_t least = 0;
    uint64_t percent = 100;
    const struct gs_lint_node *share = gs_lint_get(pool->spec, "spotPercent");
    for (uint32_t i = 0; i < instance->n_prices; i++) {
        uint64_t price = instance->prices[i].price_uusd;
        bool counts = region[0] == '\0' || strcmp(region, instance->prices[i].region) == 0;
        least = counts && (least == 0 || price < least) ? price : least;
    }
    if (share == NULL || !spot_alone(pool) || !gs_view_is_u64(share->text, 100, &percent)) {
        percent = 100;
    }
    return least * percent / 100;
}

static void check_gpus(const struct gs_lint_slicepool *pool)
{
    const struct gs_lint_node *limit = gs_lint_at(pool->spec, "limits", "gpus", NULL);
    const struct gs_instance *least = NULL;
    uint64_t gpus;
    for (unsigned i = 0; i < pool->n_types; i++) {
        const struct gs_instance *instance = instance_of(pool->types[i]);
        if (instance == NULL) {
            return;
        }
        least = least == NULL || instance->gpus < least->gpus ? instance : least;
    }
    if (limit != NULL && least != NULL && gs_view_is_u64(limit->text, UINT32_MAX, &gpus) &&
        gpus > 0 && gpus < least->gpus) {
        gs_lint_find_node(pool->work, GS_LINT_POOL_LIMIT, pool->piece, limit,
                          "%u or more: a %s has %u GPUs", least->gpus, least->type, least->gpus);
    }
}

static void check_dollars(const struct gs_lint_slicepool *pool, const char *region)
{
    const struct gs_lint_node *limit = gs_lint_at(pool->spec, "limits", "usdPerHour", NULL);
    const struct gs_instance *cheapest = NULL;
    uint64_t least = 0;
    uint64_t uusd;
    for (unsigned i = 0; i < pool->n_types; i++) {
        const struct gs_instance *instance = instance_of(pool->types[i]);
        uint64_t price = instance == NULL ? 0 : price_of(pool, instance, region);
        if (price == 0) {
            return;
        }
        cheapest = cheapest == NULL || price < least ? instance : cheapest;
        least = cheapest == instance ? price : least;
    }
    if (limit != NULL && cheapest != NULL &&
        gs_view_is_fixed(limit->text, 6, UINT64_MAX / 2, &uusd) && uusd > 0 && uusd < least) {
        gs_lint_find_node(pool->work, GS_LINT_POOL_LIMIT, pool->piece, limit,
                          "\"%llu\" or more: a %s is reckoned with %llu.%02llu dollars an hour%s%s",
                          (unsigned long long)(least / 1000000 + 1), cheapest->type,
                          (unsigned long long)((least + 5000) / 1000000),
                          (unsigned long long)((least + 5000) / 10000 % 100),
                          region[0] == '\0' ? " where it is cheapest" : " in ", region);
    }
}

void gs_lint_slicepool_asks(const struct gs_lint_slicepool *pool)
{
    const struct gs_lint_node *percent = gs_lint_get(pool->spec, "spotPercent");
    char region[REGION_MAX];
    for (const struct gs_lint_node *one = first_of(pool->spec, "instanceTypes"); one != NULL;
         one = one->next) {
        if (one->kind == GS_LINT_SCALAR) {
            check_type(pool, one);
        }
    }
    for (const struct gs_lint_node *one = first_of(pool->spec, "profiles"); one != NULL;
         one = one->next) {
        if (one->kind == GS_LINT_SCALAR) {
            check_profile(pool, one, false);
        }
    }
    check_warm(pool);
    check_zones(pool, region);
    check_gpus(pool);
    check_dollars(pool, region);
    if (percent != NULL && !spot_alone(pool)) {
        gs_lint_find_node(pool->work, GS_LINT_POOL_SPOT, pool->piece, percent, "%s",
                          "capacityTypes: [spot], or no spotPercent");
    }
}
