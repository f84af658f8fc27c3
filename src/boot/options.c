#include "boot/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "boot/label.h"
#include "term/alone.h"

static const struct gs_option rows[] = {
    {.group = "Which layout, the first that is given of",
     .name = "layout",
     .arg = "NAME",
     GS_TO_TEXT(struct gs_boot_options, layout),
     .help = "this one"},
    {.name = "label-file",
     .arg = "FILE",
     GS_TO_LIST(struct gs_boot_options, label_files),
     .complete = GS_COMPLETE_FILE,
     .help = "what the node label says in FILE: user data (shell, YAML, MIME) or the kubelet's "
             "arguments, as in --node-labels=nvidia.com/mig.config=NAME; without it there is "
             "nothing to do"},
    {.name = "layout-file",
     .arg = "FILE",
     GS_TO_TEXT(struct gs_boot_options, layout_file),
     .complete = GS_COMPLETE_FILE,
     .help = "the only configuration of FILE; beside one of the two above it is where the name is "
             "looked up. Without, names are those that gpuslice mig generate-config gives to these "
             "GPUs: all-disabled, all-balanced, all-1g.5gb, ..."},
    {.group = "Options",
     .name = "label",
     .arg = "KEY",
     GS_TO_TEXT(struct gs_boot_options, label),
     .help = "the label's key (default: nvidia.com/mig.config)"},
    {.name = "toolkit-config",
     .arg = "FILE",
     GS_TO_TEXT(struct gs_boot_options, toolkit_config),
     .complete = GS_COMPLETE_FILE,
     .help = "of the NVIDIA container toolkit: sees to it that an image's "
             "NVIDIA_VISIBLE_DEVICES=all gives no GPU to a container that is not privileged; "
             "leaves all else in FILE as it is"},
    {.name = "wait",
     .arg = "SECONDS",
     GS_TO_NUMBER(struct gs_boot_options, wait_s, GS_BOOT_WAIT_MAX_S),
     .help = "how long the driver may take to come (default: 300)"},
    {.name = "allow-missing-gpus",
     GS_TO_FLAG(struct gs_boot_options, missing_gpus),
     .help = "go on though the driver lists fewer GPUs than are on the PCI bus"},
    {.name = "reboot-command",
     .arg = "COMMAND",
     GS_TO_TEXT(struct gs_boot_options, reboot_command),
     .help = "what a shell runs to reboot (default: systemctl reboot); empty: never reboot, fail"},
    {.name = "state-dir",
     .arg = "DIR",
     GS_TO_TEXT(struct gs_boot_options, state_dir),
     .complete = GS_COMPLETE_DIR,
     .help = "what outlives a reboot: whether one was asked for (default: /var/lib/gpuslice)"},
    {.name = "run-dir",
     .arg = "DIR",
     GS_TO_TEXT(struct gs_boot_options, run_dir),
     .complete = GS_COMPLETE_DIR,
     .help = "lock, journal, and boot.json, which says how it went (default: /run/gpuslice; "
             "environment: GPUSLICE_STATE_DIR)"},
    {.name = "dry-run",
     GS_TO_FLAG(struct gs_boot_options, dry_run),
     .help = "say the steps, and do none"},
    {.name = "debug",
     GS_TO_FLAG(struct gs_boot_options, debug),
     .help = "say each step while it is done"},
    GS_OPTION_VERSION(struct gs_boot_options, version),
};

static const struct gs_example examples[] = {
    {"gpuslice-boot --label-file /run/gpuslice/user-data",
     "as the node's label in its user data says"},
    {"gpuslice-boot --layout all-1g.5gb --dry-run", "only show the steps"},
    {"gpuslice-boot --layout-file layouts.yaml --layout two-teams", "a layout of a file"},
};

const struct gs_command gs_boot_command = {
    .program = "gpuslice-boot",
    .name = "gpuslice-boot",
    .summary = "cut the GPUs before the kubelet starts",
    .text = "Cuts the GPUs of this machine to a layout before the kubelet starts: waits for the "
            "driver, ends what a killed run left, turns MIG on or off, resets GPUs that need it, "
            "creates the slices. Where a reset is not possible (A100 in a VM) it asks for one "
            "reboot and waits for it. Run again it changes only what is not as wanted.\n"
            "GPUSLICE_SIM names the folder of a simulated machine to work on, GPUSLICE_DRIVER_ROOT "
            "the folder where the driver is mounted, GPUSLICE_NVML its library.",
    .options = rows,
    .n_options = GS_ARRAY_LEN(rows),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .impossible = "the GPUs are not cut as wanted; stderr says why. The kubelet must not start",
    .plain_status = true,
};

/* A simulated machine has folders of its own, but for what is set. */
int gs_boot_options_preset(struct gs_boot_options *ret, struct gs_err *err)
{
    const char *sim = getenv("GPUSLICE_SIM");
    const char *run = getenv("GPUSLICE_STATE_DIR");
    bool simulated = sim != NULL && sim[0] != '\0';
    *ret = (struct gs_boot_options){
        .label = "nvidia.com/mig.config",
        .reboot_command = "systemctl reboot",
        .wait_s = 300,
    };
    const char *base = simulated ? sim : "";
    const char *below = simulated ? "/run" : "/run/gpuslice";
    if (run != NULL && run[0] != '\0') {
        base = run;
        below = "";
    }
    int n = snprintf(ret->run_preset, sizeof(ret->run_preset), "%s%s", base, below);
    int m = snprintf(ret->state_preset, sizeof(ret->state_preset), "%s%s", simulated ? sim : "",
                     simulated ? "/run/var" : "/var/lib/gpuslice");
    ret->run_dir = ret->run_preset;
    ret->state_dir = ret->state_preset;
    if (n >= GS_BOOT_FOLDER_MAX || m >= GS_BOOT_FOLDER_MAX) {
        return gs_fail(err, GS_INVALID,
                       "GPUSLICE_SIM or GPUSLICE_STATE_DIR is longer than %d bytes",
                       GS_BOOT_FOLDER_MAX - 16);
    }
    return 0;
}

static int check_text(const char *name, const char *text, size_t most, struct gs_err *err)
{
    size_t n = text == NULL ? 1 : strlen(text);
    if (n == 0) {
        return gs_fail(err, GS_INVALID, "--%s is empty", name);
    }
    return n <= most ? 0
                     : gs_fail(err, GS_INVALID, "--%s has %zu bytes; expected %zu at most", name, n,
                               most);
}

static int check_texts(const struct gs_boot_options *options, struct gs_err *err)
{
    const struct {
        const char *name;
        const char *text;
        size_t most;
    } texts[] = {
        {"layout", options->layout, SIZE_MAX},
        {"label", options->label, SIZE_MAX},
        {"layout-file", options->layout_file, SIZE_MAX},
        {"toolkit-config", options->toolkit_config, SIZE_MAX},
        {"state-dir", options->state_dir, GS_BOOT_FOLDER_MAX - 1},
        {"run-dir", options->run_dir, GS_BOOT_FOLDER_MAX - 1},
    };
    int r = 0;
    for (size_t i = 0; r == 0 && i < GS_ARRAY_LEN(texts); i++) {
        r = check_text(texts[i].name, texts[i].text, texts[i].most, err);
    }
    for (size_t i = 0; r == 0 && i < options->label_files.n; i++) {
        r = check_text("label-file", options->label_files.items[i], SIZE_MAX, err);
    }
    return r;
}

int gs_boot_options_check(const struct gs_boot_options *options, struct gs_err *err)
{
    int r = check_texts(options, err);
    if (r < 0) {
        return r;
    }
    r = gs_boot_label_check_key(options->label, err);
    if (r < 0) {
        return gs_wrap(err, r, "--label");
    }
    if (options->layout != NULL && options->label_files.n > 0) {
        return gs_fail(err, GS_INVALID,
                       "--layout and --label-file are both given; which one is meant?");
    }
    if (options->layout == NULL && options->label_files.n == 0 && options->layout_file == NULL &&
        options->toolkit_config == NULL) {
        return gs_fail(err, GS_INVALID,
                       "no layout is given: expected --layout, --label-file or --layout-file; see "
                       "--help");
    }
    return 0;
}
