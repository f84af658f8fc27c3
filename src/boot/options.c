#include "boot/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/near.h"
#include "boot/label.h"

enum kind { FLAG, TEXT, LIST, SECONDS, FOLDER };

static const struct option {
    const char *name;
    enum kind kind;
    size_t into;
    const char *arg; /* NULL: takes none */
} rows[] = {
    {"layout", TEXT, offsetof(struct gs_boot_options, layout), "NAME"},
    {"label-file", LIST, offsetof(struct gs_boot_options, label_files), "FILE"},
    {"label", TEXT, offsetof(struct gs_boot_options, label), "KEY"},
    {"layout-file", TEXT, offsetof(struct gs_boot_options, layout_file), "FILE"},
    {"toolkit-config", TEXT, offsetof(struct gs_boot_options, toolkit_config), "FILE"},
    {"wait", SECONDS, offsetof(struct gs_boot_options, wait_s), "SECONDS"},
    {"allow-missing-gpus", FLAG, offsetof(struct gs_boot_options, missing_gpus), NULL},
    {"reboot-command", TEXT, offsetof(struct gs_boot_options, reboot_command), "COMMAND"},
    {"state-dir", FOLDER, offsetof(struct gs_boot_options, state_dir), "DIR"},
    {"run-dir", FOLDER, offsetof(struct gs_boot_options, run_dir), "DIR"},
    {"dry-run", FLAG, offsetof(struct gs_boot_options, dry_run), NULL},
    {"debug", FLAG, offsetof(struct gs_boot_options, debug), NULL},
};

/* 80 columns; tests hold it against the table. */
static const char help[] =
    "\n"
    "Cuts the GPUs of this machine to a layout before the kubelet starts: waits for\n"
    "the driver, ends what a killed run left, turns MIG on or off, resets GPUs that\n"
    "need it, creates the slices. Where a reset is not possible (A100 in a VM) it\n"
    "asks for one reboot and waits for it. Run again it changes only what is not as\n"
    "wanted.\n"
    "\n"
    "Which layout, the first that is given of:\n"
    "  --layout NAME             this one\n"
    "  --label-file FILE         what the node label says in FILE: user data (shell,\n"
    "                            YAML, MIME) or the kubelet's arguments, as in\n"
    "                            --node-labels=nvidia.com/mig.config=NAME; without\n"
    "                            it there is nothing to do (may be given again)\n"
    "  --layout-file FILE        the only configuration of FILE\n"
    "\n"
    "Options:\n"
    "  --label KEY               the label's key (default: nvidia.com/mig.config)\n"
    "  --layout-file FILE        layouts, as mig-parted has them; without, the names\n"
    "                            that gpuslice mig generate-config gives to these\n"
    "                            GPUs: all-disabled, all-balanced, all-1g.5gb, ...\n"
    "  --toolkit-config FILE     of the NVIDIA container toolkit: sees to it that an\n"
    "                            image's NVIDIA_VISIBLE_DEVICES=all gives no GPU to\n"
    "                            a container that is not privileged; leaves all else\n"
    "                            in FILE as it is\n"
    "  --wait SECONDS            how long the driver may take to come (default: 300)\n"
    "  --allow-missing-gpus      go on though the driver lists fewer GPUs than are on\n"
    "                            the PCI bus\n"
    "  --reboot-command COMMAND  what a shell runs to reboot (default: systemctl\n"
    "                            reboot); empty: never reboot, fail\n"
    "  --state-dir DIR           what outlives a reboot: whether one was asked for\n"
    "                            (default: /var/lib/gpuslice)\n"
    "  --run-dir DIR             lock, journal, and boot.json, which says how it went\n"
    "                            (default: /run/gpuslice; environment:\n"
    "                            GPUSLICE_STATE_DIR)\n"
    "  --dry-run                 say the steps, and do none\n"
    "  --debug                   say each step while it is done\n"
    "  --version                 print the version and exit\n"
    "  -h, --help                show this text and exit\n"
    "\n"
    "GPUSLICE_SIM names the folder of a simulated machine to work on,\n"
    "GPUSLICE_DRIVER_ROOT the folder where the driver is mounted, GPUSLICE_NVML its\n"
    "library.\n";

static const char *const examples[][2] = {
    {"--label-file /run/gpuslice/user-data", "as the node's label in its user data says"},
    {"--layout all-1g.5gb --dry-run", "only show the steps"},
    {"--layout-file layouts.yaml --layout two-teams", "a layout of a file"},
};

static const char statuses[] =
    "\nExit status:\n"
    "  0  the GPUs are cut as wanted, or there is nothing to do\n"
    "  1  they are not; stderr says why. The kubelet must not start\n"
    "  2  wrong use: an option or argument that the program does not take\n";

void gs_boot_options_help(const char *program, struct gs_buf *out)
{
    gs_buf_printf(out, "%s: cut the GPUs before the kubelet starts\n\nUsage: %s [OPTIONS]\n%s",
                  program, program, help);
    gs_buf_puts(out, "\nExamples:\n");
    for (size_t i = 0; i < GS_ARRAY_LEN(examples); i++) {
        gs_buf_printf(out, "  %s %s\n      %s\n", program, examples[i][0], examples[i][1]);
    }
    gs_buf_puts(out, statuses);
}

static const struct option *find(struct gs_view name)
{
    for (size_t i = 0; i < GS_ARRAY_LEN(rows); i++) {
        if (gs_view_eq(name, rows[i].name)) {
            return &rows[i];
        }
    }
    return NULL;
}

static int fail_name(struct gs_view name, struct gs_err *err)
{
    char text[200];
    struct gs_near near = GS_NEAR_INIT(name);
    for (size_t i = 0; i < GS_ARRAY_LEN(rows); i++) {
        gs_near_offer(&near, rows[i].name);
    }
    gs_near_format(&near, text, sizeof(text));
    return gs_fail(err, GS_INVALID, "there is no option --%.*s%s; see --help", GS_VIEW_ARGS(name),
                   text);
}

static int store_text(const struct option *option, const char *value, struct gs_boot_options *ret,
                      struct gs_err *err)
{
    /* an empty command is one that is never run */
    if (value[0] == '\0' && strcmp(option->name, "reboot-command") != 0) {
        return gs_fail(err, GS_INVALID, "--%s is empty; expected %s", option->name, option->arg);
    }
    memcpy((char *)ret + option->into, &value, sizeof(value));
    return 0;
}

static int store(const struct option *option, const char *value, struct gs_boot_options *ret,
                 struct gs_err *err)
{
    switch (option->kind) {
    case FLAG:
        *((bool *)((char *)ret + option->into)) = true;
        return 0;
    case TEXT:
        return store_text(option, value, ret, err);
    case LIST:
        if (ret->n_label_files == GS_BOOT_LABEL_FILES_MAX) {
            return gs_fail(err, GS_INVALID, "--%s is given more than %d times", option->name,
                           GS_BOOT_LABEL_FILES_MAX);
        }
        ret->label_files[ret->n_label_files++] = value;
        return 0;
    case SECONDS:
        return gs_view_is_integer(gs_view(value), GS_BOOT_WAIT_MAX_S, &ret->wait_s)
                   ? 0
                   : gs_fail(err, GS_INVALID, "--%s cannot be \"%.60s\"; it is 0 to %d seconds",
                             option->name, value, GS_BOOT_WAIT_MAX_S);
    case FOLDER:
        if (value[0] == '\0' || strlen(value) >= GS_BOOT_FOLDER_MAX) {
            return gs_fail(err, GS_INVALID, "--%s has %zu bytes; expected a folder of 1 to %d",
                           option->name, strlen(value), GS_BOOT_FOLDER_MAX - 1);
        }
        memcpy((char *)ret + option->into, value, strlen(value) + 1);
        return 0;
    }
    return 0;
}

/* A simulated machine has folders of its own, but for what is set. */
static int preset(struct gs_boot_options *ret, struct gs_err *err)
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
    int n = snprintf(ret->run_dir, sizeof(ret->run_dir), "%s%s", base, below);
    int m = snprintf(ret->state_dir, sizeof(ret->state_dir), "%s%s", simulated ? sim : "",
                     simulated ? "/run/var" : "/var/lib/gpuslice");
    if (n >= GS_BOOT_FOLDER_MAX || m >= GS_BOOT_FOLDER_MAX) {
        return gs_fail(err, GS_INVALID,
                       "GPUSLICE_SIM or GPUSLICE_STATE_DIR is longer than %d bytes",
                       GS_BOOT_FOLDER_MAX - 16);
    }
    return 0;
}

static int check(const struct gs_boot_options *options, struct gs_err *err)
{
    int r = gs_boot_label_check_key(options->label, err);
    if (r < 0) {
        return gs_wrap(err, r, "--label");
    }
    if (options->layout != NULL && options->n_label_files > 0) {
        return gs_fail(err, GS_INVALID,
                       "--layout and --label-file are both given; which one is meant?");
    }
    if (options->layout == NULL && options->n_label_files == 0 && options->layout_file == NULL &&
        options->toolkit_config == NULL) {
        return gs_fail(err, GS_INVALID,
                       "no layout is given: expected --layout, --label-file or --layout-file; see "
                       "--help");
    }
    return 0;
}

/* Takes argv[*at], and the next one where that is its value. Moves *at to the last one taken. */
static int take(char *const *argv, int argc, int *at, bool given[GS_ARRAY_LEN(rows)],
                struct gs_boot_options *ret, struct gs_err *err)
{
    const char *word = argv[*at];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        return GS_BOOT_HELP;
    }
    if (strcmp(word, "--version") == 0) {
        return GS_BOOT_VERSION;
    }
    if (strncmp(word, "--", 2) != 0 || word[2] == '\0') {
        return gs_fail(err, GS_INVALID, "found \"%.100s\"; expected options only; see --help",
                       word);
    }
    struct gs_view rest = gs_view(word + 2);
    struct gs_view name = gs_view_split(&rest, '=');
    const struct option *option = find(name);
    const char *value = rest.p;
    if (option == NULL) {
        return fail_name(name, err);
    }
    if (option->arg == NULL && value != NULL) {
        return gs_fail(err, GS_INVALID, "--%s takes no value; found \"%.60s\"", option->name,
                       value);
    }
    if (option->arg != NULL && value == NULL) {
        if (*at + 1 == argc) {
            return gs_fail(err, GS_INVALID, "--%s wants its argument, %s", option->name,
                           option->arg);
        }
        value = argv[++*at];
    }
    if (given[option - rows] && option->kind != LIST) {
        return gs_fail(err, GS_INVALID, "--%s is given twice", option->name);
    }
    given[option - rows] = true;
    return store(option, value == NULL ? "" : value, ret, err);
}

int gs_boot_options_read(int argc, char *const *argv, struct gs_boot_options *ret,
                         struct gs_err *err)
{
    bool given[GS_ARRAY_LEN(rows)] = {false};
    int r = preset(ret, err);
    for (int i = 1; r == 0 && i < argc; i++) {
        r = take(argv, argc, &i, given, ret, err);
    }
    return r != 0 ? r : check(ret, err);
}
