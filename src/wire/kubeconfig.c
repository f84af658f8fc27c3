#include "wire/kubeconfig.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "wire/base64.h"

enum { TEXT_MAX = 32 * 1024 /* a token may be large */ };

static const struct gs_doc_node *given(const struct gs_doc_node *map, const char *key)
{
    const struct gs_doc_node *node = map == NULL ? NULL : gs_doc_find(map, key);
    return node == NULL || gs_doc_is_null(node) ? NULL : node;
}

/* The text under `key`, "" where there is none; also for `key: ""`. */
static int get_text(struct gs_arena *arena, const struct gs_doc_node *map, const char *key,
                    const char **ret, struct gs_err *err)
{
    const struct gs_doc_node *node = given(map, key);
    *ret = "";
    if (node == NULL || (node->kind == GS_DOC_SCALAR && node->text.n == 0)) {
        return 0;
    }
    return gs_doc_copy(node, TEXT_MAX, arena, ret, err);
}

static int get_bool(const struct gs_doc_node *map, const char *key, bool *ret, struct gs_err *err)
{
    const struct gs_doc_node *node = given(map, key);
    *ret = false;
    return node == NULL ? 0 : gs_doc_bool(node, ret, err);
}

/* PEM in base64. */
static int get_pem(struct gs_arena *arena, const struct gs_doc_node *map, const char *key,
                   struct gs_view *ret, struct gs_err *err)
{
    struct gs_view text;
    const struct gs_doc_node *node = given(map, key);
    *ret = (struct gs_view){.p = "", .n = 0};
    if (node == NULL || (node->kind == GS_DOC_SCALAR && node->text.n == 0)) {
        return 0;
    }
    int r = gs_doc_text(node, GS_DOC_SCALAR_MAX, &text, err);
    if (r != 0) {
        return r;
    }
    r = gs_base64_decode(text, arena, ret, err);
    if (r == 0 &&
        (ret->n > GS_KUBECONFIG_PEM_MAX || memmem(ret->p, ret->n, "-----BEGIN ", 11) == NULL)) {
        r = gs_fail(err, GS_INVALID,
                    "expected the base64 of PEM (-----BEGIN ...), of %d bytes at most",
                    GS_KUBECONFIG_PEM_MAX);
    }
    return r == 0 ? 0 : gs_doc_wrap(node, r, err);
}

/* What is there and not done, with its name. */
static int refuse(const struct gs_doc_node *map, const char *const *keys, size_t n,
                  struct gs_err *err)
{
    for (size_t i = 0; i < n; i++) {
        const struct gs_doc_node *node = given(map, keys[i]);
        if (node != NULL && (node->kind != GS_DOC_SCALAR || node->text.n > 0)) {
            return gs_fail(err, GS_UNSUPPORTED, "%s:%u: %s: this program does not do that",
                           node->label, node->line, keys[i]);
        }
    }
    return 0;
}

/* ---- lists of named things ---- */

/* Configurations that hold together, the first before the others. */
struct files {
    const struct gs_doc_node *roots[GS_KUBECONFIG_FILES_MAX];
    size_t n;
};

/* The `part` of the element called `name` of the list `key`: clusters: [{name: x, cluster: {...}}].
 * *ret_found: there is one, whatever is in it. */
static int find_in(const struct gs_doc_node *root, const char *key, const char *part,
                   const char *name, const struct gs_doc_node **ret, bool *ret_found,
                   struct gs_err *err)
{
    const struct gs_doc_node *list = given(root, key);
    int r = list == NULL ? 0 : gs_doc_expect(list, GS_DOC_LIST, err);
    for (const struct gs_doc_node *one = list == NULL ? NULL : list->first; r == 0 && one != NULL;
         one = one->next) {
        r = gs_doc_expect(one, GS_DOC_MAP, err);
        const struct gs_doc_node *called = r == 0 ? gs_doc_find(one, "name") : NULL;
        if (called == NULL || !gs_view_eq(called->text, name)) {
            continue;
        }
        *ret = given(one, part);
        *ret_found = true;
        return *ret == NULL ? 0 : gs_doc_expect(*ret, GS_DOC_MAP, err);
    }
    return r;
}

static int find_named(const struct files *files, const char *key, const char *part,
                      const char *name, const struct gs_doc_node **ret, size_t *ret_file,
                      struct gs_err *err)
{
    bool found = false;
    for (*ret_file = 0; *ret_file < files->n; (*ret_file)++) {
        int r = find_in(files->roots[*ret_file], key, part, name, ret, &found, err);
        if (r != 0 || found) {
            return r;
        }
    }
    return gs_fail(err, GS_NOT_FOUND, "%s%s: there is no \"%.100s\" among its %s",
                   files->roots[0]->label, files->n > 1 ? " and those after it" : "", name, key);
}

/* ---- the parts ---- */

static int read_server(const struct gs_doc_node *cluster, struct gs_arena *arena,
                       struct gs_kubeconfig *config, struct gs_err *err)
{
    const struct gs_doc_node *node = given(cluster, "server");
    int r = get_text(arena, cluster, "server", &config->server, err);
    if (r != 0) {
        return r;
    }
    size_t n = strlen(config->server);
    while (n > 0 && config->server[n - 1] == '/') {
        n--;
    }
    if (n <= 8 || strncmp(config->server, "https://", 8) != 0) {
        const struct gs_doc_node *at = node == NULL ? cluster : node;
        return gs_doc_fail(at, err, "server: found \"%.100s\"; expected https://ADDRESS:PORT",
                           config->server);
    }
    config->server = gs_arena_text(arena, config->server, n);
    return config->server == NULL ? gs_fail(err, GS_NO_MEMORY, "no memory for a kubeconfig") : 0;
}

static int read_cluster(const struct gs_doc_node *cluster, struct gs_arena *arena,
                        struct gs_kubeconfig *config, struct gs_err *err)
{
    static const char *const not_done[] = {"proxy-url"};
    int r = read_server(cluster, arena, config, err);
    r = r == 0 ? refuse(cluster, not_done, GS_ARRAY_LEN(not_done), err) : r;
    r = r == 0 ? get_text(arena, cluster, "tls-server-name", &config->server_name, err) : r;
    r = r == 0 ? get_text(arena, cluster, "certificate-authority", &config->ca_file, err) : r;
    r = r == 0 ? get_pem(arena, cluster, "certificate-authority-data", &config->ca, err) : r;
    return r == 0 ? get_bool(cluster, "insecure-skip-tls-verify", &config->insecure, err) : r;
}

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for a kubeconfig");
}

static int count_list(const struct gs_doc_node *list, uint32_t *ret, struct gs_err *err)
{
    *ret = 0;
    int r = list == NULL ? 0 : gs_doc_expect(list, GS_DOC_LIST, err);
    if (r != 0 || list == NULL) {
        return r;
    }
    if (list->n > GS_KUBECONFIG_ARGS_MAX) {
        return gs_doc_fail(list, err, "%u elements; expected at most %d", list->n,
                           GS_KUBECONFIG_ARGS_MAX);
    }
    *ret = list->n;
    return 0;
}

static int read_args(const struct gs_doc_node *exec, struct gs_arena *arena,
                     struct gs_kubeconfig_exec *ret, struct gs_err *err)
{
    uint32_t n;
    const struct gs_doc_node *list = given(exec, "args");
    int r = count_list(list, &n, err);
    ret->args = r == 0 ? GS_ARENA_NEW(arena, const char *, n + 1) : NULL;
    if (ret->args == NULL) {
        return r == 0 ? no_memory(err) : r;
    }
    const struct gs_doc_node *one = n == 0 ? NULL : list->first;
    for (uint32_t i = 0; r == 0 && i < n; i++, one = one->next) {
        ret->args[i] = "";
        r = one->kind == GS_DOC_SCALAR && one->text.n == 0
                ? 0
                : gs_doc_copy(one, TEXT_MAX, arena, &ret->args[i], err);
    }
    return r;
}

static int read_variable(const struct gs_doc_node *one, struct gs_arena *arena, const char **ret,
                         struct gs_err *err)
{
    const char *name = "";
    const char *value = "";
    int r = gs_doc_expect(one, GS_DOC_MAP, err);
    r = r == 0 ? get_text(arena, one, "name", &name, err) : r;
    r = r == 0 ? get_text(arena, one, "value", &value, err) : r;
    if (r != 0) {
        return r;
    }
    if (name[0] == '\0' || strchr(name, '=') != NULL) {
        return gs_doc_fail(one, err, "env: found the name \"%.60s\"; expected one without \"=\"",
                           name);
    }
    size_t size = strlen(name) + strlen(value) + 2;
    char *text = gs_arena_get(arena, size, 1);
    if (text == NULL) {
        return no_memory(err);
    }
    snprintf(text, size, "%s=%s", name, value);
    *ret = text;
    return 0;
}

static int read_env(const struct gs_doc_node *exec, struct gs_arena *arena,
                    struct gs_kubeconfig_exec *ret, struct gs_err *err)
{
    uint32_t n;
    const struct gs_doc_node *list = given(exec, "env");
    int r = count_list(list, &n, err);
    ret->env = r == 0 ? GS_ARENA_NEW(arena, const char *, n + 1) : NULL;
    if (ret->env == NULL) {
        return r == 0 ? no_memory(err) : r;
    }
    const struct gs_doc_node *one = n == 0 ? NULL : list->first;
    for (uint32_t i = 0; r == 0 && i < n; i++, one = one->next) {
        r = read_variable(one, arena, &ret->env[i], err);
    }
    return r;
}

static int read_exec(const struct gs_doc_node *user, struct gs_arena *arena,
                     struct gs_kubeconfig_exec *ret, struct gs_err *err)
{
    const struct gs_doc_node *exec = given(user, "exec");
    const char *mode = "";
    if (exec == NULL) {
        return 0;
    }
    int r = gs_doc_expect(exec, GS_DOC_MAP, err);
    r = r == 0 ? get_text(arena, exec, "command", &ret->command, err) : r;
    r = r == 0 ? get_text(arena, exec, "apiVersion", &ret->api_version, err) : r;
    r = r == 0 ? get_text(arena, exec, "interactiveMode", &mode, err) : r;
    r = r == 0 ? read_args(exec, arena, ret, err) : r;
    r = r == 0 ? read_env(exec, arena, ret, err) : r;
    r = r == 0 ? get_bool(exec, "provideClusterInfo", &ret->cluster_info, err) : r;
    if (r != 0) {
        return r;
    }
    if (ret->command[0] == '\0') {
        return gs_doc_fail(exec, err, "exec: found no command; expected one");
    }
    if (strcmp(mode, "Always") == 0) {
        return gs_fail(err, GS_UNSUPPORTED, "%s:%u: exec: %.100s wants a terminal to ask on",
                       exec->label, exec->line, ret->command);
    }
    if (strcmp(ret->api_version, "client.authentication.k8s.io/v1") != 0 &&
        strcmp(ret->api_version, "client.authentication.k8s.io/v1beta1") != 0) {
        return gs_doc_fail(exec, err,
                           "exec: found apiVersion \"%.80s\"; expected "
                           "client.authentication.k8s.io/v1 or v1beta1",
                           ret->api_version);
    }
    return 0;
}

static int read_user(const struct gs_doc_node *user, struct gs_arena *arena,
                     struct gs_kubeconfig *config, struct gs_err *err)
{
    static const char *const not_done[] = {"username", "password",  "auth-provider", "as",
                                           "as-uid",   "as-groups", "as-user-extra"};
    int r = refuse(user, not_done, GS_ARRAY_LEN(not_done), err);
    r = r == 0 ? get_text(arena, user, "client-certificate", &config->cert_file, err) : r;
    r = r == 0 ? get_pem(arena, user, "client-certificate-data", &config->cert, err) : r;
    r = r == 0 ? get_text(arena, user, "client-key", &config->key_file, err) : r;
    r = r == 0 ? get_pem(arena, user, "client-key-data", &config->key, err) : r;
    r = r == 0 ? get_text(arena, user, "token", &config->token, err) : r;
    r = r == 0 ? get_text(arena, user, "tokenFile", &config->token_file, err) : r;
    r = r == 0 ? read_exec(user, arena, &config->exec, err) : r;
    bool cert = config->cert_file[0] != '\0' || config->cert.n > 0;
    bool key = config->key_file[0] != '\0' || config->key.n > 0;
    if (r == 0 && cert != key) {
        return gs_doc_fail(user, err, "found %s; expected both or neither",
                           cert ? "a client certificate without its key"
                                : "a client key without its certificate");
    }
    return r;
}

static int read_context(const struct files *files, const char *wanted, struct gs_arena *arena,
                        struct gs_kubeconfig *config, struct gs_err *err)
{
    size_t at = 0;
    const struct gs_doc_node *context = NULL;
    const struct gs_doc_node *cluster = NULL;
    const struct gs_doc_node *user = NULL;
    const char *of_cluster = "";
    const char *of_user = "";
    int r = 0;
    for (size_t i = 0; wanted == NULL && r == 0 && config->context[0] == '\0' && i < files->n;
         i++) {
        r = get_text(arena, files->roots[i], "current-context", &config->context, err);
    }
    if (r != 0) {
        return r;
    }
    if (wanted != NULL) {
        config->context = gs_arena_text(arena, wanted, strlen(wanted));
    }
    if (config->context == NULL) {
        return no_memory(err);
    }
    if (config->context[0] == '\0') {
        return gs_fail(err, GS_NOT_FOUND,
                       "%s: no current-context; expected one, or to be told the context",
                       files->roots[0]->label);
    }
    r = find_named(files, "contexts", "context", config->context, &context, &at, err);
    r = r == 0 ? get_text(arena, context, "cluster", &of_cluster, err) : r;
    r = r == 0 ? get_text(arena, context, "user", &of_user, err) : r;
    r = r == 0 ? get_text(arena, context, "namespace", &config->name_space, err) : r;
    r = r == 0 ? find_named(files, "clusters", "cluster", of_cluster, &cluster, &config->cluster_of,
                            err)
               : r;
    if (r == 0 && of_user[0] != '\0') {
        r = find_named(files, "users", "user", of_user, &user, &config->user_of, err);
    }
    if (r != 0) {
        return r;
    }
    if (cluster == NULL) {
        return gs_doc_fail(files->roots[config->cluster_of], err,
                           "the cluster \"%.100s\" has nothing in it", of_cluster);
    }
    r = read_cluster(cluster, arena, config, err);
    return r == 0 && user != NULL ? read_user(user, arena, config, err) : r;
}

int gs_kubeconfig_parse(struct gs_arena *arena, const struct gs_doc_input *input,
                        const char *context, struct gs_kubeconfig *ret, struct gs_err *err)
{
    return gs_kubeconfig_parse_all(arena, input, 1, context, ret, err);
}

int gs_kubeconfig_parse_all(struct gs_arena *arena, const struct gs_doc_input *inputs, size_t n,
                            const char *context, struct gs_kubeconfig *ret, struct gs_err *err)
{
    struct files files = {.n = n};
    if (n == 0 || n > GS_KUBECONFIG_FILES_MAX) {
        return gs_fail(err, GS_LIMIT, "%zu kubeconfigs; expected 1 to %d", n,
                       GS_KUBECONFIG_FILES_MAX);
    }
    struct gs_kubeconfig config = {
        .context = "",
        .server = "",
        .server_name = "",
        .ca_file = "",
        .cert_file = "",
        .key_file = "",
        .token = "",
        .token_file = "",
        .name_space = "",
    };
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = gs_doc_read(arena, &inputs[i], &files.roots[i], err);
        r = r == 0 ? gs_doc_expect(files.roots[i], GS_DOC_MAP, err) : r;
    }
    r = r == 0 ? read_context(&files, context, arena, &config, err) : r;
    if (r == 0) {
        *ret = config;
    }
    return r;
}
