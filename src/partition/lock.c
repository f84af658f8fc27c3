#include "partition/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

/* Who only looks (gs_lock_is_held) has the lock for a moment: that is waited for always. */
enum { POLL_MS = 10, LOOK_MS = 50, HOLDER_MAX = 100 };

static int make_dir(const char *dir, struct gs_err *err)
{
    if (mkdir(dir, 0755) == 0 || errno == EEXIST) {
        return 0;
    }
    return gs_fail_errno(err, errno, "the folder %.200s for lock and journal cannot be made", dir);
}

/* "pid 123 (mig apply)", or words for not knowing. */
static void read_holder(int fd, char text[HOLDER_MAX])
{
    ssize_t n = pread(fd, text, HOLDER_MAX - 1, 0);
    size_t len = n > 0 ? (size_t)n : 0;
    text[len] = '\0';
    len = strcspn(text, "\n");
    text[len] = '\0';
    if (len == 0) {
        snprintf(text, HOLDER_MAX, "another program");
    }
    for (char *c = text; *c != '\0'; c++) {
        *c = *c < ' ' || *c > '~' ? '?' : *c;
    }
}

/* Only for messages: nothing depends on it. */
static void write_holder(int fd, const char *what)
{
    char text[HOLDER_MAX];
    int n = snprintf(text, sizeof(text), "pid %ld (%.60s)\n", (long)getpid(), what);
    if (ftruncate(fd, 0) == 0) {
        ssize_t written = pwrite(fd, text, (size_t)n, 0);
        (void)written;
    }
}

static int fail_held(int fd, const char *dir, unsigned wait_ms, struct gs_err *err)
{
    char holder[HOLDER_MAX];
    read_holder(fd, holder);
    if (wait_ms == 0) {
        return gs_fail(err, GS_BUSY,
                       "%s is changing the GPUs of this machine (%.200s/lock); try again when it "
                       "is done, or wait for it with --wait",
                       holder, dir);
    }
    return gs_fail(err, GS_BUSY,
                   "%s is changing the GPUs of this machine (%.200s/lock) and was not done in "
                   "%g s",
                   holder, dir, wait_ms / 1000.0);
}

static unsigned long long now_ms(void)
{
    return (unsigned long long)(gs_now_us() / 1000);
}

static int take(int fd, const char *dir, unsigned wait_ms, const volatile sig_atomic_t *stop,
                struct gs_err *err)
{
    unsigned long long end = now_ms() + (wait_ms > LOOK_MS ? wait_ms : LOOK_MS);
    const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return gs_fail_errno(err, errno, "%.200s/lock cannot be locked", dir);
        }
        if (errno == EWOULDBLOCK && now_ms() >= end) {
            return fail_held(fd, dir, wait_ms, err);
        }
        if (stop != NULL && *stop != 0) {
            return gs_fail(err, GS_BUSY, "interrupted while waiting for %.200s/lock", dir);
        }
        nanosleep(&pause, NULL);
    }
    return 0;
}

int gs_lock_take(struct gs_lock *lock, const char *dir, const char *what, unsigned wait_ms,
                 const volatile sig_atomic_t *stop, struct gs_err *err)
{
    *lock = (struct gs_lock){.fd = -1};
    int r = make_dir(dir, err);
    if (r < 0) {
        return r;
    }
    char path[600];
    if (snprintf(path, sizeof(path), "%s/lock", dir) >= (int)sizeof(path)) {
        return gs_fail(err, GS_LIMIT, "the name of the folder for lock and journal is too long");
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) {
        return gs_fail_errno(err, errno, "%.200s cannot be opened", path);
    }
    r = take(fd, dir, wait_ms, stop, err);
    if (r < 0) {
        close(fd);
        return r;
    }
    write_holder(fd, what);
    lock->fd = fd;
    return 0;
}

bool gs_lock_is_held(const char *dir)
{
    char path[600];
    int fd = -1;
    if (snprintf(path, sizeof(path), "%s/lock", dir) < (int)sizeof(path)) {
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    }
    if (fd < 0) {
        return false;
    }
    bool held = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
    close(fd);
    return held;
}

void gs_lock_release(struct gs_lock *lock)
{
    if (lock->fd >= 0) {
        close(lock->fd);
    }
    lock->fd = -1;
}
