#include "gpu/driver_find.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "gpu/root_files.h"

static void fail(struct gs_finder *finder, int code, const char *what)
{
    if (finder->failed == 0) {
        finder->failed = gs_fail(finder->err, (enum gs_code)code, "%s", what);
    }
}

static void free_text(char **text)
{
    free(*text);
}

int gs_finder_init(struct gs_finder *ret, const char *root, struct gs_arena *arena,
                   struct gs_err *err)
{
    GS_CLEANUP(free_text) char *real = realpath(root[0] == '\0' ? "/" : root, NULL);
    if (real == NULL) {
        return errno == ENOENT ? gs_fail(err, GS_NOT_FOUND, "there is no driver root %.300s", root)
                               : gs_fail_errno(err, errno, "the driver root %.300s", root);
    }
    size_t n = strlen(real);
    const char *kept = gs_arena_text(arena, real, n == 1 ? 0 : n);
    if (kept == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the driver's files");
    }
    *ret = (struct gs_finder){.root = root, .real_root = kept, .arena = arena, .err = err};
    return 0;
}

const char *gs_find_text(struct gs_finder *finder, const char *fmt, ...)
{
    char text[GS_ROOT_PATH_MAX];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(text)) {
        fail(finder, GS_LIMIT, "a path of the driver's files is too long");
        return "";
    }
    const char *kept = finder->failed < 0 ? "" : gs_arena_text(finder->arena, text, (size_t)n);
    if (kept == NULL) {
        fail(finder, GS_NO_MEMORY, "no memory for the driver's files");
        return "";
    }
    return kept;
}

bool gs_path_list_add(struct gs_finder *finder, struct gs_path_list *list, const char *path)
{
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->at[i], path) == 0) {
            return false;
        }
    }
    if (list->n == GS_DRIVER_FILES_MAX) {
        fail(finder, GS_LIMIT, "the driver has more than 4,096 files for containers");
    }
    const char *kept = gs_find_text(finder, "%s", path);
    if (finder->failed == 0 &&
        !gs_arena_room(finder->arena, &list->at, &list->cap, list->n, sizeof(list->at[0]))) {
        fail(finder, GS_NO_MEMORY, "no memory for the driver's files");
    }
    if (finder->failed < 0 || list->at == NULL) {
        return false;
    }
    list->at[list->n++] = kept;
    return true;
}

const char *gs_find_real(struct gs_finder *finder, const char *path)
{
    char full[GS_ROOT_PATH_MAX];
    if (!gs_root_path(full, finder->root, path)) {
        return NULL;
    }
    GS_CLEANUP(free_text) char *real = realpath(full, NULL);
    size_t n = strlen(finder->real_root);
    if (real == NULL || strncmp(real, finder->real_root, n) != 0 || real[n] != '/') {
        return NULL;
    }
    return gs_find_text(finder, "%s", real + n);
}

const char *gs_find_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

const char *gs_find_folder(struct gs_finder *finder, const char *path)
{
    size_t n = (size_t)(gs_find_name(path) - path);
    return n <= 1 ? "/" : gs_find_text(finder, "%.*s", (int)(n - 1), path);
}

bool gs_find_is_link(const struct gs_finder *finder, const char *path)
{
    char full[GS_ROOT_PATH_MAX];
    struct stat st;
    return gs_root_path(full, finder->root, path) && lstat(full, &st) == 0 && S_ISLNK(st.st_mode);
}

static bool is_wanted(const char *full, unsigned what)
{
    struct stat st;
    return stat(full, &st) == 0 && !S_ISDIR(st.st_mode) &&
           ((what & GS_FIND_PROGRAMS) == 0 || (st.st_mode & 0111) != 0);
}

static void close_dir(DIR **dir)
{
    if (*dir != NULL) {
        closedir(*dir);
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names in a folder that match; one that cannot be read has none. */
static struct gs_path_list names_in(struct gs_finder *finder, const char *folder,
                                    const char *pattern)
{
    char full[GS_ROOT_PATH_MAX];
    struct gs_path_list names = {.n = 0};
    if (!gs_root_path(full, finder->root, folder)) {
        return names;
    }
    GS_CLEANUP(close_dir) DIR *dir = opendir(full);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        if (fnmatch(pattern, e->d_name, 0) == 0) {
            gs_path_list_add(finder, &names, e->d_name);
        }
    }
    if (names.n > 0) {
        qsort(names.at, names.n, sizeof(names.at[0]), by_name);
    }
    return names;
}

size_t gs_find(struct gs_finder *finder, const char *folder, const char *pattern, unsigned what,
               size_t most, struct gs_path_list *list)
{
    struct gs_path_list names = names_in(finder, folder, pattern);
    size_t found = 0;
    for (size_t i = 0; finder->failed == 0 && i < names.n && (most == 0 || found < most); i++) {
        char full[GS_ROOT_PATH_MAX];
        const char *path =
            gs_find_text(finder, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, names.at[i]);
        if (!gs_root_path(full, finder->root, path) || !is_wanted(full, what)) {
            continue;
        }
        path = (what & GS_FIND_REAL) != 0 ? gs_find_real(finder, path) : path;
        if (path != NULL) {
            gs_path_list_add(finder, list, path);
            found += finder->failed == 0;
        }
    }
    return found;
}
