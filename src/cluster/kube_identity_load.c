/* kube_identity_load: where it comes from who we are. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cluster/kube_identity_work.h"

enum { CONFIG_MAX = 1 << 20 };

/* A command with a "/" that is not absolute is meant from the kubeconfig's folder. */
static int locate(struct gs_kube_identity *identity, const char *folder, const char *path,
                  bool may_be_name, const char **ret, struct gs_err *err)
{
    if (path[0] == '/' || path[0] == '\0' || (may_be_name && strchr(path, '/') == NULL)) {
        *ret = path;
        return 0;
    }
    size_t size = strlen(folder) + strlen(path) + 2;
    char *whole = gs_arena_get(&identity->arena, size, 1);
    if (whole == NULL) {
        return gs_kube_identity_no_memory(err);
    }
    snprintf(whole, size, "%s/%s", folder, path);
    *ret = whole;
    return 0;
}

static int copy_folder(struct gs_kube_identity *identity, const char *file, const char **ret,
                       struct gs_err *err)
{
    const char *slash = strrchr(file, '/');
    *ret = slash == NULL ? gs_arena_text(&identity->arena, ".", 1)
                         : gs_arena_text(&identity->arena, file, (size_t)(slash - file));
    return *ret == NULL ? gs_kube_identity_no_memory(err) : 0;
}

/* The files that it names have to be there now: a wrong name is said at the start. */
static int check_file(const char *label, const char *field, const char *path, struct gs_err *err)
{
    if (path[0] == '\0' || access(path, R_OK) == 0) {
        return 0;
    }
    return errno == ENOENT
               ? gs_fail(err, GS_NOT_FOUND, "%s: %s: there is no file %s", label, field, path)
               : gs_fail_errno(err, errno, "%s: %s: reading %s", label, field, path);
}

static int locate_files(struct gs_kube_identity *identity, const char *const *labels,
                        struct gs_err *err)
{
    struct gs_kubeconfig *config = &identity->config;
    const char *folder = identity->folder;
    const struct {
        const char *field;
        const char **path;
        const char *folder;
        size_t of;
    } files[] = {
        {"certificate-authority", &config->ca_file, identity->cluster_folder, config->cluster_of},
        {"client-certificate", &config->cert_file, folder, config->user_of},
        {"client-key", &config->key_file, folder, config->user_of},
        {"tokenFile", &config->token_file, folder, config->user_of}};
    int r = 0;
    for (size_t i = 0; r == 0 && i < GS_ARRAY_LEN(files); i++) {
        r = locate(identity, files[i].folder, *files[i].path, false, files[i].path, err);
        r = r == 0 ? check_file(labels[files[i].of], files[i].field, *files[i].path, err) : r;
    }
    if (r == 0 && config->exec.command != NULL) {
        r = locate(identity, folder, config->exec.command, true, &config->exec.command, err);
    }
    return r;
}

/* The files of a kubeconfig, or of a list of them. */
struct loaded {
    char *names; /* the list, cut at its ":" */
    const char *labels[GS_KUBECONFIG_FILES_MAX];
    struct gs_doc_input inputs[GS_KUBECONFIG_FILES_MAX];
    char *bytes[GS_KUBECONFIG_FILES_MAX];
    size_t n;
};

static void drop_loaded(struct loaded *loaded)
{
    for (size_t i = 0; i < loaded->n; i++) {
        explicit_bzero(loaded->bytes[i], loaded->inputs[i].bytes.n);
        free(loaded->bytes[i]);
    }
    free(loaded->names);
}

static int load_one(struct loaded *loaded, const char *path, struct gs_err *err)
{
    struct stat st;
    size_t n = 0;
    if (loaded->n == GS_KUBECONFIG_FILES_MAX) {
        return gs_fail(err, GS_LIMIT, "more than %d kubeconfigs", GS_KUBECONFIG_FILES_MAX);
    }
    int r = gs_kube_identity_read_file(path, CONFIG_MAX, &loaded->bytes[loaded->n], &n, &st, err);
    if (r != 0) {
        return r;
    }
    loaded->labels[loaded->n] = path;
    loaded->inputs[loaded->n] = (struct gs_doc_input){
        .label = path,
        .what = "a kubeconfig",
        .lines = true,
        .bytes = {.p = loaded->bytes[loaded->n], .n = n},
    };
    loaded->n++;
    return 0;
}

/* As kubectl: names without a file are passed over, as long as there is one. */
static int load_list(struct loaded *loaded, const char *list, struct gs_err *err)
{
    loaded->names = strdup(list);
    if (loaded->names == NULL) {
        return gs_kube_identity_no_memory(err);
    }
    char *rest = loaded->names;
    for (const char *path; (path = strsep(&rest, ":")) != NULL;) {
        int r = path[0] == '\0' ? 0 : load_one(loaded, path, err);
        if (r != 0 && r != GS_NOT_FOUND) {
            return r;
        }
    }
    if (loaded->n > 0) {
        return 0;
    }
    bool one = list[0] != '\0' && strchr(list, ':') == NULL; /* that said it itself */
    return one ? GS_NOT_FOUND
               : gs_fail(err, GS_NOT_FOUND, "%.200s: none of these files is there", list);
}

int gs_kube_identity_load_kubeconfig(struct gs_kube_identity *identity, struct gs_err *err)
{
    const struct gs_kube_identity_options *options = &identity->options;
    const struct gs_kubeconfig *config = &identity->config;
    GS_CLEANUP(drop_loaded) struct loaded loaded = {.n = 0};
    int r = options->several ? load_list(&loaded, options->kubeconfig, err)
                             : load_one(&loaded, options->kubeconfig, err);
    r = r == 0 ? gs_kubeconfig_parse_all(&identity->arena, loaded.inputs, loaded.n,
                                         options->context, &identity->config, err)
               : r;
    if (r == 0) {
        r = copy_folder(identity, loaded.labels[config->user_of], &identity->folder, err);
    }
    if (r == 0) {
        r = copy_folder(identity, loaded.labels[config->cluster_of], &identity->cluster_folder,
                        err);
    }
    return r == 0 ? locate_files(identity, loaded.labels, err) : r;
}

static const char *join(struct gs_arena *arena, const char *folder, const char *name)
{
    size_t size = strlen(folder) + strlen(name) + 2;
    char *whole = gs_arena_get(arena, size, 1);
    if (whole != NULL) {
        snprintf(whole, size, "%s/%s", folder, name);
    }
    return whole;
}

int gs_kube_identity_load_pod(struct gs_kube_identity *identity, struct gs_err *err)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST");
    const char *port = getenv("KUBERNETES_SERVICE_PORT");
    const char *folder = identity->options.service_account == NULL
                             ? GS_KUBE_SERVICE_ACCOUNT
                             : identity->options.service_account;
    uint64_t number;
    if (host == NULL || port == NULL || host[0] == '\0' ||
        !gs_view_is_integer(gs_view(port), 65535, &number)) {
        return gs_fail(err, GS_NOT_FOUND,
                       "not in a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT do not "
                       "say where the API server is; expected a kubeconfig, or these");
    }
    char server[300];
    bool is_v6 = strchr(host, ':') != NULL;
    snprintf(server, sizeof(server), "https://%s%.250s%s:%" PRIu64, is_v6 ? "[" : "", host,
             is_v6 ? "]" : "", number);
    identity->config = (struct gs_kubeconfig){
        .context = "",
        .server = gs_arena_text(&identity->arena, server, strlen(server)),
        .server_name = "",
        .ca_file = join(&identity->arena, folder, "ca.crt"),
        .cert_file = "",
        .key_file = "",
        .token = "",
        .token_file = join(&identity->arena, folder, "token"),
        .name_space = "",
    };
    identity->folder = "";
    if (identity->config.server == NULL || identity->config.ca_file == NULL ||
        identity->config.token_file == NULL) {
        return gs_kube_identity_no_memory(err);
    }
    int r = check_file("service account", "ca.crt", identity->config.ca_file, err);
    return r == 0 ? check_file("service account", "token", identity->config.token_file, err) : r;
}
