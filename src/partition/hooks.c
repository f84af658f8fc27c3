#include "partition/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { POLL_MS = 5, WHERE_MAX = 280 };

bool gs_hooks_has(const struct gs_hooks *hooks, enum gs_mighook which)
{
    return hooks != NULL && hooks->file != NULL && hooks->file->n[which] > 0;
}

/* argv and environment of one command; the strings of `envs` are ours, those of argv are not. */
struct words {
    char **argv;
    char **envs;
};

static void free_words(struct words *words)
{
    for (char **env = words->envs; env != NULL && *env != NULL; env++) {
        free(*env);
    }
    free(words->envs);
    free(words->argv);
}

static bool overlaid(const struct gs_hooks *hooks, const char *name)
{
    for (unsigned k = 0; k < hooks->n_envs; k++) {
        if (strcmp(hooks->envs[k].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool add_env(struct words *words, unsigned *n, const struct gs_mighook_env *env)
{
    char *text = NULL;
    if (asprintf(&text, "%s=%s", env->name, env->value) < 0) {
        return false;
    }
    words->envs[(*n)++] = text;
    return true;
}

static bool make_words(const struct gs_hooks *hooks, const struct gs_mighook_command *command,
                       struct words *words)
{
    words->argv = calloc((size_t)command->n_args + 2, sizeof(char *));
    words->envs = calloc((size_t)command->n_envs + hooks->n_envs + 1, sizeof(char *));
    if (words->argv == NULL || words->envs == NULL) {
        return false;
    }
    /* exec wants them writable by type and does not write */
    memcpy(&words->argv[0], &command->command, sizeof(char *));
    if (command->n_args > 0) {
        memcpy(&words->argv[1], command->args, command->n_args * sizeof(char *));
    }
    unsigned n = 0;
    bool right = true;
    for (unsigned k = 0; k < command->n_envs && right; k++) {
        right = overlaid(hooks, command->envs[k].name) || add_env(words, &n, &command->envs[k]);
    }
    for (unsigned k = 0; k < hooks->n_envs && right; k++) {
        right = add_env(words, &n, &hooks->envs[k]);
    }
    return right;
}

/* 0 or an errno. */
static int prepare(const struct gs_hooks *hooks, const struct gs_mighook_command *command,
                   posix_spawn_file_actions_t *actions, posix_spawnattr_t *attrs)
{
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    short flags = POSIX_SPAWN_SETSIGDEF;
    if (hooks->limit_ms > 0) {
        flags |= POSIX_SPAWN_SETPGROUP;
    }
    int e = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (e == 0) {
        e = hooks->output ? posix_spawn_file_actions_adddup2(actions, STDERR_FILENO, STDOUT_FILENO)
                          : posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null",
                                                             O_WRONLY, 0);
    }
    if (e == 0 && command->workdir != NULL && command->workdir[0] != '\0') {
        e = posix_spawn_file_actions_addchdir_np(actions, command->workdir);
    }
    if (e == 0) {
        e = posix_spawnattr_setsigdefault(attrs, &defaults);
    }
    return e != 0 ? e : posix_spawnattr_setflags(attrs, flags);
}

static int start(const struct gs_hooks *hooks, const struct gs_mighook_command *command,
                 const struct words *words, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attrs;
    int e = posix_spawn_file_actions_init(&actions);
    if (e != 0) {
        return e;
    }
    e = posix_spawnattr_init(&attrs);
    if (e == 0) {
        e = prepare(hooks, command, &actions, &attrs);
        if (e == 0) {
            e = posix_spawnp(ret_pid, command->command, &actions, &attrs, words->argv, words->envs);
        }
        posix_spawnattr_destroy(&attrs);
    }
    posix_spawn_file_actions_destroy(&actions);
    return e;
}

/* False: it took too long and was killed. */
static bool wait_for(pid_t pid, unsigned limit_ms, int *ret_status)
{
    const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
    struct timespec begin;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (;;) {
        pid_t done = waitpid(pid, ret_status, limit_ms == 0 ? 0 : WNOHANG);
        if (done == pid) {
            return true;
        }
        if (done < 0 && errno != EINTR) {
            *ret_status = 0; /* somebody else's waitpid: nothing is known of it */
            return true;
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
        long long passed =
            (now.tv_sec - begin.tv_sec) * 1000LL + (now.tv_nsec - begin.tv_nsec) / 1000000;
        if (limit_ms > 0 && passed >= limit_ms) {
            kill(-pid, SIGKILL);
            waitpid(pid, ret_status, 0);
            return false;
        }
        if (limit_ms > 0) {
            nanosleep(&pause, NULL);
        }
    }
}

static int run(const struct gs_hooks *hooks, const struct gs_mighook_command *command,
               struct gs_err *err)
{
    GS_CLEANUP(free_words) struct words words = {.argv = NULL};
    if (!make_words(hooks, command, &words)) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a hook");
    }
    char where[WHERE_MAX];
    snprintf(where, sizeof(where), "%.120s (%.120s%s%u)", command->command,
             hooks->label == NULL ? "" : hooks->label, hooks->label == NULL ? "line " : ":",
             command->line);
    pid_t pid;
    int e = start(hooks, command, &words, &pid);
    if (e != 0) {
        return gs_fail_errno(err, e, "%s cannot be run", where);
    }
    int status = 0;
    if (!wait_for(pid, hooks->limit_ms, &status)) {
        return gs_fail(err, GS_IO, "%s took longer than %g s and was killed", where,
                       hooks->limit_ms / 1000.0);
    }
    if (WIFSIGNALED(status)) {
        return gs_fail(err, GS_IO, "%s was killed by signal %d", where, WTERMSIG(status));
    }
    if (WEXITSTATUS(status) != 0) {
        return gs_fail(err, GS_IO, "%s ended with status %d", where, WEXITSTATUS(status));
    }
    return 0;
}

int gs_hooks_run(const struct gs_hooks *hooks, enum gs_mighook which, struct gs_err *err)
{
    if (!gs_hooks_has(hooks, which)) {
        return 0;
    }
    for (unsigned k = 0; k < hooks->file->n[which]; k++) {
        int r = run(hooks, &hooks->file->commands[which][k], err);
        if (r < 0) {
            return gs_wrap(err, r, "hook %s", gs_mighook_names[which]);
        }
    }
    return 0;
}
