#include "net/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int gs_lines_open(struct gs_lines *lines, int fd, struct gs_err *err)
{
    char path[32];
    *lines = (struct gs_lines){.fd = -1};
    gs_buf_init(&lines->rest, GS_LINES_BYTES_MAX);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    lines->fd = open(path, O_WRONLY | O_NONBLOCK | O_APPEND | O_CLOEXEC | O_NOCTTY);
    if (lines->fd < 0) { /* a socket; send() can be told not to wait */
        lines->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    }
    return lines->fd < 0 ? gs_fail_errno(err, errno, "opening descriptor %d for lines", fd) : 0;
}

void gs_lines_close(struct gs_lines *lines)
{
    if (lines->fd >= 0) {
        close(lines->fd);
    }
    gs_buf_done(&lines->rest);
    lines->fd = -1;
}

static ssize_t write_some(int fd, const char *bytes, size_t n)
{
    ssize_t k = send(fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    return k < 0 && errno == ENOTSOCK ? write(fd, bytes, n) : k;
}

/* Writes on with what is kept. True: nothing is left of it. */
static bool flush(struct gs_lines *lines)
{
    while (lines->written < lines->rest.len) {
        ssize_t k = write_some(lines->fd, gs_buf_text(&lines->rest) + lines->written,
                               lines->rest.len - lines->written);
        if (k < 0 && errno == EINTR) {
            continue;
        }
        if (k < 0 && errno != EAGAIN) { /* nobody will read it any more */
            break;
        }
        if (k <= 0) {
            return false;
        }
        lines->written += (size_t)k;
    }
    bool all = lines->written == lines->rest.len;
    lines->written = 0;
    gs_buf_reset(&lines->rest);
    return all;
}

bool gs_lines_put(struct gs_lines *lines, const char *text, size_t n)
{
    if (lines->fd < 0 || !flush(lines)) {
        lines->dropped++;
        return false;
    }
    gs_buf_put(&lines->rest, text, n);
    if (!gs_buf_ok(&lines->rest)) {
        gs_buf_reset(&lines->rest);
        lines->dropped++;
        return false;
    }
    (void)flush(lines);
    return true;
}
