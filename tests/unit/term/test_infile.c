#include "unit/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "term/infile.h"
#include "unit/scratch.h"

enum { BYTES = 200000, LESS = 1000 };

static char folder[SCRATCH_PATH];

/* A file of so many bytes, each the last digit of its place. */
static void make_file(char path[SCRATCH_PATH + 8], size_t bytes)
{
    assert_true(scratch_make("gpuslice-test", folder, sizeof(folder)));
    snprintf(path, SCRATCH_PATH + 8, "%s/file", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    for (size_t i = 0; i < bytes; i++) {
        char c = (char)('0' + i % 10);
        assert_int_equal(write(fd, &c, 1), 1);
    }
    close(fd);
}

static void remove_file(const char *path)
{
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
    scratch_forget(folder);
}

static void check_whole(const char *path, size_t expected)
{
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    GS_CLEANUP(gs_infile_close) struct gs_infile file = {.fd = -1};
    struct gs_view bytes;
    gs_arena_init(&arena, &gs_alloc_heap, 8 << 20);
    assert_int_equal(gs_infile_open(&file, "pods", path, NULL), 0);
    assert_int_equal(gs_infile_whole(&file, &arena, BYTES, &bytes, NULL), 0);
    assert_int_equal(bytes.n, expected);
    for (size_t i = 0; i < expected; i++) {
        assert_int_equal(bytes.p[i], '0' + i % 10);
    }
}

static void infile__reads_a_file_to_its_end(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, BYTES};
    for (size_t i = 0; i < GS_ARRAY_LEN(sizes); i++) {
        char path[SCRATCH_PATH + 8];
        make_file(path, sizes[i]);
        check_whole(path, sizes[i]);
        remove_file(path);
    }
}

/* A pipe does not say how long it is. */
static void infile__reads_a_pipe_to_its_end(void **state)
{
    (void)state;
    int ends[2];
    char path[40];
    assert_int_equal(pipe(ends), 0);
    for (size_t i = 0; i < LESS; i++) {
        char c = (char)('0' + i % 10);
        assert_int_equal(write(ends[1], &c, 1), 1);
    }
    close(ends[1]);
    snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
    check_whole(path, LESS);
    close(ends[0]);
}

static void infile__refuses_more_than_is_asked_for(void **state)
{
    (void)state;
    char path[SCRATCH_PATH + 8];
    make_file(path, LESS);
    const char *const paths[] = {path, "/dev/zero"};
    for (size_t i = 0; i < GS_ARRAY_LEN(paths); i++) {
        GS_CLEANUP(gs_arena_done) struct gs_arena arena;
        GS_CLEANUP(gs_infile_close) struct gs_infile file = {.fd = -1};
        struct gs_view bytes;
        struct gs_err err;
        gs_arena_init(&arena, &gs_alloc_heap, 8 << 20);
        assert_int_equal(gs_infile_open(&file, "pods", paths[i], &err), 0);
        assert_int_equal(gs_infile_whole(&file, &arena, LESS - 1, &bytes, &err), GS_LIMIT);
        assert_non_null(strstr(err.msg, paths[i]));
    }
    remove_file(path);
}

static void infile__says_what_cannot_be_opened(void **state)
{
    (void)state;
    struct gs_infile file = {.fd = -1};
    struct gs_err err;
    assert_int_equal(gs_infile_open(&file, "pods", "/nowhere/at/all", &err), GS_IO);
    assert_non_null(strstr(err.msg, "--pods: cannot open /nowhere/at/all"));
    assert_int_equal(gs_infile_open(&file, "pods", "/", &err), GS_INVALID);
    assert_non_null(strstr(err.msg, "is a directory"));
    assert_int_equal(file.fd, -1);
}

static void infile__has_no_memory_for_what_the_arena_refuses(void **state)
{
    (void)state;
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    GS_CLEANUP(gs_infile_close) struct gs_infile file = {.fd = -1};
    struct gs_view bytes;
    gs_arena_init(&arena, &gs_alloc_heap, 10);
    assert_int_equal(gs_infile_open(&file, "pods", "/dev/zero", NULL), 0);
    assert_int_equal(gs_infile_whole(&file, &arena, BYTES, &bytes, NULL), GS_NO_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(infile__reads_a_file_to_its_end),
        cmocka_unit_test(infile__reads_a_pipe_to_its_end),
        cmocka_unit_test(infile__refuses_more_than_is_asked_for),
        cmocka_unit_test(infile__says_what_cannot_be_opened),
        cmocka_unit_test(infile__has_no_memory_for_what_the_arena_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
