#include "partition/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "partition/journal_text.h"

static int real_reserve(void *ctx, int fd, off_t size)
{
    (void)ctx;
    int e = posix_fallocate(fd, 0, size);
    errno = e;
    return e == 0 ? 0 : -1;
}

static ssize_t real_write(void *ctx, int fd, const void *bytes, size_t n, off_t at)
{
    (void)ctx;
    return pwrite(fd, bytes, n, at);
}

static const struct gs_journal_io real_io = {.reserve = real_reserve, .write = real_write};

static int path_of(const char *dir, char path[600], struct gs_err *err)
{
    if (snprintf(path, 600, "%s/journal", dir) >= 600) {
        return gs_fail(err, GS_LIMIT, "the name of the folder for lock and journal is too long");
    }
    return 0;
}

static int write_all(struct gs_journal *journal, const char *bytes, size_t n, struct gs_err *err)
{
    while (n > 0) {
        ssize_t done = journal->io->write(journal->io->ctx, journal->fd, bytes, n, journal->at);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return gs_fail_errno(err, done < 0 ? errno : ENOSPC,
                                 "the journal %.200s cannot be written, so nothing more is changed",
                                 journal->path);
        }
        bytes += done;
        n -= (size_t)done;
        journal->at += done;
    }
    return 0;
}

static int write_record(struct gs_journal *journal, const char *text, struct gs_err *err)
{
    char record[GS_JOURNAL_RECORD_MAX];
    int n = gs_journal_frame(gs_view(text), record, sizeof(record));
    if (n < 0) {
        return gs_fail(err, GS_LIMIT, "a record of the journal is too long");
    }
    return write_all(journal, record, (size_t)n, err);
}

static int begin(struct gs_journal *journal, const char *what, bool exit_hook, unsigned n_steps,
                 struct gs_err *err)
{
    off_t room = ((off_t)n_steps + 2) * GS_JOURNAL_RECORD_MAX;
    if (journal->io->reserve(journal->io->ctx, journal->fd, room) < 0) {
        return gs_fail_errno(err, errno,
                             "no room for the journal %.200s (%lld bytes), so nothing is changed",
                             journal->path, (long long)room);
    }
    char text[GS_JOURNAL_RECORD_MAX / 2];
    snprintf(text, sizeof(text), "begin pid=%ld %swhat=%.*s", (long)getpid(),
             exit_hook ? "exit-hook=1 " : "", GS_JOURNAL_WHAT_MAX, what);
    return write_record(journal, text, err);
}

int gs_journal_open(struct gs_journal *journal, const char *dir, const char *what, bool exit_hook,
                    unsigned n_steps, const struct gs_journal_io *io, struct gs_err *err)
{
    *journal = (struct gs_journal){.fd = -1, .io = io == NULL ? &real_io : io};
    int r = path_of(dir, journal->path, err);
    if (r < 0) {
        return r;
    }
    journal->fd = open(journal->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (journal->fd < 0) {
        return gs_fail_errno(err, errno, "the journal %.200s cannot be made, so nothing is changed",
                             journal->path);
    }
    r = begin(journal, what, exit_hook, n_steps, err);
    if (r < 0) {
        gs_journal_close(journal, NULL);
    }
    return r;
}

int gs_journal_write(struct gs_journal *journal, const struct gs_journal_step *step,
                     struct gs_err *err)
{
    char text[GS_JOURNAL_RECORD_MAX];
    int r = gs_journal_format_step(step, text, sizeof(text), err);
    return r < 0 ? r : write_record(journal, text, err);
}

int gs_journal_close(struct gs_journal *journal, struct gs_err *err)
{
    if (journal->fd < 0) {
        return 0;
    }
    close(journal->fd);
    journal->fd = -1;
    if (unlink(journal->path) < 0 && errno != ENOENT) {
        return gs_fail_errno(err, errno, "the journal %.200s cannot be removed", journal->path);
    }
    return 0;
}

int gs_journal_remove(const char *dir, struct gs_err *err)
{
    char path[600];
    int r = path_of(dir, path, err);
    if (r == 0 && unlink(path) < 0 && errno != ENOENT) {
        r = gs_fail_errno(err, errno, "the journal %.200s cannot be removed", path);
    }
    return r;
}

/* Reads up to `size` bytes; -1 and errno. */
static ssize_t read_whole(int fd, char *bytes, size_t size)
{
    size_t n = 0;
    while (n < size) {
        ssize_t got = pread(fd, bytes + n, size - n, (off_t)n);
        if (got < 0 && errno != EINTR) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        n += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)n;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

static void free_bytes(char **bytes)
{
    free(*bytes);
}

int gs_journal_load(const char *dir, struct gs_journal_left *ret, struct gs_err *err)
{
    char path[600];
    int r = path_of(dir, path, err);
    if (r < 0) {
        return r;
    }
    GS_CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat stat;
    if (fd < 0 && errno == ENOENT) {
        return GS_NOT_FOUND;
    }
    if (fd < 0 || fstat(fd, &stat) < 0) {
        return gs_fail_errno(err, errno, "the journal %.200s cannot be read", path);
    }
    if (!S_ISREG(stat.st_mode) || stat.st_size > GS_JOURNAL_MAX) {
        return gs_fail(err, GS_INVALID, "%.200s is not a journal of gpuslice: remove it", path);
    }
    GS_CLEANUP(free_bytes) char *bytes = malloc((size_t)stat.st_size + 1);
    ssize_t n = bytes == NULL ? 0 : read_whole(fd, bytes, (size_t)stat.st_size);
    if (bytes == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the journal");
    }
    if (n < 0) {
        return gs_fail_errno(err, errno, "the journal %.200s cannot be read", path);
    }
    r = gs_journal_parse((struct gs_view){.p = bytes, .n = (size_t)n}, ret, err);
    return r < 0 ? gs_wrap(err, r, "the journal %.200s", path) : 0;
}
