/* cdispec: which devices a CDI file has, and what each of them is. */
#include "unit/node/bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "node/cdispec.h"

static const struct gs_driver_mount mounts[] = {
    {"/usr/lib64/libcuda.so.580.65.06", "/usr/lib64/libcuda.so.580.65.06"},
    {"/usr/bin/nvidia-smi", "/usr/bin/nvidia-smi"},
    {"/usr/share/vulkan/icd.d/nvidia_icd.json", "/etc/vulkan/icd.d/nvidia_icd.json"},
};
static const struct gs_driver_mount sockets[] = {
    {"/run/nvidia-persistenced/socket", "/run/nvidia-persistenced/socket"}};
static const struct gs_driver_link links[] = {{"libcuda.so.1", "/usr/lib64/libcuda.so"}};
static const char *const folders[] = {"/usr/lib64"};
static const struct gs_driver_files files = {.n_mounts = 3,
                                             .mounts = mounts,
                                             .n_sockets = 1,
                                             .sockets = sockets,
                                             .n_links = 1,
                                             .links = links,
                                             .n_lib_folders = 1,
                                             .lib_folders = folders,
                                             .n_cuda_folders = 1,
                                             .cuda_folders = folders};

static struct gs_device_node node(const char *path, uint32_t major, uint32_t minor, bool exists)
{
    struct gs_device_node ret = {.exists = exists,
                                 .major = major,
                                 .minor = minor,
                                 .mode = exists ? 0666 : GS_NOT_KNOWN,
                                 .gid = exists ? 0 : GS_NOT_KNOWN};
    snprintf(ret.path, sizeof(ret.path), "%s", path);
    return ret;
}

/* A node of a cluster: snapshot, nodes, and what came of them. */
struct world {
    struct bed bed;
    struct gs_cdispec_nodes nodes[GS_GPUS_MAX];
    struct gs_device_node control[2];
    struct gs_cdispec_machine machine;
    struct gs_cdispec_options options;
    struct gs_cdi_spec spec;
};

static void begin(struct world *world)
{
    memset(world, 0, sizeof(*world));
    bed_init(&world->bed);
    world->options = (struct gs_cdispec_options){.nodes_from_numbers = true};
    world->control[0] = node("/dev/nvidiactl", 195, 255, true);
    world->control[1] = node("/dev/nvidia-uvm", 510, 0, true);
    world->machine = (struct gs_cdispec_machine){
        .nodes = world->nodes, .n_control = 2, .control = world->control, .caps_major = 237};
}

/* Cap minors as the driver gives them. */
static void make(struct world *world)
{
    for (unsigned k = 0; k < world->bed.snapshot.n_gpus; k++) {
        char path[32];
        world->bed.gpus[k].facts.minor = k;
        snprintf(path, sizeof(path), "/dev/nvidia%u", k);
        world->nodes[k].gpu = node(path, 195, k, true);
    }
    for (unsigned i = 0; i < world->bed.snapshot.n_slices; i++) {
        struct gs_snapshot_slice *slice = &world->bed.slices[i];
        slice->gi_minor = 3 + 135 * slice->id.gpu + 9 * slice->id.gi;
        slice->ci_minor = slice->gi_minor + 1 + slice->id.ci;
        slice->index = i;
    }
    struct gs_err err;
    assert_int_equal(gs_cdispec_make(&world->bed.snapshot, &world->machine, &world->options,
                                     &world->bed.arena, &world->spec, &err),
                     0);
}

static const struct gs_cdi_device *device(const struct world *world, const char *name)
{
    for (size_t i = 0; i < world->spec.n_devices; i++) {
        if (strcmp(world->spec.devices[i].name, name) == 0) {
            return &world->spec.devices[i];
        }
    }
    return NULL;
}

/* "path major:minor" of each, in order. */
static void has_nodes(const struct gs_cdi_edits *edits, const char *const *wanted)
{
    size_t n = 0;
    for (; wanted[n] != NULL; n++) {
        char text[100];
        assert_true(n < edits->n_nodes);
        const struct gs_cdi_node *at = &edits->nodes[n];
        snprintf(text, sizeof(text), "%s %u:%u", at->path, at->major, at->minor);
        assert_string_equal(text, wanted[n]);
    }
    assert_int_equal(edits->n_nodes, n);
}

#define HAS_NODES(edits, ...) has_nodes((edits), (const char *const[]){__VA_ARGS__, NULL})

static void cdispec__a_slice_is_its_gpu_and_two_capabilities(void **state)
{
    (void)state;
    struct world *world = calloc(1, sizeof(*world));
    begin(world);
    bed_gpu(&world->bed, "A100-40GB");
    bed_cut(&world->bed, "A100-40GB", "3g.20gb@4,1g.5gb@0");
    make(world);
    assert_string_equal(world->spec.kind, "k8s.device-plugin.nvidia.com/gpu");
    assert_int_equal(world->spec.n_devices, 3);
    const struct gs_cdi_device *whole = device(world, world->bed.gpus[0].facts.uuid);
    assert_non_null(whole);
    HAS_NODES(&whole->edits, "/dev/nvidia0 195:0");
    for (unsigned i = 0; i < 2; i++) {
        const struct gs_snapshot_slice *slice = &world->bed.slices[i];
        const struct gs_cdi_device *found = device(world, slice->uuid);
        char gi[80];
        char ci[80];
        assert_non_null(found);
        snprintf(gi, sizeof(gi), "/dev/nvidia-caps/nvidia-cap%u 237:%u", slice->gi_minor,
                 slice->gi_minor);
        snprintf(ci, sizeof(ci), "/dev/nvidia-caps/nvidia-cap%u 237:%u", slice->ci_minor,
                 slice->ci_minor);
        HAS_NODES(&found->edits, "/dev/nvidia1 195:1", gi, ci);
        for (size_t n = 0; n < 3; n++) {
            assert_int_equal(found->edits.nodes[n].type, 'c');
            assert_string_equal(found->edits.nodes[n].permissions, "rwm");
            assert_null(found->edits.nodes[n].host_path);
            assert_int_equal(found->edits.nodes[n].file_mode, n == 0 ? 0666 : 0444);
        }
    }
    /* the GPU itself is no device while it is cut */
    assert_null(device(world, world->bed.gpus[1].facts.uuid));
    HAS_NODES(&world->spec.edits, "/dev/nvidia-uvm 510:0", "/dev/nvidiactl 195:255");
    assert_string_equal(gs_cdi_version(&world->spec), "0.3.0");
    bed_done(&world->bed);
    free(world);
}

static void cdispec__without_numbers_the_runtime_looks_at_the_host(void **state)
{
    (void)state;
    struct world *world = calloc(1, sizeof(*world));
    begin(world);
    world->options =
        (struct gs_cdispec_options){.driver_root = "/run/nvidia/driver", .dev_root = "/host"};
    bed_cut(&world->bed, "A100-40GB", "1g.5gb@0");
    make(world);
    const struct gs_cdi_edits *edits = &world->spec.devices[0].edits;
    assert_int_equal(edits->n_nodes, 3);
    assert_int_equal(edits->nodes[0].type, 0);
    assert_string_equal(edits->nodes[0].host_path, "/host/dev/nvidia0");
    assert_int_equal(edits->nodes[0].major, 195);
    assert_int_equal(edits->nodes[1].major, GS_CDI_NOT_TOLD);
    assert_string_equal(gs_cdi_version(&world->spec), "0.5.0");
    bed_done(&world->bed);
    free(world);
}

static void cdispec__devices_have_the_names_that_are_asked_for(void **state)
{
    (void)state;
    struct world *world = calloc(1, sizeof(*world));
    begin(world);
    world->options.names = GS_CDISPEC_UUID | GS_CDISPEC_INDEX | GS_CDISPEC_TYPE_INDEX;
    world->options.all = true;
    bed_gpu(&world->bed, "A100-40GB");
    bed_cut(&world->bed, "A100-40GB", "1g.5gb@0");
    world->bed.slices[0].index = 0;
    make(world);
    assert_int_equal(world->spec.n_devices, 7);
    for (size_t i = 1; i < world->spec.n_devices; i++) {
        assert_true(strcmp(world->spec.devices[i - 1].name, world->spec.devices[i].name) < 0);
    }
    static const char *const names[] = {"0", "gpu0", "1:0", "mig1:0"};
    for (size_t i = 0; i < 4; i++) {
        assert_non_null(device(world, names[i]));
    }
    const struct gs_cdi_device *all = device(world, "all");
    assert_non_null(all);
    const struct gs_snapshot_slice *slice = &world->bed.slices[0];
    char gi[80];
    char ci[80];
    snprintf(gi, sizeof(gi), "/dev/nvidia-caps/nvidia-cap%u 237:%u", slice->gi_minor,
             slice->gi_minor);
    snprintf(ci, sizeof(ci), "/dev/nvidia-caps/nvidia-cap%u 237:%u", slice->ci_minor,
             slice->ci_minor);
    HAS_NODES(&all->edits, "/dev/nvidia0 195:0", "/dev/nvidia1 195:1", gi, ci);
    bed_done(&world->bed);
    free(world);
}

static void cdispec__what_cannot_be_used_is_left_out(void **state)
{
    (void)state;
    struct world *world = calloc(1, sizeof(*world));
    begin(world);
    bed_gpu(&world->bed, "A100-40GB")->lost = true;
    bed_cut(&world->bed, "A100-40GB", "1g.5gb@0,1g.5gb@1,1g.5gb@2");
    make(world);
    assert_int_equal(world->spec.n_devices, 3);
    world->bed.slices[0].gi_minor = GS_NOT_KNOWN;
    world->bed.slices[1].ci_minor = GS_NOT_KNOWN;
    /* as drivers before R470 wrote it */
    snprintf(world->bed.slices[2].uuid, sizeof(world->bed.slices[2].uuid), "MIG-GPU-1/9/0");
    struct gs_err err;
    assert_int_equal(gs_cdispec_make(&world->bed.snapshot, &world->machine, &world->options,
                                     &world->bed.arena, &world->spec, &err),
                     0);
    assert_int_equal(world->spec.n_devices, 0);
    world->options.names = GS_CDISPEC_INDEX;
    assert_int_equal(gs_cdispec_make(&world->bed.snapshot, &world->machine, &world->options,
                                     &world->bed.arena, &world->spec, &err),
                     0);
    assert_int_equal(world->spec.n_devices, 1);
    bed_done(&world->bed);
    free(world);
}

static void cdispec__slices_for_graphics_get_the_gpus_drm_nodes(void **state)
{
    (void)state;
    struct world *world = calloc(1, sizeof(*world));
    begin(world);
    world->options.hook = "/usr/bin/nvidia-cdi-hook";
    bed_cut(&world->bed, "RTX-PRO-6000-96GB", "1g.24gb+gfx@0,1g.24gb@3");
    world->nodes[0].n_drm = 2;
    world->nodes[0].drm[0] = node("/dev/dri/card1", 226, 1, true);
    world->nodes[0].drm[0].mode = 0660;
    world->nodes[0].drm[0].gid = 44;
    world->nodes[0].drm[1] = node("/dev/dri/renderD128", 226, 128, true);
    world->nodes[0].n_drm_links = 1;
    world->nodes[0].drm_links[0] =
        (struct gs_drm_link){"/dev/dri/by-path/pci-0000:07:00.0-card", "../card1"};
    make(world);
    const struct gs_cdi_device *gfx = device(world, world->bed.slices[0].uuid);
    const struct gs_cdi_device *plain = device(world, world->bed.slices[1].uuid);
    assert_int_equal(gfx->edits.n_nodes, 5);
    assert_int_equal(gfx->edits.n_hooks, 1);
    assert_string_equal(gfx->edits.hooks[0].args.at[3],
                        "../card1::/dev/dri/by-path/pci-0000:07:00.0-card");
    assert_int_equal(gfx->edits.n_gids, 1);
    assert_int_equal(gfx->edits.gids[0], 44);
    assert_int_equal(plain->edits.n_nodes, 3);
    assert_int_equal(plain->edits.n_hooks, 0);
    assert_string_equal(gs_cdi_version(&world->spec), "0.7.0");
    bed_done(&world->bed);
    free(world);
}

static void cdispec__the_drivers_files_are_mounted_from_where_it_lies(void **state)
{
    (void)state;
    struct world *world = calloc(1, sizeof(*world));
    begin(world);
    world->machine.files = &files;
    world->options.driver_root = "/run/nvidia/driver";
    bed_gpu(&world->bed, "A100-40GB");
    make(world);
    static const struct {
        const char *from, *to, *first, *last;
    } wanted[] = {
        {"/run/nvidia/driver/run/nvidia-persistenced/socket", "/run/nvidia-persistenced/socket",
         "nosuid", "noexec"},
        {"/run/nvidia/driver/usr/bin/nvidia-smi", "/usr/bin/nvidia-smi", "ro", "rprivate"},
        {"/run/nvidia/driver/usr/lib64/libcuda.so.580.65.06", "/usr/lib64/libcuda.so.580.65.06",
         "ro", "rprivate"},
        {"/run/nvidia/driver/usr/share/vulkan/icd.d/nvidia_icd.json",
         "/etc/vulkan/icd.d/nvidia_icd.json", "ro", "rprivate"},
    };
    assert_int_equal(world->spec.edits.n_mounts, 4);
    for (size_t i = 0; i < 4; i++) {
        const struct gs_cdi_mount *mount = &world->spec.edits.mounts[i];
        assert_string_equal(mount->host_path, wanted[i].from);
        assert_string_equal(mount->container_path, wanted[i].to);
        assert_int_equal(mount->options.n, 5);
        assert_string_equal(mount->options.at[0], wanted[i].first);
        assert_string_equal(mount->options.at[4], wanted[i].last);
    }
    assert_int_equal(world->spec.edits.env.n, 2);
    assert_string_equal(world->spec.edits.env.at[0], "NVIDIA_CTK_LIBCUDA_DIR=/usr/lib64");
    assert_string_equal(world->spec.edits.env.at[1], "NVIDIA_VISIBLE_DEVICES=void");
    bed_done(&world->bed);
    free(world);
}

static void join(const struct gs_cdi_texts *texts, char *ret, size_t size)
{
    size_t used = 0;
    ret[0] = '\0';
    for (size_t i = 0; i < texts->n; i++) {
        used += (size_t)snprintf(ret + used, size - used, "%s%s", i > 0 ? " " : "", texts->at[i]);
    }
}

static void cdispec__hooks_are_those_that_the_program_knows(void **state)
{
    (void)state;
    static const struct {
        const char *program;
        unsigned hooks;
        const char *args[5];
    } cases[] = {
        {NULL, GS_HOOKS_ALL, {NULL}},
        {"", GS_HOOKS_ALL, {NULL}},
        {"/usr/bin/nvidia-cdi-hook",
         GS_HOOKS_ALL,
         {"nvidia-cdi-hook create-symlinks --link libcuda.so.1::/usr/lib64/libcuda.so",
          "nvidia-cdi-hook enable-cuda-compat --host-driver-version=580.65.06",
          "nvidia-cdi-hook update-ldcache --folder /usr/lib64",
          "nvidia-cdi-hook disable-device-node-modification",
          "nvidia-cdi-hook update-application-profile"}},
        {"/opt/nvidia-ctk",
         0,
         {"nvidia-ctk hook create-symlinks --link libcuda.so.1::/usr/lib64/libcuda.so",
          "nvidia-ctk hook update-ldcache --folder /usr/lib64"}},
        {"/opt/nvidia-ctk",
         GS_HOOK_UPDATE_LDCACHE | GS_HOOK_ENABLE_CUDA_COMPAT,
         {"nvidia-ctk hook enable-cuda-compat --host-driver-version=580.65.06",
          "nvidia-ctk hook update-ldcache --folder /usr/lib64"}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world *world = calloc(1, sizeof(*world));
        begin(world);
        world->machine.files = &files;
        world->options.hook = cases[i].program;
        world->options.hooks = cases[i].hooks;
        bed_gpu(&world->bed, "A100-40GB");
        snprintf(world->bed.snapshot.driver.driver_version, 80, "580.65.06");
        make(world);
        size_t n = 0;
        for (; n < 5 && cases[i].args[n] != NULL; n++) {
            char text[200];
            assert_true(n < world->spec.edits.n_hooks);
            const struct gs_cdi_hook *hook = &world->spec.edits.hooks[n];
            join(&hook->args, text, sizeof(text));
            assert_string_equal(text, cases[i].args[n]);
            assert_string_equal(hook->name, "createContainer");
            assert_string_equal(hook->path, cases[i].program);
        }
        assert_int_equal(world->spec.edits.n_hooks, n);
        bed_done(&world->bed);
        free(world);
    }
}

/* An allocator that says no at the nth request. */
struct stingy {
    unsigned left;
};

static void *stingy_get(void *ctx, size_t size)
{
    struct stingy *stingy = ctx;
    return stingy->left-- == 0 ? NULL : malloc(size);
}

static void stingy_put(void *ctx, void *block, size_t size)
{
    (void)ctx;
    (void)size;
    free(block);
}

static void cdispec__running_out_of_memory_is_told(void **state)
{
    (void)state;
    struct world *world = calloc(1, sizeof(*world));
    begin(world);
    world->machine.files = &files;
    world->options.hook = "/usr/bin/nvidia-ctk";
    world->options.all = true;
    bed_gpu(&world->bed, "A100-40GB");
    bed_cut(&world->bed, "A100-40GB", "3g.20gb@4,1g.5gb@0");
    make(world);
    int r = GS_NO_MEMORY;
    unsigned n = 0;
    for (; r == GS_NO_MEMORY && n < 1000; n++) {
        struct stingy stingy = {.left = n};
        struct gs_alloc source = {stingy_get, stingy_put, &stingy, true};
        struct gs_arena arena;
        struct gs_err err = {.msg = ""};
        gs_arena_init(&arena, &source, 1 << 20);
        r = gs_cdispec_make(&world->bed.snapshot, &world->machine, &world->options, &arena,
                            &world->spec, &err);
        assert_true(r == 0 || (r == GS_NO_MEMORY && err.code == GS_NO_MEMORY));
        gs_arena_done(&arena);
    }
    assert_int_equal(r, 0);
    assert_true(n > 20);
    bed_done(&world->bed);
    free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cdispec__a_slice_is_its_gpu_and_two_capabilities),
        cmocka_unit_test(cdispec__without_numbers_the_runtime_looks_at_the_host),
        cmocka_unit_test(cdispec__devices_have_the_names_that_are_asked_for),
        cmocka_unit_test(cdispec__what_cannot_be_used_is_left_out),
        cmocka_unit_test(cdispec__slices_for_graphics_get_the_gpus_drm_nodes),
        cmocka_unit_test(cdispec__the_drivers_files_are_mounted_from_where_it_lies),
        cmocka_unit_test(cdispec__hooks_are_those_that_the_program_knows),
        cmocka_unit_test(cdispec__running_out_of_memory_is_told),
    };
    return cmocka_run_group_tests_name("cdispec", tests, NULL, NULL);
}
