#include "wire/mighooks.h"

#include "base/cleanup.h"

enum { TEXT_MAX = GS_DOC_SCALAR_MAX, PATH_LENGTH_MAX = 4095 };

const char *const gs_mighook_names[GS_MIGHOOKS] = {
    [GS_MIGHOOK_APPLY_START] = "apply-start",
    [GS_MIGHOOK_PRE_APPLY_MODE] = "pre-apply-mode",
    [GS_MIGHOOK_PRE_APPLY_CONFIG] = "pre-apply-config",
    [GS_MIGHOOK_APPLY_EXIT] = "apply-exit",
};

static int no_memory(const struct gs_doc_node *at, struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "%s:%u: no memory for the hooks", at->label, at->line);
}

/* A container that may be left out: NULL where it is not there or null. */
static int find(const struct gs_doc_node *map, const char *key, enum gs_doc_kind kind, uint32_t max,
                const struct gs_doc_node **ret, struct gs_err *err)
{
    const struct gs_doc_node *node = gs_doc_find(map, key);
    *ret = NULL;
    if (node == NULL || gs_doc_is_null(node)) {
        return 0;
    }
    int r = gs_doc_expect(node, kind, err);
    if (r == 0 && node->n > max) {
        r = gs_doc_fail(node, err, "%s: found %u; expected %u at most", key, node->n, max);
    }
    *ret = r < 0 ? NULL : node;
    return r;
}

/* Text that may be empty, if it is quoted. */
static int read_text(const struct gs_doc_node *node, const char **ret, struct gs_err *err)
{
    if (node->kind == GS_DOC_SCALAR && node->quoted && node->text.n == 0) {
        *ret = "";
        return 0;
    }
    struct gs_view text;
    int r = gs_doc_text(node, TEXT_MAX, &text, err);
    if (r == 0) {
        *ret = text.p; /* terminated, and lives as long as the document */
    }
    return r;
}

static int read_args(struct gs_arena *arena, const struct gs_doc_node *map,
                     struct gs_mighook_command *command, struct gs_err *err)
{
    const struct gs_doc_node *list;
    int r = find(map, "args", GS_DOC_LIST, GS_MIGHOOKS_ARGS_MAX, &list, err);
    if (r < 0 || list == NULL) {
        return r;
    }
    const char **args = GS_ARENA_NEW(arena, const char *, list->n);
    if (args == NULL) {
        return no_memory(list, err);
    }
    for (const struct gs_doc_node *node = list->first; node != NULL; node = node->next) {
        r = read_text(node, &args[command->n_args++], err);
        if (r < 0) {
            return r;
        }
    }
    command->args = args;
    return 0;
}

static int check_env_name(const struct gs_doc_node *node, struct gs_err *err)
{
    if (node->key.n > 0 && memchr(node->key.p, '=', node->key.n) == NULL) {
        return 0;
    }
    return gs_doc_fail(node, err, "envs: found the name \"%.*s\"; expected one without =",
                       GS_VIEW_ARGS(node->key));
}

static int read_envs(struct gs_arena *arena, const struct gs_doc_node *map,
                     struct gs_mighook_command *command, struct gs_err *err)
{
    const struct gs_doc_node *list;
    int r = find(map, "envs", GS_DOC_MAP, GS_MIGHOOKS_ENVS_MAX, &list, err);
    if (r < 0 || list == NULL) {
        return r;
    }
    struct gs_mighook_env *envs = GS_ARENA_NEW(arena, struct gs_mighook_env, list->n);
    if (envs == NULL) {
        return no_memory(list, err);
    }
    for (const struct gs_doc_node *node = list->first; node != NULL; node = node->next) {
        struct gs_mighook_env *env = &envs[command->n_envs++];
        env->name = node->key.p;
        r = check_env_name(node, err);
        r = r < 0 ? r : read_text(node, &env->value, err);
        if (r < 0) {
            return r;
        }
    }
    command->envs = envs;
    return 0;
}

static int read_workdir(const struct gs_doc_node *map, struct gs_mighook_command *command,
                        struct gs_err *err)
{
    const struct gs_doc_node *node = gs_doc_find(map, "workdir");
    struct gs_view text;
    if (node == NULL || gs_doc_is_null(node) ||
        (node->kind == GS_DOC_SCALAR && node->text.n == 0)) {
        return 0;
    }
    int r = gs_doc_text(node, PATH_LENGTH_MAX, &text, err);
    if (r == 0) {
        command->workdir = text.p;
    }
    return r;
}

static int read_command(struct gs_arena *arena, const struct gs_doc_node *map,
                        struct gs_mighook_command *command, struct gs_err *err)
{
    static const char *const keys[] = {"command", "args", "envs", "workdir"};
    const struct gs_doc_node *node = NULL;
    struct gs_view text = {0};
    int r = gs_doc_expect_keys(map, keys, GS_ARRAY_LEN(keys), err);
    if (r < 0 || (r = gs_doc_need(map, "command", &node, err)) < 0 ||
        (r = gs_doc_text(node, PATH_LENGTH_MAX, &text, err)) < 0) {
        return r;
    }
    command->line = map->line;
    command->command = text.p;
    r = read_workdir(map, command, err);
    r = r < 0 ? r : read_args(arena, map, command, err);
    return r < 0 ? r : read_envs(arena, map, command, err);
}

static int read_point(struct gs_arena *arena, const struct gs_doc_node *map, enum gs_mighook hook,
                      struct gs_mighooks *hooks, struct gs_err *err)
{
    const struct gs_doc_node *list;
    int r = find(map, gs_mighook_names[hook], GS_DOC_LIST, GS_MIGHOOKS_COMMANDS_MAX, &list, err);
    if (r < 0 || list == NULL) {
        return r;
    }
    struct gs_mighook_command *commands = GS_ARENA_NEW(arena, struct gs_mighook_command, list->n);
    if (commands == NULL) {
        return no_memory(list, err);
    }
    for (const struct gs_doc_node *node = list->first; node != NULL; node = node->next) {
        r = read_command(arena, node, &commands[hooks->n[hook]++], err);
        if (r < 0) {
            return r;
        }
    }
    hooks->commands[hook] = commands;
    return 0;
}

static int read_version(const struct gs_doc_node *root, struct gs_err *err)
{
    const struct gs_doc_node *version = NULL;
    struct gs_view text = {0};
    int r = gs_doc_need(root, "version", &version, err);
    if (r < 0 || (r = gs_doc_text(version, 64, &text, err)) < 0) {
        return r;
    }
    return gs_view_eq(text, "v1") ? 0
                                  : gs_doc_fail(version, err,
                                                "version: found \"%.*s\"; expected v1, the only "
                                                "one that there is",
                                                GS_VIEW_ARGS(text));
}

int gs_mighooks_read(struct gs_arena *arena, const struct gs_doc_input *input,
                     struct gs_mighooks *ret, struct gs_err *err)
{
    static const char *const keys[] = {"version", "hooks"};
    struct gs_doc_input mine = *input;
    struct gs_mighooks hooks = {.n = {0}};
    const struct gs_doc_node *root;
    const struct gs_doc_node *map = NULL;
    mine.max_bytes = GS_MIGHOOKS_BYTES_MAX;
    mine.may_be_empty = true;
    mine.lines = true;
    int r = gs_doc_read(arena, &mine, &root, err);
    if (r == 0 && (root == NULL || gs_doc_is_null(root))) {
        *ret = hooks;
        return 0;
    }
    if (r < 0 || (r = gs_doc_expect_keys(root, keys, GS_ARRAY_LEN(keys), err)) < 0 ||
        (r = read_version(root, err)) < 0 ||
        (r = find(root, "hooks", GS_DOC_MAP, GS_MIGHOOKS, &map, err)) < 0) {
        return r;
    }
    r = map == NULL ? 0 : gs_doc_expect_keys(map, gs_mighook_names, GS_MIGHOOKS, err);
    for (unsigned hook = 0; r == 0 && map != NULL && hook < GS_MIGHOOKS; hook++) {
        r = read_point(arena, map, (enum gs_mighook)hook, &hooks, err);
    }
    if (r == 0) {
        *ret = hooks;
    }
    return r;
}
