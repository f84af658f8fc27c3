#include "term/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where the bytes go. */
struct target {
    const char *option;
    const char *path; /* as the user wrote it */
    char real[PATH_MAX];
    mode_t mode; /* of the file that is there, or what a new one gets */
    struct gs_err *err;
};

static int fail(const struct target *to, const char *what)
{
    return gs_fail_errno(to->err, errno, "--%s: cannot %s %.300s", to->option, what, to->path);
}

static int write_all(const struct target *to, int fd, struct gs_view bytes)
{
    while (bytes.n > 0) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno != EINTR) {
            return fail(to, "write");
        }
        bytes.p += n > 0 ? n : 0;
        bytes.n -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* What of it is not on its way after close shows there at the latest. */
static int write_and_close(const struct target *to, int fd, struct gs_view bytes, bool sync)
{
    int r = write_all(to, fd, bytes);
    if (r == 0 && sync && fsync(fd) < 0) {
        r = fail(to, "write");
    }
    if (close(fd) < 0 && r == 0) {
        r = fail(to, "write");
    }
    return r;
}

static mode_t mode_of_new(void)
{
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

static int write_beside(struct target *to, struct gs_view bytes)
{
    char beside[PATH_MAX + 16];
    snprintf(beside, sizeof(beside), "%s.XXXXXX", to->real);
    int fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0) {
        return fail(to, "create");
    }
    if (fchmod(fd, to->mode) < 0) {
        int r = fail(to, "set the mode of");
        close(fd);
        unlink(beside);
        return r;
    }
    int r = write_and_close(to, fd, bytes, true);
    if (r == 0 && rename(beside, to->real) < 0) {
        r = fail(to, "replace");
    }
    if (r < 0) {
        unlink(beside);
    }
    return r;
}

static int write_into(const struct target *to, struct gs_view bytes)
{
    int fd = open(to->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    return fd < 0 ? fail(to, "open") : write_and_close(to, fd, bytes, false);
}

/* Of a link to nothing: what it names, empty for now, so that it has a path of its own. */
static int make_named(const struct target *to)
{
    int fd = open(to->path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
    if (fd < 0 || close(fd) < 0) {
        return fail(to, "create");
    }
    return 0;
}

static bool is_link(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

static int write_new(struct target *to, struct gs_view bytes)
{
    to->mode = mode_of_new();
    if (!is_link(to->path)) {
        if (snprintf(to->real, sizeof(to->real), "%s", to->path) >= (int)sizeof(to->real)) {
            errno = ENAMETOOLONG;
            return fail(to, "create");
        }
        return write_beside(to, bytes);
    }
    int r = make_named(to);
    if (r == 0 && realpath(to->path, to->real) == NULL) {
        return fail(to, "create");
    }
    r = r < 0 ? r : write_beside(to, bytes);
    if (r < 0 && to->real[0] != '\0') {
        unlink(to->real);
    }
    return r;
}

int gs_outfile_write(const char *option, const char *path, struct gs_view bytes, struct gs_err *err)
{
    struct target to = {.option = option, .path = path, .real = "", .err = err};
    struct stat st;
    bool there = stat(path, &st) == 0;
    if (!there && errno != ENOENT) {
        return fail(&to, "write");
    }
    if (there && S_ISDIR(st.st_mode)) {
        return gs_fail(err, GS_INVALID, "--%s: %.300s is a directory; expected a file", option,
                       path);
    }
    if (!there) {
        return write_new(&to, bytes);
    }
    if (!S_ISREG(st.st_mode)) {
        return write_into(&to, bytes);
    }
    to.mode = st.st_mode & 07777;
    return realpath(path, to.real) == NULL ? fail(&to, "write") : write_beside(&to, bytes);
}

int gs_outfile_spare(const char *option, const char *path, const struct gs_infile *input,
                     struct gs_err *err)
{
    struct stat in, out;
    if (fstat(input->fd, &in) < 0 || stat(path, &out) < 0 || !S_ISREG(out.st_mode) ||
        in.st_dev != out.st_dev || in.st_ino != out.st_ino) {
        return 0;
    }
    return gs_fail(
        err, GS_INVALID,
        "--%s: %.200s is the input %.200s, which it would replace; expected another file", option,
        path, input->label);
}
