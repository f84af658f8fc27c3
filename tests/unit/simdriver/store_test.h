/* store_test: a machine in a folder of its own, removed at the end. */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "simdriver/sim_test.h"
#include "simdriver/store.h"
#include "unit/scratch.h"

static char test_dir[200];

static inline void new_test_dir(void)
{
    assert_true(scratch_make("gpuslice-sim", test_dir, sizeof(test_dir)));
}

static inline struct sim_store *open_machine(void)
{
    struct sim_store *store = NULL;
    struct gs_err err = {.msg = ""};
    if (sim_store_open(test_dir, &store, &err) != 0) {
        fail_msg("%s", err.msg);
    }
    return store;
}

/* A machine in a new folder. */
static inline struct sim_store *new_machine(const char *model, unsigned n)
{
    struct gs_err err = {.msg = ""};
    new_test_dir();
    if (sim_store_create(test_dir, machine_of(580, model, n), &err) != 0) {
        fail_msg("%s", err.msg);
    }
    return open_machine();
}

static inline void remove_all(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        char inner[1024];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
            continue;
        }
        snprintf(inner, sizeof(inner), "%.700s/%.255s", path, e->d_name);
        if (unlink(inner) < 0) {
            remove_all(inner);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    rmdir(path);
}

static inline void end_machine(struct sim_store *store)
{
    sim_store_close(store);
    remove_all(test_dir);
    assert_int_equal(access(test_dir, F_OK), -1);
    scratch_forget(test_dir);
}

/* The text of a file under the machine's root, "" when there is none. */
static inline const char *root_file(const char *name)
{
    static char text[8192];
    char path[600];
    snprintf(path, sizeof(path), "%s/root/%.300s", test_dir, name);
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
    text[n < 0 ? 0 : n] = '\0';
    if (fd >= 0) {
        close(fd);
    }
    return text;
}

static inline bool root_has(const char *name)
{
    char path[600];
    snprintf(path, sizeof(path), "%s/root/%.300s", test_dir, name);
    struct stat st;
    return lstat(path, &st) == 0;
}
