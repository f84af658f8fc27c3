#include "unit/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "term/outfile.h"

static char dir[200];

static int set_up(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    snprintf(dir, sizeof(dir), "%.150s/gpuslice-outfile-XXXXXX", base == NULL ? "/tmp" : base);
    return mkdtemp(dir) == NULL ? -1 : 0;
}

static const char *path_of(const char *name)
{
    static char path[300];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path_of("file"));
    unlink(path_of("link"));
    unlink(path_of("other"));
    return rmdir(dir); /* nothing else was left */
}

static int write_text(const char *path, const char *text, struct gs_err *err)
{
    return gs_outfile_write("output-file", path, gs_view(text), err);
}

static void assert_holds(const char *path, const char *text)
{
    char got[200] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(read(fd, got, sizeof(got) - 1) >= 0);
    close(fd);
    assert_string_equal(got, text);
}

static mode_t mode_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

static void outfile__makes_a_file_and_replaces_one(void **state)
{
    (void)state;
    mode_t mask = umask(027);
    assert_int_equal(write_text(path_of("file"), "one", NULL), 0);
    assert_holds(path_of("file"), "one");
    assert_int_equal(mode_of(path_of("file")), 0640);
    assert_int_equal(chmod(path_of("file"), 0604), 0);
    assert_int_equal(write_text(path_of("file"), "", NULL), 0);
    assert_holds(path_of("file"), "");
    assert_int_equal(mode_of(path_of("file")), 0604);
    umask(mask);
}

static void outfile__follows_links(void **state)
{
    (void)state;
    assert_int_equal(write_text(path_of("file"), "one", NULL), 0);
    assert_int_equal(symlink("file", path_of("link")), 0);
    assert_int_equal(write_text(path_of("link"), "two", NULL), 0);
    struct stat st;
    assert_int_equal(lstat(path_of("link"), &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_holds(path_of("file"), "two");
}

static void outfile__makes_what_a_link_to_nothing_names(void **state)
{
    (void)state;
    struct stat st;
    assert_int_equal(symlink("other", path_of("link")), 0);
    assert_int_equal(write_text(path_of("link"), "one", NULL), 0);
    assert_int_equal(lstat(path_of("link"), &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_holds(path_of("other"), "one");
    struct gs_err err;
    assert_int_equal(unlink(path_of("link")), 0);
    assert_int_equal(symlink("no/file", path_of("link")), 0);
    assert_int_equal(write_text(path_of("link"), "one", &err), GS_IO);
    assert_int_equal(err.sys_errno, ENOENT);
    assert_int_equal(lstat(path_of("link"), &st), 0);
    assert_true(S_ISLNK(st.st_mode));
}

static void outfile__spares_the_input_by_whatever_name(void **state)
{
    (void)state;
    struct gs_err err;
    struct gs_infile file;
    assert_int_equal(write_text(path_of("file"), "one", NULL), 0);
    assert_int_equal(symlink("file", path_of("link")), 0);
    char hard[400];
    snprintf(hard, sizeof(hard), "%s", path_of("other"));
    assert_int_equal(link(path_of("file"), hard), 0);
    assert_int_equal(gs_infile_open(&file, NULL, path_of("file"), NULL), 0);
    static const char *const same[] = {"file", "link", "other", "./file"};
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        assert_int_equal(gs_outfile_spare("out", path_of(same[i]), &file, &err), GS_INVALID);
        assert_non_null(strstr(err.msg, "--out: "));
        assert_non_null(strstr(err.msg, "expected another file"));
    }
    assert_int_equal(gs_outfile_spare("out", "/dev/null", &file, &err), 0);
    assert_int_equal(gs_outfile_spare("out", path_of("not there"), &file, &err), 0);
    gs_infile_close(&file);
    assert_int_equal(gs_infile_open(&file, NULL, "/dev/null", NULL), 0);
    assert_int_equal(gs_outfile_spare("out", "/dev/null", &file, &err), 0);
    gs_infile_close(&file);
}

static void outfile__writes_into_devices(void **state)
{
    (void)state;
    struct gs_err err;
    assert_int_equal(write_text("/dev/null", "one", NULL), 0);
    assert_int_equal(write_text("/dev/full", "one", &err), GS_IO);
    assert_int_equal(err.sys_errno, ENOSPC);
}

static void outfile__says_what_cannot_be_written(void **state)
{
    (void)state;
    struct gs_err err;
    assert_int_equal(write_text(dir, "one", &err), GS_INVALID);
    assert_non_null(strstr(err.msg, "--output-file: "));
    assert_non_null(strstr(err.msg, "is a directory"));
    assert_int_equal(write_text(path_of("no/file"), "one", &err), GS_IO);
    assert_int_equal(err.sys_errno, ENOENT);
    assert_int_equal(write_text("", "one", &err), GS_IO);
    assert_int_equal(write_text("/dev/null/x", "one", &err), GS_IO);
    assert_int_equal(err.sys_errno, ENOTDIR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(outfile__makes_a_file_and_replaces_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(outfile__follows_links, set_up, tear_down),
        cmocka_unit_test_setup_teardown(outfile__makes_what_a_link_to_nothing_names, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(outfile__spares_the_input_by_whatever_name, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(outfile__writes_into_devices, set_up, tear_down),
        cmocka_unit_test_setup_teardown(outfile__says_what_cannot_be_written, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
