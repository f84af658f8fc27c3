/* driver_files: what is found below chosen roots, and what is made of files that are not as they
 * should be. */
#include "unit/check.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "gpu/driver_files.h"
#include "gpu/soname.h"

#define VERSION "580.65.06"

/* A machine's files, in a folder of its own that is all roots at once. */
struct tree {
    struct gs_machine_roots roots;
    struct gs_arena arena;
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static struct tree tree_begin(void)
{
    struct tree tree = {.roots = {.simulated = true}};
    char dir[] = "/tmp/gs-driver-files-XXXXXX";
    assert_non_null(mkdtemp(dir));
    snprintf(tree.roots.host, sizeof(tree.roots.host), "%s", dir);
    snprintf(tree.roots.kernel, sizeof(tree.roots.kernel), "%s", dir);
    snprintf(tree.roots.driver, sizeof(tree.roots.driver), "%s", dir);
    snprintf(tree.roots.dev, sizeof(tree.roots.dev), "%s", dir);
    gs_arena_init(&tree.arena, &gs_alloc_heap, 4 << 20);
    return tree;
}

static void tree_end(struct tree *tree)
{
    nftw(tree->roots.host, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    gs_arena_done(&tree->arena);
}

static void full_path(const struct tree *tree, const char *path, char ret[2048])
{
    snprintf(ret, 2048, "%s%s", tree->roots.host, path);
    for (char *slash = strchr(ret + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(ret, 0755);
        *slash = '/';
    }
}

static void put(const struct tree *tree, const char *path, const void *bytes, size_t n,
                unsigned mode)
{
    char full[2048];
    full_path(tree, path, full);
    int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), (ssize_t)n);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void put_text(const struct tree *tree, const char *path, const char *text)
{
    put(tree, path, text, strlen(text), 0644);
}

static void put_link(const struct tree *tree, const char *path, const char *target)
{
    char full[2048];
    full_path(tree, path, full);
    assert_int_equal(symlink(target, full), 0);
}

/* ---- The kernel's files ---- */

static void driver_files__pci_tells_the_numa_node_and_the_class(void **state)
{
    (void)state;
    struct tree tree = tree_begin();
    static const struct {
        const char *numa;
        const char *class;
        int32_t want_numa;
        uint32_t want_class;
    } cases[] = {
        {"1\n", "0x030200\n", 1, 0x030200},
        {"-1\n", "0x030000\n", -1, 0x030000},
        {"", "", -1, GS_NOT_KNOWN},
        {"99999999999\n", "030200\n", -1, GS_NOT_KNOWN},
        {"x\n", "0x0302000\n", -1, GS_NOT_KNOWN},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gs_pci_facts facts;
        put_text(&tree, "/sys/bus/pci/devices/0000:b7:00.0/numa_node", cases[i].numa);
        put_text(&tree, "/sys/bus/pci/devices/0000:b7:00.0/class", cases[i].class);
        assert_int_equal(gs_driver_pci(&tree.roots, "00000000:B7:00.0", &facts, NULL), 0);
        assert_int_equal(facts.numa_node, cases[i].want_numa);
        assert_int_equal(facts.class, cases[i].want_class);
    }
    struct gs_pci_facts facts;
    assert_int_equal(gs_driver_pci(&tree.roots, "0000:b7:00.0", &facts, NULL), 0);
    assert_int_equal(gs_driver_pci(&tree.roots, "0000:b8:00.0", &facts, NULL), GS_NOT_FOUND);
    static const char *const wrong[] = {
        "", "b7", "0000:b7:00", "0000:b7:00.0/..", "0:b7:00.0 ", "../../../etc/passwd"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(gs_driver_pci(&tree.roots, wrong[i], &facts, NULL), GS_INVALID);
    }
    tree_end(&tree);
}

static void driver_files__the_machine_type_is_the_dmi_product(void **state)
{
    (void)state;
    struct tree tree = tree_begin();
    char type[64];
    assert_int_equal(gs_driver_machine_type(&tree.roots, type, sizeof(type), NULL), GS_NOT_FOUND);
    put_text(&tree, "/sys/class/dmi/id/product_name", "p4d.24xlarge \n");
    assert_int_equal(gs_driver_machine_type(&tree.roots, type, sizeof(type), NULL), 0);
    assert_string_equal(type, "p4d.24xlarge");
    assert_int_equal(gs_driver_machine_type(&tree.roots, type, 4, NULL), 0);
    assert_string_equal(type, "p4d");
    tree_end(&tree);
}

static void driver_files__cap_minors_are_read_line_by_line(void **state)
{
    (void)state;
    struct tree tree = tree_begin();
    struct gs_cap_minors minors;
    assert_int_equal(gs_driver_caps(&tree.roots, &minors, NULL), 0);
    assert_int_equal(minors.config, GS_NOT_KNOWN);
    assert_int_equal(minors.ci[0][1][0], GS_NOT_KNOWN);
    put_text(&tree, "/proc/driver/nvidia-caps/mig-minors",
             "config 1\nmonitor 2\ngpu0/gi0/access 3\ngpu0/gi0/ci0/access 4\n"
             "gpu31/gi14/ci7/access 4322\ngpu32/gi0/access 7\ngpu0/gi15/access 7\n"
             "gpu0/gi1/ci8/access 7\ngpu0/gi2/access 99999999999\ngpu0/gi3/access\n"
             "gpu0/gi4/access 7 8\ngpu0/gi5/access -1\nnonsense\n\ngpu0/gi6/ci1/access 60");
    assert_int_equal(gs_driver_caps(&tree.roots, &minors, NULL), 0);
    assert_int_equal(minors.config, 1);
    assert_int_equal(minors.monitor, 2);
    assert_int_equal(minors.gi[0][0], 3);
    assert_int_equal(minors.ci[0][0][0], 4);
    assert_int_equal(minors.ci[31][14][7], 4322);
    assert_int_equal(minors.ci[0][6][1], 60);
    for (unsigned gi = 1; gi < 6; gi++) {
        assert_int_equal(minors.gi[0][gi], GS_NOT_KNOWN);
    }
    tree_end(&tree);
}

static void driver_files__a_capability_file_has_a_minor_and_a_mode(void **state)
{
    (void)state;
    struct tree tree = tree_begin();
    struct gs_cap_file file;
    assert_int_equal(gs_driver_cap_file(&tree.roots, 0, 3, 1, &file, NULL), GS_NOT_FOUND);
    put_text(&tree, "/proc/driver/nvidia/capabilities/gpu0/mig/gi3/ci1/access",
             "DeviceFileMinor: 32\nDeviceFileMode: 292\nDeviceFileModify: 1\n");
    put_text(&tree, "/proc/driver/nvidia/capabilities/gpu0/mig/gi3/access",
             "DeviceFileMinor: 30\nDeviceFileMode: 256\nDeviceFileModify: 0\n");
    assert_int_equal(gs_driver_cap_file(&tree.roots, 0, 3, 1, &file, NULL), 0);
    assert_int_equal(file.minor, 32);
    assert_int_equal(file.mode, 0444);
    assert_true(file.modify);
    assert_int_equal(gs_driver_cap_file(&tree.roots, 0, 3, GS_NOT_KNOWN, &file, NULL), 0);
    assert_int_equal(file.minor, 30);
    assert_int_equal(file.mode, 0400);
    assert_false(file.modify);
    put_text(&tree, "/proc/driver/nvidia/capabilities/gpu0/mig/gi3/access", "DeviceFileMode: 1");
    struct gs_err err;
    assert_int_equal(gs_driver_cap_file(&tree.roots, 0, 3, GS_NOT_KNOWN, &file, &err), GS_INVALID);
    assert_non_null(strstr(err.msg, "gpu0/mig/gi3/access"));
    tree_end(&tree);
}

static void driver_files__majors_are_those_of_character_devices(void **state)
{
    (void)state;
    struct gs_driver_majors majors;
    gs_driver_majors_parse(gs_view("Character devices:\n  1 mem\n195 nvidia\n195 nvidiactl\n"
                                   "237 nvidia-caps\n510 nvidia-uvm\n\nBlock devices:\n"
                                   "  7 nvidia\n259 nvidia-caps\n"),
                           &majors);
    assert_int_equal(majors.gpu, 195);
    assert_int_equal(majors.caps, 237);
    assert_int_equal(majors.uvm, 510);
    gs_driver_majors_parse(gs_view("Character devices:\n195 nvidia-frontend\nx nvidia-caps\n"
                                   "9999 nvidia-uvm\n"),
                           &majors);
    assert_int_equal(majors.gpu, 195);
    assert_int_equal(majors.caps, GS_NOT_KNOWN);
    assert_int_equal(majors.uvm, GS_NOT_KNOWN);
}

/* ---- Nodes ---- */

static void driver_files__a_node_is_a_character_device_and_no_link(void **state)
{
    (void)state;
    struct gs_device_node node;
    const struct gs_machine_roots here = {.dev = ""};
    gs_driver_node(&here, "/dev/null", &node);
    assert_true(node.exists);
    assert_int_equal(node.major, 1);
    assert_int_equal(node.minor, 3);
    assert_int_equal(node.mode, 0666);
    struct tree tree = tree_begin();
    put_text(&tree, "/dev/nvidia0", "");
    put_link(&tree, "/dev/nvidia1", "/dev/null");
    static const char *const none[] = {"/dev/nvidia0", "/dev/nvidia1", "/dev/nvidia2"};
    for (size_t i = 0; i < 3; i++) {
        gs_driver_node(&tree.roots, none[i], &node);
        assert_false(node.exists);
        assert_int_equal(node.major, GS_NOT_KNOWN);
        assert_string_equal(node.path, none[i]);
    }
    tree_end(&tree);
}

static void driver_files__without_nodes_their_numbers_are_those_of_the_kernel(void **state)
{
    (void)state;
    struct tree tree = tree_begin();
    struct gs_device_node nodes[GS_CONTROL_NODES_MAX];
    unsigned n = 9;
    assert_int_equal(gs_driver_control_nodes(&tree.roots, nodes, &n, NULL), GS_NOT_FOUND);
    put_text(&tree, "/proc/devices", "Character devices:\n195 nvidia\n510 nvidia-uvm\n");
    assert_int_equal(gs_driver_control_nodes(&tree.roots, nodes, &n, NULL), 0);
    static const struct {
        const char *path;
        uint32_t major, minor;
    } wanted[] = {{"/dev/nvidia-uvm-tools", 510, 1},
                  {"/dev/nvidia-uvm", 510, 0},
                  {"/dev/nvidiactl", 195, 255}};
    assert_int_equal(n, 3); /* whether nvidia-modeset is there, nobody can tell */
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(nodes[i].path, wanted[i].path);
        assert_int_equal(nodes[i].major, wanted[i].major);
        assert_int_equal(nodes[i].minor, wanted[i].minor);
        assert_false(nodes[i].exists);
    }
    assert_int_equal(gs_driver_gpu_node(&tree.roots, 3, nodes, NULL), 0);
    assert_string_equal(nodes[0].path, "/dev/nvidia3");
    assert_int_equal(nodes[0].major, 195);
    assert_int_equal(nodes[0].minor, 3);
    put_text(&tree, "/proc/devices", "Character devices:\n");
    assert_int_equal(gs_driver_control_nodes(&tree.roots, nodes, &n, NULL), 0);
    assert_int_equal(n, 0);
    tree_end(&tree);
}

/* mknod, where this user may. */
static bool put_node(const struct tree *tree, const char *path, unsigned major_number,
                     unsigned minor_number)
{
    char full[2048];
    full_path(tree, path, full);
    return mknod(full, S_IFCHR | 0660, makedev(major_number, minor_number)) == 0 &&
           chown(full, 0, 44) == 0 && chmod(full, 0660) == 0;
}

static void driver_files__nodes_that_are_there_tell_their_own_numbers(void **state)
{
    (void)state;
    struct tree tree = tree_begin();
    put_text(&tree, "/proc/devices", "Character devices:\n195 nvidia\n510 nvidia-uvm\n");
    put_text(&tree, "/sys/bus/pci/devices/0000:07:00.0/drm/renderD128/x", "");
    put_text(&tree, "/sys/bus/pci/devices/0000:07:00.0/drm/card1/x", "");
    put_text(&tree, "/sys/bus/pci/devices/0000:07:00.0/drm/version", "");
    put_text(&tree, "/sys/bus/pci/devices/0000:07:00.0/drm/card2/x", ""); /* without a node */
    put_link(&tree, "/dev/dri/by-path/pci-0000:07:00.0-card", "../card1");
    struct gs_drm_link links[GS_DRM_LINKS_MAX];
    unsigned n = 0;
    assert_int_equal(gs_driver_drm_links(&tree.roots, "00000000:07:00.0", links, &n, NULL), 0);
    assert_int_equal(n, 1);
    assert_string_equal(links[0].target, "../card1");
    if (put_node(&tree, "/dev/nvidiactl", 7, 8) && put_node(&tree, "/dev/dri/card1", 226, 1) &&
        put_node(&tree, "/dev/dri/renderD128", 226, 128)) {
        struct gs_device_node nodes[GS_DRM_NODES_MAX];
        assert_int_equal(gs_driver_control_nodes(&tree.roots, nodes, &n, NULL), 0);
        assert_int_equal(n, 1); /* one is there, so that the others are not */
        assert_int_equal(nodes[0].major, 7);
        assert_int_equal(nodes[0].mode, 0660);
        assert_int_equal(nodes[0].gid, 44);
        assert_int_equal(gs_driver_drm_nodes(&tree.roots, "00000000:07:00.0", nodes, &n, NULL), 0);
        assert_int_equal(n, 2);
        assert_string_equal(nodes[0].path, "/dev/dri/card1");
        assert_string_equal(nodes[1].path, "/dev/dri/renderD128");
        assert_int_equal(nodes[1].minor, 128);
        assert_int_equal(gs_driver_drm_nodes(&tree.roots, "00000000:08:00.0", nodes, &n, NULL), 0);
        assert_int_equal(n, 0);
    }
    tree_end(&tree);
}

/* ---- The driver's files ---- */

static bool has_mount(const struct gs_driver_files *files, const char *path, const char *to)
{
    for (size_t i = 0; i < files->n_mounts; i++) {
        if (strcmp(files->mounts[i].path, path) == 0) {
            assert_string_equal(files->mounts[i].container_path, to == NULL ? path : to);
            return true;
        }
    }
    return false;
}

static bool has_link(const struct gs_driver_link *links, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++) {
        char at[512];
        snprintf(at, sizeof(at), "%s::%s", links[i].target, links[i].link);
        if (strcmp(at, text) == 0) {
            return true;
        }
    }
    return false;
}

static void put_driver(const struct tree *tree)
{
    static const char *const files[] = {
        "/usr/lib64/libcuda.so." VERSION,
        "/usr/lib64/libGLX_nvidia.so." VERSION,
        "/usr/lib64/libnvidia-allocator.so." VERSION,
        "/usr/lib64/libnvidia-opticalflow.so." VERSION,
        "/usr/lib64/vdpau/libvdpau_nvidia.so." VERSION,
        "/usr/lib64/libcuda.so.570.1.1",
        "/usr/lib64/libother.so.1",
        "/usr/lib64/libnvidia-nvvm70.so.4",
        "/usr/lib64/libnvidia-egl-gbm.so.1.1.2",
        "/usr/lib64/xorg/modules/drivers/nvidia_drv.so",
        "/usr/lib64/xorg/modules/extensions/libglxserver_nvidia.so." VERSION,
        "/lib/firmware/nvidia/" VERSION "/gsp_ga10x.bin",
        "/lib/firmware/nvidia/" VERSION "/gsp_tu10x.bin",
        "/lib/firmware/nvidia/" VERSION "/other.bin",
        "/usr/share/glvnd/egl_vendor.d/10_nvidia.json",
        "/etc/OpenCL/vendors/nvidia.icd",
        "/usr/share/vulkan/icd.d/nvidia_icd.json",
        "/vulkan/implicit_layer.d/nvidia_layers.json",
        "/var/run/nvidia-fabricmanager/socket",
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        put_text(tree, files[i], "");
    }
    put(tree, "/usr/bin/nvidia-smi", "", 0, 0755);
    put(tree, "/usr/bin/nvidia-debugdump", "", 0, 0644); /* no program */
    put(tree, "/usr/sbin/nvidia-imex", "", 0, 0755);
    put_link(tree, "/lib64", "usr/lib64");
    put_link(tree, "/usr/lib64/libcuda.so.1", "libcuda.so." VERSION);
    put_link(tree, "/usr/lib64/libcuda.so", "libcuda.so.1");
}

static void driver_files__a_container_gets_what_belongs_to_the_driver(void **state)
{
    (void)state;
    struct tree tree = tree_begin();
    struct gs_driver_files files;
    put_driver(&tree);
    assert_int_equal(gs_driver_files_find(&tree.roots, VERSION, &tree.arena, &files, NULL), 0);
    static const struct {
        const char *path;
        const char *to;
    } wanted[] = {
        {"/usr/lib64/libcuda.so." VERSION, NULL},
        {"/usr/lib64/libGLX_nvidia.so." VERSION, NULL},
        {"/usr/lib64/libnvidia-allocator.so." VERSION, NULL},
        {"/usr/lib64/libnvidia-opticalflow.so." VERSION, NULL},
        {"/usr/lib64/vdpau/libvdpau_nvidia.so." VERSION, NULL},
        {"/usr/lib64/libnvidia-nvvm70.so.4", NULL},
        {"/usr/lib64/libnvidia-egl-gbm.so.1.1.2", NULL},
        {"/usr/lib64/xorg/modules/drivers/nvidia_drv.so", NULL},
        {"/usr/lib64/xorg/modules/extensions/libglxserver_nvidia.so." VERSION, NULL},
        {"/lib/firmware/nvidia/" VERSION "/gsp_ga10x.bin", NULL},
        {"/lib/firmware/nvidia/" VERSION "/gsp_tu10x.bin", NULL},
        {"/usr/share/glvnd/egl_vendor.d/10_nvidia.json", NULL},
        {"/etc/OpenCL/vendors/nvidia.icd", NULL},
        {"/usr/share/vulkan/icd.d/nvidia_icd.json", "/etc/vulkan/icd.d/nvidia_icd.json"},
        {"/vulkan/implicit_layer.d/nvidia_layers.json",
         "/etc/vulkan/implicit_layer.d/nvidia_layers.json"},
        {"/usr/bin/nvidia-smi", NULL},
        {"/usr/sbin/nvidia-imex", NULL},
    };
    size_t n = sizeof(wanted) / sizeof(wanted[0]);
    for (size_t i = 0; i < n; i++) {
        if (!has_mount(&files, wanted[i].path, wanted[i].to)) {
            fail_msg("%s is not mounted", wanted[i].path);
        }
    }
    assert_int_equal(files.n_mounts, n);
    assert_int_equal(files.n_sockets, 1);
    assert_string_equal(files.sockets[0].path, "/var/run/nvidia-fabricmanager/socket");
    assert_int_equal(files.n_cuda_folders, 1); /* /lib64 is the same one */
    assert_string_equal(files.cuda_folders[0], "/usr/lib64");
    assert_int_equal(files.n_lib_folders, 2);
    assert_string_equal(files.lib_folders[1], "/usr/lib64/vdpau");
    tree_end(&tree);
}

static void driver_files__links_are_made_that_programs_expect(void **state)
{
    (void)state;
    struct tree tree = tree_begin();
    struct gs_driver_files files;
    put_driver(&tree);
    assert_int_equal(gs_driver_files_find(&tree.roots, VERSION, &tree.arena, &files, NULL), 0);
    static const char *const links[] = {
        "libcuda.so.1::/usr/lib64/libcuda.so",
        "libGLX_nvidia.so." VERSION "::/usr/lib64/libGLX_indirect.so.0",
        "libnvidia-opticalflow.so.1::/usr/lib64/libnvidia-opticalflow.so",
    };
    static const char *const graphics[] = {
        "../libnvidia-allocator.so.1::/usr/lib64/gbm/nvidia-drm_gbm.so",
        "libglxserver_nvidia.so." VERSION
        "::/usr/lib64/xorg/modules/extensions/libglxserver_nvidia.so",
    };
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        assert_true(has_link(files.links, files.n_links, links[i]));
    }
    for (size_t i = 0; i < sizeof(graphics) / sizeof(graphics[0]); i++) {
        assert_true(has_link(files.graphics_links, files.n_graphics_links, graphics[i]));
    }
    assert_int_equal(files.n_links, 3);
    assert_int_equal(files.n_graphics_links, 2);
    tree_end(&tree);
}

static size_t read_file(const char *path, char *ret, size_t size)
{
    int fd = path == NULL ? -1 : open(path, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t n = read(fd, ret, size);
    close(fd);
    assert_true(n > 0 && (size_t)n < size);
    return (size_t)n;
}

static void driver_files__a_librarys_own_links_follow_it(void **state)
{
    (void)state;
    struct tree tree = tree_begin();
    struct gs_driver_files files;
    char *bytes = malloc(1 << 20);
    size_t n = read_file(getenv("GS_LIAR"), bytes, 1 << 20); /* its soname is libliar.so.1 */
    put(&tree, "/usr/lib64/libliar.so." VERSION, bytes, n, 0644);
    put_link(&tree, "/usr/lib64/libliar.so.1", "libliar.so." VERSION);
    put_link(&tree, "/usr/lib64/libliar.so", "libliar.so.1");
    put(&tree, "/usr/lib64/libalone.so." VERSION, bytes, n, 0644);
    put(&tree, "/usr/lib64/libhalf.so." VERSION, bytes, n / 2, 0644);
    assert_int_equal(gs_driver_files_find(&tree.roots, VERSION, &tree.arena, &files, NULL), 0);
    assert_true(
        has_link(files.links, files.n_links, "libliar.so." VERSION "::/usr/lib64/libliar.so.1"));
    assert_true(has_link(files.links, files.n_links, "libliar.so.1::/usr/lib64/libliar.so"));
    free(bytes);
    tree_end(&tree);
}

/* A text without its end. */
static void lay(char *at, const char *text)
{
    for (; *text != '\0'; text++) {
        *at++ = *text;
    }
}

/* A cache of the linker, as glibc 2.32 writes it, with these paths. */
static size_t make_cache(char *ret, const char *const *paths, unsigned n, uint32_t flags)
{
    size_t used = 48 + 24 * n;
    memset(ret, 0, used);
    lay(ret, "glibc-ld.so.cache1.1");
    memcpy(ret + 20, &n, 4);
    for (unsigned i = 0; i < n; i++) {
        uint32_t at = (uint32_t)used;
        memcpy(ret + 48 + 24 * i, &flags, 4);
        memcpy(ret + 48 + 24 * i + 4, &at, 4);
        memcpy(ret + 48 + 24 * i + 8, &at, 4);
        used += (size_t)sprintf(ret + used, "%s", paths[i]) + 1;
    }
    return used;
}

static void driver_files__elsewhere_the_linkers_cache_tells(void **state)
{
    (void)state;
    struct tree tree = tree_begin();
    struct gs_driver_files files;
    struct gs_err err;
    static const char *const paths[] = {"/opt/nv/libcuda.so.1", "/opt/nv/libnvidia-ml.so.1",
                                        "/opt/gone/libnvidia-x.so.1", "/opt/nv/libm.so.6"};
    char cache[2048];
    put_text(&tree, "/opt/nv/libcuda.so." VERSION, "");
    put_text(&tree, "/opt/nv/libnvidia-ml.so." VERSION, "");
    put_text(&tree, "/opt/nv/libm.so.6", "");
    put_link(&tree, "/opt/nv/libcuda.so.1", "libcuda.so." VERSION);
    put_link(&tree, "/opt/nv/libnvidia-ml.so.1", "libnvidia-ml.so." VERSION);
    assert_int_equal(gs_driver_files_find(&tree.roots, VERSION, &tree.arena, &files, &err),
                     GS_NOT_FOUND);
    assert_non_null(strstr(err.msg, VERSION));
    /* 32-bit libraries do not count */
    put(&tree, "/etc/ld.so.cache", cache, make_cache(cache, paths, 4, 0x0001), 0644);
    assert_int_equal(gs_driver_files_find(&tree.roots, VERSION, &tree.arena, &files, NULL),
                     GS_NOT_FOUND);
    put(&tree, "/etc/ld.so.cache", cache, make_cache(cache, paths, 4, 0x0301), 0644);
    assert_int_equal(gs_driver_files_find(&tree.roots, VERSION, &tree.arena, &files, NULL), 0);
    assert_int_equal(files.n_mounts, 2);
    assert_true(has_mount(&files, "/opt/nv/libcuda.so." VERSION, NULL));
    assert_int_equal(files.n_cuda_folders, 1);
    assert_string_equal(files.cuda_folders[0], "/opt/nv");
    tree_end(&tree);
}

static void driver_files__nothing_from_outside_the_root_is_mounted(void **state)
{
    (void)state;
    struct tree tree = tree_begin();
    struct tree other = tree_begin();
    struct gs_driver_files files;
    char outside[2048];
    put_text(&tree, "/usr/lib64/libcuda.so." VERSION, "");
    put_text(&other, "/libnvidia-ml.so." VERSION, "");
    full_path(&other, "/libnvidia-ml.so." VERSION, outside);
    put_link(&tree, "/usr/lib64/libnvidia-ml.so." VERSION, outside);
    assert_int_equal(gs_driver_files_find(&tree.roots, VERSION, &tree.arena, &files, NULL), 0);
    assert_int_equal(files.n_mounts, 1);
    tree_end(&other);
    tree_end(&tree);
}

static void driver_files__a_version_is_digits_and_dots(void **state)
{
    (void)state;
    struct tree tree = tree_begin();
    struct gs_driver_files files;
    char endless[100];
    memset(endless, '1', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    const char *const wrong[] = {"", "*", "580*", "../x", "580/..", ".1", endless};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(gs_driver_files_find(&tree.roots, wrong[i], &tree.arena, &files, NULL),
                         GS_INVALID);
    }
    snprintf(tree.roots.driver, sizeof(tree.roots.driver), "/there/is/no/such/root");
    assert_int_equal(gs_driver_files_find(&tree.roots, VERSION, &tree.arena, &files, NULL),
                     GS_NOT_FOUND);
    tree_end(&tree);
}

/* An allocator that says no at the nth request. */
static void *stingy_get(void *ctx, size_t size)
{
    unsigned *left = ctx;
    return (*left)-- == 0 ? NULL : malloc(size);
}

static void stingy_put(void *ctx, void *block, size_t size)
{
    (void)ctx;
    (void)size;
    free(block);
}

static void driver_files__running_out_of_memory_is_told(void **state)
{
    (void)state;
    struct tree tree = tree_begin();
    put_driver(&tree);
    int r = GS_NO_MEMORY;
    unsigned n = 0;
    for (; r == GS_NO_MEMORY && n < 2000; n++) {
        unsigned left = n;
        struct gs_alloc source = {stingy_get, stingy_put, &left, true};
        struct gs_arena arena;
        struct gs_driver_files files;
        struct gs_err err = {.msg = ""};
        gs_arena_init(&arena, &source, 4 << 20);
        r = gs_driver_files_find(&tree.roots, VERSION, &arena, &files, &err);
        assert_true(r == 0 || (r == GS_NO_MEMORY && err.msg[0] != '\0'));
        gs_arena_done(&arena);
    }
    assert_int_equal(r, 0);
    assert_true(n > 50);
    tree_end(&tree);
}

/* ---- Hooks ---- */

static void driver_files__the_hooks_program_is_looked_into(void **state)
{
    (void)state;
    struct tree tree = tree_begin();
    struct gs_hook_program program;
    assert_int_equal(gs_driver_hook_program(&tree.roots, NULL, &program, NULL), 0);
    assert_string_equal(program.path, "");
    put(&tree, "/usr/bin/nvidia-ctk", "xxcreate-symlinksxx", 19, 0755);
    assert_int_equal(gs_driver_hook_program(&tree.roots, NULL, &program, NULL), 0);
    assert_string_equal(program.path, "/usr/bin/nvidia-ctk");
    assert_int_equal(program.hooks, GS_HOOK_CREATE_SYMLINKS);
    /* names across the border of what is read at once */
    size_t n = 3 << 20;
    char *bytes = calloc(1, n);
    lay(bytes + (64 << 10) - 5, "update-ldcache");
    lay(bytes + (128 << 10) - 64 - 20, "disable-device-node-modification");
    lay(bytes + n - 26, "update-application-profile");
    put(&tree, "/usr/bin/nvidia-cdi-hook", bytes, n, 0755);
    free(bytes);
    assert_int_equal(gs_driver_hook_program(&tree.roots, NULL, &program, NULL), 0);
    assert_string_equal(program.path, "/usr/bin/nvidia-cdi-hook");
    assert_int_equal(program.hooks, GS_HOOK_UPDATE_LDCACHE |
                                        GS_HOOK_DISABLE_DEVICE_NODE_MODIFICATION |
                                        GS_HOOK_UPDATE_APPLICATION_PROFILE);
    assert_int_equal(gs_driver_hook_program(&tree.roots, "/usr/bin/nvidia-ctk", &program, NULL), 0);
    assert_string_equal(program.path, "/usr/bin/nvidia-ctk");
    assert_int_equal(gs_driver_hook_program(&tree.roots, "", &program, NULL), 0);
    assert_string_equal(program.path, "");
    assert_int_equal(gs_driver_hook_named(gs_view("update-ldcache")), GS_HOOK_UPDATE_LDCACHE);
    assert_int_equal(gs_driver_hook_named(gs_view("all")), GS_HOOKS_ALL);
    assert_int_equal(gs_driver_hook_named(gs_view("update-ldcach")), 0);
    put(&tree, "/usr/bin/nvidia-ctk", "create-symlinks", 15, 0644);
    assert_int_equal(gs_driver_hook_program(&tree.roots, "/usr/bin/nvidia-ctk", &program, NULL), 0);
    assert_string_equal(program.path, "");
    tree_end(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(driver_files__pci_tells_the_numa_node_and_the_class),
        cmocka_unit_test(driver_files__the_machine_type_is_the_dmi_product),
        cmocka_unit_test(driver_files__cap_minors_are_read_line_by_line),
        cmocka_unit_test(driver_files__a_capability_file_has_a_minor_and_a_mode),
        cmocka_unit_test(driver_files__majors_are_those_of_character_devices),
        cmocka_unit_test(driver_files__a_node_is_a_character_device_and_no_link),
        cmocka_unit_test(driver_files__without_nodes_their_numbers_are_those_of_the_kernel),
        cmocka_unit_test(driver_files__nodes_that_are_there_tell_their_own_numbers),
        cmocka_unit_test(driver_files__a_container_gets_what_belongs_to_the_driver),
        cmocka_unit_test(driver_files__links_are_made_that_programs_expect),
        cmocka_unit_test(driver_files__a_librarys_own_links_follow_it),
        cmocka_unit_test(driver_files__elsewhere_the_linkers_cache_tells),
        cmocka_unit_test(driver_files__nothing_from_outside_the_root_is_mounted),
        cmocka_unit_test(driver_files__a_version_is_digits_and_dots),
        cmocka_unit_test(driver_files__running_out_of_memory_is_told),
        cmocka_unit_test(driver_files__the_hooks_program_is_looked_into),
    };
    return cmocka_run_group_tests_name("driver_files", tests, NULL, NULL);
}
