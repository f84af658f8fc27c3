/* scratch: folders of a test program's own. A test removes its folder at its end; what a test that
 * failed leaves goes with the program, also where that is ended (SIGTERM, as meson does at a
 * timeout) or aborts. Children of fork leave their parent's folders alone. In each program one file
 * includes this. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SCRATCH_MAX = 64, SCRATCH_PATH = 200 };

static struct {
    pid_t owner;                        /* 0: nothing was made yet */
    char at[SCRATCH_MAX][SCRATCH_PATH]; /* "": free */
} scratch;

/* By rm, since a program that aborts can no longer trust its own memory. */
static inline void scratch_remove_all(void)
{
    if (scratch.owner != getpid()) {
        return;
    }
    for (unsigned i = 0; i < SCRATCH_MAX; i++) {
        pid_t child = scratch.at[i][0] == '\0' ? -1 : fork();
        if (child == 0) {
            execl("/bin/rm", "rm", "-rf", "--", scratch.at[i], (char *)NULL);
            _exit(127);
        }
        if (child > 0) {
            waitpid(child, NULL, 0);
        }
        scratch.at[i][0] = '\0';
    }
}

static inline void scratch_end(int number)
{
    scratch_remove_all();
    signal(number, SIG_DFL);
    raise(number);
}

static inline void scratch_begin(void)
{
    static const int ends[] = {SIGTERM, SIGINT, SIGHUP, SIGABRT};
    if (scratch.owner == getpid()) {
        return;
    }
    bool first = scratch.owner == 0;
    memset(&scratch, 0, sizeof(scratch)); /* a child's copy */
    scratch.owner = getpid();
    if (first && atexit(scratch_remove_all) != 0) {
        abort();
    }
    for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct sigaction there;
        if (sigaction(ends[i], NULL, &there) == 0 && there.sa_handler == SIG_DFL) {
            signal(ends[i], scratch_end);
        }
    }
}

/* Makes the folder BASE/NAME-XXXXXX, where BASE is TMPDIR (where `size` has room for it), else
 * memory where there is such a file system, else /tmp. False: it cannot be made, or there are too
 * many. */
static inline bool scratch_make(const char *name, char *ret_path, size_t size)
{
    const char *base = getenv("TMPDIR");
    scratch_begin();
    unsigned i = 0;
    while (i < SCRATCH_MAX && scratch.at[i][0] != '\0') {
        i++;
    }
    size_t most = (size < SCRATCH_PATH ? size : SCRATCH_PATH) - strlen(name) - sizeof("/-XXXXXX");
    if (base == NULL || strlen(base) > most) {
        base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    }
    snprintf(ret_path, size, "%s/%s-XXXXXX", base, name);
    if (i == SCRATCH_MAX || mkdtemp(ret_path) == NULL) {
        return false;
    }
    snprintf(scratch.at[i], SCRATCH_PATH, "%.*s", SCRATCH_PATH - 1, ret_path);
    return true;
}

/* The test has removed it. */
static inline void scratch_forget(const char *path)
{
    for (unsigned i = 0; i < SCRATCH_MAX; i++) {
        if (strcmp(scratch.at[i], path) == 0) {
            scratch.at[i][0] = '\0';
        }
    }
}
