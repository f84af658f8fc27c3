#include "boot/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

/* Reads to the end, or to one byte more than `max`. */
static ssize_t read_all(int fd, char *bytes, size_t max)
{
    size_t used = 0;
    while (used <= max) {
        ssize_t n = read(fd, bytes + used, max + 1 - used);
        if (n < 0 && errno != EINTR) {
            return -1;
        }
        if (n == 0) {
            break;
        }
        used += n > 0 ? (size_t)n : 0;
    }
    return (ssize_t)used;
}

int gs_boot_file_read(const char *path, size_t max, struct gs_arena *arena, struct gs_view *ret,
                      struct gs_err *err)
{
    struct stat st;
    GS_CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ENOENT) {
        return gs_fail(err, GS_NOT_FOUND, "there is no file %s", path);
    }
    if (fd < 0 || fstat(fd, &st) < 0) {
        return gs_fail_errno(err, errno, "cannot read %s", path);
    }
    if (!S_ISREG(st.st_mode)) {
        return gs_fail(err, GS_INVALID, "%s is no regular file", path);
    }
    char *bytes = gs_arena_get_raw(arena, 1, max + 2);
    if (bytes == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for %s", path);
    }
    ssize_t n = read_all(fd, bytes, max);
    if (n < 0) {
        return gs_fail_errno(err, errno, "cannot read %s", path);
    }
    if ((size_t)n > max) {
        return gs_fail(err, GS_LIMIT, "%s has more than %zu bytes, which are the most", path, max);
    }
    bytes[n] = '\0';
    *ret = (struct gs_view){.p = bytes, .n = (size_t)n};
    return 0;
}

int gs_boot_folder_make(const char *path, struct gs_err *err)
{
    char part[PATH_MAX];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof(part)) {
        return gs_fail_errno(err, n == 0 ? EINVAL : ENAMETOOLONG, "the folder %.300s", path);
    }
    memcpy(part, path, n + 1);
    for (char *slash = part;; slash++) {
        slash = strchr(slash + 1, '/');
        if (slash != NULL) {
            *slash = '\0';
        }
        if (mkdir(part, 0755) < 0 && errno != EEXIST) {
            return gs_fail_errno(err, errno, "cannot make the folder %s", part);
        }
        if (slash == NULL || slash[1] == '\0') {
            return 0;
        }
        *slash = '/';
    }
}

/* The folder that a path is in. */
static void folder_of(const char *path, char ret[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        snprintf(ret, PATH_MAX, ".");
    } else {
        snprintf(ret, PATH_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    }
}

/* A name in a folder is on the disk when the folder is. */
static int sync_folder(const char *folder, struct gs_err *err)
{
    GS_CLEANUP(close_fd) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0) {
        return gs_fail_errno(err, errno, "cannot bring the folder %s to the disk", folder);
    }
    return 0;
}

static int write_all(int fd, struct gs_view bytes)
{
    while (bytes.n > 0) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno != EINTR) {
            return -1;
        }
        bytes.p += n > 0 ? n : 0;
        bytes.n -= n > 0 ? (size_t)n : 0;
    }
    return fsync(fd);
}

/* Owner and mode of the file that it takes the place of. Who may not give files away keeps it. */
static int dress(int fd, const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0) {
        return errno == ENOENT ? fchmod(fd, 0644) : -1;
    }
    if (fchown(fd, st.st_uid, st.st_gid) < 0 && errno != EPERM) {
        return -1;
    }
    return fchmod(fd, st.st_mode & 07777);
}

static int write_beside(const char *path, struct gs_view bytes, struct gs_err *err)
{
    char beside[PATH_MAX + 16];
    snprintf(beside, sizeof(beside), "%s.XXXXXX", path);
    int fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0) {
        return gs_fail_errno(err, errno, "cannot make a file beside %s", path);
    }
    int e = dress(fd, path) < 0 || write_all(fd, bytes) < 0 ? errno : 0;
    if (close(fd) < 0 && e == 0) {
        e = errno;
    }
    if (e == 0 && rename(beside, path) < 0) {
        e = errno;
    }
    if (e != 0) {
        unlink(beside);
        return gs_fail_errno(err, e, "cannot write %s", path);
    }
    return 0;
}

int gs_boot_file_replace(const char *path, struct gs_view bytes, struct gs_err *err)
{
    char real[PATH_MAX];
    char folder[PATH_MAX];
    if (realpath(path, real) == NULL) {
        if (errno != ENOENT || strlen(path) >= sizeof(real)) {
            return gs_fail_errno(err, errno, "cannot write %.300s", path);
        }
        memcpy(real, path, strlen(path) + 1);
    }
    folder_of(real, folder);
    int r = gs_boot_folder_make(folder, err);
    r = r < 0 ? r : write_beside(real, bytes, err);
    return r < 0 ? r : sync_folder(folder, err);
}

int gs_boot_file_remove(const char *path, struct gs_err *err)
{
    char folder[PATH_MAX];
    if (unlink(path) < 0) {
        return errno == ENOENT ? 0 : gs_fail_errno(err, errno, "cannot remove %s", path);
    }
    folder_of(path, folder);
    return sync_folder(folder, err);
}
