#include "gpu/root_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"

bool gs_root_path(char ret[GS_ROOT_PATH_MAX], const char *root, const char *path)
{
    int n = snprintf(ret, GS_ROOT_PATH_MAX, "%s%s", root, path);
    return n > 0 && n < GS_ROOT_PATH_MAX;
}

static void close_fd(const int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

int gs_root_read(const char *root, const char *path, struct gs_buf *ret, struct gs_err *err)
{
    char full[GS_ROOT_PATH_MAX];
    if (!gs_root_path(full, root, path)) {
        return gs_fail(err, GS_LIMIT, "the path of %s below %.200s... is too long", path, root);
    }
    /* a file that is no file must not make us wait */
    GS_CLEANUP(close_fd) int fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        return gs_fail(err, GS_NOT_FOUND, "there is no %.300s", full);
    }
    for (;;) {
        char bytes[4096];
        ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));
        if (n < 0 && fd >= 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return gs_fail_errno(err, errno, "reading %.300s", full);
        }
        if (n == 0) {
            break;
        }
        gs_buf_put(ret, bytes, (size_t)n);
        if (!gs_buf_ok(ret)) {
            return ret->len + (size_t)n > ret->max
                       ? gs_fail(err, GS_LIMIT, "%.300s has more than %zu bytes", full, ret->max)
                       : gs_fail(err, GS_NO_MEMORY, "no memory to read %.300s", full);
        }
    }
    return 0;
}
