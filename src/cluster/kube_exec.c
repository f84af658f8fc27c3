#include "cluster/kube_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"

extern char **environ;

enum { SAID_MAX = 300, ACCURACY_US = 10000 };

struct gs_kube_exec {
    struct gs_kube_exec_options options; /* without its texts */
    char *command;
    pid_t pid; /* 0: it is gone */
    int pid_fd;
    int out_fd;
    int err_fd;
    sd_event_source *on_end;
    sd_event_source *on_out;
    sd_event_source *on_err;
    sd_event_source *timer;
    struct gs_buf printed;
    char said[SAID_MAX]; /* the end of stderr */
    size_t n_said;
};

static void drop_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}
#define AUTO_FD GS_CLEANUP(drop_fd) int

/* ---- the end ---- */

void gs_kube_exec_stop(struct gs_kube_exec *exec)
{
    if (exec == NULL) {
        return;
    }
    if (exec->pid > 0) {
        (void)kill(-exec->pid, SIGKILL); /* a process group of its own */
        (void)waitpid(exec->pid, NULL, 0);
    }
    sd_event_source_disable_unref(exec->on_end);
    sd_event_source_disable_unref(exec->on_out);
    sd_event_source_disable_unref(exec->on_err);
    sd_event_source_disable_unref(exec->timer);
    drop_fd(&exec->pid_fd);
    drop_fd(&exec->out_fd);
    drop_fd(&exec->err_fd);
    gs_buf_done(&exec->printed);
    free(exec->command);
    free(exec);
}

static void finish(struct gs_kube_exec *exec, int result, const struct gs_err *err)
{
    struct gs_view printed = {.p = gs_buf_text(&exec->printed), .n = exec->printed.len};
    exec->options.done(exec->options.ctx, result, printed, err);
    gs_kube_exec_stop(exec);
}

/* ---- what it writes ---- */

/* Reads what is there. 0: more may come; 1: that was all. */
static int read_out(struct gs_kube_exec *exec)
{
    char bytes[4096];
    for (;;) {
        ssize_t n = read(exec->out_fd, bytes, sizeof(bytes));
        if (n <= 0) {
            return n < 0 && errno == EAGAIN ? 0 : 1;
        }
        gs_buf_put(&exec->printed, bytes, (size_t)n);
    }
}

/* Keeps the end of it. */
static int read_err(struct gs_kube_exec *exec)
{
    char bytes[SAID_MAX / 2];
    for (;;) {
        ssize_t n = read(exec->err_fd, bytes, sizeof(bytes));
        if (n <= 0) {
            return n < 0 && errno == EAGAIN ? 0 : 1;
        }
        size_t over = exec->n_said + (size_t)n;
        over = over > SAID_MAX - 1 ? over - (SAID_MAX - 1) : 0;
        memmove(exec->said, exec->said + over, exec->n_said - over);
        memcpy(exec->said + exec->n_said - over, bytes, (size_t)n);
        exec->n_said += (size_t)n - over;
        exec->said[exec->n_said] = '\0';
    }
}

static int on_out(sd_event_source *source, int fd, uint32_t revents, void *ctx)
{
    struct gs_kube_exec *exec = ctx;
    (void)fd;
    (void)revents;
    if (read_out(exec) != 0) {
        sd_event_source_set_enabled(source, SD_EVENT_OFF);
    }
    if (!gs_buf_ok(&exec->printed)) {
        struct gs_err err;
        int r = gs_fail(&err, GS_LIMIT, "%s printed more than %d bytes", exec->command,
                        GS_KUBE_EXEC_BYTES_MAX);
        finish(exec, r, &err);
    }
    return 0;
}

static int on_err(sd_event_source *source, int fd, uint32_t revents, void *ctx)
{
    (void)fd;
    (void)revents;
    if (read_err(ctx) != 0) {
        sd_event_source_set_enabled(source, SD_EVENT_OFF);
    }
    return 0;
}

/* One line for a message. */
static const char *last_words(struct gs_kube_exec *exec)
{
    while (exec->n_said > 0 && strchr(" \t\r\n", exec->said[exec->n_said - 1]) != NULL) {
        exec->said[--exec->n_said] = '\0';
    }
    for (size_t i = 0; i < exec->n_said; i++) {
        unsigned char c = (unsigned char)exec->said[i];
        exec->said[i] = c < 0x20 || c == 0x7F ? ' ' : (char)c;
    }
    return exec->n_said == 0 ? "it said nothing" : exec->said;
}

static int on_end(sd_event_source *source, int fd, uint32_t revents, void *ctx)
{
    struct gs_kube_exec *exec = ctx;
    struct gs_err err;
    int status = 0;
    (void)source;
    (void)fd;
    (void)revents;
    if (waitpid(exec->pid, &status, WNOHANG) == 0) {
        return 0;
    }
    exec->pid = 0;
    (void)read_out(exec);
    (void)read_err(exec);
    int r = 0;
    if (!gs_buf_ok(&exec->printed)) {
        r = gs_fail(&err, GS_LIMIT, "%s printed more than %d bytes", exec->command,
                    GS_KUBE_EXEC_BYTES_MAX);
    } else if (WIFSIGNALED(status)) {
        r = gs_fail(&err, GS_IO, "%s was killed by signal %d: %s", exec->command, WTERMSIG(status),
                    last_words(exec));
    } else if (WEXITSTATUS(status) != 0) {
        r = gs_fail(&err, GS_IO, "%s ended with status %d: %s", exec->command, WEXITSTATUS(status),
                    last_words(exec));
    }
    finish(exec, r, r == 0 ? NULL : &err);
    return 0;
}

static int on_late(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct gs_kube_exec *exec = ctx;
    struct gs_err err;
    (void)source;
    (void)usec;
    (void)read_err(exec);
    int r = gs_fail(&err, GS_LIMIT, "%s did not end within %.1f s: %s", exec->command,
                    (double)exec->options.limit_us / 1e6, last_words(exec));
    finish(exec, r, &err);
    return 0;
}

/* ---- the start ---- */

static size_t count(const char *const *texts)
{
    size_t n = 0;
    while (texts != NULL && texts[n] != NULL) {
        n++;
    }
    return n;
}

/* Ours but for those that are given anew, then those of `more`. NULL: no memory. */
static char **join_env(const char *const *more)
{
    size_t n = 0;
    size_t n_more = count(more);
    size_t n_ours = count((const char *const *)environ);
    char **env = calloc(n_ours + n_more + 1, sizeof(*env));
    if (env == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < n_ours; i++) {
        size_t k = 0;
        size_t n_name = strcspn(environ[i], "=") + 1;
        while (k < n_more && strncmp(more[k], environ[i], n_name) != 0) {
            k++;
        }
        if (k == n_more) {
            env[n++] = environ[i];
        }
    }
    for (size_t i = 0; i < n_more; i++) {
        env[n++] = (char *)(uintptr_t)more[i];
    }
    return env;
}

static char **join_args(const struct gs_kube_exec_options *options)
{
    size_t n = count(options->args);
    char **args = calloc(n + 2, sizeof(*args));
    if (args == NULL) {
        return NULL;
    }
    args[0] = (char *)(uintptr_t)options->command;
    for (size_t i = 0; i < n; i++) {
        args[i + 1] = (char *)(uintptr_t)options->args[i];
    }
    return args;
}

/* 0 or an errno. The program's own files, signals and process group. */
static int spawn(const struct gs_kube_exec_options *options, int out, int err_fd, pid_t *ret_pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none;
    sigset_t all;
    char **args = join_args(options);
    char **env = join_env(options->env);
    int e = args == NULL || env == NULL ? ENOMEM : 0;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                        POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    e = e != 0 ? e : posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    e = e != 0 ? e : posix_spawn_file_actions_adddup2(&files, out, 1);
    e = e != 0 ? e : posix_spawn_file_actions_adddup2(&files, err_fd, 2);
    e = e != 0 ? e : posix_spawnp(ret_pid, options->command, &files, &attr, args, env);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    free(args);
    free(env);
    return e;
}

/* 0 or an errno. */
static int start(struct gs_kube_exec *exec)
{
    int out[2] = {-1, -1};
    int err[2] = {-1, -1};
    if (pipe2(out, O_CLOEXEC) < 0) {
        return errno;
    }
    exec->out_fd = out[0];
    AUTO_FD out_write = out[1];
    if (pipe2(err, O_CLOEXEC) < 0) {
        return errno;
    }
    exec->err_fd = err[0];
    AUTO_FD err_write = err[1];
    (void)fcntl(exec->out_fd, F_SETFL, O_NONBLOCK);
    (void)fcntl(exec->err_fd, F_SETFL, O_NONBLOCK);
    int e = spawn(&exec->options, out_write, err_write, &exec->pid);
    if (e != 0) {
        exec->pid = 0;
        return e;
    }
    exec->pid_fd = (int)syscall(SYS_pidfd_open, exec->pid, 0); /* glibc has it from 2.36 on */
    return exec->pid_fd < 0 ? errno : 0;
}

static int join_loop(struct gs_kube_exec *exec)
{
    sd_event *event = exec->options.event;
    int r = sd_event_add_io(event, &exec->on_end, exec->pid_fd, EPOLLIN, on_end, exec);
    r = r < 0 ? r : sd_event_add_io(event, &exec->on_out, exec->out_fd, EPOLLIN, on_out, exec);
    r = r < 0 ? r : sd_event_add_io(event, &exec->on_err, exec->err_fd, EPOLLIN, on_err, exec);
    r = r < 0 ? r
              : sd_event_add_time_relative(event, &exec->timer, CLOCK_MONOTONIC,
                                           exec->options.limit_us, ACCURACY_US, on_late, exec);
    return r < 0 ? -r : 0;
}

int gs_kube_exec_start(const struct gs_kube_exec_options *options, struct gs_kube_exec **ret,
                       struct gs_err *err)
{
    struct gs_kube_exec *exec = calloc(1, sizeof(*exec));
    if (exec == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory to run %s", options->command);
    }
    exec->options = *options;
    exec->pid_fd = -1;
    exec->out_fd = -1;
    exec->err_fd = -1;
    gs_buf_init(&exec->printed, GS_KUBE_EXEC_BYTES_MAX);
    exec->command = strdup(options->command);
    int e = exec->command == NULL ? ENOMEM : start(exec);
    e = e == 0 ? join_loop(exec) : e;
    if (e != 0) {
        gs_kube_exec_stop(exec);
        return e == ENOMEM ? gs_fail(err, GS_NO_MEMORY, "no memory to run %s", options->command)
               : e == ENOENT
                   ? gs_fail(err, GS_NOT_FOUND, "there is no program %s", options->command)
                   : gs_fail_errno(err, e, "running %s", options->command);
    }
    exec->options.args = NULL;
    exec->options.env = NULL;
    *ret = exec;
    return 0;
}
