#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/bench/bench.h"

enum { ANSWER_MAX = 64 * 1024 };

extern char **environ;

static void close_fd(const int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

/* Starts `sh -c 'COMMAND "$@"' sh FILE SECONDS` with its stdout in a pipe. 0 or an errno. */
static int start(const char *command, const char *file, uint64_t limit_s, pid_t *ret_pid,
                 int *ret_fd)
{
    char line[4096];
    char limit[24];
    char shell[] = "sh";
    char flag[] = "-c";
    char path[4096];
    int fds[2];
    snprintf(limit, sizeof(limit), "%llu", (unsigned long long)limit_s);
    if (snprintf(line, sizeof(line), "%s \"$@\"", command) >= (int)sizeof(line) ||
        snprintf(path, sizeof(path), "%s", file) >= (int)sizeof(path)) {
        return ENAMETOOLONG;
    }
    if (pipe2(fds, O_CLOEXEC) < 0) {
        return errno;
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
    char *argv[] = {shell, flag, line, shell, path, limit, NULL};
    int e = posix_spawn(ret_pid, "/bin/sh", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(fds[1]);
    if (e != 0) {
        close(fds[0]);
        return e;
    }
    *ret_fd = fds[0];
    return 0;
}

/* What it prints, as far as ANSWER_MAX; the rest is read and dropped, so that it can end. */
static size_t read_answer(int fd, char *text)
{
    size_t n = 0;
    char rest[4096];
    for (;;) {
        bool full = n == ANSWER_MAX;
        ssize_t got = full ? read(fd, rest, sizeof(rest)) : read(fd, text + n, ANSWER_MAX - n);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return n;
        }
        n += full || got < 0 ? 0 : (size_t)got;
    }
}

static bool take_number(const json_t *answer, const char *key, double *ret)
{
    const json_t *value = json_object_get(answer, key);
    if (!json_is_number(value)) {
        return false;
    }
    *ret = json_number_value(value);
    return true;
}

/* NULL: no such text, or no memory. */
static const char *take_text(struct gs_cmd_bench *bench, const json_t *answer, const char *key)
{
    const char *text = json_string_value(json_object_get(answer, key));
    return text == NULL ? NULL : gs_arena_text(bench->arena, text, strlen(text));
}

static int skip(struct gs_cmd_bench *bench, struct gs_cmd_bench_peer *peer, const char *reason,
                struct gs_err *err)
{
    peer->skipped = gs_cmd_bench_text(bench, "%s", reason);
    return peer->skipped == NULL ? gs_cmd_bench_no_memory(err) : 0;
}

/* {"solver", "seconds", "cpu_seconds", "value", "bound", "status"}, or {"skipped": reason}. */
static int take_answer(struct gs_cmd_bench *bench, struct gs_cmd_bench_peer *peer,
                       const json_t *answer, struct gs_err *err)
{
    const char *name = take_text(bench, answer, "solver");
    peer->name = name == NULL ? peer->name : name;
    const char *skipped = take_text(bench, answer, "skipped");
    if (skipped != NULL) {
        return skip(bench, peer, skipped, err);
    }
    double wall;
    double cpu;
    if (!take_number(answer, "seconds", &wall) || !(wall >= 0)) {
        return skip(bench, peer, "its answer has no \"seconds\", 0 or more", err);
    }
    bool has_cpu = take_number(answer, "cpu_seconds", &cpu) && cpu >= 0;
    peer->status = take_text(bench, answer, "status");
    peer->has_value = take_number(answer, "value", &peer->value);
    peer->has_bound = take_number(answer, "bound", &peer->bound);
    peer->times[peer->n_times++] = (struct gs_cmd_bench_time){
        .wall_ns = (uint64_t)(wall * 1e9),
        .cpu_ns = has_cpu ? (uint64_t)(cpu * 1e9) : GS_CMD_BENCH_NOT_KNOWN,
    };
    return 0;
}

int gs_cmd_bench_ask_peer(struct gs_cmd_bench *bench, struct gs_cmd_bench_peer *peer,
                          const char *command, const char *file, struct gs_err *err)
{
    if (peer->skipped != NULL) {
        return 0;
    }
    if (peer->times == NULL) {
        return gs_cmd_bench_no_memory(err);
    }
    pid_t pid;
    GS_CLEANUP(close_fd) int fd = -1;
    int e = start(command, file, bench->args->peer_seconds, &pid, &fd);
    if (e != 0) {
        return skip(bench, peer, strerror(e), err);
    }
    char text[ANSWER_MAX];
    size_t n = read_answer(fd, text);
    int status;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    json_t *answer = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
    int r = !json_is_object(answer)
                ? skip(bench, peer, "it did not print one JSON object on stdout", err)
                : take_answer(bench, peer, answer, err);
    json_decref(answer);
    return r;
}
