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
    ENTRIES_MAX = 10000,
    YEAR_MIN = 1970,
    YEAR_MAX = 9998,      /* so that there is always one behind it that has four digits */
    CLOCK_SLACK_MS = 1000 /* a file's time may be a tick of the kernel behind the clock */
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

/* The time that a name tells, in milliseconds since 1970. False: there is none such, as the 31st
 * of June. */
static bool read_time(const char *name, uint64_t *ret_ms)
{
    unsigned part[7] = {0}; /* year to millisecond */
    static const unsigned digits[7] = {4, 2, 2, 2, 2, 2, 3};
    const char *p = name;
    for (unsigned i = 0; i < 7; i++) {
        p += *p >= '0' && *p <= '9' ? 0 : 1;
        for (unsigned k = 0; k < digits[i]; k++) {
            part[i] = part[i] * 10 + (unsigned)(*p++ - '0');
        }
    }
    struct tm utc = {.tm_year = (int)part[0] - 1900,
                     .tm_mon = (int)part[1] - 1,
                     .tm_mday = (int)part[2],
                     .tm_hour = (int)part[3],
                     .tm_min = (int)part[4],
                     .tm_sec = (int)part[5]};
    const struct tm told = utc;
    time_t at = timegm(&utc); /* which makes the 1st of July of it */
    if (part[0] < YEAR_MIN || part[0] > YEAR_MAX || utc.tm_mon != told.tm_mon ||
        utc.tm_mday != told.tm_mday || utc.tm_hour != told.tm_hour || utc.tm_min != told.tm_min ||
        utc.tm_sec != told.tm_sec) {
        return false;
    }
    *ret_ms = (uint64_t)at * 1000 + part[6];
    return true;
}

static uint64_t to_ms(const struct timespec *at)
{
    return at->tv_sec < 0 ? 0 : (uint64_t)at->tv_sec * 1000 + (uint64_t)at->tv_nsec / 1000000;
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return to_ms(&now);
}

/* ---- listing ---- */

static void close_folder(DIR **folder)
{
    if (*folder != NULL) {
        closedir(*folder);
    }
}

/* Why it is not read; NULL: it is regular. */
static const char *odd_kind(mode_t mode)
{
    if (S_ISREG(mode)) {
        return NULL;
    }
    return S_ISLNK(mode)    ? "it is a symbolic link; expected a regular file"
           : S_ISFIFO(mode) ? "it is a named pipe; expected a regular file"
           : S_ISDIR(mode)  ? "it is a directory; expected a regular file"
                            : "it is a socket or a device; expected a regular file";
}

/* Why it has no number; NULL: it has. `gone`: it is not there any more. */
static const char *odd_entry(int folder, const char *name, uint64_t now, bool *gone)
{
    struct stat st;
    uint64_t told;
    *gone = fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0;
    if (*gone || odd_kind(st.st_mode) != NULL) {
        return *gone ? NULL : odd_kind(st.st_mode);
    }
    if (!read_time(name, &told)) {
        return "its name tells a time that there is not; expected a date and a time of the years "
               "1970 to 9998";
    }
    return told > now + CLOCK_SLACK_MS && to_ms(&st.st_mtim) <= now
               ? "its name tells a time to come, and the file is not of then: it was put there or "
                 "renamed; expected one that a command kept"
               : NULL;
}

static void add_odd(struct gs_kept_odds *odds, const char *name, const char *why)
{
    if (odds == NULL) {
        return;
    }
    if (odds->n < GS_KEPT_MAX) {
        struct gs_kept_odd *odd = &odds->at[odds->n];
        snprintf(odd->name, sizeof(odd->name), "%.*s", GS_KEPT_NAME_MAX, name);
        odd->why = why;
    }
    odds->n++;
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
        snprintf(pushed, GS_KEPT_NAME_MAX + 1, "%.*s", GS_KEPT_NAME_MAX,
                 at == GS_KEPT_MAX ? name : list[GS_KEPT_MAX - 1].name);
    }
    if (at < GS_KEPT_MAX) {
        unsigned moved = (full ? GS_KEPT_MAX - 1 : *n) - at;
        memmove(&list[at + 1], &list[at], moved * sizeof(list[0]));
        snprintf(list[at].name, sizeof(list[at].name), "%.*s", GS_KEPT_NAME_MAX, name);
        *n += full ? 0 : 1;
    }
    return full;
}

/* One entry of the folder. */
static void take(int folder, const char *name, bool prune, struct gs_kept *list, unsigned *n,
                 struct gs_kept_odds *odds)
{
    char pushed[GS_KEPT_NAME_MAX + 1];
    bool gone;
    const char *why = odd_entry(folder, name, now_ms(), &gone);
    if (why != NULL) {
        add_odd(odds, name, why);
    } else if (!gone && insert(list, n, name, pushed) && prune) {
        (void)unlinkat(folder, pushed, 0);
    }
}

/* The newest, and for each that is older the file is removed where `prune` says so. `odds` may be
 * NULL. */
static int walk(const char *path, bool prune, struct gs_kept *list, unsigned *ret_n,
                struct gs_kept_odds *odds, struct gs_err *err)
{
    GS_CLEANUP(close_folder) DIR *folder = opendir(path);
    *ret_n = 0;
    if (folder == NULL) {
        return errno == ENOENT ? 0 : fail("read", path, err);
    }
    struct dirent *entry;
    errno = 0;
    for (unsigned seen = 0; seen < ENTRIES_MAX && (entry = readdir(folder)) != NULL; seen++) {
        if (is_name(entry->d_name)) {
            take(dirfd(folder), entry->d_name, prune, list, ret_n, odds);
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
    uint64_t told = 0;
    kept->to_come = read_time(n, &told) && told > now_ms() + CLOCK_SLACK_MS;
}

int gs_kept_list(const char *dir, struct gs_kept ret[GS_KEPT_MAX], unsigned *ret_n,
                 struct gs_kept_odds *ret_odds, struct gs_err *err)
{
    char path[PATH_MAX];
    int r = folder_of(dir, path, err);
    ret_odds->n = 0;
    r = r < 0 ? r : walk(path, false, ret, ret_n, ret_odds, err);
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

int gs_kept_open(const char *path, struct gs_infile *ret, struct gs_err *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return errno == ELOOP ? gs_fail(err, GS_INVALID, "%.300s: %s", path, odd_kind(S_IFLNK))
                              : fail("open", path, err);
    }
    int r = fstat(fd, &st) < 0 ? fail("read", path, err) : 0;
    if (r == 0 && odd_kind(st.st_mode) != NULL) {
        r = gs_fail(err, GS_INVALID, "%.300s: %s", path, odd_kind(st.st_mode));
    }
    if (r < 0) {
        close(fd);
        return r;
    }
    *ret = (struct gs_infile){.label = path, .fd = fd, .size = (uint64_t)st.st_size};
    return 0;
}

/* ---- writing ---- */

/* "20261122T112607.123Z" */
static void stamp(uint64_t at_ms, char ret[STAMP_BYTES + 1])
{
    struct tm utc;
    time_t seconds = (time_t)(at_ms / 1000);
    char text[STAMP_BYTES + 20] = "";
    if (gmtime_r(&seconds, &utc) != NULL) {
        size_t n = strftime(text, sizeof(text), "%Y%m%dT%H%M%S", &utc);
        snprintf(text + n, sizeof(text) - n, ".%03uZ", (unsigned)(at_ms % 1000));
    }
    snprintf(ret, STAMP_BYTES + 1, "%s", text);
}

/* Behind all that are there; a clock that is set right again passes it. *ret_ms is what it tells.
 */
static int next_name(const char *path, const char *what, char ret[GS_KEPT_NAME_MAX + 1],
                     uint64_t *ret_ms, struct gs_err *err)
{
    struct gs_kept list[GS_KEPT_MAX];
    unsigned n;
    uint64_t newest = 0;
    uint64_t again;
    char text[STAMP_BYTES + 1];
    uint64_t at = now_ms();
    int r = walk(path, false, list, &n, NULL, err);
    if (r == 0 && n > 0 && read_time(list[0].name, &newest) && newest >= at) {
        at = newest + 1;
    }
    stamp(at, text);
    snprintf(ret, GS_KEPT_NAME_MAX + 1, "%s-%.20s" TAIL, text, what);
    *ret_ms = at;
    if (r == 0 && !(is_name(ret) && read_time(ret, &again))) {
        r = gs_fail(err, GS_LIMIT,
                    "a checkpoint cannot be named behind %.80s in %.300s; expected a time of the "
                    "years 1970 to 9998: set the clock right, or remove that file",
                    n > 0 ? list[0].name : "none", path);
    }
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
static int write_file(const char *folder, const char *name, uint64_t at_ms, struct gs_view bytes,
                      char ret_path[PATH_MAX], struct gs_err *err)
{
    char beside[PATH_MAX];
    const struct timespec at = {.tv_sec = (time_t)(at_ms / 1000),
                                .tv_nsec = (long)(at_ms % 1000) * 1000000};
    snprintf(ret_path, PATH_MAX, "%.*s/%s", PATH_MAX - GS_KEPT_NAME_MAX - 2, folder, name);
    snprintf(beside, sizeof(beside), "%.*s/new", PATH_MAX - GS_KEPT_NAME_MAX - 2, folder);
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) {
        return fail("write", beside, err);
    }
    int failed = put(fd, bytes);
    if (failed == 0) { /* as its name, which is how it is known as ours after the clock is set */
        failed = futimens(fd, (const struct timespec[2]){at, at});
    }
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
    uint64_t at_ms = 0;
    int r = folder_of(dir, path, err);
    if (r == 0 && mkdir(path, 0755) < 0 && errno != EEXIST) {
        r = fail("make", path, err);
    }
    r = r < 0 ? r : next_name(path, what, name, &at_ms, err);
    r = r < 0 ? r : write_file(path, name, at_ms, bytes, ret_path, err);
    if (r == 0) {
        (void)walk(path, true, list, &n, NULL, NULL);
    }
    return r;
}
