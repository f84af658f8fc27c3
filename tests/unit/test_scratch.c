/* What tests leave behind: nothing, however they end. */
#include "unit/check.h"

#include "unit/scratch.h"

enum way { RETURN, FAIL, ABORT, TERMINATE, FORKED, WAYS };

static void make_file(const char *folder)
{
    char path[SCRATCH_PATH + 10];
    snprintf(path, sizeof(path), "%s/inner", folder);
    FILE *file = fopen(path, "w");
    if (file == NULL || fclose(file) != 0) {
        _exit(3);
    }
}

/* Tells its folder through the pipe and ends in one of the ways. */
static _Noreturn void be_child(int out, enum way way)
{
    char folder[SCRATCH_PATH] = "";
    bool made = scratch_make("gpuslice-scratch", folder, sizeof(folder));
    make_file(folder);
    if (way == FORKED) {
        pid_t own = fork();
        if (own == 0) {
            exit(0);
        }
        waitpid(own, NULL, 0);
        made = made && access(folder, F_OK) == 0;
    }
    if (!made || write(out, folder, sizeof(folder)) != sizeof(folder)) {
        _exit(3);
    }
    switch (way) {
    case ABORT:
        abort();
    case TERMINATE:
        kill(getpid(), SIGTERM);
        _exit(3);
    case RETURN:
    case FORKED:
        exit(0);
    case FAIL:
    case WAYS:
        break;
    }
    exit(1);
}

static void scratch__goes_however_its_program_ends(void **state)
{
    (void)state;
    for (int way = 0; way < WAYS; way++) {
        int ends[2];
        int status = 0;
        char folder[SCRATCH_PATH] = "";
        assert_int_equal(pipe(ends), 0);
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            be_child(ends[1], (enum way)way);
        }
        close(ends[1]);
        assert_int_equal(read(ends[0], folder, sizeof(folder)), sizeof(folder));
        close(ends[0]);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(WIFSIGNALED(status) ? WTERMSIG(status) : 0, way == ABORT       ? SIGABRT
                                                                     : way == TERMINATE ? SIGTERM
                                                                                        : 0);
        assert_int_equal(access(folder, F_OK), -1);
    }
}

static void scratch__is_given_back_by_who_removes_it(void **state)
{
    (void)state;
    char folder[SCRATCH_PATH];
    for (unsigned i = 0; i < 2 * SCRATCH_MAX; i++) {
        assert_true(scratch_make("gpuslice-scratch", folder, sizeof(folder)));
        assert_int_equal(rmdir(folder), 0);
        scratch_forget(folder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scratch__goes_however_its_program_ends),
        cmocka_unit_test(scratch__is_given_back_by_who_removes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
