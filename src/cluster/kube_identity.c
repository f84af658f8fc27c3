#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "cluster/kube_exec.h"
#include "cluster/kube_identity_work.h"

enum { TOKEN_MAX = 64 << 10, BYTES_MAX = 32 << 20, INFO_MAX = 256 << 10 };
#define EXEC_LIMIT_US 60000000ull
#define EXEC_AGAIN_US 5000000ull  /* after a failure */
#define EXEC_EARLY_US 10000000ull /* asked anew before the end */

int gs_kube_identity_no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for who we are to the API server");
}

/* ---- files ---- */

static void drop_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

static int fail_file(const char *path, int e, struct gs_err *err)
{
    return e == ENOENT ? gs_fail(err, GS_NOT_FOUND, "%s: there is no such file", path)
                       : gs_fail_errno(err, e, "reading %s", path);
}

int gs_kube_identity_read_file(const char *path, size_t max, char **ret, size_t *ret_n,
                               struct stat *ret_stat, struct gs_err *err)
{
    GS_CLEANUP(drop_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, ret_stat) < 0) {
        return fail_file(path, errno, err);
    }
    char *bytes = malloc(max + 1);
    if (bytes == NULL) {
        return gs_kube_identity_no_memory(err);
    }
    size_t n = 0;
    ssize_t k = 1;
    while (n <= max && k > 0) {
        k = read(fd, bytes + n, max + 1 - n);
        n += k > 0 ? (size_t)k : 0;
    }
    if (k < 0 || n > max) {
        int e = errno;
        free(bytes);
        return k < 0 ? fail_file(path, e, err)
                     : gs_fail(err, GS_LIMIT, "%s: more than %zu bytes", path, max);
    }
    bytes[n] = '\0';
    char *fitted = realloc(bytes, n + 1);
    if (fitted == NULL) {
        free(bytes);
        return gs_kube_identity_no_memory(err);
    }
    *ret = fitted;
    *ret_n = n;
    return 0;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* The bytes are not shown in messages: it is a token, or somebody thought so. */
static int keep_token(struct gs_kube_identity *identity, char *bytes, size_t n,
                      const struct stat *st, struct gs_err *err)
{
    struct gs_view token = gs_view_trim((struct gs_view){.p = bytes, .n = n});
    if (token.n == 0 || gs_view_has_control(token, "")) {
        return gs_fail(err, GS_INVALID, "%s: expected one line with a token, found %s",
                       identity->config.token_file, token.n == 0 ? "nothing" : "something else");
    }
    memmove(bytes, token.p, token.n);
    bytes[token.n] = '\0';
    free(identity->token);
    identity->token = bytes;
    identity->token_stat = *st;
    identity->token_known = true;
    return 0;
}

/* Reads the token's file where it has changed. An old token is better than none. */
static int refresh_token(struct gs_kube_identity *identity, struct gs_err *err)
{
    const char *path = identity->config.token_file;
    struct stat st;
    if (identity->token_known && stat(path, &st) == 0 && is_same_file(&st, &identity->token_stat)) {
        return 0;
    }
    char *bytes = NULL;
    size_t n = 0;
    int r = gs_kube_identity_read_file(path, TOKEN_MAX, &bytes, &n, &st, err);
    if (r == 0) {
        r = keep_token(identity, bytes, n, &st, err);
        if (r != 0) {
            free(bytes);
        }
    }
    return identity->token_known ? 0 : r;
}

/* ---- the credential program ---- */

static void keep_said(struct gs_kube_identity *identity, int result, struct gs_view printed,
                      const struct gs_err *err)
{
    struct gs_arena arena;
    struct gs_kubeexec_credential said;
    gs_arena_init(&arena, &gs_alloc_heap, BYTES_MAX);
    identity->exec_err = (struct gs_err){.code = GS_OK};
    if (result == 0) {
        result = gs_kubeexec_parse(printed, identity->config.exec.api_version, &arena, &said,
                                   &identity->exec_err);
        if (result == 0 && said.expires_us <= gs_date_us()) {
            result = gs_fail(&identity->exec_err, GS_INVALID, "what it gave has run out already");
        }
        if (result != 0) {
            (void)gs_wrap(&identity->exec_err, result, "%s", identity->config.exec.command);
        }
    } else {
        identity->exec_err = *err;
    }
    if (result != 0) {
        gs_arena_done(&arena);
        identity->exec_failed_us = gs_now_us();
        identity->exec_err.sys_errno = ENOKEY;
        return;
    }
    gs_arena_done(&identity->exec_arena);
    identity->exec_arena = arena;
    identity->said = said;
    identity->said_known = true;
}

static void on_exec(void *ctx, int result, struct gs_view printed, const struct gs_err *err)
{
    struct gs_kube_identity *identity = ctx;
    identity->exec = NULL;
    keep_said(identity, result, printed, err);
    identity->options.changed(identity->options.ctx);
}

static int start_exec(struct gs_kube_identity *identity, struct gs_err *err)
{
    const struct gs_kubeconfig_exec *exec = &identity->config.exec;
    struct gs_buf info;
    gs_buf_init(&info, INFO_MAX);
    gs_buf_puts(&info, "KUBERNETES_EXEC_INFO=");
    int r = gs_kubeexec_write_info(&identity->config, &info, err);
    const char *env[GS_KUBECONFIG_ARGS_MAX + 2];
    size_t n = 0;
    for (; exec->env[n] != NULL && n < GS_KUBECONFIG_ARGS_MAX; n++) {
        env[n] = exec->env[n];
    }
    env[n] = gs_buf_text(&info);
    env[n + 1] = NULL;
    const struct gs_kube_exec_options options = {
        .event = identity->options.event,
        .command = exec->command,
        .args = exec->args,
        .env = env,
        .limit_us = EXEC_LIMIT_US,
        .done = on_exec,
        .ctx = identity,
    };
    r = r == 0 ? gs_kube_exec_start(&options, &identity->exec, err) : r;
    gs_buf_done(&info);
    return r;
}

/* Where what it said runs out soon it is asked beside; where it has run out, that is waited for. */
static int refresh_exec(struct gs_kube_identity *identity, struct gs_err *err)
{
    uint64_t now_us = gs_date_us();
    bool good = identity->said_known && identity->said.expires_us > now_us;
    bool fresh = good && (identity->said.expires_us == UINT64_MAX ||
                          identity->said.expires_us - now_us > EXEC_EARLY_US);
    bool failed =
        identity->exec_err.code != GS_OK && gs_now_us() - identity->exec_failed_us < EXEC_AGAIN_US;
    if (!fresh && identity->exec == NULL && !failed) {
        int r = start_exec(identity, &identity->exec_err);
        if (r != 0) {
            identity->exec_failed_us = gs_now_us();
            identity->exec_err.sys_errno = ENOKEY;
            failed = true;
        }
    }
    if (good) {
        return 0;
    }
    if (failed) {
        if (err != NULL) {
            *err = identity->exec_err;
        }
        return (int)identity->exec_err.code;
    }
    return GS_BUSY;
}

/* ---- what a request needs ---- */

static const char *or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

static void fill(const struct gs_kube_identity *identity, struct gs_kube_credential *ret)
{
    const struct gs_kubeconfig *config = &identity->config;
    *ret = (struct gs_kube_credential){
        .bearer = or_null(config->token),
        .tls =
            {
                .ca_file = or_null(config->ca_file),
                .ca = config->ca,
                .cert_file = or_null(config->cert_file),
                .cert = config->cert,
                .key_file = or_null(config->key_file),
                .key = config->key,
                .server_name = or_null(config->server_name),
                .insecure = config->insecure,
            },
    };
}

int gs_kube_identity_get(struct gs_kube_identity *identity, struct gs_kube_credential *ret,
                         struct gs_err *err)
{
    int r = 0;
    fill(identity, ret);
    if (identity->config.token_file[0] != '\0') {
        r = refresh_token(identity, err);
        ret->bearer = identity->token;
    } else if (identity->config.exec.command != NULL) {
        r = refresh_exec(identity, err);
        if (r == 0 && identity->said.cert.n > 0) {
            ret->tls.cert_file = NULL;
            ret->tls.key_file = NULL;
            ret->tls.cert = identity->said.cert;
            ret->tls.key = identity->said.key;
        }
        if (r == 0 && identity->said.token[0] != '\0') {
            ret->bearer = identity->said.token;
        }
    }
    return r;
}

void gs_kube_identity_refused(struct gs_kube_identity *identity)
{
    identity->said_known = false;
    identity->exec_err = (struct gs_err){.code = GS_OK};
    identity->token_stat = (struct stat){.st_size = -1}; /* no file is like it */
}

const char *gs_kube_identity_server(const struct gs_kube_identity *identity)
{
    return identity->config.server;
}

const char *gs_kube_identity_namespace(const struct gs_kube_identity *identity)
{
    return identity->config.name_space;
}

/* ---- all of it ---- */

int gs_kube_identity_new(const struct gs_kube_identity_options *options,
                         struct gs_kube_identity **ret, struct gs_err *err)
{
    struct gs_kube_identity *identity = calloc(1, sizeof(*identity));
    if (identity == NULL) {
        return gs_kube_identity_no_memory(err);
    }
    identity->options = *options;
    gs_arena_init(&identity->arena, &gs_alloc_heap, BYTES_MAX);
    gs_arena_init(&identity->exec_arena, &gs_alloc_heap, BYTES_MAX);
    int r = options->kubeconfig == NULL ? gs_kube_identity_load_pod(identity, err)
                                        : gs_kube_identity_load_kubeconfig(identity, err);
    identity->options.kubeconfig = NULL; /* the caller's */
    identity->options.context = NULL;
    identity->options.service_account = NULL;
    if (r == 0 && identity->config.token_file[0] != '\0') {
        r = refresh_token(identity, err);
    }
    if (r != 0) {
        gs_kube_identity_free(identity);
        return r;
    }
    *ret = identity;
    return 0;
}

void gs_kube_identity_free(struct gs_kube_identity *identity)
{
    if (identity == NULL) {
        return;
    }
    gs_kube_exec_stop(identity->exec);
    free(identity->token);
    gs_arena_done(&identity->arena);
    gs_arena_done(&identity->exec_arena);
    free(identity);
}
