#include "wire/slicepool.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "wire/gpunode_names.h"
#include "wire/jsonwrite.h"
#include "wire/kubeconstraint.h"
#include "wire/kubefield.h"
#include "wire/kubejson.h"

enum {
    UID_MAX = 128,
    NAME_MAX_BYTES = 253,
    WORD_MAX = 63,
    GPUS_MAX = 1000000,
    WARM_MAX = 10000,
    EMPTY_AFTER_S = 600,
    START_LIMIT_S = 1200,
    EXPIRE_AFTER_S = 720 * 3600,
    DURATION_MAX_S = 315360000 /* ten years */
};

#define UUSD_A_USD 1000000ull
#define UUSD_MAX (1000000000ull * UUSD_A_USD - 1)

/* ---- Dollars and durations ---- */

void gs_slicepool_usd_format(uint64_t uusd, char ret[GS_SLICEPOOL_USD_MAX])
{
    unsigned digits = 6;
    unsigned part = (unsigned)(uusd % UUSD_A_USD);
    unsigned long long whole = uusd / UUSD_A_USD;
    for (; digits > 0 && part % 10 == 0; digits--) {
        part /= 10;
    }
    if (digits == 0) {
        snprintf(ret, GS_SLICEPOOL_USD_MAX, "%llu", whole);
    } else {
        snprintf(ret, GS_SLICEPOOL_USD_MAX, "%llu.%0*u", whole, (int)digits, part);
    }
}

bool gs_slicepool_usd_parse(struct gs_view text, uint64_t *ret_uusd)
{
    return gs_view_is_fixed(text, 6, UUSD_MAX, ret_uusd);
}

/* "1h30m", "600s": hours, minutes, seconds, each once and in this order. */
static bool duration(struct gs_view text, uint64_t *ret_s)
{
    static const struct {
        const char *unit;
        unsigned s;
    } units[] = {{"h", 3600}, {"m", 60}, {"s", 1}};
    uint64_t sum = 0;
    bool any = false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        struct gs_view rest = text;
        uint64_t count;
        if (gs_view_u64(&rest, DURATION_MAX_S, &count) && gs_view_skip(&rest, units[i].unit)) {
            sum += count * units[i].s;
            text = rest;
            any = true;
        }
    }
    *ret_s = sum;
    return any && text.n == 0 && sum <= DURATION_MAX_S;
}

static int read_duration(const json_t *spec, const char *key, uint32_t least_s, bool may_never,
                         uint32_t *ret_s, struct gs_err *err)
{
    const char *text = NULL;
    uint64_t s;
    int r = gs_kubejson_text(spec, key, &text, err);
    if (r < 0 || text == NULL) {
        return r;
    }
    if (may_never && strcmp(text, "Never") == 0) {
        *ret_s = UINT32_MAX;
        return 0;
    }
    if (!duration(gs_view(text), &s) || s < least_s) {
        return gs_fail(err, GS_INVALID,
                       "\"%s\" is \"%.40s\"; expected a duration such as 90s, 10m or 720h%s, ten "
                       "years at most%s",
                       key, text, may_never ? ", or Never" : "",
                       least_s > 0 ? " and a second at least" : "");
    }
    *ret_s = (uint32_t)s;
    return 0;
}

/* ---- Lists ---- */

static int read_word(const json_t *value, struct gs_arena *arena, void *item, struct gs_err *err)
{
    const char **word = item;
    const char *text = json_string_value(value);
    size_t n = text == NULL ? 0 : strlen(text);
    if (n == 0 || n > WORD_MAX || !gs_kubejson_is_printable(text)) {
        return gs_fail(err, GS_INVALID, "found %s; expected a name of 1 to %d bytes",
                       n > WORD_MAX ? "a longer text" : gs_kubejson_type(value), WORD_MAX);
    }
    *word = gs_arena_text(arena, text, n);
    return *word == NULL ? gs_kubejson_no_memory(err) : 0;
}

static int read_words(const json_t *spec, const char *key, unsigned max, struct gs_arena *arena,
                      const char *const **ret, unsigned *ret_n, struct gs_err *err)
{
    struct gs_kubefield_list list = {
        .key = key, .size = sizeof(const char *), .max = max, read_word};
    int r = gs_kubefield_list(spec, &list, arena, err);
    const char *const *words = list.items;
    for (unsigned i = 0; r == 0 && i < list.n; i++) {
        for (unsigned k = 0; k < i; k++) {
            if (strcmp(words[i], words[k]) == 0) {
                return gs_fail(err, GS_INVALID, "\"%s\" has %s twice", key, words[i]);
            }
        }
    }
    *ret = words;
    *ret_n = list.n;
    return r;
}

static int read_types(const json_t *spec, struct gs_arena *arena, struct gs_slicepool *pool,
                      struct gs_err *err)
{
    static const char *const on_demand[] = {"on-demand"};
    int r = read_words(spec, "instanceTypes", GS_SLICEPOOL_TYPES_MAX, arena, &pool->instance_types,
                       &pool->n_instance_types, err);
    r = r < 0 ? r
              : read_words(spec, "capacityTypes", 3, arena, &pool->capacity_types,
                           &pool->n_capacity_types, err);
    r = r < 0 ? r
              : read_words(spec, "zones", GS_SLICEPOOL_ZONES_MAX, arena, &pool->zones,
                           &pool->n_zones, err);
    if (r == 0 && pool->n_instance_types == 0) {
        return gs_fail(err, GS_INVALID, "no \"instanceTypes\"; expected at least one");
    }
    for (unsigned i = 0; r == 0 && i < pool->n_capacity_types; i++) {
        const char *type = pool->capacity_types[i];
        if (strcmp(type, "reserved") != 0 && strcmp(type, "spot") != 0 &&
            strcmp(type, "on-demand") != 0) {
            return gs_fail(err, GS_INVALID,
                           "capacityTypes[%u] is \"%s\"; expected reserved, spot or on-demand", i,
                           type);
        }
    }
    if (r == 0 && pool->n_capacity_types == 0) {
        pool->capacity_types = on_demand;
        pool->n_capacity_types = 1;
    }
    return r;
}

static int read_profile(const json_t *value, struct gs_arena *arena, void *item, struct gs_err *err)
{
    (void)arena;
    const char *text = json_string_value(value);
    return gs_kubefield_profile_of(text != NULL && gs_kubejson_is_printable(text) ? text : "", item,
                                   err);
}

static bool has_profile(const struct gs_slicepool *pool, unsigned n,
                        const struct gs_profile_name *profile)
{
    for (unsigned i = 0; i < n; i++) {
        if (gs_profile_name_eq(&pool->profiles[i], profile)) {
            return true;
        }
    }
    return false;
}

bool gs_slicepool_lists(const struct gs_slicepool *pool, const struct gs_profile_name *profile)
{
    return pool->n_profiles == 0 || has_profile(pool, pool->n_profiles, profile);
}

static int read_profiles(const json_t *spec, struct gs_arena *arena, struct gs_slicepool *pool,
                         struct gs_err *err)
{
    struct gs_kubefield_list list = {.key = "profiles",
                                     .size = sizeof(*pool->profiles),
                                     .max = GS_SLICEPOOL_PROFILES_MAX,
                                     read_profile};
    int r = gs_kubefield_list(spec, &list, arena, err);
    pool->profiles = list.items;
    pool->n_profiles = list.n;
    for (unsigned i = 0; r == 0 && i < list.n; i++) {
        if (has_profile(pool, i, &pool->profiles[i])) {
            char name[GS_PROFILE_NAME_MAX + 1];
            gs_profile_name_format(&pool->profiles[i], name);
            return gs_fail(err, GS_INVALID, "\"profiles\" has %s twice", name);
        }
    }
    return r;
}

static int read_warm_one(const struct gs_slicepool *pool, const json_t *warm, const char *key,
                         struct gs_slicepool_warm *ret, struct gs_err *err)
{
    uint64_t count = 0;
    int r = gs_kubefield_profile_of(gs_kubejson_is_printable(key) ? key : "", &ret->profile, err);
    r = r < 0 ? r : gs_kubejson_number(warm, key, WARM_MAX, &count, err);
    if (r == 0 && pool->n_profiles > 0 && !has_profile(pool, pool->n_profiles, &ret->profile)) {
        return gs_fail(err, GS_INVALID, "%s is not among the profiles of the pool", key);
    }
    ret->count = (uint32_t)count;
    return r;
}

static int read_warm(const json_t *spec, struct gs_arena *arena, struct gs_slicepool *pool,
                     struct gs_err *err)
{
    json_t *warm = NULL;
    const char *key;
    json_t *value;
    int r = gs_kubejson_object(spec, "warm", &warm, err);
    if (r == 0 && json_object_size(warm) > GS_SLICEPOOL_PROFILES_MAX) {
        return gs_fail(err, GS_INVALID, "\"warm\" has %zu profiles; expected %d at most",
                       json_object_size(warm), GS_SLICEPOOL_PROFILES_MAX);
    }
    struct gs_slicepool_warm *items =
        GS_ARENA_NEW(arena, struct gs_slicepool_warm, json_object_size(warm));
    if (r == 0 && items == NULL) {
        return gs_kubejson_no_memory(err);
    }
    json_object_foreach(warm, key, value)
    {
        r = r < 0 ? r : read_warm_one(pool, warm, key, &items[pool->n_warm], err);
        pool->n_warm += r == 0;
    }
    pool->warm = items;
    return r < 0 ? gs_wrap(err, r, "warm") : 0;
}

/* ---- What its nodes carry ---- */

static int read_taint(const json_t *value, struct gs_arena *arena, void *item, struct gs_err *err)
{
    struct gs_taint *taint = item;
    int r = gs_kubeconstraint_taint(value, arena, taint, err);
    if (r == 0 && (taint->key[0] == '\0' || (strcmp(taint->effect, "NoSchedule") != 0 &&
                                             strcmp(taint->effect, "PreferNoSchedule") != 0 &&
                                             strcmp(taint->effect, "NoExecute") != 0))) {
        return gs_fail(err, GS_INVALID,
                       "a taint needs a key, and the effect NoSchedule, PreferNoSchedule or "
                       "NoExecute");
    }
    return r;
}

static int read_taints(const json_t *spec, struct gs_arena *arena, struct gs_slicepool *pool,
                       struct gs_err *err)
{
    struct gs_kubefield_list list = {
        .key = "taints", .size = sizeof(*pool->taints), .max = GS_SLICEPOOL_TAINTS_MAX, read_taint};
    int r = gs_kubefield_list(spec, &list, arena, err);
    pool->taints = list.items;
    pool->n_taints = list.n;
    return r;
}

static int read_labels(const json_t *spec, struct gs_arena *arena, struct gs_slicepool *pool,
                       struct gs_err *err)
{
    json_t *object = NULL;
    const char *key;
    json_t *value;
    int r = gs_kubejson_object(spec, "labels", &object, err);
    if (r == 0 && json_object_size(object) > GS_SLICEPOOL_LABELS_MAX) {
        return gs_fail(err, GS_INVALID, "\"labels\" has %zu entries; expected %d at most",
                       json_object_size(object), GS_SLICEPOOL_LABELS_MAX);
    }
    struct gs_label *labels = GS_ARENA_NEW(arena, struct gs_label, json_object_size(object));
    if (r == 0 && labels == NULL) {
        return gs_kubejson_no_memory(err);
    }
    json_object_foreach(object, key, value)
    {
        if (r == 0 && !gs_kubejson_is_printable(key)) {
            r = gs_fail(err, GS_INVALID, "a key with a control character");
        }
        struct gs_label *label = &labels[pool->n_labels];
        r = r < 0 ? r : gs_kubefield_text(object, key, WORD_MAX, arena, &label->value, err);
        label->key = r < 0 ? NULL : gs_arena_text(arena, key, strlen(key));
        r = r == 0 && label->key == NULL ? gs_kubejson_no_memory(err) : r;
        pool->n_labels += r == 0;
    }
    pool->labels = labels;
    return r < 0 ? gs_wrap(err, r, "labels") : 0;
}

/* ---- The rest ---- */

static int read_class(const json_t *spec, struct gs_arena *arena, struct gs_slicepool_class *ret,
                      struct gs_err *err)
{
    json_t *ref = NULL;
    int r = gs_kubejson_object(spec, "nodeClassRef", &ref, err);
    r = r < 0 ? r : gs_kubefield_text(ref, "group", NAME_MAX_BYTES, arena, &ret->group, err);
    r = r < 0 ? r : gs_kubefield_text(ref, "kind", WORD_MAX, arena, &ret->kind, err);
    r = r < 0 ? r : gs_kubefield_need(ref, "name", NAME_MAX_BYTES, arena, &ret->name, err);
    if (r < 0) {
        return gs_wrap(err, r, "nodeClassRef");
    }
    ret->group = ret->group[0] == '\0' ? "karpenter.k8s.aws" : ret->group;
    ret->kind = ret->kind[0] == '\0' ? "EC2NodeClass" : ret->kind;
    return 0;
}

static int read_limits(const json_t *spec, struct gs_slicepool *pool, struct gs_err *err)
{
    json_t *limits = NULL;
    const char *usd = NULL;
    int r = gs_kubejson_object(spec, "limits", &limits, err);
    r = r < 0 ? r : gs_kubejson_number(limits, "gpus", GPUS_MAX, &pool->gpus_limit, err);
    r = r < 0 ? r : gs_kubejson_text(limits, "usdPerHour", &usd, err);
    if (r == 0 && usd != NULL && !gs_slicepool_usd_parse(gs_view(usd), &pool->uusd_limit)) {
        r = gs_fail(err, GS_INVALID,
                    "\"usdPerHour\" is \"%.40s\"; expected dollars such as \"200\" or \"12.5\"",
                    usd);
    }
    return r < 0 ? gs_wrap(err, r, "limits") : 0;
}

static int read_spot(const json_t *spec, struct gs_slicepool *pool, struct gs_err *err)
{
    uint64_t percent = 100;
    int r = gs_kubejson_number(spec, "spotPercent", 100, &percent, err);
    if (r == 0 && percent == 0) {
        r = gs_fail(err, GS_INVALID, "\"spotPercent\" is 0; expected 1 to 100");
    }
    pool->spot_percent = (uint32_t)percent;
    return r;
}

/* *ret_second: the second of two words; absent is the first. */
static int read_either(const json_t *spec, const char *key, const char *first, const char *second,
                       bool *ret_second, struct gs_err *err)
{
    const char *text = NULL;
    int r = gs_kubejson_text(spec, key, &text, err);
    *ret_second = r == 0 && text != NULL && strcmp(text, second) == 0;
    if (r == 0 && text != NULL && !*ret_second && strcmp(text, first) != 0) {
        return gs_fail(err, GS_INVALID, "\"%s\" is \"%.40s\"; expected %s or %s", key, text, first,
                       second);
    }
    return r;
}

static int read_recut(const json_t *spec, struct gs_slicepool *pool, struct gs_err *err)
{
    bool profiles = false;
    int r = read_either(spec, "recut", "anyProfile", "profiles", &profiles, err);
    pool->recut = profiles ? GS_SLICEPOOL_RECUT_PROFILES : GS_SLICEPOOL_RECUT_ANY;
    return r;
}

static int read_spec(const json_t *spec, struct gs_arena *arena, struct gs_slicepool *pool,
                     struct gs_err *err)
{
    bool moves = false;
    bool is_static = false;
    int r = read_class(spec, arena, &pool->node_class, err);
    r = r < 0 ? r : read_types(spec, arena, pool, err);
    r = r < 0 ? r : read_profiles(spec, arena, pool, err);
    r = r < 0 ? r : read_warm(spec, arena, pool, err);
    r = r < 0 ? r : read_limits(spec, pool, err);
    r = r < 0 ? r : read_spot(spec, pool, err);
    r = r < 0 ? r : read_labels(spec, arena, pool, err);
    r = r < 0 ? r : read_taints(spec, arena, pool, err);
    r = r < 0 ? r : read_either(spec, "moves", "never", "optIn", &moves, err);
    r = r < 0 ? r : read_recut(spec, pool, err);
    r = r < 0 ? r : read_either(spec, "scaling", "overlay", "static", &is_static, err);
    r = r < 0 ? r : read_duration(spec, "emptyAfter", 0, false, &pool->empty_after_s, err);
    r = r < 0 ? r : read_duration(spec, "startLimit", 1, false, &pool->start_limit_s, err);
    r = r < 0 ? r : read_duration(spec, "expireAfter", 1, true, &pool->expire_after_s, err);
    pool->moves = moves ? GS_SLICEPOOL_MOVES_OPT_IN : GS_SLICEPOOL_MOVES_NEVER;
    pool->scaling = is_static ? GS_SLICEPOOL_STATIC : GS_SLICEPOOL_OVERLAY;
    return r < 0 ? gs_wrap(err, r, "spec") : 0;
}

/* What is known of it without its spec, which has the defaults. */
static int read_metadata(const json_t *object, struct gs_arena *arena, struct gs_slicepool *pool,
                         struct gs_err *err)
{
    json_t *metadata = NULL;
    const char *deleted = NULL;
    *pool = (struct gs_slicepool){.gpus_limit = UINT64_MAX,
                                  .uusd_limit = UINT64_MAX,
                                  .spot_percent = 100,
                                  .empty_after_s = EMPTY_AFTER_S,
                                  .start_limit_s = START_LIMIT_S,
                                  .expire_after_s = EXPIRE_AFTER_S};
    int r = gs_kubefield_head(object, "SlicePool", arena, &metadata, &pool->name, err);
    if (r < 0) {
        return r;
    }
    r = gs_kubefield_text(metadata, "uid", UID_MAX, arena, &pool->uid, err);
    r = r < 0 ? r : gs_kubejson_number(metadata, "generation", INT64_MAX, &pool->generation, err);
    r = r < 0 ? r : gs_kubejson_text(metadata, "deletionTimestamp", &deleted, err);
    pool->deleting = deleted != NULL;
    return r < 0 ? gs_wrap(err, r, "SlicePool %s", pool->name) : 0;
}

int gs_slicepool_parse_head(const struct json_t *object, struct gs_arena *arena,
                            struct gs_slicepool *ret, struct gs_err *err)
{
    struct gs_slicepool pool;
    json_t *spec = NULL;
    bool is_static = false;
    int r = read_metadata(object, arena, &pool, err);
    if (r < 0) {
        return r;
    }
    pool.node_class = (struct gs_slicepool_class){.group = "", .kind = "", .name = ""};
    if (gs_kubejson_object(object, "spec", &spec, NULL) == 0) {
        struct gs_err why;
        (void)read_either(spec, "scaling", "overlay", "static", &is_static, NULL);
        r = read_profiles(spec, arena, &pool, &why);
        pool.n_profiles = r < 0 ? 0 : pool.n_profiles;
        if (r == 0) {
            (void)read_recut(spec, &pool, NULL);
        } else if (r == GS_NO_MEMORY) {
            return gs_fail(err, why.code, "%s", why.msg);
        }
    }
    pool.scaling = is_static ? GS_SLICEPOOL_STATIC : GS_SLICEPOOL_OVERLAY;
    *ret = pool;
    return 0;
}

int gs_slicepool_parse(const struct json_t *object, struct gs_arena *arena,
                       struct gs_slicepool *ret, struct gs_err *err)
{
    struct gs_slicepool pool;
    json_t *spec = NULL;
    int r = read_metadata(object, arena, &pool, err);
    if (r < 0) {
        return r;
    }
    r = gs_kubejson_object(object, "spec", &spec, err);
    r = r < 0 ? r : read_spec(spec, arena, &pool, err);
    if (r < 0) {
        return gs_wrap(err, r, "SlicePool %s", pool.name);
    }
    *ret = pool;
    return 0;
}
