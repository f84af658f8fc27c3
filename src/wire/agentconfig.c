#include "wire/agentconfig_table.h"
#include "wire/emf.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/near.h"

enum { KEY_MAX = 128 };

/* A file being read. */
struct reader {
    struct gs_arena *arena;
    struct gs_agentconfig *config;
};

static int fail_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the configuration");
}

/* gs_doc_wrap, which makes GS_INVALID of everything, but for what we know and do not do. */
static int wrap(const struct gs_doc_node *at, int code, struct gs_err *err)
{
    if (code == GS_UNSUPPORTED) {
        return gs_wrap(err, code, "%s:%u: %.*s", at->label, at->line, GS_VIEW_ARGS(at->key));
    }
    return gs_doc_wrap(at, code, err);
}

/* The text of a scalar in the form that gs_setting_store takes. */
static int read_scalar(const struct gs_setting *setting, const struct gs_doc_node *node,
                       const char **ret, struct gs_err *err)
{
    bool flag;
    int r = gs_doc_expect(node, GS_DOC_SCALAR, err);
    if (r == 0 && (setting->kind == GS_SETTING_FLAG || setting->kind == GS_SETTING_IDLE_FLAG)) {
        r = gs_doc_bool(node, &flag, err);
    }
    *ret = node->text.p;
    return r;
}

static int store_node(struct reader *reader, const struct gs_setting *setting,
                      const struct gs_doc_node *node, bool add, struct gs_err *err)
{
    const char *text;
    int r = read_scalar(setting, node, &text, err);
    if (r < 0) {
        return r;
    }
    r = gs_setting_store(setting, text, add, reader->config, err);
    if (r < 0) {
        return wrap(node, r, err);
    }
    return setting->idle == NULL
               ? 0
               : gs_setting_note(reader->arena, reader->config, setting->key, setting->idle, err);
}

/* A list where the setting takes one. None at all is what an empty text is. */
static int store_list(struct reader *reader, const struct gs_setting *setting,
                      const struct gs_doc_node *list, struct gs_err *err)
{
    if (list->n == 0) {
        int r = gs_setting_store(setting, "", false, reader->config, err);
        return r < 0 ? wrap(list, r, err) : 0;
    }
    if (setting->kind == GS_SETTING_CHANNELS && list->n > 1) {
        return gs_doc_fail(list, err, "%.*s: found %u; expected [] or [0]", GS_VIEW_ARGS(list->key),
                           list->n);
    }
    for (const struct gs_doc_node *node = list->first; node != NULL; node = node->next) {
        int r = store_node(reader, setting, node, node != list->first, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int store_value(struct reader *reader, const struct gs_setting *setting,
                       const struct gs_doc_node *node, struct gs_err *err)
{
    bool listed = setting->kind == GS_SETTING_SET || setting->kind == GS_SETTING_CHANNELS;
    if (gs_doc_is_null(node)) {
        return 0; /* as if it were not there */
    }
    if (setting->kind == GS_SETTING_CHANNELS) {
        int r = gs_doc_expect(node, GS_DOC_LIST, err);
        if (r < 0) {
            return r;
        }
    }
    return listed && node->kind == GS_DOC_LIST ? store_list(reader, setting, node, err)
                                               : store_node(reader, setting, node, false, err);
}

/* The part of `key` behind `prefix`, or NULL. */
static const char *behind(const char *key, const char *prefix)
{
    size_t n = strlen(prefix);
    return key != NULL && strncmp(key, prefix, n) == 0 ? key + n : NULL;
}

/* Whether `key` of a map whose path is `prefix` is a setting (*ret_setting) or a map of some. */
static bool is_known(const char *prefix, struct gs_view key, const struct gs_setting **ret_setting)
{
    size_t n;
    const struct gs_setting *settings = gs_settings(&n);
    *ret_setting = NULL;
    for (size_t i = 0; i < n; i++) {
        const char *rest = behind(settings[i].key, prefix);
        if (rest == NULL || strlen(rest) < key.n || memcmp(rest, key.p, key.n) != 0) {
            continue;
        }
        if (rest[key.n] == '\0') {
            *ret_setting = &settings[i];
            return true;
        }
        if (rest[key.n] == '.') {
            return true;
        }
    }
    return false;
}

/* Keeps the first part of `rest` unless it is there already. */
static size_t keep_name(char (*names)[KEY_MAX], size_t n, const char *rest)
{
    snprintf(names[n], KEY_MAX, "%.*s", (int)strcspn(rest, "."), rest);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], names[n]) == 0) {
            return n;
        }
    }
    return n + 1;
}

static int fail_key(const char *prefix, const struct gs_doc_node *node, struct gs_err *err)
{
    char names[GS_SETTINGS_MAX][KEY_MAX];
    char near_names[200];
    char list[300] = "";
    size_t n;
    size_t used = 0;
    size_t n_names = 0;
    const struct gs_setting *settings = gs_settings(&n);
    struct gs_near near = GS_NEAR_INIT(node->key);
    for (size_t i = 0; i < n; i++) {
        const char *rest = behind(settings[i].key, prefix);
        n_names = rest == NULL ? n_names : keep_name(names, n_names, rest);
    }
    for (size_t i = 0; i < n_names; i++) {
        gs_near_offer(&near, names[i]);
        int wrote = used >= sizeof(list) ? 0
                                         : snprintf(list + used, sizeof(list) - used, "%s%s",
                                                    used == 0 ? "" : ", ", names[i]);
        used += wrote > 0 ? (size_t)wrote : 0;
    }
    gs_near_format(&near, near_names, sizeof(near_names));
    return gs_doc_fail(node, err, "found key \"%.*s\" in %.*s%s%s%s", GS_VIEW_ARGS(node->key),
                       (int)(strlen(prefix) - 1), prefix,
                       near.n > 0 ? near_names : "; expected one of ", near.n > 0 ? "" : list,
                       near.n == 0 && used >= sizeof(list) ? " ..." : "");
}

/* A map whose keys are settings and maps of settings; `prefix` is its path, with a dot at its end.
 */
static int read_map(struct reader *reader, const char *prefix, const struct gs_doc_node *map,
                    struct gs_err *err)
{
    int r = gs_doc_is_null(map) ? 0 : gs_doc_expect(map, GS_DOC_MAP, err);
    for (const struct gs_doc_node *node = map->first; r == 0 && node != NULL; node = node->next) {
        const struct gs_setting *setting;
        char deeper[KEY_MAX];
        if (!is_known(prefix, node->key, &setting)) {
            return fail_key(prefix, node, err);
        }
        if (setting != NULL) {
            r = store_value(reader, setting, node, err);
        } else {
            snprintf(deeper, sizeof(deeper), "%s%.*s.", prefix, (int)node->key.n, node->key.p);
            r = read_map(reader, deeper, node, err); /* as deep as the table's keys: three */
        }
    }
    return r;
}

static int read_version(const struct gs_doc_node *root, struct gs_err *err)
{
    const struct gs_doc_node *node = gs_doc_find(root, "version");
    if (node == NULL || gs_doc_is_null(node)) {
        return 0;
    }
    int r = gs_doc_expect(node, GS_DOC_SCALAR, err);
    return r < 0 || gs_view_eq(node->text, "v1")
               ? r
               : gs_doc_fail(node, err,
                             "version: found \"%.*s\"; expected v1, the only one that there is",
                             GS_VIEW_ARGS(node->text));
}

int gs_agentconfig_read(struct gs_arena *arena, const struct gs_doc_input *input,
                        struct gs_agentconfig *config, struct gs_err *err)
{
    static const char *const keys[] = {"version", "flags", "resources", "sharing", "imex", "agent"};
    struct gs_doc_input mine = *input;
    struct gs_agentconfig read = *config;
    struct reader reader = {.arena = arena, .config = &read};
    const struct gs_doc_node *root;
    mine.max_bytes = GS_AGENTCONFIG_BYTES_MAX;
    mine.may_be_empty = true;
    int r = gs_doc_read(arena, &mine, &root, err);
    if (r < 0 || root == NULL || gs_doc_is_null(root)) {
        return r;
    }
    r = gs_doc_expect_keys(root, keys, GS_ARRAY_LEN(keys), err);
    r = r < 0 ? r : read_version(root, err);
    static const char *const maps[][2] = {
        {"flags", "flags."}, {"imex", "imex."}, {"agent", "agent."}};
    for (size_t i = 0; r == 0 && i < GS_ARRAY_LEN(maps); i++) {
        const struct gs_doc_node *map = gs_doc_find(root, maps[i][0]);
        r = map == NULL ? 0 : read_map(&reader, maps[i][1], map, err);
    }
    r = r < 0 ? r
              : gs_agentconfig_read_resources(arena, gs_doc_find(root, "resources"), &read, err);
    r = r < 0 ? r : gs_agentconfig_read_sharing(arena, gs_doc_find(root, "sharing"), &read, err);
    if (r == 0) {
        *config = read;
    }
    return r;
}

/* The value of a variable; NULL: not there. */
static const char *variable(const char *const *environ, const char *name)
{
    size_t n = strlen(name);
    for (; *environ != NULL; environ++) {
        if (strncmp(*environ, name, n) == 0 && (*environ)[n] == '=') {
            return *environ + n + 1;
        }
    }
    return NULL;
}

/* The first variable of a setting that says something. */
static const char *said(const struct gs_setting *setting, const char *const *environ,
                        const char **ret_name)
{
    for (size_t i = 0; i < GS_ARRAY_LEN(setting->envs) && setting->envs[i] != NULL; i++) {
        const char *text = variable(environ, setting->envs[i]);
        if (text != NULL && (text[0] != '\0' || setting->may_be_empty)) {
            *ret_name = setting->envs[i];
            return text;
        }
    }
    return NULL;
}

int gs_agentconfig_env(struct gs_arena *arena, const char *const *environ,
                       struct gs_agentconfig *config, struct gs_err *err)
{
    size_t n;
    const struct gs_setting *settings = gs_settings(&n);
    for (size_t i = 0; i < n; i++) {
        const char *name = NULL;
        const char *text = said(&settings[i], environ, &name);
        if (text == NULL) {
            continue;
        }
        int r = gs_setting_store(&settings[i], text, false, config, err);
        if (r < 0) {
            return gs_wrap(err, r, "environment variable %s", name);
        }
        r = settings[i].idle == NULL ? 0
                                     : gs_setting_note(arena, config, name, settings[i].idle, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* A path below the kubelet's folder, unless one was given. */
static int follow(struct gs_arena *arena, const struct gs_agentconfig *config, const char *below,
                  const char **path, struct gs_err *err)
{
    if (*path == NULL) {
        size_t n = strlen(config->kubelet_root);
        while (n > 0 && config->kubelet_root[n - 1] == '/') {
            n--;
        }
        *path = gs_arena_printf(arena, "%.*s%s", (int)n, config->kubelet_root, below);
    }
    return *path == NULL ? fail_memory(err) : 0;
}

int gs_agentconfig_finish(struct gs_arena *arena, struct gs_agentconfig *config, struct gs_err *err)
{
    if (config->dev_root[0] == '\0') {
        config->dev_root = config->driver_root;
    }
    if (config->container_driver_root[0] == '\0') {
        config->container_driver_root = config->driver_root;
    }
    if (!gs_emf_is_namespace(config->emf_namespace)) {
        return gs_fail(
            err, GS_INVALID,
            "emf-namespace: \"%.80s\" is no namespace of CloudWatch: expected 1 to %d of "
            "letters, digits and . _ # : / -, no ':' first",
            config->emf_namespace, GS_EMF_NAMESPACE_MAX);
    }
    int r = follow(arena, config, "/device-plugins/kubelet.sock", &config->kubelet_socket, err);
    r = r < 0 ? r
              : follow(arena, config, "/pod-resources/kubelet.sock", &config->pod_resources_socket,
                       err);
    return r;
}

const struct gs_shared_resource *gs_agentconfig_shared(const struct gs_agentconfig *config,
                                                       const char *resource)
{
    for (unsigned i = 0; i < config->n_shared; i++) {
        if (strcmp(config->shared[i].name, resource) == 0) {
            return &config->shared[i];
        }
    }
    return NULL;
}
