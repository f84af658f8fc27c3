/* gpu_nvml where the driver is not what it should be, and nvidia-smi. Behaviour with a driver that
 * works is in tests/contract. */
#include "unit/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "gpu/gpu_model.h"
#include "gpu/gpu_nvml.h"

static int open_liar(const char *lie, const char *smi, unsigned limit_s, struct gs_gpus *ret,
                     struct gs_err *err)
{
    setenv("LIE", lie, 1);
    return gs_gpu_nvml_open(&(struct gs_gpu_nvml_options){.library = getenv("GS_LIAR"),
                                                          .smi = smi,
                                                          .reset_limit_s = limit_s},
                            ret, err);
}

static void says(const struct gs_err *err, const char *what)
{
    if (strstr(err->msg, what) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err->msg, what);
    }
}

/* What a call comes to under each lie. */
enum call { GET, PROFILES, INSTANCES, KINDS, PLACES, PROCESSES, CREATE, CREATE_CI, MODEL, COUNT };

static int make(enum call call, struct gs_gpus *gpus, struct gs_err *err)
{
    static struct gs_gpu gpu;
    static struct gs_gpu_profile profiles[GS_GPU_PROFILES_MAX];
    static struct gs_gpu_instances instances;
    static struct gs_compute_profile kinds[GS_COMPUTE_PROFILES_MAX];
    static struct gs_compute_places places;
    static struct gs_gpu_process processes[4];
    static struct gs_gpu_instance gi;
    static struct gs_compute_instance ci;
    unsigned n = 0;
    size_t many = 0;
    switch (call) {
    case GET:
        return gs_gpu_get(gpus, 0, &gpu, err);
    case PROFILES:
        return gs_gpu_profiles(gpus, 0, profiles, &n, err);
    case INSTANCES:
        return gs_gpu_instances(gpus, 0, &instances, err);
    case KINDS:
        return gs_gpu_compute_profiles(gpus, 0, 0, kinds, &n, err);
    case PLACES:
        return gs_gpu_compute_places(gpus, 0, 0, 0, &places, err);
    case PROCESSES:
        return gs_gpu_processes(gpus, 0, processes, 4, &many, err);
    case CREATE:
        return gs_gpu_create(gpus, 0, 0, 0, 1, &gi, err);
    case CREATE_CI:
        return gs_gpu_create_compute(gpus, 0, 0, 0, GS_NOT_KNOWN, 0, &ci, err);
    case COUNT:
        return gs_gpu_count(gpus, &n, err);
    case MODEL:
        break;
    }
    struct gs_arena arena;
    const struct gs_model *model = NULL;
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 20);
    int r = gs_gpu_model_read(&arena, gpus, 0, &model, err);
    gs_arena_done(&arena);
    return r;
}

static const struct {
    const char *lie;
    enum call call;
    int code;
    const char *says;
} lies[] = {
    {"none", GET, 0, ""},
    {"none", MODEL, 0, ""},
    {"none", INSTANCES, 0, ""},
    {"none", PROCESSES, 0, ""},
    {"4 billion GPUs", COUNT, GS_LIMIT, "4294967295 GPUs"},
    {"4 billion GPUs", GET, GS_LIMIT, "32 are the most"},
    {"new code", GET, GS_IO, "code 4242"},
    {"endless texts", GET, 0, ""},
    {"endless texts", PROFILES, 0, ""},
    {"third mode", GET, GS_IO, "MIG mode 2"},
    {"third mode", INSTANCES, GS_IO, "MIG mode 2"},
    {"huge numbers", PROFILES, 0, ""},
    {"huge numbers", MODEL, GS_UNSUPPORTED, "cannot be cut"},
    {"huge counts", MODEL, 0, ""},
    {"huge memory", PROFILES, 0, ""},
    {"all the memory", PROFILES, 0, ""},
    {"no memory", MODEL, 0, ""},
    {"endless profiles", PROFILES, GS_LIMIT, "more than 32 profiles"},
    {"endless holes", PROFILES, 0, ""},
    {"a million placements", PROFILES, GS_IO, "1000000 placements"},
    {"placements too many", PROFILES, GS_IO, "placements"},
    {"placement far away", PROFILES, 0, ""},
    {"placement of nothing", PROFILES, 0, ""},
    {"placements of two sizes", PROFILES, 0, ""},
    {"a million instances", INSTANCES, GS_IO, "1000000"},
    {"20 instances", INSTANCES, GS_IO, "instance id 15"},
    {"the same twice", INSTANCES, 0, ""},
    {"id 4 billion", INSTANCES, GS_IO, "instance id 4294967295"},
    {"id 4 billion", CREATE, GS_IO, "was created"},
    {"instance far away", INSTANCES, GS_IO, "placement"},
    {"instance of nothing", INSTANCES, GS_IO, "placement"},
    {"strange profile", KINDS, GS_IO, "4711"},
    {"strange profile", CREATE, 0, ""},
    {"no info", CREATE, GS_IO, "cannot be read back"},
    {"endless kinds", KINDS, 0, ""},
    {"none", PLACES, 0, ""},
    {"no CI places", PLACES, GS_UNSUPPORTED, "no place"},
    {"a million CI places", PLACES, GS_IO, "1000000 places"},
    {"CI places too many", PLACES, GS_IO, "places"},
    {"CI place far away", PLACES, GS_IO, "1 compute slices from 4294967295"},
    {"CI places of nothing", PLACES, GS_IO, "0 compute slices"},
    {"CI places of two sizes", PLACES, GS_IO, "2 compute slices"},
    {"20 compute instances", INSTANCES, GS_IO, "compute instance id 8"},
    {"a million compute instances", INSTANCES, GS_IO, "1000000"},
    {"CI id 4 billion", INSTANCES, GS_IO, "compute instance id 4294967295"},
    {"CI id 4 billion", CREATE_CI, GS_IO, "was created"},
    {"no MIG device", INSTANCES, GS_NOT_FOUND, "UUID"},
    {"a billion processes", PROCESSES, GS_LIMIT, "1000000000 processes"},
    {"more and more processes", PROCESSES, GS_LIMIT, "processes"},
    {"more than there is room for", PROCESSES, GS_LIMIT, "processes"},
    {"always too small", PROCESSES, GS_LIMIT, "processes"},
};

static void gpu_nvml__a_driver_that_lies_is_refused_or_bounded(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(lies); i++) {
        GS_CLEANUP(gs_gpu_close) struct gs_gpus gpus = {.ops = NULL};
        struct gs_err err = {.msg = ""};
        assert_int_equal(open_liar(lies[i].lie, NULL, 1, &gpus, &err), 0);
        int r = make(lies[i].call, &gpus, &err);
        if (r != lies[i].code) {
            fail_msg("\"%s\", call %d: %d (%s), and not %d", lies[i].lie, lies[i].call, r, err.msg,
                     lies[i].code);
        }
        says(&err, r < 0 ? lies[i].says : "");
    }
}

static void gpu_nvml__texts_end_and_have_no_control_characters(void **state)
{
    (void)state;
    GS_CLEANUP(gs_gpu_close) struct gs_gpus gpus = {.ops = NULL};
    struct gs_gpu gpu;
    struct gs_gpu_driver driver;
    assert_int_equal(open_liar("endless texts", NULL, 1, &gpus, NULL), 0);
    assert_int_equal(gs_gpu_get(&gpus, 0, &gpu, NULL), 0);
    assert_int_equal(gs_gpu_driver(&gpus, &driver, NULL), 0);
    assert_int_equal(strlen(gpu.uuid), sizeof(gpu.uuid) - 1);
    assert_int_equal(strspn(gpu.name, "?"), sizeof(gpu.name) - 1);
    assert_int_equal(strlen(gpu.pci_bus_id), sizeof(gpu.pci_bus_id) - 1);
    assert_int_equal(strspn(driver.driver_version, "?"), sizeof(driver.driver_version) - 1);
}

static void gpu_nvml__what_is_not_told_is_not_known(void **state)
{
    (void)state;
    GS_CLEANUP(gs_gpu_close) struct gs_gpus gpus = {.ops = NULL};
    struct gs_gpu gpu;
    struct gs_gpu_driver driver;
    assert_int_equal(open_liar("no memory", NULL, 1, &gpus, NULL), 0);
    assert_int_equal(gs_gpu_get(&gpus, 0, &gpu, NULL), 0);
    assert_int_equal(gs_gpu_driver(&gpus, &driver, NULL), 0);
    assert_true(gpu.memory_bytes == UINT64_MAX);
    assert_int_equal(gpu.minor, GS_NOT_KNOWN);
    assert_int_equal(gpu.architecture, GS_NOT_KNOWN);
    assert_int_equal(gpu.compute_major, GS_NOT_KNOWN);
    assert_int_equal(gpu.compute_minor, GS_NOT_KNOWN);
    assert_true(gpu.mode_change_needs_reset); /* the careful answer */
    assert_string_equal(gpu.serial, "");
    assert_string_equal(gpu.pci_bus_id, "00000000:07:00.0");
    assert_int_equal(driver.cuda_version, GS_NOT_KNOWN);
    assert_string_equal(driver.nvml_version, "");
}

static void gpu_nvml__profiles_are_named_by_the_rule_else_as_the_driver_does(void **state)
{
    (void)state;
    static const struct {
        const char *lie, *name;
        uint32_t starts, size, memory_mib;
    } cases[] = {
        {"none", "1g.1gb", 0xff, 1, 1000},
        {"no memory", "1g.99gb", 0xff, 1, 1000},
        {"huge memory", "1g.99gb", 0xff, 1, GS_NOT_KNOWN},
        {"placement far away", "1g.1gb", 0, 0, 1000},
        {"placement of nothing", "1g.1gb", 0, 0, 1000},
        {"placements of two sizes", "1g.1gb", 0, 0, 1000},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        GS_CLEANUP(gs_gpu_close) struct gs_gpus gpus = {.ops = NULL};
        struct gs_gpu_profile profiles[GS_GPU_PROFILES_MAX];
        unsigned n = 0;
        assert_int_equal(open_liar(cases[i].lie, NULL, 1, &gpus, NULL), 0);
        assert_int_equal(gs_gpu_profiles(&gpus, 0, profiles, &n, NULL), 0);
        assert_int_equal(n, 1);
        assert_string_equal(profiles[0].name, cases[i].name);
        assert_int_equal(profiles[0].starts, cases[i].starts);
        assert_int_equal(profiles[0].size, cases[i].size);
        assert_int_equal(profiles[0].memory_mib, cases[i].memory_mib);
    }
}

static void gpu_nvml__a_process_that_is_listed_twice_counts_once(void **state)
{
    (void)state;
    GS_CLEANUP(gs_gpu_close) struct gs_gpus gpus = {.ops = NULL};
    struct gs_gpu_process processes[4];
    size_t n = 0;
    assert_int_equal(open_liar("one process", NULL, 1, &gpus, NULL), 0);
    assert_int_equal(gs_gpu_processes(&gpus, 0, processes, 4, &n, NULL), 0);
    assert_int_equal(n, 1);
}

static void gpu_nvml__an_unknown_activation_is_not_success(void **state)
{
    (void)state;
    GS_CLEANUP(gs_gpu_close) struct gs_gpus gpus = {.ops = NULL};
    enum gs_mig_activation activation = GS_MIG_ACTIVE;
    assert_int_equal(open_liar("none", NULL, 1, &gpus, NULL), 0);
    assert_int_equal(gs_gpu_set_mode(&gpus, 0, GS_MIG_OFF, &activation, NULL), 0);
    assert_int_equal(activation, GS_MIG_PENDING_RESET);
}

static void gpu_nvml__says_why_there_is_no_driver(void **state)
{
    (void)state;
    struct gs_gpus gpus = {.ops = NULL};
    struct gs_err err;
    struct gs_gpu_nvml_options options = {.library = "/nowhere/libnvidia-ml.so.1"};
    assert_int_equal(gs_gpu_nvml_open(&options, &gpus, &err), GS_NOT_FOUND);
    says(&err, "/nowhere/libnvidia-ml.so.1");
    options.library = "libm.so.6";
    assert_int_equal(gs_gpu_nvml_open(&options, &gpus, &err), GS_UNSUPPORTED);
    says(&err, "nvmlInit_v2");
    options = (struct gs_gpu_nvml_options){.root = "/nowhere"};
    assert_int_equal(gs_gpu_nvml_open(&options, &gpus, &err), GS_NOT_FOUND);
    says(&err, "below the driver root /nowhere");
    static char path[5000];
    memset(path, 'a', sizeof(path) - 1);
    options = (struct gs_gpu_nvml_options){.root = path};
    assert_int_equal(gs_gpu_nvml_open(&options, &gpus, &err), GS_LIMIT);
    assert_int_equal(open_liar("no driver", NULL, 1, &gpus, &err), GS_IO);
    assert_int_equal(err.sys_errno, ENODEV);
    says(&err, "DRIVER_NOT_LOADED (9)");
    assert_null(gpus.ops);
    gs_gpu_close(&gpus);
}

/* A stand-in for nvidia-smi: a script in a folder of its own. */
struct smi {
    char dir[64];
    char path[96];
    char log[96];
};

static struct smi write_smi(const char *body)
{
    struct smi smi = {.dir = "/tmp/gs-smi-XXXXXX"};
    assert_non_null(mkdtemp(smi.dir));
    snprintf(smi.path, sizeof(smi.path), "%s/nvidia-smi", smi.dir);
    snprintf(smi.log, sizeof(smi.log), "%s/log", smi.dir);
    FILE *f = fopen(smi.path, "w");
    assert_non_null(f);
    fprintf(f, "#!/bin/sh\necho \"$@\" >'%s'\n%s\n", smi.log, body);
    fclose(f);
    assert_int_equal(chmod(smi.path, 0755), 0);
    return smi;
}

static void remove_smi(struct smi *smi)
{
    unlink(smi->path);
    unlink(smi->log);
    rmdir(smi->dir);
}

static const struct {
    const char *body;
    int code;
    int sys_errno;
    const char *says[2];
} smis[] = {
    {"echo 'GPU 00000000:07:00.0 was successfully reset.'", 0, 0, {"", ""}},
    {"echo 'GPU 00000000:07:00.0: In use by another client' >&2; exit 255",
     GS_BUSY,
     0,
     {"In use by another client", "exit status 255"}},
    {"echo '1 device is currently being used by one or more other processes'; exit 19",
     GS_BUSY,
     0,
     {"being used by", "00000000:07:00.0,00000000:07:01.0"}},
    {"echo 'Resetting GPU 00000000:07:00.0 is not supported.'; exit 3",
     GS_UNSUPPORTED,
     0,
     {"not supported", ""}},
    {"exit 12", GS_IO, EIO, {"it said nothing", "exit status 12"}},
    {"kill -9 $$", GS_IO, EIO, {"signal 9", ""}},
    {"i=0; while [ $i -lt 2000 ]; do echo 'line of much that is said, again and again'; i=$((i+1)); done; "
     "echo the end; exit 1",
     GS_IO,
     EIO,
     {"exit status 1", "of much"}},
    {"sleep 60", GS_IO, ETIMEDOUT, {"within 1 s", ""}},
    {"exec >&- 2>&-; sleep 60", GS_IO, ETIMEDOUT, {"within 1 s", ""}},
};

static void gpu_nvml__nvidia_smi_resets_and_its_reasons_are_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(smis); i++) {
        GS_CLEANUP(gs_gpu_close) struct gs_gpus gpus = {.ops = NULL};
        GS_CLEANUP(remove_smi) struct smi smi = write_smi(smis[i].body);
        struct gs_err err = {.msg = ""};
        assert_int_equal(open_liar("none", smi.path, 1, &gpus, &err), 0);
        int r = gs_gpu_reset(&gpus, (const unsigned[]){0, 1}, 2, &err);
        if (r != smis[i].code) {
            fail_msg("%s: %d (%s)", smis[i].body, r, err.msg);
        }
        says(&err, smis[i].says[0]);
        says(&err, smis[i].says[1]);
        assert_int_equal(r == GS_IO ? err.sys_errno : 0, smis[i].sys_errno);
        char args[200] = "";
        FILE *f = fopen(smi.log, "r");
        assert_non_null(f);
        assert_non_null(fgets(args, sizeof(args), f));
        fclose(f);
        assert_string_equal(args, "--gpu-reset -i 00000000:07:00.0,00000000:07:01.0\n");
        /* the session is open again, and no child is left behind */
        unsigned n = 0;
        assert_int_equal(gs_gpu_count(&gpus, &n, NULL), 0);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
    }
}

static void gpu_nvml__a_missing_nvidia_smi_is_named(void **state)
{
    (void)state;
    GS_CLEANUP(gs_gpu_close) struct gs_gpus gpus = {.ops = NULL};
    struct gs_err err;
    unsigned gpu = 0;
    assert_int_equal(open_liar("none", "/nowhere/nvidia-smi", 1, &gpus, &err), 0);
    assert_int_equal(gs_gpu_reset(&gpus, &gpu, 1, &err), GS_IO);
    assert_int_equal(err.sys_errno, ENOENT);
    says(&err, "/nowhere/nvidia-smi");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gpu_nvml__a_driver_that_lies_is_refused_or_bounded),
        cmocka_unit_test(gpu_nvml__texts_end_and_have_no_control_characters),
        cmocka_unit_test(gpu_nvml__what_is_not_told_is_not_known),
        cmocka_unit_test(gpu_nvml__profiles_are_named_by_the_rule_else_as_the_driver_does),
        cmocka_unit_test(gpu_nvml__a_process_that_is_listed_twice_counts_once),
        cmocka_unit_test(gpu_nvml__an_unknown_activation_is_not_success),
        cmocka_unit_test(gpu_nvml__says_why_there_is_no_driver),
        cmocka_unit_test(gpu_nvml__nvidia_smi_resets_and_its_reasons_are_told),
        cmocka_unit_test(gpu_nvml__a_missing_nvidia_smi_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
