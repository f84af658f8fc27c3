/* What containers get of the driver: where nvidia-ctk looks for it, and in its order
 * (nvidia-container-toolkit v1.20, pkg/nvcdi/driver-nvml.go and internal/discover). */
#include "gpu/driver_files.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "gpu/driver_search.h"
#include "gpu/ldcache.h"
#include "gpu/root_files.h"
#include "gpu/soname.h"

static const char *const library_folders[] = {
    "/",
    "/usr/lib64",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu/nvidia/current",
    "/usr/lib/aarch64-linux-gnu/nvidia/current",
    "/lib64",
    "/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
    "/lib/x86_64-linux-gnu/nvidia/current",
    "/lib/aarch64-linux-gnu/nvidia/current",
};

static const char *const program_folders[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                              "/usr/bin",        "/sbin",          "/bin"};

void gs_driver_add_mount(struct gs_driver_search *search, size_t *n, size_t *cap,
                         struct gs_driver_mount **mounts, const char *path, const char *to)
{
    for (size_t i = 0; i < *n; i++) {
        if (strcmp((*mounts)[i].path, path) == 0 && strcmp((*mounts)[i].container_path, to) == 0) {
            return;
        }
    }
    if (search->finder.failed == 0 &&
        !gs_arena_room(search->finder.arena, mounts, cap, *n, sizeof(**mounts))) {
        search->finder.failed =
            gs_fail(search->finder.err, GS_NO_MEMORY, "no memory for the driver's files");
    }
    if (search->finder.failed == 0) {
        (*mounts)[(*n)++] = (struct gs_driver_mount){.path = path, .container_path = to};
    }
}

void gs_driver_mount_all(struct gs_driver_search *search, const struct gs_path_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        gs_driver_add_mount(search, &search->n_mounts, &search->cap_mounts, &search->mounts,
                            list->at[i], list->at[i]);
    }
}

/* ---- Libraries ---- */

struct cached {
    struct gs_driver_search *search;
    const char *pattern;
    struct gs_path_list *list;
};

/* A library of the linker's cache counts if it, or what it leads to, has such a name. Links are
 * called like what they lead to, up to the version: the others need no look at the disk. */
static int match_cached(void *ctx, const char *path, struct gs_err *err)
{
    struct cached *cached = ctx;
    const char *name = gs_find_name(path);
    (void)err;
    if (strncmp(name, cached->pattern, strcspn(cached->pattern, "*.")) != 0) {
        return 0;
    }
    const char *real = gs_find_real(&cached->search->finder, path);
    if (real != NULL && (fnmatch(cached->pattern, name, 0) == 0 ||
                         fnmatch(cached->pattern, gs_find_name(real), 0) == 0)) {
        gs_path_list_add(&cached->search->finder, cached->list, real);
    }
    return cached->search->finder.failed;
}

void gs_driver_find_libraries(struct gs_driver_search *search, const char *pattern,
                              struct gs_path_list *list)
{
    size_t found = 0;
    for (size_t i = 0; i < GS_ARRAY_LEN(library_folders); i++) {
        found += gs_find(&search->finder, library_folders[i], pattern, GS_FIND_REAL, 0, list);
    }
    GS_CLEANUP(gs_buf_done) struct gs_buf cache;
    gs_buf_init(&cache, GS_LDCACHE_BYTES_MAX);
    if (found == 0 && gs_root_read(search->roots->driver, "/etc/ld.so.cache", &cache, NULL) == 0) {
        struct cached cached = {.search = search, .pattern = pattern, .list = list};
        struct gs_view bytes = {.p = gs_buf_text(&cache), .n = cache.len};
        gs_ldcache_list(bytes, match_cached, &cached, NULL); /* a broken one lists nothing more */
    }
}

static int find_folders(struct gs_driver_search *search)
{
    struct gs_path_list found = {.n = 0};
    const char *pattern = gs_find_text(&search->finder, "lib*.so.%s", search->version);
    gs_driver_find_libraries(search, pattern, &found);
    for (size_t i = 0; i < found.n; i++) {
        const char *folder = gs_find_folder(&search->finder, found.at[i]);
        gs_path_list_add(&search->finder, &search->folders, folder);
    }
    if (search->finder.failed == 0 && found.n == 0) {
        return gs_fail(search->finder.err, GS_NOT_FOUND,
                       "there is no library of driver %s below \"%.300s/\"", search->version,
                       search->roots->driver);
    }
    return search->finder.failed;
}

static struct gs_path_list driver_libraries(struct gs_driver_search *search)
{
    struct gs_path_list list = {.n = 0};
    const char *versioned = gs_find_text(&search->finder, "*.so.%s", search->version);
    for (size_t i = 0; i < search->folders.n; i++) {
        gs_find(&search->finder, search->folders.at[i], versioned, GS_FIND_REAL, 0, &list);
    }
    for (size_t i = 0; i < search->folders.n; i++) {
        const char *vdpau = gs_find_text(&search->finder, "%s/vdpau", search->folders.at[i]);
        gs_find(&search->finder, vdpau, versioned, GS_FIND_REAL, 0, &list);
    }
    for (size_t i = 0; i < search->folders.n; i++) { /* it has a version of its own */
        gs_find(&search->finder, search->folders.at[i], "libnvidia-nvvm70.so.*", GS_FIND_REAL, 0,
                &list);
    }
    gs_driver_mount_all(search, &list);
    return list;
}

static struct gs_path_list folders_of(struct gs_driver_search *search,
                                      const struct gs_path_list *libraries)
{
    struct gs_path_list folders = {.n = 0};
    for (size_t i = 0; i < libraries->n; i++) {
        if (fnmatch("lib?*.so*", gs_find_name(libraries->at[i]), 0) == 0) {
            gs_path_list_add(&search->finder, &folders,
                             gs_find_folder(&search->finder, libraries->at[i]));
        }
    }
    return folders;
}

/* ---- Links ---- */

void gs_driver_add_link(struct gs_driver_search *search, struct gs_driver_links *links,
                        const char *target, const char *folder, const char *name)
{
    struct gs_finder *finder = &search->finder;
    struct gs_driver_link link = {
        .target = gs_find_text(finder, "%s", target),
        .link = gs_find_text(finder, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, name)};
    for (size_t i = 0; i < links->n; i++) {
        if (strcmp(links->at[i].link, link.link) == 0 &&
            strcmp(links->at[i].target, link.target) == 0) {
            return;
        }
    }
    if (finder->failed == 0 &&
        !gs_arena_room(finder->arena, &links->at, &links->cap, links->n, sizeof(link))) {
        finder->failed = gs_fail(finder->err, GS_NO_MEMORY, "no memory for the driver's files");
    }
    if (finder->failed == 0) {
        links->at[links->n++] = link;
    }
}

static bool read_at(void *ctx, uint64_t offset, void *ret, size_t n)
{
    const int *fd = ctx;
    return offset <= INT64_MAX && pread(*fd, ret, n, (off_t)offset) == (ssize_t)n;
}

static void close_fd(const int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

static bool soname_of(const struct gs_driver_search *search, const char *path,
                      char ret[GS_SONAME_MAX])
{
    char full[GS_ROOT_PATH_MAX];
    if (!gs_root_path(full, search->roots->driver, path)) {
        return false;
    }
    GS_CLEANUP(close_fd) int fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    return fd >= 0 && gs_soname(read_at, &fd, ret);
}

/* "libcuda.so.1" to "libcuda.so". False: it has no such end. */
static bool plain_name(const char *soname, char ret[GS_SONAME_MAX])
{
    snprintf(ret, GS_SONAME_MAX, "%s", soname);
    for (char *dot = strrchr(ret, '.'); dot != NULL; dot = strrchr(ret, '.')) {
        if (strcmp(dot, ".so") == 0) {
            return true;
        }
        *dot = '\0';
    }
    return false;
}

/* The links that the library has beside it on the host: to its own name, and to that without a
 * version. */
static void own_links(struct gs_driver_search *search, struct gs_driver_links *links,
                      const char *library, const char *folder)
{
    const char *name = gs_find_name(library);
    char soname[GS_SONAME_MAX];
    char plain[GS_SONAME_MAX];
    if (fnmatch("*.*.*", name, 0) != 0 || !soname_of(search, library, soname) ||
        strchr(soname, '/') != NULL) {
        return;
    }
    if (soname[0] == '\0') {
        snprintf(soname, sizeof(soname), "%.255s", name);
    }
    if (strcmp(soname, name) != 0 &&
        gs_find_is_link(&search->finder, gs_find_text(&search->finder, "%s/%s", folder, soname))) {
        gs_driver_add_link(search, links, name, folder, soname);
    }
    if (plain_name(soname, plain) && strcmp(plain, soname) != 0 &&
        gs_find_is_link(&search->finder, gs_find_text(&search->finder, "%s/%s", folder, plain))) {
        gs_driver_add_link(search, links, soname, folder, plain);
    }
}

/* Links that programs expect and that no library asks for. */
static void library_links(struct gs_driver_search *search, struct gs_driver_links *links,
                          const struct gs_path_list *libraries)
{
    for (size_t i = 0; i < libraries->n && search->finder.failed == 0; i++) {
        const char *name = gs_find_name(libraries->at[i]);
        const char *folder = gs_find_folder(&search->finder, libraries->at[i]);
        if (fnmatch("libcuda.so.*.*", name, 0) == 0) {
            gs_driver_add_link(search, links, "libcuda.so.1", folder, "libcuda.so");
        } else if (fnmatch("libGLX_nvidia.so.*.*", name, 0) == 0) {
            gs_driver_add_link(search, links, name, folder, "libGLX_indirect.so.0");
        } else if (fnmatch("libnvidia-opticalflow.so.*.*", name, 0) == 0) {
            gs_driver_add_link(search, links, "libnvidia-opticalflow.so.1", folder,
                               "libnvidia-opticalflow.so");
        }
        own_links(search, links, libraries->at[i], folder);
    }
}

/* ---- Programs, firmware, sockets ---- */

static void find_programs(struct gs_driver_search *search)
{
    static const char *const names[] = {"nvidia-xconfig",
                                        "nvidia-smi",
                                        "nvidia-debugdump",
                                        "nvidia-persistenced",
                                        "nvidia-cuda-mps-control",
                                        "nvidia-cuda-mps-server",
                                        "nvidia-imex",
                                        "nvidia-imex-ctl"};
    struct gs_path_list list = {.n = 0};
    for (size_t i = 0; i < GS_ARRAY_LEN(names); i++) {
        size_t found = 0;
        for (size_t f = 0; f < GS_ARRAY_LEN(program_folders) && found == 0; f++) {
            found =
                gs_find(&search->finder, program_folders[f], names[i], GS_FIND_PROGRAMS, 1, &list);
        }
    }
    gs_driver_mount_all(search, &list);
}

static void find_firmware_in(struct gs_driver_search *search, const char *folder,
                             struct gs_path_list *list)
{
    const char *inside = gs_find_text(&search->finder, "%s/nvidia/%s", folder, search->version);
    gs_find(&search->finder, inside, "gsp*.bin", GS_FIND_FILES, 0, list);
    gs_find(&search->finder, inside, "ucodes*.bin", GS_FIND_FILES, 0, list);
}

/* Where the kernel looks: a folder that it was told, then the usual ones, of its release first. */
static void find_firmware(struct gs_driver_search *search)
{
    struct gs_path_list list = {.n = 0};
    struct utsname kernel;
    GS_CLEANUP(gs_buf_done) struct gs_buf told;
    gs_buf_init(&told, GS_ROOT_PATH_MAX);
    if (gs_root_read(search->roots->kernel, "/sys/module/firmware_class/parameters/path", &told,
                     NULL) == 0) {
        struct gs_view path = gs_view_trim((struct gs_view){gs_buf_text(&told), told.len});
        if (path.n > 0 && path.p[0] == '/') {
            find_firmware_in(search, gs_find_text(&search->finder, "%.*s", (int)path.n, path.p),
                             &list);
        }
    }
    const char *release = uname(&kernel) == 0 ? kernel.release : "";
    static const char *const folders[] = {"/lib/firmware/updates", "/lib/firmware"};
    for (size_t i = 0; i < GS_ARRAY_LEN(folders); i++) {
        if (release[0] != '\0') {
            find_firmware_in(search, gs_find_text(&search->finder, "%s/%s", folders[i], release),
                             &list);
        }
        find_firmware_in(search, folders[i], &list);
    }
    gs_driver_mount_all(search, &list);
}

static void find_sockets(struct gs_driver_search *search)
{
    static const struct {
        const char *folders[2];
        const char *name;
    } sockets[] = {{{"/run/nvidia-persistenced", "/var/run/nvidia-persistenced"}, "socket"},
                   {{"/run/nvidia-fabricmanager", "/var/run/nvidia-fabricmanager"}, "socket"},
                   {{"/tmp", NULL}, "nvidia-mps"}};
    struct gs_path_list list = {.n = 0};
    for (size_t i = 0; i < GS_ARRAY_LEN(sockets); i++) {
        size_t found = 0;
        for (size_t f = 0; f < 2 && found == 0 && sockets[i].folders[f] != NULL; f++) {
            found = gs_find(&search->finder, sockets[i].folders[f], sockets[i].name, GS_FIND_FILES,
                            1, &list);
        }
    }
    for (size_t i = 0; i < list.n; i++) {
        gs_driver_add_mount(search, &search->n_sockets, &search->cap_sockets, &search->sockets,
                            list.at[i], list.at[i]);
    }
}

/* It becomes a part of patterns and paths. */
static int check_version(const char *version, struct gs_err *err)
{
    size_t n = strspn(version, "0123456789.");
    if (n == 0 || n > 64 || version[n] != '\0' || version[0] == '.') {
        return gs_fail(err, GS_INVALID,
                       "\"%.80s\" is no version of a driver; one looks like 580.65.06", version);
    }
    return 0;
}

int gs_driver_files_find(const struct gs_machine_roots *roots, const char *driver_version,
                         struct gs_arena *arena, struct gs_driver_files *ret, struct gs_err *err)
{
    struct gs_driver_search search = {.roots = roots, .version = driver_version};
    int r = check_version(driver_version, err);
    if (r < 0 || (r = gs_finder_init(&search.finder, roots->driver, arena, err)) < 0 ||
        (r = find_folders(&search)) < 0) {
        return r;
    }
    struct gs_driver_links graphics = {.n = 0};
    struct gs_driver_links links = {.n = 0};
    gs_driver_graphics_libraries(&search, &graphics);
    gs_driver_graphics_configs(&search);
    struct gs_path_list libraries = driver_libraries(&search);
    struct gs_path_list lib_folders = folders_of(&search, &libraries);
    library_links(&search, &links, &libraries);
    find_firmware(&search);
    find_programs(&search);
    find_sockets(&search);
    if (search.finder.failed < 0) {
        return search.finder.failed;
    }
    *ret = (struct gs_driver_files){.n_mounts = search.n_mounts,
                                    .mounts = search.mounts,
                                    .n_sockets = search.n_sockets,
                                    .sockets = search.sockets,
                                    .n_links = links.n,
                                    .links = links.at,
                                    .n_graphics_links = graphics.n,
                                    .graphics_links = graphics.at,
                                    .n_lib_folders = lib_folders.n,
                                    .lib_folders = lib_folders.at,
                                    .n_cuda_folders = search.folders.n,
                                    .cuda_folders = search.folders.at};
    return 0;
}
