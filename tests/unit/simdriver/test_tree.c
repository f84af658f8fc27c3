#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "simdriver/store_test.h"
#include "simdriver/tree.h"

static void change(struct sim_store *store, void (*what)(struct sim_machine *))
{
    what(sim_store_begin(store));
    assert_int_equal(sim_store_commit(store), SIM_OK);
}

static void cut(struct sim_machine *machine)
{
    uint32_t gi;
    uint32_t ci;
    assert_int_equal(sim_gi_create(machine, 1, 9, 4, 4, &gi), SIM_OK);
    assert_int_equal(sim_ci_create(machine, 1, gi, 0, SIM_NONE, 0, &ci), SIM_OK);
    assert_int_equal(sim_ci_create(machine, 1, gi, 0, SIM_NONE, 0, &ci), SIM_OK);
}

static void uncut(struct sim_machine *machine)
{
    assert_int_equal(sim_ci_destroy(machine, 1, 2, 0), SIM_OK);
    assert_int_equal(sim_ci_destroy(machine, 1, 2, 1), SIM_OK);
    assert_int_equal(sim_gi_destroy(machine, 1, 2), SIM_OK);
}

static void unload(struct sim_machine *machine)
{
    assert_int_equal(sim_driver_unload(machine, 1), SIM_OK);
}

static void lose(struct sim_machine *machine)
{
    assert_int_equal(sim_lose(machine, 1), SIM_OK);
}

static void tree__shows_the_gpus_as_the_kernel_does(void **state)
{
    (void)state;
    struct sim_store *store = new_machine("A100-40GB", 2);
    assert_string_equal(root_file("sys/bus/pci/devices/0000:07:00.0/vendor"), "0x10de\n");
    assert_string_equal(root_file("sys/bus/pci/devices/0000:07:00.0/device"), "0x20b0\n");
    assert_string_equal(root_file("sys/bus/pci/devices/0000:0f:00.0/class"), "0x030200\n");
    assert_string_equal(root_file("sys/bus/pci/devices/0000:0f:00.0/numa_node"), "1\n");
    assert_true(root_has("sys/bus/pci/devices/0000:0f:00.0/reset"));
    assert_non_null(strstr(root_file("proc/driver/nvidia/version"), "580."));
    assert_non_null(strstr(root_file("proc/driver/nvidia/gpus/0000:0f:00.0/information"),
                           "Device Minor: \t 1\n"));
    assert_non_null(strstr(root_file("proc/modules"), "\nnvidia "));
    assert_non_null(strstr(root_file("proc/devices"), "237 nvidia-caps\n"));
    assert_true(root_has("dev/nvidia1") && root_has("dev/nvidiactl") && !root_has("dev/nvidia2"));
    assert_string_equal(root_file("proc/driver/nvidia/capabilities/mig/config"),
                        "DeviceFileMinor: 1\nDeviceFileMode: 256\nDeviceFileModify: 1\n");
    assert_true(root_has("dev/nvidia-caps/nvidia-cap2"));
    assert_string_equal(root_file("sys/class/dmi/id/product_name"), "gpuslice-sim\n");
    assert_non_null(strstr(root_file("usr/lib64/libcuda.so.1"), "simulated"));
    end_machine(store);
}

static mode_t root_kind(const char *name, dev_t *number)
{
    char path[600];
    struct stat st;
    snprintf(path, sizeof(path), "%s/root/%s", test_dir, name);
    assert_int_equal(lstat(path, &st), 0);
    *number = st.st_rdev;
    return st.st_mode & S_IFMT;
}

/* A container runtime gives a container device nodes and nothing else. */
static void tree__has_device_nodes_where_the_user_may_make_them(void **state)
{
    (void)state;
    static const char *const nodes[] = {"dev/nvidia0", "dev/nvidiactl",
                                        "dev/nvidia-caps/nvidia-cap1"};
    struct sim_store *store = new_machine("A100-40GB", 1);
    char mine[600];
    snprintf(mine, sizeof(mine), "%s/mine", test_dir);
    bool may = mknod(mine, S_IFCHR | 0600, makedev(1, 3)) == 0;
    for (unsigned i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
        dev_t number;
        assert_int_equal(root_kind(nodes[i], &number), may ? S_IFCHR : S_IFREG);
        assert_true(!may || number == makedev(1, 3));
    }
    end_machine(store);
}

static void tree__lists_the_minors_of_all_instances_that_may_be(void **state)
{
    (void)state;
    struct sim_store *store = new_machine("A100-40GB", 1);
    char path[300];
    char line[80];
    snprintf(path, sizeof(path), "%s/root/proc/driver/nvidia-caps/mig-minors", test_dir);
    FILE *file = fopen(path, "r");
    unsigned n = 0;
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        n++;
        if (n == 4) {
            assert_string_equal(line, "gpu0/gi0/ci0/access 4\n");
        }
    }
    fclose(file);
    assert_int_equal(n, 2 + 32 * 15 * 9);
    assert_string_equal(line, "gpu31/gi14/ci7/access 4322\n");
    end_machine(store);
}

static void tree__instances_come_and_go(void **state)
{
    (void)state;
    struct sim_store *store = new_machine("A100-40GB", 2);
    change(store, cut);
    assert_string_equal(root_file("proc/driver/nvidia/capabilities/gpu1/mig/gi2/access"),
                        "DeviceFileMinor: 156\nDeviceFileMode: 292\nDeviceFileModify: 1\n");
    assert_non_null(strstr(root_file("proc/driver/nvidia/capabilities/gpu1/mig/gi2/ci1/access"),
                           "Minor: 158\n"));
    assert_true(root_has("dev/nvidia-caps/nvidia-cap156") &&
                root_has("dev/nvidia-caps/nvidia-cap158"));
    change(store, uncut);
    assert_false(root_has("proc/driver/nvidia/capabilities/gpu1/mig/gi2"));
    assert_false(root_has("dev/nvidia-caps/nvidia-cap156") ||
                 root_has("dev/nvidia-caps/nvidia-cap158"));
    assert_true(root_has("dev/nvidia-caps/nvidia-cap1"));
    end_machine(store);
}

static void tree__is_gone_with_the_driver_and_comes_back(void **state)
{
    (void)state;
    struct sim_store *store = new_machine("A100-40GB", 2);
    change(store, cut);
    change(store, unload);
    assert_false(root_has("proc/driver") || root_has("dev/nvidia0") || root_has("dev/nvidiactl") ||
                 root_has("dev/nvidia-caps"));
    assert_null(strstr(root_file("proc/modules"), "nvidia"));
    assert_true(root_has("sys/bus/pci/devices/0000:07:00.0/vendor"));
    assert_false(root_has("sys/bus/pci/devices/0000:07:00.0/driver"));
    change(store, sim_driver_load);
    assert_true(root_has("proc/driver/nvidia/capabilities/mig/config") && root_has("dev/nvidia1"));
    assert_true(root_has("sys/bus/pci/devices/0000:07:00.0/driver"));
    assert_false(root_has("proc/driver/nvidia/capabilities/gpu1/mig/gi2"));
    end_machine(store);
}

static void tree__a_lost_gpu_is_off_the_bus(void **state)
{
    (void)state;
    struct sim_store *store = new_machine("A100-40GB", 2);
    change(store, cut);
    change(store, lose);
    assert_false(root_has("sys/bus/pci/devices/0000:0f:00.0") || root_has("dev/nvidia1") ||
                 root_has("proc/driver/nvidia/capabilities/gpu1/mig/gi2"));
    assert_true(root_has("sys/bus/pci/devices/0000:07:00.0"));
    change(store, sim_reboot);
    assert_true(root_has("sys/bus/pci/devices/0000:0f:00.0/vendor") && root_has("dev/nvidia1"));
    end_machine(store);
}

static void tree__made_again_mends_what_was_damaged(void **state)
{
    (void)state;
    struct sim_store *store = new_machine("A100-40GB", 2);
    char path[300];
    struct gs_err err = {.msg = ""};
    change(store, cut);
    snprintf(path, sizeof(path), "%s/root/proc/driver", test_dir);
    remove_all(path);
    snprintf(path, sizeof(path), "%s/root/proc/modules", test_dir);
    assert_int_equal(truncate(path, 3), 0);
    snprintf(path, sizeof(path), "%s/root/proc/driver/nvidia/capabilities/gpu1/mig/gi9", test_dir);
    assert_int_equal(sim_tree_sync(test_dir, sim_store_view(store), &err), 0);
    sim_store_end(store);
    assert_true(root_has("proc/driver/nvidia/capabilities/gpu1/mig/gi2/ci1/access"));
    assert_non_null(strstr(root_file("proc/modules"), "\nnvidia "));
    assert_int_equal(mkdir(path, 0755), 0); /* an instance that is not there */
    assert_int_equal(sim_tree_sync(test_dir, sim_store_view(store), &err), 0);
    sim_store_end(store);
    assert_false(root_has("proc/driver/nvidia/capabilities/gpu1/mig/gi9"));
    end_machine(store);
}

static void tree__vms_have_no_reset(void **state)
{
    (void)state;
    struct sim_machine *machine = machine_of(580, "A100-40GB", 1);
    machine->gpus[0].vm = 1;
    new_test_dir();
    assert_int_equal(sim_store_create(test_dir, machine, NULL), 0);
    assert_false(root_has("sys/bus/pci/devices/0000:07:00.0/reset"));
    remove_all(test_dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tree__shows_the_gpus_as_the_kernel_does),
        cmocka_unit_test(tree__has_device_nodes_where_the_user_may_make_them),
        cmocka_unit_test(tree__lists_the_minors_of_all_instances_that_may_be),
        cmocka_unit_test(tree__instances_come_and_go),
        cmocka_unit_test(tree__is_gone_with_the_driver_and_comes_back),
        cmocka_unit_test(tree__a_lost_gpu_is_off_the_bus),
        cmocka_unit_test(tree__made_again_mends_what_was_damaged),
        cmocka_unit_test(tree__vms_have_no_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
