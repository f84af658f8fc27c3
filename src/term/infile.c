#include "term/infile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_BYTES = 64 * 1024, BEFORE_MAX = 64 };

/* "--demand-file: ", or nothing where an operand names the file. */
static const char *before(const char *option, char text[BEFORE_MAX])
{
    text[0] = '\0';
    if (option != NULL) {
        (void)snprintf(text, BEFORE_MAX, "--%s: ", option);
    }
    return text;
}

static int check_kind(struct gs_infile *file, const char *option, struct gs_err *err)
{
    struct stat st;
    char text[BEFORE_MAX];
    if (fstat(file->fd, &st) < 0) {
        return gs_fail_errno(err, errno, "%scannot read %.300s", before(option, text), file->label);
    }
    if (S_ISDIR(st.st_mode)) {
        return gs_fail(err, GS_INVALID,
                       "%s%.300s is a directory; expected a file, or - for "
                       "stdin",
                       before(option, text), file->label);
    }
    file->size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    return 0;
}

int gs_infile_open(struct gs_infile *file, const char *option, const char *path, struct gs_err *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    struct gs_infile opened = {
        .label = is_stdin ? "stdin" : path,
        .fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY),
    };
    if (opened.fd < 0) {
        char text[BEFORE_MAX];
        return gs_fail_errno(err, errno, "%scannot open %.300s", before(option, text), path);
    }
    int r = check_kind(&opened, option, err);
    if (r < 0) {
        gs_infile_close(&opened);
        return r;
    }
    *file = opened;
    return 0;
}

void gs_infile_close(struct gs_infile *file)
{
    if (file->fd > STDIN_FILENO) {
        close(file->fd);
    }
    file->fd = -1;
}

int gs_infile_read(void *ctx, void *bytes, size_t size, size_t *ret_n, struct gs_err *err)
{
    const struct gs_infile *file = ctx;
    ssize_t n;
    do {
        n = read(file->fd, bytes, size);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return gs_fail_errno(err, errno, "cannot read %.300s", file->label);
    }
    *ret_n = (size_t)n;
    return 0;
}

static int fail_size(const struct gs_infile *file, size_t max_bytes, struct gs_err *err)
{
    return gs_fail(err, GS_LIMIT, "%.300s: expected a file of %zu bytes at most", file->label,
                   max_bytes);
}

/* Makes room for at least one more byte, and never for more than one beyond max_bytes. */
static int grow(const struct gs_infile *file, struct gs_arena *arena, size_t max_bytes,
                char **bytes, size_t *cap, size_t n, struct gs_err *err)
{
    if (n < *cap) {
        return 0;
    }
    size_t wanted = *cap == 0 ? FIRST_BYTES : *cap * 2;
    wanted =
        *cap == 0 && file->size > 0 && file->size <= max_bytes ? (size_t)file->size + 1 : wanted;
    wanted = wanted > max_bytes + 1 ? max_bytes + 1 : wanted;
    char *more = gs_arena_get_raw(arena, wanted, 1);
    if (more == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory to hold %.300s", file->label);
    }
    if (n > 0) {
        memcpy(more, *bytes, n);
    }
    *bytes = more;
    *cap = wanted;
    return 0;
}

int gs_infile_whole(struct gs_infile *file, struct gs_arena *arena, size_t max_bytes,
                    struct gs_view *ret, struct gs_err *err)
{
    if (file->size > max_bytes) {
        return fail_size(file, max_bytes, err);
    }
    char *bytes = NULL;
    size_t cap = 0;
    size_t n = 0;
    size_t got = 1;
    while (got > 0) {
        int r = grow(file, arena, max_bytes, &bytes, &cap, n, err);
        r = r == 0 ? gs_infile_read(file, bytes + n, cap - n, &got, err) : r;
        if (r < 0) {
            return r;
        }
        n += got;
        if (n > max_bytes) {
            return fail_size(file, max_bytes, err);
        }
    }
    *ret = (struct gs_view){.p = bytes, .n = n};
    return 0;
}
