/* A damaged history is put aside, and a new one begun. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "history/file.h"

#define ASIDE ".damaged-"

enum { HEAD = 100, MAGIC = 16, APPLICATION_AT = 68 };

/* The first bytes of a file of ours, or none of anybody's: zeros, as a lost write leaves them. */
static bool is_of_ours(const char *path)
{
    static const unsigned char nothing[HEAD];
    unsigned char head[HEAD];
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool regular = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    ssize_t n = regular ? read(fd, head, sizeof(head)) : -1;
    if (fd >= 0) {
        close(fd);
    }
    if (n != HEAD) {
        return false;
    }
    const unsigned char *at = head + APPLICATION_AT;
    uint32_t id = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    return memcmp(head, nothing, HEAD) == 0 ||
           (memcmp(head, "SQLite format 3", MAGIC) == 0 && id == GS_HISTORY_APPLICATION);
}

unsigned gs_history_count_aside(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    char folder[sizeof((struct gs_history_aside *)0)->path];
    unsigned n = 0;
    int k = snprintf(folder, sizeof(folder), "%.*s", slash == NULL ? 1 : (int)(name - path),
                     slash == NULL ? "." : path);
    DIR *dir = k < 0 || (size_t)k >= sizeof(folder) ? NULL : opendir(folder);
    const struct dirent *one;
    while (dir != NULL && (one = readdir(dir)) != NULL) {
        size_t length = strlen(one->d_name);
        bool log = length > 4 && strcmp(one->d_name + length - 4, "-wal") == 0;
        n += strncmp(one->d_name, name, strlen(name)) == 0 &&
             strncmp(one->d_name + strlen(name), ASIDE, strlen(ASIDE)) == 0 && !log;
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return n;
}

/* A name that is not taken. */
static int name_aside(const char *path, int64_t now_s, struct gs_history_aside *aside,
                      struct gs_err *err)
{
    for (int64_t at = now_s;; at++) {
        char when[32];
        struct tm tm;
        time_t seconds = (time_t)at;
        if (gmtime_r(&seconds, &tm) == NULL ||
            strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm) == 0) {
            return gs_fail(err, GS_INVALID, "found the time %lld s", (long long)at);
        }
        int k = snprintf(aside->path, sizeof(aside->path), "%s" ASIDE "%s", path, when);
        if (k < 0 || (size_t)k + strlen("-wal") >= sizeof(aside->path)) {
            return gs_fail(err, GS_LIMIT, "%.100s...: the name is too long", path);
        }
        if (access(aside->path, F_OK) != 0) {
            return 0;
        }
    }
}

/* Its write-ahead log goes with it, and first: what a new file found of it would be taken for its
 * own. */
static int move(const char *path, const char *to, struct gs_err *err)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf from;
    GS_CLEANUP(gs_buf_done) struct gs_buf log;
    gs_buf_init(&from, 8192);
    gs_buf_init(&log, 8192);
    gs_buf_printf(&from, "%s-wal", path);
    gs_buf_printf(&log, "%s-wal", to);
    if (!gs_buf_ok(&from) || !gs_buf_ok(&log)) {
        return gs_fail(err, GS_NO_MEMORY, "no memory to put the history aside");
    }
    if (rename(gs_buf_text(&from), gs_buf_text(&log)) != 0 && errno != ENOENT) {
        return gs_fail_errno(err, errno, "renaming %s", gs_buf_text(&from));
    }
    gs_buf_reset(&from);
    gs_buf_printf(&from, "%s-shm", path);
    if (unlink(gs_buf_text(&from)) != 0 && errno != ENOENT) {
        return gs_fail_errno(err, errno, "removing %s", gs_buf_text(&from));
    }
    return rename(path, to) == 0 ? 0 : gs_fail_errno(err, errno, "renaming %s", path);
}

static int open_doubted(const char *path, struct gs_history **ret, struct gs_err *err)
{
    GS_CLEANUP(gs_history_closep) struct gs_history *history = NULL;
    int r = gs_history_open(path, &history, err);
    r = r == 0 ? gs_history_check_pages(history, true, err) : r;
    if (r == 0) {
        *ret = GS_TAKE(history);
    }
    return r;
}

int gs_history_open_anew(const char *path, int64_t now_s, bool doubted, struct gs_history **ret,
                         struct gs_history_aside *ret_aside, struct gs_err *err)
{
    struct gs_err why = {.code = GS_OK};
    ret_aside->path[0] = '\0';
    int r = doubted ? open_doubted(path, ret, &why) : gs_history_open(path, ret, &why);
    if (r != GS_INVALID || !is_of_ours(path)) {
        return r == 0 ? 0 : gs_fail(err, why.code, "%s", why.msg);
    }
    if (gs_history_count_aside(path) >= GS_HISTORY_ASIDE_MAX) {
        return gs_fail(err, GS_LIMIT,
                       "%s; %d damaged ones are beside it already: look at the disk, and take them "
                       "away",
                       why.msg, GS_HISTORY_ASIDE_MAX);
    }
    r = name_aside(path, now_s, ret_aside, err);
    r = r == 0 ? move(path, ret_aside->path, err) : r;
    if (r != 0) {
        ret_aside->path[0] = '\0';
        return gs_wrap(err, r, "%s; it cannot be put aside", why.msg);
    }
    ret_aside->why = why;
    return gs_history_open(path, ret, err);
}
