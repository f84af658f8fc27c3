#include "boot/cut.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "core/spell.h"

enum { LOCK_WAIT_MS = 60000 /* for another program that changes the GPUs */ };

/* What is known of the GPUs. */
struct survey {
    unsigned n;
    struct gs_gpu facts[GS_GPUS_MAX];
    struct gs_err why[GS_GPUS_MAX]; /* code GS_OK: it could be read */
    struct gs_layouts_gpu gpus[GS_GPUS_MAX];
    struct gs_mig_wish wishes[GS_GPUS_MAX];
    struct gs_apply_want wants[GS_GPUS_MAX];
};

int gs_boot_layout_find(const char *path, const char *name, struct gs_arena *arena,
                        const struct gs_migconfig_choice **ret, struct gs_err *err)
{
    struct gs_migconfig config;
    int r = gs_layouts_read(path, arena, &config, err);
    r = r < 0 ? r : gs_migconfig_select(&config, name, ret, err);
    if (r == GS_NOT_FOUND && name != NULL && gs_spell_is_meant(gs_view(name))) {
        *ret = NULL;
        return 0;
    }
    return r;
}

static bool asks_for_mig(const struct gs_migconfig_choice *layout)
{
    for (unsigned i = 0; i < layout->n; i++) {
        if (layout->entries[i].mig_enabled) {
            return true;
        }
    }
    return false;
}

bool gs_boot_layout_is_idle(const struct gs_migconfig_choice *layout, const char *name)
{
    return layout != NULL ? !asks_for_mig(layout)
                          : name != NULL && strcmp(name, "all-disabled") == 0;
}

/* As much as is known of a GPU that does not answer: it may be one that can be cut. */
static void read_gpu(const struct gs_boot_cut *cut, unsigned k, struct survey *survey)
{
    struct gs_boot_report_gpu *report = &cut->report->gpus[k];
    if (gs_gpu_get(cut->gpus, k, &survey->facts[k], &survey->why[k]) < 0) {
        survey->facts[k] = (struct gs_gpu){
            .index = k,
            .pci_device_id = GS_NOT_KNOWN,
            .pci_subsystem_id = GS_NOT_KNOWN,
            .mode = GS_MIG_OFF,
            .pending = GS_MIG_OFF,
        };
    }
    survey->gpus[k].facts = &survey->facts[k];
    memcpy(report->uuid, survey->facts[k].uuid, sizeof(report->uuid));
    memcpy(report->name, survey->facts[k].name, sizeof(report->name));
}

static void say_warning(void *ctx, const char *line)
{
    (void)ctx;
    gs_log(GS_LOG_WARNING, "%s", line);
}

/* A dry run is asked for its steps. */
static void say_step(void *ctx, const char *line)
{
    const struct gs_boot_cut *cut = ctx;
    if (cut->options->debug || cut->options->dry_run) {
        gs_log(cut->options->dry_run ? GS_LOG_INFO : GS_LOG_DEBUG, "%s", line);
    }
}

/* The layout by name, of those that the GPUs offer. */
static int find_offered(const struct gs_boot_cut *cut, struct survey *survey,
                        const struct gs_migconfig_choice **ret, struct gs_err *err)
{
    struct gs_migconfig config;
    int r = 0;
    for (unsigned k = 0; r == 0 && k < survey->n; k++) {
        if (survey->why[k].code == GS_OK) {
            r = gs_layouts_model(cut->gpus, &survey->facts[k], cut->arena, &survey->gpus[k].model,
                                 err);
        }
    }
    r = r < 0 ? r : gs_layouts_generate(survey->gpus, survey->n, cut->arena, &config, err);
    return r < 0 ? r : gs_layouts_select(&config, cut->name, survey->n, cut->arena, ret, err);
}

static bool can_cut_any(const struct survey *survey)
{
    for (unsigned k = 0; k < survey->n; k++) {
        if (survey->facts[k].mode != GS_MIG_NOT_CAPABLE) {
            return true;
        }
    }
    return false;
}

/* What is asked of each GPU; a GPU that does not answer, and is asked something, is a failure. */
static int resolve(const struct gs_boot_cut *cut, const struct gs_migconfig_choice *layout,
                   struct survey *survey, struct gs_err *err)
{
    const struct gs_say warn = {.line = say_warning};
    unsigned named = 0;
    gs_layouts_resolve(layout, survey->gpus, survey->n, &warn, survey->wishes);
    for (unsigned k = 0; k < survey->n; k++) {
        survey->wants[k] = (struct gs_apply_want){.wish = &survey->wishes[k]};
        if (survey->wishes[k].named) {
            named++;
            gs_mig_wish_format(&survey->wishes[k], cut->report->gpus[k].wanted,
                               sizeof(cut->report->gpus[k].wanted));
        }
        if (survey->wishes[k].named && survey->why[k].code != GS_OK) {
            return gs_fail(err, survey->why[k].code, "%s", survey->why[k].msg);
        }
        if (survey->why[k].code != GS_OK) {
            gs_log(GS_LOG_WARNING, "passed over: %s", survey->why[k].msg);
        }
    }
    if (named == 0 && asks_for_mig(layout)) {
        return gs_fail(
            err, GS_INFEASIBLE,
            "the layout %s selects none of the %u GPUs of this machine: its device-filter "
            "or devices are of other machines",
            layout->name, survey->n);
    }
    return 0;
}

/* Somebody may have been promised a slice on which no process runs yet; only the agent knows. */
static int refuse_beside_kubelet(void *ctx, const struct gs_guard_leaving *leaving, unsigned n,
                                 struct gs_err *err)
{
    (void)leaving;
    const struct gs_boot_cut *cut = ctx;
    uint32_t pid = gs_boot_kubelet(cut->roots);
    return pid == 0
               ? 0
               : gs_fail(err, GS_UNSUPPORTED,
                         "a kubelet runs here (pid %u), and %u slices or GPUs that it may have "
                         "given to pods would go: the boot step is for before it; on a node "
                         "that runs the agent re-cuts",
                         pid, n);
}

/* The GPUs whose mode is stored and not in force; "" where a process is on one of them. */
static void list_waiting(const struct gs_boot_cut *cut, const struct gs_apply_report *report,
                         char ret[GS_BOOT_LIST_MAX])
{
    size_t used = 0;
    ret[0] = '\0';
    for (unsigned k = 0; k < report->n; k++) {
        struct gs_gpu_process process;
        size_t processes = 0;
        if (report->gpus[k] != GS_APPLY_PENDING) {
            continue;
        }
        /* where they cannot be read the driver itself would have refused under one */
        if (gs_gpu_processes(cut->gpus, k, &process, 1, &processes, NULL) == 0 && processes > 0) {
            ret[0] = '\0';
            return;
        }
        used +=
            (size_t)snprintf(ret + used, GS_BOOT_LIST_MAX - used, "%s%u", used == 0 ? "" : ",", k);
    }
}

static int apply(struct gs_boot_cut *cut, struct survey *survey, char ret_waiting[GS_BOOT_LIST_MAX],
                 struct gs_err *err)
{
    const struct gs_guard guard = {.before = refuse_beside_kubelet, .ctx = cut};
    const struct gs_apply_options apply = {
        .dir = cut->options->run_dir,
        .what = "boot",
        .wait_ms = LOCK_WAIT_MS,
        .dry_run = cut->options->dry_run,
        .stop = cut->stop,
        .guard = &guard,
        .note = {.line = say_warning},
        .detail = {.line = say_step, .ctx = cut},
    };
    struct gs_apply_report report;
    int r = gs_apply(cut->gpus, survey->wants, survey->n, &apply, &report, err);
    for (unsigned k = 0; k < report.n; k++) {
        cut->report->gpus[k].condition = report.gpus[k];
    }
    if (r < 0 && !cut->options->dry_run && *cut->stop == 0) {
        list_waiting(cut, &report, ret_waiting);
    }
    return r;
}

static void say_end(const struct gs_boot_report *report)
{
    for (unsigned k = 0; k < report->n; k++) {
        const struct gs_boot_report_gpu *gpu = &report->gpus[k];
        gs_log(GS_LOG_INFO, "GPU %u (%s): %s%s%s", k, gpu->name[0] == '\0' ? "not read" : gpu->name,
               gpu->wanted, gpu->wanted[0] == '\0' ? "" : ": ",
               gs_apply_condition_name(gpu->condition));
    }
}

int gs_boot_cut(struct gs_boot_cut *cut, char ret_waiting[GS_BOOT_LIST_MAX], struct gs_err *err)
{
    const struct gs_migconfig_choice *layout = cut->layout;
    struct survey *survey = GS_ARENA_NEW(cut->arena, struct survey, 1);
    struct gs_gpu_driver driver;
    ret_waiting[0] = '\0';
    if (survey == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the GPUs of this machine");
    }
    if (gs_gpu_driver(cut->gpus, &driver, NULL) == 0) {
        memcpy(cut->report->driver_version, driver.driver_version, sizeof(driver.driver_version));
    }
    survey->n = cut->n;
    cut->report->n = cut->n;
    for (unsigned k = 0; k < cut->n; k++) {
        read_gpu(cut, k, survey);
    }
    if (!can_cut_any(survey) && gs_boot_layout_is_idle(layout, cut->name)) {
        return 0;
    }
    int r = layout != NULL ? 0 : find_offered(cut, survey, &layout, err);
    r = r < 0 ? r : resolve(cut, layout, survey, err);
    if (r < 0) {
        return r;
    }
    cut->report->layout = layout->name;
    r = apply(cut, survey, ret_waiting, err);
    if (!cut->options->dry_run) {
        say_end(cut->report);
    }
    return r;
}
