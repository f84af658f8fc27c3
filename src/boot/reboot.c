#include "boot/reboot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "boot/clock.h"
#include "boot/files.h"

enum { FLAG_MAX = 4096, PATH_BYTES = PATH_MAX + 32 };

static void flag_path(const char *state_dir, char ret[PATH_BYTES])
{
    snprintf(ret, PATH_BYTES, "%s/reboot-asked", state_dir);
}

/* The value behind NAME= at the beginning of a line; empty: there is none. */
static struct gs_view value_of(struct gs_view text, const char *name)
{
    while (text.p != NULL) {
        struct gs_view line = gs_view_split(&text, '\n');
        if (gs_view_skip(&line, name)) {
            return gs_view_trim(line);
        }
    }
    return (struct gs_view){.p = "", .n = 0};
}

static int check_flag(const struct gs_boot_reboot *reboot, const char *path, struct gs_view flag,
                      struct gs_err *err)
{
    struct gs_view boot = value_of(flag, "boot=");
    struct gs_view time = value_of(flag, "time=");
    if (reboot->boot_id[0] != '\0' && gs_view_eq(boot, reboot->boot_id)) {
        return 0;
    }
    return gs_fail(
        err, GS_INFEASIBLE,
        "GPU %s: the MIG mode still waits for a reboot, and one was asked for at %.*s: no "
        "second one is. Look at nvidia-smi -q and dmesg; to let it try once more remove "
        "%s",
        reboot->gpus, GS_VIEW_ARGS(time), path);
}

int gs_boot_reboot_prepare(const struct gs_boot_reboot *reboot, struct gs_err *err)
{
    char path[PATH_BYTES];
    char text[1024];
    char when[GS_LOG_TIME_MAX];
    struct gs_view flag;
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 64 * 1024);
    flag_path(reboot->state_dir, path);
    int r = gs_boot_file_read(path, FLAG_MAX, &arena, &flag, err);
    if (r == 0) {
        return check_flag(reboot, path, flag, err);
    }
    if (r != GS_NOT_FOUND) {
        return gs_wrap(err, r, "a reboot is needed, and whether one was asked for is not known");
    }
    gs_log_format_time(gs_boot_now_ms(), when);
    snprintf(text, sizeof(text),
             "# gpuslice-boot asked for a reboot, so that a MIG mode takes effect. While this file "
             "is here it asks for no other.\nboot=%s\ntime=%s\nlayout=%.300s\ngpus=%s\n",
             reboot->boot_id, when, reboot->layout, reboot->gpus);
    r = gs_boot_file_replace(path, gs_view(text), err);
    return r < 0 ? gs_wrap(err, r, "a reboot is needed, and that it was asked for cannot be kept")
                 : 0;
}

static int spawn_shell(const char *command, pid_t *ret)
{
    posix_spawnattr_t attr;
    sigset_t none;
    sigset_t all;
    char shell[] = "sh";
    char option[] = "-c";
    char text[4096];
    if ((size_t)snprintf(text, sizeof(text), "%s", command) >= sizeof(text)) {
        return E2BIG;
    }
    int e = posix_spawnattr_init(&attr);
    if (e != 0) {
        return e;
    }
    sigemptyset(&none);
    sigfillset(&all);
    char *argv[] = {shell, option, text, NULL};
    if ((e = posix_spawnattr_setsigmask(&attr, &none)) == 0 &&
        (e = posix_spawnattr_setsigdefault(&attr, &all)) == 0 &&
        (e = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)) ==
            0) {
        e = posix_spawn(ret, "/bin/sh", NULL, &attr, argv, environ);
    }
    posix_spawnattr_destroy(&attr);
    return e;
}

int gs_boot_reboot_ask(const char *command, const volatile sig_atomic_t *stop, struct gs_err *err)
{
    pid_t pid = 0;
    int status = 0;
    int e = spawn_shell(command, &pid);
    if (e != 0) {
        return gs_fail_errno(err, e, "the reboot cannot be asked for: %.200s", command);
    }
    while (waitpid(pid, &status, 0) < 0) {
        if (*stop != 0) {
            return gs_fail_errno(err, EINTR, "asking for the reboot");
        }
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return 0;
    }
    return gs_fail(err, GS_IO, "the reboot could not be asked for: %.200s ended with %s %d",
                   command, WIFEXITED(status) ? "status" : "signal",
                   WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

int gs_boot_reboot_done(const char *state_dir, bool *ret_was, struct gs_err *err)
{
    char path[PATH_BYTES];
    flag_path(state_dir, path);
    *ret_was = access(path, F_OK) == 0;
    return *ret_was ? gs_boot_file_remove(path, err) : 0;
}
