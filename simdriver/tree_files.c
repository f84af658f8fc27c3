#include "simdriver/tree_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { NULL_MAJOR = 1, NULL_MINOR = 3 };

void sim_tree_keep_failure(struct sim_tree *tree, int r)
{
    if (r < 0 && tree->failed == 0) {
        tree->failed = errno;
    }
}

/* A folder and those above it. */
void sim_tree_make_dirs(struct sim_tree *tree, const char *name)
{
    char part[SIM_TREE_NAME_MAX];
    if (tree->failed != 0 || mkdirat(tree->root, name, 0755) == 0 || errno == EEXIST) {
        return;
    }
    for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof(part), "%.*s", (int)(slash - name), name);
        if (mkdirat(tree->root, part, 0755) < 0 && errno != EEXIST) {
            sim_tree_keep_failure(tree, -1);
            return;
        }
    }
    int r = mkdirat(tree->root, name, 0755);
    sim_tree_keep_failure(tree, r < 0 && errno == EEXIST ? 0 : r);
}

static bool has_text(const struct sim_tree *tree, const char *name, const char *text, size_t n)
{
    char chunk[4096];
    int fd = openat(tree->root, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return false;
    }
    struct stat st;
    bool same = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (size_t)st.st_size == n;
    size_t at = 0;
    while (same && at < n) {
        ssize_t got = read(fd, chunk, sizeof(chunk));
        same = got > 0 && (size_t)got <= n - at && memcmp(chunk, text + at, (size_t)got) == 0;
        at += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    return same;
}

static int write_whole(int fd, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t put = write(fd, text, n);
        if (put < 0 && errno != EINTR) {
            return -1;
        }
        text += put > 0 ? put : 0;
        n -= put > 0 ? (size_t)put : 0;
    }
    return 0;
}

/* A file with this text, taking the place of what is there at once. */
void sim_tree_make_file(struct sim_tree *tree, const char *name, const char *text, size_t n)
{
    char temporary[SIM_TREE_NAME_MAX];
    if (tree->failed != 0 || has_text(tree, name, text, n)) {
        return;
    }
    /* One temporary name, for writers hold the lock; what a killed one left is written over. */
    const char *slash = strrchr(name, '/');
    snprintf(temporary, sizeof(temporary), "%.*s.new", slash == NULL ? 0 : (int)(slash - name) + 1,
             name);
    int fd =
        openat(tree->root, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    sim_tree_keep_failure(tree, fd);
    if (fd < 0) {
        return;
    }
    sim_tree_keep_failure(tree, write_whole(fd, text, n));
    close(fd);
    if (tree->failed == 0) {
        sim_tree_keep_failure(tree, renameat(tree->root, temporary, tree->root, name));
    }
}

/* An empty file has no half of it: it need not be renamed into its place. */
void sim_tree_make_empty(struct sim_tree *tree, const char *name)
{
    int fd = tree->failed != 0
                 ? -1
                 : openat(tree->root, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    sim_tree_keep_failure(tree, fd);
    if (fd >= 0) {
        close(fd);
    }
}

/* The null device: a node that is safe to have, whatever has the real one's major on this machine.
 */
void sim_tree_make_node(struct sim_tree *tree, const char *name)
{
    if (tree->failed != 0) {
        return;
    }
    if (mknodat(tree->root, name, S_IFCHR | 0666, makedev(NULL_MAJOR, NULL_MINOR)) == 0) {
        sim_tree_keep_failure(tree, fchmodat(tree->root, name, 0666, 0)); /* whatever the umask */
    } else if (errno != EEXIST) {
        sim_tree_make_empty(tree, name);
    }
}

void sim_tree_make_text(struct sim_tree *tree, const char *name, const char *text)
{
    sim_tree_make_file(tree, name, text, strlen(text));
}

void sim_tree_make_link(struct sim_tree *tree, const char *name, const char *target)
{
    if (tree->failed == 0 && symlinkat(target, tree->root, name) < 0 && errno != EEXIST) {
        sim_tree_keep_failure(tree, -1);
    }
}

void sim_tree_remove_file(struct sim_tree *tree, const char *name)
{
    if (tree->failed == 0 && unlinkat(tree->root, name, 0) < 0 && errno != ENOENT) {
        sim_tree_keep_failure(tree, -1);
    }
}

/* A folder and everything in it; the depth is bounded by the length of a name. */
void sim_tree_remove(struct sim_tree *tree, const char *name)
{
    int fd = openat(tree->root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return;
    }
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        close(fd);
        return;
    }
    for (struct dirent *e; tree->failed == 0 && (e = readdir(dir)) != NULL;) {
        char inner[SIM_TREE_NAME_MAX];
        int n = snprintf(inner, sizeof(inner), "%s/%s", name, e->d_name);
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            n >= (int)sizeof(inner)) {
            continue;
        }
        if (unlinkat(tree->root, inner, 0) < 0) {
            sim_tree_remove(tree, inner);
        }
    }
    closedir(dir);
    sim_tree_keep_failure(tree, unlinkat(tree->root, name, AT_REMOVEDIR));
}

int sim_tree_open(struct sim_tree *tree, const char *dir, struct gs_err *err)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof(path), "%s/root", dir) >= (int)sizeof(path)) {
        return gs_fail(err, GS_INVALID, "the name of the folder is too long");
    }
    if (mkdir(path, 0755) < 0 && errno != EEXIST) {
        return gs_fail_errno(err, errno, "making %.300s", path);
    }
    tree->failed = 0;
    tree->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return tree->root < 0 ? gs_fail_errno(err, errno, "opening %.300s", path) : 0;
}

int sim_tree_close(struct sim_tree *tree, const char *dir, struct gs_err *err)
{
    close(tree->root);
    return tree->failed == 0
               ? 0
               : gs_fail_errno(err, tree->failed, "writing the files in %.300s/root", dir);
}
