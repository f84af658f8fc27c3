#include "cli/mig/kept.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define FOLDER "checkpoints"
#define TIME_FORM "00000000T000000.000Z-" /* a digit stands for any */
#define TAIL ".json"

enum {
    TIME_BYTES = sizeof(TIME_FORM) - 1,
    STAMP_BYTES = TIME_BYTES - 1, /* without the dash */
    /* Names of a folder that are looked at; nobody else writes there. */
    ENTRIES_MAX = 10000
};

static int fail(const char *what, const char *path, struct gs_err *err)
{
    return gs_fail_errno(err, errno, "cannot %s %.300s", what, path);
}

static bool is_name(const char *name)
{
    size_t n = strlen(name);
    if (n > GS_KEPT_NAME_MAX || n <= TIME_BYTES + strlen(TAIL) ||
        strcmp(name + n - strlen(TAIL), TAIL) != 0) {
        return false;
    }
    for (size_t i = 0; i < TIME_BYTES; i++) {
        bool digit = name[i] >= '0' && name[i] <= '9';
        if (TIME_FORM[i] == '0' ? !digit : name[i] != TIME_FORM[i]) {
            return false;
        }
    }
    for (size_t i = TIME_BYTES; i < n - strlen(TAIL); i++) {
        if (!(name[i] >= 'a' && name[i] <= 'z') && name[i] != '-') {
            return false;
        }
    }
    return true;
}

/* ---- listing ---- */

static void close_folder(DIR **folder)
{
    if (*folder != NULL) {
        closedir(*folder);
    }
}

/* Where `name` belongs among the newest, and what that pushes out: the oldest of them, or itself.
 */
static bool insert(struct gs_kept *list, unsigned *n, const char *name,
                   char pushed[GS_KEPT_NAME_MAX + 1])
{
    unsigned at = *n;
    bool full = *n == GS_KEPT_MAX;
    while (at > 0 && strcmp(list[at - 1].name, name) < 0) {
        at--;
    }
    if (full) {
        snprintf(pushed, GS_KEPT_NAME_MAX + 1, "%s",
                 at == GS_KEPT_MAX ? name : list[GS_KEPT_MAX - 1].name);
    }
    if (at < GS_KEPT_MAX) {
        unsigned moved = (full ? GS_KEPT_MAX - 1 : *n) - at;
        memmove(&list[at + 1], &list[at], moved * sizeof(list[0]));
        snprintf(list[at].name, sizeof(list[at].name), "%s", name);
        *n += full ? 0 : 1;
    }
    return full;
}

/* The newest, and for each that is older the file is removed where `prune` says so. */
static int walk(const char *path, bool prune, struct gs_kept *list, unsigned *ret_n,
                struct gs_err *err)
{
    GS_CLEANUP(close_folder) DIR *folder = opendir(path);
    *ret_n = 0;
    if (folder == NULL) {
        return errno == ENOENT ? 0 : fail("read", path, err);
    }
    struct dirent *entry;
    errno = 0;
    for (unsigned seen = 0; seen < ENTRIES_MAX && (entry = readdir(folder)) != NULL; seen++) {
        char pushed[GS_KEPT_NAME_MAX + 1];
        if (is_name(entry->d_name) && insert(list, ret_n, entry->d_name, pushed) && prune) {
            (void)unlinkat(dirfd(folder), pushed, 0);
        }
        errno = 0;
    }
    return errno == 0 ? 0 : fail("read", path, err);
}

static int folder_of(const char *dir, char path[PATH_MAX], struct gs_err *err)
{
    int n = snprintf(path, PATH_MAX, "%s/" FOLDER, dir);
    return n > 0 && n < PATH_MAX - GS_KEPT_NAME_MAX - 2
               ? 0
               : gs_fail(err, GS_LIMIT, "the folder %.200s... has too long a name", dir);
}

/* "20261122T112607" as people read it. */
static void describe(struct gs_kept *kept)
{
    const char *n = kept->name;
    snprintf(kept->when, sizeof(kept->when), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", n, n + 4, n + 6,
             n + 9, n + 11, n + 13);
    size_t used = strlen(n) - TIME_BYTES - strlen(TAIL);
    snprintf(kept->what, sizeof(kept->what), "%.*s", (int)used, n + TIME_BYTES);
}

int gs_kept_list(const char *dir, struct gs_kept ret[GS_KEPT_MAX], unsigned *ret_n,
                 struct gs_err *err)
{
    char path[PATH_MAX];
    int r = folder_of(dir, path, err);
    r = r < 0 ? r : walk(path, false, ret, ret_n, err);
    for (unsigned i = 0; r == 0 && i < *ret_n; i++) {
        describe(&ret[i]);
    }
    return r;
}

int gs_kept_path(const char *dir, const struct gs_kept *kept, char ret_path[PATH_MAX],
                 struct gs_err *err)
{
    int r = folder_of(dir, ret_path, err);
    if (r == 0) {
        size_t used = strlen(ret_path);
        snprintf(ret_path + used, PATH_MAX - used, "/%s", kept->name);
    }
    return r;
}

/* ---- writing ---- */

/* "20261122T112607.123Z" */
static void stamp(const struct timespec *at, char ret[STAMP_BYTES + 1])
{
    struct tm utc;
    char text[STAMP_BYTES + 20] = "";
    if (gmtime_r(&at->tv_sec, &utc) != NULL) {
        size_t n = strftime(text, sizeof(text), "%Y%m%dT%H%M%S", &utc);
        snprintf(text + n, sizeof(text) - n, ".%03uZ", (unsigned)(at->tv_nsec / 1000000) % 1000);
    }
    snprintf(ret, STAMP_BYTES + 1, "%s", text);
}

/* A millisecond later, in digits; a clock that is set right again passes it. */
static void count_up(char text[STAMP_BYTES + 1])
{
    for (size_t i = STAMP_BYTES; i-- > 0;) {
        if (text[i] < '0' || text[i] > '9') {
            continue;
        }
        if (text[i]++ < '9') {
            return;
        }
        text[i] = '0';
    }
}

/* Behind all that are there. */
static int next_name(const char *path, const char *what, char ret[GS_KEPT_NAME_MAX + 1],
                     struct gs_err *err)
{
    struct gs_kept list[GS_KEPT_MAX];
    unsigned n;
    struct timespec now;
    char text[STAMP_BYTES + 1];
    clock_gettime(CLOCK_REALTIME, &now);
    stamp(&now, text);
    int r = walk(path, false, list, &n, err);
    if (r == 0 && n > 0 && strncmp(list[0].name, text, STAMP_BYTES) >= 0) {
        memcpy(text, list[0].name, STAMP_BYTES);
        count_up(text);
    }
    snprintf(ret, GS_KEPT_NAME_MAX + 1, "%s-%.20s" TAIL, text, what);
    return r;
}

static int put(int fd, struct gs_view bytes)
{
    while (bytes.n > 0) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno != EINTR) {
            return -1;
        }
        bytes.p += n > 0 ? n : 0;
        bytes.n -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* Written beside its place, and there when it is whole. */
static int write_file(const char *folder, const char *name, struct gs_view bytes,
                      char ret_path[PATH_MAX], struct gs_err *err)
{
    char beside[PATH_MAX];
    snprintf(ret_path, PATH_MAX, "%.*s/%s", PATH_MAX - GS_KEPT_NAME_MAX - 2, folder, name);
    snprintf(beside, sizeof(beside), "%.*s/new", PATH_MAX - GS_KEPT_NAME_MAX - 2, folder);
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) {
        return fail("write", beside, err);
    }
    int failed = put(fd, bytes);
    int saved = errno;
    if (close(fd) < 0 && failed == 0) {
        failed = -1;
        saved = errno;
    }
    if (failed == 0 && rename(beside, ret_path) < 0) {
        failed = -1;
        saved = errno;
    }
    if (failed < 0) {
        (void)unlink(beside);
        errno = saved;
        return fail("write", ret_path, err);
    }
    return 0;
}

int gs_kept_write(const char *dir, const char *what, struct gs_view bytes, char ret_path[PATH_MAX],
                  struct gs_err *err)
{
    struct gs_kept list[GS_KEPT_MAX];
    unsigned n;
    char path[PATH_MAX];
    char name[GS_KEPT_NAME_MAX + 1];
    int r = folder_of(dir, path, err);
    if (r == 0 && mkdir(path, 0755) < 0 && errno != EEXIST) {
        r = fail("make", path, err);
    }
    r = r < 0 ? r : next_name(path, what, name, err);
    r = r < 0 ? r : write_file(path, name, bytes, ret_path, err);
    if (r == 0) {
        (void)walk(path, true, list, &n, NULL);
    }
    return r;
}
