#include "cli/bench/child.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { WORDS_MAX = 64, ANSWER_MAX = 200, STATUS_LATE = 124, STATUS_SIGNAL = 128 };

extern char **environ;

/* ---- from the benchmark ---- */

static void close_fd(const int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

/* Starts `path` with its stdout in a pipe and its stderr nowhere. 0 or an errno. */
static int start(const char *path, const char *const *argv, pid_t *ret_pid, int *ret_fd)
{
    char *words[WORDS_MAX];
    size_t n = 0;
    for (; argv[n] != NULL && n + 1 < WORDS_MAX; n++) {
        words[n] = strdup(argv[n]);
    }
    words[n] = NULL;
    int fds[2];
    int e = pipe2(fds, O_CLOEXEC) < 0 ? errno : 0;
    if (e == 0) {
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        e = posix_spawn(ret_pid, path, &actions, NULL, words, environ);
        posix_spawn_file_actions_destroy(&actions);
        close(fds[1]);
        if (e != 0) {
            close(fds[0]);
        } else {
            *ret_fd = fds[0];
        }
    }
    for (size_t i = 0; i < n; i++) {
        free(words[i]);
    }
    return e;
}

/* What it prints, as far as there is room; the rest is read and dropped, so that it can end. */
static void read_all(int fd, char *text, size_t size)
{
    size_t n = 0;
    char rest[4096];
    for (;;) {
        bool full = n + 1 >= size;
        ssize_t got = full ? read(fd, rest, sizeof(rest)) : read(fd, text + n, size - 1 - n);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            break;
        }
        n += full || got < 0 ? 0 : (size_t)got;
    }
    text[n] = '\0';
}

static int ask(const char *path, const char *const *argv, char *text, size_t size,
               struct gs_err *err)
{
    pid_t pid;
    GS_CLEANUP(close_fd) int fd = -1;
    int status = 0;
    int e = start(path, argv, &pid, &fd);
    if (e != 0) {
        return gs_fail_errno(err, e, "cannot run %.200s", path);
    }
    read_all(fd, text, size);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0
               ? 0
               : gs_fail(err, GS_IO, "%.200s %.60s failed", path, argv[1] == NULL ? "" : argv[1]);
}

int gs_cmd_bench_ask_child(const char *const *argv, char *ret_text, size_t size, struct gs_err *err)
{
    return ask(argv[0], argv, ret_text, size, err);
}

int gs_cmd_bench_run_child(const char *const *argv, uint64_t limit_s,
                           struct gs_cmd_bench_child *ret, struct gs_err *err)
{
    const char *words[WORDS_MAX] = {"gpuslice", GS_CMD_BENCH_CHILD};
    char limit[24];
    char answer[ANSWER_MAX];
    snprintf(limit, sizeof(limit), "%" PRIu64, limit_s);
    size_t n = 2;
    words[n++] = limit;
    for (size_t i = 0; argv[i] != NULL && n + 1 < WORDS_MAX; i++) {
        words[n++] = argv[i];
    }
    int r = ask("/proc/self/exe", words, answer, sizeof(answer), err);
    if (r < 0) {
        return r;
    }
    return sscanf(answer, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %d", &ret->time.wall_ns,
                  &ret->time.cpu_ns, &ret->peak_kib, &ret->status) == 4
               ? 0
               : gs_fail(err, GS_IO, "cannot run %.200s", argv[0]);
}

/* ---- the process between ---- */

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t in_ns(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_usec * 1000u;
}

/* Whether it ended in time; otherwise it is killed. */
static bool wait_for(pid_t pid, unsigned long limit_s, const sigset_t *ends)
{
    const struct timespec limit = {.tv_sec = (time_t)limit_s};
    siginfo_t info;
    while (sigtimedwait(ends, &info, &limit) < 0) {
        if (errno != EINTR) {
            kill(pid, SIGKILL);
            return false;
        }
    }
    return true;
}

int gs_cmd_bench_be_child(int argc, char **argv)
{
    sigset_t ends;
    sigset_t before;
    struct rusage used;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    pid_t pid;
    int status;
    if (argc < 3) {
        return 1;
    }
    sigemptyset(&ends);
    sigaddset(&ends, SIGCHLD);
    sigprocmask(SIG_BLOCK, &ends, &before);
    posix_spawn_file_actions_init(&actions);
    for (int fd = 0; fd < 3; fd++) {
        posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    }
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &before);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    uint64_t from = now_ns();
    int e = posix_spawnp(&pid, argv[2], &actions, &attributes, argv + 2, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (e != 0) {
        return 1;
    }
    bool in_time = wait_for(pid, strtoul(argv[1], NULL, 10), &ends);
    while (wait4(pid, &status, 0, &used) < 0) {
        if (errno != EINTR) {
            return 1;
        }
    }
    int code = !in_time              ? STATUS_LATE
               : WIFSIGNALED(status) ? STATUS_SIGNAL + WTERMSIG(status)
                                     : WEXITSTATUS(status);
    printf("%" PRIu64 " %" PRIu64 " %ld %d\n", now_ns() - from,
           in_ns(used.ru_utime) + in_ns(used.ru_stime), used.ru_maxrss, code);
    return 0;
}
