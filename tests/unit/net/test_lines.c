#include "unit/check.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/lines.h"

/* What is there to read, now. */
static size_t take(int fd, char *into, size_t size)
{
    size_t n = 0;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    while (n < size && poll(&ready, 1, 0) > 0) {
        ssize_t k = read(fd, into + n, size - n);
        if (k <= 0) {
            break;
        }
        n += (size_t)k;
    }
    return n;
}

static void lines__arrive_whole_though_the_reader_is_slow(void **state)
{
    enum { LINE = 30000, TRIES = 20 };
    static char line[LINE];
    static char found[(size_t)LINE * TRIES];
    struct gs_lines lines;
    size_t n = 0;
    int ends[2];
    (void)state;
    assert_int_equal(pipe(ends), 0); /* 64 KiB */
    assert_int_equal(gs_lines_open(&lines, ends[1], NULL), 0);
    memset(line, 'a', LINE);
    line[LINE - 1] = '\n';
    unsigned taken = 0;
    for (unsigned i = 0; i < TRIES; i++) {
        taken += gs_lines_put(&lines, line, LINE);
        if (i % 5 == 4) {
            n += take(ends[0], found + n, sizeof(found) - n);
        }
    }
    n += take(ends[0], found + n, sizeof(found) - n);
    taken += gs_lines_put(&lines, line, LINE); /* the rest of the one before goes first */
    n += take(ends[0], found + n, sizeof(found) - n);
    assert_in_range(taken, 3, TRIES);
    assert_int_equal(lines.dropped, TRIES + 1 - taken);
    assert_int_equal(n, (size_t)taken * LINE);
    for (unsigned i = 0; i < taken; i++) {
        assert_memory_equal(found + (size_t)i * LINE, line, LINE);
    }
    assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0); /* others still wait */
    gs_lines_close(&lines);
    close(ends[0]);
    close(ends[1]);
}

static void lines__to_nobody_are_dropped(void **state)
{
    struct gs_lines lines;
    int ends[2];
    char text[200000];
    (void)state;
    memset(text, 'a', sizeof(text));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(gs_lines_open(&lines, ends[1], NULL), 0);
    for (unsigned i = 0; i < 10; i++) {
        (void)gs_lines_put(&lines, text, sizeof(text)); /* does not wait on a socket, either */
    }
    assert_in_range(lines.dropped, 5, 10);
    close(ends[0]);
    (void)gs_lines_put(&lines, "a\n", 2); /* no SIGPIPE */
    gs_lines_close(&lines);
    close(ends[1]);
}

static void lines__to_a_file_are_there(void **state)
{
    char path[] = "/tmp/gs-lines-XXXXXX";
    char found[64];
    struct gs_lines lines;
    int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(gs_lines_open(&lines, fd, NULL), 0);
    assert_true(gs_lines_put(&lines, "one\n", 4));
    assert_true(gs_lines_put(&lines, "two\n", 4));
    gs_lines_close(&lines);
    assert_int_equal(pread(fd, found, sizeof(found), 0), 8);
    assert_memory_equal(found, "one\ntwo\n", 8);
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines__arrive_whole_though_the_reader_is_slow),
        cmocka_unit_test(lines__to_nobody_are_dropped),
        cmocka_unit_test(lines__to_a_file_are_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
