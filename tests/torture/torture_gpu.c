/* What the GPU room and CDI take from the heap. */
#include "torture/torture.h"

#include <stdlib.h>
#include <string.h>

#include "gpu/driver_files.h"
#include "gpu/gpu_table.h"
#include "wire/cdi.h"

static int write_cdi(struct gs_err *err)
{
    static const char *const env[] = {"NVIDIA_VISIBLE_DEVICES=void"};
    static const char *const args[] = {"nvidia-cdi-hook", "update-ldcache", "--folder", "/lib64"};
    static const char *const options[] = {"ro", "nosuid", "nodev", "rbind", "rprivate"};
    static const struct gs_cdi_hook hooks[] = {{.name = "createContainer",
                                                .path = "/usr/bin/nvidia-cdi-hook",
                                                .args = {.n = 4, .at = args},
                                                .env = {.n = 1, .at = env}}};
    static const struct gs_cdi_mount mounts[] = {{.host_path = "/lib64/libcuda.so.580.65.06",
                                                  .container_path = "/lib64/libcuda.so.580.65.06",
                                                  .options = {.n = 5, .at = options}}};
    static const struct gs_cdi_node nodes[] = {{.path = "/dev/nvidia0",
                                                .permissions = "rwm",
                                                .type = 'c',
                                                .major = 195,
                                                .file_mode = 0666,
                                                .uid = GS_CDI_NOT_TOLD,
                                                .gid = GS_CDI_NOT_TOLD}};
    static const struct gs_cdi_device devices[] = {
        {.name = "GPU-1", .edits = {.n_nodes = 1, .nodes = nodes}},
        {.name = "GPU-2", .edits = {.n_nodes = 1, .nodes = nodes}}};
    static const struct gs_cdi_spec spec = {.kind = "nvidia.com/gpu",
                                            .n_devices = 2,
                                            .devices = devices,
                                            .edits = {.env = {.n = 1, .at = env},
                                                      .n_hooks = 1,
                                                      .hooks = hooks,
                                                      .n_mounts = 1,
                                                      .mounts = mounts}};
    struct gs_buf out;
    gs_buf_init(&out, GS_CDI_BYTES_MAX);
    int r = gs_cdi_format(&spec, &out, err);
    gs_buf_done(&out);
    return r;
}

/* Of this machine, whatever it has: the file is there on every Linux. */
static int read_majors(struct gs_err *err)
{
    const struct gs_machine_roots here = {.simulated = false};
    struct gs_driver_majors majors;
    return gs_driver_majors(&here, &majors, err);
}

static int open_watch(struct gs_err *err)
{
    static struct gs_gpu_table table;
    struct gs_gpus gpus;
    struct gs_gpu_watch watch = {.gpus = NULL};
    gs_gpu_table_init(&table, 580);
    gs_gpu_table_open(&table, &gpus);
    int r = gs_gpu_watch_open(&gpus, &watch, err);
    gs_gpu_watch_close(&watch);
    gs_gpu_close(&gpus);
    return r;
}

static void torture__cdi_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_heap(write_cdi, 1) >= 3);
}

static void torture__the_gpu_room_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_heap(read_majors, 1) >= 1);
    assert_true(torture_heap(open_watch, 1) >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__cdi_survives_each_failed_request),
        cmocka_unit_test(torture__the_gpu_room_survives_each_failed_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
