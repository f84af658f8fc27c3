#include "wire/agentconfig_table.h"

#include <string.h>

#include "base/cleanup.h"

#define DOMAIN "nvidia.com/"
#define SHARED ".shared"

static int fail_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the configuration");
}

/* Lower case letters, digits, dashes and dots; each part begins and ends with a letter or digit. */
static bool is_subdomain(struct gs_view text)
{
    struct gs_view rest = text;
    while (rest.p != NULL) {
        struct gs_view part = gs_view_split(&rest, '.');
        if (part.n == 0 || part.p[0] == '-' || part.p[part.n - 1] == '-') {
            return false;
        }
        for (size_t i = 0; i < part.n; i++) {
            char c = part.p[i];
            if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
                return false;
            }
        }
    }
    return true;
}

/* A resource's name, with "nvidia.com/" put before it where it lacks that. */
static int read_name(struct gs_arena *arena, const struct gs_doc_node *node, const char **ret,
                     struct gs_err *err)
{
    struct gs_view text;
    int r = gs_doc_text(node, 1024, &text, err);
    if (r < 0) {
        return r;
    }
    (void)gs_view_skip(&text, DOMAIN);
    if (!is_subdomain(text)) {
        return gs_doc_fail(node, err,
                           "%.*s: found \"%.*s\"; expected the name of a resource, as %sgpu",
                           GS_VIEW_ARGS(node->key), GS_VIEW_ARGS(node->text), DOMAIN);
    }
    if (text.n + strlen(DOMAIN) > GS_RESOURCE_NAME_MAX) {
        return gs_doc_fail(node, err, "%.*s: found a name of %zu characters; expected %d at most",
                           GS_VIEW_ARGS(node->key), text.n + strlen(DOMAIN), GS_RESOURCE_NAME_MAX);
    }
    *ret = gs_arena_printf(arena, "%s%.*s", DOMAIN, (int)text.n, text.p);
    return *ret == NULL ? fail_memory(err) : 0;
}

/* all, a count, or a list of indices and UUIDs. *ret_all: it is all of them. */
static int check_devices(const struct gs_doc_node *node, bool *ret_all, struct gs_err *err)
{
    uint64_t count;
    *ret_all = node->kind == GS_DOC_SCALAR && gs_view_eq(node->text, "all");
    if (node->kind == GS_DOC_LIST) {
        return node->n <= GS_AGENTCONFIG_DEVICES_MAX
                   ? 0
                   : gs_doc_fail(node, err, "devices: found %u; expected %d at most", node->n,
                                 GS_AGENTCONFIG_DEVICES_MAX);
    }
    if (*ret_all || (node->kind == GS_DOC_SCALAR && !node->quoted &&
                     gs_view_is_integer(node->text, UINT32_MAX, &count) && count > 0)) {
        return 0;
    }
    return gs_doc_fail(node, err, "devices: found \"%.*s\"; expected all, a count or a list",
                       GS_VIEW_ARGS(node->text));
}

/* What of a shared resource NVIDIA's plugin reads and does not obey either. */
static int note_unused(struct gs_arena *arena, const struct gs_doc_node *map,
                       struct gs_agentconfig *config, struct gs_err *err)
{
    const struct gs_doc_node *rename = gs_doc_find(map, "rename");
    const struct gs_doc_node *devices = gs_doc_find(map, "devices");
    bool all = true;
    int r = 0;
    if (rename != NULL && !gs_doc_is_null(rename)) {
        const char *name;
        r = read_name(arena, rename, &name, err);
        r = r < 0 ? r
                  : gs_setting_note(arena, config, "rename in sharing.timeSlicing.resources",
                                    "the name follows from renameByDefault", err);
    }
    if (r == 0 && devices != NULL && !gs_doc_is_null(devices)) {
        r = check_devices(devices, &all, err);
    }
    return r < 0 || all ? r
                        : gs_setting_note(arena, config, "devices in sharing.timeSlicing.resources",
                                          "all devices of a resource are shared", err);
}

static int read_shared(struct gs_arena *arena, const struct gs_doc_node *map, bool renamed,
                       struct gs_agentconfig *config, struct gs_shared_resource *ret,
                       struct gs_err *err)
{
    static const char *const keys[] = {"name", "rename", "devices", "replicas"};
    const struct gs_doc_node *name;
    const struct gs_doc_node *replicas;
    uint64_t number = 0;
    int r = gs_doc_expect_keys(map, keys, GS_ARRAY_LEN(keys), err);
    r = r < 0 ? r : gs_doc_need(map, "name", &name, err);
    r = r < 0 ? r : gs_doc_need(map, "replicas", &replicas, err);
    r = r < 0 ? r : read_name(arena, name, &ret->name, err);
    r = r < 0 ? r : gs_doc_u64(replicas, 2, GS_AGENTCONFIG_REPLICAS_MAX, &number, err);
    r = r < 0 ? r : note_unused(arena, map, config, err);
    if (r < 0) {
        return r;
    }
    ret->replicas = (uint32_t)number;
    ret->rename = "";
    if (!renamed) {
        return 0;
    }
    if (strlen(ret->name) + strlen(SHARED) > GS_RESOURCE_NAME_MAX) {
        return gs_doc_fail(name, err, "name: found %s; with %s it is longer than %d characters",
                           ret->name, SHARED, GS_RESOURCE_NAME_MAX);
    }
    ret->rename = gs_arena_printf(arena, "%s%s", ret->name, SHARED);
    return ret->rename == NULL ? fail_memory(err) : 0;
}

static int read_list(struct gs_arena *arena, const struct gs_doc_node *list, bool renamed,
                     struct gs_agentconfig *config, struct gs_err *err)
{
    int r = gs_doc_expect(list, GS_DOC_LIST, err);
    if (r == 0 && (list->n == 0 || list->n > GS_AGENTCONFIG_SHARED_MAX)) {
        r = gs_doc_fail(list, err, "resources: found %u; expected 1 to %d", list->n,
                        GS_AGENTCONFIG_SHARED_MAX);
    }
    if (r < 0) {
        return r;
    }
    struct gs_shared_resource *shared = GS_ARENA_NEW(arena, struct gs_shared_resource, list->n);
    if (shared == NULL) {
        return fail_memory(err);
    }
    config->n_shared = 0;
    config->shared = shared;
    for (const struct gs_doc_node *node = list->first; node != NULL; node = node->next) {
        struct gs_shared_resource one;
        r = read_shared(arena, node, renamed, config, &one, err);
        if (r < 0) {
            return r;
        }
        if (gs_agentconfig_shared(config, one.name) != NULL) {
            return gs_doc_fail(node, err, "found %s again; expected each resource once", one.name);
        }
        shared[config->n_shared++] = one;
    }
    return 0;
}

static int read_flag(const struct gs_doc_node *map, const char *key, bool *ret, struct gs_err *err)
{
    const struct gs_doc_node *node = gs_doc_find(map, key);
    return node == NULL || gs_doc_is_null(node) ? 0 : gs_doc_bool(node, ret, err);
}

static int read_time_slicing(struct gs_arena *arena, const struct gs_doc_node *map,
                             struct gs_agentconfig *config, struct gs_err *err)
{
    static const char *const keys[] = {"renameByDefault", "failRequestsGreaterThanOne",
                                       "resources"};
    const struct gs_doc_node *list;
    bool renamed = false;
    if (map->kind == GS_DOC_MAP && map->n == 0) {
        return 0;
    }
    int r = gs_doc_expect_keys(map, keys, GS_ARRAY_LEN(keys), err);
    r = r < 0 ? r : gs_doc_need(map, "resources", &list, err);
    r = r < 0 ? r : read_flag(map, "renameByDefault", &renamed, err);
    r = r < 0 ? r
              : read_flag(map, "failRequestsGreaterThanOne",
                          &config->fail_requests_greater_than_one, err);
    return r < 0 ? r : read_list(arena, list, renamed, config, err);
}

int gs_agentconfig_read_sharing(struct gs_arena *arena, const struct gs_doc_node *sharing,
                                struct gs_agentconfig *config, struct gs_err *err)
{
    static const char *const keys[] = {"timeSlicing", "mps"};
    if (sharing == NULL || gs_doc_is_null(sharing)) {
        return 0;
    }
    int r = gs_doc_expect_keys(sharing, keys, GS_ARRAY_LEN(keys), err);
    if (r < 0) {
        return r;
    }
    const struct gs_doc_node *mps = gs_doc_find(sharing, "mps");
    if (mps != NULL && !gs_doc_is_null(mps) && !(mps->kind == GS_DOC_MAP && mps->n == 0)) {
        return gs_fail(err, GS_UNSUPPORTED,
                       "%s:%u: sharing.mps: found MPS, which this agent does not do; use MIG "
                       "slices, which are apart in hardware, or sharing.timeSlicing",
                       mps->label, mps->line);
    }
    const struct gs_doc_node *slicing = gs_doc_find(sharing, "timeSlicing");
    return slicing == NULL || gs_doc_is_null(slicing)
               ? 0
               : read_time_slicing(arena, slicing, config, err);
}

static int check_patterns(const struct gs_doc_node *list, struct gs_err *err)
{
    static const char *const keys[] = {"pattern", "name"};
    const struct gs_doc_node *value;
    int r = gs_doc_expect(list, GS_DOC_LIST, err);
    for (const struct gs_doc_node *node = list->first; r == 0 && node != NULL; node = node->next) {
        r = gs_doc_expect_keys(node, keys, GS_ARRAY_LEN(keys), err);
        r = r < 0 ? r : gs_doc_need(node, "pattern", &value, err);
        r = r < 0 ? r : gs_doc_need(node, "name", &value, err);
    }
    return r;
}

int gs_agentconfig_read_resources(struct gs_arena *arena, const struct gs_doc_node *resources,
                                  struct gs_agentconfig *config, struct gs_err *err)
{
    static const char *const keys[] = {"gpus", "mig"};
    unsigned found = 0;
    if (resources == NULL || gs_doc_is_null(resources)) {
        return 0;
    }
    int r = gs_doc_expect_keys(resources, keys, GS_ARRAY_LEN(keys), err);
    for (size_t i = 0; r == 0 && i < GS_ARRAY_LEN(keys); i++) {
        const struct gs_doc_node *list = gs_doc_find(resources, keys[i]);
        if (list != NULL && !gs_doc_is_null(list)) {
            r = check_patterns(list, err);
            found += list->n;
        }
    }
    return r < 0 || found == 0 ? r
                               : gs_setting_note(arena, config, "resources",
                                                 "the names of resources are fixed, as in "
                                                 "NVIDIA's plugin",
                                                 err);
}
